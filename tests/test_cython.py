"""The Cython interface: another package is built against fastdrop, and gives the same bytes."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from arrays import assert_same_bytes, numbers

import fastdrop
from fastdrop import _machine, cpu

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples/cython"
PAGE = ROOT / "docs/cython.md"
PROBABILITIES = [0.0, 1e-6, 0.1, 0.5, 1.0]
SIZES = [*range(201), 16383, 16384, 16385, 40_000]

pytestmark = pytest.mark.skipif(
    not EXAMPLE.exists(), reason="the source is not here, only its tests"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of the example, as installed, with the tests' module and the page's beside it."""
    for needed in ("Cython", "setuptools", "pip"):
        pytest.importorskip(needed)
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler):
        pytest.skip(f"there is no C compiler {compiler}")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    shutil.copytree(EXAMPLE, source, dirs_exist_ok=True)
    shutil.copy2(ROOT / "tests/cython_calls.pyx", source / "noisydot")
    (page,) = re.findall("^```cython\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (source / "noisydot/page.pyx").write_text(page)
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--target", target]
    result = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "."],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return target


@pytest.fixture(scope="module")
def calls(installed):
    """The tests' own module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(installed)
        yield import_module("noisydot.cython_calls")


@pytest.fixture
def run_installed(installed, run_python):
    """Run a script that imports the example."""

    def run(script, **changes):
        path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
        return run_python(script, env=os.environ | {"PYTHONPATH": path} | changes)

    return run


@pytest.fixture(params=[np.float32, np.float64], ids=["float", "double"])
def floating(request):
    """The dtypes of the interface."""
    return request.param


def special(size, dtype):
    """Numbers, among them -0, NaN and the infinities."""
    x = numbers(size, dtype)
    for start, value in enumerate((-0.0, np.nan, np.inf, -np.inf)):
        x[start::9] = value
    return x


def words_for(size, fill=2**64 - 1):
    return np.full((size + 63) // 64, fill, np.uint64)


def packed(bits, size):
    """The bytes of a mask that Python has; those after them must be 0."""
    mask = bits.view(np.uint8)
    assert not mask[(size + 7) // 8 :].any()
    return mask[: (size + 7) // 8]


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_dropout_has_the_bytes_of_python(p, scale, floating, calls, key):
    for size in SIZES:
        x = special(size, floating)
        for offset in (0, 1, 16383, 2**64 - max(size, 1)):
            expected = fastdrop.dropout(x, p, rng=key, scale=scale, offset=offset)
            out = np.full_like(x, 7)
            calls.dropout(x, out, p, key, scale, offset)
            assert_same_bytes(out, expected)
        expected = fastdrop.dropout(x, p, rng=key, scale=scale)
        calls.dropout(x, x, p, key, scale)
        assert_same_bytes(x, expected)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_keep_mask_has_the_bytes_of_python(p, calls, key):
    for size in SIZES:
        for offset in (0, 1, 16383, 2**64 - max(size, 1)):
            bits = words_for(size)
            calls.keep_mask(bits, size, p, key, offset)
            expected = fastdrop.keep_mask(size, p, rng=key, packed=True, offset=offset)
            assert_same_bytes(packed(bits, size), expected)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_apply_mask_has_the_bytes_of_python(p, scale, floating, calls, key):
    for size in SIZES:
        x = special(size, floating)
        mask = fastdrop.keep_mask(size, 0.3, rng=key, packed=True)
        bits = words_for(size)  # with ones after the mask, which are not looked at
        bits.view(np.uint8)[: mask.size] = mask
        bits.flags.writeable = False
        expected = fastdrop.apply_mask(x, mask, p, packed=True, scale=scale)
        out = np.full_like(x, 7)
        calls.apply_mask(x, out, bits, p, scale)
        assert_same_bytes(out, expected)
        calls.apply_mask(x, x, bits, p, scale)
        assert_same_bytes(x, expected)


@pytest.mark.parametrize("num_threads", [2, 3, 1000])
def test_threads_change_no_byte(num_threads, floating, calls, key):
    size = 100_001
    x = special(size, floating)
    expected = fastdrop.dropout(x, 0.1, rng=key, offset=5)
    out, bits = np.empty_like(x), words_for(size)
    calls.dropout(x, out, 0.1, key, True, 5, num_threads)
    assert_same_bytes(out, expected)
    calls.keep_mask(bits, size, 0.1, key, 5, num_threads)
    calls.apply_mask(x, x, bits, 0.1, True, num_threads)
    assert_same_bytes(x, expected)


def test_memory_may_begin_anywhere(floating, calls, key):
    x = special(70_000, floating)
    for start in range(1, 9):
        out = np.empty_like(x)
        calls.dropout(x[start:], out[start:], 0.1, key)
        assert_same_bytes(out[start:], fastdrop.dropout(x[start:], 0.1, rng=key))


def test_results_larger_than_the_cache(calls, key):
    size = 2**23 + 1  # 2**25 bytes and more are stored past the cache
    x = numbers(size, np.float32)
    out, bits = np.empty_like(x), words_for(size)
    expected = fastdrop.dropout(x, 0.5, rng=key)
    calls.dropout(x, out, 0.5, key)
    assert_same_bytes(out, expected)
    calls.keep_mask(bits, size, 0.5, key)
    out[:] = 7
    calls.apply_mask(x, out, bits, 0.5)
    assert_same_bytes(out, expected)


def test_what_is_left_out_has_pythons_default(floating, calls, key):
    x = special(300, floating)
    out = np.empty_like(x)
    calls.dropout_by_default(x, out, 0.5, key)
    assert_same_bytes(out, fastdrop.dropout(x, 0.5, rng=key))


@pytest.mark.parametrize("n", [0, 5, 2**63 - 1])
def test_fold_in_makes_the_key_of_python(n, calls, key):
    assert calls.fold_in(key, n) == key.fold_in(n).words
    assert calls.fold_in(key, n + 2**63) == key.fold_in(n).words  # the highest bit is ignored


X = np.ones(100, np.float32)
KEY = fastdrop.Key(1)
BITS = np.zeros(2, np.uint64)
WRONG = [
    *[("dropout", (X, "out", p, KEY), "between 0 and 1") for p in (-0.1, 1.1, np.nan)],
    ("dropout", (X[1:], "out", 0.5, KEY), r"out must have x's shape \(99,\), but its shape is"),
    ("dropout", ("out", "shifted", 0.5, KEY), "out must be x itself or share no memory"),
    ("dropout", ("shifted", "out", 0.0, KEY), "out must be x itself or share no memory"),
    ("dropout", (X, "out", 0.5, KEY, True, 2**64 - 99), "index must be below 2"),
    ("dropout", (X, "out", 0.5, KEY, True, 0, 0), "num_threads must be 1 or more, but got 0"),
    ("dropout", (X, "out", 0.5, KEY, True, 0, -1), "num_threads must be 1 or more, but got -1"),
    ("keep_mask", ("bits", 100, 2.0, KEY), "between 0 and 1"),
    ("keep_mask", ("bits", -1, 0.5, KEY), "size must be 0 or more, but got -1"),
    ("keep_mask", ("bits", 129, 0.5, KEY), r"bits must have .* 3 for 129 elements, .* \(2,\)"),
    ("keep_mask", ("bits", 64, 0.5, KEY), r"bits must have .* 1 for 64 elements, .* \(2,\)"),
    ("keep_mask", ("bits", 100, 0.5, KEY, 2**64 - 99), "index must be below 2"),
    ("keep_mask", ("bits", 100, 0.5, KEY, 0, 0), "num_threads must be 1 or more"),
    ("apply_mask", (X, "out", BITS, np.nan), "between 0 and 1"),
    ("apply_mask", (X, "out", BITS[1:], 0.5), "bits must have .* 2 for 100 elements"),
    ("apply_mask", (X[1:], "out", BITS, 0.5), "out must have x's shape"),
    ("apply_mask", ("out", "shifted", BITS, 0.5), "share no memory"),
    ("apply_mask", (X, "over bits", "bits", 0.5), "nor with bits"),
    ("apply_mask", (X, "out", BITS, 0.5, True, 0), "num_threads must be 1 or more"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), WRONG)
def test_an_error_is_a_value_error_and_writes_nothing(name, arguments, message, calls):
    memory = np.full(101, 7, np.float32)
    arrays = {
        "out": memory[:100],
        "shifted": memory[1:],
        "bits": memory[:4].view(np.uint64),
        "over bits": memory[:100],
    }
    arguments = [arrays[a] if isinstance(a, str) else a for a in arguments]
    with pytest.raises(ValueError, match=message):
        getattr(calls, name)(*arguments)
    assert (memory == 7).all()


LEVEL = """
import numpy as np, fastdrop
from noisydot.cython_calls import apply_mask, dropout, keep_mask
key = fastdrop.Key(1)
for dtype in (np.float32, np.float64):
    x = np.random.default_rng(0).standard_normal(50_000).astype(dtype)
    for p in (0.5, 0.1, 1e-6):
        expected = fastdrop.dropout(x, p, rng=key, offset=3).tobytes()
        out, bits = np.empty_like(x), np.empty((x.size + 63) // 64, np.uint64)
        dropout(x, out, p, key, True, 3)
        assert out.tobytes() == expected
        keep_mask(bits, x.size, p, key, 3)
        apply_mask(x, x, bits, p)
        assert x.tobytes() == expected
print(fastdrop.show_config("dicts")["cpu_level"])
"""


@pytest.mark.parametrize("level", cpu.available)
def test_every_level_has_the_bytes_of_python(level, run_installed):
    assert run_installed(LEVEL, FASTDROP_SIMD=level).strip() == level


TASKS = """
import os, sys
import numpy as np, fastdrop
from noisydot.cython_calls import dropout
x = np.ones(100_000, np.float32)
def started(num_threads):
    before = len(os.listdir("/proc/self/task"))
    dropout(x, x, 0.5, fastdrop.Key(1), True, 0, num_threads)
    return len(os.listdir("/proc/self/task")) - before
print(started(1), started(3), flush=True)
child = os.fork()
if not child:
    print(started(1), started(3), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no /proc")
def test_threads_are_started_as_asked_but_not_in_a_forked_child(run_installed):
    most = 2 if _machine.openmp else 0
    printed = run_installed(TASKS, PYTHONWARNINGS="ignore")
    assert printed.splitlines() == [f"0 {most}", "0 0"]


def test_the_pages_code_does_what_it_says(calls, key):
    x = special(300, np.float32).reshape(3, 100)
    expected = np.stack([fastdrop.dropout(x[i], 0.5, rng=key.fold_in(i)) for i in range(3)])
    import_module("noisydot.page").drop_rows(x, 0.5, key)
    assert_same_bytes(x, expected)


def test_the_examples_estimate_is_that_of_python(calls):
    noisydot = import_module("noisydot")
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (2, 100)).astype(float)  # whose sums are exact in any order
    key = fastdrop.Key(3)
    expected = [np.dot(x, fastdrop.dropout(w, 0.5, rng=key.fold_in(i))) for i in range(50)]
    for threads in (1, 2):
        np.testing.assert_array_equal(noisydot.noisy_dots(x, w, 0.5, key, 50, threads), expected)
    with pytest.raises(ValueError, match="between 0 and 1"):
        noisydot.noisy_dots(x, w, 2, key, 50, 2)


def test_the_example_prints_what_its_readme_says(run_installed):
    printed = run_installed("import runpy; runpy.run_module('noisydot', run_name='__main__')")
    cython, python = re.findall(r"from (?:Cython|Python): (.* \+- .*)", printed)
    assert cython == python
    assert len(re.findall(r"from Cython: \d+ ns, from Python: \d+ ns", printed)) == 2
