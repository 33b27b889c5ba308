"""fastdrop.torch.enable: all of PyTorch's dropout on the CPU is fastdrop's, and can be undone."""

import importlib
import threading

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from tensors import CASES, assert_same_values, dropped, next_key  # noqa: E402
from torch import nn  # noqa: E402

import fastdrop  # noqa: E402
import fastdrop.torch  # noqa: E402

OURS = [case for case in CASES if case[0] != "drop_path"]


@pytest.fixture(autouse=True)
def _enabled():
    """Seed, enable for the test, and disable after it."""
    torch.manual_seed(0)
    fastdrop.torch.enable()
    yield
    fastdrop.torch.disable()


def is_ours(call=lambda: F.dropout(torch.full((1000,), torch.nan))):
    """Whether a call drops NaN to 0, which PyTorch's own does not."""
    return bool((call() == 0).any())


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(("name", "shape", "decided"), OURS)
def test_functions(name, shape, decided, requires_grad):
    x = torch.randn(shape, requires_grad=requires_grad)
    expected = dropped(name, x, 0.5, decided, next_key())
    y = getattr(F, name)(x, 0.5, True)
    assert_same_values(y, expected)
    assert y.requires_grad == requires_grad
    z = x.detach().clone()
    if requires_grad:
        z = z.requires_grad_() * 1
    expected = dropped(name, x, 0.5, decided, next_key())
    getattr(F, name)(z, 0.5, True, True)
    assert_same_values(z, expected)
    if requires_grad:
        z.sum().backward()


@pytest.mark.parametrize("make", [nn.Dropout, nn.AlphaDropout])
def test_modules(make):
    x = torch.randn(3, 4, 5)
    name = "dropout" if make is nn.Dropout else "alpha_dropout"
    expected = dropped(name, x, 0.5, None, next_key())
    module = make(0.5)
    assert_same_values(module(x), expected)
    assert module.eval()(x) is x


def ones_like_attention():
    """Return queries, keys and values of attention that gives the sum of the dropped weights."""
    return torch.zeros(2, 4, 50, 16), torch.zeros(2, 4, 50, 16), torch.ones(2, 4, 50, 16)


def test_attention():
    q, k, v = ones_like_attention()
    key = next_key()
    y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    kept = torch.from_numpy(fastdrop.keep_mask((2, 4, 50, 50), 0.5, rng=key))
    torch.testing.assert_close(y[..., 0], kept.sum(3) * (2 / 50))


def test_modules_that_drop_within():
    value = torch.full((1, 20, 16), 1.0)
    encoder = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.5, batch_first=True)
    attention = nn.MultiheadAttention(16, 2, dropout=0.5, batch_first=True)
    lstm = nn.LSTM(16, 16, num_layers=2, dropout=0.5, batch_first=True)
    gru = nn.GRU(16, 16, num_layers=2, dropout=0.5, batch_first=True)
    for module in (encoder, lambda x: attention(x, x, x), lstm, gru):
        drawn: list[int] = []
        core = fastdrop._core.dropout
        fastdrop._core.dropout = lambda *a, core=core, drawn=drawn: drawn.append(1) or core(*a)
        try:
            module(value)
        finally:
            fastdrop._core.dropout = core
        assert drawn


