"""Packed masks: made from bools, and brought into another order.

To move one axis of a packed mask behind the axes below it is to transpose matrices: a row for each
index of the axis, a column for each element below. Rows of the result that hold 64 bits or more
begin on a word.
"""
from libc.stdint cimport UINT64_MAX, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from kernels cimport *

cdef enum:
    BAND_ROWS = 512         # rows that are transposed together: a cache line of each result row
    CHUNK_COLUMNS = 4096    # columns in a unit: a multiple of 64, so that units share no word
    MAX_SPREAD = 8          # for so few rows or columns, spreading bits is faster than squares


# Bits of up to 8 sequences, one from each in turn, in words: in word w the bits of sequence s begin
# with its bit number index[w][s], at bit[w][s].
cdef struct Interleaving:
    fd_spread spread
    int index[MAX_SPREAD][MAX_SPREAD]
    int bit[MAX_SPREAD][MAX_SPREAD]


cdef void set_interleaving(Interleaving *this, int sequences) noexcept nogil:
    """Tabulate the words that 64 bits of each sequence fill."""
    cdef int word, sequence

    fd_set_spread(&this.spread, sequences)
    for word in range(sequences):
        for sequence in range(sequences):
            this.index[word][sequence] = (64 * word - sequence + sequences - 1) // sequences
            this.bit[word][sequence] = (
                this.index[word][sequence] * sequences + sequence - 64 * word
            )


cdef void pack_bools(const BoolMask *mask) noexcept nogil:
    """Pack a mask of bools, by a team or on the calling thread."""
    cdef Py_ssize_t blocks = (mask.size + FD_BLOCK - 1) // FD_BLOCK

    if min(<Py_ssize_t> mask.team, blocks) > 1:
        run_team(pack_bool_blocks, mask, blocks, mask.team)
    else:
        pack_bool_blocks(mask, 0, blocks)


