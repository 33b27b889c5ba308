"""The command fastdrop apply on .npy files: its result, its options and the key it prints."""

import io
import os
import re
import sys

import numpy as np
import pytest
from arrays import assert_same_bytes, awkward_numbers
from commands import apply, cut_small, misused, refused, save

import fastdrop
from fastdrop.__main__ import main


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
    assert "no key: nothing is drawn" in printed
    assert not re.search("[0-9a-f]{32}", printed)


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


def test_apply_without_scaling_takes_integers(source, capsys):
    np.save(source, np.arange(1000, dtype=np.uint8))
    target = source.with_name("y.npy")
    message = refused(source, target, "-p", "0.1", "--seed", "7", capsys=capsys)
    assert "uint8" in message
    assert "or pass --no-scale" in message
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


SHAPES = [(), (0, 3), (1000,), (17, 23), (300, 1), (1, 300), (5, 7, 11), (2, 3, 4, 5)]


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("nbytes", [8, 100, 256, 4096])
def test_the_pieces_give_the_bytes_of_the_whole(tmp_path, monkeypatch, shape, order, nbytes):
    cut_small(monkeypatch, nbytes)
    x = np.asarray(awkward_numbers(shape), order=order)
    source, target = save(tmp_path / "x.npy", x), tmp_path / "y.npy"
    apply(source, target, "-p", "0.3", "--seed", "7")
    y = np.load(target)
    assert_same_bytes(y, fastdrop.dropout(x, 0.3, rng=7))
    assert y.flags.f_contiguous == x.flags.f_contiguous
    assert y.flags.c_contiguous == x.flags.c_contiguous
    apply(source, "--inplace", "-p", "0.3", "--seed", "7")
    assert source.read_bytes() == target.read_bytes()


@pytest.mark.parametrize("dtype", ["?", "i1", ">u2", "<f2", ">f4", "<f8", ">c8", "<c16", "g"])
def test_every_dtype_of_npy_files(tmp_path, monkeypatch, dtype):
    cut_small(monkeypatch)
    x = awkward_numbers((30, 40), dtype)
    apply(save(tmp_path / "x.npy", x), tmp_path / "y.npy", "--seed", "7", "--no-scale")
    assert_same_bytes(np.load(tmp_path / "y.npy"), fastdrop.dropout(x, rng=7, scale=False))
    if np.dtype(dtype).kind in "fc" and dtype != "g":
        apply(tmp_path / "x.npy", tmp_path / "y.npy", "--seed", "7")
        assert_same_bytes(np.load(tmp_path / "y.npy"), fastdrop.dropout(x, rng=7))


