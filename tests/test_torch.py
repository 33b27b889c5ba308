"""Beside PyTorch on the CPU: what is equal, and each difference that docs/frameworks.md names."""

import functools
import inspect
import math

import numpy as np
import pytest

import fastdrop

torch = pytest.importorskip("torch")

# Each function with a shape it takes, of one axis or of (N, C, ...).
SHAPES = {
    "dropout": (8000,),
    "dropout1d": (40, 50, 3),
    "dropout2d": (40, 50, 2, 3),
    "dropout3d": (40, 50, 2, 1, 3),
    "alpha_dropout": (8000,),
    "feature_alpha_dropout": (40, 50, 3),
}
FUNCTIONS = list(SHAPES)
SCALING, WITH_CHANNELS = FUNCTIONS[:4], FUNCTIONS[1:4] + FUNCTIONS[5:]
LAYERS = {name: "".join(part.capitalize() for part in name.split("_")) for name in FUNCTIONS}
PROBABILITIES = [0.1, 0.3, 0.5, 0.9]
ALPHA = 1.7580993408473766
UNITS = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}


@pytest.fixture(autouse=True)
def seeds():
    """Give each test the same masks of both, whatever ran before."""
    torch.manual_seed(0)
    fastdrop.manual_seed(0)


def both(name):
    """What has that name in torch and in fastdrop."""
    module = torch.nn.functional if name in FUNCTIONS else torch.nn
    return getattr(module, name), getattr(fastdrop, name)


def numbers(name, dtype="float64"):
    """Numbers for a function, none of them 0 or near the value that alpha dropout drops to."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0.01, 1.5, SHAPES[name]) * rng.choice([-1, 1], SHAPES[name])
    return x.astype(pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype)


def tensor(x):
    """A tensor with a copy of an array's values."""
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.astype(np.float32)).bfloat16()
    return torch.from_numpy(x.copy())


def array(x):
    """An array of a tensor's values, those of bfloat16 in float32."""
    return (x.float() if x.dtype == torch.bfloat16 else x).detach().numpy()


def line(p):
    """Of alpha dropout: a and b, where a kept x becomes a x + b, and the dropped value."""
    a = 1 / math.sqrt((ALPHA**2 * p + 1) * (1 - p))
    return a, a * ALPHA * p, a * ALPHA * p - a * ALPHA


def kept(name, y, p):
    """Where a result for `numbers` was kept: an alpha dropout's kept x is 0.25 above -ALPHA."""
    return y != 0 if name in SCALING else y.astype(float) > line(p)[2] + 0.1 * line(p)[0]


def error(call, *arguments):
    """The type and the message of the error that a call raises."""
    with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
        call(*arguments)
    return caught.type, str(caught.value)


@pytest.mark.parametrize("name", [*FUNCTIONS, *LAYERS.values()])
def test_positional_arguments_are_those_of_torch(name):
    theirs, ours = (
        [(q.name, q.default) for q in inspect.signature(f).parameters.values() if q.kind == 1]
        for f in both(name)
    )
    if name in FUNCTIONS:
        assert theirs.pop(0) == ("input", inspect.Parameter.empty)
        assert ours.pop(0) == ("x", inspect.Parameter.empty)
    assert ours == theirs
    assert len(ours) == (3 if name in FUNCTIONS else 2)


@pytest.mark.parametrize("name", LAYERS.values())
def test_layers_look_and_switch_alike(name):
    for arguments in ((), (0.0,), (0.2, True), (1.0,), (1e-7, False)):
        theirs, ours = (make(*arguments) for make in both(name))
        assert repr(ours) == repr(theirs)
        assert (ours.p, ours.inplace, ours.training) == (theirs.p, theirs.inplace, theirs.training)
    for layer in (theirs, ours):
        modes = [layer.eval().training, layer.train().training, layer.train(False).training]
        assert modes == [False, True, False]
        assert layer.train() is layer.eval() is layer


