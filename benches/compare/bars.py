"""The bars: what is measured against what, what is needed, and how a record says it.

A `Bar` names the kind of record and how its figure is read from it. Reading never fails on what a record lacks: a bar
without its record is "not measured". Spreads are over the rounds, each round's ratio taken within the round, because
the sides of one round ran side by side.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """What a record says about one bar: both sides as text, the figure that counts, and its least and most."""

    ours: str
    beside: str
    value: float
    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class Bar:
    """One bar: its number, what is done, the kind of record, the reading, what is needed (nothing: it is only told)."""

    number: str
    what: str
    kind: str
    read: Callable[[Record], Figure | None]
    least: float | None = None
    most: float | None = None

    def needed(self) -> str:
        """The need as it is written."""
        if self.least is None and self.most is None:
            return "–"
        return f"≥ {self.least:,}" if self.least is not None else f"≤ {self.most:,}"

    def verdict(self, figure: Figure) -> str:
        """Whether the figure is good enough, in words; nothing where nothing is needed."""
        if self.least is None and self.most is None:
            return ""
        return "met" if self._met(figure) else "**not met**"

    def _met(self, figure: Figure) -> bool:
        return figure.value >= self.least if self.least is not None else figure.value <= (self.most or 0)


def shown(value: float) -> str:
    """A figure with three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def rounds_of(record: Record) -> tuple[dict[str, list[float]], str]:
    """Every round of every side, and the unit."""
    for key, value in record.items():
        if key.startswith("rounds") and isinstance(value, dict):
            return value, key.removeprefix("rounds").removeprefix("_")
    return {}, ""


def text_of(value: float, unit: str) -> str:
    """A figure with three digits and its unit."""
    if unit == "us" and value >= 1_000:
        value, unit = value / 1_000, "ms"
    return f"{shown(value)} {unit.replace('us', 'µs')}".strip()


def side(rounds: dict[str, list[float]], name: str) -> tuple[str, list[float]] | None:
    """A side by its whole name, or the first in which the pattern is found."""
    if name in rounds:
        return name, rounds[name]
    found = [key for key in rounds if re.search(name, key)]
    return (found[0], rounds[found[0]]) if found else None


def times(ours: str, *others: str, higher_wins: bool = False) -> Callable[[Record], Figure | None]:
    """How many times as long the best of the others takes (or how many times as much ours does)."""

    def read(record: Record) -> Figure | None:
        rounds, unit = rounds_of(record)
        mine = side(rounds, ours)
        beside = [found for found in (side(rounds, other) for other in others) if found]
        if mine is None or not beside:
            return None
        best = (max if higher_wins else min)(beside, key=lambda found: statistics.median(found[1]))
        if higher_wins:
            each = [a / b for a, b in zip(mine[1], best[1], strict=False)]
            value = statistics.median(mine[1]) / statistics.median(best[1])
        else:
            each = [b / a for a, b in zip(mine[1], best[1], strict=False)]
            value = statistics.median(best[1]) / statistics.median(mine[1])
        beside_text = f"{text_of(statistics.median(best[1]), unit)}: {best[0].split(':')[0]}"
        return Figure(text_of(statistics.median(mine[1]), unit), beside_text, value, min(each), max(each), "×")

    return read


def share(ours: str, other: str) -> Callable[[Record], Figure | None]:
    """How many times as long ours takes: for bars that only bound what it may cost beside an empty one."""

    def read(record: Record) -> Figure | None:
        rounds, unit = rounds_of(record)
        mine, beside = side(rounds, ours), side(rounds, other)
        if mine is None or beside is None:
            return None
        each = [a / b for a, b in zip(mine[1], beside[1], strict=False)]
        a, b = statistics.median(mine[1]), statistics.median(beside[1])
        unit = unit or "us"  # a share is one of times, and their records have several units
        return Figure(
            text_of(a, unit), f"{text_of(b, unit)}: {beside[0].split(':')[0]}", a / b, min(each), max(each), "×"
        )

    return read


