"""Arrays for several test files, and the comparison of their bytes."""

import numpy as np


def numbers(shape, dtype=np.float64):
    """The same random numbers each time."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def assert_same_bytes(result, expected):
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert result.tobytes() == expected.tobytes()
