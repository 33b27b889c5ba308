"""Keys, the process's stream and its settings take what they say, and refuse the rest in order."""

import copy
import io
import pickle
from contextlib import redirect_stdout
from typing import Any

import fuzz
import fuzz_cases
import fuzz_hostile as hostile
import fuzz_sources
import numpy as np
import pytest
import reference
import test_fuzz_calls
import test_fuzz_layers
import test_fuzz_masks
from fuzz import OwnError, World, shown
from fuzz_options import NO_NUMBERS, OWN_NUMBERS

import fastdrop
from fastdrop import Key

WORDS = [0, 1, 2**63, 2**64 - 1]
CHILDREN = (0, 1, 2, 100, -1, 2**20 + 1, 10**9, 2**62, 2**64, 10**400)
NUMBERS = [0, 1, 5, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -(2**63) - 1, 10**400]


def draw_number(d, world, numbers=tuple(NUMBERS)):
    """Draw an integer in any form, or something else: what is given, and the integer or None."""
    if d.chance(15):
        world.allow(OwnError)
        return d.one(OWN_NUMBERS), None
    if d.chance(15):
        return d.one(NO_NUMBERS), None
    n = d.one(numbers)
    forms = [n, n, n, hostile.Index(n)]
    forms += [np.int64(n), np.array(n)] if -(2**63) <= n < 2**63 else []
    return d.one(forms), n


def agree(outcome, good, texts):
    """Check that a call was taken if it is good, and refused otherwise; return whether it was."""
    assert (outcome.error is None) == good, f"{outcome} of {shown(texts)}"
    return good


def check_key(d, name):
    """Make a key, use it, and compare all with the reference."""
    world = World()
    words = (d.one(WORDS), d.one(WORDS))
    key = Key.from_words(*words)
    way = d.integer(0, 4)
    if way == 0:
        source = draw_seed(d, world)
        world.texts = [source.text]
        made = fuzz.attempt(world, name, lambda: Key(source.given))
        if agree(made, source.taken, source.text) and source.given is not None:
            assert made.value.words == source.key
        return
    if way == 1:
        given = [draw_number(d, world, (*WORDS, -1, 2**64, 2**64)) for _ in range(2)]
        world.texts = [f"from_words {shown(given)}"]
        made = fuzz.attempt(world, name, lambda: Key.from_words(*(one for one, _ in given)))
        if agree(made, all(n is not None and 0 <= n < 2**64 for _, n in given), given):
            assert made.value.words == tuple(n for _, n in given)
        return
    if way == 2:
        given = [draw_number(d, world) for _ in range(d.integer(1, 3))]
        world.texts = [f"fold_in {shown(given)}"]
        made = fuzz.attempt(world, name, lambda: key.fold_in(*(one for one, _ in given)))
        if agree(made, all(n is not None and 0 <= n < 2**63 for _, n in given), given):
            for _, n in given:
                words = reference.fold_in(words, n)
            assert made.value.words == words
        return
    if way == 3:
        given, n = draw_number(d, world, CHILDREN)
        world.texts = [f"spawn {shown(given)}"]
        made = fuzz.attempt(world, name, lambda: key.spawn(given))
        if agree(made, n is not None and 0 <= n <= 100, given):
            expected = [reference.fold_in(words, 2**62 + i) for i in range(n)]
            assert [child.words for child in made.value] == expected
        return
    compare_key(key, words, d.anything())


def compare_key(key, words, other):
    """Compare a key with its copies, which are equal, and with something else, which is not."""
    for twin in (copy.copy(key), copy.deepcopy(key), pickle.loads(pickle.dumps(key))):
        assert twin == key
        assert hash(twin) == hash(key)
        assert twin.words == words
        assert eval(repr(twin)) == key
    assert key != other
    assert (key == words) is False
    for attribute in ("words", "k0", "other"):
        with pytest.raises(AttributeError):
            setattr(key, attribute, other)
    assert key.words == words


def draw_seed(d, world):
    """Draw what is a seed, or what is none."""
    source = (
        fuzz_sources.draw_source(d, world) if d.chance(60) else fuzz_sources.odd_source(d, world)
    )
    for error in source.raises:
        world.allow(error)
    seed = source.given
    if source.text == "exhausted":
        fastdrop.manual_seed(0)
    is_seed = source.text.startswith(("seed", "SeedSequence", "None")) and source.taken
    source.taken = is_seed or seed is None
    return source


def check_manual_seed(d, name):
    """Seed the process's stream, and compare its state."""
    world = World()
    source = draw_seed(d, world)
    good = source.taken or type(source.given) is Key
    outcome = fuzz.attempt(world, name, lambda: fastdrop.manual_seed(source.given))
    if agree(outcome, good, source.text) and source.given is not None:
        state = fastdrop.get_rng_state()
        assert state == {"key": reference.fold_in(source.key, 2**63 - 1), "calls": 0}
    fastdrop.keep_mask(3)


