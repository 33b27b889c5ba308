"""Options of any kind for the fuzz: flags, numbers, shapes, places, masks and `out`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fuzz_arrays
import fuzz_hostile as hostile
import numpy as np
from fuzz import Draws, OwnError, shown
from fuzz_values import ADDED, ANY, BAD, Arg

NO_NUMBERS: list[Any] = [
    *[None, "1", b"1", 1.5, np.float64(1), 1j, {}, [], object(), len, True, False, np.True_],
    *[np.array([1, 2]), np.array(True), np.array(1.5), hostile.Index("1"), hostile.Index(1.5)],
    *[np.datetime64(1, "s"), float("nan"), range(2), hostile.Float(1.0), np.ma.masked],
]
OWN_NUMBERS = [
    *[hostile.Index(1, hostile.refuse), hostile.Attributes(), hostile.NoAttributes()],
    hostile.Unshowable(),
]


def even_flag(d: Draws, value: bool) -> Any:
    """Return a flag, as Python's or NumPy's."""
    return np.bool_(value) if d.chance(15) else value


def odd_flag(d: Draws, case: Any) -> Arg:
    """Return something in the place of a flag."""
    if d.chance(30):
        given = d.one([True, False, np.True_])
        return Arg(given, bool(given), ANY)
    if d.chance(15):
        own = [hostile.Unshowable(), hostile.NoAttributes()]
        return Arg(d.one(own), None, BAD, (OwnError,), "hostile flag")
    bad: list[Any] = [
        0,
        1,
        None,
        "x",
        np.array(True),
        np.int64(1),
        1.0,
        [],
        [True],
        object(),
        "row",
        bool,
    ]
    return Arg(d.one(bad), None, BAD)


def number(
    good: Callable[[Any, int], bool], numbers: Callable[[Any], list[int]], none: bool = False
) -> Callable[[Draws, Any], Arg]:
    """Return what draws something in the place of an integer.

    `good` says whether the case can take an integer; where it may be refused for the sake of
    another argument, the verdict is open.
    """

    def odd(d: Draws, case: Any) -> Arg:
        if d.chance(15):
            return Arg(d.one(OWN_NUMBERS), None, BAD, (OwnError,), "hostile number")
        if d.chance(30):
            given = d.one(NO_NUMBERS)
            if given is None and none:
                return Arg(None, None, ANY)  # an axis, for one, needs a count
            return Arg(given, None, BAD, text=f"{type(given).__name__} for a number")
        if d.chance(20):
            given = d.anything()
            if type(given) is not int:
                return Arg(given, None, ANY if given is None and none else BAD, text="anything")
        else:
            given = d.one(numbers(case))
        verdict = ANY if good(case, given) else BAD
        text = shown(given)
        if abs(given) < 2**63 and d.chance(40):
            forms = [np.int64(given), np.array(given), hostile.Index(given)]
            return Arg(d.one(forms), given, verdict, text=text)
        return Arg(given, given, verdict, text=text)

    return odd


def length_of(case: Any) -> int:
    """Return the decisions of a line, in a case that counts or not."""
    return case.line if case.counts else max((1, *case.shape))


def odd_entries(d: Draws, case: Any) -> Arg:
    """Return something in the place of a noise shape, an origin or a larger shape."""
    shape = case.shape
    if d.chance(25):
        bad: list[Any] = [
            1.5,
            "ab",
            object(),
            [None, "a"],
            [1.5] * 3,
            len,
            [True],
            hostile.Float(1.0),
            {1.5: 1},
        ]
        return Arg(d.one(bad), None, BAD)
    if d.chance(15):
        own = [[hostile.Index(1, hostile.refuse)], hostile.Sequence([1], hostile.refuse)]
        return Arg(d.one([*own, [hostile.Unshowable()]]), None, BAD, (OwnError,), "hostile entries")
    entries: list[Any] = [d.one([0, 1, None, n, n + 1, -1, 2**31, 2**63, -(2**70)]) for n in shape]
    if d.chance(30):
        entries = [*entries, 1] if d.chance(50) else entries[:-1]
    meaning = tuple(entries)
    forms: list[Callable[[], Any]] = [lambda: list(entries), lambda: iter(entries)]
    forms.append(lambda: tuple(n if n is None else hostile.Index(n) for n in entries))
    forms.append(lambda: hostile.Sequence(entries))
    return Arg(d.one(forms)(), meaning, ANY, text=f"{meaning}")


def odd_pair(d: Draws, case: Any) -> Arg:
    """Return something in the place of an origin or a larger shape, or None for the other."""
    if d.chance(20):
        return Arg(None, None, ANY)
    return odd_entries(d, case)


def odd_out(d: Draws, case: Any) -> Arg:
    """Return something in the place of `out`."""
    shape, dtype = case.shape, case.dtype
    size = 1
    for n in shape:
        size *= n
    if size > 10**5 or size == 0:
        return Arg([0.0], None, BAD)
    kind = d.one([0, 1, 2, 3, 4, 5, 5, 5, 6])
    if kind == 0:
        bad: list[Any] = [
            0,
            "x",
            [1.0],
            object(),
            memoryview(bytearray(8)),
            np.float64(0),
            bytearray(9),
            len,
        ]
        own = [hostile.ArrayLike(lambda: np.zeros(shape, dtype)), hostile.Attributes()]
        return Arg(d.one([*bad, *own]), None, BAD, (OwnError,), "no ndarray")
    if kind == 1:
        array = fuzz_arrays.own_array(case.world, shape, dtype, d.rng())
        array.flags.writeable = False
        return Arg(array, array, BAD, text="read-only")
    if kind == 2:
        array = np.ma.array(np.zeros(shape, dtype))
        return Arg(array, None, BAD, text="masked")
    if kind == 3:
        array = fuzz_arrays.own_array(case.world, (*shape[:63], 2), dtype, d.rng())
        return Arg(array, array, ANY, text="another shape")
    if kind == 4:
        other = np.dtype(d.one(["i2", "f8", "f4", "O", "S8", "V16", "M8[s]"]))
        array = np.zeros(shape, other)
        if other.kind in "fi":
            array = fuzz_arrays.own_array(case.world, shape, other, d.rng())
        return Arg(array, array, ANY, text=f"out of {other}")
    if kind == 5 and max((0, *shape)) > 1 and dtype not in ADDED:
        axis = [n > 1 for n in shape].index(True)
        part = fuzz_arrays.own_array(
            case.world, tuple(1 if i == axis else n for i, n in enumerate(shape)), dtype, d.rng()
        )
        strides = tuple(0 if i == axis else n for i, n in enumerate(part.strides))
        array = np.lib.stride_tricks.as_strided(part, shape, strides)
        return Arg(array, array, BAD, text="shared elements")
    if kind == 6 and "x" in case.args and issubclass(type(case.args["x"].given), np.ndarray):
        given = case.args["x"].given
        return Arg(given, given, ANY, text="x as out")
    return Arg(None, None, ANY)


def odd_mask(d: Draws, case: Any) -> Arg:
    """Return something in the place of a mask."""
    kind = d.integer(0, 4)
    if kind == 0:
        bad: list[Any] = [
            None,
            "x",
            1,
            [1, 0],
            1.5,
            {},
            hostile.Sparse(),
            hostile.Lazy(),
            [[True], [True, False]],
        ]
        bad += [np.ma.array([True]), np.array([True], object), np.zeros(3, "f4"), len]
        return Arg(d.one(bad), None, BAD)
    if kind == 1:
        own = [hostile.ArrayLike(hostile.refuse), hostile.Attributes(), hostile.NoAttributes()]
        return Arg(d.one(own), None, BAD, (OwnError,), "hostile mask")
    if kind == 2:
        bits = d.rng().integers(0, 256, d.integer(0, 40), np.uint8)
        return Arg(bits, bits, ANY, text=f"{bits.size} bytes")
    if kind == 3:
        mask = np.broadcast_to(d.one([np.True_, np.False_]), (2**20, *case.shape[1:]))
        return Arg(mask, None, BAD if case.shape[:1] != (2**20,) else ANY, (MemoryError,), "huge")
    mask = d.rng().integers(0, 2, fuzz_arrays.draw_shape(d)).astype(bool)
    return Arg(mask, mask, ANY, text=f"mask {mask.shape}")


def odd_mode(d: Draws, case: Any) -> Arg:
    """Return something in the place of a mode."""
    given = d.one(["Row", "", None, 1, b"row", ["row"], object(), np.str_("rows"), "batch", "row"])
    return Arg(given, given, ANY if isinstance(given, str) and given in ("batch", "row") else BAD)


def odd_eps(d: Draws, case: Any) -> Arg:
    """Return something in the place of eps."""
    bad: list[Any] = [-1e-9, float("nan"), float("inf"), None, "1", True, 1j, [1.0], 10**400]
    return Arg(d.one([*bad, np.array([0.1]), hostile.Float("x")]), None, BAD, text="eps")


def number_of(d: Draws) -> tuple[Any, Any]:
    """Draw holes and their size."""
    holes = d.one([0, 1, 3, (0, 2), [1, 1], (2, 3), np.array([0, 3]), np.int8(2)])
    sizes = [
        1,
        2,
        0.5,
        1.0,
        (2, 3),
        (0.3, 4),
        ((1, 3), (2, 2)),
        ((0.1, 0.5), 3),
        [[1, 2], [0.5, 1.0]],
    ]
    sizes += [np.array([2, 3]), np.float32(0.25), 10**6, (2**32 - 1, 1)]
    return holes, d.one(sizes)


def odd_holes(d: Draws, case: Any) -> Arg:
    """Return something in the place of the number of holes."""
    bad: list[Any] = [-1, 2**32, (2, 1), (1, 2, 3), (), 1.5, "1", None, True, (0, True), [1.0, 2.0]]
    bad += [(0, 2**40), [[1, 2]], {}, np.array([[1, 2]]), np.array(1.5), (None, 1), -(10**30)]
    if d.chance(15):
        return Arg((0, d.one(OWN_NUMBERS)), None, BAD, (OwnError,), "hostile holes")
    return Arg(d.one(bad), None, BAD)


def odd_size(d: Draws, case: Any) -> Arg:
    """Return something in the place of the size of holes."""
    bad: list[Any] = [0, -1, 0.0, 1.5, float("nan"), "1", None, True, (1, 2, 3), (), ((2, 1), 1)]
    bad += [((1, 2.0), 1), (1, (0.5, 2)), 2**32, [[[1, 2]]], {}, (1, "a"), np.array([1.5, 2])]
    bad += [np.zeros((2, 2, 2)), (float("inf"), 1), -0.0, 10**400, 1j, ((1, 2, 3), 1)]
    if d.chance(15):
        return Arg((1, d.one(OWN_NUMBERS)), None, BAD, (OwnError,), "hostile size")
    return Arg(d.one(bad), None, BAD)


ODD: dict[str, Callable[[Draws, Any], Arg]] = {
    **dict.fromkeys(
        ["training", "inplace", "scale", "return_key", "return_mask", "packed"], odd_flag
    ),
    "out": odd_out,
    "noise_shape": odd_entries,
    "origin": odd_pair,
    "full_shape": odd_pair,
    "mask": odd_mask,
    "mode": odd_mode,
    "eps": odd_eps,
    "holes": odd_holes,
    "size": odd_size,
    "num_threads": number(
        lambda case, n: n >= 1,
        lambda case: [0, -1, 1, 256, 257, 10**9, 2**31, 2**64, -(2**70)],
        True,
    ),
    "offset": number(
        lambda case, n: 0 <= n < 2**64,
        lambda case: [-1, 0, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, -(2**63) - 1],
    ),
    "block_size": number(lambda case, n: n >= 1, lambda case: [0, -1, 1, 2**31, 2**64, -(2**64)]),
    "count": number(
        lambda case, n: n >= 0,
        lambda case: [-1, 0, length_of(case), length_of(case) + 1, 2**63, 10**30, -(2**64)],
        True,
    ),
    "min_keep": number(
        lambda case, n: n >= 0,
        lambda case: [-1, 0, 1, length_of(case), length_of(case) + 1, 2**64],
        True,
    ),
    "axis": number(
        lambda case, n: True, lambda case: [-1, 0, 1, -2, 64, -65, 2**31, 2**63, -(2**63) - 1]
    ),
}
