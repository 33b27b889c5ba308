"""Masks by themselves: keep_mask and apply_mask."""

import memory
import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import apply_mask, dropout, keep_mask
from fastdrop._core import BLOCK

# keep_mask


@pytest.mark.parametrize("p", [0.5, 0.1, 1e-6, 1 - 2**-20, 2**-80, 0.0, 1.0])
@pytest.mark.parametrize("offset", [0, 1, 63, BLOCK - 66, 123_456_789])
def test_every_length_to_200(p, offset, key, words):
    kept = reference.keep(offset, 200, p, words)
    for size in range(201):
        mask = keep_mask(size, p, rng=key, offset=offset)
        assert mask.dtype == np.bool_
        assert_same_bytes(mask, kept[:size])
        bits = keep_mask(size, p, rng=key, offset=offset, packed=True)
        assert_same_bytes(bits, reference.packed(kept[:size]))


@pytest.mark.parametrize("threads", range(1, 6))
@pytest.mark.parametrize("offset", [0, 64, 77, BLOCK - 1])
def test_blocks_and_threads(threads, offset, key, words):
    for size in (BLOCK, 9 * BLOCK, 11 * BLOCK + 77):
        kept = reference.keep(offset, size, 0.3, words)
        options = {"rng": key, "offset": offset, "num_threads": threads}
        assert_same_bytes(keep_mask(size, 0.3, **options), kept)
        assert_same_bytes(keep_mask(size, 0.3, packed=True, **options), reference.packed(kept))


def test_it_is_the_mask_of_dropout(key):
    x = np.ones((50, 60), np.float32)
    assert_same_bytes(keep_mask(x.shape, 0.3, rng=key), dropout(x, 0.3, rng=key) != 0)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3, 4), [5], np.array([2, 3]), 7, 0])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_shapes(shape, p, key):
    mask = keep_mask(shape, p, rng=key)
    assert mask.shape == np.zeros(shape).shape
    assert mask.dtype == np.bool_
    bits = keep_mask(shape, p, rng=key, packed=True)
    assert_same_bytes(bits, reference.packed(mask.reshape(-1)))


@pytest.mark.parametrize("packed", [True, False])
def test_only_a_mask_that_is_drawn_advances_a_generator(packed):
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    keep_mask(5, 0.0, rng=rng, packed=packed)
    keep_mask(5, 1.0, rng=rng, packed=packed)
    keep_mask(0, 0.5, rng=rng, packed=packed)
    assert rng.bit_generator.state == before
    twin = np.random.default_rng(3)
    _, used = dropout(np.ones(3), 0.5, rng=twin, return_key=True)
    mask = keep_mask(99, 0.5, rng=rng, packed=packed)
    assert_same_bytes(mask, keep_mask(99, 0.5, rng=used, packed=packed))
    assert rng.bit_generator.state == twin.bit_generator.state


def test_without_rng_keys_come_from_the_process():
    fastdrop.manual_seed(3)
    masks = [keep_mask(99), keep_mask(99, packed=True)]
    fastdrop.manual_seed(3)
    assert_same_bytes(dropout(np.ones(99)) != 0, masks[0])
    assert_same_bytes(reference.packed(dropout(np.ones(99)) != 0), masks[1])


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"p": 1.5}, ValueError, "between 0 and 1, but got 1.5"),
        ({"p": "a"}, TypeError, "p must be a real number"),
        ({"shape": (3, -1)}, ValueError, r"negative.*\(3, -1\)"),
        ({"shape": 2.0}, TypeError, "shape must be"),
        ({"shape": (2, 2.0)}, TypeError, "shape must be"),
        ({"shape": None}, TypeError, "shape must be"),
        ({"shape": 2**63}, ValueError, r"less than 2\*\*63 elements"),
        ({"shape": (0, 2**63)}, ValueError, r"less than 2\*\*63 elements"),
        ({"shape": (2**40, 2**40)}, ValueError, r"less than 2\*\*63 elements"),
        ({"shape": (1,) * 65}, ValueError, "shape must have 64 axes at most, but got 65"),
        ({"shape": (1,) * 9999}, ValueError, "shape must have 64 axes at most, but got 9999"),
        ({"shape": 2**50, "p": 1.5}, ValueError, "between 0 and 1"),
        ({"offset": -1}, ValueError, "offset must be"),
        ({"offset": 2**64 - 4}, ValueError, "offset must be"),
        ({"offset": 1.0}, TypeError, "offset must be an integer"),
        ({"rng": "seed"}, TypeError, "rng must be"),
        ({"rng": -1}, ValueError, "seed must be 0 or more"),
        ({"num_threads": 0}, ValueError, "num_threads must be 1 or more"),
        ({"num_threads": 1.5}, TypeError, "num_threads must be an integer"),
    ],
)
def test_bad_arguments_of_keep_mask(arguments, error, match, packed):
    with pytest.raises(error, match=match):
        keep_mask(**({"shape": 5, "packed": packed} | arguments))


