"""Probabilities: p as one number, or as an array with a number for each decision."""
cimport numpy as cnp

from kernels cimport *

import numpy as np


cpdef double check_probability(p) except? -1:
    """Return p as a float; raise unless it is one real number in [0, 1]."""
    cdef double probability
    if type(p) is float:
        probability = p
    else:
        probability = as_real(p)
    if not 0 <= probability <= 1:
        raise_probability(p)
    return probability


cdef int raise_probability(p) except -1:
    raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


cdef double as_real(p) except? -1:
    """Return one real number, a scalar of any library or an array of no axes, as a double."""
    if isinstance(p, cnp.ndarray):
        check_unmasked(p, "p", False)
    shape, dtype = getattr(p, "shape", ()), getattr(p, "dtype", None)
    if shape != () or isinstance(p, (list, tuple)):
        what = f"an array of shape {tuple(shape)}: {p!r}" if shape != () else repr(p)
        raise TypeError(
            f"p must be one number, but got {what} (functions such as dropout and keep_mask take "
            "an array of p; layers, alpha dropout and DropBlock do not)"
        )
    # float() takes more than numbers, and loses an imaginary part.
    if isinstance(dtype, np.dtype) and dtype.kind != "V":
        is_real = dtype.kind in "fiu"
    else:
        is_real = dtype is None or "float" in str(dtype) or "int" in str(dtype)
    if isinstance(p, bool) or "bool" in str(dtype):
        raise TypeError(f"p must be a number, but got the bool {p!r}")
    try:
        if is_real:
            return p
    except TypeError:
        pass
    except OverflowError:
        return float("inf")
    raise TypeError(f"p must be a real number, but got {p!r}")


cdef cnp.ndarray convert_p(p):
    """Return p as an array of any dtype, or None if it is one number."""
    if type(p) is float:
        return None
    shape = getattr(p, "shape", None)
    if shape == () or shape is None and not isinstance(p, (list, tuple, range)) and (
        not hasattr(p, "__array__")
    ):
        return None
    return convert(p, "p")


cdef cnp.ndarray as_probabilities(cnp.ndarray p):
    """Return an array of p as one of float32 or float64; None stays None."""
    cdef cnp.ndarray array

    if p is None:
        return None
    array = as_base_array(p)
    dtype = array.dtype
    if dtype.kind == "b":
        raise TypeError("p must hold numbers, but got bools")
    if not (dtype.kind in "fiu" or is_bfloat16(array)):
        raise TypeError(f"p must hold real numbers, but its dtype is {dtype}")
    single = dtype.itemsize < 4 and dtype.kind not in "iu" or dtype == np.float32
    return array.astype(np.float32 if single else np.float64, order="K", copy=False)


cdef cnp.ndarray fit_probabilities(cnp.ndarray p, tuple shape, double *constant, bint *chance):
    """Return a p for each decision of a shape, without repetitions; or None if all are `constant`.

    `chance` gets whether one is neither 0 nor 1. Raises if p does not broadcast to the shape, or if
    a number is outside [0, 1].
    """
    cdef fd_survey found

    check_broadcast(p, "p", "the mask's shape", shape)
    # Repetitions that broadcasting made are left out. With the dots the array stays one.
    p = p[(*[slice(None if stride else 1) for stride in (<object> p).strides], ...)]
    if not (cnp.PyArray_IS_C_CONTIGUOUS(p) or cnp.PyArray_IS_F_CONTIGUOUS(p)):
        p = np.ascontiguousarray(p)
    if cnp.PyArray_TYPE(p) == cnp.NPY_FLOAT32:
        found = kernel.survey_floats(cnp.PyArray_DATA(p), cnp.PyArray_SIZE(p))
    else:
        found = kernel.survey_doubles(cnp.PyArray_DATA(p), cnp.PyArray_SIZE(p))
    if found.outside:
        # Not by p[...] of a mask, in which NumPy loses a MemoryError: CPython 3.12 and later crash.
        raise_probability(p.flat[np.argmin((p >= 0) & (p <= 1))])
    chance[0] = found.chance
    if found.differ:
        return p
    constant[0] = p.ravel("K")[0] if cnp.PyArray_SIZE(p) else 0.5
    return None


cdef cnp.ndarray thresholds_of(cnp.ndarray p):
    """Return the thresholds of the stream for an array of probabilities, as fd_thresholds makes."""
    return np.minimum(np.floor(p * np.float64(65536)), 65535).astype(np.uint16, order="K")


cdef cnp.ndarray scales_of(cnp.ndarray p, dtype):
    """Return 1 / (1 - p), computed in double and rounded once."""
    with np.errstate(divide="ignore"):
        scales = 1 / (1 - p.astype(np.float64))
    return scales.astype(dtype, order="K")
