"""The front door: every check of a call, its key, and the way to the kernel.

Compiled, and on NumPy's C API, because in Python the same checks take longer than a multiplication
of a thousand elements; still the one path that every array takes. Nothing is written, and no
generator advanced, before the last check has passed and the last byte is allocated.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport HUGE_VAL, NAN, sqrt
from libc.stdint cimport uint64_t

from lanes cimport *

import math

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

# Of self-normalizing networks (Klambauer et al. 2017, arXiv:1706.02515): minus the limit of SELU.
cdef double ALPHA = 1.7580993408473766

# What becomes of an element that is kept; one that is dropped is 0, but for SHIFT.
cdef enum Form:
    SELECT   # x
    SCALE    # x / (1 - p)
    SHIFT    # a x + b, so that mean 0 and variance 1 are kept where a dropped element is -ALPHA
    SLOPE    # a x, the gradient of SHIFT

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


def dropout(
    x, p, bint training, bint inplace, rng, out, noise_shape, bint scale, offset,
    bint return_key, num_threads,
):
    """What `fastdrop.functional.dropout` documents."""
    cdef Form form = SCALE if scale else SELECT
    return drop(
        x, p, training, inplace, rng, out, noise_shape, form, offset, return_key, num_threads
    )


def alpha_dropout(
    x, p, bint training, bint inplace, rng, out, noise_shape, bint gradient, offset,
    bint return_key, num_threads,
):
    """What `fastdrop.functional.alpha_dropout` documents, or how a gradient passes through it."""
    cdef Form form = SLOPE if gradient else SHIFT
    return drop(
        x, p, training, inplace, rng, out, noise_shape, form, offset, return_key, num_threads
    )


cdef object drop(
    x, p, bint training, bint inplace, rng, out, noise_shape, Form form, offset,
    bint return_key, num_threads,
):
    """Decide by chance which elements are dropped."""
    cdef:
        double probability = check_probability(p)
        object index = as_index(offset, "offset")
        object result, noise = None
        cnp.ndarray source
        Py_ssize_t size, decisions
        bint drops = training and probability > 0
        Work work

    # What runs the caller's own code comes first: afterwards no array can change under the checks.
    check_rng(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    x = as_array(x, inplace)
    source = plain(x)
    decisions = size = cnp.PyArray_SIZE(source)
    if noise_shape is not None:
        noise = check_noise_shape(source, noise_shape)
        decisions = size if noise is None else math.prod(noise)
    work.offset = check_offset(index, decisions)
    work.team = team_size(num_threads, size)
    result = check_target(x, source, inplace, out, drops)

    if not drops:
        if out is None:
            result = x
        else:
            np.copyto(plain(result), source)
        return (result, None) if return_key else result
    if probability < 1:
        set_operation(&work, source, form, probability)
    if probability == 1 or size == 0:
        result = clear(source, result)
        return (result, None) if return_key else result

    fd_set_probability(&work.rule, probability)
    if noise is None:
        result = carry_out(&work, source, result, None, None, 0, rng)
    else:
        result = carry_out(&work, source, result, None, steps_of(noise), decisions, rng)
    return (result, key_of_words(work.rule.k0, work.rule.k1)) if return_key else result


def packed_mask(size, p, rng, offset, num_threads):
    """What `fastdrop.masks.keep_mask` documents, packed, of `size` decisions."""
    cdef:
        double probability = check_probability(p)
        object index = as_index(offset, "offset")
        cnp.ndarray bits
        Work work

    check_rng(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    work.offset = check_offset(index, size)
    work.team = team_size(num_threads, size)
    if probability == 1 or size == 0:
        return np.zeros((size + 7) // 8, np.uint8)
    if probability == 0:
        bits = np.full((size + 7) // 8, 255, np.uint8)
        bits[-1] >>= -size % 8
        return bits
    bits = np.empty((size + 7) // 8, np.uint8)
    fd_set_probability(&work.rule, probability)
    take_key(rng, &work.rule)
    pack(&work, bits, size)
    return bits


def apply_mask(x, mask, p, bint inplace, out, bint packed, bint scale, num_threads):
    """What `fastdrop.masks.apply_mask` documents."""
    cdef:
        double probability = check_probability(p)
        object result, bits, steps
        cnp.ndarray source
        Work work

    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    x = as_array(x, inplace)
    mask = np.asarray(mask)
    source = plain(x)
    check_mask(source, mask, packed)
    work.team = team_size(num_threads, cnp.PyArray_SIZE(source))
    result = check_target(x, source, inplace, out, True)
    set_operation(&work, source, SCALE if scale and 0 < probability < 1 else SELECT, probability)
    if cnp.PyArray_SIZE(source) == 0 or (scale and probability == 1):
        return clear(source, result)
    bits, steps = packed_words(source, mask, packed)
    return carry_out(&work, source, result, bits, steps, 0, None)


cdef object carry_out(
    Work *work, cnp.ndarray source, result, cnp.ndarray bits, steps, Py_ssize_t decisions, rng
):
    """Do the work, and return the result: `result`, or a fresh array where that is None.

    Without `steps` the stream decides each element. With them they say, for each axis, how far its
    neighbours lie from one another in `bits`, a packed mask, which, if None, is drawn here, of so
    many decisions.
    """
    cdef:
        cnp.ndarray target
        Mask mask
        bint draws = bits is None
        object pieces = None, orders

    if result is None:
        result = target = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0)
        work.stream = False  # a fresh page the system has just filled with zeros
    else:
        target = plain(result)
        if clashes(source, target):
            source = source.copy()
        # In place the lines are read anyway.
        work.stream = (
            cnp.PyArray_DATA(source) != cnp.PyArray_DATA(target)
            and cnp.PyArray_NBYTES(target) >= STREAM_FROM
        )
    work.mask = NULL
    columns = False
    if steps is None:
        columns = has_columns(source) and has_columns(target)
    else:
        orders = memory_order(source)
        if orders is not None and orders == memory_order(target):
            source, target = source.transpose(orders), target.transpose(orders)
            steps = [steps[axis] for axis in orders]
        if bits is None:
            bits = words_for(decisions)
        set_mask(&mask, source, bits, steps)
    if not columns and not (cnp.PyArray_ISCARRAY_RO(source) and cnp.PyArray_ISCARRAY(target)):
        pieces = in_pieces(source, target)
        work.team = 1
        work.stream = False
    if draws:
        take_key(rng, &work.rule)
    if steps is not None:
        if draws:
            pack(work, bits, decisions)
        work.mask = &mask
        work.offset = 0  # among the mask's elements
    if columns:
        run_columns(source, target, work)
    elif pieces is None:
        run(source, target, work)
    else:
        with pieces:
            for source_piece, target_piece in pieces:
                run(source_piece, target_piece, work)
                work.offset += <uint64_t> source_piece.size
    return result


cdef int run(cnp.ndarray x, cnp.ndarray y, const Work *work) except -1:
    """Call the kernel on contiguous native arrays."""
    cdef:
        Py_ssize_t size = cnp.PyArray_SIZE(x)
        const char *source = <const char *> cnp.PyArray_DATA(x)
        char *target = <char *> cnp.PyArray_DATA(y)

    with nogil:
        kernels.run(source, target, size, work)
    return 0


cdef int run_columns(cnp.ndarray x, cnp.ndarray y, const Work *work) except -1:
    """Call the kernel on arrays with contiguous columns."""
    cdef:
        Py_ssize_t rows = cnp.PyArray_DIM(x, 0), columns = cnp.PyArray_DIM(x, 1)
        Py_ssize_t x_step = cnp.PyArray_STRIDE(x, 1), y_step = cnp.PyArray_STRIDE(y, 1)
        const char *source = <const char *> cnp.PyArray_DATA(x)
        char *target = <char *> cnp.PyArray_DATA(y)

    with nogil:
        kernels.columns(source, target, rows, columns, x_step, y_step, work)
    return 0


cdef int pack(const Work *work, cnp.ndarray bits, Py_ssize_t decisions) except -1:
    """Draw a packed mask of so many decisions, by the work's key, p and offset."""
    cdef:
        Work packing = work[0]
        char *target = <char *> cnp.PyArray_DATA(bits)

    packing.operation = PACK
    packing.item_bits = 1
    packing.mask = NULL
    packing.stream = False
    if decisions < TEAM_PAYS_FROM:
        packing.team = 1
    with nogil:
        kernels.run(target, target, decisions, &packing)
    return 0


