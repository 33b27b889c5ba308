"""The README's Python and the calls of its table run, and its numbers are those of the code."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arrays import assert_same_bytes

import fastdrop
from fastdrop import _core, cpu

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PERFORMANCE = (ROOT / "docs" / "performance.md").read_text()
TABLE = README.partition("| to | call |\n")[2].partition("\n\n")[0]
CALLS = [call for call in re.findall("`([^`]+)`", TABLE) if call[-1] == ")" or call[-1] == "]"]


def run_example() -> dict[str, Any]:
    """Run the README's one block of Python; return its variables."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
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
    for page in (README, PERFORMANCE):
        assert least in page
    assert f"more than {_core.MAX_THREADS} " in str(fastdrop.set_num_threads.__doc__).lower()


def test_the_readme_names_every_cpu_level():
    for level in cpu.available:
        assert re.search(rf"\b{level}`", README)
