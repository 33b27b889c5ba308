"""The command fastdrop."""

import errno
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from arrays import assert_same_bytes, awkward_numbers

import fastdrop.__main__
from fastdrop.__main__ import main


@pytest.fixture
def source(tmp_path):
    """A file to drop."""
    np.save(tmp_path / "x.npy", awkward_numbers((300, 70)))
    return tmp_path / "x.npy"


def test_demo_shows_build_example_and_times(capsys):
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert f"cpu level: {fastdrop.show_config('dicts')['cpu_level']}" in printed
    assert "Dropout(p=0.5, inplace=True)" in printed
    assert "(the result is x: True)" in printed
    rows = re.findall(r"^ +([\d,]+) +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$", printed, re.MULTILINE)
    assert rows == ["1,024", "65,536", "1,048,576", "16,777,216"]


@pytest.mark.parametrize(
    ("times", "ratios"),
    [([3.0, 2.0, 1.0, 25.0], ("12.5", "1.5")), ([1.0, 4.0, 3.0, 2.0], ("0.5", "0.25"))],
    ids=["faster", "slower"],
)
def test_demo_says_what_is_seen_and_ends_with_the_measured_ratios(
    monkeypatch, capsys, times, ratios
):
    other = [7.0, 5.0, 11.0, 13.0]
    monkeypatch.setattr(
        fastdrop.__main__, "time_per_element", lambda size, p: times if size == 2**20 else other
    )
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("You will see ")
    numpy, multiply = ratios
    ratio, following = printed.split("\n\n")[-2:]
    assert ratio == (
        f"With 1,048,576 elements NumPy dropout took {numpy} times as long as fastdrop,\n"
        f"and np.multiply {multiply} times as long."
    )
    assert following.startswith("To try next:\n")
    assert "fastdrop apply x.npy y.npy" in following
    assert "help(fastdrop.dropout)" in following


def test_apply_drops_a_file(source, capsys):
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "-p", "0.1", "--seed", "7"]) == 0
    x = np.load(source)
    assert_same_bytes(np.load(target), fastdrop.dropout(x, 0.1, rng=7))
    assert str(target) in capsys.readouterr().out
    assert sorted(p.name for p in source.parent.iterdir()) == ["x.npy", "y.npy"]


@pytest.mark.parametrize("options", [[], ["--seed", "42"]])
def test_apply_prints_the_key_that_repeats_the_run(source, capsys, options):
    first, second = source.with_name("y.npy"), source.with_name("z.npy")
    assert main(["apply", str(source), str(first), "-p", "0.1", *options]) == 0
    printed = capsys.readouterr().out
    (digits,) = re.findall(r"^key: ([0-9a-f]{32})$", printed, re.MULTILINE)
    assert not options or digits == "9f1e2e6dcd540ab7d57873dc79fb94b6"
    key = fastdrop.Key.from_words(int(digits[:16], 16), int(digits[16:], 16))
    assert_same_bytes(np.load(first), fastdrop.dropout(np.load(source), 0.1, rng=key))

    repeat = printed.splitlines()[-1].partition("to drop the same elements again: ")[2].split()
    assert main(["apply", str(source), str(second), *repeat]) == 0
    assert second.read_bytes() == first.read_bytes()
    assert capsys.readouterr().out == printed.replace("y.npy", "z.npy")


def test_apply_prints_leading_zeros_of_a_key(source, capsys):
    digits = f"{1:016x}{2:016x}"
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "--key", digits.upper()]) == 0
    assert f"\nkey: {digits}\n" in capsys.readouterr().out
    expected = fastdrop.dropout(np.load(source), rng=fastdrop.Key.from_words(1, 2))
    assert_same_bytes(np.load(target), expected)


@pytest.mark.parametrize(("shape", "p"), [((3,), "0"), ((3,), "1"), ((0, 3), "0.5")])
def test_apply_prints_no_key_where_nothing_is_drawn(source, capsys, shape, p):
    np.save(source, np.ones(shape))
    assert main(["apply", str(source), str(source.with_name("y.npy")), "-p", p]) == 0
    printed = capsys.readouterr().out
    assert "no key: nothing was drawn" in printed
    assert not re.search("[0-9a-f]{32}", printed)


def misused(capsys, *arguments):
    """Return the message that rejects the arguments of the command line."""
    with pytest.raises(SystemExit) as error:
        main(["apply", *arguments])
    assert error.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "key", ["", "9f1e", "9" * 31, "9" * 33, "g" * 32, "0x" + "9" * 32, "-" + "9" * 31, "٣" * 32]
)
def test_apply_says_what_a_key_looks_like(capsys, key):
    message = misused(capsys, "x.npy", "y.npy", f"--key={key}")
    assert "argument --key: expected the 32 hexadecimal digits that apply prints" in message
    assert message.endswith(f"but got {key!r}\n")


def test_apply_takes_a_seed_or_a_key(capsys):
    message = misused(capsys, "x.npy", "y.npy", "--seed", "7", "--key", "9" * 32)
    assert "argument --key: not allowed with argument --seed" in message


