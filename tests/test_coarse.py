"""`coarse_dropout` against loops over Python ints, and beside albumentations.

Cases are drawn at random, each from its own number. A failure prints the case and its number n;
`FASTDROP_FIRST_CASE=n FASTDROP_CASES=1 pytest tests/test_coarse.py` repeats it alone, and a large
FASTDROP_CASES makes a long search.
"""

import itertools
import math
import statistics
from decimal import Decimal
from typing import Any

import cases
import memory
import numpy as np
import pytest
import reference
import reference_coarse
from arrays import assert_refused, assert_same_bytes, awkward_numbers, clear_padding, shown

import fastdrop
from fastdrop import Key, coarse_dropout
from fastdrop.keys import KeyStream

CASES = 2000
LENGTHS = [0, 1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33, 64]


def draw_range(rng, ends):
    """Draw one number or a range from some that are sorted, as any kind of sequence."""
    i, j = sorted(rng.integers(0, len(ends), 2).tolist())
    kind = rng.integers(5)
    if kind < 2:
        return ends[i] if kind else np.array(ends[i])[()]
    pair = ends[i], ends[j]
    return [pair, list(pair), np.array(pair)][kind - 2]


def draw_lengths(rng):
    """Draw the heights or widths of holes."""
    if rng.random() < 0.5:
        return draw_range(rng, [1, 2, 3, 5, 8, 20, 100, 2**32 - 1])
    return draw_range(rng, [1e-300, 0.1, 0.25, 0.3, 0.5, 0.75, math.nextafter(1, 0), 1.0])


def draw_case(number):
    """Draw the arrays and the fill of a case, its holes and their size."""
    rng = np.random.default_rng([20261128, number])
    shape = rng.choice(LENGTHS, 2).tolist()
    axes = int(rng.integers(2, 5))
    if axes > 2:
        shape.append(int(rng.choice([0, 1, 1, 2, 3, 3, 3, 4, 9], p=[0.04, *[0.12] * 8])))
    if axes > 3:
        shape.insert(0, int(rng.choice([0, 1, 2, 3, 5], p=[0.04, *[0.24] * 4])))
    case = cases.draw_case(
        number,
        extras=("fill",) if rng.random() < 0.8 else (),
        shape=tuple(shape),
        dtype=cases.DTYPES[rng.integers(len(cases.DTYPES))],
        operation="scale=False",
        mask="stream",
    )
    one = draw_lengths(rng)
    alone = np.ndim(one) == 0 and rng.random() < 0.5
    size = one if alone else [(one, draw_lengths(rng)), [one, draw_lengths(rng)]][rng.integers(2)]
    holes = draw_range(rng, [0, 1, 1, 2, 3, 4, 7])
    return case, holes, size


def check(case, holes, size):
    """Compare the result, the mask and all memory around x and the result with the reference."""
    rng = np.random.default_rng(case.number)
    dtype, words = reference.dtype_of(case.dtype), cases.KEYS[case.p]
    x_memory, out_memory, x, out = cases.place(case, dtype, rng)
    x[...] = awkward_numbers(case.shape, dtype, rng)
    options = cases.draw_arrays(case, x, {"x": x_memory, "out": out_memory})
    del options["p"]
    expected, mask = reference_coarse.coarse_dropout(x, holes, size, words, options.get("fill", 0))
    expected = expected.astype(dtype)

    x_before, out_expected = x_memory.copy(), out_memory.copy()
    layout, begin = (case.x, case.begin[0]) if out is x else (case.out, case.begin[1])
    written = memory.view(out_expected, case.shape, dtype, layout, begin)
    if case.target != "fresh":
        written[...] = expected
    if case.target == "inplace":
        options["inplace"] = True
    elif case.target != "fresh":
        options["out"] = out
    x.flags.writeable = not case.readonly
    y, kept = coarse_dropout(
        x, holes, size, rng=Key.from_words(*words), return_mask=True, **options
    )
    if case.target != "fresh":
        assert y is out
    elif np.max(holes) == 0:
        assert y is x
    else:
        assert y is not x
        assert y.strides == np.empty_like(x).strides
    assert_same_bytes(kept, mask)
    if y is not x or case.target in cases.IN_PLACE:
        for array in (y, expected, *([] if case.target == "fresh" else [written])):
            clear_padding(array)
    assert_same_bytes(y, expected)
    assert out_memory.tobytes() == out_expected.tobytes(), "bytes beside the result"
    if out_memory is not x_memory:
        assert x_memory.tobytes() == x_before.tobytes(), "bytes of x"


