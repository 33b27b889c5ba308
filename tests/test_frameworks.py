"""The calls in docs/frameworks.md, and its code, give what the reference gives."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import reference
import reference_coarse
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import Key

PAGE = (Path(__file__).parents[1] / "docs" / "frameworks.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
# In the tables of two columns the second is fastdrop's.
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
CALLS = [(theirs, call) for theirs, ours in ROWS for call in re.findall("`([^`]+)`", ours)]

SEED = 7  # the page's, as are the rates
RATES = np.linspace(0, 0.5, 5)
SEEDED = reference.seed_key(SEED)
KEYS = {
    "process": reference.fold_in(reference.fold_in(SEEDED, 2**63 - 1), 0),
    "key": SEEDED,
    "first of key": reference.fold_in(SEEDED, 0),
    "first of folded 0": reference.fold_in(reference.fold_in(SEEDED, 0), 0),
    "first of folded 1": reference.fold_in(reference.fold_in(SEEDED, 1), 0),
    "first of 8": reference.fold_in(reference.seed_key(8), 0),
    "1, 2": (1, 2),
    "generator": tuple(np.random.PCG64(np.random.SeedSequence(SEED)).random_raw(2).tolist()),
}


@pytest.fixture
def names():
    """The names that the page's first block makes, for its other code."""
    names: dict[str, object] = {}
    exec(BLOCKS[0], names)
    fastdrop.manual_seed(SEED)
    return names


def kept(shape, key="process", p=0.2):
    """Return the mask of a call."""
    return reference.decisions(shape, p, KEYS[key])


def dropped(name="x", noise=None, key="process", p=0.2, scale=True, fill=0):
    """Make what a call or a layer gives for an input of that name."""
    return name, lambda x: reference.dropout(x, p, KEYS[key], 0, noise, scale, fill)


def shifted(name="x", noise=None):
    """Make what alpha dropout gives."""
    return name, lambda x: reference.alpha_dropout(x, 0.2, KEYS["process"], 0, noise)


def in_blocks(name, key="process"):
    """Make what DropBlock gives with blocks of length 3."""
    axes = 3 if name == "volume" else 2

    def expected(x):
        return reference.drop_block(x, reference.block_mask(x.shape, 0.2, 3, axes, KEYS[key]))

    return name, expected


def holed(holes, size, name="image", key="process", fill=0):
    """Make what coarse dropout gives."""
    return name, lambda x: reference_coarse.coarse_dropout(x, holes, size, KEYS[key], fill)[0]


