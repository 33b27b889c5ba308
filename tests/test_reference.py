"""Tests of the oracle itself: the vectors of mask format 1 and what follows from its text."""

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
import reference
import vectors
from reference import BLOCK
from vectors import KEY

THIRD = 1 / 3
LAST = 2**64 - 1


def as_word(bits):
    return int.from_bytes(bits.tobytes(), "little")


def keep_alone(i, p, key):
    """Decide one element from its own lane only, draw and tie in one comparison."""
    block, place = divmod(i, BLOCK)
    step, place = divmod(place, 64)
    lane, q = divmod(place, 4)
    state = np.array(
        [[reference.hash2(64 * block + 4 * lane + j, *key)] for j in range(4)], dtype=np.uint64
    )
    for _ in range(step + 1):
        output, state = reference.xoshiro256pp(state)
    r = (int(output[0]) >> 16 * q) & 0xFFFF
    tie_hash = reference.hash2(i, key[0] ^ 0x6A09E667F3BCC909, key[1] ^ 0xBB67AE8584CAA73B)
    return ((r << 64) | tie_hash) >= math.floor(Fraction(p) * 2**80)


# The page


def test_every_vector_of_the_page_is_read():
    rows = re.findall(r"^\|.*\d.*\|$", vectors.PAGE.partition("## Test vectors")[2], re.MULTILINE)
    tables = [vectors.LANE_STATES, vectors.DRAWS, vectors.FOLDED, vectors.RANKS]
    tables += [vectors.MASKS, vectors.TIES]
    with_digits = 1  # of the headers
    assert len(rows) == with_digits + sum(map(len, tables))
    assert len(vectors.SEEDED) == len(re.findall(r"SeedSequence\(\d", vectors.PAGE))


def test_the_page_has_the_constants_of_the_reference():
    assert vectors.BLOCK == reference.BLOCK
    for constant in (
        reference.PHI,
        *reference.TIE_KEY,
        *reference.FOLD_KEY,
        *reference.RANK_KEY,
    ):
        assert f"{constant:#x}" in vectors.PAGE


# The generator and the hash


def test_xoshiro_gives_the_known_answers():
    state = np.array(vectors.XOSHIRO_STATE, dtype=np.uint64)[:, np.newaxis]
    outputs = []
    for _ in vectors.XOSHIRO_OUTPUTS:
        output, state = reference.xoshiro256pp(state)
        outputs.append(int(output[0]))
    assert outputs == vectors.XOSHIRO_OUTPUTS


def test_xoshiro_steps_every_state_by_itself():
    states = np.random.default_rng(0).integers(0, 2**64, (4, 3, 5), dtype=np.uint64)
    together, next_together = reference.xoshiro256pp(states)
    for at in np.ndindex(3, 5):
        one = states[(slice(None), *at)][:, np.newaxis]
        output, next_state = reference.xoshiro256pp(one)
        assert output[0] == together[at]
        np.testing.assert_array_equal(next_state[:, 0], next_together[(slice(None), *at)])


def test_xoshiro_leaves_its_argument_alone():
    state = np.array([[1], [2], [3], [4]], dtype=np.uint64)
    reference.xoshiro256pp(state)
    assert state.ravel().tolist() == [1, 2, 3, 4]


def test_hash_is_the_same_on_ints_and_arrays():
    index = [0, 1, 2**32, 2**63, LAST]
    a, b = 0x9E3779B97F4A7C15, LAST
    on_ints = [reference.hash2(i, a, b) for i in index]
    on_array = reference.hash2(np.array(index, dtype=np.uint64), a, b)
    assert on_array.dtype == np.uint64
    assert on_array.tolist() == on_ints
    words = np.full(len(index), LAST, dtype=np.uint64)
    assert reference.hash2(7, words, words).tolist() == [reference.hash2(7, LAST, LAST)] * 5


@pytest.mark.parametrize("i", [0, 5, LAST])
def test_hash_takes_its_index_modulo_2_64(i):
    assert reference.hash2(i + 2**64, *KEY) == reference.hash2(i, *KEY)


# Lanes and draws


@pytest.mark.parametrize(("block", "lane", "words"), vectors.LANE_STATES)
def test_lane_starts_as_the_format_says(block, lane, words):
    assert tuple(reference.lane_states(block, KEY)[:, lane].tolist()) == words


