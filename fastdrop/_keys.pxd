"""Keys for other Cython code, by ``from fastdrop._keys cimport Key``.

Cython looks for this file along sys.path, where an install puts it. An editable install does not:
give cythonize the folder above the package, ``include_path=[".../fastdrop/.."]``.
"""
from libc.stdint cimport uint64_t


cdef class KeySource:
    """What gives keys, one for each call that decides by chance."""

    # Write the two words of the next key. It must run no Python code: the arrays of the call have
    # been checked already. If it raises, it must have advanced nothing.
    cdef int next_key(self, uint64_t *words) except -1


cdef class Key(KeySource):
    cdef uint64_t k0, k1  # only to be read: a key that was handed out never changes


# The KeySource of anything that `rng=` accepts; the last place where the caller's own code runs.
cpdef KeySource as_key_source(rng)

cdef Key key_of_words(uint64_t k0, uint64_t k1)

# The one check of integers in the package.
cpdef object as_index(value, str name, str kinds=*)
