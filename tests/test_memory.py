"""Memory: calls of every public function leave none behind, and no reference, errors included.

`FASTDROP_MEMORY_CALLS=100000 pytest tests/test_memory.py` is the long run: so many calls of each
name, all its cases in turn.
"""

import ctypes
import gc
import inspect
import itertools
import os
import sys

import every_call
import numpy as np
import pytest

import fastdrop

CALLS = int(os.environ.get("FASTDROP_MEMORY_CALLS", 4000))  # of each name
EVERY = every_call.everything()
NAMES = [name for name in fastdrop.__all__ if name != "RNGLike"]  # a type


class Mallinfo(ctypes.Structure):
    """What malloc has handed out, as glibc's mallinfo2 tells."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    ]


def find_mallinfo():
    """Return glibc's mallinfo2, or None elsewhere."""
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return None
    mallinfo.restype = Mallinfo
    return mallinfo


MALLINFO = find_mallinfo()


def in_use():
    """Return what is in use: blocks of Python's allocator, and bytes of malloc's."""
    gc.collect()
    info = MALLINFO() if MALLINFO else None
    return sys.getallocatedblocks(), info.uordblks + info.hblkhd if info else 0


def repeat(calls, rounds):
    for _ in itertools.repeat(None, rounds):
        for call in calls:
            call()


def growth(calls, rounds):
    """Return by how much rounds of calls make what is in use grow: blocks, bytes."""
    before = in_use()
    repeat(calls, rounds)
    return [now - then for now, then in zip(in_use(), before, strict=True)]


def assert_flat(calls, rounds, blocks_each=0.1):
    """Check that calls leave nothing behind: less than a block in ten rounds, and a byte in one.

    What a process allocates only once is not in all of 20 turns.
    """
    repeat(calls, 20)
    gc.freeze()  # what is there already need not be searched each time
    try:
        for _ in range(20):
            own = growth((), rounds)  # what the measurement holds
            more = growth(calls, rounds)
            blocks, taken = (now - then for now, then in zip(more, own, strict=True))
            if blocks < rounds * blocks_each and taken < rounds:
                return
    finally:
        gc.unfreeze()
    raise AssertionError(f"{rounds} rounds leave {blocks} blocks and {taken} bytes")


@pytest.fixture(autouse=True)
def _process():
    """Leave what the process shares as it was."""
    state, threads = fastdrop.get_rng_state(), fastdrop.get_num_threads()
    yield
    fastdrop.set_rng_state(state)
    fastdrop.set_num_threads(threads)


def test_every_public_name_is_called():
    assert {call.name for call in EVERY} == set(NAMES)


def test_every_public_name_is_refused_something():
    assert {call.name for call in EVERY if call.error} == set(NAMES) - {
        *("get_rng_state", "get_num_threads"),  # that take nothing
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_given(name):
    value = getattr(fastdrop, name)
    given = [
        inspect.signature(value).bind(*call.arguments, **call.options).arguments
        for call in EVERY
        if call.function is value and call.error is None
    ]
    named = {option for arguments in given for option in arguments}
    assert named == set(inspect.signature(value).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_flat(name):
    calls = [call for call in EVERY if call.name == name]
    assert_flat(calls, max(20, CALLS // len(calls)))


def test_a_block_that_one_of_many_calls_leaves_is_seen():
    kept = []
    calls = [call for call in EVERY if call.name == "dropout"]
    with pytest.raises(AssertionError, match=r"leave \d\d blocks"):
        assert_flat([*calls, lambda: kept.append(fastdrop.Key(1))], 20)


@pytest.mark.skipif(MALLINFO is None, reason="there is no mallinfo2")
def test_an_array_that_stays_is_seen():
    kept, at = np.empty(10**4, object), itertools.count()

    def call():  # an array's elements are no block of Python's
        kept[next(at)] = fastdrop.dropout(np.zeros(300), 0.5)

    with pytest.raises(AssertionError, match=r"and [1-9]\d{5} bytes"):
        assert_flat([call], 200)


# References


def counts(objects):
    return [sys.getrefcount(thing) for thing in objects]


@pytest.mark.parametrize("name", NAMES)
def test_references_to_what_is_handed_in_are_as_before(name):
    for call in EVERY:
        if call.name == name:
            objects = call.objects()
            repeat([call], 3)
            before = counts(objects)
            repeat([call], 10)
            assert counts(objects) == before, str(call)


def test_references_of_a_result_are_those_of_its_holder():
    for call in EVERY:
        result = call()
        if isinstance(result, np.ndarray) and not any(result is x for x in call.objects()):
            assert sys.getrefcount(result) == 2, str(call)  # `result`, and the argument
            assert result.base is None or isinstance(result.base, np.ndarray), str(call)


def test_a_reference_that_stays_is_seen():
    kept, x = [], np.zeros(3)
    call = every_call.Call("", lambda x: kept.append(x.dtype), (x.astype(">f4"),))
    before = counts(call.objects())
    repeat([call], 10)
    assert counts(call.objects()) != before
