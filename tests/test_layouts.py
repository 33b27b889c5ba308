"""Any layout of x, the result and a given mask gives the reference's bytes, and touches no others.

Cases are drawn at random, each from its own number. A failure prints the case and its number n;
`FASTDROP_FIRST_CASE=n FASTDROP_CASES=1 pytest tests/test_layouts.py` repeats it alone, and a large
FASTDROP_CASES makes a long search.
"""

import itertools
import math
import os

import memory
import pytest
from cases import (
    BLOCK,
    IN_PLACE,
    LARGE,
    MASKS,
    OPERATIONS,
    TARGETS,
    check_all,
    chunk,
    chunks,
    draw_case,
)

CASES = 4000


@pytest.mark.parametrize("begin", chunks(CASES))
def test_drawn_layouts(begin):
    check_all(chunk(begin, CASES))


@pytest.mark.skipif("FASTDROP_FIRST_CASE" in os.environ, reason="one case is repeated")
def test_drawn_layouts_of_arrays_that_a_team_works_on():
    check_all(draw_case(n, large=True) for n in range(LARGE))


@pytest.mark.parametrize("layout", memory.READABLE)
def test_every_dtype_operation_and_target_in_each_layout(layout):
    """Tables under the stream, and arrays of four axes under any mask."""
    targets = [target for target in TARGETS if layout in memory.WRITABLE or target not in IN_PLACE]
    kinds = [
        {"operation": operation, "dtype": dtype, "target": target} | shape_and_mask
        for operation, dtypes in OPERATIONS.items()
        for dtype, target in itertools.product(dtypes, targets)
        for shape_and_mask in ({"shape": (67, 130), "mask": "stream"}, {"shape": (5, 66, 1, 29)})
    ]
    check_all(draw_case(n, layout=layout, **kind) for n, kind in enumerate(kinds))


def test_the_cases_are_of_every_kind():
    """Every layout of x meets every value of the other choices; and shapes are of every kind."""
    seen, shapes = set(), set()
    for case in map(draw_case, range(4000)):
        layout, out = case.names
        seen |= {(layout, case.mask), (layout, case.threads)}
        if case.target in ("out", "overlap"):
            seen.add((layout, out))
        shapes |= {f"{len(case.shape)} axes", f"size {math.prod(case.shape)}"}
    outs = [*memory.WRITABLE, "as x"]
    expected = set(itertools.product(memory.READABLE, [*MASKS, 1, 2, 3, *outs]))
    expected.remove(("broadcast", "as x"))
    assert expected <= seen, expected - seen
    sizes = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1)
    assert shapes >= {f"{n} axes" for n in range(6)} | {f"size {n}" for n in sizes}
