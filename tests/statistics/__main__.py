"""Test that masks are random, with a fresh seed, and write docs/randomness.md.

    python tests/statistics                   # all subjects; about 4 minutes of one core
    python tests/statistics --seed 7          # repeats a run
    python tests/statistics --scale 16        # 16 times as many decisions
    python tests/statistics --only keys runs  # some subjects
    python tests/statistics --write           # the run's table into docs/randomness.md

Exit status 1: the criterion is not met.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

import page
from criterion import SUBJECTS, Verdict, run
from source import Source

import fastdrop
from fastdrop.cli.info import processor

HERE = Path(__file__).parent


def describe(verdict: Verdict) -> dict:
    """Return the figures of a subject for the table."""
    return {
        "subject": verdict.subject,
        "p_values": len(verdict.results),
        "decisions": sum(int(result.decisions) for result in verdict.results),
        "smallest": verdict.smallest,
        "uniformity": verdict.uniformity,
    }


def main() -> int:
    """Run what the command line asks for; return 1 if anything alarms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="by default a fresh one from the system")
    parser.add_argument("--scale", type=float, default=1.0, help="how many decisions, 1 by default")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--verbose", action="store_true", help="print each p-value")
    parser.add_argument("--write", action="store_true", help="write the table of the page")
    parser.add_argument("--check", action="store_true", help="only check that the page has it")
    arguments = parser.parse_args()
    if arguments.check:
        return page.check()
    if arguments.write and len(arguments.only) < len(SUBJECTS):
        parser.error("--write needs all subjects")
    seed = secrets.randbits(63) if arguments.seed is None else arguments.seed
    print(f"--seed {seed} --scale {arguments.scale:g}", flush=True)
    start, figures, alarm = time.process_time(), [], False
    for name in arguments.only:
        begin = time.process_time()
        verdict = run(name, Source(), arguments.scale, seed)
        alarm |= verdict.alarms
        figures.append(describe(verdict))
        print(f"{time.process_time() - begin:6.1f} s  {verdict}", flush=True)
        for result in verdict.results if arguments.verbose else verdict.worst():
            print(f"              {result.p:9.3g}  {result.name}", flush=True)
    seconds = time.process_time() - start
    print(f"{'ALARM' if alarm else 'no alarm'} in {seconds:.0f} s of CPU time")
    if arguments.write:
        config = fastdrop.show_config("dicts")
        results = {
            "seed": seed,
            "scale": arguments.scale,
            "seconds": round(seconds),
            "version": fastdrop.__version__,
            "cpu_level": config["cpu_level"],
            "cpu": processor(),
            "subjects": figures,
        }
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        page.write()
    return int(alarm)


if __name__ == "__main__":
    sys.exit(main())
