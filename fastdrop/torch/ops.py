"""The operator ``fastdrop::drop``, and the same without PyTorch's dispatcher, for plain tensors.

The key decides which elements are dropped, so the operator is a function of its arguments: it can
be traced, recomputed and differentiated like any other, and a graph keeps the key, not a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad

from fastdrop import _core
from fastdrop.keys import Key
from fastdrop.torch.tensors import (
    Kind,
    as_array,
    as_stored,
    compute,
    is_lazy,
    is_plain,
    words_of,
)

# Both kinds of gradients are linear, so they are their own gradients.
GRADIENT: dict[str, Kind] = {
    "dropout": "dropout",
    "alpha_dropout": "alpha_dropout_grad",
    "alpha_dropout_grad": "alpha_dropout_grad",
}

NoiseShape = tuple[int, ...] | None


def drop(x: torch.Tensor, key: Key, p: float, noise_shape: NoiseShape, kind: Kind) -> torch.Tensor:
    """Drop elements of any tensor whose elements the core takes, such as a gradient."""
    if x.layout is not torch.strided:  # as the gradient of an embedding's table may be
        ones = torch.ones(x.shape, dtype=x.dtype, device="cpu")
        return x * drop_plain(ones, key, p, noise_shape, kind, False)
    if x._is_zerotensor():  # zeros without memory, which stay zeros
        return x
    if is_plain(x) and not torch._C._functorch.is_legacy_batchedtensor(x):  # is_grads_batched=True
        return drop_plain(x, key, p, noise_shape, kind, False)
    return drop_traced(x, words_of(key), p, noise_shape, kind)


def drop_plain(
    x: torch.Tensor, key: Key, p: float, noise_shape: NoiseShape, kind: Kind, inplace: bool
) -> torch.Tensor:
    """Drop elements of a plain tensor, without PyTorch's dispatcher."""
    if is_differentiated(x):
        return record(_Drop)(x, key, p, noise_shape, kind, inplace)
    if not inplace:
        return compute(x, torch.empty_like(x), key, p, noise_shape, kind)
    torch.autograd.graph.increment_version(x)
    return compute(x, x, key, p, noise_shape, kind)


def check_inference(x: torch.Tensor) -> None:
    """Raise if a tensor must not be changed here, which PyTorch says when it has written."""
    if x.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError(
            "input was made in torch.inference_mode, and cannot be changed in place outside it: "
            "pass input.clone()"
        )


def check_in_place(x: torch.Tensor) -> bool:
    """Raise if a plain tensor must not be changed; return whether it can be in its memory itself.

    PyTorch checks what an autograd function has changed only afterwards, so it is asked here first.
    """
    in_memory = not is_lazy(x)
    if is_differentiated(x):
        if x.is_leaf and x.requires_grad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation: pass "
                "inplace=False, or call it in torch.no_grad()"
            )
        if x._is_view():  # `Tensor.copy_` tells the tensor that it is a view of
            if must_not_change(x):
                x.copy_(x)  # raises, and says why
            in_memory = False
    if not x.is_contiguous():
        array = as_array(as_stored(x))
        try:
            _core.prepare(array, True, None, 0, True)
        except ValueError as error:
            raise RuntimeError(
                f"input has elements that share memory (shape {tuple(x.shape)}, strides "
                f"{x.stride()}), and cannot be changed in place: pass input.clone()"
            ) from error
    return in_memory


def must_not_change(view: torch.Tensor) -> bool:
    """Whether autograd forbids that a view which it watches is changed in place."""
    if not (view.requires_grad and torch.is_grad_enabled()):
        return False
    made = torch._C._autograd._get_creation_meta(view)
    return view._base.is_leaf or made != torch._C._autograd.CreationMeta.DEFAULT


def drop_traced(
    x: torch.Tensor,
    words: torch.Tensor,
    p: float,
    noise_shape: Sequence[int] | None,
    kind: Kind,
) -> torch.Tensor:
    """Drop elements of a tensor that is more than memory."""
    if torch._C._are_functorch_transforms_active() and not torch.compiler.is_compiling():
        return _Operator.apply(x, words, p, noise_shape, kind)
    return operator(x, words, p, noise_shape, kind)