@pytest.mark.parametrize("begin", cases.chunks(CASES))
def test_drawn_cases(begin):
    cases.check_all(cases.chunk(begin, CASES, draw_case), lambda case: check(*case))


def test_the_cases_are_of_every_kind():
    seen: set[Any] = set()
    for case, holes, size in map(draw_case, range(CASES)):
        axes = len(case.shape)
        kinds = [type(one).__name__ for one in (holes, size)]
        if isinstance(size, (tuple, list)):
            kinds += [type(one).__name__ for one in size]
        seen |= set(itertools.product((axes,), [*kinds, case.dtype, case.target, *case.names]))
        seen.add((axes, "array" if case.fill_array else "scalar" if case.fill else "none"))
    kinds = ["int", "float", "int64", "float64", "tuple", "list", "ndarray"]
    every = [*kinds, *cases.DTYPES, *cases.TARGETS, *memory.READABLE, "array", "scalar", "none"]
    assert seen >= set(itertools.product((2, 3, 4), every))


# What the documentation says


def test_the_words_are_those_of_a_packed_mask(key, words):
    packed = fastdrop.keep_mask((5, 13, 64), 0.5, rng=key, packed=True)
    assert packed.view("<u8").tolist() == reference_coarse.words_of(0, 65, words)


def test_an_image_of_a_batch_can_be_computed_alone(key):
    shape, holes, size = (6, 20, 30, 3), (0, 4), ((1, 5), (0.1, 0.5))
    _, masks = coarse_dropout(np.ones(shape), holes, size, rng=key, return_mask=True)
    words = fastdrop.keep_mask((6, 17, 64), 0.5, rng=key, packed=True).view("<u8").reshape(6, 17)
    highs = (words >> 32).tolist()
    assert len({mask.tobytes() for mask in masks}) == 6
    for k in (5, 2, 0):
        count, *rest = highs[k]
        expected = np.ones((20, 30), bool)
        for j in range(count * 5 >> 32):
            height, width = 1 + (rest[4 * j] * 5 >> 32), 3 + (rest[4 * j + 1] * 13 >> 32)
            top = rest[4 * j + 2] * (21 - height) >> 32
            left = rest[4 * j + 3] * (31 - width) >> 32
            expected[top : top + height, left : left + width] = False
        assert_same_bytes(masks[k], expected)


def test_labels_get_the_holes_of_images_with_the_same_key(key):
    images, labels = np.ones((5, 20, 30, 3), np.uint8), np.ones((5, 20, 30), np.int64)
    options: dict[str, Any] = {"holes": (1, 3), "size": 0.3, "rng": key}
    y, mask = coarse_dropout(images, **options, return_mask=True)
    z = coarse_dropout(labels[..., np.newaxis], **options, fill=-1)[..., 0]
    assert_same_bytes(y[..., 0], mask.astype(np.uint8))
    assert_same_bytes(z, np.where(mask, 1, -1))


def test_sizes_in_pixels_and_in_fractions(key):
    def extents(size, shape=(40, 60)):
        """The numbers of rows and columns of a hole."""
        dropped = coarse_dropout(np.ones(shape), 1, size, rng=key) == 0
        return int(dropped.any(1).sum()), int(dropped.any(0).sum())

    assert extents(1) == (1, 1)
    assert extents(1.0) == extents(60) == extents(10**9) == (40, 60)
    assert extents((8, 16)) == extents(((8, 8), (16, 16))) == extents([8, 16]) == (8, 16)
    assert extents((8, 0.5)) == (8, 30)
    assert extents(0.25) == extents(np.float16(0.25)) == (10, 15)
    assert extents(0.29, (100, 7)) == (29, 2)  # 0.29 * 100 is less than 29
    assert extents(0.001) == (1, 1)


