"""The command fastdrop: a demonstration, and dropout of a user's own file."""

from __future__ import annotations

import argparse
import os
import re
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastdrop
from fastdrop.files import create_like, open_array, replacing

SIZES = (2**10, 2**16, 2**20, 2**24)
COMPARED = 2**20  # the size of the closing sentence

APPLY_DESCRIPTION = """\
Set each element of the array in a .npy file to zero with probability p, and
multiply the others by 1/(1-p).

The output keeps the dtype, the shape and the memory order of the input. A file
that has the output's name is replaced, and may be the input itself. It is
replaced at once, when the result is complete: an error leaves it as it was.
Both files are memory-mapped, so they may be larger than memory.

The key is printed. The same key and the same p drop the same elements again.
"""

APPLY_EXAMPLES = """\
examples:
  python -c "import numpy as np; np.save('x.npy', np.ones((1000, 100)))"
  fastdrop apply x.npy y.npy -p 0.1
  fastdrop apply x.npy y.npy -p 0.1 --key 9f1e2e6dcd540ab7d57873dc79fb94b6
"""


def demo(options: argparse.Namespace) -> None:
    """Show what was built, the example of `torch.nn.Dropout`, and the time it takes."""
    print("You will see how fastdrop was built, dropout of a small array (a dropped element is 0,")
    print("a kept one is doubled), and the time of dropout beside that of NumPy.\n")
    fastdrop.show_config()

    layer = fastdrop.Dropout(p=0.5, rng=1)
    x = np.arange(1.0, 10.0).reshape(3, 3)
    print(f"\n{layer} on float64, before:\n{x}\nout of place:\n{layer(x)}")
    layer = fastdrop.Dropout(p=0.5, inplace=True, rng=1)
    y = layer(x)
    print(f"in place, by {layer} (the result is x: {y is x}):\n{x}")

    print("\np = 0.1, float32, nanoseconds per element, best of many")
    header = ("np.multiply", "fastdrop", "in place", "NumPy dropout")
    print(f"{'elements':>12}" + "".join(f"{name:>15}" for name in header))
    times = {}
    for size in SIZES:
        times[size] = time_per_element(size, 0.1)
        print(f"{size:>12,}" + "".join(f"{time:>15.3f}" for time in times[size]))
    print(
        f"np.multiply(x, s, out=y) works on 1 thread, fastdrop.dropout(x, 0.1, out=y) on up to "
        f"{fastdrop.get_num_threads()};\n"
        "NumPy dropout is x * (rng.random(n, dtype=np.float32) >= p) / (1 - p)"
    )

    multiply, dropout, _, expression = times[COMPARED]
    print(
        f"\nWith {COMPARED:,} elements NumPy dropout took {expression / dropout:.3g} times as long "
        f"as fastdrop,\nand np.multiply {multiply / dropout:.3g} times as long.\n"
        "\nTo try next:\n"
        "  fastdrop apply x.npy y.npy -p 0.1                       on a .npy file of yours\n"
        "  import fastdrop; help(fastdrop.dropout)                 in Python, outside the source"
    )


def time_per_element(size: int, p: float) -> list[float]:
    """Nanoseconds per element of the demonstration's four columns, timed in turn."""
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


def apply(options: argparse.Namespace) -> None:
    """Drop the elements of one .npy file into another, and print the key."""
    x = open_array(options.input)
    p, rng, scale = options.p, options.rng, not options.no_scale
    try:  # errors come before a byte is written
        fastdrop.dropout(np.empty(0, x.dtype), p, rng=rng, scale=scale)
    except TypeError as error:
        advice = str(error).replace("pass scale=False", "pass --no-scale")
        raise TypeError(f"{options.input}: {advice}") from error
    with replacing(options.output) as part:
        y = create_like(x, part)
        _, key = fastdrop.dropout(x, p, rng=rng, out=y, scale=scale, return_key=True)
        y.flush()
    print(f"{options.output}: {x.dtype} {x.shape}, p = {p}")
    if key is None:
        print("no key: nothing was drawn, so every run gives the same result")
    else:
        print(f"key: {key_text(key)}")
        unscaled = "" if scale else " --no-scale"
        print(f"in Python: rng=fastdrop.{key}")
        print(f"to drop the same elements again: -p {p} --key {key_text(key)}{unscaled}")


def key_text(key: fastdrop.Key) -> str:
    """Write a key as `parse_key` reads it."""
    return "{:016x}{:016x}".format(*key.words)


def parse_key(text: str) -> fastdrop.Key:
    """Read the argument of --key."""
    if not re.fullmatch("[0-9a-fA-F]{32}", text):
        raise argparse.ArgumentTypeError(
            f"expected the 32 hexadecimal digits that apply prints as the key, but got {text!r}"
        )
    return fastdrop.Key.from_words(int(text[:16], 16), int(text[16:], 16))


def parse_path(text: str) -> Path:
    """Read the name of a .npy file."""
    if text == "-":
        raise argparse.ArgumentTypeError(
            "- is not standard input or output here: name a .npy file (./- for a file named -)"
        )
    return Path(text)


def make_parser() -> argparse.ArgumentParser:
    """Declare the commands; each names the function that runs it."""
    text, example = fastdrop.__doc__, "example: fastdrop demo"
    parser = argparse.ArgumentParser(prog="fastdrop", description=text, epilog=example)
    parser.add_argument("--version", action="version", version=fastdrop.__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    text = "show what was built, an example, and the time it takes"
    commands.add_parser("demo", help=text, description=text).set_defaults(run=demo)

    command = commands.add_parser(
        "apply",
        help="drop elements of a .npy file; see fastdrop apply --help",
        description=APPLY_DESCRIPTION,
        epilog=APPLY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=apply)
    command.add_argument("input", type=parse_path, help="a .npy file of numbers")
    command.add_argument("output", type=parse_path, help="the .npy file to write or replace")
    command.add_argument("-p", type=float, default=0.5, help="drop probability (default 0.5)")
    source = command.add_mutually_exclusive_group()
    seed = "the same seed drops the same elements"
    source.add_argument("--seed", dest="rng", metavar="N", type=int, help=seed)
    key = "the key that a run has printed, 32 hexadecimal digits"
    source.add_argument("--key", dest="rng", metavar="HEX", type=parse_key, help=key)
    unscaled = "leave kept elements as they are, in any numeric dtype"
    command.add_argument("--no-scale", action="store_true", help=unscaled)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = make_parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, TypeError, ValueError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: {error.strerror}"
        print(f"fastdrop: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
