"""p as an array: each element is decided and scaled by its own.

The cases are drawn as in tests/test_layouts.py. `FASTDROP_CASES=10000 pytest
tests/test_probabilities.py` is a search of a minute, FASTDROP_CASES=100000 one of ten.
"""

import itertools
import math
import os

import memory
import numpy as np
import pytest
import reference
import vectors
from arrays import assert_refused, assert_same_bytes, awkward_numbers, shown
from case_options import P_DTYPES, SOME_P
from cases import DTYPES, LARGE, MASKS, TARGETS, check_all, chunk, chunks, draw_case

import fastdrop
from fastdrop import Key, apply_mask, dropout, keep_mask
from fastdrop._core import BLOCK

CASES = 2500
EXTRAS = ("p",)
SHAPES = [(), (1,), (130,), (50, 1), (1, 130), (50, 130), (7, 1, 1), (7, 50, 1), (7, 50, 130)]
# Two-sided, the normal distribution exceeds it once in a million.
DEVIATIONS = 4.8917


@pytest.mark.parametrize("begin", chunks(CASES))
def test_drawn_cases(begin):
    check_all(chunk(begin, CASES, extras=EXTRAS))


@pytest.mark.parametrize("begin", chunks(500))
def test_drawn_cases_with_fills(begin):
    check_all(chunk(begin, 500, extras=("fill", "p")))


@pytest.mark.skipif("FASTDROP_FIRST_CASE" in os.environ, reason="one case is repeated")
def test_drawn_cases_of_arrays_that_a_team_works_on():
    check_all(draw_case(n, large=True, extras=EXTRAS) for n in range(LARGE))


def test_the_cases_are_of_every_kind():
    seen = set()
    for n in range(CASES):
        case = draw_case(n, extras=EXTRAS)
        p = case.p_array
        for value in (p.dtype, p.place, p.form):
            seen |= {(value, case.target), (value, case.mask), (value, case.threads)}
            seen |= {(value, len(p.shape)), (value, case.operation), (value, p.layout_name)}
        seen |= {(p.layout_name, case.target), (p.layout_name, case.mask)}
        seen |= {("p", case.dtype), ("p", case.names[0])}
    values = {*TARGETS, *MASKS, 1, 2, 3, *range(5), "dropout", "scale=False", *memory.READABLE}
    kinds = {*P_DTYPES, "own", "x", "out", "as it is", "read-only", "list"}
    expected = set(itertools.product(kinds, values))
    expected |= set(itertools.product(memory.READABLE, [*TARGETS, *MASKS]))
    expected |= set(itertools.product(["p"], [*DTYPES, *memory.READABLE]))
    assert expected <= seen, expected - seen


# The decisions


def some_p(shape, rng=0, dtype=np.float64):
    """Probabilities of every kind: 0, 1, tiny ones, ones without ties, any."""
    rng = np.random.default_rng(rng)
    special = rng.choice([*SOME_P, 0.3, 0.9], shape)
    return np.where(rng.random(shape) < 0.5, special, rng.random(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("offset", [0, 1, 63, BLOCK - 66, 123_456_789, 2**64 - 200])
def test_every_length_to_200(dtype, offset, key, words):
    p = some_p(200, 1, dtype)
    kept = reference.keep(offset, 200, p, words)
    for size in range(1, 201):
        mask = keep_mask(size, p[:size], rng=key, offset=offset)
        assert_same_bytes(mask, kept[:size])
        bits = keep_mask(size, p[:size], rng=key, offset=offset, packed=True)
        assert_same_bytes(bits, reference.packed(kept[:size]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("offset", [0, 77, BLOCK - 1])
def test_blocks_and_threads(dtype, threads, offset, key, words):
    options = {"rng": key, "offset": offset, "num_threads": threads}
    for size in (BLOCK, 9 * BLOCK, 11 * BLOCK + 77):
        p = some_p(size, 2, dtype)
        kept = reference.keep(offset, size, p, words)
        assert_same_bytes(keep_mask(size, p, **options), kept)
        assert_same_bytes(keep_mask(size, p, packed=True, **options), reference.packed(kept))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [True, False])
def test_a_mask_has_the_shape_that_p_broadcasts_to(shape, packed, key, words):
    p = some_p(shape, 3)
    kept = reference.decisions((7, 50, 130), p, words, 5)
    views = [p, np.asfortranarray(p), np.flip(np.flip(p).copy()), np.broadcast_to(p, kept.shape)]
    for view in [*views, p.tolist(), p.astype(">f8")]:
        mask = keep_mask(kept.shape, view, rng=key, offset=5, packed=packed)
        assert_same_bytes(mask, reference.packed(kept) if packed else kept)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)])
