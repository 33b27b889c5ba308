"""Memory that runs out: at whichever allocation it does, a call leaves everything as it was."""

import importlib.util
import os
import sys
from pathlib import Path

import every_call
import failing
import numpy as np
import pytest

import fastdrop

HERE = Path(__file__).parent
NAMES = sorted({call.name for call in every_call.everything()})

# x, the result and the mask need memory of their own, or some of them.
LARGE = """
import resource, sys
import numpy as np, fastdrop
rows = np.ones((1024, 1024), "f4")
shape, columns, key = rows.shape, rows.T, fastdrop.Key(1)
mask, out, double = np.ones(shape, bool), np.zeros(shape, "f4"), np.ones(shape) / 2
channels, images = rows.reshape(32, 32, 32, 32), rows.reshape(1, 1024, 1024)
rng = np.random.default_rng(0)
calls = [
    lambda: fastdrop.dropout(rows, rng=rng),
    lambda: fastdrop.dropout(rows, out=columns, rng=rng),
    lambda: fastdrop.dropout(columns, rng=rng),
    lambda: fastdrop.dropout(rows, inplace=True, fill=double, rng=rng),
    lambda: fastdrop.dropout(rows, double, out=out, rng=rng),
    lambda: fastdrop.dropout(out[1:], out=out[:-1], rng=rng),
    lambda: fastdrop.dropout(rows, inplace=True, rng=rng, return_key=True),
    lambda: fastdrop.dropout2d(channels, count=20, rng=rng),
    lambda: fastdrop.alpha_dropout(rows, 0.5, True, out=out[::-1], rng=rng),
    lambda: fastdrop.drop_block2d(channels, 0.1, 3, inplace=True, rng=rng),
    lambda: fastdrop.keep_mask(shape, double, packed=True, rng=rng),
    lambda: fastdrop.keep_mask(shape, min_keep=9, axis=0, rng=rng),
    lambda: fastdrop.apply_mask(rows, mask.T, 0.5, out=out),
    lambda: fastdrop.coarse_dropout(images, 9, 9, inplace=True, rng=rng),
    lambda: fastdrop.Dropout(rng=rng)(columns),
]
fastdrop.set_num_threads(1)  # a thread needs a stack
held = [rows, mask, out, double]
def state():
    return [hash(x.tobytes()) for x in held], rng.bit_generator.state
for call in calls:
    call()
rows[...], out[...] = 1, 0
failures = 0
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for call in calls:
    for room in (20, 12, 8, 5, 3, 2, 1):
        before = state()
        resource.setrlimit(resource.RLIMIT_AS, (size + room * 2**20, resource.RLIM_INFINITY))
        try:
            call()
        except MemoryError:
            failed = True
        else:
            failed = False
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        if failed:
            failures += 1
            assert state() == before, call.__code__.co_firstlineno
print(failures)
"""


@pytest.mark.parametrize("name", NAMES)
def test_an_array_that_cannot_be_allocated_leaves_everything_as_it_was(name):
    handler = failing.ArrayData()
    state, threads = fastdrop.get_rng_state(), fastdrop.get_num_threads()
    for call in every_call.everything():
        if call.name == name:
            failing.check(call, handler)
    fastdrop.set_rng_state(state)
    fastdrop.set_num_threads(threads)


def test_each_allocation_of_an_array_is_seen_to_fail():
    x, handler = np.ones((30, 20), "f4"), failing.ArrayData()
    call = every_call.Call("dropout", fastdrop.dropout, (x, 0.5), {"fill": np.ones((30, 20))})
    assert failing.check(call, handler) >= 2 * 2  # the fill and the result, alone and together


def test_what_changes_before_an_allocation_is_seen():
    def wrong(x):
        x[0] = 7
        return np.empty(x.shape)

    call = every_call.Call("", wrong, (np.zeros(3),))
    with pytest.raises(AssertionError, match="something was changed"):
        failing.check(call, failing.ArrayData())


def test_a_reference_that_an_error_leaves_is_seen():
    kept = []

    def wrong(x):
        kept.append(x)
        return [np.empty(0), kept.pop()][0]

    call = every_call.Call("", wrong, (np.zeros(3),))
    with pytest.raises(AssertionError, match="references became"):
        failing.check(call, failing.ArrayData())


@pytest.mark.skipif(
    not importlib.util.find_spec("_testcapi"), reason="this Python has no _testcapi"
)
@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0",
    reason="NumPy 1.25 crashes without memory, in its own np.all and broadcast_to",
)
@pytest.mark.parametrize("part", range(4))
def test_any_allocation_that_fails_leaves_everything_as_it_was(part, run_python):
    # coarse_dropout and show_config run in Python, which allocates all the time.
    names = [name for name in NAMES if name not in ("coarse_dropout", "show_config")][part::4]
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import failing; failing.main(*sys.argv[2:])"
    )
    run_python(script, str(HERE), "everything", *names)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="ASan reserves too much")
def test_large_arrays_for_which_the_process_may_take_no_memory(run_python):
    # What is freed goes back to the system at once.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "OPENBLAS_NUM_THREADS": "1"}
    assert int(run_python(LARGE, env=environment)) > 15
