"""When a run alarms: one number per run, stated before it.

Each subject gives two figures that are uniform if masks are random: how small its smallest p-value
is among so many, and the Kolmogorov-Smirnov test that its p-values are uniform. A run alarms if one
of the 2 n figures of its n subjects is less than FALSE_ALARM / 2 n (Bonferroni).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import blocks
import correlation
import counts
import dispersion
import evidence
import exact
import keys
import nesting
import numpy as np
import rank
import relatives
import runs
import windows
from source import Source

FALSE_ALARM = 1e-6  # of a whole run
Subject = Callable[[Source, float, np.random.Generator], Iterator[evidence.Result]]
SUBJECTS: dict[str, Subject] = {
    module.__name__: module.results
    for module in (
        counts,
        nesting,
        dispersion,
        runs,
        correlation,
        blocks,
        keys,
        relatives,
        windows,
        rank,
        exact,
    )
}


@dataclass(frozen=True)
class Verdict:
    """The results of a subject, and what they say together."""

    subject: str
    results: list[evidence.Result]

    @property
    def smallest(self) -> float:
        """Return how small the smallest p-value is."""
        return evidence.smallest([result.p for result in self.results])

    @property
    def uniformity(self) -> float:
        """Return the p-value of the test that the p-values are uniform."""
        return evidence.uniformity([result.p for result in self.results])

    @property
    def alarms(self) -> bool:
        """Return whether this subject makes its run alarm."""
        bound = FALSE_ALARM / (2 * len(SUBJECTS))
        return not (self.smallest >= bound and self.uniformity >= bound)  # NaN alarms too

    def worst(self) -> list[evidence.Result]:
        """Return the results that alone would alarm, the smallest first."""
        bound = FALSE_ALARM / (2 * len(SUBJECTS) * len(self.results))
        return sorted((r for r in self.results if r.p < bound), key=lambda result: result.p)

    def __str__(self) -> str:
        decisions = sum(result.decisions for result in self.results)
        return (
            f"{self.subject:12} {len(self.results):4} p-values,"
            f" 2^{np.log2(decisions):.1f} decisions, smallest {self.smallest:.3g},"
            f" uniformity {self.uniformity:.3g}"
            f"{'  ALARM' if self.alarms else ''}"
        )


def run(name: str, source: Source, scale: float, seed: int) -> Verdict:
    """Run a subject. It draws from its own generator, so that it can be repeated alone."""
    rng = np.random.Generator(np.random.PCG64DXSM([seed, zlib.crc32(name.encode())]))
    return Verdict(name, list(SUBJECTS[name](source, scale, rng)))
