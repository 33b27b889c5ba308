"""Calls inside of what others run: joblib, PyTorch, OpenMP, asyncio, signals, at exit."""

import importlib.util
import os
import sys

import pytest

from fastdrop import _machine

BEGIN = """
import hashlib, os, signal, sys, threading, time, warnings
import numpy as np, fastdrop
x = np.ones(2**18, np.float32)
keys = fastdrop.Key(1).spawn(8)
def digest(n, team=None):
    y = fastdrop.dropout(x, 0.5, rng=fastdrop.Key(1).spawn(8)[n], num_threads=team)
    return hashlib.sha256(y.tobytes()).hexdigest()
expected = [digest(n, 1) for n in range(8)]
"""

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it asks Linux")


def require(name):
    """Skip unless a package is installed, without importing it: GNU OpenMP may come with it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"no {name}")


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_joblib(backend, tmp_path, run_python):
    require("joblib")
    script = """
from work import *
import joblib
if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for team in (None, 3):
        with joblib.parallel_config(backend=sys.argv[1], n_jobs=3):
            done = joblib.Parallel()(joblib.delayed(digest)(n, team) for n in range(8))
        assert done == expected
    print("right")
"""
    (tmp_path / "work.py").write_text(BEGIN)
    (tmp_path / "program.py").write_text(script)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    }
    run = "import runpy; runpy.run_path('program.py', run_name='__main__')"
    assert run_python(run, backend, cwd=tmp_path, env=environment).split() == ["right"]


@pytest.mark.parametrize("order", ["torch first", "fastdrop first"])
def test_beside_and_inside_pytorch(order, run_python):
    """Python code that PyTorch calls in its backward pass, while other threads use both."""
    require("torch")
    script = """
class Drop(torch.autograd.Function):
    @staticmethod
    def forward(context, t):
        context.key = keys[0]
        return torch.from_numpy(fastdrop.dropout(t.detach().numpy(), 0.5, rng=keys[0]))
    @staticmethod
    def backward(context, grad):
        return torch.from_numpy(fastdrop.dropout(grad.numpy(), 0.5, rng=context.key))
a = np.ones(x.size, np.float32)
mask = fastdrop.dropout(a, 0.5, rng=keys[0])
errors = []
def work(n):
    try:
        for team in (1, 2, None):
            t = torch.ones(x.size, requires_grad=True)
            (Drop.apply(t) * 2).sum().backward()
            assert np.array_equal(t.grad.numpy(), 2 * mask)
            assert digest(n, team) == expected[n]
            (torch.ones(99, 99) @ torch.ones(99, 99)).sum()
    except BaseException as error:
        errors.append(error)
for number in (1, 2):
    torch.set_num_threads(number)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(5)
print(errors or "right")
"""
    first, last = ("import torch\n", "") if order == "torch first" else ("", "import torch\n")
    # Threads of two OpenMP libraries that spin while they wait can take minutes on busy cores.
    environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
    assert run_python(first + BEGIN + last + script, env=environment).split() == ["right"]


@linux
@pytest.mark.skipif(not _machine.openmp, reason="a build without OpenMP")
def test_inside_a_parallel_region_of_the_same_openmp(run_python):
    """Each thread of the region calls; OpenMP gives it no team of its own."""
    script = """
import ctypes
with open("/proc/self/maps") as file:
    names = {line.split()[-1] for line in file if "/libgomp" in line}
if not names:
    sys.exit(print("another"))
gomp, done = ctypes.CDLL(names.pop()), []
def work(_):
    n = gomp.omp_get_thread_num()
    done.append([digest(n), digest(n, 3)] == [expected[n]] * 2)
gomp.GOMP_parallel(ctypes.CFUNCTYPE(None, ctypes.c_void_p)(work), None, 4, 0)
print(*done)
"""
    printed = run_python(BEGIN + script).split()
    if printed == ["another"]:
        pytest.skip("a build with another OpenMP")
    assert printed == ["True"] * 4


def test_asyncio(run_python):
    script = """
import asyncio
async def main():
    return await asyncio.gather(*(asyncio.to_thread(digest, n % 8) for n in range(40)))
