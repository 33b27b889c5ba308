"""The way of every call: checks, what PyTorch's own dropout takes over, memory or operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from fastdrop.keys import Key
from fastdrop.torch import ops
from fastdrop.torch.tensors import (
    MAX_AXES,
    Kind,
    draw_key,
    draw_words,
    is_plain,
    takes,
    with_memory,
    words_of,
)

NO_KEY = Key.from_words(0, 0)  # for p = 1, which draws nothing

# How many leading axes are decided apart, by the number of axes.
CHANNELS = dict.fromkeys(range(2, MAX_AXES + 1), 2)
SAMPLES = dict.fromkeys(range(1, MAX_AXES + 1), 1)
BATCH = dict.fromkeys(range(1, MAX_AXES + 1), 0)


def check_probability(p: float) -> None:
    """Raise unless 0 <= p <= 1, in a form that torch.compile can trace."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def noise_shape(input: torch.Tensor, apart: int) -> tuple[int, ...]:
    """Return the shape of a mask that decides only the first axes apart."""
    return (*input.shape[:apart], *(1,) * (input.ndim - apart))


def drop(
    input: torch.Tensor,
    p: float,
    training: bool,
    inplace: bool,
    generator: torch.Generator | None,
    decided: Mapping[int, int] | None,
    kind: Kind,
    theirs: Callable[..., torch.Tensor],
) -> torch.Tensor:
    """Drop each element or, with `decided`, all that share an index along the first axes.

    `decided` has the number of these axes for each number of axes of a tensor. A tensor with
    another number of axes, and one that the core does not take, goes to `theirs`.
    """
    if not isinstance(input, torch.Tensor):
        raise TypeError(f"input must be a Tensor, not {type(input).__name__}: use torch.as_tensor")
    check_probability(p)
    if type(training) is not bool:
        raise TypeError(f"training must be a bool, not {type(training).__name__}")
    apart = None if decided is None else decided.get(input.ndim)
    if not takes(input, kind) or (apart is None and decided is not None):
        if generator is not None:
            shape = "nested" if input.is_nested else f"of shape {tuple(input.shape)}"
            raise ValueError(
                f"generator= needs a dense tensor of a float dtype on the CPU, but input, {shape}, "
                f"{input.dtype} on {input.device}, goes to PyTorch's own dropout, which takes "
                "none: use torch.manual_seed"
            )
        return theirs(input, p, training, inplace)
    if not training or p == 0 or input.numel() == 0:
        return input
    noise = None if apart is None else noise_shape(input, apart)
    compiling = torch.compiler.is_compiling()
    if not compiling:
        # Before a key is drawn, in case it is no number. The backward pass needs p again, and the
        # caller may have changed a tensor by then.
        p = float(p)
        if inplace:
            ops.check_inference(input)
    if compiling or not is_plain(input):
        words = draw_words(generator) if p < 1 else words_of(NO_KEY)
        y = ops.drop_traced(input, words, p, noise, kind)
        return input.copy_(y) if inplace else y
    if not input.data_ptr():
        input = with_memory(input, inplace)
    in_memory = inplace and ops.check_in_place(input)
    key = draw_key(generator) if p < 1 else NO_KEY
    y = ops.drop_plain(input, key, p, noise, kind, in_memory)
    return input.copy_(y) if inplace and not in_memory else y
