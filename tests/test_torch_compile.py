"""fastdrop.torch in graphs: the operator, torch.compile, torch.export, and what graphs keep."""

import shutil

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from functorch.compile import make_boxed_func  # noqa: E402
from tensors import assert_same_values, dropped, next_key  # noqa: E402
from torch._dynamo.backends.common import aot_autograd  # noqa: E402

import fastdrop  # noqa: E402
import fastdrop.torch  # noqa: E402

# PyTorch's own, of parts that it uses itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*is_opaque_value:UserWarning"),
]

NAMES = ["dropout", "dropout1d", "alpha_dropout", "feature_alpha_dropout", "drop_path"]


@pytest.fixture(autouse=True)
def fresh():
    """Give each test the same keys, and no graph that another test has compiled."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Network(torch.nn.Module):  # type: ignore[name-defined]
    """Two linear layers, each with dropout behind it."""

    def __init__(self, make=fastdrop.torch.Dropout):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(16, 32), torch.nn.ReLU(), make(0.5), torch.nn.Linear(32, 8), make(0.5)
        )

    def forward(self, x):
        """Return what the layers make of x."""
        return self.layers(x)


def compiled(function, **options):
    """Compile a function without a break; return it and the list of its graphs."""
    graphs = []

    def keep(module, inputs):
        graphs.append(module)
        return make_boxed_func(module.forward)

    backend = aot_autograd(fw_compiler=keep, bw_compiler=keep)
    return torch.compile(function, backend=backend, fullgraph=True, **options), graphs


def operators(graph):
    """Return the names of the operators in a graph."""
    return [str(node.target) for node in graph.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize(
    ("x", "noise", "kind"),
    [
        (torch.randn(3, 4), None, "dropout"),
        (torch.randn(2, 3, 4).transpose(0, 2), [4, 3, 1], "dropout"),
        (torch.randn(3, 4), None, "alpha_dropout"),
        (torch.randn(3, 4, dtype=torch.float64)[:, ::2], [3, 1], "alpha_dropout_grad"),
        (torch.randn(3, 4).bfloat16(), None, "dropout"),
    ],
)
def test_the_operator_keeps_pytorchs_rules(x, noise, kind):
    words = torch.tensor([1, 2])
    for requires_grad in (False, True):
        arguments = (x.detach().requires_grad_(requires_grad), words, 0.5, noise, kind)
        report = torch.library.opcheck(torch.ops.fastdrop.drop.default, arguments)
        assert set(report.values()) == {"SUCCESS"}
    y = torch.ops.fastdrop.drop(x, words, 0.5, None, "dropout")
    key = fastdrop.Key.from_words(1, 2)
    assert_same_values(y, dropped("dropout", x, 0.5, None, key))


@pytest.mark.parametrize("name", NAMES)
def test_no_graph_breaks_and_a_graph_keeps_16_bytes(name):
    def function(x):
        return getattr(fastdrop.torch, name)(x, 0.5, True)

    x = torch.randn(20, 30, 5, requires_grad=True)
    call, graphs = compiled(function)
    y = call(x)
    y.backward(torch.ones_like(y))
    forward, backward = graphs
    assert operators(forward).count("fastdrop.drop.default") == 1
    assert operators(backward) == ["fastdrop.drop.default"]
    kept = next(iter(reversed(forward.graph.nodes))).args[0][1:]
    sizes = [node.meta["val"].nbytes for node in kept if isinstance(node, torch.fx.Node)]
    assert sum(sizes) == 16  # the key's two words
    if "alpha" not in name:
        assert torch.equal(x.grad * x, y.detach())


def test_equal_calls_have_masks_of_their_own():
    # The same operator on the same tensor: a compiler that made them one would break dropout.
    def function(x):
        return fastdrop.torch.dropout(x), fastdrop.torch.dropout(x)

    x = torch.ones(1000, requires_grad=True)
    for call in (compiled(function)[0], torch.compile(function, backend="aot_eager")):
        first, second = call(x)
        assert not torch.equal(first, second)
        (derivative,) = torch.autograd.grad((first + 2 * second).sum(), x)
        assert torch.equal(derivative, first + 2 * second)
        assert not torch.equal(call(x)[0], first)


def test_the_seed_decides_in_graphs_too():
    call = torch.compile(fastdrop.torch.dropout, backend="aot_eager", fullgraph=True)
    x = torch.ones(1000)
    call(x)
    torch.manual_seed(5)
    expected = dropped("dropout", x, 0.5, None, next_key())
    assert_same_values(call(x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_that_change_do_not_compile_anew(name):
    def function(x):
        return getattr(fastdrop.torch, name)(x, 0.5, True)

    call, graphs = compiled(function, dynamic=True)
    for n in (20, 30, 40):
        y = call(torch.ones(n, 10, 3))
        assert y.shape == (n, 10, 3)
        assert len(y.unique()) == 2
    assert len(graphs) == 1


def test_in_place_and_in_evaluation():
    def function(x, training):
        y = x * 1
        return fastdrop.torch.dropout(y, 0.5, training, True), y

    call, _ = compiled(function)
    first, second = call(torch.ones(1000), True)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(first, second)
    first, second = call(torch.ones(1000), False)
    assert (first == 1).all()


def test_errors_are_raised_in_graphs_too():
    call = torch.compile(lambda x: fastdrop.torch.dropout(x, 1.5), backend="aot_eager")
    with pytest.raises(ValueError, match=r"between 0 and 1, but got 1\.5"):
        call(torch.ones(3))


def test_a_generator_breaks_the_graph_and_works():
    generator = torch.Generator().manual_seed(3)
    call = torch.compile(
        lambda x: fastdrop.torch.dropout(x, 0.5, generator=generator), backend="aot_eager"
    )
    x = torch.ones(1000)
    expected = dropped("dropout", x, 0.5, None, next_key(generator))
    assert_same_values(call(x), expected)


def test_a_model_can_be_exported():
    model, x = Network(), torch.randn(64, 16)
    program = torch.export.export(model, (x,))
    assert operators(program.graph_module).count("fastdrop.drop.default") == 2
    module = program.module()
    y, z = module(x), module(x)
    assert 0.4 < (y == 0).float().mean() < 0.6
    assert not torch.equal(y, z)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_model_trains(backend, enabled):
    if backend == "inductor" and not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler")
    x = torch.randn(64, 16)
    if enabled:
        fastdrop.torch.enable()
    try:
        model = Network(torch.nn.Dropout if enabled else fastdrop.torch.Dropout)
        call = torch.compile(model, backend=backend, fullgraph=True)
        parameters = list(model.parameters())
        optimizer = torch.optim.SGD(parameters, 0.1)
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            y = call(x)
            loss = ((y - 1) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            assert 0.3 < (y == 0).float().mean() < 0.7
        # The gradient has the mask of the output: the last bias sees its sum.
        y = call(x)
        (derivative,) = torch.autograd.grad(y.sum(), parameters[-1])
        assert torch.equal(derivative, 2 * (y != 0).sum(0))
        assert losses[-1] < losses[0]
        model.eval()
        assert (call(x) != 0).all()
    finally:
        fastdrop.torch.disable()


def test_enabled_graphs_hold_the_operator():
    def function(x):
        return F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)

    x = torch.randn(2, 4, 8, 16, requires_grad=True)
    with fastdrop.torch.enabled():
        call, graphs = compiled(function)
        call(x).sum().backward()
    assert [operators(graph).count("fastdrop.drop.default") for graph in graphs] == [1, 1]
    call, graphs = compiled(function)
    call(x).sum().backward()
    assert [operators(graph).count("fastdrop.drop.default") for graph in graphs] == [0, 0]


def test_what_is_compiled_follows_the_switch():
    def function(x):
        return F.dropout(x, 0.5)

    x = torch.full((1000,), torch.nan)
    old = torch.compile(function, backend="aot_eager")
    for call in (old, torch.compile(function, backend="aot_eager")):
        assert not (call(x) == 0).any()
        with fastdrop.torch.enabled():
            assert (call(x) == 0).any()
            assert (torch.compile(function, backend="aot_eager")(x) == 0).any()
        assert not (call(x) == 0).any()


def test_checkpoints_in_graphs():
    from torch.utils.checkpoint import checkpoint

    def function(x):
        return checkpoint(lambda x: fastdrop.torch.dropout(x.exp()).sin(), x, use_reentrant=False)

    x = torch.ones(1000, requires_grad=True)
    call, _ = compiled(function)
    y = call(x)
    y.sum().backward()
    kept = y.detach() != 0
    assert 0.4 < kept.float().mean() < 0.6
    assert torch.equal(x.grad != 0, kept)


def test_transforms_in_graphs():
    from torch.func import grad, vmap

    call, _ = compiled(lambda x: grad(lambda x: fastdrop.torch.dropout(x).sum())(x))
    assert set(call(torch.ones(1000)).unique().tolist()) == {0.0, 2.0}
    call, _ = compiled(lambda x: vmap(fastdrop.torch.dropout, randomness="same")(x))
    y = call(torch.ones(3, 1000))
    assert (y == y[0]).all()
