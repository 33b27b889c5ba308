"""Relations between blocks: exclusive or of the masks of two and of four blocks, at p = 0.5.

xoshiro is linear over the bits, so states that differ by a pattern would give masks that differ by
a pattern. Masks without a relation differ in half of the decisions, at each position of the block.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import column_counts, count, new_key
from evidence import Result, binomial, dispersion
from source import BLOCK, BLOCK_WORDS, Source


def judge(name: str, words: np.ndarray, rng: np.random.Generator) -> Iterator[Result]:
    """Give the number of ones in masks put together, and the spread over their positions."""
    n = words.size * 64
    yield Result(name, binomial(count(words), n, 0.5, rng), n)
    spread = dispersion(column_counts(words), len(words), 0.5)
    yield Result(f"{name}, by position", spread, n)


def relations(rng: np.random.Generator) -> Iterator[tuple[str, list[int]]]:
    """Give what is added to the index of a block: of the other one, or of the three others."""
    for power in range(47):
        yield f"2^{power} apart", [0, 2**power]
    for distance in (3, 5, 7, 15, 31, 63, 65, 255, 257, 1000):
        yield f"{distance} apart", [0, distance]
    for _ in range(64):
        a, b = (int(power) for power in rng.choice(47, size=2, replace=False))
        yield f"four, 2^{a} and 2^{b} apart", [0, 2**a, 2**b, 2**a + 2**b]
    for n in (1, 2, 3, 4):
        yield f"four, {n} apart each", [0, n, 2 * n, 3 * n]


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give each relation, and random pairs, over many blocks of a new key."""
    blocks = max(2**7, int(2**12 * scale))
    for name, added in relations(rng):
        key, start = new_key(rng), int(rng.integers(2**46))
        together = np.zeros((blocks, BLOCK_WORDS), np.uint64)
        for more in added:
            together ^= source.blocks(blocks, 0.5, key, start + more)
        yield from judge(name, together, rng)
    words = source.words(4 * blocks * BLOCK, 0.5, new_key(rng)).reshape(-1, BLOCK_WORDS)
    mixed = rng.permutation(len(words))
    yield from judge("random pairs", words[mixed[::2]] ^ words[mixed[1::2]], rng)
