"""Fuzz of the command while files change, disks become full, and signals come at any moment."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from arrays import awkward_numbers
from commands import at_piece, cut_small

pytest.importorskip("hypothesis")

from fuzz_files import contents, run_command, same, says_why
from fuzz_integrations import run

import fastdrop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="of Linux's files")


def changes(d, folder, source, target):
    """Return something that happens to the files during the run, by its name."""
    size = source.stat().st_size
    other = folder / "other.npy"
    np.save(other, awkward_numbers((7, 3)))
    return d.one(
        [
            ("cut", lambda: os.truncate(source, d.integer(0, size - 1))),
            ("longer", lambda: os.truncate(source, size + 1)),
            ("removed", source.unlink),
            ("replaced", lambda: os.replace(other, source)),
            ("output made", lambda: target.write_bytes(b"another's")),
            ("output made a folder", lambda: make_folder(target)),
            ("written", lambda: rewrite(source)),
            ("part removed", lambda: remove_part(folder)),
            *((f"signal {n}", lambda n=n: signal.raise_signal(n)) for n in STOPS),
        ]
    )


def make_folder(path):
    """Make a folder that holds a file."""
    path.mkdir()
    (path / "kept").touch()


STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def rewrite(path):
    """Change an element of a file, later than it was written before."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def remove_part(folder):
    """Remove what the command has written so far."""
    for path in folder.glob(".fastdrop-*"):
        shutil.rmtree(path)


def check_change(d, folder):
    """Change the files while the command runs, at a random piece."""
    source, target = folder / "x.npy", folder / "y.npy"
    x = awkward_numbers((30, 20))
    np.save(source, np.asarray(x, order=d.one("CF")))
    before = source.read_bytes()
    name, action = changes(d, folder, source, target)
    piece, inplace, happened = d.integer(0, 9), d.chance(25), []
    expected = fastdrop.dropout(x, rng=7)

    def happen():
        happened.append(1)
        action()

    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch, 512)
        at_piece(patch, piece, happen)
        arguments = [source, "--inplace"] if inplace else [source, target]
        status, *printed = run_command([*arguments, "--seed", "7"])
        assert not list(folder.glob(".fastdrop-*"))
        if not happened:
            name = "nothing"
        if status:
            stopped = [128 + int(name.split()[1])] if name.startswith("signal") else [1]
            says_why(printed, status, stopped)
        if name.startswith("signal") and inplace:
            command = printed[1].partition("to do the others: fastdrop apply ")[2].split()
            assert bool(command) == bool(status)
            assert not command or run_command(command)[0] == 0
    if name.startswith("signal") and inplace:
        same(np.load(source), expected)
    elif name.startswith("signal"):
        assert status
        assert source.read_bytes() == before
        assert not target.exists()
    elif status == 0 and not inplace:
        assert name not in ("part removed", "cut", "output made a folder")
        same(np.load(target), expected)
    elif status == 0 and name in ("nothing", "longer"):
        same(np.load(source), expected)
    elif not inplace:
        assert not target.exists() or (target / "kept").exists()
    return f"{name}: {'refused' if status else 'done'}"


def test_files_that_change_during_the_run(folders):
    run("changes", 150, 10, lambda d: check_change(d, folders()))


def check_limit(d, folder):
    """Let the disk be full after some bytes: files may not become larger."""
    resource = pytest.importorskip("resource")
    source, target = folder / "x.npy", folder / "y.npy"
    np.save(source, awkward_numbers((30, 20)))
    if d.chance(30):
        target.write_bytes(b"what was there")
    before = contents(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = source.stat().st_size
    most = d.integer(0, size + 100)
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch, 512)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
            status, *printed = run_command([source, target, "--seed", "7"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    if most >= size:
        assert status == 0
        same(np.load(target), fastdrop.dropout(np.load(source), rng=7))
        return "written"
    says_why(printed, status)
    assert contents(folder) == before
    return "full"


def test_full_disks(folders):
    run("full disks", 60, 8, lambda d: check_limit(d, folders()))


PROGRAM = """
import sys
from fastdrop.__main__ import main
from fastdrop.cli import npy

npy.PIECE_BYTES = 2**12
sys.exit(main())
"""


def check_process(d, folder):
    """Send a signal to a process, a random time after it has printed its key."""
    source, target = folder / "x.npy", folder / "y.npy"
    x = awkward_numbers((500, 1000))
    np.save(source, x)
    before, number = source.read_bytes(), d.one(STOPS)
    wait, inplace = d.integer(0, 100) / 1000, d.chance(40)
    output = "--inplace" if inplace else str(target)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "apply", str(source), output, "--seed", "7"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,  # not among the source, which -c would put first on the path
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("to drop the same elements again"):
                break
        time.sleep(wait)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert err.count("\n") <= 1, err
    assert process.returncode in (0, 128 + number, -number)
    assert err == "" or err.startswith("fastdrop: ")
    if process.returncode == 0:
        same(np.load(source if inplace else target), fastdrop.dropout(x, rng=7))
    elif not inplace:
        assert source.read_bytes() == before
    if process.returncode != -number:  # that came before the work, or after it
        assert set(folder.iterdir()) == {source, *([target] if target.exists() else [])}
        assert target.exists() == (process.returncode == 0 and not inplace)
    return "done" if process.returncode == 0 else "stopped"


def test_signals_at_any_moment(folders):
    run("signals", 6, 2, lambda d: check_process(d, folders()))
