"""setup.py: when it compiles again, what it leaves out, and how it fails.

The compiler, Cython and NumPy are stand-ins, so that a build takes half a second. What the
compiler's stand-in writes is the command it was called by, so a module tells how it was made.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {"_machine", "_core", "_keys", "_cython", "_baseline", "_avx2", "_avx512"}
PLATFORM = sysconfig.get_platform().replace("-", "_").replace(".", "_")

pytestmark = pytest.mark.skipif(
    not (ROOT / "setup.py").exists(), reason="the source is not here, only its tests"
)

limited = pytest.mark.skipif(
    sys.version_info < (3, 11) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="this Python has no stable ABI with buffers",
)

COMPILER = r"""#!/bin/sh
# $REFUSED: what it cannot compile, in its arguments or in the source.
# $MEET: a folder in which two modules' compilers wait for one another.
text="$BUILD $*"
for argument; do
    if [ "$previous" = -o ]; then output=$argument; else
        case $argument in
            *.c | *.o) text="$text $(cat "$argument")";;
            --version | -dumpmachine) echo "$VERSION"; exit;;
        esac
        case $MEET$argument in
            /*_core.c) own=core other=baseline;;
            /*_baseline.c) own=baseline other=core;;
        esac
    fi
    previous=$argument
done
case $text in *"${REFUSED-no such text}"*) echo "cc: error: it is refused" >&2; exit 1;; esac
if [ "$MEET" ] && [ "$own" ]; then
    touch "$MEET/$own"
    for _ in $(seq 100); do [ -e "$MEET/$other" ] || sleep 0.5; done
    [ -e "$MEET/$other" ] || exit 1
fi
echo "$text" > "$output"
"""

CYTHON = """
import os
from setuptools import Extension
def cythonize(extensions, build_dir, **options):
    for extension in extensions:
        source = os.path.join(build_dir, extension.sources[0].replace(".pyx", ".c"))
        os.makedirs(os.path.dirname(source), exist_ok=True)
        open(source, "a").close()
        yield Extension(extension.name, [source])
"""

STANDINS = {
    "cc": COMPILER,
    "othercc": COMPILER,
    "numpy.py": "import os\n__version__ = os.environ['NUMPY']\nget_include = str",
    "Cython/__init__.py": "import os\n__version__ = os.environ['CYTHON']",
    "Cython/Build.py": CYTHON,
}


@pytest.fixture(scope="module")
def standins(tmp_path_factory):
    """Make the folder of the stand-ins."""
    folder = tmp_path_factory.mktemp("standins")
    for name, text in STANDINS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def build(standins):
    """Run setup.py in a folder, in an environment where only `changes` affect the build."""

    def run(folder, *command, **changes):
        names = ("CFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED", "CPATH")
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in names and not name.startswith("FASTDROP_")
        }
        environment |= {"PYTHONPATH": str(standins), "CC": str(standins / "cc")}
        environment |= {"NUMPY": "2.3.4", "CYTHON": "3.1.2", "VERSION": "cc 12", "BUILD": "first"}
        return subprocess.run(
            [sys.executable, "setup.py", *(command or ["build"])],
            cwd=folder,
            env=environment | changes,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Copy the source without anything that was built."""
    folder = tmp_path_factory.mktemp("source") / "fastdrop"
    built = shutil.ignore_patterns("*.so", "__pycache__")
    for name in ("fastdrop", "pyx"):
        shutil.copytree(ROOT / name, folder / name, ignore=built)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def once_built(source, build):
    """Copy the source and build it."""
    folder = source.with_name("built")
    shutil.copytree(source, folder)
    result = build(folder)
    assert result.returncode == 0, result.stderr
    assert modules(folder).keys() == MODULES
    return folder


@pytest.fixture
def unbuilt(source, tmp_path):
    """Copy the source for one test."""
    return shutil.copytree(source, tmp_path / "fastdrop")


@pytest.fixture
def built(once_built, tmp_path):
    """Copy the built source for one test."""
    return shutil.copytree(once_built, tmp_path / "fastdrop")


def modules(folder, where="build/lib*/fastdrop"):
    """Return how each compiled module in a folder was made."""
    return {path.name.partition(".")[0]: path.read_text() for path in folder.glob(f"{where}/*.so")}


