"""Masks of one key: what is dropped at p is dropped at p' > p, and of that a share of p / p'.

With p and p' less than 2^-16 apart the difference shows ties, which are too rare to matter in the
counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import count, new_key
from evidence import Result, binomial
from source import Source

CHUNK = 2**22


def pairs(rng: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Give pairs p < p'."""
    for _ in range(16):
        low, high = sorted(rng.random(2))
        yield low, high
    for k in rng.integers(2**16, size=16):
        yield k * 2.0**-16, (k + 1) * 2.0**-16
        low, high = sorted(rng.random(2))
        yield (k + low) * 2.0**-16, (k + high) * 2.0**-16


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give the share of p' that is not dropped at p, and how many are dropped at p' at all."""
    size = max(2**22, int(2**28 * scale) // CHUNK * CHUNK)
    step = min(size, CHUNK)
    for low, high in pairs(rng):
        key, between, both, wrong = new_key(rng), 0, 0, 0
        for offset in range(0, size, step):
            more = source.words(step, low, key, offset)
            fewer = source.words(step, high, key, offset)
            between += count(more & ~fewer)
            both += count(~more & ~fewer)
            wrong += count(~more & fewer)
        name = f"p = {low:.9g} and {high:.9g}"
        share = binomial(between, between + both, (high - low) / high, rng)
        yield Result(f"between {name}", 0.0 if wrong else share, 2 * size)
        yield Result(
            f"dropped at the larger of {name}", binomial(between + both, size, high, rng), size
        )
