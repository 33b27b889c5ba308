"""Whether a fork has cost this process its OpenMP threads.

GNU OpenMP's threads do not survive a fork, and a call that waited for them would never return.
"""

from __future__ import annotations

import os
import re
import sys

# GNU OpenMP in /proc/self/maps; a repaired wheel calls it such as libgomp-e985bcbb.so.1.0.0.
# LLVM's libomp and Intel's libiomp5 start anew in a forked child (tried with libomp 14 under
# clang and libiomp5 of intel-openmp 2026.2 under gcc), and are not looked for.
_GNU_OPENMP = re.compile(r"/libgomp(?:-[^/\n]*)?\.so[^/\n]*$", re.MULTILINE)


def _openmp_came_by_fork() -> bool:
    """Whether this process was forked, and not replaced, from one that had GNU OpenMP loaded.

    Such a parent may have had a team, of whatever library. Linux marks such a process in its flags
    (PF_FORKNOEXEC in include/linux/sched.h; the flags are the ninth field of /proc/self/stat).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        with open("/proc/self/stat", errors="replace") as file:
            flags = int(file.read().rpartition(")")[2].split()[6])
        with open("/proc/self/maps", errors="replace") as file:
            return bool(flags & 0x40 and _GNU_OPENMP.search(file.read()))
    except OSError:
        return False


def _in_child() -> None:
    global happened
    happened = True


happened = _openmp_came_by_fork()
"""Whether this process can start no team, because it was forked from one that may have had one."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
