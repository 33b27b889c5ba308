"""Beside other packages with an OpenMP of their own, as wheels have: orders of import, forks."""

import importlib.util
import sys
from pathlib import Path

import pytest

import fastdrop
from fastdrop import _machine

# Where auditwheel puts libraries: one folder beside the package, or none.
BUNDLED = list(Path(fastdrop.__file__).parents[1].glob("fastdrop*.libs"))

needs_wheel = pytest.mark.skipif(not BUNDLED, reason="not a wheel that was repaired")
needs_peers = pytest.mark.skipif(
    not (importlib.util.find_spec("torch") and importlib.util.find_spec("sklearn")),
    reason="PyTorch and scikit-learn are not installed",
)

# argv[1:]: what is imported first, in that order.
SCRIPT = """
import importlib, os, sys, threading, time
for name in sys.argv[1:]:
    importlib.import_module(name)
import numpy as np, fastdrop, torch
from sklearn.metrics import pairwise_distances_argmin
from threadpoolctl import threadpool_info

key, x = fastdrop.Key(1), np.arange(1, 2**18 + 1, dtype=np.float32)
points = np.random.default_rng(0).standard_normal((2000, 8))
expected = fastdrop.dropout(x, 0.3, rng=key, num_threads=1).tobytes()
nearest = pairwise_distances_argmin(points, points[:50])
torch.set_num_threads(2)

def ours():
    return fastdrop.dropout(x, 0.3, rng=key, num_threads=2).tobytes() == expected

def alternate():
    for _ in range(10):
        assert ours()
        assert float(torch.ones(2**18).sum()) == 2**18
        assert (pairwise_distances_argmin(points, points[:50]) == nearest).all()

alternate()
failures = []
def alternate_or_tell():
    try:
        alternate()
    except BaseException as error:
        failures.append(error)
threads = [threading.Thread(target=alternate_or_tell) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures

child = os.fork()  # of which no thread but this one is left
if child == 0:
    os._exit(0 if ours() else 3)
for _ in range(300):
    time.sleep(0.1)
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
else:
    os.kill(child, 9)
    sys.exit("the child hangs")
assert ours()
print(status, len({info["filepath"] for info in threadpool_info() if info["user_api"] == "openmp"}))
"""


@needs_peers
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it forks with threads running")
@pytest.mark.parametrize("order", ["fastdrop torch", "torch fastdrop", "sklearn torch"])
def test_calls_alternate_with_those_of_pytorch_and_scikit_learn(order, run_python):
    status, libraries = run_python(SCRIPT, *order.split()).split()
    assert status == "0"
    assert int(libraries) >= (3 if BUNDLED else 2)


@needs_wheel
def test_the_wheel_uses_the_openmp_that_it_brings(run_python):
    assert _machine.openmp
    maps = run_python("import fastdrop; print(open('/proc/self/maps').read())")
    loaded = {line.split()[-1] for line in maps.splitlines() if "/libgomp" in line}
    assert {Path(path).parent for path in loaded} == set(BUNDLED)
    assert not Path(next(iter(loaded))).name.startswith("libgomp.so")  # another name, its own


@needs_wheel
def test_the_wheel_has_every_level_and_nothing_to_debug():
    package = Path(fastdrop.__file__).parent
    modules = {path.name.partition(".")[0] for path in package.glob("*.so")}
    assert modules >= {"_core", "_keys", "_cython", "_machine", "_baseline"}
    if _machine.cpu_levels() != ("baseline",):
        assert modules >= {"_avx2", "_avx512"}
    for path in package.glob("*.so"):
        sections = path.read_bytes()
        assert b".debug_info" not in sections
        assert b".symtab" not in sections
