"""Build: an OpenMP probe, flags by compiler, and the kernels compiled once per CPU level."""

import os
import shlex
import subprocess
import tempfile
from glob import glob

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

# The features that _machine.pyx asks the CPU for, and no others.
AVX2 = ["-mavx2", "-mbmi", "-mbmi2", "-mfma", "-mpopcnt", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl"]
LEVELS = {"baseline": [], "avx2": AVX2, "avx512": AVX512}

# Contraction would round kept elements differently from level to level.
OPTIMIZE = ["-O3", "-ffp-contract=off"]
# Compile and link arguments: GNU and LLVM, and Apple's clang beside a libomp.
OPENMP = [(["-fopenmp"], ["-fopenmp"]), (["-Xpreprocessor", "-fopenmp"], ["-lomp"])]

OPENMP_PROBE = """
#include <omp.h>
int main(void)
{
    int threads = 0;
    #pragma omp parallel reduction(+ : threads)
    threads += 1;
    return threads >= 1 && omp_get_max_threads() >= 1 ? 0 : 1;
}
"""
LEVEL_PROBE = """
#include <immintrin.h>
int main(void) { return 0; }
"""


class BuildKernels(build_ext):
    """Compile each extension with what this compiler has shown it can do."""

    def build_extensions(self):
        """Probe, choose the flags, translate to C, compile."""
        unix = self.compiler.compiler_type == "unix"
        openmp_compile, openmp_link = self.find_openmp() if unix else ([], [])
        if not openmp_compile:
            self.warn("OpenMP was not found: every call will work on one thread")
        for extension in list(self.extensions):
            flags = LEVELS.get(extension.name.rpartition("_")[2], [])
            if flags and not (unix and self.compiles(LEVEL_PROBE, flags)):
                self.warn(f"{extension.name} is left out: the compiler cannot build it")
                self.extensions.remove(extension)
                continue
            optimize = OPTIMIZE if unix else []
            extension.extra_compile_args = [*optimize, *openmp_compile, *flags]
            extension.extra_link_args = openmp_link
        # Into the build folder: no generated file among the sources, nor in the sdist.
        generated = cythonize(
            self.extensions,
            build_dir=os.path.join("build", "cython"),
            include_path=["pyx"],
            compiler_directives={"language_level": 3, "cdivision": True},
        )
        for extension, compiled in zip(self.extensions, generated, strict=True):
            extension.sources = compiled.sources
        super().build_extensions()

    def find_openmp(self):
        """The first arguments with which a program compiles, links and runs on a team."""
        for compile_args, link_args in OPENMP:
            if self.compiles(OPENMP_PROBE, compile_args, link_args):
                return compile_args, link_args
        return [], []

    def compiles(self, source, compile_args, link_args=None):
        """Whether a program compiles and, given arguments to link it with, runs to success."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "probe.c")
            program = os.path.join(folder, "probe")
            with open(path, "w") as file:
                file.write(source)
            try:
                objects = self.compiler.compile([path], folder, extra_postargs=compile_args)
                if link_args is None:
                    return True
                # distutils gives LDFLAGS to shared objects alone.
                link_args = [*shlex.split(os.environ.get("LDFLAGS", "")), *link_args]
                self.compiler.link_executable(objects, program, extra_postargs=link_args)
                return subprocess.run([program]).returncode == 0
            except (CompileError, LinkError, OSError):
                return False


def extension(name):
    """Describe the extension module _name."""
    return Extension(
        f"fastdrop._{name}",
        [f"pyx/_{name}.pyx"],
        include_dirs=["pyx", numpy.get_include()],
        depends=glob("pyx/*.h") + glob("pyx/*.px[di]"),
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    )


setup(
    ext_modules=[extension(name) for name in ["machine", "frontdoor", *LEVELS]],
    cmdclass={"build_ext": BuildKernels},
)
