"""Cases drawn at random: a call, how its arrays lie in memory, and what it must give.

Each case is drawn from its own number. Beside what every case has, it may have a fill, a p for
each element, or a larger array that x is a block of; see tests/case_options.py.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import os
from dataclasses import dataclass, field
from typing import Any

import case_options
import memory
import numpy as np
import reference
from arrays import awkward_numbers, clear_padding
from case_options import Option

import fastdrop

FIRST = int(os.environ.get("FASTDROP_FIRST_CASE", 0))
CHUNK = 500
LARGE = 60  # in addition to the others, unless FASTDROP_FIRST_CASE is given
BLOCK = 16384

# By p, the key; its first 2**20 draws are made once.
KEYS = {0.3: (1, 2), 0.5: (2**64 - 1, 0), 0.9: (0x0123456789ABCDEF, 0xFEDCBA9876543210)}
REAL = ["float16", "float32", "float64", ">f4"]
if importlib.util.find_spec("ml_dtypes"):
    REAL.append("bfloat16")
SCALED = [*REAL, "complex64", "complex128", ">c16"]
DTYPES = [*SCALED, "bool", "uint8", ">i4", "longdouble", "clongdouble"]
OPERATIONS = {"dropout": SCALED, "scale=False": DTYPES, "alpha_dropout": REAL}
# Where the decisions come from.
MASKS = ["stream", "offset", "noise_shape", "given", "packed"]
# What the result is written into.
TARGETS = ["fresh", "out", "overlap", "x as out", "inplace"]
IN_PLACE = TARGETS[3:]
LENGTHS = [0, 1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 200]
EDGES = [(BLOCK - 1,), (BLOCK,), (BLOCK + 1,), (2, BLOCK // 2 + 1), (129, 127), (128, 129)]
LARGE_SHAPES = [
    *[(300_001,), (9 * BLOCK + 1,), (131, 1031), (1031, 131), (2, 80_000), (80_000, 2)],
    *[(3, 224, 223, 1), (2, 150, 160, 3), (64, 65, 63), (5, 1, 30_011), (7, 11, 13, 17, 8)],
]


@dataclass
class Case:
    """A call, and how its arrays lie in memory."""

    number: int
    shape: tuple[int, ...]
    dtype: str
    operation: str
    mask: str
    target: str
    threads: int
    p: float
    names: tuple[str, str]  # of the layouts of x and of the result
    x: memory.Layout
    out: memory.Layout
    begin: tuple[int, int]  # the bytes from which x and the result lie in their memory
    readonly: bool
    options: dict = field(default_factory=dict)  # offset and noise_shape
    mask_shape: tuple[int, ...] = ()
    mask_layout: memory.Layout | None = None
    fill: Any = None
    fill_array: Option | None = None
    p_array: Option | None = None


def draw_shape(rng, large):
    if large:
        return LARGE_SHAPES[rng.integers(len(LARGE_SHAPES))]
    if rng.random() < 0.03:
        return EDGES[rng.integers(len(EDGES))]
    if rng.random() < 0.1:
        return tuple(rng.choice([63, 64, 65, 100, 127, 128, 129, 200], 2).tolist())
    axes = int(rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]))
    most = 10 ** rng.uniform(0, 4)
    shape = [1] * axes
    size = 1
    for axis in rng.permutation(axes).tolist():
        n = LENGTHS[rng.integers(len(LENGTHS))]
        if n * size <= most:
            shape[axis] = n
            size *= max(n, 1)
    return tuple(shape)


def draw_case(number, large=False, extras=(), **fixed):
    """Draw a case from its number: all of it, or what is not fixed; and each of the extras.

    The extras are "fill", "p" and "region".
    """
    rng = np.random.default_rng([20261125, int(large), number])

    def choose(name, options):
        drawn = options[rng.integers(len(options))]
        return fixed.get(name, drawn)

    shape = fixed["shape"] if "shape" in fixed else draw_shape(rng, large)
    axes = len(shape)
    operation = choose("operation", list(OPERATIONS)[: 2 if extras else 3])
    dtype = choose("dtype", OPERATIONS[operation])
    target = choose("target", [*TARGETS, "out", "overlap"])
    readable = memory.WRITABLE if target in IN_PLACE else list(memory.READABLE)
    names = (choose("layout", readable), choose("out", memory.WRITABLE))
    x, out = (memory.draw_layout(name, rng, axes) for name in names)
    if rng.random() < 0.25 and 0 not in x.steps:
        names, out = (names[0], "as x"), x
    begin = rng.choice([1, 16], 2) * rng.integers(0, 64, 2)
    if target == "overlap":  # one begins among the elements of the other, or inside an element
        itemsize = reference.dtype_of(dtype).itemsize
        ahead = int(rng.integers(0, math.prod(shape) + 1)) * itemsize + int(rng.integers(3) == 0)
        begin[1] = begin[0] + min(ahead, 1000)
        begin = rng.permutation(begin)
    drawn_only = operation == "alpha_dropout" or "region" in extras
    case = Case(
        number=number,
        shape=shape,
        dtype=dtype,
        operation=operation,
        mask=choose("mask", MASKS[:3] if drawn_only else MASKS),
        target=target,
        threads=choose("threads", [1, 2, 3]),
        p=choose("p", list(KEYS)),
        names=names,
        x=x,
        out=out,
        begin=tuple(begin.tolist()),
        readonly=bool(rng.random() < 0.3 and target in ("fresh", "out")),
    )
    shared = [1 if rng.random() < 0.5 else n for n in shape]
    if case.mask == "offset":
        case.options["offset"] = choose("", [77, 64, 1, BLOCK - 1, int(rng.integers(2**19))])
    elif case.mask == "noise_shape":
        case.options = {"noise_shape": tuple(shared), "offset": choose("", [0, 77])}
    elif case.mask == "given":
        case.mask_shape = tuple(shared[choose("", [0, 0, int(rng.integers(axes + 1))]) :])
        name = choose("", list(memory.READABLE))
        case.mask_layout = memory.draw_layout(name, rng, len(case.mask_shape))
    draw_extras(case, extras, np.random.default_rng([20261126, int(large), number]))
    return case


def draw_extras(case, extras, rng):
    """Draw what not every case has."""
    if "region" in extras:
        origin, full_shape = case_options.draw_region(case.shape, rng)
        case.options |= {"origin": origin, "full_shape": full_shape}
        if case.mask == "noise_shape":  # None where decisions are not shared, also of length 1
            noise = case.options["noise_shape"]
            own = [None if m > 1 or rng.random() < 0.3 else m for m in noise]
            case.options["noise_shape"] = tuple(own)
    if "fill" in extras:
        case.fill, case.fill_array = case_options.draw_fill(case.shape, case.dtype, rng)
    if "p" in extras:
        case.p_array = case_options.draw_p(decided(case), case.dtype, rng)


def decided(case):
    """Return the shape of the decisions."""
    noise = case.options.get("noise_shape")
    return case.shape if noise is None else reference.shared(case.shape, noise, 1)


@functools.cache
def stream(p):
    return reference.draws(0, 2**20, KEYS[p])


def decisions(case, p, rng):
    """Return the mask that the case's call uses, which broadcasts to x."""
    if case.mask == "given":
        _, _, size = case.mask_layout.strides(case.mask_shape, 1)
        values = rng.integers(0, 2, size + 8).astype(np.uint8)
        return memory.view(values, case.mask_shape, np.dtype(bool), case.mask_layout)
    shape, (origin, full) = decided(case), map(case.options.get, ("origin", "full_shape"))
    noise = case.options.get("noise_shape")
    if noise is not None and origin is not None:
        origin, full = reference.shared(origin, noise, 0), reference.shared(full, noise, 1)
    index = reference.stream_index(shape, case.options.get("offset", 0), origin, full)
    near = index.size == 0 or index.max() < 2**20
    draws = stream(case.p)[index.astype(np.intp)] if near else None
    if draws is None:
        draws = reference.draws_at(index, KEYS[case.p])
    of_mask = case.p if case.mask == "packed" else p
    return reference.kept_by(np.asarray(draws), index, of_mask, KEYS[case.p])