def test_differences_of_arguments():
    theirs, ours = both("Dropout")  # an int p: torch keeps it, fastdrop makes it a float
    assert repr(theirs(1)) == "Dropout(p=1, inplace=False)"
    assert repr(ours(1)) == "Dropout(p=1.0, inplace=False)"
    assert error(theirs().train, 0)[0] is ValueError  # both want a bool
    assert error(ours().train, 0)[0] is TypeError
    theirs, ours = both("dropout")
    assert error(theirs, [1.0, 2.0])[0] is TypeError  # fastdrop converts what NumPy can
    assert type(ours([1.0, 2.0])) is type(ours(torch.ones(2))) is np.ndarray


@pytest.mark.parametrize("p", [-0.1, 1.1, 2, math.inf, math.nan])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_invalid_p_is_the_same_error(name, p):
    (theirs, ours), (make_theirs, make_ours) = both(name), both(LAYERS[name])
    for training in (True, False):
        kind, message = error(theirs, tensor(numbers(name)), p, training)
        assert error(ours, numbers(name), p, training) == (ValueError, message)
        assert kind is (RuntimeError if math.isnan(p) else ValueError)  # a difference
    assert error(make_ours, p) == error(setattr, make_ours(), "p", p) == (ValueError, message)
    make_theirs().p = p  # a difference: torch finds out in the next call, as of this NaN
    if math.isnan(p):
        assert math.isnan(make_theirs(p).p)
    else:
        assert error(make_theirs, p) == (ValueError, message)


@pytest.mark.parametrize("ndim", range(7))
@pytest.mark.parametrize("name", WITH_CHANNELS)
def test_difference_of_the_errors_for_a_wrong_rank(name, ndim):
    ranks = {"dropout1d": (2, 3), "dropout2d": (3, 4), "dropout3d": (4, 5)}
    (theirs, ours), x = both(name), np.ones((2,) * ndim)
    if ndim in ranks.get(name, range(2, 7)):
        assert ours(x, 0.5, True).shape == x.shape
    else:
        assert error(ours, x, 0.5, True)[0] is error(ours, x, 0.5, False)[0] is ValueError
        if name in ("dropout2d", "dropout3d"):
            with pytest.warns(UserWarning, match=f"{name}: Received a {ndim}-D input"):
                theirs(tensor(x), 0.5, False)
        else:
            assert error(theirs, tensor(x), 0.5, True)[0] is RuntimeError


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_are_only_kept_or_cleared(name, dtype):
    (theirs, ours), x = both(name), np.ones(SHAPES[name], dtype)
    for p, training in ((0.0, True), (0.5, False), (1.0, True)):
        expected = array(theirs(tensor(x), p, training))
        np.testing.assert_array_equal(ours(x, p, training), expected, strict=True)
    assert error(theirs, tensor(x), 0.5, True)[0] is RuntimeError
    assert error(ours, x, 0.5, True)[0] is TypeError  # a difference


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (1.0, False), (0.0, True)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_identity_gives_the_input_itself(name, p, training):
    pair = tensor(numbers(name)), numbers(name)
    for call, make, same in zip(both(name), both(LAYERS[name]), pair, strict=True):
        for inplace in (False, True):
            assert call(same, p, training, inplace) is same
            assert make(p, inplace).train(training)(same) is same
        np.testing.assert_array_equal(np.asarray(same), numbers(name))


def test_differences_of_identity():
    for name, shape in (("dropout1d", (2, 3)), ("dropout3d", (2, 3, 4, 5))):
        x, t = np.ones(shape), torch.ones(shape)  # no batch axis: torch returns a new view
        assert both(name)[0](t, 0.5, False) is not t
        assert both(name)[1](x, 0.5, False) is x
    x, t = np.ones((0, 3)), torch.ones(0, 3)  # empty: torch returns the input
    assert [f(e) is e for f, e in zip(both("dropout"), (t, x), strict=True)] == [True, False]


