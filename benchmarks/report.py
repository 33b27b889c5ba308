"""Turn the figures of the other programs, which figures/ keeps, into tables and pictures.

    python benchmarks/report.py --write       # the tables of docs/performance.md
    python benchmarks/report.py --check       # exit with 1 if they are not up to date
    python benchmarks/report.py --pictures    # docs/bars.svg and docs/peers.png; needs matplotlib

A table stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. Losses are kept.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE_SIZES = [2**10, 2**16, 2**20, 2**26]
SUMMARY_SIZES = [2**20, 2**26]  # in the caches, and in memory
WHEN = ["awake", "asleep"]
SLOW = 1.1  # a default call beside the best team
OURS = "fastdrop, out="
MULTIPLY = "`np.multiply(x, s, out=y)`"
# Of the peers in the picture, none of them near the red that marks fastdrop.
COLORS = ["tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan", "tab:olive"]


def load(name: str) -> dict:
    """Read the figures of one machine."""
    return json.loads((ROOT / "benchmarks" / "figures" / f"{name}.json").read_text())


def name_size(size: int) -> str:
    """Name a number of elements: 64 Ki, 1 Mi."""
    return f"{size >> 20} Mi" if size >= 2**20 else f"{size >> 10} Ki"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    first, *others = [f"| {' | '.join(cells)} |\n" for cells in [header, *rows]]
    return "".join([first, "|" + "---|" * len(header) + "\n", *others])


def nanoseconds(data: dict) -> dict[str, dict[tuple[int, int], float]]:
    """Return each library's nanoseconds per element by threads and size, np.multiply's first."""
    result: dict[str, dict[tuple[int, int], float]] = {MULTIPLY: {}}
    for one in data["results"]:
        for figure in one["figures"]:
            place = one["threads"], figure["size"]
            result.setdefault(one["library"], {})[place] = figure["ns"]
            if one["library"] == OURS and one["threads"] == 1:
                result[MULTIPLY][place] = figure["multiply_ns"]
    return result


def ratio(value: float) -> str:
    """Write a ratio with two digits, or all of its integer part."""
    return f"({value:.{2 if value < 100 else 3}g}x)"


def peers_summary(data: dict) -> str:
    """Write a row per library: its time at the sizes and numbers of threads that tell most."""
    every = nanoseconds(data)
    places = [(threads, size) for threads in (1, 2) for size in SUMMARY_SIZES]
    header = [f"{name_size(n)}, {k} thread{'s' if k > 1 else ''}" for k, n in places]
    rows = []
    for library, figures in every.items():
        cells = [
            f"{figures[place]:.2g} {ratio(figures[place] / every[OURS][place])}"
            if place in figures
            else ""
            for place in places
        ]
        rows.append([library, *cells])
    return table(["library", *header], rows)


def peers_table(data: dict) -> str:
    """Write the time per element of every library, and its ratio to that of fastdrop's out=."""
    every = nanoseconds(data)
    multiply = [f"{every[MULTIPLY][1, size]:.3g}" for size in TABLE_SIZES]
    rows = [[MULTIPLY, "1", *multiply]]
    for one in data["results"]:
        threads = one["threads"]
        figures = {figure["size"]: figure["ns"] for figure in one["figures"]}
        cells = [
            f"{figures[size]:.3g} {ratio(figures[size] / every[OURS][threads, size])}"
            for size in TABLE_SIZES
        ]
        rows.append([f"{one['library']} {one['version']}", str(threads), *cells])
    return table(["library", "threads", *map(name_size, TABLE_SIZES)], rows)


def limits_table(data: dict) -> str:
    """Write every target with its ratio at each level, misses in bold."""
    rows = []
    for levels in zip(*(result["rows"] for result in data["levels"]), strict=True):
        cells = [levels[0]["row"]]
        for row in levels:
            cells.append(f"{row['worst']:.2f}" if row["pass"] else f"**{row['worst']:.2f}**")
            relation = "≥" if row["at_least"] else "≤"
            cells.append("" if row["target"] == math.inf else f"{relation} {row['target']:g}")
        rows.append(cells)
    header = [cell for result in data["levels"] for cell in (result["level"], "target")]
    return table(["case", *header], rows)


def teams_table(data: dict) -> str:
    """Write every call's time on one thread and its speed-ups, bold where the default is slow."""
    rows = []
    for one in data["scaling"]:
        alone, *teams = one["threads"].values()
        speed_up = f"{alone / one['default']:.1f}"
        slow = one["default"] > SLOW * min(alone, *teams)
        cells = [one["case"], name_size(one["size"]), f"{one['reference']:.3f}", f"{alone:.3f}"]
        cells += [f"{alone / team:.1f}" for team in teams]
        rows.append([*cells, f"**{speed_up}**" if slow else speed_up])
    for one in data["torch"]:
        alone, *teams = one["threads"].values()
        cells = ["`torch.mul`", name_size(one["size"]), "", f"{alone:.3f}"]
        rows.append([*cells, *(f"{alone / team:.1f}" for team in teams), ""])
    counts = list(data["scaling"][0]["threads"])[1:]
    return table(["call", "elements", "NumPy", "1 thread", *counts, "default"], rows)


