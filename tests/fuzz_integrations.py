"""How many cases the fuzz of PyTorch, Dask and files makes, and what came of them.

Each of `tests/test_fuzz_{torch,dask,file}*.py` makes a few cases, the same each time. With
`FASTDROP_FUZZ=30000` it makes so many in all, from fresh randomness, and prints what came of them
(see it by `pytest -s`);
`--hypothesis-seed=1` repeats a run.
"""

from __future__ import annotations

import collections
import faulthandler
import os
import random
import sys
import zlib
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st

CASES = int(os.environ.get("FASTDROP_FUZZ", "0"))
SECONDS = 120  # after which a case hangs


class Draws:
    """What hypothesis chooses in a case.

    In a long run it chooses a seed, from which all but `anything` follows: that takes a third of
    the time, but a case that fails is not made simpler.
    """

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw
        self._random = random.Random(draw(st.integers(0, 2**64 - 1))) if CASES else None

    def integer(self, least: int, most: int) -> int:
        """Draw an integer in least .. most."""
        if self._random:
            return self._random.randint(least, most)
        return self._draw(st.integers(least, most))

    def one(self, options: Any) -> Any:
        """Draw one of several."""
        if self._random:
            return self._random.choice(options)
        return options[self._draw(st.sampled_from(range(len(options))))]

    def chance(self, percent: int) -> bool:
        """Draw what is true in so many of a hundred cases, and false in the simplest one."""
        return self.one(range(100)) >= 100 - percent

    def rng(self) -> np.random.Generator:
        """Draw a generator, for what a seed is enough for."""
        return np.random.default_rng(self.integer(0, 2**32 - 1))

    def anything(self) -> Any:
        """Draw a value of Python's own types, which a fuzzer would come upon."""
        odd = [2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**400, -1]
        simple = st.one_of(
            *[st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers()],
            *[st.text(max_size=5), st.binary(max_size=5), st.fractions(), st.decimals()],
            st.sampled_from(odd),
        )
        return self._draw(st.one_of(simple, st.lists(simple, max_size=4), st.tuples(simple)))


def run(name: str, few: int, percent: int, check: Callable[[Draws], str]) -> None:
    """Make a few cases or, of a long run, so many percent; `check` makes one, and names its end."""
    ends: collections.Counter[str] = collections.Counter()

    @hypothesis.settings(
        max_examples=max(CASES * percent // 100, 1) if CASES else few,
        phases=[hypothesis.Phase.generate, *([] if CASES else [hypothesis.Phase.shrink])],
        report_multiple_bugs=False,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def case(data):
        faulthandler.dump_traceback_later(SECONDS, exit=True, file=sys.__stderr__)
        try:
            ends[check(Draws(data.draw))] += 1
        finally:
            faulthandler.cancel_dump_traceback_later()

    if not CASES:
        case = hypothesis.seed(zlib.crc32(name.encode()))(case)
    case()
    if CASES:
        seen = ", ".join(f"{number} {end}" for end, number in ends.most_common())
        print(f"{name}: {ends.total()} cases: {seen}", file=sys.__stderr__, flush=True)
