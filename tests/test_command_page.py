"""The shell commands in docs/command-line.md run, and do what the page says."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from arrays import assert_same_bytes
from commands import misused

import fastdrop
from fastdrop.__main__ import main

PAGE = (Path(__file__).parents[1] / "docs" / "command-line.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ONES = np.ones((1000, 100))


def run(folder, *blocks):
    """Run blocks of commands in a shell."""
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ["PATH"]]
    result = subprocess.run(
        ["sh", "-ec", "".join(blocks)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(folders)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def block_with(text):
    """Return the one block that has this text."""
    (block,) = (block for block in BLOCKS if text in block)
    return block


@pytest.fixture
def folder(tmp_path):
    """Give a folder in which the first block has run."""
    run(tmp_path, BLOCKS[0])
    return tmp_path


def test_each_block_is_tested():
    assert len(BLOCKS) == 6


def test_a_file(folder, monkeypatch, capsys):
    assert set(np.load(folder / "y.npy").ravel()) == {0.0, 1 / 0.9}
    monkeypatch.chdir(folder)
    assert main(["apply", "x.npy", "y.npy", "-p", "0.1", "--seed", "42"]) == 0
    lines = [f"    {line}\n" for line in capsys.readouterr().out.splitlines()]
    assert "".join(lines) in PAGE


def test_options(folder):
    run(folder, block_with("missing.npy"))
    missing, rows = np.load(folder / "missing.npy"), np.load(folder / "rows.npy")
    assert (np.isnan(missing) | (missing == 1)).all()
    assert 0.09 < np.isnan(missing).mean() < 0.11
    assert (rows == rows[:, :1]).all()
    assert set(rows[:, 0]) == {0.0, 1 / 0.8}


def test_parts_with_their_offsets(folder):
    run(folder, block_with("--offset 60000"))
    parts = np.concatenate([np.load(folder / "a.npy"), np.load(folder / "b.npy")])
    assert_same_bytes(parts, fastdrop.dropout(ONES, 0.1, rng=42))


def test_zarr(folder):
    zarr = pytest.importorskip("zarr")
    run(folder, block_with(".zarr"))
    x = zarr.open_array(folder / "x.zarr", mode="r")[...]
    assert_same_bytes(np.asarray(x), fastdrop.dropout(ONES, 0.1, rng=42))
    assert zarr.open_array(folder / "y.zarr", mode="r").shape == x.shape
    assert np.load(folder / "z.npy").shape == x.shape


def test_in_place_and_info(folder):
    run(folder, block_with("x.npy --inplace"))
    assert 0.09 < (np.load(folder / "x.npy") == 0).mean() < 0.11
    assert '"processors"' in run(folder, block_with("info --json"))


def test_every_option_of_apply_is_on_the_page(capsys):
    with pytest.raises(SystemExit):
        main(["apply", "--help"])
    options = set(re.findall(r"--[a-z-]+[a-z]", capsys.readouterr().out)) - {"--help"}
    assert len(options) > 8
    assert {option for option in options if f"`{option}" not in PAGE} == set()
    assert "unrecognized arguments: --verbose" in misused(capsys, "x.npy", "y.npy", "--verbose")


def test_the_page_has_the_sizes_of_the_code():
    from fastdrop.cli import npy, zarr_array

    for size in (npy.PIECE_BYTES, npy.FORTRAN_PIECE_BYTES, zarr_array.PIECE_BYTES):
        assert f"{size >> 20} MiB" in PAGE
