"""Files of type .npy: mapped, described where they are none, and replaced as a whole."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def check_regular(path: Path) -> None:
    """Raise unless the path leads to a regular file; a pipe, for one, cannot be mapped."""
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ValueError(f"{path} is {kind}: name a .npy file")


def open_array(path: Path) -> np.ndarray:
    """Map the array of a .npy file, or raise an error that says what the file is."""
    check_regular(path)
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
        except ValueError:
            raise ValueError(f"{path} is {describe_foreign(path)}") from None
        # Version 3 differs from 2 in the names of fields alone, which may be of any letters.
        newer = np.lib.format.read_array_header_2_0
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): newer, (3, 0): newer}
        try:
            shape, fortran, dtype = readers[version](file)
            # The view takes no memory, and raises if no array can have the shape.
            expected = np.broadcast_to(np.empty((), dtype), shape).nbytes
        except Exception as error:  # whatever NumPy meets in a broken header
            what = "has a .npy header that is truncated or damaged"
            raise ValueError(f"{path} {what}: save the array again with np.save") from error
        check_mappable(path, dtype)
        found = path.stat().st_size - file.tell()
        if found < expected:
            raise ValueError(
                f"{path} is truncated: {dtype} {shape} takes {expected:,} bytes after the header, "
                f"but {found:,} are there: copy or save the file again"
            )
        return np.memmap(file, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def describe_foreign(path: Path) -> str:
    """What a file without the mark of .npy is, and what to do."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
    except Exception:  # whatever zipfile meets in a file that is no archive
        names = []
    if not names:
        kind = "not a .npy file" if path.stat().st_size else "empty"
        return f"{kind}: load the array with what wrote it, and save it with np.save"
    first, more = names[0], ", ..." * (len(names) > 5)
    return (
        f"a .npz archive that holds the arrays {', '.join(names[:5])}{more}: save one of them with "
        f"np.save({first + '.npy'!r}, np.load({str(path)!r})[{first!r}])"
    )


def check_mappable(path: Path, dtype: np.dtype) -> None:
    """Raise if the elements are not of one known type; `fastdrop.dropout` checks the rest."""
    if dtype.names:
        what = f"structured elements with the fields {', '.join(dtype.names)}"
        instead = f"a single field, such as x[{dtype.names[0]!r}]"
    elif dtype.hasobject:
        what = "Python objects, which are never loaded, because unpickling them can run any code"
        instead = "an array of numbers, such as x.astype(np.float32)"
    elif dtype.kind == "V":
        what = (
            f"dtype {dtype.str}, as np.save writes bfloat16 and other dtypes that .npy files lack"
        )
        instead = "x.view(ml_dtypes.bfloat16).astype(np.float32), if it was a bfloat16"
    else:
        return
    raise TypeError(f"{path} holds {what}: save {instead}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file that takes the place of the one at the path in the end."""
    target = Path(os.path.realpath(path))  # a link stays
    if not target.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {target.parent}: create it first")
    if os.path.lexists(target):
        check_regular(path)
    try:
        # In a folder of its own the new file needs no unused name, and the umask gives its mode.
        with tempfile.TemporaryDirectory(prefix=".fastdrop-", dir=target.parent) as folder:
            part = Path(folder, "part.npy")
            yield part
            if target.exists():
                shutil.copymode(target, part)
            os.replace(part, target)
    except OSError as error:  # names the temporary folder
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error


def create_like(x: np.ndarray, path: Path) -> np.memmap:
    """Map the array of a new .npy file, of x's dtype, shape and order."""
    fortran = x.flags.f_contiguous and not x.flags.c_contiguous
    y = np.lib.format.open_memmap(path, "w+", x.dtype, x.shape, fortran)
    if hasattr(os, "posix_fallocate"):
        # A full disk must be an error now, not a fault in the middle of the mapped file.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return y
