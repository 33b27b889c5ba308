"""Key, and the process's own stream of keys."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
from numpy.random import BitGenerator, Generator, SeedSequence

from fastdrop._keys import Key, KeyStream, key_from_words, process_stream

__all__ = ["Key", "KeyStream", "RNGLike", "key_from_words", "manual_seed"]

RNGLike: TypeAlias = int | np.integer[Any] | SeedSequence | BitGenerator | Generator | Key | None
"""The type of what `rng=` accepts."""

_stream = process_stream()


def manual_seed(seed: int | SeedSequence | Key | None) -> None:
    """Seed the process's own stream, from which calls with ``rng=None`` take their keys.

    Parameters
    ----------
    seed : int, numpy.random.SeedSequence, Key or None
        After an int, a `SeedSequence` or a `Key`, the calls take the same keys each time, in turn:
        call n that decides by chance, counted from 0, takes
        ``Key(seed).fold_in(2**63 - 1).fold_in(n)``, unrelated to the keys of a layer with that
        seed. None takes new entropy from the operating system, as happens at import and in every
        forked child.

    Raises
    ------
    TypeError
        If `seed` is of another type.
    ValueError
        If `seed` is negative.

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
