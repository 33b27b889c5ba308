"""The streams of streams.py, in which relations between blocks and keys are next to each other.

Each goes through counts of words, of bytes, of pairs of bytes and of positions, and through lags.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import column_counts, count, lagged, popcount
from evidence import Result, binomial, categories, dispersion
from scipy import stats
from source import Source
from streams import STREAMS
from windows import take

LAGS = [1, 2, 3, 4, 8, 16, 32, 63, 64, 65, 128, 192, 256, 512, 1024, 4096, 2**14, 2**16]


def judge(name: str, words: np.ndarray, rng: np.random.Generator) -> Iterator[Result]:
    """Give all figures of a stream."""
    n = 64 * len(words)
    yield Result(f"kept, {name}", binomial(count(words), n, 0.5, rng), n)
    shares = stats.binom.pmf(np.arange(65), 64, 0.5)
    order = np.argsort(-shares)
    sizes = np.bincount(popcount(words), minlength=65)
    yield Result(f"words, {name}", categories(sizes[order], shares[order]), n)
    found = np.bincount(words.view("<u2"), minlength=2**16)
    yield Result(f"tuples of 16, {name}", categories(found, np.full(2**16, 2.0**-16)), n)
    halves = words.view("<u2")
    for place in range(4):
        # The upper byte of a part of a word, and the lower one of the same part of the next.
        pairs = (halves[place::4][:-1] & 0xFF00) | (halves[place::4][1:] & 0xFF)
        counts = np.bincount(pairs, minlength=2**16)
        p_value = categories(counts, np.full(2**16, 2.0**-16))
        yield Result(f"tuples of two words, part {place}, {name}", p_value, 16 * len(pairs))
    together = words[:-1] ^ words[1:]
    for what, of_these in [("words", words), ("neighbours", together)]:
        counts = column_counts(of_these.reshape(-1, 1))
        spread = dispersion(counts, len(of_these), 0.5)
        yield Result(f"positions of {what}, {name}", spread, n)
    for lag in LAGS:
        pairs_at = list(lagged(words, lag))
        unequal = sum(count(now ^ later) for now, later in pairs_at)
        usable = 64 * sum(len(now) for now, _ in pairs_at)
        yield Result(f"lag {lag}, {name}", binomial(unequal, usable, 0.5, rng), usable)


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give the figures of each stream."""
    size = max(2**17, int(2**24 * scale))
    for name in STREAMS:
        yield from judge(name, take(source, name, size, rng), rng)
