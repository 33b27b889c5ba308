"""Masks of more than 2^31 decisions: drawn, counted, given; in Dask and in PyTorch.

As in test_size.py, each test says how much memory it takes.
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
from conftest import WORDS
from large import RNG, ROW, SHAPE, SIZE, P, assert_dropped, bits_at, indices, kept_at, need, rows

import fastdrop


def test_a_packed_mask_of_more_than_2_to_32_bytes(key):
    need(4)
    size = 2**35 + 77
    bits = fastdrop.keep_mask(size, P, rng=key, packed=True)
    assert bits.nbytes > 2**32
    index = np.concatenate([indices(size), np.arange(2**34 - 700, 2**34 + 700)])
    np.testing.assert_array_equal(bits_at(bits, index), kept_at(index))
    assert bits[-1] >> size % 8 == 0


def test_the_last_decisions_of_the_stream(key):
    need(0.3)
    bits = fastdrop.keep_mask(SIZE, P, rng=key, packed=True, offset=2**64 - SIZE)
    index = indices()
    np.testing.assert_array_equal(bits_at(bits, index), kept_at(index, offset=2**64 - SIZE))


def test_bools_into_a_given_array(key):
    need(2)
    mask, index = np.empty(SHAPE, bool), indices()
    fastdrop.keep_mask(SHAPE, P, rng=key, out=mask)
    np.testing.assert_array_equal(mask.reshape(-1)[index], kept_at(index))


def test_a_probability_for_each_column(key):
    need(0.3)
    p = RNG.random(SHAPE[1])
    bits = fastdrop.keep_mask(SHAPE, p, rng=key, packed=True)
    index = indices()
    np.testing.assert_array_equal(bits_at(bits, index), kept_at(index, p[index % SHAPE[1]]))


@pytest.mark.parametrize("packed", [False, True])
def test_a_given_mask(packed, key):
    need(2.5 if packed else 4.5)
    mask = fastdrop.keep_mask(SHAPE, P, rng=key, packed=packed)
    index = indices()
    y = fastdrop.apply_mask(rows(), mask, 0, packed=packed)
    assert_dropped(y, kept_at(index), index)


@pytest.mark.parametrize("option", ["count", "min_keep"])
@pytest.mark.parametrize("axis", [0, 1])
def test_counts_along_each_axis(axis, option, key):
    """Whole lines, of which the first and the last are read too."""
    need(2.5)
    n = SHAPE[axis]
    number = int(0.7 * n)  # of about as many as are kept without it
    bits = fastdrop.keep_mask(SHAPE, P, rng=key, axis=axis, packed=True, **{option: number})
    for line in (0, *RNG.integers(1, SHAPE[1 - axis], 2).tolist(), SHAPE[1 - axis] - 1):
        along = np.arange(n)
        index = along * SHAPE[1] + line if axis == 0 else line * SHAPE[1] + along
        kept = kept_at(index) if option == "min_keep" else np.ones(n, bool)
        ranks = reference.ranks(index.astype(np.uint64), WORDS)
        if option == "count":
            kept[ranks.argsort()[:number]] = False
        elif (missing := number - kept.sum()) > 0:
            dropped = np.flatnonzero(~kept)
            kept[dropped[ranks[dropped].argsort()[-missing:]]] = True
        np.testing.assert_array_equal(bits_at(bits, index), kept)


def test_a_count_of_one_line(key):
    """So many are dropped, and in the windows those of the smaller ranks."""
    need(2.5)
    bits = fastdrop.keep_mask(SIZE, rng=key, count=SIZE // 3, packed=True)
    ones = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1)
    assert np.bincount(bits, minlength=256) @ ones == SIZE - SIZE // 3
    index = indices(length=100_000)
    kept, ranks = bits_at(bits, index), reference.ranks(index.astype(np.uint64), WORDS)
    assert ranks[~kept].max() < ranks[kept].min()


def test_a_dask_array(key):
    """Chunks of it, which take little memory."""
    da = pytest.importorskip("dask.array")
    import fastdrop.dask

    x = da.broadcast_to(da.from_array(ROW, chunks=4096), SHAPE, chunks=(4096, 4096))
    y = fastdrop.dask.dropout(x, P, scale=False, rng=key)
    for row in (0, 2**31 // SHAPE[1], SHAPE[0] - 1):
        column = int(RNG.integers(SHAPE[1] - 3000))
        index = row * SHAPE[1] + np.arange(column, column + 3000)
        found = y[row, column : column + 3000].compute()
        expected = reference.apply_mask(ROW[index % SHAPE[1]], kept_at(index), 0, False)
        np.testing.assert_array_equal(found, expected)


def test_a_tensor():
    torch = pytest.importorskip("torch")
    from tensors import next_key

    import fastdrop.torch

    need(4)
    x = np.empty(SHAPE, np.float16)
    x[...] = rows()
    torch.manual_seed(5)
    words = next_key().words
    fastdrop.torch.dropout(torch.from_numpy(x), P, inplace=True)
    index = indices()
    kept = reference.kept_by(
        reference.draws_at(index.astype(np.uint64), words), index.astype(np.uint64), P, words
    )
    assert_dropped(x, kept, index, scale=True)
