"""Arrow columns by the PyCapsule interface, read through nanoarrow without an Arrow library.

Any object with ``__arrow_c_stream__`` or ``__arrow_c_array__`` will do (pyarrow, polars, duckdb, pandas …). Buffers are
read with NumPy: nanoarrow's own conversion to Python ignores the offset of sliced fixed-size binaries and crashes on
string views (0.9). A column costs its buffers; texts cost one Python str for each row, in the chunk at hand only.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any, TypeVar

import nanoarrow
import numpy as np

from segengine.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

T = TypeVar("T")

_VIEW_BYTES = 16
_VIEW_INLINE_BYTES = 12
_INTEGERS = {"c": "i1", "C": "u1", "s": "i2", "S": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8"}
_TEXTS = {"u", "U", "vu"}
_BINARIES = {"z", "Z", "vz"}
_SECONDS_PER_DAY = 86_400
_TICKS_PER_SECOND = {"s": 1, "m": 1_000, "u": 1_000_000, "n": 1_000_000_000}


def is_arrow(value: object) -> bool:
    """Whether a value speaks the Arrow PyCapsule interface."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


class Chunk:
    """One contiguous part of a column.

    `array` is a nanoarrow CArray; `offset` and `length` select rows, relative to the array's own offset.
    """

    __slots__ = ("_format", "_length", "_start", "_view", "name")

    def __init__(self, array: Any, name: str, offset: int, length: int) -> None:
        self.name = name
        self._view = array.view()
        self._format: str = array.schema.format
        self._start = self._view.offset + offset
        self._length = length

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    def present(self) -> NDArray[np.bool_]:
        """Return for each row whether it has a value."""
        buffer = self._buffer(0)
        if self._view.null_count == 0 or not len(buffer):
            return np.ones(self._length, np.bool_)
        first = self._start // 8
        bits = np.unpackbits(buffer[first:], bitorder="little")
        skipped = self._start - 8 * first
        return bits[skipped : skipped + self._length].astype(np.bool_)

    def matrix(self) -> NDArray[np.uint8] | None:
        """Return a fixed-size binary column as rows, without a copy; None for a column of another type."""
        if not self._format.startswith("w:"):
            return None
        width = int(self._format[2:])
        rows = self._buffer(1)[self._start * width : (self._start + self._length) * width]
        return rows.reshape(self._length, width)

    def binaries(self) -> list[bytes]:
        """Return each value as bytes; what a null holds is not defined."""
        matrix = self.matrix()
        if matrix is not None:
            return [row.tobytes() for row in matrix]
        if self._dictionary is not None:
            values = self._dictionary.binaries() or [b""]  # an empty dictionary has nulls only
            return [values[code] for code in self._codes()]
        if self._format not in _TEXTS | _BINARIES:
            raise self._wrong("strings or binaries")
        if self._format.startswith("v"):
            return self._views()
        offsets = self._offsets()
        data = self._buffer(2).tobytes()
        return [data[start:stop] for start, stop in itertools.pairwise(offsets)]

    def texts(self) -> list[str]:
        """Return each value as str; what a null holds is not defined."""
        if self._dictionary is not None:
            values = self._dictionary.texts() or [""]  # an empty dictionary has nulls only
            return [values[code] for code in self._codes()]
        if self._format not in _TEXTS:
            raise self._wrong("strings")
        if self._format != "vu":
            data = self._buffer(2).tobytes()
            if data.isascii():  # one decoding for all: slices of a str are cheaper than decoding slices
                text = data.decode("ascii")
                offsets = self._offsets()
                return [text[start:stop] for start, stop in itertools.pairwise(offsets)]
        return [value.decode() for value in self.binaries()]

    def encoded(self) -> tuple[NDArray[np.int64], list[str]]:
        """Return a number for each row and the text of each number; a dictionary-encoded column has them already."""
        if self._dictionary is not None:
            return np.asarray(self._codes(), np.int64), self._dictionary.texts()
        numbers: dict[str, int] = {}
        codes = [numbers.setdefault(text, len(numbers)) for text in self.texts()]
        return np.asarray(codes, np.int64), list(numbers)

    def days(self) -> NDArray[np.int64]:
        """Return dates as days since 1970-01-01."""
        kind = self._format
        if kind == "tdD":
            return self._numbers("i4").astype(np.int64)
        if kind == "tdm":
            return self._numbers("i8") // (1_000 * _SECONDS_PER_DAY)
        if kind.startswith("ts"):
            return self._numbers("i8") // (_TICKS_PER_SECOND[kind[2]] * _SECONDS_PER_DAY)
        if kind in _TEXTS or self._dictionary is not None:
            present = self.present()
            epoch = dt.date(1970, 1, 1)
            texts = self.texts()
            days = [(day_of(text) - epoch).days if there else 0 for text, there in zip(texts, present, strict=True)]
            return np.asarray(days, np.int64)
        raise self._wrong("dates")

    @property
    def _dictionary(self) -> _Dictionary | None:
        view = self._view.dictionary
        return None if view is None else _Dictionary(view)

    def _codes(self) -> list[int]:
        return [int(code) for code in np.where(self.present(), self._numbers(_INTEGERS[self._format]), 0)]

    def _numbers(self, dtype: str) -> NDArray[Any]:
        return self._buffer(1).view(dtype)[self._start : self._start + self._length]

    def _offsets(self) -> list[int]:
        dtype = "i8" if self._format in "UZ" else "i4"
        offsets = self._buffer(1).view(dtype)[self._start : self._start + self._length + 1]
        return [0] * (self._length + 1) if not len(offsets) else [int(offset) for offset in offsets]

    def _views(self) -> list[bytes]:
        views = self._buffer(1).reshape(-1, _VIEW_BYTES)[self._start : self._start + self._length]
        heads = views.view("<i4")
        extra = [self._buffer(position).tobytes() for position in range(2, self._view.n_buffers - 1)]
        inline = views[:, 4:].tobytes()
        values = []
        for row, (size, _, buffer, start) in enumerate(heads.tolist()):
            if size <= _VIEW_INLINE_BYTES:
                values.append(inline[row * _VIEW_INLINE_BYTES : row * _VIEW_INLINE_BYTES + size])
            else:
                values.append(extra[buffer][start : start + size])
        return values

    def _buffer(self, position: int) -> NDArray[np.uint8]:
        buffer = self._view.buffer(position)
        if not buffer.size_bytes:
            return np.empty(0, np.uint8)
        return np.frombuffer(buffer, np.uint8)

    def _wrong(self, expected: str) -> InvalidInputError:
        return InvalidInputError(
            f"column {self.name!r} has the Arrow format {self._format!r}, not {expected}",
            field=self.name,
            hint=f"cast it to {expected} first",
        )


