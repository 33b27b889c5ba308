"""Mask format 1 in plain NumPy: the oracle of the test-suite.

Words are Python ints or uint64 arrays of one axis or more, never NumPy scalars: arrays wrap modulo
2^64 in silence, as the format wants, where scalars warn.
"""

from __future__ import annotations

import numpy as np

WORD_MASK = 2**64 - 1
PHI = 0x9E3779B97F4A7C15
TIE_KEY = (0x6A09E667F3BCC909, 0xBB67AE8584CAA73B)
FOLD_KEY = (0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1)

LANES = 16
STEPS = 256
DRAWS_PER_OUTPUT = 4
BLOCK = STEPS * LANES * DRAWS_PER_OUTPUT
BLOCKS = 2**64 // BLOCK

Key = tuple[int, int]


def mix64(z: int | np.ndarray) -> int | np.ndarray:
    """Mix the bits of a word, one to one."""
    z = z & WORD_MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD_MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD_MASK
    return z ^ (z >> 31)


def hash2(i: int | np.ndarray, a: int | np.ndarray, b: int | np.ndarray) -> int | np.ndarray:
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
    """First states of the lanes: shape (4, 16) for one block, (4, n, 16) for an array of n."""
    block = np.asarray(block, dtype=np.uint64)[..., np.newaxis]
    lane = np.arange(LANES, dtype=np.uint64)
    return np.stack([hash2(64 * block + 4 * lane + j, *key) for j in range(4)])


def draws(start: int, count: int, key: Key) -> np.ndarray:
    """16-bit draws of the elements start .. start + count - 1, modulo 2^64."""
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
    """Mask of the elements start .. start + count - 1: True where kept."""
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


def packed(keep: np.ndarray) -> np.ndarray:
    """Pack a mask: bit i & 7 of byte i >> 3 is 1 when element i is kept."""
    return np.packbits(keep, bitorder="little")


def fold_in(key: Key, n: int) -> Key:
    """Key of the n-th call, epoch or shard under key."""
    a, b = key[0] ^ FOLD_KEY[0], key[1] ^ FOLD_KEY[1]
    return hash2(2 * n, a, b), hash2(2 * n + 1, a, b)


def seed_key(seed: int | np.random.SeedSequence) -> Key:
    """Key of an int or a SeedSequence."""
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed)
    k0, k1 = seed.generate_state(2, np.uint64).tolist()
    return k0, k1


def dropout(x: np.ndarray, p: float, key: Key, offset: int = 0) -> np.ndarray:
    """Drop elements of a float32 or float64 array: kept x / (1 - p), dropped +0.

    The result is a new C-contiguous array of native byte order.
    """
    dtype = x.dtype.newbyteorder("=")
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"the reference takes float32 and float64, not {x.dtype}")
    if p == 1:
        return np.zeros(x.shape, dtype=dtype)
    # np.ascontiguousarray would give a 0-d array an axis.
    values = np.array(x, dtype=dtype, order="C")
    scale = dtype.type(1.0 / (1.0 - p))
    kept = keep(offset, values.size, p, key).reshape(values.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(kept, values * scale, dtype.type(0))
