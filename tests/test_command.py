"""The command fastdrop: its commands but apply, its help, and its streams."""

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
from fastdrop.cli import timing


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


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5"])
def test_threads_are_a_number_of_one_or_more(capsys, threads):
    for command in (["apply", "x.npy", "y.npy"],):
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
@pytest.mark.parametrize("command", ["demo"])
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
