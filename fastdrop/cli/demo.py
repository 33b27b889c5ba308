"""The command `fastdrop demo`: what was built, an example, and the time it takes."""

from __future__ import annotations

import argparse

import numpy as np

import fastdrop
from fastdrop.cli import timing

SIZES = (2**10, 2**16, 2**20, 2**24)
COMPARED = 2**20  # the size of the closing sentence
SECONDS = 0.5  # for each size


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

    print("\np = 0.1, float32, nanoseconds per element, best of many", flush=True)
    print(timing.table_header())
    rows = {}
    for size in SIZES:
        rows[size] = timing.time_per_element(size, SECONDS)
        print(timing.table_row(size, rows[size]), flush=True)
    print(f"\n{timing.legend(fastdrop.get_num_threads())}")

    times = rows[COMPARED]
    expression, multiply = (times[c] / times["fastdrop"] for c in ("NumPy dropout", "np.multiply"))
    print(
        f"\nWith {COMPARED:,} elements NumPy dropout took {expression:.3g} times as long "
        f"as fastdrop,\nand np.multiply {multiply:.3g} times as long.\n"
        "\nTo try next:\n"
        "  fastdrop apply x.npy y.npy -p 0.1                       on a .npy file of yours\n"
        "  fastdrop bench --plot times.png                         more sizes, as a picture\n"
        "  import fastdrop; help(fastdrop.dropout)                 in Python, outside the source"
    )
