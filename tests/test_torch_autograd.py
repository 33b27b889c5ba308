"""fastdrop.torch and derivatives: nothing is stored, and every kind of derivative is right."""

import pytest

torch = pytest.importorskip("torch")

from tensors import CASES, assert_same_values, dropped, next_key  # noqa: E402
from torch.autograd import forward_ad, gradcheck, gradgradcheck  # noqa: E402
from torch.func import grad, jacfwd, jacrev, jvp, vjp, vmap  # noqa: E402
from torch.nn.functional import embedding  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

import fastdrop  # noqa: E402
import fastdrop.torch  # noqa: E402

# PyTorch's own: of its decompositions, and of what it says when a mode is entered.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script:DeprecationWarning", "ignore:Anomaly Detection:UserWarning"
)

# Cases small enough for numerical derivatives.
SMALL = [(name, shape[:1] and (2, *shape[1:]), decided) for name, shape, decided in CASES]
SMALL = [case for case in SMALL if case[1] != (2,)] + [("dropout", (6,), None)]


@pytest.fixture(autouse=True)
def seed():
    """Give each test the same numbers and keys, whatever ran before."""
    torch.manual_seed(0)


def seeded(name, p=0.4, inplace=False):
    """Return a function that drops the same elements in each call."""

    def function(x):
        torch.manual_seed(1)
        x = x * 1 if inplace else x
        return getattr(fastdrop.torch, name)(x, p, True, inplace)

    return function


def slope(name, x, p, decided, key):
    """Return the derivative of a function by each of its elements."""
    ones = torch.ones(x.shape, dtype=x.dtype)
    if "alpha" not in name:
        return dropped(name, ones, p, decided, key)
    kept = fastdrop.keep_mask(
        tuple(x.shape) if decided is None else (*x.shape[:decided], *(1,) * (x.ndim - decided)),
        p,
        rng=key,
    )
    a = ((1.7580993408473766**2 * p + 1) * (1 - p)) ** -0.5
    return (torch.from_numpy(kept) * ones * a).numpy()


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("name", "shape", "decided"), CASES)
def test_the_gradient_passes_through_the_mask_and_nothing_is_stored(name, shape, decided, inplace):
    x = torch.randn(shape, requires_grad=True)
    z = x * 1 if inplace else x
    key, saved = next_key(), []

    def pack(tensor):
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = getattr(fastdrop.torch, name)(z, 0.3, True, inplace)
    assert saved == []
    weights = torch.randn(shape)
    (y * weights).sum().backward()
    torch.testing.assert_close(
        x.grad, torch.from_numpy(slope(name, x, 0.3, decided, key)) * weights, rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("name", "shape", "decided"), SMALL)
