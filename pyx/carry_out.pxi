"""A call carried out: its choice, its memory, its key, and the kernel."""
cimport numpy as cnp
from libc.stdint cimport uint64_t

from fastdrop._keys cimport KeySource
from kernels cimport *
from operations cimport *

import numpy as np


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
        check_mask(source, mask, False)
        decide_by(&decisions, source, mask)
    elif shape is None:
        decide_each(&decisions, source)
    else:
        decide_shared(&decisions, source, shape)
    result = output_array(x, source, False, out, True)
    target = np.empty_like(source) if result is None else as_base_array(result)
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
    job.layout = NULL
    if not walk.contiguous:
        job.layout = &walk.layout
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
