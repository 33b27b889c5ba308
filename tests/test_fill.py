"""`fill`: what a dropped element becomes.

The cases are drawn as in tests/test_layouts.py. `FASTDROP_CASES=10000 pytest tests/test_fill.py` is
a search of a minute, FASTDROP_CASES=100000 one of ten.
"""

import itertools
import os
import re
from typing import Any

import memory
import numpy as np
import pytest
import reference
from arrays import (
    assert_refused,
    assert_same_bytes,
    awkward_numbers,
    clear_padding,
    shown,
    special_bits,
)
from cases import DTYPES, LARGE, MASKS, TARGETS, check_all, chunk, chunks, draw_case

import fastdrop
from fastdrop import apply_mask, dropout
from fastdrop._core import BLOCK

CASES = 2500
SMALL = ["float8_e4m3fn", "float8_e5m2", "int4", "uint2", "complex32"]  # some of ml_dtypes
CHANNELS = {
    "dropout1d": (fastdrop.dropout1d, (5, 7, 33)),
    "dropout2d": (fastdrop.dropout2d, (5, 7, 4, 9)),
    "dropout3d": (fastdrop.dropout3d, (5, 7, 4, 3, 9)),
}


@pytest.mark.parametrize("begin", chunks(CASES))
def test_drawn_cases(begin):
    check_all(chunk(begin, CASES, extras=("fill",)))


@pytest.mark.skipif("FASTDROP_FIRST_CASE" in os.environ, reason="one case is repeated")
def test_drawn_cases_of_arrays_that_a_team_works_on():
    check_all(draw_case(n, large=True, extras=("fill",)) for n in range(LARGE))


def test_the_cases_are_of_every_kind():
    seen = set()
    for n in range(CASES):
        case = draw_case(n, extras=("fill",))
        kind = "array" if case.fill_array else "scalar"
        values = (case.dtype, case.names[0], case.target, case.operation, case.threads, case.mask)
        seen |= {(kind, value) for value in values}
        if case.fill_array:
            option = case.fill_array
            seen |= {(option.layout_name, option.place), (option.form, len(option.shape))}
    every = [*DTYPES, *memory.READABLE, *TARGETS, *MASKS, "dropout", "scale=False", 1, 2, 3]
    expected = set(itertools.product(("scalar", "array"), every))
    expected |= set(itertools.product(memory.READABLE, ("own", "x", "out")))
    expected |= set(itertools.product(("as it is", "read-only"), range(5)))
    expected |= set(itertools.product(("list",), range(5)))
    assert expected <= seen, expected - seen


# Scalars


def all_ways(x, p, fill, key, **options):
    """Drop with each kind of target; return the result, the same of all."""
    y = dropout(x, p, rng=key, fill=fill, **options)
    out = np.zeros_like(x)
    assert dropout(x, p, rng=key, fill=fill, out=out, **options) is out
    copy = x.copy()
    assert dropout(copy, p, True, True, rng=key, fill=fill, **options) is copy
    for array in (y, out, copy):
        clear_padding(array)
    assert y.tobytes() == out.tobytes() == copy.tobytes()
    return y


@pytest.mark.parametrize("fill", [np.nan, -np.inf, -0.0, -1, 0.1, True, np.float64(7), 1e-300])
@pytest.mark.parametrize("threads", [1, 3])
def test_dropped_elements_are_the_fill_in_every_dtype_that_is_scaled(
    fill, threads, dtype, key, words
):
    x = awkward_numbers(3 * BLOCK + 77, dtype)
    y = all_ways(x, 0.4, fill, key, offset=5, num_threads=threads)
    assert_same_bytes(y, reference.dropout(x, 0.4, words, 5, fill=fill))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_every_special_number_is_a_fill_with_all_its_bits(name, key, words):
    dtype = reference.dtype_of(name)
    x = awkward_numbers(500, dtype)
    kept = reference.keep(0, 500, 0.4, words)
    for fill in special_bits(dtype).view(dtype):
        swapped = [] if name == "bfloat16" else [np.array([fill], dtype.newbyteorder("S"))]
        for given in (fill, np.array(fill), *swapped):
            y = dropout(x, 0.4, rng=key, fill=given)
            assert set(y[~kept].view(f"u{dtype.itemsize}").tolist()) == {
                int(np.array(fill).view(f"u{dtype.itemsize}"))
            }