def test_a_packed_mask_takes_an_eighth_of_a_byte(key):
    bits = keep_mask((1000, 1001), 0.3, rng=key, packed=True)
    assert bits.nbytes == (1000 * 1001 + 7) // 8
    assert bits.base is None


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("layout", memory.WRITABLE)
def test_it_is_written_into_out(layout, p, key, words):
    shape = (3, 50, 70)
    expected = reference.decisions(shape, p, words)
    where = memory.draw_layout(layout, np.random.default_rng(1), len(shape))
    around = np.full(where.strides(shape, 1)[2], 7, np.uint8)
    all_expected = around.copy()
    memory.view(all_expected, shape, np.dtype(bool), where)[...] = expected
    out = memory.view(around, shape, np.dtype(bool), where)
    assert keep_mask(shape, p, rng=key, out=out) is out
    assert around.tobytes() == all_expected.tobytes()


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("count", [None, 5])
@pytest.mark.parametrize("begin", [0, 1, 4])
def test_bits_are_written_into_out(begin, count, p, key):
    shape = (3, 7)
    expected = keep_mask(shape, p, rng=key, count=count, packed=True)
    around = np.full(16, 7, np.uint8)
    out = around[begin : begin + 3]
    assert keep_mask(shape, p, rng=key, count=count, packed=True, out=out) is out
    assert_same_bytes(out, expected)
    assert (np.delete(around, range(begin, begin + 3)) == 7).all()


def test_out_may_be_of_a_subclass(key):
    class Mask(np.ndarray):
        pass

    out = np.zeros((3, 7), bool).view(Mask)
    assert keep_mask(out.shape, 0.3, rng=key, out=out) is out
    assert_same_bytes(np.asarray(out), keep_mask((3, 7), 0.3, rng=key))


READ_ONLY = np.zeros(5, np.bool_)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("asked", [{}, {"count": 2}, {"min_keep": 2}])
@pytest.mark.parametrize(
    ("out", "packed", "error", "match"),
    [
        ([True] * 5, False, TypeError, "out must be an ndarray, but got list"),
        (np.ones(6, bool), False, ValueError, r"mask's shape \(5,\), but its shape is \(6,\)"),
        (np.ones((5, 1), bool), False, ValueError, r"\(5,\).*\(5, 1\)"),
        (np.ones(5, np.uint8), False, TypeError, "mask's dtype bool, but its dtype is uint8"),
        (np.ma.ones(5, bool), False, TypeError, "out is a MaskedArray"),
        (READ_ONLY, False, ValueError, "out is read-only"),
        (np.lib.stride_tricks.as_strided(np.ones(1, bool), (5,), (0,)), False, ValueError, "share"),
        (np.ones(2, np.uint8), True, ValueError, r"packed mask's shape \(1,\).*\(2,\)"),
        (np.ones(1, bool), True, TypeError, "mask's dtype uint8, but its dtype is bool"),
    ],
)
def test_an_out_that_does_not_fit(out, packed, error, match, asked):
    rng = np.random.default_rng(3)
    state, before = rng.bit_generator.state, np.array(out)
    with pytest.raises(error, match=match):
        keep_mask(5, 0.5, rng=rng, out=out, packed=packed, **asked)
    assert_same_bytes(np.array(out), before)
    assert rng.bit_generator.state == state


