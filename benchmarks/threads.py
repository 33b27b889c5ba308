"""Time calls by the number of threads: how far they scale, and from which size a team pays.

    python benchmarks/threads.py --json benchmarks/figures/threads-16.json
    python benchmarks/threads.py --seconds 0.05 --largest 1048576    # a short look

Teams have 1, 2, 4, ... threads up to `fastdrop.get_num_threads()`. A call by each team, the default
call and a reference on one thread are timed in turn, and the best of many counts. Where the team
changes, OpenMP ends threads and starts new ones, so calls that are not timed come first. What that
costs a program is measured apart, by calls of two sizes in turn. If PyTorch is installed, its
multiplication shows the bandwidth of each team. It comes last, because its idle threads spin.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

import fastdrop
from fastdrop import _core
from fastdrop.cli.info import processor

P = 0.1
S = np.float32(1 / (1 - P))
KEY = fastdrop.Key(1)
TEAMS = [2**k for k in range(fastdrop.get_num_threads().bit_length())]
SIZES = [2**16, 2**18, 2**20, 2**22, 2**26, 2**28]
TORCH_SIZES = [2**20, 2**22, 2**26, 2**28]
START_SIZES = [2**15, 2**16, 3 * 2**15, 2**17, 3 * 2**16, 2**18, 2**19, 2**20]
TURNS = [2**17, 2**18]  # each in turn with 1 Mi: a team of 8 at most, of 16 at most
PAUSE = 2e-3  # four times as long as idle threads spin
Call = Callable[[], object]


@dataclass
class Case:
    """A call by a number of threads (None: the default), its reference, and what to do before."""

    name: str
    call: Callable[[int | None], object]
    reference: Call
    before: Call | None = None

    def by(self, n: int | None) -> Call:
        """Return the call by n threads."""
        return lambda: self.call(n)


def plain(x, y, name="out=", drop=fastdrop.dropout) -> Case:
    """Make the case drop(x, out=y), beside the multiplication of the same arrays."""
    return Case(
        name,
        lambda n: drop(x, P, rng=KEY, out=y, num_threads=n),
        lambda: np.multiply(x, S, out=y),
    )


def of_size(size: int) -> Case:
    """Make the plain case on memory that has been written, as that of all cases."""
    return plain(np.ones(size, np.float32), np.full(size, 2, np.float32))


def cases(size: int) -> Iterator[Case]:
    """Make all cases on so many elements."""
    x, y = np.ones(size, np.float32), np.full(size, 2, np.float32)
    yield plain(x, y)
    yield Case(
        "in place",
        lambda n: fastdrop.dropout(x, P, inplace=True, rng=KEY, num_threads=n),
        lambda: np.multiply(x, S, out=x),
        before=lambda: x.fill(1),  # scaled again and again, the values would overflow
    )
    images = (-1, 16, 64, 64)
    yield plain(x.reshape(images), y.reshape(images), "dropout2d", fastdrop.dropout2d)
    square = (round(size**0.5),) * 2
    yield plain(x.reshape(square).T, y.reshape(square).T, "Fortran order")
    bits = np.ones(size // 8, np.uint8)
    yield Case(
        "keep_mask, packed",
        lambda n: fastdrop.keep_mask(size, P, rng=KEY, packed=True, out=bits, num_threads=n),
        lambda: np.multiply(x, S, out=y),
    )
    small, target = np.ones(size, np.uint8), np.full(size, 2, np.uint8)
    yield Case(
        "uint8, scale=False",
        lambda n: fastdrop.dropout(small, P, scale=False, rng=KEY, out=target, num_threads=n),
        lambda: np.copyto(target, small),
    )


def best_times(calls: Sequence[Call], seconds: float, before: Call | None = None) -> list[float]:
    """Return the best time of each of several calls, timed in turn for about `seconds`."""
    once = min(timeit.repeat(calls[0], number=1, repeat=3))
    number = max(1, min(64, int(2e-4 / once)))  # a sample long beside the clock's steps
    best = [float("inf")] * len(calls)
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 5 or time.perf_counter() < end:
        if before:
            before()
        for i, call in enumerate(calls):
            timeit.timeit(call, number=min(number, 3))
            best[i] = min(best[i], timeit.timeit(call, number=number) / number)
        rounds += 1
    return best


def by_team(values: Sequence[float]) -> dict[str, float]:
    return {str(n): value for n, value in zip(TEAMS, values, strict=True)}


def scaling(size: int, seconds: float) -> Iterator[dict]:
    """Measure every case with every team: nanoseconds per element."""
    for case in cases(size):
        calls = [*map(case.by, TEAMS), case.by(None), case.reference]
        times = best_times(calls, seconds, case.before)
        *ours, default, reference = [1e9 * took / size for took in times]
        print(
            f"{case.name:20}{size:>12,}{reference:10.4f}{ours[0]:10.4f}"
            + "".join(f"{ours[0] / one:8.2f}" for one in [*ours[1:], default]),
            flush=True,
        )
        yield {
            "case": case.name,
            "size": size,
            "reference": reference,
            "threads": by_team(ours),
            "default": default,
        }


def starts(size: int, seconds: float) -> dict:
    """Measure calls of every team, at once after each other and after pauses: microseconds."""
    case = of_size(size)
    awake = [1e6 * took for took in best_times(list(map(case.by, TEAMS)), seconds)]
    asleep = []
    for n in TEAMS:
        times = []
        for _ in range(max(5, int(seconds / len(TEAMS) / PAUSE))):
            time.sleep(PAUSE)
            times.append(timeit.timeit(case.by(n), number=1))
        asleep.append(1e6 * statistics.median(times))
    for name, times in ("awake", awake), ("after a pause", asleep):
        print(f"{name:20}{size:>12,}" + "".join(f"{one:10.1f}" for one in times), flush=True)
    team = [_core.team_size(n, size) for n in TEAMS]
    return {"size": size, "team": team, "awake": by_team(awake), "asleep": by_team(asleep)}


def in_turn(size: int, n: int | None, seconds: float) -> dict:
    """Measure calls on so many elements and on 1 Mi, apart and in turn: mean microseconds."""
    calls = [of_size(one).by(n) for one in (size, 2**20)]
    means = []
    for group in calls[:1], calls[1:], calls:
        timeit.timeit(group[-1], number=3)
        times: list[list[float]] = [[] for _ in group]
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for call, kept in zip(group, times, strict=True):
                kept.append(timeit.timeit(call, number=1))
        means += [1e6 * statistics.mean(kept) for kept in times]
    print(
        f"{name_of(n):12}{size:>12,}: {means[0]:.1f} and {means[1]:.1f} apart, "
        f"{means[2]:.1f} and {means[3]:.1f} in turn",
        flush=True,
    )
    return {"size": size, "num_threads": n, "apart": means[:2], "in_turn": means[2:]}


def name_of(n: int | None) -> str:
    return "default" if n is None else f"{n} threads"


def in_pool(n: int | None, callers: int, calls: int) -> dict:
    """Measure callers that work on 1 Mi elements each at the same time: microseconds per call."""
    every = [of_size(2**20).by(n) for _ in range(callers)]
    with ThreadPoolExecutor(callers) as pool:
        for number in 5, calls:  # the first starts the threads
            begin = time.perf_counter()
            for one in [pool.submit(timeit.timeit, call, number=number) for call in every]:
                one.result()
            took = 1e6 * (time.perf_counter() - begin) / (callers * calls)
    print(f"{name_of(n):12}{callers:>12} callers: {took:.1f}", flush=True)
    return {"num_threads": n, "callers": callers, "us": took}


def torch_scaling(size: int, seconds: float) -> dict:
    """Measure PyTorch's multiplication with every team: nanoseconds per element."""
    import torch

    x, y, s = torch.ones(size), torch.full((size,), 2.0), float(S)

    def multiply(n):
        torch.set_num_threads(n)
        torch.mul(x, s, out=y)

    calls = [lambda n=n: multiply(n) for n in TEAMS]
    times = [1e9 * took / size for took in best_times(calls, seconds)]
    print(f"torch.mul           {size:>12,}" + "".join(f"{one:10.4f}" for one in times), flush=True)
    return {"size": size, "threads": by_team(times)}