# By call: the input's name, which a layer is called with too, and the result as a function of it.
RESULTS = {
    "fastdrop.keep_mask(x.shape, p)": ("x", lambda x: kept(x.shape)),
    "fastdrop.keep_mask(x.shape, p, rng=key)": ("x", lambda x: kept(x.shape, "key")),
    "fastdrop.apply_mask(x, fastdrop.keep_mask(x.shape, p), p)": dropped(),
    "fastdrop.apply_mask(x, generator.random(x.shape) >= p, p)": (
        "x",
        lambda x: reference.apply_mask(x, np.random.default_rng(7).random(x.shape) >= 0.2, 0.2),
    ),
    "fastdrop.dropout(x, p)": dropped(),
    "fastdrop.dropout(x, p, True, False)": dropped(),
    "fastdrop.dropout(x, p, training=True)": dropped(),
    "fastdrop.dropout(x, p, scale=False)": dropped(scale=False),
    "fastdrop.dropout(x, p, rng=seed)": dropped(key="key"),
    "fastdrop.dropout(x, p, rng=generator)": dropped(key="generator"),
    "fastdrop.dropout(x, p, rng=Key.from_words(1, 2))": dropped(key="1, 2"),
    "fastdrop.dropout(x, p, noise_shape=(2, 3, 1, 1))": dropped("x", (2, 3, 1, 1)),
    "fastdrop.dropout(x, p, noise_shape=(None, None, 1, 1))": dropped("x", (2, 3, 1, 1)),
    "fastdrop.dropout(x, p, noise_shape=(None, 1, 1, 1))": dropped("x", (2, 1, 1, 1)),
    "fastdrop.dropout(channels_last, p, noise_shape=(None, 1, 1, None))": (
        dropped("channels_last", (2, 1, 1, 3))
    ),
    "fastdrop.dropout1d(signal, p)": dropped("signal", (2, 3, 1)),
    "fastdrop.dropout2d(x, p)": dropped("x", (2, 3, 1, 1)),
    "fastdrop.dropout3d(volume, p)": dropped("volume", (2, 3, 1, 1, 1)),
    "fastdrop.alpha_dropout(x, p, training=True)": shifted(),
    "fastdrop.feature_alpha_dropout(x, p, training=True)": shifted("x", (2, 3, 1, 1)),
    "fastdrop.dropout(x, p, scale=False, fill=np.nan)": dropped(scale=False, fill=np.nan),
    "fastdrop.dropout(x, rates, scale=False, fill=np.nan)": (
        dropped(p=RATES, scale=False, fill=np.nan)
    ),
    "fastdrop.keep_mask(x.shape, rates)": ("x", lambda x: kept(x.shape, p=RATES)),
    "fastdrop.drop_path(x, p)": dropped("x", (2, 1, 1, 1)),
    "fastdrop.drop_path(x, p, True)": dropped("x", (2, 1, 1, 1)),
    'fastdrop.drop_path(x, p, mode="batch")': dropped("x", (1, 1, 1, 1)),
    "fastdrop.keep_mask((4, 5), count=3)": (
        "x",
        lambda x: reference.drop_count((4, 5), 3, 1, KEYS["process"]),
    ),
    "fastdrop.drop_block2d(x, p, 3)": in_blocks("x"),
    "fastdrop.drop_block2d(x, p, 3, True, False, eps=1e-6)": in_blocks("x"),
    "fastdrop.drop_block3d(volume, p, 3)": in_blocks("volume"),
    # Layers
    "fastdrop.DropBlock2d(p, 3)": in_blocks("x"),
    "fastdrop.DropBlock3d(p, 3)": in_blocks("volume"),
    "fastdrop.Dropout(p)": dropped(),
    "fastdrop.Dropout(p, False)": dropped(),
    "fastdrop.Dropout(p).train()": dropped(),
    "fastdrop.Dropout(p).train()(x)": dropped(),
    "fastdrop.Dropout(p).eval()": ("x", lambda x: x),
    "fastdrop.Dropout(p).eval()(x)": ("x", lambda x: x),
    "fastdrop.Dropout(p)(x, rng=key)": dropped(key="key"),
    "fastdrop.Dropout(p, rng=seed)": dropped(key="first of key"),
    "fastdrop.Dropout(p, rng=key)": dropped(key="first of key"),
    "fastdrop.Dropout(p, rng=key.fold_in(0))": dropped(key="first of folded 0"),
    "fastdrop.Dropout(p, rng=key.fold_in(1))": dropped(key="first of folded 1"),
    "fastdrop.Dropout(p, rng=Key(8))": dropped(key="first of 8"),
    "fastdrop.Dropout(p, noise_shape=(None, 1, None))": dropped("sequence", (2, 1, 3)),
    "fastdrop.Dropout(p, noise_shape=(None, 1, 1, None))": dropped("channels_last", (2, 1, 1, 3)),
    "fastdrop.Dropout(p, noise_shape=(None, 1, 1, 1, None))": dropped("volume", (2, 1, 1, 1, 6)),
    "fastdrop.Dropout(p, noise_shape=(None, None, 1, 1))": dropped("x", (2, 3, 1, 1)),
    "fastdrop.Dropout(p, axis=(0, -1))": dropped("sequence", (2, 1, 3)),
    "fastdrop.Dropout(p, axis=(0, 1))": dropped("x", (2, 3, 1, 1)),
    "fastdrop.Dropout(p, scale=False)": dropped(scale=False),
    "fastdrop.DropPath(p)": dropped("x", (2, 1, 1, 1)),
    "fastdrop.DropPath(p, scale=False)": dropped("x", (2, 1, 1, 1), scale=False),
    'fastdrop.DropPath(p, mode="batch")': dropped("x", (1, 1, 1, 1)),
    "fastdrop.Dropout1d(p)": dropped("signal", (2, 3, 1)),
    "fastdrop.Dropout2d(p)": dropped("x", (2, 3, 1, 1)),
    "fastdrop.Dropout3d(p)": dropped("volume", (2, 3, 1, 1, 1)),
    "fastdrop.AlphaDropout(p)": shifted(),
    "fastdrop.AlphaDropout(p, noise_shape=(None, 1, None))": shifted("sequence", (2, 1, 3)),
    "fastdrop.FeatureAlphaDropout(p)": shifted("x", (2, 3, 1, 1)),
    # Integers, and what NumPy does on top
    "fastdrop.dropout(image, q, scale=False)": dropped("image", p=0.01, scale=False),
    "fastdrop.dropout(image, q, scale=False, noise_shape=(None, None, 1))": (
        dropped("image", (4, 5, 1), p=0.01, scale=False)
    ),
    "fastdrop.dropout(labels, q, scale=False, rng=seed)": (
        dropped("labels", key="key", p=0.01, scale=False)
    ),
    "fastdrop.dropout(channels_last, q, scale=False, noise_shape=(1, None, None, 1))": (
        dropped("channels_last", (1, 4, 5, 1), p=0.01, scale=False)
    ),
    "fastdrop.dropout(image, q, scale=False, noise_shape=(None, None, 1), fill=128)": (
        dropped("image", (4, 5, 1), p=0.01, scale=False, fill=128)
    ),
    "fastdrop.dropout(image, q, scale=False, noise_shape=(None, None, 1), fill=(1, 2, 3))": (
        dropped("image", (4, 5, 1), p=0.01, scale=False, fill=(1, 2, 3))
    ),
    "fastdrop.apply_mask(image, fastdrop.keep_mask(3, count=2), p=0)": (
        "image",
        lambda x: reference.chosen(reference.drop_count((3,), 2, 0, KEYS["process"]), x),
    ),
    "fastdrop.coarse_dropout(channels_last, 1, ((0.14, 0.57), (0.14, 0.57)))": (
        holed(1, ((0.14, 0.57), (0.14, 0.57)), "channels_last")
    ),
    "fastdrop.coarse_dropout(channels_last, 1, (0.5, (0.2, 0.4)))": (
        holed(1, (0.5, (0.2, 0.4)), "channels_last")
    ),
    "fastdrop.coarse_dropout(image, (1, 2), ((2, 3), (1, 4)))": holed((1, 2), ((2, 3), (1, 4))),
    "fastdrop.coarse_dropout(image, 1, (0.5, (0.2, 0.4)))": holed(1, (0.5, (0.2, 0.4))),
    "fastdrop.coarse_dropout(image, 1, (0.5, (0.2, 0.4)), fill=(1, 2, 3))": (
        holed(1, (0.5, (0.2, 0.4)), fill=(1, 2, 3))
    ),
    "fastdrop.coarse_dropout(labels, 1, (0.5, (0.2, 0.4)), rng=key)": (
        holed(1, (0.5, (0.2, 0.4)), "labels", "key")
    ),
    "fastdrop.coarse_dropout(image, (1, 2), (1.0, (1, 3)))": holed((1, 2), (1.0, (1, 3))),
    "x * np.float32(1 - p)": ("x", lambda x: x * np.float32(0.8)),
}
# Of other calls: what they return.
VALUES = {
    "fastdrop.manual_seed(seed)": None,
    "fastdrop.coarse_dropout": fastdrop.coarse_dropout,
    "fastdrop.dropout2d": fastdrop.dropout2d,
    "Key(seed)": Key.from_words(*SEEDED),
    "key.fold_in(3)": Key.from_words(*reference.fold_in(SEEDED, 3)),
    "key.spawn(3)": [Key.from_words(*reference.fold_in(SEEDED, 2**62 + n)) for n in range(3)],
}


