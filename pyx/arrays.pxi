"""Arrays: which are accepted, which can be written into, and how they lie in memory."""
cimport numpy as cnp

from collections.abc import Mapping

import numpy as np


cdef extern from "numpy/arrayobject.h":  # in the C API, but not in NumPy's own declarations
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray, cnp.NPY_ORDER, void *, int)
    cnp.ndarray PyArray_View(cnp.ndarray, void *, type)


cpdef cnp.ndarray as_array(x, inplace, str name="x"):
    """Return x as an array of numbers."""
    cdef cnp.ndarray array = convert(x, name, as_bool(inplace, "inplace"))
    numbers_of(array, name)
    return array


cdef cnp.ndarray numbers_of(cnp.ndarray x, str name="x"):
    """Return an array of numbers as a plain ndarray; reject an array of anything else."""
    x = as_base_array(x)
    if not is_number(x):
        raise TypeError(f"cannot drop elements of dtype {x.dtype}, {way_out(x, name)}")
    return x


cdef cnp.ndarray convert(x, str name, bint inplace=False):
    """Return x as an ndarray; reject what `check_plain` rejects, and a copy for work in place."""
    check_plain(x, name, inplace)
    if isinstance(x, cnp.ndarray):
        return x
    if inplace:
        raise TypeError(
            "inplace=True needs an ndarray, because the caller would not see the result in a "
            f"{type(x).__name__}, which is copied: pass an ndarray, or inplace=False"
        )
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        return np.from_dlpack(x)
    try:
        return np.asarray(x)
    except TypeError as error:
        if "unsupported ScalarType" not in str(error):
            raise
        dtype = str(getattr(x, "dtype", "a dtype"))
        way = "dequantize()" if "qint" in dtype else (
            "to(torch.complex64)" if "complex" in dtype else "float()"
        )
        shared = ""
        if dtype == "torch.bfloat16":
            shared = f" or, sharing its memory, {name}.view(torch.int16).numpy()"
            shared += ".view(ml_dtypes.bfloat16)"
        raise TypeError(
            f"{name} is or holds a tensor of {dtype} that NumPy does not have: pass {name}.{way}"
            f"{shared}"
        ) from None


cdef frozenset SCALARS = frozenset([bool, int, float, complex])
cdef int MAX_NESTED = 64  # NumPy's axes: a list that is nested deeper is no array


cdef int check_plain(x, str name, bint written=False, int depth=0) except -1:
    """Reject an array that is masked, lazy or sparse, and a list that holds one.

    NumPy would lose the mask, or load or expand the whole, in silence. `written` says that the
    result is to be written into x.
    """
    if isinstance(x, cnp.ndarray):
        return check_unmasked(x, name, written)
    if not isinstance(x, (list, tuple)):
        return check_in_memory(x, name)
    if depth == MAX_NESTED or SCALARS.issuperset(map(type, x)):
        return 0
    for i, item in enumerate(x):
        if type(item) not in SCALARS and not isinstance(item, np.generic):
            check_plain(item, f"{name}[{i}]", False, depth + 1)
    return 0


cdef int check_unmasked(x, str name, bint written) except -1:
    """Reject a masked array, of NumPy or of a package that has its own."""
    if cnp.PyArray_CheckExact(x):
        return 0
    if issubclass(type(x), np.ma.MaskedArray):  # isinstance could run code of x's
        without = "data"
    elif all([hasattr(type(x), attribute) for attribute in ("mask", "filled", "unmasked")]):
        without = "unmasked"  # of Astropy
    else:
        return 0
    filled = ""
    if not written:  # into a copy, which the caller would not see
        filled = f"{name}.filled(value), where masked elements have that value, or "
    raise TypeError(
        f"{name} is a {type(x).__name__}, whose mask would be lost: pass {filled}{name}.{without}, "
        "which ignores the mask"
    )


# Attributes of lazy, chunked and stored arrays that arrays in memory do not have: `chunks` of Dask,
# xarray, Zarr, h5py, Blosc2, Cubed and (in memory, but in chunks) PyArrow; then netCDF4, PyTables
# and TensorStore. h5py's views of a dataset have none of them.
cdef tuple LAZY = ("chunks", "chunking", "chunkshape", "chunk_layout")