@pytest.mark.parametrize("packed", [True, False])
def test_an_empty_mask_draws_nothing(shape, packed):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    for p in (np.ones(shape) / 2, np.full(shape[-1:], 0.5), np.full((1,) * len(shape), 0.5)):
        mask = keep_mask(shape, p, rng=rng, packed=packed)
        assert mask.shape == ((0,) if packed else shape)
        x = np.ones(shape)
        assert dropout(x, p, rng=rng).shape == shape
    assert rng.bit_generator.state == before


def test_one_number_may_be_an_array(key):
    for p in (np.array(0.5), np.array([0.5]), [0.5], [[0.5]], np.float32(0.5)):
        assert_same_bytes(keep_mask((3, 40), p, rng=key), keep_mask((3, 40), 0.5, rng=key))
    assert_same_bytes(keep_mask((), np.array(0.5), rng=key), keep_mask((), 0.5, rng=key))


def test_an_array_of_no_axes_whose_class_does_not_tell_so(key):
    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.array(0.5)

    for shape in ((), (40,)):
        assert_same_bytes(keep_mask(shape, Array(), rng=key), keep_mask(shape, 0.5, rng=key))


def test_equal_numbers_may_have_more_axes_than_numpys_iterators(key):
    axes = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 32
    p = np.full((2, *[1] * (axes - 1)), 0.5)
    assert_same_bytes(keep_mask(p.shape, p, rng=key), keep_mask(p.shape, 0.5, rng=key))


@pytest.mark.parametrize("p", [*SOME_P, 1 / 3, 0.9])
def test_equal_numbers_give_what_one_gives(p, dtype, key):
    """So at p = 0 signaling NaNs stay, and x itself comes back."""
    x = awkward_numbers((70, 300), dtype)
    mask = np.random.default_rng(0).random(x.shape) < 0.5
    one, given = dropout(x, p, rng=key), apply_mask(x, mask, p)
    for shape in [(), (1,), (300,), (70, 1), (70, 300)]:
        array = np.full(shape, p)
        y = dropout(x, array, rng=key)
        assert (y is x) == (p == 0)
        assert_same_bytes(y, one)
        assert_same_bytes(dropout(x, array, rng=key, out=np.ones_like(x)), one)
        assert_same_bytes(dropout(x.copy(), array, True, True, rng=key), one)
        assert_same_bytes(apply_mask(x, mask, array), given)
        assert_same_bytes(keep_mask(x.shape, array, rng=key), keep_mask(x.shape, p, rng=key))


def test_masks_nest_element_by_element(key):
    rng = np.random.default_rng(4)
    size = 5 * BLOCK
    less = some_p(size, 5)
    more = np.where(rng.random(size) < 0.5, less, less + (1 - less) * rng.random(size) ** 20)
    more = np.where(rng.random(size) < 0.2, np.minimum(np.nextafter(less, 2), 1), more)
    assert (more >= less).all()
    kept, of_more = keep_mask(size, less, rng=key), keep_mask(size, more, rng=key)
    assert not (of_more & ~kept).any()
    assert (kept != of_more).any()


def test_an_array_decides_each_element_as_its_p_alone(key):
    p = np.random.default_rng(6).choice([*SOME_P, 0.3], 3 * BLOCK)
    kept = keep_mask(p.size, p, rng=key)
    for q in np.unique(p).tolist():
        assert (kept == keep_mask(p.size, q, rng=key))[p == q].all()


@pytest.mark.parametrize("inner", [1, 2, 3, 7, 8, 63, 64, 65, 100, 2048])
@pytest.mark.parametrize("scale", [True, False])
def test_a_p_for_each_feature(inner, scale, key, words):
    rows = 3 * BLOCK // inner + 1
    p = some_p(inner, 7, np.float32)
    for name in ("float32", "float64", "float16", "complex64"):
        x = awkward_numbers((rows, inner), name)
        expected = reference.dropout(x, p, words, 9, scale=scale)
        for threads in (1, 2):
            options = {"rng": key, "offset": 9, "scale": scale, "num_threads": threads}
            assert_same_bytes(dropout(x, p, **options), expected)


# Ties, where the draw equals T and the hash decides


