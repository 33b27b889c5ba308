"""What a CPU level's kernels are made of (lanes.h, apply.h), and how they are called."""
from libc.stdint cimport int64_t, uint64_t


cdef extern from "lanes.h" nogil:
    enum:
        FD_WORD
        FD_BLOCK_WORDS
        FD_BLOCK

    ctypedef struct fd_mask_params:
        uint64_t k0
        uint64_t k1

    ctypedef struct fd_lanes:
        pass

    ctypedef struct fd_words:
        fd_lanes lanes
        uint64_t next

    ctypedef struct fd_spread:
        int count

    void fd_set_probability(fd_mask_params *params, double p)
    void fd_fold_in(uint64_t *words, uint64_t k0, uint64_t k1, uint64_t n)
    uint64_t fd_keep_word(fd_lanes *lanes, const fd_mask_params *params, uint64_t first)
    void fd_seek(fd_words *words, const fd_mask_params *params, uint64_t word)
    void fd_enter(fd_words *words, const fd_mask_params *params)
    uint64_t fd_next(fd_words *words, const fd_mask_params *params)
    uint64_t fd_little_endian(uint64_t word)
    uint64_t fd_window(uint64_t word, uint64_t next, int shift)
    uint64_t fd_bits_from(const uint64_t *bits, Py_ssize_t at)
    void fd_set_spread(fd_spread *spread, int repeat)
    uint64_t fd_repeat_bits(uint64_t bits, const fd_spread *spread)
    void fd_transpose64(uint64_t *square)


cdef extern from "apply.h" nogil:
    enum:
        FD_CACHE_LINE

    ctypedef struct fd_affine:
        double scale
        double shift
        uint64_t dropped

    ctypedef struct fd_packed:
        uint64_t word
    ctypedef struct fd_select1:
        pass
    ctypedef struct fd_select2:
        pass
    ctypedef struct fd_select4:
        pass
    ctypedef struct fd_select8:
        pass
    ctypedef struct fd_select16:
        pass
    ctypedef struct fd_select32:
        pass
    ctypedef struct fd_scale_float16:
        pass
    ctypedef struct fd_scale_bfloat16:
        pass
    ctypedef struct fd_scale_float32:
        pass
    ctypedef struct fd_scale_float64:
        pass
    ctypedef struct fd_scale_complex64:
        pass
    ctypedef struct fd_scale_complex128:
        pass
    ctypedef struct fd_shift_float16:
        pass
    ctypedef struct fd_shift_bfloat16:
        pass
    ctypedef struct fd_shift_float32:
        pass
    ctypedef struct fd_shift_float64:
        pass

    # x and y point to elements of one type.
    void fd_apply(const void *x, void *y, uint64_t keep, fd_affine affine, bint nontemporal)
    void fd_fence()
    uint64_t fd_bits_float16(double value)
    uint64_t fd_bits_bfloat16(double value)
    uint64_t fd_bits_float32(double value)
    uint64_t fd_bits_float64(double value)


cdef extern from "team.h" nogil:
    ctypedef struct fd_share:
        int64_t next
        int64_t end

    int64_t fd_take(fd_share *share, int64_t *begin)
    double fd_seconds()
    int fd_core()
    void fd_move_apart(int *cores, int team, int member)


# What is done to the elements, by the names of apply.h. SCALE and SHIFT have the dtypes in one
# order, by which job.pxi goes from one to the other.
cdef enum Operation:
    PACK
    SELECT1
    SELECT2
    SELECT4
    SELECT8
    SELECT16
    SELECT32
    SCALE_FLOAT16
    SCALE_BFLOAT16
    SCALE_FLOAT32
    SCALE_FLOAT64
    SCALE_COMPLEX64
    SCALE_COMPLEX128
    SHIFT_FLOAT16
    SHIFT_BFLOAT16
    SHIFT_FLOAT32
    SHIFT_FLOAT64


cdef enum:
    MAX_AXES = 64
    FD_MAX_THREADS = 256  # threads; OpenMP ends the process where it cannot start one


# A packed mask, stretched over an array's elements in their C order: each decision of a row holds
# for `repeat` elements, the row comes `cycles` times in turn, and then the axes above move on.
cdef struct Mask:
    const uint64_t *bits        # one word longer than the mask
    Py_ssize_t repeat
    Py_ssize_t row              # decisions, `row_step` bits apart
    Py_ssize_t row_step
    Py_ssize_t cycles
    int axes                    # the axes above, inner ones first: elements and steps in bits
    Py_ssize_t shape[MAX_AXES]
    Py_ssize_t step[MAX_AXES]


# What a kernel does with each element: decide it, by the stream or, if there is one, by a mask,
# and apply the operation to it.
cdef struct KernelArgs:
    Operation operation
    int item_bits
    fd_affine affine
    fd_mask_params params
    const Mask *mask
    uint64_t offset             # of the first element, in the stream or among the mask's elements
    int team                    # threads
    bint gauged                 # a default call, whose team the gauge compares with one thread
    bint nontemporal            # store past the cache


# What a kernel works on: contiguous arrays of `rows` elements if `columns` is 0, and else two axes
# with contiguous columns, which begin x_stride and y_stride bytes after one another, and which the
# stream decides. y may be x, unless the stores bypass the cache.
cdef struct Job:
    const char *x
    char *y
    Py_ssize_t rows
    Py_ssize_t columns
    Py_ssize_t x_stride
    Py_ssize_t y_stride
    const KernelArgs *args


# Returns the seconds that one thread would have taken, by the team's fastest; 0 without a team.
ctypedef double (*kernel_function)(const Job *) noexcept nogil