@pytest.mark.parametrize("train", [True, None, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_operator_that_gives_a_mask(train, dtype):
    x = torch.randn(3, 1000).to(dtype).requires_grad_()
    key = next_key()
    y, mask = torch.native_dropout(x, 0.3, train)
    y.sum().backward()
    if train is False:
        assert mask.all()
        assert torch.equal(y, x)
        return
    assert_same_values(mask, fastdrop.keep_mask((3, 1000), 0.3, rng=key))
    assert_same_values(y, dropped("dropout", x, 0.3, None, key))
    assert torch.equal(x.grad != 0, mask)


def test_the_operator_that_gives_a_mask_of_what_the_core_does_not_take():
    integers = torch.ones(3, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.native_dropout(integers, 0.5, True)
    assert torch.equal(torch.native_dropout(integers, 0.5, False)[0], integers)
    y, mask = torch.native_dropout(torch.ones(0), 0.5, True)
    assert y.numel() == mask.numel() == 0
    y, mask = torch.native_dropout(torch.ones(3), 1.0, True)
    assert not y.any()
    assert not mask.any()


def test_what_pytorch_does_with_others_stays():
    with pytest.raises(RuntimeError, match="can't be cast"):
        F.dropout(torch.ones(3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"between 0 and 1, but got 2\.0"):
        F.dropout(torch.ones(3), 2.0)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        torch.feature_dropout(torch.ones(3), 0.5, True)
    x = torch.ones(3)
    assert F.dropout(x, 0.5, False) is x
    assert torch.feature_dropout(x, 0.5, False) is x
    importlib.import_module("torch._decomp")  # as torch.compile does
    integers = torch.ones(3, 4, dtype=torch.int64)
    for name in ("dropout", "dropout1d", "alpha_dropout", "feature_alpha_dropout"):
        function = getattr(F, name)
        assert function(integers, 0.5, False).data_ptr() == integers.data_ptr(), name
    nested = torch.nested.nested_tensor([torch.ones(20), torch.ones(30)], layout=torch.jagged)
    assert set(F.dropout(nested, 0.5).values().unique().tolist()) <= {0.0, 2.0}
    assert F.dropout(torch.ones(3, device="meta")).device.type == "meta"


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_transforms():
    from torch.func import grad, jvp, vmap

    x = torch.ones(1000)
    assert set(grad(lambda x: F.dropout(x).sum())(x).unique().tolist()) == {0.0, 2.0}
    y, derivative = jvp(F.dropout, (x,), (x,))
    assert torch.equal(y, derivative)
    y = vmap(F.dropout, randomness="different")(torch.ones(3, 1000))
    assert not torch.equal(y[0], y[1])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_scripted_functions():
    class Scripted(nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.5, True)

    module = torch.jit.script(Scripted())
    assert is_ours(lambda: module(torch.full((1000,), torch.nan)))


def test_enabling_is_undone_and_can_be_repeated_and_nested():
    tag = torch.compiler.config.cache_key_tag
    assert is_ours()
    fastdrop.torch.enable()
    fastdrop.torch.disable()
    assert not is_ours()
    assert torch.compiler.config.cache_key_tag != tag  # of what is compiled and kept on disk
    fastdrop.torch.disable()
    with fastdrop.torch.enabled():
        assert torch.compiler.config.cache_key_tag == tag
        with fastdrop.torch.enabled():
            assert is_ours()
        assert is_ours()
        mask = torch.native_dropout(torch.ones(1000), 0.5, True)[1]
    assert not is_ours()
    with pytest.raises(KeyError), fastdrop.torch.enabled():
        raise KeyError
    assert not is_ours()
    assert 0.3 < mask.float().mean() < 0.7
    x = torch.ones(1000, requires_grad=True)
    F.dropout(x).sum().backward()  # PyTorch's own has its gradients again
    assert set(x.grad.unique().tolist()) == {0.0, 2.0}
    fastdrop.torch.enable()
    assert is_ours()


def test_blocks_of_several_threads_may_overlap():
    fastdrop.torch.disable()
    entered, leave, results = threading.Event(), threading.Event(), []

    def work():
        with fastdrop.torch.enabled():
            entered.set()
            leave.wait(60)
            results.append(is_ours())

    thread = threading.Thread(target=work)
    with fastdrop.torch.enabled():
        thread.start()
        assert entered.wait(60)
    leave.set()
    thread.join(60)
    assert results == [True]
    assert not is_ours()


def test_a_block_restores_what_was_before():
    with fastdrop.torch.enabled():
        fastdrop.torch.disable()
        assert is_ours()
    assert not is_ours()
    with fastdrop.torch.enabled():
        fastdrop.torch.enable()
    assert is_ours()


def test_it_holds_in_all_threads():
    results = []
    thread = threading.Thread(target=lambda: results.append(is_ours()))
    thread.start()
    thread.join(60)
    assert results == [True]
