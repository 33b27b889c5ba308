"""Code of the caller's own that runs during a call: what it changes is looked at afterwards."""

import warnings

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, numbers

from fastdrop import apply_mask, dropout, keep_mask


class Acting:
    """Converts to a number or an array, and acts when it does."""

    def __init__(self, value, act):
        self.value, self.act = value, act

    def __index__(self):
        self.act()
        return self.value

    def __array__(self, dtype=None, copy=None):
        self.act()
        return self.value


class Subclass(np.ndarray):
    """An array of a class of the caller's."""


@pytest.mark.parametrize("call", [dropout, keep_mask, apply_mask])
def test_a_p_that_is_resized_during_a_call_is_read_where_it_is_then(call, key):
    p = np.random.default_rng(0).random(10_000)

    def resize():
        p.resize(300_000, refcheck=False)

    options = {"num_threads": Acting(1, resize)}
    first = {dropout: np.ones(10_000), keep_mask: 10_000, apply_mask: np.ones(10_000)}[call]
    arguments = (first, True, p) if call is apply_mask else (first, p)
    options |= {} if call is apply_mask else {"rng": key}
    with pytest.raises(ValueError, match=r"its shape is \(300000,\)"):
        call(*arguments, **options)


def test_an_x_that_gets_another_dtype_during_a_call_is_filled_in_that(key, words):
    x = numbers(1000, np.float16)

    def widen():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's
            x.dtype = np.float64

    y = dropout(x, 0.5, rng=key, fill=Acting(np.array(3.0), widen), scale=False)
    assert y.dtype == np.float64
    assert_same_bytes(y, reference.dropout(x, 0.5, words, scale=False, fill=3.0))


@pytest.mark.parametrize("name", ["x", "mask"])
def test_an_array_of_a_subclass_that_is_resized_during_a_call(name):
    array = Subclass(8, bool if name == "mask" else float)  # owns its memory
    array[...] = 1
    arguments = {"x": np.ones(8), "mask": np.ones(8, bool), name: array}
    fill = Acting(np.array(0.0), lambda: array.resize(100_000, refcheck=False))
    match = r"x's shape \(100000,\)" if name == "x" else r"its shape is \(100000,\)"
    with pytest.raises(ValueError, match=match):
        apply_mask(**arguments, p=0.5, fill=fill)


def test_an_array_to_write_into_runs_no_code_of_its_class(key):
    """Where it is asked what it is, x has been looked at already."""

    class Out(np.ndarray):
        @property  # type: ignore[misc]
        def __class__(self):
            raise AssertionError("code of the class")

    out = np.zeros(5).view(Out)
    assert dropout(np.ones(5), 0.5, rng=key, out=out) is out
    assert dropout(np.ones(5), 0.5, rng=key).tobytes() == out.tobytes()
