"""Threads that really ran: tasks of the process and their CPU time, for calls of every layout."""

import os
import sys

import pytest

import fastdrop
from fastdrop import _machine

pytestmark = [
    pytest.mark.skipif(not _machine.openmp, reason="a build without OpenMP"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it counts what Linux tells"),
]

INPLACE = "fastdrop.dropout(x, 0.3, rng=key, inplace=True, num_threads=n)"
OUT = "fastdrop.dropout(x, 0.3, rng=key, out=y, num_threads=n)"
# By name: how x and y are made, both of 2 Mi elements or so, and the call.
CALLS = {
    "in place": ("x = ones(2**21)", INPLACE),
    "out": ("x, y = ones(2**21), ones(2**21)", OUT),
    "fresh": ("x = ones(2**21)", "fastdrop.dropout(x, 0.3, rng=key, num_threads=n)"),
    "scale=False": (
        "x = ones(2**21, np.uint8)",
        "fastdrop.dropout(x, 0.3, rng=key, inplace=True, scale=False, num_threads=n)",
    ),
    "alpha_dropout": (
        "x = ones(2**21)",
        "fastdrop.alpha_dropout(x, 0.3, True, True, rng=key, num_threads=n)",
    ),
    "packed keep_mask": (
        "",
        "fastdrop.keep_mask(2**23, 0.3, rng=key, packed=True, num_threads=n)",
    ),
    "keep_mask with a count": (
        "",
        "fastdrop.keep_mask((512, 2048), count=700, rng=key, num_threads=n)",
    ),
    "drop_block2d": (
        "x = ones((64, 32, 32, 32))",
        "fastdrop.drop_block2d(x, 0.3, 5, rng=key, inplace=True, num_threads=n)",
    ),
    "dropout2d": (
        "x = ones((64, 32, 32, 32))",
        "fastdrop.dropout2d(x, 0.3, rng=key, inplace=True, num_threads=n)",
    ),
    "apply_mask": (
        "x = ones((2048, 1024)); mask = np.ones(x.shape, np.bool_)",
        "fastdrop.apply_mask(x, mask, 0.3, inplace=True, num_threads=n)",
    ),
    "apply_mask, broadcast": (
        "x = ones((2048, 1024)); mask = np.ones((2048, 1), np.bool_)",
        "fastdrop.apply_mask(x, mask, 0.3, inplace=True, num_threads=n)",
    ),
    "Fortran order": ("x = ones((2048, 1024), order='F')", INPLACE),
    "Fortran order, 3 axes": ("x = ones((128, 128, 128), order='F')", INPLACE),
    "Fortran order to C order": (
        "x, y = ones((2048, 1024), order='F'), ones((2048, 1024))",
        OUT,
    ),
    "strided": ("x = ones((1024, 4096))[:, ::2]", INPLACE),
    "column slice": ("x = ones((2048, 1300))[:, 100:1124]", INPLACE),
    "crop": (
        "x = ones((16, 256, 256, 3), np.uint8)[:, 16:240, 16:240]",
        "fastdrop.dropout(x, 0.3, rng=key, inplace=True, scale=False, num_threads=n)",
    ),
    "reversed": ("x = ones(2**21)[::-1]", INPLACE),
    "byte-swapped": ("x = ones(2**21, np.dtype(np.float32).newbyteorder())", INPLACE),
    "unaligned": ("x = ones(2**23 + 1, np.uint8)[1:].view(np.float32)", INPLACE),
    "NHWC seen as NCHW": ("x = ones((16, 224, 224, 3)).transpose(0, 3, 1, 2)", INPLACE),
    "NHWC seen as NCHW, to C order": (
        "x = ones((16, 224, 224, 3)).transpose(0, 3, 1, 2); y = ones((16, 3, 224, 224))",
        OUT,
    ),
    "broadcast row": ("x, y = np.broadcast_to(ones(1024), (2048, 1024)), ones((2048, 1024))", OUT),
    "broadcast column": (
        "x, y = np.broadcast_to(ones((2048, 1)), (2048, 1024)), ones((2048, 1024))",
        OUT,
    ),
    "overlap": ("memory = ones(2**21 + 9); x, y = memory[9:], memory[:-9]", OUT),
}

SCRIPT = """
import os
import numpy as np, fastdrop
key = fastdrop.Key(1)

def ones(shape, dtype=np.float32, order="C"):
    return np.full(shape, 1, dtype, order)

def tasks():
    return set(os.listdir("/proc/self/task"))

{arrays}

def call(n):
    {call}

def ticks(tasks):  # of CPU time, which are hundredths of a second on most systems
    total = 0
    for task in tasks:
        with open(f"/proc/self/task/{{task}}/stat") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        total += int(user) + int(system)
    return total

before = tasks()
call(1)
one = tasks()
call(3)
team = tasks() - one
whole = team | {{str(os.getpid())}}
team_began, began = ticks(team), ticks(whole)
part = used = 0
while team and (used < 20 or part < 0.1 and used < 500):  # a busy machine may let few run
    call(3)
    used = ticks(whole) - began
    part = (ticks(team) - team_began) / max(used, 1)
print(len(one - before), len(team), part)
"""


def started_threads(name, run_python, level=None):
    """Return the threads that calls with 1 and 3 threads start, and their part of CPU time."""
    arrays, call = CALLS[name]
    # Threads that wait use no CPU time, so that what they use is for work.
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    environment |= {"FASTDROP_SIMD": level} if level else {}
    script = SCRIPT.format(arrays=arrays, call=call)
    one, three, part = run_python(script, env=environment).split()
    return int(one), int(three), float(part)


def check_team(name, run_python, level=None):
    one, three, part = started_threads(name, run_python, level)
    assert one == 0
    assert three == 2
    # Threads that do nothing have no part. It would be two thirds, but a thread that wakes late
    # finds less to do, and an overlapping x is copied first.
    if len(os.sched_getaffinity(0)) > 1:
        assert part >= 0.1


@pytest.mark.parametrize("level", fastdrop.show_config("dicts")["cpu_levels"])
def test_a_team_works_at_every_cpu_level(level, run_python):
    check_team("in place", run_python, level)


@pytest.mark.parametrize("name", CALLS)
def test_a_team_works_on_every_layout(name, run_python):
    check_team(name, run_python)
