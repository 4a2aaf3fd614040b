"""`segengine segment …`: customer files as segments."""

import io
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from segengine import Engine, Segment, UploadReport, phrases
from segengine.cli import named
from segengine.cli.answer import Answer, facts, table
from segengine.cli.command import command

app = typer.Typer(name="segment", help="Segments: upload customer files, list, show, delete.", no_args_is_help=True)

Parent = Annotated[
    str,
    typer.Argument(
        metavar="CAMPAIGN", show_default=False, help="`acme/spring`; or `acme` for segments shared by its campaigns."
    ),
]
Name = Annotated[str, typer.Argument(metavar="SEGMENT", show_default=False, help="`acme/spring/abonnes-2018-01`.")]


@command(app, "upload", writes=True)
def upload(
    engine: Engine,
    parent: Parent,
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="Display name or id; made if absent.")
    ],
    file: Annotated[
        str, typer.Argument(metavar="FILE", show_default=False, help="CSV, txt, gz, zip, zst; `-` is stdin.")
    ],
    column: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The column of the hashes, from 1.", show_default=False)
    ] = None,
    id: Annotated[  # noqa: A002 - the word for it
        str, typer.Option("--id", metavar="ID", help="The id of a new segment.", show_default="made from the name")
    ] = "",
) -> Answer:
    """Replace all members of a segment by a customer file: one MD5 of a lower-case e-mail for each line."""
    source = _standard_input() if file == "-" else file
    started = time.monotonic()
    segment = named.place(engine, parent).segments.upload(name, source, id=id, column=column)
    seconds = time.monotonic() - started
    report = segment.report
    lines = [f"{segment.display_name} ({segment.path})  {segment.status} in {seconds:.1f} s"]
    if report is not None:
        lines[0] = (
            f"{segment.display_name} ({segment.path})  {phrases.count(report.rows_total, 'line')}"
            f"  {segment.status} in {seconds:.1f} s"
        )
        lines.append(phrases.upload(segment, report))
        lines.extend(phrases.warnings(report))
    return Answer(segment, "\n".join(lines))


def _standard_input() -> io.RawIOBase:
    """Return standard input without Python's buffer.

    Behind gRPC it is read by a thread that Ctrl-C leaves behind; at exit Python would wait for the lock of the buffer.
    """
    raw = io.FileIO(0, closefd=False)
    raw.name = "standard input"
    return raw


@command(app, "create", writes=True)
def create(
    engine: Engine,
    parent: Parent,
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="Display name, unique in its parent.")
    ],
    id: Annotated[  # noqa: A002 - the word for it
        str, typer.Option("--id", metavar="ID", help="The id.", show_default="made from the name")
    ] = "",
) -> Answer:
    """Create an empty segment, which adgroups may name before its file has come."""
    segment = named.place(engine, parent).segments.create(name, id=id)
    return Answer(segment, f"created {segment.path}, number {segment.number}")


@command(app, "list")
def list_(engine: Engine, parent: Parent) -> Answer:
    """List the segments of a campaign, or those shared at an advertiser."""
    segments = list(named.place(engine, parent).segments)
    headings = ("ID", "NAME", "STATUS", "PROFILES", "REACHABLE", "REACH", "UPDATED")
    return Answer(segments, lambda: table(headings, map(_row, segments), numbers=(3, 4, 5)))


def _row(segment: Segment) -> tuple[str, ...]:
    return (
        segment.id,
        segment.display_name,
        segment.status,
        phrases.size(segment.profile_count, hidden=segment.below_minimum),
        phrases.size(segment.reachable_count, hidden=segment.below_minimum),
        phrases.percent(segment.reach),
        phrases.instant(segment.update_time),
    )


@command(app, "show")
def show(engine: Engine, name: Name) -> Answer:
    """Show a segment and the report of its last upload."""
    segment = named.segment(engine, name)
    return Answer(segment, lambda: facts(_facts(segment)))


def _facts(segment: Segment) -> Iterator[tuple[str, str]]:
    profiles = phrases.size(segment.profile_count, hidden=segment.below_minimum)
    reachable = phrases.size(segment.reachable_count, hidden=segment.below_minimum)
    yield "segment", segment.path
    yield "name", segment.display_name
    yield "number", str(segment.number)
    yield "status", segment.status
    yield "failure", segment.failure
    yield "profiles", profiles
    yield "reachable", f"{reachable}  (reach {phrases.percent(segment.reach)})"
    yield "identifiers", phrases.count(segment.identifier_count)
    yield "created", phrases.instant(segment.create_time)
    yield "updated", phrases.instant(segment.update_time)
    if segment.report is not None:
        yield from _report_facts(segment.report)


def _report_facts(report: UploadReport) -> Iterator[tuple[str, str]]:
    number = phrases.count
    lines = f"{number(report.blank)} blank + {number(report.header)} header + {number(report.valid)} valid"
    invalid = phrases.invalid_lines(report.invalid_reasons)
    yield "last file", f"{number(report.rows_total, 'line')} = {lines} + {invalid}"
    yield "", f"{number(report.valid)} valid = {number(report.unique)} unique + {number(report.duplicate, 'duplicate')}"
    yield "change", f"{number(report.added)} added, {number(report.removed)} removed, {number(report.kept)} kept"
    for advice in report.advice:
        yield "advice", str(advice)
    for sample in report.samples:
        yield f"line {sample.line:,}", f"{sample.reason}  {sample.masked}"


@command(app, "delete", writes=True)
def delete(engine: Engine, name: Name) -> Answer:
    """Delete a segment; refused while an adgroup uses it."""
    segment = named.segment(engine, name)
    revision = segment.delete()
    return Answer({"name": segment.name, "path": segment.path, "revision": revision}, f"deleted {segment.path}")
