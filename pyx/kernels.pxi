"""The loops of one CPU level. Each level's module includes this file and is compiled for its CPU.

A job is an array, the index of its first element in the stream, and what is done to the elements
(KernelArgs).

A. Words. A run of elements is worked through in chunks of 64, counted from its own start. A chunk
   needs the end of one keep word and the start of the next, so the bits left over from a word are
   carried to the next chunk. A run that starts on a word carries nothing; there is no second loop
   for it. Packing a mask means storing the word itself.
B. Blocks. The lanes are seeded anew for each block, so a run can start in any block.
C. Cache lines. Stores should begin on a cache line: the elements before the first line are a run of
   their own, and the rest starts inside a word, as any run may. A result larger than the cache is
   written by nontemporal stores, which save reading the lines that they overwrite.
D. Teams (team.pxi). A job is shared out in whole blocks. What a block becomes depends on its
   position alone, so the team never shows in the result.
E. Masks (mask_reader.pxi). Decisions that are shared or given are read from a packed mask as keep
   words. Where memory is walked in another order than C order, the mask is drawn in bits and
   transposed into the order of the walk first (bits.pxi).
F. Draws (draw_reader.pxi). The elements of a block of a larger array are runs of the stream, one
   for each row. A p for each element is compared with the draws as a threshold for each.
G. Layouts (layout.pxi). Memory that is not contiguous is worked on row by row, or through a buffer.
   A fill or a scale for each element is gathered beside it.
"""
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from kernels cimport *
from operations cimport *

# A part of the stream: the words to come, and the bits that are left of the last one.
cdef struct Stream:
    fd_words words
    uint64_t carry
    int left            # of its bits


ctypedef void (*drop_function)(
    const char *, char *, Py_ssize_t, Stream *, const KernelArgs *, bint
) noexcept nogil
ctypedef void (*apply_function)(
    const char *, char *, Py_ssize_t, const uint64_t *, Py_ssize_t, const KernelArgs *, bint
) noexcept nogil

ctypedef void (*each_function)(
    const char *, char *, Py_ssize_t, const uint64_t *, Py_ssize_t, const char *, const char *,
    const KernelArgs *, bint
) noexcept nogil

# By operation: a run that the stream decides, a run that keep words decide, and one that they
# decide with a fill and a scale for each element.
cdef drop_function[OPERATION_COUNT] drop_by
cdef apply_function[OPERATION_COUNT] apply_by
cdef each_function[OPERATION_COUNT] each_by
cdef int[OPERATION_COUNT] scale_bytes_by  # of a scale for such an element


cdef void open_stream(
    Stream *stream, const fd_mask_params *params, uint64_t index
) noexcept nogil:
    """Begin at an element of the stream."""
    stream.words.next = stream.carry = stream.left = 0
    seek(stream, params, index)


