"""The loops of one CPU level: words, blocks, masks and the thread team.

A kernel takes a contiguous run of elements (or contiguous columns, see E), the index of its first
one, and what is to be done (KernelArgs).

A. Words. The run is worked through in chunks of 64 elements counted from its own start, so a
   chunk needs the end of one keep word and the start of the next: the bits left over from a word
   are carried to the following chunk. A run that starts on a word carries nothing; there is no
   second loop for it. To pack a mask is to store the word itself.
B. Blocks. The lanes are seeded anew for each block, so a run can start in any.
C. Lines. Stores want to begin on a cache line: the elements ahead of the first one are a run of
   their own, and what follows starts inside a word, as any run may. A result that outgrows the
   cache is stored past it (nontemporal), which spares the read of the lines that it overwrites.
D. Teams. A run is shared out in whole blocks, one contiguous share a thread, so that a thread finds
   its part of an array in its cache at the next call. It takes half of what is left of its share
   at a time, and then of the others': a thread that wakes late finds less to do. What a block
   becomes depends on its position alone, so the team never shows in the result.
E. Columns. A mask runs along the rows, whatever the memory does. Where the columns are contiguous,
   the keep words of 64 rows are made first and turned, a square of 64 x 64 bits at a time, into
   keep words of columns. (Gathering the rows instead takes ten times as long: their elements lie
   a column apart, and with a round number of rows in a few sets of the cache.)
F. Masks. Decisions that hold for several elements, or that the caller gave, are read from a packed
   mask: a reader stretches it into keep words, a tile of them at a time, for any shared axes.
"""
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange, threadid
from libc.math cimport HUGE_VAL
from libc.stdint cimport UINT64_MAX, int64_t, uint64_t
from libc.string cimport memcpy, memset

from kernels cimport *

ctypedef fused element:
    fd_packed
    fd_select1
    fd_select2
    fd_select4
    fd_select8
    fd_select16
    fd_select32
    fd_scale_float16
    fd_scale_bfloat16
    fd_scale_float32
    fd_scale_float64
    fd_scale_complex64
    fd_scale_complex128
    fd_shift_float16
    fd_shift_bfloat16
    fd_shift_float32
    fd_shift_float64

# Elements from which it pays to begin on a cache line, at the price of opening the stream twice.
cdef enum:
    ALIGN_FROM = 65536


