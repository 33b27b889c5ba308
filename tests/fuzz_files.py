"""Bad files for the fuzz of the command: .npy files and Zarr arrays, good ones and mutated ones."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import socket
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from arrays import awkward_numbers, clear_padding
from fuzz import Draws

from fastdrop.__main__ import main

DTYPES = ["<f8", "<f4", ">f8", "<f2", "<c8", "|u1", "<i4", "|b1", ">i2", "<c16"]
DESCRS = [
    *("'|O'", "'<U4'", "'|S3'", "'|V2'", "'<M8[s]'", "'<m8[D]'", "'<f16'", "'<f3'", "'f'", "''"),
    *("[('a', '<f4'), ('b', '<i2')]", "[('ä', '<f4')]", "('<f4', (2,))", "None", "7", "'é'"),
    *("[('a', '|O')]", "b'<f4'", "'<f4 '", "'<x4'", "['<f4']", "{}", "'<f4,<f4'", "'|V0'", "'<U0'"),
]
SHAPES = [
    *("()", "(0,)", "(3,)", "(-1,)", "(2, -3)", "(3", "3", "[3]", "(3.0,)", "(True,)", "('3',)"),
    *(f"({2**31},)", f"({2**63},)", f"({2**64}, 0)", f"({2**40}, {2**40})", f"(0, {2**62}, 4)"),
    *(
        "(None,)",
        "(3, 2L)",
        "(3L,)",
        "(" + "1," * 33 + ")",
        "(" + "1," * 65 + ")",
        "((3,),)",
        "{3}",
    ),
    *("(1" + "0" * 400 + ",)", "(3, 0, 5)", "(1, 3, 1)", "(_3,)", "(3_0,)", "(0x3,)", "(-0,)"),
]
ORDERS = ["True", "False", "1", "0", "None", "'C'", "[]", "(True,)"]
executed: list[int] = []  # what code in a header would fill
CODE = [
    *("__import__('fuzz_files').executed.append(1)", "(lambda: 0)()", "[" * 5000, "-" * 3000 + "1"),
    *("1", "'text'", "[]", "()", "None", "{}", "{'descr': '<f8'}", "{1: 2}", "\0", "é", "#"),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'more': 1}", "{**{}}", "1" * 5000),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)} # comment", "{{", "...", "f'{1}'"),
]


def npy_header(text: bytes, version: bytes, length: int | None = None) -> bytes:
    """Return the begin of a .npy file."""
    length = len(text) if length is None else length
    size = 2 if version[:1] == b"\x01" else 4
    return b"\x93NUMPY" + version + (length % 256**size).to_bytes(size, "little") + text


def draw_npy(d: Draws) -> bytes:
    """Draw the bytes of a .npy file: one as NumPy writes it, or one that differs from it."""
    dtype = np.dtype(d.one(DTYPES))
    shape = tuple(d.integer(0, 12) for _ in range(d.integer(0, 3)))
    seed, order = d.integer(0, 2**16), d.one(["False", "False", "True"])
    data = awkward_numbers(shape, dtype, seed).tobytes()
    version = d.one([b"\x01\x00"] * 4 + [b"\x02\x00", b"\x03\x00"])
    descr, shape_text, length = repr(dtype.str), repr(shape), None
    kind = d.one(
        ["good", "descr", "shape", "order", "code", "version", "length", "key", *["good"] * 4]
    )
    if kind == "descr":
        descr = d.one(DESCRS)
    elif kind == "shape":
        shape_text = d.one(SHAPES)
    elif kind == "order":
        order = d.one(ORDERS)
    elif kind == "version":
        version = d.one([b"\x00\x00", b"\x01\x01", b"\x04\x00", b"\xff\xff", b"\x02\x01", b"\x01"])
    entries = [("'descr'", descr), ("'fortran_order'", order), ("'shape'", shape_text)]
    if kind == "key":
        index = d.integer(0, 2)
        entries[index : index + d.integer(0, 1)] = d.one([[], [("'x'", "1")], [("1", "1")]])
    text = "{" + ", ".join(f"{name}: {value}" for name, value in entries) + "}"
    if kind == "code":
        text = d.one(CODE)
    header = text.encode(d.one(["utf-8", "latin-1"]), "replace") + b" " * d.integer(0, 70) + b"\n"
    if kind == "length":
        length = d.one([0, 1, len(header) - 1, len(header) + 1, 65535, 2**32 - 1, 20_000])
    content = npy_header(header, version, length) + data
    return mutated(d, content)


def mutated(d: Draws, content: bytes) -> bytes:
    """Cut, lengthen or change bytes, or leave them as they are."""
    kind = d.one([*["as it is"] * 5, "flip", "cut", "longer", "zeros", "inserted", "removed"])
    changed = bytearray(content)
    if kind == "flip":
        for _ in range(d.one([1, 1, 2, 10])):
            if changed:
                end = d.one([len(changed), min(len(changed), 128)])
                changed[d.integer(0, end - 1)] ^= 1 << d.integer(0, 7)
    elif kind == "cut":
        changed = changed[: d.integer(0, len(changed))]
    elif kind == "longer":
        changed += d.one([b"\0", b"\n", b"more", content])
    elif kind == "zeros":
        begin = d.integer(0, len(changed))
        changed[begin : begin + d.integer(1, 40)] = bytes(d.integer(0, 40))
    elif kind in ("inserted", "removed"):
        at = d.integer(0, min(len(changed), 140))
        changed[at : at + (kind == "removed")] = b"" if kind == "removed" else d.one([b"0", b"'"])
    return bytes(changed)


def read_npy(content: bytes) -> np.ndarray | None:
    """Return what NumPy reads, or None where it raises."""
    reader = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = np.lib.format.read_magic(reader)
            first, newer = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
            read = {(1, 0): first, (2, 0): newer, (3, 0): newer}[version]
            shape, _, dtype = read(reader)
            if math.prod(shape) * dtype.itemsize > len(content):
                return None
            reader.seek(0)
            return np.lib.format.read_array(reader, allow_pickle=False)
    except Exception:
        return None


def draw_zarr(d: Draws, zarr: Any, path: Path) -> None:
    """Write a Zarr array to a path, and change something in it."""
    x = awkward_numbers((d.integer(0, 9), d.integer(1, 9)), d.one(DTYPES), d.integer(0, 2**16))
    chunks = (d.integer(1, 9), d.integer(1, 9))
    version = d.one([2, 3])
    array = zarr.create_array(
        path, shape=x.shape, dtype=x.dtype, chunks=chunks, zarr_format=version
    )
    with np.errstate(all="ignore"):
        array[...] = x
    files = sorted(file for file in path.rglob("*") if file.is_file())
    kind = d.one(["as it is", "bytes", "bytes", "gone", "JSON", "a folder", "chunk"])
    metadata = path / ("zarr.json" if version == 3 else ".zarray")
    file = d.one(files)
    if kind == "bytes":
        file.write_bytes(mutated(d, file.read_bytes()))
    elif kind == "gone":
        file.unlink()
    elif kind == "a folder":
        file.unlink()
        file.mkdir()
    elif kind == "chunk":
        file = d.one([file for file in files if file.suffix != ".json"] or files)
        file.write_bytes(d.one([b"", b"\0" * 8, b"garbage" * 20]))
    elif kind == "JSON":
        known = json.loads(metadata.read_text())
        within = known
        name = d.one(sorted(known))
        if isinstance(known[name], dict) and known[name] and d.chance(60):
            within, name = known[name], d.one(sorted(known[name]))
        if d.chance(20):
            del within[name]
        else:
            within[name] = d.one(
                [
                    *[None, "", "x", 7, -1, [], [7], [7, 7], [0, 0], [-1, 3], {}, 0.5, True, "<f4"],
                    *[[9, 9, 9], [{"name": "bytes"}], [{}], "float32", "|O", [["a", "<f4"]], 2**70],
                    *[[{"name": "gzip", "configuration": {"level": 99}}], {"id": "nothing"}],
                ]
            )
        metadata.write_text(json.dumps(known))


def read_zarr(zarr: Any, path: Path) -> np.ndarray | None:
    """Return what zarr reads, or None where it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = zarr.open(path, mode="r")
            return np.asarray(array[...]) if hasattr(array, "shape") else None
    except Exception:
        return None


