"""p-values: each is uniform in (0, 1) if the masks are what they are said to be.

They are two-sided, so a fit that is too good alarms as well. Those of counts are randomized between
P(X < x) and P(X <= x), which makes them exactly uniform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats


@dataclass(frozen=True)
class Result:
    """A p-value, what it is about, and how many decisions were looked at."""

    name: str
    p: float
    decisions: int


def randomized(lower: np.ndarray, upper: np.ndarray, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of x from P(X <= x - 1), P(X <= x), P(X > x - 1), P(X > x)."""
    share = rng.random()
    left = (1 - share) * lower[0] + share * lower[1]
    right = (1 - share) * upper[0] + share * upper[1]
    return float(min(1, 2 * min(left, right)))


def binomial(count: int, n: int, p: float, rng: np.random.Generator) -> float:
    """Return the p-value of `count` among n that each count with probability p."""
    around = [int(count) - 1, int(count)]
    return randomized(stats.binom.cdf(around, n, p), stats.binom.sf(around, n, p), rng)


def poisson(count: int, mean: float, rng: np.random.Generator) -> float:
    """Return the p-value of the number of rare events."""
    around = [int(count) - 1, int(count)]
    return randomized(stats.poisson.cdf(around, mean), stats.poisson.sf(around, mean), rng)


def normal(z: float) -> float:
    """Return the p-value of a standard normal statistic."""
    return float(2 * special.ndtr(-abs(z)))


def chi_square(value: float, df: float) -> float:
    """Return the p-value of a chi-square statistic."""
    lower, upper = special.gammainc(df / 2, value / 2), special.gammaincc(df / 2, value / 2)
    return float(min(1, 2 * min(lower, upper)))


def categories(counts: np.ndarray, shares: np.ndarray) -> float:
    """Return the p-value of the counts of categories; rare ones at the end are put together.

    The shares are in falling order, or all of them are large.
    """
    counts, expected = np.asarray(counts), np.asarray(shares) * np.sum(counts)
    enough = np.flatnonzero(np.cumsum(expected[::-1])[::-1] >= 50)[-1]
    if enough < len(expected) - 1:
        counts = np.append(counts[:enough], counts[enough:].sum())
        expected = np.append(expected[:enough], expected[enough:].sum())
    return chi_square(float(np.sum((counts - expected) ** 2 / expected)), len(expected) - 1)


def dispersion(counts: np.ndarray, n: int, p: float) -> float:
    """Return the p-value of the spread of independent binomial counts, each of n decisions.

    The sum of squares has the mean and the variance of binomial counts exactly, and the shape of a
    chi-square distribution.
    """
    mean, variance = n * p, n * p * (1 - p)
    spread = float(np.sum((counts - mean) ** 2)) / variance
    fourth = 2 + (1 - 6 * p * (1 - p)) / variance  # Var((c - mean)^2) / variance^2
    scale = fourth / 2
    return chi_square(spread / scale, np.size(counts) / scale)


def smallest(values: list[float]) -> float:
    """Return the probability that the smallest of so many p-values is as small as it is."""
    low = float(np.min(values))  # NaN if one of them is
    return 1.0 if low == 1 else float(-np.expm1(len(values) * np.log1p(-low)))


def uniformity(values: list[float]) -> float:
    """Return the p-value of the Kolmogorov-Smirnov test that p-values are uniform."""
    return float(stats.kstest(values, "uniform").pvalue)
