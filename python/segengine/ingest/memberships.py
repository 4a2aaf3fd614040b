"""(identifier, segment) pairs for ``engine.load``, from Arrow, NumPy, CSV and plain iterables.

A load names all its segments before the first pair, so every source is gone through twice: once for the names, once for
the pairs. A file is read twice, a table or array lies in memory anyway, a one-shot iterable is kept. Each second pass
holds one batch of rows.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from segengine.errors import InvalidInputError
from segengine.identifiers import COLUMN_ROWS_MAX, Identifiers, Texts, column_of, spans
from segengine.ingest import arrow, delimited
from segengine.ingest.packed import set_packed
from segengine.v1 import identity_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from segengine.identifiers import Column

_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Rows:
    """Some pairs: each identifier with the position of its segment in `names`."""

    identifiers: Column
    codes: NDArray[np.integer[Any]]
    names: Sequence[str]
    seen_days: NDArray[np.int64] | None = None
    left_out: Counter[str] = field(default_factory=Counter)


class Memberships:
    """The pairs of one load: the names of its segments, and its messages.

    `rows` is called twice and must give the same each time. `names` given by the caller are all named, those found in
    the pairs only where a pair has them: an unused entry of a dictionary must not empty a segment.
    """

    def __init__(self, rows: Callable[[], Iterable[Rows]], names: Sequence[str] | None = None) -> None:
        self._rows = rows
        self._positions = {name: position for position, name in enumerate(names or ())}
        if names is not None and len(self._positions) != len(names):
            raise InvalidInputError("names has one name twice", field="names", hint="give each segment once")
        if names is None:
            for part in rows():
                for code in _present(part.codes):
                    self._positions.setdefault(part.names[code], len(self._positions))

    @property
    def names(self) -> list[str]:
        """The segments, in the order of their numbers in the messages."""
        return list(self._positions)

    def chunks(self) -> Iterator[identity_pb2.LoadChunk]:
        """Yield the pairs as messages."""
        for part in self._rows():
            used = {int(code): self._positions[part.names[code]] for code in _present(part.codes)}
            table = np.zeros(max(used, default=0) + 1, np.uint32)
            for code, position in used.items():
                table[code] = position
            left_out = part.left_out
            for start, stop in spans(part.identifiers):
                yield _message(part, table, (start, stop), left_out)
                left_out = Counter()
            if not len(part.identifiers) and left_out:
                yield _message(part, table, (0, 0), left_out)


def _present(codes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the distinct codes, ascending: they are dense, so marking them takes a tenth of sorting or hashing."""
    marks = np.zeros(int(codes.max(initial=0)) + 1, bool)
    marks[codes] = True
    return np.flatnonzero(marks)


def _message(
    part: Rows, positions: NDArray[np.uint32], span: tuple[int, int], left_out: Counter[str]
) -> identity_pb2.LoadChunk:
    """Return the pairs of a span; `positions` has the place of each code in the header."""
    start, stop = span
    chunk = identity_pb2.LoadChunk(identifiers=part.identifiers.column(start, stop))
    set_packed(chunk, "segments", positions[part.codes[start:stop]])
    if part.seen_days is not None:
        set_packed(chunk, "seen_days", part.seen_days[start:stop].astype(np.uint32))
    for reason, count in left_out.items():
        chunk.left_out.add(reason=reason, count=count)
    return chunk


def memberships_of(
    pairs: Any,
    *,
    kind: str | None = None,
    scope: str | None = None,
    segments: Any = None,
    names: Sequence[str] | None = None,
) -> Memberships:
    """Return the pairs that a caller gave.

    Raises
    ------
    InvalidInputError, TypeError
        Saying which of the sources was meant and what it lacks.
    """
    if isinstance(pairs, Identifiers) or (isinstance(pairs, np.ndarray) and pairs.dtype == np.uint8):
        return _from_columns(pairs, segments, names, kind=kind, scope=scope)
    if segments is not None or names is not None:
        raise TypeError("segments= and names= go with Identifiers(kind, array); a table has a column 'segment'")
    path = delimited.as_path(pairs)
    if path is not None:
        return Memberships(lambda: _from_file(path, kind, scope))
    if arrow.is_arrow(pairs):
        kept = list(arrow.batches(pairs))
        return Memberships(lambda: map(_from_batch, kept, itertools.repeat(kind), itertools.repeat(scope)))
    if hasattr(pairs, "keys"):
        return _from_mapping(pairs, kind, scope)
    listed = list(_checked_pairs(pairs))
    return Memberships(lambda: _from_tuples(listed))


def _from_columns(
    values: Any,
    segments: Any,
    names: Sequence[str] | None,
    *,
    kind: str | None,
    scope: str | None,
) -> Memberships:
    if not isinstance(values, Identifiers):
        if kind is None:
            raise InvalidInputError("an array needs kind=", field="kind", hint="or give Identifiers(kind, array)")
        values = Identifiers(kind, values, scope)
    elif kind is not None or scope is not None:
        raise TypeError("kind= and scope= are said by Identifiers already")
    if segments is None or names is None:
        raise TypeError("Identifiers need segments=codes and names=[…]: which segment each belongs to")
    codes = np.asarray(segments)
    if codes.shape != (len(values),) or codes.dtype.kind not in "iu":
        raise InvalidInputError(
            f"segments is {codes.dtype} of shape {codes.shape}, not integers of shape ({len(values)},)",
            field="segments",
            hint="one position in names for each identifier",
        )
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < len(names):
        raise InvalidInputError(
            f"segments goes from {codes.min()} to {codes.max()}, names has {len(names)} entries", field="segments"
        )
    return Memberships(lambda: [Rows(values, codes, names)], list(names))


