"""Masks: the shape of a drawn mask, the bits of a given one, and how each lies along x."""
cimport numpy as cnp
from libc.stdint cimport uint8_t, uint64_t

from fastdrop._keys cimport as_index
from kernels cimport *

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


cdef tuple check_noise(cnp.ndarray x, tuple noise):
    """Return the mask's shape, or None if it is x's shape; reject one that does not fit x."""
    shape = (<object> x).shape
    if len(noise) == len(shape):
        drawn = tuple([n if entry is None else entry for n, entry in zip(shape, noise)])
        if drawn == shape:
            return None
        if all([entry == 1 or entry == n for n, entry in zip(shape, drawn)]):
            return drawn
    raise ValueError(
        f"noise_shape must have 1, the axis's length or None for each axis of x, whose shape is "
        f"{shape}, but got {noise}"
    )


cdef void decide_each(Decisions *decisions, cnp.ndarray x) noexcept:
    """Describe a mask that has a decision for each element, in C order."""
    decisions.each = True
    decisions.count = set_strides(
        decisions, cnp.PyArray_NDIM(x), <const Py_ssize_t *> cnp.PyArray_DIMS(x)
    )


cdef int decide_shared(Decisions *decisions, cnp.ndarray x, shape) except -1:
    """Describe a mask of a shape that broadcasts to x's."""
    cdef:
        Py_ssize_t lengths[MAX_AXES]
        int axis, axes = cnp.PyArray_NDIM(x), missing = axes - <int> len(shape)

    for axis in range(axes):
        lengths[axis] = 1 if axis < missing else shape[axis - missing]
    decisions.each = False
    decisions.count = set_strides(decisions, axes, lengths)
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
            f"{mask.dtype}: where 0 means dropped pass mask.astype(bool)"
        )
    if len(mask_shape) > len(shape) or any(
        m not in (1, n) for n, m in zip(reversed(shape), reversed(mask_shape))
    ):
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
    cdef:
        cnp.ndarray bits
        BoolMask bools

    if packed:
        bits = words_for(8 * cnp.PyArray_SIZE(mask))
        bits.view(np.uint8)[: mask.size] = mask
        return bits
    bits = words_for(cnp.PyArray_SIZE(mask))
    bools.bools = <const uint8_t *> cnp.PyArray_DATA(mask)
    bools.bits = <uint64_t *> cnp.PyArray_DATA(bits)
    bools.size = cnp.PyArray_SIZE(mask)
    bools.team = team
    with nogil:
        kernel.pack_bools(&bools)
    return bits
