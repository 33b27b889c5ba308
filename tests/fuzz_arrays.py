"""Arrays for the fuzz: shapes, dtypes, x in any form, the memory of x and of the result."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import cases
import fuzz_hostile as hostile
import memory
import numpy as np
import reference
from arrays import awkward_numbers
from fuzz import Draws, OwnError, World, shown
from fuzz_values import ADDED, ANY, BAD, Arg

LENGTHS = [0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 64, 65, 100]
NOT_NUMBERS = ["O", "S3", "U2", "M8[s]", "m8[D]", "V5", "f4,i2", [("a", "f8", (2,))]]
MANY = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 32  # axes that NumPy has


# Shapes and dtypes


def draw_shape(d: Draws, least: int = 0, most: int = 5) -> tuple[int, ...]:
    """Draw a shape of a few elements, seldom of many axes, many elements, or huge and empty."""
    axes = d.integer(least, most)
    if most - least > 2 and d.chance(4):
        axes = d.integer(6, MANY)
        return tuple(d.one([1, 1, 1, 2]) if i < 9 else 1 for i in range(axes))
    if d.chance(3) and axes:
        return (*[1] * (axes - 1), d.one([cases.BLOCK - 1, cases.BLOCK + 1, 20_011]))
    shape, size = [], 1
    for _ in range(axes):
        n = d.one(LENGTHS)
        n = n if n * size <= 3000 else 1
        shape.append(n)
        size *= max(n, 1)
    if 0 in shape and d.chance(30):
        shape = [n if n == 0 else d.one([n, 2**31, 2**40]) for n in shape]
        shape = shape if math.prod(n or 1 for n in shape) < 2**57 else [0] * axes
    return tuple(shape)


def contents(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Return numbers of any dtype."""
    if dtype in ADDED:
        return rng.integers(-8, 8, shape).astype(dtype)
    return awkward_numbers(shape, dtype, rng)


