"""`origin` and `full_shape`: a block of a larger array gives the bytes of the whole.

The cases are drawn as in tests/test_layouts.py. `FASTDROP_CASES=10000 pytest tests/test_regions.py`
is a search of a minute, FASTDROP_CASES=100000 one of ten.
"""

import itertools
import math
import os
from typing import Any

import memory
import numpy as np
import pytest
import reference
from arrays import assert_refused, assert_same_bytes, awkward_numbers, quiet, shown
from case_options import SOME_P, part_of
from cases import DTYPES, LARGE, MASKS, TARGETS, check_all, chunk, chunks, draw_case

import fastdrop
from fastdrop import Key, dropout, keep_mask
from fastdrop._core import BLOCK

CASES = 2000
CUTS = 500


@pytest.mark.parametrize("begin", chunks(CASES))
def test_drawn_cases(begin):
    check_all(chunk(begin, CASES, extras=("region",)))


@pytest.mark.parametrize("begin", chunks(500))
def test_drawn_cases_with_fills_and_arrays_of_p(begin):
    check_all(chunk(begin, 500, extras=("fill", "p", "region")))


@pytest.mark.skipif("FASTDROP_FIRST_CASE" in os.environ, reason="one case is repeated")
def test_drawn_cases_of_arrays_that_a_team_works_on():
    check_all(draw_case(n, large=True, extras=("region",)) for n in range(LARGE))


def test_the_cases_are_of_every_kind():
    seen = set()
    for n in range(CASES):
        case = draw_case(n, extras=("region",))
        shape, full = case.shape, case.options["full_shape"]
        kind = "block" if shape != full else "whole"
        values = (case.dtype, case.names[0], case.target, case.operation, case.threads, case.mask)
        seen |= {(kind, value) for value in (*values, len(shape))}
        seen |= {"huge" if math.prod(full) > 2**32 else "small"}
        if len(shape) > 1 and shape[1:] == full[1:] and shape != full:
            seen.add("rows")
    every = [*DTYPES, *memory.READABLE, *TARGETS, *MASKS[:3], "dropout", "scale=False", 1, 2, 3]
    expected = {*itertools.product(("block", "whole"), [*every, *range(1, 5)]), "huge", "rows"}
    assert expected <= seen, expected - seen


# Cuts


def cut(shape, rng):
    """Cut an array into blocks at random: the slices of each, in random order."""
    blocks = [tuple(slice(0, n) for n in shape)]
    for _ in range(int(rng.integers(1, 13))):
        block = blocks.pop(int(rng.integers(len(blocks))))
        axis = int(rng.integers(len(shape)))
        at = int(rng.integers(block[axis].start, block[axis].stop + 1))
        for half in (slice(block[axis].start, at), slice(at, block[axis].stop)):
            blocks.append((*block[:axis], half, *block[axis + 1 :]))
    return [blocks[i] for i in rng.permutation(len(blocks))]


def of_block(array, block):
    """Return the part of an array, which broadcasts to the whole, that belongs to a block."""
    own = block[len(block) - array.ndim :]
    return array[
        tuple(at if n > 1 else slice(None) for n, at in zip(array.shape, own, strict=True))
    ]


def drawn_array(rng):
    """Draw an array, its noise shape, and the other arguments of a call."""
    axes = int(rng.integers(1, 5))
    shape = [1] * axes
    for axis in rng.permutation(axes).tolist():
        n = int(rng.choice([1, 2, 3, 5, 8, 17, 64, 100, 129, 1000, 20_000]))
        shape[axis] = n if n * math.prod(shape) < 40_000 else 1
    name = rng.choice(["float32", "float64", "float16", "complex64", "uint8", "int64"])
    x = quiet(awkward_numbers(shape, name, rng))
    scale = name not in ("uint8", "int64") and bool(rng.random() < 0.7)
    noise = None
    if rng.random() < 0.5:
        noise = tuple(1 if rng.random() < 0.5 else None for _ in shape)
    p: Any = 0.4
    if rng.random() < 0.5:
        p_shape = part_of(reference.shared(x.shape, noise, 1) if noise else x.shape, rng)
        p = rng.choice(SOME_P, p_shape) if rng.random() < 0.3 else rng.random(p_shape)
    fill = (
        int(rng.integers(0, 3)) if rng.random() < 0.7 else rng.integers(0, 100, part_of(shape, rng))
    )
    offset = int(rng.choice([0, 5, rng.integers(2**40)]))
    key = Key.from_words(*rng.integers(0, 2**64, 2, dtype=np.uint64).tolist())
    return x, p, fill, {"noise_shape": noise, "scale": scale, "offset": offset, "rng": key}


