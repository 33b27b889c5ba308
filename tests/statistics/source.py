"""Where the masks come from: the public functions, on one thread.

A test of the statistics gives them a subclass whose masks are bad in a known way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastdrop

BLOCK = 16384  # decisions
WORD = 64
BLOCK_WORDS = BLOCK // WORD
BLOCKS = 2**48  # so that an array of all their decisions has less than 2^63 elements


class Source:
    """Masks as users get them, in words: bit i of a word is 1 if decision i is kept."""

    def words(self, size: int, p: float, key: fastdrop.Key, offset: int = 0) -> np.ndarray:
        """Return the mask of `size` decisions, a multiple of 64, from `offset` on."""
        bits = fastdrop.keep_mask(size, p, rng=key, packed=True, offset=offset, num_threads=1)
        return bits.view("<u8")

    def blocks(self, count: int, p: float, key: fastdrop.Key, start: int = 0) -> np.ndarray:
        """Return the masks of blocks start, start + 1, ..., a row of words for each."""
        return self.words(count * BLOCK, p, key, start * BLOCK).reshape(count, BLOCK_WORDS)

    def first_words(self, count: int, key: fastdrop.Key, start: int) -> np.ndarray:
        """Return the first word of each block, at p = 0.5."""
        bits = fastdrop.keep_mask(
            (count, WORD),
            0.5,
            rng=key,
            packed=True,
            origin=(start, 0),
            full_shape=(BLOCKS, BLOCK),
            num_threads=1,
        )
        return bits.view("<u8")

    def layer(self, seed: int) -> Callable[[], np.ndarray]:
        """Return the next call of a layer with this seed, as the words of its mask of a block."""
        layer, x = fastdrop.Dropout(0.5, rng=seed), np.ones(BLOCK, np.float32)
        return lambda: np.packbits(layer(x) != 0, bitorder="little").view("<u8")

    def mask(self, shape: Sequence[int], key: fastdrop.Key, **options: Any) -> np.ndarray:
        """Return a mask of bools, as the options of keep_mask ask for it."""
        return fastdrop.keep_mask(shape, rng=key, num_threads=1, **options)

    def drop_block(
        self, shape: Sequence[int], p: float, size: int, key: fastdrop.Key
    ) -> np.ndarray:
        """Return what drop_block2d keeps."""
        ones = np.ones(shape, np.float32)
        return fastdrop.drop_block2d(ones, p, size, rng=key, num_threads=1) != 0

    def alpha_dropout(self, size: int, p: float, key: fastdrop.Key) -> np.ndarray:
        """Return what alpha_dropout keeps."""
        x = np.full(size, 100, np.float32)  # further from 0 than what a dropped element becomes
        return fastdrop.alpha_dropout(x, p, training=True, rng=key, num_threads=1) > 0
