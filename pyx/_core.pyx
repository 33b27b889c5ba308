"""The core: every check of a call, its key, and the way to the kernel.

Compiled, and on NumPy's C API, because in Python the same checks take longer than a multiplication
of a thousand elements; still the one path that every array takes. Nothing is written, and no
generator advanced, before the last check has passed and the last byte is allocated.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.math cimport sqrt
from libc.stdint cimport uint8_t, uint64_t

from fastdrop._keys cimport KeySource, as_index, as_key_source, key_of_words
from kernels cimport *
from operations cimport *

import math
from collections.abc import Mapping

import numpy as np

from fastdrop import _machine

include "arrays.pxi"
include "walk.pxi"
include "masks.pxi"
include "job.pxi"
include "gauge.pxi"

cnp.import_array()

cdef const Kernel *kernel

cdef Runtime this_runtime
this_runtime.nontemporal_min_bytes = NONTEMPORAL_MIN_BYTES
runtime = PyCapsule_New(&this_runtime, "fastdrop.runtime", NULL)


def use(capsule, limit):
    """Take the kernel of a CPU level and the limit of a team; called once, at import."""
    global kernel, team_limit
    team_limit = limit
    kernel = <const Kernel *> PyCapsule_GetPointer(capsule, "fastdrop.kernel")
    this_runtime.kernel = kernel


def stay_serial():
    """Let calls from Cython, which cannot ask `threads`, start no team from now on."""
    this_runtime.serial = True


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
        KeySource keys
        Py_ssize_t size
        Decisions decisions
        bint inplace = as_bool(in_place, "inplace"), return_key = as_bool(returns_key, "return_key")
        bint drops = as_bool(trains, "training") and probability > 0
        KernelArgs args

    # What runs the caller's own code comes first: afterwards no array can change under the checks.
    keys = as_key_source(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    noise = None if noise_shape is None else as_noise_shape(noise_shape)
    x = as_array(x, inplace)
    source = as_base_array(x)
    size = cnp.PyArray_SIZE(source)
    if noise is not None:
        noise = check_noise(source, noise)
    if noise is None:
        decide_each(&decisions, source)
    else:
        decide_shared(&decisions, source, noise)
    args.offset = check_offset(index, decisions.count)
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
    result = carry_out(&args, source, result, &decisions, None, keys)
    return (result, key_of_words(args.params.k0, args.params.k1)) if return_key else result


def keep_mask(shape, p, rng, offset, is_packed, num_threads):
    """What `fastdrop.masks.keep_mask` documents, of a shape that is a tuple."""
    cdef:
        double probability = check_probability(p)
        object index = as_index(offset, "offset")
        bint packed = as_bool(is_packed, "packed")
        Py_ssize_t size = math.prod(shape)
        cnp.ndarray bits
        KeySource keys
        KernelArgs args

    keys = as_key_source(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    args.offset = check_offset(index, size)
    set_team(&args, num_threads, size)
    if not packed:
        kept = np.ones(shape, np.bool_)
        return drop(kept, p, True, True, keys, None, None, MASK, index, False, num_threads)
    if probability == 1 or size == 0:
        return np.zeros((size + 7) // 8, np.uint8)
    if probability == 0:
        bits = np.full((size + 7) // 8, 255, np.uint8)
        bits[-1] >>= (8 - size % 8) % 8
        return bits
    bits = np.empty((size + 7) // 8, np.uint8)
    fd_set_probability(&args.params, probability)
    set_key(&args.params, keys)
    pack(&args, bits, size)
    return bits


def apply_mask(x, mask, p, in_place, out, is_packed, scales, num_threads):
    """What `fastdrop.masks.apply_mask` documents."""
    cdef:
        double probability = check_probability(p)
        bint inplace = as_bool(in_place, "inplace"), packed = as_bool(is_packed, "packed")
        bint scale = as_bool(scales, "scale")
        object result
        cnp.ndarray source, bits
        Decisions decisions
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
    if packed:
        decide_each(&decisions, source)
    else:
        mask = once(mask)
        decide_shared(&decisions, source, (<object> mask).shape)
    bits = words_of(mask, packed, args.team)
    return carry_out(&args, source, result, &decisions, bits, None)


cdef object carry_out(
    KernelArgs *args,
    cnp.ndarray source,
    result,
    const Decisions *decisions,
    cnp.ndarray bits,
    KeySource keys,
):
    """Work on the arrays and return the result: `result`, or a new array where that is None.

    `bits` is the mask that was given, in words, or None where one is drawn with one of `keys`.
    """
    cdef:
        cnp.ndarray target
        Choice choice
        bint fresh = result is None
        list words

    if fresh:
        result = target = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0)
    else:
        target = as_base_array(result)
        source = apart(source, target)
    choose(&choice, args, source, target, decisions, bits is not None, fresh)
    args.nontemporal = choice.nontemporal
    args.mask = NULL
    if not choice.packed:
        set_key(&args.params, keys)
        launch(args, source, target, &choice.walk)
        return result

    words = [np.empty(choice.plan.words[i], np.uint64) for i in range(choice.plan.transpositions)]
    if bits is None:
        bits = words_for(decisions.count)
        set_key(&args.params, keys)  # nothing after it can fail
        pack(args, bits, decisions.count)
    choice.plan.mask.bits = arrange(&choice.plan, bits, words, args.team)
    args.mask = &choice.plan.mask
    args.offset = 0  # among the mask's elements
    launch(args, source, target, &choice.walk)
    args.mask = NULL
    return result


def explain(x, out=None, *, noise_shape=None, mask=None, scale=True, num_threads=None):
    """Return what a call on these arrays would choose, as a dict. Nothing is drawn or written."""
    cdef:
        cnp.ndarray source = as_base_array(as_array(x, False)), target
        KernelArgs args
        Decisions decisions
        Choice choice

    set_operation(&args, source, DROPOUT if scale else MASK, 0.5)
    set_team(&args, num_threads, cnp.PyArray_SIZE(source))
    shape = None if noise_shape is None else check_noise(source, as_noise_shape(noise_shape))
    if mask is not None:
        shape = (<object> once(mask)).shape
    if shape is None:
        decide_each(&decisions, source)
    else:
        decide_shared(&decisions, source, shape)
    target = as_base_array(np.empty_like(source) if out is None else out)
    choose(&choice, &args, source, target, &decisions, mask is not None, out is None)
    return {
        "threads": args.team,
        "c_order": choice.walk.in_c_order,
        "contiguous": choice.walk.contiguous,
        "x_direct": choice.walk.contiguous or choice.walk.layout.x_direct,
        "y_direct": choice.walk.contiguous or choice.walk.layout.y_direct,
        "mask": "packed" if choice.packed else "stream",
        "transpositions": choice.plan.transpositions if choice.packed else 0,
        "nontemporal": choice.nontemporal,
    }


cdef int set_key(fd_mask_params *params, KeySource keys) except -1:
    """Take the call's key; a generator or a stream advances."""
    cdef uint64_t words[2]

    keys.next_key(words)
    params.k0, params.k1 = words[0], words[1]
    return 0