@pytest.mark.parametrize("begin", range(0, CUTS, 100))
def test_random_cuts_of_random_arrays_equal_the_whole(begin):
    for number in range(begin, begin + 100):
        rng = np.random.default_rng([20261126, number])
        x, p, fill, options = drawn_array(rng)
        noise, scale, offset, key = options.values()
        expected = reference.dropout(x, p, key.words, offset, noise, scale, fill)
        assert_same_bytes(dropout(x, p, fill=fill, **options), expected)
        options["num_threads"] = int(rng.integers(1, 4))
        result = x.copy() if rng.random() < 0.5 else np.asfortranarray(x)
        inplace = bool(rng.random() < 0.5)
        for block in cut(x.shape, rng):
            own = {"origin": [at.start for at in block], "full_shape": x.shape}
            own["out"] = None if inplace else result[block]
            own |= {name: of_block(np.asarray(fill), block) for name in ["fill"]}
            of_p = of_block(p, block) if np.ndim(p) else p
            given = result[block] if inplace else x[block]
            dropout(given, of_p, True, inplace, **options, **own)
        assert result.tobytes() == expected.tobytes(), (number, x.shape, options)


@pytest.mark.parametrize("begin", range(0, 300, 100))
def test_random_cuts_of_masks_equal_the_whole(begin):
    for number in range(begin, begin + 100):
        rng = np.random.default_rng([20261127, number])
        x, p, _, options = drawn_array(rng)
        p = np.asarray(p if np.shape(p) == x.shape else 0.3)
        options = {name: options[name] for name in ("offset", "rng")}
        expected = reference.decisions(x.shape, p, options["rng"].words, options["offset"])
        for block in cut(x.shape, rng):
            shape = tuple(at.stop - at.start for at in block)
            own = {"origin": tuple(at.start for at in block), "full_shape": x.shape} | options
            of_p = p[block] if p.ndim else p
            assert_same_bytes(keep_mask(shape, of_p, **own), expected[block].copy())
            bits = keep_mask(shape, of_p, packed=True, **own)
            assert_same_bytes(bits, reference.packed(expected[block].ravel()))


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d"])
def test_blocks_of_channels_equal_the_whole(name, dtype, key):
    function, inner = getattr(fastdrop, name), int(name[-2])
    x = awkward_numbers((5, 9, 4, 6, 8)[: 2 + inner], dtype)
    rng = np.random.default_rng(0)
    for array in (x, x[0]):
        for p in (0.4, rng.random((9, *[1] * inner))):
            whole = function(array, p, rng=key, offset=3)
            for block in cut(array.shape, rng):
                y = function(
                    *(array[block], of_block(p, block) if np.ndim(p) else p),
                    **{"rng": key, "offset": 3, "full_shape": array.shape},
                    origin=tuple(at.start for at in block),
                )
                assert_same_bytes(y, whole[block].copy())


