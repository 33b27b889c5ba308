"""Channels dropped to an exact count, or kept to a least one: `count=` and `min_keep=`."""

import os

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import dropout1d, dropout2d, dropout3d

CASES = int(os.environ.get("FASTDROP_CASES", 300))
FUNCTIONS = {1: dropout1d, 2: dropout2d, 3: dropout3d}
KEY = (3, 5)


def expected(x, kept, scale, fill=0):
    """The elements that a mask keeps, scaled and rounded once, and elsewhere the fill."""
    values = reference.on_line(x, scale, None) if scale != 1 else x
    return reference.chosen(kept, values, np.array(fill, x.dtype))


def test_drawn_cases():
    key = fastdrop.Key.from_words(*KEY)
    for number in range(CASES):
        rng = np.random.default_rng(number)
        inner = int(rng.integers(1, 4))
        outer = [int(rng.choice([1, 2, 3, 17, 70]))] + [int(rng.integers(1, 5))] * rng.integers(2)
        outer.reverse()
        axis = len(outer) - 1
        shape = (*outer, *rng.integers(1, 6, inner).tolist())
        x = awkward_numbers(shape, rng.choice(["f2", "f4", "f8", "c8"]), number)
        offset = int(rng.choice([0, 77, 2**40]))
        fill = rng.choice([0, np.nan, -1])
        length, p = outer[axis], float(rng.choice([0.1, 0.5, 0.9]))
        n = int(rng.integers(0, length + 1))
        scaled = bool(rng.random() < 0.5)
        options = {"rng": key, "offset": offset, "fill": fill, "scale": scaled}
        options["num_threads"] = int(rng.integers(1, 4))
        noise = (*outer, *[1] * inner)
        if rng.random() < 0.5:
            kept = reference.drop_count(tuple(outer), n, axis, KEY, offset)
            scale = length / (length - n) if scaled and n < length else 1
            y = FUNCTIONS[inner](x, p, count=n, **options)
        else:
            drawn = reference.decisions(tuple(outer), p, KEY, offset)
            kept = reference.keep_at_least(drawn, n, axis, KEY, offset)
            scale = 1 / (1 - p) if scaled else 1
            y = FUNCTIONS[inner](x, p, min_keep=n, **options)
        assert_same_bytes(y, expected(x, kept.reshape(noise), scale, fill))


@pytest.mark.parametrize("asked", [{"count": 3}, {"min_keep": 3}])
@pytest.mark.parametrize("p", [0.8, np.linspace(0.5, 1, 9)[:, np.newaxis, np.newaxis]])
def test_blocks_of_a_larger_array_are_as_the_whole(asked, p, key):
    """Wherever they are cut; but p has to be known along the axis where at least so many stay."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 9, 6, 5))
    whole = dropout2d(x, p, rng=key, **asked)
    for _ in range(60):
        begin = [int(rng.integers(n)) for n in x.shape]
        cut = tuple(
            slice(b, int(rng.integers(b, n)) + 1) for b, n in zip(begin, x.shape, strict=True)
        )
        own = p
        if np.ndim(p):
            own = p[cut[1]]
            if "min_keep" in asked and len(own) not in (1, 9):
                with pytest.raises(ValueError, match="pass blocks that do not cut that axis"):
                    dropout2d(x[cut], own, rng=key, origin=begin, full_shape=x.shape, **asked)
                continue
            if "min_keep" in asked and len(own) == 1:
                continue
        y = dropout2d(x[cut], own, rng=key, origin=begin, full_shape=x.shape, **asked)
        assert_same_bytes(y, whole[cut].copy())


def test_a_gradient_passes_through_the_same_channels(key):
    x = np.ones((5, 8, 3, 3))
    y, used = dropout2d(x, count=3, rng=key, return_key=True)
    assert used == key
    assert ((y > 0).all(axis=(2, 3)).sum(axis=1) == 5).all()
    assert_same_bytes(dropout2d(x, count=3, rng=used), y)


def test_a_count_of_0_or_all_draws_nothing():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    x = np.ones((5, 8, 3))
    assert dropout1d(x, count=0, rng=rng) is x
    y, key = dropout1d(x, count=8, rng=rng, fill=7, return_key=True)
    assert key is None
    assert (y == 7).all()
    assert rng.bit_generator.state == before


def test_every_choice_of_channels_is_as_likely():
    """A false alarm once in 10^6: chi-square of the 10 choices of 2 of 5, 9 degrees of freedom."""
    y = dropout1d(np.ones((20000, 5, 1)), count=2, rng=1)
    codes = (y[:, :, 0] == 0) @ (2 ** np.arange(5))
    counts = np.unique(codes, return_counts=True)[1]
    assert counts.size == 10
    assert ((counts - 2000) ** 2 / 2000).sum() < 45.1


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"count": 9}, ValueError, "count must be between 0 and 8"),
        ({"count": -1}, ValueError, "count must be between 0 and 8"),
        ({"min_keep": 9}, ValueError, "min_keep must be between 0 and 8"),
        ({"count": 1, "min_keep": 1}, ValueError, "give only one"),
        ({"count": True}, TypeError, "count"),
        ({"count": 1.0}, TypeError, "count"),
        ({"p": 1, "min_keep": 2}, ValueError, "p = 1 leaves no scale"),
        ({"p": 2, "count": 2}, ValueError, "between 0 and 1, but got 2"),
    ],
)
def test_what_is_refused(asked, error, match):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    x = np.ones((5, 8, 3))
    with pytest.raises(error, match=match):
        dropout1d(x, inplace=True, rng=rng, **asked)
    assert (x == 1).all()
    assert rng.bit_generator.state == before


def test_p_of_1_keeps_the_least_without_a_scale(key):
    y = dropout1d(np.ones((50, 8, 3)), 1, min_keep=2, rng=key, scale=False)
    assert ((y > 0).all(axis=2).sum(axis=1) == 2).all()
