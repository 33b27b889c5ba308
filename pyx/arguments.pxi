"""Arguments: flags, and places in the stream, checked once and made C values."""
from libc.stdint cimport uint64_t

from fastdrop._keys cimport as_index

import numpy as np


cpdef bint as_bool(value, str name) except -1:
    """Return a flag as a bool; reject anything else, such as an argument in another's place."""
    if value is True or value is False:
        return value is True
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be a bool, but got {value!r}")


cdef tuple as_region(origin, full_shape):
    """Return where a block of a larger array lies, as two tuples of ints; None for a whole one."""
    if origin is None and full_shape is None:
        return None
    if origin is None or full_shape is None:
        missing, given = ("origin", "full_shape") if origin is None else ("full_shape", "origin")
        raise ValueError(f"{given} needs {missing}: a block of a larger array has both")
    return as_indices(origin, "origin"), as_indices(full_shape, "full_shape")


cdef tuple as_indices(values, str name):
    try:
        return tuple([as_index(n, name) for n in values])
    except TypeError:
        raise TypeError(f"{name} must be a sequence of ints, but got {values!r}") from None


cdef uint64_t check_offset(index, Py_ssize_t size) except? 1:
    """Return the stream's index of the first element; raise if it is out of range."""
    if index and not 0 <= index <= 2**64 - max(size, 1):
        raise ValueError(
            f"offset must be 0 or more, and the last element's index below 2**64, but got {index}"
        )
    return index
