"""What limits.py measures, but for views: each call, what it is timed against, and the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import fastdrop

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None  # type: ignore[assignment]

KEY = fastdrop.Key(1)
MIB = 2**20
Call = Callable[[], object]


@dataclass
class Row:
    """A row of the table: what is timed, against what, and the ratio to stay below by level.

    `calls` makes, for a p, the call, its reference, and what to do before each round (or None).
    Where `at_least` holds the ratio is to be reached, not stayed below.
    """

    name: str
    targets: dict[str, float]
    calls: Callable[[float], tuple[Call, Call, Call | None]]
    at_least: bool = False


def levels(avx512: float, avx2: float, baseline: float) -> dict[str, float]:
    return {"avx512": avx512, "avx2": avx2, "baseline": baseline}


def ones(shape, dtype=np.float32, order="C"):
    """An array whose pages have been written."""
    return np.full(shape, 1, dtype, order)


def scale(p, x):
    return x.dtype.type(1 / (1 - p))


def against_multiply(x, y, num_threads=1, drop=fastdrop.dropout):
    """Time drop(x, out=y) against the multiplication of the same arrays; None is the default."""

    def calls(p):
        s = scale(p, x)
        return (
            lambda: drop(x, p, rng=KEY, out=y, num_threads=num_threads),
            lambda: np.multiply(x, s, out=y),
            None,
        )

    return calls


def in_place(x):
    """Time dropout(x, inplace=True) against the multiplication in place."""

    def calls(p):
        s = scale(p, x)

        def restore():  # scaled again and again, the values would overflow
            x[...] = 1

        return (
            lambda: fastdrop.dropout(x, p, inplace=True, rng=KEY, num_threads=1),
            lambda: np.multiply(x, s, out=x),
            restore,
        )

    return calls


def fresh(x):
    """Time a result in fresh memory against that of the multiplication."""

    def calls(p):
        s = scale(p, x)
        return lambda: fastdrop.dropout(x, p, rng=KEY, num_threads=1), lambda: x * s, None

    return calls


def against_copy(x, y):
    """Time dropout(x, out=y) against a copy of the same bytes."""

    def calls(p):
        return (
            lambda: fastdrop.dropout(x, p, rng=KEY, out=y, num_threads=1),
            lambda: np.copyto(y, x),
            None,
        )

    return calls


def packed_mask(x, y):
    """Time the packed mask of x's shape against the multiplication of x."""

    def calls(p):
        s = scale(p, x)
        return (
            lambda: fastdrop.keep_mask(x.shape, p, rng=KEY, packed=True, num_threads=1),
            lambda: np.multiply(x, s, out=y),
            None,
        )

    return calls


def threads(x, y, more, fewer):
    """Time a team against a smaller one, as a speed-up."""

    def calls(p):
        return (
            lambda: fastdrop.dropout(x, p, rng=KEY, out=y, num_threads=fewer),
            lambda: fastdrop.dropout(x, p, rng=KEY, out=y, num_threads=more),
            None,
        )

    return calls


def rows() -> Iterator[Row]:
    """Make the rows one by one, so that only one row's arrays exist at a time."""
    for size in (256 * 1024, MIB, 4 * MIB, 8 * MIB):
        n = size // 4
        yield Row(
            f"out=, {size // 1024} KiB", levels(1.05, 1.45, 4), against_multiply(ones(n), ones(n))
        )
    n = 256 * MIB // 4
    yield Row("out=, 256 MiB", levels(0.75, 0.8, 1.3), against_multiply(ones(n), ones(n)))
    for size in (256 * 1024, MIB, 4 * MIB, 8 * MIB):
        yield Row(f"in place, {size // 1024} KiB", levels(1.7, 2.4, 8), in_place(ones(size // 4)))
    yield Row("in place, 256 MiB", levels(1.05, 1.3, 2.5), in_place(ones(n)))
    yield Row(
        "float64, out=, 512 MiB",
        levels(0.75, 0.75, 1.1),
        against_multiply(ones(n, np.float64), ones(n, np.float64)),
    )
    n = 128 * MIB
    yield Row(
        "float16, out=, 256 MiB",
        levels(1.2, 1.3, 6),
        against_copy(ones(n, np.float16), ones(n, np.float16)),
    )
    if ml_dtypes:
        yield Row(
            "bfloat16, out=, 256 MiB",
            levels(1.2, 1.3, 6),
            against_copy(ones(n, ml_dtypes.bfloat16), ones(n, ml_dtypes.bfloat16)),
        )
    yield Row("keep_mask, packed, 1 Mi", levels(0.7, 1.0, 3), packed_mask(ones(MIB), ones(MIB)))
    shape = (64, 256, 64, 64)
    yield Row(
        "dropout2d, (64, 256, 64, 64)",
        levels(0.8, 0.8, 1.0),
        against_multiply(ones(shape), ones(shape), drop=fastdrop.dropout2d),
    )
    n = 64 * MIB
    yield Row("fresh result, 256 MiB", levels(0.9, 0.9, 1.3), fresh(ones(n)))
    n = 16 * MIB
    strided, target = ones((4096, 2 * n // 4096))[:, ::2], ones((4096, 2 * n // 4096))[:, ::2]
    yield Row(
        "every second element of a row, 16 Mi",
        levels(2, 2, 3),
        against_multiply(strided, target),
    )
    square = (4096, 4096)
    yield Row(
        "Fortran order, (4096, 4096)",
        levels(8, 8, 10),
        against_multiply(ones(square, order="F"), ones(square, order="F")),
    )
    yield Row(
        "a call on 1024 elements, out=",
        levels(1.5, 1.5, 2.5),
        against_multiply(ones(1024), ones(1024), None),
    )
    yield Row(
        "a call on 16 elements, out=", levels(2, 2, 2), against_multiply(ones(16), ones(16), None)
    )
    if fastdrop.get_num_threads() >= 2:
        n = MIB
        yield Row(
            "speed-up by 2 threads, 4 MiB",
            levels(1.8, 1.8, 1.8),
            threads(ones(n), ones(n), 2, 1),
            at_least=True,
        )
        n = 64 * MIB
        yield Row(
            "speed-up by 2 threads, 256 MiB",
            levels(1.0, 1.0, 1.0),
            threads(ones(n), ones(n), 2, 1),
            at_least=True,
        )
