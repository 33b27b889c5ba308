"""Tensors of any kind for the fuzz of fastdrop.torch, and the memory that they lie in."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from arrays import awkward_numbers
from fuzz import Draws
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils._python_dispatch import TorchDispatchMode

import fastdrop

REAL = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
TAKEN = [*REAL, torch.complex64, torch.complex128]
OTHERS = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
OTHERS += [torch.uint16, torch.uint32, torch.uint64, torch.complex32]
OTHERS += [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]

# Memory that the core works on, and nothing more; the dispatcher's; PyTorch's own.
PLAIN = ["tensor", "leaf", "result", "view of a leaf", "view of a result", "one of many views"]
PLAIN += ["parameter", "made in no_grad", "made for inference", "copied when written"]
DISPATCHED = ["subclass", "subclass without overrides", "subclass that hides it", "fake"]
THEIRS = ["meta", "sparse", "sparse rows", "nested", "jagged", "quantized", "oneDNN", "two tensors"]
WITHOUT_MEMORY = ["zeros", "freed"]


ALPHA = 1.7580993408473766
# The numbers of axes that a function takes, with how many of the first are decided apart.
DECIDED: dict[str, dict[int, int | None]] = {
    "dropout": dict.fromkeys(range(33)),
    "dropout1d": {2: 1, 3: 2},
    "dropout2d": {4: 2},
    "dropout3d": {4: 1, 5: 2},
    "alpha_dropout": dict.fromkeys(range(33)),
    "feature_alpha_dropout": dict.fromkeys(range(2, 33), 2),
    "drop_path": dict.fromkeys(range(1, 33), 1),
}
# The same for PyTorch's functions, which warn of some numbers of axes and go on.
ENABLED = {name: numbers for name, numbers in DECIDED.items() if name != "drop_path"}
ENABLED |= {"dropout2d": dict.fromkeys(range(2, 33), 2)}
ENABLED |= {"dropout3d": {**dict.fromkeys(range(1, 32), 1), 5: 2}}
PROBABILITIES = [0.5, 0.1, 0.9, 0.3, 1e-3, 0.0, 1.0, 2.0**-60, 1 - 2.0**-53, 5e-324]


class Logged(torch.Tensor):
    """A subclass that overrides PyTorch's functions."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        return super().__torch_function__(function, types, arguments, keywords or {})


class Bare(torch.Tensor):
    """A subclass that changes nothing."""


class Hidden(torch.Tensor):
    """A subclass that PyTorch's functions do not see."""

    __torch_function__ = torch._C._disabled_torch_function_impl


SUBCLASSES = dict(zip(DISPATCHED, (Logged, Bare, Hidden), strict=False))


class Forwarding(TorchDispatchMode):
    """A mode that sees each operator."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        return function(*arguments, **(keywords or {}))


CONTEXTS = {
    "plain": contextlib.nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "dispatch mode": Forwarding,
    "forward level": torch.autograd.forward_ad.dual_level,
}


@dataclass
class Recipe:
    """What is made: a kind of tensor, and how it lies in memory."""

    kind: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    size: int
    seed: int
    lazy: str

    @property
    def overlaps(self) -> bool:
        """Whether elements share memory."""
        index = np.zeros((), np.intp)
        for n, stride in zip(self.shape, self.strides, strict=True):
            index = index[..., None] + np.arange(n) * stride
        return np.unique(index).size < index.size


@dataclass
class Made:
    """A tensor, what it was made from, and the memory about it."""

    x: Any
    source: Any = None  # a leaf that gradients are asked for
    memory: Any = None  # a tensor of one axis, which holds all of it
    again: Any = None  # which gives the gradient of the tensor from that of the source


def draw_shape(d: Draws, ranks: tuple[int, ...]) -> tuple[int, ...]:
    """Draw a shape, mostly of a number of axes that a function takes."""
    if d.chance(2):
        return (d.one([2**18, 40_000]),)
    axes = d.one(ranks) if d.chance(85) else d.one([0, 1, 2, 3, 4, 5, 6, 33])
    lengths = [1, 2, 3, 4, 5, 7, 16, 33][: [8, 8, 8, 7, 6, 3, 3][min(axes, 6)]]
    lengths += [0] if d.chance(8) else []
    if axes == 33:
        return (1,) * 32 + (5,)
    return tuple(d.one(lengths) for _ in range(axes))


def draw_strides(d: Draws, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Draw strides, and the number of elements from the first to behind the last."""
    order, strides, unit = list(range(len(shape))), [0] * len(shape), 1
    kind = d.one(["C", "C", "permuted", "gaps", "expanded", "overlapping"])
    if kind != "C":
        order = d.one([order, order[::-1], [*order[:1], *order[2:], *order[1:2]]])
    for axis in reversed(order):
        step = d.integer(1, 3) if kind == "gaps" and shape[axis] > 1 else 1
        strides[axis] = unit * step
        unit *= max(shape[axis], 1) * step
        if kind == "overlapping" and d.chance(40):
            unit = max(unit - d.integer(1, 3), 1)
        elif kind == "expanded" and d.chance(40):
            unit //= max(shape[axis], 1)
            strides[axis] = 0
    last = sum(max(n - 1, 0) * stride for n, stride in zip(shape, strides, strict=True))
    return tuple(strides), last + 1


