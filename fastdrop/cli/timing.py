"""Times of dropout beside those of NumPy, for `demo` and `bench`."""

from __future__ import annotations

import importlib
import time
import timeit
from collections.abc import Callable
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

import fastdrop

P = 0.1
COLUMNS = ("np.multiply", "fastdrop", "in place", "NumPy dropout")
MIN_ROUNDS = 5
MIN_ELEMENTS = 2**18  # in one measurement: a shorter one would measure the clock


def columns(torch: bool) -> tuple[str, ...]:
    """Return the names of the columns."""
    return (*COLUMNS, "PyTorch") if torch else COLUMNS


def legend(threads: int, torch: bool = False) -> str:
    """Say what the columns are."""
    lines = [
        "np.multiply    np.multiply(x, s, out=y), on 1 thread",
        f"fastdrop       fastdrop.dropout(x, {P}, out=y), on up to {threads}",
        f"in place       fastdrop.dropout(x, {P}, inplace=True), on up to {threads}",
        "NumPy dropout  x * (rng.random(n, dtype=np.float32) >= p) / (1 - p), on 1 thread",
    ]
    if torch:
        lines.append(f"PyTorch        torch.nn.functional.dropout(x, {P}), on {threads}")
    return "\n".join(lines)


def time_per_element(
    size: int, seconds: float, threads: int | None = None, torch: bool = False
) -> dict[str, float]:
    """Return nanoseconds per element of each column, the best of calls that are timed in turn.

    Parameters
    ----------
    size : int
        Number of float32 elements.
    seconds : float
        About how long to measure.
    threads : int, optional
        Of fastdrop and PyTorch, by default `fastdrop.get_num_threads`.
    torch : bool, optional
        Whether to time PyTorch too.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal(size, dtype=np.float32)
    y, z = np.zeros_like(x), x.copy()
    scale = np.float32(1 / (1 - P))
    calls: list[Callable[[], object]] = [
        lambda: np.multiply(x, scale, out=y),
        lambda: fastdrop.dropout(x, P, out=y, num_threads=threads),
        lambda: fastdrop.dropout(z, P, inplace=True, num_threads=threads),
        lambda: x * (rng.random(size, dtype=np.float32) >= P) / np.float32(1 - P),
    ]
    if torch:
        calls.append(torch_call(x, threads or fastdrop.get_num_threads()))
    number = max(1, MIN_ELEMENTS // size)
    best = dict.fromkeys(columns(torch), float("inf"))
    end, rounds = time.monotonic() + seconds, 0
    while rounds < MIN_ROUNDS or time.monotonic() < end:
        z[...] = x  # scaled again and again, it would overflow
        for name, call in zip(best, calls, strict=True):
            taken = timeit.timeit(call, number=number)
            best[name] = min(best[name], taken / number / size * 1e9)
        rounds += 1
    return best


def torch_call(x: NDArray[np.float32], threads: int) -> Callable[[], object]:
    """Return PyTorch's dropout of x on so many threads."""
    torch = import_torch()
    torch.set_num_threads(threads)
    tensor = torch.from_numpy(x)
    return lambda: torch.nn.functional.dropout(tensor, P)


def import_torch() -> ModuleType:
    """Import PyTorch, or say how to install it."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ImportError("--torch needs PyTorch: python -m pip install torch") from error


def table_header(torch: bool = False) -> str:
    """Return the first line of the table."""
    names = columns(torch)
    return f"{'elements':>12}" + "".join(f"{name:>15}" for name in names)


def table_row(size: int, times: dict[str, float]) -> str:
    """Return the line of one size."""
    return f"{size:>12,}" + "".join(f"{time:>15.3f}" for time in times.values())
