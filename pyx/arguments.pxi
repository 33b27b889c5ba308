"""Arguments: p, flags and the offset, checked once and made C values."""
cimport numpy as cnp
from libc.stdint cimport uint64_t

from fastdrop._keys cimport as_index

import numpy as np


cpdef double check_probability(p) except? -1:
    """Return p as a float; raise unless it is one real number in [0, 1]."""
    cdef double probability
    if type(p) is float:
        probability = p
    else:
        probability = as_real(p)
    if not 0 <= probability <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return probability


cdef double as_real(p) except? -1:
    """Return one real number, a scalar of any library or an array of no axes, as a double."""
    if isinstance(p, cnp.ndarray):
        check_unmasked(p, "p", False)
    shape, dtype = getattr(p, "shape", ()), getattr(p, "dtype", None)
    if shape != ():
        raise TypeError(f"p must be one number, but got an array of shape {tuple(shape)}: {p!r}")
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


cpdef bint as_bool(value, str name) except -1:
    """Return a flag as a bool; reject anything else, such as an argument in another's place."""
    if value is True or value is False:
        return value is True
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be a bool, but got {value!r}")


cdef uint64_t check_offset(index, Py_ssize_t size) except? 1:
    """Return the stream's index of the first element; raise if it is out of range."""
    if index and not 0 <= index <= 2**64 - max(size, 1):
        raise ValueError(
            f"offset must be 0 or more, and the last element's index below 2**64, but got {index}"
        )
    return index
