"""The fuzz: how many cases of which function, what a case leaves as it was, and what came of all.

`FASTDROP_FUZZ=100000 pytest tests/test_fuzz*.py` makes so many cases of the core, and as many of
PyTorch, Dask and files, from fresh randomness, and prints what came of them; `--hypothesis-seed=1`
repeats a run. Without it a few cases are made, the same each time. Where FASTDROP_FUZZ_LAST names a
file, each case is written there before its call, for the one that ends the process.
"""

from __future__ import annotations

import collections
import copy
import faulthandler
import functools
import math
import os
import pickle
import random
import warnings
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import conftest
import numpy as np
import pytest
import reference

import fastdrop

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

# Cases of each public name: parts of a long run. tests/test_fuzz_keys.py compares the names.
SHARES = {
    **{"dropout": 24, "dropout1d": 6, "dropout2d": 4, "dropout3d": 4, "drop_path": 4},
    **{"alpha_dropout": 4, "feature_alpha_dropout": 3, "drop_block2d": 4, "drop_block3d": 3},
    **{"coarse_dropout": 5, "keep_mask": 9, "apply_mask": 8},
    **{"Dropout": 3, "Dropout1d": 1, "Dropout2d": 1, "Dropout3d": 1, "DropPath": 1},
    **{"AlphaDropout": 1, "FeatureAlphaDropout": 1, "DropBlock2d": 1, "DropBlock3d": 1},
    **{"Key": 4, "manual_seed": 2, "get_rng_state": 1, "set_rng_state": 2},
    **{"set_num_threads": 1, "get_num_threads": 1, "show_config": 1},
}
NOT_CALLED = {"RNGLike"}  # a type
CASES = int(os.environ.get("FASTDROP_FUZZ", 0))
LAST = os.environ.get("FASTDROP_FUZZ_LAST")
SECONDS = 120  # after which a case hangs

reference_draws = reference.block_draws
tally: dict[str, collections.Counter[str]] = {}
tested: set[str] = set()


class OwnError(Exception):
    """What the caller's own hostile code raises."""


SEEDS = st.integers(0, 2**64 - 1)


@functools.cache
def index_below(n: int) -> Any:
    """Return the strategy of the indices of n options, all equally likely."""
    return st.sampled_from(range(n))


class Draws:
    """What hypothesis chooses in a case.

    In a long run it chooses a seed and the odd values, and all else follows from the seed. So a
    case takes a third of the time, but one that fails is not made simpler.
    """

    def __init__(self, draw: Callable[[Any], Any], name: str) -> None:
        self._draw = draw
        self._random = random.Random(f"{name} {draw(SEEDS)}") if CASES else None

    def _below(self, n: int) -> int:
        return self._random.randrange(n) if self._random else self._draw(index_below(n))

    def one(self, options: Any) -> Any:
        """Draw one of several."""
        return options[self._below(len(options))]

    def integer(self, least: int, most: int) -> int:
        """Draw an integer in least .. most."""
        if self._random:
            return self._random.randint(least, most)
        return self._draw(st.integers(least, most))

    def chance(self, percent: int) -> bool:
        """Draw what is true in so many of a hundred cases, and false in the simplest one."""
        return self._below(100) >= 100 - percent

    def anything(self) -> Any:
        """Draw a value of Python's own types, which a fuzzer would come upon."""
        simple = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers()
        simple |= st.text(max_size=5) | st.binary(max_size=5) | st.fractions() | st.decimals()
        simple |= st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**400, -1, 10**5000])
        return self._draw(st.one_of(simple, st.lists(simple, max_size=4), st.tuples(simple)))

    def rng(self) -> np.random.Generator:
        """Draw a generator, for what a seed is enough for: contents and layouts."""
        return np.random.default_rng(self.integer(0, 2**32 - 1))


@functools.lru_cache(maxsize=500)
def draws_of_block(block: int, key: reference.Key) -> np.ndarray:
    """Return the draws of a block, which many cases share."""
    return reference_draws(np.array([block], np.uint64), key)[0]


def draws_of_blocks(blocks: np.ndarray, key: reference.Key) -> np.ndarray:
    """Return what `reference.block_draws` returns."""
    return np.stack([draws_of_block(block, key) for block in blocks.tolist()])


def run(name: str, check: Callable[[Draws, str], None], part: float = 1) -> None:
    """Make the cases of a public name, or a part of them; `check` makes one."""
    usual = CASES * SHARES[name] / sum(SHARES.values()) if CASES else 20 + 10 * SHARES[name]
    seen = tally.setdefault(name, collections.Counter())

    def case(d: Draws) -> None:
        seen["cases"] += 1
        try:
            check(d, name)
        finally:
            fastdrop.manual_seed(0)

    with mock.patch.object(reference, "block_draws", draws_of_blocks):
        make_cases(name, math.ceil(part * usual), case)


