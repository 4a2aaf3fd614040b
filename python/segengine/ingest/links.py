"""Pairs of identifiers for ``engine.link`` and ``engine.unlink``, as two columns of equal length.

Pairs come as an iterable of (left, right), as an Arrow table with two columns, as two arrays, or as a CSV path.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from segengine.errors import InvalidInputError
from segengine.identifiers import COLUMN_ROWS_MAX, Identifiers, Texts, column_of, spans
from segengine.ingest import arrow, delimited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from segengine.identifiers import Column
    from segengine.v1 import identity_pb2

Parts = tuple["identity_pb2.IdentifierColumn", "identity_pb2.IdentifierColumn"]


def columns_of(pairs: Any) -> Iterator[Parts]:
    """Yield the left and right columns of each message.

    Raises
    ------
    TypeError, InvalidInputError
        For something that holds no pairs, naming the position.
    """
    for left, right in _parts(pairs):
        if len(left) != len(right):
            raise InvalidInputError(
                f"{len(left)} identifiers on the left, {len(right)} on the right",
                field="pairs",
                hint="a pair needs both",
            )
        for start, stop in spans(left, right):
            yield left.column(start, stop), right.column(start, stop)


def _parts(pairs: Any) -> Iterator[tuple[Column, Column]]:
    path = delimited.as_path(pairs)
    if path is not None:
        yield from _batched(_file_pairs(path))
    elif arrow.is_arrow(pairs):
        yield from map(_from_batch, arrow.batches(pairs))
    elif isinstance(pairs, tuple) and len(pairs) == 2 and all(map(_is_column, pairs)):
        yield column_of(pairs[0]), column_of(pairs[1])
    else:
        yield from _batched(_checked(pairs))


def _is_column(value: object) -> bool:
    return isinstance(value, Identifiers | Texts | np.ndarray) or arrow.is_arrow(value)


def _from_batch(batch: dict[str, arrow.Chunk]) -> tuple[Column, Column]:
    names = ["left", "right"] if {"left", "right"} <= batch.keys() else list(batch)[:2]
    if len(names) != 2:
        raise InvalidInputError("the table has no two columns", field="pairs", hint="name them left and right")
    left, right = (arrow.Column([batch[name]]).texts(name) for name in names)
    return Texts(left), Texts(right)


def _batched(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[Column, Column]]:
    iterator = iter(pairs)
    while part := list(itertools.islice(iterator, COLUMN_ROWS_MAX)):
        yield Texts(left for left, _ in part), Texts(right for _, right in part)


def _checked(pairs: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for position, pair in enumerate(pairs):
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError(f"pairs[{position}] is no (left, right): link takes pairs of identifiers in text form")
        yield pair[0], pair[1]


def _file_pairs(path: Path) -> Iterator[tuple[str, str]]:
    for position, (line, cells) in enumerate(delimited.rows(path)):
        if len(cells) < 2:
            raise InvalidInputError(
                f"{path}: line {line}: one column where two are needed",
                field="pairs",
                hint="each line is left,right: two identifiers in text form",
            )
        left, right = cells[0].strip(), cells[1].strip()
        if position or (":" in left and ":" in right):  # a first line without kinds names the columns
            yield left, right
