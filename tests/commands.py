"""What the test files of the command share: how it is called, and how it refuses."""

from pathlib import Path

import numpy as np
import pytest

import fastdrop
from fastdrop.__main__ import main
from fastdrop.cli import npy, regions, zarr_array


def apply(*arguments):
    """Run `fastdrop apply`, which must succeed."""
    assert main(["apply", *map(str, arguments)]) == 0


def snapshot(folder):
    """Return the names and contents of all files in a folder."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return sorted((str(path.relative_to(folder)), path.read_bytes()) for path in files)


def refused(*arguments, capsys, status=1):
    """Return the one line that says why the command fails; nothing else may be printed or written.

    The first argument is a path in the folder that is looked at.
    """
    folder = Path(arguments[0]).parent
    before = snapshot(folder)
    assert main(["apply", *map(str, arguments)]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert snapshot(folder) == before
    assert not list(folder.glob(".fastdrop-*"))
    (line,) = printed.err.splitlines()
    assert line.startswith("fastdrop: ")
    return line.removeprefix("fastdrop: ")


def misused(capsys, *arguments):
    """Return the message that rejects the arguments of the command line."""
    with pytest.raises(SystemExit) as error:
        main(["apply", *map(str, arguments)])
    assert error.value.code == 2
    return capsys.readouterr().err


def cut_small(monkeypatch, nbytes=256, run=64):
    """Have arrays cut into pieces of so many bytes, with runs of so many in Fortran order."""
    monkeypatch.setattr(npy, "PIECE_BYTES", nbytes)
    monkeypatch.setattr(npy, "FORTRAN_PIECE_BYTES", nbytes)
    monkeypatch.setattr(zarr_array, "PIECE_BYTES", nbytes)
    monkeypatch.setattr(regions, "RUN_BYTES", run)


def at_piece(monkeypatch, number, action):
    """Have `action()` called when the piece of this number, from 0, has been dropped."""
    dropout, count = fastdrop.dropout, [0]

    def counting(x, *arguments, **options):
        result = dropout(x, *arguments, **options)
        if options.get("inplace"):
            if count[0] == number:
                action()
            count[0] += 1
        return result

    monkeypatch.setattr(fastdrop, "dropout", counting)


def save(path, x):
    """Save an array, and return its path."""
    np.save(path, x)
    return path
