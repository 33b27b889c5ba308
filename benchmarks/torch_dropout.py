"""Time PyTorch's dropout beside fastdrop's in PyTorch: forward, backward, and memory kept between.

    python -m pip install '.[torch]'
    python benchmarks/torch_dropout.py --json benchmarks/figures/torch-zen5.json

Three ways are timed in turn in one process, at PyTorch's default number of threads, and the best of
many calls counts: PyTorch's own function, `fastdrop.torch.dropout`, and PyTorch's function after
`fastdrop.torch.enable()`. A backward pass goes through dropout alone: its gradient is given, once
as a full tensor and once expanded from one number, which is what ``y.sum().backward()`` sends.

On a machine that other programs use, calls of many milliseconds never have it for themselves, short
ones do, and so the ratios are wrong. ``--busy`` measures the CPU time of one thread instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import time
import timeit
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F  # noqa: N812

import fastdrop.torch
from fastdrop.cli.info import processor

P = 0.1
KI, MI = 2**10, 2**20
SMALL = (16, 256, KI, 4 * KI, 64 * KI, MI)
LARGE = (MI, 4 * MI, 16 * MI, 64 * MI)
WAYS = ("PyTorch", "fastdrop.torch", "enable()")
Call = Callable[[], object]


@contextlib.contextmanager
def way(name: str) -> Iterator[Callable[[torch.Tensor, float], torch.Tensor]]:
    """Provide the dropout of one of the three ways."""
    with fastdrop.torch.enabled() if name == "enable()" else contextlib.nullcontext():
        yield fastdrop.torch.dropout if name == "fastdrop.torch" else F.dropout


def forward(x: torch.Tensor) -> Callable[..., Call]:
    return lambda drop: lambda: drop(x, P)


def backward(x: torch.Tensor, grad: torch.Tensor) -> Callable[..., Call]:
    leaf = x.clone().requires_grad_()  # keeps the memory format
    return lambda drop: lambda: torch.autograd.grad(drop(leaf, P), leaf, grad)


def best(make: Callable[..., Call], seconds: float, clock: Callable[[], float]) -> list[float]:
    """Return the microseconds of the best call of each way, which take turns."""
    times = [math.inf] * len(WAYS)
    number = [1] * len(WAYS)  # so many calls take a millisecond
    end = timeit.default_timer() + seconds
    warm = False
    while not warm or timeit.default_timer() < end:
        for i, name in enumerate(WAYS):
            with way(name) as drop:
                call = make(drop)
                call()
                taken = timeit.timeit(call, timer=clock, number=number[i]) / number[i]
            times[i] = min(times[i], taken)
            number[i] = max(1, min(1000, int(1e-3 / times[i])))
        warm = True
    return [1e6 * taken for taken in times]


def saved_bytes(dtype: torch.dtype, n: int = KI) -> list[int]:
    """Return the bytes of tensors that each way keeps for the backward pass of n elements."""
    result = []
    for name in WAYS:
        kept: list[torch.Tensor] = []
        hooks = torch.autograd.graph.saved_tensors_hooks(kept.append, lambda packed: packed)
        with way(name) as drop, hooks:
            drop(torch.ones(n, dtype=dtype, requires_grad=True), P)
        result.append(sum(tensor.nbytes for tensor in kept))
    return result


def cases() -> Iterator[tuple[str, int, Callable[..., Call]]]:
    """Yield a name, the elements, and what makes the call of each row."""
    for n in SMALL:
        yield "forward", n, forward(torch.randn(n))
    for n in SMALL[:-1]:
        yield "forward + backward", n, backward(torch.randn(n), torch.randn(n))
    for n in LARGE:
        x = torch.randn(n)
        yield "forward + backward", n, backward(x, torch.randn(n))
        yield "forward + backward of y.sum()", n, backward(x, torch.ones(()).expand(n))
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        for n in (4 * KI, MI, 16 * MI):
            x = torch.randn(n, dtype=dtype)
            name = str(dtype).removeprefix("torch.")
            yield f"forward + backward, {name}", n, backward(x, torch.randn(n, dtype=dtype))
    images = torch.randn(32, 64, 32, 32).to(memory_format=torch.channels_last)
    yield (
        "forward + backward, channels_last, C-ordered gradient",
        images.numel(),
        backward(images, torch.randn(images.shape)),
    )
    yield "forward + backward, channels_last", images.numel(), backward(images, images.clone())


def size(n: int) -> str:
    """Write a number of elements."""
    return f"{n // MI} Mi" if n >= MI else f"{n // KI} Ki" if n >= KI else str(n)


def main() -> None:
    """Print every row, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3, help="time for each row")
    parser.add_argument("--busy", action="store_true", help="measure one thread's CPU time")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--json", type=argparse.FileType("w"), help="file for the figures")
    options = parser.parse_args()
    if options.busy:
        torch.set_num_threads(1)
    clock = time.thread_time if options.busy else time.perf_counter
    threads = torch.get_num_threads()
    print(f"{processor()}, PyTorch {torch.__version__}, {threads} threads, p = {P}; microseconds")
    print(f"{'':54}{'elements':>9}" + "".join(f"{name:>18}" for name in WAYS))
    rows = []
    for name, n, make in cases():
        if options.only not in name:
            continue
        times = best(make, options.seconds, clock)
        rows.append(
            {"case": name, "elements": n, "microseconds": dict(zip(WAYS, times, strict=True))}
        )
        shown = [f"{times[0]:16.4g}", *(f"{t:9.4g} ({times[0] / t:.2g}x)" for t in times[1:])]
        shown = [f"{text:>18}" for text in shown]
        print(f"{name:54}{size(n):>9}" + "".join(shown), flush=True)
    saved = {str(dtype): saved_bytes(dtype) for dtype in (torch.float32, torch.bfloat16)}
    for dtype, kept in saved.items():
        per_element = [f"{k / KI:g}" for k in kept]
        print(f"bytes per element kept for backward, {dtype}: {', '.join(per_element)}")
    if options.json:
        json.dump(
            {
                "config": fastdrop.show_config("dicts"),
                "machine": {
                    "processor": processor(),
                    "threads": threads,
                    "p": P,
                    "busy": options.busy,
                },
                "torch": torch.__version__,
                "rows": rows,
                "saved": {
                    dtype: dict(zip(WAYS, kept, strict=True)) for dtype, kept in saved.items()
                },
            },
            options.json,
            indent=1,
        )


if __name__ == "__main__":
    main()
