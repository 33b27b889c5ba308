"""`drop_path`, its layer, and layers that share decisions along axes of arrays of any rank."""

import copy
import pickle

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import Dropout, DropPath, drop_path

SHAPES = [(5,), (7, 3), (4, 3, 2), (6, 2, 3, 4), (3, 1, 2, 1, 2), (0, 3), (5, 0)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["row", "batch"])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("offset", [0, 77])
def test_it_is_dropout_of_whole_samples(shape, mode, scale, offset, dtype, words, key):
    x = awkward_numbers(shape, dtype)
    noise = (shape[0] if mode == "row" else 1, *(1,) * (len(shape) - 1))
    y = drop_path(x, 0.4, mode=mode, rng=key, scale=scale, offset=offset)
    assert_same_bytes(y, reference.dropout(x, 0.4, words, offset, noise, scale))


def test_its_options_are_those_of_dropout(key):
    x = np.arange(12).reshape(4, 3)
    out = np.empty_like(x)
    kept = fastdrop.keep_mask((4, 1), 0.5, rng=key)
    assert drop_path(x, 0.5, out=out, rng=key, scale=False, fill=-1) is out
    assert_same_bytes(out, np.where(kept, x, -1))
    y = x.copy()
    z, used = drop_path(y, 0.5, inplace=True, rng=key, scale=False, return_key=True)
    assert z is y
    assert used == key
    assert drop_path(x, 0.5, False) is x
    p = np.array([0, 1, 0.5, 1])[:, np.newaxis]
    kept = fastdrop.keep_mask((4, 1), p, rng=key)
    assert kept[:2].tolist() == [[True], [False]]
    assert_same_bytes(drop_path(x, p, rng=key, scale=False), np.where(kept, x, 0))


@pytest.mark.parametrize("mode", ["rows", None, 0, "", ["row"]])
def test_a_mode_that_is_none_is_refused(mode, key):
    with pytest.raises(ValueError, match="mode must be 'row' or 'batch', but got"):
        drop_path(np.ones(3), mode=mode)
    with pytest.raises(ValueError, match="mode must be 'row' or 'batch', but got"):
        DropPath(mode=mode)
    layer = DropPath()
    with pytest.raises(ValueError, match="mode must be 'row' or 'batch', but got"):
        layer.mode = mode
    assert layer.mode == "row"


def test_x_without_an_axis_is_refused():
    with pytest.raises(ValueError, match=r"takes x of shape \(N, ...\)"):
        drop_path(1.0)


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_one_layer_takes_arrays_of_any_rank(mode, key):
    layer = DropPath(0.4, rng=key, mode=mode)
    for n, shape in enumerate(SHAPES[:5]):
        x, gradient = awkward_numbers(shape), awkward_numbers(shape, rng=1)
        own = key.fold_in(n)
        assert_same_bytes(layer(x), drop_path(x, 0.4, mode=mode, rng=own))
        assert_same_bytes(layer.backward(gradient), drop_path(gradient, 0.4, mode=mode, rng=own))
    y = awkward_numbers((4, 3))
    assert DropPath(0.4, True, rng=key)(y) is y


def test_the_layer_is_shown_copied_and_saved(key):
    layer = DropPath(0.3, rng=key, mode="batch", scale=False, fill=2)
    assert repr(layer) == "DropPath(p=0.3, inplace=False, mode='batch', scale=False, fill=2)"
    assert repr(DropPath()) == "DropPath(p=0.5, inplace=False)"
    x = np.ones((5, 2))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        assert_same_bytes(twin(x), copy.deepcopy(layer)(x))


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_it_drops_as_torchvision_does(mode, key):
    torchvision = pytest.importorskip("torchvision", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    x = torch.ones((1000, 3))
    theirs = torchvision.ops.stochastic_depth(x, 0.25, mode).numpy()
    ours = drop_path(x.numpy(), 0.25, mode=mode, rng=key)
    assert set(np.unique(ours)) | set(np.unique(theirs)) <= {0, np.float32(1 / 0.75)}
    assert (ours == ours[:, :1]).all()
    if mode == "batch":
        assert np.unique(ours).size == np.unique(theirs).size == 1


# Axes along which elements are decided apart


@pytest.mark.parametrize("axis", [0, -1, (0, 1), (0, -1), [1], (), (0, 1, 2, 3)])
@pytest.mark.parametrize("make", [Dropout, fastdrop.AlphaDropout])
def test_decisions_are_apart_along_an_axis_only(axis, make, key):
    layer = make(0.4, rng=key, axis=axis)
    function = fastdrop.dropout if make is Dropout else fastdrop.alpha_dropout
    axes = [axis] if isinstance(axis, int) else axis
    for n, shape in enumerate([(4, 3, 2, 5), (3, 4, 2, 1), (2, 2, 9, 3)]):
        x = awkward_numbers(shape)
        noise = [None if i in axes or i - 4 in axes else 1 for i in range(4)]
        expected = function(x, 0.4, True, rng=key.fold_in(n), noise_shape=noise)
        assert_same_bytes(layer(x), expected)
    gradient = np.ones((2, 2, 9, 3))
    assert (layer.backward(gradient) != 0).tolist() == (
        fastdrop.dropout(gradient, 0.4, rng=key.fold_in(2), noise_shape=noise) != 0
    ).tolist()


def test_an_axis_is_for_any_number_of_axes(key):
    layer = Dropout(0.5, rng=key, axis=(0, -1))
    for n, shape in enumerate([(4, 5), (4, 7, 5), (4, 2, 7, 5)]):
        y = layer(np.ones(shape))
        kept = fastdrop.keep_mask((4, 5), 0.5, rng=key.fold_in(n))
        assert (np.moveaxis(y, -1, 1).reshape(4, 5, -1) > 0).all(axis=2).tolist() == kept.tolist()


@pytest.mark.parametrize("axis", [3, -4, (0, 3)])
def test_an_axis_that_x_has_not_is_refused(axis):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=r"axis -?\d is out of range: x has 3 axes"):
        Dropout(axis=axis, rng=rng)(np.ones((2, 3, 4)))
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("axis", [(0, 0), (0, -3)])
def test_an_axis_given_twice_is_refused(axis):
    with pytest.raises(ValueError, match="axis must have each"):
        Dropout(axis=axis)(np.ones((2, 3, 4)))


@pytest.mark.parametrize("axis", ["0", 1.0, True, (0, None)])
def test_what_is_no_axis_is_refused(axis):
    with pytest.raises(TypeError, match="axis"):
        Dropout(axis=axis)


def test_an_axis_and_a_noise_shape_exclude_each_other():
    with pytest.raises(ValueError, match=r"noise_shape=\(None, 1\) and axis=\(0,\) both say"):
        Dropout(axis=0, noise_shape=(None, 1))
    layer = Dropout(axis=0)
    with pytest.raises(ValueError, match="give only one"):
        layer.noise_shape = (1, None)
    layer.axis, layer.noise_shape = None, (1, None)
    assert repr(layer) == "Dropout(p=0.5, inplace=False, noise_shape=(1, None))"
