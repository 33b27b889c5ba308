"""Files of type .npy: described, read and written in pieces."""

from __future__ import annotations

import math
import os
import stat
import sys
import warnings
import zipfile
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdrop.cli.regions import Box, box_lengths, box_shape, runs
from fastdrop.cli.replacing import failing_as
from fastdrop.cli.stored import StoredArray

# Pieces of 1 to 4 MiB stay in the CPU's caches on their way from the one file to the other. In
# Fortran order a piece has to be long along two axes, see regions.py.
PIECE_BYTES = 2**22
FORTRAN_PIECE_BYTES = 2**26


class NpyArray(StoredArray):
    """The array of an open .npy file."""

    def __init__(
        self, path: Path, file: FileIO, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool
    ) -> None:
        super().__init__(path, shape, dtype, fortran)
        self._file, self._start = file, file.tell()
        self._before = os.fstat(file.fileno())

    def piece_lengths(self) -> tuple[int, ...]:
        """Return the lengths of boxes for which reading, dropping and writing take least time."""
        nbytes = FORTRAN_PIECE_BYTES if self.fortran else PIECE_BYTES
        return box_lengths(self.shape, self.dtype.itemsize, nbytes, fortran=self.fortran)

    def read(self, box: Box) -> NDArray[Any]:
        """Read a box into a new array."""
        shape, box = self._as_in_the_file(box)
        block = np.empty(box_shape(box), self.dtype)
        left = block.reshape(-1).view(np.uint8).data
        with failing_as(self.path, "read"):
            for first, length in runs(shape, box):
                self._file.seek(self._start + first * self.dtype.itemsize)
                end = length * self.dtype.itemsize
                while end:
                    count = self._file.readinto(left[:end])
                    if not count:
                        raise OSError("it has become shorter meanwhile")
                    left, end = left[count:], end - count
        return block.T if self.fortran else block

    def write(self, box: Box, block: NDArray[Any]) -> None:
        """Write the elements of a box."""
        shape, box = self._as_in_the_file(box)
        contiguous = np.ascontiguousarray(block.T if self.fortran else block)
        left = contiguous.reshape(-1).view(np.uint8).data
        with failing_as(self.path, "written"):
            for first, length in runs(shape, box):
                self._file.seek(self._start + first * self.dtype.itemsize)
                end = length * self.dtype.itemsize
                while end:
                    count = self._file.write(left[:end])
                    left, end = left[count:], end - count

    def finish(self) -> None:
        """Check that nobody has written what was read; wait until the disk has what was written."""
        if self._file.writable():
            with failing_as(self.path, "written"):
                os.fsync(self._file.fileno())
            return
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise OSError(f"{self.path} has changed while it was read: run the command again")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _as_in_the_file(self, box: Box) -> tuple[tuple[int, ...], Box]:
        return (self.shape[::-1], box[::-1]) if self.fortran else (self.shape, box)


def create_npy(
    path: Path, name: Path, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool
) -> NpyArray:
    """Begin a new .npy file at `name`, which messages call `path`."""
    with failing_as(path, "written"):
        file = name.open("xb", buffering=0)
        try:
            descr = np.lib.format.dtype_to_descr(dtype)
            header = {"descr": descr, "fortran_order": fortran, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        except BaseException:
            file.close()
            raise
    return NpyArray(path, file, shape, dtype, fortran)


def check_regular(path: Path) -> None:
    """Raise unless the path leads to a regular file; a pipe, for one, has no places."""
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ValueError(f"{path} is {kind}: name a .npy file")


def open_npy(path: Path, writable: bool = False) -> NpyArray:
    """Open a .npy file, or raise an error that says what the file is."""
    check_regular(path)
    file = path.open("r+b" if writable else "rb", buffering=0)
    try:
        return described(path, file)
    except BaseException:
        file.close()
        raise


def described(path: Path, file: FileIO) -> NpyArray:
    """Read the header of a .npy file, and compare the file's size with it."""
    try:
        version = np.lib.format.read_magic(file)
    except ValueError:
        raise ValueError(f"{path} is {describe_foreign(path)}") from None
    # Version 3 differs from 2 in the names of fields alone, which may be of any letters.
    newer = np.lib.format.read_array_header_2_0
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): newer, (3, 0): newer}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the file is of Python 2, for one
            shape, fortran, dtype = readers[version](file)
        expected = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or max(*shape, expected, 0) > sys.maxsize:
            raise ValueError(shape)
    except Exception as error:  # whatever NumPy meets in a broken header
        what = "has a .npy header that is truncated or damaged"
        raise ValueError(f"{path} {what}: save the array again with np.save") from error
    check_elements(path, dtype)
    found = os.fstat(file.fileno()).st_size - file.tell()
    if found < expected:
        raise ValueError(
            f"{path} is truncated: {dtype} {shape} takes {expected:,} bytes after the header, "
            f"but {found:,} are there: copy or save the file again"
        )
    return NpyArray(path, file, shape, dtype, fortran and len(shape) > 1)


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


def check_elements(path: Path, dtype: np.dtype[Any]) -> None:
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
