"""Cases of the fuzz: a call of a function, most of them good, some with arguments of any kind."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import case_options
import cases
import fuzz
import fuzz_arrays
import fuzz_sources
import fuzz_values as values
import numpy as np
import reference
from fuzz import Draws, World, shown
from fuzz_options import ODD, even_flag, number_of
from fuzz_sources import Source
from fuzz_values import ANY, BAD, GOOD, Arg

import fastdrop

AXES = {
    **{"dropout": (0, 5), "alpha_dropout": (0, 5), "apply_mask": (0, 5), "drop_path": (1, 5)},
    **{"dropout1d": (2, 3), "dropout2d": (3, 4), "dropout3d": (4, 5), "keep_mask": (0, 5)},
    **{"feature_alpha_dropout": (2, 5), "drop_block2d": (3, 4), "drop_block3d": (4, 5)},
    "coarse_dropout": (2, 4),
}
INNER = {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}
ONE_P = ("alpha_dropout", "feature_alpha_dropout", "drop_block2d", "drop_block3d")
COMMON = ["training", "inplace", "rng", "out", "return_key", "num_threads"]
FILLED = [*COMMON, "scale", "fill"]
PLACED = [*FILLED, "offset", "origin", "full_shape"]
OPTIONS = {
    "dropout": ["x", "p", *PLACED, "noise_shape"],
    **{name: ["x", "p", *PLACED, "count", "min_keep"] for name in INNER},
    "drop_path": ["x", "p", *FILLED, "offset", "mode"],
    "alpha_dropout": ["x", "p", *COMMON, "offset", "noise_shape"],
    "feature_alpha_dropout": ["x", "p", *COMMON, "offset"],
    "drop_block2d": ["x", "p", "block_size", *FILLED, "eps"],
    "drop_block3d": ["x", "p", "block_size", *FILLED, "eps"],
    "coarse_dropout": ["x", "holes", "size", "fill", "rng", "inplace", "out", "return_mask"],
    "keep_mask": [
        *["shape", "p", "rng", "out", "count", "min_keep", "axis", "offset", "origin"],
        *["full_shape", "packed", "num_threads"],
    ],
    "apply_mask": [
        *["x", "mask", "p", "inplace", "out", "packed", "scale", "fill", "num_threads"],
    ],
}
# What is passed where a case leaves an argument out.
DEFAULTS: dict[str, Any] = {
    **{"fill": 0, "scale": True, "offset": 0, "mode": "row", "eps": 1e-6, "count": None},
    **{"min_keep": None, "origin": None, "full_shape": None, "noise_shape": None, "axis": -1},
    **{"packed": False, "training": True, "inplace": False, "out": None, "num_threads": None},
    **{"return_key": False, "return_mask": False},
}


class Arguments:
    """The arguments of a call, and the world about it."""

    d: Draws
    name: str
    world: World
    args: dict[str, Arg]
    source: Source | None

    def set_source(self, source: Source) -> None:
        """Give `rng`."""
        self.source = source
        verdict = GOOD if source.taken else BAD
        if source.text == "exhausted":
            verdict = ANY
        self.args["rng"] = Arg(source.given, None, verdict, source.raises, source.text)

    def given(self) -> dict[str, Any]:
        """Return what is passed."""
        return {name: arg.given for name, arg in self.args.items()}

    def plain(self) -> dict[str, Any]:
        """Return what the arguments mean, with those that are left out, after a call."""
        plain = {name: DEFAULTS.get(name) for name in OPTIONS[self.name]}
        return plain | {name: arg.plain(self.world) for name, arg in self.args.items()}

    @functools.cached_property
    def verdict(self) -> str:
        """Whether the call must be taken, refused, or either."""
        verdicts = {arg.verdict for arg in self.args.values()}
        return BAD if BAD in verdicts else ANY if ANY in verdicts else GOOD

    def spoil(self) -> None:
        """Give an argument that may be of any kind."""
        raise NotImplementedError

    def spoil_some(self) -> None:
        """Spoil no argument or a few, and tell the world what is given."""
        for _ in range(self.d.one([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])):
            self.spoil()
        self.world.texts = [
            f"{name}={arg.text or shown(arg.given)}" for name, arg in self.args.items()
        ]
        for arg in self.args.values():
            self.world.allow(*arg.raises)

    def check(self, check_result: Callable[[Any, Any], None]) -> None:
        """Call; compare whether it was taken with what must be, and the result by a function."""
        function = getattr(fastdrop, self.name)
        outcome = fuzz.attempt(self.world, self.name, lambda: function(**self.given()))
        if outcome.error is not None:
            assert self.verdict != GOOD, f"refused: {outcome.error!r} in {self.world.texts}"
            return
        assert self.verdict != BAD, f"taken: {self.world.texts}"
        try:
            check_result(self, outcome.value)
        except Exception as error:
            raise AssertionError(f"{error!r}\nin {self.world.texts}") from error


class Case(Arguments):
    """A call of a function that takes x."""

    def __init__(self, d: Draws, name: str) -> None:
        self.d, self.name, self.world, self.args = d, name, World(), {}
        self.source: Source | None = None
        self.scale = name != "coarse_dropout" and d.chance(60)
        self.draw_arrays()
        self.draw_places()
        self.draw_numbers()
        self.draw_flags()
        self.spoil_some()

    def give(self, name: str, given: Any, meaning: Any = None, text: str = "") -> None:
        """Give an argument, if the function has it."""
        if name in OPTIONS[self.name]:
            self.args[name] = Arg(given, given if meaning is None else meaning, text=text)

    def draw_arrays(self) -> None:
        """Draw x, and where the result goes."""
        d, name = self.d, self.name
        alpha = "alpha" in name
        names = cases.REAL if alpha else cases.SCALED if self.scale else cases.DTYPES
        added = [] if self.scale or alpha else values.ADDED
        self.dtype = fuzz_arrays.dtype_of(d.one([*names, *added]))
        shape = fuzz_arrays.draw_shape(d, *AXES[name])
        if (
            name == "coarse_dropout"
        ):  # its mask has no channels, and so may be huge where x is empty
            shape = tuple(min(n, 200) for n in shape)
        self.target = d.one(cases.TARGETS)
        x, out = fuzz_arrays.place(d, self.world, shape, self.dtype, self.target)
        self.x = x
        x_arg = Arg(fuzz_arrays.view_as(x, d), x, text=f"{x.dtype} {x.shape} {x.strides}")
        if self.target not in cases.IN_PLACE and d.chance(20):
            x_arg = fuzz_arrays.convertible(d, x)
        if self.target == "fresh" and d.chance(10) and isinstance(x_arg.given, np.ndarray):
            x.flags.writeable = False
        meaning = x_arg.meaning  # a list may have another dtype
        self.shape, self.dtype = meaning.shape, meaning.dtype
        if self.dtype != x.dtype or self.shape != x.shape:
            self.target = "fresh"
            if alpha or self.scale:
                self.scale = False
        self.args["x"] = x_arg
        self.memories = {"x": self.world.arenas[0][0]}
        if self.dtype.kind in "biuV" and self.dtype.name != "bfloat16":
            self.scale = False
        self.out = None
        if self.target == "inplace":
            self.give("inplace", True)
        elif self.target == "x as out":
            self.out = x_arg.given
        elif self.target in ("out", "overlap"):
            self.out = fuzz_arrays.view_as(out, d)
        if self.out is not None:
            self.give("out", self.out, text=f"out {self.out.strides} {self.target}")

    def draw_places(self) -> None:
        """Draw the mask's shape, and where it lies in the stream."""
        d, shape, rng = self.d, self.shape, self.d.rng()
        name, axes = self.name, len(shape)
        self.decided = shape
        noise: tuple[int | None, ...] | None = None
        if name in INNER:
            noise = tuple(None if i < axes - INNER[name] else 1 for i in range(axes))
        elif "noise_shape" in OPTIONS[name] and d.chance(40):
            noise = tuple(d.one([1, None, n]) for n in shape)
            self.give("noise_shape", noise)
        elif name == "feature_alpha_dropout":
            noise = (None, None, *[1] * (axes - 2))
        elif name == "drop_path":
            mode = d.one(["row", "batch"])
            self.give("mode", mode)
            noise = (None if mode == "row" else 1, *[1] * (axes - 1))
        if noise is not None:
            self.decided = reference.shared(shape, noise, 1)
        self.counts = name in INNER and d.chance(40)
        full = self.decided
        if "origin" in OPTIONS[name] and d.chance(25) and self.x.size and axes < 7:
            if name == "dropout" and noise is not None:
                noise = tuple(None if m != 1 else 1 for m in noise)
                self.decided = reference.shared(shape, noise, 1)
                self.give("noise_shape", noise)
            origin, full = case_options.draw_region(shape, rng)
            if self.counts and max(full) > 10**5:
                full, origin = shape, (0,) * axes
            self.give("origin", origin)
            self.give("full_shape", full)
        if "offset" in OPTIONS[name] and d.chance(40):
            size = max(math.prod(full), 1)
            offset = d.one([1, 64, cases.BLOCK - 1, 2**40, 2**63, 2**64 - size])
            self.give("offset", max(min(offset, 2**64 - size), 0))
        self.line = full[axes - INNER[name] - 1] if self.counts else 0

    def draw_numbers(self) -> None:
        """Draw p, the fill, and the numbers that single functions take."""
        d, name = self.d, self.name
        memories = self.memories if d.chance(50) else {}
        if "fill" in OPTIONS[name] and d.chance(40):
            fill = values.Fill(self.shape, self.dtype, memories)
            self.args["fill"] = values.good_fill(d, self.world, fill)
            memories = {}
        if "p" in OPTIONS[name]:
            if name in ONE_P or d.chance(65) or self.line or max((0, *self.decided)) > 10**6:
                self.args["p"] = values.number_p(d)
            else:
                self.args["p"] = values.array_p(
                    d, self.world, self.decided, self.dtype, memories if self.x.size else {}
                )
        if self.counts:
            number = d.integer(0, self.line)
            if d.chance(50):
                self.give("count", number)
            else:
                self.give("min_keep", number)
                if self.scale and values.all_ones(self.args["p"].meaning):
                    self.args["p"] = Arg(0.3, 0.3)
        if name in ("drop_block2d", "drop_block3d"):
            size = d.one([1, 2, 3, 5, 7, 2**70, np.int8(2)])
            self.give("block_size", size, int(size))
            eps = d.one([1e-6, 0, 1.5, np.float32(2.0)])
            self.give("eps", eps, float(eps))
        if name == "coarse_dropout":
            holes, size = number_of(d)
            self.give("holes", holes, int(holes) if isinstance(holes, np.integer) else holes)
            self.give("size", size)
        if name == "apply_mask":
            self.draw_mask()

    def draw_mask(self) -> None:
        """Draw a mask that broadcasts to x, or packed bits."""
        d, shape, rng = self.d, self.shape, self.d.rng()
        if d.chance(30):
            bits = rng.integers(0, 256, (math.prod(shape) + 7) // 8, np.uint8)
            self.give("packed", True)
            self.args["mask"] = Arg(fuzz_arrays.view_as(bits, d), bits, text="packed")
            return
        part = case_options.part_of(shape, rng)
        if 0 in part or math.prod(part) > 10**5:
            part = (1,) * len(part)
        mask = fuzz_arrays.own_array(self.world, part, np.dtype(bool), rng)
        mask = mask[::-1] if mask.ndim and d.chance(20) else mask
        self.args["mask"] = Arg(fuzz_arrays.view_as(mask, d), mask, text=f"mask {part}")
        if d.chance(20):
            self.args["mask"] = fuzz_arrays.convertible(d, mask)

    def draw_flags(self) -> None:
        """Draw the flags, the threads, and the source of the key."""
        d, name = self.d, self.name
        if not self.scale:
            self.give("scale", even_flag(d, False), False)
        if "training" in OPTIONS[name]:
            training = d.chance(90)
            self.give("training", even_flag(d, training), training)
        for flag in ("return_key", "return_mask"):
            if d.chance(40):
                self.give(flag, even_flag(d, True), True)
        if d.chance(30):
            self.give("num_threads", d.one([1, 2, 3, 10**9, np.int64(2), 2**70]))
        if "rng" in OPTIONS[name]:
            self.set_source(fuzz_sources.draw_source(d, self.world))

    def spoil(self) -> None:
        """Give an argument that may be of any kind."""
        d, name = self.d, self.d.one(OPTIONS[self.name])
        if name == "x" and self.target == "inplace" and d.chance(40):
            self.args["x"] = fuzz_arrays.windows(d, self.world, self.dtype)
        elif name == "x":
            self.args["x"] = fuzz_arrays.odd_x(d, self.world, self.x)
        elif name == "p":
            self.args["p"] = values.odd_p(d)
        elif name == "fill":
            self.args["fill"] = values.odd_fill(d, values.Fill(self.shape, self.dtype))
        elif name == "rng":
            self.set_source(fuzz_sources.odd_source(d, self.world))
        else:
            self.args[name] = ODD[name](d, self)
