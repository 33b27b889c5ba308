"""How decisions are drawn: each by itself, wherever it lies in the stream, or otherwise."""
cimport numpy as cnp
from libc.stdint cimport uint64_t

from fastdrop._keys cimport KeySource
from kernels cimport *
from operations cimport *

import numpy as np


# How decisions are drawn, other than one after another by one p.
cdef struct Draw:
    Axes region
    Rates rates


cdef object plan_draw(
    Draw *draw, KernelArgs *args, const Decisions *decisions, tuple shape, cnp.ndarray p
):
    """Describe how a mask of a shape is drawn, p for each decision or None; return what to keep."""
    cdef:
        Order order
        cnp.ndarray each, thresholds
        int axis

    args.mask = NULL
    args.region = NULL
    args.rates = NULL
    if not decisions.whole:
        begin_axes(&draw.region)
        for axis in range(len(shape)):
            if shape[axis] != 1:
                add_axis(&draw.region, shape[axis], decisions.steps[axis])
        if draw.region.count == 0 or draw.region.strides[draw.region.count - 1] != 1:
            draw.region.shape[draw.region.count] = draw.region.strides[draw.region.count] = 1
            draw.region.count += 1
        args.region = &draw.region
    if p is None:
        return None
    each = np.broadcast_to(p, shape)
    set_c_order(&order, each)
    draw.rates.single = cnp.PyArray_TYPE(p) == cnp.NPY_FLOAT32
    draw.rates.p = <const char *> cnp.PyArray_DATA(p)
    merge_axes(&draw.rates.axes, &order, each)
    args.rates = &draw.rates
    if is_table(p, each):
        thresholds = thresholds_of(p)
        set_operand(&draw.rates.thresholds, &order, thresholds, each, COPIES, 2)
        return p, thresholds
    set_operand(
        &draw.rates.thresholds, &order, p, each,
        THRESHOLDS_OF_FLOATS if draw.rates.single else THRESHOLDS_OF_DOUBLES, 2,
    )
    return p


cdef bint is_table(cnp.ndarray p, cnp.ndarray each):
    """Return whether numbers are made of p once, instead of anew wherever p is repeated."""
    return 2 * cnp.PyArray_SIZE(p) <= cnp.PyArray_SIZE(each)


cdef int set_operand(
    Operand *operand,
    const Order *order,
    cnp.ndarray numbers,
    cnp.ndarray x,
    Making making,
    int item_bytes,
) except -1:
    """Describe numbers that broadcast to x."""
    operand.data = <const char *> cnp.PyArray_DATA(numbers)
    operand.making = making
    operand.item_bytes = item_bytes
    merge_axes(&operand.axes, order, np.broadcast_to(numbers, (<object> x).shape))
    return 0


cdef int set_key(fd_mask_params *params, KeySource keys) except -1:
    """Take the call's key; a generator or a stream advances."""
    cdef uint64_t words[2]

    keys.next_key(words)
    params.k0, params.k1 = words[0], words[1]
    return 0


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


cdef class Drawing:
    """Draws a packed mask whose decisions are not independent, before the elements are visited.

    What it needs memory for is allocated when it is made.
    """

    cdef int draw(self, KernelArgs *args, cnp.ndarray bits) except -1:
        """Write the mask, by the call's key and p, and set what its scale depends on."""
        raise NotImplementedError(f"{type(self).__name__} has no draw")
