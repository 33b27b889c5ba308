"""The variants beside a multiplication, or what NumPy users write, of one array; pytest-benchmark.

    pytest benchmarks/bench_variants.py

Compare a figure only with the others of its group, from the same run. All figures are of 1 Mi
elements on one thread, and the results go into memory that has been written before.
"""

import numpy as np
import pytest

import fastdrop

P, N = 0.1, 2**20
KEY = fastdrop.Key(1)
NOISE = {
    "pixels of 3": ((N // 3, 3), (N // 3, 1)),
    "3 channels last": ((N // 3, 3), (1, 3)),
    "64 channels last": ((N // 64, 64), (1, 64)),
    "images of 7 x 7": ((N // 49, 7, 7), (N // 49, 1, 1)),
    "images of 64 x 64": ((N // 4096, 64, 64), (N // 4096, 1, 1)),
    "timesteps": ((16, N // 1024, 64), (16, 1, 64)),
}


def dtype_of(name):
    return pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else np.dtype(name)


def arrays(benchmark, group, shape, dtype=np.float32):
    """Make an input and an array for the result, both written."""
    benchmark.group = group
    x = np.random.default_rng(0).integers(0, 9, shape).astype(dtype)
    return x, np.ones_like(x)


SCALED = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("name", SCALED)
def test_scaled(benchmark, name):
    x, y = arrays(benchmark, f"{name}, scaled", N, dtype_of(name))
    benchmark(fastdrop.dropout, x, P, rng=KEY, out=y, num_threads=1)


@pytest.mark.parametrize("name", SCALED)
def test_multiplied(benchmark, name):
    x, y = arrays(benchmark, f"{name}, scaled", N, dtype_of(name))
    benchmark(np.multiply, x, x.dtype.type(1 / (1 - P)), out=y)


@pytest.mark.parametrize("name", ["uint8", "uint16", "uint32", "uint64", "complex128"])
def test_selected(benchmark, name):
    x, y = arrays(benchmark, f"{name}, selected", N, name)
    benchmark(fastdrop.dropout, x, P, rng=KEY, out=y, scale=False, num_threads=1)


@pytest.mark.parametrize("name", ["uint8", "uint16", "uint32", "uint64", "complex128"])
def test_copied(benchmark, name):
    x, y = arrays(benchmark, f"{name}, selected", N, name)
    benchmark(np.copyto, y, x)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_shifted(benchmark, name):
    x, y = arrays(benchmark, f"{name}, shifted", N, dtype_of(name))
    benchmark(fastdrop.alpha_dropout, x, P, True, rng=KEY, out=y, num_threads=1)


@pytest.mark.parametrize("noise", NOISE)
def test_shared(benchmark, noise):
    shape, noise_shape = NOISE[noise]
    x, y = arrays(benchmark, f"shared: {noise}", shape)
    benchmark(fastdrop.dropout, x, P, rng=KEY, out=y, noise_shape=noise_shape, num_threads=1)


@pytest.mark.parametrize("noise", NOISE)
def test_shared_in_numpy(benchmark, noise):
    shape, noise_shape = NOISE[noise]
    x, y = arrays(benchmark, f"shared: {noise}", shape)
    rng = np.random.default_rng(0)

    def expression():
        kept = (rng.random(noise_shape, np.float32) >= P) * np.float32(1 / (1 - P))
        np.multiply(x, kept, out=y)

    benchmark(expression)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "bool"])
def test_keep_mask(benchmark, packed):
    benchmark.group = "a mask"
    benchmark(fastdrop.keep_mask, N, P, rng=KEY, packed=packed, num_threads=1)


def test_mask_in_numpy(benchmark):
    benchmark.group = "a mask"
    rng = np.random.default_rng(0)
    benchmark(lambda: rng.random(N, np.float32) >= P)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "bool"])
def test_apply_mask(benchmark, packed):
    x, y = arrays(benchmark, "a mask applied", N)
    mask = fastdrop.keep_mask(N, P, rng=KEY, packed=packed)
    benchmark(fastdrop.apply_mask, x, mask, P, out=y, packed=packed, num_threads=1)


def test_apply_mask_in_numpy(benchmark):
    x, y = arrays(benchmark, "a mask applied", N)
    mask = fastdrop.keep_mask(N, P, rng=KEY)
    scale = np.float32(1 / (1 - P))

    def expression():
        np.multiply(x, mask, out=y)
        np.multiply(y, scale, out=y)

    benchmark(expression)
