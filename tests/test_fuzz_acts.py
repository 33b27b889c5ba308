"""The caller's own code changes arrays during a call: it is refused, or right for what they became.

Each piece of code that a call runs, such as an `__index__`, may reshape, resize or lock an array
that the call has been given. Whatever it does, a call that returns has the result for the arrays as
they were after the last piece of code, and no memory beside them is read or written.
"""

import functools
import warnings
from typing import Any

import fuzz
import fuzz_expect
import fuzz_hostile as hostile
import numpy as np
import pytest
from fuzz import World

import fastdrop

WORDS = (1, 2)
FUNCTIONS = [
    "dropout",
    "apply_mask",
    "dropout1d",
    "alpha_dropout",
    "drop_block2d",
    "coarse_dropout",
]
SHAPES = {"dropout1d": (4, 6, 10), "drop_block2d": (4, 6, 10), "coarse_dropout": (4, 6, 10)}


class Scene:
    """A call whose arguments act on the arrays beside them."""

    def __init__(self, d, name):
        self.d, self.name, self.log = d, name, []
        shape = SHAPES.get(name, (240,))
        self.dtype = np.dtype(d.one(["f4", "f8", "f2"]))
        rng = d.rng()
        self.x = rng.standard_normal(shape).astype(self.dtype)
        self.arrays = {"x": self.x}
        self.given = {"x": self.x}
        self.plain = {"training": True, "scale": True, "fill": 0, "offset": 0, "p": 0.5}
        if d.chance(30):
            self.arrays["out"] = self.given["out"] = np.zeros(shape, self.dtype)
        elif d.chance(40):
            self.given["inplace"] = True
        self.give_numbers(rng, shape)
        if name not in ("apply_mask", "coarse_dropout"):
            self.given["training"] = True
        acting = self.acting()
        for argument in [d.one(sorted(acting)) for _ in range(d.integer(1, 2))]:
            self.given[argument] = acting[argument]

    def give_numbers(self, rng, shape):
        """Give p, the mask, the fill, and what single functions need."""
        d, name = self.d, self.name
        if name in ("dropout", "apply_mask") and d.chance(50):
            self.arrays["p"] = self.given["p"] = rng.random(shape)
        elif name != "coarse_dropout":
            self.given["p"] = 0.5
        if name == "apply_mask":
            self.arrays["mask"] = self.given["mask"] = rng.integers(0, 2, shape).astype(bool)
        if "alpha" not in name and d.chance(40):
            self.arrays["fill"] = self.given["fill"] = rng.standard_normal(shape).astype(self.dtype)
        if name == "drop_block2d":
            self.given["block_size"] = self.plain["block_size"] = 2
            self.plain["eps"] = 1e-6
        if name == "coarse_dropout":
            self.given |= {"holes": 2, "size": 3}
            self.plain |= {"holes": 2, "size": 3}

    def acting(self):
        """Return arguments that run code, by the names of the arguments that they stand for."""
        acting: dict[str, Any] = {}
        if self.name != "apply_mask":
            self.given["rng"] = fastdrop.Key.from_words(*WORDS)
        if self.name == "coarse_dropout":
            acting["holes"] = hostile.Index(2, self.act)
        else:
            acting["num_threads"] = hostile.Index(2, self.act)
        if self.name in ("dropout", "dropout1d", "alpha_dropout"):
            acting["offset"] = hostile.Index(0, self.act)
        if "p" not in self.arrays and "p" in self.given:
            acting["p"] = hostile.Float(0.5, self.act)
        for name in ("x", "mask", "fill", "p"):
            if name in self.arrays and not (name == "x" and "inplace" in self.given):
                returned = functools.partial(self.arrays.get, name)
                acting[name] = hostile.ArrayLike(returned, self.act)
        return acting

    def act(self):
        """Change an array in some way."""
        d = self.d
        name = d.one(sorted(self.arrays))
        array, way = self.arrays[name], d.integer(0, 5)
        self.log.append(f"{name} {way}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's of assignments to a shape or a dtype
            if way == 0:
                array.resize(d.one([(3,), (240,), (40_000,), (0,), (4, 6, 10)]), refcheck=False)
            elif way == 1:
                array.shape = (
                    d.one([(-1,), (24, 10), (4, 6, 10), (1, 240)]) if array.size == 240 else (-1,)
                )
            elif way == 2 and array.dtype.kind == "f":
                array.shape = (-1,)
                array.dtype = d.one(["f4", "f8", "f2", "i4", "u1"])
            elif way == 3:
                array.flags.writeable = False
            elif way == 4 and array.flags.writeable:
                array[...] = 0
            else:
                array.strides = (
                    array.strides[::-1] if array.shape == array.shape[::-1] else array.strides
                )
        self.note()

    def note(self):
        """Write down how all arrays stand: so they must be read, and stay."""
        self.before = {name: array.copy() for name, array in self.arrays.items()}
        self.flags = {name: array.flags.writeable for name, array in self.arrays.items()}


def check_acts(d, name):
    """Make a call whose arguments act, and compare what comes of it with what must."""
    scene, world = Scene(d, name), World()
    scene.note()
    outcome = fuzz.attempt(world, name, lambda: getattr(fastdrop, name)(**scene.given))
    before = scene.before
    if outcome.error is None:
        plain = {**scene.plain, **before, "packed": False}
        expected = fuzz_expect.ANSWERS[name](plain, WORDS)
        y = before["x"] if expected.y is None else expected.y
        assert outcome.value.dtype == before["x"].dtype, scene.log
        assert outcome.value.shape == before["x"].shape, scene.log
        assert outcome.value.tobytes() == y.tobytes(), scene.log
        written = "x" if scene.given.get("inplace") else "out" if "out" in scene.given else None
        if written and not (written == "x" and expected.y is None):  # x comes back as it is
            assert scene.flags[written], f"written into a read-only array: {scene.log}"
            before[written] = y
    for key, array in scene.arrays.items():
        assert array.tobytes() == before[key].tobytes(), f"{key} has changed: {scene.log}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_that_change_during_a_call(name):
    fuzz.run(name, check_acts, 0.2)
    assert fuzz.tally[name]["results"] > 0
