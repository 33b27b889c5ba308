"""The loops of one CPU level: words, blocks and the thread team.

A kernel takes a contiguous run of elements and the index of its first one in the mask's stream.

A. Words. The run is worked through in chunks of 64 elements counted from its own start, so a
   chunk needs the end of one keep word and the start of the next: the bits left over from a word
   are carried to the following chunk. A run that starts on a word carries nothing; there is no
   second loop for it.
B. Blocks. The lanes are seeded anew for each block, so a run can start in any.
C. Teams. A run is shared out at block boundaries, one contiguous share a thread. What a share
   computes depends on its position alone, so the size of the team never shows in the result.
"""
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from lanes cimport (
    FD_BLOCK,
    FD_BLOCK_WORDS,
    FD_WORD,
    Kernels,
    fd_apply_float32,
    fd_apply_float64,
    fd_keep_word,
    fd_lanes,
    fd_rule,
    fd_seed,
    fd_skip,
)

ctypedef fused real:
    float
    double


cdef inline void apply(const real *x, real *y, uint64_t keep, real scale) noexcept nogil:
    if real is float:
        fd_apply_float32(x, y, keep, scale)
    else:
        fd_apply_float64(x, y, keep, scale)


cdef void drop_share(
    const real *x, real *y, Py_ssize_t size, uint64_t offset, const fd_rule *rule, real scale
) noexcept nogil:
    """Drop a run on the calling thread."""
    cdef:
        fd_lanes lanes, held
        real last[FD_WORD]
        uint64_t word = offset // FD_WORD      # index of the stream's next word
        int left = <int> (-offset % FD_WORD)   # elements of the run before its first whole word
        int rest = <int> (size % FD_WORD)
        Py_ssize_t chunks = size // FD_WORD, count, i
        uint64_t carry = 0, keep

    if word % FD_BLOCK_WORDS:
        fd_seed(&lanes, rule, word // FD_BLOCK_WORDS)
        fd_skip(&lanes, word % FD_BLOCK_WORDS)
    if left:
        enter(&lanes, rule, word)
        carry = fd_keep_word(&lanes, rule, FD_WORD * word) >> (FD_WORD - left)
        word += 1
    while chunks:
        enter(&lanes, rule, word)
        count = min(chunks, <Py_ssize_t> (FD_BLOCK_WORDS - word % FD_BLOCK_WORDS))
        chunks -= count
        held = lanes  # a copy of the loop's own, which gcc keeps in registers
        for i in range(count):
            keep = fd_keep_word(&held, rule, FD_WORD * word)
            apply(x, y, carry | keep << left, scale)
            carry = keep >> 1 >> (FD_WORD - 1 - left)
            x += FD_WORD
            y += FD_WORD
            word += 1
        lanes = held
    if rest:
        if rest > left:
            enter(&lanes, rule, word)
            carry |= fd_keep_word(&lanes, rule, FD_WORD * word) << left
        memset(last, 0, sizeof(last))
        memcpy(last, x, rest * sizeof(real))
        apply(<const real *> last, last, carry, scale)
        memcpy(y, last, rest * sizeof(real))


cdef inline void enter(fd_lanes *lanes, const fd_rule *rule, uint64_t word) noexcept nogil:
    """Seed the lanes where a block begins."""
    if word % FD_BLOCK_WORDS == 0:
        fd_seed(lanes, rule, word // FD_BLOCK_WORDS)


cdef void drop(
    const real *x,
    real *y,
    Py_ssize_t size,
    uint64_t offset,
    const fd_rule *rule,
    real scale,
    int team,
) noexcept nogil:
    """Drop a run on a team of threads, or, for a team of one, by a plain call."""
    cdef:
        uint64_t ahead = offset % FD_BLOCK           # elements of the first block before the run
        uint64_t blocks = (size + ahead + FD_BLOCK - 1) // FD_BLOCK
        Py_ssize_t begin, end
        int share

    if team == 1:
        drop_share(x, y, size, offset, rule, scale)
        return
    for share in prange(team, num_threads=team, schedule="static", chunksize=1):
        begin = boundary(blocks * share // team, ahead, size)
        end = boundary(blocks * (share + 1) // team, ahead, size)
        if begin < end:
            drop_share(x + begin, y + begin, end - begin, offset + begin, rule, scale)


cdef inline Py_ssize_t boundary(uint64_t block, uint64_t ahead, Py_ssize_t size) noexcept nogil:
    """Where the run's `block`-th block starts in the run."""
    if block == 0:
        return 0
    return min(<Py_ssize_t> (FD_BLOCK * block - ahead), size)


cdef void drop_float32(
    const void *x, void *y, Py_ssize_t size, uint64_t offset, const fd_rule *rule, double scale,
    int team,
) noexcept nogil:
    drop(<const float *> x, <float *> y, size, offset, rule, <float> scale, team)


cdef void drop_float64(
    const void *x, void *y, Py_ssize_t size, uint64_t offset, const fd_rule *rule, double scale,
    int team,
) noexcept nogil:
    drop(<const double *> x, <double *> y, size, offset, rule, scale, team)


cdef Kernels table
table.float32 = drop_float32
table.float64 = drop_float64
kernels = PyCapsule_New(&table, "fastdrop.kernels", NULL)
