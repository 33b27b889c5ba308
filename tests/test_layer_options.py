"""Layers with `scale=False` and `fill=`."""

import copy
import pickle

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import Dropout, Key

SEEDED = Key(7)
CHANNELS = {
    "Dropout1d": (fastdrop.Dropout1d, fastdrop.dropout1d, (4, 5, 30)),
    "Dropout2d": (fastdrop.Dropout2d, fastdrop.dropout2d, (4, 5, 6, 7)),
    "Dropout3d": (fastdrop.Dropout3d, fastdrop.dropout3d, (4, 5, 2, 3, 4)),
}
LAYERS = {"Dropout": (Dropout, fastdrop.dropout, (30, 40)), **CHANNELS}


@pytest.fixture(params=LAYERS)
def kind(request):
    """A layer's class, its function, and a shape for both."""
    return LAYERS[request.param]


def test_the_defaults_are_those_of_dropout(kind):
    layer = kind[0]()
    assert layer.scale is True
    assert layer.fill == 0
    assert repr(layer) == f"{type(layer).__name__}(p=0.5, inplace=False)"


@pytest.mark.parametrize("fill", [0, np.nan, -1.5, np.float32(7)])
@pytest.mark.parametrize("scale", [True, False])
def test_forward_is_the_function(kind, fill, scale, dtype):
    make, function, shape = kind
    x = awkward_numbers(shape, dtype)
    layer = make(0.4, rng=7, scale=scale, fill=fill)
    for n in range(3):
        expected = function(x, 0.4, rng=SEEDED.fold_in(n), scale=scale, fill=fill)
        assert_same_bytes(layer(x), expected)
    y = x.copy()
    assert make(0.4, True, rng=7, scale=scale, fill=fill)(y) is y
    assert_same_bytes(y, function(x, 0.4, rng=SEEDED.fold_in(0), scale=scale, fill=fill))


def test_a_fill_may_be_an_int_of_any_size(kind):
    make, function, shape = kind
    expected = function(np.ones(shape), 0.4, rng=SEEDED.fold_in(0), fill=2**70)
    assert_same_bytes(make(0.4, rng=7, fill=2**70)(np.ones(shape)), expected)
    with pytest.raises(ValueError, match="cannot hold a fill of"):
        make(0.4, fill=10**400)(np.ones(shape))


@pytest.mark.parametrize("fill", [np.nan, -1.5, 0])
@pytest.mark.parametrize("scale", [True, False])
def test_a_gradient_is_0_where_the_fill_is(kind, fill, scale, dtype):
    """What was dropped does not depend on x, whatever it became."""
    make, function, shape = kind
    layer = make(0.4, rng=7, scale=scale, fill=fill)
    layer(awkward_numbers(shape, dtype))
    gradient = awkward_numbers(shape, dtype, 1)
    expected = function(gradient, 0.4, rng=SEEDED.fold_in(0), scale=scale)
    assert_same_bytes(layer.backward(gradient), expected)
    layer.scale, layer.fill, layer.p = True, 3.0, 0.9  # backward belongs to the last forward
    assert_same_bytes(layer.backward(gradient), expected)


def test_a_gradient_at_p_0_and_p_1_and_in_evaluation():
    x, gradient = np.ones((3, 4)), awkward_numbers((3, 4))
    layer = Dropout(1.0, fill=np.nan)
    assert np.isnan(layer(x)).all()
    assert_same_bytes(layer.backward(gradient), np.zeros((3, 4)))
    layer.p = 0.0
    assert layer(x) is x
    assert layer.backward(gradient) is gradient
    layer.p = 0.5
    assert layer.eval()(x) is x
    assert layer.backward(gradient) is gradient


def test_integers_are_dropped_without_a_scale():
    """Tokens of a sequence become the mask's token; the gradient has another dtype."""
    tokens = np.random.default_rng(0).integers(5, 1000, (20, 60))
    layer = Dropout(0.3, rng=7, scale=False, fill=4)
    kept = fastdrop.keep_mask(tokens.shape, 0.3, rng=SEEDED.fold_in(0))
    assert_same_bytes(layer(tokens), np.where(kept, tokens, 4))
    gradient = awkward_numbers(tokens.shape)
    assert_same_bytes(layer.backward(gradient), reference.apply_mask(gradient, kept, 0.3, False))
    with pytest.raises(TypeError, match=r"int64.*scale=False"):
        Dropout(0.3, rng=7, fill=4)(tokens)