def is_differentiated(x: torch.Tensor) -> bool:
    """Whether autograd must see what becomes of a tensor, backward or forward."""
    return (x.requires_grad and torch.is_grad_enabled()) or forward_ad._current_level >= 0


def record(function: type[torch.autograd.Function]) -> Callable[..., torch.Tensor]:
    """Return what records a call for autograd, past the part of `apply` for `torch.func`."""
    return super(torch.autograd.Function, function).apply


class _Drop(torch.autograd.Function):
    """The operator for plain tensors: in a third of the dispatcher's time, and in place too."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        key: Key,
        p: float,
        noise_shape: NoiseShape,
        kind: Kind,
        inplace: bool,
    ) -> torch.Tensor:
        ctx.again, ctx.inplace = (key, p, noise_shape, GRADIENT[kind]), inplace
        ctx.set_materialize_grads(False)
        if inplace:
            ctx.mark_dirty(x)
        return compute(x, x if inplace else torch.empty_like(x), key, p, noise_shape, kind)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> Any:
        (grad,) = grads
        return (None if grad is None else drop(grad, *ctx.again), *(None,) * 5)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        tangent = drop(tangents[0], *ctx.again)
        return tangents[0].copy_(tangent) if ctx.inplace and tangent is not tangents[0] else tangent


class _Operator(torch.autograd.Function):
    """How the operator is differentiated and batched, by autograd and by `torch.func`."""

    @staticmethod
    def forward(
        x: torch.Tensor,
        words: torch.Tensor,
        p: float,
        noise_shape: Sequence[int] | None,
        kind: Kind,
    ) -> torch.Tensor:
        with torch._C._AutoDispatchBelowAutograd():
            return operator(x, words, p, noise_shape, kind)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: torch.Tensor) -> None:
        _, words, p, noise_shape, kind = inputs
        ctx.save_for_backward(words)
        ctx.save_for_forward(words)
        ctx.again = p, noise_shape, GRADIENT[kind]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return (_Operator.apply(grads[0], *ctx.saved_tensors, *ctx.again), *(None,) * 4)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return _Operator.apply(tangents[0], *ctx.saved_tensors, *ctx.again)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        x: torch.Tensor,
        words: torch.Tensor,
        p: float,
        noise_shape: Sequence[int] | None,
        kind: Kind,
    ) -> tuple[torch.Tensor, int]:
        """Drop a batch at once: with the key of all its members, or with the first of many.

        By ``randomness="different"`` each member has a key. But one mask over the whole batch
        differs from member to member as well, and takes one call.
        """
        x_dim, words_dim, *_ = in_dims
        x = x.expand(info.batch_size, *x.shape) if x_dim is None else x.movedim(x_dim, 0)
        if words_dim is not None:
            words = words.select(words_dim, 0)
        noise = x.shape[1:] if noise_shape is None else noise_shape
        noise = (1 if words_dim is None else info.batch_size, *noise)
        return _Operator.apply(x, words, p, noise, kind), 0


def _differentiate(*arguments: Any) -> torch.Tensor:
    """Record the operator for autograd, within `torch.func` for one level alone."""
    with enable_single_level_autograd_function():
        return record(_Operator)(*arguments)


def _compute(
    x: torch.Tensor, words: torch.Tensor, p: float, noise_shape: list[int] | None, kind: Kind
) -> torch.Tensor:
    noise = None if noise_shape is None else tuple(noise_shape)
    x = x.clone() if x._is_zerotensor() else x
    return compute(x, torch.empty_like(x), Key.from_words(*words.tolist()), p, noise, kind)


def _fake(
    x: torch.Tensor, words: torch.Tensor, p: float, noise_shape: list[int] | None, kind: Kind
) -> torch.Tensor:
    return torch.empty_like(x)


library = torch.library.Library("fastdrop", "DEF")
library.define(
    "drop(Tensor x, Tensor words, float p, SymInt[]? noise_shape, str kind) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)
library.impl("drop", _compute, "CPU")
library.impl("drop", _differentiate, "Autograd")
torch.library.register_fake("fastdrop::drop", _fake, lib=library)
operator = torch.ops.fastdrop.drop.default
