"""Places in an array or in the stream, and elements copied from row to row.

What a walk gathers lies in a small buffer of the thread, without gaps. A row that is read several
times in a row, as of an array that was broadcast, is copied within the buffer. If the whole array
is one such row, and short, the buffer is filled once.
"""
from libc.stdint cimport uint16_t, uint64_t
from libc.string cimport memcpy

from kernels cimport *


# A place: an address, or an index in the stream.
cdef struct Cursor:
    const Axes *axes
    uint64_t at
    Py_ssize_t left         # elements of the row from `at` on
    Py_ssize_t index[MAX_AXES]


cdef void open_cursor(
    Cursor *cursor, const Axes *axes, uint64_t begin, Py_ssize_t number
) noexcept nogil:
    """Go to an element by its number in the order of the walk; element 0 is at `begin`."""
    cdef int axis

    cursor.axes = axes
    cursor.at = begin
    for axis in range(axes.count - 1, -1, -1):
        cursor.index[axis] = number % axes.shape[axis]
        cursor.at += <uint64_t> (cursor.index[axis] * axes.strides[axis])
        number //= axes.shape[axis]
    axis = axes.count - 1
    cursor.left = axes.shape[axis] - cursor.index[axis]


cdef inline char *address(const Cursor *cursor) noexcept nogil:
    return <char *> <size_t> cursor.at


cdef inline void advance(Cursor *cursor, Py_ssize_t count) noexcept nogil:
    """Advance by `count` elements of the row, and from its end to the next row."""
    cdef:
        const Axes *axes = cursor.axes
        int axis = axes.count - 1

    cursor.at += <uint64_t> (count * axes.strides[axis])
    cursor.left -= count
    if cursor.left:
        return
    cursor.left = axes.shape[axis]
    while True:
        cursor.at -= <uint64_t> (axes.shape[axis] * axes.strides[axis])
        axis -= 1
        if axis < 0:
            return
        cursor.at += <uint64_t> axes.strides[axis]
        cursor.index[axis] += 1
        if cursor.index[axis] < axes.shape[axis]:
            return
        cursor.index[axis] = 0


cdef void gather(
    Cursor *cursor, Making making, int item_bytes, char *buffer, Py_ssize_t count
) noexcept nogil:
    """Make the numbers, of `item_bytes` each, of the next elements in the buffer."""
    cdef:
        const Axes *axes = cursor.axes
        int row_axis = axes.count - 1
        Py_ssize_t stride = axes.strides[row_axis], row = axes.shape[row_axis], some, rows
        bint again = row_axis > 0 and axes.strides[row_axis - 1] == 0  # rows are read again

    while count:
        some = min(count, cursor.left)
        make_row(buffer, address(cursor), some, stride, making, item_bytes)
        buffer += some * item_bytes
        count -= some
        if again and some == row:
            rows = min(axes.shape[row_axis - 1] - cursor.index[row_axis - 1] - 1, count // row)
            copy_forward(buffer, row * item_bytes, rows * row * item_bytes)
            cursor.index[row_axis - 1] += rows
            buffer += rows * row * item_bytes
            count -= rows * row
        advance(cursor, some)


cdef inline void make_row(
    char *to, const char *row, Py_ssize_t count, Py_ssize_t stride, Making making, int item_bytes
) noexcept nogil:
    """Make the numbers of a row, or of a part of it, whose elements lie `stride` bytes apart."""
    if making == COPIES:
        fd_gather(to, row, count, stride, item_bytes)
    elif making == THRESHOLDS_OF_FLOATS:
        fd_thresholds_of_floats(<uint16_t *> to, row, count, stride)
    elif making == THRESHOLDS_OF_DOUBLES:
        fd_thresholds_of_doubles(<uint16_t *> to, row, count, stride)
    elif making == FLOATS_OF_FLOATS:
        fd_floats_of_floats(<float *> to, row, count, stride)
    elif making == FLOATS_OF_DOUBLES:
        fd_floats_of_doubles(<float *> to, row, count, stride)
    elif making == DOUBLES_OF_FLOATS:
        fd_doubles_of_floats(<double *> to, row, count, stride)
    else:
        fd_doubles_of_doubles(<double *> to, row, count, stride)


cdef inline void copy_forward(char *end, Py_ssize_t period, Py_ssize_t size) noexcept nogil:
    """Continue the last `period` bytes before `end` for `size` bytes, a multiple of them."""
    cdef Py_ssize_t some

    while size:
        some = min(period, size)
        memcpy(end, end - period, some)
        end += some
        size -= some
        period += some  # what was copied continues them


cdef void scatter(Cursor *cursor, const char *buffer, Py_ssize_t count, int size) noexcept nogil:
    """Copy the next elements, of `size` bytes each, out of the buffer."""
    cdef Py_ssize_t stride = cursor.axes.strides[cursor.axes.count - 1], some

    while count:
        some = min(count, cursor.left)
        fd_scatter(address(cursor), buffer, some, stride, size)
        buffer += some * size
        count -= some
        advance(cursor, some)


# The numbers of an operand, some at a time.
cdef struct Feed:
    const Operand *operand
    Cursor at
    Py_ssize_t period       # elements after which the numbers repeat in the buffer, or 0
    Py_ssize_t phase        # of the next element in them
    fd_buffer buffer[2]


cdef void open_feed(
    Feed *feed, const Operand *operand, Py_ssize_t number, Py_ssize_t most
) noexcept nogil:
    """Go to an element by its number; `most` elements are read at a time, a buffer of them."""
    cdef:
        const Axes *axes = &operand.axes
        Py_ssize_t row = axes.shape[axes.count - 1]
        bint repeats = axes.count == 2 and axes.strides[0] == 0

    feed.operand = operand
    feed.period = 0
    open_cursor(&feed.at, axes, <uint64_t> <size_t> operand.data, 0 if repeats else number)
    if repeats and row * operand.item_bytes <= FD_BUFFER:
        feed.period, feed.phase = row, number % row
        gather(
            &feed.at, operand.making, operand.item_bytes, feed.buffer[0].bytes,
            min(row + most, row * axes.shape[0]),
        )
    elif repeats:
        open_cursor(&feed.at, axes, <uint64_t> <size_t> operand.data, number)


cdef inline void open_constant(
    Feed *feed, const void *item, int item_bytes, Py_ssize_t most
) noexcept nogil:
    """Give the same item for each element."""
    feed.period, feed.phase = 1, 0
    memcpy(feed.buffer[0].bytes, item, item_bytes)
    copy_forward(feed.buffer[0].bytes + item_bytes, item_bytes, item_bytes * most)


cdef inline const char *next_of(Feed *feed, Py_ssize_t count, int item_bytes) noexcept nogil:
    """Return the numbers of the next elements."""
    cdef const char *numbers = feed.buffer[0].bytes

    if feed.period:
        numbers += feed.phase * item_bytes
        feed.phase = (feed.phase + count) % feed.period
    else:
        gather(&feed.at, feed.operand.making, item_bytes, feed.buffer[0].bytes, count)
    return numbers
