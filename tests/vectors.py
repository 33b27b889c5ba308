"""The test vectors of mask format 1, read from docs/mask-format.md, where they are published."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "mask-format.md").read_text()


def find(pattern: str) -> list[tuple[str, ...]]:
    """Return the groups of a pattern at each place of the page where it is; there must be one."""
    found = [match.groups() for match in re.finditer(pattern, PAGE, re.MULTILINE)]
    assert found, f"docs/mask-format.md has nothing like {pattern}"
    return found


def decimals(text: str) -> list[int]:
    """Return the decimal numbers in a text."""
    return [int(number) for number in re.findall(r"\d+", text)]


def words(text: str) -> tuple[int, ...]:
    """Return the hexadecimal words in a text."""
    return tuple(int(word, 16) for word in re.findall("[0-9a-f]+", text))


def probability(text: str) -> float:
    """Return the double nearest to 0.1, 1/3 or 0x43 * 2^-80."""
    number, _, exponent = text.partition(" * 2^")
    return float(int(number, 16) * Fraction(2) ** int(exponent) if exponent else Fraction(number))


BLOCK = int(find(r"cut into \*\*blocks\*\* of (\d+)")[0][0])

_state, _outputs = find(r"^xoshiro256\+\+ from the state ([\d, ]+) gives ([\d, ]+)\.$")[0]
XOSHIRO_STATE, XOSHIRO_OUTPUTS = decimals(_state), decimals(_outputs)

_k0, _k1 = find(r"^For the key \((\d+), (\d+)\):$")[0]
KEY = int(_k0), int(_k1)
"""The key of all vectors below but SEEDED."""

LANE_STATES = [
    (int(block), int(lane), words(state))
    for lane, block, state in find(r"^\| first state of lane (\d+) of block (\d+) \| `(.*)` \|$")
]
"""Block, lane, and the four words that the lane starts from."""

DRAWS = [
    (int(block) * BLOCK + (BLOCK - len(decimals(draws)) if end == "last" else 0), decimals(draws))
    for end, block, draws in find(r"^\| (first|last) draws of block (\d+) \| ([\d ]+) \|$")
]
"""Index of the first element, and the draws from there."""

FOLDED = [(int(n), words(key)) for n, key in find(r"^\| `fold_in\(key, (\d+)\)` \| `(.*)` \|$")]
"""n, and the key folded with it."""

RANKS = [(int(i), words(ranks)) for i, ranks in find(r"^\| ranks from element (\d+) \| `(.*)` \|$")]
"""An element, and the ranks from there."""

_word_at, _log2_count = find(
    r"^\| p \| T \| L \| keep word of elements 0 to 63 "
    r"\| keep word from element (\d+) \| kept of the first 2\^(\d+) \|$"
)[0]
WORD_AT, COUNT = int(_word_at), 2 ** int(_log2_count)
MASKS = [
    (probability(p), *(int(word, 16) for word in row[:4]), int(row[4]))
    for p, *row in find(r"^\| ([\d./]+) \| `(\w+)` \| `(\w+)` \| `(\w+)` \| `(\w+)` \| (\d+) \|$")
]
"""p, T, L, the keep words of element 0 and of WORD_AT, and how many of COUNT elements are kept."""

TIES = [
    (probability(p), int(element), int(tie_hash, 16), decision)
    for p, element, tie_hash, decision in find(r"^\| ([^|]+) \| (\d+) \| `(\w+)` \| ([a-z ,]+) \|$")
]
"""p, an element whose draw is T, its hash, and the decision in words."""

AROUND_TIE = {
    "dropped": [False, False, False],
    "kept": [True, True, True],
    "kept, and dropped at the next larger double": [True, True, False],
}
"""What the words say of the doubles below p, at p and above it: True where the element is kept."""

SEEDED = [(int(seed), words(key)) for seed, key in find(r"`SeedSequence\((\d+)\)`[^(]*\(([^)]*)\)")]
"""A seed, and the key of its SeedSequence."""
