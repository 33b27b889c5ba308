"""The choice of a walk: what a call on given arrays would do."""

import numpy as np
import pytest

from fastdrop import _core, _machine

MIB = 2**20
needs_openmp = pytest.mark.skipif(not _machine.openmp, reason="a build without OpenMP")


def walk(x, out=None, **options):
    choice = _core.explain(x, out, **options)
    return {name: value for name, value in choice.items() if name not in ("threads", "nontemporal")}


def chosen(contiguous=False, x=True, y=True, transpositions=None, packed=False):
    return {
        "c_order": transpositions is None,
        "contiguous": contiguous,
        "x_direct": x,
        "y_direct": y,
        "mask": "stream" if transpositions is None and not packed else "packed",
        "transpositions": transpositions or 0,
    }


def test_c_contiguous_arrays_are_one_run_of_the_stream():
    for shape in ((), (5,), (3, 4, 5), (0, 3), (1, 70, 1)):
        assert walk(np.ones(shape)) == chosen(contiguous=True)
    assert walk(np.ones(100)[1:99]) == chosen(contiguous=True)
    memory = np.zeros(801, np.uint8)[1:].view(np.float64)
    assert walk(memory, memory) == chosen(contiguous=True)  # unaligned


def test_an_axis_of_length_1_decides_nothing():
    x = np.lib.stride_tricks.as_strided(np.ones(100), (1, 100), (3, 8))
    assert walk(x, x) == chosen(contiguous=True)


def test_views_are_rows_of_the_stream():
    crop = np.ones((8, 60, 60, 3), np.float32)[:, 5:55, 5:55]
    assert walk(crop, crop) == chosen()
    assert walk(crop) == chosen()  # into a contiguous result
    columns = np.ones((100, 1000))[:, 100:900]
    assert walk(columns, columns) == chosen()


def test_other_elements_go_through_a_buffer():
    x = np.ones((100, 200), np.float32)
    assert walk(x[:, ::2]) == chosen(x=False)
    assert walk(x[:, ::2], x[:, ::2]) == chosen(x=False, y=False)
    assert walk(x[::-1, ::-1], x.copy()) == chosen(x=False)
    assert walk(np.broadcast_to(x[0, 0], (50, 70)), x[:50, :70]) == chosen(x=False)
    assert walk(x[:, :8], x[:, :8]) == chosen(x=False, y=False)  # rows too short to be worth a call


def test_swapped_bytes_go_through_a_buffer_only_if_numbers_are_computed_with():
    x = np.ones((100, 200), ">f4")
    assert walk(x, x) == chosen(x=False, y=False)
    assert walk(x, x, scale=False) == chosen(contiguous=True)


def test_memory_in_another_order_is_one_run_of_a_transposed_mask():
    fortran = np.ones((100, 200), order="F")
    assert walk(fortran) == chosen(contiguous=True, transpositions=1)
    channels_last = np.ones((4, 50, 60, 3)).transpose(0, 3, 1, 2)
    assert walk(channels_last) == chosen(contiguous=True, transpositions=1)
    assert walk(np.ones((5, 6, 7, 8), order="F")) == chosen(contiguous=True, transpositions=3)


def test_the_walk_is_in_c_order_if_either_array_is():
    c, fortran = np.ones((100, 200)), np.ones((100, 200), order="F")
    assert walk(c, fortran) == chosen(y=False)
    assert walk(fortran, c) == chosen(x=False)


@pytest.mark.parametrize("noise_shape", [(100, 1), (1, 200), (1, 1)])
def test_shared_decisions_are_packed(noise_shape):
    x = np.ones((100, 200))
    assert walk(x, noise_shape=noise_shape) == chosen(contiguous=True, packed=True)
    assert walk(x, noise_shape=(None, None)) == chosen(contiguous=True)
    assert walk(x[:, 10:90], noise_shape=(100, 1)) == chosen(packed=True)


def test_a_shared_axis_is_never_transposed():
    x = np.ones((4, 50, 60, 3)).transpose(0, 3, 1, 2)
    choice = walk(x, noise_shape=(None, None, 1, 1))  # channels: in memory the inner axis
    assert choice == chosen(contiguous=True, transpositions=0)
    choice = walk(x, noise_shape=(None, 1, None, None))
    assert choice == chosen(contiguous=True, transpositions=0)


def test_a_given_mask_is_packed():
    x = np.ones((100, 200))
    assert walk(x, mask=np.ones((100, 200), bool)) == chosen(contiguous=True, packed=True)
    assert walk(x, mask=np.ones(200, bool)) == chosen(contiguous=True, packed=True)


def test_nontemporal_stores_are_for_large_results_elsewhere():
    def nontemporal(x, out):
        return _core.explain(x, out)["nontemporal"]

    large, small = np.empty(64 * MIB, np.uint8), np.empty(MIB, np.uint8)
    x, y = large.view(np.float32), np.empty_like(large).view(np.float32)
    assert nontemporal(x, y)
    assert not nontemporal(x, x)  # in place
    assert not nontemporal(x, None)  # a fresh result
    assert not nontemporal(small.view(np.float32), small.copy().view(np.float32))
    rows, others = x.reshape(-1, 4096)[:, :4000], y.reshape(-1, 4096)[:, :4000]
    assert nontemporal(rows, others)
    assert nontemporal(rows[:, ::-1], others)
    assert not nontemporal(rows, others[:, ::-1])  # scattered: no whole lines


@needs_openmp
def test_every_layout_is_for_the_team():
    x = np.ones((512, 1024), np.float32)
    layouts = [x, x[:, 1:], x[::-1, ::-2], x.T, x.astype(">f4"), np.broadcast_to(x[0], (512, 1024))]
    for array in layouts:
        assert _core.explain(array, num_threads=3)["threads"] == 3
    assert _core.explain(x.T, noise_shape=(None, 1), num_threads=3)["threads"] == 3


def test_a_mask_in_the_memory_order_of_x_is_not_transposed():
    x, mask = np.ones((100, 200), order="F"), np.ones((100, 200), bool, order="F")
    assert walk(x, mask=mask) == chosen(contiguous=True, transpositions=0)
    assert walk(x, mask=np.ascontiguousarray(mask)) == chosen(contiguous=True, transpositions=1)


def test_to_explain_arrays_that_do_not_fit_is_refused():
    x = np.ones((3, 40, 4)).T
    with pytest.raises(ValueError, match="out must have x's shape"):
        _core.explain(x, np.ones(()))
    with pytest.raises(ValueError, match="mask must broadcast"):
        _core.explain(x, mask=np.ones((1, *x.shape), bool))