def starts_table(data: dict) -> str:
    """Write the microseconds of small calls by team: at once after each other, and after pauses."""
    rows = [
        [name_size(one["size"]), *(f"{one[when][n]:.3g}" for when in WHEN for n in one[when])]
        for one in data["starts"]
    ]
    return table(
        ["elements", *(f"{n}, {when}" for when in WHEN for n in data["starts"][0][when])], rows
    )


def tables() -> dict[str, dict[str, str]]:
    """Return the tables of each page, by the names of their markers."""
    peers, threads = load("peers-xeon"), load("threads-16")
    return {
        "docs/performance.md": {
            "summary": peers_summary(peers),
            "limits-zen5": limits_table(load("limits-zen5")),
            "limits-xeon": limits_table(load("limits-xeon")),
            "peers": peers_table(peers),
            "threads-16": teams_table(threads),
            "threads-16-starts": starts_table(threads),
        },
    }


def fill(page: str, text: str, blocks: dict[str, str]) -> str:
    """Return a page's text with its tables put between their markers."""
    pattern = re.compile(r"(<!-- begin: (\S+) -->\n).*?(<!-- end: \2 -->\n)", re.DOTALL)
    found = [match[2] for match in pattern.finditer(text)]
    if sorted(found) != sorted(blocks):
        sys.exit(f"{page} has markers for {found}, but its tables are {list(blocks)}")
    return pattern.sub(lambda match: f"{match[1]}{blocks[match[2]]}{match[3]}", text)


def draw_bars(data: dict, path: Path) -> None:
    """Draw the time per element of 1 Mi elements on one thread, a bar per library.

    The background is transparent and the text grey, for light pages and for dark ones.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    times = {name: figures[1, 2**20] for name, figures in nanoseconds(data).items()}
    del times["np.copyto"]
    multiply, grey = "np.multiply, no dropout", "#7a828c"
    times[multiply] = times.pop(MULTIPLY)
    names = sorted(times, key=lambda name: -times[name])
    colors = ["crimson" if name.startswith("fastdrop") else "#9aa7b5" for name in names]
    colors[names.index(multiply)] = grey
    with mpl.rc_context({"svg.hashsalt": "fastdrop", "font.size": 11, "axes.titlesize": 11}):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(names, [times[name] for name in names], color=colors, height=0.72)
        labels = [f"{times[name]:.{2 if times[name] < 1 else 1}f}" for name in names]
        axes.bar_label(bars, labels, padding=4, color=grey)
        axes.tick_params(length=0, colors=grey, labelbottom=False)
        for label, color in zip(axes.get_yticklabels(), colors, strict=True):
            label.set_color(color if color == "crimson" else grey)
        axes.spines[:].set_visible(False)
        axes.margins(x=0.09, y=0.01)
        axes.set_title("1 Mi float32 on one thread: ns per element", color=grey)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def draw_lines(data: dict, path: Path) -> None:
    """Draw the time per element over the number of elements, one line per library."""
    from matplotlib.figure import Figure

    results = data["results"]
    multiply = nanoseconds(data)[MULTIPLY]
    counts = sorted({result["threads"] for result in results})
    figure = Figure(figsize=(6 * len(counts), 5.2), layout="constrained")
    every = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for axes, threads in zip(every, counts, strict=True):
        axes.set_prop_cycle(color=COLORS)
        multiply_sizes = [size for _, size in multiply]
        axes.plot(multiply_sizes, multiply.values(), "k--", label="np.multiply, 1 thread", zorder=4)
        for result in results:
            if result["threads"] != threads:
                continue
            sizes = [row["size"] for row in result["figures"]]
            times = [row["ns"] for row in result["figures"]]
            ours = result["library"].startswith("fastdrop")
            style = {"color": "crimson", "linewidth": 2.6, "zorder": 5} if ours else {}
            if result["library"] == "fastdrop, in place":
                style["linestyle"] = ":"
            if result["library"] == "fastdrop, new array":
                style |= {"linestyle": "-.", "linewidth": 1.3}
            if result["library"] == "np.copyto":
                style = {"color": "gray", "linestyle": ":"}
            axes.plot(sizes, times, label=result["library"], **style)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(sizes[::2], [name_size(size) for size in sizes[::2]])
        axes.set_xlabel("elements (float32)")
        axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
        axes.grid(alpha=0.3, which="both")
    every[0].set_ylabel("nanoseconds per element (log scale, less is better)")
    every[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(f"Dropout, p = {data['machine']['p']}, on the CPU")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Write the tables or check them, and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into the pages")
    parser.add_argument("--check", action="store_true", help="fail if a page has other tables")
    parser.add_argument(
        "--pictures", action="store_true", help="draw the pictures of the libraries"
    )
    options = parser.parse_args()
    for page, blocks in tables().items():
        path = ROOT / page
        text = path.read_text()
        filled = fill(page, text, blocks)
        if options.write:
            path.write_text(filled)
        elif options.check and filled != text:
            sys.exit(
                f"the tables of {page} are not those of benchmarks/figures: run report.py --write"
            )
    if options.pictures:
        draw_bars(load("peers-xeon"), ROOT / "docs" / "bars.svg")
        draw_lines(load("peers-xeon"), ROOT / "docs" / "peers.png")


if __name__ == "__main__":
    main()
