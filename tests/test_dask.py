"""Dask arrays: whatever the chunks, the bytes of the whole array's result. No cluster.

The cases are drawn at random: `FASTDROP_CASES=10000 pytest tests/test_dask.py` is a search of some
minutes.
"""

import doctest
import inspect
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
from arrays import assert_refused, assert_same_bytes, awkward_numbers, quiet
from case_options import SOME_P, part_of

import fastdrop
from fastdrop import Key

pytest.importorskip("dask", minversion="2024.12")
pytest.importorskip("dask.array")

import dask
import dask.array as da

import fastdrop.dask as lazily

CASES = int(os.environ.get("FASTDROP_CASES", "200"))
AXES = {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}  # of a channel


@pytest.fixture(autouse=True, scope="module")
def _scheduler():
    """Compute in this thread, except where a test says otherwise."""
    with dask.config.set(scheduler="synchronous"):
        yield


# Random chunks


def cut(n, rng):
    """Cut a length into chunks at random, some of them empty."""
    at = np.sort(rng.integers(0, n + 1, int(rng.integers(0, 4))))
    return tuple(np.diff([0, *at, n]).tolist())


def cut_all(shape, rng):
    return tuple(cut(n, rng) for n in shape)


def laid_out(x, rng):
    """Make a Dask array of x's values, in some memory layout and in random chunks."""
    layout = rng.choice(["C", "F", "reversed", "strided"])
    if layout == "F":
        x = np.asfortranarray(x)
    elif layout == "reversed":
        x = np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    elif layout == "strided":
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    return da.from_array(x, chunks=cut_all(x.shape, rng))


def maybe_lazy(numbers, rng):
    """Give an array as it is, or as a Dask array in chunks of its own."""
    if np.ndim(numbers) and rng.random() < 0.5:
        return da.from_array(numbers, chunks=cut_all(numbers.shape, rng))
    return numbers


def drawn_shape(axes, rng):
    shape = [1] * axes
    for axis in rng.permutation(axes).tolist():
        n = int(rng.choice([0, 1, 2, 3, 5, 8, 17, 64, 129, 1000], p=[0.02, *[0.98 / 9] * 9]))
        shape[axis] = n if n * math.prod(shape) < 10_000 else 1
    return tuple(shape)


def drawn_counts(length, rng):
    kind = rng.integers(3)
    if kind == 0:
        return {}
    return {["count", "min_keep"][kind - 1]: int(rng.integers(0, length + 1))}


def drawn_call(rng):
    """Draw a function, an x, a p, and the other arguments."""
    name = str(rng.choice(["dropout", "dropout", *AXES, "keep_mask"]))
    inner = AXES.get(name, 0)
    axes = inner + int(rng.integers(1, 3)) if inner else int(rng.integers(1, 5))
    shape = drawn_shape(axes, rng)
    dtype = rng.choice(["f4", "f8", "f2", "c8", "u1", "i8", "?", ">f4"])
    x = quiet(awkward_numbers(shape, dtype, rng))
    options: dict[str, Any] = {"offset": int(rng.choice([0, 5, rng.integers(2**40)]))}
    options["rng"] = Key.from_words(*rng.integers(0, 2**64, 2, dtype=np.uint64).tolist())
    mask = shape
    if name != "keep_mask":
        options["scale"] = bool(x.dtype.kind in "fc" and rng.random() < 0.7)
        number = float(rng.integers(0, 2)) if x.dtype.kind in "fc" else int(rng.integers(0, 2))
        options["fill"] = number
        if rng.random() < 0.3:
            options["fill"] = rng.integers(0, 2, part_of(shape, rng)).astype(dtype)
    if inner:
        mask = (*shape[:-inner], *[1] * inner)
        options |= drawn_counts(shape[-inner - 1], rng)
    elif name == "keep_mask":
        axis = int(rng.integers(-axes, axes))
        counts = drawn_counts(shape[axis], rng)
        options |= counts | ({"axis": axis} if counts else {})
    elif rng.random() < 0.5:
        mask = tuple(1 if rng.random() < 0.5 else n for n in shape)
        entries = zip(mask, shape, strict=True)
        options["noise_shape"] = [n if n != m or rng.random() < 0.5 else None for n, m in entries]
    p: Any = float(rng.choice([*SOME_P, 0.4, 0.4, 0.4]))
    if rng.random() < 0.4:
        p_shape = part_of(mask, rng)
        p = rng.choice(SOME_P, p_shape) if rng.random() < 0.3 else rng.random(p_shape)
    if rng.random() < 0.2:
        begin = rng.integers(0, 10, axes)
        options |= {"origin": begin, "full_shape": begin + shape + rng.integers(0, 10, axes)}
    return name, x, p, options