def difference(ours: str, other: str, unit: str) -> Callable[[Record], Figure | None]:
    """Ours less the other."""

    def read(record: Record) -> Figure | None:
        rounds, _ = rounds_of(record)
        mine, beside = side(rounds, ours), side(rounds, other)
        if mine is None or beside is None:
            return None
        each = [a - b for a, b in zip(mine[1], beside[1], strict=False)]
        a, b = statistics.median(mine[1]), statistics.median(beside[1])
        return Figure(
            text_of(a, unit), f"{text_of(b, unit)}: {beside[0].split(':')[0]}", a - b, min(each), max(each), unit
        )

    return read


def value(ours: str, unit: str) -> Callable[[Record], Figure | None]:
    """Ours alone: the median of a side, or a fact."""

    def read(record: Record) -> Figure | None:
        rounds, _ = rounds_of(record)
        facts = record.get("facts", {})
        found = side(rounds, ours)
        values = found[1] if found else facts.get(ours)
        if values is None:
            return None
        values = values if isinstance(values, list) else [values]
        median = statistics.median(values)
        return Figure(text_of(median, unit), "", median, min(values), max(values), unit)

    return read


def cited(name_of_peer: str, cited_us: float, cited_baseline_us: float) -> Callable[[Record], Figure | None]:
    """A peer's cited figure, scaled by what the best baseline takes in this record, over ours."""

    def read(record: Record) -> Figure | None:
        rounds, _ = rounds_of(record)
        indexes = [values for key, values in rounds.items() if key.endswith(": match_ids")]
        mine = rounds.get("ours: match all")
        if mine is None or not indexes:
            return None
        best = min(indexes, key=statistics.median)
        factor = cited_us / cited_baseline_us
        scaled = statistics.median(best) * factor
        each = [b * factor / a for a, b in zip(mine, best, strict=False)]
        ours = statistics.median(mine)
        return Figure(
            text_of(ours, "us"), f"{text_of(scaled, 'us')}: {name_of_peer}", scaled / ours, min(each), max(each), "×"
        )

    return read


INDEXES = ("pyroaring offset: match_ids", "numpy slots: match_ids")
MATCH_ALL = "ours: match all"


def batch_checks(record: Record) -> Figure | None:
    """(user, adgroup) checks a second in one batch, in millions: one core."""
    rounds, _ = rounds_of(record)
    batch = rounds.get("ours: 50 candidates, one batch")
    if batch is None:
        return None
    each = [50 / one for one in batch]
    return Figure(f"{statistics.median(each):.1f} M/s", "", statistics.median(each), min(each), max(each), "M/s")


# Microseconds a user on W1 as others measured them for us on the same kind of machine, with the best baseline's time
# there: neither can be had from a package registry, so they are cited, and scaled by today's baseline.
CITED_US = {"Vespa predicate search": 1_830.0, "be_indexer": 5_150.0}
CITED_BASELINE_US = 153.0
CITED_AT = "2026-11, 2 cores of an AMD EPYC"

