"""Writes COMPARE.md, and the figures of README, from the newest record of each kind.

    python benches/compare/table.py [--check]

What is printed is what benches/record holds: nothing is rounded up, a bar without a record is "not measured", a peer
with a wrong answer is marked WRONG with its count. `--check` writes nothing and fails when a page is not what the
records say.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from typing import TYPE_CHECKING

from bars import BARS, CITED_AT, CITED_BASELINE_US, CITED_US, WHY, rounds_of, shown, text_of

if TYPE_CHECKING:
    from bars import Bar, Figure, Record

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "benches" / "record"
PAGE = ROOT / "COMPARE.md"
README = ROOT / "README.md"
MARKS = ("<!-- figures: written by benches/compare/table.py -->", "<!-- end of the figures -->")

#: Sides that are wrong for themselves alone; any other side of a record is ours, or what a figure rests on.
PEERS = (
    "pyroaring offset",
    "numpy slots",
    "python sets",
    "duckdb",
    "polars",
    "pandas",
    "redis",
    "grpcio",
    "lucene",
    "a-tree",
)
PEERS += ("mokaccino", "mokaccino-fields")

HOW = {
    "ours in Rust": "the same engine without Python, over a copy of the data",
    "mokaccino": "crate 0.9, `optimized()`, one field with a value for each segment: how one would write it",
    "mokaccino-fields": "the same with a field for each segment, the fastest layout found",
    "a-tree": "crate 0.6, `one of` and `none of` over one list",
    "lucene": "Lucene Monitor 9.11.1, FILTER for each clause, multi-pass presearcher with term frequencies",
    "duckdb": "one SQL query a user over literals as tables",
    "redis": "Redis 7, a SET of segments for each user, candidates checked in the client",
}


def newest(folder: Path) -> dict[str, Record]:
    """The newest record of each kind."""
    found: dict[str, Record] = {}
    for path in sorted(folder.glob("*/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        kept = found.get(record["what"])
        if kept is None or record["at"] > kept["at"]:
            found[record["what"]] = record
    return found


def machine_of(record: Record) -> str:
    """The machine and the day."""
    machine = record["machine"]
    return f"{record['at'][:10]}, {machine['cores']} cores of an {machine['cpu']}"


def wrongs(record: Record, among: set[str] | None = None) -> str:
    """WRONG with the count of each side that was (of these, or of all), or nothing."""
    wrong = {side: count for side, count in record.get("wrong", {}).items() if among is None or side in among}
    sides = [f"WRONG: {side} {count}" for side, count in wrong.items() if count]
    return " · ".join(sides)


def spread(figure: Figure) -> str:
    """Least and most of the rounds."""
    if figure.low == figure.high:
        return "one run"
    return f"{shown(figure.low)} – {shown(figure.high)}"


def bar_row(bar: Bar, record: Record | None) -> str:
    """One line of the table of bars."""
    figure = bar.read(record) if record else None
    if record is None or figure is None:
        return f"| {bar.number} | {bar.what} | not measured | | | | {bar.needed()} | – |"
    own = set(record.get("wrong", {})) - set(PEERS)
    beside = figure.beside.rpartition(": ")[2] + " "  # a side, or a side and its size
    wrong = wrongs(record, own | {peer for peer in PEERS if beside.startswith(peer + " ")})
    verdict = wrong or bar.verdict(figure)
    ratio = f"{shown(figure.value)} {figure.unit}"
    return (
        f"| {bar.number} | {bar.what} | {figure.ours} | {figure.beside or '–'} | {ratio} | {spread(figure)} "
        f"| {bar.needed()} | {verdict} |"
    )


def bars_table(records: dict[str, Record]) -> list[str]:
    """The table of the bars."""
    rows = [bar_row(bar, records.get(bar.kind)) for bar in BARS]
    return [
        "| bar | operation | segengine | beside it | figure | spread over rounds | needed | |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
    ]


def ahead(records: dict[str, Record]) -> list[str]:
    """The bars where what stands beside it is faster or smaller, and why."""
    lines = []
    for bar in BARS:
        record = records.get(bar.kind)
        figure = bar.read(record) if record else None
        if figure is None or figure.unit != "×" or not figure.beside:
            continue
        behind = figure.value < 1 if bar.most is None else figure.value > 1
        if behind:
            reason = WHY.get(bar.what, "not yet understood; the record holds every round")
            lines.append(f"- {bar.what}: {figure.ours} beside {figure.beside}. {reason[0].upper()}{reason[1:]}.")
    return lines or ["- Nowhere among what was measured here."]


def peers_table(record: Record | None) -> list[str]:
    """Every side of the newest run on W1, and what could not be run."""
    if record is None:
        return ["Not measured."]
    rounds, _ = rounds_of(record)
    mine = {"match all": rounds["ours: match all"], "50 candidates": rounds["ours: 50 candidates"]}
    lines = ["| side | operation | a user | spread | times ours | how |", "|---|---|---|---|---|---|"]
    for name, values in rounds.items():
        title, operation = name.split(": ", 1)
        operation = operation.replace("match_ids", "match all")
        median = statistics.median(values)
        ours = mine.get(operation)
        ratio = shown(median / statistics.median(ours)) if ours and title != "ours" else ""
        wrong = record["wrong"].get(title, 0)
        users = record.get("peers", {}).get(title, {}).get("users_a_block")
        how = HOW.get(title, "") + (f"; {users} users a round" if users else "")
        flag = f"WRONG ({wrong} users) " if wrong else ""
        low, high = text_of(min(values), "us"), text_of(max(values), "us")
        lines.append(f"| {flag}{title} | {operation} | {text_of(median, 'us')} | {low} – {high} | {ratio} | {how} |")
    best = min(statistics.median(values) for name, values in rounds.items() if name.endswith("match_ids"))
    for name, cited in CITED_US.items():
        scaled = cited * best / CITED_BASELINE_US
        ratio = scaled / statistics.median(mine["match all"])
        how = f"cited: {text_of(cited, 'us')} beside a baseline of {CITED_BASELINE_US:.0f} µs ({CITED_AT}), scaled"
        lines.append(f"| {name} | match all | {text_of(scaled, 'us')} | | {shown(ratio)} | {how} |")
    lines += [f"| {name} | – | could not be run here | | | {why} |" for name, why in record.get("not_here", {}).items()]
    redis = record.get("peers", {}).get("redis")
    if redis:
        lines += [
            "",
            (
                f"Redis takes {redis['bytes_a_membership']:.2f} B a membership in one direction, keys and SETs "
                f"together ({redis['users']:,} users); it cannot answer which adgroups match without asking each."
            ),
        ]
    return lines


def shapes_table(records: dict[str, Record]) -> list[str]:
    """All adgroups and 50 candidates on every shape that was measured."""
    lines = [
        "| workload | all adgroups | best baseline | times | 50 candidates | Python sets | times | 500 candidates |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, record in sorted(records.items()):
        if not kind.startswith("match-"):
            continue
        rounds, _ = rounds_of(record)
        median = {name: statistics.median(values) for name, values in rounds.items()}
        best = min(value for name, value in median.items() if name.endswith("match_ids"))
        alls, fifty, sets = (
            median["ours: match all"],
            median["ours: 50 candidates"],
            median["python sets: 50 candidates"],
        )
        many = median.get("ours: 500 candidates")
        cells = [
            kind.removeprefix("match-") + (f" {wrongs(record)}" if wrongs(record) else ""),
            text_of(alls, "us"),
            text_of(best, "us"),
            f"{best / alls:.1f}",
            text_of(fifty, "us"),
            text_of(sets, "us"),
            f"{sets / fifty:.1f}",
            text_of(many, "us") if many else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def sides_table(records: dict[str, Record]) -> list[str]:
    """Every side of the records that have no table of their own."""
    lines = ["| record | side | median | spread |", "|---|---|---|---|"]
    for kind, record in sorted(records.items()):
        rounds, unit = rounds_of(record)
        if kind.startswith("match-"):
            continue
        for name, values in rounds.items():
            median = text_of(statistics.median(values), unit)
            low, high = text_of(min(values), unit), text_of(max(values), unit)
            lines.append(f"| {kind} | {name} | {median} | {low} – {high} |")
        for name, value in record.get("facts", {}).items():
            if isinstance(value, int | float):
                lines.append(f"| {kind} | {name} | {text_of(value, '')} | |")
    return lines


def growth_lines(record: Record | None) -> list[str]:
    """The slopes and the curves."""
    if record is None:
        return ["Not measured."]
    lines = [
        "Log-log slopes: 1 is proportional. Times of a request are processor time, memory is the whole process.",
        "",
        "| against | from | to | what | slope |",
        "|---|---|---|---|---|",
    ]
    for name, curve in record["curves"].items():
        for what, slope in curve["slopes"].items():
            lines.append(f"| {name} | {curve['x'][0]:,} | {curve['x'][-1]:,} | {what} | {slope:.2f} |")
    lines += ["", *(f"![{name}](docs/growth/{name.replace(' ', '-')}.svg)" for name in record["curves"])]
    return lines


def equality_lines(record: Record | None) -> list[str]:
    """How many answers were compared with the naive oracle."""
    if record is None:
        return ["Not measured."]
    lines = [
        (
            f"{record['checks']:,} answers (user, adgroup) compared with the oracle, {record['differences']:,} "
            f"differed ({machine_of(record)}, seed {record['options']['seed']}):"
        ),
        "",
        "| workload | checks | true | differences |",
        "|---|---|---|---|",
    ]
    for name, part in record["parts"].items():
        lines.append(f"| {name} | {part['checks']:,} | {100 * part['true']:.1f} % | {part['differences']} |")
    shares = record.get("dense_shares", {})
    if shares:
        text = ", ".join(f"{kind} {100 * true:.0f} %" for kind, true in shares.items())
        lines += ["", f"Dense generator, share true by kind of node: {text}."]
    return lines


PAGE_TEXT = """\
# segengine beside its peers

