"""The README's Python runs as it stands."""

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_the_first_example_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    names = {}
    exec(block, names)
    np.testing.assert_array_equal(names["grad"] * names["x"], names["y"])
