"""What lanes.h declares, and the table by which a CPU level hands its kernels over."""
from libc.stdint cimport uint64_t


cdef extern from "lanes.h" nogil:
    enum:
        FD_WORD
        FD_BLOCK_WORDS
        FD_BLOCK

    ctypedef struct fd_rule:
        uint64_t k0
        uint64_t k1

    ctypedef struct fd_lanes:
        pass

    void fd_set_probability(fd_rule *rule, double p)
    void fd_fold_in(uint64_t *words, uint64_t k0, uint64_t k1, uint64_t n)
    void fd_seed(fd_lanes *lanes, const fd_rule *rule, uint64_t block)
    void fd_skip(fd_lanes *lanes, uint64_t steps)
    uint64_t fd_keep_word(fd_lanes *lanes, const fd_rule *rule, uint64_t first)
    void fd_apply_float32(const float *x, float *y, uint64_t keep, float scale)
    void fd_apply_float64(const double *x, double *y, uint64_t keep, double scale)


# x, y, size, offset, rule, scale, team: y[i] = keep(offset + i) ? x[i] * scale : 0; y may be x
ctypedef void (*drop_kernel)(
    const void *, void *, Py_ssize_t, uint64_t, const fd_rule *, double, int
) noexcept nogil


cdef struct Kernels:
    drop_kernel float32
    drop_kernel float64
