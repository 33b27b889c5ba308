"""Fuzz of fastdrop.dask: the bytes of the whole array, or the same refusal, when it is called.

The arguments are any: arrays in any chunks, p and fills of any kind, and what is no such thing.
`FASTDROP_FUZZ=10000 pytest -s tests/test_fuzz_dask.py` is a search of some minutes.
"""

import copy
import math
import warnings

import numpy as np
import pytest

pytest.importorskip("dask", minversion="2024.12")
pytest.importorskip("dask.array")
pytest.importorskip("hypothesis")

import dask
import dask.array as da
from arrays import awkward_numbers, clear_padding, quiet
from case_options import SOME_P, part_of
from fuzz_integrations import run

import fastdrop
import fastdrop.dask as lazily

NAMES = ["dropout", "dropout1d", "dropout2d", "dropout3d", "keep_mask"]
RANKS = {"dropout1d": [2, 3], "dropout2d": [3, 4], "dropout3d": [4, 5]}
DTYPES = ["f4", "f8", "f2", ">f4", "c8", "c16", "u1", "i8", ">i2", "?", "g", "M8[s]", "U2", "O"]
# Refused for blocks only, or in other words: the argument has another form.
OWN = [
    *("must be a dask.array.Array", "chunks of unknown sizes", "cannot be written into"),
    *("a Dask array is computed later", "min_keep counts whole lines", "the blocks of "),
]


@pytest.fixture(autouse=True, scope="module")
def _scheduler():
    """Compute in this thread."""
    with dask.config.set(scheduler="synchronous"):
        yield


def cut(d, n):
    """Cut a length into chunks, some of them empty."""
    at = sorted(d.integer(0, n) for _ in range(d.one([0, 0, 1, 2, 4])))
    return tuple(b - a for a, b in zip([0, *at], [*at, n], strict=True))


def as_dask(d, x):
    """Make a Dask array of an array, in chunks of any lengths."""
    return da.from_array(x, chunks=tuple(cut(d, n) for n in x.shape))


def unknown(array):
    """Return a Dask array whose chunks have unknown sizes."""
    chunks = tuple((math.nan,) * len(lengths) for lengths in array.chunks)
    return da.Array(array.dask, array.name, chunks, meta=array._meta)


def draw_x(d, name):
    """Draw an array."""
    axes = d.one(RANKS.get(name, [0, 1, 2, 3])) if d.chance(90) else d.integer(0, 6)
    lengths = [0, 1, 2, 3, 5, 8, 17] if axes < 4 else [0, 1, 2, 3]
    shape = tuple(d.one(lengths[d.one([0, 1, 1, 1, 1]) :]) for _ in range(axes))
    dtype = np.dtype(d.one(DTYPES[:4] * 3 + DTYPES))
    seed = d.integer(0, 2**16)
    if dtype.kind in "MUO":
        return np.zeros(shape, dtype)
    x = awkward_numbers(shape, dtype, seed)
    return quiet(x) if axes else x


def draw_p(d, mask):
    """Draw a p: a number, an array that broadcasts to the mask, or any other thing."""
    kind = d.integer(0, 99)
    if kind < 45:
        return d.one([*SOME_P, 0.4, 0.3])
    rng = d.rng()
    if kind < 75:
        shape = part_of(mask, rng)
        return rng.choice(SOME_P, shape) if d.chance(40) else rng.random(shape)
    if kind < 92:
        return d.one(
            [
                *[True, None, "0.5", -0.1, 1.5, math.nan, np.array([np.nan]), [0.5] * 3, 10**400],
                *[np.float32(0.25), 0.5 + 0j, np.zeros((2, 2), bool), [[0.1], [0.2, 0.3]]],
                *[np.ma.masked_array([0.5], [True]), np.array("0.5"), np.ones((1,) * 7) / 2],
                *[object(), 0, 1],
            ]
        )
    return d.anything()


def draw_value(d, name, x, mask):
    """Draw one option of a call, mostly one that fits."""
    axes = len(mask)
    good, bad = {
        "training": ([True, False], [None, 1, "yes", np.True_]),
        "inplace": ([False], [True, 1, None]),
        "out": ([None], [np.empty(3), "y.zarr"]),
        "scale": ([True, False], [1, None]),
        "return_key": ([True, False], [1, None]),
        "fill": (
            [0, 1, -1, 0.5, np.nan, True, np.float32(2), np.ones(mask[-1:] or (1,), x.dtype)],
            [None, "x", 1j, 300, 2**70, [1, 2, 3, 4], np.array(["a"]), np.ones((9, 9, 9))],
        ),
        "offset": ([0, 5, 2**40, 2**64 - 1, np.int64(3)], [-1, 2**64, 0.5, None, True, "1"]),
        "num_threads": ([1, 2, None], [0, -1, 1.5, "2", True]),
        "axis": ([-1, 0, axes - 1], [axes, -axes - 1, None, 0.5, "0"]),
        "count": ([0, 1, 2, None], [-1, 99, 0.5, "1", True]),
        "min_keep": ([0, 1, 2, None], [-1, 99, 0.5, "1", True]),
        "noise_shape": (
            [None, [None] * axes, (1,) * axes, mask, [d.one([1, None]) for _ in range(axes)]],
            [(2,) * axes, (1,) * (axes + 1), 1, "1", (-1,) * axes, [0.5] * axes, [[1]]],
        ),
        "rng": (
            [0, 7, [1, 2], np.random.SeedSequence(3), fastdrop.Key(5), None],
            [-1, True, 0.5, "seed", object(), [], [-1]],
        ),
    }[name]
    return d.one(good) if d.chance(92) else d.one(bad)