def main() -> None:
    """Print the figures, and write them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each case")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="elements, at most")
    parser.add_argument("--json", type=argparse.FileType("w"), help="file for the figures")
    options = parser.parse_args()
    seconds = options.seconds

    def sizes(every):
        return [size for size in every if size <= options.largest]

    print(f"{processor()}; threads {TEAMS}")
    figures: dict[str, object] = {
        "config": fastdrop.show_config("dicts"),
        "machine": {
            "processor": processor(),
            "p": P,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "libc": " ".join(platform.libc_ver()),
        },
    }
    print("microseconds by team")
    figures["starts"] = [starts(size, seconds) for size in sizes(START_SIZES)]
    counts = [1, TEAMS[-1], None]
    print("microseconds of calls that differ in size, and of a pool's calls on 1 Mi elements")
    figures["in_turn"] = [in_turn(size, n, seconds / 3) for size in TURNS for n in counts]
    figures["in_pool"] = [
        in_pool(n, callers, int(300 * seconds)) for callers in TEAMS[1:] for n in (1, None)
    ]
    print("reference and one thread, ns per element; speed-ups; that of the default")
    figures["scaling"] = [row for size in sizes(SIZES) for row in scaling(size, seconds)]
    if importlib.util.find_spec("torch"):
        figures["torch"] = [torch_scaling(size, seconds) for size in sizes(TORCH_SIZES)]
    if options.json:
        json.dump(figures, options.json, indent=1)


if __name__ == "__main__":
    main()
