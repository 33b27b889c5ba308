"""Key, and the process's own stream of keys."""

from __future__ import annotations

import os
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.random import RandomState, SeedSequence
from numpy.typing import NDArray

from fastdrop._keys import Key, KeyStream, key_from_words, process_stream

__all__ = ["Key", "KeyStream", "RNGLike", "SeedLike", "key_from_words", "manual_seed"]


class BitGeneratorLike(Protocol):
    """A `numpy.random.BitGenerator`, or an object with the same C interface."""

    @property
    def capsule(self) -> Any:
        """A capsule named "BitGenerator" that holds a pointer to a ``bitgen_t``."""

    @property
    def lock(self) -> Any:
        """The `threading.Lock` or `threading.RLock` to hold while drawing."""


class GeneratorLike(Protocol):
    """A `numpy.random.Generator`, or an object that has a bit generator as it has."""

    @property
    def bit_generator(self) -> BitGeneratorLike:
        """What it draws from."""


SeedLike: TypeAlias = (
    int | np.integer[Any] | list[int] | tuple[int, ...] | NDArray[np.integer[Any]] | SeedSequence
)
"""The type of a seed: it gives the same key each time."""

RNGLike: TypeAlias = SeedLike | Key | BitGeneratorLike | GeneratorLike | RandomState | None
"""The type of what `rng=` accepts."""

_stream = process_stream()


def manual_seed(seed: SeedLike | Key | None) -> None:
    """Seed the process's own stream, from which calls with ``rng=None`` take their keys.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence, Key or None
        A seed, as for `Key`, or a key makes the calls take the same keys each time, in turn: call n
        that decides by chance, counted from 0, takes
        ``Key(seed).fold_in(2**63 - 1).fold_in(n)``, unrelated to the keys of a layer with that
        seed. None takes new entropy from the operating system, as happens at import and in every
        forked child.

    Raises
    ------
    TypeError
        If `seed` is of another type.
    ValueError
        If `seed` is or holds a negative int, or is an empty sequence.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> fastdrop.manual_seed(0)
    >>> first = fastdrop.dropout(np.ones(1000), 0.5)
    >>> fastdrop.manual_seed(0)
    >>> np.array_equal(fastdrop.dropout(np.ones(1000), 0.5), first)
    True
    """
    key = seed if isinstance(seed, Key) else Key(seed)
    _stream.restart(key.fold_in(2**63 - 1))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: manual_seed(None))
