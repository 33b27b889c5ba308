"""Arrays: what is taken, what can be written into, and how it lies in memory."""
cdef extern from "numpy/arrayobject.h":  # in the C API, but not in NumPy's own declarations
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray, cnp.NPY_ORDER, void *, int)
    cnp.ndarray PyArray_View(cnp.ndarray, void *, type)

# Elements a piece of the general path holds: whole blocks, and small beside an L2 cache.
cdef Py_ssize_t PIECE = 2 * FD_BLOCK


cpdef cnp.ndarray as_array(x, inplace, str name="x"):
    """Return x as an array of numbers."""
    if as_flag(inplace, "inplace") and not isinstance(x, np.ndarray):
        raise TypeError(
            "inplace=True needs an ndarray, for the caller would never see a converted "
            f"{type(x).__name__} change: pass an ndarray, or inplace=False"
        )
    cdef cnp.ndarray array = convert(x, name)
    if not is_number(plain(array)):
        raise TypeError(
            f"cannot drop elements of dtype {plain(array).dtype}, {way_out(plain(array), name)}"
        )
    return array


cdef frozenset PLAIN = frozenset([bool, int, float, complex, list, tuple])


cdef cnp.ndarray convert(x, str name):
    """Return x as an ndarray; reject what would lose a mask, or be loaded whole, in silence."""
    if isinstance(x, np.ndarray):
        check_unmasked(x, name)
        return x
    check_in_memory(x, name)
    if isinstance(x, (list, tuple)):
        for kind in set(map(type, x)) - PLAIN:  # the first of each class
            i = [type(item) for item in x].index(kind)
            check_in_memory(x[i], f"{name}[{i}]")
            if isinstance(x[i], np.ndarray):
                check_unmasked(x[i], f"{name}[{i}]")
    if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        return np.from_dlpack(x)
    try:
        return np.asarray(x)
    except TypeError as error:
        if "ScalarType" not in str(error):
            raise
        raise TypeError(
            f"{name} is a tensor of {x.dtype}, a dtype that NumPy does not have: pass "
            f"{name}.float() or, for bfloat16, {name}.view(torch.int16).numpy()"
            ".view(ml_dtypes.bfloat16), which shares its memory"
        ) from None


cdef int check_unmasked(x, str name) except -1:
    """Reject a masked array, of NumPy or of a package that has its own."""
    if cnp.PyArray_CheckExact(x):
        return 0
    if isinstance(x, np.ma.MaskedArray):
        without = "data"
    elif hasattr(type(x), "mask") and hasattr(type(x), "unmasked"):  # of Astropy
        without = "unmasked"
    else:
        return 0
    raise TypeError(
        f"{name} is a {type(x).__name__}, whose mask would be lost: pass {name}.filled(value), "
        f"where masked elements have that value, or {name}.{without}, which ignores the mask"
    )


# What lazy, chunked and stored arrays have, and arrays in memory have not: `chunks` those of Dask,
# xarray, Zarr, h5py, Blosc2, Cubed and, in memory but in chunks, PyArrow; then netCDF4, PyTables
# and TensorStore. Dask's frames and h5py's views are known by their package.
cdef tuple LAZY = ("chunks", "chunking", "chunkshape", "chunk_layout")
cdef tuple LAZY_PACKAGES = ("dask.", "h5py.")


cdef int check_in_memory(x, str name) except -1:
    """Reject an array that is lazy, chunked or stored, and a sparse one."""
    kind = type(x)
    lazy = kind.__module__.startswith(LAZY_PACKAGES)
    for attribute in LAZY:
        # Of the class and of x: a column of a DataFrame may have that name, and a class that wraps
        # arrays of any kind has the names of all.
        lazy = lazy or (hasattr(kind, attribute) and hasattr(x, attribute))
    # A wrapper that passes on what it does not have itself.
    if lazy or isinstance(getattr(x, "chunks", None), tuple):
        raise TypeError(
            f"{name} is a {kind.__module__}.{kind.__qualname__}, which is lazy, chunked or stored: "
            f"pass np.asarray({name}) to load all of it, or piece by piece, each with its offset="
        )
    if hasattr(kind, "tocsr"):  # of SciPy or the package sparse
        raise TypeError(
            f"{name} is a sparse {kind.__name__}: pass {name}.data, its stored elements (of a "
            f"format without such an array {name}.tocsr().data), or {name}.toarray()"
        )
    return 0


cdef str way_out(cnp.ndarray x, str name):
    """What is wrong with a dtype that is not numeric, and what to do about it."""
    dtype = x.dtype
    if dtype.names:
        return (
            f"which is structured: drop whole records, {name}[fastdrop.keep_mask(len({name}), p)], "
            f"or the elements of a field, {name}[{dtype.names[0]!r}]"
        )
    if dtype.kind == "V" and cnp.PyArray_TYPE(x) == cnp.NPY_VOID:
        return (
            "which is raw bytes: pass a view of them in their numeric dtype, such as "
            f"{name}.view(ml_dtypes.bfloat16) for the bfloat16 that NumPy's files hold as |V2"
        )
    return f"which is not numeric, or has no zero: convert {name} to a float dtype"


