"""Build: every module with OpenMP, for `prange`."""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

import fastdrop

OPENMP = [] if sys.platform == "darwin" else ["-fopenmp"]  # Apple's clang has none

setup(
    ext_modules=cythonize(
        Extension(
            "*", ["noisydot/*.pyx"], extra_compile_args=["-O2", *OPENMP], extra_link_args=OPENMP
        ),
        # Cython searches sys.path by itself; only an editable install of fastdrop is not there.
        include_path=[os.path.dirname(folder) for folder in fastdrop.__path__],
    )
)
