"""Lengths of runs of kept and of dropped decisions: they are geometric."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import new_key, unpack
from evidence import Result, categories
from source import Source

PROBABILITIES = [0.5, 0.1, 0.9, 0.3, 0.75, 0.01, 0.99]
CHUNK = 2**22
LONGEST = 4096  # longer ones are put together


def lengths(source: Source, p: float, key, size: int) -> np.ndarray:
    """Count the runs by kind and length, without the first and the last of each chunk."""
    counts = np.zeros((2, LONGEST + 1), np.int64)
    for offset in range(0, size, CHUNK):
        bits = unpack(source.words(min(CHUNK, size - offset), p, key, offset)).ravel()
        ends = np.flatnonzero(bits[1:] != bits[:-1])
        runs = np.minimum(np.diff(ends), LONGEST)
        kept = bits[ends[:-1] + 1]
        for kind in (0, 1):
            counts[kind] += np.bincount(runs[kept == kind], minlength=LONGEST + 1)
    return counts[:, 1:]


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give the lengths of both kinds of runs for each p."""
    size = max(2**20, int(2**28 * scale))
    for p in PROBABILITIES:
        counts = lengths(source, p, new_key(rng), size)
        for kind, stays in [("kept", 1 - p), ("dropped", p)]:
            shares = stays ** np.arange(LONGEST) * (1 - stays)
            shares[-1] = stays ** (LONGEST - 1)
            p_value = categories(counts[int(kind == "kept")], shares)
            yield Result(f"runs of {kind}, p = {p:.4g}", p_value, size)