cdef object MISSING = object()


cdef object attribute_of(x, str name):
    """Return an attribute of x, or MISSING. The class's own code may raise any exception."""
    try:
        return getattr(x, name)
    except Exception:
        return MISSING


cdef int check_in_memory(x, str name) except -1:
    """Reject an array that is lazy, chunked or stored, a sparse one, and a mapping of arrays."""
    kind = type(x)
    path = f"{kind.__module__}.{kind.__qualname__}"
    if hasattr(kind, "tocsr"):  # of SciPy or the package sparse
        data = attribute_of(x, "data")
        stored = isinstance(data, cnp.ndarray) and data.shape == (attribute_of(x, "nnz"),)
        data = f"{name}.data" if stored and data.dtype != object else f"{name}.tocsr().data"
        data = "" if name == "mask" else f"{data}, its stored elements, or "
        raise TypeError(f"{name} is a sparse {kind.__name__}: pass {data}{name}.toarray()")
    # NumPy's .npz files, groups of h5py, datasets of xarray; a group of Zarr is not a Mapping.
    if isinstance(x, Mapping) or hasattr(kind, "group_keys"):
        raise TypeError(f"{name} is a {path}, which maps names to arrays: pass one of its arrays")
    lazy = path.startswith("h5py.") or isinstance(attribute_of(x, "chunks"), tuple)
    for attribute in LAZY:
        # Of the class and of x: a column of a DataFrame may have that name, and a class that wraps
        # arrays of any kind has the names of all.
        lazy = lazy or (hasattr(kind, attribute) and attribute_of(x, attribute) is not MISSING)
    load = f"np.asarray({name})"
    if hasattr(kind, "__dask_graph__") and not lazy:  # a frame or a delayed object
        graph = attribute_of(x, "__dask_graph__")
        lazy = callable(graph) and graph() is not None
        load = f"np.asarray({name}.compute())"
    if lazy:
        blocks = ""
        if path.startswith("dask.array."):
            blocks = ", or call fastdrop.dask, which computes its blocks"
        raise TypeError(
            f"{name} is a {path}, which is lazy, chunked or stored: pass {load} to load all of it, "
            f"or some of its rows at a time, each time with their offset={blocks}"
        )
    return 0


cdef bint broadcasts(tuple given, tuple shape):
    """Return whether an array of the shape `given` broadcasts to a shape, which stays as it is."""
    return len(given) <= len(shape) and all(
        [m == 1 or m == n for n, m in zip(reversed(shape), reversed(given))]
    )


cdef str way_out(cnp.ndarray x, str name):
    """Return what is wrong with a dtype that is not numeric, and what to do about it."""
    dtype = x.dtype
    if dtype.names:
        ways = [f"a field, {name}[{field!r}]" for field in dtype.names if is_number(x[field])][:1]
        if x.ndim:
            kept = f"fastdrop.keep_mask({name}.shape, p)"
            ways.insert(0, f"whole records, {name}[{kept}]")
        return f"which is structured: drop {' or '.join(ways) or 'arrays of numbers'}"
    if dtype.kind == "V" and cnp.PyArray_TYPE(x) == cnp.NPY_VOID:
        return (
            "which is raw bytes: pass a view of them in their numeric dtype, such as "
            f"{name}.view(ml_dtypes.bfloat16) for the bfloat16 that NumPy's files hold as |V2"
        )
    if dtype.kind in "mM":
        ways = f"{name}[~fastdrop.keep_mask({name}.shape, p)] = numpy.{dtype.type.__name__}('NaT')"
        return f"which is not numeric: to inject missing values, {ways}"
    if dtype.kind == "O":
        return f"which is not numeric: convert {name} to a float dtype, or drop its numeric columns"
    missing = "has no zero" if dtype.kind == "V" else "is not numeric"
    return f"which {missing}: convert {name} to a float dtype"


