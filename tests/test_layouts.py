"""Any layout of x, the result and a given mask gives the reference's bytes, and touches no others.

Cases are drawn at random, each from its own number. A failure prints the case and its number n;
`FASTDROP_FIRST_CASE=n FASTDROP_CASES=1 pytest tests/test_layouts.py` repeats it alone, and a large
FASTDROP_CASES makes a long search.
"""

import functools
import importlib.util
import itertools
import math
import os
from dataclasses import dataclass, field

import memory
import numpy as np
import pytest
import reference
from arrays import awkward_numbers

import fastdrop

FIRST = int(os.environ.get("FASTDROP_FIRST_CASE", 0))
CASES = int(os.environ.get("FASTDROP_CASES", 4000))
CHUNK = 500
LARGE = 60  # in addition to CASES, unless FASTDROP_FIRST_CASE is given
BLOCK = 16384

# By p, the key; the masks of 2**20 decisions are made once.
KEYS = {0.3: (1, 2), 0.5: (2**64 - 1, 0), 0.9: (0x0123456789ABCDEF, 0xFEDCBA9876543210)}
REAL = ["float16", "float32", "float64", ">f4"]
if importlib.util.find_spec("ml_dtypes"):
    REAL.append("bfloat16")
SCALED = [*REAL, "complex64", "complex128", ">c16"]
DTYPES = [*SCALED, "uint8", "clongdouble"]
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


