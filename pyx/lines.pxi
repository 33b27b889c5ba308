"""Exact counts: what `count` and `min_keep` ask for, and masks that are drawn by them."""
cimport numpy as cnp
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from fastdrop._keys cimport KeySource, as_index
from kernels cimport *
from operations cimport *

import numpy as np


# What a count comes to.
cdef enum Ask:
    ALL_KEPT
    ALL_DROPPED
    BY_CHANCE           # one by one, with p
    BY_COUNT            # drop so many of each line
    AT_LEAST            # keep so many of each line


cdef object as_count(value, str name):
    """Return a count as an int, or None."""
    return None if value is None else as_index(value, name)


cdef Ask ask_counts(
    Py_ssize_t *number, tuple shape, tuple region, count, min_keep, axis, double p
) except *:
    """Return what is asked for along an axis of a mask; `number` gets how many.

    p is 1 if all are dropped, 0 if none.
    """
    cdef:
        str name = "min_keep" if count is None else "count"
        object value = min_keep if count is None else count
        Py_ssize_t length

    if value is None:
        return ALL_KEPT if p == 0 else ALL_DROPPED if p == 1 else BY_CHANCE
    if count is not None and min_keep is not None:
        raise ValueError(
            f"count={count!r} says how many are dropped, and min_keep={min_keep!r} how many are "
            "kept at least: give only one"
        )
    check_axis(axis, shape)
    length = line_length(shape, region, axis)
    if not 0 <= value <= length:
        raise ValueError(
            f"{name} must be between 0 and {length}, the decisions along axis {axis}, but got "
            f"{value}"
        )
    number[0] = value
    if count is None:
        if p == 0 or value == length:
            return ALL_KEPT
        if p < 1:
            return AT_LEAST if value else BY_CHANCE
        number[0] = length - value  # p = 1 drops all, and so all but so many
    if number[0] == 0:
        return ALL_KEPT
    return ALL_DROPPED if number[0] == length else BY_COUNT


cdef Ask ask_scaled(Ask ask, cnp.ndarray p, double probability) except *:
    """Return what `min_keep` asks for if what is kept is scaled; raise if there is no scale."""
    if ask == BY_CHANCE or ask == ALL_DROPPED or p is None and probability == 0:
        return ask
    if probability == 1 if p is None else (p == 1).any():
        raise ValueError(
            "p = 1 leaves no scale for what min_keep keeps: pass scale=False, or a smaller p"
        )
    return AT_LEAST  # all are scaled, though none may be dropped


cdef int check_axis(axis, tuple shape) except -1:
    """Reject what is no axis of a shape."""
    if not -len(shape) <= axis < len(shape):
        raise np.exceptions.AxisError(
            f"axis must be one of the {len(shape)} axes of the shape {shape}, but got {axis}"
        )
    return 0


cdef class Counts(Drawing):
    """Draws a mask, or a block of one, with counts along an axis."""

    cdef:
        Lines lines
        Draw plan
        KernelArgs drawing      # the independent decisions of whole lines
        Decisions decisions
        object held
        cnp.ndarray words
        cnp.ndarray bools       # of whole lines, if at least so many are kept
        cnp.ndarray block       # of these, what was asked for
        object cut              # where

    def __cinit__(
        self,
        tuple shape,
        tuple region,
        offset,
        int axis,
        bint at_least,
        Py_ssize_t number,
        p,
        double probability,
    ):
        """Describe a mask without zeros in its shape, of a checked region."""
        axis += <int> len(shape) if axis < 0 else 0
        self.cut = ...
        if at_least and region is not None:  # each line is decided as a whole
            origin, full = region
            self.cut = (*[slice(None)] * axis, slice(origin[axis], origin[axis] + shape[axis]))
            region = (*origin[:axis], 0, *origin[axis + 1:]), full
            shape = (*shape[:axis], full[axis], *shape[axis + 1:])
        describe_lines(&self.lines, shape, axis, region)
        self.lines.first += <uint64_t> offset
        self.lines.at_least, self.lines.count = at_least, number
        self.bools = np.empty(shape, np.bool_)
        self.block = self.bools
        if self.cut is not ...:
            self.block = np.empty((<object> self.bools[self.cut]).shape, np.bool_)
        if at_least:
            decide_shape(&self.decisions, shape)
            self.drawing.offset = place(&self.decisions, shape, region, offset)
            self.words = words_for(self.decisions.count)
            self.held = plan_draw(&self.plan, &self.drawing, &self.decisions, shape, p)
            if p is None:
                fd_set_probability(&self.drawing.params, probability)

    cdef int draw_block(self, KernelArgs *args) except -1:
        """Draw the bools of the block, by the call's key."""
        if self.lines.at_least:
            self.drawing.params.k0, self.drawing.params.k1 = args.params.k0, args.params.k1
            self.drawing.team, self.drawing.gauged = args.team, False
            pack(&self.drawing, self.words, self.decisions.count)
            self.unpack()
        self.lines.bools = <uint8_t *> cnp.PyArray_DATA(self.bools)
        self.lines.params = args.params
        self.lines.team = args.team
        with nogil:
            kernel.drop_counts(&self.lines)
        if self.cut is not ...:
            np.copyto(self.block, self.bools[self.cut])
        return 0

    cdef int unpack(self) except -1:
        """Make bools of the independent decisions."""
        cdef:
            KernelArgs selecting = self.drawing
            Mask mask
            Job job

        cnp.PyArray_FILLWBYTE(self.bools, 1)
        mask.bits = <const uint64_t *> cnp.PyArray_DATA(self.words)
        mask.repeat = mask.cycles = 1
        mask.row = self.decisions.count
        mask.axes = 0
        selecting.operation = select_by[1]
        selecting.item_bits = 8
        selecting.mask = &mask
        selecting.region = NULL
        selecting.rates = NULL
        selecting.offset = 0
        job.x = job.y = <char *> cnp.PyArray_DATA(self.bools)
        job.args = &selecting
        job.size = self.decisions.count
        job.layout = NULL
        return run(&job)

    cdef int draw(self, KernelArgs *args, cnp.ndarray bits) except -1:
        self.draw_block(args)
        pack_bools(self.block, bits, args.team)
        return 0


