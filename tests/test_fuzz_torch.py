"""Fuzz of fastdrop.torch: a right result with a right gradient, or an error that changes nothing.

Any tensor, p, flags and generator. A tensor that goes to PyTorch's own function must give what that
gives. `FASTDROP_FUZZ=30000 pytest -s tests/test_fuzz_torch*.py` is a search of some minutes.
"""

import warnings
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("hypothesis")

import torch
import torch.nn.functional as F  # noqa: N812
from fuzz_integrations import run
from fuzz_tensors import (
    ALPHA,
    CONTEXTS,
    DECIDED,
    DISPATCHED,
    ENABLED,
    PLAIN,
    PROBABILITIES,
    REAL,
    TAKEN,
    THEIRS,
    WITHOUT_MEMORY,
    draw_recipe,
    make,
    mask_of,
    outcome,
)
from tensors import dropped, next_key, to_numpy

import fastdrop
import fastdrop.torch

# PyTorch's own, of what it calls prototypes, and of its decompositions.
pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore:.*torch.jit.script:DeprecationWarning"
)


def draw_p(d):
    """Draw a p, mostly a good one."""
    kind = d.integer(0, 99)
    if kind < 70:
        return d.one(PROBABILITIES)
    if kind < 85:
        return d.one(
            [
                *[True, False, 0, 1, Fraction(1, 3), np.float32(0.5), np.float16(0.1)],
                *[np.array(0.5), torch.tensor(0.3), torch.tensor([0.3]), torch.tensor(1)],
            ]
        )
    if kind < 95:
        bad: list[Any] = [
            -0.1,
            1.1,
            float("nan"),
            float("inf"),
            -5e-324,
            2,
            None,
            "0.5",
            0.5 + 0j,
            [0.5],
        ]
        bad += [np.array([0.5]), np.array([0.1, 0.2]), torch.tensor([0.1, 0.2]), 10**400]
        return d.one([*bad, torch.ones((), device="meta"), torch.tensor([]), object()])
    return d.anything()


def draw_generator(d):
    """Draw what `generator=` is, mostly nothing."""
    kind = d.integer(0, 99)
    if kind < 70:
        return None
    if kind < 92:
        return torch.Generator().manual_seed(d.integer(0, 2**32))
    return d.one([7, "seed", np.random.default_rng(0), object(), torch.get_rng_state()])


def states(generator):
    """Return the state of PyTorch's generator and of the caller's."""
    own = generator.get_state() if isinstance(generator, torch.Generator) else torch.zeros(0)
    return torch.get_rng_state().numpy().tobytes() + own.numpy().tobytes()


def bytes_of(tensor):
    """Return a tensor's memory as bytes."""
    tensor = tensor.detach().resolve_conj().resolve_neg().reshape(-1)
    return tensor.clone(memory_format=torch.contiguous_format).view(torch.uint8).numpy().tobytes()