# Layouts


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
        bits = f"u{cnp.PyArray_ITEMSIZE(x)}"
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


# Masks


cdef tuple check_noise_shape(cnp.ndarray x, noise_shape):
    """The noise shape as a tuple of ints, or None where it is x's shape."""
    shape = (<object> x).shape
    try:
        noise = tuple(
            [n if m is None else PyNumber_Index(m) for n, m in zip(shape, noise_shape, strict=True)]
        )
    except (TypeError, ValueError):
        noise = ()
    if len(noise) != len(shape) or any(m not in (1, n) for n, m in zip(shape, noise)):
        raise ValueError(
            f"noise_shape must have 1, the axis's length or None for each axis of x, whose shape "
            f"is {shape}, but got {noise_shape!r}"
        )
    return None if noise == shape else noise


cdef list steps_of(shape):
    """For each axis, how far its neighbours lie apart in C order; 0 for axes of length 1."""
    steps = []
    step = 1
    for n in reversed(shape):
        steps.insert(0, 0 if n == 1 else step)
        step *= n
    return steps


cdef cnp.ndarray words_for(Py_ssize_t decisions):
    """Memory for a packed mask, and the word more that its reader may look at."""
    return np.zeros(decisions // FD_WORD + 2, np.uint64)


cdef int check_mask(cnp.ndarray x, cnp.ndarray mask, bint packed) except -1:
    """Refuse a mask that does not fit x."""
    cdef Py_ssize_t count = (cnp.PyArray_SIZE(x) + 7) // 8
    shape, mask_shape = (<object> x).shape, (<object> mask).shape
    if packed:
        if mask.dtype != np.uint8:
            raise TypeError(f"a packed mask must have dtype uint8, but its dtype is {mask.dtype}")
        if mask_shape != (count,):
            raise ValueError(
                f"a packed mask for x's shape {shape} must have the shape ({count},), but its "
                f"shape is {mask_shape}"
            )
        return 0
    if mask.dtype != np.bool_:
        raise TypeError(
            f"mask must have dtype bool (or hold packed bits, with packed=True), but its dtype is "
            f"{mask.dtype}"
        )
    if len(mask_shape) > len(shape) or any(
        m not in (1, n) for n, m in zip(reversed(shape), reversed(mask_shape))
    ):
        raise ValueError(f"mask must broadcast to x's shape {shape}, but its shape is {mask_shape}")
    return 0


cdef tuple packed_words(cnp.ndarray x, cnp.ndarray mask, bint packed):
    """A mask in words of bits, and for each axis of x how far its neighbours lie apart in them."""
    if packed:
        steps = steps_of((<object> x).shape)
        count, some = cnp.PyArray_SIZE(x), mask
    else:
        mask = plain(mask)
        # An axis of stride 0, as of a broadcast mask, holds one decision.
        once = [slice(None if stride else 1) for stride in (<object> mask).strides]
        mask = mask[(*once, ...)]  # without the dots a 0-d mask would become a scalar
        steps = [0] * (x.ndim - mask.ndim) + steps_of((<object> mask).shape)
        count, some = mask.size, np.packbits(mask, bitorder="little")
    bits = words_for(count)
    bits.view(np.uint8)[: some.size] = some
    return bits, steps


cdef int set_mask(Mask *mask, cnp.ndarray x, cnp.ndarray bits, steps) except -1:
    """Describe the mask whose decisions lie so far apart along the axes of x."""
    cdef:
        int axis
        list axes = []  # the inner ones first: elements and step, neighbours merged

    for n, step in zip(reversed((<object> x).shape), reversed(steps)):
        if axes and step == axes[-1][0] * axes[-1][1]:
            axes[-1][0] *= n
        elif n > 1:
            axes.append([n, step])
    mask.bits = <const uint64_t *> cnp.PyArray_DATA(bits)
    mask.repeat = mask.row = mask.row_step = mask.cycles = 1
    if axes and axes[0][1] == 0:
        mask.repeat = axes.pop(0)[0]
    if axes:
        mask.row, mask.row_step = axes.pop(0)
    if axes and axes[0][1] == 0:
        mask.cycles = axes.pop(0)[0]
    mask.axes = <int> len(axes)
    for axis in range(mask.axes):
        mask.shape[axis], mask.step[axis] = axes[axis]
    return 0


# Operations


# The classes of number types that packages add to NumPy, and whether each is one, and bfloat16.
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
            added_types[kind] = float(np.zeros((), x.dtype)[()]) == 0
        except (TypeError, ValueError):
            added_types[kind] = False
    return added_types[kind]


cdef bint is_bfloat16(cnp.ndarray x):
    """Whether x is of the dtype bfloat16 of ml_dtypes, or of a package that brings its own."""
    return cnp.PyTypeNum_ISUSERDEF(cnp.PyArray_TYPE(x)) and x.dtype.name == "bfloat16"


cdef int set_operation(Work *work, cnp.ndarray x, Form form, double p) except -1:
    """Choose what is done to x's elements, and the numbers of the line."""
    cdef:
        Operation scaled
        double a

    work.item_bits = <int> (8 * cnp.PyArray_ITEMSIZE(x))
    if form == SELECT:
        work.operation = selecting(x)
        return 0
    scaled = scaling(x)
    if scaled == PACK or (form != SCALE and scaled > SCALE_FLOAT64):
        raise TypeError(
            f"cannot drop elements of dtype {x.dtype} and scale the others: convert x to float32 "
            f"or another float dtype{', or pass scale=False' if form == SCALE else ''}"
        )
    work.operation = scaled
    if form == SCALE:
        work.line.scale = 1 / (1 - p)
        if scaled == SCALE_FLOAT16:
            work.line.scale = fd_round(work.line.scale, 11, 65504)
        elif scaled == SCALE_BFLOAT16:
            work.line.scale = fd_round(work.line.scale, 8, HUGE_VAL)
        return 0
    a = 1 / sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    work.line.scale = a
    if form == SHIFT:
        work.operation = <Operation> (scaled + SHIFT_FLOAT16 - SCALE_FLOAT16)
        work.line.shift = a * ALPHA * p
        work.line.dropped = bits_of(a * ALPHA * p - a * ALPHA, scaled)
    return 0


cdef Operation selecting(cnp.ndarray x) except *:
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


cdef Operation scaling(cnp.ndarray x) noexcept:
    """The operation that scales x's elements; PACK if there is none."""
    cdef int number = cnp.PyArray_TYPE(x)
    if number == cnp.NPY_FLOAT32:
        return SCALE_FLOAT32
    if number == cnp.NPY_FLOAT64:
        return SCALE_FLOAT64
    if number == cnp.NPY_FLOAT16:
        return SCALE_FLOAT16
    if number == cnp.NPY_COMPLEX64:
        return SCALE_COMPLEX64
    if number == cnp.NPY_COMPLEX128:
        return SCALE_COMPLEX128
    return SCALE_BFLOAT16 if is_bfloat16(x) else PACK


cdef uint64_t bits_of(double value, Operation scaled) noexcept:
    """A number in the dtype that an operation scales, as bits repeated to 64."""
    if scaled == SCALE_FLOAT16:
        return fd_bits_float16(value)
    if scaled == SCALE_BFLOAT16:
        return fd_bits_bfloat16(value)
    if scaled == SCALE_FLOAT32:
        return fd_bits_float32(value)
    return fd_bits_float64(value)


# Arrays


cdef int team_size(num_threads, Py_ssize_t size) except -1:
    """Threads for a call on so many elements."""
    if num_threads is None and size < TEAM_PAYS_FROM:
        return 1
    return threads.team_size(num_threads, size)


cpdef cnp.ndarray as_array(x, bint inplace):
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
    if not is_number(array):
        raise TypeError(f"cannot drop elements of dtype {array.dtype}: convert x to a float dtype")
    return array


cdef cnp.ndarray plain(cnp.ndarray x):
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
    cdef cnp.ndarray y = out
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
