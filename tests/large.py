"""Arrays of more than 2^31 elements, for tests/test_size*.py, which FASTDROP_LARGE=1 lets run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import WORDS

P = 0.3
SHAPE = (32_770, 65_537)
SIZE = 2**31 + 163_842  # of SHAPE
RNG = np.random.default_rng(31)
ROW, FILL = RNG.integers(1, 128, (2, SHAPE[1]), np.uint8)  # exact in float16, and never 0


def need(gib):
    """Skip a test unless it may take so many GiB of memory, and they are available."""
    if os.environ.get("FASTDROP_LARGE") != "1":
        pytest.skip(f"FASTDROP_LARGE=1 lets it run: it takes {gib} GiB of memory, and its time")
    path = Path("/proc/meminfo")
    if not path.exists():
        pytest.skip("this system does not tell how much memory is available")
    (available,) = re.findall(r"MemAvailable: +(\d+) kB", path.read_text())
    if int(available) < 2**20 * (gib + 0.5):
        pytest.skip(f"needs {gib} GiB of memory")


def indices(size=SIZE, length=1500):
    """Return windows of indices: at both ends, around 2^31, and anywhere."""
    begins = [0, 2**31 - length // 2, size - length, *RNG.integers(0, size - length, 5).tolist()]
    return np.concatenate([np.arange(begin, begin + length) for begin in begins])


def kept_at(index, p=P, offset=0):
    """Return which decisions of the stream are kept, by the reference."""
    index = index.astype(np.uint64) + np.uint64(offset)
    return reference.kept_by(reference.draws_at(index, WORDS), index, p, WORDS)


def bits_at(packed, index):
    """Return the decisions at indices of a packed mask."""
    return (packed[index >> 3] >> (index & 7).astype(np.uint8) & 1).astype(bool)


def rows(dtype=np.uint8):
    """Return x of SHAPE, each row of which is ROW; it takes no memory, and can only be read."""
    return np.broadcast_to(ROW.astype(dtype), SHAPE)


def assert_dropped(y, kept, index, p=P, scale=False, fill=0):
    """Compare y at indices in C order with `rows`, of which a mask at the same indices is given."""
    dtype = y.dtype.newbyteorder("=")
    expected = reference.apply_mask(ROW.astype(dtype)[index % SHAPE[1]], kept, p, scale, fill)
    found = y[np.unravel_index(index, y.shape)].astype(dtype)
    np.testing.assert_array_equal(found.view(np.uint8), expected.view(np.uint8))
