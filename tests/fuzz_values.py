"""Values for the fuzz: probabilities and fills, good ones and any others.

An `Arg` is what a call gets, what it means, and whether a call must take it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import case_options
import cases
import fuzz_hostile as hostile
import numpy as np
from fuzz import Draws, OwnError, World, shown

GOOD, BAD, ANY = "must be taken", "must be refused", "may be taken or refused"

ADDED = []  # dtypes of ml_dtypes without arithmetic here
if "bfloat16" in cases.REAL:
    import ml_dtypes

    ADDED = [np.dtype(ml_dtypes.float8_e5m2), np.dtype(ml_dtypes.int4)]


@dataclass
class Arg:
    """An argument: what is given, what it means, and what must become of it."""

    given: Any
    meaning: Any = None  # a value, an array that lies in an arena, or a function that returns one
    verdict: str = GOOD
    raises: tuple[type[BaseException], ...] = ()  # beside TypeError and ValueError
    text: str = ""

    def plain(self, world: World) -> Any:
        """Return what it means, after the call."""
        return plain_of(world, self.meaning() if callable(self.meaning) else self.meaning)


def plain_of(world: World, value: Any) -> Any:
    """Return a copy of an array as its memory must be, and anything else itself."""
    if isinstance(value, np.ndarray) and lies_in(world, value):
        return world.twin(value).copy()
    return value


def lies_in(world: World, array: np.ndarray) -> bool:
    """Whether an array lies in one of the arenas."""
    address = np.ndarray.view(array, np.ndarray).__array_interface__["data"][0]
    begins = [(m.__array_interface__["data"][0], m.size) for m, _ in world.arenas]
    return array.size > 0 and any(begin <= address < begin + size for begin, size in begins)


# p

USUAL_P = [0.3, 0.5, 0.9, 0.5, 0.1]
GOOD_P: list[Any] = [
    *[0.0, 1.0, 5e-324, 2.0**-80, 2.0**-81, 1 - 2.0**-53, -0.0, 0, 1, 2.0**-16, 1 / 3],
    *[np.float32(0.3), np.float16(0.25), np.float64(0.3), np.longdouble(0.3), np.int8(0)],
    *[np.uint64(1), np.array(0.3), np.array(0.25, "f2"), np.array(1), np.array(0.3, ">f4")],
    *[Fraction(1, 3), Decimal("0.3"), hostile.Float(0.3), hostile.Index(1)],
    *[np.array(0.3).view(kind) for kind in hostile.SUBCLASSES[:6]],
]
BAD_P: list[Any] = [
    *[math.nan, math.inf, -math.inf, -5e-324, 1 + 2.0**-52, 2, -1, True, False, np.True_, 10**400],
    *["0.5", b"0.5", None, 1j, np.complex128(0.5), np.array(0.5j), np.array(True), -(10**400)],
    *[
        np.float32("nan"),
        np.datetime64(1, "s"),
        object(),
        {},
        set(),
        len,
        np.float64,
        Fraction(3, 2),
    ],
    *[Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), np.ma.masked, np.ma.array(0.5), np],
    *[np.zeros((), "f4,f4"), hostile.Float("0.5"), hostile.Float(2.0), hostile.Float(None)],
    *[["a"], [0.5, None], [True], [[0.5], [0.5, 0.5]], [1j], np.array([0.5], object), range(2, 4)],
    *[[0.5, math.nan], [-1e-300], hostile.Lazy(), hostile.Sparse(), np.ma.array([0.5]), [[]] * 7],
]
OWN_P = [
    hostile.Float(0.3, hostile.refuse),
    hostile.Attributes(),
    hostile.NoAttributes(),
    hostile.Unshowable(),
    hostile.ArrayLike(hostile.refuse),
    hostile.Index(1, hostile.refuse),
]


def number_p(d: Draws) -> Arg:
    """Return a good p, one number."""
    given = d.one(USUAL_P) if d.chance(60) else d.one(GOOD_P)
    meaning = float(given.value) if isinstance(given, hostile.Index) else float(given)
    return Arg(given, meaning, text=f"p={meaning} of {type(given).__name__}")


def array_p(
    d: Draws, world: World, decided: tuple[int, ...], dtype: np.dtype, memories: Any
) -> Arg:
    """Return an array of p, one for each decision, in any form."""
    option = case_options.draw_p(decided, "bool" if dtype.kind == "b" else "float64", d.rng())
    size = option.size() + option.begin
    memories = {"own": world.arena(size, d.rng()), **memories}
    if option.place not in memories or memories[option.place].size < size:
        option.place = "own"
    array = case_options.put_p(option, memories)
    given = case_options.handed(array, option.form)
    text = f"p of shape {array.shape} in {option.place}"
    if isinstance(given, np.ndarray) and d.chance(15):
        given = d.one([hostile.ArrayLike(lambda: array), array.view(d.one(hostile.SUBCLASSES[:6]))])
    return Arg(given, array, text=text)


def odd_p(d: Draws) -> Arg:
    """Return something in the place of p."""
    if d.chance(15):
        given = d.one(OWN_P)
        return Arg(given, None, BAD, (OwnError,), f"p {type(given).__name__}")
    if d.chance(25):
        given = d.anything()
        return Arg(given, lambda: meaning_of_p(given), ANY, text=f"p={shown(given)}")
    given = d.one(BAD_P)
    return Arg(given, None, BAD, text=f"p of {type(given).__name__}")


def all_ones(p: Any) -> bool:
    """Whether some p is 1, which leaves no scale."""
    return bool((np.asarray(p) == 1).any())


def meaning_of_p(given: Any) -> Any:
    """Return what a p of Python's own types means."""
    if isinstance(given, (list, tuple)):
        return np.array(given, np.float64)
    return float(given)


