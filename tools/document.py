"""Runs the examples of a Markdown page: what a reader copies is what the tests ran.

A fenced block is run when `test` follows its language: ```` ```python test ```` shares one namespace with the page's
other blocks, ```` ```console test ```` runs each line that starts with `$ ` in a shell and compares what it prints with
the lines below it; ```` ```text output ```` holds what the Python block before it printed. In expected text `…` stands
for anything within a line and, alone on a line, for any lines. An HTML comment may hold blocks too: that is the place
for preparations that a reader need not see. Whatever is not run says why: `<!-- not run: reason -->` above the block.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the words behind it, its text, the line of its fence, why it is not run."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int
    excuse: str | None


class DocumentError(AssertionError):
    """An example does not do what the page says."""


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    for match in _FENCE.finditer(text):
        language, *words = match.group("info").split() or [""]
        excuse = re.search(r"<!--\s*not run:\s*(.+?)\s*-->\s*\Z", text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        yield Block(language, tuple(words), match.group("body"), line, excuse.group(1) if excuse else None)


def matches(expected: str, actual: str) -> bool:
    r"""Tell whether a text is what was expected, `…` standing for anything.

    Examples
    --------
    >>> matches("took … ms", "took 12 ms"), matches("a…c", "a\nc"), matches("a\n…\nd", "a\nb\nc\nd")
    (True, False, True)
    """
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
    return re.fullmatch(pattern, actual.strip("\n") + "\n") is not None


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with what it is expected to print."""
    command: str | None = None
    expected: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(expected)
            command, expected = line[2:], []
        else:
            expected.append(line)
    if command is not None:
        yield command, "\n".join(expected)


def run_console(block: Block, folder: Path, environment: Mapping[str, str]) -> None:
    """Run the commands of a block in `folder` and compare what they print."""
    for command, expected in commands(block.text):
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        printed = result.stdout + result.stderr
        if not matches(expected, printed):
            raise DocumentError(f"line {block.line}: `{command}` printed\n{printed}\ninstead of\n{expected}")


def run(page: Path, environment: Mapping[str, str], folder: Path) -> int:
    """Run the marked blocks of a page; the caller has made `folder` the current one.

    Parameters
    ----------
    page : Path
        The Markdown file.
    environment : mapping of str to str
        The environment of console blocks.
    folder : Path
        Where console blocks run.

    Returns
    -------
    int
        How many blocks were run.

    Raises
    ------
    DocumentError
        If an example prints something else than the page says.
    """
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed, count = "", 0
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python" and "test" in block.words:
            source = "\n" * block.line + block.text
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(source, str(page), "exec"), namespace)  # noqa: S102 - running the page is the point
            printed, count = output.getvalue(), count + 1
        elif block.language == "console" and "test" in block.words:
            run_console(block, folder, environment)
            count += 1
        elif block.language == "text" and "output" in block.words and not matches(block.text, printed):
            raise DocumentError(f"line {block.line}: the page says\n{block.text}\nand the program printed\n{printed}")
    return count
