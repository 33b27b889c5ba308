"""Time default calls beside others: alone, with another program on a core, beside PyTorch.

    python benchmarks/contention.py                # mean milliseconds, and ratios to one thread
    python benchmarks/contention.py --calls 300 --busy 1

The figures are means, not the best of many, because they measure how often and how long a call
waits for others. The calls on one thread and the default calls come in blocks, because calls in
turn would wake each other's threads. Each scene has a process of its own. Beside PyTorch (if it is
installed), dropout and `torch.add` of 1 Mi elements come in turn. The program prints which OpenMP
libraries were loaded, because PyTorch and fastdrop may share one or, as wheels, have two.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time

import numpy as np

SIZES = (2**17, 2**18, 2**20, 2**22, 2**24)
SCENES = ("alone", "busy", "torch after", "torch before")


def mean_ms(calls, n):
    """Mean milliseconds of each of several calls, made in turn n times."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(n):
        for call, kept in zip(calls, times, strict=True):
            begin = time.perf_counter()
            call()
            kept.append(time.perf_counter() - begin)
    return [1e3 * statistics.mean(kept) for kept in times]


def dropout_of(size, num_threads):
    """Make a call on so many elements, with memory for the result."""
    import fastdrop

    key = fastdrop.Key(1)
    x, y = np.ones(size, np.float32), np.zeros(size, np.float32)
    return lambda: fastdrop.dropout(x, 0.1, rng=key, out=y, num_threads=num_threads)


def openmp_libraries():
    """Return the names of the OpenMP libraries in this process, if the system tells."""
    try:
        with open("/proc/self/maps") as file:
            names = {os.path.basename(line.split()[-1]) for line in file if "r-xp" in line}
    except OSError:
        return "unknown"
    return ", ".join(sorted(n for n in names if n.startswith(("libgomp", "libomp", "libiomp"))))


def compare(scene, calls):
    """Print a row for each size: one thread, default, and their ratio."""
    for size in SIZES:
        n = max(20, min(calls, calls * 2**22 // size))
        one, default = dropout_of(size, 1), dropout_of(size, None)
        mean_ms([one], 5), mean_ms([default], 5)
        (alone,), (team,) = mean_ms([one], n), mean_ms([default], n)
        print(f"{scene:24}{size:>12,}{alone:10.3f}{team:10.3f}{team / alone:8.2f}", flush=True)


def beside_torch(scene, calls):
    """Print dropout's and torch.add's means alone and in turn."""
    order = ("torch", "fastdrop") if scene == "torch before" else ("fastdrop", "torch")
    torch = {name: importlib.import_module(name) for name in order}["torch"]
    a, b, c = (torch.ones(2**20) for _ in range(3))
    drop, one = dropout_of(2**20, None), dropout_of(2**20, 1)

    def add():
        torch.add(a, b, out=c)

    mean_ms([one, drop, add], 20)
    (alone,), (add_alone,) = mean_ms([drop], calls), mean_ms([add], calls)
    both, (serial, _) = mean_ms([drop, add], calls), mean_ms([one, add], calls)
    print(
        f"{scene}, {openmp_libraries()}: dropout alone {alone:.3f}, in turn {both[0]:.3f}, on one "
        f"thread in turn {serial:.3f}; torch.add alone {add_alone:.3f}, in turn {both[1]:.3f}",
        flush=True,
    )


def main() -> None:
    """Run each scene in a process of its own, beside busy programs where it has them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--busy", type=int, default=1, help="programs in the scene 'busy'")
    parser.add_argument("--scene", choices=SCENES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scene in ("alone", "busy"):
        compare(options.scene, options.calls)
        return
    if options.scene:
        beside_torch(options.scene, options.calls)
        return
    print(f"{'scene':24}{'elements':>12}{'1 thread':>10}{'default':>10}{'ratio':>8}", flush=True)
    for scene in SCENES:
        if (
            scene.startswith("torch")
            and subprocess.run(
                [sys.executable, "-c", "import torch"], capture_output=True
            ).returncode
        ):
            print(f"{scene}: PyTorch is not installed")
            continue
        number = options.busy if scene == "busy" else 0
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
        try:
            time.sleep(0.5)
            arguments = ["--scene", scene, "--calls", str(options.calls)]
            subprocess.run([sys.executable, __file__, *arguments], check=True)
        finally:
            for program in busy:
                program.kill()


if __name__ == "__main__":
    main()
