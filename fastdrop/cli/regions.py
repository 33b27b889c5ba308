"""The boxes that a stored array is cut into; they are read, dropped and written one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

Box: TypeAlias = tuple[slice, ...]

# A file in Fortran order is read in runs along its first axis, but the decisions of a box lie in
# runs along its last one. Runs of 64 KiB keep both the reads and the way through the stream cheap.
RUN_BYTES = 2**16


def box_lengths(
    shape: Sequence[int],
    itemsize: int,
    nbytes: int,
    chunks: Sequence[int] | None = None,
    fortran: bool = False,
) -> tuple[int, ...]:
    """Return the lengths of boxes that take about `nbytes`.

    Parameters
    ----------
    shape : sequence of int
        Of the whole array.
    itemsize : int
        Bytes of an element.
    nbytes : int
        What a box takes at most, unless one chunk takes more.
    chunks : sequence of int, optional
        The boxes hold whole chunks of this shape.
    fortran : bool, optional
        Whether the first axis is the one whose elements lie side by side in the file.

    Examples
    --------
    >>> box_lengths((1000, 1000), 8, 2**20)
    (131, 1000)
    >>> box_lengths((1000, 1000), 8, 2**20, chunks=(100, 300))
    (100, 1000)
    """
    unit = [1] * len(shape) if chunks is None else list(chunks)
    lengths = [min(u, max(n, 1)) for u, n in zip(unit, shape, strict=True)]

    def grow(axes: Iterable[int], nbytes: int) -> None:
        for axis in axes:
            others = math.prod(lengths) // lengths[axis]
            fitting = nbytes // itemsize // others // unit[axis] * unit[axis]
            lengths[axis] = max(lengths[axis], min(fitting, shape[axis]))

    first_to_last = range(len(shape))
    if fortran:
        grow(first_to_last, min(RUN_BYTES, nbytes))
    grow(reversed(first_to_last), nbytes)
    if fortran:
        grow(first_to_last, nbytes)
    return tuple(lengths)


def boxes(shape: Sequence[int], lengths: Sequence[int], fortran: bool = False) -> Iterator[Box]:
    """Cut an array into boxes, in the order in which a file holds them.

    Examples
    --------
    >>> list(boxes((3, 2), (2, 2)))
    [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    cuts = [
        [slice(begin, min(begin + length, n)) for begin in range(0, n, length)]
        for n, length in zip(shape, lengths, strict=True)
    ]
    if fortran:
        return (box[::-1] for box in itertools.product(*cuts[::-1]))
    return itertools.product(*cuts)


def runs(shape: Sequence[int], box: Box) -> Iterator[tuple[int, int]]:
    """Give first element and length of each run of elements that lie side by side in C order.

    Examples
    --------
    >>> list(runs((3, 4), (slice(1, 3), slice(0, 2))))
    [(4, 2), (8, 2)]
    >>> list(runs((3, 4), (slice(1, 3), slice(0, 4))))
    [(4, 8)]
    """
    length, axis = 1, len(shape)
    while axis:
        axis -= 1
        length *= box[axis].stop - box[axis].start
        if box[axis] != slice(0, shape[axis]):
            break
    strides = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    first = sum(cut.start * stride for cut, stride in zip(box[axis:], strides[axis:], strict=True))
    outer = [range(cut.start, cut.stop) for cut in box[:axis]]
    for index in itertools.product(*outer):
        yield first + sum(map(int.__mul__, index, strides)), length


def box_shape(box: Box) -> tuple[int, ...]:
    """Return the lengths of a box.

    Examples
    --------
    >>> box_shape((slice(2, 5), slice(0, 4)))
    (3, 4)
    """
    return tuple(cut.stop - cut.start for cut in box)
