"""Masks: the shape of a drawn mask, the bits of a given one, how each lies along x, and `out`."""
cimport numpy as cnp
from libc.stdint cimport uint8_t, uint64_t

from fastdrop._keys cimport as_index
from kernels cimport *

import math

import numpy as np


cpdef tuple as_noise_shape(noise_shape):
    """Return a noise shape as a tuple of ints and None; reject anything else."""
    try:
        return tuple(
            [None if n is None else as_index(n, "noise_shape's entry") for n in noise_shape]
        )
    except TypeError:
        raise ValueError(
            f"noise_shape must be a sequence of ints and None, but got {noise_shape!r}"
        ) from None


cdef int check_noise(cnp.ndarray x, tuple noise) except -1:
    """Reject a noise shape that does not fit x."""
    shape = (<object> x).shape
    if len(noise) == len(shape) and all(
        [entry is None or entry == 1 or entry == n for n, entry in zip(shape, noise)]
    ):
        return 0
    raise ValueError(
        f"noise_shape must have 1, the axis's length or None for each axis of x, whose shape is "
        f"{shape}, but got {noise}"
    )


cdef tuple decide(Decisions *decisions, cnp.ndarray x, tuple shape, tuple noise):
    """Describe the mask of a checked noise shape, or of x's shape; return its shape.

    Without a noise shape x's `shape` may be missing, and is then returned so.
    """
    if noise is not None:
        drawn = tuple([n if entry is None else entry for n, entry in zip(shape, noise)])
        if drawn != shape:
            decide_shape(decisions, drawn)
            return drawn
    decisions.each = decisions.whole = True
    decisions.count = set_strides(
        decisions, cnp.PyArray_NDIM(x), <const Py_ssize_t *> cnp.PyArray_DIMS(x)
    )
    return shape


cdef int decide_shape(Decisions *decisions, tuple shape) except -1:
    """Describe a mask by its shape."""
    cdef:
        Py_ssize_t lengths[MAX_AXES]
        int axis

    if len(shape) > MAX_AXES:
        raise ValueError(f"shape must have {MAX_AXES} axes at most, but got {len(shape)}")
    for axis in range(len(shape)):
        lengths[axis] = shape[axis]
    decisions.each = False
    decisions.whole = True
    decisions.count = set_strides(decisions, <int> len(shape), lengths)
    return 0


cdef Py_ssize_t set_strides(Decisions *decisions, int axes, const Py_ssize_t *shape) noexcept:
    """Set the strides of a mask in C order; return its size."""
    cdef:
        Py_ssize_t size = 1
        int axis

    for axis in range(axes - 1, -1, -1):
        decisions.strides[axis] = 0 if shape[axis] == 1 else size
        size *= shape[axis]
    return size


cdef tuple fit_region(tuple region, tuple shape, tuple noise):
    """Return the origin and the full shape of a block's mask; reject a block that lies outside.

    `shape` is that of the block, and 1 in `noise` marks the axes along which all share decisions.
    """
    if region is None:
        return None
    origin, full = region
    for name, entries in (("origin", origin), ("full_shape", full)):
        if len(entries) != len(shape):
            raise ValueError(
                f"{name} must have an entry for each axis of the block, whose shape is {shape}, "
                f"but got {entries}"
            )
        if any([n < 0 for n in entries]):
            raise ValueError(f"{name} must have no negative entries, but got {entries}")
    for axis in range(len(shape)):
        if origin[axis] + shape[axis] > full[axis]:
            raise ValueError(
                f"the block must lie inside full_shape={full}, but from origin={origin} with the "
                f"shape {shape} it ends at {origin[axis] + shape[axis]} along axis {axis}"
            )
    if noise is not None:
        origin = tuple([0 if entry == 1 else n for entry, n in zip(noise, origin)])
        full = tuple([1 if entry == 1 else n for entry, n in zip(noise, full)])
    if any([n >= 2**63 for n in (math.prod(full), *full)]):  # one may be 0
        raise ValueError(f"full_shape must have less than 2**63 decisions, but got {region[1]}")
    return origin, full


cdef uint64_t place(Decisions *decisions, tuple shape, tuple region, offset) except? 1:
    """Place a mask in the stream, of a shape and in a fitting region or None; return the index of
    its first decision."""
    cdef int axis

    if region is None:
        return check_offset(offset, decisions.count)
    origin, full = region
    check_offset(offset, math.prod(full))
    if decisions.count == 0:  # whose first index may be one that the stream does not have
        return offset
    begin, step = offset, 1
    for axis in range(len(shape) - 1, -1, -1):
        if shape[axis] > 1 and decisions.strides[axis] != step:
            decisions.whole = False
        decisions.steps[axis] = step
        begin += origin[axis] * step
        step *= full[axis]
    return begin


