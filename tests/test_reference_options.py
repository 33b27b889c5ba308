"""Tests of the oracle: p for each element, blocks of a larger array, fills."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import reference
from reference import BLOCK
from vectors import KEY

# p for each element


def test_thresholds_of_an_array_are_exact():
    rng = np.random.default_rng(0)
    least = 2.0 ** -rng.uniform(0, 1074, 2000)
    p = np.concatenate([rng.random(2000), least, 1 - least, rng.random(2000) * 2.0**-70])
    ends = [0.0, 5e-324, 2.0**-80, 2.0**-16, 0.1, 0.5, 1.0]
    p = np.concatenate([p, ends, np.nextafter(ends, 0), np.nextafter(ends[:-1], 1)])
    upper, lower = reference.thresholds(p)
    found = [int(t) << 64 | int(low) for t, low in zip(upper, lower, strict=True)]
    assert found == [math.floor(Fraction(q) * 2**80) for q in p.tolist()]


def test_each_element_is_decided_by_its_own_p():
    rng = np.random.default_rng(1)
    p = rng.choice([0.0, 5e-324, 2.0**-16, 0.1, 0.3, 0.9, 1.0], 20_000)
    kept = reference.keep(BLOCK - 5, p.size, p, KEY)
    for q in np.unique(p):
        assert (kept == reference.keep(BLOCK - 5, p.size, q, KEY))[p == q].all()


def test_an_array_of_p_broadcasts_and_scales_each_element():
    x, p = np.arange(1.0, 61).reshape(3, 4, 5), np.array([[0.0], [0.5], [0.75], [1.0]])
    kept = reference.decisions(x.shape, np.broadcast_to(p, x.shape), KEY, 7)
    y = reference.dropout(x, p, KEY, 7)
    np.testing.assert_array_equal(y[:, 0], x[:, 0])
    np.testing.assert_array_equal(y[:, 1], 2 * x[:, 1] * kept[:, 1])
    np.testing.assert_array_equal(y[:, 2], 4 * x[:, 2] * kept[:, 2])
    assert not y[:, 3].any()
    np.testing.assert_array_equal(reference.dropout(x, p, KEY, 7, scale=False), x * kept)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_equal_numbers_are_one(p):
    x = np.full((3, 4), 0x7F800001, np.uint32).view(np.float32)  # signaling NaNs
    y = reference.dropout(x, np.full(4, p), KEY)
    assert y.tobytes() == reference.dropout(x, p, KEY).tobytes()
    assert (y.tobytes() == x.tobytes()) == (p == 0)


def test_each_p_is_scaled_in_the_dtype_of_computation():
    x, p = np.ones(3, np.complex64), np.array([0.1, 0.2, 0.3])
    scales = (1 / (1 - p)).astype(np.float32)
    np.testing.assert_array_equal(reference.apply_mask(x, np.array(True), p).real, scales)


# Blocks of a larger array


def test_draws_at_are_those_of_their_elements():
    whole = reference.draws(0, 80 * BLOCK, KEY)
    index = np.random.default_rng(0).integers(0, whole.size, (50, 60), dtype=np.uint64)
    np.testing.assert_array_equal(reference.draws_at(index, KEY), whole[index])
    last = np.array(2**64 - 1, np.uint64)
    assert reference.draws_at(last, KEY) == reference.draws(2**64 - 1, 1, KEY)[0]


@pytest.mark.parametrize("full", [(7,), (5, 6), (4, 3, 5), (2, 3, 4, 3), ()])
def test_every_block_has_the_indices_of_its_place(full):
    whole = np.arange(math.prod(full), dtype=np.uint64).reshape(full) + 11
    cuts = [[(a, b) for b in range(n + 1) for a in range(b + 1)] for n in full]
    for cut in itertools.islice(itertools.product(*cuts), 0, None, 7):
        origin, shape = tuple(a for a, _ in cut), tuple(b - a for a, b in cut)
        index = reference.stream_index(shape, 11, origin, full)
        assert index.dtype == np.uint64
        np.testing.assert_array_equal(index, whole[tuple(slice(a, b) for a, b in cut)])


def test_the_indices_of_huge_arrays_are_exact():
    index = reference.stream_index((2, 2), 5, (2**32 - 3, 2**31 - 2), (2**32, 2**31))
    first = 5 + (2**32 - 3) * 2**31 + 2**31 - 2
    assert index.tolist() == [[first, first + 1], [first + 2**31, first + 2**31 + 1]]


def test_blocks_share_the_decisions_of_the_whole():
    x, p = np.arange(1.0, 1 + 6 * 5 * 8).reshape(6, 5, 8), np.linspace(0.1, 0.9, 8)
    for noise in ((None, 1, None), (1, 1, 8), (6, 5, 8), None):
        whole = reference.dropout(x, p, KEY, 3, noise)
        block = x[2:5, 1:3, 4:]
        own = None if noise is None else tuple(1 if n == 1 else None for n in noise)
        y = reference.dropout(block, p[4:], KEY, 3, own, True, 0, (2, 1, 4), x.shape)
        np.testing.assert_array_equal(y, whole[2:5, 1:3, 4:])


# Fills


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        *[("float32", np.nan), ("float64", -0.0), ("float16", -np.inf), ("bfloat16", 1.5)],
        *[("int64", -1), ("bool", True), ("complex64", 1 - 2j), ("uint8", [1, 2, 3, 4])],
        ("uint8", [[200], [7], [255]]),
    ],
)
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_dropped_elements_are_the_fill(dtype, fill, p):
    dtype = reference.dtype_of(dtype)
    x = np.ones((3, 4), dtype)
    y = reference.dropout(x, p, KEY, scale=False, fill=fill)
    kept = reference.decisions(x.shape, p, KEY)
    expected = np.broadcast_to(np.array(fill, dtype), x.shape)
    for at in np.ndindex(3, 4):
        assert y[at].tobytes() == (x if kept[at] else expected)[at].tobytes()
