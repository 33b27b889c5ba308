"""Decisions at a distance: autocorrelation, pairs within a word, tuples along a lane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import column_counts, count, lagged, new_key
from evidence import Result, binomial, categories, dispersion, normal
from source import BLOCK, Source

# Around steps, blocks and their multiples, besides the first 256.
DISTANT = [
    multiple * distance + near
    for distance in (1024, 4096, BLOCK)
    for multiple in (1, 2, 4)
    for near in (-64, -4, -1, 0, 1, 4, 64)
]
LAGS = [*range(1, 257), *sorted(set(DISTANT))]


def xor_lags(source, rng, size) -> Iterator[Result]:
    """Give the number of unequal decisions at each lag, at p = 0.5: it is binomial."""
    words = source.words(size, 0.5, new_key(rng))
    for lag in LAGS:
        pairs = list(lagged(words, lag))
        unequal = sum(count(now ^ later) for now, later in pairs)
        n = 64 * sum(len(now) for now, _ in pairs)
        yield Result(f"lag {lag}, p = 0.5", binomial(unequal, n, 0.5, rng), n)


def product_lags(source, rng, size, p) -> Iterator[Result]:
    """Give the covariance at each lag, for any p."""
    words, q = source.words(size, p, new_key(rng)), 1 - p
    for lag in LAGS:
        both = one = other = n = 0
        for now, later in lagged(words, lag):
            both += count(now & later)
            one += count(now)
            other += count(later)
            n += 64 * len(now)
        # The products (x - q)(y - q) at one lag are uncorrelated, with the variance (pq)^2.
        covariance = both - q * (one + other) + n * q * q
        z = covariance / (p * q * np.sqrt(n))
        yield Result(f"lag {lag}, p = {p:.4g}", normal(z), n)


def pairs_in_words(source, rng, blocks) -> Iterator[Result]:
    """Give the spread over the pairs of a word's 64 decisions of how often they differ."""
    words = source.words(blocks * BLOCK, 0.5, new_key(rng))
    for shift in range(1, 64):
        counts = np.zeros(64, np.int64)
        for begin in range(0, len(words), 2**16):
            some = words[begin : begin + 2**16]
            counts += column_counts((some ^ (some >> np.uint64(shift))).reshape(-1, 1))
        spread = dispersion(counts[: 64 - shift], len(words), 0.5)
        yield Result(f"pairs of a word at distance {shift}", spread, len(words) * 64)


def tuples(source, rng, blocks) -> Iterator[Result]:
    """Give how often each tuple of 16 decisions occurs: beside each other, and along lanes."""
    even = np.full(2**16, 2.0**-16)
    for place in range(4):
        words = source.words(blocks * BLOCK, 0.5, new_key(rng))
        found = np.bincount(words.view("<u2")[place::4], minlength=2**16)
        name = f"tuples of decisions {16 * place} to {16 * place + 15} of a word"
        yield Result(name, categories(found, even), 16 * found.sum())
    for lane in range(16):
        words = source.words(blocks * BLOCK, 0.5, new_key(rng)).reshape(-1, 4)
        quarters = (words >> np.uint64(4 * lane)) & np.uint64(15)
        of_lane = (quarters << np.arange(0, 16, 4, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
        found = np.bincount(of_lane.astype(np.int64), minlength=2**16)
        name = f"tuples of 4 steps of lane {lane}"
        yield Result(name, categories(found, even), 16 * found.sum())
    for bit in rng.choice(64, size=16, replace=False):
        words = source.words(blocks * BLOCK, 0.5, new_key(rng)).reshape(-1, 16)
        bits = ((words >> np.uint64(bit)) & np.uint64(1)) << np.arange(16, dtype=np.uint64)
        found = np.bincount(bits.sum(axis=1, dtype=np.uint64).astype(np.int64), minlength=2**16)
        name = f"tuples of 16 steps of bit {bit}"
        yield Result(name, categories(found, even), 16 * found.sum())


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give all of them, each with keys of its own."""
    size = max(2**20, int(2**28 * scale) // BLOCK * BLOCK)
    yield from xor_lags(source, rng, size)
    for p in (0.1, 0.9, 0.7):
        yield from product_lags(source, rng, size // 2, p)
    blocks = max(2**9, int(2**14 * scale))
    yield from pairs_in_words(source, rng, blocks)
    yield from tuples(source, rng, max(2**10, blocks))