@pytest.mark.parametrize(
    ("dtype", "fills"),
    [
        *[("bool", [True, np.True_, 1]), ("int8", [-128, 127, np.int64(-1)])],
        *[("uint8", [255, np.int8(7), 200.0]), ("uint64", [2**64 - 1, np.uint64(2**63)])],
        *[("int64", [-1, -(2**63), 2**63 - 1, np.float32(3)]), ("uint16", [65535, True])],
        *[("float64", [2**70, -(10**300)]), ("float32", [2**100]), ("complex64", [-(2**64)])],
        *[("longdouble", [np.nan, -0.0, np.longdouble("0.1")]), ("float32", [0.1, 1e-50])],
        *[("complex64", [1 - 2j, complex(np.nan, -0.0), np.nan, np.complex128(3j)])],
        *[("clongdouble", [1j, -1.5]), (">i4", [-2, 70_000]), (">f8", [np.nan, 0.1])],
    ],
)
def test_numbers_that_a_dtype_can_hold(dtype, fills, key, words):
    x = np.ones(200, dtype)
    kept = reference.keep(0, 200, 0.4, words)
    for fill in fills:
        y = all_ways(x, 0.4, fill, key, scale=False)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, np.where(kept, x, np.array(fill, dtype)))
        negative = np.signbit(y.real[~kept]) if y.dtype.kind in "fc" else []
        assert all(np.signbit(np.array(fill, dtype).real) == sign for sign in negative)


@pytest.mark.parametrize("fill", [2**63 - 1, 999_999_999_999_999_999, -(2**63) + 1, [2**53 + 1]])
def test_a_complex_long_double_is_filled_with_each_int_exactly(fill, key, words):
    """NumPy itself takes Python's ints there by way of doubles."""
    kept = reference.keep(0, 200, 0.4, words)
    y = all_ways(np.ones(200, "clongdouble"), 0.4, fill, key, scale=False)
    assert (y[~kept] == np.asarray(fill).astype("clongdouble")).all()


@pytest.mark.parametrize("name", SMALL)
def test_dtypes_that_are_added_to_numpy_have_fills(name, key, words):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    if not hasattr(ml_dtypes, name):
        pytest.skip("this ml_dtypes has none")
    x = np.zeros(300, getattr(ml_dtypes, name))
    y = all_ways(x, 0.4, 1, key, scale=False)
    kept = reference.keep(0, 300, 0.4, words)
    assert_same_bytes(y, np.where(kept, x, np.ones((), x.dtype)))


def test_an_added_dtype_is_filled_with_ints_of_any_size(key, words):
    dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    kept = reference.keep(0, 200, 0.4, words)
    for fill in (2**63, 2**64 - 1, 2**64, -(2**70)):
        y = all_ways(np.ones(200, dtype), 0.4, fill, key, scale=False)
        assert_same_bytes(y, np.where(kept, np.ones((), dtype), np.array(float(fill), dtype)))


@pytest.mark.parametrize(
    ("name", "fills"),
    [
        *[("int4", [8, -9, 0.5, 1e9, np.nan]), ("uint4", [16, -1, -0.5, np.inf])],
        ("float8_e4m3fn", [1000, np.inf]),
    ],
)
def test_numbers_that_an_added_dtype_cannot_hold(name, fills):
    x = np.ones((2, 3), getattr(pytest.importorskip("ml_dtypes"), name))
    for fill in fills:
        for call in calls(x, np.zeros_like(x), fill):
            assert f"{name} cannot hold the fill {fill}" in assert_refused(
                ValueError, "fill", call, x, x
            )


def test_a_fill_of_0_is_no_fill(dtype, key):
    x = awkward_numbers((50, 60), dtype)
    y = dropout(x, 0.4, rng=key)
    for fill in (0, 0.0, False, np.float32(0), np.zeros(60), np.zeros((50, 1), dtype), [[0]]):
        assert_same_bytes(dropout(x, 0.4, rng=key, fill=fill), y)


