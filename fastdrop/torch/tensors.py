"""Tensors on the way to the core: which ones it takes, the key of a call, and the arithmetic."""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray

from fastdrop import _core
from fastdrop.keys import Key
from fastdrop.threads import get_num_threads

Kind: TypeAlias = Literal["dropout", "alpha_dropout", "alpha_dropout_grad"]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)  # NumPy has none of its own
REAL = frozenset([torch.float16, torch.bfloat16, torch.float32, torch.float64])
NUMERIC = REAL | {torch.complex64, torch.complex128}

MAX_AXES = 32  # of an array, in the oldest NumPy

# The words of a key are draws of torch.randint, which leaves out the highest.
HIGH = 2**63 - 1


# Elements from which a result asks for huge pages: 4 MiB of float32, where NumPy begins too.
LARGE = 2**20


def _find_madvise() -> Callable[[int, int, int], int] | None:
    """Return the function of the system by which huge pages are asked for."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return madvise


_madvise = _find_madvise()


def takes(x: torch.Tensor, kind: Kind) -> bool:
    """Whether the core can work on a tensor; PyTorch's own dropout works on any other.

    So on one that wraps others, such as a DTensor: which operators it has is its own matter.
    """
    return (
        x.is_cpu
        and x.dtype in (NUMERIC if kind == "dropout" else REAL)
        and x.layout is torch.strided
        and not x.is_nested
        and x.ndim <= MAX_AXES
        and (type(x) is torch.Tensor or not hasattr(type(x), "__tensor_flatten__"))
    )


def is_plain(x: torch.Tensor) -> bool:
    """Whether a tensor is memory and nothing more: not traced, batched, wrapped or watched."""
    return (
        (type(x) is torch.Tensor or type(x) is torch.nn.Parameter)
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._are_functorch_transforms_active()
        and torch._C._get_tracing_state() is None
    )


def as_array(x: torch.Tensor) -> NDArray[Any]:
    """Return an array that shares the memory of a tensor."""
    if x.requires_grad:
        x = x.detach()
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(BFLOAT16)
    return x.numpy()


def is_lazy(x: torch.Tensor) -> bool:
    """Whether a tensor's elements are its memory's conjugated, or with another sign."""
    return x.is_conj() or x.is_neg()


def as_stored(x: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the same memory whose elements are those of the memory."""
    x = x.detach()
    x = x.conj() if x.is_conj() else x
    return torch._neg_view(x) if x.is_neg() else x


def with_memory(x: torch.Tensor, inplace: bool) -> torch.Tensor:
    """Return a tensor that has none as one that has: derivatives may be zeros without memory."""
    if not x._is_zerotensor():
        raise RuntimeError("input has no memory: its storage has been resized to 0")
    if inplace:
        raise RuntimeError(
            "input stands for zeros without memory, and cannot be changed in place: pass "
            "input.clone()"
        )
    return x.clone()


def compute(
    x: torch.Tensor,
    out: torch.Tensor,
    key: Key,
    p: float,
    noise_shape: tuple[int, ...] | None,
    kind: Kind,
) -> torch.Tensor:
    """Drop elements of x into `out`, which may be x."""
    size = x.numel()
    if size >= LARGE and out is not x:
        ask_for_huge_pages(out)
    target = as_array(out)
    source = target if out is x else as_array(x.resolve_conj().resolve_neg())
    threads = team(size)
    if kind == "dropout":
        _core.dropout(
            source,
            p,
            True,
            False,
            key,
            target,
            noise_shape,
            True,
            0,
            None,
            None,
            -1,
            0,
            None,
            None,
            False,
            threads,
        )
    else:
        gradient = kind == "alpha_dropout_grad"
        _core.alpha_dropout(
            source, p, True, False, key, target, noise_shape, gradient, 0, False, threads
        )
    return out


def ask_for_huge_pages(x: torch.Tensor) -> None:
    """Let memory that was not used yet come in pages of 2 MiB, as NumPy does for its own arrays.

    To get 64 MiB in pages of 4 KiB takes ten times as long as to drop their elements.
    """
    if _madvise is not None:
        begin = -(-x.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        end = (x.data_ptr() + x.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        _madvise(begin, end - begin, mmap.MADV_HUGEPAGE)  # advice: a failure has no meaning


def team(size: int) -> int | None:
    """Return `num_threads` for the core, which has no more threads than PyTorch has."""
    if size < _core.PARALLEL_MIN_SIZE:
        return 1
    limit = torch.get_num_threads()
    return limit if limit < get_num_threads() else None


class _Buffer(threading.local):
    """Two 64-bit integers to draw into: to allocate a tensor takes longer than to fill it."""

    def __init__(self) -> None:
        with torch.inference_mode(False):
            self.tensor = torch.zeros(2, dtype=torch.int64, device="cpu")
        self.words = self.tensor.numpy()


_buffer = _Buffer()


def draw_key(generator: torch.Generator | None) -> Key:
    """Return a key that a generator of the CPU draws, by default PyTorch's own."""
    _buffer.tensor.random_(0, HIGH, generator=generator)
    return Key.from_words(*_buffer.words.tolist())


def draw_words(generator: torch.Generator | None) -> torch.Tensor:
    """Return the words of a key as a tensor; the same as `draw_key` draws."""
    if generator is None:  # an operator of its own
        return torch.randint(HIGH, (2,), dtype=torch.int64, device="cpu")
    return torch.randint(HIGH, (2,), generator=generator, dtype=torch.int64, device="cpu")


def words_of(key: Key) -> torch.Tensor:
    """Return the words of a key that was drawn here."""
    return torch.tensor(key.words, dtype=torch.int64, device="cpu")
