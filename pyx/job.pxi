"""Operations: which one a call uses, by its mode and dtype, and the numbers it computes with."""
cimport numpy as cnp
from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from kernels cimport *
from operations cimport *

import numpy as np

# The negative of SELU's limit (Klambauer et al. 2017, arXiv:1706.02515).
cdef double ALPHA = 1.7580993408473766

# What a kept element becomes; a dropped one becomes 0, except with ALPHA_DROPOUT.
cdef enum Mode:
    MASK                 # x
    DROPOUT              # x / (1 - p)
    ALPHA_DROPOUT        # a x + b: mean 0 and variance 1 stay, where a dropped element is -ALPHA
    ALPHA_DROPOUT_GRAD   # a x, the gradient of ALPHA_DROPOUT

# Whether a dtype that a package adds to NumPy is numeric, by the class of its scalars.
cdef dict added_types = {}


cdef bint is_number(cnp.ndarray x):
    """Return whether x is numeric, and all bits 0 mean the number 0."""
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
    """Return whether x has the dtype bfloat16, of ml_dtypes or of a package with its own."""
    return cnp.PyTypeNum_ISUSERDEF(cnp.PyArray_TYPE(x)) and x.dtype.type.__name__ == "bfloat16"


cdef enum:
    FLOAT16 = cnp.NPY_FLOAT16
    FLOAT32 = cnp.NPY_FLOAT32
    FLOAT64 = cnp.NPY_FLOAT64
    COMPLEX64 = cnp.NPY_COMPLEX64
    COMPLEX128 = cnp.NPY_COMPLEX128
    MAX_TYPE = 64       # above NumPy's own type numbers, and below those of added types
    BFLOAT16 = MAX_TYPE - 1
    MAX_ITEM_BYTES = 32

# The operation that selects elements of a size in bytes, and the operations that scale or shift a
# dtype by its number; PACK means that there is none. `fill_by` has the operation that does the same
# and fills, `bits_by` the function that returns a number's bits in the dtype of an operation that
# shifts.
cdef int[MAX_ITEM_BYTES + 1] select_by
cdef int[MAX_TYPE] scale_by
cdef int[MAX_TYPE] shift_by
cdef int[OPERATION_COUNT] fill_by
cdef (uint64_t (*)(double) noexcept nogil)[OPERATION_COUNT] bits_by

include "lookup.pxi"  # made from operations.py: fills these tables


cdef bint selects(const KernelArgs *args) noexcept:
    """Return whether the operation keeps elements as they are, whatever their dtype."""
    cdef int select = select_by[args.item_bits // 8]

    return args.operation == select or args.operation == fill_by[select]


cdef int set_operation(KernelArgs *args, cnp.ndarray x, Mode mode, double p) except -1:
    """Choose the operation on x's elements, and the numbers it computes with."""
    cdef:
        Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
        int number = BFLOAT16 if is_bfloat16(x) else cnp.PyArray_TYPE(x)
        double a

    args.item_bits = <int> (8 * size)
    args.affine.scale, args.affine.shift = 1, 0
    args.affine.dropped = args.affine.dropped1 = args.affine.dropped2 = args.affine.dropped3 = 0
    args.operation = PACK
    if mode == MASK:
        if size <= MAX_ITEM_BYTES:
            args.operation = select_by[size]
    elif number < MAX_TYPE:
        if mode == DROPOUT:
            args.operation = scale_by[number]
        elif shift_by[number] != PACK:
            args.operation = shift_by[number] if mode == ALPHA_DROPOUT else scale_by[number]
    if args.operation == PACK:
        reject_dtype(x, mode)
    if mode == DROPOUT:
        args.affine.scale = 1 / (1 - p)
    elif mode != MASK:
        a = 1 / sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
        args.affine.scale = a
        if mode == ALPHA_DROPOUT:
            args.affine.shift = a * ALPHA * p
            args.affine.dropped = bits_by[args.operation](a * ALPHA * p - a * ALPHA)
    return 0


cdef int reject_dtype(cnp.ndarray x, Mode mode) except -1:
    """Raise for a dtype that has no operation in this mode."""
    if mode == MASK:
        raise TypeError(
            f"cannot drop elements of {x.itemsize} bytes: convert x from its dtype {x.dtype}"
        )
    if mode == DROPOUT:
        raise TypeError(
            f"cannot drop elements of dtype {x.dtype} and scale the others: convert x to float32 "
            "or another float dtype, or pass scale=False to leave the others unchanged"
        )
    if cnp.PyTypeNum_ISCOMPLEX(cnp.PyArray_TYPE(x)):
        raise TypeError(
            f"alpha dropout takes real numbers, but x has dtype {x.dtype}: pass x.real and x.imag, "
            "one after the other, or use dropout"
        )
    raise TypeError(
        f"alpha dropout cannot scale and shift elements of dtype {x.dtype}: convert x to float32 "
        "or another float dtype"
    )