def draw_call(d):
    """Draw a function, and the arguments of a call on the array in memory."""
    name = d.one(NAMES)
    x = draw_x(d, name)
    inner = NAMES.index(name) if name in RANKS else 0
    mask = (*x.shape[: x.ndim - inner], *(1,) * min(inner, x.ndim))
    options = ["rng", "offset", "num_threads"]
    if name == "keep_mask":
        options += ["count", "min_keep", "axis"]
    else:
        options += ["training", "scale", "return_key", "fill", "inplace", "out"]
        options += ["count", "min_keep"] if inner else ["noise_shape"]
    chosen = [option for option in options if d.chance(30)]
    if {"count", "min_keep"} <= set(chosen) and d.chance(80):
        chosen.remove(d.one(["count", "min_keep"]))
    arguments = {option: draw_value(d, option, x, mask) for option in chosen}
    if d.chance(30):
        arguments["rng"] = np.random.default_rng(d.integer(0, 99))
    if d.chance(15):
        begin = [d.integer(0, 9) for _ in x.shape]
        full = [a + n + d.integer(0, 9) for a, n in zip(begin, x.shape, strict=True)]
        arguments |= {"origin": begin, "full_shape": full}
        if d.chance(15):
            arguments[d.one(["origin", "full_shape"])] = d.one(
                [None, [-1] * x.ndim, [0] * (x.ndim + 1), 5, "origin", [2**70] * x.ndim]
            )
    return name, x, draw_p(d, mask), arguments


def outcome(call):
    """Return what a call gives, and its error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return call(), None
    except (TypeError, ValueError, OverflowError) as error:
        return None, error


def lazy_or_not(d, value):
    """Return an array as it is, or as a Dask array in chunks of its own."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and d.chance(40):
        return as_dask(d, value)
    return value


def check(d):
    """Make a call on a Dask array, and the same one on the whole array."""
    name, x, p, options = draw_call(d)
    lazy = as_dask(d, x)
    chunks = lazy.chunks
    ours = dict(options) | {"p": lazy_or_not(d, p)}
    if "fill" in options:
        ours["fill"] = lazy_or_not(d, options["fill"])
    masked = False
    if d.chance(4):
        change = d.one([unknown, lambda a: x, lambda a: None, da.ma.masked_array])
        lazy, masked = change(lazy), change is da.ma.masked_array
    elif d.chance(10) and isinstance(ours["p"], da.Array):
        ours["p"] = unknown(ours["p"])
    generator = options.get("rng")
    if isinstance(generator, np.random.Generator):
        ours["rng"] = copy.deepcopy(generator)
    first = {"shape": x.shape} if name == "keep_mask" else {"x": x}
    given = {"shape": x.shape, "chunks": chunks} if name == "keep_mask" else {"x": lazy}

    fastdrop.manual_seed(d.integer(0, 99))
    stream = fastdrop.get_rng_state()
    before = copy.deepcopy(generator)
    known, known_error = outcome(lambda: getattr(fastdrop, name)(**first, p=p, **options))
    after = fastdrop.get_rng_state()
    fastdrop.set_rng_state(stream)
    result, error = outcome(lambda: getattr(lazily, name)(**given, **ours))
    lazies = [v for v in (ours["p"], ours.get("fill")) if isinstance(v, da.Array)]
    if error is not None:
        assert fastdrop.get_rng_state() == stream
        if isinstance(generator, np.random.Generator):
            assert ours["rng"].bit_generator.state == before.bit_generator.state
        own = [*OWN, "scale the others"] if lazies else OWN  # a p of 1 may be unknown, and scales
        if any(text in str(error) for text in own):
            return "refused for Dask"
        assert known_error is not None, f"only Dask's call raises: {error!r}"
        if (type(error), str(error)) != (type(known_error), str(known_error)):
            return "refused, by another of several reasons"
        return "refused"
    pair = isinstance(result, tuple)
    y = result[0] if pair else result
    if known_error is not None:
        assert lazies, f"only the call in memory raises: {known_error!r}"
        computed, error = outcome(y.compute)
        if error is not None:
            return "refused when computed"
        unchanged = np.ones(x.shape, bool) if name == "keep_mask" else x
        assert np.asarray(computed).tobytes() == unchanged.tobytes(), known_error
        return "refused in memory, but of no effect"
    if not lazies:
        assert fastdrop.get_rng_state() == after
        if isinstance(generator, np.random.Generator):
            assert ours["rng"].bit_generator.state == generator.bit_generator.state
    expected, key = known if pair else (known, None)
    assert not pair or lazies or result[1] == key
    assert y.chunks == chunks
    assert y.dtype == expected.dtype
    if masked and name != "keep_mask":
        _, error = outcome(y.compute)
        assert y is lazy or "mask would be lost" in str(error)
        return "masked"
    computed = np.array(y.compute(), y.dtype)
    assert computed.shape == expected.shape
    expected = np.array(expected)
    for array in (computed, expected):
        clear_padding(array)
    assert computed.tobytes() == expected.tobytes(), "bytes"
    return "the same"


def test_calls():
    run("dask", 150, 100, check)
