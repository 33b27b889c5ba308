# cython: language_level=3
"""fastdrop's Cython functions for tests in Python; built with examples/cython by test_cython.py."""
from cython cimport floating
from libc.stdint cimport uint64_t

cimport fastdrop
from fastdrop cimport KeyWords


cdef KeyWords words_of(key):
    k0, k1 = key.words
    return KeyWords(k0, k1)


def dropout(
    const floating[::1] x,
    floating[::1] out,
    double p,
    key,
    bint scale=True,
    uint64_t offset=0,
    int num_threads=1,
):
    cdef KeyWords words = words_of(key)
    with nogil:
        fastdrop.dropout(x, out, p, words, scale, offset, num_threads)


def dropout_by_default(const floating[::1] x, floating[::1] out, double p, key):
    fastdrop.dropout(x, out, p, words_of(key))


def keep_mask(
    uint64_t[::1] bits, Py_ssize_t size, double p, key, uint64_t offset=0, int num_threads=1
):
    cdef KeyWords words = words_of(key)
    with nogil:
        fastdrop.keep_mask(bits, size, p, words, offset, num_threads)


def apply_mask(
    const floating[::1] x,
    floating[::1] out,
    const uint64_t[::1] bits,
    double p,
    bint scale=True,
    int num_threads=1,
):
    with nogil:
        fastdrop.apply_mask(x, out, bits, p, scale, num_threads)


def fold_in(key, uint64_t n):
    cdef KeyWords words = fastdrop.fold_in(words_of(key), n)
    return words.k0, words.k1
