"""What is drawn in other ways: exact counts, a p for each element, DropBlock, alpha dropout."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
from bits import new_key
from evidence import Result, binomial, categories, chi_square, normal
from scipy import stats
from source import Source

CHUNK = 2**20  # decisions


def draw(source, rng, lines, length, **options) -> Iterator[np.ndarray]:
    """Give masks (lines, length), each of a new key, until there are so many lines."""
    step = max(1, CHUNK // length)
    for begin in range(0, lines, step):
        yield source.mask((min(step, lines - begin), length), new_key(rng), **options)


def positions(source, rng, length, count, lines) -> Iterator[Result]:
    """Give the spread over positions of how often each is kept, and that of pairs of neighbours."""
    kept, pairs, wrong = np.zeros(length), np.zeros(length - 1), False
    for mask in draw(source, rng, lines, length, count=count):
        kept += mask.sum(axis=0)
        pairs += (mask[:, 1:] & mask[:, :-1]).sum(axis=0)
        wrong |= bool(np.any(mask.sum(axis=1) != length - count))
    name, share = f"{count} of {length}", 1 - count / length
    # The counts add up exactly, which leaves one degree of freedom less and a larger variance.
    each = lines * share * (1 - share) * length / (length - 1)
    spread = float(np.sum((kept - lines * share) ** 2)) / each
    p_value = 0.0 if wrong else chi_square(spread, length - 1)
    yield Result(f"positions, {name}", p_value, lines * length)
    both = share * (length - count - 1) / (length - 1)  # both of a pair are kept
    if length > 2 and 0 < both < 1:
        at = length // 2 - 1
        yield Result(f"a pair, {name}", binomial(pairs[at], lines, both, rng), lines * 2)


def choices(source, rng, length, count, lines) -> Result:
    """Give how often each choice of `count` of a few elements is made."""
    weights, found = 1 << np.arange(length), np.zeros(2**length, np.int64)
    for mask in draw(source, rng, lines, length, count=count):
        found += np.bincount(~mask @ weights, minlength=2**length)
    chosen = [sum(1 << i for i in choice) for choice in combinations(range(length), count)]
    counts = np.append(found[chosen], 0)
    name = f"choices of {count} of {length}"
    if counts.sum() != lines:
        return Result(name, 0.0, lines * length)
    number = comb(length, count)
    return Result(name, categories(counts[:-1], np.full(number, 1 / number)), lines * length)


def at_least(source, rng, length, least, p, lines) -> Result:
    """Give how often each mask occurs where at least so many are kept."""
    weights, found = 1 << np.arange(length), np.zeros(2**length, np.int64)
    for mask in draw(source, rng, lines, length, p=p, min_keep=least):
        found += np.bincount(mask @ weights, minlength=2**length)
    sizes = np.array([bin(mask).count("1") for mask in range(2**length)])
    shares = (1 - p) ** sizes * p ** (length - sizes)
    # What had too few becomes a mask of exactly `least`, all of them equally likely.
    missing = shares[sizes < least].sum()
    shares[sizes == least] += missing / comb(length, least)
    shares[sizes < least] = 0
    order = np.argsort(-shares)
    name = f"at least {least} of {length}, p = {p}"
    if found[sizes < least].any():
        return Result(name, 0.0, lines * length)
    return Result(name, categories(found[order], shares[order]), lines * length)


def elements(source, rng, lines) -> Result:
    """Give the spread around their own p of elements that have one each."""
    p = np.concatenate([rng.random(900), 1 / (2 + 30 * rng.random(100))])
    dropped = np.zeros(p.size)
    for mask in draw(source, rng, lines, p.size, p=p):
        dropped += mask.shape[0] - mask.sum(axis=0)
    p_values = [binomial(n, lines, own, rng) for n, own in zip(dropped, p, strict=True)]
    z = stats.norm.isf(np.array(p_values) / 2)
    name = f"{p.size} elements, each with its own p"
    return Result(name, chi_square(float(np.sum(z**2)), p.size), lines * p.size)


def coverage(length: int, size: int) -> np.ndarray:
    """Return how many blocks of a size along an axis cover each position."""
    return np.convolve(np.ones(length - size + 1), np.ones(size))


def drop_block(source, rng, channels, shape, p, size) -> Iterator[Result]:
    """Give the rate of DropBlock at three positions and its mean over a channel."""
    height, width = shape
    step = max(1, CHUNK // (height * width))
    kept, totals = np.zeros(shape), []
    for begin in range(0, channels, step):
        some = min(step, channels - begin)
        mask = source.drop_block((1, some, *shape), p, size, new_key(rng))[0]
        kept += mask.sum(axis=0)
        totals.append(mask.sum(axis=(1, 2)))
    seeds = (height - size + 1) * (width - size + 1)
    gamma = p * height * width / (size**2 * seeds)
    expected = (1 - gamma) ** np.outer(coverage(height, size), coverage(width, size))
    name = f"DropBlock {size} of {height} x {width}, p = {p}"
    for at in [(0, 0), (height // 2, width // 2), (height - 1, width // 3)]:
        p_value = binomial(kept[at], channels, expected[at], rng)
        yield Result(f"{name}, at {at}", p_value, channels * height * width)
    total = np.concatenate(totals)
    z = (total.mean() - expected.sum()) / (total.std(ddof=1) / np.sqrt(channels))
    yield Result(f"{name}, mean", normal(float(z)), channels * height * width)


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give all of them, each with keys of its own."""
    decisions = max(2**19, int(2**26 * scale))
    for length, count in [
        (2, 1),
        (8, 3),
        (64, 32),
        (196, 147),
        (1000, 1),
        (1000, 990),
        (5000, 500),
    ]:
        yield from positions(source, rng, length, count, decisions // length)
    for length, count in [(5, 2), (8, 4), (10, 9), (12, 6)]:
        yield choices(source, rng, length, count, decisions // length)
    for length, least, p in [(3, 1, 0.7), (4, 1, 0.9), (8, 2, 0.75), (10, 5, 0.5), (6, 3, 0.2)]:
        yield at_least(source, rng, length, least, p, decisions // length)
    yield elements(source, rng, decisions // 1000)
    for shape, p, size in [((14, 14), 0.1, 3), ((9, 16), 0.25, 4), ((7, 7), 0.1, 7)]:
        yield from drop_block(source, rng, decisions // 128, shape, p, size)
    for p in (0.05, 0.5, 0.8):
        kept = source.alpha_dropout(CHUNK, p, new_key(rng)).sum()
        yield Result(f"alpha dropout, p = {p}", binomial(kept, CHUNK, 1 - p, rng), CHUNK)
