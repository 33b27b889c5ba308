"""Dropout as a layer: forward, backward, modes, state, copies."""

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastdrop
from fastdrop import Dropout, Key

LAYERS = {
    "Dropout": (fastdrop.Dropout, fastdrop.dropout, (5, 6)),
    "Dropout1d": (fastdrop.Dropout1d, fastdrop.dropout1d, (2, 5, 3)),
    "Dropout2d": (fastdrop.Dropout2d, fastdrop.dropout2d, (2, 5, 3, 2)),
    "Dropout3d": (fastdrop.Dropout3d, fastdrop.dropout3d, (2, 5, 3, 2, 2)),
    "AlphaDropout": (fastdrop.AlphaDropout, fastdrop.alpha_dropout, (5, 6)),
    "FeatureAlphaDropout": (
        fastdrop.FeatureAlphaDropout,
        fastdrop.feature_alpha_dropout,
        (2, 5, 3, 2),
    ),
}


@pytest.fixture(params=LAYERS)
def kind(request):
    """A layer's class, its function, and a shape for both."""
    return LAYERS[request.param]


def test_defaults_and_repr_are_those_of_torch(kind):
    make, _, _ = kind
    layer = make()
    assert (layer.p, layer.inplace, layer.training) == (0.5, False, True)
    assert repr(layer) == f"{make.__name__}(p=0.5, inplace=False)"
    assert repr(make(0.2, True)) == f"{make.__name__}(p=0.2, inplace=True)"


def test_an_option_that_a_layer_has_not_is_refused(kind):
    make, _, _ = kind
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
        make(wrong=1)


def test_forward_is_the_function_under_the_folded_key(kind, real_dtype):
    make, function, shape = kind
    x = np.random.default_rng(0).standard_normal(shape).astype(real_dtype)
    layer = make(0.3, rng=7)
    for n in range(4):
        y = (layer if n % 2 else layer.forward)(x)
        expected = function(x, 0.3, True, rng=Key(7).fold_in(n))
        np.testing.assert_array_equal(y, expected)
        assert y is not x


@pytest.mark.parametrize("make", [lambda: 7, lambda: np.random.SeedSequence(7), lambda: Key(7)])
def test_layers_built_alike_give_the_same_sequence(make):
    x = np.ones(1000)
    first, second = Dropout(rng=make()), Dropout(rng=Key(7))
    for _ in range(3):
        np.testing.assert_array_equal(first(x), second(x))
    assert (first(x) != first(x)).any()


def test_only_calls_that_decide_are_counted():
    x = np.ones(100)
    layer, other = Dropout(0.5, rng=1), Dropout(0.5, rng=1)
    layer.eval()(x)
    layer.train()(x[:0])
    layer.p = 0.0
    layer(x)
    layer.p = 1.0
    layer(x)
    layer.p = 0.5
    np.testing.assert_array_equal(layer(x), other(x))


def test_a_generator_is_shared_with_its_other_users():
    rng, twin = np.random.default_rng(4), np.random.default_rng(4)
    layer = Dropout(rng=rng)
    np.testing.assert_array_equal(layer(np.ones(99)), fastdrop.dropout(np.ones(99), rng=twin))
    assert rng.random() == twin.random()
    layer = Dropout(rng=np.random.PCG64(4))
    bits = np.random.PCG64(4)
    for _ in range(2):
        np.testing.assert_array_equal(layer(np.ones(99)), fastdrop.dropout(np.ones(99), rng=bits))


def test_without_rng_keys_come_from_the_process():
    layer = Dropout()
    fastdrop.manual_seed(3)
    y = layer(np.ones(99))
    fastdrop.manual_seed(3)
    np.testing.assert_array_equal(fastdrop.dropout(np.ones(99)), y)


def test_train_and_eval_return_the_layer():
    layer = Dropout(rng=0)
    x = np.ones(50)
    assert layer.eval() is layer
    assert layer.training is False
    assert layer(x) is x
    assert layer.train() is layer
    assert layer.training is True
    assert layer.train(False).training is False


