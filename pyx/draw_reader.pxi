"""Decisions drawn in the order of C, as keep words: by one p or by many, of a whole or of a region.

A region's elements are runs of the stream, one for each of its rows. With a p for each element the
draws of a step are compared with the thresholds of its elements. Where a run begins or ends within
a step, its draws are kept, because the next run may need them too.
"""
from libc.stdint cimport UINT64_MAX, uint16_t, uint64_t
from libc.string cimport memcpy, memset

from kernels cimport *
from operations cimport PACK


cdef extern from *:
    const Py_ssize_t PY_SSIZE_T_MAX


cdef enum:
    TILE_WORDS = 64         # keep words that are made at a time
    TILE = 64 * TILE_WORDS


cdef inline void put(uint64_t *keep, Py_ssize_t at, uint64_t bits, Py_ssize_t count) noexcept nogil:
    """Append the lowest `count` bits to the `at` bits of `keep`."""
    cdef int shift = <int> (at % FD_WORD)

    keep += at // FD_WORD
    bits &= UINT64_MAX >> (FD_WORD - count)
    if shift == 0:
        keep[0] = bits
        return
    keep[0] |= bits << shift
    if shift + count > FD_WORD:
        keep[1] = bits >> (FD_WORD - shift)


cdef struct DrawReader:
    const KernelArgs *args
    Stream stream
    Cursor run              # of elements that follow one another in the stream
    Feed thresholds         # with rates
    Py_ssize_t number       # of the next element in the walk
    const char *ahead       # the next elements of x, to be fetched meanwhile; or NULL
    int item_bytes          # of these
    bint drawn              # whether `outputs` are those of the step before the stream's next one
    uint64_t outputs[FD_LANES]


# What is not a region is one run, whatever its length.
cdef Axes endless
endless.count = 1
endless.shape[0] = PY_SSIZE_T_MAX
endless.strides[0] = 1


cdef inline void open_run(Cursor *run, const KernelArgs *args, Py_ssize_t at) noexcept nogil:
    """Go to element number `at` of a call in the stream."""
    if args.region is NULL:
        open_cursor(run, &endless, args.offset, at)
    else:
        open_cursor(run, args.region, args.offset, at)


cdef void open_draws(DrawReader *reader, const KernelArgs *args, Py_ssize_t at) noexcept nogil:
    """Go to element number `at` of a call."""
    reader.args = args
    reader.number = at
    reader.ahead = NULL
    reader.drawn = False
    open_run(&reader.run, args, at)
    open_stream(&reader.stream, &args.params, reader.run.at if args.rates is NULL else 0)
    if args.rates is not NULL:
        open_feed(&reader.thresholds, &args.rates.thresholds, at, TILE)


cdef void read_draws(DrawReader *reader, uint64_t *keep, Py_ssize_t size) noexcept nogil:
    """Make the keep words of the next `size` elements, a tile at most; `keep` has a word more."""
    cdef:
        const uint16_t *thresholds = NULL
        Py_ssize_t have = 0, count

    if reader.args.rates is not NULL:
        thresholds = <const uint16_t *> next_of(&reader.thresholds, size, sizeof(uint16_t))
    while have < size:
        count = min(size - have, reader.run.left)
        if thresholds is NULL:
            draw_run(reader, keep, have, count)
        else:
            draw_each(reader, thresholds + have, keep, have, count)
        have += count
        advance(&reader.run, count)
    reader.number += size


