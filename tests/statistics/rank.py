"""Ranks of matrices of bits: a generator that is linear over the bits would show.

Of a lane only 1024 bits of a block can be seen. If these were linear functions of the 256 bits of
its state, then no matrix of such rows, one of each block, had a rank of more than 256.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import new_key
from evidence import Result, binomial
from source import Source
from streams import STREAMS
from windows import take

BATCH = 2**12


def ranks(matrices: np.ndarray) -> np.ndarray:
    """Return the ranks over the bits of matrices (n, rows, words of 64 columns)."""
    rows = matrices.copy()
    n, height, width = rows.shape
    free = np.ones((n, height), bool)  # rows that have not been pivots
    every = np.arange(n)
    for column in range(64 * width):
        ones = (rows[:, :, column // 64] >> np.uint64(column % 64)) & np.uint64(1) != 0
        candidates = ones & free
        pivot = candidates.argmax(axis=1)
        found = candidates[every, pivot]
        ones[every, pivot] = False
        ones &= found[:, np.newaxis]
        rows ^= np.where(ones[:, :, np.newaxis], rows[every, pivot][:, np.newaxis, :], np.uint64(0))
        free[every[found], pivot[found]] = False
    return height - free.sum(axis=1)


def shares(size: int, most: int) -> np.ndarray:
    """Return the probabilities that a random square matrix lacks 0, 1, ... of its full rank."""
    lacking = np.arange(most)
    result = []
    for lack in lacking:
        rank = size - lack
        i = np.arange(rank)
        upper = np.log1p(-(2.0 ** (i - size))) * 2 - np.log1p(-(2.0 ** (i - rank)))
        result.append(2.0 ** -(lack * lack) * np.exp(upper.sum()))
    return np.array(result)


def judge(name: str, found: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[Result]:
    """Give the number of matrices of full rank, and of those that lack 2 or more of the others."""
    full, one = shares(size, 2)
    lacking, decisions = size - found, len(found) * size * size
    complete = int(np.count_nonzero(lacking == 0))
    rest, low = len(found) - complete, int(np.count_nonzero(lacking > 1))
    yield Result(f"full rank of {name}", binomial(complete, len(found), full, rng), decisions)
    share = (1 - full - one) / (1 - full)
    yield Result(f"low rank of {name}", binomial(low, rest, share, rng), decisions)


def of_words(source, rng, count) -> Iterator[Result]:
    """Give the ranks of 64 x 64 matrices, whose rows are words of a stream."""
    for name in STREAMS:
        words = take(source, name, count * 64, rng).reshape(count, 64, 1)
        parts = [ranks(words[begin : begin + BATCH]) for begin in range(0, count, BATCH)]
        yield from judge(f"words, {name}", np.concatenate(parts), 64, rng)


def of_lanes(source, rng, count) -> Iterator[Result]:
    """Give the ranks of 320 x 320 matrices, whose rows are bits of one lane, a row of a block."""
    size, found = 320, []  # more than the 256 bits of a state
    for lane in range(16):
        words = source.blocks(size * count, 0.5, new_key(rng), int(rng.integers(2**40)))
        parts = (words[:, : size // 4] >> np.uint64(4 * lane)) & np.uint64(15)
        shifts = np.arange(0, 64, 4, dtype=np.uint64)
        rows = (parts.reshape(-1, size // 64, 16) << shifts).sum(axis=-1, dtype=np.uint64)
        found.append(ranks(rows.reshape(count, size, size // 64)))
    yield from judge("lanes", np.concatenate(found), size, rng)


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give both."""
    yield from of_words(source, rng, max(2**9, int(2**15 * scale)))
    yield from of_lanes(source, rng, max(4, int(32 * scale)))