def outcome(call):
    """Return what a call gives, or its error."""
    try:
        return call()
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def is_error(result):
    return isinstance(result, tuple) and isinstance(result[0], type)


def check_call(number):
    """Compare a call on a Dask array with the same call on the whole array in memory."""
    rng = np.random.default_rng([20261128, number])
    name, x, p, options = drawn_call(rng)
    first: Any = x.shape if name == "keep_mask" else x
    pair = {} if name == "keep_mask" else {"return_key": True}
    expected = outcome(lambda: getattr(fastdrop, name)(first, p, **options, **pair))
    chunks = cut_all(x.shape, rng)
    own = dict(options)
    if name == "keep_mask":
        pair = {"chunks": chunks}
    else:
        first = laid_out(x, rng)
        chunks = first.chunks
        own["fill"] = maybe_lazy(options["fill"], rng)
    lazy_p = maybe_lazy(p, rng)
    result = outcome(lambda: getattr(lazily, name)(first, lazy_p, **own, **pair))
    if is_error(result) and "min_keep counts whole lines" in result[1]:
        assert max(np.shape(p)) > 1
        return name, "lines"
    if is_error(expected):
        if isinstance(lazy_p, da.Array) and not is_error(result):  # by an element of p
            if x.size == 0:  # of which none is looked at
                return name, "empty"
            result = outcome((result if name == "keep_mask" else result[0]).compute)
        assert is_error(result), (number, expected)
        assert result == expected, number
        return name, "error"
    key = given = None
    if name != "keep_mask":
        (expected, key), (result, given) = expected, result
    assert given == key or isinstance(lazy_p, da.Array), number
    assert result.chunks == chunks, number
    assert type(result._meta) is np.ndarray
    assert result.dtype == expected.dtype
    if isinstance(first, da.Array) and expected is x and not isinstance(lazy_p, da.Array):
        assert result is first
    y = np.asarray(result.compute(), result.dtype)
    assert y.tobytes() == expected.tobytes(), (number, name, x.shape, chunks, p, options)
    return name, "same"


@pytest.mark.parametrize("begin", range(0, CASES, 100))
def test_random_calls_in_random_chunks_equal_the_whole(begin):
    seen = {check_call(number) for number in range(begin, begin + 100)}
    assert seen >= {(name, "same") for name in ("dropout", *AXES, "keep_mask")}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_the_bytes_are_those_of_the_reference(dtype, key):
    dtype = reference.dtype_of(dtype)
    x = awkward_numbers((33, 70), dtype)
    y = lazily.dropout(da.from_array(x, chunks=(10, 33)), 0.3, rng=key)
    assert_same_bytes(y.compute(), reference.dropout(x, 0.3, key.words))


def test_a_block_of_a_larger_array_may_be_cut_too(key):
    x = np.arange(1, 7001.0).reshape(70, 100)
    whole = fastdrop.dropout(x, 0.5, rng=key)
    part = da.from_array(x, chunks=(9, 31))[20:, 50:]
    y = lazily.dropout(part, 0.5, rng=key, origin=(20, 50), full_shape=x.shape)
    assert_same_bytes(y.compute(), whole[20:, 50:].copy())


def test_what_is_done_with_the_result_changes_no_mask(key):
    x = np.arange(1, 10_001.0).reshape(100, 100)
    whole = fastdrop.dropout(x, 0.5, rng=key)
    y = lazily.dropout(da.from_array(x, chunks=17), 0.5, rng=key)
    assert_same_bytes(y[3:50:2, 20:][:, ::-1].compute(), whole[3:50:2, 20:][:, ::-1].copy())
    assert_same_bytes(y.rechunk((100, 3)).compute(), whole)
    assert_same_bytes(y.persist().compute(), whole)
    assert_same_bytes(y.T.compute(), np.ascontiguousarray(whole.T))
    assert_same_bytes((y + y.sum(axis=0)).compute(), whole + whole.sum(axis=0))
    around = y.map_overlap(np.roll, depth=1, boundary="periodic", shift=1, axis=0)
    assert_same_bytes(around.compute(), np.roll(whole, 1, axis=0))
    after = da.from_array(x, chunks=17).map_overlap(np.roll, depth=1, shift=1, axis=1)
    assert_same_bytes(
        lazily.dropout(after, 0.5, rng=key).compute(),
        fastdrop.dropout(after.compute(), 0.5, rng=key),
    )


