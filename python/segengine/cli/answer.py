"""What a command answers: a value for machines and a text for people, and how both are printed.

Tables are drawn by rich, in the width of the terminal; elsewhere nothing is cut or folded, so that `grep` and `cut` see
whole lines. The keys of ``--json`` are the fields of the public records, which tests hold.
"""

import dataclasses
import datetime as dt
import enum
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segengine.handles import Handle

_BROKEN_PIPE = 141
_UNBOUNDED_COLUMNS = 100_000


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Attributes
    ----------
    data : object
        For ``--json``; `plain` is applied to it.
    text : str or callable
        For people; a callable is asked only when it is shown.
    exit_code : int
        0 unless what was found is itself a failure, as damage is for ``verify``.
    """

    data: Any
    text: str | Callable[[], str]
    exit_code: int = 0


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dicts, lists, texts, numbers.

    A record becomes the dict of its fields, a handle its record under its short name, a moment its ISO form in UTC.

    >>> plain(dt.datetime(2018, 1, 2, tzinfo=dt.UTC)), plain((1, np.uint32(2)))
    ('2018-01-02T00:00:00Z', [1, 2])
    """
    if isinstance(value, Handle):
        return {"path": value.path, "id": value.id, **plain(value.record)}
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.name != "details_json"]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value.value if isinstance(value, enum.Enum) else value


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """Return a table; the columns at the positions `numbers` are aligned to the right."""
    right = set(numbers)
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for position, heading in enumerate(headings):
        drawn.add_column(Text(heading), justify="right" if position in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return _drawn(drawn)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values below each other; a pair without a value is left out."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            drawn.add_row(Text(name), Text(value))
    return _drawn(drawn)


def _drawn(drawn: Table) -> str:
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else _UNBOUNDED_COLUMNS
    page = io.StringIO()
    console = Console(file=page, force_terminal=on_terminal, width=width, highlight=False, markup=False, emoji=False)
    console.print(drawn)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def emit(answer: Answer, *, as_json: bool) -> None:
    """Print an answer on standard output."""
    if as_json:
        write(json.dumps(plain(answer.data), ensure_ascii=False, indent=2) + "\n")
    else:
        text = answer.text if isinstance(answer.text, str) else answer.text()
        write(text if not text or text.endswith("\n") else f"{text}\n")


def write(text: str) -> None:
    """Write to standard output; when nobody reads it any more, end without a word, as other tools do."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be tried once more at exit, and complained about.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE) from None