cpdef cnp.ndarray plain(cnp.ndarray x):
    """x without its subclass, whose methods need not do what ndarray's do."""
    if cnp.PyArray_CheckExact(x):
        return x
    return PyArray_View(x, NULL, cnp.ndarray)


cdef object check_target(x, cnp.ndarray source, bint inplace, out, bint writes):
    """The array to write into, or None for a fresh one; refuse one that cannot take the result."""
    if out is not None:
        check_out(source, inplace, out)
        check_writable(plain(out), "out")
        return out
    if not inplace:
        return None
    if writes:
        check_writable(source, "x, to be dropped in place,")
    return x


cdef int check_out(cnp.ndarray x, bint inplace, out) except -1:
    """Refuse an `out` that does not fit x."""
    if inplace:
        raise ValueError("out and inplace=True name two places for one result: give only one")
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, but got {type(out).__name__}")
    check_unmasked(out, "out")
    cdef cnp.ndarray y = plain(out)
    if not cnp.PyArray_SAMESHAPE(x, y):
        raise ValueError(
            f"out must have x's shape {(<object> x).shape}, but its shape is {(<object> y).shape}"
        )
    if x.dtype != y.dtype:
        raise TypeError(f"out must have x's dtype {x.dtype}, but its dtype is {y.dtype}")
    return 0


cdef object clear(cnp.ndarray source, result):
    """Drop every element."""
    if result is None:
        return np.zeros_like(source)
    plain(result)[...] = 0
    return result


cdef int check_writable(cnp.ndarray y, str name) except -1:
    """Refuse an array that cannot hold a result."""
    if not cnp.PyArray_ISWRITEABLE(y):
        raise ValueError(f"{name} is read-only: pass a writable array, or drop out of place")
    if not cnp.PyArray_IS_C_CONTIGUOUS(y) and shares_elements(y):
        raise ValueError(
            f"{name} has elements that share memory (shape {(<object> y).shape}, "
            f"strides {(<object> y).strides}): pass a copy"
        )
    return 0


cdef bint shares_elements(cnp.ndarray y):
    """Whether two elements of y have a byte in common."""
    layout = zip((<object> y).strides, (<object> y).shape)
    axes = sorted((abs(stride), n) for stride, n in layout if n > 1)
    reach = y.itemsize  # bytes that the axes so far span
    for stride, n in axes:
        if stride < reach:
            break
        reach += stride * (n - 1)
    else:
        return False
    if axes[0][0] == 0:
        return True
    # Strides that interleave, which only as_strided makes: count the bytes that are touched.
    touched = np.zeros(sum(stride * (n - 1) for stride, n in axes) + y.itemsize, np.bool_)
    for byte in range(y.itemsize):
        np.lib.stride_tricks.as_strided(
            touched[byte:], [n for _, n in axes], [stride for stride, _ in axes]
        )[...] = True
    return touched.sum() < y.size * y.itemsize


cdef cnp.ndarray apart(cnp.ndarray x, cnp.ndarray y):
    """Return x, or a copy of it if writing y would change what is still to be read of x."""
    return x.copy() if clashes(x, y) else x


cdef bint clashes(cnp.ndarray x, cnp.ndarray y):
    """Whether writing y element by element would change elements of x that are still to be read."""
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


# How it lies in memory


cdef bint has_columns(cnp.ndarray x):
    """Whether x has two axes, of 64 elements or more, and contiguous columns."""
    return (
        cnp.PyArray_NDIM(x) == 2
        and cnp.PyArray_STRIDE(x, 0) == cnp.PyArray_ITEMSIZE(x)
        and min(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1)) >= 64
        and cnp.PyArray_ISALIGNED(x)
        and cnp.PyArray_ISNOTSWAPPED(x)
    )


cdef object memory_order(cnp.ndarray x):
    """The order of x's axes in which x is contiguous; None for the C order, or if there is none."""
    if cnp.PyArray_ISCARRAY_RO(x):
        return None
    strides = (<object> x).strides
    order = sorted(range(x.ndim), key=strides.__getitem__, reverse=True)
    return order if cnp.PyArray_ISCARRAY_RO(x.transpose(order)) else None


cdef object in_pieces(cnp.ndarray x, cnp.ndarray y):
    """Walk two arrays of any layout in C order, as pairs of contiguous native pieces."""
    if cnp.PyTypeNum_ISUSERDEF(cnp.PyArray_TYPE(x)):  # which need not be known to nditer's casts
        bits = np.dtype(f"u{cnp.PyArray_ITEMSIZE(x)}").newbyteorder(x.dtype.byteorder)
        x, y = x.view(bits), y.view(bits)
    if x.ndim == 0:  # NumPy before 2.3 reads a buffered one from anywhere
        x, y = x.reshape(1), y.reshape(1)
    native = x.dtype.newbyteorder("=")
    return np.nditer(
        [x, y],
        flags=["external_loop", "buffered"],
        op_flags=[
            ["readonly", "contig", "aligned", "nbo"],
            ["writeonly", "contig", "aligned", "nbo"],
        ],
        op_dtypes=[native, native],
        order="C",
        casting="equiv",
        buffersize=PIECE,
    )
