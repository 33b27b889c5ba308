"""Blocks of dropped elements from a packed mask of their seeds.

The seeds of an item have fewer bits along each axis than the item: no block that begins at one
leaves the item. So once each row of seeds lies where its item has it, the item is one sequence of
bits, and a block along an axis is the sequence joined with itself, moved by that axis's stride; no
bit comes to another row, plane or item. What has grown to n bits grows to 2 n by one move.
"""
from libc.stdint cimport UINT64_MAX, int64_t, uint64_t
from libc.string cimport memset

from kernels cimport *

cdef enum:
    UNIT_BITS = 16384       # bits in a unit, unless an item has more


cdef void dilate(const Dilation *dilation) noexcept nogil:
    """Make the mask of the blocks, by a team or on the calling thread."""
    cdef:
        Py_ssize_t per = items_per_unit(dilation)
        Py_ssize_t units = (dilation.items + per - 1) // per

    if min(<Py_ssize_t> dilation.team, units) > 1:
        run_team(dilate_units, dilation, units, dilation.team)
    else:
        dilate_units(dilation, 0, units)


cdef inline Py_ssize_t size_of(const Py_ssize_t *shape) noexcept nogil:
    return shape[0] * shape[1] * shape[2]


cdef inline Py_ssize_t items_per_unit(const Dilation *this) noexcept nogil:
    """Return so many items that each unit begins on a word."""
    cdef Py_ssize_t size = size_of(this.shape), items = 1

    while items * size % FD_WORD:
        items *= 2
    return items * max(<Py_ssize_t> 1, UNIT_BITS // (items * size))


cdef void dilate_units(const void *dilation, Py_ssize_t begin, Py_ssize_t count) noexcept nogil:
    """Work on `count` units from number `begin` on."""
    cdef:
        const Dilation *this = <const Dilation *> dilation
        Py_ssize_t per = items_per_unit(this), unit, item, items, size, words
        int64_t kept = 0
        uint64_t *keep

    for unit in range(begin, begin + count):
        item = per * unit
        items = min(per, this.items - item)
        size = items * size_of(this.shape)
        words = (size + FD_WORD - 1) // FD_WORD
        keep = this.keep + item * size_of(this.shape) // FD_WORD
        memset(keep, 0, words * sizeof(uint64_t))
        place_seeds(this, item, items, keep)
        fd_dilate(keep, words, this.block[2], 1)
        fd_dilate(keep, words, this.block[1], this.shape[2])
        fd_dilate(keep, words, this.block[0], this.shape[1] * this.shape[2])
        kept += invert(keep, size)
    fd_add(this.kept, kept)


cdef void place_seeds(
    const Dilation *this, Py_ssize_t item, Py_ssize_t items, uint64_t *target
) noexcept nogil:
    """Set the bits of the seeds where the items have them."""
    cdef:
        Py_ssize_t planes = this.shape[0] - this.block[0] + 1
        Py_ssize_t rows = this.shape[1] - this.block[1] + 1
        Py_ssize_t columns = this.shape[2] - this.block[2] + 1
        Py_ssize_t seed = item * planes * rows * columns, at, plane, row, column
        uint64_t bits

    for item in range(items):
        for plane in range(planes):
            at = (item * this.shape[0] + plane) * this.shape[1] * this.shape[2]
            for row in range(rows):
                for column in range(0, columns, 64):
                    bits = ~fd_bits_from(this.seeds, seed + column)
                    if columns - column < FD_WORD:
                        bits &= ((<uint64_t> 1) << (columns - column)) - 1
                    if bits:
                        fd_set_bits(target, at + column, bits)
                seed += columns
                at += this.shape[2]


cdef int64_t invert(uint64_t *words, Py_ssize_t size) noexcept nogil:
    """Make dropped bits those that are kept; return how many there are."""
    cdef:
        int64_t kept = 0
        Py_ssize_t i, count = size // FD_WORD

    for i in range(count):
        words[i] = ~words[i]
        kept += fd_ones(words[i])
        words[i] = fd_little_endian(words[i])
    if size % FD_WORD:
        words[count] = ~words[count] & (UINT64_MAX >> (FD_WORD - size % FD_WORD))
        kept += fd_ones(words[count])
        words[count] = fd_little_endian(words[count])
    return kept
