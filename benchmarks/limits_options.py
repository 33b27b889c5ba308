"""What limits.py measures of options: fills, arrays of p, blocks of larger arrays, exact counts.

A call with an option is timed against the same call without it, or against what NumPy users write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from limits_rows import KEY, MIB, Call, Row, levels, ones

import fastdrop

Calls = Callable[[float], tuple[Call, Call, None]]
BLOCK_SIZE = 7  # of drop_block2d
NO_TARGET = math.inf


def same(target: float) -> dict[str, float]:
    """One target for every level: both calls run at it."""
    return levels(target, target, target)


def against(call: Callable[[float], object], reference: Callable[[float], object]) -> Calls:
    """Time call(p) against reference(p)."""
    return lambda p: (lambda: call(p), lambda: reference(p), None)


def drop(p, x, y, **options):
    return fastdrop.dropout(x, p, rng=KEY, out=y, num_threads=1, **options)


def fill_row(name, target, x, fill, other, **options):
    """Time one fill against another."""
    y = np.ones_like(x)
    return Row(
        name,
        same(target),
        against(
            lambda p: drop(p, x, y, fill=fill, **options),
            lambda p: drop(p, x, y, fill=other, **options),
        ),
    )


def fills() -> Iterator[Row]:
    yield fill_row("fill=NaN, float32, 4 MiB, against fill=0", 1.05, ones(MIB), np.nan, 0)
    shape, color = (64, 224, 224, 3), (124, 116, 104)
    images = ones(shape, np.uint8)
    for what, noise in (("elements", None), ("pixels", (*shape[:3], 1))):
        name = f"fill of 3 channels, {what} of uint8 {shape}, against one number"
        yield fill_row(name, 1.2, images, color, 124, scale=False, noise_shape=noise)


def around(p, size, dtype=np.float64):
    """Probabilities whose mean is p, no two alike."""
    return np.random.default_rng(0).uniform(0.5 * p, 1.5 * p, size).astype(dtype)


def feature_row(scale, target, x, y):
    """Time a p for each feature against one p."""

    def calls(p):
        of_each = around(p, x.shape[-1])
        return (
            lambda: drop(of_each, x, y, scale=scale),
            lambda: drop(p, x, y, scale=scale),
            None,
        )

    return Row(f"p per feature, scale={scale}, {x.shape}, against one p", same(target), calls)


def features() -> Iterator[Row]:
    x, y = ones((65536, 2048)), ones((65536, 2048))
    yield feature_row(False, 1.6, x, y)
    yield feature_row(True, NO_TARGET, x, y)


def element_row(n, dtype):
    """Time a packed mask of n different p against NumPy's comparison."""
    rng = np.random.default_rng(0)

    def calls(p):
        of_each = around(p, n, dtype)
        return (
            lambda: fastdrop.keep_mask(n, of_each, rng=KEY, packed=True, num_threads=1),
            lambda: rng.random(n, np.float32) >= of_each,
            None,
        )

    name = f"keep_mask, packed, {n // MIB} Mi {np.dtype(dtype).name} p, against NumPy"
    return Row(name, same(0.05), calls)


def elements() -> Iterator[Row]:
    for n in (MIB, 16 * MIB):
        for dtype in (np.float32, np.float64):
            yield element_row(n, dtype)


def block_row(side, full, where, origins):
    """Time blocks of a larger array against as many whole arrays of their size."""
    x, y = ones((side, side)), ones((side, side))

    def of_larger(p):
        for origin in origins:
            drop(p, x, y, origin=origin, full_shape=full)

    def whole(p):
        for _ in origins:
            drop(p, x, y)

    name = f"block of {side} x {side} out of {full[0]} x {full[1]}{where}, against a whole array"
    return Row(name, same(1.5 if side == 1024 else 4), against(of_larger, whole))


def blocks() -> Iterator[Row]:
    full = (16384, 16384)
    for side in (1024, 64):
        for column in (0, 8192 + 37):
            yield block_row(side, full, f", column {column}", [(4096, column)])
        origins = np.random.default_rng(0).integers(0, 16384 - side, (16, 2)).tolist()
        yield block_row(side, full, ", 16 places", origins)
        for width in (1100, 2000):  # in which rows of the block lie in one block of the stream
            yield block_row(side, (16384, width), "", [(1037, 51)])


def numpy_drop_block2d(x, p, size, y, rng):
    """Drop blocks as torchvision's drop_block2d does, which takes the maximum of size x size."""
    *channels, height, width = x.shape
    rows, columns = height - size + 1, width - size + 1
    gamma = p * height * width / (size**2 * rows * columns)
    seeds = rng.random((*channels, rows, columns), np.float32) < gamma
    along, dropped = np.zeros((*channels, rows, width), bool), np.zeros(x.shape, bool)
    for i in range(size):
        along[..., i : i + columns] |= seeds
    for i in range(size):
        dropped[..., i : i + rows, :] |= along
    kept = ~dropped
    np.multiply(x, kept, out=y)
    y *= np.float32(kept.size / (np.count_nonzero(kept) + 1e-6))


def drop_blocks() -> Iterator[Row]:
    shape, rng = (64, 256, 56, 56), np.random.default_rng(0)
    x, y = ones(shape), ones(shape)

    def call(p):
        return fastdrop.drop_block2d(x, p, BLOCK_SIZE, rng=KEY, out=y, num_threads=1)

    name = f"drop_block2d, blocks of {BLOCK_SIZE}, {shape}, against"
    yield Row(
        f"{name} NumPy",
        same(0.1),
        against(call, lambda p: numpy_drop_block2d(x, p, BLOCK_SIZE, y, rng)),
    )
    try:
        import torch
        from torchvision.ops import drop_block2d
    except ImportError:
        return
    torch.set_num_threads(1)
    tensor = torch.from_numpy(x)
    yield Row(
        f"{name} torchvision",
        same(0.1),
        against(call, lambda p: drop_block2d(tensor, p, BLOCK_SIZE)),
    )


def numpy_counts(shape, count, rng):
    """Make a mask that drops `count` of each row, as masked autoencoders and language models do."""
    dropped = np.argpartition(rng.random(shape, np.float32), count - 1, axis=-1)[..., :count]
    kept = np.ones(shape, bool)
    np.put_along_axis(kept, dropped, False, axis=-1)
    return kept


def count_row(shape):
    """Time a mask of exact counts."""
    rng = np.random.default_rng(0)

    def calls(p):
        count = int(p * shape[-1])
        return (
            lambda: fastdrop.keep_mask(shape, count=count, rng=KEY, num_threads=1),
            lambda: numpy_counts(shape, count, rng),
            None,
        )

    return Row(f"keep_mask(count=), {shape}, against NumPy's argpartition", same(1), calls)


def counts() -> Iterator[Row]:
    for shape in ((4096, 196), (1024, 512), (1, MIB)):
        yield count_row(shape)


def rows() -> Iterator[Row]:
    """Make the rows one by one, so that only one kind's arrays exist at a time."""
    for make in (fills, features, elements, blocks, drop_blocks, counts):
        yield from make()