@pytest.mark.parametrize(
    ("scheduler", "num_threads"),
    [("threads", 1), ("threads", 2), ("threads", None), ("processes", 1)],
)
def test_schedulers_and_threads_change_no_mask(scheduler, num_threads, key):
    x = np.ones((600, 700), np.float32)
    y = lazily.dropout(da.from_array(x, chunks=400), 0.5, rng=key, num_threads=num_threads)
    with dask.config.set({"multiprocessing.context": "spawn"}):
        result = y.compute(scheduler=scheduler, num_workers=2)
    assert_same_bytes(result, fastdrop.dropout(x, 0.5, rng=key))


def test_a_p_or_a_fill_may_be_one_lazy_number(key):
    x = da.arange(1.0, 101.0, chunks=7)
    p, fill = da.ones(4, chunks=2).mean() / 2, da.arange(3).max()
    y = lazily.dropout(x, p, fill=fill, rng=key)
    assert_same_bytes(y.compute(), fastdrop.dropout(x.compute(), 0.5, fill=2, rng=key))


def test_a_block_of_an_array_that_no_memory_holds(key):
    shape, begin = (10**7, 10**8), (10**7 - 30, 10**8 - 50)
    chunks = tuple((at, n - at) for at, n in zip(begin, shape, strict=True))
    y = lazily.dropout(da.ones(shape, chunks=chunks, dtype="f4"), 0.5, rng=key)
    expected = fastdrop.dropout(
        np.ones((30, 50), np.float32), 0.5, rng=key, origin=begin, full_shape=shape
    )
    assert_same_bytes(y[-30:, -50:].compute(), expected)


# Keys


def test_the_key_is_taken_once_and_is_a_part_of_the_graph():
    fastdrop.manual_seed(5)
    x = np.ones(1000)
    expected = [fastdrop.dropout(x) for _ in range(2)]
    fastdrop.manual_seed(5)
    lazy = da.from_array(x, chunks=100)
    first, (second, key) = lazily.dropout(lazy), lazily.dropout(lazy, return_key=True)
    for _ in range(2):  # in another order, and again
        assert_same_bytes(second.compute(), expected[1])
        assert_same_bytes(first.compute(), expected[0])
    assert_same_bytes(second.compute(), fastdrop.dropout(x, rng=key))
    assert fastdrop.get_rng_state()["calls"] == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: 7,
        lambda: [1, 2],
        lambda: np.random.SeedSequence(7),
        lambda: Key(7),
        lambda: np.random.default_rng(7),
        lambda: np.random.RandomState(7),
    ],
)
def test_every_source_of_keys_gives_the_key_that_it_gives_elsewhere(make):
    x = np.ones((30, 40))
    ours, numpys = make(), make()
    lazy = da.from_array(x, chunks=7)
    for _ in range(3):
        y, key = lazily.dropout(lazy, 0.5, rng=ours, return_key=True)
        expected, expected_key = fastdrop.dropout(x, 0.5, rng=numpys, return_key=True)
        assert key == expected_key
        assert_same_bytes(y.compute(), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"p": 0.0},
        {"p": 1.0},
        {"p": [0.0] * 5},
        {"p": [0.0, 1.0, 1.0, 0.0, 1.0]},
        {"training": False},
        {"x": da.ones((0, 5))},
    ],
)
def test_where_nothing_is_drawn_no_generator_advances(options):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    x = options.setdefault("x", da.ones((4, 5), chunks=3))
    y, key = lazily.dropout(**options, rng=rng, return_key=True)
    assert key is None
    expected = fastdrop.dropout(**options | {"x": x.compute()})
    assert_same_bytes(y.compute(), expected)
    assert rng.bit_generator.state == before


def test_evaluation_returns_x_itself():
    x = da.ones((4, 5), chunks=3)
    assert lazily.dropout(x, 0.5, training=False) is x
    assert lazily.dropout(x, 0.0) is x
    assert lazily.dropout(x, np.zeros(5)) is x
    assert lazily.dropout1d(x, count=0) is x
    empty = da.ones((4, 0), chunks=((2, 0, 2), (0,)))
    assert lazily.dropout(empty, da.ones(0, chunks=((0, 0),))) is empty
    assert lazily.dropout2d(x[:, :, None], 0.5, False, return_key=True)[1] is None


