"""A call carried out: its choice, its memory, its key, and the kernel."""
cimport numpy as cnp
from libc.stdint cimport uint64_t

from fastdrop._keys cimport KeySource
from kernels cimport *
from operations cimport *

import numpy as np


# What lies beside x: see Layout.
cdef struct Sides:
    Operand fill
    Operand scales


cdef object plan_sides(
    Sides *sides, const KernelArgs *args, Walk *walk, cnp.ndarray x, cnp.ndarray fill, cnp.ndarray p
):
    """Describe a fill and a scale for each element, or None; return what to keep."""
    cdef:
        bint single, doubles
        cnp.ndarray scales = p

    if fill is not None:
        set_operand(&sides.fill, &walk.order, fill, x, COPIES, args.item_bits // 8)
        walk.layout.fill = &sides.fill
    if p is None:
        return fill
    single = cnp.PyArray_TYPE(p) == cnp.NPY_FLOAT32
    doubles = x.dtype.char in "dD"
    if is_table(p, x):
        scales = scales_of(p, np.float64 if doubles else np.float32)
        making = COPIES
    elif doubles:
        making = DOUBLES_OF_FLOATS if single else DOUBLES_OF_DOUBLES
    else:
        making = FLOATS_OF_FLOATS if single else FLOATS_OF_DOUBLES
    set_operand(&sides.scales, &walk.order, scales, x, making, 8 if doubles else 4)
    walk.layout.scales = &sides.scales
    return fill, scales


cdef object carry_out(
    KernelArgs *args,
    cnp.ndarray source,
    result,
    const Decisions *decisions,
    tuple shape,
    cnp.ndarray bits,
    KeySource keys,
    cnp.ndarray fill,
    cnp.ndarray p,
    Drawing drawing,
):
    """Work on the arrays and return the result: `result`, or a new array where that is None.

    `bits` is the mask that was given, in words, or None where one of a shape is drawn with one of
    `keys`, by `drawing` if its decisions are not independent. `fill` and `p` are arrays with a
    number for each element, or None.
    """
    cdef:
        cnp.ndarray target, scaling = None if selects(args) else p
        Choice choice
        Draw draw
        Sides sides
        bint fresh = result is None, beside = fill is not None or scaling is not None
        bint packed = bits is not None or drawing is not None
        list words

    if fresh:
        result = target = PyArray_NewLikeArray(source, cnp.NPY_KEEPORDER, NULL, 0)
    else:
        target = as_base_array(result)
        source = apart(source, target)
        fill = None if fill is None else beside_of(fill, target)
        p = None if p is None else beside_of(p, target)
    choose(&choice, args, source, target, decisions, packed, fresh, beside or p is not None)
    args.nontemporal = choice.nontemporal
    kept = plan_draw(&draw, args, decisions, shape, None if packed else p)
    if beside:
        kept = kept, plan_sides(
            &sides, args, &choice.walk, source, fill, None if scaling is None else p
        )
        choice.walk.contiguous = False
    if not choice.packed:
        if args.region is not NULL or args.rates is not NULL:
            choice.walk.contiguous = False
        set_key(&args.params, keys)
        launch(args, source, target, &choice.walk)
        return result

    words = [np.empty(choice.plan.words[i], np.uint64) for i in range(choice.plan.transpositions)]
    if bits is None:
        bits = words_for(decisions.count)
        set_key(&args.params, keys)  # nothing after it can fail
        if drawing is None:
            pack(args, bits, decisions.count)
        else:
            drawing.draw(args, bits)
    choice.plan.mask.bits = arrange(&choice.plan, bits, words, args.team)
    args.mask = &choice.plan.mask
    args.offset = 0  # among the mask's elements
    launch(args, source, target, &choice.walk)
    args.mask = NULL
    return result


cdef cnp.ndarray beside_of(cnp.ndarray numbers, cnp.ndarray target):
    """Return numbers that writing the target does not change: a copy if they share memory."""
    return numbers.copy(order="K") if np.may_share_memory(numbers, target, max_work=1) else numbers


def explain(x, out=None, *, noise_shape=None, mask=None, scale=True, num_threads=None):
    """Return what a call on these arrays would choose, as a dict. Nothing is drawn or written."""
    cdef:
        cnp.ndarray source = as_base_array(as_array(x, False)), target
        KernelArgs args
        Decisions decisions
        Choice choice

    set_operation(&args, source, DROPOUT if scale else MASK, 0.5)
    set_team(&args, num_threads, cnp.PyArray_SIZE(source))
    noise = None if noise_shape is None else as_noise_shape(noise_shape)
    if mask is not None:
        check_mask(source, mask, False)
        decide_by(&decisions, source, mask)
    else:
        if noise is not None:
            check_noise(source, noise)
        decide(&decisions, source, (<object> source).shape, noise)
    result = output_array(x, source, False, out, True)
    target = np.empty_like(source) if result is None else as_base_array(result)
    choose(&choice, &args, source, target, &decisions, mask is not None, out is None, False)
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
    job.layout = NULL
    if not walk.contiguous:
        job.layout = &walk.layout
    return run(&job)
