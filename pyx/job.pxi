"""Operations: what becomes of the elements, by what is asked and by their dtype."""

# Of self-normalizing networks (Klambauer et al. 2017, arXiv:1706.02515): minus the limit of SELU.
cdef double ALPHA = 1.7580993408473766

# What becomes of an element that is kept; one that is dropped is 0, but for ALPHA_DROPOUT.
cdef enum Mode:
    MASK                 # x
    DROPOUT              # x / (1 - p)
    ALPHA_DROPOUT        # a x + b: mean 0 and variance 1 stay, where a dropped element is -ALPHA
    ALPHA_DROPOUT_GRAD   # a x, the gradient of ALPHA_DROPOUT

# Of the dtypes that packages add to NumPy, by their scalars' class: whether they are of numbers.
cdef dict added_types = {}


cdef bint is_number(cnp.ndarray x):
    """Whether x holds numbers, of which the one with all bits 0 is 0."""
    cdef int number = cnp.PyArray_TYPE(x)
    if 0 <= number and cnp.PyTypeNum_ISNUMBER(number):
        return True
    if not cnp.PyTypeNum_ISUSERDEF(number):
        return False
    kind = x.dtype.type
    if kind not in added_types:
        try:
            added_types[kind] = bool(np.zeros((), x.dtype)[()] == 0)
        except (TypeError, ValueError):
            added_types[kind] = False
    return added_types[kind]


cdef bint is_bfloat16(cnp.ndarray x):
    """Whether x is of the dtype bfloat16 of ml_dtypes, or of a package that brings its own."""
    return cnp.PyTypeNum_ISUSERDEF(cnp.PyArray_TYPE(x)) and x.dtype.type.__name__ == "bfloat16"


cdef int set_operation(KernelArgs *args, cnp.ndarray x, Mode mode, double p) except -1:
    """Choose what is done to x's elements, and the numbers of its computation."""
    cdef:
        Operation scaled
        double a

    args.item_bits = <int> (8 * cnp.PyArray_ITEMSIZE(x))
    args.affine.scale, args.affine.shift, args.affine.dropped = 1, 0, 0
    if mode == MASK:
        args.operation = selecting(x)
        return 0
    scaled = args.operation = scaling(x, mode)
    if mode == DROPOUT:
        args.affine.scale = 1 / (1 - p)
        return 0
    a = 1 / sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    args.affine.scale = a
    if mode == ALPHA_DROPOUT:
        args.operation = <Operation> (scaled + SHIFT_FLOAT16 - SCALE_FLOAT16)
        args.affine.shift = a * ALPHA * p
        args.affine.dropped = bits_of(a * ALPHA * p - a * ALPHA, scaled)
    return 0


cdef Operation selecting(cnp.ndarray x) except PACK:
    """The operation that keeps x's elements as they are."""
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    if size == 1:
        return SELECT1
    if size == 2:
        return SELECT2
    if size == 4:
        return SELECT4
    if size == 8:
        return SELECT8
    if size == 16:
        return SELECT16
    if size == 32:
        return SELECT32
    raise TypeError(f"cannot drop elements of {size} bytes: convert x from its dtype {x.dtype}")


cdef Operation scaling(cnp.ndarray x, Mode mode) except PACK:
    """The operation that scales x's elements; complex ones are never shifted."""
    cdef int number = cnp.PyArray_TYPE(x)
    if number == cnp.NPY_FLOAT32:
        return SCALE_FLOAT32
    if number == cnp.NPY_FLOAT64:
        return SCALE_FLOAT64
    if number == cnp.NPY_FLOAT16:
        return SCALE_FLOAT16
    if number == cnp.NPY_COMPLEX64 and mode == DROPOUT:
        return SCALE_COMPLEX64
    if number == cnp.NPY_COMPLEX128 and mode == DROPOUT:
        return SCALE_COMPLEX128
    if is_bfloat16(x):
        return SCALE_BFLOAT16
    if mode == DROPOUT:
        raise TypeError(
            f"cannot drop elements of dtype {x.dtype} and scale the others: convert x to float32 "
            "or another float dtype, or pass scale=False to a function such as fastdrop.dropout"
        )
    if cnp.PyTypeNum_ISCOMPLEX(number):
        raise TypeError(
            f"alpha dropout is of real numbers, but x has dtype {x.dtype}: pass x.real and x.imag, "
            "one after the other, or use dropout"
        )
    raise TypeError(
        f"alpha dropout cannot scale and shift elements of dtype {x.dtype}: convert x to float32 "
        "or another float dtype"
    )


cdef uint64_t bits_of(double value, Operation scaled) noexcept:
    """A number in the dtype that an operation scales, as bits repeated to 64."""
    if scaled == SCALE_FLOAT16:
        return fd_bits_float16(value)
    if scaled == SCALE_BFLOAT16:
        return fd_bits_bfloat16(value)
    if scaled == SCALE_FLOAT32:
        return fd_bits_float32(value)
    return fd_bits_float64(value)