cdef void drop_run(
    const element *x,
    element *y,
    Py_ssize_t size,
    uint64_t offset,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    """Work on a run that the stream decides, from its element `offset` on."""
    cdef:
        fd_words words
        fd_lanes lanes                    # copies of the word loop's own: gcc keeps in registers
        fd_mask_params params = args.params          # what no other function has the address of
        fd_affine affine = args.affine
        int left = <int> (-offset % FD_WORD)   # elements of the run before its first whole word
        int rest = <int> (size % FD_WORD)
        Py_ssize_t chunks = size // FD_WORD, count, i
        uint64_t carry = 0, keep

    fd_seek(&words, &args.params, offset // FD_WORD)
    if left:
        carry = fd_next(&words, &args.params) >> (FD_WORD - left)
    while chunks:
        fd_enter(&words, &args.params)
        count = min(chunks, <Py_ssize_t> (FD_BLOCK_WORDS - words.next % FD_BLOCK_WORDS))
        lanes = words.lanes
        for i in range(count):
            keep = fd_keep_word(&lanes, &params, FD_WORD * (words.next + i))
            fd_apply(x, y, carry | keep << left, affine, nontemporal)
            carry = keep >> 1 >> (FD_WORD - 1 - left)
            x += 1 if element is fd_packed else FD_WORD
            y += 1 if element is fd_packed else FD_WORD
        words.lanes = lanes
        words.next += count
        chunks -= count
    if rest:
        if rest > left:
            carry |= fd_next(&words, &args.params) << left
        apply_part(x, y, rest, carry, affine)


# Keep words, each for a piece of 64 elements or fewer; pieces begin some bytes after one another.
cdef struct KeepWords:
    const uint64_t *keep
    Py_ssize_t count
    Py_ssize_t x_stride
    Py_ssize_t y_stride


cdef void apply_keep_words(
    const element *x,
    element *y,
    int size,
    const KeepWords *words,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    """Apply the keep words to pieces of `size` elements."""
    cdef:
        const uint64_t *keep = words.keep
        fd_affine affine = args.affine
        Py_ssize_t i

    for i in range(words.count):
        if size == FD_WORD:
            fd_apply(x, y, keep[i], affine, nontemporal)
        else:
            apply_part(x, y, size, keep[i], affine)
        x = <const element *> (<const char *> x + words.x_stride)
        y = <element *> (<char *> y + words.y_stride)


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


cdef inline void run_typed(
    const char *x,
    element *y,
    Py_ssize_t size,
    const KeepWords *words,
    uint64_t offset,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    if words is not NULL:
        apply_keep_words(<const element *> x, y, <int> size, words, args, nontemporal)
    elif nontemporal:
        drop_run(<const element *> x, y, size, offset, args, True)
    else:
        drop_run(<const element *> x, y, size, offset, args, False)


cdef void run_serial(
    const char *x,
    char *y,
    Py_ssize_t size,
    const KeepWords *words,
    uint64_t offset,
    const KernelArgs *args,
    bint nontemporal,
) noexcept nogil:
    """Work on the calling thread, as `apply_keep_words` or, where there are none, as `drop_run`."""
    cdef Operation operation = args.operation

    if operation == PACK:
        run_typed(x, <fd_packed *> y, size, words, offset, args, nontemporal)
    elif operation == SELECT1:
        run_typed(x, <fd_select1 *> y, size, words, offset, args, nontemporal)
    elif operation == SELECT2:
        run_typed(x, <fd_select2 *> y, size, words, offset, args, nontemporal)
    elif operation == SELECT4:
        run_typed(x, <fd_select4 *> y, size, words, offset, args, nontemporal)
    elif operation == SELECT8:
        run_typed(x, <fd_select8 *> y, size, words, offset, args, nontemporal)
    elif operation == SELECT16:
        run_typed(x, <fd_select16 *> y, size, words, offset, args, nontemporal)
    elif operation == SELECT32:
        run_typed(x, <fd_select32 *> y, size, words, offset, args, nontemporal)
    elif operation == SCALE_FLOAT16:
        run_typed(x, <fd_scale_float16 *> y, size, words, offset, args, nontemporal)
    elif operation == SCALE_BFLOAT16:
        run_typed(x, <fd_scale_bfloat16 *> y, size, words, offset, args, nontemporal)
    elif operation == SCALE_FLOAT32:
        run_typed(x, <fd_scale_float32 *> y, size, words, offset, args, nontemporal)
    elif operation == SCALE_FLOAT64:
        run_typed(x, <fd_scale_float64 *> y, size, words, offset, args, nontemporal)
    elif operation == SCALE_COMPLEX64:
        run_typed(x, <fd_scale_complex64 *> y, size, words, offset, args, nontemporal)
    elif operation == SCALE_COMPLEX128:
        run_typed(x, <fd_scale_complex128 *> y, size, words, offset, args, nontemporal)
    elif operation == SHIFT_FLOAT16:
        run_typed(x, <fd_shift_float16 *> y, size, words, offset, args, nontemporal)
    elif operation == SHIFT_BFLOAT16:
        run_typed(x, <fd_shift_bfloat16 *> y, size, words, offset, args, nontemporal)
    elif operation == SHIFT_FLOAT32:
        run_typed(x, <fd_shift_float32 *> y, size, words, offset, args, nontemporal)
    elif operation == SHIFT_FLOAT64:
        run_typed(x, <fd_shift_float64 *> y, size, words, offset, args, nontemporal)


cdef struct Reader:
    const Mask *mask
    Py_ssize_t bit          # of the row's first decision
    Py_ssize_t decision     # the next one, in the row
    Py_ssize_t begun        # elements of it that have been read
    Py_ssize_t cycle        # the row's
    Py_ssize_t index[MAX_AXES]
    fd_spread spread


cdef void open_mask(Reader *reader, const Mask *mask, Py_ssize_t at) noexcept nogil:
    """Go to element number `at`."""
    cdef int axis

    reader.mask = mask
    reader.spread.count = 0  # decisions that are repeated at once
    if mask.row_step == 1 and 2 <= mask.repeat <= 32:
        fd_set_spread(&reader.spread, <int> mask.repeat)
    reader.begun = at % mask.repeat
    at //= mask.repeat
    reader.decision = at % mask.row
    at //= mask.row
    reader.cycle = at % mask.cycles
    at //= mask.cycles
    reader.bit = 0
    for axis in range(mask.axes):
        reader.index[axis] = at % mask.shape[axis]
        at //= mask.shape[axis]
        reader.bit += reader.index[axis] * mask.step[axis]


cdef inline void next_row(Reader *reader) noexcept nogil:
    """Go on to the row's next cycle, or along the axes above."""
    cdef:
        const Mask *mask = reader.mask
        int axis

    reader.cycle += 1
    if reader.cycle < mask.cycles:
        return
    reader.cycle = 0
    for axis in range(mask.axes):
        reader.index[axis] += 1
        reader.bit += mask.step[axis]
        if reader.index[axis] < mask.shape[axis]:
            return
        reader.bit -= mask.step[axis] * mask.shape[axis]
        reader.index[axis] = 0


cdef inline void put(uint64_t *keep, Py_ssize_t at, uint64_t bits, Py_ssize_t count) noexcept nogil:
    """Put the lowest bits behind the `at` bits that keep holds."""
    cdef int shift = <int> (at % FD_WORD)

    keep += at // FD_WORD
    bits &= UINT64_MAX >> (FD_WORD - count)
    if shift == 0:
        keep[0] = bits
        return
    keep[0] |= bits << shift
    if shift + count > FD_WORD:
        keep[1] = bits >> (FD_WORD - shift)


cdef inline uint64_t bit_at(const uint64_t *bits, Py_ssize_t at) noexcept nogil:
    return fd_little_endian(bits[at // FD_WORD]) >> (at % FD_WORD) & 1


cdef void read_mask(Reader *reader, uint64_t *keep, Py_ssize_t size) noexcept nogil:
    """Make the keep words of the next `size` elements; `keep` holds a word more."""
    cdef:
        const Mask *mask = reader.mask
        Py_ssize_t repeat = mask.repeat, row = mask.row, step = mask.row_step
        Py_ssize_t begun = reader.begun, decision = reader.decision
        Py_ssize_t have = 0, row_begin = -1, count, done
        uint64_t some

    while have < size:
        if decision == 0 and begun == 0:
            row_begin = have
        if repeat == 1 and step == 1:  # decisions as they lie in the mask
            count = min(size - have, row - decision)
            for done in range(0, count, 64):
                some = fd_bits_from(mask.bits, reader.bit + decision + done)
                put(keep, have + done, some, min(count - done, 64))
            have += count
            decision += count
        elif repeat == 1:  # decisions that lie apart in it, as those of columns do
            count = min(min(size - have, 64), row - decision)
            some = 0
            for done in range(count):
                some |= bit_at(mask.bits, reader.bit + (decision + done) * step) << done
            put(keep, have, some, count)
            have += count
            decision += count
        else:
            while begun == 0 and decision < row:  # as many as fit into a word
                count = min(reader.spread.count, row - decision)
                if count * repeat > size - have:
                    count = (size - have) // repeat
                if count == 0:
                    break
                some = fd_repeat_bits(
                    fd_bits_from(mask.bits, reader.bit + decision), &reader.spread
                )
                put(keep, have, some, count * repeat)
                have += count * repeat
                decision += count
            while have < size and decision < row:  # one, or what is left of it
                some = <uint64_t> 0 - bit_at(mask.bits, reader.bit + decision * step)
                count = min(size - have, repeat - begun)
                for done in range(0, count, 64):
                    put(keep, have + done, some, min(count - done, 64))
                have += count
                begun += count
                if begun == repeat:
                    begun = 0
                    decision += 1
                    if reader.spread.count:
                        break
        if decision == row:
            decision = 0
            if row_begin >= 0:
                have += repeat_row(reader, keep, have, have - row_begin, size - have)
            next_row(reader)
    reader.begun, reader.decision = begun, decision


cdef Py_ssize_t repeat_row(
    Reader *reader, uint64_t *keep, Py_ssize_t have, Py_ssize_t row, Py_ssize_t room
) noexcept nogil:
    """Put the row that ends `keep` again for the cycles to come, as far as there is room."""
    cdef:
        Py_ssize_t rows = min(reader.mask.cycles - reader.cycle - 1, room // row)
        Py_ssize_t end = have + rows * row, back = row, begin, take

    reader.cycle += rows
    while have < end:
        take = min(min(back, 64), end - have)
        begin = have - back
        put(
            keep,
            have,
            fd_window(
                keep[begin // FD_WORD], keep[begin // FD_WORD + 1], <int> (begin % FD_WORD)
            ),
            take,
        )
        have += take
        if back <= 32:
            back += take  # as many again, a multiple of the row
    return rows * row


# Keep words that are read from a mask at a time: enough of them to be worth the call of a run, few
# enough for the mask's arithmetic to hide behind the run's memory.
cdef enum:
    TILE_WORDS = 16


cdef void run_mask(
    const char *x, char *y, Py_ssize_t size, uint64_t at, const KernelArgs *args, bint nontemporal
) noexcept nogil:
    """Work on a run that the mask decides, from its element `at` on."""
    cdef:
        Reader reader
        uint64_t keep[TILE_WORDS + 1]
        KeepWords words
        Py_ssize_t step = FD_WORD * args.item_bits // 8

    open_mask(&reader, args.mask, at)
    memset(keep, 0, sizeof(keep))
    words.keep = keep
    words.x_stride = words.y_stride = step
    while size >= FD_WORD:
        words.count = min(size // FD_WORD, <Py_ssize_t> TILE_WORDS)
        read_mask(&reader, keep, FD_WORD * words.count)
        run_serial(x, y, FD_WORD, &words, 0, args, nontemporal)
        x += words.count * step
        y += words.count * step
        size -= words.count * FD_WORD
    if size:
        read_mask(&reader, keep, size)
        words.count = 1
        run_serial(x, y, size, &words, 0, args, False)


cdef void run_share(
    const char *x, char *y, Py_ssize_t size, Py_ssize_t begin, const KernelArgs *args
) noexcept nogil:
    """Work on a thread's share, `size` elements from number `begin` on, on the calling thread."""
    cdef:
        Py_ssize_t ahead = 0, off_line
        bint nontemporal = args.nontemporal
        uint64_t at = args.offset + begin

    x += begin * args.item_bits // 8
    y += begin * args.item_bits // 8
    if (nontemporal or size >= ALIGN_FROM) and args.operation != PACK:
        off_line = <Py_ssize_t> (-<size_t> y % FD_CACHE_LINE)
        if off_line % (args.item_bits // 8):  # as of complex numbers, aligned by their parts
            nontemporal = False
        else:
            ahead = min(size, off_line // (args.item_bits // 8))
    if ahead:
        run_from(x, y, ahead, at, args, False)
        x += ahead * args.item_bits // 8
        y += ahead * args.item_bits // 8
    run_from(x, y, size - ahead, at + ahead, args, nontemporal)
    if nontemporal:
        fd_fence()


cdef inline void run_from(
    const char *x, char *y, Py_ssize_t size, uint64_t at, const KernelArgs *args, bint nontemporal
) noexcept nogil:
    if args.mask is not NULL:
        run_mask(x, y, size, at, args, nontemporal)
    else:
        run_serial(x, y, size, NULL, at, args, nontemporal)


cdef void pack_run(
    uint64_t *bits, Py_ssize_t size, uint64_t offset, const KernelArgs *args
) noexcept nogil:
    """Pack the decisions of a run of the stream."""
    drop_run(<const fd_packed *> bits, <fd_packed *> bits, size, offset, args, False)


# Columns of a band of 64 rows that are worked on at a time: their bits, 32 KiB, stay in a near
# cache, and a row has enough of them to be worth opening its stream. Shorter rows are one run.
cdef enum:
    STRETCH = 4096
    BAND_WORDS = 4096 + 1  # and one that a row which ends inside a word may look at


cdef void run_band(
    const char *x,
    char *y,
    Py_ssize_t band,
    Py_ssize_t all_rows,
    Py_ssize_t columns,
    Py_ssize_t x_stride,
    Py_ssize_t y_stride,
    const KernelArgs *args,
) noexcept nogil:
    """Work on the 64 rows, or what is left of them, of a band, on the calling thread."""
    cdef:
        uint64_t bits[BAND_WORDS]
        uint64_t square[FD_WORD]
        KeepWords words
        uint64_t offset = args.offset + <uint64_t> (columns * FD_WORD * band)
        Py_ssize_t begin = 0, size, word, pitch = min(STRETCH, columns)
        int row, rows = <int> min(FD_WORD, all_rows - FD_WORD * band)

    x += FD_WORD * band * args.item_bits // 8
    y += FD_WORD * band * args.item_bits // 8
    words.keep = square
    words.x_stride, words.y_stride = x_stride, y_stride
    memset(bits, 0, sizeof(bits))
    while begin < columns:
        size = min(STRETCH, columns - begin)
        if size == columns:
            pack_run(bits, rows * columns, offset, args)
        else:
            for row in range(rows):
                pack_run(
                    bits + pitch // FD_WORD * row,
                    size,
                    offset + <uint64_t> (columns * row + begin),
                    args,
                )
        for word in range((size + FD_WORD - 1) // FD_WORD):
            for row in range(FD_WORD):
                square[row] = 0
                if row < rows:
                    square[row] = fd_bits_from(bits, pitch * row + FD_WORD * word)
            fd_transpose64(square)
            words.count = min(FD_WORD, size - FD_WORD * word)
            run_serial(x, y, rows, &words, 0, args, False)
            x += words.count * x_stride
            y += words.count * y_stride
        begin += size


ctypedef void (*units_kernel)(const Job *, Py_ssize_t, Py_ssize_t) noexcept nogil


cdef void run_blocks(const Job *job, Py_ssize_t begin, Py_ssize_t count) noexcept nogil:
    """Work on so many blocks from number `begin` on, on the calling thread."""
    cdef Py_ssize_t first = FD_BLOCK * begin

    run_share(job.x, job.y, min(FD_BLOCK * count, job.rows - first), first, job.args)


cdef void run_bands(const Job *job, Py_ssize_t begin, Py_ssize_t count) noexcept nogil:
    """Work on so many bands from number `begin` on, on the calling thread."""
    cdef Py_ssize_t band

    for band in range(begin, begin + count):
        run_band(job.x, job.y, band, job.rows, job.columns, job.x_stride, job.y_stride, job.args)


# A team's shares, and what their threads tell: the core they began on, -1 before, and their seconds
# per unit.
cdef struct Team:
    int size
    fd_share share[FD_MAX_THREADS]
    int core[FD_MAX_THREADS]
    double rate[FD_MAX_THREADS]


cdef void run_member(const Job *job, units_kernel run_units, Team *team, int member) noexcept nogil:
    """Work on a share, and then on what is left of the others'."""
    cdef:
        int64_t begin, count, done = 0
        double since
        fd_share *share
        int turn

    if threadid() > 0:
        fd_move_apart(team.core, team.size, member)
    since = fd_seconds()
    for turn in range(team.size):
        share = &team.share[(member + turn) % team.size]
        count = fd_take(share, &begin)
        while count > 0:
            run_units(job, begin, count)
            done += count
            count = fd_take(share, &begin)
    team.rate[member] = (fd_seconds() - since) / done if done else HUGE_VAL


cdef double run_team(const Job *job, units_kernel run_units, Py_ssize_t units) noexcept nogil:
    """Share units out to a team of two or more; return what a kernel returns."""
    cdef:
        Team team
        int member
        double best = HUGE_VAL

    team.size = <int> min(job.args.team, units)
    for member in range(team.size):
        team.share[member].next = units * member // team.size
        team.share[member].end = units * (member + 1) // team.size
        team.core[member] = -1
    team.core[0] = fd_core()
    for member in prange(team.size, num_threads=team.size, schedule="static", chunksize=1):
        run_member(job, run_units, &team, member)
    for member in range(team.size):
        best = min(best, team.rate[member])
    return best * units


cdef double run(const Job *job) noexcept nogil:
    """Work on a job, by a team or, where one thread is enough, by a plain call."""
    cdef Py_ssize_t unit = FD_WORD if job.columns else FD_BLOCK
    cdef Py_ssize_t units = (job.rows + unit - 1) // unit

    if min(job.args.team, units) > 1:
        return run_team(job, run_bands if job.columns else run_blocks, units)
    if job.columns:
        run_bands(job, 0, units)
    else:
        run_blocks(job, 0, units)
    return 0


kernel = PyCapsule_New(<void *> run, "fastdrop.kernel", NULL)
