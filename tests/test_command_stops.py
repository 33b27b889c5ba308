"""The command fastdrop apply when it is stopped in the middle, and how it goes on in place."""

import errno
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
from arrays import assert_same_bytes, awkward_numbers
from commands import apply, at_piece, cut_small, refused, save, snapshot

import fastdrop
from fastdrop.__main__ import main
from fastdrop.cli.npy import NpyArray

WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
SAID = {getattr(signal, name): word for name, word in WORDS.items() if hasattr(signal, name)}
SIGNALS = list(SAID)


@pytest.fixture(autouse=True)
def handlers():
    """Check that the handlers of the signals are those of before."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_work_and_leaves_nothing(source, monkeypatch, capsys, number):
    cut_small(monkeypatch, 2**14)
    target = source.with_name("y.npy")
    target.write_bytes(b"what was there")
    before = snapshot(source.parent)
    at_piece(monkeypatch, 2, lambda: signal.raise_signal(number))
    at_piece(monkeypatch, 3, lambda: pytest.fail("the work went on"))
    assert main(["apply", str(source), str(target)]) == 128 + number
    assert capsys.readouterr().err == f"fastdrop: {SAID[number]}\n"
    assert snapshot(source.parent) == before
    assert not list(source.parent.glob(".fastdrop-*"))


def test_a_signal_after_the_last_piece_leaves_nothing_either(source, monkeypatch, capsys):
    at_piece(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGINT))
    assert main(["apply", str(source), str(source.with_name("y.npy"))]) == 130
    assert [p.name for p in source.parent.iterdir()] == ["x.npy"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="of POSIX systems")
def test_a_signal_that_is_ignored_stays_so(source, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        at_piece(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGHUP))
        apply(source, source.with_name("y.npy"), "--seed", "7")
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert_same_bytes(np.load(source.with_name("y.npy")), fastdrop.dropout(np.load(source), rng=7))


def twice():
    """Interrupt, and interrupt again."""
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


def test_a_second_interrupt_does_not_wait_for_the_piece(source, monkeypatch, capsys):
    at_piece(monkeypatch, 0, twice)
    assert main(["apply", str(source), str(source.with_name("y.npy"))]) == 130
    assert capsys.readouterr().err == "fastdrop: interrupted\n"
    assert [p.name for p in source.parent.iterdir()] == ["x.npy"]


SLOW = """
import sys, time
import fastdrop
from fastdrop.__main__ import main
from fastdrop.cli.npy import NpyArray
from fastdrop.cli import npy

dropout, npy.PIECE_BYTES = fastdrop.dropout, 2**12

def slow(x, *arguments, **options):
    if options.get("inplace"):
        print("piece", flush=True)
        time.sleep(0.05)
    return dropout(x, *arguments, **options)

fastdrop.dropout = slow
sys.exit(main(["apply", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("arguments", [["y.npy"], ["--inplace"]], ids=["output", "inplace"])
def test_a_process_that_is_sent_a_signal(source, number, arguments):
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, "x.npy", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=source.parent,
    ) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            if line == "piece\n":
                break
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        (message,) = process.stderr.read().splitlines()
    assert message.startswith(f"fastdrop: {SAID[number]}")
    assert [p.name for p in source.parent.iterdir()] == ["x.npy"]


def going_on(message):
    """Return how many elements are done, and the command that goes on, as a message says."""
    command = shlex.split(message.partition("to do the others: ")[2])
    return int(command[command.index("--resume") + 1]), command


def key_of(command):
    """Return the key that a command is given."""
    digits = command[command.index("--key") + 1]
    return fastdrop.Key.from_words(int(digits[:16], 16), int(digits[16:], 16))


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("piece", [0, 1, 4])
def test_in_place_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys, order, piece):
    x = np.asarray(awkward_numbers((40, 30)), order=order)
    source = save(tmp_path / "a file's x.npy", x)
    cut_small(monkeypatch, 1024, 64)
    with monkeypatch.context() as patch:
        at_piece(patch, piece, lambda: signal.raise_signal(signal.SIGTERM))
        assert main(["apply", str(source), "--inplace", "-p", "0.3", "--fill", "nan"]) == 143
    message = capsys.readouterr().err
    done, command = going_on(message)
    assert done > 0
    assert message.startswith(f"fastdrop: terminated: {done:,} of 1,200 elements are done; ")
    assert command[:3] == ["fastdrop", "apply", str(source)]
    assert main(command[1:]) == 0
    assert_same_bytes(np.load(source), fastdrop.dropout(x, 0.3, rng=key_of(command), fill=np.nan))


def test_in_place_changes_nothing_if_it_is_stopped_at_once(source, monkeypatch, capsys):
    before = source.read_bytes()
    at_piece(monkeypatch, 0, twice)
    assert main(["apply", str(source), "--inplace"]) == 130
    assert capsys.readouterr().err == f"fastdrop: interrupted: {source} is as it was\n"
    assert source.read_bytes() == before


def break_writing(monkeypatch, number):
    """Have the disk fail in the middle of the piece of this number, from 0."""
    write, count = NpyArray.write, [0]

    def failing(self, box, block):
        count[0] += 1
        if count[0] == number + 1:
            half = len(block) // 2
            first = box[0].start
            write(self, (slice(first, first + half), *box[1:]), block[:half])
            raise OSError(f"{self.path} cannot be written: {os.strerror(errno.EIO)}")
        write(self, box, block)

    monkeypatch.setattr(NpyArray, "write", failing)


@pytest.mark.parametrize("piece", [0, 2])
def test_in_place_says_that_it_cannot_go_on(source, monkeypatch, capsys, piece):
    cut_small(monkeypatch, 70 * 8 * 10)
    break_writing(monkeypatch, piece)
    assert main(["apply", str(source), "--inplace"]) == 1
    assert capsys.readouterr().err == (
        f"fastdrop: {source} cannot be written: {os.strerror(errno.EIO)}: {700 * piece:,} of "
        f"21,000 elements are done, and the next 700 may be in part: restore {source} from a copy\n"
    )


@pytest.mark.parametrize("piece", [0, 2])
def test_in_place_without_scaling_can_always_go_on(source, monkeypatch, capsys, piece):
    x = np.load(source)
    cut_small(monkeypatch, 70 * 8 * 10)
    with monkeypatch.context() as patch:
        break_writing(patch, piece)
        assert main(["apply", str(source), "--inplace", "--no-scale"]) == 1
    done, command = going_on(capsys.readouterr().err)
    assert done == 700 * piece
    assert main(command[1:]) == 0
    expected = fastdrop.dropout(x, rng=key_of(command), scale=False)
    assert_same_bytes(np.load(source), expected)


def test_resume_takes_only_what_was_printed(source, capsys, monkeypatch):
    cut_small(monkeypatch, 70 * 8 * 10)
    for count in (-1, 1, 699, 701, 21_001, 2**70):
        message = refused(
            source, "--inplace", f"--resume={count}", "--key", "9" * 32, capsys=capsys
        )
        assert message == (
            f"--resume must be the number that the interrupted run has printed, but got {count}"
        )
    for options in ([], ["--seed", "7"]):
        message = refused(source, "--inplace", "--resume", "700", *options, capsys=capsys)
        assert message == "--resume needs the --key that the stopped run has printed"


def test_a_file_that_is_read_only_cannot_be_dropped_in_place(source, capsys):
    source.chmod(0o400)
    try:
        source.open("r+b").close()
    except PermissionError:
        message = refused(source, "--inplace", capsys=capsys)
        assert message == f"{source}: {os.strerror(errno.EACCES)}"
    else:
        pytest.skip("this user may write it")
