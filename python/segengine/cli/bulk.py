"""`segengine load|link|unlink|sample`: many rows at once, and a file to begin with."""

import datetime as dt
from typing import Annotated

import typer

import segengine
from segengine import Engine, LinkReport, phrases
from segengine.cli import named
from segengine.cli.answer import Answer, plain, table, write
from segengine.cli.command import command
from segengine.cli.refusal import Misuse

Pairs = Annotated[
    str,
    typer.Argument(
        metavar="FILE", show_default=False, help="CSV of two columns: identifiers of one person, `kind:value`."
    ),
]


def load(
    engine: Engine,
    parent: Annotated[str, typer.Argument(metavar="CAMPAIGN", show_default=False, help="`acme/spring`, or `acme`.")],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="CSV with a line of column names: identifier,segment; or value,segment with --kind; and seen.",
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Of the column `value`: network, email_md5, …", show_default=False),
    ] = None,
    scope: Annotated[
        str | None, typer.Option(metavar="SCOPE", help="Of the column `value`: site, advertiser, …", show_default=False)
    ] = None,
) -> Answer:
    """Load (identifier, segment) pairs: absent segments are made, the members of those named are replaced."""
    if scope is not None and kind is None:
        raise Misuse("--scope without --kind", "say what the values are, such as --kind visitor")
    report = engine.load(file, campaign=named.place(engine, parent), kind=kind, scope=scope)
    head = (
        f"{phrases.count(report.rows_total, 'pair')} = {phrases.count(report.unique)} unique"
        f" + {phrases.count(report.duplicates, 'duplicate')} + {phrases.invalid_lines(report.invalid)}"
    )
    rows = [
        (one.display_name, phrases.count(one.profile_count), "new" if one.created else "") for one in report.segments
    ]
    foot = f"{phrases.count(report.identifiers, 'identifier')}, {phrases.count(report.new_identifiers)} of them new"
    return Answer(
        {**plain(report), "invalid_total": report.invalid_total},
        lambda: "\n".join([head, table(("SEGMENT", "PROFILES", ""), rows, numbers=(1,)), foot]),
    )


def link(
    engine: Engine,
    file: Pairs,
    seen: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="When they were seen, which makes them reachable.", show_default=False),
    ] = None,
) -> Answer:
    """Link pairs of identifiers that belong to one person; all of them or none."""
    report = engine.link(file, seen=None if seen is None else _day(seen))
    note = "" if seen is not None else "\nwithout --seen this makes nobody reachable who was not"
    return _linked(report, "linked", note)


def unlink(engine: Engine, file: Pairs) -> Answer:
    """Withdraw links; a pair that was never linked changes nothing."""
    return _linked(engine.unlink(file), "unlinked")


def _linked(report: LinkReport, verb: str, note: str = "") -> Answer:
    parts = [
        f"{phrases.count(report.pairs, 'pair')}: {phrases.count(report.changed)} {verb}",
        f"{phrases.count(report.unchanged)} were so already",
        f"{phrases.count(report.new_identifiers, 'new identifier')}",
    ]
    if report.dissolved:
        parts.append(f"{phrases.count(report.dissolved, 'shared device')} dissolved")
    return Answer(report, " · ".join(parts) + note)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Misuse(f"--seen: {text!r} is no date", "write it like 2018-01-31") from None


def sample() -> None:
    """Print a customer file that uploads as it is."""
    write(segengine.sample())


def register(app: typer.Typer) -> None:
    """Make these functions commands of `app`."""
    for function in (load, link, unlink):
        command(app, function.__name__, writes=True)(function)
    command(app, "sample")(sample)
