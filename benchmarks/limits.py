"""Measure the project's performance targets, and report each as passed or missed.

    python benchmarks/limits.py                    # every CPU level of this machine
    python benchmarks/limits.py --levels avx512 --json limits.json
    python benchmarks/limits.py --rows "crops|in place"

A figure is the ratio of the time of a call to that of its reference. Both are timed in turn in one
process, and the best of many times counts, with the worst ratio of the drop probabilities 0.1, 0.3
and 0.5. All arrays have been written before, so no page is new, unless the row says so. The level
is chosen at import, so each level has its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import timeit
from itertools import chain

import limits_options
import limits_rows
import limits_views
from limits_rows import Call

import fastdrop

PROBABILITIES = (0.1, 0.3, 0.5)


def best_times(call: Call, reference: Call, before: Call | None, seconds: float):
    """Return the best time of each of two calls, timed in turn for about `seconds`."""
    for function in (call, reference):
        function()
    once = timeit.timeit(reference, number=1)
    number = max(1, min(1000, int(2e-4 / once)))  # a sample long beside the clock's steps
    if before:
        number = min(number, 50)
    rounds = max(7, int(seconds / (2 * once * number)))
    best = [float("inf")] * 2
    for _ in range(min(rounds, 300)):
        for i, function in enumerate((call, reference)):
            if before:
                before()
            best[i] = min(best[i], timeit.timeit(function, number=number) / number)
    return best


def measure(chosen: str, seconds: float) -> dict[str, object]:
    """Measure the rows whose names hold a pattern, at the level of this process."""
    level = fastdrop.show_config("dicts")["cpu_level"]
    results = []
    for row in chain(limits_rows.rows(), limits_views.rows(), limits_options.rows()):
        if not re.search(chosen, row.name):
            continue
        ratios = {}
        for p in PROBABILITIES:
            call, reference = best_times(*row.calls(p), seconds)
            ratios[str(p)] = call / reference
        worst = min(ratios.values()) if row.at_least else max(ratios.values())
        target = row.targets[level]
        passed = worst >= target if row.at_least else worst <= target
        results.append(
            {
                "row": row.name,
                "ratios": ratios,
                "worst": worst,
                "target": target,
                "at_least": row.at_least,
                "pass": passed,
            }
        )
        print(
            f"{row.name:72}{level:>10}{worst:8.2f}  {'>=' if row.at_least else '<='}{target:5.2f}"
            f"  {'pass' if passed else 'MISS'}",
            file=sys.stderr,
            flush=True,
        )
    return {"level": level, "rows": results}


def main() -> None:
    """Measure each level in its own process, which reports each row when it is done."""
    available = fastdrop.show_config("dicts")["cpu_levels"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--levels", nargs="+", choices=available, default=available)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each p of a row")
    parser.add_argument("--rows", default="", help="pattern of the names of the rows to measure")
    parser.add_argument("--json", type=argparse.FileType("w"), help="file for the figures")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        json.dump(measure(options.rows, options.seconds), sys.stdout)
        return
    results = []
    for level in options.levels:
        printed = subprocess.run(
            [
                *(sys.executable, __file__, "--one"),
                *(f"--rows={options.rows}", f"--seconds={options.seconds}"),
            ],
            env=os.environ | {"FASTDROP_SIMD": level},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        results.append(json.loads(printed))
    missed = sum(not row["pass"] for result in results for row in result["rows"])
    print(f"{missed} of {sum(len(result['rows']) for result in results)} targets missed")
    if options.json:
        json.dump(
            {"config": fastdrop.show_config("dicts"), "levels": results}, options.json, indent=1
        )


if __name__ == "__main__":
    main()