# fills


@dataclass
class Fill:
    """What the fill of a case needs."""

    shape: tuple[int, ...]
    dtype: np.dtype
    memories: dict[str, np.ndarray] = field(default_factory=dict)


def good_fill(d: Draws, world: World, fill: Fill) -> Arg:
    """Return a fill that the dtype can hold, in any form."""
    name = "bfloat16" if fill.dtype.name == "bfloat16" else fill.dtype.str
    if fill.dtype in ADDED or max((0, *fill.shape)) > 10**6:
        return Arg(1, 1, text="fill 1")
    scalar, option = case_options.draw_fill(fill.shape, name, d.rng())
    if option is None:
        return Arg(scalar, scalar, text=f"fill {shown(scalar)}")
    held = fill.memories.get(option.place)
    if held is None or held.size < option.size() + option.begin:
        option.place = "own"
    array = case_options.put_fill(option, fill.dtype, fill.memories)
    if option.place == "own" and array.base is not None and array.size:
        world.arenas.append((array.base, array.base))
    given = case_options.handed(array, option.form)
    text = f"fill of {array.dtype} {array.shape} in {option.place}"
    if isinstance(given, np.ndarray) and d.chance(15):
        kinds = hostile.SUBCLASSES[:6]
        given = d.one([hostile.ArrayLike(lambda: array), array.view(d.one(kinds))])
    return Arg(
        given, array if isinstance(given, (np.ndarray, hostile.ArrayLike)) else given, text=text
    )


def odd_fill(d: Draws, fill: Fill) -> Arg:
    """Return something in the place of a fill."""
    bad: list[Any] = [
        None,
        "a",
        b"a",
        {},
        object(),
        len,
        np.datetime64(1, "s"),
        np.zeros(2, "f4,i2"),
    ]
    bad += [[[1], [1, 2]], Decimal(1), Fraction(1, 2), 10**400, -(10**400), np.ma.array([1]), "1"]
    bad += [
        hostile.Sparse(),
        hostile.Lazy(),
        [None],
        np.array([1], object),
        np.ones((7, 0, 13, 11)),
    ]
    bad += [hostile.ArrayLike(lambda: None), iter([1]), np.float64, 10**5000, {1}]
    kind = "f" if fill.dtype.kind == "V" else fill.dtype.kind
    if kind in "biu":
        bad += [math.nan, math.inf, 0.5, -0.5, 2**64, -(2**63) - 1, 1j, np.float16("inf"), 1e300]
    if kind in ("b", "u"):
        bad += [-1, np.int8(-1), [-1]]
    if kind == "b":
        bad += [2, 7.0, np.uint8(255)]
    if kind in "biu" and fill.dtype.itemsize == 1:
        bad += [300, np.int16(-129), 256.0]
    if kind == "f":
        bad += [1j, np.complex64(1), [1j]]
    if kind == "f" and fill.dtype.itemsize == 2 and fill.dtype.kind == "f":
        bad += [1e300, 70_000, np.float32(-1e30)]
    if d.chance(20):
        own = [hostile.NoAttributes(), hostile.Attributes(), hostile.ArrayLike(hostile.refuse)]
        return Arg(d.one(own), None, BAD, (OwnError,), "hostile fill")
    if d.chance(20):
        given = d.anything()
        return Arg(given, given, ANY, text=f"fill {shown(given)}")
    given = d.one(bad)
    return Arg(given, None, BAD, text=f"fill of {type(given).__name__}")
