"""What was built and chosen, for a user's eyes and a bug report."""

from __future__ import annotations

from typing import Any, Literal, overload

import fastdrop
from fastdrop import _machine, cpu, forks, threads

MASK_FORMAT = 1


@overload
def show_config(mode: Literal["stdout"] = ...) -> None: ...


@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show what was built, and what was chosen on this machine.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Print it, or return it.

    Returns
    -------
    dict or None
        With ``mode="dicts"``: ``version``, ``mask_format``, ``cpu_level`` (in use),
        ``cpu_levels`` (those that the build and this CPU have, best first), ``openmp`` (the
        specification's date, or None where the build has no OpenMP), ``threads`` (what
        `get_num_threads` returns), ``forked`` (whether this process is a forked child, and so
        works on one thread) and ``compiler``.

    Raises
    ------
    ValueError
        If `mode` is neither.

    Examples
    --------
    >>> import fastdrop
    >>> fastdrop.show_config("dicts")["mask_format"]
    1
    """
    config = {
        "version": fastdrop.__version__,
        "mask_format": MASK_FORMAT,
        "cpu_level": cpu.level,
        "cpu_levels": cpu.available,
        "openmp": _machine.openmp or None,
        "threads": threads.get_num_threads(),
        "forked": forks.happened,
        "compiler": _machine.compiler,
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f"mode must be 'stdout' or 'dicts', but got {mode!r}")
    config["cpu_levels"] = ", ".join(cpu.available)
    config["openmp"] = _machine.openmp or "none: built without it, so every call is serial"
    config["forked"] = "yes, hence one thread" if forks.happened else "no"
    for name, value in config.items():
        print(f"{name.replace('_', ' ')}: {value}")
    return None
