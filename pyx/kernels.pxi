"""The loops of one CPU level: words, blocks and the thread team.

A kernel takes a contiguous run of elements and the index of its first one in the mask's stream.

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
"""
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from lanes cimport (
    FD_BLOCK,
    FD_BLOCK_WORDS,
    FD_GROUP,
    FD_LINE,
    FD_WORD,
    Kernels,
    fd_apply_float32,
    fd_apply_float64,
    fd_enter,
    fd_fence,
    fd_keep_words,
    fd_lanes,
    fd_next,
    fd_open,
    fd_rule,
    fd_words,
)

# Elements from which it pays to begin on a cache line.
cdef enum:
    ALIGN_FROM = 4096

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
        uint64_t group[FD_GROUP]
        real last[FD_WORD]
        int left = <int> (-offset % FD_WORD)   # elements of the run before its first whole word
        int rest = <int> (size % FD_WORD)
        Py_ssize_t chunks = size // FD_WORD, count, i
        uint64_t carry = 0, keep
        int g

    fd_open(&words, rule, offset // FD_WORD)
    if left:
        carry = fd_next(&words, rule) >> (FD_WORD - left)
    while chunks:
        if chunks < FD_GROUP or words.next % FD_GROUP:
            keep = fd_next(&words, rule)
            apply(x, y, carry | keep << left, scale, stream)
            carry = keep >> 1 >> (FD_WORD - 1 - left)
            x += FD_WORD
            y += FD_WORD
            chunks -= 1
            continue
        fd_enter(&words, rule)
        count = min(chunks, <Py_ssize_t> (FD_BLOCK_WORDS - words.next % FD_BLOCK_WORDS))
        lanes = words.lanes
        for i in range(count // FD_GROUP):
            fd_keep_words(&lanes, &own, FD_WORD * (words.next + FD_GROUP * i), group)
            for g in range(FD_GROUP):
                apply(x, y, carry | group[g] << left, scale, stream)
                carry = group[g] >> 1 >> (FD_WORD - 1 - left)
                x += FD_WORD
                y += FD_WORD
        words.lanes = lanes
        words.next += count // FD_GROUP * FD_GROUP
        chunks -= count // FD_GROUP * FD_GROUP
    if rest:
        if rest > left:
            carry |= fd_next(&words, rule) << left
        memset(last, 0, sizeof(last))
        memcpy(last, x, rest * sizeof(real))
        apply(<const real *> last, last, carry, scale, False)
        memcpy(y, last, rest * sizeof(real))


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


cdef Kernels table
table.float32 = drop_float32
table.float64 = drop_float64
kernels = PyCapsule_New(&table, "fastdrop.kernels", NULL)
