"""The command `fastdrop bench`: times for many sizes, as a table, as JSON or as a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastdrop
from fastdrop.cli import timing
from fastdrop.cli.info import describe_environment
from fastdrop.cli.replacing import target_of

SIZES = tuple(4**k for k in range(5, 14))  # 1 Ki to 64 Mi
SECONDS = 2.5  # for each size
TITLE = f"dropout, p = {timing.P}, float32, nanoseconds per element, best of many"

Rows = dict[int, dict[str, float]]


def bench(options: argparse.Namespace) -> None:
    """Time all sizes; print a table or JSON, and draw a picture if one is asked for."""
    threads = options.threads or fastdrop.get_num_threads()
    if options.torch:
        timing.import_torch()
    draw = drawing_of(options.plot) if options.plot else None  # errors come before the work
    if not options.json:
        print(f"{TITLE}\n{timing.table_header(options.torch)}", flush=True)
    rows: Rows = {}
    for size in SIZES:
        rows[size] = timing.time_per_element(size, SECONDS, options.threads, options.torch)
        if not options.json:
            print(timing.table_row(size, rows[size]), flush=True)
    if options.json:
        print(json.dumps(as_json(rows, threads), indent=2))
    else:
        print(f"\n{timing.legend(threads, options.torch)}")
    if draw:
        draw(rows)


def as_json(rows: Rows, threads: int) -> dict[str, Any]:
    """Return the times with what they depend on."""
    return {
        "config": fastdrop.show_config("dicts"),
        "environment": describe_environment(),
        "p": timing.P,
        "dtype": "float32",
        "threads": threads,
        "unit": "nanoseconds per element",
        "rows": [{"elements": size, **times} for size, times in rows.items()],
    }


def drawing_of(path: Path) -> Callable[[Rows], None]:
    """Return the function that draws the times into the file; raise if it could not be written."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = "--plot needs the package matplotlib: python -m pip install matplotlib"
        raise ImportError(message) from error
    figure = Figure(figsize=(8, 5), layout="constrained")
    kinds = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".") not in kinds:
        raise ValueError(f"{path}: name a file of one of the types {', '.join(sorted(kinds))}")
    target_of(path)

    def draw(rows: Rows) -> None:
        axes = figure.subplots()
        for name in next(iter(rows.values())):
            times = [row[name] for row in rows.values()]
            axes.loglog(list(rows), times, marker="o", label=name)
        axes.set(xlabel="elements", ylabel="nanoseconds per element", title=TITLE)
        axes.set_xscale("log", base=2)
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, dpi=120)

    return draw
