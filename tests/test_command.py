"""The command fastdrop: its commands but apply, its help, and its streams."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from arrays import assert_same_bytes

import fastdrop
from fastdrop.__main__ import main
from fastdrop.cli import bench, timing


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
    measured = {2**20: times}

    def time_per_element(size, seconds):
        return dict(zip(timing.COLUMNS, measured.get(size, [7.0, 5.0, 11.0, 13.0]), strict=True))

    monkeypatch.setattr(timing, "time_per_element", time_per_element)
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


def test_info_shows_the_build_and_the_versions(capsys):
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    config = fastdrop.show_config("dicts")
    assert f"cpu level: {config['cpu_level']}" in lines
    assert f"numpy: {np.__version__}" in lines
    assert any(line.startswith("python: CPython 3.") for line in lines)

    assert main(["info", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["compiler"] == config["compiler"]
    assert described["cpu_levels"] == list(config["cpu_levels"])
    assert described["packages"]["numpy"] == np.__version__
    assert described["processors"] >= 1


def test_info_names_what_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr("fastdrop.cli.info.PACKAGES", ("numpy", "no-such-package"))
    assert main(["info"]) == 0
    assert "no-such-package: not installed\n" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packages"]["no-such-package"] is None


@pytest.fixture
def quick_bench(monkeypatch):
    """Have bench time two small sizes for a moment."""
    monkeypatch.setattr(bench, "SIZES", (2**10, 2**14))
    monkeypatch.setattr(bench, "SECONDS", 0.0)


def test_bench_prints_a_table(quick_bench, capsys):
    assert main(["bench", "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^ +([\d,]+)((?: +[\d.]+){4})$", printed, re.MULTILINE)
    assert [size for size, _ in rows] == ["1,024", "16,384"]
    assert all(float(time) > 0 for _, times in rows for time in times.split())
    assert "fastdrop.dropout(x, 0.1, out=y), on up to 1\n" in printed


def test_bench_prints_json(quick_bench, capsys):
    assert main(["bench", "--json", "--threads", "2"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [row["elements"] for row in figures["rows"]] == [2**10, 2**14]
    assert all(row[name] > 0 for row in figures["rows"] for name in timing.COLUMNS)
    assert figures["threads"] == 2
    assert figures["config"]["cpu_level"] == fastdrop.show_config("dicts")["cpu_level"]


def test_bench_draws_a_picture(quick_bench, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["bench", "--plot", str(tmp_path / "times.png")]) == 0
    assert (tmp_path / "times.png").read_bytes().startswith(b"\x89PNG")
    assert main(["bench", "--plot", str(tmp_path / "times.svg")]) == 0
    picture = (tmp_path / "times.svg").read_text()
    assert "<svg" in picture


def test_bench_knows_before_the_work_that_a_picture_cannot_be_drawn(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(timing, "time_per_element", None)  # not callable
    for name, message in (
        ("times.docx", "name a file of one of the types"),
        ("absent/times.png", f"there is no folder {tmp_path / 'absent'}: create it first"),
    ):
        assert main(["bench", "--plot", str(tmp_path / name)]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"fastdrop: {tmp_path / name}: {message}")


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("matplotlib.figure", ["--plot", "x.png"], "needs the package matplotlib: python -m pip"),
        ("torch", ["--torch"], "--torch needs PyTorch: python -m pip install torch"),
    ],
)
def test_bench_says_what_to_install(monkeypatch, capsys, module, options, message):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["bench", *options]) == 1
    assert message in capsys.readouterr().err


def test_bench_times_pytorch_if_asked(quick_bench, capsys):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        assert main(["bench", "--json", "--torch"]) == 0
    finally:
        torch.set_num_threads(before)
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row["PyTorch"] > 0 for row in rows)


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5"])
def test_threads_are_a_number_of_one_or_more(capsys, threads):
    for command in (["bench"], ["apply", "x.npy", "y.npy"]):
        with pytest.raises(SystemExit) as error:
            main([*command, f"--threads={threads}"])
        assert error.value.code == 2
        message = f"argument --threads: expected a number of 1 or more, but got {threads!r}\n"
        assert capsys.readouterr().err.endswith(message)


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
    assert "Set each element of a stored array to zero with probability p" in printed
    assert "What has its name is replaced when the result is complete" in printed
    assert "an error or an interrupt leaves it as it was" in printed
    examples = commands_in(text)
    assert len(examples) == 5
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ["PATH"]]
    subprocess.run(
        ["sh", "-ec", "\n".join(examples)],
        check=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PATH": os.pathsep.join(folders)},
    )
    x = np.ones((1000, 100))
    assert_same_bytes(np.load(tmp_path / "y.npy"), fastdrop.dropout(x, 0.1, rng=42))
    rows = np.load(tmp_path / "rows.npy")
    assert (rows == rows[:, :1]).all()
    assert set(rows[:, 0]) == {0.0, 2.0}
    dropped = np.isnan(np.load(tmp_path / "x.npy"))
    assert 0.09 < dropped.mean() < 0.11


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


@pytest.mark.skipif(os.name != "posix", reason="of POSIX shells")
@pytest.mark.parametrize("command", ["info", "demo"])
def test_a_closed_or_full_output_is_one_line_and_status_1(tmp_path, command):
    for redirection, message in (
        (">&-", "standard output is closed: "),
        (">/dev/full", "No space"),
    ):
        result = subprocess.run(
            ["sh", "-c", f'"$0" -m fastdrop {command} {redirection}', sys.executable],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("fastdrop: ")
        assert message in line


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
