"""Masks with a count along an axis: exactly so many dropped, or at least so many kept.

Cases are drawn at random, each from its own number. A failure prints the case and its number n;
`FASTDROP_FIRST_CASE=n FASTDROP_CASES=1 pytest tests/test_counts.py` repeats it alone, and a large
FASTDROP_CASES makes a long search.
"""

import itertools
import math
from dataclasses import dataclass

import cases
import memory
import numpy as np
import pytest
import reference
from arrays import assert_same_bytes

import fastdrop
from fastdrop import dropout, keep_mask

CASES = 2000
BLOCK = 16384
TABLE = 4096  # ranks that a kernel looks at together; lines are longer or not

KEYS = [(1, 2), (2**64 - 1, 0), (0x0123456789ABCDEF, 0xFEDCBA9876543210)]
LENGTHS = [0, 1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200]
LONG = [TABLE - 1, TABLE, TABLE + 1, TABLE + 63, 3 * TABLE + 17]


@dataclass
class Case:
    """A call of keep_mask, and how its `out` lies in memory."""

    number: int
    shape: tuple[int, ...]
    axis: int
    asked: str  # "count" or "min_keep"
    n: int  # how many
    p: float
    key: tuple[int, int]
    offset: int
    threads: int
    packed: bool
    out: memory.Layout | None


