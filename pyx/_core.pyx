"""The core: the calls, each from its arguments to its result.

Compiled, and on NumPy's C API, because in Python the same checks take longer than a multiplication
of a thousand elements; still the one path that every array takes. Nothing is written, and no
generator advanced, before the last check has passed and the last byte is allocated.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SetItem

from fastdrop._keys cimport Key, KeySource, as_index, as_key_source, key_of_words
from kernels cimport *
from operations cimport *

import math

import numpy as np

include "arguments.pxi"
include "arrays.pxi"
include "probabilities.pxi"
include "walk.pxi"
include "masks.pxi"
include "job.pxi"
include "fill.pxi"
include "gauge.pxi"
include "drawing.pxi"
include "carry_out.pxi"
include "lines.pxi"
include "blocks.pxi"

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


def dropout(
    x, p, training, inplace, rng, out, noise_shape, scale, fill, count, min_keep, axis, offset,
    origin, full_shape, return_key, num_threads,
):
    """What `fastdrop.functional.dropout` documents and, with counts, `fastdrop.channels`."""
    cdef Mode mode = DROPOUT if as_bool(scale, "scale") else MASK
    return drop(
        x, p, training, inplace, rng, out, noise_shape, mode, fill, count, min_keep, axis, offset,
        origin, full_shape, return_key, num_threads,
    )


def alpha_dropout(
    x, p, training, inplace, rng, out, noise_shape, bint gradient, offset, return_key, num_threads
):
    """What `fastdrop.functional.alpha_dropout` documents, or how a gradient passes through it."""
    cdef Mode mode = ALPHA_DROPOUT_GRAD if gradient else ALPHA_DROPOUT
    return drop(
        x, check_probability(p), training, inplace, rng, out, noise_shape, mode, 0, None, None, -1,
        offset, None, None, return_key, num_threads,
    )


cdef object drop(
    x, p, trains, in_place, rng, out, noise_shape, Mode mode, filling, count, min_keep, axis,
    offset, origin, full_shape, returns_key, num_threads,
):
    """Decide by chance which elements are dropped."""
    cdef:
        cnp.ndarray source, fill, each = convert_p(p), bits = None
        double probability = 0.5 if each is not None else check_probability(p)
        object index = as_index(offset, "offset")
        object result
        KeySource keys
        Py_ssize_t size, number
        Decisions decisions
        Drawing drawing = None
        Ask ask
        bint chance = True
        bint inplace = as_bool(in_place, "inplace"), return_key = as_bool(returns_key, "return_key")
        bint drops = as_bool(trains, "training")
        KernelArgs args
        tuple noise, region, shape, x_shape = None, pair = None
        Key key = None

    # What runs the caller's own code comes first: it could resize an array that was looked at, or
    # of which there is a view.
    keys = as_key_source(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    noise = None if noise_shape is None else as_noise_shape(noise_shape)
    region = as_region(origin, full_shape)
    count, min_keep = as_count(count, "count"), as_count(min_keep, "min_keep")
    x = convert(x, "x", inplace)
    fill = convert_fill(filling)

    each = as_probabilities(each)
    source = numbers_of(x)
    fill = as_fill(filling, fill, source)
    size = cnp.PyArray_SIZE(source)
    if noise is not None:
        check_noise(source, noise)
    if not (
        noise is None and region is None and each is None and count is None and min_keep is None
    ):  # a tuple has its price
        x_shape = (<object> source).shape
    shape = decide(&decisions, source, x_shape, noise)
    region = fit_region(region, x_shape, noise)
    args.offset = place(&decisions, shape, region, index)
    if each is not None:
        if min_keep is not None and region is not None:
            check_lines(shape, region, axis, each)
        each = fit_probabilities(each, shape, &probability, &chance)
    ask = ask_counts(&number, shape, region, count, min_keep, axis, probability)
    if drops and min_keep is not None and mode == DROPOUT:
        ask = ask_scaled(ask, each, probability)
    drops = drops and ask != ALL_KEPT
    set_team(&args, num_threads, size)
    result = output_array(x, source, inplace, out, drops)
    if return_key:
        pair, key = (keys, None), key_of_words(0, 0)

    if not drops:
        return in_pair(pair, copy_to(x, source, result), None)
    if ask != ALL_DROPPED:
        set_operation(&args, source, mode, 0 if each is not None else probability)
    if ask == ALL_DROPPED or size == 0:
        return in_pair(pair, clear(source, result, fill), None)

    if ask == BY_COUNT or ask == AT_LEAST:
        drawing = Counts(shape, region, index, axis, ask == AT_LEAST, number, each, probability)
        if ask == BY_COUNT:
            each = None
            if mode == DROPOUT:
                args.affine.scale = counted_scale(shape, region, axis, number)
    elif each is None:
        fd_set_probability(&args.params, probability)
    elif not chance:
        bits = words_of(decide_by(&decisions, source, each == 0), False, args.team)
        each = None
    fill = set_fill(&args, source, fill, each)
    result = carry_out(
        &args, source, result, &decisions, shape, bits, keys, fill, each, drawing
    )
    if bits is not None:
        key = None
    elif key is not None:
        key.k0, key.k1 = args.params.k0, args.params.k1
    return in_pair(pair, result, key)


cdef object in_pair(tuple pair, result, key):
    """Return a pair with its items replaced by a result and its key, or without one the result.

    A call makes its pair before it writes or draws: nothing later may run out of memory.
    """
    if pair is None:
        return result
    Py_INCREF(result)  # which the pair then owns
    PyTuple_SetItem(pair, 0, result)
    Py_INCREF(key)
    PyTuple_SetItem(pair, 1, key)
    return pair


cdef object copy_to(x, cnp.ndarray source, result):
    """Return x as it is, or `result` with its values."""
    if result is None:
        return x
    np.copyto(as_base_array(result), apart(source, as_base_array(result)))
    return result


def prepare(x, in_place, out, filling, bint writes):
    """Return what to read, the result, and the fill, for a call that needs no kernel.

    All of it is checked and allocated. To write into the result changes neither what is to be read
    nor the fill. The result is x itself in place, and where nothing `writes` into it.
    """
    cdef:
        bint inplace = as_bool(in_place, "inplace")
        cnp.ndarray source, fill, target
        object result

    x = convert(x, "x", inplace)
    fill = convert_fill(filling)
    source = numbers_of(x)
    fill = as_fill(filling, fill, source)
    result = output_array(x, source, inplace, out, writes)
    if result is None:
        result = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0) if writes else x
    target = as_base_array(result)
    fill = np.zeros((), source.dtype) if fill is None else beside_of(fill, target)
    return apart(source, target), result, fill


def keep_mask(
    shape, p, rng, out, count, min_keep, axis, offset, origin, full_shape, is_packed, num_threads
):
    """What `fastdrop.masks.keep_mask` documents, of a shape that is a tuple."""
    cdef:
        cnp.ndarray each = convert_p(p)
        double probability = 0.5 if each is not None else check_probability(p)
        object index = as_index(offset, "offset")
        bint packed = as_bool(is_packed, "packed")
        Py_ssize_t size = math.prod(shape), number
        KeySource keys
        KernelArgs args
        Decisions decisions
        Draw draw
        Ask ask
        tuple region
        bint chance

    keys = as_key_source(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    count, min_keep = as_count(count, "count"), as_count(min_keep, "min_keep")
    axis = as_index(axis, "axis")
    region = fit_region(as_region(origin, full_shape), shape, None)
    each = as_probabilities(each)  # after all that runs the caller's own code, as in `drop`
    decide_shape(&decisions, shape)
    args.offset = place(&decisions, shape, region, index)
    if each is not None:
        if min_keep is not None and region is not None:
            check_lines(shape, region, axis, each)
        each = fit_probabilities(each, shape, &probability, &chance)
    if count is None and min_keep is None and axis != -1:
        raise ValueError(
            f"axis={axis} says along which axis decisions are counted: give count= or min_keep= "
            "too, or leave it out"
        )
    ask = ask_counts(&number, shape, region, count, min_keep, axis, probability)
    set_team(&args, num_threads, size)
    if out is not None:
        check_mask_out(out, ((size + 7) // 8,) if packed else shape, packed)
    if ask == ALL_KEPT or ask == ALL_DROPPED or size == 0:
        return keep_all(shape, packed, out, ask == ALL_KEPT)
    if ask != BY_CHANCE:
        counts = Counts(shape, region, index, axis, ask == AT_LEAST, number, each, probability)
        return draw_counted(&args, counts, packed, out, keys)
    if packed:
        if each is None:
            fd_set_probability(&args.params, probability)
        elif not chance:
            kept = np.packbits(np.broadcast_to(each == 0, shape), bitorder="little")
            return kept if out is None else copy_to(kept, kept, out)
        if each is not None and out is not None:
            each = beside_of(each, as_base_array(out))
        _held = plan_draw(&draw, &args, &decisions, shape, each)  # arrays that args points to
        return draw_packed(&args, size, out, keys)
    kept = np.ones(shape, np.bool_) if out is None else np.broadcast_to(np.True_, shape)
    return drop(
        kept, probability if each is None else each, True, out is None, keys, out, None, MASK, 0,
        None, None, -1, index, origin, full_shape, False, num_threads,
    )


cdef object draw_packed(KernelArgs *args, Py_ssize_t size, out, KeySource keys):
    """Return a packed mask of so many decisions."""
    cdef:
        cnp.ndarray bits = None if out is None else as_base_array(out)
        bint aligned = bits is None or <size_t> cnp.PyArray_DATA(bits) % sizeof(uint64_t) == 0
        cnp.ndarray words = bits

    if bits is None or not aligned:
        words = np.empty((size + 7) // 8, np.uint8)
    set_key(&args.params, keys)
    pack(args, words, size)
    if not aligned:
        np.copyto(bits, words)
    return words if out is None else out


def apply_mask(x, mask, p, in_place, out, is_packed, scales, filling, num_threads):
    """What `fastdrop.masks.apply_mask` documents."""
    cdef:
        cnp.ndarray each = convert_p(p), source, fill, bits
        double probability = 0.5 if each is not None else check_probability(p)
        bint inplace = as_bool(in_place, "inplace"), packed = as_bool(is_packed, "packed")
        bint scale = as_bool(scales, "scale"), chance
        object result
        Decisions decisions
        KernelArgs args

    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    mask = convert(mask, "mask")
    x = convert(x, "x", inplace)
    fill = convert_fill(filling)

    mask, each = as_base_array(mask), as_probabilities(each)
    source = numbers_of(x)
    fill = as_fill(filling, fill, source)
    check_mask(source, mask, packed)
    if each is not None:
        each = fit_probabilities(each, (<object> source).shape, &probability, &chance)
    if not scale:
        each, probability = None, 0
    set_team(&args, num_threads, cnp.PyArray_SIZE(source))
    result = output_array(x, source, inplace, out, True)
    set_operation(&args, source, DROPOUT if 0 < probability < 1 else MASK, probability)
    if cnp.PyArray_SIZE(source) == 0 or probability == 1:
        return clear(source, result, fill)
    if each is not None and (each == 1).any():  # what can not be scaled is dropped
        if packed:
            count = cnp.PyArray_SIZE(source)
            mask = np.unpackbits(mask, count=count, bitorder="little").view(np.bool_)
            mask, packed = mask.reshape((<object> source).shape), False
        mask = mask & (each < 1)
    if packed:
        decide(&decisions, source, None, None)
    else:
        mask = decide_by(&decisions, source, mask)
    bits = words_of(mask, packed, args.team)
    fill = set_fill(&args, source, fill, each)
    return carry_out(&args, source, result, &decisions, (), bits, None, fill, each, None)