OPTIONS = {
    "--fill nan": {"fill": np.nan},
    "--fill=-inf": {"fill": -np.inf},
    "--fill -1": {"fill": -1},
    "--fill=-0.0": {"fill": -0.0},
    "--offset 1000": {"offset": 1000},
    "--no-scale": {"scale": False},
    "--threads 2": {"num_threads": 2},
    "--noise-shape None,None,1": {"noise_shape": (None, None, 1)},
    "--noise-shape (1,9,None)": {"noise_shape": (1, 9, None)},
    "--noise-shape=12,1,1, --offset 5": {"noise_shape": (12, 1, 1), "offset": 5},
    "--noise-shape 1,1,1": {"noise_shape": (1, 1, 1)},
    "--noise-shape None,1,None --fill 0.5 --no-scale --offset 77 --threads 1": {
        "noise_shape": (None, 1, None), "fill": 0.5, "scale": False, "offset": 77,
    },
}  # fmt: skip


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("text", OPTIONS)
def test_every_option_is_that_of_dropout(tmp_path, monkeypatch, capsys, text, order):
    cut_small(monkeypatch, 512)
    x = np.asarray(awkward_numbers((12, 9, 10)), order=order)
    source, target = save(tmp_path / "x.npy", x), tmp_path / "y.npy"
    apply(source, target, "-p", "0.3", "--seed", "7", *text.split())
    expected = fastdrop.dropout(x, 0.3, rng=7, **OPTIONS[text])
    assert_same_bytes(np.load(target), expected)

    repeat = capsys.readouterr().out.splitlines()[-1].partition(": ")[2].split()
    apply(source, tmp_path / "z.npy", *repeat)
    assert_same_bytes(np.load(tmp_path / "z.npy"), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "--fill=one",
            "argument --fill: expected a number such as -1, 0.5, nan or 1+2j, but got 'one'",
        ),
        ("--noise-shape=-,1", "argument --noise-shape: expected 1, None or the axis's length"),
        ("--noise-shape=1,,1", "such as None,None,1, but got '1,,1'"),
        ("--offset=half", "argument --offset: invalid int value: 'half'"),
        ("-pmuch", "argument -p: invalid float value: 'much'"),
    ],
)
def test_values_that_cannot_be_read(capsys, text, message):
    assert message in misused(capsys, "x.npy", "y.npy", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-p 1.5", "dropout probability has to be between 0 and 1, but got 1.5"),
        ("-p nan", "dropout probability has to be between 0 and 1, but got nan"),
        ("--seed -1", "seed must be 0 or more, but got -1"),
        ("--offset -1", "offset must be 0 or more"),
        ("--fill 1+2j", "x's dtype float64 cannot hold the fill (1+2j): pass a real number"),
        ("--noise-shape None", "--noise-shape must have 1, the axis's length or None for each axis "
         "of x, whose shape is (300, 70), but got (None,)"),
        ("--noise-shape 300,2", "whose shape is (300, 70), but got (300, 2)"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(source, capsys, text, message):
    source.with_name("y.npy").write_bytes(b"what was there")
    assert message in refused(source, source.with_name("y.npy"), *text.split(), capsys=capsys)
    assert message in refused(source, "--inplace", *text.split(), capsys=capsys)


def test_an_output_or_inplace(capsys):
    assert "argument --inplace: takes no OUTPUT" in misused(capsys, "x.npy", "y.npy", "--inplace")
    assert "OUTPUT is missing: name it, or pass --inplace" in misused(capsys, "x.npy")
    message = misused(capsys, "x.npy", "y.npy", "--resume", "5")
    assert "argument --resume: goes with --inplace only" in message


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


def test_a_bar_moves_on_a_terminal_only(source, monkeypatch):
    tqdm = pytest.importorskip("tqdm")
    made, moved, bar_of = [], [], tqdm.tqdm

    def watched(**options):
        made.append(options["total"])
        bar = bar_of(**{**options, "delay": 0})
        update = bar.update

        def move(nbytes):
            moved.append(nbytes)
            update(nbytes)

        bar.update = move
        return bar

    monkeypatch.setattr(tqdm, "tqdm", watched)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    cut_small(monkeypatch, 2**14)
    apply(source, source.with_name("y.npy"))
    assert made == [300 * 70 * 8]
    assert sum(moved) == 300 * 70 * 8
    assert len(moved) > 5
    assert "164k" in terminal.getvalue()
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    apply(source, source.with_name("y.npy"))
    assert len(made) == 1


def test_no_bar_where_tqdm_is_missing(source, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    apply(source, source.with_name("y.npy"), "--seed", "7")
    assert terminal.getvalue() == ""
    assert_same_bytes(np.load(source.with_name("y.npy")), fastdrop.dropout(np.load(source), rng=7))


def test_a_name_that_cannot_be_shown(tmp_path, run_python):
    name = tmp_path / "x\udcff\u20ac.npy"
    try:
        np.save(name, np.ones(5))
    except (OSError, UnicodeError):
        pytest.skip("the file system has no such names")
    script = "import sys; from fastdrop.__main__ import main; sys.exit(main(sys.argv[1:]))"
    for encoding in ("ascii", "utf-8", "latin-1"):
        printed = run_python(
            script,
            "apply",
            name,
            tmp_path / "y.npy",
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert "\\udcff" in printed
        assert "key: " in printed
    assert np.load(tmp_path / "y.npy").shape == (5,)
