"""`make run`: a customer file becomes a yes or no for an impression, told on a live server in a minute.

The story makes its own files (`demo_files`), starts a server on a data directory and from there on speaks only to the
public gRPC, as an ad server and a job would. Every figure that it prints was answered or measured there. Then it serves
until Ctrl-C. ``demo-data/`` and its key are made anew each time; ``--data DIR`` tells the story on a directory that
stays.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import fcntl
import io
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import segengine
from segengine import demo_files, phrases
from segengine.errors import FailedPreconditionError, SegengineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType
    from typing import BinaryIO

    from segengine import Campaign, Engine, Segment, Server, UploadReport
    from segengine.demo_files import DemoFiles

DEMO_DATA = "demo-data"
PORT = 50_051
_MATCHES_TIMED = 300
_MATCHES_WARM = 50
_LEFT = 31
_BAR_COLUMNS = 18


@dataclass(frozen=True)
class AdgroupPlan:
    """An adgroup of the story: members of any of `include` (of everybody when that is empty), but not of `exclude`."""

    id: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plot:
    """What happens: the names of the segments, the adgroups, and the one that is asked about."""

    campaign: str = "acme/spring"
    subscribers: str = "Abonnés - 2018-01"
    actives: str = "Clients actifs"
    adgroups: tuple[AdgroupPlan, ...] = (
        AdgroupPlan("conquest", ("Clients actifs",), ("Abonnés - 2018-01",)),
        AdgroupPlan("brand"),
        AdgroupPlan("loyalty", ("Abonnés - 2018-01",)),
    )
    why_not: str = "loyalty"


@dataclass(frozen=True)
class Told:
    """What the engine answered.

    Attributes
    ----------
    report : UploadReport
        Of the subscribers' file.
    profile_count, reach
        Of the subscribers' segment.
    matches : tuple of str
        The adgroups that the visitor may see, by id, in the order of the plot.
    reason : str
        Why the visitor may see `Plot.why_not`, or why not.
    """

    report: UploadReport
    profile_count: int
    reach: float | None
    matches: tuple[str, ...]
    reason: str


def tell(engine: Engine, files: DemoFiles, plot: Plot) -> Told:
    """Tell the story on an engine, line by line as it happens; return what was answered."""
    spring = engine.campaigns.create(plot.campaign, exist_ok=True)
    engine.link(files.links, seen=dt.datetime.now(dt.UTC))
    spring.segments.upload(plot.actives, files.actives, progress=False)
    subscribers, report = _upload(spring, plot.subscribers, files.subscribers)
    for plan in plot.adgroups:
        _plan(spring, plan)
    _say("②", "adgroup", f"{plot.campaign}/{plot.adgroups[0].id}", _who(plot.adgroups[0]))
    matches = _impression(engine, files.visitor, plot)
    explanation = engine.explain(files.visitor, f"{plot.campaign}/{plot.why_not}")
    reason = explanation.reasons[0] if explanation.reasons else str(explanation)
    ask = f'why{"" if explanation.matches else " not"} "{plot.why_not}"?'
    head = f"   {ask}"
    print(f"{head:<{_LEFT}} {reason}", flush=True)
    return Told(report, subscribers.profile_count, subscribers.reach, matches, reason)


def _say(number: str, verb: str, subject: str, rest: str) -> None:
    head = f"{number} {verb:<7} {subject}"
    print(f"{head:<{_LEFT}} {rest}", flush=True)


def _who(plan: AdgroupPlan) -> str:
    parts = ([f"INCLUDE {' or '.join(plan.include)}"] if plan.include else []) + (
        [f"EXCLUDE {', '.join(plan.exclude)}"] if plan.exclude else []
    )
    return "   ".join(parts) or "everybody"


def _plan(spring: Campaign, plan: AdgroupPlan) -> None:
    include, exclude = list(plan.include), list(plan.exclude)
    adgroup = spring.adgroups.create(plan.id, include=include, exclude=exclude, exist_ok=True)
    adgroup.update(include=include, exclude=exclude)  # on a directory that stays it may have been another one


def _impression(engine: Engine, visitor: str, plot: Plot) -> tuple[str, ...]:
    """Ask for the visitor's adgroups until the time of an answer is known."""
    numbers = {engine.adgroups.get(f"{plot.campaign}/{plan.id}").number: plan.id for plan in plot.adgroups}
    times_us = []
    for _ in range(_MATCHES_WARM + _MATCHES_TIMED):
        started = time.perf_counter()
        engine.match(visitor, candidates=list(numbers))
        times_us.append((time.perf_counter() - started) * 1e6)
    match = engine.match(visitor, candidates=list(numbers))
    matches = tuple(numbers[number] for number in match)
    median_us = statistics.median(times_us[_MATCHES_WARM:])
    found = f"→ {', '.join(matches) or 'nothing'}"
    _say(
        "③",
        "impression",
        f"{visitor[:12]}…",
        f"{found:<22} generation {match.generation}    {median_us:,.0f} µs by gRPC, median of {_MATCHES_TIMED}",
    )
    return matches


