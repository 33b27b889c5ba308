"""Layers of the fuzz: how one is built, and a model of it, which says what each call must give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import fuzz_arrays
import fuzz_expect
import fuzz_hostile as hostile
import fuzz_sources
import numpy as np
import reference
from fuzz import Draws, World, copy_of, state_of, two_draws

import fastdrop

FUNCTIONS = {
    **{"Dropout": "dropout", "Dropout1d": "dropout1d", "Dropout2d": "dropout2d"},
    **{"Dropout3d": "dropout3d", "DropPath": "drop_path", "AlphaDropout": "alpha_dropout"},
    **{"FeatureAlphaDropout": "feature_alpha_dropout", "DropBlock2d": "drop_block2d"},
    "DropBlock3d": "drop_block3d",
}
DTYPES = ["float16", "float32", "float64", ">f4"]


@dataclass
class Last:
    """The last forward call that succeeded: what backward repeats."""

    shape: tuple[int, ...]
    key: tuple[int, int]
    settings: dict[str, Any]


class Model:
    """What a layer must be: its settings, its source of keys, and its last call."""

    def __init__(self, d: Draws, name: str, world: World) -> None:
        self.d, self.name, self.function, self.world = d, name, FUNCTIONS[name], world
        self.settings: dict[str, Any] = {"p": 0.5, "inplace": False, "training": True}
        self.stream: dict[str, Any] | None = None  # of its own
        self.bits: Any = None
        self.bits_before: Any = None  # its state before the call
        self.last: Last | None = None

    def draw_settings(self) -> dict[str, Any]:
        """Draw the arguments to build the layer with, all good."""
        d, name = self.d, self.name
        given: dict[str, Any] = {"p": d.one([0.3, 0.5, 0.9, 0.0, 1.0, np.float32(0.25)])}
        if d.chance(30):
            given["inplace"] = d.one([True, False, np.True_])
        if "Alpha" not in name:
            if d.chance(30):
                given["scale"] = d.one([False, True])
            if d.chance(30):
                given["fill"] = d.one([0, -1.0, math.nan, np.float32(2), np.full((1,), 3.0)])
        if "Block" in name:
            given |= {"block_size": d.one([1, 2, 3, 2**70]), "eps": d.one([1e-6, 0, 0.5])}
        if name == "DropPath" and d.chance(50):
            given["mode"] = d.one(["row", "batch"])
        if name in ("Dropout", "AlphaDropout") and d.chance(30):
            axes = [0, -1, (0,), (0, -1), [1], np.int64(0), ()]
            given |= d.one(
                [{"axis": d.one(axes)}, {"noise_shape": d.one([(None, 1), [1, None], (1, 1)])}]
            )
        self.settings |= given
        self.settings["p"] = float(given["p"])  # not computed with in float32
        defaults = {"scale": True, "fill": 0, "mode": "row", "offset": 0}
        self.settings = defaults | self.settings
        return given

    def draw_rng(self) -> Any:
        """Draw the source of the layer's keys."""
        d = self.d
        kind = d.one(["None", "seed", "key", "generator"])
        if kind == "None":
            return None
        if kind == "generator":
            self.bits = d.one(fuzz_sources.KINDS)(d.integer(0, 5))
            self.world.watch(self.bits)
            return d.one([np.random.Generator, np.random.RandomState, lambda bits: bits])(self.bits)
        seed: Any = d.one([0, 7, [1, 2], np.int64(3), np.random.SeedSequence(5)])
        self.stream = {"key": fastdrop.Key(seed).words, "calls": 0}
        return seed if kind == "seed" else fastdrop.Key(seed)

    def next_key(self) -> tuple[int, int]:
        """Return the key that the next call takes."""
        if self.bits is not None:
            return two_draws(copy_of(self.bits))
        state = self.stream or fastdrop.get_rng_state()
        return reference.fold_in(state["key"], state["calls"])

    def state(self) -> Any:
        """Return what `state_dict` must return."""
        if self.bits is not None:
            return {"bit_generator": self.bits.state}
        return self.stream or {}

    def draw_x(self) -> np.ndarray:
        """Draw an input of a shape and a dtype that the layer mostly takes."""
        d, name = self.d, self.name
        axes = {
            "Dropout1d": (2, 3),
            "Dropout2d": (3, 4),
            "Dropout3d": (4, 5),
            "DropBlock2d": (3, 4),
        }
        least, most = (axes | {"DropBlock3d": (4, 5), "DropPath": (1, 3)}).get(name, (2, 3))
        if self.settings.get("noise_shape") is not None:
            least = most = 2
        shape = tuple(d.one([1, 2, 3, 5, 0, 8]) for _ in range(d.integer(least, most)))
        if d.chance(10):
            shape = fuzz_arrays.draw_shape(d, 0, 4)
        return fuzz_arrays.own_array(self.world, shape, np.dtype(d.one(DTYPES)), d.rng())

    def plain(self, x: np.ndarray, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the function for an input."""
        plain = {**settings, "x": x}
        axis = plain.pop("axis", None)
        if axis is not None:
            axes = {int(n) % x.ndim for n in (axis if np.iterable(axis) else (axis,))}
            plain["noise_shape"] = tuple(None if n in axes else 1 for n in range(x.ndim))
        return plain

    def forward(self, x: np.ndarray, key: tuple[int, int]) -> fuzz_expect.Expected:
        """Return what a call gives."""
        return fuzz_expect.ANSWERS[self.function](self.plain(x, self.settings), key)

    def advance(self, own: bool) -> Any:
        """Count a key as taken; return what the process's stream must be, if it has advanced."""
        if not own:
            return None
        if self.bits is not None:
            twin = copy_of(self.bits)  # has advanced with the call
            index = next(i for i, bits in enumerate(self.world.generators) if bits is self.bits)
            before = copy_of(self.bits)
            before.state = self.bits_before
            two_draws(before)
            assert state_of(twin) == state_of(before)
            self.world.states[index] = state_of(before)
            return None
        if self.stream is not None:
            self.stream = {**self.stream, "calls": self.stream["calls"] + 1}
            return None
        return {**self.world.stream, "calls": self.world.stream["calls"] + 1}

    def backward(self, grad: np.ndarray) -> np.ndarray | None:
        """Return what becomes of a gradient, or None if it stays as it is."""
        assert self.last is not None
        plain = self.plain(grad, {**self.last.settings, "fill": 0})
        expected = fuzz_expect.ANSWERS[self.function](plain, self.last.key)
        if expected.y is None or "alpha" not in self.function or not expected.drawn:
            return expected.y
        p, noise = plain["p"], plain.get("noise_shape")
        if self.function == "feature_alpha_dropout":
            noise = (None, None) + (1,) * (grad.ndim - 2)
        shape = grad.shape if noise is None else reference.shared(grad.shape, noise, 1)
        kept = reference.decisions(shape, p, self.last.key)
        slope = 1 / math.sqrt((reference.ALPHA**2 * p + 1) * (1 - p))
        return reference.chosen(kept, reference.on_line(reference.native(grad), slope, None))


ODD_SETTINGS: dict[str, list[Any]] = {
    "p": [2, -1, math.nan, True, None, "0.5", [0.5], np.array([0.5]), 1j, hostile.Float("x")],
    "inplace": [0, None, "yes", np.array(True), 1.0],
    "training": [0, None, "yes", np.array(True), 1.0],
    "scale": [0, None, "yes", np.array(True)],
    "fill": [
        None,
        "a",
        object(),
        {},
        [None],
        np.array(["a"]),
        np.array([1], object),
        [[1], [1, 2]],
    ],
    "mode": ["Row", None, 1, b"row"],
    "block_size": [0, -1, 1.5, None, True, "3", -(2**64)],
    "eps": [-1e-9, math.nan, math.inf, None, True, "1"],
    "noise_shape": [(0,), (-1, 1), 1.5, "ab", (1.5,), object(), [True]],
    "axis": [1.5, "a", (0, 0), (True,), object(), [1.5]],
}