def test_inplace_writes_into_x(kind, real_dtype):
    make, _, shape = kind
    x = np.ones(shape, real_dtype)
    y = make(rng=1)(x)
    assert make(inplace=True, rng=1)(x) is x
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("make", [fastdrop.Dropout, fastdrop.AlphaDropout])
def test_a_layer_shares_its_decisions_along_axes(make):
    layer = make(0.5, rng=7, noise_shape=(None, 1, None))
    assert repr(layer) == f"{make.__name__}(p=0.5, inplace=False, noise_shape=(None, 1, None))"
    x = np.ones((5, 6, 7))
    y = layer(x)
    kept = fastdrop.keep_mask((5, 1, 7), 0.5, rng=Key(7).fold_in(0))
    np.testing.assert_array_equal(y == y.max(), np.broadcast_to(kept, x.shape))
    layer.noise_shape = None  # backward belongs to the last forward
    twin = pickle.loads(pickle.dumps(layer))
    for same in (layer, twin):
        np.testing.assert_array_equal(same.backward(x) != 0, np.broadcast_to(kept, x.shape))
    assert repr(layer) == f"{make.__name__}(p=0.5, inplace=False)"
    shape = [None, 1, 7]
    layer.noise_shape = shape
    y = layer(x)
    shape[1] = 6
    np.testing.assert_array_equal(layer.backward(x) != 0, y == y.max())
    layer.noise_shape = (5, 6)
    with pytest.raises(ValueError, match="noise_shape must have"):
        layer(x)


@pytest.mark.parametrize("make", [fastdrop.Dropout, fastdrop.AlphaDropout])
def test_a_layers_noise_shape_is_a_tuple_of_its_own(make):
    given = [np.int64(20), 1, None]
    layer = make(0.5, noise_shape=given)
    assert layer.noise_shape == (20, 1, None)
    assert type(layer.noise_shape[0]) is int
    given[1] = 10
    assert layer.noise_shape == (20, 1, None)
    layer.noise_shape = np.array([1, 2])
    assert layer.noise_shape == (1, 2)
    layer.noise_shape = None
    assert layer.noise_shape is None


@pytest.mark.parametrize("make", [fastdrop.Dropout, fastdrop.AlphaDropout])
@pytest.mark.parametrize(
    "noise", ["Invalid", -1, 1.5, 0, 3, (2, -1), (2, 1.5), (2, 0), (True, None), ("2", None), [[1]]]
)
def test_an_invalid_noise_shape_is_refused_when_it_is_given(make, noise):
    match = "noise_shape must .*, but got"
    with pytest.raises(ValueError, match=match):
        make(0.5, noise_shape=noise)
    layer = make(0.5, noise_shape=(None, 1))
    with pytest.raises(ValueError, match=match):
        layer.noise_shape = noise
    assert layer.noise_shape == (None, 1)


# A key for one call


@pytest.mark.parametrize("source", [None, 3, Key(3), "generator"])
def test_a_call_with_a_key_of_the_callers(kind, source):
    make, function, shape = kind
    x = np.ones(shape)

    def build():
        return make(0.4, rng=np.random.default_rng(3) if source == "generator" else source)

    fastdrop.manual_seed(1)
    layer = build()
    before = layer.state_dict()
    key = Key(7).fold_in(2, 5)
    y = layer(x, rng=key)
    np.testing.assert_array_equal(y, function(x, 0.4, True, rng=key))
    np.testing.assert_array_equal(layer.forward(x, rng=key), y)
    gradient = layer.backward(x)
    assert layer.state_dict() == before  # its own source stands still
    following = [layer(x) for _ in range(3)]
    fastdrop.manual_seed(1)
    twin = build()
    for y in following:
        np.testing.assert_array_equal(twin(x), y)
    twin(x, rng=key)
    np.testing.assert_array_equal(twin.backward(x), gradient)


@pytest.mark.parametrize("make", [lambda: 9, lambda: np.random.SeedSequence(9), lambda: Key(9)])
def test_a_call_takes_what_every_rng_takes(make):
    x = np.ones(100)
    np.testing.assert_array_equal(Dropout()(x, rng=make()), fastdrop.dropout(x, rng=9))
    generator, twin = np.random.default_rng(2), np.random.default_rng(2)
    np.testing.assert_array_equal(Dropout(rng=1)(x, rng=generator), fastdrop.dropout(x, rng=twin))
    assert generator.random() == twin.random()


def test_a_subclass_may_have_a_forward_of_its_own():
    class Twice(Dropout):
        def forward(self, x):  # type: ignore[override]
            return 2 * super().forward(x)

    x = np.ones(100)
    np.testing.assert_array_equal(Twice(rng=1)(x), 2 * Dropout(rng=1)(x))