def draw_state(d, world):
    """Draw the state of a stream, or what is none: what is given, and what it means or None."""
    k0, k1 = (draw_number(d, world, (*WORDS, *WORDS, -1, 2**64)) for _ in range(2))
    calls, n = draw_number(d, world, (0, 1, 2**63 - 1, 2**63, 2**63 + 1, -1))
    means: Any = None
    words = (k0[1], k1[1])
    if n is not None and 0 <= n <= 2**63 and all(w is not None and 0 <= w < 2**64 for w in words):
        means = {"key": words, "calls": n}
    key = (k0[0], k1[0])
    given: Any = {"key": d.one([key, list(key)]), "calls": calls}
    if d.chance(25):
        means = None
        bad: list[Any] = [
            None,
            1,
            "key",
            [],
            {},
            {"key": (1, 2)},
            {"calls": 1},
            {**given, "more": 1},
        ]
        bad += [{"key": None, "calls": 0}, {"key": (1,), "calls": 0}, {"key": "ab", "calls": 0}]
        bad += [{"key": (1, 2, 3), "calls": 0}, {"key": 5, "calls": 0}, {1: 2, "calls": 0}]
        given = d.one([*bad, d.anything(), hostile.Attributes(), {"key": {1, 2.5}, "calls": 0}])
        world.allow(OwnError)
    return given, means


def check_set_rng_state(d, name):
    """Set the state of the process's stream, and compare it."""
    world = World()
    given, means = draw_state(d, world)
    world.texts = [shown(given)]
    outcome = fuzz.attempt(world, name, lambda: fastdrop.set_rng_state(given))
    if agree(outcome, means is not None, world.texts):
        assert fastdrop.get_rng_state() == means


def check_get_rng_state(d, name):
    """Save the state, take keys, and resume."""
    world, n = World(), d.integer(0, 3)
    state = fuzz.attempt(world, name, fastdrop.get_rng_state).value
    masks = [fastdrop.keep_mask(70).tobytes() for _ in range(n)]
    assert fastdrop.get_rng_state() == {**state, "calls": state["calls"] + n}
    fastdrop.set_rng_state(state)
    assert [fastdrop.keep_mask(70).tobytes() for _ in range(n)] == masks


def check_threads(d, name):
    """Set the number of threads, and compare it."""
    world, before = World(), fastdrop.get_num_threads()
    given, n = draw_number(d, world, (0, 1, 2, 3, 256, 257, 2**31, 2**63, 2**64, 10**400, -1))
    world.texts = [f"{type(given).__name__}"]
    if name == "get_num_threads":
        assert fuzz.attempt(world, name, fastdrop.get_num_threads).value == before
    outcome = fuzz.attempt(world, "set_num_threads", lambda: fastdrop.set_num_threads(given))
    serial = fastdrop.show_config("dicts")["openmp"] is None
    try:
        if agree(outcome, n is not None and n >= 1, given):
            assert fastdrop.get_num_threads() == (1 if serial else min(n, 256))
            assert fastdrop.dropout(np.ones(5), rng=1).tobytes()
        else:
            assert fastdrop.get_num_threads() == before
    finally:
        fastdrop.set_num_threads(before)


def check_show_config(d, name):
    """Show the configuration in each mode, and in none."""
    world = World()
    mode = d.one(["stdout", "dicts", "dict", "", None, 1, object(), ["stdout"], d.anything()])
    text = io.StringIO()
    with redirect_stdout(text):
        outcome = fuzz.attempt(world, name, lambda: fastdrop.show_config(mode))
    good = isinstance(mode, str) and mode in ("stdout", "dicts")
    if agree(outcome, good, mode):
        assert ("mask format: 1" in text.getvalue()) == (mode == "stdout")
        assert (outcome.value is None) == (mode == "stdout")


CHECKS = {
    **{"Key": check_key, "manual_seed": check_manual_seed, "set_rng_state": check_set_rng_state},
    **{"get_rng_state": check_get_rng_state, "set_num_threads": check_threads},
    **{"get_num_threads": check_threads, "show_config": check_show_config},
}
fuzz.tested.update(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_the_process_takes_what_it_says(name):
    fuzz.run(name, CHECKS[name])


def test_every_public_name_is_fuzzed():
    modules = (test_fuzz_calls, test_fuzz_layers, test_fuzz_masks)
    assert all(module.fuzz is fuzz for module in modules)
    assert fuzz.tested == set(fastdrop.__all__) - fuzz.NOT_CALLED
    assert set(fuzz.SHARES) == fuzz.tested
    assert set(fuzz_cases.AXES) == set(fuzz_cases.OPTIONS)
