"""The tables of docs/randomness.md, from results.json and dieharder.json beside this file.

python tests/statistics/page.py           # write them
python tests/statistics/page.py --check   # exit with 1 if the page has others
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import criterion
import dieharder
from streams import STREAMS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "randomness.md"
TITLES = {
    "counts": "decisions dropped, p from 2^-20 to 1 - 2^-20",
    "nesting": "what is dropped at p and at p' > p, ties",
    "dispersion": "spread over words, blocks, lanes, steps, positions modulo 2 to 65536",
    "runs": "lengths of runs",
    "correlation": "lags, pairs and tuples of decisions",
    "blocks": "exclusive or of 2 and 4 blocks",
    "keys": "exclusive or of the masks of 2 and 4 keys",
    "relatives": "words of neighbouring blocks, keys and seeds beside each other",
    "windows": "repeated windows, collisions, birthday spacings",
    "rank": "ranks of matrices of bits",
    "exact": "exact counts, a p for each element, DropBlock, alpha dropout",
}


def load(name: str) -> dict[str, Any]:
    """Read the figures of a run."""
    return json.loads((HERE / f"{name}.json").read_text())


def table(rows: list[list[str]]) -> str:
    """Return a table in Markdown, of which the first row is the head."""
    lines = [f"| {' | '.join(cells)} |\n" for cells in rows]
    return "".join([lines[0], "|" + "---|" * len(rows[0]) + "\n", *lines[1:]])


def power(count: int) -> str:
    """Write a number as a power of two."""
    return f"2^{math.log2(count):.1f}"


def statistics() -> str:
    """Write a row for each subject, and how to repeat the run."""
    run = load("results")
    rows = [["file", "about", "p-values", "decisions", "smallest", "uniform"]]
    for one in run["subjects"]:
        figures = [str(one["p_values"]), power(one["decisions"])]
        figures += [f"{one[figure]:.2g}" for figure in ("smallest", "uniformity")]
        rows.append([f"`{one['subject']}.py`", TITLES[one["subject"]], *figures])
    total = sum(one["p_values"] for one in run["subjects"])
    decisions = sum(one["decisions"] for one in run["subjects"])
    rows.append(["all", "", str(total), power(decisions), "", ""])
    options = f"--seed {run['seed']} --scale {run['scale']:g}"
    bound = criterion.FALSE_ALARM / (2 * len(run["subjects"]))
    judged = [one[name] for one in run["subjects"] for name in ("smallest", "uniformity")]
    alarms = sum(not figure >= bound for figure in judged)
    return (
        f"`python tests/statistics {options}`, fastdrop {run['version']}, level {run['cpu_level']},"
        f" {run['seconds']} s of one core, {run['cpu']}."
        f" Alarms: {alarms} of {len(judged)} figures.\n\n{table(rows)}"
    )


def of_dieharder() -> str:
    """Write a row for each stream, and the weak figures with their repetitions."""
    results = load("dieharder")
    head = ["stream", "options", "p-values", "weak", "repeated, p", "failed", "smallest", "largest"]
    rows = [head]
    for stream, one in results.items():
        figures = one["figures"]
        weak = [figure for figure in figures if "repeated" in figure]
        again = [
            f"{one['test']} {one['size']}: {one['p']:.4f}, then {one['repeated']['p']:.4f}"
            for one in weak
        ]
        failed = sum(dieharder.alarms(figure) for figure in figures)
        p = [figure["p"] for figure in figures]
        rows.append(
            [
                f"`{stream}`",
                f"`{one['options']}`",
                str(len(figures)),
                str(len(weak)),
                "; ".join(again),
                str(failed),
                f"{min(p):.4f}",
                f"{max(p):.4f}",
            ]
        )
    total = sum(len(one["figures"]) for one in results.values())
    streams = f"{total} p-values of {len(results)} of {len(STREAMS)} streams"
    command = "`python tests/statistics/dieharder.py --streams ...`"
    return f"{streams}, by {command}:\n\n{table(rows)}"


def filled(text: str) -> str:
    """Return the page with the tables between their markers."""
    for name, make in [("statistics", statistics), ("dieharder", of_dieharder)]:
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            raise SystemExit(f"{PAGE} has no place for the table {name}")
        text = f"{before}{begin}{make()}{end}{after}"
    return text


def write() -> None:
    """Put the tables into the page."""
    PAGE.write_text(filled(PAGE.read_text()))


def check() -> int:
    """Return 1 if the page has other tables."""
    if filled(text := PAGE.read_text()) == text:
        return 0
    print(f"{PAGE} has other tables: run python tests/{HERE.name}/page.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(check())
    write()
