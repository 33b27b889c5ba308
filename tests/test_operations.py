"""What becomes of each element: every dtype and operation against the reference, bit for bit."""

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers, numbers

import fastdrop
from fastdrop import alpha_dropout, apply_mask, dropout
from fastdrop._core import BLOCK

SELECTED = [
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble"),
]
ADDED = [
    *("bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint2", "float4_e2m1fn"),
    *("complex32", "bcomplex32"),
]


@pytest.fixture(params=SELECTED + ADDED)
def any_dtype(request):
    """Every dtype of numbers."""
    if request.param in ADDED:
        ml_dtypes = pytest.importorskip("ml_dtypes")
        if not hasattr(ml_dtypes, request.param):
            pytest.skip("this ml_dtypes has none")
        return np.dtype(getattr(ml_dtypes, request.param))
    return np.dtype(request.param)


def random_bits(size, dtype):
    """Elements of any bits: signaling NaNs, subnormals, and of long doubles no numbers at all."""
    rng = np.random.default_rng(size + dtype.itemsize)
    if dtype == np.bool_:
        return rng.integers(0, 2, size).astype(bool)
    return rng.integers(0, 256, size * dtype.itemsize, dtype=np.uint8).view(dtype)


def selected(x, kept):
    """The bytes of x where it is kept, and zero bytes."""
    items = np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(x.size, x.itemsize)
    return (items * np.broadcast_to(kept, x.shape).reshape(-1, 1)).tobytes()


def every_16_bits(dtype):
    return np.arange(2**16, dtype=np.uint16).view(dtype)


# Scaled


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("p", [0.1, 0.5, 2 / 3, 0.999, 1 - 2**-17, 1 - 2**-53])
def test_every_number_of_16_bits_is_scaled_as_in_the_reference(name, p):
    x = every_16_bits(reference.dtype_of(name))
    y = apply_mask(x, True, p)
    assert y.tobytes() == reference.apply_mask(x, np.array(True), p).tobytes()


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_scaling_is_what_numpy_multiplies(name, key):
    x = awkward_numbers(10_000, name)
    kept = fastdrop.keep_mask(x.shape, 0.1, rng=key)
    with np.errstate(all="ignore"):
        scaled = x * np.dtype(name).type(1 / (1 - 0.1))
    assert_same_bytes(dropout(x, 0.1, rng=key), np.where(kept, scaled, 0))


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_16_bits_are_scaled_in_float32_and_rounded_once(name, key):
    dtype = reference.dtype_of(name)
    x = numbers(10_000, dtype)
    for p in (0.1, 0.56, 0.99):
        kept = fastdrop.keep_mask(x.shape, p, rng=key)
        scaled = (x.astype(np.float32) * np.float32(1 / (1 - p))).astype(dtype)
        assert dropout(x, p, rng=key).tobytes() == np.where(kept, scaled, dtype.type(0)).tobytes()


def test_a_scale_above_every_float16_makes_no_infinity_of_small_numbers():
    x = np.zeros(400_000, np.float16)
    x[::2] = 2.0**-10
    y = dropout(x, 0.99999, rng=3)
    assert set(y[::2].tolist()) == {0.0, float(np.float16(2.0**-10 / 1e-5))}
    assert not y[1::2].view(np.uint16).any()


def test_arrays_of_complex_numbers_that_no_line_fits(key, words):
    """complex64 lies on 4 bytes: its elements may begin off every cache line, streamed or not."""
    for dtype, size in ((np.complex64, 2**22 + 5), (np.complex128, 2**21 + 5)):
        parts = np.ones(2 * size + 1, np.zeros(1, dtype).real.dtype)
        x = awkward_numbers(size, dtype)
        out = parts[1:].view(dtype)
        dropout(x, 0.3, rng=key, out=out)
        kept = reference.keep(0, size, 0.3, words)
        assert_same_bytes(out, reference.apply_mask(x, kept, 0.3))
        assert parts[0] == 1


# Selected


@pytest.mark.parametrize("offset", [0, 77])
def test_every_length_is_selected_by_its_bytes(any_dtype, offset, key, words):
    x = random_bits(200, any_dtype)
    kept = reference.keep(offset, 200, 0.4, words)
    for size in range(201):
        y = dropout(x[:size], 0.4, rng=key, scale=False, offset=offset)
        assert y.dtype == any_dtype
        assert y.tobytes() == selected(x[:size], kept[:size])


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_are_selected(any_dtype, threads, key, words):
    x = random_bits(5 * BLOCK + 77, any_dtype)
    expected = selected(x, reference.keep(5, x.size, 0.4, words))
    options = {"rng": key, "offset": 5, "scale": False, "num_threads": threads}
    assert dropout(x, 0.4, **options).tobytes() == expected
    out = np.ones_like(x)
    assert dropout(x, 0.4, out=out, **options) is out
    assert out.tobytes() == expected
    assert dropout(x, 0.4, inplace=True, **options) is x
    assert x.tobytes() == expected


@pytest.mark.parametrize("layout", ["fortran", "strided", "unaligned", "transposed"])
def test_layouts_are_selected(any_dtype, layout, key, words):
    x = random_bits(70 * 90, any_dtype).reshape(70, 90)
    if layout == "fortran":
        y = np.asfortranarray(x)
    elif layout == "strided":
        y = np.repeat(x, 2, axis=1)[:, ::2]
    elif layout == "transposed":
        y = x.T
        x = np.ascontiguousarray(y)
    else:
        memory = np.zeros(x.nbytes + 1, np.uint8)
        y = memory[1:].view(any_dtype).reshape(x.shape)
        y[...] = x
    kept = reference.decisions(x.shape, 0.4, words)
    z = dropout(y, 0.4, rng=key, scale=False)
    assert z.tobytes() == selected(x, kept)
    assert z.strides == np.empty_like(y).strides


