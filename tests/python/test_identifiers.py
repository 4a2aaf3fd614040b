"""Identifiers in Python: one by text, many by column, nothing judged that the engine judges."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from segengine import Identifiers, InvalidInputError
from segengine.identifiers import COLUMN_BYTES_MAX, Texts, column_of, message_of, spans, users_of

MD5 = "ac862c981fee6b90654257051c4e197a"


def test_a_text_is_split_at_the_first_colon():
    """Everything after it is the value, byte-exact."""
    message = message_of("partner@ads.example:a:b@c ")
    assert (message.kind, message.scope, message.value) == (6, "ads.example", b"a:b@c ")


@pytest.mark.parametrize("text", ["no-kind", "unknown:1", "", "email_md5:0123456789abcdef"])
def test_what_cannot_be_read_becomes_an_unknown_kind(text):
    """Sixteen characters must not pass for the raw bytes of an MD5: text holds hex digits only."""
    assert message_of(text).kind == 0


def test_a_matrix_travels_as_one_byte_string():
    """No object is made for a row."""
    rows = np.arange(48, dtype=np.uint8).reshape(3, 16)
    column = Identifiers("email_md5", rows).column(1, 3)
    assert (column.kind, column.width, column.packed) == (1, 16, rows[1:].tobytes())


def test_arrow_binaries_of_one_width_are_a_matrix_and_strings_a_list():
    """Both come by the PyCapsule interface, sliced and chunked as they are."""
    fixed = pa.chunked_array([pa.array([b"a" * 16, b"b" * 16], pa.binary(16)), pa.array([b"c" * 16], pa.binary(16))])
    assert Identifiers("email_md5", fixed.slice(1)).texts() == [f"email_md5:{(c * 16).hex()}" for c in (b"b", b"c")]
    assert Identifiers("network", pa.array(["x", "y", "z"]).slice(1)).texts() == ["network:y", "network:z"]


def test_hex_text_and_raw_bytes_of_a_hash_say_the_same():
    """The text form of raw bytes is their hex digits."""
    raw = np.frombuffer(bytes.fromhex(MD5), np.uint8).reshape(1, 16)
    assert Identifiers("email_md5", raw).texts() == Identifiers("email_md5", [MD5]).texts() == [f"email_md5:{MD5}"]


def test_a_repr_never_shows_a_value():
    """A column in a log names nobody."""
    assert "7f3c" not in repr(Identifiers("visitor", ["7f3c"], scope="site.example"))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("mail", ["x"]),
        ("email_md5", np.zeros(16, np.uint8)),
        ("email_md5", np.zeros((1, 0), np.uint8)),
        ("network", [1]),
        ("network", pa.array([1, 2])),
        ("network", pa.array(["x", None])),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_hint_or_a_row(kind, values):
    """The error says what was given."""
    with pytest.raises(InvalidInputError):
        Identifiers(kind, values)


def test_spans_stay_below_a_message_and_cover_every_row():
    """Long values make shorter parts."""
    column = Texts(["external@acme:" + "x" * 500] * 10_000)
    parts = list(spans(column))
    assert parts[0][0] == 0
    assert parts[-1][1] == 10_000
    assert all(one[1] == two[0] for one, two in itertools.pairwise(parts))
    assert all(column.column(*part).ByteSize() <= COLUMN_BYTES_MAX for part in parts)
    assert list(spans(Texts([]))) == []


def test_column_of_says_what_is_wrong():
    """One text is no list, a number is no text, an array of digests has no kind."""
    for wrong in ("network:a", [1], np.zeros((2, 16), np.uint8)):
        with pytest.raises(InvalidInputError):
            column_of(wrong)
    assert column_of(np.array(["network:a"])).texts() == ["network:a"]


def test_users_are_texts_and_tuples_of_texts():
    """Lists of lists would hide who is one user."""
    assert users_of(["network:a", ("network:b", "device:c")]) == ["network:a", ("network:b", "device:c")]
    assert users_of(pa.array(["network:a"])) == ["network:a"]
    for wrong in ("network:a", [["network:a"]], [1]):
        with pytest.raises(TypeError):
            users_of(wrong)