def test_the_mask_and_the_scale_are_those_without_a_fill(key):
    x = np.arange(1.0, 1001)
    plain, used = dropout(x, 0.4, rng=key, return_key=True)
    y, same = dropout(x, 0.4, rng=key, fill=-1, return_key=True)
    assert used == same
    assert_same_bytes(np.where(y == -1, 0.0, y), plain)


# Where nothing is drawn


@pytest.mark.parametrize("fill", [np.nan, np.arange(40.0)])
def test_at_p_0_and_in_evaluation_nothing_is_filled(fill):
    x = awkward_numbers((30, 40))
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert dropout(x, 0.0, rng=rng, fill=fill) is x
    assert dropout(x, 0.5, False, rng=rng, fill=fill) is x
    out = np.ones_like(x)
    assert_same_bytes(dropout(x, 0.5, False, rng=rng, fill=fill, out=out), x)
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("fill", [np.nan, -1, [1, 2, 3], [[4], [5]]])
@pytest.mark.parametrize("name", ["float32", "int16", "complex128"])
def test_at_p_1_all_is_filled(fill, name):
    dtype = np.dtype(name)
    if fill is np.nan and dtype.kind == "i":
        pytest.skip("no int is NaN")
    x = awkward_numbers((2, 3), dtype)
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    expected = np.broadcast_to(np.array(fill, dtype), x.shape)
    y, key = dropout(x, 1.0, rng=rng, fill=fill, return_key=True)
    assert_same_bytes(y, expected)
    assert key is None
    assert_same_bytes(apply_mask(x, True, 1.0, fill=fill), expected)
    assert dropout(x, 1.0, inplace=True, rng=rng, fill=fill) is x
    assert_same_bytes(x, expected)
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("shape", [(0,), (3, 0), ()])
def test_empty_arrays_and_one_number(shape, key):
    x = np.ones(shape, np.float32)
    y = dropout(x, 0.5, rng=key, fill=np.nan)
    assert_same_bytes(y, reference.dropout(x, 0.5, key.words, fill=np.nan))


# Arrays


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_color_for_the_dropped_pixels_of_images(dtype, threads, key, words):
    images = np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3)).astype(dtype)
    grey = (124, 116, 104)
    options = {"rng": key, "scale": False, "fill": grey, "num_threads": threads}
    y = dropout(images, 0.3, noise_shape=(3, 70, 90, 1), **options)
    kept = reference.decisions((3, 70, 90, 1), 0.3, words)
    assert_same_bytes(y, np.where(kept, images, np.array(grey, dtype)))
    y = dropout(images, 0.3, **options)
    kept = reference.decisions(images.shape, 0.3, words)
    assert_same_bytes(y, np.where(kept, images, np.array(grey, dtype)))


@pytest.mark.parametrize(
    "shape", [(), (1,), (130,), (7, 1, 1), (50, 1), (1, 130), (50, 130), (7, 50, 130), (7, 1, 130)]
)
@pytest.mark.parametrize("order", ["C", "F", "reversed"])
def test_fills_broadcast(shape, order, dtype, key, words):
    x = awkward_numbers((7, 50, 130), dtype)
    fill = awkward_numbers(shape, dtype, 1)
    expected = reference.dropout(x, 0.4, words, fill=fill)
    if order == "F":
        x, fill = np.asfortranarray(x), np.asfortranarray(fill)
    elif order == "reversed":
        x, fill = x[::-1, :, ::-1].copy()[::-1, :, ::-1], np.flip(np.flip(fill).copy())
    assert_same_bytes(all_ways(x, 0.4, fill, key), expected)