def test_lane_states_of_many_blocks_are_those_of_each():
    blocks = np.array([0, 3, 2**50 - 1], dtype=np.uint64)
    together = reference.lane_states(blocks, KEY)
    assert together.shape == (4, 3, 16)
    for n, block in enumerate(blocks.tolist()):
        np.testing.assert_array_equal(together[:, n], reference.lane_states(block, KEY))


@pytest.mark.parametrize(("start", "expected"), vectors.DRAWS)
def test_draws_are_those_of_the_format(start, expected):
    found = reference.draws(start, len(expected), KEY)
    assert found.dtype == np.uint16
    assert found.tolist() == expected


@pytest.mark.parametrize("start", [0, BLOCK * 7 + 3, LAST])
def test_no_draws_for_no_elements(start):
    assert reference.draws(start, 0, KEY).shape == (0,)
    assert reference.keep(start, 0, 0.5, KEY).shape == (0,)


def test_the_last_block_of_the_stream_has_its_own_draws():
    block = 2**50 - 1
    state = reference.lane_states(block, KEY)
    output, _ = reference.xoshiro256pp(state)
    found = reference.draws(block << 14, 64, KEY)
    np.testing.assert_array_equal(found, output.astype("<u8").view("<u2"))


def test_positions_go_on_at_0_after_2_64():
    across = reference.draws(2**64 - 5, 12, KEY)
    end = reference.draws(2**64 - 5, 5, KEY)
    np.testing.assert_array_equal(across, np.append(end, reference.draws(0, 7, KEY)))


# The threshold


@pytest.mark.parametrize(
    ("p", "upper", "lower"),
    [
        # The exponent -80 of the format: below it nothing is ever dropped, at it one in 2^80.
        (5e-324, 0, 0),
        (2.0**-81, 0, 0),
        (math.nextafter(2.0**-80, 0), 0, 0),
        (2.0**-80, 0, 1),
        (math.nextafter(2.0**-80, 1), 0, 1),
        (2.0**-79, 0, 2),
        # 2^-17 is 2^63 / 2^80; 2^-16 is the least p of which the upper word tells.
        (2.0**-17, 0, 2**63),
        (math.nextafter(2.0**-16, 0), 0, 2**64 - 2**11),
        (2.0**-16, 1, 0),
        (math.nextafter(2.0**-16, 1), 1, 2**12),
        (0.25, 0x4000, 0),
        (0.5, 0x8000, 0),
        (0.75, 0xC000, 0),
        # 0.1 is 0x1.999999999999ap-4 = 0x1999999999999a / 2^56, and times 2^80 that << 24.
        (0.1, 0x1999, 0x999999999A000000),
        # 1 - 2^-53 times 2^80 is 2^80 - 2^27.
        (1 - 2.0**-53, 0xFFFF, 2**64 - 2**27),
    ],
)
def test_threshold_is_exact(p, upper, lower):
    assert reference.threshold(p) == (upper, lower)


def test_threshold_takes_a_numpy_float():
    assert reference.threshold(np.float64(0.1)) == reference.threshold(0.1)


# The mask


@pytest.mark.parametrize(("p", "upper", "lower", "first", "later", "kept"), vectors.MASKS)
def test_mask_is_that_of_the_format(p, upper, lower, first, later, kept):
    assert reference.threshold(p) == (upper, lower)
    mask = reference.keep(0, vectors.COUNT, p, KEY)
    assert mask.dtype == np.bool_
    assert as_word(reference.packed(mask[:64])) == first
    assert as_word(reference.packed(mask[vectors.WORD_AT :][:64])) == later
    assert np.count_nonzero(mask) == kept


@pytest.mark.parametrize(("p", "element", "tie_hash", "decision"), vectors.TIES)
def test_ties_are_those_of_the_format(p, element, tie_hash, decision):
    upper, _ = reference.threshold(p)
    assert reference.draws(element, 1, KEY).tolist() == [upper]
    a, b = KEY[0] ^ reference.TIE_KEY[0], KEY[1] ^ reference.TIE_KEY[1]
    assert reference.hash2(element, a, b) == tie_hash
    around = [math.nextafter(p, 0), p, math.nextafter(p, 1)]
    assert [reference.keep(element, 1, q, KEY)[0] for q in around] == vectors.AROUND_TIE[decision]


