"""CSV files of jobs, row by row: the separator and the encoding mark are found out, gzip is seen by its first bytes.

Customer files do not come this way: the engine reads those itself. These are tables of pairs, made by programs, with a
line of column names. Memory is one batch of rows; the standard reader takes about a microsecond for each.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from segengine.errors import InvalidInputError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP_MAGIC = b"\x1f\x8b"
_SEPARATORS = ",;\t|"


class Row(NamedTuple):
    """One line of a file."""

    line: int
    cells: list[str]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    try:
        raw = path.open("rb")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", field="path", hint="check the path") from None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", field="path") from error
    with raw:
        zipped = raw.peek(2)[:2] == _GZIP_MAGIC
        stream = gzip.GzipFile(fileobj=raw) if zipped else raw
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield text


def separator_of(line: str) -> str:
    """Return what separates the columns of a line: the most frequent of the usual ones, a comma when there is none.

    >>> separator_of("identifier;segment;seen")
    ';'
    """
    return max(_SEPARATORS, key=line.count)


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, blank lines left out.

    Raises
    ------
    NotFoundError, StorageError
        When the file cannot be opened.
    InvalidInputError
        For bytes that are no UTF-8 or quotes that do not end, naming the file and the last good line.
    """
    line = 0
    with _opened(path) as text:
        try:
            first = text.readline()
            reader = csv.reader(_joined(first, text), delimiter=separator_of(first), strict=True)
            for cells in reader:
                line = reader.line_num
                if cells and (len(cells) > 1 or cells[0].strip()):
                    yield Row(line, cells)
        except UnicodeDecodeError as error:
            # Text is decoded some lines ahead, so the place is known to be behind this line only.
            raise InvalidInputError(
                f"{path}: no UTF-8 text behind line {line} ({error.reason})", hint="save it as UTF-8"
            ) from None
        except (csv.Error, gzip.BadGzipFile, EOFError) as error:
            raise InvalidInputError(f"{path}: behind line {line}: {error}") from None


def _joined(first: str, rest: IO[str]) -> Iterator[str]:
    yield first
    yield from rest


def columns(path: Path, cells: list[str], required: list[set[str]]) -> dict[str, int]:
    """Return the position of each column name of a header.

    Raises
    ------
    InvalidInputError
        When none of a set of required names is there, naming what was found.
    """
    found = {cell.strip().lower(): position for position, cell in enumerate(cells)}
    for names in required:
        if not names & found.keys():
            wanted = " or ".join(sorted(names))
            shown = ", ".join(repr(cell) for cell in list(found)[:8] if ":" not in cell and "@" not in cell)
            raise InvalidInputError(
                f"{path}: line 1 names no column {wanted} (it names {shown or 'nothing known'})",
                field=min(names),
                hint="the first line names the columns: identifier,segment or value,segment, and seen if known",
            )
    return found


def as_path(source: object) -> Path | None:
    """Return a str or PathLike as a path; None for anything else."""
    return Path(source) if isinstance(source, str) or hasattr(source, "__fspath__") else None