def test_a_fill_of_an_array():
    images = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
    grey = [124, 116, 104]
    layer = Dropout(0.3, rng=7, noise_shape=(None, None, None, 1), scale=False, fill=grey)
    kept = fastdrop.keep_mask((2, 30, 40, 1), 0.3, rng=SEEDED.fold_in(0))
    assert_same_bytes(layer(images), np.where(kept, images, np.array(grey, np.uint8)))
    gradient = awkward_numbers(images.shape)
    assert_same_bytes(layer.backward(gradient), reference.apply_mask(gradient, kept, 0.3, False))


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"scale": False}, ", scale=False"),
        ({"fill": -1}, ", fill=-1"),
        ({"fill": np.nan}, ", fill=nan"),
        ({"scale": False, "fill": 2.5}, ", scale=False, fill=2.5"),
        ({"scale": True, "fill": 0}, ""),
    ],
)
def test_repr_shows_what_is_not_the_default(kind, options, shown):
    name = kind[0].__name__
    layer = kind[0](0.2, True, **options)
    assert repr(layer) == f"{name}(p=0.2, inplace=True{shown})"
    if kind[0] is Dropout:
        layer = Dropout(noise_shape=(None, 1), **options)
        assert repr(layer) == f"Dropout(p=0.5, inplace=False, noise_shape=(None, 1){shown})"


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_copies_have_the_options_and_go_on_alike(kind, duplicate):
    make, _, shape = kind
    x, gradient = awkward_numbers(shape), awkward_numbers(shape, rng=1)
    layer = make(0.4, rng=7, scale=False, fill=-2)
    layer(x)
    twin = duplicate(layer)
    assert (twin.scale, twin.fill) == (False, -2)
    assert repr(twin) == repr(layer)
    assert_same_bytes(twin.backward(gradient), layer.backward(gradient))
    first = layer(x)
    if duplicate is not copy.copy:  # a shallow copy shares the stream
        assert_same_bytes(twin(x), first)


@pytest.mark.parametrize("collected", [{"_passed": None}, {"_passed": {"scale": True}}, {}])
def test_a_layer_that_an_earlier_version_pickled_can_be_called(kind, collected):
    make, _, shape = kind
    x = awkward_numbers(shape)
    layer = make(0.4, rng=7, scale=False, fill=-2)
    state = {name: value for name, value in layer.__dict__.items() if name != "_passed"}
    twin = type(layer).__new__(type(layer))
    twin.__setstate__(copy.deepcopy(state) | collected)
    assert_same_bytes(twin(x), layer(x))


def test_a_state_has_the_keys_and_not_the_options(kind):
    make, _, shape = kind
    x = awkward_numbers(shape)
    layer = make(0.4, rng=7, scale=False, fill=-2)
    plain = make(0.4, rng=7)
    layer(x)
    plain(x)
    assert layer.state_dict() == plain.state_dict()
    twin = make(0.4, scale=False, fill=-2)
    twin.load_state_dict(layer.state_dict())
    assert_same_bytes(twin(x), layer(x))


def test_the_options_can_be_assigned(kind):
    make, function, shape = kind
    x = awkward_numbers(shape)
    layer = make(0.4, rng=7)
    layer.scale, layer.fill = False, -1
    assert_same_bytes(layer(x), function(x, 0.4, rng=SEEDED.fold_in(0), scale=False, fill=-1))


@pytest.mark.parametrize("scale", [0, 1, None, "no", np.ones(2), (1,)])
def test_a_scale_that_is_no_bool_is_refused(kind, scale):
    with pytest.raises(TypeError, match="scale must be a bool, but got"):
        kind[0](0.5, scale=scale)
    layer = kind[0](0.5, scale=False)
    with pytest.raises(TypeError, match="scale must be a bool, but got"):
        layer.scale = scale
    assert layer.scale is False


def test_a_fill_that_x_cannot_hold_is_refused_by_the_call():
    rng = np.random.default_rng(0)
    layer = Dropout(0.5, True, rng=rng, scale=False, fill=300)
    before = rng.bit_generator.state
    x = np.ones((3, 4), np.uint8)
    with pytest.raises((TypeError, ValueError), match=r"300"):
        layer(x)
    assert x.all()
    assert rng.bit_generator.state == before
    with pytest.raises(RuntimeError, match="forward"):
        layer.backward(x)


@pytest.mark.parametrize("name", ["AlphaDropout", "FeatureAlphaDropout"])
def test_layers_for_selu_have_neither_option(name):
    layer = getattr(fastdrop, name)()
    assert not hasattr(layer, "scale")
    assert not hasattr(layer, "fill")
