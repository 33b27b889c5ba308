"""The CPU level: chosen once, at import, by asking the CPU."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

# Before OpenMP is loaded here: it looks whether that was there already.
from fastdrop import forks as forks

WAITS = {"GOMP_SPINCOUNT": "40000", "KMP_BLOCKTIME": "1"}
"""How long idle threads spin: turns of a loop in GNU OpenMP (half a millisecond where it was
measured), milliseconds in LLVM's.

By default both spin for many milliseconds. As long as they do, the threads of another OpenMP in the
process, such as that of PyTorch's wheel, find their cores taken, and ours find theirs. Threads that
sleep sooner are no gain beside PyTorch that outweighs what they cost between calls: a core takes
0.1 ms to wake (docs/performance.md)."""


@contextmanager
def _brief_waits() -> Iterator[None]:
    """Set WAITS, which OpenMP reads when it is loaded, unless the user has chosen."""
    if any(name in os.environ for name in ("OMP_WAIT_POLICY", *WAITS)):
        yield
        return
    os.environ.update(WAITS)
    try:
        yield
    finally:
        for name in WAITS:
            del os.environ[name]


try:
    with _brief_waits():
        import fastdrop._core as _core  # this form tells which module is missing
        import fastdrop._machine as _machine

        _machine.openmp_threads()  # LLVM's reads its settings in the first call
except ModuleNotFoundError as error:
    if error.name not in ("fastdrop._core", "fastdrop._machine"):
        raise
    raise ImportError(
        f"the fastdrop in {os.path.dirname(__file__)} is source without its compiled part: run "
        "`python -m pip install .` beside its setup.py and start Python in another folder, or "
        "run `python -m pip install -e .` to use it in place"
    ) from None

from fastdrop import threads  # noqa: E402  # it takes its checks from what is compiled

available = tuple(
    level for level in _machine.cpu_levels() if importlib.util.find_spec(f"fastdrop._{level}")
)
"""The levels that were built and that this CPU can run, best first."""


def _chosen() -> str:
    level = os.environ.get("FASTDROP_SIMD") or available[0]
    if level not in available:
        raise ImportError(
            f"FASTDROP_SIMD is {level!r}, but this build on this machine has "
            f"{', '.join(available)}: set it to one of them, or unset it"
        )
    return level


level = _chosen()
"""The level in use."""

# Only this one is imported: a level's module may use its instructions anywhere, at import too.
_core.use(importlib.import_module(f"fastdrop._{level}").kernel, threads.team_limit)
