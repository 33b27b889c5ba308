"""How many threads a call works on."""

from __future__ import annotations

import os

from fastdrop import _machine, forks
from fastdrop._core import MAX_THREADS, as_thread_count

_setting: int | None = None
_openmp_is_told = "OMP_NUM_THREADS" in os.environ


def set_num_threads(n: int) -> None:
    """Set how many threads a call may work on where it is not told by `num_threads`.

    Parameters
    ----------
    n : int
        1 or more. It holds for the whole process, above ``FASTDROP_NUM_THREADS`` and OpenMP's own
        number. More than 256 are never started.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is less than 1.

    Notes
    -----
    The number of threads changes no result, only the time taken.

    Examples
    --------
    >>> import fastdrop
    >>> before = fastdrop.get_num_threads()
    >>> fastdrop.set_num_threads(1)
    >>> fastdrop.get_num_threads()
    1
    >>> fastdrop.set_num_threads(before)
    """
    global _setting
    _setting = as_thread_count(n, "the number of threads")


def get_num_threads() -> int:
    """Return how many threads a call on a large array works on now.

    Returns
    -------
    int
        The first of these that there is: what `set_num_threads` set; the environment variable
        ``FASTDROP_NUM_THREADS``; OpenMP's number, which follows ``OMP_NUM_THREADS`` and
        threadpoolctl, but no more than the processors the calling thread may run on unless
        ``OMP_NUM_THREADS`` asks for more. It is 1 in a build without OpenMP, and in a forked child.

    Notes
    -----
    GNU OpenMP's threads do not survive a fork, and a call that waited for them would hang; so a
    process forked from one that had imported fastdrop works on one thread, with the same results.
    So does, on Linux, one that imports it only after it was forked from a process that had loaded
    GNU OpenMP.

    Examples
    --------
    >>> import fastdrop
    >>> fastdrop.get_num_threads() >= 1
    True
    """
    if is_serial():
        return 1
    if _setting is not None:
        return min(_setting, MAX_THREADS)
    available = _machine.openmp_threads()
    if not _openmp_is_told:
        available = min(available, _machine.processors())
    return min(available, MAX_THREADS)


def team_limit(requested: int | None) -> int:
    """Return the most threads for a call that names a number of them, or None."""
    if requested is None:
        return get_num_threads()
    return 1 if is_serial() else min(requested, MAX_THREADS)


def is_serial() -> bool:
    """Whether this process can start no team."""
    return forks.happened or not _machine.openmp


def _setting_of_environment() -> int | None:
    text = os.environ.get("FASTDROP_NUM_THREADS", "")
    if not text:
        return None
    try:
        return as_thread_count(int(text), "FASTDROP_NUM_THREADS")
    except ValueError:
        raise ImportError(
            f"FASTDROP_NUM_THREADS must be an integer of 1 or more, but is {text!r}"
        ) from None


_setting = _setting_of_environment()