def test_apply_takes_a_dash_for_no_stream(source, monkeypatch, capsys):
    monkeypatch.chdir(source.parent)
    for arguments in (["-", "y.npy"], ["x.npy", "-"]):
        message = misused(capsys, *arguments)
        assert "- is not standard input or output here: name a .npy file (./- for" in message
    assert main(["apply", "x.npy", "./-"]) == 0
    assert main(["apply", "./-", "y.npy"]) == 0
    assert sorted(p.name for p in source.parent.iterdir()) == ["-", "x.npy", "y.npy"]


def commands_in(help_text):
    """Return the commands after the word example."""
    return help_text.rpartition("example")[2].partition(":")[2].strip().splitlines()


def test_the_examples_of_the_help_work(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert fastdrop.__doc__ in printed
    assert commands_in(printed) == ["fastdrop demo"]

    with pytest.raises(SystemExit):
        main(["apply", "--help"])
    printed = " ".join((text := capsys.readouterr().out).split())
    assert "Set each element of the array in a .npy file to zero with probability p" in printed
    assert "A file that has the output's name is replaced" in printed
    assert "an error leaves it as it was" in printed
    examples = commands_in(text)
    assert len(examples) == 3
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ["PATH"]]
    subprocess.run(
        ["sh", "-ec", "\n".join(examples)],
        check=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PATH": os.pathsep.join(folders)},
    )
    expected = fastdrop.dropout(np.load(tmp_path / "x.npy"), 0.1, rng=42)
    assert_same_bytes(np.load(tmp_path / "y.npy"), expected)


def test_apply_without_scaling_takes_integers(source, capsys):
    np.save(source, np.arange(1000, dtype=np.uint8))
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "-p", "0.1", "--seed", "7"]) == 1
    assert "uint8" in (message := capsys.readouterr().err)
    assert "or pass --no-scale" in message
    assert not target.exists()
    assert main(["apply", str(source), str(target), "-p", "0.1", "--seed", "7", "--no-scale"]) == 0
    expected = fastdrop.dropout(np.load(source), 0.1, rng=7, scale=False)
    assert_same_bytes(np.load(target), expected)


@pytest.mark.parametrize("p", ["0", "1", "0.5"])
def test_apply_with_every_kind_of_p(source, p):
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "-p", p, "--seed", "7"]) == 0
    x, y = np.load(source), np.load(target)
    assert_same_bytes(y, fastdrop.dropout(x, float(p), rng=7))
    assert main(["apply", str(source), str(target), "-p", p]) == 0
    if p == "0.5":
        assert np.load(target).tobytes() != y.tobytes()
    else:
        assert_same_bytes(np.load(target), y)


@pytest.mark.parametrize(
    "x",
    [
        np.asfortranarray(np.arange(1.0, 13.0).reshape(3, 4)),
        np.float32(3.0),
        np.zeros((0, 3)),
        np.arange(1.0, 100.0).astype(">f4"),
    ],
    ids=["fortran", "0-d", "empty", "byte-swapped"],
)
def test_apply_keeps_dtype_shape_and_order(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    assert main(["apply", str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), "--seed", "7"]) == 0
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == x.dtype
    assert y.flags.f_contiguous == x.flags.f_contiguous
    assert_same_bytes(y, fastdrop.dropout(x, 0.5, rng=7))


def test_apply_can_replace_its_input(source):
    x = np.load(source)
    assert main(["apply", str(source), str(source), "--seed", "7"]) == 0
    assert_same_bytes(np.load(source), fastdrop.dropout(x, 0.5, rng=7))


def refused(source, target, *options):
    before = sorted((p.name, p.read_bytes()) for p in source.parent.iterdir())
    assert main(["apply", str(source), str(target), *options]) == 1
    assert sorted((p.name, p.read_bytes()) for p in source.parent.iterdir()) == before


def test_apply_refuses_what_it_cannot_do(source, tmp_path, capsys):
    target = tmp_path / "y.npy"
    target.write_bytes(b"what was there")
    refused(source, target, "-p", "1.5")
    assert "between 0 and 1, but got 1.5" in capsys.readouterr().err
    refused(source, target, "--seed", "-1")
    assert "seed" in capsys.readouterr().err
    refused(tmp_path / "absent.npy", target)
    assert "absent.npy" in capsys.readouterr().err
    refused(source, tmp_path / "absent" / "y.npy")
    assert "absent" in capsys.readouterr().err

    np.save(tmp_path / "integers.npy", np.arange(5))
    refused(tmp_path / "integers.npy", target)
    assert "int64" in capsys.readouterr().err
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    refused(tmp_path / "objects.npy", target)
    assert capsys.readouterr().err.startswith("fastdrop: ")
    header = b"\x93NUMPY\x01\x00\x04\x00{{{{"
    for name, content in (("zip.npy", b"PK\x03\x04 no zip"), ("braces.npy", header)):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, target)
        assert name in capsys.readouterr().err


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
    refused(tmp_path / name, tmp_path / "y.npy")
    printed = capsys.readouterr().err
    assert message.replace("PATH", str(tmp_path / name)) in printed
    assert re.fullmatch("fastdrop: .+\n", printed)  # one line