@pytest.mark.parametrize("last", [1, 2, 3, 4, 5, 7, 8, 16, 63, 64, 65, 1000])
def test_a_fill_for_each_channel_of_each_number(last, key, words):
    rows = 2 * BLOCK // last + 3
    for dtype in (np.uint8, np.int16, np.float32, np.float64, np.complex128):
        x = awkward_numbers((rows, last), dtype)
        fill = np.arange(1, last + 1).astype(dtype)
        y = all_ways(x, 0.4, fill, key, scale=False, num_threads=2)
        assert_same_bytes(y, reference.dropout(x, 0.4, words, scale=False, fill=fill))


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_are_filled_as_wholes(name, dtype, key, words):
    function, shape = CHANNELS[name]
    inner = int(name[-2])
    x = awkward_numbers(shape, dtype)
    noise = shape[:-inner] + (1,) * inner
    for fill in (np.nan, -1, awkward_numbers((7,) + (1,) * inner, dtype, 2)):
        expected = reference.dropout(x, 0.4, words, 3, noise, fill=fill)
        assert_same_bytes(function(x, 0.4, rng=key, offset=3, fill=fill), expected)
        copy = x.copy()
        assert function(copy, 0.4, True, True, rng=key, offset=3, fill=fill) is copy
        assert_same_bytes(copy, expected)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("scale", [True, False])
def test_a_given_mask_is_filled(packed, p, scale, dtype):
    x = awkward_numbers((40, 50), dtype)
    kept = np.random.default_rng(0).random(x.shape) < 0.5
    mask = reference.packed(kept) if packed else kept
    for fill in (np.inf, np.arange(50), awkward_numbers((40, 1), dtype, 3)):
        y = apply_mask(x, mask, p, packed=packed, scale=scale, fill=fill)
        assert_same_bytes(y, reference.apply_mask(x, kept, p, scale, fill))


# Fills that lie in x or in the result behave as if they had been copied first.


def test_a_fill_may_be_x_or_lie_in_it(dtype, key, words):
    x = awkward_numbers((64, 200), dtype)
    views: dict[str, Any] = {"x": (), "reversed": (slice(None, None, -1), slice(None, None, -1))}
    views |= {"last row": (-1,), "column": (slice(None), slice(7, 8)), "number": (5, 6)}
    for at in views.values():
        expected = reference.dropout(x, 0.4, words, fill=x[at].copy())
        assert_same_bytes(dropout(x, 0.4, rng=key, fill=x[at]), expected)
        y = x.copy()
        assert_same_bytes(dropout(y, 0.4, inplace=True, rng=key, fill=y[at]), expected)
        out = x.copy()
        assert_same_bytes(dropout(x, 0.4, rng=key, fill=out[at], out=out), expected)


def test_a_fill_may_lie_across_the_result(key, words):
    held = awkward_numbers(3000)
    x, out, fill = awkward_numbers(2000, rng=4), held[500:2500], held[:2000]
    expected = reference.dropout(x, 0.4, words, fill=fill.copy())
    dropout(x, 0.4, rng=key, out=out, fill=fill)
    assert_same_bytes(out, expected)


@pytest.mark.parametrize("p", [0.4, 1.0])
@pytest.mark.parametrize("step", [1, 2, 3, -1, -2, -3])
def test_a_fill_may_lie_across_the_result_with_other_strides(p, step, key, words):
    """NumPy's own assignment fails for some of these."""
    held = awkward_numbers(3000)
    x, fill = held[700:1600], held[::step][:900]
    expected = reference.dropout(x, p, words, fill=fill.copy())
    dropout(x, p, True, True, rng=key, fill=fill)
    assert_same_bytes(x, expected)


# Errors


def calls(x, out, fill):
    """Return each kind of call with a fill."""
    return [
        lambda rng: dropout(x, 0.5, rng=rng, scale=False, fill=fill),
        lambda rng: dropout(x, 0.5, rng=rng, scale=False, fill=fill, out=out),
        lambda rng: dropout(x, 0.5, True, True, rng=rng, scale=False, fill=fill),
        lambda rng: dropout(x, 1.0, rng=rng, out=out, scale=False, fill=fill),
        lambda rng: fastdrop.dropout1d(x, 0.5, rng=rng, out=out, scale=False, fill=fill),
        lambda rng: apply_mask(x, True, 0.0, fill=fill, out=out),
    ]


