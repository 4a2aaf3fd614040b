"""Evaluate, count, overlap, resolve, load and link: sets of people, in and out."""

from __future__ import annotations

import datetime as dt
import pickle

import numpy as np
import pyarrow as pa
import pytest

import segengine
from segengine import Expression, Identifiers, ProfileSet

UNKNOWN = 4_294_967_295


def members(engine, lines, start, stop):
    """Return the profile ids of users, by their hashes."""
    return engine.resolve([f"email_md5:{line}" for line in lines(start, stop)])


def test_an_expression_is_text_a_handle_or_built(engine, filled, lines):
    """Every form names the same people."""
    a, b, c = (filled.segments.get(name) for name in "abc")
    adgroup = filled.adgroups.create("x", targeting="(a | b) & !c")
    expected = set(members(engine, lines, 0, 100).tolist())
    for form in ("(a | b) & !c", (a | b) & ~c, Expression("a | b") & ~Expression.of(c), adgroup):
        some = engine.evaluate(form, campaign=filled)
        assert isinstance(some, ProfileSet)
        assert set(some) == expected
        assert engine.count(form, campaign="acme/spring").profile_count == 100
    assert set(engine.evaluate("acme/spring/a & acme/spring/b")) == set(members(engine, lines, 50, 100).tolist())
    assert set(a.evaluate()) == set(members(engine, lines, 0, 100).tolist())
    assert len(engine.evaluate("!a", campaign=filled)) == 100


def test_an_expression_s_error_points_at_the_character(engine, filled):
    """And a name that does not exist is named."""
    with pytest.raises(segengine.InvalidInputError, match="column"):
        engine.count("a | | b", campaign=filled)
    with pytest.raises(segengine.NotFoundError, match="absent"):
        engine.count("a | absent", campaign=filled)
    with pytest.raises(segengine.LimitExceededError):
        engine.count("!" * 10**6 + "a", campaign=filled)
    with pytest.raises(TypeError):
        engine.count(["a"], campaign=filled)


def test_a_count_says_who_can_be_reached_and_of_which_state(engine, filled):
    """Every second user is linked to a network id that was seen today."""
    count = engine.count("a", campaign=filled)
    assert (count.profile_count, count.reachable_count, count.reach) == (100, 50, 0.5)
    assert not count.below_minimum
    assert count.as_of.engine_id == engine.info().engine_id
    assert count.as_of.revision >= filled.revision
    assert filled.segments.get("a").reach == 0.5


def test_an_overlap_is_a_matrix(engine, filled):
    """(3, 3) uint64, symmetric, own counts on the diagonal; NumPy takes it as it is."""
    a, b, c = (filled.segments.get(name) for name in "abc")
    overlap = engine.overlap([a, b, c])
    assert (overlap.shape, overlap.dtype) == ((3, 3), np.uint64)
    assert np.asarray(overlap).tolist() == [[100, 50, 0], [50, 100, 50], [0, 50, 100]]
    assert overlap[0, 1] == 50
    assert engine.overlap(["a | b", "c"], campaign=filled)[0, 1] == 50
    with pytest.raises(segengine.LimitExceededError):
        engine.overlap([a] * 9)
    with pytest.raises(TypeError, match="list"):
        engine.overlap(a)


def test_a_profile_set_outlives_its_engine_and_knows_its_own(engine, filled, lines):
    """`in` takes an identifier while the engine is open; algebra and pickles need none."""
    some = engine.evaluate("a", campaign=filled)
    assert f"email_md5:{lines(0, 1)[0]}" in some
    assert "network:0" in some
    assert "network:198" not in some
    assert "network:unknown" not in some
    other = engine.evaluate("b", campaign=filled)
    engine.link([("network:one", "network:two")])
    later = engine.evaluate("a", campaign=filled)
    with pytest.raises(ValueError, match="link epochs"):
        some & later
    with pytest.raises(ValueError, match="links changed"):
        assert "network:0" in some
    engine.close()
    assert len(some & other) == 50
    assert pickle.loads(pickle.dumps(some)) == some
    with pytest.raises(segengine.EngineClosedError):
        assert "network:0" in later


@pytest.mark.usefixtures("filled")
def test_resolve_is_vectorised_and_creates_nothing(engine, lines):
    """uint32 in order, 4294967295 where unknown; linked identifiers have one profile."""
    texts = [f"email_md5:{lines(0, 1)[0]}", "network:0", "network:unknown", "nonsense"]
    before = engine.info().identifiers
    profiles = engine.resolve(texts)
    assert profiles.dtype == np.uint32
    assert profiles[0] == profiles[1] != UNKNOWN
    assert profiles[2:].tolist() == [UNKNOWN, UNKNOWN]
    assert engine.resolve(pa.array(texts)).tolist() == profiles.tolist()
    digests = np.frombuffer(bytes.fromhex("".join(lines(0, 200))), np.uint8).reshape(200, 16)
    assert engine.resolve(Identifiers("email_md5", digests)).tolist() == members(engine, lines, 0, 200).tolist()
    assert engine.resolve([]).tolist() == []
    assert engine.info().identifiers == before
    many = engine.resolve([f"network:{number % 200}" for number in range(150_000)])
    assert many.shape == (150_000,)
    assert (many != UNKNOWN).sum() == 75_000


PAIRS = [("network:a", "Très fidèles"), ("network:b", "actifs"), ("network:a", "actifs"), ("network:a", "actifs")]


