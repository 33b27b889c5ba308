"""Memory that is not contiguous: worked on row by row, or through a buffer.

A walk visits elements in one order and each array by its own axes (Layout). Rows that are
contiguous are worked on where they are, and the stream stays open from row to row. Other elements
are gathered into a small buffer of the thread that works on them, and scattered from there.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memset

from kernels cimport *

cdef enum:
    TILE_WORDS = 64          # keep words that are made at a time
    DROP_ROW_MIN_SIZE = 256  # elements of a row from which the stream is taken up for it alone


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
        const Layout *layout = job.layout
        Py_ssize_t row = min(
            layout.x.shape[layout.x.count - 1], layout.y.shape[layout.y.count - 1]
        )
        Cursor x, y

    open_cursor(&x, &layout.x, <char *> job.x, begin)
    open_cursor(&y, &layout.y, job.y, begin)
    if (
        job.args.mask is NULL and layout.x_direct and layout.y_direct
        and row >= DROP_ROW_MIN_SIZE
    ):
        drop_rows(job, &x, &y, begin, size)
    else:
        apply_tiles(job, &x, &y, begin, size)
    if job.args.nontemporal:
        fd_fence()


cdef void drop_rows(
    const Job *job, Cursor *x, Cursor *y, Py_ssize_t begin, Py_ssize_t size
) noexcept nogil:
    """Work on long rows as on runs of the stream."""
    cdef:
        const KernelArgs *args = job.args
        Stream stream
        bint nontemporal
        Py_ssize_t count

    open_stream(&stream, &args.params, args.offset + <uint64_t> begin)
    while size:
        nontemporal = args.nontemporal
        count = min(size, min(x.left, y.left))
        count = up_to_cache_line(y.at, count, args.item_bits // 8, &nontemporal)
        drop_by[args.operation](x.at, y.at, count, &stream, args, nontemporal)
        advance(x, count)
        advance(y, count)
        size -= count


cdef void apply_tiles(
    const Job *job, Cursor *x, Cursor *y, Py_ssize_t begin, Py_ssize_t size
) noexcept nogil:
    """Make keep words for some elements at a time, and gather and scatter these as needed."""
    cdef:
        const KernelArgs *args = job.args
        const Layout *layout = job.layout
        int item_bytes = args.item_bits // 8
        MaskReader reader
        fd_buffer buffer
        uint64_t keep[TILE_WORDS + 2]
        Py_ssize_t tile = FD_WORD * TILE_WORDS, count

    if not (layout.x_direct and layout.y_direct):
        tile = min(tile, <Py_ssize_t> (FD_BUFFER // item_bytes))
    memset(keep, 0, sizeof(keep))
    open_mask(&reader, args, begin)
    while size:
        count = min(size, tile)
        read_mask(&reader, keep, count)
        if not layout.x_direct:
            gather(x, buffer.bytes, count, item_bytes)
            fd_swap_bytes(buffer.bytes, count * item_bytes, layout.swapped)
        apply_rows(job, x, y, buffer.bytes, keep, count)
        if not layout.y_direct:
            fd_swap_bytes(buffer.bytes, count * item_bytes, layout.swapped)
            scatter(y, buffer.bytes, count, item_bytes)
        size -= count


cdef inline void apply_rows(
    const Job *job,
    Cursor *x,
    Cursor *y,
    char *buffer,
    const uint64_t *keep,
    Py_ssize_t size,
) noexcept nogil:
    """Apply keep words to `size` elements, row by row or in the buffer."""
    cdef:
        const KernelArgs *args = job.args
        int item_bytes = args.item_bits // 8
        bint x_direct = job.layout.x_direct, y_direct = job.layout.y_direct, nontemporal
        apply_function apply = apply_by[args.operation]
        Py_ssize_t done = 0, count
        const char *source
        char *target

    while done < size:
        nontemporal = args.nontemporal
        count = size - done
        source = target = buffer + done * item_bytes
        if x_direct:
            count = min(count, x.left)
            source = x.at
        if y_direct:
            count = up_to_cache_line(y.at, min(count, y.left), item_bytes, &nontemporal)
            target = y.at
        apply(source, target, count, keep, done, args, nontemporal)
        if x_direct:
            advance(x, count)
        if y_direct:
            advance(y, count)
        done += count


cdef inline Py_ssize_t up_to_cache_line(
    const char *y, Py_ssize_t count, int item_bytes, bint *nontemporal
) noexcept nogil:
    """Return how many elements to work on next: `count`, or those before the next cache line."""
    cdef Py_ssize_t off_line

    if nontemporal[0]:
        off_line = <Py_ssize_t> (-<size_t> y % FD_CACHE_LINE)
        if off_line:
            nontemporal[0] = False
            if off_line % item_bytes == 0:
                count = min(count, off_line // item_bytes)
    return count
