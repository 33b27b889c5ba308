"""Fuzz of fastdrop.torch under transforms: members of a batch, and derivatives forward."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("hypothesis")

import torch
from fuzz_integrations import run
from fuzz_tensors import ALPHA, DECIDED, PROBABILITIES, REAL, TAKEN, mask_of, outcome
from tensors import dropped, next_key, to_numpy

import fastdrop.torch

# PyTorch's own, of its decompositions.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def check_vmap(d):
    """Batch a call: one mask for all members, or one for each, and none of them torn."""
    name = d.one(list(DECIDED))
    shape = tuple(d.integer(2, 6) for _ in range(d.one([n for n in DECIDED[name] if 0 < n < 6])))
    size, in_dim = d.integer(2, 5), d.integer(0, len(shape))
    p, inplace = d.one([0.5, 0.3, 0.9, 1.0]), d.chance(30)
    randomness = d.one(["error", "same", "different"])
    x = torch.ones(*shape[:in_dim], size, *shape[in_dim:])
    generator = torch.Generator().manual_seed(3) if d.chance(20) else None
    function = getattr(fastdrop.torch, name)
    torch.manual_seed(d.integer(0, 99))

    def call(x):
        return function(x, p, True, inplace, generator=generator)

    y, error = outcome(lambda: torch.func.vmap(call, in_dim, randomness=randomness)(x))
    if error is not None:
        assert (x == 1).all()
        assert isinstance(error, RuntimeError)
        assert "randomness" in str(error) or "vmap" in str(error), error
        return "refused"
    assert randomness != "error" or p == 1
    decided = DECIDED[name][len(shape)]
    a = ((ALPHA**2 * p + 1) * (1 - p)) ** -0.5 if p < 1 else 0.0
    levels = (
        (a + a * ALPHA * p, a * ALPHA * (p - 1)) if "alpha" in name else (1 / (1 - p or 1), 0.0)
    )
    kept = torch.isclose(y, torch.tensor(levels[0]))
    assert (kept | torch.isclose(y, torch.tensor(levels[1]))).all() or p == 1
    assert p < 1 or not y.any()
    if decided is not None:
        inner = kept.flatten(1 + decided) if kept.ndim > 1 + decided else kept[..., None]
        assert (inner.all(-1) == inner.any(-1)).all()
    if randomness == "same":
        assert (y == y[:1]).all()
    return randomness


def test_vmap():
    run("vmap", 60, 6, check_vmap)


def check_forward(d):
    """Drop a dual number: its tangent has the mask of the number."""
    name = d.one(list(DECIDED))
    axes = d.one([n for n in DECIDED[name] if n < 6])
    shape = tuple(d.integer(0, 6) for _ in range(axes))
    dtype = d.one(REAL if "alpha" in name else TAKEN)
    x, inplace = torch.randn(shape).to(dtype), d.chance(40)
    tangent = torch.randn(shape).to(dtype)
    if d.chance(20):
        tangent = torch._efficientzerotensor(shape, dtype=dtype)
    p = d.one(PROBABILITIES)
    key = next_key()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x.clone(), tangent.clone())
        y = getattr(fastdrop.torch, name)(dual, p, True, inplace)
        result = torch.autograd.forward_ad.unpack_dual(y)
        primal, derivative = result.primal.clone(), result.tangent.clone()
    if p == 0 or 0 in shape:
        assert torch.equal(derivative, tangent.clone())
        return "identity"
    decided = DECIDED[name][axes]
    assert to_numpy(primal).tobytes() == dropped(name, x, p, decided, key).tobytes()
    if "alpha" in name:
        a = 0.0 if p == 1 else ((ALPHA**2 * p + 1) * (1 - p)) ** -0.5
        expected = torch.where(mask_of(x, p, decided, key), tangent.double() * a, 0.0)
        rtol = 2 * torch.finfo(dtype).eps
        torch.testing.assert_close(derivative.double(), expected, rtol=rtol, atol=0)
    else:
        expected = dropped(name, tangent.clone(), p, decided, key)
        assert to_numpy(derivative).tobytes() == expected.tobytes()
    return "in place" if inplace else "out of place"


def test_forward_mode():
    run("forward mode", 60, 6, check_forward)