def change(path):
    """Change a file, and make it older than what was built from it."""
    path.write_text(path.read_text() + "\n")
    os.utime(path, (0, 0))


@pytest.mark.parametrize(
    "changes",
    [
        {"CC": "othercc"},
        {"VERSION": "cc 13"},
        {"CFLAGS": "-O2"},
        {"CPPFLAGS": "-DNDEBUG"},
        {"LDFLAGS": "-L/opt/lib"},
        {"CPATH": "/opt/include"},
        {"NUMPY": "2.4.0"},
        {"CYTHON": "3.2.0"},
        {"REFUSED": "-fopenmp"},
        {"FASTDROP_SANITIZE": "undefined"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_decides_the_build_forces_a_new_one(changes, built, build, standins):
    if "CC" in changes:
        changes = {"CC": str(standins / changes["CC"])}
    assert build(built, BUILD="second", **changes).returncode == 0
    assert modules(built).keys() == MODULES
    assert all("second" in text for text in modules(built).values())
    # and back
    assert build(built, BUILD="third").returncode == 0
    assert all("third" in text and "-fopenmp" in text for text in modules(built).values())


def test_a_file_of_the_build_forces_a_new_one_whatever_its_date(built, build):
    for number, name in enumerate(("setup.py", "pyx/lanes.h", "pyx/kernels.pxi")):
        change(built / name)
        assert build(built, BUILD=f"build {number}").returncode == 0
        assert all(f"build {number}" in text for text in modules(built).values())


def test_only_what_is_changed_is_compiled(built, build):
    change(built / "pyx/_machine.pyx")
    assert build(built, BUILD="second").returncode == 0
    assert {name for name, text in modules(built).items() if "second" in text} == {"_machine"}


def test_a_failed_build_is_not_taken_for_done(built, build):
    assert build(built, REFUSED="_avx2.c", CFLAGS="-O2").returncode == 1
    assert build(built, BUILD="second", CFLAGS="-O2").returncode == 0
    assert all("second" in text for text in modules(built).values())


def test_a_level_that_is_left_out_is_not_taken_from_an_earlier_build(built, build):
    assert build(built, "build_ext", "--inplace").returncode == 0
    assert modules(built, "fastdrop").keys() == MODULES
    assert build(built, "build_ext", "--inplace", REFUSED="-mavx512f").returncode == 0
    assert modules(built, "fastdrop").keys() == MODULES - {"_avx512"}
    assert build(built, "build", REFUSED="-mavx512f").returncode == 0
    assert modules(built).keys() == MODULES - {"_avx512"}


def test_what_the_package_no_longer_has_is_deleted_from_the_build(built, build):
    (library,) = built.glob("build/lib*/fastdrop")
    before = set(library.iterdir())
    names = ("layers.py", "py.typed", "_keys.pyi", "_keys.pxd", "__init__.pxd", "_cython.pxd")
    assert before >= {library / name for name in names}
    for name in ("renamed.py", "_renamed.so"):
        (library / name).touch()
    assert build(built).returncode == 0
    assert set(library.iterdir()) == before


def test_a_compiler_of_mingw_is_given_the_same_arguments(unbuilt, once_built, build):
    assert build(unbuilt, "build_ext", "--compiler=mingw32").returncode == 0
    made, unix = modules(unbuilt), modules(once_built)
    assert made.keys() == MODULES
    for name, text in made.items():
        levels = {word for word in unix[name].split() if word.startswith("-m")}
        assert {"-O3", "-ffp-contract=off", "-g0", "-fopenmp", *levels} <= set(text.split())


def test_the_cpu_is_asked_for_what_the_compiler_may_use(once_built):
    made = modules(once_built)
    asked = dict(re.findall(r"FD_LEVEL\((\w+), ((?:FD_HAS\(\w+\) ?)*)\)", made["_machine"]))
    assert {"avx512", "avx2", "baseline"} <= asked.keys()
    assert not asked["baseline"]
    for level, features in asked.items():
        allowed = re.findall(r" -m((?:avx|bmi|fma|popcnt|f16c)\w*)", made[f"_{level}"])
        assert re.findall(r"FD_HAS\((\w+)\)", features) == allowed


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one processor")
def test_modules_are_compiled_in_parallel(unbuilt, build, tmp_path):
    assert build(unbuilt, MEET=str(tmp_path)).returncode == 0
    assert modules(unbuilt).keys() == MODULES


@pytest.mark.parametrize(("cflags", "expected"), [("", "-g0"), ("-g", "-g"), ("-ggdb3", "-ggdb3")])
def test_debug_information_is_left_out_unless_asked_for(cflags, expected, unbuilt, build):
    assert build(unbuilt, CFLAGS=cflags).returncode == 0
    for text in modules(unbuilt).values():
        assert [word for word in text.split() if word.startswith("-g")][-1] == expected
        assert "-fopenmp" in text  # found by a probe that was linked, and cannot run


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CC": "/nonexistent"}, "a C compiler, gcc or clang, but '/nonexistent' fails (No such"),
        ({"REFUSED": ""}, "a C compiler, gcc or clang, but '{cc}' fails (it is refused)"),
        ({"REFUSED": "Python.h"}, "Python's C headers, but '{cc}' fails (it is refused)"),
    ],
    ids=["no compiler", "no compiler that works", "no headers"],
)
@pytest.mark.parametrize("command", ["build", "build_ext"])
def test_a_missing_tool_is_one_sentence(command, changes, message, unbuilt, build, standins):
    result = build(unbuilt, command, **changes)
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("error: fastdrop needs " + message.format(cc=standins / "cc"))
    assert "apt install build-essential python3-dev" in sentence
    assert set(result.stdout.splitlines()) <= {"running build", "running build_ext"}


def test_a_compiler_without_vector_types_is_refused(unbuilt, build):
    result = build(unbuilt, "build_ext", "--compiler=msvc")
    assert result.returncode == 1
    assert "error: fastdrop needs gcc or clang, not the compiler 'msvc'" in result.stderr


def test_an_old_numpy_is_refused_by_name(unbuilt, build):
    result = build(unbuilt, NUMPY="1.26.4")
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("error: fastdrop cannot be built with NumPy 1.26.4")
    assert "numpy>=2" in sentence


@pytest.mark.parametrize("version", ["3.3.0", "3.3.1"])
def test_a_faulty_cython_is_refused_by_name(unbuilt, build, version):
    result = build(unbuilt, CYTHON=version)
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith(f"error: fastdrop cannot be built with Cython {version}")
    requires = (ROOT / "pyproject.toml").read_text()
    assert f"!={version}" in requires.partition("build-backend")[0]


def test_openmp_can_be_required(built, build, standins):
    result = build(built, REFUSED="-fopenmp", FASTDROP_REQUIRE_OPENMP="0")
    assert result.returncode == 0
    assert "OpenMP was not found" in result.stderr
    result = build(built, REFUSED="-fopenmp", FASTDROP_REQUIRE_OPENMP="1")
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("error: FASTDROP_REQUIRE_OPENMP is 1, but ")
    assert f"'{standins / 'cc'}' has no OpenMP (it is refused)" in sentence
    assert build(built, FASTDROP_REQUIRE_OPENMP="1").returncode == 0


def test_sanitizers_are_compiled_and_linked_in(unbuilt, once_built, build):
    assert build(unbuilt, FASTDROP_SANITIZE="address,undefined").returncode == 0
    assert modules(unbuilt).keys() == MODULES
    for text in modules(unbuilt).values():  # the linker's arguments, then the compiler's
        assert text.count("-fsanitize=address,undefined -fno-sanitize-recover=all") == 2
        assert [word for word in text.split() if word.startswith("-g")][-1] == "-g"
    assert not any("sanitize" in text for text in modules(once_built).values())


def test_only_what_gcc_and_clang_have_is_a_sanitizer(built, build, standins):
    result = build(built, FASTDROP_SANITIZE="address,speed")
    assert result.returncode == 1
    assert result.stderr == (
        "error: FASTDROP_SANITIZE must be some of address, thread, undefined, not 'address,speed'\n"
    )
    result = build(built, FASTDROP_SANITIZE="thread", REFUSED="-fsanitize")
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("error: FASTDROP_SANITIZE asks for what ")
    assert f"'{standins / 'cc'}' cannot do (it is refused)" in sentence


@pytest.mark.parametrize("name", ["FASTDROP_REQUIRE_OPENMP", "FASTDROP_LIMITED_API"])
@pytest.mark.parametrize("value", ["yes", "2", " "])
def test_a_switch_is_0_or_1(value, name, built, build):
    result = build(built, **{name: value})
    assert result.returncode == 1
    assert result.stderr == f"error: {name} must be 0 or 1, not {value!r}\n"


@limited
def test_the_limited_api_makes_one_wheel_for_later_pythons(built, build):
    assert build(built, "bdist_wheel", FASTDROP_LIMITED_API="1").returncode == 0
    assert build(built, "bdist_wheel", FASTDROP_LIMITED_API="0").returncode == 0
    own = f"cp3{sys.version_info.minor}"
    for tag, macro in ((f"cp311-abi3-{PLATFORM}", "0x030B0000"), (f"{own}-{own}-{PLATFORM}", "")):
        (path,) = built.glob(f"dist/*-{tag}.whl")
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".so")]
            assert {Path(name).name.partition(".")[0] for name in names} == MODULES
            assert {name.endswith(".abi3.so") for name in names} == {bool(macro)}
            for name in names:
                found = re.findall(r"-DPy_LIMITED_API=(\w*)", wheel.read(name).decode())
                assert set(found) == ({macro} if macro else set())


