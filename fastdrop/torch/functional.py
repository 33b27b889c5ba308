"""Dropout of tensors, with the signatures of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch.overrides import handle_torch_function, has_torch_function_unary

from fastdrop.paths import check_mode
from fastdrop.torch.calls import BATCH, CHANNELS, SAMPLES, drop, noise_shape
from fastdrop.torch.tensors import MAX_AXES

# PyTorch's functions as they are now: a program may put those of this module in their place.
F = SimpleNamespace(**vars(torch.nn.functional))


def dropout(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Zero each element with probability p and scale the others by 1/(1-p).

    A drop-in replacement for `torch.nn.functional.dropout`. A tensor that the core cannot work on
    (on another device, sparse, nested, quantized, a `DTensor`, or of another dtype) goes to
    PyTorch's function.

    Parameters
    ----------
    input : Tensor
        On the CPU, of any shape and strides, and of dtype float16, bfloat16, float32, float64,
        complex64 or complex128.
    p : float, optional
        Probability of an element to be dropped, in [0, 1].
    training : bool, optional
        If false, `input` itself is returned.
    inplace : bool, optional
        Write into `input`, and return it.
    generator : torch.Generator, optional
        Generator on the CPU that the key of the call is drawn from, by default the one that
        `torch.manual_seed` seeds.

    Returns
    -------
    Tensor
        `input`, or a new tensor of its shape, dtype and memory format. A dropped element is +0,
        even if it is NaN or infinite in `input`.

    Raises
    ------
    ValueError
        If p is outside [0, 1] or NaN, or if `generator` is given for a tensor that goes to
        PyTorch's function.
    RuntimeError
        Where PyTorch's function raises it, such as for integers, or for a leaf that requires a
        gradient and is to be changed in place.

    Notes
    -----
    Each call that decides by chance draws a key, two 64-bit integers, from the generator. The key
    is all that autograd keeps: the backward pass makes the mask anew. So the state of the generator
    decides the masks, and what restores that state, such as `torch.utils.checkpoint`, repeats them.
    The masks are not those of PyTorch's function.

    A call works on as many threads as `torch.get_num_threads` and `fastdrop.get_num_threads` allow,
    and on one if the tensor is small.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> x = torch.ones(1000, requires_grad=True)
    >>> y = fastdrop.torch.dropout(x, 0.5)
    >>> y.sum().backward()
    >>> torch.equal(x.grad, y)
    True
    """
    if has_torch_function_unary(input):
        return _overridden(dropout, input, p, training, inplace, generator)
    return drop(input, p, training, inplace, generator, None, "dropout", F.dropout)


def dropout1d(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Drop whole channels of (N, C, L) or (C, L), as `torch.nn.functional.dropout1d` does.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, L) or (C, L), and a dtype as for `dropout`.
    p, training, inplace, generator
        As for `dropout`.

    Returns
    -------
    Tensor
        As from `dropout`.

    Raises
    ------
    ValueError
        As from `dropout`.
    RuntimeError
        If `input` has another number of axes; and as from `dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.dropout1d(torch.ones(2, 8, 5))
    >>> bool((y.amin(2) == y.amax(2)).all())
    True
    """
    if has_torch_function_unary(input):
        return _overridden(dropout1d, input, p, training, inplace, generator)
    return drop(input, p, training, inplace, generator, {2: 1, 3: 2}, "dropout", F.dropout1d)


def dropout2d(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Drop whole channels of (N, C, H, W), as `torch.nn.functional.dropout2d` does.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, H, W), and a dtype as for `dropout`. A tensor with another number of axes
        goes to PyTorch's function, which warns: it takes (C, H, W) for (N, C, L).
    p, training, inplace, generator
        As for `dropout`.

    Returns
    -------
    Tensor
        As from `dropout`.

    Raises
    ------
    ValueError, RuntimeError
        As from `dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.dropout2d(torch.ones(2, 8, 5, 5))
    >>> bool((y.amin((2, 3)) == y.amax((2, 3))).all())
    True
    """
    if has_torch_function_unary(input):
        return _overridden(dropout2d, input, p, training, inplace, generator)
    return drop(input, p, training, inplace, generator, {4: 2}, "dropout", F.dropout2d)


def dropout3d(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Drop whole channels of (N, C, D, H, W) or (C, D, H, W), as `torch.nn.functional.dropout3d`.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, D, H, W) or (C, D, H, W), and a dtype as for `dropout`. A tensor with
        another number of axes goes to PyTorch's function, which warns.
    p, training, inplace, generator
        As for `dropout`.

    Returns
    -------
    Tensor
        As from `dropout`.

    Raises
    ------
    ValueError, RuntimeError
        As from `dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.dropout3d(torch.ones(2, 8, 3, 5, 5))
    >>> bool((y.amin((2, 3, 4)) == y.amax((2, 3, 4))).all())
    True
    """
    if has_torch_function_unary(input):
        return _overridden(dropout3d, input, p, training, inplace, generator)
    return drop(input, p, training, inplace, generator, {4: 1, 5: 2}, "dropout", F.dropout3d)


