"""The command fastdrop."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import fastdrop
from fastdrop.__main__ import main


@pytest.fixture
def source(tmp_path):
    """A file to drop."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((300, 70)))
    return tmp_path / "x.npy"


def test_demo_shows_build_example_and_times(capsys):
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert f"cpu level: {fastdrop.show_config('dicts')['cpu_level']}" in printed
    assert "Dropout(p=0.5, inplace=True)" in printed
    assert "(the result is x: True)" in printed
    rows = re.findall(r"^ +([\d,]+) +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$", printed, re.MULTILINE)
    assert rows == ["1,024", "65,536", "1,048,576", "16,777,216"]


def test_apply_drops_a_file(source, capsys):
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "-p", "0.1", "--seed", "7"]) == 0
    x = np.load(source)
    np.testing.assert_array_equal(np.load(target), fastdrop.dropout(x, 0.1, rng=7))
    assert str(target) in capsys.readouterr().out
    assert sorted(p.name for p in source.parent.iterdir()) == ["x.npy", "y.npy"]


def test_apply_without_scaling_takes_integers(source, capsys):
    np.save(source, np.arange(1000, dtype=np.uint8))
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "-p", "0.1", "--seed", "7"]) == 1
    assert "uint8" in (message := capsys.readouterr().err)
    assert "or pass --no-scale" in message
    assert not target.exists()
    assert main(["apply", str(source), str(target), "-p", "0.1", "--seed", "7", "--no-scale"]) == 0
    expected = fastdrop.dropout(np.load(source), 0.1, rng=7, scale=False)
    np.testing.assert_array_equal(np.load(target), expected)


@pytest.mark.parametrize("seed", [[], ["--seed", "7"]])
@pytest.mark.parametrize("p", ["0", "1", "0.5"])
def test_apply_with_every_kind_of_p(source, p, seed):
    target = source.with_name("y.npy")
    assert main(["apply", str(source), str(target), "-p", p, *seed]) == 0
    kept = np.count_nonzero(np.load(target))
    if p == "0.5":  # within 6 standard errors: a false alarm in 500 million runs
        assert abs(kept - 10500) < 6 * np.sqrt(21000 / 4)
    else:
        assert kept == (21000 if p == "0" else 0)


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
    np.testing.assert_array_equal(y, fastdrop.dropout(x, 0.5, rng=7))


def test_apply_can_replace_its_input(source):
    x = np.load(source)
    assert main(["apply", str(source), str(source), "--seed", "7"]) == 0
    np.testing.assert_array_equal(np.load(source), fastdrop.dropout(x, 0.5, rng=7))


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
    (tmp_path / "text.npy").write_text("no array")
    refused(tmp_path / "text.npy", target)
    (tmp_path / "empty.npy").write_bytes(b"")
    refused(tmp_path / "empty.npy", target)
    (tmp_path / "cut.npy").write_bytes(source.read_bytes()[:-8])
    refused(tmp_path / "cut.npy", target)
    np.savez(tmp_path / "several.npz", a=np.ones(3))
    refused(tmp_path / "several.npz", target)
    assert "several" in capsys.readouterr().err
    header = b"\x93NUMPY\x01\x00\x04\x00{{{{"
    for name, content in (("zip.npy", b"PK\x03\x04 no zip"), ("braces.npy", header)):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, target)
        assert name in capsys.readouterr().err


def test_apply_takes_only_regular_files(source, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for other in ("folder", "pipe"):
        assert main(["apply", str(source), str(tmp_path / other)]) == 1
        assert main(["apply", str(tmp_path / other), str(tmp_path / "y.npy")]) == 1
        assert "no regular file" in capsys.readouterr().err
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
    np.testing.assert_array_equal(np.load(target), fastdrop.dropout(np.load(source), rng=7))


def test_demo_bears_a_reader_that_has_seen_enough():
    with subprocess.Popen(
        [sys.executable, "-m", "fastdrop", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=sysconfig.get_path("scripts"),
    ) as process:
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