def test_np_save_writes_bfloat16_as_bytes(tmp_path, capsys):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    np.save(tmp_path / "x.npy", np.ones(3, ml_dtypes.bfloat16))
    refused(tmp_path / "x.npy", tmp_path / "y.npy")
    assert "as np.save writes bfloat16" in capsys.readouterr().err


def test_apply_names_the_folder_that_is_missing(source, tmp_path, capsys):
    (tmp_path / "link.npy").symlink_to(tmp_path / "absent" / "y.npy")
    for output, folder in (
        ("absent/y.npy", "absent"),
        ("x.npy/y.npy", "x.npy"),
        ("link.npy", "absent"),
    ):
        assert main(["apply", str(source), str(tmp_path / output)]) == 1
        assert capsys.readouterr().err == (
            f"fastdrop: {tmp_path / output}: there is no folder {tmp_path / folder}: "
            "create it first\n"
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.npy", "x.npy"]


def test_apply_leaves_a_link_to_itself(source, tmp_path, capsys):
    (tmp_path / "loop.npy").symlink_to(tmp_path / "loop.npy")
    assert main(["apply", str(source), str(tmp_path / "loop.npy")]) == 1
    assert capsys.readouterr().err.startswith(f"fastdrop: {tmp_path / 'loop.npy'}: ")
    assert (tmp_path / "loop.npy").is_symlink()


@pytest.mark.parametrize(
    ("function", "number"),
    [("mkdir", errno.EACCES), ("posix_fallocate", errno.ENOSPC), ("replace", errno.EPERM)],
)
def test_apply_names_only_the_output_if_it_cannot_write(
    source, monkeypatch, capsys, function, number
):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number), arguments[0])

    target = source.with_name("y.npy")
    target.write_bytes(b"what was there")
    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail, raising=False)
        refused(source, target)
    expected = f"fastdrop: {target} cannot be written: {os.strerror(number)}\n"
    assert capsys.readouterr().err == expected


def test_apply_writes_the_longest_name(source):
    target = source.with_name("y" * (os.pathconf(source.parent, "PC_NAME_MAX") - 4) + ".npy")
    assert main(["apply", str(source), str(target), "--seed", "7"]) == 0
    assert_same_bytes(np.load(target), fastdrop.dropout(np.load(source), rng=7))


def test_apply_writes_a_file_of_the_usual_mode(source):
    target, usual = source.with_name("y.npy"), source.with_name("usual")
    before = os.umask(0o027)
    try:
        usual.touch()
        assert main(["apply", str(source), str(target)]) == 0
    finally:
        os.umask(before)
    assert target.stat().st_mode == usual.stat().st_mode


def test_apply_takes_only_regular_files(source, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for other, kind in (("folder", "a folder"), ("pipe", "no regular file")):
        expected = f"fastdrop: {tmp_path / other} is {kind}: name a .npy file\n"
        assert main(["apply", str(source), str(tmp_path / other)]) == 1
        assert capsys.readouterr().err == expected
        assert main(["apply", str(tmp_path / other), str(tmp_path / "y.npy")]) == 1
        assert capsys.readouterr().err == expected
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pipe", "x.npy"]


def test_apply_follows_a_link_and_keeps_the_mode(source, tmp_path):
    target, link = tmp_path / "y.npy", tmp_path / "link.npy"
    target.write_bytes(b"")
    target.chmod(0o600)
    link.symlink_to(target)
    assert main(["apply", str(source), str(link), "--seed", "7"]) == 0
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert_same_bytes(np.load(target), fastdrop.dropout(np.load(source), rng=7))


def test_demo_bears_a_reader_that_has_seen_enough():
    with subprocess.Popen(
        [sys.executable, "-m", "fastdrop", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=sysconfig.get_path("scripts"),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_apply_leaves_nothing_when_it_is_interrupted(source, monkeypatch):
    def interrupt(*arguments, **options):
        if arguments[0].size:
            raise KeyboardInterrupt

    monkeypatch.setattr(fastdrop, "dropout", interrupt)
    with pytest.raises(KeyboardInterrupt):
        main(["apply", str(source), str(source.with_name("y.npy"))])
    assert [p.name for p in source.parent.iterdir()] == ["x.npy"]


def test_both_ways_to_start_it(tmp_path):
    command = Path(sysconfig.get_path("scripts")) / "fastdrop"
    for start in ([sys.executable, "-m", "fastdrop"], [command]):
        result = subprocess.run(
            [*start, "--version"], capture_output=True, text=True, timeout=60, cwd=tmp_path
        )
        assert result.stdout.strip() == fastdrop.__version__


def test_without_a_subcommand_it_explains_itself(capsys):
    with pytest.raises(SystemExit) as error:
        main([])
    assert error.value.code == 2
    assert "demo" in capsys.readouterr().err
