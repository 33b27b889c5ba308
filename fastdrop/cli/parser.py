"""The options of the commands, and how their values are read."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import fastdrop
from fastdrop.cli.apply import apply
from fastdrop.cli.bench import bench
from fastdrop.cli.demo import demo
from fastdrop.cli.info import info

APPLY_DESCRIPTION = """\
Set each element of a stored array to zero with probability p, and multiply the
others by 1/(1-p).

INPUT and OUTPUT are .npy files or, with the package zarr, folders of Zarr
arrays. A name that ends in .npy or .zarr says which; another OUTPUT is of the
kind of INPUT. The elements are read and written in pieces, so the array may be
larger than memory. dtype, shape and memory order are kept, and for a Zarr array
also chunks, codecs, fill value and attributes.

OUTPUT may be INPUT. What has its name is replaced when the result is complete:
an error or an interrupt leaves it as it was.
"""

APPLY_NOTES = """\
key:
  The key decides which elements are dropped, together with p and the position
  of each element. It is printed before the work begins. The same key and p drop
  the same elements again, also in Python: fastdrop.dropout(x, p, rng=key).
  --seed makes the key from a number. Without --seed and --key it is new.

noise shape:
  For each axis 1, None or the axis's length. All elements along an axis of 1
  are dropped or kept together: for images of shape (N, H, W, C),
  --noise-shape None,None,None,1 drops whole pixels, and None,1,1,None channels.

offset:
  The position of the first element, in C order, among the decisions of the
  key. If x.npy is a part of a larger array that begins after N of its elements,
  --offset N drops what the whole would drop. With a noise shape it counts
  decisions.

in place:
  --inplace writes into INPUT itself, and needs no second file. If it stops
  between two pieces, as after Ctrl-C, the command prints how to go on. If it is
  killed or the disk fails, the file is in part old and in part new. With
  --no-scale the command can be run again, with the key that it has printed;
  otherwise the file must be restored from a copy.

exit status:
  0, or 1 after an error, 2 for wrong options, 130 after Ctrl-C.

examples:
  python -c "import numpy as np; np.save('x.npy', np.ones((1000, 100)))"
  fastdrop apply x.npy y.npy -p 0.1
  fastdrop apply x.npy y.npy -p 0.1 --key 9f1e2e6dcd540ab7d57873dc79fb94b6
  fastdrop apply x.npy rows.npy --noise-shape None,1
  fastdrop apply x.npy --inplace -p 0.1 --no-scale --fill nan
"""

EXAMPLES = {
    "demo": "example: fastdrop demo",
    "info": "example: fastdrop info --json",
    "bench": "example: fastdrop bench --plot times.png",
}


def make_parser() -> argparse.ArgumentParser:
    """Declare the commands; each names the function that runs it."""
    text, example = fastdrop.__doc__, EXAMPLES["demo"]
    parser = argparse.ArgumentParser(prog="fastdrop", description=text, epilog=example)
    parser.add_argument("--version", action="version", version=fastdrop.__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    text = "show what was built, an example, and the time it takes"
    command = commands.add_parser("demo", help=text, description=text, epilog=EXAMPLES["demo"])
    command.set_defaults(run=demo)

    text = "drop elements of a .npy file or a Zarr array; see fastdrop apply --help"
    command = commands.add_parser(
        "apply",
        help=text,
        description=APPLY_DESCRIPTION,
        epilog=APPLY_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options_of_apply(command)

    text = "show what was built, the system and the versions, for a bug report"
    command = commands.add_parser("info", help=text, description=text, epilog=EXAMPLES["info"])
    command.set_defaults(run=info)
    command.add_argument("--json", action="store_true", help="print JSON")

    text = "time dropout beside NumPy, for 1 Ki to 64 Mi elements, in less than a minute"
    command = commands.add_parser("bench", help=text, description=text, epilog=EXAMPLES["bench"])
    command.set_defaults(run=bench)
    command.add_argument("--threads", metavar="N", type=parse_threads, help="threads of fastdrop")
    command.add_argument("--torch", action="store_true", help="time PyTorch too")
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    picture = "draw a picture too, which needs matplotlib"
    command.add_argument("--plot", metavar="FILE", type=Path, help=picture)
    return parser


def add_options_of_apply(command: argparse.ArgumentParser) -> None:
    """Declare the options of apply."""
    command.set_defaults(run=apply, usage_error=command.error)
    command.add_argument("input", metavar="INPUT", type=parse_path, help="an array of numbers")
    text = "the file or folder to write or replace; none with --inplace"
    command.add_argument("output", metavar="OUTPUT", type=parse_path, nargs="?", help=text)
    command.add_argument("-p", type=float, default=0.5, help="drop probability (default 0.5)")
    source = command.add_mutually_exclusive_group()
    text = "make the key from a number; the same number drops the same elements"
    source.add_argument("--seed", dest="rng", metavar="N", type=int, help=text)
    text = "the key that a run has printed, 32 hexadecimal digits"
    source.add_argument("--key", dest="rng", metavar="HEX", type=parse_key, help=text)
    text = "leave kept elements as they are, in any numeric dtype"
    command.add_argument("--no-scale", action="store_true", help=text)
    text = "what a dropped element becomes (default 0); write --fill=-inf with ="
    command.add_argument("--fill", metavar="NUMBER", type=parse_number, default=0, help=text)
    text = "axes along which elements are dropped together, such as None,None,1; see below"
    command.add_argument("--noise-shape", metavar="SHAPE", type=parse_noise_shape, help=text)
    text = "position of the first element in a larger array (default 0); see below"
    command.add_argument("--offset", metavar="N", type=int, default=0, help=text)
    text = "write into INPUT itself; see below"
    command.add_argument("--inplace", action="store_true", help=text)
    text = "go on with --inplace after so many elements, as a stopped run has printed"
    command.add_argument("--resume", metavar="N", type=int, default=0, help=text)
    text = "number of threads (default: as many as there are processors)"
    command.add_argument("--threads", metavar="N", type=parse_threads, help=text)


def parse_path(text: str) -> Path:
    """Read the name of a file or folder."""
    if text == "-":
        raise argparse.ArgumentTypeError(
            "- is not standard input or output here: name a .npy file (./- for a file named -)"
        )
    return Path(text)


def parse_key(text: str) -> fastdrop.Key:
    """Read the argument of --key."""
    if not re.fullmatch("[0-9a-fA-F]{32}", text):
        raise argparse.ArgumentTypeError(
            f"expected the 32 hexadecimal digits that apply prints as the key, but got {text!r}"
        )
    return fastdrop.Key.from_words(int(text[:16], 16), int(text[16:], 16))


def parse_number(text: str) -> complex:
    """Read the argument of --fill."""
    for kind in (int, float, complex):
        try:
            return kind(text)
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(
        f"expected a number such as -1, 0.5, nan or 1+2j, but got {text!r}"
    )


def parse_noise_shape(text: str) -> list[int | None]:
    """Read the argument of --noise-shape."""
    entries = text.strip("()[] ").removesuffix(",").split(",") if text.strip("()[] ") else []
    try:
        return [None if entry.strip() == "None" else int(entry) for entry in entries]
    except ValueError:
        raise argparse.ArgumentTypeError(
            "expected 1, None or the axis's length for each axis, such as None,None,1, "
            f"but got {text!r}"
        ) from None


def parse_threads(text: str) -> int:
    """Read the argument of --threads."""
    if not re.fullmatch("0*[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"expected a number of 1 or more, but got {text!r}")
    return int(text)
