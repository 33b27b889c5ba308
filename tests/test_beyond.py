"""The code in docs/beyond.md runs, what it asserts holds, and its pictures and scripts exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "beyond.md").read_text()
FIRST, *BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PICTURES = re.findall(r"^!\[.+\]\((.+)\)$", PAGE, re.MULTILINE)
SCRIPTS = re.findall(r"^\[(examples/\w+\.py)\]\(\.\./\1\):", PAGE, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_each_block_of_code_runs_by_itself(block):
    assert "assert " in block
    exec(FIRST + block, {})


def test_each_section_has_code_a_picture_a_script_and_what_is_new():
    sections = PAGE.split("\n## ")[1:]
    assert len(sections) == len(BLOCKS) == len(PICTURES) == len(SCRIPTS)
    assert all("**New here.**" in section for section in sections)


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_there_and_small(picture):
    data = (ROOT / "docs" / picture).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) < 150_000


def test_each_script_draws_the_picture_above_it():
    assert [f"examples/{Path(picture).stem}.py" for picture in PICTURES] == SCRIPTS
    assert all((ROOT / script).exists() for script in SCRIPTS)