def test_the_page_has_a_call_for_each_row():
    assert len(CALLS) > 60
    without = [theirs for theirs, ours in ROWS if "`" not in ours and ours != "fastdrop"]
    assert without == ["`GaussianDropout`, `GaussianNoise`", "`MaskDropout`"]
    assert {call for _, call in CALLS} == RESULTS.keys() | VALUES.keys()


@pytest.mark.parametrize("call", RESULTS)
def test_the_tables_calls_give_what_the_reference_gives(call, names):
    name, expected = RESULTS[call]
    x = names[name]
    # A third are special; the page's own numbers are finite.
    x[...] = awkward_numbers(x.shape, x.dtype)
    with np.errstate(all="ignore"):
        before, expected = x.copy(), expected(x)
        result = eval(call, names)
    if not isinstance(result, np.ndarray):  # a layer
        result = result(x)
    assert_same_bytes(result, expected)
    assert_same_bytes(x, before)


@pytest.mark.parametrize("call", VALUES)
def test_the_tables_other_calls_return_what_they_should(call, names):
    assert eval(call, names) == VALUES[call]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_blocks_run(seed, names):
    names["generator"] = np.random.default_rng(seed)
    for block in BLOCKS[1:]:
        exec(block, names)
    x, image, labels = (names[name] for name in ("x", "image", "labels"))
    step_key = reference.fold_in(reference.fold_in(SEEDED, 1), 12)
    assert_same_bytes(names["y"], reference.dropout(x, 0.2, step_key))
    # Labels are dropped where the image is.
    pixels = reference.decisions((4, 5, 1), 0.3, SEEDED)
    assert_same_bytes(names["dropped_image"], reference.apply_mask(image, pixels, 0.3, False))
    assert_same_bytes(names["dropped_labels"], reference.chosen(pixels[..., 0], labels))
    twin = np.random.default_rng(seed)
    # A rectangle of an area and a ratio that the generator gives first.
    area, ratio = 20 * twin.uniform(0.02, 0.33), np.exp(twin.uniform(np.log(0.3), np.log(3.3)))
    size = max(1, round((area * ratio) ** 0.5)), max(1, round((area / ratio) ** 0.5))
    erased, _ = reference_coarse.coarse_dropout(np.moveaxis(x, 1, -1), 1, size, SEEDED)
    assert_same_bytes(names["erased"], np.moveaxis(erased, -1, 1))
    # Each of six cells has lost a quarter.
    photo, grid = names["photo"], names["grid"]
    for k, (row, column) in enumerate(itertools.product((0, 4), (0, 4, 8))):
        (hole,) = reference_coarse.holes_of_image(k, 1, 0.5, (4, 4), SEEDED)
        cell = photo[row : row + 4, column : column + 4].copy()
        cell[hole] = 0
        assert_same_bytes(grid[row : row + 4, column : column + 4], cell)
    # One channel or two are gone, as the generator says.
    count = twin.integers(1, 2, endpoint=True)
    mask = reference.drop_count((3,), count, 0, tuple(twin.bit_generator.random_raw(2).tolist()))
    assert_same_bytes(names["without_channels"], reference.chosen(mask, image, 128))