def make_cases(name: str, count: int, case: Callable[[Draws], None]) -> None:
    """Make so many cases, each from what hypothesis draws; end the process if one hangs."""

    @hypothesis.settings(
        max_examples=count,
        phases=[hypothesis.Phase.generate, *([] if CASES else [hypothesis.Phase.shrink])],
        report_multiple_bugs=False,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def one(data: Any) -> None:
        faulthandler.dump_traceback_later(SECONDS, exit=True, file=conftest.stderr)
        try:
            case(Draws(data.draw, name))
        finally:
            faulthandler.cancel_dump_traceback_later()

    if not CASES:
        one = hypothesis.seed(zlib.crc32(name.encode()))(one)
    one()


def report() -> list[str]:
    """Return lines on the cases so far: how many, and what came of them."""
    lines = []
    total = sum(tally.values(), collections.Counter[str]())
    for name, seen in [*tally.items(), ("all", total)]:
        rest = ", ".join(f"{n} {what}" for what, n in seen.most_common() if what != "cases")
        lines.append(f"{name}: {seen['cases']} cases: {rest}")
    return lines


def shown(value: Any) -> str:
    """Return a value for a message, also one that cannot be shown."""
    try:
        return repr(value)[:200]
    except (OwnError, ValueError):  # an int may have too many digits
        return f"a {type(value).__name__}"


# What a call must leave as it was


def state_of(bits: Any) -> bytes:
    """Return the state of a bit generator as bytes, which can be compared."""
    return pickle.dumps(bits.state)


def two_draws(bits: Any) -> tuple[int, int]:
    """Take two draws of 64 bits from a bit generator."""
    k0, k1 = np.random.Generator(bits).integers(0, 2**64 - 1, 2, np.uint64, endpoint=True)
    return int(k0), int(k1)


class World:
    """The memory, the generators and the settings about a call, and what each must become."""

    def __init__(self) -> None:
        self.arenas: list[tuple[np.ndarray, np.ndarray]] = []
        self.generators: list[Any] = []
        self.states: list[bytes] = []
        self.may_raise: tuple[type[BaseException], ...] = (TypeError, ValueError)
        self.texts: list[str] = []
        self.stream: dict[str, Any] = {}

    def arena(self, size: int, rng: np.random.Generator, most: int = 255) -> np.ndarray:
        """Make memory, and a twin of it that is what it must be."""
        memory = rng.integers(0, most + 1, size, np.uint8)
        self.arenas.append((memory, memory))
        return memory

    def watch(self, bits: Any) -> None:
        """Watch a bit generator."""
        self.generators.append(bits)

    def allow(self, *errors: type[BaseException]) -> None:
        """Allow a call to raise more than TypeError and ValueError."""
        self.may_raise += errors

    def begin(self) -> None:
        """Write down how all stands; a call follows."""
        self.arenas = [(memory, memory.copy()) for memory, _ in self.arenas]
        self.states = [state_of(bits) for bits in self.generators]
        self.stream = fastdrop.get_rng_state()
        self.threads = fastdrop.get_num_threads()

    def poke(self, memory: np.ndarray, at: int, value: int) -> None:
        """Write a byte, as the caller's own code may during a call."""
        memory[at] = value
        for mine, twin in self.arenas:
            if mine is memory:
                twin[at] = value

    def twin(self, array: np.ndarray) -> np.ndarray:
        """Return the same view of what the memory must be."""
        plain = np.ndarray.view(array, np.ndarray)
        address = plain.__array_interface__["data"][0]
        for memory, twin in self.arenas:
            begin = memory.__array_interface__["data"][0]
            if plain.size and begin <= address < begin + memory.size:
                return np.ndarray(
                    plain.shape, plain.dtype, twin.data, address - begin, plain.strides
                )
        assert plain.size == 0, "an array that lies in no arena"
        return np.zeros(plain.shape, plain.dtype)

    def check_memory(self) -> None:
        """Compare all memory with what it must be."""
        for i, (memory, twin) in enumerate(self.arenas):
            assert memory.tobytes() == twin.tobytes(), f"bytes of memory {i} have changed"

    def check_generators(self, stream: dict[str, Any] | None = None) -> None:
        """Compare the generators, the process's stream and the threads with what they must be."""
        for bits, state in zip(self.generators, self.states, strict=True):
            assert state_of(bits) == state, f"{type(bits).__name__} has advanced"
        assert fastdrop.get_rng_state() == (stream or self.stream)
        assert fastdrop.get_num_threads() == self.threads


class Outcome(NamedTuple):
    """What a call returned, or the error that it raised."""

    value: Any
    error: BaseException | None


def attempt(world: World, name: str, call: Callable[[], Any], begun: bool = False) -> Outcome:
    """Call; if it raises, check that it may, that it says why, and that it has changed nothing."""
    if LAST:
        with open(LAST, "w") as file:
            file.write(f"{name}: {world.texts}\n")
    if not begun:
        world.begin()
    seen = tally.setdefault(name, collections.Counter())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = call()
    except world.may_raise as error:
        outcome = Outcome(None, error)
    else:
        seen["results"] += 1
        return Outcome(value, None)
    kind, text = type(outcome.error), str(outcome.error)
    seen[kind.__name__] += 1
    assert kind is OwnError or text.strip(), f"{kind.__name__} says nothing"
    world.check_memory()
    world.check_generators()
    return outcome


def copy_of(bits: Any) -> Any:
    """Return a bit generator of NumPy's own class that stands where another stands."""
    kind = next(kind for kind in type(bits).__mro__ if kind.__module__.startswith("numpy.random"))
    twin = kind(0)
    twin.state = copy.deepcopy(bits.state)
    return twin
