"""Arrow columns are read as Arrow's own library reads them, whatever their type, offset and nulls."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segengine.errors import InvalidInputError
from segengine.ingest import arrow

TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]


@given(
    values=st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=40),
    kind=st.sampled_from(TEXT_TYPES),
    cut=st.integers(0, 10),
)
def test_texts_are_what_arrow_says(values, kind, cut):
    """Every text type, sliced, with nulls, long and short views: the oracle is `to_pylist`."""
    array = pa.array(values, pa.string()).cast(kind) if values else pa.array([], kind)
    table = pa.table({"x": array}).slice(min(cut, len(values)))
    seen = []
    for batch in arrow.batches(table):
        chunk = batch["x"]
        seen += [text if there else None for text, there in zip(chunk.texts(), chunk.present(), strict=True)]
    assert seen == table["x"].to_pylist()


@given(
    values=st.lists(st.one_of(st.none(), st.binary(min_size=16, max_size=16)), max_size=40),
    kind=st.sampled_from([pa.binary(16), pa.binary(), pa.large_binary(), pa.binary_view()]),
    cut=st.integers(0, 10),
)
def test_binaries_are_what_arrow_says(values, kind, cut):
    """Every binary type, sliced, with nulls."""
    table = pa.table({"x": pa.array(values, kind)}).slice(min(cut, len(values)))
    seen = []
    for batch in arrow.batches(table):
        chunk = batch["x"]
        seen += [value if there else None for value, there in zip(chunk.binaries(), chunk.present(), strict=True)]
    assert seen == table["x"].to_pylist()


@pytest.mark.parametrize(
    "kind", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns")]
)
def test_dates_become_days_whatever_their_unit(kind):
    """Days since 1970-01-01, also before it."""
    dates = [dt.date(1969, 12, 31), dt.date(1970, 1, 1), dt.date(2018, 1, 31)]
    table = pa.table({"seen": pa.array(dates, pa.date32()).cast(kind)})
    (batch,) = arrow.batches(table)
    assert batch["seen"].days().tolist() == [-1, 0, 17_562]


def test_dates_as_text_are_read_and_others_refused():
    """ISO 8601, a date or an instant."""
    (batch,) = arrow.batches(pa.table({"seen": ["1970-01-02", None, "1970-01-03T23:00:00+02:00"]}))
    assert batch["seen"].days().tolist() == [1, 0, 2]
    (batch,) = arrow.batches(pa.table({"seen": ["yesterday"]}))
    with pytest.raises(InvalidInputError, match="yesterday"):
        batch["seen"].days()


def test_a_sliced_struct_gives_its_own_rows():
    """The offset of a record batch is not that of its children."""
    batch = pa.record_batch({"x": ["a", "b", "c"]}).to_struct_array().slice(1, 1)
    (columns,) = arrow.batches(batch)
    assert columns["x"].texts() == ["b"]


def test_a_column_of_another_type_is_named():
    """The error says which column and what to cast it to."""
    (batch,) = arrow.batches(pa.table({"identifier": [1]}))
    with pytest.raises(InvalidInputError, match="identifier"):
        batch["identifier"].texts()