def test_derivatives_are_those_of_differences(name, shape, decided, inplace):
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    function = seeded(name, inplace=inplace)
    assert gradcheck(function, x, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(function, x, check_batched_grad=True)
    assert gradgradcheck(lambda x: function(x) ** 2, x, check_fwd_over_rev=True)


def test_derivatives_of_complex_numbers():
    x = torch.randn(5, dtype=torch.complex128, requires_grad=True)
    assert gradcheck(seeded("dropout"), x, check_forward_ad=True)
    assert gradgradcheck(seeded("dropout"), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_gradient_has_the_dtype_of_the_input(dtype):
    x = torch.ones(1000, dtype=dtype, requires_grad=True)
    y = fastdrop.torch.dropout(x, 0.3)
    y.backward(torch.ones_like(y))
    assert x.grad.dtype is dtype
    assert torch.equal(x.grad, y)


@pytest.mark.parametrize(
    "view", [lambda x: x, lambda x: x.mT, lambda x: x[:, ::2], lambda x: x.expand(3, 4, 6)]
)
def test_gradients_of_views(view):
    x = torch.randn(4, 6, requires_grad=True)
    z = view(x)
    y = fastdrop.torch.dropout(z, 0.5)
    (derivative,) = torch.autograd.grad(y.sum(), z)  # the gradient of a sum has strides of 0
    assert torch.equal(derivative * z, y)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
def test_a_sparse_gradient_stays_sparse(name):
    table, rows = torch.randn(5, 40, requires_grad=True), torch.tensor([3, 1, 3])
    expected, given = (
        torch.autograd.grad(embedding(rows, seeded(name)(table), sparse=sparse).sum(), table)[0]
        for sparse in (False, True)
    )
    assert given.layout is torch.sparse_coo
    assert torch.equal(given.to_dense(), expected)
    assert expected[3].count_nonzero() not in (0, 40)


def test_a_p_that_is_changed_later_changes_no_gradient():
    x, p = torch.ones(1000, requires_grad=True), torch.tensor(0.3)
    y = fastdrop.torch.dropout(x, p)
    p.fill_(0.9)
    y.sum().backward()
    assert torch.equal(x.grad, y)


def test_in_place_on_views_is_seen_by_their_base():
    x = torch.randn(4, 6, requires_grad=True)
    base = x * 1
    y = fastdrop.torch.dropout(base[1:3], 0.5, True, True)
    base.sum().backward()
    assert torch.equal(x.grad[1:3] * x[1:3], y)
    assert (x.grad[[0, 3]] == 1).all()
    parts = (x * 1).unbind()
    with pytest.raises(RuntimeError, match="multiple views"):
        fastdrop.torch.dropout(parts[0], 0.5, True, True)
    assert torch.equal(parts[0], x[0])


def views_that_must_not_change():
    """Give views whose change in place autograd forbids, with its reasons."""
    x = torch.randn(4, 6, requires_grad=True)
    with torch.no_grad():
        unwatched = (x * 1).view(24)
    yield x[1:], "a view of a leaf Variable"
    yield (x * 1).unbind()[0][1:], "multiple views"
    yield (x * 1)[:1].expand(3, 6), "share memory"
    yield (x * 1).to(torch.complex64)[:1].conj().expand(3, 6), "share memory"
    yield unwatched.requires_grad_(), "a leaf Variable"


def test_a_view_that_must_not_change_is_refused_before_a_key_is_drawn():
    for view, match in views_that_must_not_change():
        state, before = torch.get_rng_state(), view.detach().clone()
        with pytest.raises(RuntimeError, match=match):
            fastdrop.torch.dropout(view, 0.5, True, True)
        assert torch.equal(torch.get_rng_state(), state), match
        assert torch.equal(view, before), match


def test_a_derivative_of_zeros_without_memory():
    x, zeros = torch.ones(5), torch._efficientzerotensor((5,))
    for inplace in (False, True):
        with forward_ad.dual_level():
            y = fastdrop.torch.dropout(forward_ad.make_dual(x.clone(), zeros), 0.5, True, inplace)
            assert torch.equal(forward_ad.unpack_dual(y).tangent, torch.zeros(5))


def test_changed_in_place_what_another_function_needs():
    x = torch.randn(6, requires_grad=True)
    z = x.exp()  # needs its result
    fastdrop.torch.dropout(z, 0.5, True, True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_an_unused_result_and_no_grad():
    x = torch.randn(6, requires_grad=True)
    y, z = fastdrop.torch.dropout(x), x * 2
    assert torch.autograd.grad(z.sum(), x, retain_graph=True)[0].eq(2).all()
    (derivative,) = torch.autograd.grad((y * 0 + z).sum(), x)
    assert derivative.eq(2).all()
    with torch.no_grad():
        assert not fastdrop.torch.dropout(x).requires_grad
        assert fastdrop.torch.dropout(x, 0.5, True, True) is x  # a leaf may be changed here
    with torch.inference_mode():
        assert fastdrop.torch.dropout(x).is_inference()


def test_a_graph_keeps_the_key_and_no_tensor():
    x, key = torch.ones(2**20, requires_grad=True), next_key()
    y = fastdrop.torch.dropout(x)
    assert vars(y.grad_fn) == {"again": (key, 0.5, None, "dropout"), "inplace": False}


def test_forward_mode():
    x, tangent = torch.randn(4, 6), torch.randn(4, 6)
    for function in (seeded("dropout"), seeded("dropout", inplace=True)):
        with forward_ad.dual_level():
            y, derivative = forward_ad.unpack_dual(function(forward_ad.make_dual(x, tangent)))
        assert torch.equal(derivative.ne(0), y.ne(0))
        torch.testing.assert_close(derivative * x, y * tangent)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
def test_the_transforms_of_torch_func(name):
    x, v, function = torch.randn(6), torch.randn(6), seeded(name)
    torch.manual_seed(1)
    expected = torch.from_numpy(slope(name, x, 0.4, None, next_key()))
    assert torch.equal(grad(lambda x: function(x).sum())(x), expected)
    assert torch.equal(jvp(function, (x,), (v,))[1], expected * v)
    assert torch.equal(vjp(function, x)[1](v)[0], expected * v)
    assert torch.equal(jacrev(function)(x), expected.diag())
    assert torch.equal(jacfwd(function, randomness="same")(x), expected.diag())
    second = jacfwd(grad(lambda x: (function(x) ** 2).sum()), randomness="same")(x)
    torch.testing.assert_close(second, 2 * (expected**2).diag())


@pytest.mark.parametrize("in_dim", [0, 1])
@pytest.mark.parametrize(("name", "shape", "decided"), CASES[2:])
def test_vmap(name, shape, decided, in_dim):
    def function(x):
        return getattr(fastdrop.torch, name)(x, 0.5, True)

    if len(shape) < in_dim:
        return
    x = torch.randn((*shape[:in_dim], 5, *shape[in_dim:]))
    y = vmap(function, in_dim, randomness="same")(x)
    assert y.shape == (5, *shape)
    key = next_key_of_vmap(lambda: vmap(function, in_dim, randomness="same")(x))
    for member, result in zip(
        x.movedim(in_dim, 0), vmap(function, in_dim, randomness="same")(x), strict=True
    ):
        assert_same_values(result, dropped(name, member, 0.5, decided, key))
    y = vmap(function, in_dim, randomness="different")(torch.ones_like(x))
    if y[0].numel() > 100:
        assert len({member.numpy().tobytes() for member in y}) == 5
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(function, in_dim)(x)


def next_key_of_vmap(call):
    """Return the key that the next call draws, which draws as many numbers as one outside."""
    key, state = next_key(), torch.get_rng_state()
    call()
    torch.set_rng_state(state)
    return key


def test_vmap_over_something_else():
    x = torch.ones(1000)
    same = vmap(lambda z: z + fastdrop.torch.dropout(x), randomness="same")(torch.zeros(3, 1))
    assert torch.equal(same[0], same[1])
    other = vmap(lambda z: z + fastdrop.torch.dropout(x), randomness="different")(torch.zeros(3, 1))
    assert not torch.equal(other[0], other[1])
    inner = vmap(vmap(fastdrop.torch.dropout, randomness="different"), randomness="different")
    y = inner(torch.ones(3, 4, 1000))
    assert len({row.numpy().tobytes() for row in y.view(12, 1000)}) == 12
    y = vmap(vmap(fastdrop.torch.dropout, randomness="same"), randomness="different")(
        torch.ones(3, 4, 1000)
    )
    assert (y == y[:, :1]).all()
    assert not torch.equal(y[0], y[1])


def test_vmap_of_gradients():
    x = torch.ones(5, 1000)

    def loss(x):
        y = fastdrop.torch.dropout(x)
        return (y * y.detach()).sum()

    derivative = vmap(grad(loss), randomness="different")(x)
    assert set(derivative.unique().tolist()) == {0.0, 4.0}
    assert not torch.equal(derivative[0], derivative[1])


def test_ensembles_of_models():
    from torch.func import functional_call, stack_module_state

    models = [torch.nn.Sequential(torch.nn.Linear(8, 8), fastdrop.torch.Dropout()) for _ in "abc"]
    parameters, buffers = stack_module_state(models)

    def call(parameters, buffers, x):
        return functional_call(models[0], (parameters, buffers), (x,))

    y = vmap(call, (0, 0, None), randomness="different")(parameters, buffers, torch.randn(4, 8))
    assert y.shape == (3, 4, 8)
    assert not torch.equal(y[0] == 0, y[1] == 0)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_a_checkpoint_repeats_the_mask(use_reentrant):
    x, results = torch.ones(1000, requires_grad=True), []

    def function(x):
        y = fastdrop.torch.dropout(x)
        results.append(y.detach().clone())
        return y**2

    first = checkpoint(function, x, use_reentrant=use_reentrant)
    fastdrop.torch.dropout(torch.ones(5))  # others draw in between
    first.sum().backward()
    assert len(results) == 2
    assert torch.equal(*results)
    assert torch.equal(x.grad, 2 * results[0] ** 2)


def test_hooks_anomaly_mode_and_graphs_that_are_kept():
    x, seen = torch.ones(100, requires_grad=True), []
    with torch.autograd.detect_anomaly(check_nan=True):
        y = fastdrop.torch.dropout(x)
        y.register_hook(lambda gradient: seen.append(gradient.shape))
        for _ in range(3):
            (derivative,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
            assert torch.equal(derivative, y)
    assert seen == [(100,)] * 3