def probability(bits, up=False):
    """Return the greatest double p of which floor(p 2^80) is at most `bits`, or the next."""
    shift = max(bits.bit_length() - 53, 0)
    p = math.ldexp(bits >> shift, shift - 80)
    return math.nextafter(p, 1) if up else p


@pytest.mark.parametrize("dtype", [np.float64, ">f8"])
@pytest.mark.parametrize("offset", [0, BLOCK - 30])
def test_every_tie_is_decided_by_the_hash(dtype, offset, key, words):
    """At the p that is just as rare as an element's draw and hash it is kept, above it dropped."""
    size = 5000
    draws = reference.draws(offset, size, words).tolist()
    a, b = (word ^ tie for word, tie in zip(words, reference.TIE_KEY, strict=True))
    bits = [r << 64 | reference.hash2(offset + i, a, b) for i, r in enumerate(draws)]
    at, above = ([probability(n, up) for n in bits] for up in (False, True))
    assert max(at) < 1
    options = {"rng": key, "offset": offset}
    assert keep_mask(size, np.array(at, dtype), **options).all()
    assert not keep_mask(size, np.array(above, dtype), **options).any()
    mixed = np.where(np.arange(size) % 3 == 0, above, at)
    assert_same_bytes(keep_mask(size, mixed.astype(dtype), **options), np.arange(size) % 3 > 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_multiples_of_2_to_minus_16_have_no_ties(dtype, key, words):
    draws = reference.draws(0, 2 * BLOCK, words).astype(np.float64)
    for p, expected in ((draws, True), (draws + 1, False)):
        p = (p / 2**16).astype(dtype)
        assert (p * 2**16 == np.round(p * 2**16)).all()
        assert (keep_mask(p.size, p, rng=key) == expected).all()


@pytest.mark.parametrize(("p", "element", "tie_hash", "decision"), vectors.TIES)
@pytest.mark.parametrize("others", [0.0, 0.5, 1.0, "same"])
def test_ties_are_those_of_the_format(p, element, tie_hash, decision, others):
    key = Key.from_words(*vectors.KEY)
    begin = element - 100
    for q, kept in zip(
        [math.nextafter(p, 0), p, math.nextafter(p, 1)], vectors.AROUND_TIE[decision], strict=True
    ):
        array = np.full(200, q if others == "same" else others)
        array[100] = q
        mask = keep_mask(200, array, rng=key, offset=begin)
        assert mask[100] == kept
        assert_same_bytes(mask, reference.keep(begin, 200, array, vectors.KEY))


def test_the_ends_of_p(key, words):
    """2**-80 is the least p that drops, 1 - 2**-53 the greatest that keeps."""
    least, greatest = [5e-324, 2.0**-81, 2.0**-80, 2.0**-79], [math.nextafter(1, 0), 1 - 2.0**-52]
    p = np.array([0.0, 1.0, *least, *greatest] * 5000)
    kept = keep_mask(p.size, p, rng=key)
    assert_same_bytes(kept, reference.keep(0, p.size, p, words))
    kept = kept.reshape(5000, -1)
    assert kept[:, [0, *range(2, 6)]].all()
    assert not kept[:, [1, 6, 7]].any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_some_are_kept_and_some_dropped_for_sure(dtype, key):
    p = np.random.default_rng(0).integers(0, 2, (60, 70)).astype(dtype)
    assert_same_bytes(keep_mask(p.shape, p, rng=key), p == 0)
    x = np.arange(1.0, 1 + p.size).reshape(p.shape)
    assert_same_bytes(dropout(x, p, rng=key), np.where(p == 0, x, 0))
    assert_same_bytes(dropout(x, p, rng=key, fill=-1), np.where(p == 0, x, -1))


def test_where_nothing_is_left_to_chance_nothing_is_drawn():
    x, p = np.ones((2, 3)), np.array([0.0, 1.0, 0.0])
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    _, key = dropout(x, p, rng=rng, return_key=True)
    keep_mask(x.shape, p, rng=rng)
    keep_mask(x.shape, p, rng=rng, packed=True)
    assert key is None
    assert rng.bit_generator.state == before


def test_an_array_advances_a_generator_as_a_number_does():
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    x = np.ones(1000)
    y, used = dropout(x, np.linspace(0, 1, 1000), rng=rng, return_key=True)
    _, same = dropout(x, 0.5, rng=twin, return_key=True)
    assert used == same
    assert rng.bit_generator.state == twin.bit_generator.state
    assert_same_bytes(dropout(x, np.linspace(0, 1, 1000), rng=used), y)
    assert_same_bytes(keep_mask(1000, np.linspace(0, 1, 1000), rng=used), y != 0)
    assert dropout(x, np.linspace(0, 1, 1000), False, rng=rng) is x
    assert rng.bit_generator.state == twin.bit_generator.state


# Rates. False-alarm rates of 1e-6, and the seeds are fixed.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_rates_are_those_of_each_element(seed, dtype):
    """Of elements with random p, as a whole and by tenths of p: 11 numbers."""
    rng = np.random.default_rng(100 + seed)
    p = (rng.random(2**20) ** rng.choice([1, 3])).astype(dtype)
    dropped = ~keep_mask(p.size, p, rng=seed)
    p = p.astype(np.float64)
    groups = [np.ones(p.size, bool), *((p * 10).astype(int) == n for n in range(10))]
    for group in groups:
        excess = dropped[group].sum() - p[group].sum()
        assert abs(excess) < DEVIATIONS * np.sqrt((p * (1 - p))[group].sum())


def test_the_rates_of_features():
    """Of 500 features, each in 10000 rows: the greatest deviation, and the sum of all squares."""
    p = np.linspace(0.05, 0.95, 500)
    dropped = (dropout(np.ones((10_000, 500), np.float32), p, rng=11) == 0).sum(axis=0)
    z = (dropped - 10_000 * p) / np.sqrt(10_000 * p * (1 - p))
    assert np.abs(z).max() < 6.1  # 1e-9 for each
    assert abs((z**2).sum() - 500) < DEVIATIONS * np.sqrt(2 * 500) + 10


def test_small_probabilities_are_not_rounded():
    """At 2**-18 a stream of 16 bits without ties would drop none or twice as many."""
    size, p = 2**23, 2.0**-18
    array = np.full(size, p)
    array[::2] = p * 3
    dropped = ~keep_mask(size, array, rng=12)
    for begin, q in ((0, 3 * p), (1, p)):
        expected = size / 2 * q
        assert abs(dropped[begin::2].sum() - expected) < DEVIATIONS * np.sqrt(expected) + 3


# The scale


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [True, False])
def test_each_element_has_its_scale(shape, scale, dtype, key, words):
    x, p = awkward_numbers((7, 50, 130), dtype), some_p(shape, 8)
    expected = reference.dropout(x, p, words, scale=scale)
    y = dropout(x, p, rng=key, scale=scale)
    assert_same_bytes(y, expected)
    out = np.ones_like(x)
    assert dropout(x, p, rng=key, scale=scale, out=out, num_threads=2) is out
    assert_same_bytes(out, expected)
    assert dropout(x, p, True, True, rng=key, scale=scale) is x
    assert_same_bytes(x, expected)


