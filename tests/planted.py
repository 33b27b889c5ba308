"""Masks that are bad in a known way, to see that each statistic of tests/statistics alarms.

Every class changes what `source.Source` returns, and its docstring says how.
"""

# ruff: noqa: D102 -- the methods are those of Source

from __future__ import annotations

import functools
import itertools

import numpy as np
from source import BLOCK, BLOCK_WORDS, Source

import fastdrop

LANE = np.uint64(0xF)


class Biased(Source):
    """p is larger than asked for: by a hundredth, where words are drawn."""

    def words(self, size, p, key, offset=0):
        return super().words(size, min(1.0, 1.01 * p), key, offset)

    def first_words(self, count, key, start):
        return super().first_words(count, key, start) & super().first_words(count, key, start + 1)

    def mask(self, shape, key, **options):
        if "p" in options and np.ndim(options["p"]):
            options["p"] = np.minimum(1, 1.1 * options["p"])
        return super().mask(shape, key, **options)

    def drop_block(self, shape, p, size, key):
        return super().drop_block(shape, 1.2 * p, size, key)

    def alpha_dropout(self, size, p, key):
        return super().alpha_dropout(size, 1.02 * p, key)


class SixteenBits(Source):
    """p is rounded to a multiple of 2^-16: there are no ties."""

    def words(self, size, p, key, offset=0):
        return super().words(size, np.floor(p * 2**16) / 2**16, key, offset)


class Unnested(Source):
    """Each p has a stream of its own."""

    def words(self, size, p, key, offset=0):
        return super().words(size, p, key.fold_in(int(p * 2**40)), offset)


class RepeatedBlocks(Source):
    """Each block of an odd index is the one before it."""

    def words(self, size, p, key, offset=0):
        first = offset // BLOCK
        last = -(-(offset + size) // BLOCK)
        kept = super().words((last - first + 2) * BLOCK, p, key, (first - first % 2) * BLOCK)
        rows = kept.reshape(-1, BLOCK_WORDS)
        index = np.arange(first, last)
        whole = rows[index - index % 2 - (first - first % 2)].ravel()
        begin = (offset - first * BLOCK) // 64
        return whole[begin : begin + size // 64]

    def first_words(self, count, key, start):
        every = super().first_words(count + 1, key, start - start % 2)
        return every[(np.arange(start, start + count) & ~1) - (start - start % 2)]


class EqualLanes(Source):
    """In a quarter of the steps lane 1 is lane 0."""

    def words(self, size, p, key, offset=0):
        words = super().words(size, p, key, offset).copy()
        some = words[::4]
        some &= ~np.uint64(0xF0)
        some |= (some & LANE) << np.uint64(4)
        return words


class Sticky(Source):
    """Each tenth step repeats the one before."""

    def words(self, size, p, key, offset=0):
        words = super().words(size, p, key, offset).copy()
        words[9::10] = words[8:-1:10]
        return words


class Runs(Source):
    """Every eighth decision is the one before."""

    def words(self, size, p, key, offset=0):
        words = super().words(size, p, key, offset)
        eighths = np.uint64(0x0101010101010101)
        return (words & ~(eighths << np.uint64(1))) | ((words & eighths) << np.uint64(1))


class TooEven(Source):
    """Each second word is the complement of the one before; if p is not 0.5, it is the same."""

    def words(self, size, p, key, offset=0):
        words = super().words(size, p, key, offset).copy()
        words[1::2] = ~words[::2] if p == 0.5 else words[::2]
        return words


class Steps(Source):
    """Each eighth step keeps its first decision, and the one after it its second."""

    def words(self, size, p, key, offset=0):
        words = super().words(size, p, key, offset).copy()
        words[::8] |= np.uint64(1)
        words[1::8] |= np.uint64(2)
        return words


@functools.cache
def patterns() -> np.ndarray:
    """Return the words of a block for each bit of a key."""
    return np.random.default_rng(0).integers(2**64, size=(128, BLOCK_WORDS), dtype=np.uint64)


class LinearKeys(Source):
    """Masks of up to a block are sums of patterns, one for each bit of the key that is set."""

    def words(self, size, p, key, offset=0):
        if size > BLOCK:
            return super().words(size, p, key, offset)
        of_key = key.words[0] | key.words[1] << 64
        chosen = [bit for bit in range(128) if of_key >> bit & 1]
        return np.bitwise_xor.reduce(patterns()[chosen])[: size // 64]


class FewKeys(Source):
    """There are two keys only; the seed of a layer does not matter, and its masks come twice."""

    def words(self, size, p, key, offset=0):
        part = key.words[0] & 6
        return super().words(size, p, fastdrop.Key(min(part, 6 - part)), offset)

    def layer(self, seed):
        masks = super().layer(0)
        twice = (mask for _ in itertools.count() for mask in [masks()] * 2)
        return lambda: next(twice)


class RepeatedWindows(Source):
    """One word in 2^12 is the one 100 words before."""

    def words(self, size, p, key, offset=0):
        words = super().words(size, p, key, offset).copy()
        words[100::4096] = words[:-100:4096]
        return words


class LinearBlocks(Source):
    """Of the blocks of a call, all but the first 64 are sums of two before."""

    def blocks(self, count, p, key, start=0):
        rows = super().blocks(count, p, key, start).copy()
        for index in range(64, count):
            rows[index] = rows[index - 64] ^ rows[index - 63]
        return rows


class Unfair(Source):
    """In each eighth line the first decision is kept if the second is, by exchanging them."""

    def mask(self, shape, key, **options):
        mask = super().mask(shape, key, **options)
        some = mask[::8]
        exchanged = some[:, 0] < some[:, 1]
        some[exchanged, :2] = some[exchanged, 1::-1]
        return mask


class Clustered(Source):
    """Where a count is asked for, what is kept lies together, somewhere in the line."""

    def mask(self, shape, key, **options):
        mask = np.sort(super().mask(shape, key, **options), axis=-1)
        shift = np.random.default_rng(key.words).integers(shape[1], size=(shape[0], 1))
        return np.take_along_axis(mask, (np.arange(shape[1]) + shift) % shape[1], axis=1)
