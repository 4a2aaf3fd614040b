"""Sources of uploads, loads and links become messages that say the same, whatever form they came in."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from segengine import Identifiers, InvalidInputError, NotFoundError
from segengine.identifiers import COLUMN_BYTES_MAX, spans
from segengine.ingest.links import columns_of
from segengine.ingest.memberships import memberships_of
from segengine.ingest.packed import set_packed
from segengine.ingest.sources import PART_BYTES, source_of
from segengine.v1 import identity_pb2

PAIRS = [("network:a", "Très fidèles"), ("network:b", "actifs"), ("network:a", "actifs")]


def pairs_of(memberships):
    """Return what a load says, as (identifier, segment, day)."""
    found = []
    for chunk in memberships.chunks():
        column = chunk.identifiers
        kind = identity_pb2.Kind.Name(column.kind).removeprefix("KIND_").lower()
        texts = list(column.texts) or [f"{kind}:{value.decode()}" for value in column.values]
        days = list(chunk.seen_days) or [0] * len(texts)
        found += zip(texts, (memberships.names[code] for code in chunk.segments), days, strict=True)
    return found


def forms(folder):
    """Yield the same pairs in every form that load takes."""
    identifiers, segments = zip(*PAIRS, strict=True)
    plain = folder / "pairs.csv"
    plain.write_text("identifier;segment\n" + "".join(f"{one};{two}\n" for one, two in PAIRS), encoding="utf-8-sig")
    packed = folder / "pairs.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    table = pa.table({"segment": segments, "identifier": identifiers})
    yield PAIRS, {}
    yield iter(PAIRS), {}
    yield str(plain), {}
    yield packed, {}
    yield table, {}
    yield table.set_column(0, "segment", table["segment"].dictionary_encode()), {}
    yield pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1)), {}
    yield {"identifier": identifiers, "segment": segments}, {}
    values = [text.partition(":")[2] for text in identifiers]
    yield pa.table({"value": values, "segment": segments}), {"kind": "network"}
    yield {"value": values, "segment": segments}, {"kind": "network"}
    names = ["Très fidèles", "actifs"]
    yield Identifiers("network", values), {"segments": np.array([0, 1, 1]), "names": names}


@pytest.mark.parametrize("form", range(11))
def test_a_load_says_the_same_in_every_form(form, tmp_path):
    """Iterables, CSV plain and packed, Arrow plain, encoded and streamed, dicts, values with a kind, NumPy codes."""
    pairs, options = list(forms(tmp_path))[form]
    assert pairs_of(memberships_of(pairs, **options)) == [(*pair, 0) for pair in PAIRS]


def test_an_unused_entry_of_a_dictionary_names_no_segment():
    """A load replaces what it names: a filtered table must not empty the segments that it no longer has."""
    table = pa.table({"identifier": ["network:a"], "segment": pa.array(["x", "y"]).dictionary_encode().slice(1)})
    assert memberships_of(table).names == ["y"]


def test_dates_travel_as_days():
    """From a date column, from text, and beside a pair."""
    day = dt.date(2018, 1, 31)
    expected = [("network:a", "x", 17_562)]
    table = pa.table({"identifier": ["network:a"], "segment": ["x"], "seen": pa.array([day])})
    assert pairs_of(memberships_of(table)) == expected
    assert pairs_of(memberships_of([("network:a", "x", day)])) == expected
    assert pairs_of(memberships_of({"identifier": ["network:a"], "segment": ["x"], "seen": ["2018-01-31"]})) == expected


def test_rows_without_identifier_or_segment_are_counted_not_lost(tmp_path):
    """The report of a load adds up, so what the client leaves out is told to the engine."""
    table = pa.table({"identifier": ["network:a", None, "network:b"], "segment": ["x", "x", None]})
    (chunk,) = memberships_of(table).chunks()
    assert list(chunk.identifiers.texts) == ["network:a"]
    assert {one.reason: one.count for one in chunk.left_out} == {"null_identifier": 1, "null_segment": 1}
    path = tmp_path / "short.csv"
    path.write_text("identifier,segment\nnetwork:a,x\nnetwork:b\nnetwork:c,\n")
    (chunk,) = memberships_of(path).chunks()
    assert {one.reason: one.count for one in chunk.left_out} == {"missing_column": 2}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"network:a,x\n", "column"),
        (b"identifier,seen\n", "segment"),
        (b"identifier,segment,seen\nnetwork:a,x,yesterday\n", "line 2"),
        (b"identifier,segment\nnetwork:\xff,x\n", "UTF-8"),
        (b'identifier,segment\n"network:a,x\n', "line"),
    ],
)
def test_a_wrong_csv_is_told_with_file_and_line(content, said, tmp_path):
    """Without showing an identifier."""
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=said) as caught:
        list(memberships_of(path).chunks())
    assert "pairs.csv" in str(caught.value)
    assert "network:a" not in str(caught.value)


def test_what_a_load_lacks_is_said():
    """Each form has its own sentence."""
    rows = np.zeros((2, 16), np.uint8)
    with pytest.raises(TypeError, match="names"):
        memberships_of(Identifiers("email_md5", rows))
    with pytest.raises(InvalidInputError, match="kind"):
        memberships_of(rows, segments=[0, 0], names=["a"])
    with pytest.raises(InvalidInputError, match="segments"):
        memberships_of(Identifiers("email_md5", rows), segments=[0, 1], names=["a"])
    with pytest.raises(InvalidInputError, match="twice"):
        memberships_of(Identifiers("email_md5", rows), segments=[0, 1], names=["a", "a"])
    with pytest.raises(TypeError, match=r"pairs\[0\]"):
        memberships_of(["network:a"])
    with pytest.raises(InvalidInputError, match="segment"):
        memberships_of(pa.table({"identifier": ["network:a"]}))
    with pytest.raises(NotFoundError, match="absent"):
        memberships_of("absent.csv")


def test_links_say_the_same_in_every_form(tmp_path):
    """Iterables, CSV with and without a header, Arrow by name and by position, two columns."""
    pairs = [("network:a", "device:1"), ("network:b", "device:2")]
    bare = tmp_path / "bare.csv"
    bare.write_text("network:a,device:1\nnetwork:b,device:2\n")
    headed = tmp_path / "headed.csv"
    headed.write_text("left;right\nnetwork:a;device:1\nnetwork:b;device:2\n")
    left, right = zip(*pairs, strict=True)
    given = [
        pairs,
        iter(pairs),
        str(bare),
        headed,
        pa.table({"right": right, "left": left}),
        pa.table({"one": left, "two": right}),
        (np.array(left), np.array(right)),
    ]
    for one in given:
        ((first, second),) = columns_of(one)
        assert (tuple(first.texts), tuple(second.texts)) == (left, right)


def test_columns_of_unequal_length_are_no_pairs():
    """Nobody is left alone silently."""
    with pytest.raises(InvalidInputError, match="2 identifiers on the left, 1 on the right"):
        list(columns_of((Identifiers("network", ["a", "b"]), Identifiers("device", ["1"]))))
    with pytest.raises(TypeError, match=r"pairs\[1\]"):
        list(columns_of([("network:a", "device:1"), "network:b"]))


def content_of(source):
    """Return the bytes of a source, and the fields they travel in."""
    parts = list(source_of(source).parts)
    fields = {part.WhichOneof("part") for part in parts}
    return b"".join(getattr(part, part.WhichOneof("part")) for part in parts), fields


def test_an_upload_says_the_same_in_every_form(tmp_path):
    """Paths, bytes, open files, chunks, lines."""
    lines = [f"{number:032x}" for number in range(100)]
    content = "".join(f"{line}\n" for line in lines).encode()
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with_ends = (f"{line}\n" for line in lines)
    contents = (content, bytearray(content), io.BytesIO(content), iter([content[:7], content[7:]]))
    for source in (str(path), path, *contents, lines, with_ends, pa.array(lines), Identifiers("email_md5", lines)):
        assert content_of(source) == (content, {"chunk"})


def test_digests_travel_raw_and_in_parts():
    """(n, 16) is MD5, (n, 32) is SHA-256; no part is larger than a mebibyte."""
    for width, field in ((16, "md5_digests"), (32, "sha256_digests")):
        rows = np.random.default_rng(1).integers(0, 256, (70_001, width), np.uint8)
        parts = list(source_of(rows).parts)
        assert all(len(getattr(part, field)) <= PART_BYTES for part in parts)
        assert b"".join(getattr(part, field) for part in parts) == rows.tobytes()


def test_a_long_file_comes_in_parts_with_its_size_known(tmp_path):
    """Memory is one part, and the bar knows the whole."""
    path = tmp_path / "long.csv"
    path.write_bytes(b"x" * (3 * PART_BYTES + 1))
    source = source_of(path)
    assert (source.name, source.total_bytes) == ("long.csv", 3 * PART_BYTES + 1)
    assert [len(part.chunk) for part in source.parts] == [PART_BYTES] * 3 + [1]


@pytest.mark.parametrize("mixed", [[b"chunk", "line"], ["line", b"chunk"], [b"chunk", 7]])
def test_chunks_and_lines_never_mix(mixed):
    """Whether a line break is missing could not be told."""
    with pytest.raises(TypeError, match=r"source\[1\]"):
        content_of(mixed)


def test_what_is_no_source_is_refused(tmp_path):
    """Directories, missing files, text files, other arrays, numbers, dicts."""
    with pytest.raises(InvalidInputError, match="directory"):
        source_of(tmp_path)
    with pytest.raises(NotFoundError, match="absent"):
        source_of(tmp_path / "absent")
    with pytest.raises(InvalidInputError, match="digests"):
        source_of(np.zeros((3, 20), np.uint8))
    with pytest.raises(TypeError, match="rb"):
        content_of(io.StringIO("x"))
    for wrong in (7, {"a": 1}, None):
        with pytest.raises(TypeError):
            source_of(wrong)


def test_a_file_is_closed_after_its_last_part(tmp_path):
    """A job that uploads thousands keeps no descriptor."""
    path = tmp_path / "file.csv"
    path.write_bytes(b"x")
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(20):
        content_of(path)
    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert after <= before + 1


@pytest.mark.parametrize("end", [1, 128, 129, 16_384, 16_385, 1 << 21, 1 << 28, 1 << 32])
def test_packed_values_are_what_protobuf_writes(end):
    """A column made to varints is the field that the library makes of its values one by one."""
    values = np.random.default_rng(end).integers(0, end, 1_000).astype(np.uint32)
    values[:2] = 0, end - 1
    packed = identity_pb2.LoadChunk()
    set_packed(packed, "segments", values[:400])
    set_packed(packed, "segments", values[400:400])
    set_packed(packed, "segments", values[400:])
    assert packed == identity_pb2.LoadChunk(segments=values.tolist())


def test_spans_take_as_many_rows_as_bytes_allow():
    """Rows of a column come in their order, each once, and no part is larger than a message."""
    column = Identifiers("network", [b"x" * (1 + row * 31 % 900) for row in range(150_000)])
    parts = list(spans(column))
    assert [start for start, _ in parts] == [0, *(stop for _, stop in parts[:-1])]
    assert parts[-1][1] == len(column)
    assert all(column.sizes(*part).sum() <= COLUMN_BYTES_MAX for part in parts)
    assert all(column.sizes(start, min(stop + 1, len(column))).sum() > COLUMN_BYTES_MAX for start, stop in parts[:-1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64])
def test_codes_of_any_integers_name_their_segments(dtype):
    """Codes are taken as they come, and none of no rows at all."""
    values = np.arange(48, dtype=np.uint8).reshape(3, 16)
    codes = np.array([2, 0, 2], dtype)
    (chunk,) = memberships_of(Identifiers("email_md5", values), segments=codes, names=["a", "b", "c"]).chunks()
    assert list(chunk.segments) == [2, 0, 2]
    assert not list(memberships_of(Identifiers("email_md5", values[:0]), segments=codes[:0], names=["a"]).chunks())
