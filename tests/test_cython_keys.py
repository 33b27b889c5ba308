"""The Cython interface: another package's code that uses keys."""

import shutil
from pathlib import Path

import pytest

import fastdrop

CODE = """
from libc.stdint cimport uint64_t

from fastdrop._keys cimport Key, KeySource, as_key_source


def words(Key key):
    return key.k0, key.k1


def next_words(rng):
    cdef uint64_t words[2]
    as_key_source(rng).next_key(words)
    return words[0], words[1]


cdef class Countdown(KeySource):
    cdef uint64_t left

    def __cinit__(self, left):
        self.left = left

    cdef int next_key(self, uint64_t *words) except -1:
        if self.left == 0:
            raise IndexError("no key is left")
        words[0], words[1] = self.left, 0
        self.left -= 1
        return 0
"""

BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import setup
setup(
    script_args=["build_ext", "--inplace"],
    ext_modules=cythonize("user.pyx", include_path=sys.argv[1:], language_level=3),
)
"""

USE = """
import numpy as np, pytest, fastdrop
from fastdrop import Key
from user import Countdown, next_words, words

assert words(Key.from_words(2**64 - 1, 7)) == (2**64 - 1, 7)
for rng in (7, Key(7), [7], np.random.SeedSequence(7)):
    assert next_words(rng) == Key(7).words
rng, twin = np.random.default_rng(7), np.random.default_rng(7)
assert next_words(rng) == fastdrop.dropout(np.ones(1), rng=twin, return_key=True)[1].words
x = np.ones(9)
source = Countdown(2)
assert fastdrop.dropout(x, rng=source, return_key=True)[1].words == (2, 0)
layer = fastdrop.Dropout(rng=source)
y = layer(x)
assert (layer.backward(x) == y).all() and (y == fastdrop.dropout(x, rng=Key.from_words(1, 0))).all()
with pytest.raises(IndexError, match="no key is left"):
    fastdrop.dropout(x, inplace=True, rng=source)
assert x.all()
print("used")
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no compiler")
def test_other_cython_code_reads_keys_and_is_a_source_of_them(tmp_path, run_python):
    pytest.importorskip("Cython")
    package = Path(fastdrop.__file__).parent
    (tmp_path / "user.pyx").write_text(CODE)
    # Where Cython looks for an installed package by itself, but not for one installed in place.
    run_python(BUILD, str(package.parent), cwd=tmp_path)
    assert run_python(USE, cwd=tmp_path).split() == ["used"]
