"""Files in memory maps, larger than the memory that the process may use.

A file has 256 MiB, and the process 80 beside what Python takes: 64, and two bits per element, which
Fortran order needs. With FASTDROP_MAPPED=N the file has N GiB, and where control groups can be made
(by root) the process has 256 MiB in all, its share of the page cache included. The files begin as
holes, and dropped elements are filled.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import WORDS

GIB = os.environ.get("FASTDROP_MAPPED")
ROWS, COLUMNS = 2**13 * 4 * int(GIB or 1) // (1 if GIB else 4), 2**13  # of float32
P, FILL = 0.3, 7

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="limits of memory are those of Linux"
)

LIMITED = """
import os, re, resource, sys
from pathlib import Path

folder, what, group, rows, columns, p, fill, *words = sys.argv[1:]
if group:
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
import numpy as np
import fastdrop
from fastdrop.__main__ import main

shape = int(rows), int(columns)
size = shape[0] * shape[1]
options = dict(fill=float(fill), rng=fastdrop.Key.from_words(*map(int, words)))
fastdrop.dropout(np.ones(2**20, np.float32), rng=0)  # what is allocated once
(data,) = re.findall(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())
allowed = 1024 * int(data) + 2**26 + size // 4
assert 4 * size > 3 * (2**26 + size // 4)
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))

path, other = os.path.join(folder, "x.npy"), os.path.join(folder, "y.npy")
new = lambda name, **layout: np.lib.format.open_memmap(
    name, "w+", np.float32, shape, **layout)
x = new(path, fortran_order=what == "in place, in Fortran order")
if what.startswith("in place"):
    fastdrop.dropout(x, float(p), inplace=True, **options)
elif what == "to another map":
    fastdrop.dropout(np.load(path, mmap_mode="r"), float(p), out=new(other), **options)
else:
    del x
    key = "".join(f"{int(word):016x}" for word in words)
    arguments = ["apply", "-p", p, "--fill", fill, "--key", key, path]
    sys.exit(main([*arguments, other if what == "apply" else "--inplace"]))
"""


@contextmanager
def control_group():
    """Give the folder of a new control group with 256 MiB, or "" if none can be made."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    of = {names: path for _, names, path in (line.split(":", 2) for line in lines)}
    version_1 = "memory" in of
    root = Path("/sys/fs/cgroup/memory" if version_1 else "/sys/fs/cgroup")
    here = root / of.get("memory", of.get("", "/")).lstrip("/")
    limit = "memory.limit_in_bytes" if version_1 else "memory.max"
    group = (here if here.exists() else root) / f"fastdrop-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield ""
        return
    try:
        (group / limit).write_text(str(2**28))
        yield str(group)
    finally:
        group.rmdir()


@pytest.mark.parametrize(
    "what",
    ["in place", "in place, in Fortran order", "to another map", "apply", "apply --inplace"],
)
def test_a_file_larger_than_the_memory(what, run_python, tmp_path):
    arguments = [what, "", *map(str, (ROWS, COLUMNS, P, FILL)), *map(str, WORDS)]
    with control_group() if GIB else nullcontext("") as group:
        arguments[1] = group
        run_python(LIMITED, str(tmp_path), *arguments, timeout=600 * int(GIB or 1))
    named = "y.npy" if what in ("to another map", "apply") else "x.npy"
    y = np.load(tmp_path / named, mmap_mode="r")
    rng = np.random.default_rng(3)
    for row in (0, *rng.integers(1, ROWS, 5).tolist(), ROWS - 1):
        kept = reference.keep(row * COLUMNS, COLUMNS, P, WORDS)
        np.testing.assert_array_equal(y[row], np.where(kept, 0, FILL).astype(np.float32))
    for path in tmp_path.glob("*.npy"):  # pytest keeps folders
        path.unlink()