@pytest.mark.parametrize("dtype", UNITS)
@pytest.mark.parametrize("p", PROBABILITIES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_those_of_torch(name, p, dtype):
    x, t = numbers(name, dtype), tensor(numbers(name, dtype)).requires_grad_()
    result = both(name)[0](t, p, True)
    result.backward(t.detach().flip(0))
    y, expected = both(name)[1](x, p, True), array(result)
    alive = kept(name, y, p) & kept(name, expected, p)
    dead = ~kept(name, y, p) & ~kept(name, expected, p)
    assert min(alive.sum(), dead.sum()) > 10
    bounds = np.zeros(x.shape)
    if name in SCALING and dtype in ("float16", "bfloat16"):
        # torch rounds the scale too, which is a difference
        bounds = 1.02 * 3 * UNITS[dtype] * abs(x.astype(float) / (1 - p))
    if name not in SCALING:
        # Of the dropped value torch rounds both parts and the difference; in float16 and bfloat16
        # it also rounds a, a x, b and their sum, of which fastdrop rounds only the sum. 1.02 is
        # for products of roundings.
        a, b, dropped = line(p)
        bounds[dead] = 1.02 * UNITS[dtype] * (a * ALPHA + b + 2 * abs(dropped))
        if dtype in ("float16", "bfloat16"):
            ax = a * x[alive].astype(float)
            bounds[alive] = 1.02 * UNITS[dtype] * (2 * abs(ax) + b + 2 * abs(ax + b))
    apart = abs(y.astype(float) - expected.astype(float))
    assert (apart <= bounds)[alive | dead].all()
    # And everywhere, by torch's own mask; so are gradients.
    mask = kept(name, expected, p)
    if name in SCALING:
        masked = fastdrop.apply_mask(x, mask, p).astype(expected.dtype)
        if dtype in ("float16", "bfloat16"):  # the product that torch takes in float32
            s = tensor(np.array(1 / (1 - p), np.float32))
            expected = array((t.float() * tensor(mask) * s).to(t.dtype))
        np.testing.assert_array_equal(masked, expected)
    if dtype in ("float32", "float64"):
        scale = x.dtype.type(1 / (1 - p) if name in SCALING else line(p)[0])
        np.testing.assert_array_equal(array(t.grad), x[::-1] * mask * scale)


@pytest.mark.parametrize("p", [0.04, 0.15, 0.42, 0.71, 0.97])
def test_difference_of_the_last_place_of_the_scale(p):
    # In float32 torch rounds 1 - p before it divides, which some p show.
    theirs = array(both("dropout")[0](torch.ones(8000), p)).max()
    ours = fastdrop.dropout(np.ones(8000, np.float32), p).max()
    assert theirs == np.float32(1) / np.float32(1 - p)
    assert ours == np.float32(1 / (1 - p))
    assert abs(int(theirs.view(np.int32)) - int(ours.view(np.int32))) == 1


@pytest.mark.parametrize(("p", "off"), [(0.1, -0.0016), (0.56, -0.0031)])
def test_difference_of_the_scale_of_bfloat16(p, off):
    # torch rounds the scale too, by which each kept value is off
    x = np.repeat(np.arange(1, 2, 2**-7), 200).astype(pytest.importorskip("ml_dtypes").bfloat16)
    theirs, ours = array(both("dropout")[0](tensor(x), p)), fastdrop.dropout(x, p).astype(float)
    for y, expected in ((theirs, off), (ours, 0)):
        drift = (y / x.astype(float))[y != 0].mean() * (1 - p) - 1
        assert drift == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize("p", [0.5, 1.0])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_difference_of_dropped_values(name, value, p):
    # torch multiplies by 0, fastdrop does not ask what it drops.
    x = np.full(SHAPES[name], value)
    expected, y = array(both(name)[0](tensor(x), p, True)), both(name)[1](x, p, True)
    dropped = y == 0 if name in SCALING or p == 1 else np.isclose(y, line(p)[2])
    # of 2000 decisions or more: 8.9 standard deviations
    assert 0.4 < dropped.mean() < 0.6 if p == 0.5 else dropped.all()
    assert np.isnan(expected).mean() > 0.4 or value == -1
    if name in SCALING or p == 1:
        assert not np.signbit(y[dropped]).any()
        assert np.signbit(expected[expected == 0]).all() or value != -1


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_difference_of_complex_numbers(dtype):
    # torch, which draws its mask in the dtype of the input, cannot; its product is fastdrop's.
    x = (numbers("dropout") + 1j * numbers("dropout")[::-1]).astype(dtype)
    assert error(both("dropout")[0], tensor(x), 0.3)[0] is NotImplementedError
    noise = tensor(fastdrop.keep_mask(x.shape, 0.3, rng=1)).to(tensor(x).real.dtype).div(1 - 0.3)
    np.testing.assert_array_equal(fastdrop.dropout(x, 0.3, rng=1), array(tensor(x) * noise))


@pytest.mark.parametrize(
    ("name", "shape", "outer"),
    [(name, SHAPES[name], 2) for name in WITH_CHANNELS]
    + [("dropout1d", (2000, 3), 1), ("dropout3d", (2000, 2, 1, 3), 1)],
)
def test_channels_are_dropped_as_wholes(name, shape, outer):
    x = np.ones(shape)
    for y in (array(both(name)[0](tensor(x), 0.5, True)), both(name)[1](x, 0.5, True)):
        alive = (y == y.max()).reshape(*shape[:outer], -1)
        np.testing.assert_array_equal(alive.any(-1), alive.all(-1))
        for axis in range(outer):  # each of 40 or more decides for itself
            assert (alive.any(axis) & ~alive.all(axis)).all()


def test_difference_of_dropout2d_on_three_axes():
    x = np.ones((40, 50, 3))  # to torch, which says that it will change, it is (N, C, L)
    with pytest.warns(UserWarning, match="assuming that channel-wise 1D dropout"):
        expected = array(both("dropout2d")[0](tensor(x), 0.5))
    assert (np.ptp(expected, axis=2) == 0).all()
    assert (np.ptp(expected, axis=(1, 2)) == 2).all()
    assert (np.ptp(fastdrop.dropout2d(x, 0.5), axis=(1, 2)) == 0).all()


@pytest.mark.parametrize("p", [0.5, 1.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_place_writes_into_the_input(name, p):
    functions = [functools.partial(f, p=p, training=True, inplace=True) for f in both(name)]
    layers = [make(p, inplace=True) for make in both(LAYERS[name])]
    for (theirs, ours), writes in ((functions, True), (layers, name in SCALING)):
        x, t = numbers(name), tensor(numbers(name))
        assert ours(x) is x
        assert (x != numbers(name)).any()
        assert (theirs(t) is t) == writes  # a difference: torch's layers of alpha dropout do not
        assert (array(t) != numbers(name)).any() == writes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", PROBABILITIES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_layer_is_torchs_arithmetic_on_its_mask(name, p, dtype):
    x, (a, b, dropped) = numbers(name, dtype), line(p)
    shape = x.shape[:2] + (1,) * (x.ndim - 2)
    mask = tensor(fastdrop.keep_mask(shape, p, rng=fastdrop.Key(7).fold_in(0)))
    t = tensor(x).requires_grad_()
    noise = mask.to(t.dtype).div(1 - p)
    y = t * noise if name in SCALING else torch.where(mask, t * a + b, dropped)
    y.backward(t.detach().flip(0))
    layer = both(LAYERS[name])[1](p, rng=7)
    np.testing.assert_array_equal(layer(x), array(y))
    np.testing.assert_array_equal(layer.backward(x[::-1]), array(t.grad))


def test_difference_of_the_state_of_a_layer():
    theirs, ours = both("Dropout")
    assert theirs().state_dict() == {}
    layer = ours(rng=7)
    layer(np.ones(3))
    twin = ours(rng=7)
    twin.load_state_dict(layer.state_dict())
    x = np.ones(1000)
    assert twin(x).tobytes() == layer(x).tobytes() != ours(rng=7)(x).tobytes()


def test_a_tensor_is_taken_where_numpy_can_make_an_array_of_it():
    t = torch.ones(1000)
    expected = fastdrop.dropout(np.ones(1000, np.float32), 0.5, rng=1)
    assert fastdrop.dropout(t, 0.5, rng=1).tobytes() == expected.tobytes()
    assert error(fastdrop.dropout, t, 0.5, True, True)[0] is TypeError  # in place
    fastdrop.dropout(t.numpy(), 0.5, inplace=True, rng=1)
    assert array(t).tobytes() == expected.tobytes()
    error(fastdrop.dropout, torch.ones(3, requires_grad=True), 0.5)
    error(fastdrop.dropout, torch.ones(3, dtype=torch.bfloat16), 0.5)
