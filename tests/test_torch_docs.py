"""The code of docs/pytorch.md runs, in its order, as a stranger would paste it."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import fastdrop.torch  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "pytorch.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the pages are not here, only the tests")
def test_the_page():
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 5
    try:
        for block in blocks:
            exec(block, names)
    finally:
        fastdrop.torch.disable()
    assert names["y"].shape == (8, 64)
    assert len(names["batches"]) == 16