print(asyncio.run(main()) == expected * 5)
"""
    assert run_python(BEGIN + script).split() == ["True"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="an interpreter of its own is from 3.12 on")
def test_a_subinterpreter_says_that_it_cannot_import(run_python):
    """NumPy and Cython's modules are for the main interpreter; it goes on as before."""
    script = """
warnings.simplefilter("ignore")
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
own = interpreters.create()
code = '''
try:
    import fastdrop
except ImportError as error:
    text = str(error)
else:
    text = "imported"
import os
os.write(1, text.encode())
'''
assert not interpreters.run_string(own, code)
interpreters.destroy(own)
print("", digest(0) == expected[0])
"""
    printed = run_python(BEGIN + script)
    assert "interpreter" in printed  # in NumPy's words
    assert printed.split()[-1] == "True"


def test_calls_at_exit(run_python):
    """By atexit, and by an object that lives on."""
    script = """
import atexit
class Last:
    def __init__(self):  # with all that it needs: modules lose their names before
        self.call, self.x, self.key, self.write = fastdrop.dropout, x, keys[0], os.write
        self.expected = self.call(x, rng=self.key).tobytes()
    def __del__(self):
        same = self.call(self.x, rng=self.key).tobytes() == self.expected
        self.write(1, b"deleted " if same else b"wrong ")
atexit.register(lambda: os.write(1, b"atexit " if digest(0) == expected[0] else b"wrong "))
last = Last()
"""
    assert run_python(BEGIN + script).split() == ["atexit", "deleted"]


def test_an_exit_while_daemon_threads_are_in_kernels(run_python):
    script = """
def forever():
    big = np.ones(2**22, np.float32)
    while True:
        fastdrop.dropout(big, 0.5, inplace=True, num_threads=2)
        calls.append(True)
calls = []
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
while len(calls) < 10:
    time.sleep(1e-3)
print("over")
"""
    assert run_python(BEGIN + script).split() == ["over"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
@pytest.mark.parametrize("team", [1, 3])
def test_calls_in_a_signal_handler(team, run_python):
    """A handler runs between two calls, whatever they do, and takes a key as they do."""
    script = """
team = int(sys.argv[1])
layer, handled, made, words = fastdrop.Dropout(0.5, rng=1), [], [], []
fastdrop.manual_seed(1)
def call(masks):
    words.append(fastdrop.dropout(x, 0.5, num_threads=team, return_key=True)[1].words)
    masks.append(layer(x[:100]).tobytes())
def handle(number, frame):
    call(handled)
signal.signal(signal.SIGALRM, handle)
until = time.monotonic() + 20
while len(made) < 100 or len(handled) < 30 and time.monotonic() < until:
    if len(made) % 2 == 0:  # so that it may end before the next one
        signal.setitimer(signal.ITIMER_REAL, 1e-4)
    call(made)
signal.setitimer(signal.ITIMER_REAL, 0)
total = len(made) + len(handled)
print(len(handled) >= 30, layer.state_dict()["calls"] == total == len({*made, *handled}))
print(fastdrop.get_rng_state()["calls"] == total == len(set(words)))
"""
    assert run_python(BEGIN + script, str(team)).split() == ["True"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
@pytest.mark.parametrize("team", [1, 3])
@pytest.mark.parametrize("beside", [False, True])
def test_an_interrupt_waits_for_the_call(team, beside, run_python):
    """The result in place is whole, and the stream has given as many keys as there were calls."""
    script = """
team, beside = int(sys.argv[1]), sys.argv[2] == "True"
done, results, base = [], [], fastdrop.Key(1).fold_in(2**63 - 1)
def work():
    while not done:
        results.append(digest(1, team) == expected[1])
if beside:
    other = threading.Thread(target=work)
    other.start()
def interrupt():
    time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
whole = []
for seed in range(10):
    fastdrop.manual_seed(1)
    calls, thread = 0, threading.Thread(target=interrupt)
    y = np.ones(2**23, np.float32)
    try:
        thread.start()
        while True:
            y.fill(1)
            fastdrop.dropout(y, 0.5, inplace=True, num_threads=team)
            calls += 1
    except KeyboardInterrupt:
        pass
    thread.join()
    taken = fastdrop.get_rng_state()["calls"]
    ones = np.ones_like(y)
    last = fastdrop.dropout(ones, 0.5, rng=base.fold_in(taken - 1)) if taken else ones
    whole.append(taken in (calls, calls + 1) and any(np.array_equal(y, z) for z in (ones, last)))
done.append(True)
if beside:
    other.join()
    assert len(results) > 0
print(all(whole), all(results))
"""
    printed = run_python(BEGIN + script, str(team), str(beside)).split()
    assert printed == ["True", "True"]
