"""What docs/frameworks.md says of fastdrop beside its tables: where it differs from others."""

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import Key, dropout

SEEDED = reference.seed_key(7)

FUNCTIONS = {
    **{"dropout": dropout, "dropout1d": fastdrop.dropout1d, "dropout2d": fastdrop.dropout2d},
    **{"dropout3d": fastdrop.dropout3d, "alpha_dropout": fastdrop.alpha_dropout},
    "feature_alpha_dropout": fastdrop.feature_alpha_dropout,
}
SHAPES = {"dropout1d": (50, 20, 1), "dropout2d": (50, 20, 1, 1), "dropout3d": (50, 20, 1, 1, 1)}


@pytest.fixture(params=FUNCTIONS)
def function(request):
    """Make each function, and x of 1000 decisions."""
    return FUNCTIONS[request.param], SHAPES.get(request.param, (50, 20)), request.param


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0])
def test_a_dropped_value_does_not_depend_on_x(function, value):
    """It is +0, or in alpha dropout the dropped value; at p = 1 it is +0."""
    drop, shape, name = function
    x = np.full(shape, value)
    ones, y = drop(np.ones(shape), 0.5, True, rng=1), drop(x, 0.5, True, rng=1)
    gone = ones == ones.min()
    assert 0 < gone.sum() < 1000
    assert_same_bytes(y[gone], ones[gone])
    assert (ones.min() < 0) == ("alpha" in name)
    assert "alpha" in name or y[gone].tobytes() == bytes(y[gone].nbytes)
    assert drop(x, 1.0, True).tobytes() == bytes(x.nbytes)


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
@pytest.mark.parametrize("training", [True, False])
def test_p_that_is_none_is_a_value_error_in_evaluation_too(function, p, training):
    drop, shape, _ = function
    with pytest.raises(ValueError, match="between 0 and 1"):
        drop(np.ones(shape), p, training)


def test_without_a_word_on_the_mode_all_but_alpha_dropout_drop(function):
    drop, shape, name = function
    x = np.ones(shape)
    assert (drop(x) is x) == ("alpha" in name)
    for layer in (fastdrop.Dropout(), fastdrop.AlphaDropout(), fastdrop.FeatureAlphaDropout()):
        assert layer.training


def test_integers_are_refused_unless_nothing_is_scaled(function):
    drop, shape, name = function
    x = np.ones(shape, np.int32)
    with pytest.raises(TypeError, match="int32"):
        drop(x, 0.5, True)
    assert drop(x, 0.0, True) is drop(x, 0.5, False) is x
    assert drop(x, 1.0, True).tobytes() == bytes(x.nbytes)
    if "alpha" not in name:
        y = drop(x, 0.5, rng=1, scale=False)
        assert_same_bytes(y, x * (drop(np.ones(shape), 0.5, rng=1) != 0).astype(np.int32))


def test_a_gradient_passes_through_the_layer_or_the_same_call():
    x = awkward_numbers((2, 3, 4, 5), np.float32, 1)
    layer = fastdrop.Dropout(0.3, rng=7)
    gradient = awkward_numbers(x.shape, np.float32)
    layer(x)
    expected = reference.dropout(gradient, 0.3, reference.fold_in(SEEDED, 0))
    assert_same_bytes(layer.backward(gradient), expected)
    y, key = dropout(x, 0.3, return_key=True)
    assert_same_bytes(dropout(gradient, 0.3, rng=key), reference.dropout(gradient, 0.3, key.words))
    assert_same_bytes(y, reference.dropout(x, 0.3, key.words))


# Below the tables


def test_a_layer_with_a_seed_has_a_sequence_and_a_function_one_mask():
    x = np.ones(1000)
    layer, twin = fastdrop.Dropout(rng=7), fastdrop.Dropout(rng=7)
    first, second = layer(x), layer(x)
    assert (first != second).any()
    assert_same_bytes(twin(x), first)
    assert_same_bytes(twin(x), second)
    for seed in (7, Key(7)):
        assert_same_bytes(dropout(x, rng=seed), dropout(x, rng=seed))


def test_arguments_that_stand_elsewhere_there_are_type_errors():
    x = np.ones((2, 3, 4, 5))
    for call in (
        lambda: fastdrop.Dropout(0.5, (None, None, 1, 1)),
        lambda: dropout(x, 0.5, (2, 3, 1, 1)),
        lambda: dropout(x, 0.5, 0),  # Paddle's axis
        lambda: fastdrop.drop_path(x, 0.5, "row"),  # torchvision's mode
    ):
        with pytest.raises(TypeError, match=r"(inplace|training) must be a bool"):
            call()


def test_a_noise_shape_has_an_entry_for_each_axis():
    x = awkward_numbers((2, 3, 4))
    with pytest.raises(ValueError, match="noise_shape"):
        dropout(x, 0.5, noise_shape=(1, 4))
    y = dropout(x, 0.5, rng=1, noise_shape=(1, 1, 4))
    assert_same_bytes(y, reference.dropout(x, 0.5, reference.seed_key(1), 0, (1, 1, 4)))


def test_a_mask_with_channels_last_is_that_of_the_moved_axes():
    x = awkward_numbers((2, 4, 5, 3), np.float32)
    y = dropout(x, 0.5, rng=1, noise_shape=(None, 1, 1, None))
    moved = fastdrop.dropout2d(np.moveaxis(x, -1, 1), 0.5, rng=1)
    assert_same_bytes(np.moveaxis(y, -1, 1), moved)


def test_the_batch_axis_may_be_missing():
    x, volume = awkward_numbers((2, 3, 4, 5)), awkward_numbers((2, 3, 4, 5, 6))
    words = reference.seed_key(1)
    expected = reference.dropout(x[0], 0.5, words, 0, (3, 1, 1))
    assert_same_bytes(fastdrop.dropout2d(x[0], 0.5, rng=1), expected)
    expected = reference.dropout(volume[0], 0.5, words, 0, (3, 1, 1, 1))
    assert_same_bytes(fastdrop.dropout3d(volume[0], 0.5, rng=1), expected)


def test_rate_1_needs_no_key_and_complex_numbers_work():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    x = awkward_numbers((50, 20), np.complex64)
    assert dropout(x, 1.0, rng=rng).tobytes() == bytes(x.nbytes)
    assert rng.bit_generator.state == before
    assert_same_bytes(dropout(x, 0.3, rng=7), reference.dropout(x, 0.3, SEEDED))


def test_the_same_key_drops_the_same_pixels_and_two_keys_do_not():
    image, labels = np.ones((40, 50, 3), np.uint8), np.ones((40, 50), np.uint8)
    options = {"rng": 1, "scale": False}
    pixels = dropout(image, 0.5, noise_shape=(None, None, 1), **options)
    assert_same_bytes(pixels[:, :, 0], dropout(labels, 0.5, **options))
    assert (pixels[:, :, 0] != dropout(labels, 0.5, rng=2, scale=False)).any()


def test_a_negative_seed_of_onnx_is_taken_modulo_2_to_64():
    x = np.ones(100)
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        dropout(x, rng=-1)
    assert_same_bytes(
        dropout(x, rng=-1 % 2**64), reference.dropout(x, 0.5, reference.seed_key(2**64 - 1))
    )
