"""The core: every check of a call, its key, and the way to the kernel.

Compiled, and on NumPy's C API, because in Python the same checks take longer than a multiplication
of a thousand elements; still the one path that every array takes. Nothing is written, and no
generator advanced, before the last check has passed and the last byte is allocated.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from kernels cimport *

import math
from collections.abc import Mapping

from fastdrop import _machine

include "keys.pxi"
include "arrays.pxi"
include "masks.pxi"
include "job.pxi"
include "gauge.pxi"

cnp.import_array()

# Bytes of a result from which its stores bypass the cache: three quarters of the last level, as
# measured on a CPU with 32 MiB of it, and no more than 32 MiB, as measured on one with 480 MiB, of
# which a process gets a share. Smaller results are read again from the cache, and soon.
cdef Py_ssize_t NONTEMPORAL_MIN_BYTES = min(3 * (_machine.last_level_cache() // 4), 2**25)
if NONTEMPORAL_MIN_BYTES <= 0:
    NONTEMPORAL_MIN_BYTES = 2**25

cdef kernel_function run_kernel


def use(capsule, limit):
    """Take the kernel of a CPU level and the limit of a team; called once, at import."""
    global run_kernel, team_limit
    team_limit = limit
    run_kernel = <kernel_function> PyCapsule_GetPointer(capsule, "fastdrop.kernel")


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


def dropout(
    x, p, training, inplace, rng, out, noise_shape, scale, offset, return_key, num_threads
):
    """What `fastdrop.functional.dropout` documents."""
    cdef Mode mode = DROPOUT if as_bool(scale, "scale") else MASK
    return drop(
        x, p, training, inplace, rng, out, noise_shape, mode, offset, return_key, num_threads
    )


def alpha_dropout(
    x, p, training, inplace, rng, out, noise_shape, bint gradient, offset, return_key, num_threads
):
    """What `fastdrop.functional.alpha_dropout` documents, or how a gradient passes through it."""
    cdef Mode mode = ALPHA_DROPOUT_GRAD if gradient else ALPHA_DROPOUT
    return drop(
        x, p, training, inplace, rng, out, noise_shape, mode, offset, return_key, num_threads
    )


cdef object drop(
    x, p, trains, in_place, rng, out, noise_shape, Mode mode, offset, returns_key, num_threads
):
    """Decide by chance which elements are dropped."""
    cdef:
        double probability = check_probability(p)
        object index = as_index(offset, "offset")
        object result
        cnp.ndarray source
        Py_ssize_t size, decisions
        bint inplace = as_bool(in_place, "inplace"), return_key = as_bool(returns_key, "return_key")
        bint drops = as_bool(trains, "training") and probability > 0
        KernelArgs args

    # What runs the caller's own code comes first: afterwards no array can change under the checks.
    rng = check_rng(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    noise = None if noise_shape is None else as_noise_shape(noise_shape)
    x = as_array(x, inplace)
    source = as_base_array(x)
    decisions = size = cnp.PyArray_SIZE(source)
    if noise is not None:
        noise = check_noise(source, noise)
        decisions = size if noise is None else math.prod(noise)
    args.offset = check_offset(index, decisions)
    set_team(&args, num_threads, size)
    result = output_array(x, source, inplace, out, drops)

    if not drops:
        if out is None:
            result = x
        else:
            np.copyto(as_base_array(result), apart(source, as_base_array(result)))
        return (result, None) if return_key else result
    if probability < 1:
        set_operation(&args, source, mode, probability)
    if probability == 1 or size == 0:
        result = clear(source, result)
        return (result, None) if return_key else result

    fd_set_probability(&args.params, probability)
    if noise is None:
        result = carry_out(&args, source, result, None, None, 0, rng)
    else:
        result = carry_out(&args, source, result, None, strides_of(noise), decisions, rng)
    return (result, key_of_words(args.params.k0, args.params.k1)) if return_key else result


def keep_mask(shape, p, rng, offset, is_packed, num_threads):
    """What `fastdrop.masks.keep_mask` documents, of a shape that is a tuple."""
    cdef:
        double probability = check_probability(p)
        object index = as_index(offset, "offset")
        bint packed = as_bool(is_packed, "packed")
        Py_ssize_t size = math.prod(shape)
        cnp.ndarray bits
        KernelArgs args

    source = check_rng(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    args.offset = check_offset(index, size)
    set_team(&args, num_threads, size)
    if not packed:
        kept = np.ones(shape, np.bool_)
        return drop(kept, p, True, True, rng, None, None, MASK, index, False, num_threads)
    if probability == 1 or size == 0:
        return np.zeros((size + 7) // 8, np.uint8)
    if probability == 0:
        bits = np.full((size + 7) // 8, 255, np.uint8)
        bits[-1] >>= (8 - size % 8) % 8
        return bits
    bits = np.empty((size + 7) // 8, np.uint8)
    fd_set_probability(&args.params, probability)
    next_key(source, &args.params)
    pack(&args, bits, size)
    return bits


def apply_mask(x, mask, p, in_place, out, is_packed, scales, num_threads):
    """What `fastdrop.masks.apply_mask` documents."""
    cdef:
        double probability = check_probability(p)
        bint inplace = as_bool(in_place, "inplace"), packed = as_bool(is_packed, "packed")
        bint scale = as_bool(scales, "scale")
        object result, bits, strides
        cnp.ndarray source
        KernelArgs args

    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    mask = as_base_array(convert(mask, "mask"))
    x = as_array(x, inplace)
    source = as_base_array(x)
    check_mask(source, mask, packed)
    set_team(&args, num_threads, cnp.PyArray_SIZE(source))
    result = output_array(x, source, inplace, out, True)
    set_operation(&args, source, DROPOUT if scale and 0 < probability < 1 else MASK, probability)
    if cnp.PyArray_SIZE(source) == 0 or (scale and probability == 1):
        return clear(source, result)
    bits, strides = packed_words(source, mask, packed)
    return carry_out(&args, source, result, bits, strides, 0, None)


cdef object carry_out(
    KernelArgs *args,
    cnp.ndarray source,
    result,
    cnp.ndarray bits,
    strides,
    Py_ssize_t decisions,
    rng,
):
    """Do the work, and return the result: `result`, or a fresh array where that is None.

    Without `strides` the stream decides each element. With them they say, for each axis, how far
    its neighbours lie from one another in `bits`, a packed mask, which, if None, is drawn here, of
    so many decisions.
    """
    cdef:
        cnp.ndarray target
        Mask mask
        bint draws = bits is None
        object buffers = None

    if result is None:
        result = target = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0)
        args.nontemporal = False  # a fresh page the system has just filled with zeros
    else:
        target = as_base_array(result)
        source = apart(source, target)
        # In place the lines are read anyway.
        args.nontemporal = (
            cnp.PyArray_DATA(source) != cnp.PyArray_DATA(target)
            and cnp.PyArray_NBYTES(target) >= NONTEMPORAL_MIN_BYTES
        )
    args.mask = NULL
    columns = has_columns(source) and has_columns(target) and strides is None
    if not columns:
        order = memory_order(source)
        if order is not None and order == memory_order(target):
            # As C-ordered arrays with a mask whose bits lie elsewhere: by the general path their
            # elements would be gathered one by one.
            if strides is None:
                strides = strides_of((<object> source).shape)
                decisions = cnp.PyArray_SIZE(source)
            source, target = source.transpose(order), target.transpose(order)
            strides = [strides[axis] for axis in order]
    if strides is not None:
        if bits is None:
            bits = words_for(decisions)
        set_mask(&mask, source, bits, strides)
    if not columns and not (cnp.PyArray_ISCARRAY_RO(source) and cnp.PyArray_ISCARRAY(target)):
        buffers = in_buffers(source, target)
        args.team = 1
        args.gauged = False
        args.nontemporal = False
    if draws:
        next_key(rng, &args.params)
    if strides is not None:
        if draws:
            pack(args, bits, decisions)
        args.mask = &mask
        args.offset = 0  # among the mask's elements
    if columns:
        run_columns(source, target, args)
    elif buffers is None:
        run(source, target, args)
    else:
        with buffers:
            for source_part, target_part in buffers:
                run(source_part, target_part, args)
                args.offset += <uint64_t> source_part.size
    args.mask = NULL
    return result


cdef int run(cnp.ndarray x, cnp.ndarray y, const KernelArgs *args) except -1:
    """Call the kernel on contiguous native arrays."""
    cdef Job job

    job.x, job.y = <const char *> cnp.PyArray_DATA(x), <char *> cnp.PyArray_DATA(y)
    job.rows, job.columns, job.args = cnp.PyArray_SIZE(x), 0, args
    return launch(&job)


cdef int run_columns(cnp.ndarray x, cnp.ndarray y, const KernelArgs *args) except -1:
    """Call the kernel on arrays with contiguous columns."""
    cdef Job job

    job.x, job.y = <const char *> cnp.PyArray_DATA(x), <char *> cnp.PyArray_DATA(y)
    job.rows, job.columns, job.args = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), args
    job.x_stride, job.y_stride = cnp.PyArray_STRIDE(x, 1), cnp.PyArray_STRIDE(y, 1)
    return launch(&job)


cdef int launch(const Job *job) except -1:
    """Call the kernel without the GIL, and let the gauge see a default call."""
    cdef double since, took = 0, alone
    cdef bint gauged = job.args.gauged

    with nogil:
        since = fd_seconds() if gauged else 0
        alone = run_kernel(job)
        if gauged:  # before the wait for the GIL, which says nothing of the team
            took = fd_seconds() - since
    if gauged:
        gauge.record(job.args.team if alone else 1, took, alone)
    return 0


cdef int pack(const KernelArgs *args, cnp.ndarray bits, Py_ssize_t decisions) except -1:
    """Draw a packed mask of so many decisions, by the call's key, p and offset."""
    cdef:
        KernelArgs packing = args[0]
        Job job

    packing.operation = PACK
    packing.item_bits = 1
    packing.mask = NULL
    packing.nontemporal = False
    if decisions < FD_PARALLEL_MIN_SIZE:
        packing.team = 1
        packing.gauged = False
    job.x = job.y = <char *> cnp.PyArray_DATA(bits)
    job.rows, job.columns, job.args = decisions, 0, &packing
    return launch(&job)


cdef uint64_t check_offset(index, Py_ssize_t size) except? 1:
    """The stream's index of the first element."""
    if index and not 0 <= index <= 2**64 - max(size, 1):
        raise ValueError(
            f"offset must be 0 or more, and the last element's index below 2**64, but got {index}"
        )
    return index
