"""The README's Python runs as it stands."""

import re
from pathlib import Path
from typing import Any

from arrays import assert_same_bytes

README = Path(__file__).parents[1] / "README.md"


def test_the_first_example_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(block, names)
    assert_same_bytes(names["grad"] * names["x"], names["y"])