@pytest.mark.parametrize("dtype", [">i4", ">f2", ">c16", ">u8"])
def test_swapped_bytes_are_selected(dtype, key, words):
    x = awkward_numbers(1000, dtype)
    kept = reference.keep(0, 1000, 0.4, words)
    y = dropout(x, 0.4, rng=key, scale=False)
    assert_same_bytes(y, reference.chosen(kept, x))


def test_signaling_nans_are_selected_as_they_are(key):
    x = np.full(1000, 0x7F800001, np.uint32).view(np.float32)
    y = dropout(x, 0.4, rng=key, scale=False)
    assert set(y.view(np.uint32).tolist()) == {0, 0x7F800001}


def test_evaluation_takes_every_number(any_dtype):
    x = np.ones(5, any_dtype)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x
    out = np.zeros_like(x)
    assert (dropout(x, 0.5, training=False, out=out) == x).all()
    assert dropout(x, 1.0).tobytes() == bytes(x.nbytes)


def test_a_dtype_whose_zero_bits_are_not_0_is_refused():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    if not hasattr(ml_dtypes, "float8_e8m0fnu"):
        pytest.skip("this ml_dtypes has none")
    with pytest.raises(TypeError, match="float8_e8m0fnu"):
        dropout(np.ones(3, ml_dtypes.float8_e8m0fnu), 0.5, scale=False)


def test_added_dtypes_without_an_operation_are_refused():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.ones(3, ml_dtypes.float8_e5m2)
    with pytest.raises(TypeError, match=r"float8_e5m2.*float32.*scale=False"):
        dropout(x, 0.5)


# Shifted


@pytest.mark.parametrize("p", [0.1, 1 / 3, 0.5, 0.9, 1e-6, 1 - 2**-20])
@pytest.mark.parametrize("threads", [1, 3])
def test_alpha_dropout_equals_the_reference(p, threads, real_dtype, key, words):
    x = awkward_numbers(3 * BLOCK + 77, real_dtype)
    expected = reference.alpha_dropout(x, p, words, 5)
    options = {"rng": key, "offset": 5, "num_threads": threads}
    assert alpha_dropout(x, p, True, **options).tobytes() == expected.tobytes()
    out = np.ones_like(x)
    assert alpha_dropout(x, p, True, out=out, **options) is out
    assert out.tobytes() == expected.tobytes()
    assert alpha_dropout(x, p, True, True, **options) is x
    assert x.tobytes() == expected.tobytes()


def test_every_length_is_shifted(real_dtype, key, words):
    x = awkward_numbers(200, real_dtype)
    expected = reference.alpha_dropout(x, 0.4, words)
    for size in range(201):
        y = alpha_dropout(x[:size], 0.4, True, rng=key)
        assert y.tobytes() == expected[:size].tobytes()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.999])
def test_every_number_of_16_bits_is_shifted_as_in_the_reference(name, p, key, words):
    x = every_16_bits(reference.dtype_of(name))
    y = alpha_dropout(x, p, True, rng=key)
    assert y.tobytes() == reference.alpha_dropout(x, p, words).tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
def test_layouts_are_shifted(order, real_dtype, key, words):
    x = np.array(awkward_numbers((100, 130), real_dtype), order=order)
    expected = reference.alpha_dropout(x, 0.4, words)
    assert alpha_dropout(x, 0.4, True, rng=key).tobytes() == expected.tobytes()
    view = np.repeat(x, 2, axis=0)[::-2][::-1]
    assert alpha_dropout(view, 0.4, True, rng=key).tobytes() == expected.tobytes()


def test_alpha_dropout_where_nothing_is_decided(real_dtype):
    x = numbers(10, real_dtype)
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert alpha_dropout(x, 0.5, rng=rng) is x
    assert alpha_dropout(x, 0.0, True, rng=rng) is x
    y, key = alpha_dropout(x, 1.0, True, rng=rng, return_key=True)
    assert y.tobytes() == bytes(x.nbytes)
    assert key is None
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("dtype", [np.int32, np.bool_, np.longdouble])
def test_dtypes_that_cannot_be_shifted(dtype):
    x = np.ones(3, dtype)
    with pytest.raises(
        TypeError, match=rf"{np.dtype(dtype).name}.*float32 or another float dtype$"
    ):
        alpha_dropout(x, 0.5, True, True)
    assert x.all()


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, np.clongdouble])
def test_complex_numbers_are_told_from_those_that_cannot_be_scaled(dtype):
    with pytest.raises(TypeError, match=r"real numbers.*complex.*x\.real and x\.imag"):
        alpha_dropout(np.ones(3, dtype), 0.5, True)


# One call, every kind of target


@pytest.mark.parametrize("scale", [True, False])
def test_a_result_past_the_cache_equals_its_pieces(scale, dtype, key):
    size, step = 2**25 // dtype.itemsize + 77, 1_000_003
    x = awkward_numbers(size, dtype)
    out = np.zeros_like(x)
    dropout(x, 0.3, rng=key, out=out, scale=scale)
    for begin in range(0, size, step):
        piece = dropout(x[begin : begin + step], 0.3, rng=key, offset=begin, scale=scale)
        assert out[begin : begin + step].tobytes() == piece.tobytes()
