"""`segengine bench`: how fast a server answers, and how much it can take."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import segengine
from segengine import phrases
from segengine.bench import Bench, Capacity, Course, Question, Run, Summary, drawn, summary, users_of
from segengine.bench.curves import duration
from segengine.bench.page import Page, page
from segengine.bench.questions import known, unknown_users
from segengine.bench.runs import SHARES
from segengine.cli.answer import Answer, facts, table
from segengine.cli.command import command
from segengine.cli.refusal import INTERRUPTED, Misuse
from segengine.cli.where import Where
from segengine.errors import StorageError
from segengine.progress import bar

_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "": 1.0, "us": 1e-6, "µs": 1e-6}


def seconds_of(text: str, option: str) -> float:
    """Return a duration in seconds.

    >>> seconds_of("60s", "--duration"), seconds_of("2m", "--duration"), seconds_of("250ms", "--p99")
    (60.0, 120.0, 0.25)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(us|µs|ms|s|m|h|)", text.strip())
    seconds = float(found.group(1)) * _UNITS[found.group(2)] if found else 0.0
    if seconds <= 0:
        raise Misuse(f"{option}: {text!r} is no duration above 0", "write it like 60s, 2m or 500ms")
    return seconds


def adgroups_of(text: str) -> NDArray[np.uint32]:
    """Return the integer ids of a list with ranges.

    >>> adgroups_of("7,1-3")
    array([1, 2, 3, 7], dtype=uint32)
    """
    numbers: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        first, last = (int(found.group(1)), int(found.group(2) or found.group(1))) if found else (1, 0)
        if first > last:
            raise Misuse(f"--adgroups: {part!r} is no integer id and no range", "write --adgroups 1-5000,7001")
        numbers.update(range(first, last + 1))
    return np.array(sorted(numbers), np.uint32)


def _checked(rate: float | None, candidates: str, batch: int, *, stream: bool) -> int | None:
    """Return the number of candidates; None for all."""
    if rate is not None and not rate > 0:
        raise Misuse(f"--rate: {rate:g} requests each second ask nothing", "leave it away to find the capacity")
    if stream and batch > 1:
        raise Misuse("--stream and --batch are two ways to ask", "give one of them")
    if candidates == "all":
        return None
    if not candidates.isdecimal():
        raise Misuse(f"--candidates: {candidates!r} is no number", "write --candidates 50, or all")
    return int(candidates)


def _question(
    engine: segengine.Engine, users: Path | None, adgroups: str | None, asked: tuple[int | None, int, bool, int]
) -> tuple[Question, list[tuple[str, str]]]:
    """Return what to ask, and the facts about it."""
    candidates, batch, stream, seed = asked
    names = unknown_users() if users is None else users_of(users)
    source = "made up: give --users FILE for the users of your site" if users is None else str(users)
    among = np.zeros(0, np.uint32)
    if candidates:
        among = drawn(engine) if adgroups is None else adgroups_of(adgroups)
    question = Question(names, source, among, candidates, batch, stream, seed)
    found, looked_up = known(engine, names)
    chosen = "all adgroups" if candidates is None else f"{candidates} of {phrases.count(len(among), 'adgroup')}"
    shape = {"Match": "one user a call", "MatchBatch": f"{batch} users a call", "MatchStream": "one user a message"}
    return question, [
        ("asked", f"{question.method}: {shape[question.method]}"),
        ("users", f"{phrases.count(len(names))} ({source}); {found} of {looked_up} looked up are known"),
        ("candidates", chosen),
    ]


def bench(
    where: Where,
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", help="Requests each second; without it the capacity is found.", show_default=False),
    ] = None,
    duration: Annotated[str, typer.Option(metavar="TIME", help="Of each rate and server, such as 60s or 2m.")] = "10s",
    users: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A user on each line: identifiers, or an MD5.", show_default=False),
    ] = None,
    candidates: Annotated[
        str, typer.Option(metavar="N|all", help="Adgroups in question, drawn anew each time.")
    ] = "50",
    adgroups: Annotated[
        str | None,
        typer.Option(metavar="1-500,…", help="Draw from these, and not from all there are.", show_default=False),
    ] = None,
    batch: Annotated[int, typer.Option(metavar="N", min=1, max=65_536, help="Users of a request.")] = 1,
    stream: Annotated[bool, typer.Option("--stream", help="Ask over one stream for each connection.")] = False,
    connections: Annotated[int, typer.Option(metavar="N", min=1, max=1_000, help="Connections.")] = 4,
    threads: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Threads of the load generator.")] = 1,
    p99: Annotated[str, typer.Option("--p99", metavar="TIME", help="Bound of a capacity.")] = "10ms",
    against: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A second server; rounds alternate.", show_default=False),
    ] = None,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="With --against.")] = 5,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the curves.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Draws the candidates.")] = 1,
) -> Answer:
    """Measure a server under load: latency at a rate, or the capacity and the latency at 50, 80 and 100 % of it.

    Requests are due at even times, whatever became of the others, and latency counts from when each was due. The
    capacity is the highest rate of which 99 % is answered in time, with nothing failed and the 99th percentile below
    --p99. Ctrl-C ends it and shows what was measured.
    """
    if where.target is None:
        raise Misuse(
            "bench asks a server, and --data names a directory", "`segengine serve DIR`, then --target HOST:PORT"
        )
    seconds, bound_us = seconds_of(duration, "--duration"), seconds_of(p99, "--p99") * 1e6
    wanted = _checked(rate, candidates, batch, stream=stream)
    with where.open() as engine:
        question, about = _question(engine, users, adgroups, (wanted, batch, stream, seed))
    course = Course(
        seconds,
        connections=connections,
        threads=threads,
        bound_us=bound_us,
        rounds=rounds,
        api_key=os.environ.get("SEGENGINE_API_KEY") or None,
    )
    targets = [where.target, *([against] if against and against != where.target else [])]
    with bar("bench", None) as shown:
        running = Bench(targets, question, course, shown.phase)
        capacities, runs = _measured(running, rate)
    about.append(("generator", f"{phrases.count(connections, 'connection')}, {phrases.count(threads, 'thread')}"))
    return _answer(about, capacities, runs, (report, running.stopped, bound_us))


