"""Words that should not return: repeated windows, collisions and birthday spacings.

Two windows of 64 decisions are equal with probability 2^-64, also where they overlap. The numbers
of equal pairs and of equal spacings are then nearly Poisson.
Source of the birthday spacings: G. Marsaglia, W. W. Tsang, Some difficult-to-pass tests of
randomness, Journal of Statistical Software 7 (2002); the mean is m^3 / 4d.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import new_key, shifted
from evidence import Result, poisson
from source import WORD, Source
from streams import STREAMS


def take(source: Source, name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the first `count` words of a stream of a new key."""
    found, parts = 0, []
    for words in STREAMS[name](source, new_key(rng)):
        parts.append(words[: count - found])
        found += len(parts[-1])
        if found == count:
            return np.concatenate(parts)
    raise AssertionError("streams have no end")


def repetitions(values: np.ndarray) -> int:
    """Return how many values equal one before."""
    values = np.sort(values)
    return int(np.count_nonzero(values[1:] == values[:-1]))


def every_window(words: np.ndarray) -> np.ndarray:
    """Return the windows of 64 bits that begin at each bit of all words but the last."""
    return np.concatenate([shifted(words, lag)[: len(words) - 1] for lag in range(64)])


def windows(source, rng, count) -> Iterator[Result]:
    """Give the number of repeated windows at all offsets, of many keys and blocks."""
    for name in STREAMS:
        found = every_window(take(source, name, count // 64 + 1, rng))
        mean = len(found) ** 2 / 2**65
        result = poisson(repetitions(found), mean, rng)
        yield Result(f"windows of 64, {name}", result, len(found))


def collisions(source, rng, count) -> Iterator[Result]:
    """Give the number of repetitions of parts of words, so short that there are some."""
    length = 2 * count.bit_length() - 8  # some 100 pairs are equal
    for name in STREAMS:
        words = take(source, name, count, rng)
        for place, part in [
            ("upper", words >> np.uint64(64 - length)),
            ("lower", words & np.uint64(2**length - 1)),
        ]:
            # Of n(n - 1)/2 pairs; a value that comes three times has two repetitions, not three.
            mean = count * (count - 1) / 2 ** (length + 1)
            mean -= count**3 / 6 / 4.0**length
            result = poisson(repetitions(part), mean, rng)
            yield Result(f"{place} {length} decisions of words, {name}", result, count * length)


def spacings(source, rng, repeats) -> Iterator[Result]:
    """Give the number of equal spacings between 2^22 birthdays in a year of 2^62 days."""
    count = 2**22
    mean = count**3 / 4 / 2.0**62
    for name in STREAMS:
        equal = 0
        for _ in range(repeats):
            days = np.sort(take(source, name, count, rng) >> np.uint64(2))
            equal += repetitions(np.diff(days))
        result = poisson(equal, repeats * mean, rng)
        yield Result(f"birthday spacings, {name}", result, repeats * count * WORD)


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give all of them, each with a key of its own."""
    yield from windows(source, rng, max(2**20, int(2**26 * scale)))
    yield from collisions(source, rng, max(2**16, int(2**23 * scale)))
    if scale >= 1 / 64:
        yield from spacings(source, rng, max(1, int(8 * scale)))
