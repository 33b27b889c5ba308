"""What a case of tests/cases.py may have besides: a fill, a p for each element, a larger array."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import memory
import numpy as np
import reference
from arrays import awkward_numbers, special_bits

PLACES = ["own", "own", "x", "out"]  # memory that an array of options lies in
FORMS = ["as it is", "as it is", "read-only", "list"]
P_DTYPES = ["float64", "float64", "float32", "float16", ">f8", ">f4"]
# No p, every p, those about the format's limit of 2**-80, and those whose lower 64 bits are 0.
SOME_P = [0.0, 1.0, 5e-324, 2.0**-80, 2.0**-16, 3 / 2**16, 0.1, 0.5, 40_000 / 2**16]
SOME_P += [math.nextafter(0.1, 1), math.nextafter(1, 0)]


@dataclass
class Option:
    """An array of p or of fills: its form, and how it lies in memory."""

    shape: tuple[int, ...]
    dtype: str
    layout_name: str
    layout: memory.Layout
    place: str
    begin: int
    form: str
    seed: int

    def size(self) -> int:
        """Return the bytes it needs."""
        itemsize = reference.dtype_of(self.dtype).itemsize
        return self.layout.strides(self.shape, itemsize)[2] + itemsize

    def view(self, memories: dict[str, np.ndarray]) -> np.ndarray:
        """View the memory of x or of the result as the array, or memory of its own."""
        held = memories.get(self.place)
        if held is None:
            held = np.zeros(self.size() + self.begin, np.uint8)
        return memory.view(
            held, self.shape, reference.dtype_of(self.dtype), self.layout, self.begin
        )


def part_of(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a shape that broadcasts to another."""
    kind = rng.integers(5)
    if kind == 0:
        return shape
    if kind == 1:
        return shape[-1:]
    if kind == 2:
        return (*shape[:1], *[1] * (len(shape) - 1))
    kept = tuple(n if rng.random() < 0.5 else 1 for n in shape)
    return kept[int(rng.integers(len(shape) + 1)) if kind == 3 else 0 :]


def draw_option(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Option:
    """Draw an array that broadcasts to a shape."""
    shape = part_of(shape, rng)
    form = FORMS[rng.integers(len(FORMS))]
    place = "own" if form == "list" else PLACES[rng.integers(len(PLACES))]
    name = list(memory.READABLE)[rng.integers(len(memory.READABLE))]
    return Option(
        shape=shape,
        dtype=dtype,
        layout_name=name,
        layout=memory.draw_layout(name, rng, len(shape)),
        place=place,
        begin=int(rng.integers(0, 1000)),
        form=form,
        seed=int(rng.integers(2**32)),
    )


def handed(array: np.ndarray, form: str) -> Any:
    """Return what the caller passes."""
    if form == "list" and array.size:  # a list has no shape such as (2, 0, 3)
        return array.tolist()
    array.flags.writeable = form != "read-only"
    return array


# p for each element


def draw_p(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Option:
    """Draw an array of p that broadcasts to the shape of the decisions."""
    option = draw_option(shape, P_DTYPES[rng.integers(len(P_DTYPES))], rng)
    if dtype == "bool":
        option.place = "own"
    return option


def put_p(option: Option, memories: dict[str, np.ndarray]) -> np.ndarray:
    """Write the p into their place: equal ones, a few different ones, or all different."""
    rng, array = np.random.default_rng(option.seed), option.view(memories)
    kind = rng.integers(4)
    if kind == 0:
        array[...] = rng.choice([*SOME_P, 0.3])
    elif kind == 1:
        array[...] = rng.choice(SOME_P[: 2 if rng.random() < 0.2 else None], array.shape)
    else:
        array[...] = rng.random(array.shape)
    return array


# Fills

SCALARS: dict[str, list[Any]] = {
    "f": [np.nan, -np.nan, -0.0, 0, -1, 0.1, np.inf, -np.inf, True, np.float64(2.5), np.array(3.0)],
    "i": [0, -1, 2**31 - 1, True, np.int64(-7), np.uint8(200), np.array(5)],
    "u": [0, 255, 7, True, np.int64(9), np.array(200, np.int16)],
    "b": [True, False, np.True_, np.array(True), 1, 0],
}
SCALARS["c"] = [*SCALARS["f"], 1 - 2j, complex(np.nan, -0.0), complex(-0.0, np.inf)]
SCALARS["c"] += [np.complex64(1j)]


def draw_fill(
    shape: tuple[int, ...], dtype: str, rng: np.random.Generator
) -> tuple[Any, Option | None]:
    """Draw a scalar, or an array that broadcasts to a shape, that a dtype can hold."""
    target = reference.dtype_of(dtype)
    kind = "f" if target.name == "bfloat16" else target.kind
    if rng.random() < 0.4:
        scalars = SCALARS[kind]
        if kind == "f" and target.itemsize <= 8 and rng.random() < 0.3:
            bits = special_bits(target.newbyteorder("="))
            return bits.view(target.newbyteorder("="))[rng.integers(bits.size)], None
        return scalars[rng.integers(len(scalars))], None
    lesser = {"f": "int8", "c": "float32", "i": "uint8", "u": "bool", "b": "bool"}[kind]
    swapped = dtype if target.name == "bfloat16" else target.newbyteorder("S").str
    option = draw_option(shape, [dtype, dtype, swapped, lesser][rng.integers(4)], rng)
    if dtype == "bool" or (option.dtype == lesser in ("bool", "float32")):
        option.place = "own"  # bytes that lie in x are no bools, or signaling NaNs that are cast
    return None, option


def put_fill(option: Option, dtype: np.dtype, memories: dict[str, np.ndarray]) -> np.ndarray:
    """Write fills for a dtype into their place, if it is memory of their own, and return them."""
    array = option.view(memories)
    if memories.get(option.place) is None:
        rng = np.random.default_rng(option.seed)
        if option.form == "list":
            array[...] = rng.integers(0, 2 if array.dtype == np.bool_ else 100, option.shape)
        elif array.dtype == np.dtype(dtype).newbyteorder(array.dtype.byteorder):
            array[...] = awkward_numbers(option.shape, array.dtype, rng)
        else:  # signaling NaNs would make NumPy warn of the conversion
            array[...] = rng.choice(
                [0, 1, 7, 100][: 2 if array.dtype == np.bool_ else 4], option.shape
            )
    return array


# A larger array


def draw_region(
    shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draw where x begins in a larger array, and that array's shape: (origin, full_shape).

    It has less than 2**19 elements, or, of a few elements, up to 2**60.
    """
    origin, full = [0] * len(shape), list(shape)
    huge = math.prod(shape) <= 50 and rng.random() < 0.1
    for axis in rng.permutation(len(shape)).tolist():
        more = int(rng.choice([0, 0, 1, 2, 7, 50, 1000, 20_000]))
        if huge:
            more = int(2.0 ** rng.uniform(0, 60 / len(shape) - 1))
        rest = math.prod(full[:axis] + full[axis + 1 :])
        if huge or (shape[axis] + more) * rest < 2**19:
            origin[axis] = int(rng.integers(more + 1))
            full[axis] += more
    return tuple(origin), tuple(full)
