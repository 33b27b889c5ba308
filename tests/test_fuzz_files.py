"""Fuzz of the command: a right result, or one line that says why not, and all as it was.

Bad .npy files, bad Zarr arrays, and what is no file; `tests/test_fuzz_file_changes.py` has files
that change. `FASTDROP_FUZZ=10000 pytest -s tests/test_fuzz_file*.py` is a search of some minutes.
"""

import sys

import numpy as np
import pytest
from arrays import awkward_numbers

pytest.importorskip("hypothesis")

from fuzz_files import (
    SPECIAL,
    contents,
    draw_npy,
    draw_zarr,
    executed,
    read_npy,
    read_zarr,
    run_command,
    same,
    says_why,
    special,
)
from fuzz_integrations import run

import fastdrop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="of Linux's files")


def draw_options(d):
    """Draw options of the command, and the same ones of `fastdrop.dropout`."""
    seed, p = d.integer(0, 99), d.one(["0.5", "0.1", "0", "1"])
    texts, options = ["-p", p, "--seed", str(seed)], {"p": float(p), "rng": seed}
    if d.chance(50):
        texts.append("--no-scale")
        options["scale"] = False
    if d.chance(20):
        texts.append("--fill=7")
        options["fill"] = 7
    if d.chance(20):
        options["offset"] = d.one([5, 2**40])
        texts += ["--offset", str(options["offset"])]
    return texts, options


def dropped(x, options):
    """Return what the command must write, or None where it must refuse."""
    if x is None:
        return None
    try:
        return fastdrop.dropout(x, **options)
    except (TypeError, ValueError):
        return None


def check_npy(d, folder):
    """Drop a .npy file that may be bad."""
    content = draw_npy(d)
    source, target = folder / "x.npy", folder / "y.npy"
    source.write_bytes(content)
    if d.chance(30):
        target.write_bytes(b"what was there")
    texts, options = draw_options(d)
    inplace = d.chance(30)
    before, x = contents(folder), read_npy(content)
    expected = dropped(x, options)
    status, *printed = run_command([source, "--inplace" if inplace else target, *texts])
    assert not executed, content
    if status == 0 and expected is None and content[6:8] == b"\x03\x00":
        return "NumPy reads version 3 in UTF-8"
    if expected is None:
        assert says_why(printed, status) == ""
        assert contents(folder) == before
        return "refused" if x is None else "refused by dropout"
    assert status == 0, printed
    assert printed[1] == ""
    assert set(contents(folder)) == {*before, *([] if inplace else [target])}
    result = (source if inplace else target).read_bytes()
    same(read_npy(result), expected)
    if not inplace:
        assert source.read_bytes() == content
    else:
        assert len(result) == len(content)
    return "dropped"


def test_npy_files(folders):
    run("npy", 400, 50, lambda d: check_npy(d, folders()))


def check_zarr(d, folder, zarr):
    """Drop a Zarr array that may be bad."""
    source = folder / "x.zarr"
    draw_zarr(d, zarr, source)
    target = folder / d.one(["y.zarr", "y.npy"])
    texts, options = draw_options(d)
    before = contents(folder)
    x = read_zarr(zarr, source)
    if x is not None and x.size > 10**6:
        return "large"
    expected = dropped(x, options)
    status, *printed = run_command([source, target, *texts])
    if status:
        says_why(printed, status)
        assert contents(folder) == before
        if expected is not None:
            # zarr makes no array like this one, or the dtype has no name in .npy files.
            assert "cannot be written" in printed[1] or "unscaled" in printed[1], printed
            return "cannot be written"
        return "refused"
    assert expected is not None, "what cannot be read has been dropped"
    after = contents(folder)
    assert {path: after[path] for path in before} == before
    y = read_zarr(zarr, target) if target.suffix == ".zarr" else np.load(target)
    assert y is not None
    same(y.astype(expected.dtype), expected)
    return "dropped"


@pytest.mark.filterwarnings("ignore")  # zarr's, of what it finds in bad metadata
def test_zarr_arrays(folders):
    zarr = pytest.importorskip("zarr", minversion="3")
    run("zarr", 100, 25, lambda d: check_zarr(d, folders(), zarr))


def check_special(d, folder):
    """Read from or write to what is no regular file."""
    source, target = folder / "x.npy", folder / "y.npy"
    np.save(source, awkward_numbers((5, 3)))
    kind, role = d.one(SPECIAL), d.one(["input", "output", "inplace", "both"])
    path = special(folder, kind)
    arguments = {
        "input": [path, target],
        "output": [source, path],
        "inplace": [path, "--inplace"],
        "both": [path, path],
    }[role]
    before = contents(folder)
    status, *printed = run_command([*arguments, "--seed", "7"])
    if status == 0:
        assert role == "output"
        assert kind in ("nothing", "odd")
        same(np.load(path), fastdrop.dropout(np.load(source), rng=7))
        return "written"
    assert says_why(printed, status) == ""
    assert contents(folder) == before
    return f"{role} refused"


def test_what_is_no_file(folders):
    run("special", 60, 5, lambda d: check_special(d, folders()))
