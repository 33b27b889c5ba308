"""How many decisions are dropped, for p from 2^-20 to 1 - 2^-20."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import count, new_key
from evidence import Result, binomial
from source import Source

CHUNK = 2**22  # decisions


def probabilities(rng: np.random.Generator) -> list[float]:
    """Return p from both ends, and near multiples of 2^-16, where a tie decides."""
    small = [m * 2.0**-e for e in range(1, 21) for m in (1, 1 + rng.random())]
    grid = rng.integers(1, 2**16, size=16)
    near = [(k + part) * 2.0**-16 for k in grid for part in (0, 2.0**-8, 0.5, 1 - 2.0**-8)]
    return small + [1 - p for p in small if 0.5 < 1 - p < 1] + near


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give a result for each p, with a key of its own."""
    size = max(2**18, int(2**30 * scale) // CHUNK * CHUNK)
    step = min(size, CHUNK)
    for p in probabilities(rng):
        key = new_key(rng)
        kept = sum(count(source.words(step, p, key, offset)) for offset in range(0, size, step))
        p_value = binomial(size - kept, size, p, rng)
        yield Result(f"p = {p:.10g}", p_value, size)
