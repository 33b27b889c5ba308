"""Print one estimate from Cython and from Python, and what a call of each costs."""

from timeit import repeat

import numpy as np

import fastdrop
import noisydot
from noisydot import _calls

P = 0.5
KEY = fastdrop.Key(7)
SAMPLES = 200


def nanoseconds(function, calls):
    """Time a function that makes so many calls: the best of 7, per call."""
    return 1e9 * min(repeat(function, number=1, repeat=7)) / calls


def show_estimates():
    """Estimate a dot product under dropout, and its standard deviation."""
    x, w = np.random.default_rng(0).standard_normal((2, 1000))
    cython = noisydot.noisy_dots(x, w, P, KEY, SAMPLES, threads=2)
    python = [np.dot(x, fastdrop.dropout(w, P, rng=KEY.fold_in(i))) for i in range(SAMPLES)]
    for name, dots in ("Cython", cython), ("Python", python):
        print(f"x . dropout(w), from {name}: {np.mean(dots):.6f} +- {np.std(dots):.6f}")


def show_cost(size, calls=50_000):
    """Time calls on `size` floats, into an array that is there."""
    x = np.ones(size, np.float32)
    out = np.empty_like(x)

    def call_from_python():
        for _ in range(calls):
            fastdrop.dropout(x, P, rng=KEY, out=out)

    cython = nanoseconds(lambda: _calls.call_dropout(x, out, P, KEY, calls), calls)
    python = nanoseconds(call_from_python, calls)
    print(f"a call on {size} floats, from Cython: {cython:.0f} ns, from Python: {python:.0f} ns")


show_estimates()
show_cost(16)
show_cost(1024)
