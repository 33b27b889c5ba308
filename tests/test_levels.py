"""The CPU level: chosen, forced, refused; and the same bytes at each."""

import os
import platform
import shutil
from pathlib import Path

import pytest

import fastdrop
from fastdrop import _machine, cpu

DIGEST = """
import hashlib
import numpy as np, fastdrop
try:
    import ml_dtypes
    added = ["bfloat16"]
except ImportError:
    added = []
x = np.random.default_rng(0).standard_normal(200_000)
digest = hashlib.sha256()
for p in (0.5, 0.1, 1 / 3, 1e-6, 2**-17, 1 - 2**-20):
    for name in ("f2", "f4", "f8", "c8", "c16", *added):
        z = x.astype(name)
        for offset in (0, 1, 16383):
            options = dict(rng=1, offset=offset)
            for y in (
                fastdrop.dropout(z, p, **options),
                fastdrop.dropout(z[::-3], p, **options),
                fastdrop.dropout(z, p, scale=False, **options),
                fastdrop.dropout2d(z.reshape(100, 20, 10, 10), p, **options),
                fastdrop.dropout(z.reshape(-1, 4), p, noise_shape=(1, 4), **options),
            ):
                digest.update(y.tobytes())
            if not name.startswith("c"):
                digest.update(fastdrop.alpha_dropout(z, p, True, **options).tobytes())
    for dtype in ("i1", "u2", "g"):
        digest.update(fastdrop.dropout(x.astype("i1").astype(dtype), p, rng=1, scale=False) != 0)
    digest.update(fastdrop.keep_mask(x.size, p, rng=1, packed=True))
    mask = fastdrop.keep_mask(x.shape, p, rng=1)
    digest.update(fastdrop.apply_mask(x[:0x30000], mask[:0x30000], p).tobytes())
print(fastdrop.show_config("dicts")["cpu_level"], digest.hexdigest())
"""


def test_the_level_in_use_is_the_forced_one_or_the_best():
    forced = os.environ.get("FASTDROP_SIMD")
    assert cpu.level == (forced or cpu.available[0])
    assert cpu.available[-1] == "baseline"
    assert fastdrop.show_config("dicts")["cpu_level"] == cpu.level


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not Path("/proc/cpuinfo").exists(), reason="not Linux on x86"
)
def test_the_levels_are_those_that_linux_reports():
    flags = Path("/proc/cpuinfo").read_text().split()
    # A flag that no CPU has without the other features of its level.
    last_flags = {"avx512": "avx512vl", "avx2": "avx2"}
    expected = [level for level, flag in last_flags.items() if flag in flags]
    assert _machine.cpu_levels() == (*expected, "baseline")


def test_every_level_gives_the_same_bytes(run_python):
    results = {}
    for level in cpu.available:
        used, digest = run_python(DIGEST, env=os.environ | {"FASTDROP_SIMD": level}).split()
        assert used == level
        results[level] = digest
    assert len(set(results.values())) == 1, results


@pytest.mark.parametrize("level", ["sse9", "AVX2", "none"])
def test_an_unknown_level_is_an_import_error_that_lists_those_there_are(level, run_python):
    result = run_python("import fastdrop", check=False, env=os.environ | {"FASTDROP_SIMD": level})
    assert result.returncode == 1
    assert f"ImportError: FASTDROP_SIMD is '{level}'" in result.stderr
    assert ", ".join(cpu.available) in result.stderr


def test_a_level_that_the_cpu_lacks_is_an_import_error(run_python):
    # The CPU's answer is replaced before the package asks for it.
    script = """
import importlib.util, sys, types
package = types.ModuleType("fastdrop")
package.__path__ = importlib.util.find_spec("fastdrop").submodule_search_locations
sys.modules["fastdrop"] = package
from fastdrop import _machine
_machine.cpu_levels = lambda: ("baseline",)
import fastdrop.cpu
"""
    result = run_python(script, check=False, env=os.environ | {"FASTDROP_SIMD": "avx512"})
    assert result.returncode == 1
    assert "FASTDROP_SIMD is 'avx512', but this build on this machine has baseline" in (
        result.stderr
    )


def test_only_the_chosen_level_is_loaded(run_python):
    script = """
import sys, fastdrop
print(*sorted(name for name in sys.modules if name.startswith("fastdrop._")))
"""
    level = cpu.available[-1]
    loaded = run_python(script, env=os.environ | {"FASTDROP_SIMD": level}).split()
    assert loaded == [f"fastdrop._{name}" for name in sorted([level, "core", "keys", "machine"])]


def test_the_unbuilt_source_folder_says_what_to_do(tmp_path, run_python):
    source = Path(fastdrop.__file__).parent
    shutil.copytree(source, tmp_path / "fastdrop", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    # -S: an editable install would lend its compiled modules
    result = run_python("import fastdrop", check=False, flags=["-S"], cwd=tmp_path)
    assert result.returncode == 1
    assert "ImportError: the fastdrop in" in result.stderr
    assert "python -m pip install ." in result.stderr


def test_show_config_prints_and_returns(capsys):
    config = fastdrop.show_config("dicts")
    assert config["version"] == fastdrop.__version__
    assert config["mask_format"] == 1
    assert config["forked"] is False
    assert fastdrop.show_config() is None
    printed = capsys.readouterr().out
    assert f"cpu level: {cpu.level}" in printed
    assert f"compiler: {config['compiler']}" in printed
    with pytest.raises(ValueError, match="mode must be"):
        fastdrop.show_config("yaml")
