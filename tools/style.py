"""The measures of style that no linter takes: `make check-style` prints each breach as `file:line: sentence`.

A file has at most 500 lines (past that it holds a second concern; a proto 600, for its comments are the reference of
the interface and one service is read on one page) and opens with what it is for; a function has at most 70 lines and
five positional parameters. Clippy holds Rust functions to the same measures (clippy.toml); here they are counted for
Python. The three baseline files of benches/ are used unedited, generated code is not read by people.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILE_LINES_MAX = 500
PROTO_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
POSITIONAL_PARAMETERS_MAX = 5
CHECKED = {".rs", ".py", ".proto", ".sh"}
GENERATED = ("python/segengine/v1/", "rust/segengine-server/src/generated/", "python/segengine/client/_sync/")
UNEDITED = ("benches/workload.py", "benches/baseline.py", "benches/baseline_bulk.py")


def file_breaches(name: str, text: str) -> Iterator[str]:
    """Yield what is wrong with a file as a whole."""
    lines = text.count("\n")
    wall = PROTO_LINES_MAX if name.endswith(".proto") else FILE_LINES_MAX
    if lines > wall:
        yield f"{name}:{lines}: {lines} lines: more than {wall}, so look for the second concern"
    opening = text.lstrip()
    if name.endswith(".rs") and text.strip() and not opening.startswith(("//!", "#!")):
        yield f"{name}:1: a file opens with `//!`: what it is for, why it is so, what it costs"


def function_breaches(name: str, text: str) -> Iterator[str]:
    """Yield the Python functions that are too long or take too much by position."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        documentation = node.body[0].end_lineno or node.lineno if ast.get_docstring(node) else node.lineno
        lines = (node.end_lineno or node.lineno) - documentation
        if lines > FUNCTION_LINES_MAX:
            yield f"{name}:{node.lineno}: `{node.name}` has {lines} lines, more than {FUNCTION_LINES_MAX}"
        positional = [*node.args.posonlyargs, *node.args.args]
        own = positional[:1] and positional[0].arg in {"self", "cls"}
        count = len(positional) - bool(own)
        face = name.startswith(("python/segengine/cli/", "tests/"))  # options of a command, fixtures of a test
        if count > POSITIONAL_PARAMETERS_MAX and not face:
            yield f"{name}:{node.lineno}: `{node.name}` takes {count} positional parameters: make them a config"


def breaches(root: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield every breach in the named files."""
    for name in names:
        path = root / name
        if path.suffix not in CHECKED or name in UNEDITED or name.startswith(GENERATED) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        yield from file_breaches(name, text)
        if path.suffix == ".py":
            yield from function_breaches(name, text)


def tracked(root: Path) -> list[str]:
    """Return the files that git tracks."""
    listing = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True, text=True)
    return listing.stdout.splitlines()


def main() -> int:
    """Print every breach; return 1 when there is one."""
    root = Path(__file__).resolve().parent.parent
    names = tracked(root)
    found = list(breaches(root, names))
    print("\n".join(found) or f"style: {len(names)} files measured")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