def _from_batch(batch: Mapping[str, arrow.Chunk], kind: str | None, scope: str | None) -> Rows:
    key = _identifier_column(batch.keys(), kind)
    there = batch[key].present()
    named = batch["segment"].present()
    left_out = Counter({"null_identifier": int((~there).sum()), "null_segment": int((there & ~named).sum())})
    keep = np.flatnonzero(there & named)
    codes, names = batch["segment"].encoded()
    column: Column
    matrix = batch[key].matrix()
    if key == "identifier":
        texts = batch[key].texts()
        column = Texts(texts if len(keep) == len(texts) else [texts[row] for row in keep])
    elif matrix is not None:
        column = Identifiers(str(kind), matrix if len(keep) == len(matrix) else matrix[keep], scope)
    else:
        values = batch[key].binaries()
        column = Identifiers(str(kind), [values[row] for row in keep], scope)
    seen = None
    if "seen" in batch:
        seen = np.where(batch["seen"].present(), batch["seen"].days(), 0)[keep]
    return Rows(column, codes[keep], names, seen, +left_out)


def _identifier_column(names: Iterable[str], kind: str | None) -> str:
    present = set(names)
    if "segment" not in present:
        raise InvalidInputError(
            "the table has no column 'segment'", field="segment", hint=f"it has {', '.join(sorted(present))}"
        )
    key = "value" if kind is not None and "value" in present else "identifier"
    if key not in present:
        hint = "give kind= as well" if "value" in present else f"it has {', '.join(sorted(present))}"
        raise InvalidInputError("the table has no column 'identifier'", field="identifier", hint=hint)
    return key


def _from_mapping(table: Mapping[str, Any], kind: str | None, scope: str | None) -> Memberships:
    key = _identifier_column(table.keys(), kind)
    column = column_of(table[key]) if key == "identifier" else Identifiers(str(kind), table[key], scope)
    numbers: dict[str, int] = {}
    codes = np.asarray([numbers.setdefault(str(name), len(numbers)) for name in table["segment"]], np.int64)
    if len(codes) != len(column):
        raise InvalidInputError(f"{len(column)} identifiers but {len(codes)} segments", field="segment")
    seen = np.asarray([_day_number(value) for value in table["seen"]], np.int64) if "seen" in table else None
    return Memberships(lambda: [Rows(column, codes, list(numbers), seen)])


def _from_file(path: Path, kind: str | None, scope: str | None) -> Iterator[Rows]:
    lines = delimited.rows(path)
    header = next(lines, None)
    if header is None:
        raise InvalidInputError(f"{path}: the file is empty", hint="the first line names the columns")
    wanted = {"value"} if kind is not None else {"identifier"}
    at = delimited.columns(path, header.cells, [{"segment"}, wanted | {"identifier"}])
    key = at["value"] if kind is not None and "value" in at else at["identifier"]
    as_values = kind is not None and "value" in at
    while batch := list(itertools.islice(lines, COLUMN_ROWS_MAX)):
        numbers: dict[str, int] = {}
        codes, texts, days = [], [], []
        left_out: Counter[str] = Counter()
        for line, cells in batch:
            if len(cells) <= max(key, at["segment"]) or not cells[at["segment"]].strip():
                left_out["missing_column"] += 1
                continue
            texts.append(cells[key].strip())
            codes.append(numbers.setdefault(cells[at["segment"]].strip(), len(numbers)))
            if "seen" in at:
                days.append(_day_in_file(path, line, cells[at["seen"] :][:1]))
        column: Column = Identifiers(str(kind), texts, scope) if as_values else Texts(texts)
        seen = np.asarray(days, np.int64) if "seen" in at else None
        yield Rows(column, np.asarray(codes, np.int64), list(numbers), seen, left_out)


def _day_in_file(path: Path, line: int, cells: list[str]) -> int:
    try:
        return _day_number(cells[0].strip()) if cells and cells[0].strip() else 0
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: line {line}: {error}", field="seen", hint=error.hint) from None


def _day_number(value: dt.date | str | None) -> int:
    if value is None:
        return 0
    day = arrow.day_of(value) if isinstance(value, str) else value
    return ((day.date() if isinstance(day, dt.datetime) else day) - _EPOCH).days


def _checked_pairs(pairs: Iterable[Any]) -> Iterator[tuple[str, str, int]]:
    for position, pair in enumerate(pairs):
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) not in {2, 3}:
            raise TypeError(
                f"pairs[{position}] is no (identifier, segment): load takes pairs, an Arrow table, a CSV path, a dict"
                " of columns, or Identifiers with segments= and names="
            )
        yield str(pair[0]), str(getattr(pair[1], "name", pair[1])), _day_number(pair[2]) if len(pair) == 3 else 0


def _from_tuples(pairs: list[tuple[str, str, int]]) -> Iterator[Rows]:
    for start in range(0, len(pairs), COLUMN_ROWS_MAX):
        part = pairs[start : start + COLUMN_ROWS_MAX]
        numbers: dict[str, int] = {}
        codes = np.asarray([numbers.setdefault(name, len(numbers)) for _, name, _ in part], np.int64)
        seen = np.asarray([day for _, _, day in part], np.int64)
        yield Rows(Texts(text for text, _, _ in part), codes, list(numbers), seen if seen.any() else None)