def alpha_dropout(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Drop for SELU, keeping mean 0 and variance 1, as `torch.nn.functional.alpha_dropout` does.

    Parameters
    ----------
    input : Tensor
        As for `dropout`, but of a real dtype.
    p, inplace, generator
        As for `dropout`.
    training : bool, optional
        As for `dropout`, but false by default.

    Returns
    -------
    Tensor
        As from `fastdrop.alpha_dropout`.

    Raises
    ------
    ValueError, RuntimeError
        As from `dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.alpha_dropout(torch.zeros(1000), 0.5, training=True)
    >>> len(y.unique())
    2
    """
    if has_torch_function_unary(input):
        return _overridden(alpha_dropout, input, p, training, inplace, generator)
    return drop(input, p, training, inplace, generator, None, "alpha_dropout", F.alpha_dropout)


def feature_alpha_dropout(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Drop whole channels of (N, C, ...) as `alpha_dropout` drops elements.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, ...), with two or more axes, and a dtype as for `alpha_dropout`.
    p, training, inplace, generator
        As for `alpha_dropout`.

    Returns
    -------
    Tensor
        As from `alpha_dropout`.

    Raises
    ------
    ValueError
        As from `dropout`.
    RuntimeError
        If `input` has fewer than two axes; and as from `dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.feature_alpha_dropout(torch.zeros(2, 8, 5), 0.5, training=True)
    >>> bool((y.amin(2) == y.amax(2)).all())
    True
    """
    if has_torch_function_unary(input):
        return _overridden(feature_alpha_dropout, input, p, training, inplace, generator)
    return drop(
        input,
        p,
        training,
        inplace,
        generator,
        CHANNELS,
        "alpha_dropout",
        F.feature_alpha_dropout,
    )


def drop_path(
    input: torch.Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    mode: Literal["row", "batch"] = "row",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Drop whole samples of (N, ...), or the batch as a whole: stochastic depth.

    Parameters
    ----------
    input : Tensor
        Of shape (N, ...), and a dtype as for `dropout`.
    p, training, inplace, generator
        As for `dropout`.
    mode : {"row", "batch"}, optional
        Whether each sample is decided apart, or the batch as a whole.

    Returns
    -------
    Tensor
        As from `dropout`.

    Raises
    ------
    ValueError
        If `input` has no axis, or `mode` is neither "row" nor "batch"; and as from `dropout`.
    RuntimeError
        As from `dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.drop_path(torch.ones(8, 5))
    >>> bool((y.amin(1) == y.amax(1)).all())
    True
    """
    if has_torch_function_unary(input):
        return handle_torch_function(
            drop_path,
            (input,),
            input,
            p=p,
            training=training,
            inplace=inplace,
            mode=mode,
            generator=generator,
        )
    decided = SAMPLES if check_mode(mode) == "row" else BATCH
    return drop(
        input, p, training, inplace, generator, decided, "dropout", partial(_multiply, decided)
    )


def _overridden(
    function: Callable[..., Any],
    input: torch.Tensor,
    p: float,
    training: bool,
    inplace: bool,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """Let a tensor of a class that overrides PyTorch's functions decide what the function does."""
    return handle_torch_function(
        function, (input,), input, p=p, training=training, inplace=inplace, generator=generator
    )


def _multiply(
    decided: Mapping[int, int], input: torch.Tensor, p: float, training: bool, inplace: bool
) -> torch.Tensor:
    """Drop whole samples by PyTorch's own dropout."""
    if input.ndim == 0:
        raise ValueError("drop_path takes a tensor of shape (N, ...), but it has no axis")
    shape = noise_shape(input, decided[min(input.ndim, MAX_AXES)])
    noise = F.dropout(input.new_ones(shape), p, training)
    return input.mul_(noise) if inplace else input * noise
