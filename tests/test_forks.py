"""Forks: whatever else goes on in the process, its child answers, right and within 20 seconds.

FASTDROP_FORKS=100 forks 100 times in a row in each test.
"""

import os

import pytest

from fastdrop import _machine

FORKS = os.environ.get("FASTDROP_FORKS", "10")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")

BEGIN = """
import hashlib, os, sys, threading, time, warnings
import numpy as np, fastdrop
warnings.simplefilter("ignore")  # that a fork of a process with threads may hang: here it must not
x = np.ones(2**18, np.float32)
key = fastdrop.Key(1)
layer = fastdrop.Dropout(0.5, rng=2)
rng = np.random.default_rng(3)

def digest(n):
    return hashlib.sha256(fastdrop.dropout(x, 0.5, rng=key, num_threads=n)).hexdigest()

def right():
    return {digest(n) for n in (None, 1, 3)} == {expected}

def right_child():
    # The streams that the parent's threads use too are free, and the default one is the child's.
    for source in (None, rng):
        fastdrop.dropout(x[:3], rng=source)
    layer(x[:3])
    seen = fastdrop.get_rng_state()
    return right() and seen["calls"] == 1 and seen["key"] != base

def fork(work):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 3)
        finally:
            os._exit(4)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if (ended := os.waitpid(child, os.WNOHANG))[0]:
            return ended[1] == 0
        time.sleep(1e-3)
    os.kill(child, 9)
    os.waitpid(child, 0)
    print("the child hangs")
    return False

def forks(work):
    return sum(fork(work) for _ in range(int(sys.argv[1])))

def beside(*works):
    def loop(work):
        while not done:
            work()
    threads = [threading.Thread(target=loop, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    return threads

done = []
expected = digest(3)
base = fastdrop.get_rng_state()["key"]
"""

SCRIPTS = {
    "after a team": "print(forks(right_child))",
    "from another thread": """
counts = []
thread = threading.Thread(target=lambda: counts.append(forks(right_child)))
thread.start()
thread.join()
print(*counts)
""",
    "of two threads at once": """
counts = []
each = lambda: counts.append(forks(right_child))
threads = [threading.Thread(target=each) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(min(counts))
""",
    "while a team is in a kernel": """
big = np.ones(2**22, np.float32)
def work():
    fastdrop.dropout(big, 0.5, rng=key, out=np.empty_like(big), num_threads=3)
threads = beside(work, work)
count = forks(right_child)
done.append(True)
for thread in threads:
    thread.join()
print(count)
""",
    "while streams are drawn from": """
threads = beside(
    lambda: fastdrop.dropout(x[:3]), lambda: fastdrop.dropout(x[:3], rng=rng), lambda: layer(x[:3]),
    lambda: fastdrop.manual_seed(5), lambda: fastdrop.dropout(x[:3], rng=7),
)
count = forks(right_child)
done.append(True)
for thread in threads:
    thread.join()
print(count)
""",
    "in a child and its child": "print(forks(lambda: fork(lambda: fork(right) and right())))",
    "a child with threads": """
def work():
    results = []
    threads = [threading.Thread(target=lambda: results.append(right())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results == [True] * 4
print(forks(work))
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_forked_child_answers(name, run_python):
    assert run_python(BEGIN + SCRIPTS[name] + "\nassert right()", FORKS).split() == [FORKS]


def test_a_child_that_is_replaced_has_teams_again(run_python):
    """After exec a process is a new one, whatever it was forked from."""
    script = (
        BEGIN
        + """
again = "import numpy as np, fastdrop; fastdrop.dropout(np.ones(2**20), num_threads=2);"
again += "config = fastdrop.show_config('dicts'); print(config['forked'], config['threads'])"
if os.fork() == 0:
    right()
    os.execv(sys.executable, [sys.executable, "-c", again])
os.wait()
"""
    )
    environment = os.environ | {"FASTDROP_NUM_THREADS": "2"}
    expected = "2" if _machine.openmp else "1"
    assert run_python(script, env=environment).split() == ["False", expected]


POOLS = """
import multiprocessing, os, sys, threading, warnings
from concurrent.futures import ProcessPoolExecutor
sys.path.insert(0, os.getcwd())
import numpy as np, fastdrop
from pool_work import total
warnings.simplefilter("ignore")
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    expected = [total(n) for n in range(8)]
    done = []
    def work():
        while not done:
            fastdrop.dropout(np.ones(2**20, np.float32), num_threads=3)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        with context.Pool(2) as pool:
            assert pool.map(total, range(8), chunksize=1) == expected
        with ProcessPoolExecutor(2, context) as pool:
            assert list(pool.map(total, range(8))) == expected
            assert pool.submit(fastdrop.dropout, np.ones(9), rng=1).result(50).shape == (9,)
    finally:
        done.append(True)
    thread.join()
    print("right")
"""
WORK = """
import numpy as np, fastdrop
def total(n):
    return float(fastdrop.dropout(np.ones(2**18, np.float32), rng=fastdrop.Key(n)).sum())
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_pools_beside_a_thread_with_a_team(method, tmp_path, run_python):
    (tmp_path / "pool_work.py").write_text(WORK)
    (tmp_path / "program.py").write_text(POOLS)
    script = "import runpy; runpy.run_path('program.py', run_name='__main__')"
    assert run_python(script, method, cwd=tmp_path).split() == ["right"]
