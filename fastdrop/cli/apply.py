"""The command `fastdrop apply`: dropout of a user's own file, piece by piece."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
from pathlib import Path

from fastdrop.cli.call import Call
from fastdrop.cli.npy import check_regular, create_npy, open_npy
from fastdrop.cli.replacing import replacing, target_of
from fastdrop.cli.stopping import StoppedError, stopping_between
from fastdrop.cli.stored import StoredArray
from fastdrop.cli.work import Work
from fastdrop.cli.zarr_array import ZarrArray, create_zarr, import_zarr, open_zarr


def apply(options: argparse.Namespace) -> None:
    """Print the key, and drop the elements of one file into another or in the file itself."""
    if options.inplace and options.output:
        options.usage_error("argument --inplace: takes no OUTPUT, it writes into INPUT")
    if not options.inplace and not options.output:
        options.usage_error("OUTPUT is missing: name it, or pass --inplace to write into INPUT")
    if options.resume and not options.inplace:
        options.usage_error("argument --resume: goes with --inplace only")
    with open_stored(options.input, options.inplace) as source:
        call = Call(source, options)
        if options.inplace:
            apply_in_place(source, call, options.resume)
        else:
            apply_to(options.output, source, call)


def apply_to(output: Path, source: StoredArray, call: Call) -> None:
    """Write the result beside the output, and put it in its place when it is complete."""
    as_zarr = is_to_be_zarr(output, source)
    check_output(output, source, as_zarr)
    with stopping_between() as check, replacing(output) as part:
        with create_stored(output, part, source, as_zarr) as target:
            call.announce(f"{source.path} -> {output}")
            Work(source, target, call).run(check)
            source.finish()
            target.finish()
            check()
        source.close()  # Windows replaces no file that is open, and it may be this one


def apply_in_place(source: StoredArray, call: Call, resume: int) -> None:
    """Drop the elements in the file itself; if the work stops in the middle, say how to go on."""
    work = Work(source, source, call)
    work.skip(resume)
    call.announce(f"{source.path}, in place")
    with stopping_between() as check:
        try:
            work.run(check)
            source.finish()
        except StoppedError as stop:
            raise StoppedError(stop.number, f"{stop}: {work.how_to_go_on()}") from None
        except KeyboardInterrupt:
            raise StoppedError(signal.SIGINT, f"interrupted: {work.how_to_go_on()}") from None
        except Exception as error:
            raise OSError(f"{error}: {work.how_to_go_on()}") from error


def open_stored(path: Path, writable: bool) -> StoredArray:
    """Open a .npy file or the folder of a Zarr array."""
    return open_zarr(path, writable) if path.is_dir() else open_npy(path, writable)


def create_stored(path: Path, name: Path, source: StoredArray, as_zarr: bool) -> StoredArray:
    """Begin a new file or folder at `name`, which messages call `path`, for an array like it."""
    if as_zarr:
        like = source if isinstance(source, ZarrArray) else None
        return create_zarr(path, name, source.shape, source.dtype, like)
    return create_npy(path, name, source.shape, source.dtype, source.fortran)


def is_to_be_zarr(output: Path, source: StoredArray) -> bool:
    """Whether the output is a Zarr array: by its name, or else as the input is."""
    if output.suffix in (".npy", ".zarr"):
        return output.suffix == ".zarr"
    return isinstance(source, ZarrArray)


def check_output(output: Path, source: StoredArray, as_zarr: bool) -> None:
    """Raise if the output cannot be written, as far as that can be known beforehand."""
    target = target_of(output)
    if as_zarr:
        import_zarr()
        if os.path.lexists(target):
            open_zarr(output)
        return
    if os.path.lexists(target):
        check_regular(output)
    needed = math.prod(source.shape) * source.dtype.itemsize
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise OSError(
            f"{output} takes {needed:,} bytes, but its disk has {free:,} left: free some, or drop "
            "the elements in the input itself with --inplace"
        )