def draw_case(number, large=False, **fixed):
    """Draw a case from its number: all of it, or what is not fixed."""
    rng = np.random.default_rng([20261125, int(large), number])

    def choose(name, options):
        drawn = options[rng.integers(len(options))]
        return fixed.get(name, drawn)

    shape = fixed["shape"] if "shape" in fixed else draw_shape(rng, large)
    axes = len(shape)
    operation = choose("operation", list(OPERATIONS))
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
    case = Case(
        number=number,
        shape=shape,
        dtype=dtype,
        operation=operation,
        mask=choose("mask", MASKS[:3] if operation == "alpha_dropout" else MASKS),
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
    return case


@functools.cache
def stream(p):
    return reference.keep(0, 2**20, p, KEYS[p])


def decisions(case, rng):
    """Return the mask that the case's call uses, which broadcasts to x."""
    if case.mask == "given":
        _, _, size = case.mask_layout.strides(case.mask_shape, 1)
        values = rng.integers(0, 2, size + 8).astype(np.uint8)
        return memory.view(values, case.mask_shape, np.dtype(bool), case.mask_layout)
    shape = case.options.get("noise_shape", case.shape)
    offset = case.options.get("offset", 0)
    return stream(case.p)[offset : offset + math.prod(shape)].reshape(shape)


def call(case, x, kept, **options):
    """Call fastdrop as the case says."""
    options["num_threads"] = case.threads
    if case.operation != "alpha_dropout":
        options["scale"] = case.operation == "dropout"
    if case.mask in ("given", "packed"):
        mask = reference.packed(kept) if case.mask == "packed" else kept
        packed = case.mask == "packed"
        return fastdrop.apply_mask(x, mask, case.p, packed=packed, **options)
    options |= case.options | {"rng": fastdrop.Key.from_words(*KEYS[case.p])}
    if case.operation == "alpha_dropout":
        return fastdrop.alpha_dropout(x, case.p, True, **options)
    return fastdrop.dropout(x, case.p, **options)


def place(case, dtype, rng):
    """Return the bytes that hold x, those that hold the result, and the views of both."""
    (x_begin, out_begin), sizes = case.begin, []
    for layout in (case.x, case.out):
        sizes.append(layout.strides(case.shape, dtype.itemsize)[2] + dtype.itemsize)
    x_memory = rng.integers(0, 256, max(sizes) + 2100, np.uint8)
    shared = case.target in ("overlap", *IN_PLACE)
    out_memory = x_memory if shared else rng.integers(0, 256, sizes[1] + 2100, np.uint8)
    x = memory.view(x_memory, case.shape, dtype, case.x, x_begin)
    if case.target in IN_PLACE:
        return x_memory, out_memory, x, x
    out = memory.view(out_memory, case.shape, dtype, case.out, out_begin)
    return x_memory, out_memory, x, out


def check(case):
    """Compare the result, and all memory around x and the result, with the reference."""
    rng = np.random.default_rng(case.number)
    dtype = reference.dtype_of(case.dtype)
    x_memory, out_memory, x, out = place(case, dtype, rng)
    x[...] = awkward_numbers(case.shape, dtype, rng)
    kept = decisions(case, rng)
    if case.operation == "alpha_dropout":
        expected = reference.apply_alpha_mask(x, kept, case.p)
    else:
        expected = reference.apply_mask(x, kept, case.p, case.operation == "dropout")
    expected = expected.astype(dtype)

    x_before, out_expected = x_memory.copy(), out_memory.copy()
    layout, begin = (case.x, case.begin[0]) if out is x else (case.out, case.begin[1])
    if case.target != "fresh":
        memory.view(out_expected, case.shape, dtype, layout, begin)[...] = expected
    options = {}
    if case.target == "inplace":
        options["inplace"] = True
    elif case.target != "fresh":
        options["out"] = out
    x.flags.writeable = not case.readonly
    y = call(case, x, kept, **options)
    if case.target == "fresh":
        assert y.strides == np.empty_like(x).strides
        assert y.flags.writeable
    else:
        assert y is out
    assert y.dtype == dtype
    assert y.shape == case.shape
    assert y.tobytes() == expected.tobytes()
    assert out_memory.tobytes() == out_expected.tobytes(), "bytes beside the result"
    if out_memory is not x_memory:
        assert x_memory.tobytes() == x_before.tobytes(), "bytes of x"


def check_all(cases):
    for case in cases:
        try:
            check(case)
        except Exception as error:
            raise AssertionError(f"{error}\nin {case}") from error


@pytest.mark.parametrize("begin", range(FIRST, FIRST + CASES, CHUNK))
def test_drawn_layouts(begin):
    check_all(draw_case(n) for n in range(begin, min(begin + CHUNK, FIRST + CASES)))


@pytest.mark.skipif("FASTDROP_FIRST_CASE" in os.environ, reason="one case is repeated")
def test_drawn_layouts_of_arrays_that_a_team_works_on():
    check_all(draw_case(n, large=True) for n in range(LARGE))


@pytest.mark.parametrize("layout", memory.READABLE)
def test_every_dtype_operation_and_target_in_each_layout(layout):
    """Tables under the stream, and arrays of four axes under any mask."""
    targets = [target for target in TARGETS if layout in memory.WRITABLE or target not in IN_PLACE]
    kinds = [
        {"operation": operation, "dtype": dtype, "target": target} | shape_and_mask
        for operation, dtypes in OPERATIONS.items()
        for dtype, target in itertools.product(dtypes, targets)
        for shape_and_mask in ({"shape": (67, 130), "mask": "stream"}, {"shape": (5, 66, 1, 29)})
    ]
    check_all(draw_case(n, layout=layout, **kind) for n, kind in enumerate(kinds))


def test_the_cases_are_of_every_kind():
    """Every layout of x meets every value of the other choices; and shapes are of every kind."""
    seen, shapes = set(), set()
    for case in map(draw_case, range(4000)):
        layout, out = case.names
        seen |= {(layout, case.mask), (layout, case.threads)}
        if case.target in ("out", "overlap"):
            seen.add((layout, out))
        shapes |= {f"{len(case.shape)} axes", f"size {math.prod(case.shape)}"}
    outs = [*memory.WRITABLE, "as x"]
    expected = set(itertools.product(memory.READABLE, [*MASKS, 1, 2, 3, *outs]))
    expected.remove(("broadcast", "as x"))
    assert expected <= seen, expected - seen
    sizes = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1)
    assert shapes >= {f"{n} axes" for n in range(6)} | {f"size {n}" for n in sizes}
