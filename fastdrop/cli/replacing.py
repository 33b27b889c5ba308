"""A file or folder that is replaced as a whole, by one that is complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def failing_as(path: Path, what: str) -> Iterator[None]:
    """Raise errors of the system as one that names this path, and what cannot be done to it."""
    try:
        yield
    except OSError as error:
        raise OSError(f"{path} cannot be {what}: {error.strerror or error}") from error


def target_of(path: Path) -> Path:
    """Return where a path leads; raise unless it can be a name in a folder that is there."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {target.parent}: create it first")
    with failing_as(path, "written"), suppress(FileNotFoundError):
        target.lstat()  # raises if the name is too long
    return target


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file or folder that takes the place of the one at the path in the end.

    A file is replaced at once. A folder is moved aside first, so for a moment the path leads to
    nothing.
    """
    target = target_of(path)  # a link stays
    with failing_as(path, "written"):
        # In a folder of its own the new file needs no unused name, and the umask gives its mode.
        temporary = tempfile.TemporaryDirectory(prefix=".fastdrop-", dir=target.parent)
    with temporary:
        part = Path(temporary.name, "part")
        yield part
        with failing_as(path, "written"):
            if target.exists():
                shutil.copymode(target, part)
            if part.is_dir() and target.is_dir():  # no file replaces a folder that is there by now
                replace_folder(part, target, Path(temporary.name, "old"))
            else:
                os.replace(part, target)


def replace_folder(part: Path, target: Path, old: Path) -> None:
    """Move the folder at `target` to `old`, and `part` to its place, or leave it where it was."""
    os.replace(target, old)
    try:
        os.replace(part, target)
    except BaseException:
        os.replace(old, target)
        raise
