"""The front door: every check of a call, its key, and the way to the kernel.

Compiled, and on NumPy's C API, because in Python the same checks take longer than a multiplication
of a thousand elements; still the one path that every array takes. Nothing is written, and no
generator advanced, before the last check has passed and the last byte is allocated.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport NAN
from libc.stdint cimport uint64_t

from lanes cimport (
    FD_BLOCK,
    Drop,
    Kernels,
    drop_columns_kernel,
    drop_kernel,
    fd_rule,
    fd_set_probability,
)

from fastdrop import _machine, threads

include "keys.pxi"

cdef extern from "numpy/arrayobject.h":  # in the C API, but not in NumPy's own declarations
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray, cnp.NPY_ORDER, void *, int)
    cnp.ndarray PyArray_View(cnp.ndarray, void *, type)

cnp.import_array()

# Elements from which a team of threads is considered.
cdef Py_ssize_t TEAM_PAYS_FROM = threads.TEAM_PAYS_FROM
# Elements a piece of the general path holds: whole blocks, and small beside an L2 cache.
cdef Py_ssize_t PIECE = 2 * FD_BLOCK

# Bytes of a result from which its stores bypass the cache: three quarters of the last level, as
# measured on a CPU with 32 MiB of it, and no more than 32 MiB, as measured on one with 480 MiB, of
# which a process gets a share. Smaller results are read again from the cache, and soon.
cdef Py_ssize_t STREAM_FROM = min(3 * (_machine.last_level_cache() // 4), 2**25)
if STREAM_FROM <= 0:
    STREAM_FROM = 2**25

cdef Kernels kernels


def use(capsule):
    """Take the kernels of a CPU level; called once, at import."""
    global kernels
    kernels = (<Kernels *> PyCapsule_GetPointer(capsule, "fastdrop.kernels"))[0]


def check_probability(p):
    """Refuse a p that is no number in [0, 1]; return it as a float."""
    cdef double probability
    try:
        probability = p
    except TypeError:
        raise TypeError(f"p must be a real number, but got {p!r}") from None
    except OverflowError:
        probability = NAN
    if not 0 <= probability <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return probability


def dropout(x, p, bint training, bint inplace, rng, out, offset, bint return_key, num_threads):
    """What `fastdrop.functional.dropout` documents."""
    cdef:
        double probability = check_probability(p)
        object index = as_index(offset, "offset")
        object result
        cnp.ndarray source, target
        Py_ssize_t size
        uint64_t start
        bint drops = training and probability > 0, columns, stream
        double scale
        int team = 1
        Drop *kernel = NULL
        object pieces = None
        fd_rule rule

    # What runs the caller's own code comes first: afterwards no array can change under the checks.
    check_rng(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    result = x = as_array(x, inplace)
    source = plain(x)
    size = cnp.PyArray_SIZE(source)
    start = check_offset(index, size)
    if num_threads is not None or size >= TEAM_PAYS_FROM:
        team = threads.team_size(num_threads, size)
    if out is not None:
        result = check_out(source, inplace, out)
    target = plain(result) if inplace or out is not None else None
    if out is not None:
        check_writable(target, "out")
    elif inplace and drops:
        check_writable(target, "x, to be dropped in place,")

    if not drops:
        if out is not None:
            np.copyto(target, source)
        return (result, None) if return_key else result
    if probability < 1:
        kernel = find_kernel(source)
    if probability == 1 or size == 0:
        if target is None:
            result = np.zeros_like(source)
        else:
            target[...] = 0
        return (result, None) if return_key else result

    if target is None:
        result = target = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0)
    elif clashes(source, target):
        source = source.copy()
    columns = has_columns(source) and has_columns(target)
    if not columns and not (cnp.PyArray_ISCARRAY_RO(source) and cnp.PyArray_ISCARRAY(target)):
        pieces = in_pieces(source, target)
    scale = 1 / (1 - probability)
    fd_set_probability(&rule, probability)
    take_key(rng, &rule)
    if columns:
        run_columns(kernel.columns, source, target, start, &rule, scale, team)
    elif pieces is None:
        # In place the lines are read anyway; a fresh page the system has just filled with zeros.
        stream = (
            out is not None
            and cnp.PyArray_DATA(source) != cnp.PyArray_DATA(target)
            and cnp.PyArray_NBYTES(target) >= STREAM_FROM
        )
        run(kernel.run, source, target, start, &rule, scale, team, stream)
    else:
        with pieces:
            for source_piece, target_piece in pieces:
                run(kernel.run, source_piece, target_piece, start, &rule, scale, 1, False)
                start += <uint64_t> source_piece.size
    return (result, key_of_words(rule.k0, rule.k1)) if return_key else result


cdef int run(
    drop_kernel kernel, cnp.ndarray x, cnp.ndarray y, uint64_t offset, const fd_rule *rule,
    double scale, int team, bint stream,
) except -1:
    """Call the kernel on contiguous native arrays."""
    cdef:
        Py_ssize_t size = cnp.PyArray_SIZE(x)
        const void *source = cnp.PyArray_DATA(x)
        void *target = cnp.PyArray_DATA(y)

    with nogil:
        kernel(source, target, size, offset, rule, scale, team, stream)
    return 0


cdef bint has_columns(cnp.ndarray x):
    """Whether x has two axes, of 64 elements or more, and contiguous columns."""
    return (
        cnp.PyArray_NDIM(x) == 2
        and cnp.PyArray_STRIDE(x, 0) == cnp.PyArray_ITEMSIZE(x)
        and cnp.PyArray_STRIDE(x, 1) % cnp.PyArray_ITEMSIZE(x) == 0
        and min(cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1)) >= 64
        and cnp.PyArray_ISALIGNED(x)
        and cnp.PyArray_ISNOTSWAPPED(x)
    )


cdef int run_columns(
    drop_columns_kernel kernel, cnp.ndarray x, cnp.ndarray y, uint64_t offset,
    const fd_rule *rule, double scale, int team,
) except -1:
    """Call the kernel for arrays with contiguous columns."""
    cdef:
        Py_ssize_t rows = cnp.PyArray_DIM(x, 0), columns = cnp.PyArray_DIM(x, 1)
        Py_ssize_t x_step = cnp.PyArray_STRIDE(x, 1) // cnp.PyArray_ITEMSIZE(x)
        Py_ssize_t y_step = cnp.PyArray_STRIDE(y, 1) // cnp.PyArray_ITEMSIZE(y)
        const void *source = cnp.PyArray_DATA(x)
        void *target = cnp.PyArray_DATA(y)

    with nogil:
        kernel(source, target, rows, columns, x_step, y_step, offset, rule, scale, team)
    return 0


cdef object in_pieces(cnp.ndarray x, cnp.ndarray y):
    """Walk two arrays of any layout in C order, as pairs of contiguous native pieces."""
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


cdef Drop *find_kernel(cnp.ndarray x) except NULL:
    """The kernels of x's dtype."""
    cdef int number = cnp.PyArray_TYPE(x)
    if number == cnp.NPY_FLOAT32:
        return &kernels.float32
    if number == cnp.NPY_FLOAT64:
        return &kernels.float64
    raise TypeError(
        f"cannot drop elements of dtype {x.dtype} at random: convert x to float32 or float64"
    )