def call(case, x, kept, p, **options):
    """Call fastdrop as the case says."""
    options["num_threads"] = case.threads
    if case.operation != "alpha_dropout":
        options["scale"] = case.operation == "dropout"
    if case.mask in ("given", "packed"):
        mask = reference.packed(kept) if case.mask == "packed" else kept
        packed = case.mask == "packed"
        return fastdrop.apply_mask(x, mask, p, packed=packed, **options)
    options |= case.options | {"rng": fastdrop.Key.from_words(*KEYS[case.p])}
    if case.operation == "alpha_dropout":
        return fastdrop.alpha_dropout(x, p, True, **options)
    return fastdrop.dropout(x, p, **options)


def place(case, dtype, rng):
    """Return the bytes that hold x, those that hold the result, and the views of both."""
    sizes = [layout.strides(case.shape, dtype.itemsize)[2] for layout in (case.x, case.out)]
    sizes += [option.size() for option in (case.fill_array, case.p_array) if option]
    size = max(sizes) + dtype.itemsize + 2100
    low, high = (0, 2) if dtype == np.bool_ else (0, 256)
    x_memory = rng.integers(low, high, size, np.uint8)
    shared = case.target in ("overlap", *IN_PLACE)
    out_memory = x_memory if shared else rng.integers(low, high, size, np.uint8)
    x = memory.view(x_memory, case.shape, dtype, case.x, case.begin[0])
    if case.target in IN_PLACE:
        return x_memory, out_memory, x, x
    out = memory.view(out_memory, case.shape, dtype, case.out, case.begin[1])
    return x_memory, out_memory, x, out


