"""Arrays for several test files, and the comparison of their bytes."""

import re

import numpy as np
import pytest


def shown(value):
    """Name a test by a value, without the address that objects show: it differs in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def numbers(shape, dtype=np.float64):
    """The same random numbers each time."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def special_bits(dtype):
    """Bits of the numbers that computations treat apart, of a real float dtype of IEEE 754 kind.

    Both zeros, both infinities, quiet NaNs of several payloads, a signaling one, the least and the
    greatest subnormals, and the greatest finite numbers.
    """
    size = 8 * dtype.itemsize
    exponent = {"float16": 5, "bfloat16": 8, "float32": 8, "float64": 11}[dtype.name]
    fraction = size - 1 - exponent
    infinity = (2**exponent - 1) << fraction
    quiet = infinity | 1 << (fraction - 1)
    positive = [0, infinity, quiet, quiet | 5, quiet | (quiet - 1) & (2**fraction - 1)]
    positive += [infinity | 1, 1, 2**fraction - 1, infinity - 1]
    signs = [bits | 1 << (size - 1) for bits in positive]
    return np.array(positive + signs, f"u{dtype.itemsize}")


def awkward_numbers(shape, dtype=np.float64, rng=0):
    """Random numbers, of which a third are special; of integers and long doubles, any bytes."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(rng)
    size = int(np.prod(shape, dtype=np.intp))
    native = dtype.newbyteorder("=")
    if native.kind in "biu" or native.itemsize // (2 if native.kind == "c" else 1) > 8:
        values = rng.integers(0, 256, size * native.itemsize, np.uint8).view(native)
        values = values != 0 if native.kind == "b" else values
    else:
        parts = 2 if native.kind == "c" else 1
        real = np.zeros(1, native).real.dtype
        values = rng.standard_normal(size * parts).astype(real)
        bits, special = values.view(f"u{real.itemsize}"), special_bits(real)
        chosen = rng.random(bits.size) < 1 / 3
        bits[chosen] = special[rng.integers(0, special.size, int(chosen.sum()))]
        values = values.view(native)
    if dtype != native:
        values = values.byteswap().view(dtype)
    return values.reshape(shape)


def quiet(x):
    """Make signaling NaNs quiet: a block of which each p is 0 is not scaled, but the whole is."""
    if x.dtype.kind not in "fc":
        return x
    parts = x.view(x.real.dtype)
    with np.errstate(invalid="ignore"):
        return (parts * parts.dtype.type(1)).view(x.dtype)


def assert_same_bytes(result, expected):
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert result.tobytes() == expected.tobytes()


LONG_DOUBLE = np.dtype(np.longdouble).itemsize


def clear_padding(array):
    """Set the bytes to 0 that long doubles of 80 bits do not use, and np.array does not set."""
    if array.dtype.char not in "gG" or np.finfo(np.longdouble).nmant != 63:
        return
    begins = range(10, array.itemsize, LONG_DOUBLE)
    padding = np.dtype((np.void, LONG_DOUBLE - 10))
    for begin in begins:
        field = {"names": ["padding"], "formats": [padding], "offsets": [begin]}
        array.view(np.dtype(field | {"itemsize": array.itemsize}))["padding"] = np.zeros(
            (), padding
        )


def assert_refused(error, match, call, *arrays):
    """Check that call(rng) raises, has advanced no generator, and has written into no array."""
    rng = np.random.default_rng(0)
    state, before = rng.bit_generator.state, [array.tobytes() for array in arrays]
    with pytest.raises(error, match=match) as caught:
        call(rng)
    assert rng.bit_generator.state == state
    assert [array.tobytes() for array in arrays] == before
    return str(caught.value)
