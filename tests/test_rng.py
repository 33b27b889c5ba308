"""What `rng=` accepts, and the state of the process's stream."""

import copy
import json
import os
import pickle
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastdrop
from fastdrop import Dropout, Key, _keys, dropout, keep_mask

DRAWS_NOTHING: list[dict[str, Any]] = [
    {"training": False},
    {"p": 0.0},
    {"p": 1.0},
    {"x": np.ones(0)},
]


def key_of(rng):
    """Return the key that one call takes from rng."""
    return dropout(np.ones(3), 0.5, rng=rng, return_key=True)[1]


# Seeds


@pytest.mark.parametrize(
    "seed",
    [
        [1, 2],
        (3,),
        (0, 2**64, 2**100),
        [np.uint8(7), 8],
        np.array([1, 2], np.uint32),
        np.array([2**63, 1], np.uint64),
        np.array([5, 6], ">i8")[::-1],
        np.array([5, 2**70], object),
    ],
    ids=str,
)
def test_a_sequence_of_ints_is_the_seed_of_a_seed_sequence(seed):
    expected = Key(np.random.SeedSequence(seed))
    assert Key(seed) == expected
    for _ in range(2):
        assert key_of(seed) == expected
    x = np.ones(99)
    np.testing.assert_array_equal(Dropout(rng=seed)(x), Dropout(rng=expected)(x))
    fastdrop.manual_seed(seed)
    assert key_of(None) == expected.fold_in(2**63 - 1).fold_in(0)


NO_SEEDS = [
    [True],
    [1, np.True_],
    (1.5,),
    [None],
    ["1"],
    b"12",
    [[1], [2]],
    np.array([[1]]),
    np.array([True]),
    np.array([1.0]),
    np.array(["1"]),
    np.array([1.0])[0],
    np.ma.array([1, 2], mask=[False, True]),
    {1, 2},
    {1: 2},
    range(3),
]


@pytest.mark.parametrize("seed", NO_SEEDS, ids=repr)
def test_other_sequences_are_refused(seed):
    with pytest.raises(TypeError, match="seed must be an integer, a sequence of integers, a"):
        Key(seed)
    for call in (key_of, lambda rng: Dropout(rng=rng)):
        with pytest.raises(TypeError, match="rng must be None, an int, a sequence of ints, a"):
            call(seed)


def test_sequences_out_of_range_are_refused_by_value():
    for call in (Key, key_of, fastdrop.manual_seed, lambda seed: Dropout(rng=seed)):
        for seed in ([3, -7], (-7,), np.array([-7, 3])):
            with pytest.raises(ValueError, match="seed must be 0 or more, but got -7"):
                call(seed)
        empty: list[object] = [[], (), np.array([], int)]
        for nothing in empty:
            with pytest.raises(ValueError, match="must not be an empty sequence"):
                call(nothing)


# Random generators


class Duck:
    """An object with the C interface of a bit generator, and nothing else of it."""

    def __init__(self, bits):
        self.bits = bits
        self.capsule, self.lock = bits.capsule, bits.lock

    @property
    def state(self):
        """That of the bit generator."""
        return self.bits.state

    @state.setter
    def state(self, state):
        self.bits.state = state

    def __reduce__(self):
        return Duck, (self.bits,)


class GeneratorDuck:
    """An object with a bit generator, as `numpy.random.Generator` has one."""

    def __init__(self, bits):
        self.bit_generator = bits


GENERATORS = {
    "Generator": np.random.Generator,
    "BitGenerator": lambda bits: bits,
    "RandomState": np.random.RandomState,
    "Duck": Duck,
    "GeneratorDuck": GeneratorDuck,
    "GeneratorDuck of a Duck": lambda bits: GeneratorDuck(Duck(bits)),
}


@pytest.fixture(params=GENERATORS)
def wrap(request):
    """Make something that `rng=` accepts of a bit generator."""
    return GENERATORS[request.param]


def words_of(bits, n):
    """Return n keys drawn from a copy of a bit generator."""
    raw = np.random.Generator(copy.deepcopy(bits)).integers(0, 2**64, 2 * n, np.uint64)
    return [Key.from_words(k0, k1) for k0, k1 in raw.reshape(n, 2).tolist()]


@pytest.mark.parametrize("kind", ["MT19937", "PCG64"])
def test_a_generator_advances_by_two_draws_in_calls_that_decide_and_by_none_else(kind, wrap):
    bits = getattr(np.random, kind)(5)
    expected = words_of(bits, 3)
    rng = wrap(bits)
    for key in expected:
        for arguments in DRAWS_NOTHING:
            dropout(**({"x": np.ones(3), "p": 0.5, "rng": rng} | arguments))
        assert key_of(rng) == key
    for packed in (False, True):
        (key,) = words_of(bits, 1)
        mask = keep_mask(99, rng=rng, packed=packed)
        np.testing.assert_array_equal(mask, keep_mask(99, rng=key, packed=packed))