def test_scales_are_computed_in_double_and_rounded_once(key):
    p = np.random.default_rng(0).random(100_000)
    y = dropout(np.ones(p.size, np.float32), p, rng=key)
    kept = y != 0
    assert_same_bytes(y[kept], (1 / (1 - p)).astype(np.float32)[kept])
    y = dropout(np.ones(p.size), p.astype(np.float32), rng=key)
    kept = y != 0
    assert_same_bytes(y[kept], (1 / (1 - p.astype(np.float32).astype(np.float64)))[kept])


@pytest.mark.parametrize("mask_shape", [(50, 130), (50, 1), (130,), ()])
@pytest.mark.parametrize("p_shape", [(50, 130), (50, 1), (130,)])
@pytest.mark.parametrize("scale", [True, False])
def test_a_given_mask_is_scaled_by_each_p(mask_shape, p_shape, scale, dtype):
    x, p = awkward_numbers((50, 130), dtype), some_p(p_shape, 9)
    mask = np.random.default_rng(1).random(mask_shape) < 0.7
    expected = reference.apply_mask(x, mask, p, scale)
    assert_same_bytes(apply_mask(x, mask, p, scale=scale), expected)
    bits = reference.packed(np.broadcast_to(mask, x.shape))
    assert_same_bytes(apply_mask(x, bits, p, packed=True, scale=scale), expected)