cdef inline void draw_run(
    DrawReader *reader, uint64_t *keep, Py_ssize_t have, Py_ssize_t count
) noexcept nogil:
    """Append the decisions of a run by one p."""
    cdef:
        uint64_t words[TILE_WORDS]
        uint64_t *to = &words[0] if have % FD_WORD else &keep[have // FD_WORD]
        char *packed = <char *> to
        Py_ssize_t word

    seek(&reader.stream, &reader.args.params, reader.run.at)
    drop_by[PACK](packed, packed, count, &reader.stream, reader.args, False)
    for word in range((count + FD_WORD - 1) // FD_WORD):
        to[word] = fd_little_endian(to[word])
        if have % FD_WORD or count % FD_WORD:
            put(keep, have + FD_WORD * word, to[word], min(count - FD_WORD * word, 64))


cdef inline void draw_each(
    DrawReader *reader,
    const uint16_t *thresholds,
    uint64_t *keep,
    Py_ssize_t have,
    Py_ssize_t count,
) noexcept nogil:
    """Append the decisions of a run, each by its own p."""
    cdef:
        const fd_mask_params *params = &reader.args.params
        fd_words *words = &reader.stream.words
        uint16_t some[FD_WORD]
        uint64_t index = reader.run.at, bits, tied
        Py_ssize_t done = 0, part
        int first

    while done < count:
        first = <int> (index % FD_WORD)
        part = min(count - done, <Py_ssize_t> (FD_WORD - first))
        if part == FD_WORD:
            part = draw_words(
                reader, thresholds + done, keep, have + done, (count - done) // FD_WORD, index
            )
        else:
            if not reader.drawn or words.next != index // FD_WORD + 1:
                fd_seek(words, params, index // FD_WORD)
                fd_enter(words, params)
                fd_draw(&words.lanes, reader.outputs)
                words.next += 1
                reader.drawn = True
            memset(some, 0, sizeof(some))
            memcpy(some + first, thresholds + done, part * sizeof(uint16_t))
            bits = fd_keep_each(&words.lanes, reader.outputs, some, &tied) >> first
            tied = tied >> first & (UINT64_MAX >> (FD_WORD - part))
            if tied:
                bits = decide_ties(reader, bits, tied, index, reader.number + have + done)
            put(keep, have + done, bits, part)
        index += <uint64_t> part
        done += part


cdef inline Py_ssize_t draw_words(
    DrawReader *reader,
    const uint16_t *thresholds,
    uint64_t *keep,
    Py_ssize_t have,
    Py_ssize_t count,
    uint64_t index,
) noexcept nogil:
    """Append whole steps of decisions, each by its own p, up to the end of the block; return how
    many decisions."""
    cdef:
        const fd_mask_params *params = &reader.args.params
        fd_words *words = &reader.stream.words
        fd_lanes lanes
        uint64_t bits, tied
        Py_ssize_t i

    if words.next != index // FD_WORD:
        fd_seek(words, params, index // FD_WORD)
    fd_enter(words, params)
    count = min(count, <Py_ssize_t> (FD_BLOCK_WORDS - words.next % FD_BLOCK_WORDS))
    lanes = words.lanes
    for i in range(count):
        if reader.ahead is not NULL:
            fd_prefetch(reader.ahead, FD_WORD * reader.item_bytes, 0)
            reader.ahead += FD_WORD * reader.item_bytes
        bits = fd_keep_each(&lanes, NULL, thresholds, &tied)
        if tied:
            bits = decide_ties(
                reader, bits, tied, index + <uint64_t> (FD_WORD * i), reader.number + have
            )
        put(keep, have, bits, FD_WORD)
        thresholds += FD_WORD
        have += FD_WORD
    words.lanes = lanes
    words.next += <uint64_t> count
    reader.drawn = False
    return FD_WORD * count


cdef uint64_t decide_ties(
    DrawReader *reader, uint64_t keep, uint64_t tied, uint64_t index, Py_ssize_t number
) noexcept nogil:
    """Decide tied elements by their p. `index` in the stream and `number` in the walk: of bit 0."""
    cdef:
        const Rates *rates = reader.args.rates
        fd_mask_params params = reader.args.params
        uint64_t bit = 1
        Cursor cursor
        double p
        float single
        int i

    for i in range(FD_WORD):
        if tied >> i & 1:
            open_cursor(&cursor, &rates.axes, <uint64_t> <size_t> rates.p, number + i)
            if rates.single:
                memcpy(&single, address(&cursor), sizeof(single))
                p = single
            else:
                memcpy(&p, address(&cursor), sizeof(p))
            keep |= bit << i
            if 0 < p < 1:
                fd_set_probability(&params, p)
            if p == 1 or (p > 0 and fd_drops_tie(&params, index + <uint64_t> i)):
                keep &= ~(bit << i)
    return keep


cdef void run_packing(const Job *job, Py_ssize_t begin, Py_ssize_t size) noexcept nogil:
    """Draw `size` decisions from number `begin` on, a multiple of 64, into a packed mask."""
    cdef:
        const KernelArgs *args = job.args
        char *y = job.y + begin // 8
        uint64_t keep[TILE_WORDS + 1]
        Stream stream
        DrawReader reader
        Py_ssize_t count, word

    if args.region is NULL and args.rates is NULL:
        open_stream(&stream, &args.params, args.offset + <uint64_t> begin)
        drop_by[PACK](y, y, size, &stream, args, False)
        return
    open_draws(&reader, args, begin)
    while size:
        count = min(size, <Py_ssize_t> TILE)
        read_draws(&reader, keep, count)
        for word in range((count + FD_WORD - 1) // FD_WORD):
            keep[word] = fd_little_endian(keep[word])
        memcpy(y, keep, (count + 7) // 8)
        y += count // 8
        size -= count