def test_equal_calls_have_equal_names_and_are_computed_once():
    x = da.ones((4, 6), chunks=3)

    def call(**options):
        options = {"x": x, "p": 0.5, "rng": 7} | options
        return lazily.dropout(**options).name

    with dask.config.set({"tokenize.ensure-deterministic": True}):
        assert call() == call() == call(rng=Key(7))
        assert call(p=[0.5] * 6) == call(p=np.full(6, 0.5))
        others = [{"rng": 8}, {"p": 0.4}, {"p": np.full(6, 0.4)}, {"fill": 1}, {"offset": 1}]
        others += [{"x": x + 1}, {"x": x.rechunk(2)}, {"scale": False}, {"noise_shape": (1, 6)}]
        others += [{"origin": (0, 0), "full_shape": (4, 7)}]
        assert len({call(), *(call(**other) for other in others)}) == 1 + len(others)
    both = lazily.dropout(x, rng=7), lazily.dropout(x, rng=7) * 2
    keys = {key for y in both for key in y.__dask_graph__() if key[0].startswith("dropout-")}
    assert len(keys) == 4


def test_another_process_gives_the_same_name(run_python):
    script = "import dask.array as da, fastdrop.dask as f; print(f.dropout(da.ones(9), rng=7).name)"
    assert run_python(script).strip() == lazily.dropout(da.ones(9), rng=7).name


@pytest.mark.parametrize("chunks", [3, -1])
def test_arrays_that_are_changed_later_change_nothing(chunks):
    x, p, fill = da.ones((4, 6), chunks=chunks), np.full(6, 0.5), np.zeros(6)
    y = lazily.dropout(x, p, fill=fill, rng=7)
    p[:], fill[:] = 0, 9
    assert_same_bytes(y.compute(), fastdrop.dropout(np.ones((4, 6)), 0.5, rng=7))


def test_the_graph_has_one_task_for_a_block_and_little_in_it():
    x = da.ones((100, 100), chunks=10)
    y = lazily.dropout(x, 0.5, rng=7)
    (y,) = dask.optimize(y)
    assert len(dict(y.__dask_graph__())) == 100
    beside = lazily.dropout(x, np.full(100, 0.4), fill=np.ones((100, 1)), rng=7)
    (beside,) = dask.optimize(beside)
    assert len(dict(beside.__dask_graph__())) == 100 + 10 + 10
    broadcast = lazily.dropout(x, np.broadcast_to([0.4], (100, 100)), rng=7)
    (broadcast,) = dask.optimize(broadcast)
    assert len(dict(broadcast.__dask_graph__())) == 100 + 1


# What is refused


def test_the_signatures_are_those_of_numpys_functions():
    for name in ("dropout", *AXES):
        ours = inspect.signature(getattr(lazily, name)).parameters
        others = inspect.signature(getattr(fastdrop, name)).parameters
        assert list(ours) == list(others)
        for one, other in zip(ours.values(), others.values(), strict=True):
            assert one.kind == other.kind
            assert one.default == (1 if one.name == "num_threads" else other.default)
    ours = inspect.signature(lazily.keep_mask).parameters
    others = inspect.signature(fastdrop.keep_mask).parameters
    assert set(ours) - set(others) == {"chunks"}
    assert set(others) - set(ours) == {"out", "packed"}