# Single blocks


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("full", "origin", "shape"),
    [
        *[((300, 400), (7, 0), (100, 400)), ((300, 400), (0, 9), (300, 64))],
        *[((300, 400), (17, 131), (200, 201)), ((3, 200_000), (1, 16_000), (2, 70_000))],
        *[((70_000, 3), (5, 1), (60_000, 2)), ((70_000, 3), (5, 2), (60_000, 1))],
        *[((40, 50, 60), (3, 4, 5), (30, 40, 50)), ((40, 50, 60), (3, 0, 0), (30, 50, 60))],
        *[((40, 50, 60), (3, 4, 0), (30, 40, 60)), ((500_000,), (12_345,), (300_000,))],
        *[((9, 8, 7, 6, 5), (1, 2, 3, 4, 0), (8, 6, 4, 2, 5)), ((2**20, 2**20), (9, 9), (300, 70))],
    ],
)
def test_a_block_has_the_bytes_of_its_place(full, origin, shape, threads, dtype, key, words):
    x = awkward_numbers(shape, dtype)
    expected = reference.dropout(x, 0.4, words, 5, origin=origin, full_shape=full)
    options = {"rng": key, "offset": 5, "num_threads": threads, "origin": origin}
    y = dropout(x, 0.4, full_shape=full, **options)
    assert_same_bytes(y, expected)
    larger = np.zeros([n + 3 for n in shape], dtype)
    out = larger[tuple(slice(1, n + 1) for n in shape)]
    assert dropout(x, 0.4, full_shape=full, out=out, **options) is out
    assert_same_bytes(out.copy(), expected)
    assert np.count_nonzero(larger.view(np.uint8)) == np.count_nonzero(expected.view(np.uint8))


@pytest.mark.parametrize(
    "full", [(2**32 - 1, 2**31), (2**62, 1), (2, 2**62 - 1), (2**63 - 1,), (2**20, 2**21, 2**21)]
)
@pytest.mark.parametrize("offset", [0, 2**63])
def test_the_last_elements_of_the_largest_arrays(full, offset, key, words):
    shape = tuple(min(n, 6) for n in full)
    for back in (0, 1):
        origin = tuple(n - m - back if n > m else 0 for n, m in zip(full, shape, strict=True))
        options = {"origin": origin, "full_shape": full}
        options["offset"] = offset
        expected = reference.decisions(shape, 0.5, words, **options)
        assert_same_bytes(keep_mask(shape, 0.5, rng=key, **options), expected)
        y = dropout(np.ones(shape), 0.5, rng=key, **options)
        assert_same_bytes(y, np.where(expected, 2.0, 0.0))