@pytest.mark.parametrize("key", [KEY, (0, 0), (LAST, LAST)])
@pytest.mark.parametrize("p", [0.1, 0.5, 2.0**-16, 1 - 2.0**-53])
@pytest.mark.parametrize("i", [0, 63, 64, 16383, BLOCK, 67684, 112483, 2**40 + 12345, LAST])
def test_an_element_can_be_decided_alone(i, p, key):
    assert reference.keep(i, 1, p, key).tolist() == [keep_alone(i, p, key)]


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.0, True), (0, True), (5e-324, True), (1.0, False), (1, False)],
)
def test_mask_at_the_ends_of_p(p, expected):
    mask = reference.keep(5, 100000, p, KEY)
    assert mask.shape == (100000,)
    assert (mask == expected).all()


def test_masks_nest_in_p():
    probabilities = [0.0, 5e-324, 2.0**-20, 2.0**-16, 1e-3]
    probabilities += [math.nextafter(0.1, 0), 0.1, math.nextafter(0.1, 1)]
    probabilities += [0.3, THIRD, 0.5, 0.9, 1 - 2.0**-16, 1 - 2.0**-53, 1.0]
    masks = [reference.keep(0, 2**18, p, KEY) for p in probabilities]
    for wider, narrower in itertools.pairwise(masks):
        assert not (narrower & ~wider).any()


@pytest.mark.parametrize("origin", [0, 2**64 - 6 * BLOCK], ids=["first", "last"])
@pytest.mark.parametrize(
    ("start", "count"),
    [
        (0, 1),
        (1, 1),
        (3, 61),
        (63, 2),
        (64, 64),
        (16383, 1),
        (16383, 2),
        (BLOCK, BLOCK),
        (16385, 16383),
        (12345, 54321),
        (67683, 2),
        (98303, 1),
    ],
)
def test_piece_is_the_slice_of_the_whole(origin, start, count):
    piece = slice(start, start + count)
    whole_draws = reference.draws(origin, 6 * BLOCK, KEY)
    np.testing.assert_array_equal(reference.draws(origin + start, count, KEY), whole_draws[piece])
    # The most frequent draw's threshold, so that ties are many and each piece may hold one.
    most_frequent = int(np.bincount(whole_draws).argmax())
    p = (most_frequent + 0.5) / 2**16
    whole = reference.keep(origin, 6 * BLOCK, p, KEY)
    np.testing.assert_array_equal(reference.keep(origin + start, count, p, KEY), whole[piece])


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 1001])
def test_packed_has_bit_i_in_byte_i_over_8_and_zeros_after(count):
    mask = reference.keep(0, count, 0.5, KEY)
    expected = [0] * -(-count // 8)
    for i in range(count):
        expected[i >> 3] |= int(mask[i]) << (i & 7)
    found = reference.packed(mask)
    assert found.dtype == np.uint8
    assert found.tolist() == expected


# Keys


@pytest.mark.parametrize(("n", "expected"), vectors.FOLDED)
def test_fold_in_gives_the_keys_of_the_format(n, expected):
    assert reference.fold_in(KEY, n) == expected


@pytest.mark.parametrize(("seed", "expected"), vectors.SEEDED)
def test_seed_gives_the_keys_of_the_format(seed, expected):
    assert reference.seed_key(seed) == expected
    assert reference.seed_key(np.random.SeedSequence(seed)) == expected


def test_keys_are_python_ints():
    for key in (reference.seed_key(0), reference.fold_in(KEY, 3)):
        assert [type(word) for word in key] == [int, int]


# Dropout


def bits(x):
    return x.view(f"u{x.dtype.itemsize}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, THIRD, 1 - 2.0**-53])
def test_dropout_scales_kept_elements_and_zeroes_dropped_ones(dtype, p):
    x = np.random.default_rng(0).standard_normal((3, 50, 7)).astype(dtype)
    before = x.copy()
    y = reference.dropout(x, p, KEY, offset=11)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    kept = reference.keep(11, x.size, p, KEY)
    scale = dtype(1 / (1 - p))
    expected = [v * scale if k else dtype(0) for v, k in zip(x.ravel(), kept, strict=True)]
    np.testing.assert_array_equal(bits(y).ravel(), bits(np.array(expected, dtype=dtype)))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, -0.0])
