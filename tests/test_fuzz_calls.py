"""Any call of a function that takes x: the result is the reference's, or it is refused in order."""

import inspect

import fuzz
import fuzz_cases
import fuzz_expect
import numpy as np
import pytest
from arrays import assert_same_bytes, clear_padding
from fuzz_cases import Case

import fastdrop

FUNCTIONS = [name for name in fuzz_cases.OPTIONS if name != "keep_mask"]
fuzz.tested.update(FUNCTIONS)


def check_call(d, name):
    """Make a case, and compare what comes of it with what must."""
    Case(d, name).check(check_result)


def check_result(case, result):
    """Compare a result, and all about it, with what the reference says."""
    given, world = case.given(), case.world
    if case.args["x"].text.startswith("huge"):  # all that can be done with it is nothing
        y = result[0] if isinstance(result, tuple) else result
        assert y is given["x"]
        world.check_memory()
        world.check_generators()
        return
    plain = case.plain()
    key = case.source.key if case.source else (0, 0)
    expected = fuzz_expect.ANSWERS[case.name](plain, key)
    y, more = result, None
    if plain.get("return_key") or plain.get("return_mask"):
        y, more = result
    check_y(case, plain, y, expected)
    if case.source:
        case.source.check(world, expected.drawn)
    if plain.get("return_key"):
        assert (more is None) == (not expected.drawn)
        assert more is None or more.words == key
    if plain.get("return_mask"):
        assert_same_bytes(more, expected.mask)
    if plain.get("return_key") and more is not None:
        again = {**given, "x": plain["x"], "rng": more, "inplace": False, "out": None}
        again = {name: again[name] for name in given if name != "return_key"}
        y2 = getattr(fastdrop, case.name)(**{**again, **kept(case, plain)})
        assert cleared(y2).tobytes() == cleared(expected.y.astype(y2.dtype)).tobytes()


def kept(case, plain):
    """Return the arguments that can be used once, or that a result may have overwritten."""
    names = ("p", "fill", "noise_shape", "origin", "full_shape")
    return {name: plain[name] for name in names if name in case.args}


def check_y(case, plain, y, expected):
    """Compare the array that was returned, and all memory, with what they must be."""
    given, x = case.given(), plain["x"]
    written = expected.y if expected.y is not None else np.ndarray.view(x, np.ndarray)
    written = np.array(written.astype(x.dtype))
    target = given.get("out")
    if target is None and plain.get("inplace"):
        target = given["x"]
    if target is not None:
        assert y is target
    elif expected.y is None and isinstance(given["x"], np.ndarray):
        assert y is given["x"]
    elif expected.y is not None:
        assert type(y) is np.ndarray
        assert y.flags.writeable
        if isinstance(given["x"], np.ndarray):
            plain_x = np.ndarray.view(given["x"], np.ndarray)
            assert y.strides == np.empty_like(plain_x).strides
    y = np.ndarray.view(y, np.ndarray)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    if target is not None and y.size:
        twin = case.world.twin(y)
        twin[...] = written
        for array in (y, twin):
            clear_padding(array)
    assert cleared(y).tobytes() == cleared(written).tobytes()
    case.world.check_memory()


def cleared(array):
    """Return a copy whose padding is 0, of which nothing is said."""
    copy = np.array(array, order="C")
    clear_padding(copy)
    return copy


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_call_is_right_or_refused_in_order(name):
    fuzz.run(name, check_call)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_fuzzed(name):
    parameters = inspect.signature(getattr(fastdrop, name)).parameters
    assert set(parameters) == set(fuzz_cases.OPTIONS[name])
