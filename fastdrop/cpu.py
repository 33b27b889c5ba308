"""Choose the CPU level, once, at import."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

# First, because it checks whether OpenMP was loaded before fastdrop loads it.
from fastdrop import forks as forks

WAITS = {"GOMP_SPINCOUNT": "40000", "KMP_BLOCKTIME": "1"}
"""How long idle threads spin: iterations of a loop in GNU OpenMP (measured: half a millisecond),
milliseconds in LLVM's.

By default both spin for many milliseconds. Meanwhile they occupy the cores that another OpenMP
library in the process needs, such as that of PyTorch's wheel, and its threads occupy ours. Shorter
times gain little beside PyTorch and cost more between calls, because a core takes 0.1 ms to wake
(docs/performance.md)."""


@contextmanager
def _brief_waits() -> Iterator[None]:
    """Set WAITS, which OpenMP reads when it is loaded, unless the user has set them."""
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
        import fastdrop._core as _core  # in this form an error names the missing module
        import fastdrop._machine as _machine

        _machine.openmp_threads()  # LLVM's OpenMP reads its settings in the first call
except ModuleNotFoundError as error:
    if error.name not in ("fastdrop._core", "fastdrop._keys", "fastdrop._machine"):
        raise
    raise ImportError(
        f"the fastdrop in {os.path.dirname(__file__)} is source without its compiled part: run "
        "`python -m pip install .` beside its setup.py and start Python in another folder, or "
        "run `python -m pip install -e .` to use it in place"
    ) from None

from fastdrop import threads  # noqa: E402  # it imports the compiled modules

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

# The other levels are not imported: a module may use the instructions of its level at import.
_core.use(importlib.import_module(f"fastdrop._{level}").kernel, threads.team_limit)
if threads.is_serial():
    _core.stay_serial()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_core.stay_serial)
