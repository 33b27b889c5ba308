"""Decisions that hold for several elements: noise shapes, channels, features."""

import math

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers
from cases import number_of_cases

import fastdrop
from fastdrop import Key, dropout

FUNCTIONS = {
    "dropout1d": (fastdrop.dropout1d, [(5, 7, 33), (7, 33)]),
    "dropout2d": (fastdrop.dropout2d, [(5, 7, 4, 9), (7, 4, 9)]),
    "dropout3d": (fastdrop.dropout3d, [(5, 7, 4, 3, 9), (7, 4, 3, 9)]),
}


# noise_shape


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("shape", "noise"),
    [
        ((40, 5000), (40, 1)),
        ((5000, 40), (1, 40)),
        ((3, 70_000), (1, 70_000)),
        ((70_000, 3), (70_000, 1)),
        ((70_000, 3), (1, 3)),
        ((20, 3000, 3), (20, 1, 3)),
        ((20, 3000, 3), (1, 3000, 1)),
        ((8, 30, 20, 40), (8, 30, 1, 1)),
        ((8, 30, 20, 40), (8, 1, 1, 40)),
        ((8, 30, 20, 40), (1, 30, 1, 40)),
        ((8, 30, 20, 40), (8, 1, 20, 1)),
        ((8, 30, 20, 40), (1, 1, 1, 1)),
        ((1, 300, 1, 300), (1, 300, 1, 1)),
    ],
)
def test_axes_of_1_share_their_decisions(shape, noise, threads, dtype, key, words):
    x = awkward_numbers(shape, dtype)
    expected = reference.dropout(x, 0.3, words, 5, noise)
    options = {"rng": key, "offset": 5, "noise_shape": noise, "num_threads": threads}
    assert_same_bytes(dropout(x, 0.3, **options), expected)
    out = np.ones_like(x)
    assert dropout(x, 0.3, out=out, **options) is out
    assert_same_bytes(out, expected)
    assert dropout(x, 0.3, inplace=True, **options) is x
    assert_same_bytes(x, expected)


def test_random_search():
    """Cases over shapes, noise shapes, layouts, dtypes, thread counts and targets."""
    rng = np.random.default_rng(20261124)
    lengths = [1, 2, 3, 4, 5, 7, 8, 16, 31, 33, 63, 64, 65, 100, 130, 257, 1000, 5000]
    for _ in range(number_of_cases(500)):
        axes = int(rng.integers(1, 7))
        shape = [1] * axes
        for i in rng.permutation(axes).tolist():
            n = int(rng.choice(lengths))
            shape[i] = n if n * math.prod(shape) < 60_000 else 1
        noise = [None if rng.random() < 0.2 else 1 if rng.random() < 0.5 else n for n in shape]
        drawn = tuple(n if m is None else m for n, m in zip(shape, noise, strict=True))
        x = awkward_numbers(shape, rng.choice(["f2", "f4", "f8", "c8", ">f4"]), rng)
        layout = rng.choice(["C", "order", "strided"])
        if layout == "order":
            order = rng.permutation(axes)
            x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        elif layout == "strided":
            axis = int(rng.integers(axes))
            x = np.repeat(x, 2, axis=axis)[(slice(None),) * axis + (slice(None, None, 2),)]
        words = tuple(rng.integers(0, 2**64, 2, dtype=np.uint64).tolist())
        offset = int(rng.choice([0, rng.integers(0, 2**40)]))
        options = {"rng": Key.from_words(*words), "offset": offset, "noise_shape": noise}
        options["num_threads"] = int(rng.integers(1, 4))
        expected = reference.dropout(x, 0.4, words, offset, drawn).astype(x.dtype)
        target = rng.choice(["fresh", "out", "inplace"])
        if target == "out":
            options["out"] = np.empty_like(x) if rng.random() < 0.7 else np.empty(shape, x.dtype)
        options["inplace"] = bool(target == "inplace")
        y = dropout(x, 0.4, **options)
        assert y.tobytes() == expected.tobytes(), (shape, noise, x.strides, x.dtype)


