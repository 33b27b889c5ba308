"""Exact counts: of each line of decisions so many are dropped, or at least so many kept.

A line gets a limit: what has a rank below it is dropped. Where so many are to be kept at least, a
line that keeps too few gets one among what the stream has dropped. A line that is longer than the
table of ranks is read more than once: each time the ranks of a range are tabulated, and those below
it counted, until the limit lies in a table.
"""
from libc.math cimport sqrt
from libc.stdint cimport UINT64_MAX, uint8_t, uint64_t

from kernels cimport *

cdef enum:
    NEAR_LINES = 64         # lines worked on together, so that neighbours share cache lines
    UNIT_DECISIONS = 8192   # decisions in a unit otherwise, unless a line has more

# How far a guess of a limit may be off, as a multiple of its standard deviation: a wider range has
# more ranks to tabulate, and outside a narrower one more limits lie.
cdef double MARGIN = 3


# A line of decisions: its first index in the stream, its bools, and its limit.
cdef struct Line:
    const Lines *lines
    uint64_t first
    uint8_t *bools          # of the decision `lines.begin`
    uint64_t limit


cdef void drop_counts(const Lines *lines) noexcept nogil:
    """Drop or keep counts, by a team or on the calling thread."""
    cdef:
        Py_ssize_t per = lines_per_unit(lines)
        Py_ssize_t units = (lines.outer * lines.inner + per - 1) // per

    if min(<Py_ssize_t> lines.team, units) > 1:
        run_team(count_units, lines, units, lines.team)
    else:
        count_units(lines, 0, units)


