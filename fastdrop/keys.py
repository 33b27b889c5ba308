"""The types of `rng=`, and the process's own stream of keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.random import MT19937, Philox, RandomState, SeedSequence
from numpy.typing import NDArray

from fastdrop._keys import Key, KeyStream, key_from_words, process_stream

__all__ = [
    "Key",
    "KeyStream",
    "RNGLike",
    "SeedLike",
    "get_rng_state",
    "key_from_words",
    "load_bit_generator",
    "manual_seed",
    "set_rng_state",
    "stream_of_state",
]


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

    See Also
    --------
    get_rng_state, set_rng_state : Save the stream, and resume it.

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


def get_rng_state() -> dict[str, Any]:
    """Return where the process's own stream stands.

    Returns
    -------
    dict
        ``{"key": (k0, k1), "calls": n}``: the words of the stream's key, and how many keys have
        been taken. All are Python ints. Save them with `json` or `pickle`; NumPy would convert
        them to floats.

    See Also
    --------
    set_rng_state : Resume the stream from this state.

    Notes
    -----
    Any thread may call. The state is read in one step: no other thread's call falls between its
    parts.

    Examples
    --------
    >>> import fastdrop
    >>> fastdrop.manual_seed(0)
    >>> mask = fastdrop.keep_mask(4)
    >>> fastdrop.get_rng_state()
    {'key': (16427053399154011577, 7869420959856250104), 'calls': 1}
    """
    return _stream.state


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Resume the process's own stream: the next keys are those that followed `state`.

    Parameters
    ----------
    state : dict
        From `get_rng_state`, or the ``{"key": ..., "calls": ...}`` of a layer's `state_dict`. The
        key's words may be a list, as they are after a way through JSON.

    Raises
    ------
    ValueError
        If `state` has other entries, or one is out of range; the stream is unchanged.
    TypeError
        If `state` is not a dict, or a word or the number of calls is not an integer; the stream is
        unchanged.

    See Also
    --------
    get_rng_state : Save the stream.
    manual_seed : Start the stream from a seed.

    Notes
    -----
    Any thread may call; the stream is shared by all threads of the process. A forked child has a
    new stream. If it sets a state of its parent's, it takes the same keys as the parent.

    Examples
    --------
    >>> import json, numpy as np, fastdrop
    >>> text = json.dumps(fastdrop.get_rng_state())
    >>> first = fastdrop.keep_mask(1000)
    >>> fastdrop.set_rng_state(json.loads(text))
    >>> np.array_equal(fastdrop.keep_mask(1000), first)
    True
    """
    stream = stream_of_state(state, "state")
    _stream.restart(stream.key, stream.calls)


def stream_of_state(state: Mapping[str, Any], name: str) -> KeyStream:
    """Return a stream that stands where `state` says; reject what is no stream's state."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{name} must be a dict, but got {state!r}")
    if set(state) != {"key", "calls"}:
        raise ValueError(f"{name} must have the entries 'key' and 'calls', but has {list(state)}")
    try:
        k0, k1 = state["key"]
    except (TypeError, ValueError):
        raise ValueError(f"{name}['key'] must be two words, but is {state['key']!r}") from None
    return KeyStream(Key.from_words(k0, k1), state["calls"])


def load_bit_generator(bits: Any, state: Any, name: str) -> None:
    """Set the state of a bit generator; reject one of another kind. `bits` may be None."""
    kind = _kind(state)
    if bits is None:
        raise ValueError(f"{name} is of a bit generator {kind}, but this layer has none")
    before = bits.state
    if kind != _kind(before):
        raise ValueError(
            f"{name} is of a bit generator {kind}, but this layer's is a {_kind(before)}"
        )
    try:
        _check_position(bits, state)
        bits.state = state
    except Exception as error:  # of any type, and some after a part of the state is set
        bits.state = before
        if isinstance(error, MemoryError):
            raise
        raise ValueError(f"{name} holds no state of a {kind}: {error}") from error


def _kind(state: Any) -> Any:
    """Return the kind of bit generator that a state names."""
    return state.get("bit_generator") if isinstance(state, dict) else None


def _check_position(bits: Any, state: dict[str, Any]) -> None:
    """Reject a position outside the buffer it points into, where NumPy would read."""
    if isinstance(bits, MT19937):
        position, end = state["state"]["pos"], 624
    elif isinstance(bits, Philox):
        position, end = state["buffer_pos"], 4
    else:
        return
    if not 0 <= position <= end:
        raise ValueError(f"the position must be in 0 .. {end}, but is {position}")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: manual_seed(None))