class _Dictionary(Chunk):
    """The values of a dictionary-encoded column."""

    __slots__ = ()

    def __init__(self, view: Any) -> None:
        self.name = "dictionary"
        self._view = view
        self._format = {"string": "u", "large_string": "U", "string_view": "vu", "binary": "z"}.get(
            view.storage_type, view.storage_type
        )
        self._start = view.offset
        self._length = view.length


class Column:
    """A whole column: its chunks in order."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: list[Chunk]) -> None:
        self._chunks = chunks

    def matrix(self) -> NDArray[np.uint8] | None:
        """Return a fixed-size binary column as rows; None for a column of another type or with nulls."""
        parts = [chunk.matrix() for chunk in self._chunks]
        whole = [part for part in parts if part is not None]
        if not whole or len(whole) != len(parts) or not all(chunk.present().all() for chunk in self._chunks):
            return None
        return whole[0] if len(whole) == 1 else np.concatenate(whole)

    def binaries(self, field: str) -> Iterator[bytes]:
        """Yield each value as bytes; a null is refused."""
        return self._each(field, Chunk.binaries)

    def texts(self, field: str) -> Iterator[str]:
        """Yield each value as str; a null is refused."""
        return self._each(field, Chunk.texts)

    def _each(self, field: str, read: Callable[[Chunk], list[T]]) -> Iterator[T]:
        done = 0
        for chunk in self._chunks:
            present = chunk.present()
            if not present.all():
                row = done + int(np.argmin(present))
                raise InvalidInputError(
                    f"{field}: row {row} is null", field=field, hint="leave rows without a value out"
                )
            yield from read(chunk)
            done += len(chunk)


def batches(value: Any) -> Iterator[dict[str, Chunk]]:
    """Yield the batches of a table, each as its columns by name; a one-shot stream is read as it comes."""
    for array in nanoarrow.c_array_stream(value):
        if array.schema.format != "+s":
            raise InvalidInputError(
                f"an Arrow array of format {array.schema.format!r} is no table", hint="give a table with named columns"
            )
        children = [array.child(position) for position in range(array.n_children)]
        yield {child.schema.name: Chunk(child, child.schema.name, array.offset, array.length) for child in children}


def first_column(value: Any, field: str) -> Column:
    """Return an array, or the only column of a table."""
    chunks = []
    for array in nanoarrow.c_array_stream(value):
        if array.schema.format == "+s":
            if array.n_children != 1:
                raise InvalidInputError(
                    f"{field}: a table of {array.n_children} columns where one is expected",
                    field=field,
                    hint="select the column first",
                )
            chunks.append(Chunk(array.child(0), field, array.offset, array.length))
        else:
            chunks.append(Chunk(array, field, 0, array.length))
    return Column(chunks)


def day_of(text: str) -> dt.date:
    """Read a date, or the date of an instant, in ISO 8601.

    >>> day_of("2018-01-31"), day_of("2018-01-31T23:59:00Z")
    (datetime.date(2018, 1, 31), datetime.date(2018, 1, 31))
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"seen: {text!r} is no date", field="seen", hint="write it like 2018-01-31") from None
    return (moment.astimezone(dt.UTC) if moment.tzinfo else moment).date()
