"""Masks: the shape of a drawn one, the bits of a given one, and how either spreads over x."""


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
    """Return the mask's shape, or None where that is x's; reject one that does not fit x."""
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


cdef list strides_of(shape):
    """For each axis, how far its neighbours lie apart in C order; 0 for axes of length 1."""
    strides = []
    step = 1
    for n in reversed(shape):
        strides.insert(0, 0 if n == 1 else step)
        step *= n
    return strides


cdef cnp.ndarray words_for(Py_ssize_t decisions):
    """Memory for a packed mask, and the word more that its reader may look at."""
    return np.zeros(decisions // FD_WORD + 2, np.uint64)


cdef int check_mask(cnp.ndarray x, cnp.ndarray mask, bint packed) except -1:
    """Refuse a mask that does not fit x."""
    cdef Py_ssize_t count = (cnp.PyArray_SIZE(x) + 7) // 8
    shape, mask_shape = (<object> x).shape, (<object> mask).shape
    if packed:
        if mask.dtype != np.uint8:
            raise TypeError(f"a packed mask must have dtype uint8, but its dtype is {mask.dtype}")
        if mask_shape != (count,):
            raise ValueError(
                f"a packed mask for x's shape {shape} must have the shape ({count},), but its "
                f"shape is {mask_shape}: one that is to broadcast must be of bool, as "
                "numpy.unpackbits(mask, count=..., bitorder='little').view(bool) is"
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


cdef tuple packed_words(cnp.ndarray x, cnp.ndarray mask, bint packed):
    """A mask in words of bits, and for each axis of x how far its neighbours lie apart in them."""
    if packed:
        strides = strides_of((<object> x).shape)
        count, some = cnp.PyArray_SIZE(x), mask
    else:
        # An axis of stride 0, as of a broadcast mask, holds one decision.
        once = [slice(None if stride else 1) for stride in (<object> mask).strides]
        mask = mask[(*once, ...)]  # without the dots a 0-d mask would become a scalar
        strides = [0] * (x.ndim - mask.ndim) + strides_of((<object> mask).shape)
        count, some = mask.size, np.packbits(mask, bitorder="little")
    bits = words_for(count)
    bits.view(np.uint8)[: some.size] = some
    return bits, strides


cdef int set_mask(Mask *mask, cnp.ndarray x, cnp.ndarray bits, strides) except -1:
    """Describe the mask whose decisions lie so far apart along the axes of x."""
    cdef:
        int axis
        list axes = []  # the inner ones first: elements and step, neighbours merged

    for n, step in zip(reversed((<object> x).shape), reversed(strides)):
        if axes and step == axes[-1][0] * axes[-1][1]:
            axes[-1][0] *= n
        elif n > 1:
            axes.append([n, step])
    mask.bits = <const uint64_t *> cnp.PyArray_DATA(bits)
    mask.repeat = mask.row = mask.row_step = mask.cycles = 1
    if axes and axes[0][1] == 0:
        mask.repeat = axes.pop(0)[0]
    if axes:
        mask.row, mask.row_step = axes.pop(0)
    if axes and axes[0][1] == 0:
        mask.cycles = axes.pop(0)[0]
    mask.axes = <int> len(axes)
    for axis in range(mask.axes):
        mask.shape[axis], mask.step[axis] = axes[axis]
    return 0
