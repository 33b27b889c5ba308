"""The code of the README and of the guide's pages runs, and their numbers are those of the code."""

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arrays import assert_same_bytes

import fastdrop
from fastdrop import _core, cpu

ROOT = Path(__file__).parents[1]
PYTHON = r"^```python\n(.*?)^```$"
README = (ROOT / "README.md").read_text()
GUIDE, SETTINGS, PERFORMANCE = (
    (ROOT / "docs" / f"{page}.md").read_text() for page in ("guide", "settings", "performance")
)
TABLE = GUIDE.partition("| to | call |\n")[2].partition("\n\n")[0]
CALLS = [call for call in re.findall("`([^`]+)`", TABLE) if call[-1] == ")" or call[-1] == "]"]


def run_example() -> dict[str, Any]:
    """Run the README's one block of Python; return its variables."""
    (block,) = re.findall(PYTHON, README, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(block, names)
    return names


def test_the_first_example_runs():
    names = run_example()
    assert_same_bytes(names["grad"] * names["x"], names["y"])


def test_the_table_has_calls():
    assert len(CALLS) > 12


@pytest.mark.parametrize("call", CALLS)
def test_the_calls_of_the_table_run(call):
    names = run_example() | {"key": fastdrop.Key(7), "epoch": 0, "item": 3}
    names |= {"mask": np.ones((3, 3), bool), "images": np.ones((8, 16, 5, 5))}
    names |= {"image": np.full((4, 5, 3), 200, np.uint8)}
    eval(call, names)


def test_the_prose_has_the_numbers_of_the_code():
    least = f"{_core.PARALLEL_MIN_SIZE >> 10} Ki elements"
    assert _core.PARALLEL_MIN_SIZE % 2**10 == 0
    for page in (SETTINGS, PERFORMANCE):
        assert least in page
    assert f"more than {_core.MAX_THREADS} " in str(fastdrop.set_num_threads.__doc__).lower()


def test_the_settings_name_every_cpu_level():
    for level in cpu.available:
        assert re.search(rf"\b{level}`", SETTINGS)


@pytest.mark.parametrize("page", ["masks", "options", "layers"])
def test_the_code_of_a_page_of_the_guide_runs(page):
    blocks = re.findall(
        PYTHON, (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert any("assert " in block for block in blocks)
    exec("".join(blocks), {})


FIRST_STEPS = re.findall(
    PYTHON, (ROOT / "docs" / "getting-started.md").read_text(), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("block", FIRST_STEPS)
def test_the_first_steps_run_each_by_itself(block):
    for package in re.findall(r"^import (torch|dask)\b", block, re.MULTILINE):
        pytest.importorskip(package)
    exec(block, {})


@pytest.mark.parametrize(
    ("page", "package"),
    [("api", "fastdrop"), ("api-dask", "fastdrop.dask"), ("api-torch", "fastdrop.torch")],
)
def test_the_reference_lists_every_public_name(page, package):
    if package != "fastdrop":
        pytest.importorskip(package.removeprefix("fastdrop."))
    text = (ROOT / "docs" / f"{page}.md").read_text()
    listed = re.findall(r"^ {3}(\w+)$|py:data:: (\w+)$", text, re.MULTILINE)
    assert sorted(first or second for first, second in listed) == sorted(
        importlib.import_module(package).__all__
    )
