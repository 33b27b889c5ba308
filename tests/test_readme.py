"""The README's Python runs as it stands, and the numbers in prose are those of the code."""

import re
from pathlib import Path
from typing import Any

from arrays import assert_same_bytes

import fastdrop
from fastdrop import _core, cpu

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PERFORMANCE = ROOT / "docs" / "performance.md"


def test_the_first_example_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(block, names)
    assert_same_bytes(names["grad"] * names["x"], names["y"])


def test_the_prose_has_the_numbers_of_the_code():
    least = f"{_core.PARALLEL_MIN_SIZE >> 10} Ki elements"
    assert _core.PARALLEL_MIN_SIZE % 2**10 == 0
    for page in (README, PERFORMANCE):
        assert least in page.read_text()
    assert f"more than {_core.MAX_THREADS} " in str(fastdrop.set_num_threads.__doc__).lower()


def test_the_readme_names_every_cpu_level():
    for level in cpu.available:
        assert re.search(rf"\b{level}`", README.read_text())
