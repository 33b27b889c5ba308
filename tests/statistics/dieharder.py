"""Run the tests of dieharder (apt install dieharder) over streams of masks at p = 0.5.

    python tests/statistics/dieharder.py                # about 20 minutes per stream
    python tests/statistics/dieharder.py --streams blocks --seed 1 --output some.json

Each test reads its own stream, of a fresh key, through a pipe; the seeds stand in the results.
What is run are all tests that `dieharder -l` calls good, with their own numbers of samples, most of
them 100. Fewer would not do: dieharder's p-values of few samples are too large, of good generators
too. The samples of the sums at larger lags are shorter, as they read so much more.

Criterion, with dieharder's bounds for two-sided p-values: no test is FAILED (1e-6), and a test that
is WEAK (0.005) is repeated with a fresh key and three times as many samples. Its
p-value must not be WEAK by a bound of 1e-4. A good generator alarms in 1 of 2000 streams.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from streams import STREAMS

HERE = Path(__file__).parent
GOOD = [*range(5), *range(8, 14), *range(15, 18), *range(100, 103), *range(204, 210)]
FIELDS = ["test_name", "ntuple", "tsamples", "psamples", "pvalues"]
WEAK, REPEATED, FAILED = 5e-3, 1e-4, 1e-6
MORE = 3  # times as many samples in a repetition


def every_test() -> Iterator[list[str]]:
    """Give dieharder's options for each test."""
    for number in GOOD:
        yield ["-d", str(number)]
    for number, sizes in [(200, range(1, 13)), (201, range(2, 6)), (202, range(2, 6))]:
        for size in sizes:
            yield ["-d", str(number), "-n", str(size)]
    for lag in range(33):
        yield ["-d", "203", "-n", str(lag), "-t", str(10**6 // (lag + 1))]


def run(options: list[str], stream: str, seed: int) -> list[dict]:
    """Run one test on a stream; return its figures."""
    columns = [part for field in FIELDS for part in ("-D", field)]
    emitter = subprocess.Popen(
        [sys.executable, str(HERE / "streams.py"), stream, str(seed)], stdout=subprocess.PIPE
    )
    command = ["dieharder", "-g", "200", *options, "-c", ",", *columns]
    done = subprocess.run(
        command, stdin=emitter.stdout, stdout=subprocess.PIPE, check=True, text=True
    )
    assert emitter.stdout is not None
    emitter.stdout.close()
    if emitter.wait():
        raise RuntimeError(f"the stream {stream} ended with {emitter.returncode}")
    figures = []
    for line in done.stdout.splitlines():
        name, size, per_sample, samples, p = (part.strip() for part in line.split(",")[:5])
        figures.append(
            {
                "test": name,
                "size": int(size),
                "samples": [int(per_sample), int(samples)],
                "p": float(p),
                "seed": seed,
            }
        )
    return figures


def two_sided(figure: dict) -> float:
    """Return how near the p-value is to 0 or to 1."""
    return min(figure["p"], 1 - figure["p"])


def run_stream(stream: str, seed: int) -> Iterator[dict]:
    """Give the figures of all tests on a stream, weak ones with their repetition."""
    seeds = np.random.default_rng([seed, list(STREAMS).index(stream)])
    for options in every_test():
        figures = run(options, stream, int(seeds.integers(2**63)))
        if any(two_sided(figure) < WEAK for figure in figures):
            more = [*options, "-p", str(MORE * figures[0]["samples"][1])]
            again = run(more, stream, int(seeds.integers(2**63)))
            for figure, repeated in zip(figures, again, strict=True):
                if two_sided(figure) < WEAK:
                    figure["repeated"] = repeated
        yield from figures


def alarms(figure: dict) -> bool:
    """Return whether a figure does not meet the criterion."""
    failed = two_sided(figure) < FAILED
    return failed or ("repeated" in figure and two_sided(figure["repeated"]) < REPEATED)


def save(path: Path, results: dict[str, dict]) -> None:
    """Write what is known of each stream, a figure in each line."""
    streams = []
    for stream, one in results.items():
        lines = ",\n".join(json.dumps(figure) for figure in one["figures"])
        head = f'{json.dumps(stream)}: {{"options": {json.dumps(one["options"])}, "figures": ['
        streams.append(f"{head}\n{lines}\n]}}")
    inner = ",\n".join(streams)
    path.write_text(f"{{\n{inner}\n}}\n")


def main() -> int:
    """Run what the command line asks for; return the number of alarms, 1 at most."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--seed", type=int, help="by default a fresh one from the system")
    parser.add_argument("--output", type=Path, help="a JSON file, in which other streams stay")
    arguments = parser.parse_args()
    if shutil.which("dieharder") is None:
        parser.error("there is no dieharder here: apt install dieharder")
    seed = secrets.randbits(63) if arguments.seed is None else arguments.seed
    options = f"--seed {seed}"
    print(options, flush=True)
    output, alarm = arguments.output, False
    results = json.loads(output.read_text()) if output and output.exists() else {}
    for stream in arguments.streams:
        results[stream] = {"options": options, "figures": []}
        for figure in run_stream(stream, seed):
            results[stream]["figures"].append(figure)
            alarm = alarm or alarms(figure)
            print(f"{stream}: {figure}{'  ALARM' if alarms(figure) else ''}", flush=True)
            if output:
                save(output, results)
    return int(alarm)


if __name__ == "__main__":
    sys.exit(main())