def test_a_color_fills_the_channels(key):
    images = awkward_numbers((4, 9, 8, 3), np.uint8)
    y, mask = coarse_dropout(
        images, 2, (3, (2, 4)), fill=(124, 116, 104), rng=key, return_mask=True
    )
    assert set(map(tuple, y[~mask].tolist())) == {(124, 116, 104)}
    assert_same_bytes(y[mask], images[mask])


def test_holes_that_are_none_are_drawn_by_nobody():
    rng = np.random.default_rng(0)
    before, process = rng.bit_generator.state, fastdrop.get_rng_state()
    x, out = awkward_numbers((5, 6, 3)), np.ones((5, 6, 3))
    x.flags.writeable = False
    for source in (rng, None):
        assert coarse_dropout(x, 0, 3, rng=source) is x
        assert coarse_dropout(x, (0, 0), 3, inplace=True, rng=source) is x
        y, mask = coarse_dropout(x, 0, 3, out=out, return_mask=True, rng=source)
        assert y is out
        assert_same_bytes(y, x)
        assert_same_bytes(mask, np.ones((5, 6), bool))
        for shape in [(0, 3), (3, 0), (4, 5, 0), (0, 4, 5, 3), (2, 0, 5, 3)]:
            empty = np.ones(shape)
            y, mask = coarse_dropout(empty, 2, 3, rng=source, return_mask=True)
            assert y is not empty
            assert_same_bytes(y, empty)
            assert_same_bytes(mask, np.ones(shape[: 3 if len(shape) == 4 else 2], bool))
    assert rng.bit_generator.state == before
    assert fastdrop.get_rng_state() == process


def test_a_generator_gives_two_words_and_the_process_one_key():
    x = np.ones((4, 20, 30, 3))
    rng, twin = (np.random.default_rng(0) for _ in range(2))
    words = tuple(twin.bit_generator.random_raw(2).tolist())
    expected, _ = reference_coarse.coarse_dropout(x, (0, 3), 7, words)
    assert_same_bytes(coarse_dropout(x, (0, 3), 7, rng=rng), expected)
    assert rng.bit_generator.state == twin.bit_generator.state
    fastdrop.manual_seed(7)
    words = reference.fold_in(reference.fold_in(reference.seed_key(7), 2**63 - 1), 0)
    expected, _ = reference_coarse.coarse_dropout(x, (0, 3), 7, words)
    assert_same_bytes(coarse_dropout(x, (0, 3), 7), expected)
    assert fastdrop.get_rng_state()["calls"] == 1


def test_many_images_and_many_holes(key, words):
    x = np.ones((300, 12, 11, 1), np.uint8)
    for holes in (40, (0, 60)):
        expected, mask = reference_coarse.coarse_dropout(x, holes, (1, (1, 2)), words)
        y, kept = coarse_dropout(x, holes, (1, (1, 2)), rng=key, return_mask=True)
        assert_same_bytes(y, expected)
        assert_same_bytes(kept, mask)


# What x may be


class Own(np.ndarray):
    """A subclass, such as of images."""


def test_x_is_converted_as_in_dropout(key):
    values = [[1, 2, 3], [4, 5, 6]]
    expected = coarse_dropout(np.array(values), 1, 1, rng=key)
    assert_same_bytes(coarse_dropout(values, 1, 1, rng=key), expected)
    y = coarse_dropout(np.array(values).view(Own), 1, 1, rng=key)
    assert type(y) is np.ndarray
    assert_same_bytes(y, expected)
    pandas = pytest.importorskip("pandas")
    assert_same_bytes(coarse_dropout(pandas.DataFrame(values), 1, 1, rng=key), expected)


