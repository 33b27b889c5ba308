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
Shape: TypeAlias = tuple[int, ...]
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


def thresholds(p: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split floor(p * 2^80) for each p of an array: T of uint32, which holds 2^16, and L.

    It is exact: products with powers of 2, and the two parts of a double, are not rounded.
    """
    fraction, upper = np.modf(np.asarray(p, np.float64) * 2.0**16)
    return upper.astype(np.uint32), np.floor(fraction * 2.0**64).astype(np.uint64)


def lane_states(block: int | np.ndarray, key: Key) -> np.ndarray:
    """Return the lanes' first states: shape (4, 16) for one block, (4, n, 16) for an array of n."""
    block = np.asarray(block, dtype=np.uint64)[..., np.newaxis]
    lane = np.arange(LANES, dtype=np.uint64)
    return np.stack([hash2(64 * block + 4 * lane + j, *key) for j in range(4)])


def block_draws(blocks: np.ndarray, key: Key) -> np.ndarray:
    """Return the 16-bit draws of each of n blocks: shape (n, BLOCK)."""
    states = lane_states(blocks, key)
    outputs = np.empty((blocks.size, STEPS, LANES), dtype=np.uint64)
    for step in range(STEPS):
        outputs[:, step, :], states = xoshiro256pp(states)
    shifts = np.arange(DRAWS_PER_OUTPUT, dtype=np.uint64) * 16
    draws = ((outputs[..., np.newaxis] >> shifts) & 0xFFFF).astype(np.uint16)
    return draws.reshape(blocks.size, BLOCK)


def draws(start: int, count: int, key: Key) -> np.ndarray:
    """Return the 16-bit draws of the elements start .. start + count - 1, modulo 2^64."""
    first_block, skipped = divmod(start & WORD_MASK, BLOCK)
    number = -(-(skipped + count) // BLOCK)
    blocks = (np.arange(number, dtype=np.uint64) + first_block) % BLOCKS
    return block_draws(blocks, key).ravel()[skipped : skipped + count]


def draws_at(index: np.ndarray, key: Key) -> np.ndarray:
    """Return the 16-bit draws of the elements of an array of indices."""
    blocks, block_of = np.unique(index.ravel() // BLOCK, return_inverse=True)
    at, found = (index.ravel() % BLOCK).astype(np.intp), np.empty(index.size, np.uint16)
    for begin in range(0, blocks.size, 64):  # a few blocks at a time, for the memory they take
        here = (begin <= block_of) & (block_of < begin + 64)
        of_blocks = block_draws(blocks[begin : begin + 64], key)
        found[here] = of_blocks[block_of[here] - begin, at[here]]
    return found.reshape(index.shape)


def kept_by(r: np.ndarray, index: np.ndarray, p: float | np.ndarray, key: Key) -> np.ndarray:
    """Decide elements by their draws and indices, each with its p: True where kept."""
    upper, lower = (np.broadcast_to(part, r.shape) for part in thresholds(p))
    dropped, ties = np.asarray(r < upper), r == upper
    tie_hash = hash2(index[ties], key[0] ^ TIE_KEY[0], key[1] ^ TIE_KEY[1])
    dropped[ties] = tie_hash < lower[ties]
    return ~dropped


def keep(start: int, count: int, p: float | np.ndarray, key: Key) -> np.ndarray:
    """Return the mask of the elements start .. start + count - 1: True where kept.

    p is a number, or an array of one for each of these elements.
    """
    index = np.arange(count, dtype=np.uint64) + (start & WORD_MASK)
    return kept_by(draws(start, count, key), index, p, key)


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
    with np.errstate(all="ignore"):
        result = values.astype(dtype)
    bits = result.view(np.uint16)
    nan = np.isnan(values)
    of_nan = values[nan].view(np.uint32)
    bits[nan] = of_nan >> 16
    if dtype == np.float16:
        bits[nan] = (of_nan >> 16 & 0x8000) | 0x7C00 | (of_nan >> 13 & 0x3FF)
    return result


def on_line(x: np.ndarray, scale: float | np.ndarray, shift: float | None) -> np.ndarray:
    """Return x * scale + shift, each operation rounded to the dtype in which x is computed.

    The scale is a number, or an array that broadcasts to x.
    """
    dtype = x.dtype
    real = computed_in(dtype)
    values = np.array(x, order="C").reshape(-1)
    factor = np.asarray(scale, real)
    if factor.ndim:  # complex numbers have two parts
        factor = np.broadcast_to(factor, x.shape).repeat(2 if dtype.kind == "c" else 1)
    with np.errstate(all="ignore"):  # on some CPUs conversion of a signaling NaN is "invalid"
        values = values.astype(real) if dtype.itemsize == 2 else values.view(real)
        values = values * factor
        if shift is not None:
            values = values + real.type(shift)
    values = rounded(values, dtype) if dtype.itemsize == 2 else values.view(dtype)
    return values.reshape(x.shape)


def scale_of(p: float | np.ndarray, dtype: np.dtype) -> Any:
    """Return 1 / (1 - p), rounded once to the dtype in which x is computed."""
    with np.errstate(divide="ignore"):  # what is dropped at p = 1 is not scaled
        return (1 / (1 - np.float64(p))).astype(computed_in(dtype))


def chosen(kept: np.ndarray, x: np.ndarray, dropped: Any = None) -> np.ndarray:
    """Return x where it is kept, and elsewhere `dropped`, or all bits 0."""
    result = np.zeros(x.shape, x.dtype)
    if dropped is not None:
        result[...] = dropped
    kept = np.broadcast_to(kept, x.shape)
    result[kept] = x[kept]
    return result


def stream_index(
    shape: Shape, offset: int = 0, origin: Shape | None = None, full_shape: Shape | None = None
) -> np.ndarray:
    """Return the indices in the stream of a block's decisions, by default of a whole array's."""
    index, stride = np.array(offset & WORD_MASK, np.uint64), 1
    begins, lengths = origin or (0,) * len(shape), full_shape or shape
    for axis in reversed(range(len(shape))):
        along = np.arange(shape[axis], dtype=np.uint64) + (begins[axis] & WORD_MASK)
        along = along * (stride & WORD_MASK)
        index = index + along.reshape(-1, *[1] * (len(shape) - 1 - axis))
        stride *= lengths[axis]
    return index


def decisions(
    shape: Shape,
    p: float | np.ndarray,
    key: Key,
    offset: int = 0,
    origin: Shape | None = None,
    full_shape: Shape | None = None,
) -> np.ndarray:
    """Return the mask of a shape, in C order, or of a block of a larger one: True where kept."""
    if origin is None:
        p = p if np.ndim(p) == 0 else np.broadcast_to(p, shape).ravel()
        return keep(offset, math.prod(shape), p, key).reshape(shape)
    index = stream_index(shape, offset, origin, full_shape)
    return kept_by(draws_at(index, key), index, p, key)


def shared(of_axes: Shape, noise_shape: tuple[int | None, ...], one: int) -> Shape:
    """Return lengths or begins along the axes of x, but `one` where decisions are shared."""
    return tuple(one if m == 1 else n for n, m in zip(of_axes, noise_shape, strict=True))


def dropout(
    x: np.ndarray,
    p: float | np.ndarray,
    key: Key,
    offset: int = 0,
    noise_shape: tuple[int | None, ...] | None = None,
    scale: bool = True,
    fill: Any = 0,
    origin: Shape | None = None,
    full_shape: Shape | None = None,
) -> np.ndarray:
    """Drop elements of an array: kept x / (1 - p), or x, and dropped the fill.

    The result is a new C-contiguous array of native byte order.
    """
    shape: Shape = x.shape
    if noise_shape is not None:
        shape = shared(shape, noise_shape, 1)
        origin = origin and shared(origin, noise_shape, 0)
        full_shape = full_shape and shared(full_shape, noise_shape, 1)
    kept = decisions(shape, p, key, offset, origin, full_shape)
    return apply_mask(x, kept, p, scale, fill)


def converted(fill: Any, dtype: np.dtype) -> np.ndarray:
    """Return a fill in another dtype: an int of 64 bits exactly, a longer one as a double."""
    if type(fill) is int and not -(2**63) <= fill < 2**64:
        fill = float(fill)
    array = np.asarray(fill)
    if array.dtype.kind in "iu" and (dtype == np.clongdouble or dtype.kind == "V"):
        return array.astype(dtype)  # Python's ints would come by way of doubles, or not at all
    return np.array(fill, dtype)


def apply_mask(
    x: np.ndarray, kept: np.ndarray, p: float | np.ndarray, scale: bool = True, fill: Any = 0
) -> np.ndarray:
    """Drop the elements where a mask that broadcasts to x is False.

    Without a scale p has no meaning; with one, what would be scaled by 1 / (1 - 1) is dropped too.
    """
    x, p = native(x), single(np.asarray(p, np.float64))
    if scale and p.any():  # at p = 0 signaling NaNs stay
        kept = kept & (p < 1)
        x = on_line(x, scale_of(p, x.dtype), None) if kept.any() else x
    # np.array(0, np.longdouble) may have any bits as its padding; a dropped element has 0.
    dropped = None if type(fill) is int and fill == 0 else converted(fill, x.dtype)
    return chosen(kept, x, dropped)


def single(p: np.ndarray) -> np.ndarray:
    """Return an array of equal numbers as one number, and any other array itself."""
    return p.ravel()[0] if p.size and (p == p.ravel()[0]).all() else p


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
    x: np.ndarray, kept: np.ndarray, eps: float = 1e-6, scale: bool = True, fill: Any = 0
) -> np.ndarray:
    """Ghiasi et al. (2018): kept x * size / (number of kept + eps), or x, and dropped the fill."""
    x, number = native(x), int(kept.sum())
    if scale and number:
        x = on_line(x, float(computed_in(x.dtype).type(kept.size / (number + eps))), None)
    return apply_mask(x, kept, 0, False, fill)


def native(x: np.ndarray) -> np.ndarray:
    """Return a C-contiguous native copy; np.ascontiguousarray would give a 0-d array an axis."""
    return np.array(x, dtype=x.dtype.newbyteorder("="), order="C")
