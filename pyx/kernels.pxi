"""The loops of one CPU level: words, blocks and the thread team.

A kernel takes a contiguous run of elements (or contiguous columns, see E) and the index of its
first one in the mask's stream.

A. Words. The run is worked through in chunks of 64 elements counted from its own start, so a
   chunk needs the end of one keep word and the start of the next: the bits left over from a word
   are carried to the following chunk. A run that starts on a word carries nothing; there is no
   second loop for it.
B. Blocks. The lanes are seeded anew for each block, so a run can start in any.
C. Lines. Stores want to begin on a cache line: the elements ahead of the first one are a run of
   their own, and what follows starts inside a word, as any run may. A result that outgrows the
   cache is stored past it (streamed), which spares the read of the lines that it overwrites.
D. Teams. A run is shared out at block boundaries, one contiguous share a thread. What a share
   computes depends on its position alone, so the size of the team never shows in the result.
E. Columns. A mask runs along the rows, whatever the memory does. Where the columns are contiguous,
   the keep words of 64 rows are made first and turned, a square of 64 x 64 bits at a time, into
   keep words of columns. (Gathering the rows instead takes ten times as long: their elements lie
   a column apart, and with a round number of rows in a few sets of the cache.)
"""
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from lanes cimport (
    FD_BLOCK,
    FD_BLOCK_WORDS,
    FD_LINE,
    FD_WORD,
    Kernels,
    fd_apply_float32,
    fd_apply_float64,
    fd_enter,
    fd_fence,
    fd_keep_word,
    fd_lanes,
    fd_next,
    fd_open,
    fd_rule,
    fd_turn,
    fd_words,
)

# Elements from which it pays to begin on a cache line, at the price of opening the stream twice.
cdef enum:
    ALIGN_FROM = 65536

ctypedef fused real:
    float
    double


cdef inline void apply(
    const real *x, real *y, uint64_t keep, real scale, bint stream
) noexcept nogil:
    if real is float:
        fd_apply_float32(x, y, keep, scale, stream)
    else:
        fd_apply_float64(x, y, keep, scale, stream)