cdef cnp.ndarray words_for(Py_ssize_t decisions):
    """Return memory for a packed mask, and for the one word more that its reader may read."""
    return np.empty(decisions // FD_WORD + 2, np.uint64)


cdef int check_mask(cnp.ndarray x, cnp.ndarray mask, bint packed) except -1:
    """Reject a mask that does not fit x."""
    cdef Py_ssize_t count = (cnp.PyArray_SIZE(x) + 7) // 8
    shape, mask_shape = (<object> x).shape, (<object> mask).shape
    if packed:
        if mask.dtype != np.uint8:
            raise TypeError(f"a packed mask must have dtype uint8, but its dtype is {mask.dtype}")
        if mask_shape != (count,):
            raise ValueError(
                f"a packed mask for x's shape {shape} must have the shape ({count},), but its "
                f"shape is {mask_shape}: to broadcast a mask, pass bools, as "
                "numpy.unpackbits(mask, count=..., bitorder='little').view(bool) makes them"
            )
        return 0
    if mask.dtype != np.bool_:
        raise TypeError(
            f"mask must have dtype bool (or hold packed bits, with packed=True), but its dtype is "
            f"{mask.dtype}: if 0 means dropped, pass mask.astype(bool)"
        )
    if not broadcasts(mask_shape, shape):
        raise ValueError(f"mask must broadcast to x's shape {shape}, but its shape is {mask_shape}")
    return 0


cdef cnp.ndarray decide_by(Decisions *decisions, cnp.ndarray x, cnp.ndarray mask):
    """Describe a given mask, and return it as one run of bools, in the order of its memory.

    Repetitions that broadcasting made along axes of stride 0 are left out.
    """
    cdef int axis, missing = cnp.PyArray_NDIM(x) - cnp.PyArray_NDIM(mask)

    parts = [slice(None if stride else 1) for stride in (<object> mask).strides]
    mask = mask[(*parts, ...)]  # with the dots a 0-d mask stays an array
    order = sorted(range(mask.ndim), key=[-abs(n) for n in (<object> mask).strides].__getitem__)
    mask = np.ascontiguousarray(mask.transpose(order))
    decisions.each = False
    decisions.whole = True
    decisions.count = cnp.PyArray_SIZE(mask)
    for axis in range(missing):
        decisions.strides[axis] = 0
    for i, axis in enumerate(order):
        decisions.strides[missing + axis] = (
            0 if cnp.PyArray_DIM(mask, i) == 1 else cnp.PyArray_STRIDE(mask, i)
        )
    return mask


cdef cnp.ndarray words_of(cnp.ndarray mask, bint packed, int team):
    """Return a contiguous mask as words of bits."""
    cdef cnp.ndarray bits

    if packed:
        bits = words_for(8 * cnp.PyArray_SIZE(mask))
        bits.view(np.uint8)[: mask.size] = mask
        return bits
    bits = words_for(cnp.PyArray_SIZE(mask))
    pack_bools(mask, bits, team)
    return bits


cdef void pack_bools(cnp.ndarray bools, cnp.ndarray bits, int team) noexcept:
    """Pack contiguous bools into words."""
    cdef BoolMask mask

    mask.bools = <const uint8_t *> cnp.PyArray_DATA(bools)
    mask.bits = <uint64_t *> cnp.PyArray_DATA(bits)
    mask.size = cnp.PyArray_SIZE(bools)
    mask.team = team
    with nogil:
        kernel.pack_bools(&mask)


cdef int check_mask_out(out, tuple shape, bint packed) except -1:
    """Reject an `out` that cannot hold the mask."""
    cdef cnp.ndarray y

    if not isinstance(out, cnp.ndarray):
        raise TypeError(f"out must be an ndarray, but got {type(out).__name__}")
    check_unmasked(out, "out", True)
    y = as_base_array(out)
    if (<object> y).shape != shape:
        raise ValueError(
            f"out must have the {'packed ' if packed else ''}mask's shape {shape}, but its shape "
            f"is {(<object> y).shape}"
        )
    dtype = np.dtype(np.uint8 if packed else np.bool_)
    if y.dtype != dtype:
        raise TypeError(f"out must have the mask's dtype {dtype}, but its dtype is {y.dtype}")
    check_writable(y, "out", "no out")
    if packed and not cnp.PyArray_IS_C_CONTIGUOUS(y):
        raise ValueError(
            f"out must be contiguous for a packed mask, but its strides are {(<object> y).strides}"
        )
    return 0


cdef object keep_all(tuple shape, bint packed, out, bint kept):
    """Return a mask that keeps all, or none."""
    cdef Py_ssize_t size = math.prod(shape)

    if packed:
        shape = ((size + 7) // 8,)
    if out is None:
        out = np.empty(shape, np.uint8 if packed else np.bool_)
    mask = as_base_array(out)
    mask[...] = (255 if packed else True) if kept else 0
    if packed and kept and size % 8:
        mask[-1] = 255 >> (8 - size % 8)
    return out
