"""Memory that is not contiguous: worked on row by row, or through a buffer.

A walk visits elements in one order and each array by its own axes (Layout). Rows that are
contiguous are worked on where they are, and the stream stays open from row to row. Other elements
are gathered into a small buffer of the thread that works on them, and scattered from there.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memset

from kernels cimport *

cdef enum:
    DROP_ROW_MIN_SIZE = 256  # elements of a row from which the stream is taken up for it alone


cdef void run_layout(const Job *job, Py_ssize_t begin, Py_ssize_t size) noexcept nogil:
    """Work on `size` elements of a walk from number `begin` on, on the calling thread."""
    cdef:
        const Layout *layout = job.layout
        Py_ssize_t row = min(
            layout.x.shape[layout.x.count - 1], layout.y.shape[layout.y.count - 1]
        )
        Cursor x, y

    if job.args.region is not NULL:
        row = min(row, job.args.region.shape[job.args.region.count - 1])
    open_cursor(&x, &layout.x, <uint64_t> <size_t> job.x, begin)
    open_cursor(&y, &layout.y, <uint64_t> <size_t> job.y, begin)
    if (
        job.args.mask is NULL and job.args.rates is NULL
        and layout.fill is NULL and layout.scales is NULL
        and layout.x_direct and layout.y_direct and row >= DROP_ROW_MIN_SIZE
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
        Cursor run
        bint nontemporal
        Py_ssize_t count

    open_run(&run, args, begin)
    open_stream(&stream, &args.params, run.at)
    while size:
        nontemporal = args.nontemporal
        count = min(min(size, run.left), min(x.left, y.left))
        seek(&stream, &args.params, run.at)
        count = up_to_cache_line(address(y), count, args.item_bits // 8, &nontemporal)
        drop_by[args.operation](address(x), address(y), count, &stream, args, nontemporal)
        advance(x, count)
        advance(y, count)
        advance(&run, count)
        size -= count


# Numbers beside the elements: a fill and a scale for each. Where a call has one of the two only,
# the other is the same for all.
cdef struct Beside:
    bint used
    int item_bytes
    int scale_bytes
    Feed fill
    Feed scales


cdef void open_beside(
    Beside *beside, const Job *job, Py_ssize_t begin, Py_ssize_t most
) noexcept nogil:
    """Go to element number `begin`; `most` elements are read at a time."""
    cdef:
        const Layout *layout = job.layout
        double scale = job.args.affine.scale
        float rounded = <float> scale

    beside.item_bytes = job.args.item_bits // 8
    beside.scale_bytes = scale_bytes_by[job.args.operation]
    if layout.fill is not NULL:
        open_feed(&beside.fill, layout.fill, begin, most)
    else:
        open_constant(&beside.fill, &job.args.affine.dropped, beside.item_bytes, most)
    if layout.scales is not NULL:
        open_feed(&beside.scales, layout.scales, begin, most)
    elif beside.scale_bytes == sizeof(float):
        open_constant(&beside.scales, &rounded, sizeof(float), most)
    else:
        open_constant(&beside.scales, &scale, sizeof(double), most)


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
        Beside beside
        const char *fill = NULL
        const char *scales = NULL
        uint64_t keep[TILE_WORDS + 2]
        Py_ssize_t tile = TILE, count

    beside.used = layout.fill is not NULL or layout.scales is not NULL
    if beside.used:
        tile = FD_BUFFER // max(item_bytes, scale_bytes_by[args.operation])
        tile = min(tile, <Py_ssize_t> TILE)
        open_beside(&beside, job, begin, tile)
    elif not (layout.x_direct and layout.y_direct):
        tile = min(tile, <Py_ssize_t> (FD_BUFFER // item_bytes))
    memset(keep, 0, sizeof(keep))
    open_mask(&reader, args, begin)
    while size:
        count = min(size, tile)
        if args.mask is NULL and layout.x_direct:
            reader.draws.ahead = address(x)
            reader.draws.item_bytes = item_bytes
        read_mask(&reader, keep, count)
        if beside.used:
            fill = next_of(&beside.fill, count, beside.item_bytes)
            scales = next_of(&beside.scales, count, beside.scale_bytes)
        if not layout.x_direct:
            gather(x, COPIES, item_bytes, buffer.bytes, count)
            fd_swap_bytes(buffer.bytes, count * item_bytes, layout.swapped)
        apply_rows(job, x, y, buffer.bytes, fill, scales, keep, count)
        if not layout.y_direct:
            fd_swap_bytes(buffer.bytes, count * item_bytes, layout.swapped)
            scatter(y, buffer.bytes, count, item_bytes)
        size -= count


cdef inline void apply_rows(
    const Job *job,
    Cursor *x,
    Cursor *y,
    char *buffer,
    const char *fill,
    const char *scales,
    const uint64_t *keep,
    Py_ssize_t size,
) noexcept nogil:
    """Apply keep words to `size` elements, row by row or in the buffer.

    `fill` and `scales` have a number for each element, or are both NULL.
    """
    cdef:
        const KernelArgs *args = job.args
        int item_bytes = args.item_bits // 8
        bint x_direct = job.layout.x_direct, y_direct = job.layout.y_direct, nontemporal
        Py_ssize_t done = 0, count
        const char *source
        char *target

    while done < size:
        nontemporal = args.nontemporal
        count = size - done
        source = target = buffer + done * item_bytes
        if x_direct:
            count = min(count, x.left)
            source = address(x)
        if y_direct:
            count = up_to_cache_line(address(y), min(count, y.left), item_bytes, &nontemporal)
            target = address(y)
        if fill is not NULL:
            each_by[args.operation](
                source,
                target,
                count,
                keep,
                done,
                fill + done * item_bytes,
                scales + done * scale_bytes_by[args.operation],
                args,
                nontemporal,
            )
        else:
            apply_by[args.operation](source, target, count, keep, done, args, nontemporal)
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
