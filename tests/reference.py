"""Mask format 1 in plain NumPy: the oracle of the test suite.

Words are Python ints or uint64 arrays of one axis or more, never NumPy scalars: arrays wrap modulo
2^64 in silence, as the format requires, and scalars warn.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import pytest

WORD_MASK = 2**64 - 1
PHI = 0x9E3779B97F4A7C15
TIE_KEY = (0x6A09E667F3BCC909, 0xBB67AE8584CAA73B)
FOLD_KEY = (0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1)
RANK_KEY = (0x510E527FADE682D1, 0x9B05688C2B3E6C1F)

LANES = 16
STEPS = 256
DRAWS_PER_OUTPUT = 4
BLOCK = STEPS * LANES * DRAWS_PER_OUTPUT
BLOCKS = 2**64 // BLOCK

Key: TypeAlias = tuple[int, int]
Word: TypeAlias = Any  # int | np.ndarray; the same as the arguments'


def mix64(z: Word) -> Word:
    """Mix the bits of a word, one to one."""
    z = z & WORD_MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD_MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD_MASK
    return z ^ (z >> 31)


def hash2(i: Word, a: Word, b: Word) -> Word:
    """Hash the index i under the two words a and b."""
    # The product is reduced before a is added: an int of more than 64 bits fits no array.
    return mix64(mix64(((i * PHI) & WORD_MASK) + a) + b)


def rotate_left(x: np.ndarray, k: int) -> np.ndarray:
    """Rotate the bits of each word left by k, 0 < k < 64."""
    return (x << k) | (x >> (64 - k))


def xoshiro256pp(state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Advance xoshiro256++ states of shape (4, ...) by one step: (outputs, next states).

    Source: https://prng.di.unimi.it/xoshiro256plusplus.c (Blackman and Vigna, 2019).
    """
    s0, s1, s2, s3 = state
    output = rotate_left(s0 + s3, 23) + s0
    t = s1 << 17
    s2 = s2 ^ s0
    s3 = s3 ^ s1
    s1 = s1 ^ s2
    s0 = s0 ^ s3
    s2 = s2 ^ t
    s3 = rotate_left(s3, 45)
    return output, np.stack([s0, s1, s2, s3])


