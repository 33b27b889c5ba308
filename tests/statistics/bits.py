"""Counts of bits in arrays of 64-bit words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import fastdrop

CHUNK = 2**15  # words, which stay in a cache
BYTE_COUNTS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def count_by_table(words: np.ndarray) -> np.ndarray:
    """Count the bits of each word, as NumPy 1 cannot."""
    words = np.ascontiguousarray(words)
    of_bytes = BYTE_COUNTS[words.view(np.uint8)]
    return of_bytes.reshape(*words.shape, words.itemsize).sum(axis=-1, dtype=np.uint8)


popcount: Callable[[np.ndarray], np.ndarray] = getattr(np, "bitwise_count", count_by_table)


def count(words: np.ndarray) -> int:
    """Count the bits of all words."""
    return int(popcount(words).sum(dtype=np.int64))


def shifted(words: np.ndarray, lag: int) -> np.ndarray:
    """Return the words of the bits from position `lag` on, as far as there are whole words."""
    skipped, shift = divmod(lag, 64)
    if shift == 0:
        return words[skipped:]
    return (words[skipped:-1] >> np.uint64(shift)) | (words[skipped + 1 :] << np.uint64(64 - shift))


def lagged(words: np.ndarray, lag: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give chunks of words, with those of the bits `lag` positions later."""
    usable = len(words) - lag // 64 - (lag % 64 > 0)
    for begin in range(0, usable, CHUNK):
        end = min(begin + CHUNK, usable)
        later = shifted(words[begin : end + lag // 64 + (lag % 64 > 0)], lag)
        yield words[begin:end], later


def unpack(words: np.ndarray) -> np.ndarray:
    """Return the bits of the words, from the lowest on, along a new axis."""
    octets = np.ascontiguousarray(words, "<u8").view(np.uint8)
    return np.unpackbits(octets, bitorder="little").reshape(*words.shape, 64)


def column_counts(rows: np.ndarray) -> np.ndarray:
    """Count the ones of each column of bits of an array (rows, words): shape (64 * words,).

    Three rows become their sums and their carries, 64 columns at once, until two rows are left of
    each weight.
    """
    counts = np.zeros((rows.shape[1], 64), np.int64)
    weight = 1
    while len(rows):
        carries = [rows[:0]]
        while len(rows) > 2:
            third = len(rows) // 3
            a, b, c = rows[: 3 * third].reshape(3, third, -1)
            half = a ^ b
            carries.append((a & b) | (half & c))
            rows = np.concatenate([half ^ c, rows[3 * third :]])
        for row in rows:
            counts += weight * unpack(row).astype(np.int64)
        rows = np.concatenate(carries)
        weight *= 2
    return counts.ravel()


def new_key(rng: np.random.Generator) -> fastdrop.Key:
    """Draw a key."""
    return fastdrop.Key.from_words(*(int(word) for word in rng.integers(2**64, size=2, dtype="u8")))