def draw_arrays(case, x, memories):
    """Make p and the fill, if there is one. They may lie in x, of which nothing is made yet."""
    options = {"p": case.p}
    if case.p_array:
        options["p"] = case_options.put_p(case.p_array, memories)
    if case.fill_array:
        options["fill"] = case_options.put_fill(case.fill_array, x.dtype, memories)
    elif case.fill is not None:
        options["fill"] = case.fill
    for name, option in (("p", case.p_array), ("fill", case.fill_array)):
        if option:
            options[name] = case_options.handed(options[name], option.form)
    return options


def expected_of(case, x, kept, p, fill):
    """Return what the reference makes of x."""
    if case.operation == "alpha_dropout":
        y = reference.apply_alpha_mask(x, kept, p)
    else:
        y = reference.apply_mask(x, kept, p, case.operation == "dropout", fill)
    return y.astype(x.dtype)


def check(case):
    """Compare the result, and all memory around x and the result, with the reference."""
    rng = np.random.default_rng(case.number)
    dtype = reference.dtype_of(case.dtype)
    x_memory, out_memory, x, out = place(case, dtype, rng)
    x[...] = awkward_numbers(case.shape, dtype, rng)
    options = draw_arrays(case, x, {"x": x_memory, "out": out_memory})
    p, fill = options.pop("p"), options.get("fill", 0)
    identity = case.mask not in ("given", "packed") and not np.any(p)
    kept = decisions(case, p, rng)
    expected = expected_of(case, x, kept, p, fill)

    x_before, out_expected = x_memory.copy(), out_memory.copy()
    own = [a for o, a in ((case.p_array, p), (case.fill_array, fill)) if o and o.place == "own"]
    before = [array.tobytes() for array in own if isinstance(array, np.ndarray)]
    layout, begin = (case.x, case.begin[0]) if out is x else (case.out, case.begin[1])
    written = memory.view(out_expected, case.shape, dtype, layout, begin)
    if case.target != "fresh":
        written[...] = expected
    if case.target == "inplace":
        options["inplace"] = True
    elif case.target != "fresh":
        options["out"] = out
    x.flags.writeable = not case.readonly
    y = call(case, x, kept, p, **options)
    if case.target == "fresh" and identity:
        assert y is x or x.size == 0
    elif case.target == "fresh":
        assert y.strides == np.empty_like(x).strides
        assert y.flags.writeable
    else:
        assert y is out
    assert y.dtype == dtype
    assert y.shape == case.shape
    # NumPy makes the numbers of a fill, and copies x where nothing is dropped.
    if ("fill" in options or identity) and (y is not x or case.target in IN_PLACE):
        for array in (y, expected, *([] if case.target == "fresh" else [written])):
            clear_padding(array)
    assert y.tobytes() == expected.tobytes()
    assert out_memory.tobytes() == out_expected.tobytes(), "bytes beside the result"
    if out_memory is not x_memory:
        assert x_memory.tobytes() == x_before.tobytes(), "bytes of x"
    after = [array.tobytes() for array in own if isinstance(array, np.ndarray)]
    assert after == before, "bytes of p or the fill"


def check_all(cases, check=check):
    """Check each case; a failure names it."""
    for case in cases:
        try:
            check(case)
        except Exception as error:
            raise AssertionError(f"{error}\nin {case}") from error


def number_of_cases(count):
    """Return how many cases the environment asks for, or a count."""
    return int(os.environ.get("FASTDROP_CASES", count))


def chunks(count):
    """Return the first numbers of chunks of so many cases."""
    return range(FIRST, FIRST + number_of_cases(count), CHUNK)


def chunk(begin, count, draw=draw_case, **options):
    """Draw the cases of one chunk."""
    end = FIRST + number_of_cases(count)
    return (draw(n, **options) for n in range(begin, min(begin + CHUNK, end)))
