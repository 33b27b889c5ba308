"""fastdrop for other Cython code; its names are taken from `fastdrop` itself (docs/cython.md)."""
from cython cimport floating
from libc.stdint cimport uint64_t


# The words of a fastdrop.Key: `k0, k1 = key.words`.
ctypedef struct KeyWords:
    uint64_t k0
    uint64_t k1

# The words of `key.fold_in(n)`, for n below 2**63; the highest bit of n is ignored.
cdef KeyWords fold_in(KeyWords key, uint64_t n) noexcept nogil

# out = fastdrop.dropout(x, p, rng=key, scale=True, offset=0, num_threads=1); out may be x.
cdef int dropout(
    const floating[::1] x,
    floating[::1] out,
    double p,
    KeyWords key,
    bint scale=*,
    uint64_t offset=*,
    int num_threads=*,
) except -1 nogil

# bits = fastdrop.keep_mask(size, p, rng=key, offset=0, packed=True, num_threads=1)
cdef int keep_mask(
    uint64_t[::1] bits,
    Py_ssize_t size,
    double p,
    KeyWords key,
    uint64_t offset=*,
    int num_threads=*,
) except -1 nogil

# out = fastdrop.apply_mask(x, bits, p, packed=True, scale=True, num_threads=1); out may be x.
cdef int apply_mask(
    const floating[::1] x,
    floating[::1] out,
    const uint64_t[::1] bits,
    double p,
    bint scale=*,
    int num_threads=*,
) except -1 nogil
