"""What the command fastdrop apply refuses: broken files, and outputs that cannot be written."""

import errno
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from arrays import assert_same_bytes
from commands import apply, at_piece, cut_small, refused, save

import fastdrop
from fastdrop.__main__ import main


def test_apply_refuses_what_it_cannot_do(source, tmp_path, capsys):
    target = tmp_path / "y.npy"
    target.write_bytes(b"what was there")
    message = refused(tmp_path / "absent.npy", target, capsys=capsys)
    assert message == f"{tmp_path / 'absent.npy'}: No such file or directory"
    np.save(tmp_path / "integers.npy", np.arange(5))
    assert "int64" in refused(tmp_path / "integers.npy", target, capsys=capsys)
    header = b"\x93NUMPY\x01\x00\x04\x00{{{{"
    for name, content in (("zip.npy", b"PK\x03\x04 no zip"), ("braces.npy", header)):
        (tmp_path / name).write_bytes(content)
        assert name in refused(tmp_path / name, target, capsys=capsys)


def write_header(path, descr, shape, version=b"\x01\x00"):
    """Write a .npy file that has a header and no data."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    path.write_bytes(b"\x93NUMPY" + version + length + header)


WRITERS = {
    "archive.npz": lambda path: np.savez(path, a=np.ones(3), b=np.ones(4)),
    "large.npz": lambda path: np.savez(path, *np.ones((9, 2))),
    "text.npy": lambda path: path.write_text("no array"),
    "empty.npy": lambda path: path.write_bytes(b""),
    "cut.npy": lambda path: path.write_bytes((path.parent / "x.npy").read_bytes()[:-8]),
    "no_data.npy": lambda path: write_header(path, "<f4", "(2, 500)", b"\x03\x00"),
    "short.npy": lambda path: path.write_bytes((path.parent / "x.npy").read_bytes()[:50]),
    "negative.npy": lambda path: write_header(path, "<f4", "(-1,)"),
    "endless.npy": lambda path: write_header(path, "<f4", f"(0, {2**70})"),
    "overflow.npy": lambda path: write_header(path, "<f4", f"({2**40}, {2**40})"),
    "large.npy": lambda path: write_header(path, "<f8", f"({2**61},)"),
    "future.npy": lambda path: write_header(path, "<f4", "(0,)", b"\x04\x00"),
    "fields.npy": lambda path: np.save(path, np.zeros(3, [("left", "f4"), ("right", "i2")])),
    "bfloat16.npy": lambda path: np.save(path, np.ones(3, "V2")),
    "float8.npy": lambda path: np.save(path, np.ones(3, "V1")),
    "objects.npy": lambda path: np.save(path, np.array([{}]), allow_pickle=True),
    "strings.npy": lambda path: np.save(path, np.array(["a"])),
    "dates.npy": lambda path: np.save(path, np.array(["2020-01-01"], "M8[D]")),
}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("archive.npz", "PATH is a .npz archive that holds the arrays a, b: save one of them with "
         "np.save('a.npy', np.load('PATH')['a'])"),
        ("large.npz", "the arrays arr_0, arr_1, arr_2, arr_3, arr_4, ...: save one of them"),
        ("text.npy", "PATH is not a .npy file: "),
        ("empty.npy", "PATH is empty: "),
        ("cut.npy", "PATH is truncated: float64 (300, 70) takes 168,000 bytes after the header, "
         "but 167,992 are there: copy or save the file again"),
        ("no_data.npy", "float32 (2, 500) takes 4,000 bytes after the header, but 0 are there"),
        ("short.npy", "PATH has a .npy header that is truncated or damaged: save the array again"),
        ("negative.npy", "PATH has a .npy header that is truncated or damaged"),
        ("endless.npy", "PATH has a .npy header that is truncated or damaged"),
        ("overflow.npy", "PATH has a .npy header that is truncated or damaged"),
        ("large.npy", "PATH has a .npy header that is truncated or damaged"),
        ("future.npy", "PATH has a .npy header that is truncated or damaged"),
        ("fields.npy", "PATH holds structured elements with the fields left, right: save a single "
         "field, such as x['left']"),
        ("bfloat16.npy", "PATH holds dtype |V2, as np.save writes bfloat16 and other dtypes that "
         ".npy files lack: save x.view(ml_dtypes.bfloat16).astype(np.float32), if it was a"),
        ("float8.npy", "PATH holds dtype |V1, as np.save writes bfloat16 and other dtypes"),
        ("objects.npy", "PATH holds Python objects, which are never loaded"),
        ("strings.npy", "PATH: cannot drop elements of dtype <U1, which is not numeric"),
        ("dates.npy", "PATH: cannot drop elements of dtype datetime64[D], which is not numeric"),
    ],
)  # fmt: skip
def test_apply_says_what_a_file_is_and_what_to_do(source, tmp_path, capsys, name, message):
    WRITERS[name](tmp_path / name)
    (tmp_path / "y.npy").write_bytes(b"what was there")
    for arguments in ([tmp_path / "y.npy"], ["--inplace"]):
        printed = refused(tmp_path / name, *arguments, capsys=capsys)
        assert message.replace("PATH", str(tmp_path / name)) in printed


def test_a_file_of_python_2_gives_no_warning(tmp_path, capsys):
    write_header(tmp_path / "x.npy", "<f8", "(2L,)")
    with (tmp_path / "x.npy").open("ab") as file:
        file.write(np.ones(2).tobytes())
    apply(tmp_path / "x.npy", tmp_path / "y.npy", "-p", "0")
    assert capsys.readouterr().err == ""
    assert_same_bytes(np.load(tmp_path / "y.npy"), np.ones(2))


def test_np_save_writes_bfloat16_as_bytes(tmp_path, capsys):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    np.save(tmp_path / "x.npy", np.ones(3, ml_dtypes.bfloat16))
    message = refused(tmp_path / "x.npy", tmp_path / "y.npy", capsys=capsys)
    assert "as np.save writes bfloat16" in message


def test_apply_names_the_folder_that_is_missing(source, tmp_path, capsys):
    (tmp_path / "link.npy").symlink_to(tmp_path / "absent" / "y.npy")
    for output, folder in (
        ("absent/y.npy", "absent"),
        ("x.npy/y.npy", "x.npy"),
        ("link.npy", "absent"),
    ):
        assert refused(source, tmp_path / output, capsys=capsys) == (
            f"{tmp_path / output}: there is no folder {tmp_path / folder}: create it first"
        )


def test_apply_leaves_a_link_to_itself(source, tmp_path, capsys):
    (tmp_path / "loop.npy").symlink_to(tmp_path / "loop.npy")
    message = refused(source, tmp_path / "loop.npy", capsys=capsys)
    assert message == f"{tmp_path / 'loop.npy'}: {os.strerror(errno.ELOOP)}"
    assert (tmp_path / "loop.npy").is_symlink()
    message = refused(tmp_path / "loop.npy", tmp_path / "y.npy", capsys=capsys)
    assert message.startswith(f"{tmp_path / 'loop.npy'}: ")


@pytest.mark.parametrize(
    ("function", "number"),
    [("mkdir", errno.EACCES), ("fsync", errno.EIO), ("replace", errno.EPERM)],
)
def test_apply_names_only_the_output_if_it_cannot_write(
    source, monkeypatch, capsys, function, number
):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number), *arguments[:1])

    target = source.with_name("y.npy")
    target.write_bytes(b"what was there")
    monkeypatch.setattr(os, function, fail)
    assert main(["apply", str(source), str(target)]) == 1
    monkeypatch.undo()
    expected = f"fastdrop: {target} cannot be written: {os.strerror(number)}\n"
    assert capsys.readouterr().err == expected
    assert target.read_bytes() == b"what was there"
    assert sorted(p.name for p in source.parent.iterdir()) == ["x.npy", "y.npy"]


def test_a_disk_that_is_too_small_is_known_beforehand(source, monkeypatch, capsys):
    usage = shutil.disk_usage(source.parent)._replace(free=167_999)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    target = source.with_name("y.npy")
    assert refused(source, target, capsys=capsys) == (
        f"{target} takes 168,000 bytes, but its disk has 167,999 left: free some, or drop the "
        "elements in the input itself with --inplace"
    )
    apply(source, "--inplace")


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux's limits")
def test_a_disk_that_becomes_full_leaves_no_file(source, run_python):
    script = """