def test_bits_need_an_out_without_gaps():
    out = np.zeros(6, np.uint8)[::2]
    with pytest.raises(ValueError, match=r"out must be contiguous.*strides are \(2,\)"):
        keep_mask(20, out=out, packed=True)


# apply_mask


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_mask_gives_what_dropout_gives(p, scale, threads, dtype, key, words):
    x = awkward_numbers((5, BLOCK // 2 + 7), dtype)
    for packed in (True, False):
        mask = keep_mask(x.shape, p, rng=key, packed=packed)
        options = {"packed": packed, "scale": scale, "num_threads": threads}
        expected = reference.dropout(x, p, words, scale=scale)
        assert_same_bytes(apply_mask(x, mask, p, **options), expected)
        out = np.ones_like(x)
        assert apply_mask(x, mask, p, out=out, **options) is out
        assert_same_bytes(out, expected)
        y = x.copy()
        assert apply_mask(y, mask, p, inplace=True, **options) is y
        assert_same_bytes(y, expected)


def test_every_length_of_a_mask(key, words):
    x = awkward_numbers(200)
    kept = reference.keep(0, 200, 0.4, words)
    for size in range(201):
        expected = reference.apply_mask(x[:size], kept[:size], 0.4)
        assert_same_bytes(apply_mask(x[:size], kept[:size], 0.4), expected)
        bits = reference.packed(kept[:size])
        assert_same_bytes(apply_mask(x[:size], bits, 0.4, packed=True), expected)


@pytest.mark.parametrize(
    "mask_shape",
    [(4, 5, 600), (5, 600), (600,), (1, 5, 1), (4, 1, 1), (4, 1, 600), (5, 1), (), (1,)],
)
@pytest.mark.parametrize("layout", ["C", "F", "view", "broadcast"])
def test_a_mask_broadcasts(mask_shape, layout, dtype):
    x = awkward_numbers((4, 5, 600), dtype)
    mask = np.random.default_rng(1).random(mask_shape) < 0.5
    if layout == "F":
        mask = np.asfortranarray(mask)
    elif layout == "view" and mask.ndim:
        mask = np.repeat(mask, 2, axis=-1)[..., ::2]
    elif layout == "broadcast":
        mask = np.broadcast_to(mask, (4, 5, 600))
    expected = reference.apply_mask(x, mask, 0.3)
    swapped = np.moveaxis(np.moveaxis(x, 1, 0).copy(), 0, 1)
    backward = x[::-1, :, ::-1].copy()[::-1, :, ::-1]
    for y in (x, np.asfortranarray(x), swapped, backward, np.repeat(x, 2, axis=1)[:, ::2]):
        assert_same_bytes(y, x)
        assert_same_bytes(apply_mask(y, mask, 0.3), expected)


def test_lists_and_scalars_are_masks():
    x = np.arange(1.0, 5.0).reshape(2, 2)
    y = apply_mask(x, [[True, False], [False, True]], 0)
    assert_same_bytes(y, np.array([[1.0, 0.0], [0.0, 4.0]]))
    assert_same_bytes(apply_mask(x, True, 0), x)
    assert_same_bytes(apply_mask(x, False, 0), 0 * x)
    assert_same_bytes(apply_mask(np.float64(3), True, 0.5), np.array(6.0))
    assert apply_mask(np.ones(()), np.array(False), 0).shape == ()


def test_p_has_to_be_said():
    """Else apply_mask(x, keep_mask(x.shape)) would not be dropout(x)."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'p'"):
        apply_mask(np.ones(3), keep_mask(3))


def test_the_result_is_never_x_itself_but_in_place():
    x = np.ones(5)
    y = apply_mask(x, True, 0)
    assert y is not x
    assert not np.shares_memory(x, y)


def test_integers_need_no_scale():
    x = np.arange(6, dtype=np.int16)
    mask = x % 2 == 1
    expected = np.array([0, 1, 0, 3, 0, 5], np.int16)
    assert_same_bytes(apply_mask(x, mask, 0), expected)
    assert_same_bytes(apply_mask(x, mask, 0.5, scale=False), expected)
    with pytest.raises(TypeError, match=r"int16.*float32.*scale=False"):
        apply_mask(x, mask, 0.5)
    assert not apply_mask(x, mask, 1.0).any()


def test_dropped_elements_are_plus_zero(dtype):
    x = np.full(100, np.nan, dtype)
    mask = np.arange(100) % 3 > 0
    y = apply_mask(x, mask, 0.5)
    assert y[~mask].tobytes() == bytes(34 * dtype.itemsize)
    assert np.isnan(y[mask]).all()


def test_a_mask_may_lie_in_the_result():
    memory = np.zeros(800, np.uint8)
    out = memory.view(np.float64)
    mask = memory[:100].view(np.bool_)
    mask[::2] = True
    expected = np.where(mask, 3.0, 0.0)
    apply_mask(np.full(100, 3.0), mask, 0, out=out)
    assert_same_bytes(out, expected)


def test_out_may_overlap_x():
    memory = awkward_numbers(300)
    mask = np.arange(200) % 3 > 0
    expected = np.where(mask, memory[:200], 0)
    apply_mask(memory[:200], mask, 0, out=memory[50:250])
    assert_same_bytes(memory[50:250], expected)


def test_a_large_result_is_stored_past_the_cache():
    x = np.ones(2**22 + 100, np.float64)
    mask = np.arange(x.size) % 3 > 0
    out = np.zeros(x.size + 1)[1:]
    for given in (mask, reference.packed(mask)):
        out[...] = 7
        apply_mask(x, given, 0.5, out=out, packed=given is not mask)
        assert_same_bytes(out, np.where(mask, 2.0, 0.0))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"mask": np.ones((3, 4), np.uint8)}, TypeError, "bool.*uint8"),
        ({"mask": np.ones((3, 4))}, TypeError, "bool.*float64"),
        ({"mask": np.ones((4, 3), bool)}, ValueError, r"broadcast.*\(3, 4\).*\(4, 3\)"),
        ({"mask": np.ones((1, 3, 4), bool)}, ValueError, r"broadcast.*\(3, 4\).*\(1, 3, 4\)"),
        ({"mask": np.ones((3, 0), bool)}, ValueError, r"broadcast.*\(3, 4\).*\(3, 0\)"),
        ({"mask": np.ones(2, bool), "packed": True}, TypeError, "uint8.*bool"),
        ({"mask": np.ones(1, np.uint8), "packed": True}, ValueError, r"\(2,\).*\(1,\)"),
        ({"mask": np.ones((1, 2), np.uint8), "packed": True}, ValueError, r"\(2,\).*\(1, 2\)"),
        ({"p": 1.5}, ValueError, "between 0 and 1, but got 1.5"),
        ({"p": np.nan}, ValueError, "between 0 and 1, but got nan"),
        ({"out": np.ones((4, 3))}, ValueError, r"\(3, 4\).*\(4, 3\)"),
        ({"out": np.ones((3, 4), np.float32)}, TypeError, "float64.*float32"),
        ({"out": np.ones((3, 4)), "inplace": True}, ValueError, "only one"),
        ({"num_threads": 0}, ValueError, "num_threads must be 1 or more"),
        ({"x": np.array(["a"])}, TypeError, "cannot drop elements of dtype"),
        ({"x": [1.0], "inplace": True}, TypeError, "inplace=True needs an ndarray"),
        ({"x": np.broadcast_to(1.0, (3, 4)), "inplace": True}, ValueError, "read-only"),
    ],
)
def test_bad_arguments_of_apply_mask(arguments, error, match):
    arguments = {"x": np.ones((3, 4)), "mask": np.ones((3, 4), bool), "p": 0.5} | arguments
    before = {name: a.tobytes() for name, a in arguments.items() if isinstance(a, np.ndarray)}
    with pytest.raises(error, match=match):
        apply_mask(**arguments)
    assert before == {name: arguments[name].tobytes() for name in before}