def _upload(spring: Campaign, name: str, path: Path) -> tuple[Segment, UploadReport]:
    """Upload a file; on a terminal a bar grows as it goes, and gives way to the line that stays."""
    started = time.perf_counter()
    total = path.stat().st_size
    with _growing(name, total) as grow, path.open("rb") as file:
        operation = spring.segments.upload(name, _Watched(file, grow), wait=False)
        for record in operation.watch():
            grow(total * (1 + (record.fraction or 0)) / 2)
        segment = operation.result()
    seconds = time.perf_counter() - started
    report = segment.report
    if report is None:
        raise FailedPreconditionError(f"the upload of {path.name} left no report")
    lines = phrases.count(report.rows_total, "line")
    _say("①", "upload", name, f"{'━' * _BAR_COLUMNS} {lines}  PROCESSING → {segment.status} in {seconds:.1f} s")
    print(f"{'':<10}{phrases.upload(segment, report)}", flush=True)
    return segment, report


@contextlib.contextmanager
def _growing(name: str, total_bytes: int) -> Iterator[Callable[[float], None]]:
    """Yield what is told how many bytes are done; nothing is shown where standard output is no terminal."""
    if not sys.stdout.isatty():
        yield lambda _done: None
        return
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - of use on a terminal only

    columns = (TextColumn("① upload  {task.description}"), BarColumn(_BAR_COLUMNS), TextColumn("PROCESSING"))
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(f"{name:<{_LEFT - 10}}", total=total_bytes)
        yield lambda done: progress.update(task, completed=done)


class _Watched:
    """An open file that tells how much of it was taken: sending is the first half of the way."""

    def __init__(self, file: BinaryIO, grow: Callable[[float], None]) -> None:
        self._file, self._grow = file, grow
        self.name = Path(file.name).name

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        content = self._file.read(size)
        self._grow(self._file.tell() / 2)
        return content


def renew(data: Path) -> None:
    """Remove the directory of an earlier story, and its key.

    Raises
    ------
    DirectoryLockedError
        While another story serves from it.
    FailedPreconditionError
        When it holds something else.
    """
    if data.is_dir() and any(data.iterdir()):
        if not (data / "FORMAT").is_file():
            raise FailedPreconditionError(f"{data}/ holds something else", hint="move it away, or give --data DIR")
        with (data / "LOCK").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                segengine.open(data, create=False).close()  # which is refused, and says by whom and what to do
        shutil.rmtree(data)
    data.with_name(f"{data.name}.key").unlink(missing_ok=True)


def start(data: Path) -> Server:
    """Serve a data directory on the usual port, or on a free one when that is in use."""
    try:
        return segengine.serve(data, port=PORT)
    except FailedPreconditionError as error:
        if error.field != "listen":
            raise
        return segengine.serve(data, port=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story, then serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="make run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="end after the story")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help=f"a directory that stays (default: {DEMO_DATA}/, made anew)"
    )
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no ✓ shows another mark
    try:
        _run(given.data, once=given.once)
    except SegengineError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint:  {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _run(data: Path | None, *, once: bool) -> None:
    if data is None:
        data = Path(DEMO_DATA)
        renew(data)
    with start(data) as server:
        print(phrases.banner(segengine.__version__, str(data), server.target), flush=True)
        with tempfile.TemporaryDirectory() as folder, segengine.connect(server.target) as engine:
            files = demo_files.make(Path(folder))
            plot = Plot()
            tell(engine, files, plot)
        if once:
            return
        command = f"{_program()} explain --target {server.target} {files.visitor} {plot.campaign}/{plot.why_not}"
        print(f"serving; Ctrl-C stops.   Try:  {command}", flush=True)
        server.wait()


def _program() -> str:
    """Return how a person here calls the command line."""
    beside = Path(sys.executable).with_name("segengine")
    if not beside.exists():
        return "segengine"
    short = os.path.relpath(beside)
    return str(beside) if short.startswith("..") else short


if __name__ == "__main__":
    sys.exit(main())
