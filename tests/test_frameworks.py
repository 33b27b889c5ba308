"""The code in docs/frameworks.md runs, and what the page says of fastdrop's side holds."""

import re
from pathlib import Path

import numpy as np
import pytest

import fastdrop

PAGE = (Path(__file__).parents[1] / "docs" / "frameworks.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
# In the tables of two columns the second is fastdrop's.
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
CALLS = [(theirs, call) for theirs, ours in ROWS for call in re.findall("`([^`]+)`", ours)]


@pytest.fixture
def names():
    """The names that the page's first block makes, for its other code."""
    names = {}
    exec(BLOCKS[0], names)
    return names


def test_the_page_has_a_call_for_each_row():
    assert len(CALLS) > 60
    without = [theirs for theirs, ours in ROWS if "`" not in ours and ours != "fastdrop"]
    assert without == [
        "`GaussianDropout`, `GaussianNoise`",
        "`CoarseDropout`, `GridDropout`, `MaskDropout`, `XYMasking`",
    ]


@pytest.mark.parametrize(("theirs", "call"), CALLS)
def test_the_tables_calls_run(theirs, call, names):
    x = names["x"]
    result = eval(call, names)
    if isinstance(result, np.ndarray) and result.dtype == np.float32 and "(x, " in call:
        assert result.shape == x.shape
        assert (result != x).any()


def test_the_blocks_run(names):
    for block in BLOCKS[1:]:
        exec(block, names)
    # Labels are dropped where the image is.
    assert (names["image"] > 0).any(-1).all()
    gone = (names["dropped_image"] == 0).all(-1)
    np.testing.assert_array_equal(names["dropped_labels"], np.where(gone, 0, names["labels"]))
    assert 0 < gone.sum() < gone.size
    # One or two channels are gone.
    kept = names["without_channels"].any((0, 1))
    assert kept.sum() in (1, 2)
    expected = np.where(kept, names["image"], np.uint8(128))
    np.testing.assert_array_equal(names["filled"], expected)


def test_a_mask_with_channels_last_is_that_of_the_moved_axes(names):
    x = names["channels_last"]
    y = fastdrop.dropout(x, 0.5, rng=1, noise_shape=(None, 1, 1, None))
    moved = fastdrop.dropout2d(np.moveaxis(x, -1, 1), 0.5, rng=1)
    np.testing.assert_array_equal(np.moveaxis(y, -1, 1), moved)
