"""The project's own files agree with each other."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not (ROOT / ".pre-commit-config.yaml").exists(), reason="not a checkout, but an sdist or a test"
)


@pytest.fixture
def metadata():
    """pyproject.toml as a dictionary."""
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_pre_commit_has_the_versions_of_the_lint_extra(metadata):
    pins = [pin.split("==") for pin in metadata["project"]["optional-dependencies"]["lint"]]
    config = (ROOT / ".pre-commit-config.yaml").read_text()
    revisions = re.findall(r"repo: (\S+)\n +rev: v(\S+)$", config, re.MULTILINE)
    assert len(revisions) == len(pins)
    for tool, pin in pins:
        (version,) = [version for repo, version in revisions if tool in repo.rpartition("/")[2]]
        assert fnmatch(version, pin)


def test_the_oldest_python_is_the_one_required(metadata):
    project = metadata["project"]
    versions = re.findall(r"Python :: 3\.(\d+)", "\n".join(project["classifiers"]))
    assert project["requires-python"] == f">=3.{min(map(int, versions))}"
    assert metadata["tool"]["ruff"]["target-version"] == f"py3{min(map(int, versions))}"


def test_the_changelog_has_the_sections_of_keep_a_changelog():
    text = (ROOT / "CHANGELOG.md").read_text()
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    releases = re.split("^## ", text, flags=re.MULTILINE)[1:]
    assert releases[0].startswith("[Unreleased]\n")
    for release in releases:
        sections = re.findall("^### (.*)$", release, re.MULTILINE)
        assert sections == [kind for kind in kinds if kind in sections]


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name
)
def test_every_file_that_a_page_links_exists(page):
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_test_that_holds_a_promise_exists():
    text = (ROOT / "docs" / "reliability.md").read_text()
    files = re.findall(r"`(?:tests/)?([\w*]+\.py)`", text)
    assert len(files) > 12
    assert [file for file in files if not list((ROOT / "tests").glob(file))] == []
