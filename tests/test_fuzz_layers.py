"""Any layer, used in any order: each step is the model's, or it is refused and changes nothing."""

import copy
import pickle
from typing import Any

import fuzz
import fuzz_hostile as hostile
import fuzz_sources
import numpy as np
import pytest
from arrays import assert_same_bytes
from fuzz import OwnError, World, copy_of, shown
from fuzz_layers import FUNCTIONS, ODD_SETTINGS, Last, Model

import fastdrop

fuzz.tested.update(FUNCTIONS)


class Steps:
    """A layer beside its model, and the steps that both take."""

    def __init__(self, d, name):
        self.d, self.name, self.world = d, name, World()
        self.model = Model(d, name, self.world)
        self.texts = self.world.texts

    def attempt(self, call, text):
        """Take a step, and write it down."""
        self.texts.append(text)
        return fuzz.attempt(self.world, self.name, call)

    def agree(self, outcome, good):
        """Check that a step was taken if it is good; if not, that the layer is as it was."""
        assert (outcome.error is None) == good, f"{outcome} of {self.texts}"
        self.compare()
        return good

    def compare(self):
        """Compare the layer's state and settings with the model's."""
        state, expected = self.layer.state_dict(), self.model.state()
        assert pickle.dumps(state) == pickle.dumps(expected), self.texts
        for name in ("p", "inplace", "training"):
            assert getattr(self.layer, name) == self.model.settings[name], self.texts

    def build(self):
        """Build the layer; return whether that went well."""
        d, model = self.d, self.model
        given, kind = model.draw_settings(), getattr(fastdrop, self.name)
        if d.chance(15):
            names = [name for name in ODD_SETTINGS if name in given] or ["p"]
            name = d.one(names)
            given[name] = d.one(ODD_SETTINGS[name])
            outcome = self.attempt(lambda: kind(**given), shown(given))
            assert outcome.error is not None, f"taken: {self.texts}"
            return False
        if d.chance(10):
            source = fuzz_sources.odd_source(d, self.world)
            self.world.allow(*source.raises)
            outcome = self.attempt(lambda: kind(**given, rng=source.given), source.text)
            assert outcome.error is not None or source.text == "exhausted", f"taken: {self.texts}"
            return False
        given["rng"] = model.draw_rng()
        outcome = self.attempt(lambda: kind(**given), shown(given))
        assert outcome.error is None, f"{outcome} of {self.texts}"
        self.layer = outcome.value
        self.compare()
        return True

    def forward(self):
        """Call the layer."""
        d, model, world = self.d, self.model, self.world
        x = model.draw_x()
        own = not d.chance(20)
        key = model.next_key() if own else (1, 2)
        options = {} if own else {"rng": fastdrop.Key.from_words(1, 2)}
        if model.bits is not None:
            model.bits_before = copy.deepcopy(model.bits.state)
        before = x.copy()
        call = d.one([self.layer, self.layer.forward])
        outcome = self.attempt(lambda: call(x, **options), f"forward {x.dtype} {x.shape} {options}")
        settings = dict(model.settings)
        try:
            expected, good = model.forward(before, key), self.takes(before)
        except (ValueError, TypeError, ZeroDivisionError, IndexError):  # of NumPy's, on what is bad
            good = False
        model.last = None
        if outcome.error is not None:
            self.agree(outcome, good)
            return
        assert good, f"taken: {self.texts}"
        stream = model.advance(own) if expected.drawn else None
        y = before if expected.y is None else expected.y.astype(x.dtype)
        assert_same_bytes(np.asarray(outcome.value), y)
        if settings["inplace"] or expected.y is None:
            assert outcome.value is x
        if settings["inplace"] and x.size:
            world.twin(x)[...] = y
        world.check_memory()
        world.check_generators(stream)
        self.compare()
        model.last = Last(x.shape, key, settings)

    def takes(self, x):
        """Return whether the layer takes x, of a dtype that it always takes."""
        model, least = self.model, {"DropPath": 1, "FeatureAlphaDropout": 2}.get(self.name, 0)
        inner = [n for n in "123" if f"{n}d" in self.name]
        axis, fill = model.settings.get("axis"), model.settings.get("fill", 0)
        if (inner and x.ndim - int(inner[0]) not in (1, 2)) or x.ndim < least:
            return False
        if axis is not None:
            axes = list(axis) if np.iterable(axis) else [axis]
            if any(not -x.ndim <= n < x.ndim for n in axes):
                return False
            if len({n % x.ndim for n in axes}) < len(axes):
                return False
        if np.ndim(fill) > x.ndim:
            return False
        noise = model.settings.get("noise_shape")
        return noise is None or len(noise) == x.ndim

    def backward(self):
        """Pass a gradient back, or something else."""
        d, model = self.d, self.model
        if model.last is None:
            grad = np.ones(3)
            with pytest.raises(RuntimeError, match="no mask yet"):
                self.layer.backward(grad)
            self.compare()
            return
        shape = model.last.shape
        if d.chance(20):
            bad = [np.ones((*shape, 2)), None, "a", [[1], [1, 2]], np.zeros(shape, "S2")]
            grad = d.one([*bad, np.ma.array(np.ones(shape)), hostile.Lazy(), hostile.Attributes()])
            self.world.allow(OwnError)
            self.agree(
                self.attempt(lambda: self.layer.backward(grad), "backward of no gradient"), False
            )
            return
        grad = np.random.default_rng(1).standard_normal(shape).astype(d.one(["f4", "f8", "f2"]))
        outcome = self.attempt(lambda: self.layer.backward(grad), f"backward {grad.dtype}")
        self.agree(outcome, True)
        expected = model.backward(grad)
        assert_same_bytes(outcome.value, grad if expected is None else expected)

    def load(self):
        """Load a state that the layer takes."""
        model, d = self.model, self.d
        kind = d.integer(0, 2)
        if kind == 0:
            state = {"key": d.one([(1, 2), [3, 4]]), "calls": d.one([0, 5, 2**62])}
            self.attempt(lambda: self.layer.load_state_dict(state), f"load {state}")
            model.stream = {"key": tuple(state["key"]), "calls": state["calls"]}
            model.bits = None
        elif kind == 1:
            self.attempt(lambda: self.layer.load_state_dict({}), "load {}")
        else:
            state = copy.deepcopy(self.layer.state_dict())
            self.attempt(lambda: self.layer.load_state_dict(state), "load its own")
        self.compare()

    def load_odd(self):
        """Load what is no state of the layer."""
        d, model, world = self.d, self.model, self.world
        bad: list[Any] = [
            None,
            1,
            "a",
            [],
            {"key": (1, 2)},
            {"calls": 1},
            {"key": (1,), "calls": 0},
        ]
        bad += [{"key": (1, 2), "calls": -1}, {"key": (1, 2**64), "calls": 0}, {"more": 1}]
        bad += [{"key": (1, 2), "calls": 2**63 + 1}, {"key": (1.5, 2), "calls": 0}, {1: 2}]
        bad += [{"bit_generator": None}, {"bit_generator": {}}, {"bit_generator": 1}]
        bad += [{"key": hostile.Sequence([1, 2], hostile.refuse), "calls": 0}, hostile.Attributes()]
        if model.bits is not None:
            state = copy.deepcopy(model.bits.state)
            broken = self.break_state(state)
            bad += [{"bit_generator": broken}] * 10
        given = d.one(bad)
        world.allow(OwnError)
        outcome = self.attempt(lambda: self.layer.load_state_dict(given), f"load {shown(given)}")
        if outcome.error is None and type(given) is dict and "bit_generator" in given:
            copy_of(model.bits).state = given["bit_generator"]  # NumPy takes it too
            self.compare()
            return
        self.agree(outcome, False)

    def break_state(self, state):
        """Break a part of a bit generator's state, at some depth."""
        d, part = self.d, state
        while True:
            name = d.one(sorted(part))
            if not isinstance(part[name], dict) or d.chance(20):
                break
            part = part[name]
        if d.chance(30):
            del part[name]
            return state
        wrong = [None, "a", -1, 2**200, [], {}, np.zeros(0), np.zeros(10, np.uint64), object(), 1.5]
        wrong += [np.array(["a"] * 624), np.zeros((2, 2), int), 1j, [-1] * 4]
        part[name] = d.one(wrong)
        return state

    def copied(self):
        """Go on with a copy."""
        how = self.d.one([copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
        if self.model.bits is not None and how is not copy.copy:
            return  # the copy has a generator of its own
        outcome = self.attempt(lambda: how(self.layer), "copy")
        assert outcome.error is None, f"{outcome} of {self.texts}"
        self.layer = outcome.value
        self.compare()

    def assign(self):
        """Assign to a setting."""
        d, model = self.d, self.model
        if d.chance(50):
            name = d.one([name for name in ODD_SETTINGS if hasattr(self.layer, name)])
            value = d.one(ODD_SETTINGS[name])
            outcome = self.attempt(
                lambda: setattr(self.layer, name, value), f"{name}={shown(value)}"
            )
            self.agree(outcome, False)
            return
        p = d.one([0.3, 0.0, 1.0, 0.75])
        self.attempt(lambda: setattr(self.layer, "p", p), f"p={p}")
        model.settings["p"] = p
        self.compare()

    def mode(self):
        """Change the mode."""
        mode = self.d.one([True, False, True])
        layer = self.attempt(lambda: self.layer.train(mode), f"train({mode})").value
        assert layer is self.layer
        self.model.settings["training"] = mode
        odd = self.d.one([0, None, "a", 1.0, hostile.Unshowable()])
        self.world.allow(OwnError)
        self.agree(self.attempt(lambda: self.layer.train(odd), "train(odd)"), False)

    def show(self):
        """Show the layer."""
        text = self.attempt(lambda: repr(self.layer), "repr").value
        assert text.startswith(f"{self.name}(p=")

    def take(self):
        """Take some steps."""
        steps = [self.forward] * 4 + [self.backward] * 3 + [self.load, self.load_odd, self.copied]
        steps += [self.assign, self.mode, self.show]
        for _ in range(self.d.integer(1, 8)):
            self.d.one(steps)()


def check_layer(d, name):
    """Build a layer and take some steps with it."""
    steps = Steps(d, name)
    if steps.build():
        steps.take()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_layer_does_as_its_model(name):
    fuzz.run(name, check_layer)