@pytest.mark.parametrize("how", ["copy", "deepcopy", "pickle", "state_dict"])
def test_a_layer_with_any_generator_is_copied_and_saved(how, wrap):
    layer = Dropout(0.5, rng=wrap(np.random.MT19937(3)))
    x = np.ones(200)
    layer(x)
    if how == "state_dict":
        twin = Dropout(0.5, rng=wrap(np.random.MT19937(4)))
        twin.load_state_dict(layer.state_dict())
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(layer))
    else:
        twin = getattr(copy, how)(layer)
    if how == "copy":  # shares the generator
        assert not np.array_equal(twin(x), layer(x))
    else:
        for _ in range(3):
            np.testing.assert_array_equal(twin(x), layer(x))


def test_the_global_state_of_numpy():
    rng, twin = np.random.mtrand._rand, np.random.RandomState()
    twin.set_state(rng.get_state())
    assert key_of(rng) == key_of(twin)


@pytest.mark.parametrize(
    "rng",
    [
        SimpleNamespace(capsule=None, lock=threading.Lock()),
        SimpleNamespace(bit_generator=7),
        SimpleNamespace(bit_generator=np.random.default_rng(0)),  # one too many
        SimpleNamespace(_bit_generator=np.random.PCG64(0)),
        np.random.PCG64,
        np.random.Generator,
        np.random.RandomState,
        np.random.PCG64(0).capsule,
        # a capsule of something else
        SimpleNamespace(capsule=np.arange(3).__array_struct__, lock=threading.Lock()),
    ],
    ids=lambda rng: type(rng).__name__,
)
def test_what_only_looks_like_a_generator_is_refused(rng):
    with pytest.raises(TypeError, match="rng must be None, an int, a sequence of ints"):
        key_of(rng)


class Lock:
    """A lock of the caller's own, whose code would run after the arrays were checked."""

    def __enter__(self):
        raise AssertionError("entered")

    def __exit__(self, *error):
        raise AssertionError("left")


class Locked(np.random.PCG64):
    """A bit generator of NumPy with a lock of the caller's own."""

    lock = Lock()  # type: ignore[assignment]


@pytest.mark.parametrize("lock", [Lock(), None, threading.Semaphore(), threading.Condition()])
def test_a_lock_of_the_callers_own_is_refused(lock):
    rng = Duck(np.random.PCG64(0))
    rng.lock = lock
    locked = Locked(0)
    x = np.ones(100)
    for source in (rng, locked, np.random.Generator(locked)):
        before = locked.state, rng.state
        with pytest.raises(
            TypeError, match=r"lock of rng's bit generator must be a threading\.Lock"
        ):
            dropout(x, inplace=True, rng=source)
        assert (locked.state, rng.state) == before
    assert x.all()


def test_a_generator_is_drawn_from_under_its_lock():
    bits = np.random.PCG64(0)
    for lock in (threading.Lock(), threading.RLock()):
        duck = Duck(bits)
        duck.lock = lock
        before = bits.state
        thread = threading.Thread(target=key_of, args=(duck,), daemon=True)
        with lock:
            thread.start()
            thread.join(0.05)
            assert thread.is_alive()
            assert bits.state == before
        thread.join(60)
        assert not thread.is_alive()
        assert bits.state != before


class Fickle:
    """A bit generator that shows its own code each time it is asked, and counts."""

    def __init__(self):
        self.bits, self.asked = np.random.PCG64(0), []

    def __getattr__(self, name):
        if name not in ("capsule", "lock"):
            raise AttributeError(name)
        self.asked.append(name)
        return getattr(self.bits, name)


def test_each_attribute_is_read_once_and_before_the_checks():
    rng = Fickle()
    key_of(rng)
    assert rng.asked == ["capsule", "lock"]
    rng.asked.clear()
    keep_mask(3, rng=rng)
    assert rng.asked == ["capsule", "lock"]


def test_the_generator_lives_as_long_as_it_is_drawn_from():
    class Fresh:
        @property
        def bit_generator(self):
            return np.random.PCG64(7)

    key = key_of(np.random.PCG64(7))
    assert all(key_of(Fresh()) == key for _ in range(100))


def test_an_exception_of_the_callers_code_comes_out():
    class Broken:
        @property
        def bit_generator(self):
            raise RuntimeError("asked")

    with pytest.raises(RuntimeError, match="asked"):
        key_of(Broken())


