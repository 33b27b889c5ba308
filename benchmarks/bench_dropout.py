"""Dropout beside a multiplication and beside what NumPy and PyTorch users write; pytest-benchmark.

    pytest benchmarks
    pytest benchmarks --benchmark-autosave       # and again with --benchmark-compare

Compare a figure only with the others of its group, from the same run.
"""

import numpy as np
import pytest

import fastdrop

P = 0.1
SCALE = np.float32(1 / (1 - P))
SIZES = [2**10, 2**16, 2**20, 2**26]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size:,}")
def x(request, benchmark):
    """Make an input, and name the group of figures that can be compared."""
    benchmark.group = f"{request.param:,} elements, float32, p = {P}"
    return np.random.default_rng(0).standard_normal(request.param, dtype=np.float32)


@pytest.fixture(params=[1, None], ids=["1 thread", "all threads"])
def num_threads(request):
    return request.param


def touched(x):
    """Make an array like x whose pages have been written."""
    return np.zeros_like(x) + 1


def test_multiply(benchmark, x):
    benchmark(np.multiply, x, SCALE, out=touched(x))


def test_dropout_out(benchmark, x, num_threads):
    benchmark(fastdrop.dropout, x, P, out=touched(x), num_threads=num_threads)


def test_multiply_in_place(benchmark, x):
    x[...] = 0  # scaled again and again, other values would overflow, and warn
    benchmark(np.multiply, x, SCALE, out=x)


def test_dropout_in_place(benchmark, x, num_threads):
    x[...] = 0
    benchmark(fastdrop.dropout, x, P, inplace=True, num_threads=num_threads)


def test_multiply_fresh(benchmark, x):
    benchmark(np.multiply, x, SCALE)


def test_dropout_fresh(benchmark, x, num_threads):
    benchmark(fastdrop.dropout, x, P, num_threads=num_threads)


def test_numpy_expression(benchmark, x):
    rng = np.random.default_rng(0)
    benchmark(lambda: x * (rng.random(x.shape, dtype=np.float32) >= P) / np.float32(1 - P))


def test_torch(benchmark, x, num_threads):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads or fastdrop.get_num_threads())
    try:
        benchmark(torch.nn.functional.dropout, torch.from_numpy(x), P)
    finally:
        torch.set_num_threads(before)
