"""Layouts: how an array of a given shape can lie in a larger piece of memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Layout:
    """Where the elements lie. The lists have an entry for each axis of the array."""

    order: list[int]  # the axes, from the outermost in memory to the innermost
    steps: list[int]  # elements from one index to the next; negative: reversed, 0: broadcast
    before: list[int]  # unused elements in front of the first index
    after: list[int]
    shift: int = 0  # unused bytes in front of everything
    pitch: int = 0  # unused bytes behind each run of the innermost axis
    odd: int = 0  # stride in bytes of the axes of length 1, if not 0

    def strides(self, shape: tuple[int, ...], itemsize: int) -> tuple[list[int], int, int]:
        """Return the strides, the offset of the first element, and the size, all in bytes."""
        strides, start, unit = [0] * len(shape), self.shift, itemsize
        for i, axis in enumerate(reversed(self.order)):
            n, step = shape[axis], self.steps[axis]
            last = abs(step) * max(n - 1, 0)
            strides[axis] = self.odd if n == 1 and self.odd else unit * step
            start += unit * (self.before[axis] + (last if step < 0 else 0))
            unit *= self.before[axis] + last + 1 + self.after[axis]
            unit += self.pitch if i == 0 else 0
        return strides, start, self.shift + unit


def contiguous(axes: int) -> Layout:
    """Layout of an array in C order."""
    return Layout(list(range(axes)), [1] * axes, [0] * axes, [0] * axes)


def some_of(rng: np.random.Generator, axes: int) -> list[int]:
    """One or two of the axes."""
    return rng.permutation(axes)[: int(rng.integers(1, 3))].tolist()


def in_c_order(layout, rng, axes):
    """As `contiguous` makes it."""


def in_fortran_order(layout, rng, axes):
    layout.order.reverse()


def transposed(layout, rng, axes):
    layout.order = rng.permutation(axes).tolist()


def crop(layout, rng, axes):
    for axis in some_of(rng, axes):
        layout.before[axis], layout.after[axis] = rng.integers(0, 4, 2).tolist()


def column_slice(layout, rng, axes):
    layout.before[-1:] = [3] * min(axes, 1)
    layout.after[-1:] = [5] * min(axes, 1)


def inner_step_2(layout, rng, axes):
    layout.steps[-1:] = [2] * min(axes, 1)


def inner_step_3(layout, rng, axes):
    layout.steps[-1:] = [3] * min(axes, 1)
    layout.after[-1:] = [int(rng.integers(4))] * min(axes, 1)


def outer_steps(layout, rng, axes):
    layout.steps[:1] = [int(rng.integers(2, 4))] * min(axes, 1)


def inner_reversed(layout, rng, axes):
    layout.steps[-1:] = [-1] * min(axes, 1)


def one_axis_reversed(layout, rng, axes):
    for axis in some_of(rng, axes)[:1]:
        layout.steps[axis] = -1


def all_reversed(layout, rng, axes):
    layout.steps = [-1] * axes


def unaligned(layout, rng, axes):
    layout.shift = int(rng.integers(1, 8))
    if rng.random() < 0.3:
        transposed(layout, rng, axes)


def unaligned_rows(layout, rng, axes):
    layout.pitch = int(rng.integers(1, 8))


def odd_strides(layout, rng, axes):
    layout.odd = int(rng.choice([1, 3, -5, 24, 10**6, -(10**6)]))
    if rng.random() < 0.3:
        transposed(layout, rng, axes)


def anything(layout, rng, axes):
    transposed(layout, rng, axes)
    crop(layout, rng, axes)
    for axis in some_of(rng, axes):
        layout.steps[axis] = int(rng.choice([-3, -2, -1, 2, 3]))
    layout.shift = int(rng.choice([0, 0, 1, 4, 16]))
    layout.pitch = int(rng.choice([0, 0, 0, 8, 1]))
    layout.odd = int(rng.choice([0, 0, 7]))


def broadcast(layout, rng, axes):
    """Elements share memory: such an array can be read, not written."""
    if rng.random() < 0.3:
        anything(layout, rng, axes)
    for axis in some_of(rng, axes):
        layout.steps[axis] = 0


READABLE = {
    function.__name__: function
    for function in (
        *(in_c_order, in_fortran_order, transposed, crop, column_slice),
        *(inner_step_2, inner_step_3, outer_steps),
        *(inner_reversed, one_axis_reversed, all_reversed),
        *(unaligned, unaligned_rows, odd_strides, anything, broadcast),
    )
}
WRITABLE = [name for name in READABLE if name != "broadcast"]


def draw_layout(name: str, rng: np.random.Generator, axes: int) -> Layout:
    """Draw a layout of a name."""
    layout = contiguous(axes)
    READABLE[name](layout, rng, axes)
    return layout


def view(
    memory: np.ndarray, shape: tuple[int, ...], dtype: np.dtype, layout: Layout, begin: int = 0
) -> np.ndarray:
    """View memory, of uint8, from the byte `begin` on as an array of a layout."""
    strides, start, _ = layout.strides(shape, dtype.itemsize)
    return np.ndarray(shape, dtype, memory, begin + start, strides)