@pytest.mark.parametrize("rng", ["seed", True, 1.5])
def test_an_rng_of_another_type_is_refused_in_a_call(rng):
    layer = Dropout(rng=1)
    layer(np.ones(3))
    before = layer.state_dict()
    with pytest.raises(TypeError, match="rng must be"):
        layer(np.ones(3), rng=rng)
    assert layer.state_dict() == before
    with pytest.raises(RuntimeError, match="forward"):
        layer.backward(np.ones(3))


# backward


class Misshapen(np.ndarray):
    """A subclass whose own shape is another."""

    shape = (7,)  # type: ignore[override]


@pytest.mark.parametrize("training", [True, False])
def test_a_subclass_with_a_shape_of_its_own(kind, training):
    make, _, shape = kind
    layer = make(0.4, inplace=True, rng=3).train(training)
    x = np.ones(shape).view(Misshapen)
    y = layer(x)  # x itself
    plain = np.asarray(y)
    kept = plain == plain.max()
    gradient = np.asarray(layer.backward(np.ones(shape).view(Misshapen)))
    assert gradient.shape == shape
    np.testing.assert_array_equal(gradient != 0, kept)
    with pytest.raises(ValueError, match="grad must have the shape"):
        layer.backward(np.ones(7))


@pytest.mark.parametrize("make", [lambda: None, lambda: 3, lambda: np.random.default_rng(3)])
def test_backward_has_the_mask_of_the_last_forward(make, dtype):
    layer = Dropout(0.4, rng=make())
    x = np.ones((30, 40), dtype)
    for _ in range(3):
        y = layer(x)
        np.testing.assert_array_equal(layer.backward(x), y)
        np.testing.assert_array_equal(layer.backward(2 * x), 2 * y)


@pytest.mark.parametrize("inplace", [False, True])
def test_backward_is_the_derivative(kind, inplace):
    make, function, shape = kind
    layer = make(0.4, inplace, rng=3)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, *shape))
    layer(x.copy())
    grad = layer.backward(weight)  # of loss = sum(weight * layer(x))
    key = Key(3).fold_in(0)
    for at in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-3
        up, down = (function(x + d, 0.4, True, rng=key) for d in (step, -step))
        np.testing.assert_allclose(grad[at], (weight * (up - down)).sum() / 2e-3, atol=1e-9)
    assert 0 < np.count_nonzero(grad) < grad.size


def test_backward_has_the_dtype_of_the_gradient(kind, real_dtype):
    make, function, shape = kind
    layer = make(0.4, rng=3)
    y = layer(np.zeros(shape, real_dtype))
    grad = layer.backward(np.ones(shape, real_dtype))
    assert grad.dtype == real_dtype
    kept = function(np.ones(shape, real_dtype), 0.4, True, rng=Key(3).fold_in(0))
    np.testing.assert_array_equal(grad != 0, kept == kept.max())
    assert y.shape == grad.shape


def test_backward_at_the_ends_of_p(kind):
    make, _, shape = kind
    layer = make(0.4, rng=3)
    x = np.ones(shape)
    layer.eval()(x)
    assert layer.backward(x) is x
    layer.train().p = 1.0
    assert not layer(x).any()
    assert not layer.backward(x).any()
    layer.p = 0.0
    assert layer(x) is x
    assert layer.backward(x) is x


def test_backward_uses_the_p_and_mode_of_the_forward():
    layer = Dropout(0.4, rng=3)
    x = np.ones(500)
    y = layer(x)
    layer.p = 0.9
    layer.eval()
    np.testing.assert_array_equal(layer.backward(x), y)
    layer(x)
    assert layer.backward(x) is x
    layer.train().p = 1.0
    layer(x)
    assert not layer.backward(x).any()
    layer.p = 0.0
    layer(x)
    assert layer.backward(x) is x


def test_backward_never_writes_into_the_gradient(kind):
    make, _, shape = kind
    layer = make(0.5, inplace=True, rng=3)
    layer(np.ones(shape))
    grad = np.ones(shape)
    assert (layer.backward(grad) != grad).all()
    assert (grad == 1).all()


def test_backward_takes_what_forward_takes():
    class WithDLPack:
        def __dlpack__(self, **options):
            return np.ones(100).__dlpack__()

        def __dlpack_device__(self):
            return np.ones(100).__dlpack_device__()

    layer = Dropout(0.5, rng=3)
    y = layer(WithDLPack())
    np.testing.assert_array_equal(layer.backward(WithDLPack()), y)
    np.testing.assert_array_equal(layer.backward([1.0] * 100), y)