Facts, generated by `benches/compare/table.py` from the newest record of each kind in benches/record, which holds every
round; `make check-compare` fails when this page says something else. The sides of a round take turns in one run; a
figure is a ratio of medians, its spread the least and most within a round. Answers are compared with a naive oracle
before the clock starts, and a side that differs is marked WRONG.

Run it: `make bench` (all of this but growth and equality, at most 20 minutes beyond building), `make bench-quick` (in
small, 3 minutes, recorded below target/), `make bench-growth`, `make bench-equality`. The baselines benches/baseline.py
and benches/baseline_bulk.py are used unedited; their hashes are in every record.

## The bars

{bars}

W1: 20,000 segments, 1M users with 70 of them each, 100,000 adgroups. Every user is asked once. Ours is called through
Python from an identifier's text; the baselines start from a list of segments made before the clock.

## The peers on W1

{peers}

Peers in other languages run in a process of their own, which keeps its own time; what they are asked with is made
before their clock, and slow ones are asked fewer users of each round, all of them distinct.

## Where a peer is ahead, and why

{ahead}

## Other workloads

{shapes}

benches/definitions says what each is.

## Every other side

{sides}

## Growth

{growth}

## The same answers

{equality}

## When and where

{dates}
"""


def page(records: dict[str, Record]) -> str:
    """COMPARE.md."""
    dates = [f"- {kind}: {machine_of(record)}" for kind, record in sorted(records.items())]
    parts = {
        "bars": bars_table(records),
        "peers": peers_table(records.get("match-W1")),
        "ahead": ahead(records),
        "shapes": shapes_table(records),
        "sides": sides_table(records),
        "growth": growth_lines(records.get("growth")),
        "equality": equality_lines(records.get("equality")),
        "dates": dates,
    }
    return PAGE_TEXT.format(**{name: "\n".join(lines) for name, lines in parts.items()})


def figures(records: dict[str, Record]) -> str:
    """The table of README: the bars that a reader asks for first."""
    wanted = {
        "match all of 100,000 adgroups, W1, cold users": "which of 100,000 adgroups, each user for the first time",
        "50 candidates, through Python": "which of 50 candidates",
        "gRPC unary: answers a second": "50 candidates over gRPC, answers a second",
        "reach of 15-literal expressions": "reach of 15 literals over 10M profiles",
        "upload of 10M lines, cold, to the Match of the last": "a file of 10M lines, to the Match for its last line",
        "memory of both directions": "memory of both directions",
    }
    lines = [MARKS[0], "| | segengine | beside it |", "|---|---|---|"]
    for bar in BARS:
        record = records.get(bar.kind)
        figure = bar.read(record) if record and bar.what in wanted else None
        if figure is not None:
            lines.append(f"| {wanted[bar.what]} | {figure.ours} | {figure.beside or '–'} |")
    return "\n".join([*lines, MARKS[1]])


def readme_with(text: str, table: str) -> str:
    """README with its figures replaced."""
    before, rest = text.split(MARKS[0], 1)
    return before + table + rest.split(MARKS[1], 1)[1]


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    records = newest(RECORDS)
    readme = README.read_text(encoding="utf-8")
    pages = {PAGE: page(records), README: readme_with(readme, figures(records))}
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if options.check:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: is not what benches/record says; run `make compare`")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    print(f"COMPARE.md from {len(records)} records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