@limited
def test_in_place_the_abi_that_was_asked_for_last_is_imported(built, build):
    own = sysconfig.get_config_var("EXT_SUFFIX")
    for limited, suffix in (("0", own), ("1", ".abi3.so"), ("0", own)):
        assert build(built, "build_ext", "--inplace", FASTDROP_LIMITED_API=limited).returncode == 0
        found = {path.name for path in (built / "fastdrop").glob("*.so")}
        assert found == {f"{module}{suffix}" for module in MODULES}


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="it has the limited API")
def test_the_limited_api_is_refused_where_it_lacks_buffers(built, build):
    result = build(built, FASTDROP_LIMITED_API="1")
    assert result.returncode == 1
    assert result.stderr.startswith("error: FASTDROP_LIMITED_API is 1, but the stable ABI has buff")


@pytest.mark.skipif(not shutil.which("clang"), reason="there is no clang")
@pytest.mark.parametrize("level", ["", "-mavx2 -mbmi2 -mfma -mf16c"])
def test_clang_needs_no_gnuc(level, tmp_path):
    # clang-cl does not define __GNUC__.
    runpy.run_path(str(ROOT / "pyx" / "operations.py"))["render"](tmp_path)
    (tmp_path / "kernels.c").write_text('#include "apply.h"\n')
    include = [f"-I{ROOT / 'pyx'}", f"-I{tmp_path}"]
    command = ["clang", "-fgnuc-version=0", "-fsyntax-only", *include, *level.split()]
    subprocess.run([*command, tmp_path / "kernels.c"], check=True)


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
def test_gcc_compiles_without_optimization(tmp_path):
    # An error, where what must be inlined cannot be: by optimization gcc may unroll a recursion.
    runpy.run_path(str(ROOT / "pyx" / "operations.py"))["render"](tmp_path)
    uses = "fd_part((uint64_t)x, 1, 0) + fd_part((uint64_t)x, 2, 1) + fd_part((uint64_t)x, 4, 3)"
    (tmp_path / "kernels.c").write_text(f'#include "apply.h"\nint f(int x) {{ return {uses}; }}\n')
    include = [f"-I{ROOT / 'pyx'}", f"-I{tmp_path}"]
    subprocess.run(
        ["gcc", "-O0", "-S", "-o", os.devnull, *include, tmp_path / "kernels.c"], check=True
    )
