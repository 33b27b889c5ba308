"""Fills: what a dropped element becomes, if it is not 0."""
cimport numpy as cnp
from libc.string cimport memcmp, memcpy, memset

from kernels cimport *

import numpy as np


cdef cnp.ndarray convert_fill(fill):
    """Return a fill as an array of any dtype, or None if it is one of Python's own numbers."""
    return None if type(fill) in (int, float) else convert(fill, "fill")


cdef cnp.ndarray as_fill(fill, cnp.ndarray converted, cnp.ndarray x):
    """Return a fill as an array of x's dtype, or None if it is 0; raise if x cannot hold it.

    `converted` is what `convert_fill` made of it.
    """
    cdef cnp.ndarray values, made

    if type(fill) is int and fill == 0:
        return None
    if type(fill) is float and (fill != fill or -65000 < fill < 65000) and (
        cnp.PyArray_TYPE(x) in (cnp.NPY_FLOAT16, cnp.NPY_FLOAT32, cnp.NPY_FLOAT64)
    ):
        return np.array(fill, x.dtype)  # a usual case, without the price of the general one
    number, dtype = fill, x.dtype
    if type(fill) is int and not -(2**63) <= fill < 2**64:  # NumPy would make an object of it
        if fill.bit_length() > 1000:
            raise ValueError(
                f"x's dtype {dtype} cannot hold a fill of {fill.bit_length()} bits: pass a smaller "
                "number"
            )
        number = float(fill)
    values = as_base_array(convert(number, "fill") if converted is None else converted)
    if not is_number(values):
        raise TypeError(
            f"x's dtype {dtype} cannot hold the fill {fill!r}: pass a number or an array of numbers"
        )
    check_broadcast(values, "fill", "x's shape", (<object> x).shape)
    if values.dtype == dtype:
        return values
    if values.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"x's dtype {dtype} cannot hold the fill {fill!r}: pass a real number")
    with np.errstate(all="ignore"):
        made = values.astype(dtype)
        if dtype.kind in "biu":
            fits = fits_integers(values, dtype)
        elif dtype.kind in "fc":
            fits = np.isfinite(made) == np.isfinite(values)
        else:
            fits = fits_added(values, made)
    if not np.all(fits):
        reject_fill(fill if values.ndim == 0 else values.flat[np.argmin(fits)], dtype)
    return made


cdef int check_broadcast(cnp.ndarray numbers, str name, str whose, tuple shape) except -1:
    """Reject numbers that do not broadcast to a shape."""
    given = (<object> numbers).shape
    if broadcasts(given, shape):
        return 0
    hint = ""
    if len(given) == 1 and given[0] in shape:
        axis = shape.index(given[0])
        apart = (*given, *[1] * (len(shape) - axis - 1))
        hint = f": for one number each along axis {axis}, give it the shape {apart}"
    raise ValueError(
        f"{name} must be a number or broadcast to {whose} {shape}, but its shape is {given}{hint}"
    )


cdef object fits_integers(values, dtype):
    """Return which real numbers are ones that an integer dtype or bool has."""
    if dtype.kind == "b":
        return (values == 0) | (values == 1)
    limits = np.iinfo(dtype)
    if values.dtype.kind in "biu":
        least, most = max(limits.min, int(np.iinfo(np.int64).min)), limits.max
        above = values >= least if values.dtype.kind == "i" else np.True_
        if values.dtype.kind == "b" or most >= np.iinfo(values.dtype).max:
            return above & np.ones(values.shape, bool)
        return above & (values <= most)
    # As floats the powers of two are exact, the greatest integers are not. Those of float16 end at
    # 65504.
    values = values.astype(np.promote_types(values.dtype, np.float64))
    inside = (values >= float(limits.min)) & (values < float(limits.max) + 1)
    return inside & (values == np.floor(values))


cdef object fits_added(values, made):
    """Return which real numbers became what they are in a dtype that a package adds to NumPy."""
    halves, ends = np.array(0.5).astype(made.dtype), np.array([-1e308, 1e308]).astype(made.dtype)
    if halves.astype(complex) != 0.5:  # an integer dtype
        return made.astype(complex) == values.astype(complex)
    fits = np.True_
    for part in ("real", "imag"):  # as complex, because there is a dtype of complex numbers too
        number, back = [getattr(z.astype(complex), part) for z in (values, made)]
        least, most = ends.astype(complex).real
        fits &= (np.isnan(back) == np.isnan(number)) & (np.isinf(back) == np.isinf(number))
        if np.isfinite([least, most]).all():  # greater numbers became these
            fits &= ~np.isfinite(number) | (number >= least) & (number <= most)
    return fits


cdef int reject_fill(value, dtype) except -1:
    """Raise for a number that a dtype does not have."""
    way = "pass a number that it can, or convert x"
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if type(value) is not int and not np.isfinite(value):
            way = "pass an integer, or convert x to a float dtype"
        elif limits.min <= value <= limits.max:
            way = "round it, as by np.rint, or convert x to a float dtype"
        else:
            way = f"pass a number from {limits.min} to {limits.max}, or convert x"
    raise ValueError(f"x's dtype {dtype} cannot hold the fill {value}: {way}")


cdef cnp.ndarray set_fill(KernelArgs *args, cnp.ndarray x, cnp.ndarray fill, cnp.ndarray p):
    """Let dropped elements become a fill; return it if each element has its own, else None.

    Scales for single elements need the operation that reads both beside x, which does not fill.
    """
    cdef:
        char *dropped = <char *> &args.affine.dropped
        char zeros[32]
        int i, size = args.item_bits // 8

    if fill is None:
        return None
    memset(zeros, 0, sizeof(zeros))
    if not selects(args) and cnp.PyArray_ISBYTESWAPPED(fill):
        fill = fill.astype(x.dtype.newbyteorder("="))  # computed numbers are in native order
    if cnp.PyArray_SIZE(fill) != 1:
        return fill
    for i in range(0, 32, size):
        memcpy(dropped + i, cnp.PyArray_DATA(fill), size)
    if (p is None or selects(args)) and memcmp(dropped, zeros, size):
        args.operation = fill_by[args.operation]
    return None