def threshold(p: float) -> tuple[int, int]:
    """Split floor(p * 2^80) exactly into (T, L): its upper 16 and its lower 64 bits."""
    numerator, denominator = float(p).as_integer_ratio()
    return divmod((numerator << 80) // denominator, 2**64)


def lane_states(block: int | np.ndarray, key: Key) -> np.ndarray:
    """Return the lanes' first states: shape (4, 16) for one block, (4, n, 16) for an array of n."""
    block = np.asarray(block, dtype=np.uint64)[..., np.newaxis]
    lane = np.arange(LANES, dtype=np.uint64)
    return np.stack([hash2(64 * block + 4 * lane + j, *key) for j in range(4)])


def draws(start: int, count: int, key: Key) -> np.ndarray:
    """Return the 16-bit draws of the elements start .. start + count - 1, modulo 2^64."""
    start = start & WORD_MASK
    first_block, skipped = divmod(start, BLOCK)
    number = -(-(skipped + count) // BLOCK)
    blocks = (np.arange(number, dtype=np.uint64) + first_block) % BLOCKS
    states = lane_states(blocks, key)
    outputs = np.empty((number, STEPS, LANES), dtype=np.uint64)
    for step in range(STEPS):
        outputs[:, step, :], states = xoshiro256pp(states)
    shifts = np.arange(DRAWS_PER_OUTPUT, dtype=np.uint64) * 16
    elements = ((outputs[..., np.newaxis] >> shifts) & 0xFFFF).astype(np.uint16).ravel()
    return elements[skipped : skipped + count]


def keep(start: int, count: int, p: float, key: Key) -> np.ndarray:
    """Return the mask of the elements start .. start + count - 1: True where kept."""
    if p == 0:
        return np.ones(count, dtype=bool)
    if p == 1:
        return np.zeros(count, dtype=bool)
    upper, lower = threshold(p)
    r = draws(start, count, key)
    dropped = r < upper
    ties = np.flatnonzero(r == upper)
    index = ties.astype(np.uint64) + (start & WORD_MASK)
    dropped[ties] = hash2(index, key[0] ^ TIE_KEY[0], key[1] ^ TIE_KEY[1]) < lower
    return ~dropped


def ranks(index: np.ndarray, key: Key) -> np.ndarray:
    """Return the ranks by which decisions are dropped to an exact count, from their indices."""
    return hash2(index, key[0] ^ RANK_KEY[0], key[1] ^ RANK_KEY[1])


def ranks_of(shape: tuple[int, ...], key: Key, offset: int = 0) -> np.ndarray:
    """Return the ranks of a mask of a shape, in C order."""
    index = np.arange(math.prod(shape), dtype=np.uint64) + (offset & WORD_MASK)
    return ranks(index, key).reshape(shape)


def drop_count(
    shape: tuple[int, ...], count: int, axis: int, key: Key, offset: int = 0
) -> np.ndarray:
    """Return the mask that drops exactly `count` decisions along an axis: True where kept."""
    order = ranks_of(shape, key, offset).argsort(axis=axis)
    kept = np.ones(shape, bool)
    np.put_along_axis(kept, order.take(range(count), axis=axis), False, axis=axis)
    return kept


def keep_at_least(kept: np.ndarray, least: int, axis: int, key: Key, offset: int = 0) -> np.ndarray:
    """Return a mask that keeps the dropped decisions of the largest ranks too, where it must."""
    largest_first = ~ranks_of(kept.shape, key, offset)
    order = np.lexsort((largest_first, ~kept), axis=axis)  # what is kept already comes first
    result = kept.copy()
    np.put_along_axis(result, order.take(range(least), axis=axis), True, axis=axis)
    return result


def packed(keep: np.ndarray) -> np.ndarray:
    """Pack a mask: bit i & 7 of byte i >> 3 is 1 when element i is kept."""
    return np.packbits(keep, bitorder="little")


def fold_in(key: Key, n: int) -> Key:
    """Return the key of the n-th call, epoch or shard under key."""
    a, b = key[0] ^ FOLD_KEY[0], key[1] ^ FOLD_KEY[1]
    return hash2(2 * n, a, b), hash2(2 * n + 1, a, b)


def seed_key(seed: int | np.random.SeedSequence) -> Key:
    """Return the key of an int or a SeedSequence."""
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    k0, k1 = seed.generate_state(2, np.uint64).tolist()
    return k0, k1


# What becomes of the elements

SCALED = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
ALPHA = 1.7580993408473766


def dtype_of(name: str) -> np.dtype:
    """Return the dtype of a name; skip the test if it is bfloat16 and ml_dtypes is missing."""
    if name == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(name)


def computed_in(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which elements are computed before they are rounded."""
    if dtype.itemsize == 2:
        return np.dtype(np.float32)
    return np.zeros(1, dtype).real.dtype


def rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round float32 to a dtype of 16 bits, and a NaN to the one that has its upper bits."""
    with np.errstate(over="ignore"):
        result = values.astype(dtype)
    bits = result.view(np.uint16)
    nan = np.isnan(values)
    of_nan = values[nan].view(np.uint32)
    bits[nan] = of_nan >> 16
    if dtype == np.float16:
        bits[nan] = (of_nan >> 16 & 0x8000) | 0x7C00 | (of_nan >> 13 & 0x3FF)
    return result


def on_line(x: np.ndarray, scale: float, shift: float | None) -> np.ndarray:
    """Return x * scale + shift, each operation rounded to the dtype in which x is computed."""
    dtype = x.dtype
    real = computed_in(dtype)
    values = np.array(x, order="C").reshape(-1)
    values = values.astype(real) if dtype.itemsize == 2 else values.view(real)
    with np.errstate(all="ignore"):
        values = values * real.type(scale)
        if shift is not None:
            values = values + real.type(shift)
    values = rounded(values, dtype) if dtype.itemsize == 2 else values.view(dtype)
    return values.reshape(x.shape)


def scale_of(p: float, dtype: np.dtype) -> float:
    """Return 1 / (1 - p), rounded once to the dtype in which x is computed."""
    return float(computed_in(dtype).type(1 / (1 - p)))


def chosen(kept: np.ndarray, x: np.ndarray, dropped: np.ndarray | None = None) -> np.ndarray:
    """Return x where it is kept, and elsewhere `dropped`, or all bits 0."""
    result = np.zeros(x.shape, x.dtype)
    if dropped is not None:
        result[...] = dropped
    kept = np.broadcast_to(kept, x.shape)
    result[kept] = x[kept]
    return result


def decisions(shape: tuple[int, ...], p: float, key: Key, offset: int = 0) -> np.ndarray:
    """Return the mask of a shape, in C order: True where kept."""
    return keep(offset, math.prod(shape), p, key).reshape(shape)


def dropout(
    x: np.ndarray,
    p: float,
    key: Key,
    offset: int = 0,
    noise_shape: tuple[int, ...] | None = None,
    scale: bool = True,
) -> np.ndarray:
    """Drop elements of an array: kept x / (1 - p), or x, and dropped +0.

    The result is a new C-contiguous array of native byte order.
    """
    x = native(x)
    if p == 1:
        return np.zeros(x.shape, x.dtype)
    kept = decisions(x.shape if noise_shape is None else noise_shape, p, key, offset)
    return apply_mask(x, kept, p, scale)


def apply_mask(x: np.ndarray, kept: np.ndarray, p: float, scale: bool = True) -> np.ndarray:
    """Drop the elements where a mask that broadcasts to x is False."""
    x = native(x)
    return chosen(kept, on_line(x, scale_of(p, x.dtype), None) if scale and p > 0 else x)


def alpha_dropout(
    x: np.ndarray,
    p: float,
    key: Key,
    offset: int = 0,
    noise_shape: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Klambauer et al. (2017): kept a x + a A p, dropped a A p - a A, zeros for p = 1."""
    if p == 1:
        return np.zeros(x.shape, native(x).dtype)
    kept = decisions(x.shape if noise_shape is None else noise_shape, p, key, offset)
    return apply_alpha_mask(x, kept, p)


def apply_alpha_mask(x: np.ndarray, kept: np.ndarray, p: float) -> np.ndarray:
    """Drop by alpha dropout the elements where a mask that broadcasts to x is False."""
    x = native(x)
    a = 1 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    dropped = np.array([a * ALPHA * p - a * ALPHA], computed_in(x.dtype))
    if x.dtype.itemsize == 2:
        dropped = rounded(dropped, x.dtype)
    return chosen(kept, on_line(x, a, a * ALPHA * p), dropped)


def block_gamma(shape: tuple[int, ...], p: float, size: int) -> float:
    """Return the probability of a block at each of its positions in a channel of a shape."""
    size = min(size, *shape)
    gamma = p
    for n in shape:
        gamma = gamma * n
    return gamma / (size ** len(shape) * math.prod(n - size + 1 for n in shape))


def grow_blocks(seeds: np.ndarray, size: int, axes: int) -> np.ndarray:
    """Return where a block covers an element, from where blocks begin: True for both."""
    covered = seeds
    for axis in range(-axes, 0):
        n = covered.shape[axis]
        shape = list(covered.shape)
        shape[axis] = n + size - 1
        grown = np.zeros(shape, bool)
        along = np.moveaxis(grown, axis, 0)  # a view
        for ahead in range(size):
            along[ahead : ahead + n] |= np.moveaxis(covered, axis, 0)
        covered = grown
    return covered


def block_mask(shape: tuple[int, ...], p: float, size: int, axes: int, key: Key) -> np.ndarray:
    """Return the mask of DropBlock over the last axes of a shape: True where kept."""
    channel = shape[-axes:]
    size = min(size, *channel)
    gamma = block_gamma(channel, p, size)
    positions = shape[:-axes] + tuple(n - size + 1 for n in channel)
    return ~grow_blocks(~decisions(positions, gamma, key), size, axes)


def drop_block(
    x: np.ndarray, kept: np.ndarray, eps: float = 1e-6, scale: bool = True
) -> np.ndarray:
    """Ghiasi et al. (2018): kept x * size / (number of kept + eps), or x, and dropped +0."""
    x = native(x)
    number = int(kept.sum())
    if not scale or number == 0:
        return chosen(kept, x)
    rounded_scale = float(computed_in(x.dtype).type(kept.size / (number + eps)))
    return chosen(kept, on_line(x, rounded_scale, None))


def native(x: np.ndarray) -> np.ndarray:
    """Return a C-contiguous native copy; np.ascontiguousarray would give a 0-d array an axis."""
    return np.array(x, dtype=x.dtype.newbyteorder("="), order="C")
