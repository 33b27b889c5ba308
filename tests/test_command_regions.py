"""The boxes that the command cuts arrays into."""

import doctest
import math

import numpy as np
import pytest

from fastdrop.cli import regions
from fastdrop.cli.regions import box_lengths, box_shape, boxes, runs


def random_shapes(count):
    """Give shapes of 0 to 5 axes, some of them empty, with the shape of a chunk and an itemsize."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        shape = tuple(map(int, rng.integers(0, 9, rng.integers(0, 6))))
        chunks = tuple(map(int, rng.integers(1, 12, len(shape))))
        yield shape, chunks, int(rng.choice([1, 2, 8, 16])), int(rng.integers(1, 2000))


def test_the_examples_run():
    results = doctest.testmod(regions)
    assert results.attempted == 6
    assert results.failed == 0


@pytest.mark.parametrize("fortran", [False, True])
def test_boxes_cover_each_element_once(monkeypatch, fortran):
    monkeypatch.setattr(regions, "RUN_BYTES", 32)
    for shape, chunks, itemsize, nbytes in random_shapes(500):
        for unit in (None, chunks):
            lengths = box_lengths(shape, itemsize, nbytes, unit, fortran)
            seen = np.zeros(shape, int)
            for box in boxes(shape, lengths, fortran):
                assert all(0 <= cut.start < cut.stop for cut in box)
                seen[box] += 1
            assert (seen == 1).all()


def test_boxes_take_no_more_than_they_may_and_are_not_small():
    for shape, _, itemsize, nbytes in random_shapes(500):
        for fortran in (False, True):
            lengths = box_lengths(shape, itemsize, nbytes, fortran=fortran)
            taken = math.prod(lengths) * itemsize
            assert taken <= max(nbytes, itemsize)
            larger = [n for n, length in zip(shape, lengths, strict=True) if length < n]
            assert not larger or taken * 2 > nbytes - itemsize or min(larger) > 1


def test_boxes_of_chunks_end_where_chunks_end():
    for shape, chunks, itemsize, nbytes in random_shapes(500):
        for box in boxes(shape, box_lengths(shape, itemsize, nbytes, chunks)):
            for cut, n, chunk in zip(box, shape, chunks, strict=True):
                assert cut.start % chunk == 0
                assert cut.stop % chunk == 0 or cut.stop == n


def test_boxes_of_a_c_ordered_file_are_single_runs_in_its_order():
    for shape, _, itemsize, nbytes in random_shapes(500):
        end = 0
        for box in boxes(shape, box_lengths(shape, itemsize, nbytes)):
            ((first, length),) = runs(shape, box)
            assert first == end
            end += length
        assert end == math.prod(shape)


def test_boxes_of_a_fortran_ordered_file_are_long_along_both_ends():
    n = 2**18
    rows, columns = box_lengths((n, n), 4, 2**26, fortran=True)
    assert rows * 4 == regions.RUN_BYTES
    assert columns == 2**24 // rows >= 1024
    assert box_lengths((1000, n), 4, 2**26, fortran=True) == (1000, 2**24 // 1000)
    assert box_lengths((n, 20), 4, 2**26, fortran=True) == (n, 20)


def test_runs_are_the_elements_of_the_box_in_c_order():
    rng = np.random.default_rng(0)
    for shape, _, _, _ in random_shapes(500):
        if 0 in shape:
            continue
        begins = [int(rng.integers(0, n)) for n in shape]
        box = tuple(
            slice(begin, int(rng.integers(begin + 1, n + 1)))
            for begin, n in zip(begins, shape, strict=True)
        )
        found = [first + k for first, length in runs(shape, box) for k in range(length)]
        assert found == list(np.arange(math.prod(shape)).reshape(shape)[box].ravel())
        assert len(found) == math.prod(box_shape(box))