cpdef cnp.ndarray as_base_array(cnp.ndarray x):
    """Return x as a plain ndarray: a subclass's methods need not do what ndarray's do."""
    if cnp.PyArray_CheckExact(x):
        return x
    return PyArray_View(x, NULL, cnp.ndarray)


cdef object output_array(x, cnp.ndarray source, bint inplace, out, bint writes):
    """Return the array to write into, or None for a fresh one; reject one that cannot hold it."""
    if out is not None:
        check_out(source, inplace, out)
        check_writable(as_base_array(out), "out", "no out")
        return out
    if not inplace:
        return None
    if writes:
        check_writable(source, "x", "inplace=False")
    return x


cdef int check_out(cnp.ndarray x, bint inplace, out) except -1:
    """Reject an `out` that does not fit x."""
    if inplace:
        raise ValueError("out and inplace=True both say where the result goes: give only one")
    if not isinstance(out, cnp.ndarray):
        raise TypeError(f"out must be an ndarray, but got {type(out).__name__}")
    check_unmasked(out, "out", True)
    cdef cnp.ndarray y = as_base_array(out)
    if not cnp.PyArray_SAMESHAPE(x, y):
        raise ValueError(
            f"out must have x's shape {(<object> x).shape}, but its shape is {(<object> y).shape}"
        )
    if x.dtype != y.dtype:
        raise TypeError(f"out must have x's dtype {x.dtype}, but its dtype is {y.dtype}")
    return 0


cdef object clear(cnp.ndarray source, result, cnp.ndarray fill):
    """Drop every element: to 0, or to a fill."""
    cdef cnp.ndarray target

    if result is None and fill is None:
        return np.zeros_like(source)
    result = np.empty_like(source) if result is None else result
    target = as_base_array(result)
    if fill is None:
        # An array of 0, not the number: of that NumPy would leave the padding of long doubles.
        target[...] = np.zeros((), source.dtype)
    else:
        # NumPy's own care for overlaps fails in one dimension with strides of one sign.
        target[...] = beside_of(fill, target)
    return result


cdef int check_writable(cnp.ndarray y, str name, str instead) except -1:
    """Reject an array that cannot hold a result; `instead` is what else may be passed."""
    if not cnp.PyArray_ISWRITEABLE(y):
        raise ValueError(f"{name} is read-only: pass a writable array, or {instead}")
    if not cnp.PyArray_IS_C_CONTIGUOUS(y) and shares_elements(y):
        raise ValueError(
            f"{name} has elements that share memory or interleave (shape {(<object> y).shape}, "
            f"strides {(<object> y).strides}): pass a copy"
        )
    return 0


cdef bint shares_elements(cnp.ndarray y):
    """Return whether elements of y may share memory: some axis steps less than those below it span.

    Strides that interleave without sharing a byte, which only `as_strided` makes, count as well.
    """
    layout = zip((<object> y).strides, (<object> y).shape)
    reach = y.itemsize  # bytes that the axes so far span
    for stride, n in sorted([(abs(stride), n) for stride, n in layout if n > 1]):
        if stride < reach:
            return True
        reach += stride * (n - 1)
    return False


cdef cnp.ndarray apart(cnp.ndarray x, cnp.ndarray y):
    """Return x, or a copy of it if writing y would change what is still to be read of x."""
    return x.copy(order="K") if overlaps(x, y) else x


cdef bint overlaps(cnp.ndarray x, cnp.ndarray y):
    """Return whether writing y would change elements of x before they are read."""
    cdef char *x_data
    cdef char *y_data
    if cnp.PyArray_IS_C_CONTIGUOUS(x) and cnp.PyArray_IS_C_CONTIGUOUS(y):
        x_data = <char *> cnp.PyArray_DATA(x)
        y_data = <char *> cnp.PyArray_DATA(y)
        return x_data != y_data and (
            x_data < y_data + cnp.PyArray_NBYTES(y) and y_data < x_data + cnp.PyArray_NBYTES(x)
        )
    if cnp.PyArray_DATA(x) == cnp.PyArray_DATA(y) and (<object> x).strides == (<object> y).strides:
        return False
    return np.may_share_memory(x, y, max_work=1)