@pytest.mark.parametrize("last", [1, 2, 3, 8, 63, 64, 65, 300])
def test_blocks_of_narrow_arrays(last, key, words):
    """Many rows lie in one block of the stream."""
    full = (3 * BLOCK // last + 5, last + 2)
    for begin in (0, 1, 2):
        shape, origin = (full[0] - 4, last), (3, begin)
        kept = reference.decisions(shape, 0.4, words, 0, origin, full)
        options = {"rng": key, "origin": origin, "full_shape": full}
        assert_same_bytes(keep_mask(shape, 0.4, **options), kept)
        for dtype in (np.uint8, np.float32, np.float64):
            x = np.ones(shape, dtype)
            y = dropout(x, 0.4, scale=False, **options)
            assert_same_bytes(y, kept.astype(dtype))


def test_a_block_that_is_the_whole_is_nothing_else(key):
    x = awkward_numbers((30, 40))
    y = dropout(x, 0.4, rng=key, offset=7)
    for origin in ((0, 0), [0, 0], np.array([0, 0]), (np.int64(0), np.uint8(0))):
        for full in ((30, 40), [30, 40], np.array([30, 40])):
            whole = dropout(x, 0.4, rng=key, offset=7, origin=origin, full_shape=full)
            assert_same_bytes(whole, y)
    assert_same_bytes(
        dropout(np.ones(()), 0.5, rng=key, origin=(), full_shape=()),
        dropout(np.ones(()), 0.5, rng=key),
    )


def test_a_noise_shape_is_that_of_the_block(key, words):
    """An entry of 1 shares decisions, also along an axis on which the block has length 1."""
    whole = awkward_numbers((6, 8, 10))
    shared = dropout(whole, 0.4, rng=key, noise_shape=(None, 1, None))
    own = dropout(whole, 0.4, rng=key)
    options = {"rng": key, "origin": (2, 5, 3), "full_shape": whole.shape}
    block = whole[2:4, 5:6, 3:9]
    y = dropout(block, 0.4, noise_shape=(2, 1, 6), **options)
    assert_same_bytes(y, shared[2:4, 5:6, 3:9].copy())
    y = dropout(block, 0.4, noise_shape=(None, 1, None), **options)
    assert_same_bytes(y, shared[2:4, 5:6, 3:9].copy())
    for noise in (None, (None, None, None), (2, None, 6)):
        y = dropout(block, 0.4, noise_shape=noise, **options)
        assert_same_bytes(y, own[2:4, 5:6, 3:9].copy())


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_an_empty_block_draws_nothing(shape):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    for origin in ((0, 0), (5 - shape[0], 7 - shape[1])):
        options = {"rng": rng, "origin": origin, "full_shape": (5, 7)}
        y, key = dropout(np.ones(shape), 0.5, return_key=True, **options)
        assert y.shape == shape
        assert key is None
        assert keep_mask(shape, 0.5, **options).shape == shape
    assert rng.bit_generator.state == before


def test_an_empty_block_needs_no_index(key):
    for shape, origin, full, offset in [
        ((0,), (5,), (5,), 2**64 - 5),
        ((0, 3), (5, 4), (5, 7), 2**64 - 35),
        ((0, 1, 1), (0, 2**63 - 2, 0), (0, 2**63 - 1, 2**63 - 1), 0),
    ]:
        options = {"rng": key, "origin": origin, "full_shape": full, "offset": offset}
        assert dropout(np.ones(shape), 0.5, **options).shape == shape
        assert keep_mask(shape, 0.5, **options).shape == shape
        assert keep_mask(shape, [0.5], packed=True, **options).size == 0


def test_blocks_of_one_key_make_the_whole():
    """The first block's key is that of the others."""
    x = awkward_numbers((60, 70))
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    whole, expected = dropout(x, 0.4, rng=twin, return_key=True)
    y, key = dropout(x[:20, 30:], 0.4, rng=rng, return_key=True, origin=(0, 30), full_shape=x.shape)
    assert key == expected
    assert rng.bit_generator.state == twin.bit_generator.state
    assert_same_bytes(y, whole[:20, 30:].copy())
    assert dropout(x, 0.0, rng=rng, origin=(1, 2), full_shape=(99, 99)) is x
    assert dropout(x, 0.5, False, rng=rng, origin=(1, 2), full_shape=(99, 99)) is x
    assert not dropout(x, 1.0, rng=rng, origin=(1, 2), full_shape=(99, 99)).any()
    assert rng.bit_generator.state == twin.bit_generator.state


# Errors


def calls(x, out, **options):
    """Return each kind of call on a block."""
    shape = x.shape
    return [
        lambda rng: dropout(x, 0.5, rng=rng, **options),
        lambda rng: dropout(x, 0.5, rng=rng, out=out, **options),
        lambda rng: dropout(x, 0.5, True, True, rng=rng, **options),
        lambda rng: keep_mask(shape, 0.5, rng=rng, **options),
        lambda rng: keep_mask(shape, np.full(shape, 0.5), rng=rng, packed=True, **options),
        lambda rng: fastdrop.dropout1d(x, 0.5, rng=rng, **options),
    ]


@pytest.mark.parametrize(
    ("origin", "full_shape"),
    [
        *[((0, 0), None), (None, (5, 7))],  # both or neither
        *[((0,), (5,)), ((0, 0, 0), (5, 7, 1)), ((), ()), ((0, 0), (5,)), ((0,), (5, 7))],
        *[((-1, 0), (5, 7)), ((0, -1), (5, 7)), ((0, 0), (-5, 7)), ((0, 0), (5, -7))],
        *[((3, 0), (4, 7)), ((0, 5), (5, 7)), ((0, 0), (1, 7)), ((0, 0), (5, 2)), ((5, 7), (5, 7))],
        *[((0, 0), (0, 0)), ((6, 0), (5, 7)), ((2**70, 0), (5, 7)), ((-(2**70), 0), (5, 7))],
        *[((2**63, 0), (5, 7)), ((2**64 - 1, 0), (5, 7)), ((2**64, 0), (2**64 + 5, 7))],
    ],
)
def test_blocks_that_do_not_lie_in_an_array(origin, full_shape):
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    for call in calls(x, out, origin=origin, full_shape=full_shape):
        message = assert_refused(ValueError, "origin|full_shape", call, x, out)
        if origin is not None and full_shape is not None:
            assert str(origin) in message or str(full_shape) in message


@pytest.mark.parametrize(
    "full", [(2**40, 2**40), (2**64, 2), (2**32, 2**32 + 1), (2**70, 2**70), (3, 2**64 // 3 + 1)]
)
def test_arrays_with_more_elements_than_indices(full):
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    for call in calls(x, out, origin=(0, 0), full_shape=full)[:-1]:
        message = assert_refused(ValueError, "full_shape", call, x, out)
        assert str(full) in message


def test_an_empty_array_has_no_longer_axes():
    with pytest.raises(ValueError, match=r"full_shape.*9223372036854775808"):
        keep_mask((1, 0), count=1, axis=0, origin=(0, 0), full_shape=(2**63, 0))


@pytest.mark.parametrize(
    ("origin", "full_shape"),
    [
        *[((True, 0), (5, 7)), ((0, 0), (True, 7)), ((0, np.False_), (5, 7)), ((0, 0), (5, "7"))],
        *[((0.0, 0), (5, 7)), ((0, 0), (5, 7.0)), (("0", 0), (5, 7)), ((None, 0), (5, 7))],
        *[((0, 0), (None, 7)), ("00", (5, 7)), ((0, 0), "57"), ({0: 0, 1: 0}.items(), (5, 7))],
        *[([[0], [0]], (5, 7)), ((0, 0), np.array([5.0, 7.0])), (object(), (5, 7))],
    ],
    ids=shown,
)
def test_blocks_of_what_is_no_integer(origin, full_shape):
    x, out = np.ones((2, 3)), np.zeros((2, 3))
    for call in calls(x, out, origin=origin, full_shape=full_shape):
        assert_refused((TypeError, ValueError), "origin|full_shape", call, x, out)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_blocks_are_checked_where_nothing_is_drawn(p):
    x = np.ones((2, 3))
    for training in (True, False):
        with pytest.raises(ValueError, match=r"origin|full_shape"):
            dropout(x, p, training, origin=(4, 0), full_shape=(5, 7))


def test_the_last_element_of_the_larger_array_must_have_an_index(key):
    x = np.ones((2, 3))
    options = {"rng": key, "origin": (0, 0), "full_shape": (4, 5)}
    dropout(x, 0.5, offset=2**64 - 20, **options)
    with pytest.raises(ValueError, match=r"offset|full_shape"):
        dropout(x, 0.5, offset=2**64 - 19, **options)
    dropout(x, 0.5, offset=2**64 - 4, noise_shape=(None, 1), **options)
    with pytest.raises(ValueError, match=r"offset|full_shape"):
        dropout(x, 0.5, offset=2**64 - 3, noise_shape=(None, 1), **options)


def test_shared_axes_of_a_larger_array_need_no_indices(key, words):
    """Only decisions are counted: along an axis of 1 the array may have any length."""
    x = np.ones((2, 3))
    options = {"noise_shape": (None, 1), "origin": (2**40, 5), "full_shape": (2**41, 2**40)}
    y = dropout(x, 0.5, rng=key, **options)
    kept = reference.decisions((2, 1), 0.5, words, 0, (2**40, 0), (2**41, 1))
    assert_same_bytes(y, np.where(np.broadcast_to(kept, x.shape), 2.0, 0.0))


def test_alpha_dropout_has_no_blocks():
    with pytest.raises(TypeError, match="origin"):
        fastdrop.alpha_dropout(np.ones(3), 0.5, True, origin=(0,), full_shape=(3,))