cdef cnp.ndarray as_array(x, bint inplace):
    """x as an array of numbers."""
    if not isinstance(x, np.ndarray):
        if inplace:
            raise TypeError(
                "inplace=True needs an ndarray, for the caller would never see a converted "
                f"{type(x).__name__} change: pass an ndarray, or inplace=False"
            )
        if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
            x = np.from_dlpack(x)
        else:
            x = np.asarray(x)
    cdef cnp.ndarray array = x
    if not cnp.PyTypeNum_ISNUMBER(cnp.PyArray_TYPE(array)):
        raise TypeError(f"cannot drop elements of dtype {array.dtype}: convert x to a float dtype")
    return array


cdef cnp.ndarray plain(cnp.ndarray x):
    """x without its subclass, whose methods need not do what ndarray's do."""
    if cnp.PyArray_CheckExact(x):
        return x
    return PyArray_View(x, NULL, cnp.ndarray)


cdef object check_out(cnp.ndarray x, bint inplace, out):
    """Refuse an `out` that does not fit x."""
    if inplace:
        raise ValueError("out and inplace=True name two places for one result: give only one")
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, but got {type(out).__name__}")
    cdef cnp.ndarray y = out
    if not cnp.PyArray_SAMESHAPE(x, y):
        raise ValueError(
            f"out must have x's shape {(<object> x).shape}, but its shape is {(<object> y).shape}"
        )
    if x.dtype != y.dtype:
        raise TypeError(f"out must have x's dtype {x.dtype}, but its dtype is {y.dtype}")
    return out


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


cdef uint64_t check_offset(index, Py_ssize_t size) except? 1:
    """The stream's index of the first element."""
    if index and not 0 <= index <= 2**64 - max(size, 1):
        raise ValueError(
            f"offset must be 0 or more, and the last element's index below 2**64, but got {index}"
        )
    return index
