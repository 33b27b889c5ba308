"""One run's options: checked before anything is written, and told so that it can be repeated."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastdrop
from fastdrop.cli.printing import one_line
from fastdrop.cli.stored import StoredArray

# What the options are called in the messages of `fastdrop.dropout`.
OPTIONS = {"scale=False": "--no-scale", "noise_shape": "--noise-shape"}


class Call:
    """What is asked of `fastdrop.dropout` for the array `source`, with its key.

    `key` is None if nothing is drawn.
    """

    def __init__(self, source: StoredArray, options: argparse.Namespace) -> None:
        self._source, self._options = source, options
        key = options.rng if isinstance(options.rng, fastdrop.Key) else fastdrop.Key(options.rng)
        self._arguments: dict[str, Any] = {
            "p": options.p,
            "rng": key,
            "fill": options.fill,
            "offset": options.offset,
            "scale": not options.no_scale,
            "num_threads": options.threads,
        }
        noise, shape = options.noise_shape, source.shape
        try:
            # In evaluation all but the dtype is checked, here of a view that takes no memory.
            whole = np.broadcast_to(np.empty((), source.dtype), shape)
            fastdrop.dropout(whole, training=False, noise_shape=noise, **self._arguments)
            # What is not shared has the length of the block, which may be 1, and so is None.
            self._arguments["noise_shape"] = noise and [1 if n == 1 else None for n in noise]
            first = np.zeros([min(n, 1) for n in shape], source.dtype)
            self._arguments["full_shape"] = shape
            _, self.key = fastdrop.dropout(
                first, origin=[0] * len(shape), return_key=True, **self._arguments
            )
        except (TypeError, ValueError) as error:
            message = str(error)
            for name, option in OPTIONS.items():
                message = message.replace(name, option)
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{source.path}: {message}") from error
        if options.resume and self.key is not None and not isinstance(options.rng, fastdrop.Key):
            raise ValueError("--resume needs the --key that the stopped run has printed")

    def drop(self, block: NDArray[Any], origin: Sequence[int]) -> None:
        """Drop the elements of the block that begins at `origin`, in place."""
        fastdrop.dropout(block, inplace=True, origin=origin, **self._arguments)

    def announce(self, what: str) -> None:
        """Print what is done, and the key. What cannot be told must not be done."""
        array = f"{self._source.dtype} {self._source.shape}"
        lines = [f"{one_line(what)}: {array}, p = {self._options.p}"]
        if self.key is None:
            lines.append("no key: nothing is drawn, so every run gives the same result")
        else:
            lines.append(f"key: {key_text(self.key)}")
            lines.append(f"in Python: rng=fastdrop.{self.key}")
            lines.append(f"to drop the same elements again: {self.repetition()}")
        try:
            print("\n".join(lines), flush=True)
        except OSError as error:
            raise OSError(f"the key cannot be printed, so nothing is written: {error}") from error

    def repetition(self) -> str:
        """Return the options that give the same result again."""
        options, parts = self._options, ["-p", str(self._options.p)]
        if self.key is not None:
            parts += ["--key", key_text(self.key)]
        if options.noise_shape is not None:
            parts += ["--noise-shape", ",".join(map(str, options.noise_shape))]
        if str(options.fill) != "0":  # -0.0 is another fill
            parts += [f"--fill={options.fill}"]
        if options.offset:
            parts += ["--offset", str(options.offset)]
        if options.no_scale:
            parts += ["--no-scale"]
        return shlex.join(parts)

    @property
    def can_be_repeated(self) -> bool:
        """Whether elements that are dropped already may be dropped again, with the same result."""
        return bool(self._options.no_scale) or self._options.p in (0, 1)

    def continuation(self, done: int) -> str:
        """Return the command that goes on in place after `done` elements."""
        name = shlex.quote(str(self._source.path))
        return f"fastdrop apply {name} --inplace {self.repetition()} --resume {done}"


def key_text(key: fastdrop.Key) -> str:
    """Write a key as --key reads it."""
    return "{:016x}{:016x}".format(*key.words)
