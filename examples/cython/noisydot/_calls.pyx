# cython: language_level=3
"""What a call costs from Cython."""
from cython cimport floating

from fastdrop cimport KeyWords, dropout


def call_dropout(const floating[::1] x, floating[::1] out, double p, key, int calls):
    """Make so many calls, without the GIL."""
    k0, k1 = key.words
    cdef KeyWords words = KeyWords(k0, k1)

    with nogil:
        for _ in range(calls):
            dropout(x, out, p, words)
