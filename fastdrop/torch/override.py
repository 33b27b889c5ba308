"""PyTorch's own dropout operators replaced by fastdrop's on the CPU, for the whole process."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

import fastdrop
from fastdrop.torch.calls import CHANNELS, drop
from fastdrop.torch.tensors import Kind, as_array, draw_key, takes

# Each operator with the axes that it decides apart, and its kind.
OPERATORS: dict[str, tuple[Mapping[int, int] | None, Kind]] = {
    "dropout": (None, "dropout"),
    "feature_dropout": (CHANNELS, "dropout"),
    "alpha_dropout": (None, "alpha_dropout"),
    "feature_alpha_dropout": (CHANNELS, "alpha_dropout"),
}
TAG = "+fastdrop"

_lock = threading.RLock()
_library: torch.library.Library | None = None
_asked = False  # by `enable`
_blocks = 0  # of `enabled` that are open, in all threads


def enable() -> None:
    """Replace PyTorch's dropout on the CPU by fastdrop's, in this process.

    Afterwards `torch.nn.functional.dropout`, `dropout1d` to `dropout3d`, `alpha_dropout` and
    `feature_alpha_dropout`, the modules, `torch.native_dropout`, and the dropout within
    `torch.nn.functional.scaled_dot_product_attention`, `torch.nn.MultiheadAttention` and recurrent
    layers are those of `fastdrop.torch`. `torch.manual_seed` seeds them. Tensors on other devices,
    and those within `torch.func.vmap`, go to PyTorch's own operators as before.

    Notes
    -----
    Functions that `torch.compile` has compiled are compiled anew in their next call, because their
    graphs hold the operators of before. So enable once, and not in a loop. The cache of compiled
    graphs on disk keeps graphs with and without `enable` apart. `torch.export` traces PyTorch's
    operators before they are replaced: use the modules of `fastdrop.torch` there (see `replace`).

    Call `enable` and `disable` while no other thread is in a call of PyTorch: it looks up its
    kernels without a lock, so to change them meanwhile can end the process. Blocks of `enabled`
    change them too, at the begin of the first and at the end of the last that is open.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> x = torch.ones(8)
    >>> fastdrop.torch.enable()
    >>> y = torch.nn.functional.dropout(x, 0.5)
    >>> fastdrop.torch.disable()
    """
    global _asked
    with _lock:
        _switch(True)
        _asked = True


def disable() -> None:
    """Undo `enable`; without effect if it is not enabled. Within `enabled` it waits for its end.

    Examples
    --------
    >>> import fastdrop.torch
    >>> fastdrop.torch.enable()
    >>> fastdrop.torch.disable()
    """
    global _asked
    with _lock:
        _asked = False
        _switch(_blocks > 0)


@contextmanager
def enabled() -> Iterator[None]:
    """Enable within a `with` block, and then restore what was before.

    It holds for all threads of the process, like `enable`, and until the last of several blocks
    ends.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> with fastdrop.torch.enabled():
    ...     y = torch.nn.functional.dropout(torch.ones(8), 0.5)
    """
    global _blocks
    with _lock:
        _switch(True)
        _blocks += 1
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            _switch(_asked or _blocks > 0)


def _switch(on: bool) -> None:
    """Replace PyTorch's kernels or undo it, unless that is done already."""
    global _library
    if on == (_library is not None):
        return
    config = torch.compiler.config
    if _library is None:
        _library = _replace_kernels()
        config.cache_key_tag += TAG
    else:
        _library._destroy()
        _library = None
        config.cache_key_tag = config.cache_key_tag.replace(TAG, "")
    _forget_kernels()
    if "torch._dynamo" in sys.modules:  # what it has compiled holds the operators of before
        torch.compiler.reset()


def _replace_kernels() -> torch.library.Library:
    """Register what takes the place of PyTorch's operators until the library is destroyed."""
    library = torch.library.Library("aten", "IMPL")
    for name, (decided, kind) in OPERATORS.items():
        for operator, inplace in ((name, False), (f"{name}_", True)):
            function = _function(operator, decided, kind, inplace)
            for dispatch_key in ("AutogradCPU", "CPU"):
                library.impl(operator, function, dispatch_key)
    with warnings.catch_warnings():  # that it replaces another
        warnings.simplefilter("ignore", UserWarning)
        library.impl("native_dropout", _native_dropout, "CPU")
    return library


def _forget_kernels() -> None:
    """Let operators look up their kernels anew, which they remember from traced calls."""
    for name in (*OPERATORS, *(f"{name}_" for name in OPERATORS), "native_dropout"):
        getattr(torch.ops.aten, name).default._dispatch_cache.clear()


def _function(
    name: str, decided: Mapping[int, int] | None, kind: Kind, inplace: bool
) -> Callable[..., torch.Tensor]:
    """Return what takes the place of an operator."""
    overload = getattr(torch.ops.aten, name).default

    def theirs(input: torch.Tensor, p: float, train: bool, inplace: bool) -> Any:
        # Not `decompose`: once torch.compile is loaded that is a function for graphs, which copies
        # its input in evaluation.
        return overload._op_dk(torch._C.DispatchKey.CompositeImplicitAutograd, input, p, train)

    def function(input: torch.Tensor, p: float, train: bool) -> torch.Tensor:
        return drop(input, p, train, inplace, None, decided, kind, theirs)

    return function


def _native_dropout(
    input: torch.Tensor, p: float, train: bool | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return dropped elements and, as the operator's contract has it, their mask."""
    mask = torch.ones_like(input, dtype=torch.bool)
    if train is False or input.numel() == 0:
        return input.clone(), mask
    key = draw_key(None)
    fastdrop.keep_mask(tuple(mask.shape), p, rng=key, out=as_array(mask))
    if not takes(input, "dropout"):
        return (input * mask).mul_(0.0 if p == 1 else 1 / (1 - p)), mask
    y = torch.empty_like(input)
    fastdrop.dropout(as_array(input), p, rng=key, out=as_array(y))
    return y, mask
