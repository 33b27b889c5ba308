"""A cluster of processes, from Zarr to Zarr: the bytes of the whole array, also if a worker dies.

`FASTDROP_CHUNKINGS=200 pytest tests/test_dask_cluster.py` compares more chunkings.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dask", minversion="2024.12")
pytest.importorskip("dask.array")
pytest.importorskip("distributed")
pytest.importorskip("zarr", minversion="3")

CHUNKINGS = int(os.environ.get("FASTDROP_CHUNKINGS", "6"))
PROGRAM = Path(__file__).with_name("cluster.py")


@pytest.fixture
def seen(tmp_path):
    """Give what the program saw; end it and its workers after a time."""
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(tmp_path), str(CHUNKINGS)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = program.communicate(timeout=120 + 5 * CHUNKINGS)
    except BaseException:
        os.killpg(program.pid, signal.SIGKILL)
        raise
    assert program.returncode == 0
    return json.loads(output)


def test_random_chunks_on_a_cluster_give_the_bytes_of_the_whole_array(seen):
    assert seen["workers"] == 3
    assert seen["same"] == [True] * CHUNKINGS
    killed = seen["killed"]
    assert killed["held"] > 0
    assert killed["computed"] > killed["blocks"]  # the lost blocks were computed again
    assert killed["replaced"]
    assert killed["same"]