@pytest.mark.parametrize("inplace", [(None, 1), None, "yes"])
def test_an_inplace_that_is_no_flag_is_refused(kind, inplace):
    with pytest.raises(TypeError, match="inplace must be a bool, but got"):
        kind[0](0.5, inplace)


def test_backward_of_an_empty_array():
    layer = Dropout(rng=3)
    layer(np.ones((0, 3)))
    assert layer.backward(np.ones((0, 3))).shape == (0, 3)


def test_backward_before_forward():
    with pytest.raises(RuntimeError, match="forward"):
        Dropout().backward(np.ones(3))


def test_backward_after_a_forward_that_failed():
    layer = Dropout(rng=3)
    layer(np.ones(3))
    with pytest.raises(TypeError):
        layer(np.array(["a", "b", "c"]))
    with pytest.raises(RuntimeError, match="forward"):
        layer.backward(np.ones(3))


def test_backward_of_another_shape():
    layer = Dropout(rng=3)
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        layer.backward(np.ones((3, 2)))


# p and rng


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_an_invalid_p_is_refused(kind, p):
    make, _, _ = kind
    with pytest.raises(ValueError, match=f"has to be between 0 and 1, but got {p}"):
        make(p)
    layer = make(0.3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        layer.p = p
    assert layer.p == 0.3


def test_an_rng_of_another_type_is_refused():
    with pytest.raises(TypeError, match="rng must be"):
        Dropout(rng="seed")
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        Dropout(rng=-1)


# State, copies, threads


@pytest.mark.parametrize("make", [lambda: 3, lambda: np.random.default_rng(3)])
@pytest.mark.parametrize("how", ["state_dict", "json", "copy", "pickle"])
def test_a_copy_goes_on_with_the_same_masks(kind, make, how):
    layer_class, _, shape = kind
    x = np.ones(shape)
    layer = layer_class(0.25, True, rng=make())
    for _ in range(3):
        layer(x.copy())
    if how == "copy":
        twin = copy.deepcopy(layer)
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(layer))
    else:
        state = layer.state_dict()
        if how == "json":
            state = json.loads(json.dumps(state))
        twin = layer_class(0.25, True, rng=make())
        twin.load_state_dict(state)
    assert repr(twin) == repr(layer)
    for _ in range(3):
        np.testing.assert_array_equal(twin(x.copy()), layer(x.copy()))
        np.testing.assert_array_equal(twin.backward(x), layer.backward(x))


def test_a_pickled_layer_can_still_go_backward():
    layer = Dropout(rng=3).eval().train()
    y = layer(np.ones(100))
    for twin in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin.backward(np.ones(100)), y)
        assert twin.training


RNGS = {
    "None": lambda: None,
    "int": lambda: 8,
    "Key": lambda: Key(8),
    "PCG64": lambda: np.random.default_rng(8),
    "MT19937": lambda: np.random.RandomState(8),
}


@pytest.fixture(params=RNGS)
def layer(request):
    """A layer with each kind of rng, once used."""
    layer = Dropout(rng=RNGS[request.param]())
    layer(np.ones(9))
    return layer


def test_the_state_of_a_stream_goes_into_any_layer(layer):
    x = np.ones(200)
    other = Dropout(rng=1)
    other(x)
    fastdrop.manual_seed(2)
    for state in (other.state_dict(), fastdrop.get_rng_state()):
        layer.load_state_dict(json.loads(json.dumps(state)))
        assert layer.state_dict() == state
        key = Key.from_words(*state["key"]).fold_in(state["calls"])
        np.testing.assert_array_equal(layer(x), fastdrop.dropout(x, rng=key))
        assert layer.state_dict() == {"key": state["key"], "calls": state["calls"] + 1}
    assert fastdrop.get_rng_state()["calls"] == 0  # the stream is the layer's own


def test_a_layer_that_gets_a_state_leaves_what_it_shared():
    x = np.ones(200)
    generator, twin = np.random.default_rng(4), np.random.default_rng(4)
    Dropout(rng=generator).load_state_dict(Dropout(rng=1).state_dict())
    assert generator.bit_generator.state == twin.bit_generator.state
    first = Dropout(rng=4)
    second = copy.copy(first)
    second.load_state_dict(Dropout(rng=1).state_dict())
    np.testing.assert_array_equal(first(x), Dropout(rng=4)(x))
    np.testing.assert_array_equal(second(x), Dropout(rng=1)(x))


def test_an_empty_state_restores_nothing(layer):
    before = repr(layer.state_dict())
    layer.load_state_dict({})
    assert repr(layer.state_dict()) == before
    assert Dropout().state_dict() == {}