#: Every bar, in order.
BARS = (
    Bar("1", "match all of 100,000 adgroups, W1, cold users", "match-W1", times(MATCH_ALL, *INDEXES), least=12),
    Bar("1", "the same, W8: accounts as they are", "match-W8", times(MATCH_ALL, *INDEXES), least=20),
    Bar("1", "the same beside mokaccino", "match-W1", times(MATCH_ALL, "mokaccino: match all"), least=500),
    Bar("1", "the same beside a-tree", "match-W1", times(MATCH_ALL, "a-tree: match all"), least=2_500),
    Bar(
        "1",
        "the same beside Vespa, cited and scaled",
        "match-W1",
        cited("Vespa predicate search", CITED_US["Vespa predicate search"], CITED_BASELINE_US),
        least=100,
    ),
    Bar("1", "the same from Rust, W1", "match-W1", times("ours in Rust: match all", *INDEXES)),
    Bar(
        "2",
        "50 candidates, from Rust: identifier to ids",
        "match-W1",
        times("ours in Rust: 50 candidates", "python sets: 50 candidates"),
        least=30,
    ),
    Bar("2", "50 candidates, through Python", "match-W1", times("ours: 50 candidates", "python sets: 50 candidates")),
    Bar(
        "2",
        "500 candidates, beside match all, both from Rust",
        "match-W1",
        times("ours in Rust: 500 candidates", "ours in Rust: match all"),
        least=1,
    ),
    Bar("2", "the same, both through Python", "match-W1", times("ours: 500 candidates", MATCH_ALL)),
    Bar(
        "3",
        "gRPC unary, 50 candidates: server CPU",
        "unary",
        difference("ours: server CPU us", "echo: server CPU us", "µs"),
        most=4,
    ),
    Bar(
        "3",
        "gRPC unary: answers a second",
        "unary",
        times("ours: answers/s", "echo: answers/s", higher_wins=True),
        least=0.75,
    ),
    Bar(
        "3",
        "gRPC unary: p50 at 30 % load",
        "unary",
        share("ours: p50 us at 30 %", "echo: p50 us at 30 %"),
        most=1.2,
    ),
    Bar(
        "3",
        "gRPC unary beside grpcio over the baseline",
        "unary",
        times("ours: answers/s", "grpcio: answers/s", higher_wins=True),
        least=15,
    ),
    Bar(
        "4",
        "gRPC MatchBatch, 64 users × 50 candidates: users a second beside unary",
        "unary",
        times("^batch: users/s", "ours: answers/s", higher_wins=True),
        least=8,
    ),
    Bar("4", "gRPC MatchBatch: users a second", "unary", value("^batch: users/s", "/s"), least=1_000_000),
    Bar("5", "match under 100k changes a second: p50", "under_changes", share("^changes: p50", "^idle: p50"), most=1.1),
    Bar("5", "match under 100k changes a second: p99", "under_changes", share("^changes: p99", "^idle: p99"), most=2),
    Bar("5", "member and link changes meanwhile", "under_changes", value("changes: done/s", "/s"), least=100_000),
    Bar("5", "a change to its answer, p99", "under_changes", value("changes: visible p99", "us"), most=1_000),
    Bar("6", "adgroup edit to visible, 100,000 adgroups", "edits", value("^edit$", "ms"), most=10),
    Bar("6", "full rebuild of the index, 100,000 adgroups", "edits", value("^index alone$", "ms"), most=50),
    Bar("6", "resuming a campaign of 100,000 adgroups to visible", "edits", value("^rebuild$", "ms")),
    Bar("7", "reach of 15-literal expressions", "reach", times("ours", "pyroaring"), least=1),
    Bar("7", "reach meter, through gRPC", "reach", value("ours: reach meter by gRPC", "ms"), most=100),
    Bar("8", "memory of both directions", "memory", value("bytes_a_membership", "B a membership"), most=5),
    Bar("8", "memory of an identifier", "memory", value("bytes_an_identifier", "B an identifier"), most=28),
    Bar(
        "9",
        "upload of 10M lines, cold, to the Match of the last",
        "upload",
        times(r"^ours 10,", r"^duckdb 10,"),
        least=4,
    ),
    Bar("9", "the same beside Polars", "upload", times(r"^ours 10,", r"^polars 10,")),
    Bar("9", "the same beside pandas + pyroaring, fewer lines", "upload", times(r"^ours 1,", "^pandas"), least=30),
    Bar(
        "13",
        "cold start, 10M profiles, 100M memberships",
        "start",
        value("first answer.*not cached", "s"),
        most=5,
    ),
    Bar(
        "15",
        "a call through Python beyond the same from Rust, 50 candidates",
        "match-W1",
        difference("ours: 50 candidates", "ours in Rust: 50 candidates", "µs"),
        most=1,
    ),
    Bar("15", "NumPy batch: (user, adgroup) checks a second", "match-W1", batch_checks, least=15),
)

#: Why a peer is ahead where it is, by the bar's text.
WHY = {
    "upload of 10M lines, cold, to the Match of the last": (
        "DuckDB reads, validates and counts distinct lines in parallel and keeps nothing; ours stores keyed digests, "
        "commits to disk and serves them"
    ),
    "the same beside Polars": "as DuckDB: it counts, on all cores, and keeps nothing",
    "gRPC unary: p50 at 30 % load": "an echo does nothing",
    "gRPC unary: answers a second": "an echo does nothing: it is the transport's own limit, and no answer can beat it",
    "500 candidates, beside match all, both from Rust": (
        "a long list is looked up in the combined planes: the price of asking for all"
    ),
    "the same, both through Python": "what a long list saves at the end it costs at the beginning, when it is read",
}