def draw_case(number):
    """Draw a case from its number."""
    rng = np.random.default_rng([20261126, number])

    def choose(options):
        return options[rng.integers(len(options))]

    axes = int(rng.integers(1, 5))
    shape, size = [1] * axes, 1
    if rng.random() < 0.05:
        shape[rng.integers(axes)] = size = choose(LONG)
    for axis in rng.permutation(axes).tolist():
        n = choose(LENGTHS)
        if shape[axis] == 1 and n * size <= 3 * 10 ** rng.uniform(0, 4):
            shape[axis] = n
            size *= max(n, 1)
    axis = int(rng.integers(-axes, axes))
    length = shape[axis]
    packed = bool(rng.random() < 0.3)
    layout = memory.draw_layout(choose(memory.WRITABLE), rng, axes)
    return Case(
        number=number,
        shape=tuple(shape),
        axis=axis,
        asked=choose(["count", "min_keep"]),
        n=min(length, choose([0, 1, 2, length // 2, length, *rng.integers(0, length + 1, 5)])),
        p=choose([0.0, 0.1, 0.5, 0.9, 0.99, 1.0]),
        key=choose(KEYS),
        offset=choose([0, 0, 1, 77, BLOCK - 1, 2**63, 2**64 - max(size, 1)]),
        threads=int(rng.integers(1, 4)),
        packed=packed,
        out=layout if rng.random() < 0.3 and not packed else None,
    )


def expected_mask(case):
    """Return the mask of the reference."""
    if case.asked == "count":
        return reference.drop_count(case.shape, case.n, case.axis, case.key, case.offset)
    drawn = reference.decisions(case.shape, case.p, case.key, case.offset)
    return reference.keep_at_least(drawn, case.n, case.axis, case.key, case.offset)


def check(case):
    options = {
        "rng": fastdrop.Key.from_words(*case.key),
        case.asked: case.n,
        "axis": case.axis,
        "offset": case.offset,
        "packed": case.packed,
        "num_threads": case.threads,
    }
    expected = expected_mask(case)
    if case.out is None:
        mask = keep_mask(case.shape, case.p, **options)
        assert_same_bytes(mask, reference.packed(expected.reshape(-1)) if case.packed else expected)
        return
    _, _, size = case.out.strides(case.shape, 1)
    around = np.full(size, 7, np.uint8)
    out_expected = around.copy()
    out = memory.view(around, case.shape, np.dtype(bool), case.out)
    memory.view(out_expected, case.shape, np.dtype(bool), case.out)[...] = expected
    assert keep_mask(case.shape, case.p, out=out, **options) is out
    assert around.tobytes() == out_expected.tobytes()


@pytest.mark.parametrize("begin", cases.chunks(CASES))
def test_drawn_cases(begin):
    cases.check_all(cases.chunk(begin, CASES, draw_case), check)


def test_the_cases_are_of_every_kind():
    """Counts and least numbers meet every other choice."""
    seen, lengths = set(), set()
    for case in map(draw_case, range(CASES)):
        length = case.shape[case.axis]
        inner = math.prod(case.shape[case.axis % len(case.shape) + 1 :])
        part = {0: "none", length: "all"}.get(case.n, "some")
        of_line = "long" if length > TABLE else "short"
        out = "packed" if case.packed else "fresh" if case.out is None else "out"
        choices = [part, of_line, "inner" if inner > 1 else "last", out, case.threads, case.p]
        seen |= {(case.asked, choice) for choice in choices}
        lengths.add(length)
    choices = ["none", "all", "some", "long", "short", "inner", "last", "packed", "fresh", "out"]
    choices += [1, 2, 3, 0.0, 0.1, 0.5, 0.9, 0.99, 1.0]
    assert seen == set(itertools.product(["count", "min_keep"], choices))
    assert lengths >= {*LENGTHS, *LONG}


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 9, 16, 31, 32, 33, 34, 63, 64, 65, 130, 200])
def test_every_count_of_a_short_line(length, key, words):
    ranks = reference.ranks_of((3, length), words)
    for count in range(length + 1):
        limits = np.sort(ranks, axis=1)[:, count:][:, :1]
        expected = ranks >= limits if count < length else np.zeros(ranks.shape, bool)
        assert_same_bytes(keep_mask((3, length), count=count, rng=key), expected)
        drawn = reference.decisions(ranks.shape, 0.9, words)
        expected = reference.keep_at_least(drawn, count, 1, words)
        assert_same_bytes(keep_mask((3, length), 0.9, min_keep=count, rng=key), expected)


# Of the longest line, more ranks lie near the limit than a table holds.
@pytest.mark.parametrize("shape", [(1, 3_000_001, 1), *[(2, n, 2) for n in (TABLE + 1, 100_003)]])
def test_long_lines(shape, key, words):
    length = shape[1]
    ranks = reference.ranks_of(shape, words)
    order = np.sort(ranks, axis=1)
    drawn = reference.decisions(shape, 0.9, words)
    for count in (1, 2, length // 3, length // 2, length - 1):
        mask = keep_mask(shape, count=count, axis=1, rng=key, num_threads=2)
        assert_same_bytes(mask, ranks >= order[:, count : count + 1])
    for least in (1, length // 10, length // 2, length - 1):
        mask = keep_mask(shape, 0.9, min_keep=least, axis=1, rng=key, num_threads=2)
        assert_same_bytes(mask, reference.keep_at_least(drawn, least, 1, words))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("asked", ["count", "min_keep"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_block_of_a_larger_mask(axis, asked, packed):
    """Wherever it is cut, along the axis too."""
    rng = np.random.default_rng(axis)
    for full_shape in [(5, 6, 7), (3, 130, 2), (2, 3, 200), (70, 3, 5), (1, TABLE + 70, 2)]:
        offset = int(rng.integers(10**6))
        p = rng.choice(
            [0.8, 0.9, 0.99], tuple(1 if i == axis else n for i, n in enumerate(full_shape))
        )
        options = {"rng": fastdrop.Key.from_words(*KEYS[2]), asked: full_shape[axis] // 2}
        options |= {"axis": axis, "offset": offset}
        whole = keep_mask(full_shape, p, **options)
        for _ in range(20):
            begins = [int(rng.integers(n)) for n in full_shape]
            ends = [
                int(rng.integers(begin, n)) + 1 for begin, n in zip(begins, full_shape, strict=True)
            ]
            part = tuple(map(slice, begins, ends))
            block = keep_mask(
                tuple(end - begin for begin, end in zip(begins, ends, strict=True)),
                p[tuple(slice(None) if i == axis else along for i, along in enumerate(part))],
                origin=begins,
                full_shape=full_shape,
                packed=packed,
                num_threads=int(rng.integers(1, 4)),
                **options,
            )
            expected = whole[part].copy()
            assert_same_bytes(block, reference.packed(expected.reshape(-1)) if packed else expected)


def test_at_least_so_many_with_a_p_for_each(key, words):
    """A p for each decision, and one that is constant in each line."""
    rng = np.random.default_rng(3)
    for p_shape in [(40, 50), (40, 1), (50,)]:
        p = rng.uniform(0.5, 1, p_shape)
        drawn = keep_mask((40, 50), p, rng=key)
        expected = reference.keep_at_least(drawn, 15, 1, words)
        assert not np.array_equal(drawn, expected)
        for packed in (True, False):
            mask = keep_mask((40, 50), p, rng=key, min_keep=15, packed=packed)
            assert_same_bytes(mask, reference.packed(expected.reshape(-1)) if packed else expected)
        assert_same_bytes(
            keep_mask((40, 50), p, rng=key, count=15), keep_mask((40, 50), rng=key, count=15)
        )


def test_a_block_that_cuts_lines_needs_the_p_of_the_rest(key):
    p = np.linspace(0.1, 0.9, 5)
    options = {"rng": key, "min_keep": 3, "origin": (0, 2), "full_shape": (4, 9)}
    with pytest.raises(ValueError, match=r"min_keep counts whole lines.*5 of the 9.*axis 1"):
        keep_mask((4, 5), p, **options)
    with pytest.raises(ValueError, match="min_keep counts whole lines"):
        keep_mask((4, 5), np.full(5, 0.1), **options)  # equal here, but perhaps not elsewhere
    with pytest.raises(ValueError, match="min_keep counts whole lines"):
        fastdrop.dropout1d(
            np.ones((5, 3)),
            np.full((5, 1), 0.1),
            **options | {"origin": (2, 0), "full_shape": (9, 3)},
        )
    keep_mask((4, 5), p[:1], **options)
    keep_mask((4, 5), np.broadcast_to(0.1, 5), **options)
    keep_mask((4, 5), p, rng=key, min_keep=3, origin=(2, 0), full_shape=(8, 5))


@pytest.mark.parametrize("threads", range(1, 6))
@pytest.mark.parametrize("shape", [(300, 1000), (3, 50_000), (5, 300, 200)])
@pytest.mark.parametrize("asked", [{"count": 60}, {"min_keep": 60}])
def test_threads(threads, shape, asked, key):
    axis = 1 if len(shape) == 3 else -1
    expected = keep_mask(shape, 0.9, rng=key, axis=axis, num_threads=1, **asked)
    mask = keep_mask(shape, 0.9, rng=key, axis=axis, num_threads=threads, **asked)
    assert_same_bytes(mask, expected)


# What follows


def test_what_a_count_drops_a_larger_one_drops_too(key):
    masks = [keep_mask((20, 30), count=count, rng=key) for count in range(31)]
    for smaller, larger in itertools.pairwise(masks):
        assert not (larger & ~smaller).any()


def test_at_least_so_many_is_the_plain_mask_where_it_keeps_enough(key):
    plain = keep_mask((500, 8), 0.7, rng=key)
    mask = keep_mask((500, 8), 0.7, min_keep=2, rng=key)
    enough = plain.sum(axis=1) >= 2
    assert 0.5 < enough.mean() < 0.99
    assert_same_bytes(mask[enough], plain[enough])
    assert set(mask[~enough].sum(axis=1)) == {2}
    assert not (plain & ~mask).any()
    assert_same_bytes(keep_mask((500, 8), 0.7, min_keep=0, rng=key), plain)


def test_at_least_so_many_of_all_that_is_dropped_is_a_count(key):
    for least in range(9):
        mask = keep_mask((50, 8), 1.0, min_keep=least, rng=key)
        assert_same_bytes(mask, keep_mask((50, 8), count=8 - least, rng=key))


def test_p_does_not_change_a_count(key):
    expected = keep_mask((50, 8), count=3, rng=key)
    for p in (0.0, 0.1, 1.0):
        assert_same_bytes(keep_mask((50, 8), p, count=3, rng=key), expected)


@pytest.mark.parametrize("packed", [True, False])
def test_only_chance_advances_a_generator(packed):
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    shape, options = (3, 5), {"rng": rng, "packed": packed}
    assert keep_mask(shape, count=0, **options).any()
    assert not keep_mask(shape, count=5, **options).any()
    keep_mask(shape, min_keep=5, **options)
    keep_mask(shape, 0.0, min_keep=2, **options)
    keep_mask(shape, 1.0, min_keep=0, **options)
    keep_mask((0, 5), count=2, **options)
    keep_mask((3, 0), count=0, **options)
    assert rng.bit_generator.state == before
    twin = np.random.default_rng(3)
    for asked in ({"count": 2}, {"p": 0.5, "min_keep": 1}, {"p": 1.0, "min_keep": 1}):
        _, used = dropout(np.ones(3), 0.5, rng=twin, return_key=True)
        mask = keep_mask(shape, **asked, **options)
        assert rng.bit_generator.state == twin.bit_generator.state
        assert_same_bytes(mask, keep_mask(shape, **asked, rng=used, packed=packed))


# Statistics, at a false-alarm rate of 1e-6


def chi_square_tail(value, degrees):
    """The probability of a larger value, for an even number of degrees of freedom."""
    terms = ((value / 2) ** k / math.factorial(k) for k in range(degrees // 2))
    return math.exp(-value / 2) * sum(terms)


@pytest.mark.parametrize("asked", [{"count": 4}, {"p": 0.9, "min_keep": 2}])
@pytest.mark.parametrize("axis", [0, 1])
def test_all_choices_are_equally_likely(asked, axis, key):
    """Of 2 in 6 that are kept there are 15."""
    shape = (6, 300_000) if axis == 0 else (300_000, 6)
    mask = keep_mask(shape, axis=axis, rng=key, **asked)
    lines = mask if axis else mask.T
    lines = lines[lines.sum(axis=1) == 2]
    assert len(lines) > 200_000
    choices = np.bincount(lines @ (1 << np.arange(6)), minlength=64)
    choices = choices[choices > 0]
    assert len(choices) == 15
    mean = len(lines) / 15
    assert chi_square_tail(float(((choices - mean) ** 2 / mean).sum()), 14) > 1e-6


def test_the_measure_of_chance():
    """Known values: 14 degrees of freedom exceed 23.685 at 5 %, and 36.123 at 0.1 %."""
    assert chi_square_tail(23.685, 14) == pytest.approx(0.05, rel=1e-3)
    assert chi_square_tail(36.123, 14) == pytest.approx(0.001, rel=1e-3)


# Errors


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"count": 6}, ValueError, r"count.*between 0 and 5.*axis -1.*got 6"),
        ({"count": 4, "axis": 0}, ValueError, r"count.*between 0 and 3.*axis 0.*got 4"),
        ({"count": -1}, ValueError, "count.*between 0 and 5.*got -1"),
        ({"min_keep": 6}, ValueError, "min_keep.*between 0 and 5.*got 6"),
        ({"min_keep": -1}, ValueError, "min_keep.*between 0 and 5.*got -1"),
        ({"count": 2**70}, ValueError, "count.*between 0 and 5"),
        ({"count": 1, "min_keep": 1}, ValueError, "only one"),
        ({"count": True}, TypeError, "count must be an integer"),
        ({"count": 2.0}, TypeError, "count must be an integer"),
        ({"count": 0.4}, TypeError, "count must be an integer"),
        ({"min_keep": False}, TypeError, "min_keep must be an integer"),
        ({"min_keep": "1"}, TypeError, "min_keep must be an integer"),
        (
            {"count": 8, "origin": (0, 1), "full_shape": (3, 7)},
            ValueError,
            "count.*between 0 and 7.*got 8",
        ),
        ({"count": 1, "axis": 2}, ValueError, r"axis.*2 axes.*\(3, 5\).*got 2"),
        ({"count": 1, "axis": -3}, IndexError, "got -3"),
        ({"count": 1, "axis": 1.0}, TypeError, "axis must be an integer"),
        ({"count": 1, "axis": None}, TypeError, "axis must be an integer"),
        ({"axis": 0}, ValueError, "axis=0.*count= or min_keep="),
        ({"shape": (), "count": 0}, np.exceptions.AxisError, "0 axes"),
        ({"shape": (1,) * 65, "count": 1}, ValueError, "64 axes"),
        ({"count": 1, "p": 1.5}, ValueError, "between 0 and 1, but got 1.5"),
        ({"count": 1, "offset": -1}, ValueError, "offset must be"),
        ({"count": 1, "num_threads": 0}, ValueError, "num_threads must be 1 or more"),
    ],
)
def test_bad_arguments(arguments, error, match, packed):
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    with pytest.raises(error, match=match):
        keep_mask(**({"shape": (3, 5), "rng": rng, "packed": packed} | arguments))
    assert rng.bit_generator.state == before


class Index:
    """An integer by `__index__` alone, whose code runs a function first."""

    def __init__(self, value, run=lambda: None):
        self.value, self.run = value, run

    def __index__(self):
        self.run()
        return self.value


def test_integers_of_any_kind(key):
    expected = keep_mask((6, 8), count=2, axis=0, rng=key)
    assert_same_bytes(keep_mask((6, 8), count=Index(2), axis=Index(0), rng=key), expected)


def test_an_integer_is_asked_once():
    values = iter([0, 10**6])

    class Changing(Index):
        def __index__(self):
            return next(values)

        __int__ = __index__

    assert (keep_mask((6, 8), count=2, axis=Changing(0), rng=1).sum(axis=0) == 4).all()


@pytest.mark.parametrize("asked", ["count", "min_keep"])
def test_a_count_is_taken_before_x_is_looked_at(asked, key):
    x, larger = np.ones((4, 4, 1), np.int8), (64, 64, 100)

    def enlarge():
        x.resize(larger, refcheck=False)
        x[...] = 1

    counted = {asked: Index(1, enlarge)}
    y = fastdrop.dropout1d(x, 0.5, rng=key, scale=False, **counted)
    expected = fastdrop.dropout1d(x, 0.5, rng=key, scale=False, **{asked: 1})
    assert_same_bytes(y, expected)
