"""Just enough reading of Rust text for the layering and style checks.

Comments, strings and characters are blanked so that a word in a sentence is never taken for code; positions and line
numbers stay as they were. Cost: one pass over the text. This is no parser: macros are read as they are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPAQUE = re.compile(
    r"""
      //[^\n]*                                  # line comment
    | /\*(?:[^*]|\*(?!/))*\*/                   # block comment, not nested
    | \b(?:b|c)?r(?P<hash>\#*)"(?:.|\n)*?"(?P=hash)   # raw string
    | (?:b|c)?"(?:\\(?:.|\n)|[^"\\])*"          # string
    | b?'(?:\\(?:x..|u\{[0-9a-fA-F_]+\}|.)|[^'\\\n])'   # character, not a lifetime
    """,
    re.VERBOSE,
)
_TEST_MODULE = re.compile(
    r"#\[cfg\((?:test|all\(test[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*\{"
)


@dataclass(frozen=True)
class RustFile:
    """One Rust file with its opaque text blanked.

    Attributes
    ----------
    path : Path
        Relative to the repository's root.
    code : str
        The text without comments, literals and inline test modules, each replaced by spaces.
    """

    path: Path
    code: str

    def line_of(self, position: int) -> int:
        """Return the line, from 1, of a position in `code`."""
        return self.code.count("\n", 0, position) + 1

    def find(self, pattern: str) -> Iterator[tuple[int, re.Match[str]]]:
        """Yield line and match of each occurrence of a regular expression in the code."""
        for match in re.finditer(pattern, self.code):
            yield self.line_of(match.start()), match


def blank(text: str) -> str:
    """Replace everything but line ends by spaces."""
    return re.sub(r"[^\n]", " ", text)


def strip_opaque(text: str) -> str:
    """Blank comments, strings and characters."""
    return _OPAQUE.sub(lambda match: blank(match.group()), text)


def closing(code: str, opening: int, pair: str = "{}") -> int:
    """Return the position just behind the bracket that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(code)):
        if code[position] == pair[0]:
            depth += 1
        elif code[position] == pair[1]:
            depth -= 1
            if depth == 0:
                return position + 1
    return len(code)


def strip_test_modules(code: str) -> str:
    """Blank inline `#[cfg(test)] mod … { … }`: a test may look to its right."""
    while match := _TEST_MODULE.search(code):
        end = closing(code, match.end() - 1)
        code = code[: match.start()] + blank(code[match.start() : end]) + code[end:]
    return code


def is_test(path: Path) -> bool:
    """Tell whether a whole file holds tests only."""
    return path.stem == "tests" or path.stem.endswith("_tests") or "tests" in path.parts[:-1]


def rust_files(root: Path, folder: str) -> Iterator[RustFile]:
    """Yield the files below `folder` that are no tests, in order of path; generated ones are left out."""
    for path in sorted((root / folder).rglob("*.rs")):
        relative = path.relative_to(root)
        if is_test(relative.relative_to(folder)) or "generated" in relative.parts:
            continue
        yield RustFile(relative, strip_test_modules(strip_opaque(path.read_text(encoding="utf-8"))))


def use_paths(code: str, root: str) -> Iterator[tuple[int, str]]:
    """Yield position and first segment of every path that starts at `root`, groups in braces spelled out.

    Parameters
    ----------
    code : str
        Text from which comments and literals are gone.
    root : str
        `crate` or the name of a crate.

    Examples
    --------
    >>> sorted(name for _, name in use_paths("use crate::{ids::{A, B}, error}; crate::bitmap::x()", "crate"))
    ['bitmap', 'error', 'ids']
    """
    for match in re.finditer(rf"(?<![\w:]){root}\s*::\s*(\w+|\{{)", code):
        if match.group(1) != "{":
            yield match.start(), match.group(1)
            continue
        opening = match.end() - 1
        depth, item_starts = 0, True
        for token in re.finditer(r"[{},]|\w+", code[opening : closing(code, opening)]):
            text = token.group()
            if text in "{}":
                depth += 1 if text == "{" else -1
                item_starts = depth == 1 and text == "{"
            elif text == ",":
                item_starts = depth == 1
            elif item_starts and depth == 1:
                yield opening + token.start(), text
                item_starts = False