def read_p(p):
    """Return whether a p is in 0 .. 1, and its value, or None where it is no number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside, error = outcome(lambda: bool(0 <= p <= 1))
        number, no_number = outcome(lambda: float(p))
    return error is None and inside, None if no_number else number


def check_gradient(name, made, y, p, decided, key, inplace, seed):
    """Compare the gradient with what the mask makes of random weights."""
    torch_state = torch.get_rng_state()
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed)).to(y.dtype)
    torch.set_rng_state(torch_state)
    wanted = made.x if made.x.is_leaf or not inplace else made.source
    (grad,) = torch.autograd.grad(y, wanted, weights, allow_unused=True)
    if wanted is not made.x and wanted.shape != y.shape:
        grad = made.again(grad)
    if "alpha" not in name:
        expected = dropped(name, weights, p, decided, key)
        assert to_numpy(grad).tobytes() == np.ascontiguousarray(expected).tobytes(), "gradient"
        return
    a = 0.0 if p == 1 else ((ALPHA**2 * p + 1) * (1 - p)) ** -0.5
    expected = torch.where(mask_of(weights, p, decided, key), weights.double() * a, 0.0)
    torch.testing.assert_close(grad.double(), expected, rtol=2 * torch.finfo(y.dtype).eps, atol=0)


def check(d, name, function, numbers_of_axes, enabled=False):
    """Make a call of a function; compare it with NumPy's function or with PyTorch's own."""
    recipe = draw_recipe(d, tuple(n for n in numbers_of_axes if n < 6))
    try:
        made = make(recipe)
    except (IndexError, RuntimeError):  # PyTorch does not have such
        assert recipe.kind in THEIRS or recipe.dtype not in TAKEN
        return "cannot be made"
    x, p, generator = made.x, draw_p(d), None if enabled else draw_generator(d)
    training = d.chance(90) if d.chance(95) else d.one([None, 1, "yes", np.True_, [True]])
    inplace: Any = d.chance(35)
    context = d.one(list(CONTEXTS)) if recipe.kind in (*PLAIN, *WITHOUT_MEMORY) else "plain"
    if recipe.kind == "freed" and context == "dispatch mode":
        context = "plain"  # there PyTorch ends the process
    arguments = (p, training, inplace)
    keywords = {} if generator is None else {"generator": generator}

    torch.manual_seed(recipe.seed)
    taken = recipe.dtype in (REAL if "alpha" in name else TAKEN) and x.ndim in numbers_of_axes
    taken &= recipe.kind in (*PLAIN, *DISPATCHED, *WITHOUT_MEMORY)
    if recipe.kind == "freed" and not taken:
        return "PyTorch's, which ends the process"
    ok, number = read_p(p)
    before = states(generator)
    memory = None if made.memory is None else bytes_of(made.memory)
    right = taken and ok and training is True and number != 0 and x.numel() > 0
    own = isinstance(generator, torch.Generator)
    key = next_key(generator if own else None)
    drawn = state_after(generator if own else None)
    decided = numbers_of_axes.get(x.ndim)
    readable = recipe.kind not in ("fake", "freed")
    expected = None
    if right and readable and number is not None:
        values = torch.zeros(recipe.shape, dtype=recipe.dtype) if recipe.kind == "zeros" else x
        with torch.no_grad():
            values = values.detach().as_subclass(torch.Tensor).resolve_conj().resolve_neg()
            expected = dropped(name, values, number, decided, key)
    strides = None if recipe.kind in ("freed", "zeros") or not right else layout_of(x)

    with x.fake_mode if recipe.kind == "fake" else CONTEXTS[context]():
        y, error = outcome(lambda: function(x, *arguments, **keywords))
    after = states(generator)
    # PyTorch calls its operators on a copy of such a view, and copies the result back before it
    # asks whether the view may be changed.
    copied = enabled and recipe.lazy != "no"
    unseen = recipe.kind in DISPATCHED or context == "dispatch mode"
    if error is not None:
        assert str(error).strip()
        if taken or not (ok or enabled):
            if not (right and inplace and (unseen or copied)):  # a key may be drawn: documented
                assert after == before, f"a generator has advanced: {error}"
            if memory is not None and not (right and inplace and copied):
                assert bytes_of(made.memory) == memory, f"memory, by {error!r}"
        assert may_raise(d, name, recipe, context, arguments, generator, error, taken), repr(error)
        return type(error).__name__
    assert type(training) is bool, "a flag that is none"
    assert ok, "a p that is none"
    if not taken:
        same_as_pytorch(name, recipe, arguments, context, y)
        return "PyTorch's"
    if not right:
        assert y is x or enabled
        assert after == before or number == 1
        return "identity"
    assert recipe.kind != "freed"
    assert number is not None
    if recipe.kind == "fake":
        assert after in (before, drawn)
    elif number < 1:
        assert after == drawn, "more or less than a key was drawn"
    else:
        assert after == before
    assert (y is x) == bool(inplace) or enabled
    assert y.dtype == x.dtype
    assert tuple(y.shape) == recipe.shape
    watched = context not in ("no_grad", "inference_mode")
    if not readable:
        return "fake"
    if inplace and recipe.kind in ("one of many views", "made in no_grad") and not watched:
        return "a view that PyTorch lets nobody read"
    if inplace and recipe.overlaps and recipe.kind != "result":  # a plain tensor is refused
        assert unseen or copied
        return "overlapping, as PyTorch allows"
    given = np.ascontiguousarray(to_numpy(y.as_subclass(torch.Tensor)))
    assert given.tobytes() == np.ascontiguousarray(expected).tobytes(), "values"
    if not inplace:
        assert strides is None or y.stride() == strides, "strides"
        assert memory is None or bytes_of(made.memory) == memory, "memory has changed"
    elif recipe.kind == "copied when written":
        assert bytes_of(made.memory) == memory, "memory has changed"
    elif memory is not None and recipe.lazy == "no":
        twin = make(recipe).memory.clone().detach()
        twin.as_strided(recipe.shape, recipe.strides, recipe.offset).copy_(y.detach())
        assert bytes_of(made.memory) == bytes_of(twin), "memory beside the tensor has changed"
    if y.requires_grad and watched and made.source is not None and recipe.lazy == "no":
        made.again = lambda grad: grad.as_strided(recipe.shape, recipe.strides, recipe.offset)
        check_gradient(name, made, y, number, decided, key, inplace, recipe.seed)
    return "dropped"


def layout_of(x):
    """Return the strides of a new tensor like x."""
    state = torch.get_rng_state()
    with torch.no_grad():
        strides = torch.empty_like(x).stride()
    torch.set_rng_state(state)
    return strides


def state_after(generator):
    """Return what `states` gives when the next call has drawn its key from a generator."""
    twin = (generator or torch.default_generator).clone_state()
    torch.randint(2**63 - 1, (2,), generator=twin)
    state = twin.get_state().numpy().tobytes()
    return torch.get_rng_state().numpy().tobytes() + state if generator else state


def pytorchs(name, recipe, arguments, context):
    """Return what PyTorch's own function makes of an equal tensor, or its error."""
    name = "dropout" if name == "drop_path" else name  # which raises for the same tensors
    kind = "tensor" if recipe.kind == "freed" else recipe.kind
    x = make(replace(recipe, kind=kind)).x
    state = torch.get_rng_state()
    torch.manual_seed(recipe.seed)
    with CONTEXTS[context]():
        result = outcome(lambda: getattr(F, name)(x, *arguments))
    torch.set_rng_state(state)
    return result


