"""The examples of README.md and docs/ do what the pages say; links lead somewhere; every page is listed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import document

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = [*PAGES, *(ROOT / name for name in ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"))]


def name_of(path):
    """Return the path as a person names it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if re.search(r"^```+\w+ test", page.read_text(), re.MULTILINE)], ids=name_of
)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    """Every block marked `test` runs in order, in a folder of its own, and prints what the page says."""
    monkeypatch.chdir(tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SEGENGINE_")}
    environment["PATH"] = f"{ROOT / '.venv/bin'}{os.pathsep}{environment['PATH']}"
    environment["COLUMNS"] = "120"
    assert document.run(page, environment, tmp_path) > 0


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_not_run_says_why(page):
    """A Python block of README or a guide is run, or says above it why not."""
    silent = [
        f"{name_of(page)}:{block.line}"
        for block in document.blocks(page.read_text(encoding="utf-8"))
        if block.language == "python" and "test" not in block.words and block.excuse is None
    ]
    assert silent == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(page):
    """Every relative link of a document is a file or folder of the project."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", text)
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_listed():
    """docs/README.md links every page below docs/."""
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#\s]+\.md)", index)}
    pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md") if page.name != "README.md"}
    assert pages - linked == set()


def test_documents_keep_their_length():
    """README has at most 150 lines, ARCHITECTURE two pages of 60, CONTRIBUTING one and a little."""
    walls = {"README.md": 150, "ARCHITECTURE.md": 120, "CONTRIBUTING.md": 70}
    lengths = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in walls}
    assert {name: length for name, length in lengths.items() if length > walls[name]} == {}


def test_the_first_program_is_short():
    """README's first program is 20 lines without the blank ones."""
    (program,) = [
        b for b in document.blocks((ROOT / "README.md").read_text(encoding="utf-8")) if b.language == "python"
    ]
    assert len([line for line in program.text.splitlines() if line.strip()]) <= 20


def test_a_wrong_page_fails(tmp_path, monkeypatch):
    """A page that promises what its program does not print fails, for Python and for the shell."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```python test\nprint(1)\n```\n```text output\n…1\n```\n```console test\n$ echo a b\na …\n```\n")
    assert document.run(page, os.environ, tmp_path) == 2
    page.write_text("```python test\nprint(1)\n```\n```text output\n2\n```\n")
    with pytest.raises(document.DocumentError, match="line 4"):
        document.run(page, os.environ, tmp_path)
    page.write_text("<!--\n```python test\nx = 3\n```\n-->\n```console test\n$ echo a\nb\n```\n")
    with pytest.raises(document.DocumentError, match="`echo a` printed"):
        document.run(page, os.environ, tmp_path)
    page.write_text("```python test\nraise KeyError('gone')\n```\n")
    with pytest.raises(KeyError, match="gone"):
        document.run(page, os.environ, tmp_path)
