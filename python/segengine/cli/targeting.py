"""`segengine target …`: who may see an adgroup."""

import csv
import datetime as dt
from typing import Annotated, Any

import typer

from segengine import Adgroup, Engine, Status, Targeting, phrases
from segengine.cli import named
from segengine.cli.answer import Answer, facts, plain
from segengine.cli.refusal import Misuse
from segengine.errors import InvalidInputError, NotFoundError

# Display names are looked up one by one: past so many an adgroup is shown with ids.
_NAMES_SHOWN = 50


def include_groups(include: list[str], groups: list[str]) -> list[list[str]]:
    """Return the include groups: all of `include` is one, each text of `groups` is another, separated by commas.

    >>> include_groups(["a", "b"], ['c,"Lyon, centre"', "d"])
    [['a', 'b'], ['c', 'Lyon, centre'], ['d']]
    """
    rows = [[cell.strip() for cell in row] for row in csv.reader(groups, skipinitialspace=True)]
    if len(rows) != len(groups) or any(not cell for row in rows for cell in row):
        raise Misuse(
            "--include-group: a group names at least one segment, and no empty one",
            "write --include-group a,b; names with a comma in double quotes",
        )
    return ([include] if include else []) + rows


def moment(text: str, option: str) -> dt.datetime | None:
    """Return an instant with its time zone, or None for the word `none`.

    >>> moment("2018-01-15T00:00+01:00", "--start").astimezone(dt.UTC).isoformat()
    '2018-01-14T23:00:00+00:00'
    """
    if text == "none":
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Misuse(
            f"{option}: {text!r} is no instant with a time zone",
            "write 2018-01-15T00:00+01:00 or 2018-01-15T00:00Z; `none` removes it",
        )
    return found


def _targeting(
    include: list[str], groups: list[str], exclude: list[str], expression: str | None, *, everybody: bool
) -> dict[str, Any]:
    forms = (include or groups or exclude, expression is not None, everybody)
    if sum(map(bool, forms)) > 1:
        raise Misuse(
            "--include and --exclude, --expression and --everybody are three ways to say it",
            "an expression can say all of it: --expression '(a | b) & !c'",
        )
    if everybody:
        return {"targeting": None}
    if expression is not None:
        return {"targeting": expression}
    given = {"include": include_groups(include, groups), "exclude": exclude}
    return given if any(given.values()) else {}


def target(
    engine: Engine,
    name: Annotated[
        str, typer.Argument(metavar="ADGROUP", show_default=False, help="`acme/spring/conquest`; made if absent.")
    ],
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="SEGMENT", help="Members of any of these. Repeat it.", show_default=False),
    ] = None,
    include_group: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="And members of any of these. Repeat it.", show_default=False),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="SEGMENT", help="But none of these. Repeat it.", show_default=False)
    ] = None,
    expression: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Instead: `(a | b) & !c`.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Instead: everybody.")] = False,
    status: Annotated[
        Status | None, typer.Option(case_sensitive=False, help="Whether it may serve.", show_default=False)
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it starts, inclusive.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When it ends, exclusive.", show_default=False)
    ] = None,
    display_name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="The display name.", show_default=False)
    ] = None,
    on_missing_exclude: Annotated[
        str | None,
        typer.Option(
            metavar="hold|serve",
            help="While an excluded segment has no members yet: hold shows it to nobody.",
            show_default=False,
        ),
    ] = None,
) -> Answer:
    """Say who may see an adgroup; segments by id or display name.

    Include, exclude and expression replace the whole targeting; what is not given stays as it is.
    """
    changes = _targeting(include or [], include_group or [], exclude or [], expression, everybody=everybody)
    instants = (("start", start), ("end", end))
    changes |= {key: moment(text, f"--{key}") for key, text in instants if text is not None}
    given = (("status", status), ("display_name", display_name), ("on_missing_exclude", on_missing_exclude))
    changes |= {key: value for key, value in given if value is not None}
    if not changes:
        raise Misuse(
            "nothing to change is given",
            f"give --include, --exclude, --expression, --status, …; `segengine adgroup show {name}` shows what is",
        )
    try:
        adgroup = named.adgroup(engine, name).update(**changes)
    except NotFoundError:
        adgroup = _created(engine, name, changes)
    return adgroup_answer(engine, adgroup)


def _created(engine: Engine, name: str, changes: dict[str, Any]) -> Adgroup:
    parent, slash, own = name.rpartition("/")
    if not slash:
        raise InvalidInputError(
            f"{name!r} names no adgroup", field="name", hint="write it like acme/spring/conquest"
        ) from None
    shown = changes.pop("display_name", None)
    adgroups = named.campaign(engine, parent).adgroups
    return adgroups.create(shown or own, id=own if shown else "", **changes)


def adgroup_answer(engine: Engine, adgroup: Adgroup) -> Answer:
    """Return an adgroup with how many people it has."""
    number = adgroup.count()
    names = _display_names(engine, adgroup.targeting)
    pairs = [
        ("adgroup", f"{adgroup.path}  (number {adgroup.number})"),
        ("name", adgroup.display_name),
        ("status", adgroup.status),
        ("who", phrases.targeting(adgroup.targeting, names)),
        (
            "people",
            f"{phrases.size(number.profile_count, hidden=number.below_minimum, minimum=number.minimum)} profiles",
        ),
        ("reach", phrases.percent(number.reach)),
        ("start", phrases.instant(adgroup.start) if adgroup.start else ""),
        ("end", phrases.instant(adgroup.end) if adgroup.end else ""),
        *(("warning", str(advice)) for advice in adgroup.warnings),
    ]
    return Answer({**plain(adgroup), "count": plain(number)}, lambda: facts(pairs))


def _display_names(engine: Engine, form: Targeting | None) -> dict[str, str]:
    if form is None or form.expression is not None:
        return {}
    segments = dict.fromkeys([name for group in form.include for name in group] + list(form.exclude))
    if len(segments) > _NAMES_SHOWN:
        return {}
    return {name: engine.segments.get(name).display_name for name in segments}
