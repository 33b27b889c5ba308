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


cdef struct Walk:
    bint contiguous             # x and y are one run of native elements
    bint in_c_order
    int axes                    # those longer than 1
    int order[MAX_AXES]         # x's axes in the order of the walk, outer ones first
    Layout layout               # unless contiguous


# How a mask lies along the axes of x.
cdef struct Decisions:
    Py_ssize_t count            # of the whole mask
    bint each                   # one for each element, in C order
    Py_ssize_t strides[MAX_AXES]  # decisions between neighbours; 0 where they share one


# Bytes of a result from which its stores bypass the cache: three quarters of the last level, as
# measured on a CPU with 32 MiB of it, and no more than 32 MiB, as measured on one with 480 MiB, of
# which a process gets a share. Smaller results are read again from the cache, and soon.
cdef Py_ssize_t NONTEMPORAL_MIN_BYTES = min(3 * (_machine.last_level_cache() // 4), 2**25)
if NONTEMPORAL_MIN_BYTES <= 0:
    NONTEMPORAL_MIN_BYTES = 2**25


cdef int choose_walk(Walk *walk, cnp.ndarray x, cnp.ndarray y, bint selects) except -1:
    """Choose how x and y are walked; `selects` says that numbers are only copied.

    A walk in C order takes its decisions from the stream as it comes. Another order is better only
    if both arrays have one, and then it is y's.
    """
    cdef:
        bint native = selects or (cnp.PyArray_ISNOTSWAPPED(x) and cnp.PyArray_ISNOTSWAPPED(y))
        int axis
        Py_ssize_t length

    walk.in_c_order = True
    walk.axes = 0
    for axis in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(x, axis) != 1:
            walk.order[walk.axes] = axis
            walk.axes += 1
    walk.contiguous = native and cnp.PyArray_IS_C_CONTIGUOUS(x) and cnp.PyArray_IS_C_CONTIGUOUS(y)
    if walk.contiguous:
        return 0
    if not is_in_c_order(walk, x) and not is_in_c_order(walk, y):
        walk.in_c_order = False
        sort_axes(walk, y)
    merge_axes(&walk.layout.x, walk, x)
    merge_axes(&walk.layout.y, walk, y)
    walk.layout.swapped = 0 if native else swapped_bytes(x)
    walk.layout.x_direct = native and has_rows(&walk.layout.x, x)
    walk.layout.y_direct = native and has_rows(&walk.layout.y, y)
    length = cnp.PyArray_SIZE(x)
    walk.contiguous = (
        walk.layout.x_direct and walk.layout.x.shape[0] == length
        and walk.layout.y_direct and walk.layout.y.shape[0] == length
    )
    return 0


cdef bint is_in_c_order(const Walk *walk, cnp.ndarray x):
    """Return whether no axis of x has smaller strides than a later one."""
    cdef:
        Py_ssize_t last = <Py_ssize_t> INT64_MAX, stride
        int i

    for i in range(walk.axes):
        stride = abs(cnp.PyArray_STRIDE(x, walk.order[i]))
        if stride > last:
            return False
        if stride:
            last = stride
    return True


cdef void sort_axes(Walk *walk, cnp.ndarray y) noexcept:
    """Put the axes in the order of y's memory."""
    cdef:
        int i, j, axis
        Py_ssize_t stride

    for i in range(1, walk.axes):
        axis = walk.order[i]
        j = i
        stride = abs(cnp.PyArray_STRIDE(y, axis))
        while j and abs(cnp.PyArray_STRIDE(y, walk.order[j - 1])) < stride:
            walk.order[j] = walk.order[j - 1]
            j -= 1
        walk.order[j] = axis


cdef void merge_axes(Axes *axes, const Walk *walk, cnp.ndarray x) noexcept:
    """Describe x's axes in the order of the walk, those that continue each other as one."""
    cdef:
        int i, last = -1
        Py_ssize_t n, stride

    for i in range(walk.axes):
        n = cnp.PyArray_DIM(x, walk.order[i])
        stride = cnp.PyArray_STRIDE(x, walk.order[i])
        if last >= 0 and axes.strides[last] == n * stride:
            axes.shape[last] *= n
        else:
            last += 1
            axes.shape[last] = n
        axes.strides[last] = stride
    if last < 0:  # one element
        last = 0
        axes.shape[0] = 1
        axes.strides[0] = cnp.PyArray_ITEMSIZE(x)
    axes.count = last + 1


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

    for i in range(walk.axes):
        n = cnp.PyArray_DIM(x, walk.order[i])
        stride = decisions.strides[walk.order[i]]
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
) except -1:
    """Choose how a call is carried out: `given` a mask or not, into a fresh result or not.

    Nontemporal stores are for large results that nobody has just touched: in fresh memory the
    system has filled the page with zeros, in place the lines are read anyway. They need rows, which
    have whole cache lines.
    """
    choose_walk(&choice.walk, x, y, selects(args))
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
