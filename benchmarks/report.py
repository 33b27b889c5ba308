"""Turn the figures of peers.py and limits.py into tables and a picture.

    python benchmarks/report.py --peers peers.json --limits limits.json --picture docs/peers.png

The tables go to the standard output, in Markdown, losses kept. The picture needs matplotlib.
"""

from __future__ import annotations

import argparse
import json

TABLE_SIZES = [2**10, 2**16, 2**20, 2**26]
OURS = "fastdrop, out="
# Of the peers in the picture, none of them near the red that marks fastdrop.
COLORS = ["tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan", "tab:olive"]


def name_size(size: int) -> str:
    """Name a number of elements: 64 Ki, 1 Mi."""
    return f"{size >> 20} Mi" if size >= 2**20 else f"{size >> 10} Ki"


def peers_table(data: dict) -> str:
    """Time an element of every library, and how many times that of fastdrop's out= it is."""
    ours = {
        (result["threads"], figure["size"]): figure["ns"]
        for result in data["results"]
        if result["library"] == OURS
        for figure in result["figures"]
    }
    lines = [
        "| library | threads | " + " | ".join(name_size(size) for size in TABLE_SIZES) + " |",
        "|---|---|" + "---|" * len(TABLE_SIZES),
    ]
    multiply = {}
    for result in data["results"]:
        cells = []
        for figure in result["figures"]:
            size = figure["size"]
            if size not in TABLE_SIZES:
                continue
            if result["threads"] == 1 and result["library"] == OURS:
                multiply[size] = figure["multiply_ns"]
            times = figure["ns"] / ours[result["threads"], size]
            cells.append(f"{figure['ns']:.3g} ({times:.{2 if times < 100 else 3}g}x)")
        name = f"{result['library']} {result['version']}"
        lines.append(f"| {name} | {result['threads']} | " + " | ".join(cells) + " |")
    cells = [f"{multiply[size]:.3g}" for size in TABLE_SIZES]
    lines.insert(2, f"| `np.multiply(x, s, out=y)` | 1 | {' | '.join(cells)} |")
    return "\n".join(lines)


def limits_table(data: dict) -> str:
    """Every target with its ratio at each level, misses in bold."""
    levels = [result["level"] for result in data["levels"]]
    lines = [
        "| case | " + " | ".join(f"{level} | target" for level in levels) + " |",
        "|---|" + "---|" * 2 * len(levels),
    ]
    for rows in zip(*(result["rows"] for result in data["levels"]), strict=True):
        cells = []
        for row in rows:
            ratio = f"{row['worst']:.2f}" if row["pass"] else f"**{row['worst']:.2f}**"
            cells.append(f"{ratio} | {'≥' if row['at_least'] else '≤'} {row['target']:g}")
        lines.append(f"| {rows[0]['row']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(data: dict, path: str) -> None:
    """Draw the time of an element over the number of elements, one line a library."""
    from matplotlib.figure import Figure

    results = data["results"]
    counts = sorted({result["threads"] for result in results})
    figure = Figure(figsize=(6 * len(counts), 5.2), layout="constrained")
    every = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for axes, threads in zip(every, counts, strict=True):
        axes.set_prop_cycle(color=COLORS)
        for result in results:
            if result["threads"] != threads:
                continue
            sizes = [row["size"] for row in result["figures"]]
            times = [row["ns"] for row in result["figures"]]
            ours = result["library"].startswith("fastdrop")
            if result["library"] == OURS:
                multiply = [row["multiply_ns"] for row in result["figures"]]
                axes.plot(sizes, multiply, "k--", label="np.multiply, 1 thread", zorder=4)
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
    every[0].set_ylabel("nanoseconds an element (log scale, less is better)")
    every[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(f"Dropout, p = {data['machine']['p']}, on the CPU")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the tables that figures were given for, and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=argparse.FileType(), help="figures of peers.py")
    parser.add_argument("--limits", type=argparse.FileType(), help="figures of limits.py")
    parser.add_argument("--picture", help="file for the picture")
    options = parser.parse_args()
    if options.peers:
        data = json.load(options.peers)
        print(peers_table(data), end="\n\n")
        if options.picture:
            draw(data, options.picture)
    if options.limits:
        print(limits_table(json.load(options.limits)))


if __name__ == "__main__":
    main()
