"""What the command asks of an array in a file or folder, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastdrop.cli.regions import Box

Self = TypeVar("Self", bound="StoredArray")


class StoredArray(ABC):
    """An array in a file or folder, read and written in boxes.

    Messages name it by `path`, also while a new one has a temporary name. `fortran` says whether
    the elements along the first axis, not the last, lie side by side.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool = False
    ) -> None:
        self.path, self.shape, self.dtype, self.fortran = path, shape, dtype, fortran

    @abstractmethod
    def piece_lengths(self) -> tuple[int, ...]:
        """Return the lengths of the boxes that are read or written fastest."""

    @abstractmethod
    def read(self, box: Box) -> NDArray[Any]:
        """Read a box into a new array."""

    @abstractmethod
    def write(self, box: Box, block: NDArray[Any]) -> None:
        """Write the elements of a box."""

    def finish(self) -> None:
        """Check what was read, or complete what was written."""
        return

    def close(self) -> None:
        """Close what is open; a second call does nothing."""
        return

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
