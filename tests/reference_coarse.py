"""Coarse dropout with loops over Python ints: the oracle of tests/test_coarse.py."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import reference


@functools.cache
def words_of_block(block: int, key: reference.Key) -> list[int]:
    """Return the 256 words of a block of the stream, each of 64 decisions with p = 0.5."""
    bits = reference.packed(reference.keep(block * reference.BLOCK, reference.BLOCK, 0.5, key))
    return [int.from_bytes(bits[i : i + 8].tobytes(), "little") for i in range(0, bits.size, 8)]


def words_of(start: int, count: int, key: reference.Key) -> list[int]:
    """Return words of the stream."""
    return [words_of_block(i // 256, key)[i % 256] for i in range(start, start + count)]


def integer(word: int, low: int, high: int) -> int:
    """Return the integer in low .. high that a word chooses."""
    return low + (word // 2**32) * (high - low + 1) // 2**32


def ends_of(value: Any) -> Any:
    """Return the ends of a range, or a number twice."""
    return tuple(value) if np.ndim(value) == 1 else (value, value)


def in_pixels(end: int | float, length: int) -> int:
    """Return a length in pixels: one given so, or a fraction, of which at least one is left."""
    return int(end) if isinstance(end, (int, np.integer)) else max(1, round(float(end) * length))


def holes_of_image(
    k: int, holes: Any, size: Any, shape: tuple[int, int], key: reference.Key
) -> list[tuple[slice, slice]]:
    """Return the rows and columns of each hole of image k."""
    fewest, most = ends_of(holes)
    each = 1 + 4 * most
    count, *rest = words_of(k * each, each, key)
    of_axes = size if isinstance(size, (tuple, list, np.ndarray)) else (size, size)
    found = []
    for j in range(integer(count, fewest, most)):
        hole = []
        for axis, n in enumerate(shape):
            low, high = (in_pixels(end, n) for end in ends_of(of_axes[axis]))
            extent = min(n, integer(rest[4 * j + axis], low, high))
            begin = integer(rest[4 * j + 2 + axis], 0, n - extent)
            hole.append(slice(begin, begin + extent))
        found.append((hole[0], hole[1]))
    return found


def coarse_mask(shape: tuple[int, ...], holes: Any, size: Any, key: reference.Key) -> np.ndarray:
    """Return the mask of one image or of several, of shape (H, W) or (N, H, W): True if kept."""
    mask = np.ones(shape, bool)
    height, width = shape[-2:]
    for k, of_image in enumerate(mask.reshape(-1, height, width)):
        for rows, columns in holes_of_image(k, holes, size, (height, width), key):
            of_image[rows, columns] = False
    return mask


def coarse_dropout(
    x: np.ndarray, holes: Any, size: Any, key: reference.Key, fill: Any = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return what becomes of images, in C order and native byte order, and the mask."""
    shape = x.shape[: 3 if x.ndim == 4 else 2]
    mask = coarse_mask(shape, holes, size, key) if x.size else np.ones(shape, bool)
    kept = mask if x.ndim == 2 else mask[..., np.newaxis]
    return reference.apply_mask(x, kept, 0, False, fill), mask
