"""The names that a user sees, and the types that a checker sees."""

import inspect
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastdrop
from fastdrop import signatures

OBJECTS = [
    name for name in fastdrop.__all__ if callable(getattr(fastdrop, name)) and name != "RNGLike"
]


def test_dir_lists_the_public_names_only():
    assert sorted(dir(fastdrop)) == sorted([*fastdrop.__all__, "__version__"])
    assert fastdrop.__all__ == sorted(fastdrop.__all__)


@pytest.mark.parametrize("name", OBJECTS)
def test_public_names_belong_to_fastdrop(name):
    thing = getattr(fastdrop, name)
    assert thing.__module__ == "fastdrop"
    assert thing.__qualname__ == name
    if inspect.isclass(thing):
        assert repr(thing) == f"<class 'fastdrop.{name}'>"
        assert pickle.loads(pickle.dumps(thing)) is thing


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dropout", signatures.DropoutOptions),
        ("dropout1d", signatures.ChannelOptions),
        ("alpha_dropout", signatures.NoiseOptions),
        ("feature_alpha_dropout", signatures.Options),
        ("drop_block2d", signatures.BlockOptions),
    ],
)
def test_the_options_in_the_types_are_those_of_the_function(name, options):
    parameters = inspect.signature(getattr(fastdrop, name)).parameters.values()
    keywords = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert keywords == {*options.__annotations__, "return_key"}


def test_the_options_in_the_types_of_coarse_dropout_are_its_own():
    parameters = inspect.signature(fastdrop.coarse_dropout).parameters.values()
    keywords = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert keywords == {*signatures.CoarseOptions.__annotations__, "return_mask"}


@pytest.mark.parametrize("name", ["dropout2d", "dropout3d"])
def test_a_function_typed_like_another_has_its_signature(name):
    assert inspect.signature(getattr(fastdrop, name)) == inspect.signature(fastdrop.dropout1d)
    assert inspect.signature(fastdrop.drop_block3d) == inspect.signature(fastdrop.drop_block2d)


TYPES = """
import numpy as np
import numpy.typing as npt
import fastdrop

x: npt.NDArray[np.float32] = np.ones(3, np.float32)
image: npt.NDArray[np.uint8] = np.ones((4, 5, 3), np.uint8)
rng: fastdrop.RNGLike = 7
generator = np.random.default_rng()
rngs: list[fastdrop.RNGLike] = [None, [1, 2], (3,), np.arange(4), np.random.SeedSequence(5)]
rngs += [generator, generator.bit_generator, np.random.RandomState(), fastdrop.Key([1, 2])]
fastdrop.set_rng_state(fastdrop.get_rng_state())

y: npt.NDArray[np.float32] = fastdrop.dropout(x, 0.5, rng=rng)
y = fastdrop.alpha_dropout(x)
y = fastdrop.apply_mask(x, fastdrop.keep_mask(3), 0.5)
y = fastdrop.drop_block2d(x, 0.5, 3)
y = fastdrop.DropBlock3d(0.5, 3, rng=rng)(x)
y = fastdrop.Dropout(0.5, rng=rng)(x, rng=fastdrop.Key().fold_in(1, 2))
y = fastdrop.Dropout2d().forward(x)
y = fastdrop.Dropout().backward(x)
image = fastdrop.coarse_dropout(image, (1, 3), ((8, 16), 0.5), fill=(1, 2, 3))
image, mask = fastdrop.coarse_dropout(image, [1, 2], 8, inplace=True, return_mask=True)
kept: npt.NDArray[np.bool_] = mask
sizes: list[fastdrop.coarse.Size] = [np.float32(0.5), (8, (0.1, 0.2)), [[8, 16], [8, 16]]]
sizes += [np.array([8, 16])]
pair: tuple[npt.NDArray[np.uint8], fastdrop.Key | None]
pair = fastdrop.dropout2d(image, 0.5, scale=False, return_key=True)
anything: npt.NDArray[np.int8] = fastdrop.dropout([1.0, 2.0])
"""
# Each line makes an error, which says that the types above are not all Any. (Two statements, for
# where a type is expected mypy goes on to the overload that returns an array of any dtype.)
CALLS = [
    "dropout(image)",
    "dropout1d(image)",
    "alpha_dropout(image)",
    "feature_alpha_dropout(image)",
    "apply_mask(image, True, 0.5)",
    "drop_block2d(image, 0.5, 3)",
    "drop_block3d(x, 0.5, 3, return_key=True)",
    "drop_block2d(x, 0.5, 3, offset=1)",
    "DropBlock2d(0.5, 3)(image)",
    "coarse_dropout(image, 1, 8)",
    "coarse_dropout(x, 1, 8, return_mask=True)",
    "coarse_dropout(x, 1.5, 8)",
    "coarse_dropout(x, 1, '8')",
    "coarse_dropout(x, 1, 8, scale=False)",
    "keep_mask(3, count=0.5)",
    "Dropout()(image)",
    "AlphaDropout().forward(image)",
    "Dropout1d().backward(image)",
    "dropout2d(x, return_key=True)",
    "dropout1d(x, noise_shape=(1,))",
    "alpha_dropout(x, scale=False)",
    "dropout(x, rng='seed')",
]
WRONG = [f"r{i} = fastdrop.{call}; y = r{i}" for i, call in enumerate(CALLS)] + ["rng = 'seed'"]


def check_types(code):
    """Lines of the code in which mypy finds an error, and what it says."""
    folder = Path(fastdrop.__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", "-c", code],
        env=os.environ | ({} if folder.name == "site-packages" else {"MYPYPATH": str(folder)}),
        cwd=Path(sys.prefix),
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = {int(n) for n in re.findall(r"^<string>:(\d+): error", result.stdout, re.MULTILINE)}
    return sorted(lines), result.stdout + result.stderr


def test_an_array_keeps_its_dtype_in_the_types():
    pytest.importorskip("mypy")
    lines, said = check_types(TYPES)
    assert not lines, said
    assert "Success" in said
    lines, said = check_types(TYPES + "\n".join(WRONG) + "\n")
    first = TYPES.count("\n") + 1
    assert lines == list(range(first, first + len(WRONG))), said
