"""The build: probe the compiler, choose the flags, compile the kernels once per CPU level."""

import hashlib
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from glob import glob
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import Cython
import numpy
import setuptools
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

# The CPU levels, best first, each with its features: those that the compiler may use (-mavx2 and so
# on) and that _machine.pyx asks the CPU for.
AVX2 = ["avx2", "bmi", "bmi2", "fma", "popcnt", "f16c"]
AVX512 = [*AVX2, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
LEVELS = {"avx512": AVX512, "avx2": AVX2, "baseline": []}

# The compilers of setuptools that take the arguments of gcc: mingw32 is gcc or clang on Windows.
GNU_LIKE = ("unix", "mingw32")
# Contraction would round kept elements differently from level to level.
OPTIMIZE = ["-O3", "-ffp-contract=off"]
# Compile and link arguments: GNU and LLVM, and Apple's clang beside a libomp.
OPENMP = [(["-fopenmp"], ["-fopenmp"]), (["-Xpreprocessor", "-fopenmp"], ["-lomp"])]

# What the build requirements of pyproject.toml leave out, too.
FAULTY_CYTHON = ("3.3.0", "3.3.1")

# What FASTDROP_SANITIZE may name, to test fastdrop itself.
SANITIZERS = ("address", "thread", "undefined")

# The limited API of Python 3.11, the first whose stable ABI has buffers. That of 3.12 is no faster.
LIMITED_API = {"macro": ("Py_LIMITED_API", "0x030B0000"), "tag": "cp311"}

# What compilers read from the environment. CC, CFLAGS and the like are in the commands.
ENVIRONMENT = [
    *["CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "LD_RUN_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"],
    *["CCC_OVERRIDE_OPTIONS", "MACOSX_DEPLOYMENT_TARGET", "SDKROOT"],
]

# What every build needs, each with a source that compiles only if it is there.
NEEDS = {
    "a C compiler, gcc or clang": '#include "lanes.h"\n',
    "Python's C headers": "#include <Python.h>\n",
}
INSTALL = (
    "apt install build-essential python3-dev (Debian, Ubuntu), "
    "dnf install gcc python3-devel (Fedora) or xcode-select --install (macOS)"
)
LEVEL_PROBE = "#include <immintrin.h>\n"
OPENMP_PROBE = """
#ifndef _OPENMP
#error "no OpenMP"
#endif
#include <omp.h>
int fd_probe(void)
{
    int threads = 0;
    #pragma omp parallel reduction(+ : threads)
    threads += 1;
    return threads + omp_get_max_threads();
}
"""


def fail(message):
    """End the build with one sentence: an exception would add a traceback."""
    raise SystemExit(f"error: {message}")


def wants(variable):
    """Return whether an environment variable is 1; it must be 0, 1 or unset."""
    value = os.environ.get(variable, "")
    if value not in ("", "0", "1"):
        fail(f"{variable} must be 0 or 1, not {value!r}")
    return value == "1"


def sanitizers():
    """Return the arguments, of the compiler and of the linker, for what FASTDROP_SANITIZE names."""
    names = os.environ.get("FASTDROP_SANITIZE", "")
    if not names:
        return []
    if not set(names.split(",")) <= set(SANITIZERS):
        fail(f"FASTDROP_SANITIZE must be some of {', '.join(SANITIZERS)}, not {names!r}")
    report = ["-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g"]
    return [f"-fsanitize={names}", *report, "-O1"]  # -O3 takes minutes


class Build(build):
    """Compile before anything is copied, and keep files of earlier builds out of the wheel."""

    # So an error of the compiler is not hidden below a list of copied files.
    sub_commands = sorted(build.sub_commands, key=lambda command: command[0] != "build_ext")

    def run(self):
        """Build, then delete modules that this version of the package does not have."""
        super().run()
        if Path(self.build_base) not in Path(self.build_lib).parents:
            return  # a folder that the user chose may hold other files
        commands = [self.get_finalized_command(name) for name in ("build_py", "build_ext")]
        current = {Path(path) for command in commands for path in command.get_outputs()}
        for path in Path(self.build_lib, "fastdrop").rglob("*"):
            if path.is_file() and path not in current:
                path.unlink()


class BuildKernels(build_ext):
    """Compile each extension with the flags that the probes of this compiler allow."""

    def finalize_options(self):
        """Compile in parallel by default, and by fingerprints instead of file times."""
        super().finalize_options()
        if self.parallel is None:
            self.parallel = True
        self.compile_all, self.force = self.force, True

    def run(self):
        """Build; in place, delete what was left out or is of another ABI and would be imported."""
        described = list(self.extensions)
        super().run()
        if self.inplace:
            for extension in described:
                built = Path(self.get_ext_fullpath(extension.name))
                for suffix in EXTENSION_SUFFIXES:
                    path = built.with_name(f"{extension.name.rpartition('.')[2]}{suffix}")
                    if path != built or extension not in self.extensions:
                        path.unlink(missing_ok=True)

    def build_extensions(self):
        """Probe, choose the flags, then translate and compile the modules that changed."""
        if int(numpy.__version__.partition(".")[0]) < 2:
            fail(
                f"fastdrop cannot be built with NumPy {numpy.__version__}, only run with it: "
                "install numpy>=2 for the build, or leave out --no-build-isolation"
            )
        if Cython.__version__ in FAULTY_CYTHON:
            fail(
                f"fastdrop cannot be built with Cython {Cython.__version__}, which releases items "
                "of lists twice where memory is missing: install another version"
            )
        if self.compiler.compiler_type not in GNU_LIKE:
            fail(
                f"fastdrop needs gcc or clang, not the compiler {self.compiler.compiler_type!r}: "
                "docs/distribution.md has what to set on Windows"
            )
        optimize = OPTIMIZE if self.wants_debug() else [*OPTIMIZE, "-g0"]
        for need, probe in NEEDS.items():
            if reason := self.failure(probe):
                fail(f"fastdrop needs {need}, but {self.cc()} fails ({reason}): run {INSTALL}")
        self.render_table()
        openmp_compile, openmp_link = self.find_openmp()
        sanitize = sanitizers()
        probe = "int fd_probe(int i) { return i + 1; }\n"
        if sanitize and (reason := self.failure(probe, sanitize, sanitize)):
            fail(f"FASTDROP_SANITIZE asks for what {self.cc()} cannot do ({reason})")
        for extension in list(self.extensions):
            features = LEVELS.get(extension.name.rpartition("_")[2], [])
            level = [f"-m{feature}" for feature in features]
            if level and self.failure(LEVEL_PROBE, level):
                self.warn(f"{extension.name} is left out: the compiler cannot build it")
                self.extensions.remove(extension)
                continue
            extension.extra_compile_args = [*optimize, *openmp_compile, *level, *sanitize]
            extension.extra_link_args = [*openmp_link, *sanitize]
        self.compile_changed()

    def render_table(self):
        """Write the sources that are made from the table of operations into the build folder."""
        self.rendered = os.path.join(self.build_temp, "rendered")
        runpy.run_path("pyx/operations.py")["render"](self.rendered)
        for extension in self.extensions:
            extension.include_dirs.append(self.rendered)

    def compile_changed(self):
        """Translate and compile each extension whose fingerprint differs from its last build."""
        record = Path(self.build_temp, "fingerprints")
        old = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)  # a build that fails leaves no record
        every, fingerprints = self.extensions, []
        self.extensions = []
        for extension in every:
            target = self.get_ext_fullpath(extension.name)
            fingerprints.append(f"{self.fingerprint(extension)} {target}")
            if self.compile_all or fingerprints[-1] not in old or not os.path.exists(target):
                self.extensions.append(extension)
        if self.extensions:
            # Into the build folder: no generated file among the sources, nor in the sdist. The
            # folder is emptied, because cythonize keeps a file that is newer than its source.
            folder = os.path.join(self.build_temp, "cython")
            shutil.rmtree(folder, ignore_errors=True)
            generated = cythonize(
                self.extensions,
                build_dir=folder,
                include_path=[".", "pyx", self.rendered],
                compiler_directives={
                    "language_level": 3,
                    "cdivision": True,
                    "freethreading_compatible": True,
                },
            )
            for extension, translated in zip(self.extensions, generated, strict=True):
                extension.sources = translated.sources
            super().build_extensions()
        self.extensions = every
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text("\n".join(fingerprints))

    def fingerprint(self, extension):
        """Return a hash of everything that affects the compiled extension."""
        commands = [self.compiler.compiler_so, self.compiler.linker_so]
        given = ("macros", "include_dirs", "library_dirs", "libraries", "runtime_library_dirs")
        version = [*commands[0], "--version"]
        decides = [
            [sys.version, numpy.__version__, Cython.__version__, setuptools.__version__],
            [commands, subprocess.run(version, capture_output=True).stdout],
            [os.environ.get(name) for name in ENVIRONMENT],
            [getattr(self.compiler, name) for name in given],
            [extension.extra_compile_args, extension.extra_link_args],
            [Path(path).read_bytes() for path in sorted(extension.sources + extension.depends)],
        ]
        return hashlib.sha256(repr(decides).encode()).hexdigest()

    def find_openmp(self):
        """Return the first arguments with which OpenMP compiles and links, or empty lists."""
        required = wants("FASTDROP_REQUIRE_OPENMP")
        reasons = []
        for compile_args, link_args in OPENMP:
            reasons.append(self.failure(OPENMP_PROBE, compile_args, link_args))
            if not reasons[-1]:
                return compile_args, link_args
        if required:
            fail(
                f"FASTDROP_REQUIRE_OPENMP is 1, but {self.cc()} has no OpenMP ({reasons[0]}): "
                "install its library (libgomp for gcc, libomp for clang), or set another CC"
            )
        self.warn("OpenMP was not found: every call will work on one thread")
        return [], []

    def wants_debug(self):
        """Return whether the user asked for debug information; Python's own flags do not count."""
        cflags = shlex.split(os.environ.get("CFLAGS", ""))
        return self.debug or any(flag.startswith("-g") for flag in cflags)

    def cc(self):
        """Name the compiler, for an error message."""
        return repr(os.environ.get("CC") or self.compiler.compiler_so[0])

    def failure(self, source, compile_args=(), link_args=None):
        """Return why a source does not compile or, given link_args, link; "" if it does.

        The result is not run, so a cross compiler is probed like any other.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "probe")
            Path(f"{path}.c").write_text(source)
            compiler, linker = self.compiler.compiler_so, self.compiler.linker_so
            include = [f"-I{name}" for name in ["pyx", *self.compiler.include_dirs]]
            commands = [[*compiler, *include, "-c", f"{path}.c", "-o", f"{path}.o", *compile_args]]
            if link_args is not None:
                commands.append([*linker, f"{path}.o", "-o", f"{path}.so", *link_args])
            for command in commands:
                try:
                    result = subprocess.run(command, capture_output=True, errors="replace")
                except OSError as error:
                    return error.strerror
                if result.returncode != 0:
                    lines = result.stderr.splitlines() or [f"status {result.returncode}"]
                    line = next((line for line in lines if "error: " in line), lines[0])
                    return line.rpartition("error: ")[2]
        return ""


def level_macro():
    """Return the table of levels for the C preprocessor: FD_LEVEL(avx2, FD_HAS(avx2) ...) ..."""
    return " ".join(
        f"FD_LEVEL({level}, {' '.join(f'FD_HAS({feature})' for feature in features)})"
        for level, features in LEVELS.items()
    )


def is_limited():
    """Return whether FASTDROP_LIMITED_API asks for a wheel of Python 3.11 and all later ones."""
    limited = wants("FASTDROP_LIMITED_API")
    if limited and sys.version_info < (3, 11):
        fail("FASTDROP_LIMITED_API is 1, but the stable ABI has buffers from Python 3.11 on")
    if limited and sysconfig.get_config_var("Py_GIL_DISABLED"):
        fail("FASTDROP_LIMITED_API is 1, but a free-threaded Python has no stable ABI")
    return limited


SOURCES = ["pyx/*.h", "pyx/*.px[di]", "fastdrop/*.pxd"]


def extension(name, *macros):
    """Describe the extension module _name."""
    return Extension(
        f"fastdrop._{name}",
        [f"pyx/_{name}.pyx"],
        include_dirs=["pyx", numpy.get_include()],
        depends=[
            *("setup.py", "pyx/operations.py"),
            *(path for pattern in SOURCES for path in sorted(glob(pattern))),
        ],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
            *([LIMITED_API["macro"]] if limited else []),
            *macros,
        ],
        py_limited_api=limited,
        # Before the library of one version, which setuptools adds and nothing then needs.
        libraries=["python3"] if limited and sys.platform == "win32" else [],
    )


limited = is_limited()
setup(
    # The longest first, for the shortest time in parallel.
    ext_modules=[
        *[extension(name) for name in ["core", *LEVELS, "cython", "keys"]],
        extension("machine", ("FD_LEVELS", level_macro())),
    ],
    cmdclass={"build": Build, "build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": LIMITED_API["tag"]}} if limited else {},
)
