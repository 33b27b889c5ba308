"""Channels with a count: exactly so many of each sample dropped, or at least so many kept.

Cases are drawn at random, each from its own number. A failure prints the case and its number n;
`FASTDROP_FIRST_CASE=n FASTDROP_CASES=1 pytest tests/test_channel_counts.py` repeats it alone, and a
large FASTDROP_CASES makes a long search.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import cases
import memory
import numpy as np
import pytest
import reference
from arrays import assert_refused, assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import dropout1d, dropout2d, dropout3d, keep_mask

CASES = 1000

FUNCTIONS = {1: dropout1d, 2: dropout2d, 3: dropout3d}
KEYS = [(1, 2), (2**64 - 1, 0), (0x0123456789ABCDEF, 0xFEDCBA9876543210)]
CHANNELS = [0, 1, 2, 3, 4, 7, 8, 16, 31, 33, 64, 65, 100, 200]
TARGETS = ["fresh", "out", "inplace"]
P_SHAPES = ["number", "each", "by channel", "by sample"]


@dataclass
class Case:
    """A call, and how its arrays lie in memory."""

    number: int
    inner: int  # axes of a channel
    shape: tuple[int, ...]
    asked: str
    n: int
    p_shape: str
    p: Any
    scale: bool
    fill: Any
    dtype: str
    offset: int
    key: tuple[int, int]
    threads: int
    target: str
    x: memory.Layout
    out: memory.Layout

    @property
    def axis(self) -> int:
        """The channels."""
        return len(self.shape) - self.inner - 1

    @property
    def mask_shape(self) -> tuple[int, ...]:
        """One decision for each channel."""
        return self.shape[: self.axis + 1] + (1,) * self.inner


def draw_case(number):
    """Draw a case from its number."""
    rng = np.random.default_rng([20261128, number])

    def choose(options):
        return options[rng.integers(len(options))]

    inner = choose([1, 2, 3])
    batch = (choose([0, 1, 2, 3, 9]),) if rng.random() < 0.7 else ()
    channels = choose(CHANNELS)
    shape = (*batch, channels, *(choose([1, 2, 3, 5]) for _ in range(inner)))
    target, scale = choose(TARGETS), bool(rng.random() < 0.7)
    readable = memory.WRITABLE if target == "inplace" else list(memory.READABLE)
    plain = rng.random() < 0.5
    names = ("in_c_order",) * 2 if plain else (choose(readable), choose(memory.WRITABLE))
    x, out = (memory.draw_layout(name, rng, len(shape)) for name in names)
    p_shape = choose(["number", "number", *P_SHAPES])
    lengths = {
        "each": (*batch, channels, *(1,) * inner),
        "by channel": (channels, *(1,) * inner),
        "by sample": (*batch, 1, *(1,) * inner),
    }
    p = choose([0.0, 0.1, 0.5, 0.9, 0.99])
    if p_shape != "number":
        p = rng.choice([0.0, 0.3, 0.5, 0.9, 0.99], lengths[p_shape])
    return Case(
        number=number,
        inner=inner,
        shape=shape,
        asked=choose(["count", "min_keep"]),
        n=min(channels, choose([0, 1, 2, channels // 2, channels, channels - 1]))
        if channels
        else 0,
        p_shape=p_shape,
        p=p,
        scale=scale,
        fill=choose([0, 0, 1, np.nan if scale else 1]),
        dtype=choose(reference.SCALED if scale else [*reference.SCALED, "uint8", "int64", "bool"]),
        offset=choose([0, 1, 77, 2**40]),
        key=choose(KEYS),
        threads=int(rng.integers(1, 4)),
        target=target,
        x=x,
        out=out,
    )


def expected_result(x, case):
    """Return what the reference makes of x."""
    shape = case.mask_shape
    if case.asked == "count":
        length = case.shape[case.axis]
        kept = reference.drop_count(shape, case.n, case.axis, case.key, case.offset)
        if not case.scale or not 0 < case.n < length:
            return reference.apply_mask(x, kept, 0, False, case.fill)
        real = reference.computed_in(reference.native(x).dtype)
        scale = float(real.type(length / (length - case.n)))
        scaled = reference.on_line(reference.native(x), scale, None)
        return reference.apply_mask(scaled, kept, 0, False, case.fill)
    kept = reference.decisions(shape, case.p, case.key, case.offset)
    kept = reference.keep_at_least(kept, case.n, case.axis, case.key, case.offset)
    return reference.apply_mask(x, kept, case.p, case.scale, case.fill)


def place(shape, dtype, layout):
    """Memory of a layout, and the array in it."""
    _, _, size = layout.strides(shape, dtype.itemsize)
    around = np.full(size, 7, np.uint8)
    return around, memory.view(around, shape, dtype, layout)


def check(case):
    dtype = reference.dtype_of(case.dtype)
    x_around, x = place(case.shape, dtype, case.x)
    x[...] = awkward_numbers(case.shape, dtype, np.random.default_rng(case.number))
    expected = expected_result(x, case)
    options = {
        case.asked: case.n,
        "rng": fastdrop.Key.from_words(*case.key),
        "scale": case.scale,
        "fill": case.fill,
        "offset": case.offset,
        "num_threads": case.threads,
    }
    around, target, layout = x_around, None, case.x
    if case.target == "inplace":
        options["inplace"], target = True, x
    elif case.target == "out":
        layout = case.out
        around, target = place(case.shape, dtype, layout)
        options["out"] = target
    around_expected = around.copy()
    if target is not None:
        memory.view(around_expected, case.shape, dtype, layout)[...] = expected
    y = FUNCTIONS[case.inner](x, case.p, **options)
    assert_same_bytes(y, expected)
    assert target is None or y is target
    assert around.tobytes() == around_expected.tobytes(), "bytes beside the result, or of x"


@pytest.mark.parametrize("begin", cases.chunks(CASES))
def test_drawn_cases(begin):
    cases.check_all(cases.chunk(begin, CASES, draw_case), check)


def test_the_cases_are_of_every_kind():
    seen = set()
    for case in map(draw_case, range(CASES)):
        length = case.shape[case.axis]
        part = {0: "none", length: "all"}.get(case.n, "some")
        batch = "batch" if case.axis else "no batch"
        fill = "0" if type(case.fill) is int and case.fill == 0 else "fill"
        choices = [case.inner, part, batch, fill, case.target, case.p_shape, case.scale]
        seen |= {(case.asked, choice) for choice in [*choices, case.dtype]}
    choices = [1, 2, 3, "none", "all", "some", "batch", "no batch", "0", "fill", *TARGETS]
    choices += [*P_SHAPES, True, False, *reference.SCALED, "uint8", "int64", "bool"]
    assert seen == set(itertools.product(["count", "min_keep"], choices))


@pytest.mark.parametrize("asked", [{"count": 5}, {"min_keep": 5}])
@pytest.mark.parametrize("inner", [1, 2, 3])
def test_the_decisions_are_those_of_a_mask(inner, asked, key):
    x = np.ones((30, 12, *[4] * inner), np.float32)
    mask = keep_mask((30, 12), 0.8, rng=key, axis=1, **asked)
    y = FUNCTIONS[inner](x, 0.8, rng=key, **asked)
    assert_same_bytes(y[(..., *[0] * inner)] != 0, mask)
    assert_same_bytes(y, np.broadcast_to(y[(..., *[slice(0, 1)] * inner)], x.shape).copy())


def test_the_mean_stays_with_a_count():
    """In each sample, whatever is dropped."""
    y = dropout1d(np.ones((50, 10, 4)), count=4, rng=1)
    assert_same_bytes(y.sum(axis=(1, 2)), np.full(50, 6 * 4 * (10 / 6)))


@pytest.mark.parametrize("asked", [{"count": 3}, {"min_keep": 3}])
def test_a_gradient_passes_with_the_key(asked):
    x = np.random.default_rng(0).uniform(1, 2, (9, 7, 5))
    y, key = dropout1d(x, 0.8, return_key=True, **asked)
    grad = dropout1d(np.ones_like(x), 0.8, rng=key, **asked)
    assert_same_bytes(y, x * grad)


def test_where_chance_has_no_say_no_key_is_taken():
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    x = np.full((2, 5, 3), 2.0)
    for options in (
        {"count": 0},
        {"count": 3, "training": False},
        {"min_keep": 3, "p": 0.0},
        {"min_keep": 5, "p": 0.5, "scale": False},
        {"min_keep": 3, "p": 0.5, "training": False},
    ):
        y, key = dropout1d(x, rng=rng, return_key=True, **options)
        assert y is x
        assert key is None
        out = np.zeros_like(x)
        assert dropout1d(x, rng=rng, out=out, **options) is out
        assert_same_bytes(out, x)
    for options in ({"count": 5}, {"min_keep": 0, "p": 1.0}):
        y, key = dropout1d(x, rng=rng, return_key=True, **options)
        assert_same_bytes(y, np.zeros_like(x))
        assert key is None
        assert_same_bytes(dropout1d(x, rng=rng, fill=7, **options), np.full_like(x, 7))
    dropout1d(np.ones((0, 5, 3)), rng=rng, count=2)
    assert rng.bit_generator.state == before
    assert_same_bytes(dropout1d(x, 0.5, min_keep=5, rng=1), 2 * x)  # all are kept, and scaled


def test_integers_with_a_count():
    image = np.arange(1, 13).reshape(3, 4, 1)
    y = dropout1d(image, count=2, rng=1, scale=False)
    assert_same_bytes((y != 0).sum(axis=1), np.full((3, 1), 2))
    assert dropout1d(image, count=0) is image
    assert not dropout1d(image, count=4).any()


@pytest.mark.parametrize("asked", [{"count": 20}, {"min_keep": 20}])
@pytest.mark.parametrize("fill", [0, 3])
def test_blocks_of_a_larger_array(asked, fill, key):
    """Wherever they are cut, along the channels too."""
    rng = np.random.default_rng(1)
    x = awkward_numbers((5, 30, 4, 6), np.float32)
    options = {"rng": key, "fill": fill, "offset": 9, **asked}
    whole = dropout2d(x, 0.9, **options)
    for _ in range(200):
        begins = [int(rng.integers(n)) for n in x.shape]
        ends = [int(rng.integers(begin, n)) + 1 for begin, n in zip(begins, x.shape, strict=True)]
        part = tuple(map(slice, begins, ends))
        y = dropout2d(x[part], 0.9, origin=begins, full_shape=x.shape, **options)
        assert_same_bytes(y, whole[part].copy())


@pytest.mark.parametrize("asked", [{"count": 3}, {"min_keep": 3}])
def test_blocks_with_a_p_for_each_channel(asked, key):
    """For at least so many, p has to be known where a block cuts the channels."""
    rng = np.random.default_rng(0)
    x, p = rng.standard_normal((4, 9, 6, 5)), np.linspace(0.5, 0.99, 9)[:, np.newaxis, np.newaxis]
    whole = dropout2d(x, p, rng=key, **asked)
    refused = 0
    for _ in range(60):
        begin, end = sorted(rng.choice(10, 2, replace=False).tolist())
        if rng.random() < 0.2:
            begin, end = 0, 9
        if end - begin == 1:  # one number, which holds for the whole axis
            continue
        options = {"rng": key, "origin": (1, begin, 0, 2), "full_shape": x.shape, **asked}
        part = (slice(1, 3), slice(begin, end), slice(4), slice(2, 5))
        if "min_keep" in asked and end - begin < 9:
            refused += 1
            with pytest.raises(ValueError, match="pass blocks that do not cut that axis"):
                dropout2d(x[part], p[begin:end], **options)
        else:
            assert_same_bytes(dropout2d(x[part], p[begin:end], **options), whole[part].copy())
    assert ("min_keep" in asked) == (refused > 20)


def test_every_choice_of_channels_is_as_likely():
    """A false alarm once in 10^6: chi-square of the 10 choices of 2 of 5, 9 degrees of freedom."""
    y = dropout1d(np.ones((20000, 5, 1)), count=2, rng=1)
    choices = (y[:, :, 0] == 0) @ (2 ** np.arange(5))
    counts = np.unique(choices, return_counts=True)[1]
    assert counts.size == 10
    assert ((counts - 2000) ** 2 / 2000).sum() < 45.1


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"count": 5}, ValueError, "count must be between 0 and 4.*got 5"),
        ({"count": -1}, ValueError, "count must be between 0 and 4.*got -1"),
        ({"min_keep": 5}, ValueError, "min_keep must be between 0 and 4.*got 5"),
        ({"count": 1, "min_keep": 1}, ValueError, "only one"),
        ({"count": True}, TypeError, "count must be an integer"),
        ({"count": 0.5}, TypeError, "count must be an integer"),
        ({"min_keep": 1.0}, TypeError, "min_keep must be an integer"),
        ({"min_keep": 1, "p": 1.0}, ValueError, "p = 1 leaves no scale.*scale=False"),
        ({"min_keep": 1, "p": [[0.5], [1], [0], [0]]}, ValueError, "p = 1 leaves no scale"),
        ({"count": 1, "p": 1.5}, ValueError, "between 0 and 1, but got 1.5"),
        ({"count": 1, "x": np.ones((3, 4, 2), int)}, TypeError, r"int64.*scale=False"),
    ],
)
def test_bad_arguments(arguments, error, match):
    out = np.full((3, 4, 2), 7.0)
    arguments = {"x": np.ones((3, 4, 2))} | arguments
    if arguments["x"].dtype == float:
        arguments["out"] = out
    assert_refused(error, match, lambda rng: dropout1d(**arguments, rng=rng), out)


@pytest.mark.parametrize("p", [1.0, [[0.5], [1], [0.9], [1]]])
def test_p_1_without_a_scale_leaves_what_must_be_kept(p, key, words):
    x = np.ones((50, 4, 2))
    y = dropout1d(x, p, min_keep=2, scale=False, rng=key)
    drawn = (
        reference.decisions((50, 4), np.ravel(p), words) if np.ndim(p) else np.zeros((50, 4), bool)
    )
    expected = reference.keep_at_least(drawn, 2, 1, words)
    assert_same_bytes(y, reference.apply_mask(x, expected[..., np.newaxis], 0))