def forms(folder):
    """Yield the pairs in every form that load takes."""
    identifiers, segments = zip(*PAIRS, strict=True)
    path = folder / "pairs.csv"
    path.write_text("identifier,segment\n" + "".join(f"{one},{two}\n" for one, two in PAIRS))
    values = [text.partition(":")[2] for text in identifiers]
    yield PAIRS, {}
    yield path, {}
    yield pa.table({"identifier": identifiers, "segment": pa.array(segments).dictionary_encode()}), {}
    yield pa.table({"value": values, "segment": segments}), {"kind": "network"}
    names = ["Très fidèles", "actifs"]
    yield Identifiers("network", values), {"segments": np.array([0, 1, 1, 1]), "names": names}


@pytest.mark.parametrize("form", range(5))
def test_a_load_creates_and_replaces_what_it_names(engine, spring, tmp_path, form):
    """Missing segments come, named ones are replaced, others stay; the report adds up."""
    untouched = spring.segments.create("untouched")
    untouched.add_members(["network:z"])
    spring.segments.create("actifs").add_members(["network:old"])
    pairs, options = list(forms(tmp_path))[form]
    report = engine.load(pairs, campaign=spring, **options)
    assert (report.rows_total, report.valid, report.unique, report.duplicates) == (4, 4, 3, 1)
    assert report.rows_total == report.valid + report.invalid_total
    assert [(one.display_name, one.profile_count, one.created) for one in report.segments] == [
        ("Très fidèles", 1, True),
        ("actifs", 2, False),
    ]
    assert "network:old" not in engine.evaluate("actifs", campaign=spring)
    assert len(engine.evaluate('actifs & "Très fidèles"', campaign=spring)) == 1
    assert len(engine.evaluate("untouched", campaign=spring)) == 1
    assert spring.segments.get("Très fidèles").id == "tres-fideles"


def test_invalid_rows_of_a_load_are_counted_by_reason(engine, spring):
    """Those that the client left out as well as those that the engine refused."""
    table = pa.table({"identifier": ["network:a", None, "nonsense", "email_md5:xyz"], "segment": ["s"] * 4})
    report = engine.load(table, campaign=spring)
    assert (report.rows_total, report.valid, report.invalid_total) == (4, 1, 3)
    assert report.invalid["null_identifier"] == 1


def test_a_load_with_dates_makes_people_reachable(engine, spring):
    """A network id seen today is addressable."""
    today = dt.datetime.now(dt.UTC).date()
    engine.load([("network:a", "s", today), ("network:b", "s", today - dt.timedelta(days=400))], campaign=spring)
    count = engine.count("s", campaign=spring)
    assert (count.profile_count, count.reachable_count) == (2, 1)


def test_a_large_load_streams(engine, spring):
    """Half a million pairs of raw digests in some messages."""
    rows = np.random.default_rng(7).integers(0, 256, (500_000, 16), np.uint8)
    codes = np.arange(500_000) % 10
    report = engine.load(
        Identifiers("email_md5", rows), segments=codes, names=[f"s{n}" for n in range(10)], campaign=spring
    )
    assert (report.valid, report.unique, len(report.segments)) == (500_000, 500_000, 10)
    assert spring.segments.get("s3").profile_count == 50_000


def test_a_load_into_what_does_not_exist_is_refused(engine, spring):
    """And the caller's own exception comes back; nothing was changed."""

    def breaking():
        yield ("network:a", "s")
        raise ZeroDivisionError

    with pytest.raises(segengine.NotFoundError):
        engine.load(PAIRS, campaign="acme/absent")
    with pytest.raises(ZeroDivisionError):
        engine.load(breaking(), campaign=spring)
    assert list(spring.segments) == []


def test_links_merge_and_unlinks_part_again(engine, tmp_path):
    """Iterables, Arrow, arrays, CSV; what is linked already is unchanged."""
    path = tmp_path / "pairs.csv"
    path.write_text("network:5,device:5\n")
    first = engine.link([("network:1", "device:1"), ("network:2", "device:2")], seen=dt.date(2018, 1, 1))
    assert (first.pairs, first.changed, first.unchanged, first.new_identifiers) == (2, 2, 0, 4)
    assert engine.link(pa.table({"left": ["network:1", "network:3"], "right": ["device:1", "device:3"]})).changed == 1
    assert engine.link((Identifiers("network", ["4"]), Identifiers("device", ["4"]))).changed == 1
    assert engine.link(path).changed == 1
    ids = engine.resolve([f"{kind}:{n}" for n in range(1, 6) for kind in ("network", "device")]).reshape(5, 2)
    assert (ids[:, 0] == ids[:, 1]).all()
    assert len(set(ids[:, 0].tolist())) == 5
    parted = engine.unlink([("network:1", "device:1"), ("network:9", "device:9")])
    assert (parted.changed, parted.unchanged) == (1, 1)
    assert parted.link_epoch > first.link_epoch
    one, other = engine.resolve(["network:1", "device:1"])
    assert one != other
    with pytest.raises(segengine.InvalidInputError):
        engine.link([("network:1", "nonsense")])


def test_many_links_stream(engine):
    """More pairs than one message holds, in one step."""
    left = Identifiers("email_md5", np.random.default_rng(1).integers(0, 256, (150_000, 16), np.uint8))
    right = Identifiers("network", [str(number) for number in range(150_000)])
    report = engine.link((left, right))
    assert (report.pairs, report.changed) == (150_000, 150_000)
    assert engine.info().links == 150_000


def test_numpy_and_pyroaring_take_sets_out_and_in(engine, filled):
    """`pyroaring.BitMap` both ways, with where it came from said again."""
    some = engine.evaluate("a", campaign=filled)
    again = ProfileSet.from_pyroaring(some.to_pyroaring(), engine_id=some.engine_id, link_epoch=some.link_epoch)
    assert again == some
    assert np.array_equal(some.to_numpy(), np.array(some.to_pyroaring().to_array(), np.uint32))