def test_dropped_elements_are_positive_zero_whatever_they_were(dtype, value):
    x = np.full(1000, value, dtype=dtype)
    y = reference.dropout(x, 0.5, KEY)
    dropped = ~reference.keep(0, 1000, 0.5, KEY)
    assert not bits(y)[dropped].any()
    np.testing.assert_array_equal(y[~dropped], x[~dropped] * 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overflow_of_a_kept_element_is_silent(dtype):
    x = np.full(1000, np.finfo(dtype).max, dtype=dtype)
    y = reference.dropout(x, 0.5, KEY)
    np.testing.assert_array_equal(np.isinf(y), reference.keep(0, 1000, 0.5, KEY))


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda x: x[::-1][::-1],
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: np.ascontiguousarray(x.T).T,
        lambda x: x.astype(x.dtype.newbyteorder("S")),
    ],
    ids=["Fortran", "reversed twice", "strided", "transposed", "swapped bytes"],
)
def test_dropout_follows_logical_order_whatever_the_layout(layout):
    x = np.random.default_rng(0).standard_normal((20, 30))
    y = reference.dropout(layout(x), 0.3, KEY)
    assert y.flags.c_contiguous
    assert y.dtype.isnative
    np.testing.assert_array_equal(y, reference.dropout(x, 0.3, KEY))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1)])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_dropout_keeps_the_shape(shape, p):
    y = reference.dropout(np.ones(shape, dtype=np.float32), p, KEY)
    assert isinstance(y, np.ndarray)
    assert y.shape == shape
    assert y.dtype == np.float32


def test_dropout_at_the_ends_of_p():
    x = np.array([1.0, -2.0, np.inf, 0.0])
    same = reference.dropout(x, 0.0, KEY)
    assert not np.shares_memory(same, x)
    np.testing.assert_array_equal(bits(same), bits(x))
    assert not bits(reference.dropout(x, 1.0, KEY)).any()


def test_dropout_of_pieces_with_their_offsets_is_that_of_the_whole():
    x = np.random.default_rng(0).standard_normal(40001)
    cuts = [0, 1, 777, BLOCK, 33333, 40001]
    pieces = [
        reference.dropout(x[start:stop], 0.3, KEY, offset=2**40 + 5 + start)
        for start, stop in itertools.pairwise(cuts)
    ]
    whole = reference.dropout(x, 0.3, KEY, offset=2**40 + 5)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


# Other dtypes and variants


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 2 / 3, 0.999])
def test_products_of_16_bits_are_rounded_once(name, p):
    """In double precision every product of theirs is exact."""
    dtype = reference.dtype_of(name)
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    scale = reference.scale_of(p, dtype)
    with np.errstate(invalid="ignore"):  # of signaling NaNs
        product = x.astype(np.float64) * scale
        numbers = np.unique(x.astype(np.float64))
    y = reference.on_line(x, scale, None)
    numbers = numbers[np.isfinite(numbers)]
    among = np.abs(product) <= numbers[-1]
    y, product = y[among].astype(np.float64), product[among]
    at = np.clip(np.searchsorted(numbers, product), 1, numbers.size - 1)
    distance = np.minimum(np.abs(numbers[at] - product), np.abs(numbers[at - 1] - product))
    np.testing.assert_array_equal(np.abs(y - product), distance)
    tie = np.abs(numbers[at] - product) == np.abs(numbers[at - 1] - product)
    assert not (reference.on_line(x, scale, None)[among][tie].view(np.uint16) & 1).any()


def test_scale_is_rounded_once():
    for dtype in (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.complex64)):
        assert reference.scale_of(0.1, dtype) == float(np.float32(1 / 0.9))
        assert reference.scale_of(1 - 2**-17, dtype) == 2.0**17
    assert reference.scale_of(0.1, reference.dtype_of("bfloat16")) == float(np.float32(1 / 0.9))
    assert reference.scale_of(0.1, np.dtype(np.float64)) == 1 / 0.9


def test_complex_numbers_have_one_decision():
    x = np.full(1000, 1 + 2j)
    y = reference.dropout(x, 0.5, KEY)
    kept = reference.keep(0, 1000, 0.5, KEY)
    np.testing.assert_array_equal(y, np.where(kept, 2 + 4j, 0))


def test_noise_is_shared_along_axes_of_length_1():
    x = np.arange(1, 25.0).reshape(2, 3, 4)
    kept = reference.keep(7, 3, 0.5, KEY).reshape(1, 3, 1)
    y = reference.dropout(x, 0.5, KEY, offset=7, noise_shape=(1, 3, 1))
    np.testing.assert_array_equal(y, 2 * x * kept)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint64, np.longdouble])
def test_selected_elements_stay_as_they_are(dtype):
    x = np.arange(1, 101).astype(dtype)
    kept = reference.keep(0, 100, 0.3, KEY)
    y = reference.dropout(x, 0.3, KEY, scale=False)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, np.where(kept, x, 0))