@pytest.mark.parametrize(
    ("dtype", "fill", "named"),
    [
        *[("uint8", 300, "300"), ("uint8", -1, "-1"), ("uint8", np.nan, "nan")],
        *[("uint8", 1.5, "1.5"), ("uint8", np.int16(256), "256"), ("int8", 128, "128")],
        *[("int32", 1.5, "1.5"), ("int32", np.inf, "inf"), ("int64", 2**63, str(2**63))],
        *[("int64", 1e30, "1e"), ("uint64", -1, "-1"), ("uint64", 2**64, str(2**64))],
        *[("bool", 2, "2"), ("bool", 0.5, "0.5"), ("bool", np.nan, "nan"), ("bool", -1, "-1")],
        *[("float32", 1j, "1j"), ("float16", np.complex64(2 + 1j), "1"), ("uint8", 1j, "1j")],
        *[("uint8", [0, 300, 1], "300"), ("int16", np.array([0, 1, 0.5]), "0.5")],
        *[("int8", np.array([[1], [-129]]), "-129"), ("float32", np.array([0, 1j, 0]), "")],
        *[("int64", np.float16(-np.inf), "inf"), ("int32", np.array([-np.inf], "f2"), "inf")],
        *[("uint8", [0, 0, np.nan], "nan"), ("int64", np.array([2**63], np.uint64), str(2**63))],
    ],
    ids=shown,
)
def test_a_fill_that_the_dtype_cannot_hold(dtype, fill, named):
    x, out = np.ones((2, 3), dtype), np.zeros((2, 3), dtype)
    for call in calls(x, out, fill):
        message = assert_refused((TypeError, ValueError), "fill", call, x, out)
        assert dtype in message
        assert named in message


@pytest.mark.parametrize(
    "fill",
    [
        *["a", None, b"x", np.datetime64(1, "s"), np.array(1.5, object), object(), "nan", {}],
        *[["a", "b", "c"], np.array([None, 1, 2]), np.timedelta64(1, "s"), {1: 2}, [[]], {1}],
    ],
    ids=shown,
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_what_is_no_number_is_no_fill(dtype, fill):
    x, out = np.ones((2, 3), dtype), np.zeros((2, 3), dtype)
    for call in calls(x, out, fill):
        assert_refused((TypeError, ValueError), "fill", call, x, out)


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), (2, 4), (1, 2, 3), (1, 1, 1), (0,), (2, 0)])
def test_a_fill_that_does_not_broadcast(shape):
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    for call in calls(x, out, np.ones(shape)):
        message = assert_refused(ValueError, "fill", call, x, out)
        assert str(shape) in message
        assert "(2, 3)" in message


def test_a_masked_array_is_no_fill():
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    fill = np.ma.array([1.0, 2.0, 3.0], mask=[1, 0, 0])
    for call in calls(x, out, fill):
        assert_refused(TypeError, r"fill is a MaskedArray", call, x, out)


def test_alpha_dropout_has_a_fill_of_its_own():
    with pytest.raises(TypeError, match="fill"):
        fastdrop.alpha_dropout(np.ones(3), 0.5, True, fill=1)


@pytest.mark.parametrize(
    ("name", "fill"),
    [
        *[("int4", 9), ("int4", 100), ("int4", 3.5), ("int4", np.nan), ("uint4", -9)],
        *[("int2", 3.5), ("uint2", 4), ("float4_e2m1fn", 100), ("float4_e2m1fn", np.nan)],
        *[("float8_e4m3fn", np.inf), ("float8_e4m3fn", 1000), ("bfloat16", 1e39)],
    ],
)
def test_what_an_added_dtype_does_not_have_is_no_fill(name, fill, key):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    if not hasattr(ml_dtypes, name):
        pytest.skip("this ml_dtypes has none")
    x = np.zeros(3, getattr(ml_dtypes, name))
    with pytest.raises(ValueError, match=re.escape(f"{name} cannot hold the fill {fill}")):
        dropout(x, 0.5, rng=key, scale=False, fill=fill)
    assert dropout(x, 1, scale=False, fill=1).tolist() == [1, 1, 1]