def _measured(running: Bench, rate: float | None) -> tuple[list[Capacity], list[Run]]:
    running.warm_up()
    if rate is not None:
        return [], running.rounds([rate])
    capacities = running.sweep()
    capacity = min(one.capacity for one in capacities)
    return capacities, running.rounds([round(capacity * share, 1) for share in SHARES] if capacity else [])


def _answer(
    about: list[tuple[str, str]],
    capacities: list[Capacity],
    runs: list[Run],
    how: tuple[Path | None, bool, float],
) -> Answer:
    report, stopped, bound_us = how
    for one in capacities:
        found = f"{one.capacity:,.0f} requests/s" if one.capacity else "no rate held the bound"
        text = f"{found} (p99 ≤ {duration(bound_us)}, 99 % in time; a closed loop did {one.peak:,.0f} /s)"
        about.append((f"capacity of {one.target}", text))
    summaries = summary(runs)
    if report is not None:
        try:
            report.write_text(page(Page(about, capacities, runs, summaries)), encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{report}: {error.strerror}", field="report", hint="give another path") from error
        about.append(("report", str(report)))
    if stopped:
        about.append(("interrupted", "these are the figures until then"))
    data = {
        "about": dict(about),
        "capacities": [
            {
                "target": one.target,
                "capacity": one.capacity,
                "peak": one.peak,
                "runs": [run.to_dict() for run in one.runs],
            }
            for one in capacities
        ],
        "runs": [run.to_dict() for run in runs],
        "summary": [one.to_dict() for one in summaries],
        "interrupted": stopped,
    }
    return Answer(data, lambda: _text(about, summaries), INTERRUPTED if stopped else 0)


_HEADINGS = ("SERVER", "DUE /s", "ANSWERED", "P50", "P90", "P99", "P99.9", "MAX", "SERVER P50", "P99", "CPU", "FAILED")


def _text(about: list[tuple[str, str]], summaries: Sequence[Summary]) -> str:
    rows = [_row(one) for one in summaries]
    shown = [table(_HEADINGS, rows, numbers=range(1, len(_HEADINGS)))] if rows else []
    several = [one for one in summaries if one.rounds > 1]
    if several:
        shown.append(_spreads(several))
    late = max((one.median["late_p99_us"] or 0 for one in summaries), default=0.0)
    longest = max((one.median["p99_us"] or 0 for one in summaries), default=0.0)
    if late > longest / 4 and late > 1_000:
        shown.append(f"the generator was late itself by {duration(late)} (p99): give it cores of its own, or --threads")
    return "\n".join([facts(about), *shown])


def _row(one: Summary) -> tuple[str, ...]:
    def text(name: str) -> str:
        value = one.median[name]
        return "–" if value is None else duration(value)

    names = ("p50_us", "p90_us", "p99_us", "p999_us", "max_us", "server_p50_us", "server_p99_us", "server_cpu_us")
    due = "–" if one.rate is None else f"{one.rate:,.0f}"
    failed = ", ".join(f"{count:,} {code}" for code, count in sorted(one.failed.items())) or "0"
    return (one.target, due, f"{one.median['achieved'] or 0:,.0f}", *map(text, names), failed)


def _spreads(several: Sequence[Summary]) -> str:
    rows = []
    for one in several:
        spread = [
            f"{duration(one.low[name] or 0)} … {duration(one.high[name] or 0)}"
            for name in ("p50_us", "p99_us", "server_cpu_us")
        ]
        rows.append((one.target, f"{one.rate or 0:,.0f}", str(one.rounds), *spread))
    return table(("SERVER", "DUE /s", "ROUNDS", "P50 FROM … TO", "P99", "CPU"), rows, numbers=range(1, 6))


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    command(app, "bench")(bench)
