"""`segengine match|explain|count|overlap …`: what an engine is asked."""

from collections.abc import Iterable
from typing import Annotated

import typer

from segengine import Engine, Overlap, phrases
from segengine.cli import named
from segengine.cli.answer import Answer, facts, plain, table
from segengine.cli.command import command
from segengine.cli.refusal import Misuse

Identifiers = Annotated[
    list[str],
    typer.Argument(
        metavar="IDENTIFIER...", show_default=False, help="Of ONE user: `network:7f3c…`, `email_md5:…`, `kind@scope:…`."
    ),
]
Parent = Annotated[
    str,
    typer.Argument(metavar="CAMPAIGN", show_default=False, help="`acme/spring`, or `acme`: where names are looked up."),
]
Context = Annotated[
    list[str] | None,
    typer.Option(metavar="SEGMENT", help="Counted as a member of it, for this question only.", show_default=False),
]


def _context(engine: Engine, names: Iterable[str] | None) -> list[int] | None:
    if names is None:
        return None
    return [int(name) if name.isdecimal() else named.segment(engine, name).number for name in names]


def candidate_numbers(engine: Engine, texts: Iterable[str]) -> list[int]:
    """Return the integer ids of adgroups given as numbers or names, singly or separated by commas."""
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    return [int(word) if word.isdecimal() else named.adgroup(engine, word).number for word in words]


def match(
    engine: Engine,
    identifiers: Identifiers,
    candidates: Annotated[
        list[str] | None,
        typer.Option(metavar="ID,ID,…", help="Only these adgroups, in this order; `none` is no adgroup at all."),
    ] = None,
    context: Context = None,
) -> Answer:
    """Say which adgroups one user may see."""
    chosen = None if candidates is None else [] if candidates == ["none"] else candidate_numbers(engine, candidates)
    if chosen is not None and candidates != ["none"] and not chosen:
        raise Misuse("--candidates: no adgroup is named", "write --candidates 12,31,7; `none` answers nothing")
    numbers = _context(engine, context)
    found = engine.match(*identifiers, candidates=chosen, context=numbers)
    names = found.names()
    known = [bool(found.identified >> position & 1) for position in range(len(identifiers))]
    adgroups = [{"id": number, "name": name} for number, name in zip(found, names, strict=True)]
    data = {
        "adgroups": adgroups,
        "generation": found.generation,
        "identified": known,
        "skipped": found.skipped,
    }
    parts = [
        phrases.count(len(names), "adgroup"),
        f"{sum(known)} of {phrases.count(len(known), 'identifier')} known",
        *([f"{found.skipped} skipped"] if found.skipped else []),
        f"generation {found.generation}",
    ]
    rows = [(str(one["id"]), str(one["name"])) for one in adgroups]
    shown = [table(("NUMBER", "ADGROUP"), rows, numbers=(0,))] if rows else []
    return Answer(data, lambda: "\n".join([*shown, " · ".join(parts)]))


def explain(
    engine: Engine,
    identifiers: Identifiers,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="ADGROUP|SEGMENT", show_default=False, help="`acme/spring/conquest`, or an adgroup's integer id."
        ),
    ],
    context: Context = None,
) -> Answer:
    """Say why a user may see an adgroup or is in a segment, or why not."""
    found = engine.explain(*identifiers, named.subject(engine, subject), context=_context(engine, context))
    return Answer(found.to_dict(), str(found))


def count(
    engine: Engine,
    parent: Parent,
    expression: Annotated[
        str,
        typer.Argument(
            metavar="EXPRESSION", show_default=False, help="`(a | b) & !c`; ids, or display names in double quotes."
        ),
    ],
) -> Answer:
    """Count the people of an expression, and how many of them can be reached."""
    place = named.place(engine, parent)
    found = engine.count(named.set_of(place, expression), campaign=place)
    hidden, minimum = found.below_minimum, found.minimum
    pairs = (
        ("profiles", phrases.size(found.profile_count, hidden=hidden, minimum=minimum)),
        ("reachable", phrases.size(found.reachable_count, hidden=hidden, minimum=minimum)),
        ("reach", phrases.percent(found.reach)),
        ("as of", f"{phrases.instant(found.as_of.time)}  (generation {found.as_of.generation})"),
    )
    return Answer({"expression": expression, **plain(found)}, lambda: facts(pairs))


def overlap(
    engine: Engine,
    parent: Parent,
    sets: Annotated[
        list[str],
        typer.Argument(metavar="SET...", show_default=False, help="At most 8 segments or expressions."),
    ],
) -> Answer:
    """Count the people that segments or expressions have in common, pair by pair."""
    place = named.place(engine, parent)
    found = engine.overlap([named.set_of(place, text) for text in sets], campaign=place)
    data = {**plain(found), "names": list(sets)}
    return Answer(data, lambda: table(("", *sets), _overlap_rows(found, sets), numbers=range(1, len(sets) + 1)))


def _overlap_rows(found: Overlap, sets: list[str]) -> Iterable[list[str]]:
    for row, name in enumerate(sets):
        yield [
            name,
            *(
                phrases.size(
                    int(found[row, column]), hidden=bool(found.below_minimum[row, column]), minimum=found.minimum
                )
                for column in range(len(sets))
            ),
        ]


def register(app: typer.Typer) -> None:
    """Make these functions commands of `app`."""
    for function in (match, explain, count, overlap):
        command(app, function.__name__)(function)
