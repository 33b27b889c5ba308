"""The walk: in which order the elements of a call are visited, and how its mask lies along it.

x, the result and the mask are three operands over one index space. Choosing the walk is pure: these
functions read shapes and strides only, and `explain` in carry_out.pxi tells what they choose.
"""
cimport numpy as cnp

from libc.stdint cimport INT64_MAX

from kernels cimport *

from fastdrop import _machine

cdef enum:
    ROW_MIN_SIZE = 32  # rows of so many elements or more are worked on in place


# In which order the axes longer than 1 are visited, outer ones first.
cdef struct Order:
    int count
    int axis[MAX_AXES]


cdef struct Walk:
    bint contiguous             # x and y are one run of native elements
    bint in_c_order
    Order order
    Layout layout               # but for what lies beside x


# How a mask lies along the axes of x, and in the stream.
cdef struct Decisions:
    Py_ssize_t count            # of the mask
    bint each                   # one for each element, in C order
    Py_ssize_t strides[MAX_AXES]  # decisions between neighbours; 0 where they share one
    bint whole                  # they follow one another in the stream
    Py_ssize_t steps[MAX_AXES]  # if not: elements of the stream between neighbours


# Bytes of a result from which its stores bypass the cache: three quarters of the last level, as
# measured on a CPU with 32 MiB of it, and no more than 32 MiB, as measured on one with 480 MiB, of
# which a process gets a share. Smaller results are read again from the cache, and soon.
cdef Py_ssize_t NONTEMPORAL_MIN_BYTES = min(3 * (_machine.last_level_cache() // 4), 2**25)
if NONTEMPORAL_MIN_BYTES <= 0:
    NONTEMPORAL_MIN_BYTES = 2**25


cdef int choose_walk(
    Walk *walk, cnp.ndarray x, cnp.ndarray y, bint selects, bint beside
) except -1:
    """Choose how x and y are walked; `selects` says that numbers are only copied.

    `beside` says that other operands are walked beside them, or that the mask is a region's.

    A walk in C order takes its decisions from the stream as it comes. Another order is better only
    if both arrays have one, and then it is y's.
    """
    cdef:
        bint native = selects or (cnp.PyArray_ISNOTSWAPPED(x) and cnp.PyArray_ISNOTSWAPPED(y))
        Py_ssize_t length

    walk.in_c_order = True
    set_c_order(&walk.order, x)
    walk.layout.fill = walk.layout.scales = NULL
    walk.contiguous = native and cnp.PyArray_IS_C_CONTIGUOUS(x) and cnp.PyArray_IS_C_CONTIGUOUS(y)
    if not walk.contiguous and not is_in_c_order(&walk.order, x) and (
        not is_in_c_order(&walk.order, y)
    ):
        walk.in_c_order = False
        sort_axes(&walk.order, y)
    if walk.contiguous and not beside:
        return 0
    merge_axes(&walk.layout.x, &walk.order, x)
    merge_axes(&walk.layout.y, &walk.order, y)
    walk.layout.swapped = 0 if native else swapped_bytes(x)
    walk.layout.x_direct = native and has_rows(&walk.layout.x, x)
    walk.layout.y_direct = native and has_rows(&walk.layout.y, y)
    length = cnp.PyArray_SIZE(x)
    walk.contiguous = (
        walk.layout.x_direct and walk.layout.x.shape[0] == length
        and walk.layout.y_direct and walk.layout.y.shape[0] == length
    )
    return 0


cdef void set_c_order(Order *order, cnp.ndarray x) noexcept:
    """Put the axes in the order of C."""
    cdef int axis

    order.count = 0
    for axis in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(x, axis) != 1:
            order.axis[order.count] = axis
            order.count += 1


cdef inline Py_ssize_t magnitude(Py_ssize_t stride) noexcept:
    """Return |stride|; Python's abs would make an object, for which memory may be missing."""
    return -stride if stride < 0 else stride


cdef bint is_in_c_order(const Order *order, cnp.ndarray x):
    """Return whether no axis of x has smaller strides than a later one."""
    cdef:
        Py_ssize_t last = <Py_ssize_t> INT64_MAX, stride
        int i

    for i in range(order.count):
        stride = magnitude(cnp.PyArray_STRIDE(x, order.axis[i]))
        if stride > last:
            return False
        if stride:
            last = stride
    return True


cdef void sort_axes(Order *order, cnp.ndarray y) noexcept:
    """Put the axes in the order of y's memory."""
    cdef:
        int i, j, axis
        Py_ssize_t stride

    for i in range(1, order.count):
        axis = order.axis[i]
        j = i
        stride = magnitude(cnp.PyArray_STRIDE(y, axis))
        while j and magnitude(cnp.PyArray_STRIDE(y, order.axis[j - 1])) < stride:
            order.axis[j] = order.axis[j - 1]
            j -= 1
        order.axis[j] = axis


cdef void merge_axes(Axes *axes, const Order *order, cnp.ndarray x) noexcept:
    """Describe x's axes in an order."""
    cdef int i

    begin_axes(axes)
    for i in range(order.count):
        add_axis(
            axes, cnp.PyArray_DIM(x, order.axis[i]), cnp.PyArray_STRIDE(x, order.axis[i])
        )
    end_axes(axes, cnp.PyArray_ITEMSIZE(x))


cdef inline void begin_axes(Axes *axes) noexcept:
    axes.count = 0


cdef inline void add_axis(Axes *axes, Py_ssize_t n, Py_ssize_t stride) noexcept:
    """Add an axis below the others, as a part of the last one if it continues that."""
    cdef int last = axes.count - 1

    if last >= 0 and axes.strides[last] == n * stride:
        axes.shape[last] *= n
        axes.strides[last] = stride
    else:
        axes.shape[axes.count] = n
        axes.strides[axes.count] = stride
        axes.count += 1


cdef inline void end_axes(Axes *axes, Py_ssize_t item) noexcept:
    """Give one element, which has no axis, an axis."""
    if axes.count == 0:
        add_axis(axes, 1, item)


cdef bint has_rows(const Axes *axes, cnp.ndarray x):
    """Return whether x's rows are contiguous, and long enough to be worked on where they are."""
    cdef int row = axes.count - 1

    return axes.strides[row] == cnp.PyArray_ITEMSIZE(x) and (
        axes.shape[row] >= ROW_MIN_SIZE or row == 0
    )


cdef int swapped_bytes(cnp.ndarray x):
    """Return the size of the numbers that x's elements are made of."""
    cdef int size = <int> cnp.PyArray_ITEMSIZE(x)
    return size // 2 if cnp.PyTypeNum_ISCOMPLEX(cnp.PyArray_TYPE(x)) else size


# The mask along the walk.


# How a packed mask becomes one in the order of the walk.
cdef struct MaskPlan:
    Mask mask                   # but for its bits
    int transpositions          # before that
    Transposition transposition[MAX_AXES]
    Py_ssize_t words[MAX_AXES]  # of their results


cdef void plan_mask(MaskPlan *plan, const Walk *walk, cnp.ndarray x, const Decisions *decisions):
    """Plan how the mask is brought into the order of the walk, and how it is read then.

    Along the walk the strides of the mask must not rise. From the first that does, each axis is
    moved behind the axes below it in the mask. Each such move is a transposition.
    """
    cdef:
        Py_ssize_t shape[MAX_AXES]
        Py_ssize_t strides[MAX_AXES]
        int i, count = 0, moved
        Py_ssize_t n, stride, last = <Py_ssize_t> INT64_MAX, bits = decisions.count

    for i in range(walk.order.count):
        n = cnp.PyArray_DIM(x, walk.order.axis[i])
        stride = decisions.strides[walk.order.axis[i]]
        if count and strides[count - 1] == n * stride:
            shape[count - 1] *= n
        else:
            shape[count] = n
            count += 1
        strides[count - 1] = stride
    plan.transpositions = 0
    moved = count
    for i in range(count):
        if strides[i] > last:
            moved = i
            break
        if strides[i]:
            last = strides[i]
    for i in range(moved, count):
        if strides[i] > 1:
            bits = move_axis(plan, shape, strides, count, i, bits)
    describe_mask(&plan.mask, shape, strides, count)


cdef Py_ssize_t move_axis(
    MaskPlan *plan,
    const Py_ssize_t *shape,
    Py_ssize_t *strides,
    int count,
    int moved,
    Py_ssize_t bits,
) noexcept:
    """Plan the transposition of `bits` that gives an axis stride 1; return the result's bits."""
    cdef:
        Transposition *this = &plan.transposition[plan.transpositions]
        Py_ssize_t rows = shape[moved], columns = strides[moved]
        int i

    this.rows = rows
    this.columns = columns
    this.matrices = bits // (rows * columns)
    this.pitch = rows if rows < FD_WORD else (rows + FD_WORD - 1) // FD_WORD * FD_WORD
    for i in range(count):
        if i == moved:
            strides[i] = 1
        elif strides[i] < columns:
            strides[i] *= this.pitch
        else:
            strides[i] = strides[i] // (rows * columns) * (columns * this.pitch)
    bits = this.matrices * columns * this.pitch
    plan.words[plan.transpositions] = bits // FD_WORD + 2
    plan.transpositions += 1
    return bits


cdef void describe_mask(
    Mask *mask, const Py_ssize_t *shape, const Py_ssize_t *strides, int count
) noexcept:
    """Describe a mask by the axes of the walk, neighbours merged."""
    cdef:
        Py_ssize_t lengths[MAX_AXES]  # inner axes first
        Py_ssize_t steps[MAX_AXES]
        int i, last = -1, next = 0

    for i in range(count - 1, -1, -1):
        if last >= 0 and strides[i] == lengths[last] * steps[last]:
            lengths[last] *= shape[i]
        else:
            last += 1
            lengths[last] = shape[i]
            steps[last] = strides[i]
    count = last + 1
    mask.repeat = mask.row = mask.cycles = 1
    if next < count and steps[next] == 0:
        mask.repeat = lengths[next]
        next += 1
    if next < count:
        mask.row = lengths[next]
        next += 1
    if next < count and steps[next] == 0:
        mask.cycles = lengths[next]
        next += 1
    mask.axes = count - next
    for i in range(mask.axes):
        mask.shape[i] = lengths[next + i]
        mask.strides[i] = steps[next + i]


# The choice as a whole.


cdef struct Choice:
    Walk walk
    bint packed                 # a packed mask decides, not the stream as it comes
    MaskPlan plan               # if so
    bint nontemporal


cdef int choose(
    Choice *choice,
    const KernelArgs *args,
    cnp.ndarray x,
    cnp.ndarray y,
    const Decisions *decisions,
    bint given,
    bint fresh,
    bint beside,
) except -1:
    """Choose how a call is carried out: `given` a mask or not, into a fresh result or not, with
    operands `beside` x or without.

    Nontemporal stores are for large results that nobody has just touched: in fresh memory the
    system has filled the page with zeros, in place the lines are read anyway. They need rows, which
    have whole cache lines.
    """
    choose_walk(&choice.walk, x, y, selects(args), beside or not decisions.whole)
    choice.packed = given or not decisions.each or not choice.walk.in_c_order
    if choice.packed:
        plan_mask(&choice.plan, &choice.walk, x, decisions)
    choice.nontemporal = (
        not fresh
        and (choice.walk.contiguous or choice.walk.layout.y_direct)
        and cnp.PyArray_DATA(x) != cnp.PyArray_DATA(y)
        and cnp.PyArray_NBYTES(y) >= NONTEMPORAL_MIN_BYTES
    )
    return 0
