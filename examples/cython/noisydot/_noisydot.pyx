# cython: language_level=3, boundscheck=False
"""Monte-Carlo dropout (Gal and Ghahramani 2016, arXiv:1506.02142) of a dot product."""
from cython.parallel cimport prange, threadid

from fastdrop cimport KeyWords, dropout, fold_in

import numpy as np


def noisy_dots(const double[::1] x, const double[::1] w, double p, key, int samples, int threads=1):
    """Return dot products of x with w under dropout, one for each of `samples` masks.

    Sample i is ``np.dot(x, fastdrop.dropout(w, p, rng=key.fold_in(i)))``. The loop runs without the
    GIL on any number of threads, which changes no result.
    """
    if x.shape[0] != w.shape[0] or threads < 1:
        raise ValueError("x and w must have the same length, and threads must be 1 or more")
    k0, k1 = key.words
    cdef:
        KeyWords words = KeyWords(k0, k1)
        double[::1] dots = np.empty(samples)
        double[:, ::1] buffers = np.empty((threads, w.shape[0]))  # one for each thread
        int i

    for i in prange(samples, nogil=True, num_threads=threads, schedule="static"):
        dots[i] = noisy_dot(x, w, buffers[threadid()], p, fold_in(words, i))
    return np.asarray(dots)


cdef double noisy_dot(
    const double[::1] x, const double[::1] w, double[::1] noisy, double p, KeyWords key
) except? -1 nogil:
    """Return the dot product of x with w under dropout; `noisy` is memory for the latter."""
    cdef:
        double total = 0
        Py_ssize_t i

    dropout(w, noisy, p, key)
    for i in range(x.shape[0]):
        total += x[i] * noisy[i]
    return total