class Lazy:
    """An array that would have to be loaded."""

    chunks = ((2,), (3,))
    shape, dtype = (2, 3), np.dtype(float)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("it was loaded")


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.ma.ones((2, 3)), r"MaskedArray, whose mask would be lost"),
        (Lazy(), "lazy, chunked or stored"),
        (np.array([["a", "b"]]), "dtype <U1"),
        (np.array([[1, None]]), "dtype object"),
        (np.zeros((2, 3), "M8[s]"), "datetime64"),
        ({"x": 1}, "dict"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(x, match):
    assert_refused(TypeError, match, lambda rng: coarse_dropout(x, 1, 1, rng=rng))


# Errors


@pytest.mark.parametrize("shape", [(), (5,), (1, 2, 3, 4, 5)])
def test_other_numbers_of_axes_are_refused(shape):
    x = np.ones(shape)
    assert_refused(
        ValueError,
        r"takes x of shape \(H, W\), \(H, W, C\) or \(N, H, W, C\), but its shape is",
        lambda rng: coarse_dropout(x, 1, 1, rng=rng, inplace=True),
        x,
    )


def test_what_is_too_large_is_refused():
    huge = np.broadcast_to(np.uint8(1), (1, 2**32))
    many = np.ones((10**4, 1, 1, 1), np.uint8)
    assert_refused(
        ValueError, r"less than 2\*\*32", lambda rng: coarse_dropout(huge, 1, 1, rng=rng)
    )
    # Words of 1.4 PB, more than can be addressed.
    assert_refused(
        MemoryError,
        "allocate",
        lambda rng: coarse_dropout(many, 2**32 - 1, 1, rng=rng, inplace=True),
        many,
    )


@pytest.mark.parametrize(
    ("holes", "error"),
    [
        *[(-1, ValueError), ((2, 1), ValueError), ((-1, 3), ValueError), (2**32, ValueError)],
        *[((1, 2, 3), ValueError), ([], ValueError), ((1,), ValueError), ("12", TypeError)],
        *[(1.0, TypeError), (True, TypeError), (None, TypeError), ((1, 2.0), TypeError)],
        *[((1, (1, 2)), TypeError), ((False, 1), TypeError), ({1, 2}, TypeError)],
        *[(np.array([1.0, 2.0]), TypeError), (np.ones((2, 2), int), TypeError)],
    ],
    ids=shown,
)
def test_holes_that_are_no_number_or_range_are_refused(holes, error):
    refused(error, r"holes must be an int or a \(low, high\) range of ints", holes, 1)


NUMBERS = r"size must be of ints in 1 .. 2\*\*32 - 1, for pixels, or floats in \(0, 1\]"


@pytest.mark.parametrize(
    ("size", "error", "match"),
    [
        *[(one, ValueError, NUMBERS) for one in (0, -3, 2**32, 0.0, -0.5, 1.5, 8.0, np.nan)],
        *[(one, ValueError, NUMBERS) for one in (np.inf, (3, 0), ((0, 2), 3), (0.5, (0.5, 2.0)))],
        *[(one, TypeError, NUMBERS) for one in (None, "8", True, np.True_, 1j, {1, 2}, Decimal(1))],
        *[(one, TypeError, NUMBERS) for one in ((None, 1), ((1, "2"), 1), np.ones(2, bool))],
        *[(one, TypeError, NUMBERS) for one in (((1, (2, 3)), 1), [[[1, 2], [3, 4]], 1])],
        ((1,), ValueError, r"size must be a number or a \(height, width\)"),
        ([], ValueError, r"size must be a number or a \(height, width\)"),
        ((1, 2, 3), ValueError, r"size must be a number or a \(height, width\)"),
        (((1, 2), (3, 4), (5, 6)), ValueError, r"size must be a number or a \(height, width\)"),
        (((1, 2, 3), 4), ValueError, r"must be a number or a \(low, high\) range, but got \(1, 2"),
        ((4, ((),)), ValueError, r"must be a number or a \(low, high\) range, but got"),
        (((2, 1), 4), ValueError, r"with low <= high, .* but got \(2, 1\)"),
        ((4, (0.5, 0.25)), ValueError, r"with low <= high, .* but got \(0.5, 0.25\)"),
        ((4, (0.5, 1)), ValueError, r"of two ints, .* or of two floats, .*but got \(0.5, 1\)"),
        (((1, 1.0), 4), ValueError, r"\(1.0 is all\), but got \(1, 1.0\)"),
    ],
    ids=shown,
)
def test_sizes_that_are_none_are_refused(size, error, match):
    refused(error, match, (0, 2), size)
    refused(error, match, 0, size)


def refused(error, match, holes, size):
    """Check that each kind of call is refused."""
    x, out = np.ones((4, 5, 3)), np.zeros((4, 5, 3))
    assert_refused(error, match, lambda rng: coarse_dropout(x, holes, size, rng=rng))
    assert_refused(error, match, lambda rng: coarse_dropout(x, holes, size, rng=rng, out=out), out)
    assert_refused(
        error, match, lambda rng: coarse_dropout(x, holes, size, rng=rng, inplace=True), x
    )


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"inplace": 1}, TypeError, "inplace must be a bool"),
        ({"return_mask": "yes"}, TypeError, "return_mask must be a bool"),
        ({"out": np.ones((4, 5, 3)), "inplace": True}, ValueError, "give only one"),
        ({"out": np.ones((4, 5))}, ValueError, "x's shape"),
        ({"out": np.ones((4, 5, 3), np.uint8)}, TypeError, "x's dtype"),
        ({"out": [1]}, TypeError, "out must be an ndarray"),
        ({"out": np.ma.ones((4, 5, 3))}, TypeError, "out is a MaskedArray"),
        ({"out": np.broadcast_to(1.0, (4, 5, 3))}, ValueError, "out is read-only"),
        ({"fill": "grey"}, TypeError, "fill"),
        ({"fill": 1j}, TypeError, "cannot hold the fill"),
        ({"fill": [1, 2]}, ValueError, r"broadcast to x's shape \(4, 5, 3\)"),
        ({"fill": np.ones((1, 4, 5, 3))}, ValueError, "broadcast to x's shape"),
        ({"fill": np.ma.ones(3)}, TypeError, "fill is a MaskedArray"),
    ],
)
def test_other_arguments_that_do_not_fit_are_refused(options, error, match):
    x = np.ones((4, 5, 3))
    arrays = [one for one in options.values() if isinstance(one, np.ndarray)]
    assert_refused(
        error, match, lambda rng: coarse_dropout(x, 1, 1, rng=rng, **options), x, *arrays
    )


