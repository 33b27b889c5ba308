"""Elements read, dropped and written box by box, with a progress bar."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fastdrop.cli.call import Call
from fastdrop.cli.regions import box_shape, boxes
from fastdrop.cli.stored import StoredArray
from fastdrop.cli.zarr_array import ZarrArray


class Work:
    """The way of all boxes from `source` to `target`, which may be the same."""

    def __init__(self, source: StoredArray, target: StoredArray, call: Call) -> None:
        self._source, self._target, self._call = source, target, call
        cut = target if isinstance(target, ZarrArray) else source
        self._boxes = boxes(cut.shape, cut.piece_lengths(), cut.fortran)
        self._total = math.prod(source.shape)
        self._done = 0  # elements
        self._writing = 0  # elements that are being written

    def skip(self, count: int) -> None:
        """Begin after so many elements, which an earlier run has done."""
        while self._done < count and (box := next(self._boxes, None)) is not None:
            self._done += math.prod(box_shape(box))
        if self._done != count:
            raise ValueError(
                f"--resume must be the number that the interrupted run has printed, but got {count}"
            )

    def run(self, check: Callable[[], None]) -> None:
        """Do the work; `check` is called between two boxes, and raises to end it."""
        itemsize = self._source.dtype.itemsize
        with progress_bar(self._total * itemsize, self._done * itemsize) as advance:
            for box in self._boxes:
                check()
                block = self._source.read(box)
                self._call.drop(block, [cut.start for cut in box])
                self._writing = block.size
                self._target.write(box, block)
                self._writing = 0
                self._done += block.size
                advance(block.nbytes)
                del block  # before the next one takes as much memory

    def how_to_go_on(self) -> str:
        """Say what has become of an array whose elements are dropped in place, and what to do."""
        path, done = self._source.path, f"{self._done:,} of {self._total:,} elements are done"
        if self._writing and not self._call.can_be_repeated:
            return (
                f"{done}, and the next {self._writing:,} may be in part: restore {path} from a copy"
            )
        if not self._done and not self._writing:
            return f"{path} is as it was"
        return f"{done}; to do the others: {self._call.continuation(self._done)}"


@contextmanager
def progress_bar(total: int, done: int) -> Iterator[Callable[[int], object]]:
    """Give the function that moves a bar on by so many bytes; there is a bar in a terminal only."""
    bar_of = None
    if sys.stderr is not None and sys.stderr.isatty():
        with suppress(ImportError):  # of an extra
            bar_of = importlib.import_module("tqdm").tqdm
    if bar_of is None:
        yield lambda nbytes: None
        return
    bytewise = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
    with bar_of(total=total, initial=done, leave=False, delay=0.3, **bytewise) as bar:
        yield bar.update
