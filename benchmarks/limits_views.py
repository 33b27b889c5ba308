"""What limits.py measures of views: arrays that lie in memory in another way than in C order.

Each is timed against NumPy on the same views, and then with two threads against one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from limits_rows import KEY, MIB, Call, Row, levels, ones, scale

import fastdrop


@dataclass
class View:
    """A call on views: `call(p, num_threads)` against `reference(p)`."""

    name: str
    target: float  # at avx512 and avx2; beside NumPy, which has AVX-512, baseline has twice that
    call: Callable[[float, int], object]
    reference: Callable[[float], object]
    beside_numpy: bool = True  # else the reference is another way with fastdrop, at its own level

    def alone(self, p: float) -> tuple[Call, Call, None]:
        """Time one thread against NumPy."""
        return lambda: self.call(p, 1), lambda: self.reference(p), None

    def by_two(self, p: float) -> tuple[Call, Call, None]:
        """Time one thread against two, as a speed-up."""
        return lambda: self.call(p, 1), lambda: self.call(p, 2), None


def dropout(p, x, num_threads, **options):
    """Drop; floats are scaled, integers cannot be."""
    scales = x.dtype.kind == "f"
    return fastdrop.dropout(x, p, rng=KEY, scale=scales, num_threads=num_threads, **options)


def drop(x, y) -> Callable[[float, int], object]:
    return lambda p, n: dropout(p, x, n, out=y)


def multiply(x, y) -> Callable[[float], object]:
    return lambda p: np.multiply(x, scale(p, x), out=y)


def drop_of_a_copy(x, y) -> Callable[[float], object]:
    """Copy to C order, drop there, copy back."""
    copy = ones(x.shape, x.dtype)

    def call(p):
        np.copyto(copy, x)
        dropout(p, copy, 1, inplace=True)
        np.copyto(y, copy)

    return call


def crops():
    x, y = (ones((64, 256, 256, 3), np.uint8)[:, 16:240, 16:240] for _ in "xy")
    name = "uint8 crops, (64, 224, 224, 3) of 256 x 256"
    yield View(name, 1.5, drop(x, y), multiply(x, y))


def columns():
    x, y = (ones((16384, 1024))[:, 100:900] for _ in "xy")
    yield View("columns [:, 100:900] of 1024, 16384 rows", 1.2, drop(x, y), multiply(x, y))


def channels_last():
    for dtype in (np.uint8, np.float32):
        x, y = (ones((64, 224, 224, 3), dtype).transpose(0, 3, 1, 2) for _ in "xy")
        name = f"{np.dtype(dtype).name} NHWC seen as NCHW, (64, 3, 224, 224)"
        yield View(name, 6, drop(x, y), multiply(x, y))
        yield View(f"{name}, against C order", 1, drop(x, y), drop_of_a_copy(x, y), False)


def table():
    x, y = (ones((65536, 30), np.float64, "F") for _ in "xy")
    yield View("float64 table in Fortran order, (65536, 30)", 2, drop(x, y), multiply(x, y))


def big_endian():
    x, y = (ones(4 * MIB, ">f4") for _ in "xy")
    yield View("big-endian float32, 4 Mi", 2, drop(x, y), lambda p: np.copyto(y, x))


def broadcast():
    y = ones((4096, 4096))
    for name, shape in (("row", (1, 4096)), ("column", (4096, 1))):
        x = np.broadcast_to(ones(shape), y.shape)
        yield View(f"a {name} broadcast to (4096, 4096)", 1.2, drop(x, y), multiply(x, y))


def masks():
    x, y = ones(16 * MIB, np.uint8), ones(16 * MIB, np.uint8)
    mask = {p: fastdrop.keep_mask(x.size, p, rng=KEY) for p in (0.1, 0.3, 0.5)}
    yield View(
        "apply_mask of bools on uint8, 16 Mi",
        1.2,
        lambda p, n: fastdrop.apply_mask(x, mask[p], p, out=y, scale=False, num_threads=n),
        lambda p: np.multiply(x, mask[p], out=y),
    )


def rows() -> Iterator[Row]:
    """Make the rows one by one, so that only one kind's arrays exist at a time."""
    for make in (crops, columns, channels_last, table, big_endian, broadcast, masks):
        for view in make():
            baseline = view.target * (2 if view.beside_numpy else 1)
            yield Row(view.name, levels(view.target, view.target, baseline), view.alone)
            if fastdrop.get_num_threads() >= 2 and view.beside_numpy:
                name = f"speed-up by 2 threads, {view.name}"
                yield Row(name, levels(1.7, 1.7, 1.7), view.by_two, at_least=True)