SPECIAL = ["folder", "pipe", "socket", "loop", "dangling", "nothing", "full", "zero", "null"]
SPECIAL += ["below a file", "empty name", "long", "odd"]


def special(folder: Path, kind: str) -> str:
    """Make what is no regular file, and return its name."""
    path = folder / f"{kind}.npy"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(folder)  # a socket's name must be short
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path.name)
        finally:
            os.chdir(here)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(folder / "nowhere" / "y.npy")
    elif kind in ("full", "zero", "null"):
        return f"/dev/{kind}"
    elif kind == "below a file":
        (folder / "file").write_bytes(b"")
        return str(folder / "file" / "y.npy")
    elif kind == "empty name":
        return ""
    elif kind == "long":
        return str(folder / ("y" * 300))
    elif kind == "odd":
        return str(folder / "absent\n\udcff\x1b[1m.npy")
    return str(path)


def run_command(arguments):
    """Run the command here; return its status, what it prints, and what it says is wrong."""
    status: Any
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(["apply", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


def contents(folder):
    """Return the names of all that is in a folder, and what it is."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path] = os.readlink(path)
        else:
            found[path] = path.read_bytes() if path.is_file() else path.stat().st_mode
    return found


def says_why(printed, status, expected=(1,)):
    """Check that a run failed with one line, and nothing else."""
    assert status in expected
    out, err = printed
    assert err.startswith("fastdrop: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert len(err) > len("fastdrop: ") + 5
    return out


def same(y, expected):
    """Compare all but the bytes of long doubles that are not used."""
    assert y is not None
    y, expected = np.array(y), np.array(expected)
    for array in (y, expected):
        clear_padding(array)
    assert y.dtype == expected.dtype
    assert y.shape == expected.shape
    assert y.tobytes() == expected.tobytes()
