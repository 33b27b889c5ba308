"""Zarr arrays in folders, read and written in whole chunks. The package zarr does the work."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdrop.cli.regions import Box, box_lengths
from fastdrop.cli.stored import StoredArray

# zarr works on the chunks of a piece at the same time; larger pieces take more time, not less.
PIECE_BYTES = 2**24

METADATA = ("zarr.json", ".zarray", ".zattrs")


class ZarrArray(StoredArray):
    """A Zarr array in a folder, whose name may be a temporary one."""

    def __init__(self, path: Path, folder: Path, array: Any) -> None:
        super().__init__(path, tuple(array.shape), np.dtype(array.dtype))
        self.folder, self._array = folder, array

    def piece_lengths(self) -> tuple[int, ...]:
        """Return the lengths of boxes of whole chunks, or of whole shards."""
        chunks = getattr(self._array, "shards", None) or self._array.chunks
        return box_lengths(self.shape, self.dtype.itemsize, PIECE_BYTES, chunks)

    def read(self, box: Box) -> NDArray[Any]:
        """Read a box into a new array."""
        with failing_in_zarr(self.path, "read"):
            return np.require(self._array[box], requirements="W")

    def write(self, box: Box, block: NDArray[Any]) -> None:
        """Write the elements of a box."""
        with failing_in_zarr(self.path, "written"):
            self._array[box] = block


@contextmanager
def failing_in_zarr(path: Path, what: str) -> Iterator[None]:
    """Raise what zarr and its codecs raise as one error that names the path."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(f"{path} cannot be {what}: {reason}") from error


def import_zarr() -> ModuleType:
    """Import zarr, or say how to install it."""
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        message = "Zarr arrays need the package zarr: python -m pip install zarr"
        raise ImportError(message) from error


def open_zarr(path: Path, writable: bool = False) -> ZarrArray:
    """Open a Zarr array of format 2 or 3, or raise an error that says what the path leads to."""
    path.stat()  # raises if there is nothing
    if not any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")):
        kind = "a folder, but not a Zarr array" if path.is_dir() else "no folder"
        raise ValueError(f"{path} is {kind}: name a .npy file or the folder of a Zarr array")
    zarr = import_zarr()
    check_codecs(path)
    with failing_in_zarr(path, "read"):
        node = zarr.open(path, mode="r+" if writable else "r")
        names = sorted(node.array_keys()) if hasattr(node, "array_keys") else None
    if names is not None:
        inside = f" that holds the arrays {', '.join(names[:5])}" + ", ..." * (len(names) > 5)
        example = path / (names[0] if names else "NAME")
        raise ValueError(
            f"{path} is a Zarr group{inside * bool(names)}: name one array, such as {example}"
        )
    return ZarrArray(path, path, node)


def check_codecs(path: Path) -> None:
    """Reject chunks that are pickles, which can run any code when zarr 2 reads them."""
    metadata = path / ".zarray"
    if not metadata.is_file():
        return  # format 3 has no such codec
    with failing_in_zarr(path, "read"):
        found = json.loads(metadata.read_bytes())
        codecs = [found.get("compressor"), *(found.get("filters") or [])]
        names = [codec["id"] for codec in codecs if codec]
    if "pickle" in names:
        raise ValueError(f"{path} has pickles as its chunks, which fastdrop does not read")


def create_zarr(
    path: Path,
    folder: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    like: ZarrArray | None,
) -> ZarrArray:
    """Begin a new Zarr array in `folder`, with everything but the elements as in `like`."""
    zarr = import_zarr()
    with failing_in_zarr(path, "written"):
        if like is None:
            array = zarr.open_array(folder, mode="w-", shape=shape, dtype=dtype)
        else:
            folder.mkdir()
            for name in METADATA:
                if (like.folder / name).exists():
                    shutil.copyfile(like.folder / name, folder / name)
            array = zarr.open_array(folder, mode="r+")
        return ZarrArray(path, folder, array)