cdef void pack_bool_blocks(const void *mask, Py_ssize_t begin, Py_ssize_t count) noexcept nogil:
    """Pack `count` blocks of bools from number `begin` on."""
    cdef:
        const BoolMask *this = <const BoolMask *> mask
        Py_ssize_t at = FD_BLOCK * begin, end = min(at + FD_BLOCK * count, this.size)
        uint8_t part[FD_WORD]

    while at + FD_WORD <= end:
        this.bits[at // FD_WORD] = fd_little_endian(fd_pack_bools(this.bools + at))
        at += FD_WORD
    if at < end:
        memset(part, 0, sizeof(part))
        memcpy(part, this.bools + at, end - at)
        this.bits[at // FD_WORD] = fd_little_endian(fd_pack_bools(part))


cdef void transpose(const Transposition *transposition) noexcept nogil:
    """Transpose matrices of bits, by a team or on the calling thread."""
    cdef Py_ssize_t units

    if transposition.rows >= FD_WORD:
        units = transposition.matrices * bands_of(transposition)
    else:
        units = interleave_units(transposition)
    if min(<Py_ssize_t> transposition.team, units) > 1:
        run_team(transpose_units, transposition, units, transposition.team)
    else:
        transpose_units(transposition, 0, units)


cdef void transpose_units(
    const void *transposition, Py_ssize_t begin, Py_ssize_t count
) noexcept nogil:
    """Work on `count` units from number `begin` on."""
    cdef:
        const Transposition *this = <const Transposition *> transposition
        Py_ssize_t unit

    for unit in range(begin, begin + count):
        if this.rows >= FD_WORD:
            transpose_band(this, unit // bands_of(this), unit % bands_of(this))
        else:
            interleave_unit(this, unit)


cdef inline Py_ssize_t bands_of(const Transposition *this) noexcept nogil:
    return (this.rows + BAND_ROWS - 1) // BAND_ROWS


cdef void transpose_band(
    const Transposition *this, Py_ssize_t matrix, Py_ssize_t band
) noexcept nogil:
    """Transpose a band of rows, a square of 64 x 64 bits at a time."""
    cdef:
        uint64_t square[FD_WORD]
        Py_ssize_t columns = this.columns, pitch = this.pitch // FD_WORD
        Py_ssize_t rows = min(this.rows - BAND_ROWS * band, <Py_ssize_t> BAND_ROWS)
        Py_ssize_t source = (matrix * this.rows + BAND_ROWS * band) * columns
        uint64_t *target = this.target + matrix * columns * pitch + BAND_ROWS // FD_WORD * band
        Py_ssize_t column, row, i
        Interleaving few

    if columns <= MAX_SPREAD:
        set_interleaving(&few, <int> columns)
        for row in range(0, rows, 64):
            gather_columns(this, source + row * columns, target + row // FD_WORD, &few)
        return
    for column in range(0, columns, 64):
        for row in range(0, rows, 64):
            for i in range(FD_WORD):
                square[i] = 0
                if row + i < rows:
                    square[i] = fd_bits_from(this.source, source + (row + i) * columns + column)
            fd_transpose64(square)
            for i in range(min(<Py_ssize_t> FD_WORD, columns - column)):
                target[(column + i) * pitch + row // FD_WORD] = fd_little_endian(square[i])


cdef inline void gather_columns(
    const Transposition *this, Py_ssize_t source, uint64_t *target, const Interleaving *few
) noexcept nogil:
    """Transpose 64 rows of a few columns."""
    cdef:
        uint64_t words[MAX_SPREAD]
        uint64_t result
        int columns = <int> this.columns, column, word

    for word in range(columns):
        words[word] = 0
        if source + FD_WORD * word < this.matrices * this.rows * columns:
            words[word] = fd_bits_from(this.source, source + FD_WORD * word)
    for column in range(columns):
        result = 0
        for word in range(columns):
            result |= fd_gather_bits(words[word] >> few.bit[word][column], &few.spread) << (
                few.index[word][column]
            )
        target[column * this.pitch // FD_WORD] = fd_little_endian(result)


# Fewer rows than 64: the columns of all matrices follow one another without gaps. A unit is so many
# columns that it ends where a word does.


cdef inline Py_ssize_t interleave_units(const Transposition *this) noexcept nogil:
    return (this.matrices * this.columns + CHUNK_COLUMNS - 1) // CHUNK_COLUMNS


cdef void interleave_unit(const Transposition *this, Py_ssize_t unit) noexcept nogil:
    """Transpose the next columns, of one matrix or of several."""
    cdef:
        Py_ssize_t at = CHUNK_COLUMNS * unit, column, count
        Py_ssize_t end = min(at + CHUNK_COLUMNS, this.matrices * this.columns)
        fd_writer writer

    writer.next = this.target + at * this.rows // FD_WORD
    writer.started = 0
    writer.count = 0
    while at < end:
        column = at % this.columns
        count = min(end - at, this.columns - column)
        interleave(this, at // this.columns, column, column + count, &writer)
        at += count
    fd_flush(&writer)


cdef void interleave(
    const Transposition *this,
    Py_ssize_t matrix,
    Py_ssize_t begin,
    Py_ssize_t end,
    fd_writer *writer,
) noexcept nogil:
    """Append columns `begin` to `end` of a matrix, one after another."""
    cdef:
        uint64_t square[FD_WORD]
        uint64_t some
        Interleaving few
        Py_ssize_t source = matrix * this.rows * this.columns, column
        int rows = <int> this.rows, width, row

    if rows <= MAX_SPREAD:
        set_interleaving(&few, rows)
    for column in range(begin, end, 64):
        width = <int> min(<Py_ssize_t> FD_WORD, end - column)
        some = UINT64_MAX >> (FD_WORD - width)
        for row in range(rows):
            square[row] = some & fd_bits_from(this.source, source + row * this.columns + column)
        if rows <= MAX_SPREAD:
            append_spread(writer, square, rows, width, &few)
        else:
            for row in range(rows, FD_WORD):
                square[row] = 0
            fd_transpose64(square)
            for row in range(width):
                fd_append(writer, square[row], rows)


cdef inline void append_spread(
    fd_writer *writer, const uint64_t *row, int rows, int width, const Interleaving *few
) noexcept nogil:
    """Append `width` columns of a few rows of bits."""
    cdef:
        uint64_t bits
        int word, i

    for word in range((width * rows + FD_WORD - 1) // FD_WORD):
        bits = 0
        for i in range(rows):
            bits |= fd_spread_bits(row[i] >> few.index[word][i], &few.spread) << few.bit[word][i]
        fd_append(writer, bits, min(FD_WORD, width * rows - FD_WORD * word))