def test_a_source_without_keys_of_its_own_is_an_error():
    x = np.ones(9)
    with pytest.raises(NotImplementedError, match="KeySource has no next_key"):
        dropout(x, inplace=True, rng=_keys.KeySource())
    assert x.all()


# The state of the process's stream


def test_the_stream_goes_on_from_a_saved_state():
    fastdrop.manual_seed(3)
    keep_mask(9)
    state = fastdrop.get_rng_state()
    assert state == {"key": Key(3).fold_in(2**63 - 1).words, "calls": 1}
    saved = json.loads(json.dumps(state))
    keys = [key_of(None) for _ in range(3)]
    for same in (state, saved, copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        fastdrop.manual_seed(None)
        fastdrop.set_rng_state(same)
        assert fastdrop.get_rng_state() == state
        assert [key_of(None) for _ in range(3)] == keys
    assert state == {"key": Key(3).fold_in(2**63 - 1).words, "calls": 1}  # no view of the stream


def test_a_state_of_the_ends_of_its_range():
    words = (2**64 - 1, 0)
    for calls in (0, 2**63 - 1, 2**63):
        fastdrop.set_rng_state({"key": words, "calls": calls})
        assert fastdrop.get_rng_state() == {"key": words, "calls": calls}
    with pytest.raises(OverflowError):
        keep_mask(9)
    fastdrop.manual_seed(None)


BAD_STATES = [
    (None, TypeError, "must be a dict"),
    ([1, 2], TypeError, "must be a dict"),
    (Key(1), TypeError, "must be a dict"),
    ({}, ValueError, "entries"),
    ({"key": (1, 2)}, ValueError, "entries"),
    ({"calls": 1}, ValueError, "entries"),
    ({"key": (1, 2), "calls": 1, 3: 4}, ValueError, "entries"),
    ({"bit_generator": np.random.PCG64(1).state}, ValueError, "entries"),
    ({"key": 1, "calls": 1}, ValueError, "two words"),
    ({"key": None, "calls": 1}, ValueError, "two words"),
    ({"key": (1,), "calls": 1}, ValueError, "two words"),
    ({"key": (1, 2, 3), "calls": 1}, ValueError, "two words"),
    ({"key": "12", "calls": 1}, TypeError, "k0 must be an integer"),
    ({"key": (1, 2.0), "calls": 1}, TypeError, "k1 must be an integer"),
    ({"key": (True, 2), "calls": 1}, TypeError, "k0 must be an integer"),
    ({"key": (-1, 2), "calls": 1}, ValueError, "k0 must be in"),
    ({"key": (1, 2**64), "calls": 1}, ValueError, "k1 must be in"),
    ({"key": (1, 2), "calls": -1}, ValueError, "calls must be in"),
    ({"key": (1, 2), "calls": 2**63 + 1}, ValueError, "calls must be in"),
    ({"key": (1, 2), "calls": 1.0}, TypeError, "calls must be an integer"),
    ({"key": (1, 2), "calls": True}, TypeError, "calls must be an integer"),
    ({"key": (1, 2), "calls": None}, TypeError, "calls must be an integer"),
]


@pytest.mark.parametrize(("state", "error", "message"), BAD_STATES, ids=str)
def test_a_bad_state_is_refused_and_changes_nothing(state, error, message):
    before = fastdrop.get_rng_state()
    with pytest.raises(error, match=message):
        fastdrop.set_rng_state(state)
    assert fastdrop.get_rng_state() == before


def test_threads_that_set_and_get_see_whole_states():
    states = [{"key": (n, n), "calls": n} for n in range(1, 5)]
    stop = threading.Event()

    def keep_setting():
        while not stop.is_set():
            for state in states:
                fastdrop.set_rng_state(state)

    fastdrop.set_rng_state(states[0])
    thread = threading.Thread(target=keep_setting)
    thread.start()
    try:
        assert all(fastdrop.get_rng_state() in states for _ in range(20_000))
    finally:
        stop.set()
        thread.join()
        fastdrop.manual_seed(None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_a_new_stream_and_may_take_its_parents(run_python):
    script = """
import os, fastdrop
fastdrop.manual_seed(3)
state = fastdrop.get_rng_state()
child = os.fork()
if child == 0:
    new = fastdrop.get_rng_state() != state
    fastdrop.set_rng_state(state)
    os._exit(0 if new and fastdrop.get_rng_state() == state else 1)
print(os.waitpid(child, 0)[1], fastdrop.get_rng_state() == state)
"""
    assert run_python(script).split() == ["0", "True"]