def test_x_that_cannot_be_written_is_refused():
    x = np.ones((4, 5))
    x.flags.writeable = False
    assert_refused(
        ValueError, "x is read-only", lambda rng: coarse_dropout(x, 1, 1, rng=rng, inplace=True), x
    )
    assert_refused(
        TypeError,
        "inplace=True needs an ndarray",
        lambda rng: coarse_dropout([[1.0]], 1, 1, rng=rng, inplace=True),
    )
    shared = np.lib.stride_tricks.as_strided(np.ones(9), (4, 5), (8, 8))
    assert_refused(
        ValueError,
        "share memory",
        lambda rng: coarse_dropout(shared, 1, 1, rng=rng, inplace=True),
        shared,
    )
    with pytest.raises(TypeError, match="rng must be"):
        coarse_dropout(np.ones((4, 5)), 1, 1, rng="seed")


def test_a_stream_that_has_no_more_keys_changes_nothing():
    x, out = np.ones((4, 5)), np.zeros((4, 5))
    stream = KeyStream(Key(0), 2**63)
    with pytest.raises(OverflowError):
        coarse_dropout(x, 1, 1, rng=stream, inplace=True)
    with pytest.raises(OverflowError):
        coarse_dropout(x, 1, 1, rng=stream, out=out)
    assert_same_bytes(x, np.ones((4, 5)))
    assert_same_bytes(out, np.zeros((4, 5)))


