"""Keep words in the order of a walk: drawn from the stream, or read from a packed mask."""
from libc.stdint cimport uint64_t

from kernels cimport *


cdef struct PackedReader:
    const Mask *mask
    Py_ssize_t bit          # of the row's first decision
    Py_ssize_t decision     # the next one, in the row
    Py_ssize_t begun        # elements of it that have been read
    Py_ssize_t cycle        # the row's
    Py_ssize_t index[MAX_AXES]
    fd_spread spread        # for decisions that are repeated at once, unless its count is 0


cdef void open_packed(PackedReader *reader, const Mask *mask, Py_ssize_t at) noexcept nogil:
    """Go to element number `at`."""
    cdef int axis

    reader.mask = mask
    reader.spread.count = 0
    if 2 <= mask.repeat <= 32:
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
        reader.bit += reader.index[axis] * mask.strides[axis]


cdef void read_packed(PackedReader *reader, uint64_t *keep, Py_ssize_t size) noexcept nogil:
    """Make the keep words of the next `size` elements; `keep` has room for one word more."""
    cdef:
        const Mask *mask = reader.mask
        Py_ssize_t have = 0, row_begin = -1

    while have < size:
        if reader.decision == 0 and reader.begun == 0:
            row_begin = have
        if mask.repeat == 1:
            have += read_decisions(reader, keep, have, size)
        else:
            have += read_repeated(reader, keep, have, size)
        if reader.decision == mask.row:
            reader.decision = 0
            if row_begin >= 0 and mask.cycles > 1:
                have += repeat_row(reader, keep, have, have - row_begin, size - have)
            next_row(reader)


cdef inline Py_ssize_t read_decisions(
    PackedReader *reader, uint64_t *keep, Py_ssize_t have, Py_ssize_t size
) noexcept nogil:
    """Append decisions as they lie in the row; return how many."""
    cdef:
        Py_ssize_t count = min(size - have, reader.mask.row - reader.decision), done
        uint64_t bits

    for done in range(0, count, 64):
        bits = fd_bits_from(reader.mask.bits, reader.bit + reader.decision + done)
        put(keep, have + done, bits, min(count - done, 64))
    reader.decision += count
    return count


cdef inline Py_ssize_t read_repeated(
    PackedReader *reader, uint64_t *keep, Py_ssize_t have, Py_ssize_t size
) noexcept nogil:
    """Append decisions of the row, each for several elements; return for how many elements."""
    cdef:
        const Mask *mask = reader.mask
        Py_ssize_t at = have, repeat = mask.repeat, count, done
        uint64_t bits

    while reader.begun == 0 and reader.decision < mask.row:  # as many as fit into a word
        count = min(reader.spread.count, mask.row - reader.decision)
        if count * repeat > size - at:
            count = (size - at) // repeat
        if count == 0:
            break
        bits = fd_bits_from(mask.bits, reader.bit + reader.decision)
        put(keep, at, fd_repeat_bits(bits, &reader.spread), count * repeat)
        at += count * repeat
        reader.decision += count
    while at < size and reader.decision < mask.row:  # one, or what is left of it
        bits = <uint64_t> 0 - (fd_bits_from(mask.bits, reader.bit + reader.decision) & 1)
        count = min(size - at, repeat - reader.begun)
        for done in range(0, count, 64):
            put(keep, at + done, bits, min(count - done, 64))
        at += count
        reader.begun += count
        if reader.begun == repeat:
            reader.begun = 0
            reader.decision += 1
            if reader.spread.count:
                break
    return at - have


cdef inline void next_row(PackedReader *reader) noexcept nogil:
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
        reader.bit += mask.strides[axis]
        if reader.index[axis] < mask.shape[axis]:
            return
        reader.bit -= mask.strides[axis] * mask.shape[axis]
        reader.index[axis] = 0


cdef Py_ssize_t repeat_row(
    PackedReader *reader, uint64_t *keep, Py_ssize_t have, Py_ssize_t row, Py_ssize_t room
) noexcept nogil:
    """Repeat the row at the end of `keep` for its next cycles, as far as there is room."""
    cdef:
        Py_ssize_t rows = min(reader.mask.cycles - reader.cycle - 1, room // row)
        Py_ssize_t end = have + rows * row, back = row, begin, take
        uint64_t bits

    reader.cycle += rows
    while have < end:
        take = min(min(back, 64), end - have)
        begin = have - back
        bits = fd_window(
            keep[begin // FD_WORD], keep[begin // FD_WORD + 1], <int> (begin % FD_WORD)
        )
        put(keep, have, bits, take)
        have += take
        if back <= 32:
            back += take  # twice as many can be copied next, a multiple of the row
    return rows * row


# Either the stream or a packed mask, as the call has it.
cdef struct MaskReader:
    const KernelArgs *args
    DrawReader draws
    PackedReader packed


cdef inline void open_mask(
    MaskReader *reader, const KernelArgs *args, Py_ssize_t at
) noexcept nogil:
    """Go to element number `at` of a call."""
    reader.args = args
    if args.mask is NULL:
        open_draws(&reader.draws, args, at)
    else:
        open_packed(&reader.packed, args.mask, at)


cdef inline void read_mask(MaskReader *reader, uint64_t *keep, Py_ssize_t size) noexcept nogil:
    """Make the keep words of the next `size` elements, a tile at most; `keep` has a word more."""
    if reader.args.mask is NULL:
        read_draws(&reader.draws, keep, size)
    else:
        read_packed(&reader.packed, keep, size)