def test_a_noise_shape_like_x_is_none_at_all(key):
    x = awkward_numbers((30, 40))
    y = dropout(x, 0.4, rng=key)
    for noise in ((30, 40), (None, None), [30, None], np.array([30, 40])):
        assert_same_bytes(dropout(x, 0.4, rng=key, noise_shape=noise), y)
    assert_same_bytes(
        dropout(np.ones(()), 0.4, rng=key, noise_shape=()), dropout(np.ones(()), 0.4, rng=key)
    )


@pytest.mark.parametrize(
    "noise",
    [
        *[(3,), (3, 4, 1), (3, 2), (2, 4), (0, 4), (-1, 4), {3: 4}],
        *[(3, 1.0), ("3", 4), 3, "34", (3, True), (np.False_, 4)],
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_a_noise_shape_that_does_not_fit(noise, training):
    x = np.ones((3, 4))
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    match = r"noise_shape must (have .*\(3, 4\)|be a sequence of ints and None), but got"
    with pytest.raises(ValueError, match=match):
        dropout(x, 0.5, training, True, rng=rng, noise_shape=noise)
    assert x.all()
    assert rng.bit_generator.state == before


def test_pieces_of_a_noise_shape_equal_the_whole(key):
    x = awkward_numbers((9, 8, 50))
    whole = dropout(x, 0.4, rng=key, noise_shape=(9, 8, 1))
    for begin in range(0, 9, 3):
        piece = x[begin : begin + 3]
        y = dropout(piece, 0.4, rng=key, noise_shape=(3, 8, 1), offset=8 * begin)
        assert_same_bytes(y, whole[begin : begin + 3])


def test_the_last_decision_must_have_an_index(key):
    x = np.ones((4, 1000))
    dropout(x, 0.4, rng=key, noise_shape=(4, 1), offset=2**64 - 4)
    with pytest.raises(ValueError, match="offset must be"):
        dropout(x, 0.4, rng=key, noise_shape=(4, 1), offset=2**64 - 3)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_empty_arrays_draw_nothing(shape):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    y, key = dropout(np.ones(shape), rng=rng, noise_shape=(1,) * len(shape), return_key=True)
    assert y.shape == shape
    assert key is None
    assert rng.bit_generator.state == before


def test_a_key_of_a_noise_shape_makes_its_mask_again():
    x = awkward_numbers((20, 30, 4))
    y, key = dropout(x, 0.4, noise_shape=(20, 1, 4), return_key=True)
    assert_same_bytes(dropout(x, 0.4, rng=key, noise_shape=(20, 1, 4)), y)


def test_overlap_sees_x_as_it_was(key, words):
    memory = awkward_numbers((200, 100))
    x, out = memory[:150], memory[20:170]
    expected = reference.dropout(x, 0.4, words, 0, (150, 1))
    dropout(x, 0.4, rng=key, out=out, noise_shape=(150, 1))
    assert_same_bytes(out, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int64])
def test_pixels_of_integers(dtype, key, words):
    image = np.random.default_rng(0).integers(0, 2, (50, 60, 3)).astype(dtype)
    y = dropout(image, 0.3, rng=key, noise_shape=(50, 60, 1), scale=False)
    kept = reference.decisions((50, 60, 1), 0.3, words)
    assert_same_bytes(y, np.where(kept, image, dtype(0)))


@pytest.mark.parametrize("axes", [1, 2, 3, 32])
def test_as_many_axes_as_numpy_allows(axes, key, words):
    x = awkward_numbers(2**12).reshape((2,) * 12 + (1,) * 20)
    noise = tuple(n if i % (axes + 1) else 1 for i, n in enumerate(x.shape))
    expected = reference.dropout(x, 0.4, words, 0, noise)
    for y in (x, x.T.copy().T):
        assert_same_bytes(dropout(y, 0.4, rng=key, noise_shape=noise), expected)


# dropout1d, dropout2d, dropout3d


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("batched", [True, False])
def test_channels_are_dropped_as_wholes(name, batched, dtype, key, words):
    function, shapes = FUNCTIONS[name]
    shape = shapes[0 if batched else 1]
    inner = int(name[-2])
    noise = shape[:-inner] + (1,) * inner
    x = awkward_numbers(shape, dtype)
    expected = reference.dropout(x, 0.4, words, 3, noise)
    options = {"rng": key, "offset": 3}
    y, used = function(x, 0.4, return_key=True, **options)
    assert used == key
    assert_same_bytes(y, expected)
    kept = (y != 0).reshape(math.prod(noise), -1)
    assert_same_bytes(kept.any(axis=1), reference.keep(3, len(kept), 0.4, words))
    assert_same_bytes(
        function(x, 0.4, scale=False, **options), reference.dropout(x, 0.4, words, 3, noise, False)
    )
    out = np.ones_like(x)
    assert function(x, 0.4, out=out, num_threads=2, **options) is out
    assert_same_bytes(out, expected)
    assert function(x, 0.4, True, True, **options) is x
    assert_same_bytes(x, expected)
    assert function(x, 0.4, False) is x


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("change", [-2, 1])
@pytest.mark.parametrize("training", [True, False])
def test_other_ranks_are_refused(name, change, training):
    function, (shape, _) = FUNCTIONS[name]
    shape = (2,) * (len(shape) + change)
    with pytest.raises(ValueError, match=rf"{name} takes x of shape \(N, C, .*\) or \(C, .*\(2"):
        function(np.ones(shape), 0.5, training)


def test_channels_of_lists_are_converted(key):
    x = [[1.0, 2.0], [3.0, 4.0]]
    assert_same_bytes(
        fastdrop.dropout1d(x, 0.5, rng=key), fastdrop.dropout1d(np.array(x), 0.5, rng=key)
    )
    with pytest.raises(TypeError, match="inplace=True needs an ndarray"):
        fastdrop.dropout1d(x, 0.5, inplace=True)


def test_channels_last_in_memory(key, words):
    """A view of (N, H, W, C) as (N, C, H, W) has the same mask, and keeps its layout."""
    x = np.moveaxis(awkward_numbers((3, 20, 30, 16)), -1, 1)
    y = fastdrop.dropout2d(x, 0.4, rng=key)
    assert y.strides == x.strides
    assert_same_bytes(y, reference.dropout(x, 0.4, words, 0, (3, 16, 1, 1)))


# alpha_dropout and feature_alpha_dropout


@pytest.mark.parametrize("noise", [(6, 1, 50), (1, 7, 1), (6, 7, 50)])
def test_alpha_dropout_shares_its_decisions_along_axes(noise, real_dtype, key, words):
    x = awkward_numbers((6, 7, 50), real_dtype)
    expected = reference.alpha_dropout(x, 0.4, words, 3, noise)
    y = fastdrop.alpha_dropout(x, 0.4, True, rng=key, offset=3, noise_shape=noise)
    assert_same_bytes(y, expected)


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 50), (6, 7, 5, 10), (2, 3, 4, 5, 6, 7)])
def test_features_are_shifted_as_wholes(shape, real_dtype, key, words):
    x = awkward_numbers(shape, real_dtype)
    noise = shape[:2] + (1,) * (len(shape) - 2)
    expected = reference.alpha_dropout(x, 0.4, words, 3, noise)
    options = {"rng": key, "offset": 3}
    y, used = fastdrop.feature_alpha_dropout(x, 0.4, True, return_key=True, **options)
    assert used == key
    assert_same_bytes(y, expected)
    out = np.ones_like(x)
    assert fastdrop.feature_alpha_dropout(x, 0.4, True, out=out, num_threads=2, **options) is out
    assert_same_bytes(out, expected)
    assert fastdrop.feature_alpha_dropout(x, 0.4, True, True, **options) is x
    assert_same_bytes(x, expected)
    assert fastdrop.feature_alpha_dropout(x, 0.4) is x


@pytest.mark.parametrize("shape", [(), (5,)])
@pytest.mark.parametrize("training", [True, False])
def test_features_need_two_axes(shape, training):
    with pytest.raises(ValueError, match=r"feature_alpha_dropout takes x of shape \(N, C, ...\)"):
        fastdrop.feature_alpha_dropout(np.ones(shape), 0.5, training)