def test_alpha_dropout_by_hand():
    """SELU's limit, times and plus what keeps mean 0 and variance 1."""
    limit = 1.0507009873554805 * 1.6732632423543772  # its scale and its alpha
    p, x = 0.3, np.array([0.5, -2.0, 1.0, 3.0])
    a = ((1 - p) * (1 + p * limit**2)) ** -0.5
    b = a * limit * p
    kept = reference.keep(0, 4, p, KEY)
    expected = np.where(kept, a * x + b, a * -limit + b)
    np.testing.assert_allclose(reference.alpha_dropout(x, p, KEY), expected, rtol=1e-15)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9, 1e-6])
def test_alpha_dropout_keeps_mean_0_and_variance_1(p):
    """Of an input with these moments: computed from what 0 and 1 become, kept or dropped."""
    x = np.array([0.0, 1.0, 0.0])
    b, sum_of_both, dropped = reference.apply_alpha_mask(x, np.array([True, True, False]), p)
    a = sum_of_both - b
    mean = (1 - p) * b + p * dropped
    square = (1 - p) * (a**2 + b**2) + p * dropped**2
    assert mean == pytest.approx(0, abs=1e-14)
    assert square == pytest.approx(1, rel=1e-14)


# Exact counts


@pytest.mark.parametrize(("first", "expected"), vectors.RANKS)
def test_ranks(first, expected):
    index = np.arange(first, first + len(expected), dtype=np.uint64)
    assert reference.ranks(index, KEY).tolist() == list(expected)
    a, b = KEY[0] ^ 0x510E527FADE682D1, KEY[1] ^ 0x9B05688C2B3E6C1F
    assert [reference.hash2(int(i), a, b) for i in index] == list(expected)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_a_count_drops_the_smallest_ranks_of_each_line(axis):
    shape, offset = (3, 4, 5), 77
    ranks = reference.ranks(np.arange(77, 137, dtype=np.uint64), KEY).reshape(shape)
    for count in range(shape[axis] + 1):
        kept = reference.drop_count(shape, count, axis, KEY, offset)
        assert set((~kept).sum(axis).reshape(-1).tolist()) == {count}
        for line, line_ranks in zip(lines(kept, axis), lines(ranks, axis), strict=True):
            dropped = sorted(line_ranks.tolist())[:count]
            assert line.tolist() == [rank not in dropped for rank in line_ranks.tolist()]


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_at_least_so_many_are_kept_by_the_largest_ranks_that_were_dropped(axis):
    shape, offset = (3, 4, 5), 77
    ranks = reference.ranks(np.arange(77, 137, dtype=np.uint64), KEY).reshape(shape)
    drawn = reference.decisions(shape, 0.7, KEY, offset)
    for least in range(shape[axis] + 1):
        kept = reference.keep_at_least(drawn, least, axis, KEY, offset)
        every = zip(lines(drawn, axis), lines(kept, axis), lines(ranks, axis), strict=True)
        for before, after, line_ranks in every:
            dropped = sorted(line_ranks[~before].tolist(), reverse=True)
            more = dropped[: max(0, least - int(before.sum()))]
            expected = [kept or rank in more for kept, rank in zip(before, line_ranks, strict=True)]
            assert after.tolist() == expected


def lines(array, axis):
    """The lines of an array along an axis."""
    return np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])


# Blocks


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(5, 6), (5, 9), (6, 5, 7)])
def test_an_element_is_dropped_if_a_block_covers_it(shape, size):
    positions = tuple(n - size + 1 for n in shape)
    seeds = np.random.default_rng(size).random((2, *positions)) < 0.1
    covered = reference.grow_blocks(seeds, size, len(shape))
    assert covered.shape == (2, *shape)
    for item, *at in np.ndindex(covered.shape):
        near = tuple(slice(max(0, i - size + 1), i + 1) for i in at)
        assert covered[(item, *at)] == seeds[(item, *near)].any()


def test_the_probability_of_a_block():
    assert reference.block_gamma((56, 56), 0.1, 7) == 0.1 * 56 * 56 / (49 * 2500)
    assert reference.block_gamma((4, 5, 6), 0.25, 3) == 0.25 * 120 / (27 * 2 * 3 * 4)
    assert reference.block_gamma((4, 4), 0.25, 9) == 0.25  # one block of the whole
    assert reference.block_gamma((4, 4), 0.25, 1) == 0.25  # blocks of an element
