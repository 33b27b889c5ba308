"""Dropout on a cluster of processes, from Zarr to Zarr, in random chunks; a worker is killed.

The program of tests/test_dask_cluster.py: it prints what it saw, as JSON. It is a process of its
own, so that nothing in it can keep the tests from ending.

    python tests/cluster.py FOLDER CHUNKINGS
"""

import json
import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import dask.array as da
import distributed
import numpy as np
import zarr
from arrays import awkward_numbers

import fastdrop
import fastdrop.dask

WORKERS = 3
SECONDS = 60.0  # for any one thing


def cut(n, rng):
    """Cut a length into chunks of random sizes."""
    at = rng.choice(np.arange(1, n), min(n - 1, int(rng.integers(0, 5))), replace=False)
    return tuple(np.diff([0, *np.sort(at), n]).tolist())


def draw(rng):
    """Draw an array and the arguments of a call."""
    shape = tuple(
        rng.integers(2, [(), (3000,), (90, 90), (30, 20, 20)][rng.integers(1, 4)]).tolist()
    )
    x = awkward_numbers(shape, rng.choice(["f4", "f8", "f2", "u1", "i8"]), rng)
    p: Any = float(rng.random())
    if rng.random() < 0.4:
        p = rng.random(shape[-1:])
    options: dict[str, Any] = {"scale": x.dtype.kind == "f", "fill": int(rng.integers(0, 2))}
    if rng.random() < 0.3 and not np.ndim(p):
        options["noise_shape"] = tuple(1 if rng.random() < 0.5 else None for _ in shape)
    return x, p, options


def from_zarr_to_zarr(client, folder, number):
    """Return whether a call in random chunks gives the whole array's bytes."""
    rng = np.random.default_rng([20261129, number])
    x, p, options = draw(rng)
    source, target = (str(folder / f"{number}-{end}.zarr") for end in ("x", "y"))
    sizes = [tuple(int(rng.integers(max(1, n // 5), n + 1)) for n in x.shape) for _ in range(2)]
    zarr.create_array(source, data=x, chunks=sizes[0])
    lazy = da.from_zarr(source).rechunk(tuple(cut(n, rng) for n in x.shape))
    y = fastdrop.dask.dropout(lazy, p, rng=number, **options)
    written = y.rechunk(sizes[1]).to_zarr(target, compute=False)
    client.compute(written).result(timeout=SECONDS)
    expected = fastdrop.dropout(x, p, rng=number, **options)
    result = zarr.open_array(target, mode="r")[...]
    return result.dtype == expected.dtype and result.tobytes() == expected.tobytes()


def slowly(block, folder):
    """Leave a file for each time that a block is computed, by which process."""
    (folder / f"{uuid.uuid4()}").write_text(str(os.getpid()))
    time.sleep(0.05)
    return block


def kill_a_worker(client, folder):
    """Kill a worker that holds a part of a result; return what became of the result."""
    marks = folder / "marks"
    marks.mkdir()
    x = np.arange(1, 40_001, dtype=np.float32).reshape(200, 200)
    rng = np.random.default_rng(0)
    chunks = tuple(
        tuple(np.diff(np.sort([0, *rng.choice(199, 7, False) + 1, 200])).tolist()) for _ in range(2)
    )
    y, key = fastdrop.dask.dropout(da.from_array(x, chunks=chunks), 0.5, return_key=True)
    y = y.map_blocks(slowly, marks, dtype=y.dtype, meta=y._meta)
    result = client.persist(y)
    begin = time.monotonic()
    while len(list(marks.iterdir())) < y.npartitions // 2:
        assert time.monotonic() < begin + SECONDS
        time.sleep(0.01)
    before = client.run(os.getpid)
    held, pid = max((len(keys), before[at]) for at, keys in client.has_what().items())
    os.kill(pid, signal.SIGKILL)
    distributed.wait(result, timeout=SECONDS)
    client.wait_for_workers(WORKERS, timeout=SECONDS)
    same = client.compute(result).result(timeout=SECONDS)
    return {
        "held": held,
        "blocks": y.npartitions,
        "computed": len(list(marks.iterdir())),
        "replaced": pid not in client.run(os.getpid).values(),
        "same": same.tobytes() == fastdrop.dropout(x, 0.5, rng=key).tobytes(),
    }


def main(folder, chunkings):
    """Compare so many calls, and kill a worker after half of them."""
    cluster = distributed.LocalCluster(
        n_workers=WORKERS,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs="ERROR",
        local_directory=str(folder),
    )
    with cluster, distributed.Client(cluster, timeout=SECONDS) as client:
        pids = set(client.run(os.getpid).values())
        same = [from_zarr_to_zarr(client, folder, n) for n in range(chunkings // 2)]
        killed = kill_a_worker(client, folder)
        same += [from_zarr_to_zarr(client, folder, n) for n in range(chunkings // 2, chunkings)]
        seen = {"workers": len(pids - {os.getpid()}), "same": same, "killed": killed}
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