def test_integers_are_dropped_by_an_array_without_a_scale(key, words):
    counts = np.random.default_rng(0).integers(0, 1000, (300, 40))
    p = some_p(40, 10)
    y = dropout(counts, p, rng=key, scale=False)
    assert_same_bytes(y, np.where(reference.decisions(counts.shape, p, words), counts, 0))
    with pytest.raises(TypeError, match=r"int64.*scale=False"):
        dropout(counts, p, rng=key)


# The shapes of decisions


@pytest.mark.parametrize("noise", [(6, 1, 50), (1, 7, 1), (6, 7, 50), (None, 1, 1), (1, 1, None)])
@pytest.mark.parametrize("threads", [1, 3])
def test_p_broadcasts_to_the_noise_shape(noise, threads, dtype, key, words):
    x = awkward_numbers((6, 7, 50), dtype)
    decided = tuple(n if m is None else m for n, m in zip(x.shape, noise, strict=True))
    for shape in {decided, decided[-1:], (*decided[:1], 1, 1), ()}:
        p = some_p(shape, 11)
        expected = reference.dropout(x, p, words, 3, noise)
        options = {"rng": key, "offset": 3, "noise_shape": noise, "num_threads": threads}
        assert_same_bytes(dropout(x, p, **options), expected)
        assert_same_bytes(dropout(x.copy(), p, True, True, **options), expected)


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d"])
def test_p_of_channels(name, dtype, key, words):
    inner = int(name[-2])
    x = awkward_numbers((5, 7, 4, 3, 2)[: 2 + inner], dtype)
    noise = x.shape[:2] + (1,) * inner
    for shape in (noise, noise[1:], (5, *[1] * (1 + inner)), ()):
        p = some_p(shape, 12)
        expected = reference.dropout(x, p, words, 3, noise)
        assert_same_bytes(getattr(fastdrop, name)(x, p, rng=key, offset=3), expected)
        of_one = reference.dropout(x[0], 0.4 * np.ones(noise[1:]), words, 3, noise[1:])
        y = getattr(fastdrop, name)(x[0], 0.4 * np.ones(noise[1:]), rng=key, offset=3)
        assert_same_bytes(y, of_one)


# Arrays of p that lie in x or in the result behave as if they had been copied first.


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_p_may_be_x(dtype, key, words):
    x = np.random.default_rng(0).random((60, 80)).astype(dtype)
    for at in ((), (slice(None, None, -1),), (3,), (slice(None), slice(4, 5))):
        expected = reference.dropout(x, x[at].copy(), words)
        assert_same_bytes(dropout(x, x[at], rng=key), expected)
        y = x.copy()
        assert_same_bytes(dropout(y, y[at], True, True, rng=key), expected)
        out = x.copy()
        assert_same_bytes(dropout(x, out[at], rng=key, out=out), expected)


def test_p_may_lie_across_the_result(key, words):
    held = np.random.default_rng(0).random(3000)
    x, out, p = awkward_numbers(2000), held[500:2500], held[:2000]
    expected = reference.dropout(x, p.copy(), words)
    dropout(x, p, rng=key, out=out)
    assert_same_bytes(out, expected)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("begin", [0, 8, 2**18])
def test_p_may_lie_across_a_mask(begin, packed, key):
    p = np.random.default_rng(0).random(2**16)
    expected = keep_mask(p.shape, p.copy(), rng=key, packed=packed)
    out = p.view(np.uint8)[begin:][: expected.size].view(expected.dtype)
    assert_same_bytes(keep_mask(p.shape, p, rng=key, packed=packed, out=out), expected)


@pytest.mark.filterwarnings("ignore:Setting the dtype:DeprecationWarning")  # of NumPy 2.5
def test_p_is_looked_at_after_the_callers_code(key):
    """The conversion of x runs the caller's code, which can change the shape and dtype of p."""

    class Array:
        def __array__(self, dtype=None, copy=None):
            setattr(p, "dtype", np.float16)  # noqa: B010 # mypy knows it as read-only
            return np.ones(2000)

    p = np.full(2000, 0.25, np.float16).view(np.float64)
    assert_same_bytes(dropout(Array(), p, rng=key), dropout(np.ones(2000), 0.25, rng=key))


@pytest.mark.parametrize("packed", [True, False])
def test_p_is_converted_once(packed, key):
    class Array:
        shape = (40,)
        converted = 0

        def __array__(self, dtype=None, copy=None):
            self.converted += 1
            return np.linspace(0.1, 0.9, 40)

    p = Array()
    mask = keep_mask((30, 40), p, rng=key, packed=packed)
    assert p.converted == 1
    assert_same_bytes(mask, keep_mask((30, 40), np.linspace(0.1, 0.9, 40), rng=key, packed=packed))