cdef inline void seek(Stream *stream, const fd_mask_params *params, uint64_t index) noexcept nogil:
    """Go to another element of the stream."""
    cdef uint64_t ahead = index - (FD_WORD * stream.words.next - <uint64_t> stream.left)

    if ahead <= <uint64_t> stream.left:  # its decision is left over
        stream.carry = stream.carry >> ahead if ahead < FD_WORD else 0
        stream.left -= <int> ahead
        return
    stream.left = <int> (-index % FD_WORD)
    stream.carry = 0
    fd_seek(&stream.words, params, index // FD_WORD)
    if stream.left:
        stream.carry = fd_next(&stream.words, params) >> (FD_WORD - stream.left)


cdef void drop_run(
    const element *x,
    element *y,
    Py_ssize_t size,
    Stream *stream,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    """Work on a run that the next decisions of the stream are for."""
    cdef:
        fd_words *words = &stream.words
        fd_lanes lanes                    # copies of the word loop's own: gcc keeps in registers
        fd_mask_params params = args.params          # what no other function has the address of
        fd_affine affine = args.affine
        int left = stream.left, rest = <int> (size % FD_WORD)
        Py_ssize_t chunks = size // FD_WORD, count, i
        uint64_t carry = stream.carry, next, keep

    while chunks:
        fd_enter(words, &args.params)
        next = words.next
        count = min(chunks, <Py_ssize_t> (FD_BLOCK_WORDS - next % FD_BLOCK_WORDS))
        lanes = words.lanes
        for i in range(count):
            keep = fd_keep_word(&lanes, &params, FD_WORD * (next + i))
            fd_apply(x, y, carry | keep << left, affine, nontemporal)
            carry = keep >> 1 >> (FD_WORD - 1 - left)
            x += 1 if element is fd_packed else FD_WORD
            y += 1 if element is fd_packed else FD_WORD
        words.lanes = lanes
        words.next += count
        chunks -= count
    if rest > left:
        keep = fd_next(words, &args.params)
        apply_part(x, y, rest, carry | keep << left, affine)
        carry = keep >> (rest - left)
        left += FD_WORD
    elif rest:
        apply_part(x, y, rest, carry, affine)
        carry >>= rest
    stream.carry = carry
    stream.left = left - rest


cdef void apply_run(
    const element *x,
    element *y,
    Py_ssize_t size,
    const uint64_t *keep,
    Py_ssize_t at,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    """Work on a run that keep words decide, from bit `at` on; one word more is read."""
    cdef:
        fd_affine affine = args.affine
        int shift = <int> (at % FD_WORD), rest = <int> (size % FD_WORD)
        Py_ssize_t i

    keep += at // FD_WORD
    for i in range(size // FD_WORD):
        fd_apply(x, y, fd_window(keep[0], keep[1], shift), affine, nontemporal)
        keep += 1
        x += FD_WORD
        y += FD_WORD
    if rest:
        apply_part(x, y, rest, fd_window(keep[0], keep[1], shift), affine)


cdef void apply_each_run(
    const element *x,
    element *y,
    Py_ssize_t size,
    const uint64_t *keep,
    Py_ssize_t at,
    const element *fill,
    const char *scales,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    """Work on a run that keep words decide, with a fill and a scale for each element."""
    cdef:
        element part[FD_WORD]
        element part_fill[FD_WORD]
        double part_scales[FD_WORD]
        fd_affine affine = args.affine
        int shift = <int> (at % FD_WORD), rest = <int> (size % FD_WORD)
        int scale_bytes = scale_bytes_by[args.operation]
        Py_ssize_t i

    keep += at // FD_WORD
    for i in range(size // FD_WORD):
        fd_apply_each(
            x, y, fill, scales, fd_window(keep[0], keep[1], shift), affine, nontemporal
        )
        keep += 1
        x += FD_WORD
        y += FD_WORD
        fill += FD_WORD
        scales += FD_WORD * scale_bytes
    if rest:
        memset(part, 0, sizeof(part))
        memset(part_fill, 0, sizeof(part_fill))
        memset(part_scales, 0, sizeof(part_scales))
        memcpy(part, x, rest * sizeof(element))
        memcpy(part_fill, fill, rest * sizeof(element))
        memcpy(part_scales, scales, rest * scale_bytes)
        fd_apply_each(
            <const element *> part, part, <const element *> part_fill, <const char *> part_scales,
            fd_window(keep[0], keep[1], shift), affine, False,
        )
        memcpy(y, part, rest * sizeof(element))


cdef inline void apply_part(
    const element *x, element *y, int size, uint64_t keep, fd_affine affine
) noexcept nogil:
    """Apply a keep word to fewer than 64 elements."""
    cdef element part[FD_WORD]

    if element is fd_packed:
        fd_apply(x, part, keep & ((<uint64_t> 1 << size) - 1), affine, False)
        memcpy(y, part, (size + 7) // 8)
    else:
        memset(part, 0, sizeof(part))
        memcpy(part, x, size * sizeof(element))
        fd_apply(<const element *> part, part, keep, affine, False)
        memcpy(y, part, size * sizeof(element))


include "dispatch.pxi"  # made from operations.py: fills the tables above
include "cursor.pxi"
include "draw_reader.pxi"
include "mask_reader.pxi"
include "layout.pxi"
include "bits.pxi"
include "team.pxi"
include "counts.pxi"
include "dilate.pxi"

# Runs of so many elements or more begin on a cache line.
cdef enum:
    ALIGN_MIN_SIZE = 65536


cdef void run_blocks(const void *job, Py_ssize_t begin, Py_ssize_t count) noexcept nogil:
    """Work on `count` blocks of a job from number `begin` on, on the calling thread."""
    cdef:
        const Job *this = <const Job *> job
        Py_ssize_t first = FD_BLOCK * begin
        Py_ssize_t size = min(FD_BLOCK * count, this.size - first)

    if this.args.operation == PACK:
        run_packing(this, first, size)
    elif this.layout is NULL:
        run_contiguous(this, first, size)
    else:
        run_layout(this, first, size)


cdef void run_contiguous(const Job *job, Py_ssize_t begin, Py_ssize_t size) noexcept nogil:
    """Work on `size` elements of contiguous arrays from number `begin` on."""
    cdef:
        const KernelArgs *args = job.args
        const char *x = job.x + begin * args.item_bits // 8
        char *y = job.y + begin * args.item_bits // 8
        Py_ssize_t ahead = 0, off_line
        bint nontemporal = args.nontemporal
        drop_function drop = drop_by[args.operation]
        Stream stream

    if nontemporal or size >= ALIGN_MIN_SIZE:
        off_line = <Py_ssize_t> (-<size_t> y % FD_CACHE_LINE)
        if off_line % (args.item_bits // 8):  # as of complex numbers, aligned by their parts
            nontemporal = False
        else:
            ahead = min(size, off_line // (args.item_bits // 8))
    if args.mask is NULL:
        open_stream(&stream, &args.params, args.offset + <uint64_t> begin)
        if ahead:
            drop(x, y, ahead, &stream, args, False)
            x += ahead * args.item_bits // 8
            y += ahead * args.item_bits // 8
        drop(x, y, size - ahead, &stream, args, nontemporal)
    else:
        run_masked(x, y, ahead, begin, args, False)
        x += ahead * args.item_bits // 8
        y += ahead * args.item_bits // 8
        run_masked(x, y, size - ahead, begin + ahead, args, nontemporal)
    if nontemporal:
        fd_fence()


# Keep words that are read from a mask at a time: enough to be worth the call of a run, and few
# enough to hide the mask's arithmetic behind the run's memory.
cdef enum:
    MASKED_WORDS = 16


cdef void run_masked(
    const char *x, char *y, Py_ssize_t size, Py_ssize_t at, const KernelArgs *args, bint nontemporal
) noexcept nogil:
    """Work on a contiguous run that a mask decides, from element `at` of the job on."""
    cdef:
        PackedReader reader
        uint64_t keep[MASKED_WORDS + 2]
        Py_ssize_t count

    open_packed(&reader, args.mask, at)
    memset(keep, 0, sizeof(keep))
    while size:
        count = min(size, <Py_ssize_t> (FD_WORD * MASKED_WORDS))
        read_packed(&reader, keep, count)
        apply_by[args.operation](x, y, count, keep, 0, args, nontemporal)
        x += count * args.item_bits // 8
        y += count * args.item_bits // 8
        size -= count


cdef double run(const Job *job) noexcept nogil:
    """Work on a job, by a team or, if one thread is enough, on the calling thread."""
    cdef Py_ssize_t blocks = (job.size + FD_BLOCK - 1) // FD_BLOCK

    if min(<Py_ssize_t> job.args.team, blocks) > 1:
        return run_team(run_blocks, job, blocks, job.args.team)
    run_blocks(job, 0, blocks)
    return 0


cdef Kernel this_kernel
this_kernel.run = run
this_kernel.transpose = transpose
this_kernel.pack_bools = pack_bools
this_kernel.survey_floats = fd_survey_floats
this_kernel.survey_doubles = fd_survey_doubles
this_kernel.drop_counts = drop_counts
this_kernel.dilate = dilate
kernel = PyCapsule_New(&this_kernel, "fastdrop.kernel", NULL)