def may_raise(d, name, recipe, context, arguments, generator, error, taken):
    """Whether an error is one that PyTorch's own function raises too, or a documented one."""
    p, training, inplace = arguments
    text = str(error)
    if isinstance(error, ValueError) and "between 0 and 1" in text:
        return not read_p(p)[0]
    if isinstance(error, TypeError) and "training must be a bool" in text:
        return type(training) is not bool
    if isinstance(error, ValueError) and "generator= needs a dense tensor" in text:
        return generator is not None and not taken
    if isinstance(error, ValueError) and "it has no axis" in text:
        return recipe.shape == () and name == "drop_path"
    if "generator" in text and isinstance(error, TypeError):
        return generator is not None and not isinstance(generator, torch.Generator)
    if "share memory" in text:
        return inplace and recipe.overlaps
    if "no memory" in text or "without memory" in text:
        return recipe.kind in WITHOUT_MEMORY
    if "made in torch.inference_mode" in text:
        return inplace and recipe.kind == "made for inference" and context != "inference_mode"
    if not read_p(p)[0]:  # as the comparison raises
        return True
    if recipe.kind in ("fake", "freed"):  # of which PyTorch's own is not asked
        return isinstance(error, (AssertionError, RuntimeError, TypeError))
    if name == "drop_path" and not taken:  # of which PyTorch has no function
        return isinstance(error, (RuntimeError, TypeError))
    return pytorchs(name, recipe, arguments, context)[1] is not None


def same_as_pytorch(name, recipe, arguments, context, y):
    """Compare a result with that of PyTorch's own function."""
    unread = recipe.kind in ("one of many views", "made in no_grad") and context != "plain"
    if name == "drop_path" or recipe.kind == "fake" or unread:
        return
    expected, error = pytorchs(name, recipe, arguments, context)
    assert error is None
    assert type(y) is type(expected)
    assert y.layout == expected.layout
    assert y.dtype == expected.dtype
    if y.device.type == "cpu" and recipe.kind in (*PLAIN, *DISPATCHED[:3]):
        assert bytes_of(y.as_subclass(torch.Tensor)) == bytes_of(expected.as_subclass(torch.Tensor))


@pytest.mark.parametrize("name", DECIDED)
def test_functions(name):
    function = getattr(fastdrop.torch, name)
    run(name, 60, 10, lambda d: check(d, name, function, DECIDED[name]))


def check_enabled(d):
    """Make a call of PyTorch's function when it is fastdrop's."""
    name = d.one(list(ENABLED))

    def function(*arguments):
        with fastdrop.torch.enabled():
            return getattr(F, name)(*arguments)

    return check(d, name, function, ENABLED[name], enabled=True)


def test_pytorchs_functions_when_enabled():
    run("enabled", 60, 8, check_enabled)