import resource, sys
from fastdrop.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
sys.exit(main(["apply", *sys.argv[1:]]))"""
    target = source.with_name("y.npy")
    result = run_python(script, source, target, check=False)
    assert result.returncode == 1
    assert result.stderr == f"fastdrop: {target} cannot be written: {os.strerror(errno.EFBIG)}\n"
    assert [p.name for p in source.parent.iterdir()] == ["x.npy"]


def test_a_folder_that_is_read_only(source, tmp_path, capsys):
    (tmp_path / "folder").mkdir(mode=0o500)
    if os.access(tmp_path / "folder", os.W_OK):
        pytest.skip("this user may write it")
    target = tmp_path / "folder" / "y.npy"
    message = refused(source, target, capsys=capsys)
    assert message == f"{target} cannot be written: {os.strerror(errno.EACCES)}"


@pytest.mark.parametrize("piece", [0, 3])
def test_an_input_that_becomes_shorter_while_it_is_read(source, monkeypatch, capsys, piece):
    cut_small(monkeypatch, 2**14)
    at_piece(monkeypatch, piece, lambda: os.truncate(source, 2**14 * (piece + 1) + 200))
    target = source.with_name("y.npy")
    target.write_bytes(b"what was there")
    assert main(["apply", str(source), str(target)]) == 1
    assert capsys.readouterr().err == (
        f"fastdrop: {source} cannot be read: it has become shorter meanwhile\n"
    )
    assert target.read_bytes() == b"what was there"
    assert sorted(p.name for p in source.parent.iterdir()) == ["x.npy", "y.npy"]


def change_element(path):
    """Write into a .npy file, later than it was written before."""
    with path.open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(b"otherone")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def test_an_input_that_changes_while_it_is_read(source, monkeypatch, capsys):
    cut_small(monkeypatch, 2**14)
    at_piece(monkeypatch, 3, lambda: change_element(source))
    assert main(["apply", str(source), str(source.with_name("y.npy"))]) == 1
    message = f"{source} has changed while it was read: run the command again"
    assert capsys.readouterr().err == f"fastdrop: {message}\n"
    assert [p.name for p in source.parent.iterdir()] == ["x.npy"]


def test_an_input_that_is_replaced_while_it_is_read_is_read_to_its_end(source, monkeypatch):
    cut_small(monkeypatch, 2**14)
    x = np.load(source)
    other = save(source.with_name("other.npy"), np.ones(3))
    at_piece(monkeypatch, 3, lambda: os.replace(other, source))
    apply(source, source.with_name("y.npy"), "--seed", "7")
    monkeypatch.undo()
    assert_same_bytes(np.load(source.with_name("y.npy")), fastdrop.dropout(x, rng=7))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_nothing_is_written_if_the_key_cannot_be_printed(source, tmp_path):
    before = source.read_bytes()
    command = [sys.executable, "-m", "fastdrop", "apply", source]
    for output in (["y.npy"], ["--inplace"]):
        with open("/dev/full", "w") as full:
            result = subprocess.run(
                [*command, *output], stdout=full, stderr=-1, text=True, timeout=60, cwd=tmp_path
            )
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("fastdrop: the key cannot be printed, so nothing is written: ")
        assert source.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]


def test_apply_writes_the_longest_name(source):
    target = source.with_name("y" * (os.pathconf(source.parent, "PC_NAME_MAX") - 4) + ".npy")
    assert main(["apply", str(source), str(target), "--seed", "7"]) == 0
    assert_same_bytes(np.load(target), fastdrop.dropout(np.load(source), rng=7))


def test_a_name_that_is_too_long_is_known_before_the_work(source, capsys):
    target = source.with_name("y" * (os.pathconf(source.parent, "PC_NAME_MAX") + 1))
    message = refused(source, target, capsys=capsys)
    assert message == f"{target} cannot be written: {os.strerror(errno.ENAMETOOLONG)}"


def test_a_name_of_several_lines_is_shown_in_one(source, capsys):
    message = refused(source.with_name("x\n\x1b[1my.npy"), source, capsys=capsys)
    absent = source.with_name("x\\n\\x1b[1my.npy")
    assert message == f"{absent}: {os.strerror(errno.ENOENT)}"
    target = source.with_name("y\nz.npy")
    apply(source, target)
    assert capsys.readouterr().out.startswith(f"{source} -> {source.with_name('y')}\\nz.npy: ")
    assert target.exists()


def test_a_folder_that_comes_during_the_work_is_not_replaced(source, capsys, monkeypatch):
    target = source.with_name("y.npy")
    at_piece(monkeypatch, 0, lambda: (target.mkdir(), (target / "kept").touch()))
    assert main(["apply", str(source), str(target)]) == 1
    assert capsys.readouterr().err.startswith(f"fastdrop: {target} cannot be written: ")
    assert (target / "kept").exists()
    assert not list(source.parent.glob(".fastdrop-*"))


def test_a_full_standard_error_changes_no_status(source, monkeypatch, capsys):
    def fail(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys.stderr, "write", fail)
    assert main(["apply", str(source.with_name("absent.npy")), str(source)]) == 1
    at_piece(monkeypatch, 0, lambda: signal.raise_signal(signal.SIGINT))
    assert main(["apply", str(source), str(source.with_name("y.npy"))]) == 130


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux's limits")
def test_a_file_whose_header_cannot_be_written_is_closed(source, capsys):
    resource = pytest.importorskip("resource")
    target, (soft, hard) = source.with_name("y.npy"), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        status = main(["apply", str(source), str(target)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 1
    message = f"{target} cannot be written: {os.strerror(errno.EFBIG)}"
    assert capsys.readouterr().err == f"fastdrop: {message}\n"  # and no ResourceWarning


def test_apply_writes_a_file_of_the_usual_mode(source):
    target, usual = source.with_name("y.npy"), source.with_name("usual")
    before = os.umask(0o027)
    try:
        usual.touch()
        assert main(["apply", str(source), str(target)]) == 0
    finally:
        os.umask(before)
    assert target.stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="of POSIX shells")
def test_what_is_meant_for_a_closed_standard_error_goes_nowhere(source, tmp_path):
    for arguments, status in (("x.npy y.npy", 0), ("absent.npy y.npy", 1)):
        result = subprocess.run(
            ["sh", "-c", f'"$0" -m fastdrop apply {arguments} --seed 7 2>&-', sys.executable],
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert result.returncode == status
        assert result.stdout.startswith("x.npy -> y.npy: ") or not result.stdout
    assert_same_bytes(np.load(tmp_path / "y.npy"), fastdrop.dropout(np.load(source), rng=7))


def test_apply_takes_only_regular_files(source, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for other, kind in (("folder", "a folder"), ("pipe", "no regular file")):
        other = tmp_path / other
        message = f"{other} is {kind}: name a .npy file"
        assert refused(source, other, capsys=capsys) == message
        if kind != "a folder":
            assert refused(other, tmp_path / "y.npy", capsys=capsys) == message
            assert refused(other, "--inplace", capsys=capsys) == message
    assert (tmp_path / "pipe").is_fifo()


def test_apply_follows_a_link_and_keeps_the_mode(source, tmp_path):
    target, link = tmp_path / "y.npy", tmp_path / "link.npy"
    target.write_bytes(b"")
    target.chmod(0o600)
    link.symlink_to(target)
    assert main(["apply", str(source), str(link), "--seed", "7"]) == 0
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert_same_bytes(np.load(target), fastdrop.dropout(np.load(source), rng=7))
