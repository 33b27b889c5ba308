"""More than 2^31 elements, or decisions: compared with the reference at random windows.

Each test says how much memory it takes, 5 GiB at most, and is skipped where less is available. What
is only read is broadcast, and takes none.
"""

from __future__ import annotations

import numpy as np
import pytest
import reference
import reference_coarse
from conftest import WORDS
from large import FILL, RNG, ROW, SHAPE, SIZE, P, assert_dropped, indices, kept_at, need, rows

import fastdrop

P_ROW = np.append(RNG.random(SHAPE[1] - 2, np.float32), [0, 1]).astype(np.float32)


def test_the_shape_has_more_elements_than_an_int_counts():
    assert SHAPE[0] * SHAPE[1] == SIZE > 2**31


def test_a_new_result(key):
    need(2)
    y, index = fastdrop.dropout(rows(), P, scale=False, rng=key), indices()
    assert_dropped(y, kept_at(index), index)


@pytest.mark.parametrize("order", ["native", "other"])
def test_in_place(order, key):
    """By the direct path, and by the general one, which reverses the bytes of numbers."""
    need(4)
    dtype = np.dtype(np.float16)
    x = np.empty(SHAPE, dtype if order == "native" else dtype.newbyteorder())
    x[...] = rows()
    fastdrop.dropout(x, P, inplace=True, rng=key)
    index = indices()
    assert_dropped(x, kept_at(index), index, scale=True)


def test_a_result_that_overlaps_x(key):
    need(4)
    memory = np.empty(SIZE + 1, np.uint8)
    x, y, index = memory[:-1], memory[1:], indices()
    x.reshape(SHAPE)[...] = rows()
    fastdrop.dropout(x, P, out=y, scale=False, rng=key)
    assert_dropped(y, kept_at(index), index)


LAYOUTS = {  # of SHAPE, in memory of uint8
    "every second element, backwards": lambda memory: memory[::-2].reshape(SHAPE),
    "cropped rows": lambda memory: memory[: 32_770 * 65_600].reshape(32_770, 65_600)[:, 3:65_540],
    "Fortran order": lambda memory: memory[:SIZE].reshape(SHAPE[::-1]).T,
    "rows in another order": lambda memory: memory[:SIZE].reshape(SHAPE)[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, key):
    need(4 if "second" in layout else 2.5)
    memory = np.full(2 * SIZE if "second" in layout else SIZE + 2**22, 255, np.uint8)
    x, index = LAYOUTS[layout](memory), indices()
    x[...] = rows()
    fastdrop.dropout(x, P, inplace=True, scale=False, rng=key)
    assert_dropped(x, kept_at(index), index)
    if "second" in layout:
        assert (memory[-2::-2][index] == 255).all()  # what lies between


def test_a_probability_and_a_scale_for_each_column(key):
    need(4)
    y, index = fastdrop.dropout(rows(np.float16), P_ROW, rng=key), indices()
    p = P_ROW[index % SHAPE[1]]
    assert_dropped(y, kept_at(index, p), index, p, scale=True)


def test_a_fill_for_each_column(key):
    need(2)
    y, index = fastdrop.dropout(rows(), P, scale=False, fill=FILL, rng=key), indices()
    assert_dropped(y, kept_at(index), index, fill=FILL[index % SHAPE[1]])


def test_a_block_of_a_larger_array_whose_indices_pass_2_to_63(key):
    need(2)
    origin, full_shape, offset = (2**20 - 40_000, 2**42), (2**20, 2**43 - 1), 2**62 + 5
    y = fastdrop.dropout(
        rows(), P, scale=False, origin=origin, full_shape=full_shape, offset=offset, rng=key
    )
    index = indices()
    row, column = (part.astype(np.uint64) for part in np.divmod(index, SHAPE[1]))
    in_stream = (row + np.uint64(origin[0])) * np.uint64(full_shape[1])
    in_stream += column + np.uint64(origin[1] + offset)
    assert in_stream.min() > 2**63
    kept = reference.kept_by(reference.draws_at(in_stream, WORDS), in_stream, P, WORDS)
    assert_dropped(y, kept, index)


@pytest.mark.parametrize("shape", [(64, 129, 262_000), (2, SIZE // 2, 1)])
def test_channels(shape, key):
    """Few channels of many elements, and more than 2^31 channels."""
    need(3)
    x = np.broadcast_to(np.uint8(5), shape)
    y, index = fastdrop.dropout1d(x, P, scale=False, rng=key), indices(x.size)
    kept = kept_at(index // shape[2])
    np.testing.assert_array_equal(y.reshape(-1)[index], np.where(kept, 5, 0))


@pytest.mark.parametrize("shape", [(3, 2**30), (SIZE, 1)])
def test_samples(shape, key):
    """Three samples, and more than 2^31."""
    need(3.3)
    x = np.broadcast_to(np.uint8(5), shape)
    y, index = fastdrop.drop_path(x, P, scale=False, rng=key), indices(x.size)
    kept = kept_at(index // shape[1])
    np.testing.assert_array_equal(y.reshape(-1)[index], np.where(kept, 5, 0))


@pytest.mark.parametrize("of_rows", [False, True])
def test_alpha_dropout(of_rows, key):
    need(4)
    function = fastdrop.feature_alpha_dropout if of_rows else fastdrop.alpha_dropout
    x, index = rows(np.float16), indices()
    y = function(x, P, True, rng=key)
    kept = kept_at(index)
    expected = reference.apply_alpha_mask(ROW.astype(x.dtype)[index % SHAPE[1]], kept, P)
    np.testing.assert_array_equal(y.reshape(-1)[index].view(np.uint16), expected.view(np.uint16))


def test_blocks_and_their_scale(key):
    """The scale tells how many of all elements are kept."""
    need(4.8)
    channels, shape, size = 2047, (1024, 1025), 5
    x = np.broadcast_to(ROW[:1025].astype(np.float16), (channels, *shape))
    y = fastdrop.drop_block2d(x, P, size, rng=key)
    kept_of_all = sum(np.count_nonzero(channel.view(np.uint16)) for channel in y)
    scale = np.float32(x.size / (kept_of_all + 1e-6))
    positions = tuple(n - size + 1 for n in shape)
    for channel in (0, *RNG.integers(1, channels, 2).tolist(), channels - 1):
        first = channel * positions[0] * positions[1]
        seeds = ~reference.decisions(positions, reference.block_gamma(shape, P, size), WORDS, first)
        kept = ~reference.grow_blocks(seeds, size, 2)
        expected = reference.chosen(kept, reference.on_line(x[channel], scale, None))
        np.testing.assert_array_equal(y[channel].view(np.uint16), expected.view(np.uint16))


def test_holes_of_an_image(key):
    need(4.2)
    y, mask = fastdrop.coarse_dropout(rows(), 6, (0.3, 20_000), rng=key, fill=200, return_mask=True)
    index = indices()
    row, column = np.divmod(index, SHAPE[1])
    kept = np.ones(index.size, bool)
    for hole in reference_coarse.holes_of_image(0, 6, (0.3, 20_000), SHAPE, WORDS):
        inside = [
            (cut.start <= place) & (place < cut.stop)
            for cut, place in zip(hole, (row, column), strict=True)
        ]
        kept &= ~(inside[0] & inside[1])
    assert 0 < kept.sum() < kept.size
    np.testing.assert_array_equal(mask[row, column], kept)
    assert_dropped(y, kept, index, fill=200)