CALLS = {
    "dropout": lazily.dropout,
    "dropout1d": lazily.dropout1d,
    "dropout2d": lambda x, *args, **options: lazily.dropout2d(x[..., None], *args, **options),
    "dropout3d": lambda x, *args, **options: lazily.dropout3d(x[..., None, None], *args, **options),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("error", "match", "change"),
    [
        (TypeError, "cannot be written into: leave out inplace=True", {"inplace": True}),
        (TypeError, "inplace must be a bool", {"inplace": 1}),
        (TypeError, "leave out out=.*to_zarr", {"out": np.ones((4, 6))}),
        (ValueError, "between 0 and 1, but got 1.5", {"p": 1.5}),
        (ValueError, "between 0 and 1, but got nan", {"p": np.full(1, np.nan)}),
        (TypeError, "must be a number, but got the bool", {"p": True}),
        (ValueError, "p must be a number or broadcast", {"p": [0.1, 0.2, 0.3]}),
        (ValueError, "p must be a number or broadcast", {"p": da.ones(3)}),
        (TypeError, "p must hold numbers, but got bools", {"p": da.ones(1, dtype=bool)}),
        (ValueError, "p has chunks of unknown sizes", {"p": da.ones(3)[da.ones(3) > 0]}),
        (TypeError, "training must be a bool", {"training": 1}),
        (TypeError, "scale must be a bool", {"scale": None}),
        (TypeError, "return_key must be a bool", {"return_key": 0}),
        (TypeError, "of dtype int64 and scale the others", {"x": da.ones((4, 6), dtype=int)}),
        (TypeError, "of dtype object", {"x": da.ones((4, 6), dtype=object, chunks=3)}),
        (ValueError, "cannot hold the fill", {"x": da.ones((4, 6), dtype="u1"), "fill": 300}),
        (ValueError, "fill must be a number or broadcast", {"fill": [1, 2, 3, 4, 5]}),
        (ValueError, "fill must be a number or broadcast", {"fill": da.ones(5)}),
        (TypeError, "cannot hold the fill", {"fill": da.ones(1, dtype=complex)}),
        (ValueError, "offset must be 0 or more", {"offset": -1}),
        (ValueError, "must be 1 or more", {"num_threads": 0}),
        (ValueError, "origin needs full_shape", {"origin": (0, 0)}),
        (TypeError, "rng must be None, an int", {"rng": "seed"}),
    ],
)
def test_what_is_wrong_raises_before_anything_is_drawn(call, error, match, change):
    options = {"x": da.ones((4, 6), chunks=3), "p": 0.5} | change
    assert_refused(error, match, lambda rng: call(**({"rng": rng} | options)))


def test_a_wrong_noise_shape_or_number_of_axes_is_refused():
    x = da.ones((4, 6), chunks=3)
    with pytest.raises(ValueError, match="noise_shape must have 1, the axis's length or None"):
        lazily.dropout(x, noise_shape=(4, 3))
    with pytest.raises(ValueError, match=r"dropout2d takes x of shape \(N, C, H, W\)"):
        lazily.dropout2d(x)
    with pytest.raises(ValueError, match="count must be between 0 and 4"):
        lazily.dropout1d(x, count=5)
    with pytest.raises(ValueError, match="no negative entries"):
        lazily.keep_mask((3, -1))
    with pytest.raises(ValueError, match="axis=0 says along which axis decisions are counted"):
        lazily.keep_mask((3, 4), axis=0)


@pytest.mark.parametrize("make", [lambda n: da.full(n, 1.5), lambda n: da.full(n, np.nan)])
def test_a_wrong_number_in_a_lazy_p_or_fill_raises_when_its_block_is_computed(make):
    x = da.ones(6, dtype="u1", chunks=3)
    y = lazily.dropout(x, make(6), scale=False, rng=7)
    with pytest.raises(ValueError, match="between 0 and 1"):
        y.compute()
    y = lazily.dropout(x, 0.999, scale=False, fill=make(6), rng=7)
    with pytest.raises(ValueError, match="cannot hold the fill"):
        y.compute()


def test_min_keep_refuses_a_p_along_lines_that_are_cut():
    p = np.linspace(0.1, 0.9, 6)[:, None]
    x = da.ones((4, 6, 5), chunks=(2, 3, 5))
    with pytest.raises(ValueError, match=r"at most 3 of the 6 .* axis 1.*x\.rechunk\({1: -1}\)"):
        lazily.dropout1d(x, p, min_keep=2)
    y = lazily.dropout1d(x.rechunk({1: -1}), p, min_keep=2, rng=7)
    assert_same_bytes(y.compute(), fastdrop.dropout1d(np.ones(x.shape), p, min_keep=2, rng=7))


def test_min_keep_beside_an_empty_block():
    x, p = np.ones((2, 3, 4)), np.full((3, 1), [[0.1], [0.5], [0.9]])
    y = lazily.dropout1d(da.from_array(x, chunks=(2, (3, 0), 4)), p, min_keep=2, rng=7)
    assert_same_bytes(y.compute(), fastdrop.dropout1d(x, p, min_keep=2, rng=7))


@pytest.mark.parametrize("p", [np.array([0.5]), np.array([0.5, 0.1, 0.2])])
def test_elements_at_the_end_of_the_stream_with_an_array_of_p(p):
    x, offset = np.ones(p.shape), 2**64 - p.size
    y = lazily.dropout(da.from_array(x, chunks=1), p, rng=7, offset=offset)
    assert_same_bytes(y.compute(), fastdrop.dropout(x, p, rng=7, offset=offset))