# Chance


def assert_uniform(numbers, count, kinds):
    """Check that ints below `kinds` are equally likely; the false alarm is less than 1e-6."""
    found = np.bincount(numbers, minlength=kinds)
    assert found.size == kinds
    assert found.sum() == count
    z = statistics.NormalDist().inv_cdf(1 - 1e-7 / (2 * kinds))
    p = 1 / kinds
    assert np.abs(found - count * p).max() <= z * math.sqrt(count * p * (1 - p)) + 1


def first_and_extent(dropped):
    """Return the first index at which each row is True, and at how many it is."""
    return dropped.argmax(-1), dropped.sum(-1)


def test_places_and_sizes_are_uniform_and_independent(key):
    count = 40_000
    x = np.ones((count, 9, 8, 1), np.uint8)
    _, mask = coarse_dropout(x, 1, ((2, 5), (3, 4)), rng=key, return_mask=True)
    top, height = first_and_extent((~mask).any(2))
    left, width = first_and_extent((~mask).any(1))
    assert_same_bytes((~mask).sum((1, 2)), height * width)
    assert_uniform((height - 2) * 2 + width - 3, count, 8)
    for tall, wide in itertools.product((2, 3, 4, 5), (3, 4)):
        of_size = (height == tall) & (width == wide)
        places = (9 - tall + 1) * (8 - wide + 1)
        assert_uniform((top * (8 - wide + 1) + left)[of_size], of_size.sum(), places)
    # Of an image and the next one, and of the image after many.
    for step in (1, 256):
        here, there = height[: count // 2 : 1] - 2, height[step : step + count // 2] - 2
        assert_uniform(here * 4 + there, count // 2, 16)


def test_the_number_of_holes_is_uniform(key):
    count = 10_000
    x = np.ones((count, 1, 2**12, 1), np.uint8)
    y = coarse_dropout(x, (2, 5), 1, rng=key)
    found = y.size // count - y.sum((1, 2, 3), dtype=int)
    # Two of five holes of one pixel are in one place with a probability of 10 / 4096 at most.
    allowed = 10 / 4096
    for number in (2, 3, 4, 5):
        share = (found == number).mean()
        assert abs(share - 0.25) < 0.25 * allowed * 2 + 5.5 * math.sqrt(0.1875 / count)


def test_it_drops_as_albumentations_does(monkeypatch, key):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network
    albumentations = pytest.importorskip("albumentations")
    count, shape = 4000, (9, 8)
    image = np.ones(shape, np.uint8)
    for theirs, size in [
        ({"hole_height_range": (2, 4), "hole_width_range": (3, 7)}, ((2, 4), (3, 7))),
        ({"hole_height_range": (0.34, 0.34), "hole_width_range": (0.5, 0.5)}, (0.34, 0.5)),
    ]:
        transform = albumentations.Compose(
            [albumentations.CoarseDropout(num_holes_range=(1, 3), **theirs, p=1)], seed=7
        )
        y = np.stack([transform(image=image)["image"] for _ in range(count)])
        z = coarse_dropout(np.ones((count, *shape, 1), np.uint8), (1, 3), size, rng=key)[..., 0]
        # How often each pixel and each number of pixels is dropped, in two samples.
        numbers = [np.bincount((array == 0).sum((1, 2)), minlength=73) for array in (y, z)]
        pixels = [(array == 0).sum(0) for array in (y, z)]
        for a, b in (numbers, pixels):
            p = (a + b) / (2 * count)
            bound = 6.2 * np.sqrt(2 * count * p * (1 - p)) + 1  # 1e-6 over 250 comparisons
            assert (np.abs(a - b) <= bound).all()
