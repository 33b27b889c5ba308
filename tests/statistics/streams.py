"""Streams of words at p = 0.5, to show relations between blocks and between keys.

    python tests/statistics/streams.py NAME SEED | another program

writes one to stdout without end. In a stream of keys one word of each key follows the other, so a
relation between keys becomes one between neighbouring words.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import numpy as np
from source import WORD, Source

from fastdrop import Key

CHUNK = 2**18  # words: of each of 1024 keys a block
KEYS = 1024  # whose words are interleaved
WORD_MASK = 2**64 - 1


def consecutive_blocks(source: Source, key: Key) -> Iterator[np.ndarray]:
    """Give block after block of one key."""
    size, offset = CHUNK * WORD, 0
    while True:
        yield source.words(size, 0.5, key, offset)
        offset += size


def first_words(source: Source, key: Key) -> Iterator[np.ndarray]:
    """Give the first word of each block of one key."""
    start = 0
    while True:
        yield source.first_words(CHUNK, key, start)
        start += CHUNK


def interleave(source: Source, key_at: Callable[[int], Key]) -> Iterator[np.ndarray]:
    """Give a word of each of 1024 keys, then the next of each; then come 1024 other keys."""
    first, size = 0, CHUNK // KEYS * WORD
    while True:
        masks = [source.words(size, 0.5, key_at(n)) for n in range(first, first + KEYS)]
        yield np.stack(masks, axis=1).ravel()
        first += KEYS


def adjacent_k0(source: Source, key: Key) -> Iterator[np.ndarray]:
    """Give keys whose first word counts upwards."""
    k0, k1 = key.words
    return interleave(source, lambda n: Key.from_words((k0 + n) & WORD_MASK, k1))


def adjacent_k1(source: Source, key: Key) -> Iterator[np.ndarray]:
    """Give keys whose second word counts upwards."""
    k0, k1 = key.words
    return interleave(source, lambda n: Key.from_words(k0, (k1 + n) & WORD_MASK))


def folded_keys(source: Source, key: Key) -> Iterator[np.ndarray]:
    """Give key.fold_in(0), key.fold_in(1), ..."""
    return interleave(source, key.fold_in)


def adjacent_seeds(source: Source, key: Key) -> Iterator[np.ndarray]:
    """Give Key(n), Key(n + 1), ... from some n on."""
    start = key.words[0] >> 1
    return interleave(source, lambda n: Key(start + n))


STREAMS = {
    "blocks": consecutive_blocks,
    "first-words": first_words,
    "adjacent-k0": adjacent_k0,
    "adjacent-k1": adjacent_k1,
    "folded-keys": folded_keys,
    "adjacent-seeds": adjacent_seeds,
}


def main() -> None:
    """Write a stream until the reader has enough."""
    name, seed = sys.argv[1:]
    try:
        for words in STREAMS[name](Source(), Key(int(seed))):
            sys.stdout.buffer.write(words)
    except BrokenPipeError:
        os._exit(0)  # the reader is gone: nothing is left to be flushed


if __name__ == "__main__":
    main()
