"""Identifiers as Python has them, and as the wire takes them.

One identifier is a text, `kind:value` or `kind@scope:value`. Many of one kind are an `Identifiers` column: values of
one width travel as a single byte string, without a Python object for each. What makes an identifier valid is decided by
the engine alone; here nothing is refused but what cannot be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from segengine import _segengine
from segengine.errors import InvalidInputError
from segengine.ingest import arrow
from segengine.v1 import identity_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

KINDS: dict[str, int] = {
    "email_md5": 1,
    "email_sha256": 2,
    "network": 3,
    "visitor": 4,
    "device": 5,
    "partner": 6,
    "external": 7,
    "log": 8,
}
_HEX_DIGITS = {1: 32, 2: 64}
UNKNOWN_PROFILE = 4_294_967_295
# A column stays well below the 4 MiB of one message; rows are bounded as well, for a row costs more than its bytes.
COLUMN_BYTES_MAX = 2 << 20
COLUMN_ROWS_MAX = 65_536


def email_md5(address: str) -> str:
    """Return the identifier of an e-mail address, as customer files hold it: normalised, then hashed.

    Parameters
    ----------
    address : str
        Surrounding space and case do not matter.

    Raises
    ------
    InvalidInputError
        For text that is no address; the message does not show it.

    Examples
    --------
    >>> email_md5("  John_Smith@Gmail.com ")
    'email_md5:ac862c981fee6b90654257051c4e197a'
    """
    return f"email_md5:{_segengine.email_md5(address)}"


def kind_number(kind: str) -> int:
    """Return the wire number of a kind.

    Raises
    ------
    InvalidInputError
        For a word that is no kind.
    """
    try:
        return KINDS[kind]
    except KeyError:
        raise InvalidInputError(
            f"{kind!r} is no kind of identifier", field="kind", hint=f"use one of {', '.join(KINDS)}"
        ) from None


def message_of(text: str) -> identity_pb2.Identifier:
    """Return the message of a text form; one that cannot be read becomes an unknown kind, which is skipped and counted.

    >>> message_of("visitor@site.example:v1").scope
    'site.example'
    """
    head, _, value = text.partition(":")
    kind, _, scope = head.partition("@")
    number = KINDS.get(kind, 0)
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) != _HEX_DIGITS.get(number, len(raw)):
        number = 0  # as raw bytes it might pass for a hash; the text form has hex digits only
    return identity_pb2.Identifier(kind=cast("Any", number), value=raw, scope=scope if number else "")


class Identifiers:
    """Many identifiers of one kind, as a column.

    Parameters
    ----------
    kind : str
        ``email_md5``, ``email_sha256``, ``network``, ``visitor``, ``device``, ``partner``, ``external`` or ``log``.
    values : ndarray of uint8, shape (n, width) | Arrow array | sequence of str or bytes
        The values: raw bytes in an array, text or bytes otherwise. Arrow arrays (anything with the Arrow PyCapsule
        interface) hold strings or binaries; a fixed width is not copied row by row.
    scope : str, optional
        Site, advertiser or partner source of them all.

    Raises
    ------
    InvalidInputError
        For an unknown kind, an array of another shape or type, or values of another type.

    Examples
    --------
    >>> import numpy as np
    >>> Identifiers("email_md5", np.zeros((3, 16), np.uint8))
    Identifiers('email_md5', 3 values of 16 bytes)
    >>> len(Identifiers("network", ["7f3c", "81aa"]))
    2
    """

    __slots__ = ("_kind_number", "_list", "_matrix", "kind", "scope")

    def __init__(self, kind: str, values: Any, scope: str | None = None) -> None:
        self.kind = kind
        self.scope = scope or ""
        self._kind_number = kind_number(kind)
        self._matrix: NDArray[np.uint8] | None = None
        self._list: list[bytes] = []
        if isinstance(values, np.ndarray) and values.dtype == np.uint8:
            if values.ndim != 2 or values.shape[1] == 0:
                shape = "×".join(map(str, values.shape))
                raise InvalidInputError(
                    f"values has the shape {shape}, not (n, width)",
                    field="values",
                    hint="one row for each identifier, such as (n, 16) for MD5",
                )
            self._matrix = np.ascontiguousarray(values)
        elif arrow.is_arrow(values):
            column = arrow.first_column(values, "values")
            self._matrix = column.matrix()
            if self._matrix is None:
                self._list = list(column.binaries("values"))
        else:
            self._list = [_value_bytes(value) for value in values]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._list) if self._matrix is None else len(self._matrix)

    def __repr__(self) -> str:
        """Say what and how many, never a value."""
        width = "" if self._matrix is None else f" of {self._matrix.shape[1]} bytes"
        scope = f", scope={self.scope!r}" if self.scope else ""
        return f"Identifiers({self.kind!r}, {len(self):,} values{width}{scope})"

    @property
    def matrix(self) -> NDArray[np.uint8] | None:
        """The values as rows of equal width, or None."""
        return self._matrix

    @property
    def kind_number(self) -> int:
        """The wire number of the kind."""
        return self._kind_number

    def texts(self) -> list[str]:
        """Return the text form of each; raw hashes become hex digits."""
        head = f"{self.kind}@{self.scope}:" if self.scope else f"{self.kind}:"
        digits = _HEX_DIGITS.get(self._kind_number)
        rows = self._list if self._matrix is None else [row.tobytes() for row in self._matrix]
        return [
            head + (value.hex() if digits == 2 * len(value) else value.decode("utf-8", "surrogateescape"))
            for value in rows
        ]

    def column(self, start: int, stop: int) -> identity_pb2.IdentifierColumn:
        """Return the rows from `start` to `stop` as a message."""
        column = identity_pb2.IdentifierColumn(kind=cast("Any", self._kind_number), scope=self.scope)
        if self._matrix is None:
            column.values.extend(self._list[start:stop])
        else:
            column.width = self._matrix.shape[1]
            column.packed = self._matrix[start:stop].tobytes()
        return column

    def sizes(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the bytes that each row from `start` to `stop` takes on the wire, its framing included."""
        if self._matrix is not None:
            return np.full(len(self._matrix[start:stop]), self._matrix.shape[1], np.int64)
        return np.array([len(value) + 3 for value in self._list[start:stop]], np.int64)


