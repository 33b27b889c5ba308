"""Relations between keys: exclusive or of the masks of two and of four keys, at p = 0.5.

Keys are random, or made of small numbers; their words differ by one bit, by a sum, or as four keys
whose words or sums cancel. Seeds, folded and spawned keys, and the calls of layers come as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from blocks import judge
from evidence import Result
from source import BLOCK, BLOCK_WORDS, Source

from fastdrop import Key

WORD_MASK = 2**64 - 1
Words = tuple[int, int]


def xor(words: Words, bit: int) -> Words:
    """Flip a bit of the 128 of a key."""
    k0, k1 = words
    return (k0 ^ (1 << bit), k1) if bit < 64 else (k0, k1 ^ (1 << (bit - 64)))


def add(words: Words, bit: int) -> Words:
    """Add a power of two to one of the words of a key."""
    k0, k1 = words
    if bit < 64:
        return (k0 + (1 << bit)) & WORD_MASK, k1
    return k0, (k1 + (1 << (bit - 64))) & WORD_MASK


def changed(words: Words, change: Callable[[Words, int], Words], bits: list[int]) -> list[Words]:
    """Return the keys that have any of the bits changed: 2 for one bit, 4 for two."""
    every = [words]
    for bit in bits:
        every += [change(one, bit) for one in every]
    return every


def of_words(rng: np.random.Generator) -> Iterator[tuple[str, Callable[[Words], list[Words]]]]:
    """Give relations of the words of keys."""
    for name, change in [("xor", xor), ("sum", add)]:
        for bit in range(128):
            yield f"two keys, {name}, bit {bit}", partial(changed, change=change, bits=[bit])
        for _ in range(64):
            bits = [int(bit) for bit in rng.choice(128, size=2, replace=False)]
            related = partial(changed, change=change, bits=bits)
            yield f"four keys, {name}, bits {bits[0]} and {bits[1]}", related
    yield "words exchanged", lambda w: [w, w[::-1]]
    yield "both words, one more", lambda w: [w, add(add(w, 0), 64)]
    yield "both words inverted", lambda w: [w, (w[0] ^ WORD_MASK, w[1] ^ WORD_MASK)]


def of_seeds() -> Iterator[tuple[str, Callable[[int], list[Key]]]]:
    """Give relations of keys that are made as users make them, from a number."""
    yield "seeds n, n + 1", lambda n: [Key(n), Key(n + 1)]
    yield "seeds n, n + 2^32", lambda n: [Key(n), Key(n + 2**32)]
    yield "four seeds", lambda n: [Key(4 * n + k) for k in range(4)]
    yield "folds n, n + 1", lambda n: [Key(7).fold_in(n), Key(7).fold_in(n + 1)]
    yield "four folds", lambda n: [Key(7).fold_in(4 * n + k) for k in range(4)]
    yield "fold 0 of seeds n, n + 1", lambda n: [Key(n).fold_in(0), Key(n + 1).fold_in(0)]
    yield "a key and its fold", lambda n: [Key(n), Key(n).fold_in(0)]
    yield "fold of fold", lambda n: [Key(n).fold_in(1), Key(n).fold_in(1, 1)]
    yield "folds exchanged", lambda n: [Key(7).fold_in(n, n + 1), Key(7).fold_in(n + 1, n)]
    yield (
        "folds of two keys",
        lambda n: [Key(a).fold_in(b) for a in (n, n + 1) for b in (n, n + 1)],
    )
    yield "spawned keys", lambda n: Key(n).spawn(2)
    yield "spawned keys of four", lambda n: Key(n).spawn(4)


def small_or_random(rng: np.random.Generator, n: int) -> Words:
    """Return the words of a key: small numbers, or random ones.

    k1 is never counted as well: relations would lead from one of the keys to another one.
    """
    if n % 2:
        return n, int(rng.integers(2**32))
    k0, k1 = rng.integers(2**64, size=2, dtype=np.uint64)
    return int(k0), int(k1)


def results(source: Source, scale: float, rng: np.random.Generator) -> Iterator[Result]:
    """Give each relation, over many keys."""
    size = max(2**6, int(2**11 * scale))
    together = np.empty((size, BLOCK_WORDS), np.uint64)
    for name, related in of_words(rng):
        for n in range(size):
            keys = related(small_or_random(rng, n))
            masks = [source.words(BLOCK, 0.5, Key.from_words(*words)) for words in keys]
            together[n] = np.bitwise_xor.reduce(masks)
        yield from judge(name, together, rng)
    for name, keys_of in of_seeds():
        start = int(rng.integers(2**31))
        for n in range(size):
            masks = [source.words(BLOCK, 0.5, key) for key in keys_of(start + n)]
            together[n] = np.bitwise_xor.reduce(masks)
        yield from judge(name, together, rng)
    for name, seeds in [("calls of a layer", [0]), ("calls of two layers", [0, 1])]:
        start = int(rng.integers(2**31))
        layers = [source.layer(start + seed) for seed in seeds]
        for n in range(size):
            together[n] = layers[0]() ^ layers[-1]()
        yield from judge(name, together, rng)