cdef const uint64_t *arrange(MaskPlan *plan, cnp.ndarray bits, list words, int team) except NULL:
    """Bring a packed mask into the order of the walk; return its words."""
    cdef:
        const uint64_t *source = <const uint64_t *> cnp.PyArray_DATA(bits)
        Transposition *this
        int i

    for i in range(plan.transpositions):
        this = &plan.transposition[i]
        this.source = source
        this.target = <uint64_t *> cnp.PyArray_DATA(words[i])
        this.team = team
        with nogil:
            kernel.transpose(this)
        source = this.target
    return source


cdef int launch(
    const KernelArgs *args, cnp.ndarray x, cnp.ndarray y, const Walk *walk
) except -1:
    """Call the kernel on arrays."""
    cdef Job job

    job.args = args
    job.x, job.y = <const char *> cnp.PyArray_DATA(x), <char *> cnp.PyArray_DATA(y)
    job.size = cnp.PyArray_SIZE(x)
    job.layout = NULL if walk.contiguous else &walk.layout
    return run(&job)


cdef int run(const Job *job) except -1:
    """Call the kernel without the GIL, and let the gauge see a default call."""
    cdef double since, took = 0, alone
    cdef bint gauged = job.args.gauged

    with nogil:
        since = fd_seconds() if gauged else 0
        alone = kernel.run(job)
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
    job.args = &packing
    job.size = decisions
    job.layout = NULL
    return run(&job)


cdef uint64_t check_offset(index, Py_ssize_t size) except? 1:
    """The stream's index of the first element."""
    if index and not 0 <= index <= 2**64 - max(size, 1):
        raise ValueError(
            f"offset must be 0 or more, and the last element's index below 2**64, but got {index}"
        )
    return index