cdef inline void drop_run(
    const real *x,
    real *y,
    Py_ssize_t size,
    uint64_t offset,
    const fd_rule *rule,
    real scale,
    bint stream,
) noexcept nogil:
    """Drop a run on the calling thread; to stream, its result lies on a cache line."""
    cdef:
        fd_words words
        fd_lanes lanes             # copies of the word loop's own: gcc keeps in registers what
        fd_rule own = rule[0]      # no other function has the address of
        int left = <int> (-offset % FD_WORD)   # elements of the run before its first whole word
        int rest = <int> (size % FD_WORD)
        Py_ssize_t chunks = size // FD_WORD, count, i
        uint64_t carry = 0, keep

    fd_open(&words, rule, offset // FD_WORD)
    if left:
        carry = fd_next(&words, rule) >> (FD_WORD - left)
    while chunks:
        fd_enter(&words, rule)
        count = min(chunks, <Py_ssize_t> (FD_BLOCK_WORDS - words.next % FD_BLOCK_WORDS))
        lanes = words.lanes
        for i in range(count):
            keep = fd_keep_word(&lanes, &own, FD_WORD * (words.next + i))
            apply(x, y, carry | keep << left, scale, stream)
            carry = keep >> 1 >> (FD_WORD - 1 - left)
            x += FD_WORD
            y += FD_WORD
        words.lanes = lanes
        words.next += count
        chunks -= count
    if rest:
        if rest > left:
            carry |= fd_next(&words, rule) << left
        apply_part(x, y, rest, carry, scale)


cdef inline void apply_part(
    const real *x, real *y, int size, uint64_t keep, real scale
) noexcept nogil:
    """Apply a keep word to fewer than 64 elements."""
    cdef real part[FD_WORD]

    memset(part, 0, sizeof(part))
    memcpy(part, x, size * sizeof(real))
    apply(<const real *> part, part, keep, scale, False)
    memcpy(y, part, size * sizeof(real))


cdef void drop_share(
    const real *x,
    real *y,
    Py_ssize_t size,
    uint64_t offset,
    const fd_rule *rule,
    real scale,
    bint stream,
) noexcept nogil:
    """Drop a thread's share, on the calling thread."""
    cdef Py_ssize_t ahead = 0

    if stream or size >= ALIGN_FROM:
        ahead = min(size, <Py_ssize_t> (-<size_t> y % FD_LINE // sizeof(real)))
    if ahead:
        drop_run(x, y, ahead, offset, rule, scale, False)
    x += ahead
    y += ahead
    size -= ahead
    offset += ahead
    if stream:
        drop_run(x, y, size, offset, rule, scale, True)
        fd_fence()
    else:
        drop_run(x, y, size, offset, rule, scale, False)


cdef void drop(
    const real *x,
    real *y,
    Py_ssize_t size,
    uint64_t offset,
    const fd_rule *rule,
    real scale,
    int team,
    bint stream,
) noexcept nogil:
    """Drop a run on a team of threads, or, for a team of one, by a plain call."""
    cdef:
        uint64_t ahead = offset % FD_BLOCK           # elements of the first block before the run
        uint64_t blocks = (size + ahead + FD_BLOCK - 1) // FD_BLOCK
        Py_ssize_t begin, end
        int share

    if team == 1:
        drop_share(x, y, size, offset, rule, scale, stream)
        return
    for share in prange(team, num_threads=team, schedule="static", chunksize=1):
        begin = boundary(blocks * share // team, ahead, size)
        end = boundary(blocks * (share + 1) // team, ahead, size)
        if begin < end:
            drop_share(x + begin, y + begin, end - begin, offset + begin, rule, scale, stream)


cdef inline Py_ssize_t boundary(uint64_t block, uint64_t ahead, Py_ssize_t size) noexcept nogil:
    """Where the run's `block`-th block starts in the run."""
    if block == 0:
        return 0
    return min(<Py_ssize_t> (FD_BLOCK * block - ahead), size)


cdef void keep_run(
    uint64_t *bits, Py_ssize_t size, uint64_t offset, const fd_rule *rule
) noexcept nogil:
    """Make the keep words of a run, counted from its own start."""
    cdef:
        fd_words words
        int left = <int> (-offset % FD_WORD)
        uint64_t carry = 0, keep
        Py_ssize_t i

    fd_open(&words, rule, offset // FD_WORD)
    if left:
        carry = fd_next(&words, rule) >> (FD_WORD - left)
    for i in range((size + FD_WORD - 1) // FD_WORD):
        keep = fd_next(&words, rule)
        bits[i] = carry | keep << left
        carry = keep >> 1 >> (FD_WORD - 1 - left)


# Columns of a band of 64 rows that are worked on at a time: their bits, 32 KiB, stay in a near
# cache, and a row has enough of them to be worth opening its stream. Shorter rows are one run.
cdef enum:
    STRETCH = 4096
    BAND_WORDS = 4096 + 1  # and one that a row which ends inside a word may look at


cdef void drop_band(
    const real *x,
    real *y,
    Py_ssize_t band,
    Py_ssize_t all_rows,
    Py_ssize_t columns,
    Py_ssize_t x_step,
    Py_ssize_t y_step,
    uint64_t offset,
    const fd_rule *rule,
    real scale,
) noexcept nogil:
    """Drop the 64 rows, or what is left of them, of a band, on the calling thread."""
    cdef:
        uint64_t bits[BAND_WORDS]
        uint64_t square[FD_WORD]
        Py_ssize_t begin = 0, size, word, at, pitch = min(STRETCH, columns)
        int row, column, rows = <int> min(FD_WORD, all_rows - FD_WORD * band)

    x += FD_WORD * band
    y += FD_WORD * band
    offset += <uint64_t> (columns * FD_WORD * band)
    memset(bits, 0, sizeof(bits))
    while begin < columns:
        size = min(STRETCH, columns - begin)
        if size == columns:
            keep_run(bits, rows * columns, offset, rule)
        else:
            for row in range(rows):
                keep_run(
                    bits + pitch // FD_WORD * row,
                    size,
                    offset + <uint64_t> (columns * row + begin),
                    rule,
                )
        for word in range((size + FD_WORD - 1) // FD_WORD):
            for row in range(FD_WORD):
                square[row] = 0
                if row < rows:
                    at = pitch * row + FD_WORD * word
                    square[row] = bits[at // FD_WORD] >> (at % FD_WORD) | (
                        bits[at // FD_WORD + 1] << 1 << (FD_WORD - 1 - at % FD_WORD)
                    )
            fd_turn(square)
            for column in range(<int> min(FD_WORD, size - FD_WORD * word)):
                if rows == FD_WORD:
                    apply(x, y, square[column], scale, False)
                else:
                    apply_part(x, y, rows, square[column], scale)
                x += x_step
                y += y_step
        begin += size


cdef void drop_columns(
    const real *x,
    real *y,
    Py_ssize_t rows,
    Py_ssize_t columns,
    Py_ssize_t x_step,
    Py_ssize_t y_step,
    uint64_t offset,
    const fd_rule *rule,
    real scale,
    int team,
) noexcept nogil:
    """Drop an array of contiguous columns on a team of threads, one band of rows after another."""
    cdef Py_ssize_t bands = (rows + FD_WORD - 1) // FD_WORD, band

    if team == 1 or bands == 1:
        for band in range(bands):
            drop_band(x, y, band, rows, columns, x_step, y_step, offset, rule, scale)
        return
    for band in prange(bands, num_threads=<int> min(team, bands), schedule="static"):
        drop_band(x, y, band, rows, columns, x_step, y_step, offset, rule, scale)


cdef void drop_float32(
    const void *x, void *y, Py_ssize_t size, uint64_t offset, const fd_rule *rule, double scale,
    int team, bint stream,
) noexcept nogil:
    drop(<const float *> x, <float *> y, size, offset, rule, <float> scale, team, stream)


cdef void drop_float64(
    const void *x, void *y, Py_ssize_t size, uint64_t offset, const fd_rule *rule, double scale,
    int team, bint stream,
) noexcept nogil:
    drop(<const double *> x, <double *> y, size, offset, rule, scale, team, stream)


cdef void columns_float32(
    const void *x, void *y, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t x_step,
    Py_ssize_t y_step, uint64_t offset, const fd_rule *rule, double scale, int team,
) noexcept nogil:
    drop_columns(
        <const float *> x, <float *> y, rows, columns, x_step, y_step, offset, rule,
        <float> scale, team
    )


cdef void columns_float64(
    const void *x, void *y, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t x_step,
    Py_ssize_t y_step, uint64_t offset, const fd_rule *rule, double scale, int team,
) noexcept nogil:
    drop_columns(
        <const double *> x, <double *> y, rows, columns, x_step, y_step, offset, rule, scale, team
    )


cdef Kernels table
table.float32.run = drop_float32
table.float32.columns = columns_float32
table.float64.run = drop_float64
table.float64.columns = columns_float64
kernels = PyCapsule_New(&table, "fastdrop.kernels", NULL)