class Texts:
    """Identifiers in text form, as a column: the sister of `Identifiers` for rows of different kinds."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = list(texts)
        for text in self._texts:
            if not isinstance(text, str):
                raise InvalidInputError(
                    f"an identifier is a str, not {type(text).__name__}",
                    field="identifiers",
                    hint="write kind:value, or use Identifiers(kind, array)",
                )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._texts)

    def texts(self) -> list[str]:
        """Return the texts."""
        return self._texts

    def column(self, start: int, stop: int) -> identity_pb2.IdentifierColumn:
        """Return the rows from `start` to `stop` as a message."""
        return identity_pb2.IdentifierColumn(texts=self._texts[start:stop])

    def sizes(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the bytes that each row from `start` to `stop` takes on the wire at most, its framing included."""
        texts = self._texts[start:stop]
        return np.array([(1 if text.isascii() else 4) * len(text) + 3 for text in texts], np.int64)


Column = Identifiers | Texts


def column_of(values: Any) -> Column:
    """Return what a caller gave as a column: `Identifiers`, Arrow strings, or any iterable of texts.

    Raises
    ------
    InvalidInputError
        For a single text, an array of another kind, or values that are no text.
    """
    if isinstance(values, Identifiers | Texts):
        return values
    if isinstance(values, str | bytes):
        raise InvalidInputError(
            "a single identifier where many are expected", field="identifiers", hint="give a list: [identifier]"
        )
    if arrow.is_arrow(values):
        return Texts(arrow.first_column(values, "identifiers").texts("identifiers"))
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OU":
        raise InvalidInputError(
            f"an array of {values.dtype} holds no identifiers in text form",
            field="identifiers",
            hint="say what they are: Identifiers('email_md5', array)",
        )
    return Texts(str(value) if isinstance(value, np.str_) else value for value in values)


def spans(*columns: Column) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of parts of equally long columns that one message takes.

    >>> list(spans(Texts(["network:a"] * 70_000)))
    [(0, 65536), (65536, 70000)]
    """
    total = len(columns[0])
    start = 0
    while start < total:
        most = min(start + COLUMN_ROWS_MAX, total)
        ends = np.cumsum(sum((column.sizes(start, most) for column in columns), np.zeros(most - start, np.int64)))
        fits = int(np.searchsorted(ends, COLUMN_BYTES_MAX, side="right"))
        stop = start + max(fits, 1)
        yield start, stop
        start = stop


def _value_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise InvalidInputError(
        f"a value is str or bytes, not {type(value).__name__}", field="values", hint="or give an (n, width) uint8 array"
    )


def is_user(value: object) -> bool:
    """Whether a value is one user of a batch: a text, or a tuple of texts."""
    return isinstance(value, str) or (isinstance(value, tuple) and all(isinstance(text, str) for text in value))


def users_of(users: Any) -> Identifiers | list[str | tuple[str, ...]]:
    """Return the users of a batch in one of two shapes: a column, or a list of texts and tuples of texts.

    Raises
    ------
    TypeError
        For a single text, or an element that is neither a text nor a tuple of texts.
    """
    if isinstance(users, Identifiers):
        return users
    if isinstance(users, str | bytes):
        raise TypeError("match_batch takes many users: give a list, or call match for one")
    if arrow.is_arrow(users):
        return list(arrow.first_column(users, "users").texts("users"))
    listed = users if isinstance(users, list) else list(users)
    for position, user in enumerate(listed):
        if not is_user(user):
            raise TypeError(
                f"users[{position}] is {type(user).__name__}: a user is a str 'kind:value' or a tuple of them;"
                " arrays go into Identifiers(kind, array)"
            )
    return cast("list[str | tuple[str, ...]]", listed)


def split_users(users: Identifiers | Sequence[str | tuple[str, ...]], size: int) -> Iterator[Any]:
    """Yield the users in batches of at most `size`."""
    for start in range(0, len(users), size):
        if isinstance(users, Identifiers):
            matrix = users.matrix
            values = users._list[start : start + size] if matrix is None else matrix[start : start + size]  # noqa: SLF001
            yield Identifiers(users.kind, values, users.scope)
        else:
            yield users[start : start + size]
