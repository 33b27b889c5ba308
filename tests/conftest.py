"""Fixtures that several test files share: keys, dtypes, Python in a new process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import reference
from arrays import awkward_numbers

import fastdrop

WORDS = (0x0123456789ABCDEF, 0xFEDCBA9876543210)


@pytest.fixture(autouse=True, scope="session")
def _signals_of_a_terminal():
    """Answer signals as a program does that is not started in the background of a script."""
    defaults = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL}
    for name, default in (defaults | {"SIGHUP": signal.SIG_DFL}).items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


stderr = 2  # standard error, which pytest captures while it imports and runs tests


def pytest_configure(config):
    """Keep standard error as it is, to say where a case of the fuzz hangs."""
    global stderr
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        stderr = os.dup(2)


def pytest_unconfigure():
    """Close it."""
    os.close(stderr)


def pytest_terminal_summary(terminalreporter):
    """Say what came of the cases of the fuzz, where many were asked for."""
    fuzz = sys.modules.get("fuzz")
    if fuzz and fuzz.CASES and fuzz.tally:
        for line in fuzz.report():
            terminalreporter.write_line(line)


@pytest.fixture
def words():
    """Give the words of the key that most tests use."""
    return WORDS


@pytest.fixture
def key():
    """Give the key that most tests use."""
    return fastdrop.Key.from_words(*WORDS)


@pytest.fixture(params=reference.SCALED)
def dtype(request):
    """Give each dtype whose elements can be scaled."""
    return reference.dtype_of(request.param)


@pytest.fixture(params=reference.SCALED[:4])
def real_dtype(request):
    """Give each real dtype whose elements can be scaled."""
    return reference.dtype_of(request.param)


@pytest.fixture
def source(tmp_path):
    """Give a .npy file to drop."""
    np.save(tmp_path / "x.npy", awkward_numbers((300, 70)))
    return tmp_path / "x.npy"


@pytest.fixture
def folders(tmp_path):
    """Give a function that makes an empty folder for a case, and removes the one before."""
    last: list[Path] = []

    def make():
        while last:
            shutil.rmtree(last.pop())
        last.append(Path(tempfile.mkdtemp(dir=tmp_path)))
        return last[0]

    return make


@pytest.fixture(scope="session")
def run_python(tmp_path_factory):
    """Run a script in a new process, which must succeed within a minute; return what it printed."""
    # Not in the source folder, which -c would put first on the path.
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(script, *arguments, check=True, flags=(), **options):
        options = {"cwd": elsewhere, "text": True} | options
        timeout = options.pop("timeout", 60)
        command = [sys.executable, *flags, "-c", script, *arguments]
        options |= dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, start_new_session=True, **options) as process:
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # the processes that it has started, too
                raise
        if check:
            assert process.returncode == 0, stderr
            return stdout
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    return run
