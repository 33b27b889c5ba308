"""Fills: what a dropped element becomes, if it is not 0."""
cimport numpy as cnp
from libc.string cimport memcmp, memcpy, memset

from kernels cimport *

import numpy as np


cdef cnp.ndarray as_fill(fill, cnp.ndarray x):
    """Return a fill as an array of x's dtype, or None if it is 0; raise if x cannot hold it."""
    cdef cnp.ndarray values, made

    if type(fill) is int and fill == 0:
        return None
    if type(fill) is float and (fill != fill or -65000 < fill < 65000) and (
        cnp.PyArray_TYPE(x) in (cnp.NPY_FLOAT16, cnp.NPY_FLOAT32, cnp.NPY_FLOAT64)
    ):
        return np.array(fill, x.dtype)  # a usual case, without the price of the general one
    values = as_base_array(convert(fill, "fill"))
    if not is_number(values):
        raise TypeError(
            f"x's dtype {x.dtype} cannot hold the fill {fill!r}: pass a number or an array of "
            "numbers"
        )
    shape, fill_shape = (<object> x).shape, (<object> values).shape
    if len(fill_shape) > len(shape) or any(
        [m not in (1, n) for n, m in zip(reversed(shape), reversed(fill_shape))]
    ):
        raise ValueError(
            f"fill must be a number or broadcast to x's shape {shape}, but its shape is "
            f"{fill_shape}"
        )
    dtype = x.dtype
    if values.dtype == dtype:
        return values
    if values.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"x's dtype {dtype} cannot hold the fill {fill!r}: pass a real number")
    if dtype.kind in "biu":
        fits = fits_integers(values, dtype)
    with np.errstate(all="ignore"):
        made = values.astype(dtype)
    if dtype.kind not in "biu":
        fits = np.isfinite(made) == np.isfinite(values)
    if not np.all(fits):
        wrong = fill if values.ndim == 0 else values[~fits][0]
        raise ValueError(
            f"x's dtype {dtype} cannot hold the fill {wrong}: pass a number that it can, or "
            "convert x"
        )
    return made


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
    # As floats the powers of two are exact, the greatest integers are not.
    inside = (values >= float(limits.min)) & (values < float(limits.max) + 1)
    return inside & (values == np.floor(values))


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