def draw_recipe(d: Draws, ranks: tuple[int, ...]) -> Recipe:
    """Draw a kind of tensor, a dtype, a shape and strides."""
    kind = d.one(PLAIN) if d.chance(70) else d.one([*DISPATCHED, *THEIRS, *WITHOUT_MEMORY])
    dtype = d.one(TAKEN) if d.chance(85) else d.one(OTHERS)
    shape = draw_shape(d, ranks)
    strides, size = draw_strides(d, shape)
    lazy = "no"
    if kind in PLAIN and kind != "one of many views" and d.chance(15):
        lazy = d.one(["conjugated", "negated"])
        if not dtype.is_complex or dtype is torch.complex32:
            dtype = torch.complex64
        dtype = torch.float32 if lazy == "negated" else dtype
    before, after = d.integer(0, 3), d.integer(0, 3)
    seed = d.integer(0, 2**32 - 1)
    return Recipe(kind, dtype, shape, strides, before, before + size + after, seed, lazy)


def numbers(recipe: Recipe) -> torch.Tensor:
    """Return memory of one axis, filled at random."""
    dtype, size = recipe.dtype, recipe.size
    if recipe.lazy == "negated":
        dtype = torch.complex64
    if dtype.is_floating_point and dtype.itemsize > 1 and dtype is not torch.bfloat16:
        array = awkward_numbers((size,), f"f{dtype.itemsize}", recipe.seed)
    elif dtype.is_complex and dtype is not torch.complex32:
        array = awkward_numbers((size,), f"c{dtype.itemsize}", recipe.seed)
    else:
        most = 2 if dtype is torch.bool else 256
        array = np.random.default_rng(recipe.seed).integers(0, most, size * dtype.itemsize)
        array = array.astype(np.uint8)
    return torch.from_numpy(array).view(dtype)


def as_drawn(memory: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """View memory as the shape, and lazily."""
    x = memory.as_strided(recipe.shape, recipe.strides, recipe.offset)
    if recipe.lazy == "negated":
        return x.conj().imag
    return x.conj() if recipe.lazy == "conjugated" else x


def make(recipe: Recipe) -> Made:
    """Make the tensor; each time an equal one."""
    kind = recipe.kind
    with warnings.catch_warnings(), torch.inference_mode(kind == "made for inference"):
        warnings.simplefilter("ignore")  # prototypes
        memory = numbers(recipe)
        made = Made(None, memory=memory)
        if kind in ("leaf", "result", "parameter"):
            x = as_drawn(memory, recipe).detach()
            x = torch.nn.Parameter(x, x.dtype in TAKEN) if kind == "parameter" else x
            made.source = made.x = x.requires_grad_(x.dtype in TAKEN)
            if kind == "result":
                made.x = x * 1
                made.memory = None
        elif kind in ("view of a leaf", "view of a result", "one of many views", "made in no_grad"):
            leaf = memory.clone().requires_grad_(memory.dtype in TAKEN)
            base = leaf if kind in ("view of a leaf", "made in no_grad") else leaf * 1
            if kind == "one of many views":
                base = base[None].unbind()[0]
            with torch.set_grad_enabled(kind != "made in no_grad"):
                made.x = as_drawn(base, recipe)
            made.memory = base.detach()
            made.source = None if kind == "made in no_grad" else leaf
        elif kind == "copied when written":
            made.memory = memory.clone()
            made.x = as_drawn(torch._lazy_clone(made.memory), recipe)
        elif kind in SUBCLASSES:
            made.x = as_drawn(memory, recipe).as_subclass(SUBCLASSES[kind])
        elif kind == "zeros":
            made.x = torch._efficientzerotensor(recipe.shape, dtype=recipe.dtype)
        elif kind == "freed":
            made.x = torch.empty(recipe.shape, dtype=recipe.dtype)
            made.x.untyped_storage().resize_(0)
            made.memory = None
        else:
            made.x = as_drawn(memory, recipe)
            if kind in OTHER_FORMS:
                made.x = OTHER_FORMS[kind](made.x)
                made.memory = None
    return made


OTHER_FORMS = {
    "fake": lambda x: FakeTensorMode().from_tensor(x),
    "meta": lambda x: x.to("meta"),
    "sparse": lambda x: x.to_sparse(),
    "sparse rows": lambda x: x.to_sparse_csr(),
    "nested": lambda x: torch.nested.nested_tensor([x, x]),
    "jagged": lambda x: torch.nested.nested_tensor([x, x], layout=torch.jagged),
    "quantized": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
    "oneDNN": lambda x: x.to_mkldnn(),
    "two tensors": lambda x: TwoTensor(x.clone(), x.clone()),
}


def outcome(call):
    """Return the result of a call, or its error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of prototypes and of numbers of axes
            return call(), None
    except Exception as error:
        return None, error


def mask_of(x, p, decided, key):
    """Return the mask of a call, and the factor of what is kept in alpha dropout."""
    noise = tuple(x.shape) if decided is None else x.shape[:decided] + (1,) * (x.ndim - decided)
    kept = fastdrop.keep_mask(noise, p, rng=key)
    return torch.from_numpy(np.broadcast_to(kept, x.shape).copy())
