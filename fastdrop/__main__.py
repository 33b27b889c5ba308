"""The command fastdrop: a demonstration, and dropout of a user's own file."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastdrop

SIZES = (2**10, 2**16, 2**20, 2**24)


def demo() -> None:
    """Show what was built, the example of `torch.nn.Dropout`, and the time it takes."""
    fastdrop.show_config()

    layer = fastdrop.Dropout(p=0.5, rng=1)
    x = np.arange(1.0, 10.0).reshape(3, 3)
    print(f"\n{layer} on float64, before:\n{x}\nout of place:\n{layer(x)}")
    layer = fastdrop.Dropout(p=0.5, inplace=True, rng=1)
    y = layer(x)
    print(f"in place, by {layer} (the result is x: {y is x}):\n{x}")

    print("\np = 0.1, float32, nanoseconds an element, best of many")
    header = ("np.multiply", "fastdrop", "in place", "NumPy dropout")
    print(f"{'elements':>12}" + "".join(f"{name:>15}" for name in header))
    for size in SIZES:
        times = time_an_element(size, 0.1)
        print(f"{size:>12,}" + "".join(f"{time:>15.3f}" for time in times))
    print(
        f"np.multiply(x, s, out=y) works on 1 thread, fastdrop.dropout(x, 0.1, out=y) on up to "
        f"{fastdrop.get_num_threads()};\n"
        "NumPy dropout is x * (rng.random(n, dtype=np.float32) >= p) / (1 - p)"
    )


def time_an_element(size: int, p: float) -> list[float]:
    """Nanoseconds an element of the demonstration's four columns, timed in turn."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(size, dtype=np.float32)
    y = np.zeros_like(x)
    z = x.copy()
    scale = np.float32(1 / (1 - p))
    candidates: list[Callable[[], object]] = [
        lambda: np.multiply(x, scale, out=y),
        lambda: fastdrop.dropout(x, p, out=y),
        lambda: fastdrop.dropout(z, p, inplace=True),
        lambda: x * (rng.random(size, dtype=np.float32) >= p) / np.float32(1 - p),
    ]
    number = max(1, 2**18 // size)
    best = [float("inf")] * len(candidates)
    for _ in range(10):
        z[...] = x  # scaled again and again, it would overflow
        for i, candidate in enumerate(candidates):
            best[i] = min(best[i], timeit.timeit(candidate, number=number) / number / size * 1e9)
    return best


def apply(source: Path, target: Path, p: float, seed: int | None, scale: bool) -> None:
    """Drop the elements of one .npy file into another.

    The result is written beside the target and takes its name only when it is whole.
    """
    for path in (source, target):
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} is no regular file")
    x = open_array(source)
    target = target.resolve()
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    if part.exists():
        raise FileExistsError(f"{part} is in the way: remove it")
    try:
        write_dropped(x, part, target, p, seed, scale)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    print(f"{target}: {x.dtype} {x.shape}, p = {p}")


def open_array(path: Path) -> np.ndarray:
    """Map the array of a .npy file."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # whatever NumPy's reader of headers meets in a file that is none
        raise ValueError(f"{path} is no .npy file of numbers: {error}") from error


def write_dropped(
    x: np.ndarray, path: Path, target: Path, p: float, seed: int | None, scale: bool
) -> None:
    """Write dropout(x) to a new .npy file of x's dtype, shape and order, and the target's mode."""
    # Errors come before a byte is written.
    fastdrop.dropout(x[:0] if x.ndim else x, p, rng=seed, scale=scale)
    fortran = x.flags.f_contiguous and not x.flags.c_contiguous
    y = np.lib.format.open_memmap(
        path, mode="w+", dtype=x.dtype, shape=x.shape, fortran_order=fortran
    )
    if target.exists():
        shutil.copymode(target, path)
    if hasattr(os, "posix_fallocate"):
        # A full disk must be an error now, not a fault in the middle of the mapped file.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    fastdrop.dropout(x, p, rng=seed, out=y, scale=scale)
    y.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="fastdrop", description=fastdrop.__doc__)
    parser.add_argument("--version", action="version", version=fastdrop.__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="what was built, an example, and the time it takes")
    command = commands.add_parser("apply", help="drop the elements of a .npy file")
    command.add_argument("input", type=Path, help="a .npy file of numbers")
    command.add_argument("output", type=Path, help="the .npy file to write")
    command.add_argument("-p", type=float, default=0.5, help="drop probability (default 0.5)")
    command.add_argument("--seed", type=int, help="the same seed drops the same elements")
    command.add_argument(
        "--no-scale", action="store_true", help="leave kept elements as they are, in any dtype"
    )
    options = parser.parse_args(arguments)
    try:
        if options.command == "demo":
            demo()
        else:
            scale = not options.no_scale
            apply(options.input, options.output, options.p, options.seed, scale)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, TypeError, ValueError) as error:
        message = str(error).replace("call the function with scale=False", "pass --no-scale")
        print(f"fastdrop: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