def refused_state(layer, state, error, match):
    """Check that a layer refuses a state and is unchanged."""
    before = repr(layer.state_dict())
    with pytest.raises(error, match=match):
        layer.load_state_dict(state)
    assert repr(layer.state_dict()) == before


@pytest.mark.parametrize(
    ("state", "error", "match"),
    [
        (None, TypeError, "state_dict must be a dict"),
        ([], TypeError, "state_dict must be a dict"),
        ({"key": (5, 6)}, ValueError, "entries 'key' and 'calls', but has"),
        ({"key": (5, 6), "calls": 1, "bit_generator": {}}, ValueError, "entries 'key' and 'calls'"),
        ({"key": (5,), "calls": 1}, ValueError, "must be two words, but is"),
        ({"key": 5, "calls": 1}, ValueError, "must be two words, but is"),
        ({"key": (5, 6, 7), "calls": 1}, ValueError, "must be two words, but is"),
        ({"key": (5, 2**64), "calls": 1}, ValueError, "k1 must be in"),
        ({"key": (5.0, 6.0), "calls": 1}, TypeError, r"k0 must be an integer, but got 5\.0"),
        ({"key": (5, 6), "calls": -1}, ValueError, "calls must be in"),
        ({"key": (5, 6), "calls": "1"}, TypeError, "calls must be an integer"),
    ],
    ids=str,
)
def test_a_bad_state_of_a_stream_is_refused(layer, state, error, match):
    refused_state(layer, state, error, match)


def test_the_state_of_a_bit_generator_goes_into_one_of_its_kind(layer):
    state = Dropout(rng=np.random.SFC64(1)).state_dict()
    own = layer.state_dict().get("bit_generator", {}).get("bit_generator")
    has = f"this layer's is a {own}" if own else "this layer has none"
    refused_state(layer, state, ValueError, f"of a bit generator SFC64, but {has}")
    for bad in (None, 7, {}, {"bit_generator": None}, "PCG64", ["PCG64"]):
        refused_state(layer, {"bit_generator": bad}, ValueError, has)


def with_entry(state, value, *path):
    """Return a copy of nested dicts with an entry changed, or deleted for None."""
    state = copy.deepcopy(state)
    place = state
    for name in path[:-1]:
        place = place[name]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return state


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        ("MT19937", np.arange(10), ("state", "key")),
        ("MT19937", [-1] * 624, ("state", "key")),
        ("MT19937", ["a"] * 624, ("state", "key")),
        ("MT19937", 625, ("state", "pos")),
        ("MT19937", -1, ("state", "pos")),
        ("MT19937", "0", ("state", "pos")),
        ("MT19937", None, ("state", "pos")),
        ("MT19937", None, ("state",)),
        ("MT19937", 7, ("state",)),
        ("Philox", [1], ("state", "key")),
        ("Philox", ["a", "b"], ("state", "key")),
        ("Philox", [1], ("state", "counter")),
        ("Philox", [1], ("buffer",)),
        ("Philox", 5, ("buffer_pos",)),
        ("Philox", -1, ("buffer_pos",)),
        ("Philox", None, ("has_uint32",)),
        ("PCG64", None, ("state", "inc")),
        ("PCG64", "a", ("uinteger",)),
        ("PCG64", -1, ("state", "state")),
        ("PCG64DXSM", None, ("has_uint32",)),
        ("SFC64", None, ("state", "state")),
        ("SFC64", 2**70, ("uinteger",)),
    ],
)
def test_a_bad_state_of_a_bit_generator_is_refused_as_a_whole(kind, value, path):
    make = getattr(np.random, kind)
    layer = Dropout(rng=make(1))
    layer(np.ones(9))
    bad = with_entry(Dropout(rng=make(2)).state_dict(), value, "bit_generator", *path)
    refused_state(layer, bad, ValueError, f"state_dict holds no state of a {kind}: ")
    layer.load_state_dict(Dropout(rng=make(2)).state_dict())
    x = np.ones(99)
    np.testing.assert_array_equal(layer(x), fastdrop.dropout(x, rng=make(2)))


def test_threads_that_share_a_layer_share_no_mask():
    layer = Dropout(rng=1)
    x = np.ones(200)
    with ThreadPoolExecutor(8) as pool:
        masks = {y.tobytes() for y in pool.map(lambda _: layer(x), range(400))}
    twin = Dropout(rng=1)
    assert masks == {twin(x).tobytes() for _ in range(400)}
    assert len(masks) == 400
