"""How counts spread: over words, blocks and lanes, and over positions modulo powers of two."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bits import column_counts, new_key, popcount
from evidence import Result, categories, chi_square, dispersion
from scipy import stats
from source import BLOCK, Source

PROBABILITIES = [0.5, 0.1, 0.9, 1 / 3, 0.6, 0.01, 0.99, 2**-8]
CHUNK = 2**8  # blocks
PERIOD = 4  # blocks, whose 65536 positions are told apart
LANES = 16


def chunks(source: Source, p: float, rng: np.random.Generator, blocks: int) -> Iterator[np.ndarray]:
    """Give the words of the blocks of a new key, from a place that is drawn as well."""
    key, first = new_key(rng), int(rng.integers(2**40)) * PERIOD
    for start in range(first, first + blocks, CHUNK):
        yield source.blocks(min(CHUNK, first + blocks - start), p, key, start)


def of_words_and_blocks(source, p, rng, blocks) -> Iterator[Result]:
    """Give the distribution of the counts of words, and the spread of those of blocks."""
    sizes, of_blocks = np.zeros(65, np.int64), []
    for words in chunks(source, p, rng, blocks):
        kept = popcount(words)
        sizes += np.bincount(kept.ravel(), minlength=65)
        of_blocks.append(kept.sum(axis=1, dtype=np.int64))
    shares = stats.binom.pmf(np.arange(65), 64, 1 - p)
    order = np.argsort(-shares)
    decisions = blocks * BLOCK
    yield Result(f"words, p = {p:.4g}", categories(sizes[order], shares[order]), decisions)
    spread = dispersion(np.concatenate(of_blocks), BLOCK, 1 - p)
    yield Result(f"blocks, p = {p:.4g}", spread, decisions)


def of_lanes(source, p, rng, blocks) -> Iterator[Result]:
    """Give the spread of the counts of a block's lanes, and their covariances."""
    parts = []
    for words in chunks(source, p, rng, blocks):
        octets = np.ascontiguousarray(words).view(np.uint8).reshape(len(words), -1, LANES // 2)
        halves = [popcount(octets & 15), popcount(octets >> 4)]
        counts = np.stack([half.sum(axis=1, dtype=np.int64) for half in halves], axis=-1)
        parts.append(counts.reshape(len(words), LANES))
    lanes = np.concatenate(parts)
    size = BLOCK // LANES
    decisions = blocks * BLOCK
    yield Result(f"lanes, p = {p:.4g}", dispersion(lanes, size, 1 - p), decisions)
    z = (lanes - size * (1 - p)) / np.sqrt(size * p * (1 - p))
    covariances = (z.T @ z)[np.triu_indices(LANES, 1)] / np.sqrt(blocks)
    total = chi_square(float(np.sum(covariances**2)), covariances.size)
    yield Result(f"pairs of lanes, p = {p:.4g}", total, decisions)


def count_positions(source, p, rng, blocks) -> np.ndarray:
    """Count what is kept at each position of four blocks."""
    total = np.zeros(PERIOD * BLOCK, np.int64)
    for words in chunks(source, p, rng, blocks):
        total += column_counts(words.reshape(len(words) // PERIOD, -1))
    return total


def of_positions(source, p, rng, blocks) -> Iterator[Result]:
    """Give what each further power of two adds to the spread over positions modulo it."""
    counts = count_positions(source, p, rng, blocks)
    n = blocks * BLOCK
    before, groups = None, 1
    while groups <= counts.size:
        of_groups = counts.reshape(-1, groups).sum(axis=0)
        each = n // groups
        spread = float(np.sum((of_groups - each * (1 - p)) ** 2)) / (each * p * (1 - p))
        if before is not None:
            added = chi_square(spread - before, groups // 2)
            yield Result(f"positions modulo {groups}, p = {p:.4g}", added, n)
        before, groups = spread, 2 * groups


def of_steps_and_lanes(source, p, rng, blocks) -> Iterator[Result]:
    """Give the spread over steps, lanes and a lane's four decisions, each around the others'."""
    counts = count_positions(source, p, rng, blocks).reshape(PERIOD, -1, LANES, 4)
    n = blocks * BLOCK
    for name, axes in [("steps", (0, 2, 3)), ("lanes", (0, 1, 3)), ("parts of a lane", (0, 1, 2))]:
        of_groups = counts.sum(axis=axes)
        each = n // of_groups.size
        around = float(np.sum((of_groups - of_groups.mean()) ** 2)) / (each * p * (1 - p))
        yield Result(f"{name}, p = {p:.4g}", chi_square(around, of_groups.size - 1), n)


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give all of them for each p, each with keys of its own."""
    blocks = max(2**10, int(2**17 * scale) // PERIOD * PERIOD)
    for p in PROBABILITIES:
        for part in (of_words_and_blocks, of_lanes, of_positions, of_steps_and_lanes):
            yield from part(source, p, rng, blocks)