cdef inline Py_ssize_t lines_per_unit(const Lines *lines) noexcept nogil:
    if lines.inner > 1:
        return NEAR_LINES
    return max(<Py_ssize_t> 1, UNIT_DECISIONS // lines.length)


cdef void count_units(const void *lines, Py_ssize_t begin, Py_ssize_t count) noexcept nogil:
    """Work on `count` units from number `begin` on."""
    cdef:
        const Lines *this = <const Lines *> lines
        Py_ssize_t per = lines_per_unit(this), line
        Py_ssize_t end = min(per * (begin + count), this.outer * this.inner)
        uint64_t ranks[FD_RANKS]

    for line in range(per * begin, end, 64):
        if this.length <= FD_RANKS:
            settle_short(this, line, min(line + NEAR_LINES, end), ranks)
        else:
            settle_long(this, line, min(line + NEAR_LINES, end), ranks)


cdef void settle_short(
    const Lines *lines, Py_ssize_t begin, Py_ssize_t end, uint64_t *ranks
) noexcept nogil:
    """Settle lines whose ranks fit into the table."""
    cdef:
        Line line
        fd_range every
        Py_ssize_t number, at, drops

    for number in range(begin, end):
        open_line(&line, lines, number)
        drops = begin_search(&line, &every)
        if drops >= 0:
            rank_part(ranks, &line, 0, lines.length)
            line.limit = fd_limit(ranks, lines.length, every, drops)
            for at in range(0, lines.length, 64):
                write_word(&line, at, ranks + at)


cdef void settle_long(
    const Lines *lines, Py_ssize_t begin, Py_ssize_t end, uint64_t *ranks
) noexcept nogil:
    """Settle up to 64 longer lines: find the limit of each, then write them side by side."""
    cdef:
        Line line[NEAR_LINES]
        Py_ssize_t number, at, size, count = 0, i

    for number in range(begin, end):
        open_line(&line[count], lines, number)
        count += find_limit(&line[count], ranks)
    for at in range(lines.begin // FD_WORD * FD_WORD, lines.end, 64):
        size = min(<Py_ssize_t> FD_WORD, lines.length - at)
        for i in range(count):
            rank_part(ranks, &line[i], at, size)
            write_word(&line[i], at, ranks)


cdef void open_line(Line *line, const Lines *lines, Py_ssize_t number) noexcept nogil:
    """Go to a line by its number in C order."""
    cdef:
        Py_ssize_t part = (lines.end - lines.begin) * lines.inner
        int axis

    line.lines = lines
    line.bools = lines.bools + number // lines.inner * part + number % lines.inner
    line.first = lines.first
    for axis in range(lines.across.count - 1, -1, -1):
        line.first += <uint64_t> (number % lines.across.shape[axis] * lines.across.strides[axis])
        number //= lines.across.shape[axis]


cdef inline Py_ssize_t begin_search(const Line *line, fd_range *every) noexcept nogil:
    """Describe what the limit is searched among; return how many stay dropped, or -1 for all."""
    cdef:
        const Lines *lines = line.lines
        Py_ssize_t dropped = lines.length, drops = lines.count, i

    if lines.at_least:
        for i in range(lines.length):
            dropped -= line.bools[i * lines.inner]
        drops = lines.length - lines.count
    every.low, every.high, every.below, every.inside = 0, UINT64_MAX, 0, dropped
    return drops if drops < dropped else -1


cdef bint find_limit(Line *line, uint64_t *ranks) noexcept nogil:
    """Find the limit of a line that is longer than the table; return whether it has one."""
    cdef:
        fd_range range_, part
        Py_ssize_t drops = begin_search(line, &range_), end

    if drops < 0:
        return False
    while True:
        guess(&part, &range_, drops)
        tabulate(line, &part, ranks)
        end = part.below + part.inside
        if drops < part.below:
            range_.high = part.low - 1
            range_.inside = part.below - range_.below
        elif drops >= end:
            range_.low = part.high + 1
            range_.inside -= end - range_.below
            range_.below = end
        elif part.inside > FD_RANKS:
            range_ = part
        else:
            line.limit = fd_limit(ranks, part.inside, part, drops)
            return True


cdef inline void guess(fd_range *part, const fd_range *whole, Py_ssize_t drops) noexcept nogil:
    """Choose the part of a range in which the limit should lie."""
    cdef:
        double size = whole.inside, at = drops - whole.below
        double off = MARGIN * sqrt(at * (size - at) / size) + 8

    part.low = fd_near(whole, at - off)
    part.high = fd_near(whole, at + off)


cdef void tabulate(const Line *line, fd_range *part, uint64_t *table) noexcept nogil:
    """Count a line's ranks below a range and inside, and tabulate the latter if there is room."""
    cdef:
        uint64_t ranks[FD_WORD]
        uint64_t kept, above, bits
        Py_ssize_t at
        int size

    part.below = part.inside = 0
    for at in range(0, line.lines.length, 64):
        size = <int> min(<Py_ssize_t> FD_WORD, line.lines.length - at)
        kept = rank_part(ranks, line, at, size)
        bits = fd_from_limit(ranks, size, part.low)
        part.below += size - fd_ones(bits)
        above = fd_from_limit(ranks, size, part.high + 1) if part.high < UINT64_MAX else 0
        bits &= ~(above | kept)
        if part.inside + fd_ones(bits) <= FD_RANKS:
            fd_tabulate(table + part.inside, ranks, bits)
        part.inside += fd_ones(bits)


cdef inline uint64_t rank_part(
    uint64_t *ranks, const Line *line, Py_ssize_t at, Py_ssize_t count
) noexcept nogil:
    """Compute the ranks of a part of a line; return the bits of the first 64 that are kept already.

    These get the greatest rank, which is below no limit.
    """
    cdef:
        const Lines *lines = line.lines
        const uint8_t *bools = line.bools + at * lines.inner
        uint64_t kept = 0
        Py_ssize_t i

    fd_ranks(ranks, count, &lines.params, line.first + <uint64_t> at * lines.step, lines.step)
    if lines.at_least:
        for i in range(count):
            if bools[i * lines.inner]:
                ranks[i] = UINT64_MAX
                kept |= <uint64_t> (i < FD_WORD) << i % FD_WORD
    return kept


cdef inline void write_word(const Line *line, Py_ssize_t at, const uint64_t *ranks) noexcept nogil:
    """Write up to 64 decisions of a line from number `at` on, of those that the bools have."""
    cdef:
        const Lines *lines = line.lines
        Py_ssize_t begin = max(at, lines.begin), end = min(at + FD_WORD, lines.end), i
        uint8_t *bools = line.bools + (begin - lines.begin) * lines.inner
        uint64_t keep

    if lines.inner == 1 and end - begin == FD_WORD:
        fd_store_bools(bools, fd_from_limit(ranks, FD_WORD, line.limit))
    elif begin < end:
        keep = fd_from_limit(ranks, <int> (end - at), line.limit) >> (begin - at)
        for i in range(end - begin):
            bools[i * lines.inner] = keep >> i & 1