def test_chunks_of_unknown_sizes_are_refused_and_the_way_out_works():
    x = da.arange(10.0, chunks=3)
    x = x[x > 2]
    for training in (True, False):
        with pytest.raises(ValueError, match=r"call x\.compute_chunk_sizes\(\) first"):
            lazily.dropout(x, 0.5, training)
    y = lazily.dropout(x.compute_chunk_sizes(), 0.5, rng=7)
    assert_same_bytes(y.compute(), fastdrop.dropout(np.arange(3, 10.0), 0.5, rng=7))


@pytest.mark.parametrize("x", [np.ones(3), [1.0], None, fastdrop])
def test_what_is_no_dask_array_is_refused(x):
    with pytest.raises(TypeError, match=r"x must be a dask\.array\.Array, but is a .*from_array"):
        lazily.dropout(x)
    with pytest.raises(TypeError, match=r"x must be a dask\.array\.Array"):
        lazily.dropout2d(x)


def test_masked_blocks_are_refused_and_the_way_out_works():
    x = da.ma.masked_greater(da.arange(10.0, chunks=3), 5)
    with pytest.raises(TypeError, match=r"MaskedArray: pass dask\.array\.ma\.filled\(x, value\)"):
        lazily.dropout(x)
    y = lazily.dropout(da.ma.filled(x, 0), 0.5, rng=7)
    assert_same_bytes(y.compute(), fastdrop.dropout(x.compute().filled(0), 0.5, rng=7))


def test_sparse_blocks_are_refused_and_the_way_out_works():
    sparse = pytest.importorskip("scipy.sparse")
    x = da.eye(9, chunks=3).map_blocks(sparse.csr_array, meta=sparse.csr_array((0, 0)))
    with pytest.raises(TypeError, match=r"are scipy\.sparse\..*csr_array: pass x\.map_blocks"):
        lazily.dropout(x)
    x = x.map_blocks(lambda block: block.toarray(), meta=np.empty((0, 0)))
    assert_same_bytes(
        lazily.dropout(x, 0.5, rng=7).compute(), fastdrop.dropout(np.eye(9), 0.5, rng=7)
    )


def test_numpys_functions_name_this_module_to_who_passes_a_dask_array():
    with pytest.raises(
        TypeError, match=r"lazy, chunked or stored: pass np\.asarray.*fastdrop\.dask"
    ):
        fastdrop.dropout(da.ones(3))


@pytest.mark.parametrize(
    "state",
    ['sys.modules["dask"] = None', 'import dask; dask.__version__ = "2024.8.2"'],
    ids=["missing", "old"],
)
def test_without_a_dask_that_is_new_enough_the_import_names_the_way_out(state, run_python):
    script = f"""
import sys
{state}
try:
    import fastdrop.dask
except ImportError as error:
    print(error)
"""
    assert "python -m pip install 'dask[array]>=2024.12' (" in run_python(script)


def test_fastdrop_does_not_import_dask(run_python):
    assert "dask" not in run_python("import fastdrop, sys; print(*sys.modules)").split()


# Beside other packages


def test_xarray_keeps_what_it_knows():
    xarray = pytest.importorskip("xarray")
    x = np.arange(1, 25.0).reshape(4, 6)
    array = xarray.DataArray(x, dims=("time", "place"), coords={"place": list("abcdef")})
    y = xarray.apply_ufunc(
        lazily.dropout, array.chunk(time=3), kwargs={"p": 0.5, "rng": 7}, dask="allowed"
    )
    assert isinstance(y.data, da.Array)
    assert y.dims == array.dims
    assert_same_bytes(y.to_numpy(), fastdrop.dropout(x, 0.5, rng=7))


def test_apply_mask_needs_no_form_of_its_own():
    x = da.arange(1.0, 25.0, chunks=5).reshape(4, 6)
    mask = lazily.keep_mask(x.shape, 0.5, rng=7, chunks=x.chunks)
    y = da.map_blocks(fastdrop.apply_mask, x, mask, p=0.5, dtype=x.dtype)
    assert_same_bytes(y.compute(), fastdrop.dropout(x.compute(), 0.5, rng=7))


def test_the_public_names_have_examples_that_run():
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    for name in lazily.__all__:
        function = getattr(lazily, name)
        assert function.__module__ == "fastdrop.dask"
        test = parser.get_doctest(inspect.getdoc(function), {}, name, None, None)
        assert test.examples
        runner.run(test)
    assert runner.failures == 0


PAGE = Path(__file__).parents[1] / "docs" / "dask.md"


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("zarr", minversion="3")
    pytest.importorskip("xarray")
    if not PAGE.exists():
        pytest.skip("no docs here")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
