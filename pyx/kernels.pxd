"""The parts of the kernels of a CPU level, and the structs by which the core calls them."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t


cdef extern from "words.h" nogil:
    enum:
        FD_LANES
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

    void fd_set_probability(fd_mask_params *params, double p)
    void fd_fold_in(uint64_t *words, uint64_t k0, uint64_t k1, uint64_t n)
    uint64_t fd_keep_word(fd_lanes *lanes, const fd_mask_params *params, uint64_t first)
    void fd_seek(fd_words *words, const fd_mask_params *params, uint64_t word)
    void fd_enter(fd_words *words, const fd_mask_params *params)
    uint64_t fd_next(fd_words *words, const fd_mask_params *params)
    bint fd_drops_tie(const fd_mask_params *params, uint64_t index)
    void fd_draw(fd_lanes *lanes, uint64_t *outputs)
    uint64_t fd_keep_each(
        fd_lanes *lanes, const uint64_t *outputs, const uint16_t *thresholds, uint64_t *tied
    )


cdef extern from "bits.h" nogil:
    ctypedef struct fd_spread:
        int count

    ctypedef struct fd_writer:
        uint64_t *next
        uint64_t started
        int count

    uint64_t fd_little_endian(uint64_t word)
    int fd_ones(uint64_t word)
    uint64_t fd_window(uint64_t word, uint64_t next, int shift)
    uint64_t fd_bits_from(const uint64_t *bits, Py_ssize_t at)
    void fd_set_spread(fd_spread *spread, int repeat)
    uint64_t fd_spread_bits(uint64_t bits, const fd_spread *spread)
    uint64_t fd_gather_bits(uint64_t bits, const fd_spread *spread)
    uint64_t fd_repeat_bits(uint64_t bits, const fd_spread *spread)
    void fd_append(fd_writer *writer, uint64_t bits, int count)
    void fd_flush(fd_writer *writer)
    void fd_transpose64(uint64_t *square)
    uint64_t fd_pack_bools(const uint8_t *bools)


cdef extern from "counts.h" nogil:
    enum:
        FD_RANKS

    ctypedef struct fd_range:
        uint64_t low
        uint64_t high
        Py_ssize_t below
        Py_ssize_t inside

    void fd_ranks(
        uint64_t *ranks,
        Py_ssize_t count,
        const fd_mask_params *params,
        uint64_t index,
        uint64_t step,
    )
    uint64_t fd_from_limit(const uint64_t *ranks, int count, uint64_t limit)
    void fd_tabulate(uint64_t *table, const uint64_t *ranks, uint64_t bits)
    uint64_t fd_near(const fd_range *range, double at)
    uint64_t fd_limit(const uint64_t *ranks, Py_ssize_t size, fd_range range, Py_ssize_t count)
    void fd_store_bools(uint8_t *bools, uint64_t keep)


cdef extern from "dilate.h" nogil:
    void fd_dilate(uint64_t *words, Py_ssize_t count, Py_ssize_t size, Py_ssize_t step)
    void fd_set_bits(uint64_t *words, Py_ssize_t at, uint64_t bits)
    void fd_add(int64_t *sum, int64_t number)


cdef extern from "copy.h" nogil:
    enum:
        FD_CACHE_LINE
        FD_BUFFER

    ctypedef struct fd_buffer:
        char *bytes

    # Copy `count` items of `size` bytes that lie `stride` bytes apart in memory.
    void fd_gather(char *buffer, const char *row, Py_ssize_t count, Py_ssize_t stride, int size)
    void fd_scatter(char *row, const char *buffer, Py_ssize_t count, Py_ssize_t stride, int size)
    void fd_swap_bytes(char *numbers, Py_ssize_t bytes, int unit)


cdef extern from "probabilities.h" nogil:
    # Make `count` numbers from a row of probabilities that lie `stride` bytes apart in memory.
    void fd_thresholds_of_floats(
        uint16_t *to, const char *row, Py_ssize_t count, Py_ssize_t stride
    )
    void fd_thresholds_of_doubles(
        uint16_t *to, const char *row, Py_ssize_t count, Py_ssize_t stride
    )
    void fd_floats_of_floats(float *to, const char *row, Py_ssize_t count, Py_ssize_t stride)
    void fd_floats_of_doubles(float *to, const char *row, Py_ssize_t count, Py_ssize_t stride)
    void fd_doubles_of_floats(double *to, const char *row, Py_ssize_t count, Py_ssize_t stride)
    void fd_doubles_of_doubles(double *to, const char *row, Py_ssize_t count, Py_ssize_t stride)

    ctypedef struct fd_survey:
        bint outside
        bint differ
        bint chance

    fd_survey fd_survey_floats(const void *p, Py_ssize_t count)
    fd_survey fd_survey_doubles(const void *p, Py_ssize_t count)


cdef extern from "apply.h" nogil:
    ctypedef struct fd_affine:
        double scale
        double shift
        uint64_t dropped
        uint64_t dropped1
        uint64_t dropped2
        uint64_t dropped3

    # x, y and fill point to elements of one type.
    void fd_apply(const void *x, void *y, uint64_t keep, fd_affine affine, bint nontemporal)
    void fd_apply_each(
        const void *x,
        void *y,
        const void *fill,
        const void *scales,
        uint64_t keep,
        fd_affine affine,
        bint nontemporal,
    )
    void fd_fence()
    void fd_prefetch(const void *x, size_t bytes, size_t ahead)
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

    enum:
        FD_MAX_THREADS


cdef enum:
    MAX_AXES = 64


# A packed mask over a walk. Each decision of a row holds for `repeat` elements. The row is read
# `cycles` times, and then the axes above advance.
cdef struct Mask:
    const uint64_t *bits            # one word longer than the mask
    Py_ssize_t repeat
    Py_ssize_t row                  # decisions, next to one another
    Py_ssize_t cycles
    int axes                        # the axes above, inner ones first
    Py_ssize_t shape[MAX_AXES]
    Py_ssize_t strides[MAX_AXES]    # in bits


# How a walk goes through one array, or through the stream: its axes in the walk's order, outer ones
# first.
cdef struct Axes:
    int count                       # 1 or more
    Py_ssize_t shape[MAX_AXES]
    Py_ssize_t strides[MAX_AXES]    # in bytes; of a region, in elements of the stream


# What the numbers of an operand are made of.
cdef enum Making:
    COPIES
    THRESHOLDS_OF_FLOATS
    THRESHOLDS_OF_DOUBLES
    FLOATS_OF_FLOATS        # scales, 1/(1-p)
    FLOATS_OF_DOUBLES
    DOUBLES_OF_FLOATS
    DOUBLES_OF_DOUBLES


# An array from which each element of a walk takes a number.
cdef struct Operand:
    const char *data
    Axes axes
    Making making
    int item_bytes                  # of a number that is made


# How memory that is not contiguous is walked, and what lies beside it.
cdef struct Layout:
    Axes x
    Axes y
    bint x_direct                   # rows of x are read where they are, not through a buffer
    bint y_direct                   # rows of y are written where they are
    int swapped                     # bytes that change order, for numbers in the other byte order
    const Operand *fill             # what each element becomes if dropped; NULL: affine.dropped
    const Operand *scales           # each element's scale; NULL: affine.scale


# A probability for each element.
cdef struct Rates:
    Operand thresholds
    const char *p                   # decides where the threshold cannot
    Axes axes                       # of p
    bint single                     # p is float, not double


# What is done to the elements, and by how many threads.
cdef struct KernelArgs:
    int operation                   # by its number
    int item_bits
    fd_affine affine
    fd_mask_params params
    const Mask *mask                # NULL where the stream decides
    uint64_t offset                 # of the first element in the stream; 0 with a mask
    const Axes *region              # NULL where the elements follow one another in the stream
    const Rates *rates              # NULL where p is the same for all elements
    int team                        # threads
    bint gauged                     # a default call, whose team the gauge compares with one thread
    bint nontemporal                # store past the cache


# One call of a kernel. y may be x, unless the stores bypass the cache.
cdef struct Job:
    const KernelArgs *args
    const char *x
    char *y
    Py_ssize_t size                 # elements
    const Layout *layout            # NULL where x and y are contiguous and nothing is beside them


# The transposition of matrices of bits that lie one after another.
cdef struct Transposition:
    const uint64_t *source          # one word longer than its bits
    uint64_t *target
    Py_ssize_t matrices
    Py_ssize_t rows
    Py_ssize_t columns
    Py_ssize_t pitch                # bits from one row of the target to the next
    int team


# A mask of bools, a byte each, and where its bits go.
cdef struct BoolMask:
    const uint8_t *bools
    uint64_t *bits
    Py_ssize_t size
    int team


# Lines of decisions along an axis, each with a count of its own. They may be those of a block of a
# larger array: a block may cut the axis, but all of the line is counted.
cdef struct Lines:
    uint8_t *bools                  # (outer, end - begin, inner) in C order, 1 = keep
    Py_ssize_t outer
    Py_ssize_t inner
    Py_ssize_t length               # of a line, 1 or more
    Py_ssize_t begin                # the part of a line that the bools have
    Py_ssize_t end
    bint at_least                   # keep `count` or more of what the bools say, of whole lines;
    Py_ssize_t count                # or else drop so many: more than 0, less than the length
    fd_mask_params params
    uint64_t first                  # of the stream, for the first line
    uint64_t step                   # along a line
    Axes across                     # from line to line, or none; strides in decisions
    int team


# Blocks of dropped elements in the items of a mask, such as its channels. An item has a seed for
# each position of a block inside it: shape - block + 1 along each axis.
cdef struct Dilation:
    const uint64_t *seeds           # packed, 0 where a block begins; one word longer than its bits
    uint64_t *keep                  # packed, 0 inside the blocks
    int64_t *kept                   # a sum, to which the number of ones is added
    Py_ssize_t items
    Py_ssize_t shape[3]             # of an item: depth, height, width
    Py_ssize_t block[3]             # each from 1 to the item's
    int team


# What a CPU level gives to the core. `run` returns the seconds that one thread would have taken at
# the rate of the team's fastest member, or 0 without a team.
cdef struct Kernel:
    double (*run)(const Job *) noexcept nogil
    void (*transpose)(const Transposition *) noexcept nogil
    void (*pack_bools)(const BoolMask *) noexcept nogil
    fd_survey (*survey_floats)(const void *p, Py_ssize_t count) noexcept nogil
    fd_survey (*survey_doubles)(const void *p, Py_ssize_t count) noexcept nogil
    void (*drop_counts)(const Lines *) noexcept nogil
    void (*dilate)(const Dilation *) noexcept nogil


# What the core lets calls from Cython know, in a capsule.
cdef struct Runtime:
    const Kernel *kernel            # of the CPU level in use
    Py_ssize_t nontemporal_min_bytes
    bint serial                     # whether this process can start no team
