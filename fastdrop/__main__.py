"""The command fastdrop, and what becomes of errors and interrupts."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from fastdrop.cli.parser import make_parser
from fastdrop.cli.printing import one_line
from fastdrop.cli.stopping import StoppedError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    status = answer(arguments)
    if arguments is None:  # the process ends: an interrupt would change the status and nothing else
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


def answer(arguments: list[str] | None) -> int:
    """Run the command with these arguments, and say what ended it."""
    if sys.stderr is None:  # else the first file that is opened would get what is meant for it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    options = make_parser().parse_args(arguments)
    if sys.stdout is None:
        return fail("standard output is closed: redirect it, for example to /dev/null")
    if hasattr(sys.stdout, "reconfigure"):  # a name that cannot be shown is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as head has seen enough
        return discard_output()
    except StoppedError as error:
        return fail(str(error), 128 + error.number)
    except KeyboardInterrupt:
        return fail("interrupted", 128 + signal.SIGINT)
    except (ImportError, MemoryError, OSError, TypeError, ValueError) as error:
        message = str(error) or "not enough memory"
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: {error.strerror}"
        return fail(message)
    return 0


def fail(message: str, status: int = 1) -> int:
    """Print one line, and return the exit status."""
    with suppress(OSError):  # the status tells it where standard error is full
        print(f"fastdrop: {one_line(message)}", file=sys.stderr)
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        discard_output()
    return status


def discard_output() -> int:
    """Let what is still to be printed vanish, which Python tries to print at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())
