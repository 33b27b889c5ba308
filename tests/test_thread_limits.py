"""Where the system starts no further thread, calls work on one, with the same results."""

import os
import sys

import pytest

from fastdrop import _machine

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="of Linux's limits"),
    pytest.mark.skipif(not _machine.openmp, reason="a build without OpenMP"),
]

CALLS = """
import os, resource, time
import numpy as np
import fastdrop

key, x = fastdrop.Key(1), np.ones((64, 2**14), np.float32)
y, columns = np.zeros((3, *x.shape), x.dtype)[:2], np.asfortranarray(x)
mask, images = x > 0, x.reshape(1, 1, 1024, 1024)

def calls(**options):
    # Each function of the kernel that has a team: elements, bools, transposed bits, counts, blocks.
    out = {"out": y[0], **options}
    yield fastdrop.dropout(x, 0.5, rng=key, **out)
    yield fastdrop.dropout(columns, 0.5, rng=key, noise_shape=(64, 2**14), **options)
    yield fastdrop.apply_mask(x, mask, 0.5, **out)
    yield fastdrop.keep_mask(x.shape, count=3, rng=key, **options)
    yield fastdrop.drop_block2d(images, 0.1, 3, rng=key, **options)

def results(**options):
    return [np.asarray(y).tobytes() for y in calls(**options)]

def tasks():
    return len(os.listdir("/proc/self/task"))

def is_one_thread():
    before = tasks()
    fastdrop.set_num_threads(4)
    assert results() == expected
    assert results(num_threads=3) == expected
    return tasks() == before

expected = results(num_threads=1)
"""
# The limit of the threads that a user has, which the superuser does not have. Each process is
# another user, because the threads of all processes of a user count.
AS_USER = """
if os.geteuid() == 0:
    os.setuid(20_000 + os.getpid() % 40_000)
def allow(threads):
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (threads, most))
"""

alone = pytest.mark.skipif(
    sys.platform == "linux" and os.geteuid() != 0,
    reason="only the superuser can become a user without other processes",
)


def test_a_user_who_may_start_no_thread(run_python):
    run_python(f"{CALLS}{AS_USER}allow(1)\nassert is_one_thread()")


def test_no_memory_for_a_stack(run_python, monkeypatch):
    monkeypatch.setenv("OMP_STACKSIZE", "256M")
    run_python(
        f"""{CALLS}
of_all = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (of_all + 2**26,) * 2)  # enough for the results
assert is_one_thread()
"""
    )


@pytest.mark.parametrize("name", ["OMP_STACKSIZE", "GOMP_STACKSIZE"])
@pytest.mark.parametrize("size", ["100000G", " 100000 g ", "100000000M", "100000000000"])
def test_stacks_larger_than_memory(run_python, monkeypatch, name, size):
    if name == "GOMP_STACKSIZE" and not _machine.compiler.startswith("gcc"):
        pytest.skip("of GNU OpenMP")
    monkeypatch.setenv(name, size)
    run_python(f"{CALLS}assert is_one_thread()")


@pytest.mark.parametrize("size", ["", "2M", "4096", "-1", "1x", "99999999999999999999G"])
def test_other_sizes_of_stacks_allow_a_team(run_python, monkeypatch, size):
    monkeypatch.setenv("OMP_STACKSIZE", size)
    run_python(f"{CALLS}assert not is_one_thread()")


def test_a_size_that_openmp_no_longer_reads_is_not_looked_at(run_python):
    late = 'os.environ["OMP_STACKSIZE"] = "100000G"'
    run_python(f"{CALLS}{late}\nassert not is_one_thread()")


@alone
def test_the_last_threads_that_a_user_may_start_are_a_team(run_python):
    run_python(f"{CALLS}{AS_USER}allow(tasks() + 3)\nassert not is_one_thread()")


@alone
def test_teams_come_back_a_second_after_threads_can_start(run_python):
    run_python(
        f"""{CALLS}{AS_USER}
allow(1)
assert is_one_thread()
allow(tasks() + 3)
assert is_one_thread()
time.sleep(1.1)
assert not is_one_thread()
"""
    )
