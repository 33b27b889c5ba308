"""How many cases the fuzz of PyTorch, Dask and files makes, and what came of them.

Each of `tests/test_fuzz_{torch,dask,file}*.py` makes a few cases, the same each time. With
`FASTDROP_FUZZ=30000` it makes so many in all, from fresh randomness, and prints what came of them
(see it by `pytest -s`); `--hypothesis-seed=1` repeats a run.
"""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable

from fuzz import CASES, Draws, make_cases


def run(name: str, few: int, percent: int, check: Callable[[Draws], str]) -> None:
    """Make a few cases or, of a long run, so many percent; `check` makes one, and names its end."""
    ends: collections.Counter[str] = collections.Counter()

    def case(d: Draws) -> None:
        ends[check(d)] += 1

    make_cases(name, max(CASES * percent // 100, 1) if CASES else few, case)
    if CASES:
        seen = ", ".join(f"{number} {end}" for end, number in ends.most_common())
        print(f"{name}: {ends.total()} cases: {seen}", file=sys.__stderr__, flush=True)