# Errors


def calls(x, out, p, training=True):
    """Return each kind of call with an array of p."""
    made = [
        lambda rng: dropout(x, p, training, rng=rng),
        lambda rng: dropout(x, p, training, rng=rng, out=out),
        lambda rng: dropout(x, p, training, True, rng=rng),
        lambda rng: dropout(x, p, training, rng=rng, scale=False),
    ]
    if training:
        made += [
            lambda rng: apply_mask(x, True, p),
            lambda rng: apply_mask(x, True, p, out=out, scale=False),
            lambda rng: keep_mask(x.shape, p, rng=rng),
            lambda rng: keep_mask(x.shape, p, rng=rng, packed=True),
        ]
    return made


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("bad", "named"),
    [
        *[(-0.1, "-0.1"), (1.5, "1.5"), (np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")],
        *[(math.nextafter(1, 2), "1.0000000000000002"), (-5e-324, "-5e-324")],
    ],
)
def test_one_entry_that_is_no_probability(bad, named, training):
    match = "probability has to be between 0 and 1, but got"
    x, out = np.ones((3, 4000)), np.zeros((3, 4000))
    for shape in ((3, 4000), (4000,), (3, 1), (1,)):
        for at in (0, -1, math.prod(shape) // 2):
            p = np.full(shape, 0.5)
            p.flat[at] = bad
            for call in calls(x, out, p, training):
                assert named in assert_refused(ValueError, match, call, x, out)
    with pytest.raises(ValueError, match=rf"{match}.*{named}"):
        dropout(x, [[0.5], [bad], [0.1]], training)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ">f4"])
def test_entries_of_other_dtypes_that_are_no_probabilities(dtype):
    x, out = np.ones(4), np.zeros(4)
    for bad, named in ((1.5, "1.5"), (-2.0, "-2"), (np.nan, "nan")):
        for call in calls(x, out, np.array([0.1, bad, 0.2, 1.0], dtype)):
            assert named in assert_refused(ValueError, "between 0 and 1, but got", call, x, out)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "p",
    [
        *[np.array([True, False, True]), [True, False, False], np.array([0.5, 1, 0], object)],
        *[np.array([0.5, 0, 1], complex), ["0.5", "0.5", "0.1"], np.array([b"0.5"] * 3)],
        *[[None, 0.5, 0.5], np.array([1, 2, 3], "m8[s]"), np.array([1, 2, 3], "M8[s]")],
        *[[[True]], np.ma.array([0.5, 0.5, 0.1], mask=[0, 1, 0]), [0.5, 0.5, 1j]],
    ],
    ids=shown,
)
def test_arrays_of_other_types_are_no_probabilities(p, training):
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    for call in calls(x, out, p, training):
        assert_refused(TypeError, r"^p (must|is a Masked)", call, x, out)


@pytest.mark.parametrize("shape", [(2,), (4,), (0,), (3, 1), (2, 4), (1, 2, 3), (1, 1, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_an_array_of_p_that_does_not_broadcast(shape, training):
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    for call in calls(x, out, np.full(shape, 0.5), training):
        message = assert_refused(ValueError, r"\bp\b", call, x, out)
        assert str(shape) in message
        assert "(2, 3)" in message


@pytest.mark.parametrize(
    ("noise", "shape"),
    [((2, 1), (2, 3)), ((2, 1), (3,)), ((1, 3), (2, 1)), ((1, 1), (3,)), ((1, None), (2, 3))],
)
def test_an_array_of_p_that_does_not_broadcast_to_the_noise_shape(noise, shape):
    x = np.ones((2, 3))
    message = assert_refused(
        ValueError,
        r"\bp\b",
        lambda rng: dropout(x, np.full(shape, 0.5), True, True, rng=rng, noise_shape=noise),
        x,
    )
    assert str(shape) in message


@pytest.mark.parametrize("call", [fastdrop.alpha_dropout, fastdrop.feature_alpha_dropout])
@pytest.mark.parametrize("p", [[0.5, 0.5, 0.5], np.full((2, 3), 0.5)], ids=shown)
def test_alpha_dropout_has_one_p(call, p):
    x = np.ones((2, 3))
    match = "p must be (one|a real) number"
    assert_refused(TypeError, match, lambda rng: call(x, p, True, True, rng=rng), x)
