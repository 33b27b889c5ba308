"""Any call of keep_mask: the mask is the reference's, or it is refused in order."""

import inspect
import math

import case_options
import cases
import fuzz
import fuzz_arrays
import fuzz_cases
import fuzz_expect
import fuzz_hostile as hostile
import fuzz_sources
import fuzz_values as values
import memory
import numpy as np
from fuzz import OwnError, World
from fuzz_options import ODD, even_flag
from fuzz_values import ANY, BAD, Arg

import fastdrop

fuzz.tested.add("keep_mask")


class MaskCase(fuzz_cases.Arguments):
    """A call of keep_mask."""

    name = "keep_mask"
    dtype = np.dtype(bool)

    def __init__(self, d):
        self.d, self.world, self.args = d, World(), {}
        self.world.arena(64, d.rng(), 1)
        shape = self.shape = fuzz_arrays.draw_shape(d)
        self.args["shape"] = self.draw_form(shape)
        self.x = np.zeros(0, bool)
        self.counts = bool(shape) and d.chance(35)
        self.packed = d.chance(40)
        if self.packed:
            self.give("packed", even_flag(d, True), True)
        full = shape
        if d.chance(20) and math.prod(shape) and len(shape) < 7:
            origin, full = case_options.draw_region(shape, d.rng())
            if self.counts and max(full) > 10**5:
                full, origin = shape, (0,) * len(shape)
            self.give("origin", origin)
            self.give("full_shape", full)
        self.axis = d.integer(0, len(shape) - 1) if self.counts else 0
        self.line = full[self.axis] if self.counts else 0
        if self.counts:
            self.draw_count()
        else:
            self.draw_p()
        if d.chance(40):
            size = max(math.prod(full), 1)
            offset = d.one([1, 64, cases.BLOCK - 1, 2**40, 2**63, 2**64 - size])
            self.give("offset", max(min(offset, 2**64 - size), 0))
        if d.chance(40):
            self.draw_out()
        if d.chance(30):
            self.give("num_threads", d.one([1, 2, 3, 10**9, np.int64(2), 2**70]))
        self.set_source(fuzz_sources.draw_source(d, self.world))
        self.spoil_some()

    def give(self, name, given, meaning=None, text=""):
        """Give an argument."""
        self.args[name] = Arg(given, given if meaning is None else meaning, text=text)

    def draw_form(self, shape):
        """Return a shape in any form."""
        forms = [shape, list(shape), tuple(np.int64(n) for n in shape), np.array(shape, np.int64)]
        forms += [tuple(hostile.Index(n) for n in shape), iter(shape)]
        forms += [shape[0], hostile.Index(shape[0])] if len(shape) == 1 else []
        return Arg(self.d.one(forms), shape, text=f"{shape}")

    def draw_count(self):
        """Draw a count along an axis."""
        d, shape = self.d, self.shape
        self.give("axis", self.axis - len(shape) if d.chance(50) else self.axis)
        self.give(d.one(["count", "min_keep"]), d.integer(0, self.line))
        if "min_keep" in self.args or d.chance(50):
            self.args["p"] = values.number_p(d)

    def draw_p(self):
        """Draw p, one or many."""
        d = self.d
        self.args["p"] = values.number_p(d)
        if d.chance(40) and max((0, *self.shape)) <= 10**6:
            self.args["p"] = values.array_p(d, self.world, self.shape, self.dtype, {})

    def draw_out(self):
        """Draw the array for the mask, or its bytes."""
        d, shape, world = self.d, self.shape, self.world
        if math.prod(shape) > 10**6 or 0 in shape:
            return
        if self.packed:
            size = (math.prod(shape) + 7) // 8
            begin = d.integer(0, 9)
            out = world.arena(size + 20, d.rng())[begin : begin + size]
        else:
            names = memory.WRITABLE if len(shape) < 7 else ["in_c_order"]
            layout = memory.draw_layout(d.one(names), d.rng(), len(shape))
            out = memory.view(
                world.arena(layout.strides(shape, 1)[2] + 64, d.rng(), 1), shape, self.dtype, layout
            )
        self.args["out"] = Arg(fuzz_arrays.view_as(out, d), out, text=f"out {out.strides}")

    def spoil(self):
        """Give an argument that may be of any kind."""
        d, name = self.d, self.d.one(fuzz_cases.OPTIONS["keep_mask"])
        if name == "p":
            self.args["p"] = values.odd_p(d)
        elif name == "rng":
            self.set_source(fuzz_sources.odd_source(d, self.world))
        elif name == "shape":
            self.args["shape"] = self.odd_shape()
        elif name == "out" and self.packed:
            self.args["out"] = self.odd_bytes()
        else:
            self.args[name] = ODD[name](d, self)

    def odd_shape(self):
        """Return something in the place of a shape."""
        d = self.d
        if d.chance(20):
            own = [[hostile.Index(1, hostile.refuse)], hostile.NoAttributes(), hostile.Attributes()]
            return Arg(d.one([*own, hostile.Unshowable()]), None, BAD, (OwnError,), "hostile shape")
        if d.chance(20):
            huge = d.one([2**52, (2**31, 2**31), (2**54,), (2**45, 2**10), (2**62, 1)])
            meaning = huge if isinstance(huge, tuple) else (huge,)
            return Arg(huge, meaning, ANY, (MemoryError,), f"huge {huge}")
        bad = [-1, (2, -1), 1.5, "3", None, (1.5,), True, (2, True), [[2]], (2**63,), (0, 2**63)]
        bad += [(2**32, 2**32), (1,) * 65, {}.keys, object(), np.array([1.5]), ((2, 3),), 10**400]
        return Arg(d.one(bad), None, BAD)

    def odd_bytes(self):
        """Return something in the place of the bytes of a packed mask."""
        d, size = self.d, (math.prod(self.shape) + 7) // 8
        if size > 10**6:
            return Arg([1], None, BAD)
        if d.chance(50) and size > 1:
            return Arg(np.zeros(2 * size, np.uint8)[::2], None, BAD, text="not contiguous")
        readonly = np.zeros(size, np.uint8)
        readonly.flags.writeable = False
        bad = [
            np.zeros(size + 1, np.uint8),
            np.zeros(size, np.int8),
            readonly,
            [0],
            bytearray(size),
        ]
        return Arg(d.one(bad), None, BAD, text="bad bytes")


def check_mask(d, name):
    """Make a case, and compare what comes of it with what must."""
    MaskCase(d).check(check_result)


def check_result(case, y):
    plain = {"p": 0.5, **case.plain()}
    plain["p"] = 0.5 if plain["p"] is None else plain["p"]
    expected = fuzz_expect.keep_mask(plain, case.source.key)
    out = case.given().get("out")
    if out is None:
        assert type(y) is np.ndarray
        assert y.flags.writeable
    else:
        assert y is out
        out = np.ndarray.view(out, np.ndarray)
        if out.size:
            case.world.twin(out)[...] = expected.y
    y = np.ndarray.view(y, np.ndarray)
    assert y.dtype == (np.uint8 if plain["packed"] else bool)
    assert y.shape == expected.y.shape
    assert y.tobytes() == expected.y.tobytes()
    case.world.check_memory()
    case.source.check(case.world, expected.drawn)


def test_a_mask_is_right_or_refused_in_order():
    fuzz.run("keep_mask", check_mask)


def test_every_argument_of_keep_mask_is_fuzzed():
    parameters = inspect.signature(fastdrop.keep_mask).parameters
    assert set(parameters) == set(fuzz_cases.OPTIONS["keep_mask"])
