"""Memory that is not contiguous: worked on row by row, or through a buffer.

A walk visits elements in one order and each array by its own axes (Layout). Rows that are
contiguous are worked on where they are, and the stream stays open from row to row. Other elements
are gathered into a small buffer of the thread that works on them, and scattered from there.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memset

from kernels cimport *

cdef enum:
    TILE_WORDS = 64  # keep words that are made at a time


# A place in an array.
cdef struct Cursor:
    const Axes *axes
    char *at
    Py_ssize_t left         # elements of the row from `at` on
    Py_ssize_t index[MAX_AXES]


cdef void open_cursor(
    Cursor *cursor, const Axes *axes, char *data, Py_ssize_t number
) noexcept nogil:
    """Go to an element by its number in the order of the walk."""
    cdef int axis

    cursor.axes = axes
    cursor.at = data
    for axis in range(axes.count - 1, -1, -1):
        cursor.index[axis] = number % axes.shape[axis]
        cursor.at += cursor.index[axis] * axes.strides[axis]
        number //= axes.shape[axis]
    axis = axes.count - 1
    cursor.left = axes.shape[axis] - cursor.index[axis]


cdef inline void advance(Cursor *cursor, Py_ssize_t count) noexcept nogil:
    """Advance by `count` elements of the row, and from its end to the next row."""
    cdef:
        const Axes *axes = cursor.axes
        int axis = axes.count - 1

    cursor.at += count * axes.strides[axis]
    cursor.left -= count
    if cursor.left:
        return
    cursor.left = axes.shape[axis]
    while True:
        cursor.at -= axes.shape[axis] * axes.strides[axis]
        axis -= 1
        if axis < 0:
            return
        cursor.at += axes.strides[axis]
        cursor.index[axis] += 1
        if cursor.index[axis] < axes.shape[axis]:
            return
        cursor.index[axis] = 0


cdef void gather(Cursor *cursor, char *buffer, Py_ssize_t count, int size) noexcept nogil:
    """Copy the next elements, of `size` bytes each, into the buffer."""
    cdef Py_ssize_t stride = cursor.axes.strides[cursor.axes.count - 1], some

    while count:
        some = min(count, cursor.left)
        fd_gather(buffer, cursor.at, some, stride, size)
        buffer += some * size
        count -= some
        advance(cursor, some)


cdef void scatter(Cursor *cursor, const char *buffer, Py_ssize_t count, int size) noexcept nogil:
    """Copy the next elements, of `size` bytes each, out of the buffer."""
    cdef Py_ssize_t stride = cursor.axes.strides[cursor.axes.count - 1], some

    while count:
        some = min(count, cursor.left)
        fd_scatter(cursor.at, buffer, some, stride, size)
        buffer += some * size
        count -= some
        advance(cursor, some)


cdef void run_layout(const Job *job, Py_ssize_t begin, Py_ssize_t size) noexcept nogil:
    """Work on `size` elements of a walk from number `begin` on, on the calling thread."""
    cdef:
        const KernelArgs *args = job.args
        const Layout *layout = job.layout
        int item_bytes = args.item_bits // 8, first
        MaskReader reader
        Cursor x, y
        fd_buffer buffer
        uint64_t keep[TILE_WORDS + 2]
        Py_ssize_t tile = FD_WORD * TILE_WORDS, count

    memset(keep, 0, sizeof(keep))
    if not (layout.x_direct and layout.y_direct):
        tile = min(tile, <Py_ssize_t> (FD_BUFFER // item_bytes))
    open_mask(&reader, args, begin)
    open_cursor(&x, &layout.x, <char *> job.x, begin)
    open_cursor(&y, &layout.y, job.y, begin)
    while size:
        count = min(size, tile)
        first = read_mask(&reader, keep, count)
        if not layout.x_direct:
            gather(&x, buffer.bytes, count, item_bytes)
            fd_swap_bytes(buffer.bytes, count * item_bytes, layout.swapped)
        run_rows(job, &x, &y, buffer.bytes, keep, first, count)
        if not layout.y_direct:
            fd_swap_bytes(buffer.bytes, count * item_bytes, layout.swapped)
            scatter(&y, buffer.bytes, count, item_bytes)
        size -= count
    if args.nontemporal:
        fd_fence()


cdef inline void run_rows(
    const Job *job,
    Cursor *x,
    Cursor *y,
    char *buffer,
    const uint64_t *keep,
    int first,
    Py_ssize_t size,
) noexcept nogil:
    """Apply keep words from bit `first` on to `size` elements, in their rows or in the buffer."""
    cdef:
        const KernelArgs *args = job.args
        int item_bytes = args.item_bits // 8
        bint x_direct = job.layout.x_direct, y_direct = job.layout.y_direct
        apply_function apply = apply_by[args.operation]
        bint nontemporal = args.nontemporal and y_direct
        Py_ssize_t done = 0, count, off_line
        const char *source
        char *target

    while done < size:
        count = size - done
        source = target = buffer + done * item_bytes
        if x_direct:
            count = min(count, x.left)
            source = x.at
        if y_direct:
            count = min(count, y.left)
            target = y.at
        off_line = <Py_ssize_t> (-<size_t> target % FD_CACHE_LINE) if nontemporal else 0
        if off_line and off_line % item_bytes == 0:  # up to the next cache line
            count = min(count, off_line // item_bytes)
        apply(source, target, count, keep, first + done, args, nontemporal and not off_line)
        if x_direct:
            advance(x, count)
        if y_direct:
            advance(y, count)
        done += count