def own_array(world: World, shape: Any, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Return a contiguous array in memory of its own."""
    size = math.prod(shape) * dtype.itemsize
    array = np.ndarray(
        shape, dtype, world.arena(size + 64, rng, 1 if dtype.kind == "b" else 255), 16
    )
    array[...] = contents(shape, dtype, rng)
    return array


# x


def view_as(array: np.ndarray, d: Draws) -> np.ndarray:
    """Return an array, seldom as one of a subclass."""
    if not d.chance(15):
        return array
    kind = d.one(hostile.SUBCLASSES)
    if kind is np.recarray and array.dtype.kind == "V":
        return array
    return array.view(kind)


def convertible(d: Draws, x: np.ndarray) -> Arg:
    """Return something that is converted to x's values."""
    native = (
        x.dtype.isnative
        and x.dtype not in ADDED
        and x.dtype.kind in "fciub"
        and x.dtype.char not in "gG"
    )
    ways = ["__array__", "subclass"]
    ways += ["interface", "buffer", "dlpack"] if native else []
    ways += ["list"] if x.dtype.char in "dD?l" and 0 not in x.shape and x.ndim < 32 else []
    ways += ["scalar"] if x.ndim == 0 else []
    way = d.one(ways)
    if way == "__array__":
        return Arg(hostile.ArrayLike(lambda: x), x, text=way)
    if way == "subclass":
        array = x.view(d.one(hostile.SUBCLASSES[:6]))
        return Arg(array, array, text=type(array).__name__)
    if way == "interface":
        return Arg(hostile.Interface(x), x, text=way)
    if way == "buffer":
        return Arg(memoryview(x), x, text=way)
    plain = np.array(x, order="C")
    if way == "dlpack":
        return Arg(hostile.Exporter(plain), plain, text=way)
    given = plain[()] if way == "scalar" else plain.tolist()
    return Arg(given, np.asarray(given), text=way)


def odd_x(d: Draws, world: World, x: np.ndarray) -> Arg:
    """Return something in the place of x that a call refuses, or takes by chance."""
    rng = d.rng()

    def poke() -> None:
        world.poke(world.arenas[0][0], 0, 1)

    def own(text: str, given: Any) -> Arg:
        return Arg(given, None, BAD, (OwnError,), text)

    kind = d.integer(0, 12)
    if kind == 0:
        dtype = np.dtype(d.one(NOT_NUMBERS))
        return Arg(np.zeros(x.shape if x.size < 2000 else 3, dtype), None, BAD, text=str(dtype))
    if kind == 1:
        masked = np.ma.array(np.ones(3), mask=[0, 1, 0])
        given = d.one([masked, [masked], hostile.Sparse(), hostile.Lazy(), [hostile.Lazy()]])
        return Arg(given, None, BAD, text="masked, sparse, lazy")
    if kind == 2:
        bad = [None, "text", b"bytes", {}, set(), object(), iter([1.0]), len, np, float]
        bad += [
            [[1.0], [1.0, 2.0]],
            [None],
            ["a"],
            [[[]], [1]],
            [np.zeros(2), np.zeros(3)],
            slice(3),
        ]
        bad += [np.float64, np.dtype(float), Ellipsis, NotImplemented, 10**400, Decimal(1)]
        given = d.one(bad)
        return Arg(given, None, BAD, text=shown(given))
    if kind == 3:
        given = d.anything()
        try:
            meaning = np.asarray(given)
        except (TypeError, ValueError, OverflowError):
            return Arg(given, None, BAD, text="anything")
        return Arg(given, meaning, ANY if meaning.dtype.kind in "fciub" else BAD, text="anything")
    if kind == 4:
        loop: list[Any] = []
        loop.append(loop)
        deep: Any = 1.0
        for _ in range(70):
            deep = [deep]
        return Arg(d.one([loop, deep]), None, BAD, (RecursionError,), "endless list")
    if kind == 5:
        returned = d.one([None, [1.0], 1.0, "a", np.float64(1), (), object])
        return Arg(hostile.ArrayLike(lambda: returned), None, BAD, text=f"__array__: {returned!r}")
    if kind == 6:
        like = hostile.ArrayLike(lambda: like)
        given = d.one([like, hostile.ArrayLike(hostile.refuse), hostile.Attributes()])
        return own("hostile", d.one([given, hostile.NoAttributes(), [hostile.NoAttributes()]]))
    if kind == 7:  # another shape each time
        made: list[np.ndarray] = []

        def another() -> np.ndarray:
            made.append(own_array(World(), (3 + len(made),), np.dtype(float), rng))
            return made[-1]

        changing = hostile.ArrayLike(another)
        return Arg(changing, lambda: changing.last, ANY, text="another shape each time")
    if kind == 8 and x.size:  # acts on the memory of x, and of what lies there too
        acting = hostile.ArrayLike(lambda: x, poke if x.dtype != bool else hostile.nothing)
        return Arg(acting, x, ANY, text="changes memory")
    if kind == 9:
        entries: dict[str, Any] = d.one(
            [
                {"typestr": "nonsense"},
                {"shape": (-1,)},
                {"shape": None},
                {"data": "x"},
                {"typestr": 1},
            ]
        )
        given = hostile.Interface(np.ones(3), **entries)
        return Arg(given, None, BAD, (BufferError,), f"interface {entries}")
    if kind == 10:
        return own("dlpack", hostile.Exporter(np.ones(3), hostile.refuse))
    if kind == 11:
        return huge_x(d, x.dtype)
    shape = draw_shape(d)
    other = own_array(world, shape, x.dtype, rng)
    return Arg(other, other, ANY, text=f"x of shape {shape}")


def windows(d: Draws, world: World, dtype: np.dtype) -> Arg:
    """Return an array whose elements share memory."""
    whole = own_array(world, (2000,), np.dtype(float) if dtype in ADDED else dtype, d.rng())
    shared = np.lib.stride_tricks.sliding_window_view(whole, d.one([50, (2,)]), writeable=True)
    return Arg(shared, shared, ANY, text="windows that share elements")


def huge_x(d: Draws, dtype: np.dtype) -> Arg:
    """Return an array with more elements than there is memory."""
    axes = d.integer(1, 5)
    shape = [1] * axes
    shape[d.integer(0, axes - 1)] = 2**50
    given = np.broadcast_to(np.ones((), dtype), shape)
    return Arg(given, None, ANY, (MemoryError,), f"huge x {shape}")


# Memory for x and the result


def place(
    d: Draws, world: World, shape: tuple[int, ...], dtype: np.dtype, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and the array for the result, in layouts and memory that suit a target."""
    readable = memory.WRITABLE if target in cases.IN_PLACE else list(memory.READABLE)
    if 0 in shape or len(shape) > 6:
        readable = ["in_c_order"]
    rng, most = d.rng(), 1 if dtype.kind == "b" else 255
    x_layout, layout = (
        memory.draw_layout(d.one(names), rng, len(shape))
        for names in (readable, ["in_c_order"] if len(readable) == 1 else memory.WRITABLE)
    )
    if d.chance(25) and 0 not in x_layout.steps:
        layout = x_layout
    size = 0
    if 0 not in shape:
        size = max(one.strides(shape, dtype.itemsize)[2] for one in (x_layout, layout))
    begins = (rng.choice([1, 16], 2) * rng.integers(0, 64, 2)).tolist()
    if target == "overlap":
        ahead = int(rng.integers(0, max(min(math.prod(shape), 100), 1))) * dtype.itemsize
        begins[1] = begins[0] + min(ahead + int(rng.integers(3) == 0), 1000)
    x_memory = world.arena(size + 2100, rng, most)
    y_memory = x_memory if target != "out" else world.arena(size + 2100, rng, most)
    if 0 in shape:
        x = np.empty(shape, dtype)
        return x, x if target in cases.IN_PLACE else np.empty(shape, dtype)
    x = memory.view(x_memory, shape, dtype, x_layout, begins[0])
    x[...] = contents(shape, dtype, rng)
    if target in cases.IN_PLACE:
        return x, x
    return x, memory.view(y_memory, shape, dtype, layout, begins[1])


def dtype_of(name: Any) -> np.dtype:
    """Return a dtype by its name."""
    return name if isinstance(name, np.dtype) else reference.dtype_of(name)
