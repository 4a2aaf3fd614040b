"""Progress of uploads and loads: a bar on a terminal's standard error, nothing elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


class Bar(Protocol):
    """What work in progress is told to."""

    def advance(self, steps: float) -> None:
        """Come further by some steps."""

    def phase(self, text: str, fraction: float | None) -> None:
        """Say what is done now, and how much of the whole."""


class _Silent:
    def advance(self, steps: float) -> None:
        pass

    def phase(self, text: str, fraction: float | None) -> None:
        pass


SILENT: Bar = _Silent()


def watched(bar: Bar, parts: Iterable[T], weight: Callable[[T], float]) -> Iterator[T]:
    """Yield the parts, telling the bar the weight of each once it was taken."""
    for part in parts:
        yield part
        bar.advance(weight(part))


@contextlib.contextmanager
def bar(label: str, total: float | None, *, show: bool | None = None) -> Iterator[Bar]:
    """Show a bar while the block runs.

    Parameters
    ----------
    label : str
        What it is about.
    total : float or None
        Steps in all; None when that is not known.
    show : bool, optional
        Whether to show it; by default only where standard error is a terminal.
    """
    if not (sys.stderr.isatty() if show is None else show):
        yield SILENT
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms that a job without a terminal need not pay
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[phase]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(label, total=total, phase="")

        class _Shown:
            def advance(self, steps: float) -> None:
                shown.advance(task, steps)

            def phase(self, text: str, fraction: float | None) -> None:
                done = None if fraction is None else fraction * (total or 1)
                shown.update(task, phase=text, completed=done, total=total or (None if fraction is None else 1))

        yield _Shown()
