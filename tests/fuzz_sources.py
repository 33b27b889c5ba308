"""Values of `rng=` for the fuzz: what each gives as a key, and how it stands afterwards."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import fuzz_hostile as hostile
import numpy as np
import reference
from fuzz import Draws, OwnError, World, copy_of, shown, state_of, two_draws

import fastdrop

KINDS = [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM]
SEEDS: list[Any] = [
    *[0, 1, 7, 2**32, 2**64, 10**40, np.int64(5), np.uint8(200), np.array(3), hostile.Index(4)],
    *[[1, 2], (3,), [0, 2**100], np.array([1, 2], np.uint32), np.array([5, 2**70], object)],
    *[
        np.array([5, 6], ">i8")[::-1],
        [hostile.Index(1), np.int8(2)],
        np.array([7]).view(hostile.Plain),
    ],
]
NO_SEEDS: list[Any] = [
    *[True, False, np.True_, 1.0, 1.5, np.float64(2), "1", b"1", {}, {1}, object(), len, np.random],
    *[
        -1,
        [-1],
        [],
        (),
        [1.5],
        [[1]],
        [True],
        [None],
        np.array([[1]]),
        np.array([1.5]),
        np.array([]),
    ],
    *[np.array([True]), np.array(["1"]), range(3), iter([1]), fastdrop.Key, np.random.PCG64, 1j],
    *[
        hostile.Index("1"),
        hostile.Index(-5),
        hostile.Index(None),
        [[]],
        -(10**400),
    ],
    *[np.ma.array([1, 2], mask=[0, 1]), np.datetime64(1, "s"), np.array([-1]), threading.Lock()],
]
OWN_SEEDS = [
    *[hostile.Attributes(), hostile.NoAttributes(), hostile.Index(1, hostile.refuse)],
    *[[hostile.Index(1, hostile.refuse)], hostile.Unshowable(), [hostile.Unshowable()]],
]


@dataclass
class Source:
    """A value of `rng=`, the key that it gives next, and how all stands when it is taken."""

    given: Any
    key: tuple[int, int]
    after: bytes | None = None  # the state of the world's last generator
    stream: dict[str, Any] | None = None  # the state of the process's stream
    text: str = ""
    raises: tuple[type[BaseException], ...] = ()
    taken: bool = True  # whether a call must take it

    def check(self, world: World, drawn: bool) -> None:
        """Compare how all stands with what it must be after a call."""
        if drawn and self.after is not None:
            world.states[-1] = self.after
        world.check_generators(self.stream if drawn else None)


def draw_source(d: Draws, world: World) -> Source:
    """Draw something that `rng=` accepts."""
    kind = d.one(["None", "key", "key", "seed", "seed", "SeedSequence", "generator", "generator"])
    if kind == "None":
        return of_process(world)
    if kind == "key":
        words = d.one([(1, 2), (0, 0), (2**64 - 1, 2**64 - 1), (2**63, 1)])
        return Source(fastdrop.Key.from_words(*words), words, text="Key")
    if kind == "seed":
        seed = d.one(SEEDS)
        words = reference.seed_key(np.random.SeedSequence(ints_of(seed)))
        return Source(seed, words, text=f"seed {shown(seed)}")
    if kind == "SeedSequence":
        sequence = np.random.SeedSequence(d.integer(0, 3), spawn_key=(d.integer(0, 2),))
        return Source(sequence, reference.seed_key(sequence), text=kind)
    return of_generator(d, world)


def ints_of(seed: Any) -> Any:
    """Return a seed in Python's own types."""
    if isinstance(seed, (list, tuple)) or (isinstance(seed, np.ndarray) and seed.ndim):
        return [n.value if isinstance(n, hostile.Index) else int(n) for n in seed]
    return seed.value if isinstance(seed, hostile.Index) else int(seed)


def of_process(world: World) -> Source:
    """Return the process's own stream."""
    state = fastdrop.get_rng_state()
    after = {**state, "calls": state["calls"] + 1}
    return Source(None, reference.fold_in(state["key"], state["calls"]), None, after, "None")


def of_generator(d: Draws, world: World, inner: Any = None) -> Source:
    """Return a generator, or what wraps one."""
    bits = d.one(KINDS)(d.integer(0, 5)) if inner is None else inner
    if d.chance(20) and inner is None:  # an odd number of 32 bits is drawn
        np.random.Generator(bits).integers(0, 2**32, dtype=np.uint32)
    twin = copy_of(bits)
    words = two_draws(twin)
    world.watch(bits)
    wrapped = d.one(
        [np.random.Generator, np.random.RandomState, hostile.Duck, hostile.Holder, None]
    )
    given = bits if wrapped is None or inner is not None else wrapped(bits)
    text = f"{type(given).__name__} of {type(bits).__name__}"
    return Source(given, words, state_of(twin), text=text)


def odd_source(d: Draws, world: World) -> Source:
    """Draw something that `rng=` refuses."""
    kind = d.integer(0, 6)
    bits = np.random.PCG64(1)
    world.watch(bits)
    refused = (0, 0)
    if kind == 0:
        locks: list[Any] = [hostile.OwnLock(), None, 1, threading.Semaphore(), threading.Lock]
        given: Any = hostile.Duck(bits, lock=d.one([*locks, hostile.OwnLock(hostile.refuse)]))
        return Source(given, refused, text="a lock of its own", taken=False)
    if kind == 1:
        capsules: list[Any] = [hostile.OTHER_CAPSULE, None, 1, "BitGenerator", object()]
        given = hostile.Duck(bits, capsule=d.one(capsules))
        return Source(given, refused, text="another capsule", taken=False)
    if kind == 2:
        kinds = [hostile.Locked, hostile.Hidden]
        return Source(d.one(kinds)(1), refused, text="subclass", raises=(OwnError,), taken=False)
    if kind == 3:
        given = d.one([hostile.Duck, hostile.Holder])(bits, hostile.refuse)
        return Source(given, refused, text="raises", raises=(OwnError,), taken=False)
    if kind == 4:
        return Source(d.one(OWN_SEEDS), refused, text="hostile", raises=(OwnError,), taken=False)
    if kind == 5:  # the stream has come to its end
        fastdrop.set_rng_state({"key": (1, 2), "calls": 2**63})
        return Source(None, refused, text="exhausted", raises=(OverflowError,), taken=False)
    given = d.one(NO_SEEDS) if d.chance(70) else [d.anything(), "x"]
    return Source(given, refused, text=f"seed {shown(given)}", taken=False)