cdef int check_lines(tuple shape, tuple region, axis, cnp.ndarray p) except -1:
    """Reject an array p that is not known for the whole lines along an axis that a block cuts.

    It is asked before equal numbers become one: elsewhere in the lines they may differ.
    """
    cdef object full = region[1]

    check_axis(axis, shape)
    axis = axis % len(shape) - len(shape)
    if (<object> p).ndim < -axis or p.shape[p.ndim + axis] == 1 or p.strides[p.ndim + axis] == 0:
        return 0
    if shape[axis] < full[axis]:
        raise ValueError(
            f"min_keep counts whole lines, but the block has {shape[axis]} of the {full[axis]} "
            f"decisions along axis {axis + len(shape)}, and p only theirs: pass blocks that do not "
            "cut that axis, or a p that has the length 1 along it"
        )
    return 0


cdef int describe_lines(Lines *lines, tuple shape, int axis, tuple region) except -1:
    """Describe the lines along an axis, of a mask or of a block of one.

    `lines.first` becomes the index of the block's first line without the offset.
    """
    cdef:
        uint64_t stride = 1
        int i, j

    origin, full_shape = ((0,) * len(shape), shape) if region is None else region
    lines.first = 0
    lines.outer = lines.inner = 1
    lines.across.count = <int> len(shape) - 1
    for i in range(<int> len(shape) - 1, -1, -1):
        if i == axis:
            lines.step = stride
            lines.length = full_shape[i]
            lines.begin, lines.end = origin[i], origin[i] + shape[i]
        else:
            j = i if i < axis else i - 1
            lines.across.shape[j] = shape[i]
            lines.across.strides[j] = <Py_ssize_t> stride
            lines.first += stride * <uint64_t> origin[i]
            if i > axis:
                lines.inner *= shape[i]
            else:
                lines.outer *= shape[i]
        stride *= <uint64_t> full_shape[i]
    return 0


cdef object draw_counted(KernelArgs *args, Counts counts, bint packed, out, KeySource keys):
    """Return a mask with counts, as bools or packed."""
    cdef:
        cnp.ndarray bits, target = None if out is None else as_base_array(out)
        Py_ssize_t size = cnp.PyArray_SIZE(counts.block)

    if packed:
        bits = words_for(size)
        target = np.empty((size + 7) // 8, np.uint8) if target is None else target
        set_key(&args.params, keys)  # nothing after it can fail
        counts.draw(args, bits)
        memcpy(cnp.PyArray_DATA(target), cnp.PyArray_DATA(bits), (size + 7) // 8)
        return target if out is None else out
    set_key(&args.params, keys)
    counts.draw_block(args)
    if out is None:
        return counts.block
    np.copyto(target, counts.block)
    return out


cdef Py_ssize_t line_length(tuple shape, tuple region, int axis) except -1:
    """Return the decisions along an axis of a mask, or of the whole that it is a block of."""
    return shape[axis] if region is None else region[1][axis]


cdef double counted_scale(tuple shape, tuple region, int axis, Py_ssize_t count) except -1:
    """Return n / (n - count), n being the decisions of a line."""
    cdef Py_ssize_t length = line_length(shape, region, axis)

    return <double> length / <double> (length - count)
