"""Fuzz of fastdrop.torch's modules, of models whose modules are exchanged, and of its switches."""

import contextlib
import warnings

import pytest

pytest.importorskip("torch")
pytest.importorskip("hypothesis")

import torch
import torch.nn.functional as F  # noqa: N812
from fuzz_integrations import run
from tensors import assert_same_values, dropped, next_key
from torch import nn

import fastdrop
import fastdrop.torch

KINDS = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]
FUNCTIONS = dict(zip(KINDS, [*KINDS[:4], "alpha_dropout", "feature_alpha_dropout"], strict=True))
AXES = {"Dropout1d": 3, "Dropout2d": 4, "Dropout3d": 5, "FeatureAlphaDropout": 3}
ANY = [0.5, 0, 1, True, 0.1, -0.1, 1.1, float("nan"), None, "0.5", 0.5j, [0.5], 10**400]


class Own(nn.Dropout):
    """A user's own subclass."""


def outcome(call):
    """Return the result of a call, or its error."""
    try:
        return call(), None
    except Exception as error:
        return None, error


def check_module(d):
    """Make a module as PyTorch makes it, and call it in training and in evaluation."""
    kind = d.one(KINDS)
    p, inplace = d.one(ANY) if d.chance(80) else d.anything(), d.one([False, True, None, 1, "no"])
    module, error = outcome(lambda: getattr(fastdrop.torch, kind)(p, inplace))
    theirs, their_error = outcome(lambda: getattr(nn, kind)(p, inplace))
    assert (type(error), str(error)) == (type(their_error), str(their_error))
    if error is not None:
        return "refused"
    assert repr(module) == repr(theirs)
    x = torch.randn((3, 4, 2, 2, 2)[: AXES.get(kind, 3)])
    before, state = x.clone(), torch.get_rng_state()
    same, error = outcome(lambda: module.eval()(x))
    assert error is not None or same is x
    key = next_key()
    module.train()
    y, error = outcome(lambda: module(x))
    if error is not None:
        assert p != p  # NaN, which the modules of PyTorch take too
        assert torch.equal(x, before)
        assert torch.equal(torch.get_rng_state(), state)
        return "refused in the call"
    assert (y is x) == (p == 0 or (bool(inplace) and "Alpha" not in kind))
    expected = dropped(FUNCTIONS[kind].lower(), before, float(p), 2 if kind in AXES else None, key)
    assert_same_values(y, expected)
    return "dropped"


def test_modules():
    run("modules", 60, 4, check_module)


def draw_model(d, depth=0):
    """Draw a model: modules of each kind, some of them used twice, in modules that hold others."""
    if depth == 3 or d.chance(50):
        make = d.one([getattr(nn, kind) for kind in KINDS] + [Own, fastdrop.torch.DropPath])
        return d.one([lambda: make(0.5), lambda: nn.Linear(2, 2), lambda: nn.Identity()])()
    inner = [draw_model(d, depth + 1) for _ in range(d.integer(0, 3))]
    inner += inner[:1] if d.chance(30) else []
    if d.chance(20):
        return nn.ModuleDict({str(i): module for i, module in enumerate(inner)})
    return d.one([nn.Sequential, lambda *args: nn.ModuleList(args)])(*inner)


def check_model(d):
    """Exchange the modules of a model, and undo it."""
    model = draw_model(d)
    modules = list(model.modules())
    kinds, modes = [type(module) for module in modules], [d.chance(50) for _ in modules]
    for module, mode in zip(modules, modes, strict=True):
        module.training = mode
    text, names = repr(model), list(dict(model.named_modules()))
    for _ in range(d.integer(1, 2)):
        assert fastdrop.torch.replace(model) is model
    for module, kind in zip(model.modules(), kinds, strict=True):
        ours = kind.__module__.startswith("torch.nn") and kind.__name__ in KINDS
        assert type(module) is (getattr(fastdrop.torch, kind.__name__) if ours else kind)
        assert isinstance(module, kind)
    assert repr(model) == text
    assert fastdrop.torch.restore(model) is model
    assert [type(module) for module in model.modules()] == kinds
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))
    assert [module.training for module in modules] == modes
    assert list(dict(model.named_modules())) == names
    return f"{min(len(modules), 5)} modules or more"


def test_models():
    run("models", 60, 4, check_model)


def is_ours():
    """Whether PyTorch's function drops NaN to 0, which its own does not."""
    return bool((F.dropout(torch.full((200,), torch.nan)) == 0).any())


def check_switch(d):
    """Enable and disable in any order, within blocks of `enabled` and outside, and with errors."""
    asked = False
    blocks: list[contextlib.ExitStack] = []
    try:
        for _ in range(d.integer(1, 12)):
            step = d.one(["enable", "disable", "enter", "leave", "fail", "refuse"])
            if step == "enable":
                fastdrop.torch.enable()
                asked = True
            elif step == "disable":
                fastdrop.torch.disable()
                asked = False
            elif step == "enter":
                blocks.append(contextlib.ExitStack())
                blocks[-1].enter_context(fastdrop.torch.enabled())
            elif step == "fail":
                with pytest.raises(KeyError), fastdrop.torch.enabled():
                    raise KeyError
            elif step == "refuse":
                state = torch.get_rng_state()
                with pytest.raises((RuntimeError, ValueError, TypeError)):
                    F.dropout(torch.ones(3, requires_grad=True), d.one([0.5, 2.0, "1"]), True, True)
                assert not (asked or blocks) or torch.equal(torch.get_rng_state(), state)
            elif blocks:
                blocks.pop(d.integer(0, len(blocks) - 1)).close()
            assert is_ours() == (asked or bool(blocks)), step
    finally:
        for block in blocks:
            block.close()
        fastdrop.torch.disable()
    assert not is_ours()
    return "switched"


def test_switches():
    run("switches", 20, 2, check_switch)


def check_seeds(d):
    """Seed a worker as PyTorch seeds it."""
    seed = d.one([0, 1, -1, 2**63, 2**64 - 1, -(2**63), d.integer(-(2**63), 2**64 - 1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.manual_seed(seed)
        fastdrop.torch.seed_worker(d.one([0, 5, None, "x"]))
    state = fastdrop.get_rng_state()
    fastdrop.manual_seed(seed % 2**64)
    assert fastdrop.get_rng_state() == state
    return "seeded"


def test_seeds_of_workers():
    run("seeds", 30, 2, check_seeds)
