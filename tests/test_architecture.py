"""The map in docs/architecture.md names every source file, and no file that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
FOLDERS = ("benchmarks", "examples", "fastdrop", "pyx", "tests")

pytestmark = pytest.mark.skipif(
    not (ROOT / "setup.py").exists(), reason="the source is not here, only its tests"
)


@pytest.fixture
def page():
    """The text of the page."""
    return PAGE.read_text()


@pytest.fixture
def named(page):
    """The files and folders that the page names in code, but for placeholders such as _NAME."""
    paths = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./]*|setup\.py|pyproject\.toml)`", page)
    return {path for path in paths if "NAME" not in path}


def test_every_file_that_is_named_exists(named):
    assert len(named) > 40
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", ["fastdrop", "pyx"])
def test_every_source_file_is_named(folder, named):
    kinds = (".h", ".pxd", ".pxi", ".py", ".pyi", ".pyx")
    paths = [path for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    files = {path.relative_to(ROOT).as_posix() for path in paths}
    assert sorted(files - named) == []
