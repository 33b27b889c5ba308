"""Signals that ask the command to stop. They are answered between two pieces."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

NAMES = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}


class StoppedError(Exception):
    """The user or the system has asked the command to stop, by the signal `number`."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


@contextmanager
def stopping_between() -> Iterator[Callable[[], None]]:
    """Give a function that raises `StoppedError` if a signal has come; signals do nothing else.

    Only the first is held back. A second one acts as it always does, in case a disk hangs.
    """
    caught: list[int] = []
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        restore()

    def check() -> None:
        if caught:
            number = caught[0]
            raise StoppedError(number, NAMES[signal.Signals(number).name])

    for name in NAMES:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is None or signal.getsignal(number) in (signal.SIG_IGN, None):
            continue  # nohup and shells have signals ignored on purpose
        before[number] = signal.signal(number, catch)
    try:
        yield check
    finally:
        restore()
