"""Time what Dask adds to a block: graph, scheduler, places; and model a large array from it.

    python benchmarks/dask_blocks.py                    # a table in Markdown
    python benchmarks/dask_blocks.py --elements 1e12 --workers 100

Every figure of a block stands beside that of blocks that are only handed on (`map_blocks` of a
function that returns its argument), made in turn with it; each is the least CPU time of several
runs, which other programs disturb less than the time that passes. Blocks of 16 elements show what
a block costs beside the kernel.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import dask
import dask.array as da
import distributed
import numpy as np

import fastdrop
import fastdrop.dask

P, KEY = 0.1, fastdrop.Key(1)
LARGE = 2**24


def hand_on(block):
    """Return a block as it is."""
    return block


def hand_on_all(x):
    """Hand on all blocks."""
    return x.map_blocks(hand_on, dtype=x.dtype, meta=x._meta)


def drop_all(x, num_threads=1):
    """Drop elements in all blocks."""
    return fastdrop.dask.dropout(x, P, rng=KEY, num_threads=num_threads)


def best(calls, runs, clock=time.process_time):
    """Return the least seconds of each of several calls, made in turn, on some clock."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, kept in zip(calls, times, strict=True):
            begin = clock()
            call()
            kept.append(clock() - begin)
    return [min(kept) for kept in times]


def graph(make, x):
    """Make all tasks, as a scheduler gets them."""
    return dict(dask.optimize(make(x))[0].__dask_graph__())


def bytes_of_a_task(make, x):
    """Return how many bytes a worker is sent for a block."""
    tasks = graph(make, x)
    return len(distributed.protocol.pickle.dumps(tasks[max(tasks)]))


def on_threads(make, x):
    """Compute all blocks on the threads of this process, and let go of them."""
    dask.persist(make(x), scheduler="threads", num_workers=2)


def on_cluster(make, x):
    """Compute all blocks on the cluster, and let go of them."""
    distributed.wait(make(x).persist(), timeout=300)


def sums_on_cluster(make, x):
    """Compute the sum of each block on the cluster, so that no block is kept."""
    filled = x.map_blocks(np.array, dtype=x.dtype, meta=x._meta)  # in memory of its own
    sums = make(filled).map_blocks(np.sum, keepdims=True, chunks=((1,) * x.npartitions,))
    distributed.wait(sums.persist(), timeout=300)


def print_row(what, unit, dropped, handed):
    """Print what takes so much with dropout, and so much where blocks are handed on."""
    numbers = (f"{n:.3g}" if n < 100 else f"{n:.0f}" for n in (dropped, handed, dropped - handed))
    print(f"| {what} | {unit} | {' | '.join(numbers)} |", flush=True)


def measure(blocks, runs):
    """Print the table; return seconds per block: of the graph, the scheduler, and a worker."""
    small = da.zeros(16 * blocks, chunks=16, dtype=np.float32)
    large = da.ones(LARGE * 32, chunks=LARGE, dtype=np.float32)
    makes = drop_all, hand_on_all
    print("| per block | unit | dropout | handed on | more |\n|---|---|---|---|---|")

    def compare(what, call, x=small, clock=time.process_time):
        seconds = best([lambda make=make: call(make, x) for make in makes], runs, clock)
        print_row(what, "us", *[1e6 * t / x.npartitions for t in seconds])
        return [t / x.npartitions for t in seconds]

    made, _ = compare("graph: optimized, all tasks made", graph)
    print_row("task, as sent to a worker", "bytes", *[bytes_of_a_task(m, small) for m in makes])
    compare("16 elements, threads of this process", on_threads)
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def of_workers():
            return sum(client.run(time.process_time).values())

        on_cluster(hand_on_all, small)
        scheduled, _ = compare("16 elements, distributed: client and scheduler", on_cluster)
        compare("16 elements, distributed: workers", on_cluster, small, of_workers)
        worked, handed = compare(
            "16 Mi elements, made and summed: workers", sums_on_cluster, large, of_workers
        )

    block = np.ones(LARGE, np.float32)
    options = {"rng": KEY, "num_threads": 1, "origin": (0,), "full_shape": (LARGE,)}
    kernel, copied = best([lambda: fastdrop.dropout(block, P, **options), block.copy], runs)
    print_row("16 Mi elements, no Dask: dropout, a copy", "us", 1e6 * kernel, 1e6 * copied)
    return made, scheduled, worked - handed


def compare_threads(runs):
    """Print how long blocks of several sizes take with one thread each, and with the default."""
    print("\n| elements | blocks | num_threads=1, ms | num_threads=None, ms |\n|---|---|---|---|")
    for size, blocks in ((2**17, 256), (2**20, 64), (2**23, 16)):
        x = da.from_array(np.ones(size * blocks, np.float32), chunks=size)
        with dask.config.set(scheduler="threads", num_workers=2):
            calls = [lambda n=n: dask.persist(drop_all(x, n)) for n in (1, None)]  # noqa: B023
            one, default = (1e3 * t for t in best(calls, runs, time.perf_counter))
        print(f"| {size:,} | {blocks} | {one:.1f} | {default:.1f} |", flush=True)


def print_model(elements, workers, made, scheduled, worked):
    """Print what the figures amount to for a large array; nothing of it is measured."""
    blocks = elements / LARGE
    print(f"\nModel: {elements:.3g} float32 in {blocks:,.0f} blocks of 16 Mi, {workers} workers")
    print(f"  graph, once, by the client:             {made * blocks:8.1f} s")
    print(f"  scheduler, while the workers work:      {scheduled * blocks:8.1f} s")
    print(f"  dropout, on one thread of each worker:  {worked * blocks / workers:8.1f} s")


def main():
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--elements", type=float, default=1e12)
    parser.add_argument("--workers", type=int, default=100)
    options = parser.parse_args()
    figures = measure(options.blocks, options.runs)
    compare_threads(options.runs)
    print_model(options.elements, options.workers, *figures)


if __name__ == "__main__":
    main()
