"""What lanes.h declares, and the table by which a CPU level hands its kernels over."""
from libc.stdint cimport uint64_t


cdef extern from "lanes.h" nogil:
    enum:
        FD_WORD
        FD_BLOCK_WORDS
        FD_BLOCK
        FD_LINE

    ctypedef struct fd_rule:
        uint64_t k0
        uint64_t k1

    ctypedef struct fd_lanes:
        pass

    ctypedef struct fd_words:
        fd_lanes lanes
        uint64_t next

    void fd_set_probability(fd_rule *rule, double p)
    void fd_fold_in(uint64_t *words, uint64_t k0, uint64_t k1, uint64_t n)
    uint64_t fd_keep_word(fd_lanes *lanes, const fd_rule *rule, uint64_t first)
    void fd_open(fd_words *words, const fd_rule *rule, uint64_t word)
    void fd_enter(fd_words *words, const fd_rule *rule)
    uint64_t fd_next(fd_words *words, const fd_rule *rule)
    void fd_turn(uint64_t *square)
    void fd_apply_float32(const float *x, float *y, uint64_t keep, float scale, bint stream)
    void fd_apply_float64(const double *x, double *y, uint64_t keep, double scale, bint stream)
    void fd_fence()


# x, y, size, offset, rule, scale, team, stream: y[i] = keep(offset + i) ? x[i] * scale : 0. y may
# be x, unless the stores are to bypass the cache (stream).
ctypedef void (*drop_kernel)(
    const void *, void *, Py_ssize_t, uint64_t, const fd_rule *, double, int, bint
) noexcept nogil


# x, y, rows, columns, x_step, y_step, offset, rule, scale, team: the same on two-dimensional arrays
# whose columns are contiguous, and begin x_step and y_step elements after one another.
ctypedef void (*drop_columns_kernel)(
    const void *, void *, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, uint64_t,
    const fd_rule *, double, int
) noexcept nogil


# The kernels of one dtype, and of all.
cdef struct Drop:
    drop_kernel run
    drop_columns_kernel columns


cdef struct Kernels:
    Drop float32
    Drop float64
