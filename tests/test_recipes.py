"""The recipes of docs/recipes.md: each runs as it stands, and does what the page says of it."""

import ast
import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text()
SECTIONS = [section.partition("\n") for section in PAGE.split("\n## ")[1:]]
RECIPES = {
    name: "".join(re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE))
    for name, _, section in SECTIONS
}
AFTER = {"Keras": "JAX"}  # which recipe has the functions that another one calls

# What the text says and the page's code does not show.
CLAIMS = {
    "pandas": """
numbers = pd.DataFrame({"a": range(100), "b": range(100)})
assert (numbers.where(fastdrop.keep_mask((100, 2), rng=7)).dtypes == float).all()
integers = numbers.convert_dtypes()
assert (integers.where(fastdrop.keep_mask((100, 2), rng=7)).dtypes == "Int64").all()
floats = numbers.astype(float)
holes = fastdrop.dropout(floats, [0.2, 0.4], rng=7, scale=False, fill=np.nan)
keep = fastdrop.keep_mask((100, 2), [0.2, 0.4], rng=7)
assert np.array_equal(holes, floats.where(keep), equal_nan=True)
part = fastdrop.keep_mask((40, 2), [0.2, 0.4], rng=7, offset=60 * 2)
assert np.array_equal(part, keep[60:])
""",
    "xarray": """
try:
    fastdrop.dropout(air)
except TypeError:
    pass
else:
    raise AssertionError
assert np.array_equal(holes, fastdrop.dropout(values, 0.1, **options), equal_nan=True)
import dask.array, fastdrop.dask
chunks = air.chunk(lat=2, lon=2)
lazy = chunks.copy(data=fastdrop.dask.dropout(chunks.data, 0.1, **options))
assert lazy.chunks and np.array_equal(lazy, holes, equal_nan=True)
lazy = xr.apply_ufunc(
    fastdrop.dask.dropout, chunks, rates, kwargs=options, keep_attrs=True, dask="allowed"
)
assert lazy.chunks and np.array_equal(lazy, by_latitude, equal_nan=True)
ones = xr.DataArray(np.ones((2, 99)), dims=("x", "y")).chunk(x=1)
options = {"dask": "parallelized", "kwargs": {"rng": 7}, "output_dtypes": [float]}
first, second = xr.apply_ufunc(fastdrop.dropout, ones, **options).values
assert np.array_equal(first, second)
""",
    "albumentations": """
again = A.Compose([A.HorizontalFlip(), PixelDropout(0.3, grey, p=1)], seed=7)
assert np.array_equal((again(image=image)["image"] == grey).all(axis=-1), dropped)
assert not np.array_equal((again(image=image)["image"] == grey).all(axis=-1), dropped)
""",
    "Hugging Face Datasets": """
for item, tokens in enumerate(lines):
    key = fastdrop.Key(7).fold_in(0, item)
    expected = fastdrop.dropout(tokens, 0.15, rng=key, scale=False, fill=103)
    assert stored[item]["masked"] == expected.tolist()
    assert np.array_equal(lazy[item]["masked"], mask.drop(tokens, item))
shuffled = data.shuffle(seed=1).map(Mask(fastdrop.Key(7)), batched=True).sort("item")
assert list(shuffled["masked"]) == list(stored["masked"])
assert any(list(lazy[i]["masked"]) != stored[i]["masked"] for i in range(len(lines)))
from datasets.fingerprint import Hasher
assert Hasher.hash(Mask(fastdrop.Key(7))) == Hasher.hash(Mask(fastdrop.Key(7)))
assert Hasher.hash(Mask(fastdrop.Key(7))) != Hasher.hash(Mask(fastdrop.Key(8)))
assert Hasher.hash(Mask(fastdrop.Key(7))) != Hasher.hash(Mask(fastdrop.Key(7), epoch=1))
""",
    "tf.data": """
batches = list(load(1))
assert batches[0].shape == (8, 32, 32, 3)
assert load(1).element_spec.shape == (None, 32, 32, 3)
other = np.concatenate(list(load(2).as_numpy_iterator()))
assert len({image.tobytes() for image in [*epoch, *other]}) == 80
""",
    "JAX": """
x = jnp.arange(1.0, 100_001.0)
host = np.asarray(x)
for dtype in ("float32", "float16", "bfloat16"):
    given = (x / 1024).astype(dtype)
    expected = fastdrop.dropout(np.asarray(given), 0.3, rng=words)
    assert np.asarray(jax.jit(dropout, static_argnums=1)(given, 0.3, key)).tobytes() == (
        expected.tobytes()
    )
loss = lambda x: jnp.sum(jnp.sin(dropout(x, 0.5, key)))
dropped = fastdrop.dropout(host, 0.5, rng=words)
expected = fastdrop.dropout(np.asarray(jnp.cos(dropped)), 0.5, rng=words)
for gradient in (jax.grad(loss), jax.jit(jax.grad(loss)), jax.grad(jax.remat(loss))):
    assert np.array_equal(gradient(x), expected)
second = jax.grad(lambda x: jnp.sum(jax.grad(loss)(x)))(x)
assert np.allclose(second, -4 * np.sin(dropped) * (dropped != 0), atol=1e-6)
keys = jax.random.split(key, 3)
rows = jax.vmap(lambda key: dropout(x, 0.5, key))(keys)
for row, one in zip(rows, keys, strict=True):
    assert np.array_equal(
        row, fastdrop.dropout(host, 0.5, rng=np.asarray(jax.random.key_data(one)))
    )
try:
    jax.jvp(loss, (x,), (x,))
except TypeError:
    pass
else:
    raise AssertionError
""",
    "Keras": """
inputs = np.random.default_rng(0).standard_normal((256, 8), np.float32)
layer = Dropout(0.1, seed=1)
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), layer, keras.layers.Dense(1)])
model.compile("adam", "mse")
before = np.asarray(layer.seed_generator.state)
losses = model.fit(inputs, inputs[:, :1], epochs=8, verbose=0).history["loss"]
assert losses[-1] < losses[0]
assert len(layer.variables) == 1
assert not np.array_equal(layer.seed_generator.state, before)
assert np.array_equal(model.predict(inputs, verbose=0), model.predict(inputs, verbose=0))
""",
    "TensorFlow": """
try:
    tf.function(dropout, jit_compile=True)(x, 0.5, seed)
except tf.errors.OpError:
    pass
else:
    raise AssertionError
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras


class Dropout(keras.layers.Layer):
    def __init__(self, rate, seed=None):
        super().__init__()
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        if not training:
            return x
        return dropout(x, self.rate, self.seed_generator.next())


inputs = np.random.default_rng(0).standard_normal((256, 8), np.float32)
layers = [keras.layers.Dense(16, activation="relu"), Dropout(0.1, 1), keras.layers.Dense(1)]
model = keras.Sequential(layers)
model.compile("adam", "mse")
losses = model.fit(inputs, inputs[:, :1], epochs=8, verbose=0).history["loss"]
assert losses[-1] < losses[0]
""",
    "Numba": """
assert bits.nbytes == x.size // 8


@numba.njit
def drop(x, p):
    with numba.objmode(y="float64[:, :]"):
        y = fastdrop.dropout(x, p, rng=7)
    return y


assert np.array_equal(drop(x, 0.5), fastdrop.dropout(x, 0.5, rng=7))
""",
}


def test_the_recipes_are_those_of_the_table():
    linked = re.findall(r"\]\(#([\w-]+)\)", PAGE.partition("\n## ")[0])
    assert [name.lower().replace(" ", "-").replace(".", "") for name in RECIPES] == linked
    assert set(CLAIMS) <= set(RECIPES)
    assert all(RECIPES.values())


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_and_does_what_the_page_says(name, run_python):
    code = RECIPES.get(AFTER.get(name, ""), "") + RECIPES[name] + CLAIMS.get(name, "")
    for package in imports(code):  # not imported here: a process that did could not fork safely
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    # albumentations asks PyPI for a newer version otherwise, and TensorFlow reports on the machine.
    quiet = {"NO_ALBUMENTATIONS_UPDATE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run_python(code, env=os.environ | quiet)


def imports(code):
    """Return the packages that code imports, other than those of Python and fastdrop."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    names = {name.partition(".")[0] for name in names}
    return sorted(names - set(sys.stdlib_module_names) - {"fastdrop"})
