"""Time dropout in every installed library, from 1 Ki to 64 Mi elements, on 1 and on all threads.

    python -m pip install '.[peers]'
    python benchmarks/peers.py --json benchmarks/figures/peers-xeon.json

Each library has its own process, bound to as many processors as it has threads, and is timed in
turn with `np.multiply(x, s, out=y)`, whose time shows whether the machine was equally fast for two
libraries. The best of many calls counts. All calls except those with a target (out=, in place,
copyto, Numba) return a new array, and pay for its memory. Libraries that are not installed are
left out.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import timeit
from collections.abc import Callable

import numpy as np

P = 0.1
SIZES = [4**k for k in range(5, 14)]  # 1 Ki to 64 Mi
Call = Callable[[], object]


def fastdrop_out(x, y):
    import fastdrop

    return lambda: fastdrop.dropout(x, P, out=y)


def fastdrop_fresh(x, y):
    import fastdrop

    return lambda: fastdrop.dropout(x, P)


def fastdrop_in_place(x, y):
    import fastdrop

    y[...] = 0  # scaled again and again, other values would overflow
    return lambda: fastdrop.dropout(y, P, inplace=True)


def multiply(x, y):
    scale = np.float32(1 / (1 - P))
    return lambda: np.multiply(x, scale, out=y)


def copy(x, y):
    return lambda: np.copyto(y, x)


def numpy_expression(x, y):
    rng = np.random.default_rng(0)
    return lambda: x * (rng.random(x.shape, dtype=np.float32) >= P) / np.float32(1 - P)


def torch_eager(x, y):
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    source = torch.from_numpy(x)
    return lambda: torch.nn.functional.dropout(source, P)


def torch_compiled(x, y):
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    source = torch.from_numpy(x)
    torch._dynamo.reset()  # compile each size anew: after eight it would give up
    compiled = torch.compile(lambda t: torch.nn.functional.dropout(t, P), dynamic=False)
    return lambda: compiled(source)


def jax_jit(x, y):
    """Flax's expression: jax.random.bernoulli, select, divide."""
    import jax

    @jax.jit
    def drop(key, values):
        keep = jax.random.bernoulli(key, 1 - P, values.shape)
        return jax.numpy.where(keep, values / (1 - P), 0)

    source, key = jax.numpy.asarray(x), jax.random.key(0)
    return lambda: drop(key, source).block_until_ready()


def tensorflow(x, y):
    import tensorflow as tf

    source = tf.constant(x)
    drop = tf.function(lambda t: tf.nn.dropout(t, P))
    return lambda: drop(source)


def onnxruntime(x, y):
    import onnx
    import onnxruntime as ort

    helper, dtype = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node("Dropout", ["x", "ratio", "training"], ["y"])
    graph = helper.make_graph(
        [node],
        "dropout",
        [helper.make_tensor_value_info("x", dtype, [None])],
        [helper.make_tensor_value_info("y", dtype, [None])],
        [
            onnx.numpy_helper.from_array(np.float32(P), "ratio"),
            onnx.numpy_helper.from_array(np.bool_(True), "training"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    options = ort.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": x})


def numba_prange(x, y):
    import numba

    @numba.njit(parallel=True)
    def drop(source, target, p, scale):
        for i in numba.prange(source.size):
            draw = np.random.random()  # noqa: NPY002 (what Numba can compile)
            target[i] = source[i] * scale if draw >= p else np.float32(0)

    return lambda: drop(x, y, P, np.float32(1 / (1 - P)))


# Each library: the function that makes the call, and the distribution that has its version.
LIBRARIES: dict[str, tuple[Callable[[np.ndarray, np.ndarray], Call], str]] = {
    "fastdrop, out=": (fastdrop_out, "fastdrop"),
    "fastdrop, new array": (fastdrop_fresh, "fastdrop"),
    "fastdrop, in place": (fastdrop_in_place, "fastdrop"),
    "np.copyto": (copy, "numpy"),
    "NumPy expression": (numpy_expression, "numpy"),
    "PyTorch": (torch_eager, "torch"),
    "torch.compile": (torch_compiled, "torch"),
    "JAX, jit": (jax_jit, "jax"),
    "TensorFlow": (tensorflow, "tensorflow"),
    "ONNX Runtime": (onnxruntime, "onnxruntime"),
    "Numba, prange": (numba_prange, "numba"),
}


def measure(library: str, seconds: float) -> list[dict[str, object]]:
    """Time a library at every size, in turn with np.multiply."""
    figures = []
    for size in SIZES:
        x = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
        y, z = np.full_like(x, 1), np.full_like(x, 1)
        calls = [LIBRARIES[library][0](x, z), multiply(x, y)]
        best, numbers = [float("inf")] * 2, []
        for call in calls:
            call()
            call()
            once = max(timeit.timeit(call, number=1), 1e-7)
            numbers.append(max(1, min(1000, int(1e-3 / once))))
        once = max(timeit.timeit(calls[0], number=numbers[0]), 1e-3)
        for _ in range(max(5, min(200, int(seconds / once)))):
            for i, (call, number) in enumerate(zip(calls, numbers, strict=True)):
                best[i] = min(best[i], timeit.timeit(call, number=number) / number)
        figures.append(
            {"size": size, "ns": best[0] / size * 1e9, "multiply_ns": best[1] / size * 1e9}
        )
    return figures


def run_alone(library: str, processors: set[int], seconds: float) -> list[dict[str, object]]:
    """Measure in a new process that is bound to the given processors."""
    threads = str(len(processors))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    environment = os.environ | dict.fromkeys(names, threads) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, __file__, "--one", library, "--seconds", str(seconds)],
        env=environment,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )
    if result.returncode:
        raise RuntimeError(f"{library} failed with status {result.returncode}")
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    """Measure every installed library and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--libraries", nargs="+", choices=list(LIBRARIES), default=list(LIBRARIES))
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each size")
    parser.add_argument("--json", type=argparse.FileType("w"), help="file for the figures")
    parser.add_argument("--one", choices=list(LIBRARIES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.seconds)))
        return
    import fastdrop
    from fastdrop.cli.info import processor

    every = os.sched_getaffinity(0)
    results = []
    for library in options.libraries:
        try:
            version = importlib.metadata.version(LIBRARIES[library][1])
        except importlib.metadata.PackageNotFoundError:
            print(f"{library}: not installed", file=sys.stderr)
            continue
        for processors in [{min(every)}, every][: len(every)]:
            figures = run_alone(library, processors, options.seconds)
            threads = len(processors)
            results.append(
                {"library": library, "version": version, "threads": threads, "figures": figures}
            )
            row = "".join(f"{figure['ns']:9.3f}" for figure in figures)
            print(f"{library:20}{threads:3} threads{row}", file=sys.stderr, flush=True)
    if options.json:
        machine = {"processor": processor(), "processors": len(every), "p": P}
        config = fastdrop.show_config("dicts")
        json.dump(
            {"config": config, "machine": machine, "results": results}, options.json, indent=1
        )


if __name__ == "__main__":
    main()
