"""Advertisers, campaigns, segments and adgroups as handles: create, get, list, change, delete."""

from __future__ import annotations

import datetime as dt
import pickle

import numpy as np
import pytest

import segengine
from segengine import AdgroupSpec


def test_a_campaign_brings_its_advertiser(engine):
    """`create("acme/spring")` is the first line of every job."""
    spring = engine.campaigns.create("acme/spring")
    assert (spring.name, spring.path, spring.id) == ("advertisers/acme/campaigns/spring", "acme/spring", "spring")
    assert engine.advertisers.get("acme").campaigns.get("spring") == spring
    assert engine.campaigns.create("acme/spring", exist_ok=True) == spring
    with pytest.raises(segengine.AlreadyExistsError):
        engine.campaigns.create("acme/spring")


def test_ids_come_from_display_names_and_stay(engine, spring):
    """Renaming keeps the id; look-up is by id, then by exact display name in either normal form."""
    segment = spring.segments.create("Abonnés - 2018-01")
    assert segment.id == "abonnes-2018-01"
    decomposed = "Abonne\u0301s - 2018-01"
    for name in ("abonnes-2018-01", "Abonnés - 2018-01", decomposed, "acme/spring/abonnes-2018-01", segment.name):
        assert spring.segments.get(name) == segment
    assert engine.segments.get("acme/spring/abonnes-2018-01") == segment
    segment.update(display_name="Anciens abonnés")
    assert (segment.id, segment.display_name) == ("abonnes-2018-01", "Anciens abonnés")
    assert spring.segments.get("Anciens abonnés") == segment
    with pytest.raises(segengine.NotFoundError):
        spring.segments.get("Abonnés - 2018-01")


def test_two_names_with_one_id_are_told_apart(spring):
    """Also with exist_ok: one of both would be lost."""
    spring.segments.create("Clients 30 jours")
    with pytest.raises(segengine.AlreadyExistsError) as caught:
        spring.segments.create("Clients - 30 jours!", exist_ok=True)
    assert "Clients 30 jours" in str(caught.value)
    assert "Clients - 30 jours!" in str(caught.value)


def test_a_name_without_letters_needs_an_id(spring):
    """東京 has no slug; with an id it is a name as any other."""
    with pytest.raises(segengine.InvalidInputError) as caught:
        spring.segments.create("東京")
    assert "id" in caught.value.hint
    assert spring.segments.create("東京", id="tokyo").display_name == "東京"


def test_segments_and_adgroups_share_one_namespace(spring):
    """`acme/spring/x` is one thing."""
    spring.segments.create("x")
    with pytest.raises(segengine.AlreadyExistsError):
        spring.adgroups.create("x")


def test_a_bare_name_is_the_campaign_s_before_the_advertiser_s(engine, spring):
    """A shared segment is found from every campaign, unless the campaign has its own of that name."""
    shared = engine.advertisers.get("acme").segments.create("clients")
    assert shared.path == "acme/clients"
    assert spring.adgroups.create("one", include=["clients"]).targeting.include == ((shared.name,),)
    own = spring.segments.create("clients")
    assert spring.adgroups.create("two", include=["clients"]).targeting.include == ((own.name,),)


def test_handles_are_values(engine, spring):
    """Equal and hashable by engine and name, whatever was read; attributes never ask; only records pickle."""
    first, again = spring.segments.create("actifs"), spring.segments.get("actifs")
    again.update(display_name="Clients actifs")
    assert first == again
    assert len({first, again}) == 1
    assert first.display_name == "actifs"
    assert first.refresh().display_name == "Clients actifs"
    assert first != spring
    assert pickle.loads(pickle.dumps(first.record)) == first.record
    with pytest.raises(TypeError, match="record"):
        pickle.dumps(first)
    engine.close()
    assert (first.display_name, first.status) == ("Clients actifs", "EMPTY")
    with pytest.raises(segengine.EngineClosedError):
        first.refresh()


def test_reprs_and_notebooks_say_what_a_person_asks(spring, lines):
    """Path, state, size; a table in a notebook, escaped."""
    segment = spring.segments.upload("Clients <actifs>", lines(0, 60))
    assert "acme/spring/clients-actifs" in repr(segment)
    assert "60 profiles" in repr(segment)
    assert "Clients &lt;actifs&gt;" in segment._repr_html_()
    adgroup = spring.adgroups.create("conquest", include=[segment])
    assert f"id {adgroup.number}" in repr(adgroup)
    assert "include clients-actifs" in repr(adgroup)


def test_lists_are_lazy_over_pages(engine, spring):
    """An iterator that fetches a page when it comes to it; sorted by id."""
    for number in range(7):
        spring.segments.create(f"s{number}")
    listed = spring.segments.list(page_size=3)
    assert next(listed).id == "s0"
    spring.segments.create("s9")
    assert [one.id for one in listed] == [*[f"s{number}" for number in range(1, 7)], "s9"]
    engine.campaigns.create("other/autumn")
    assert [one.path for one in engine.campaigns] == ["acme/spring", "other/autumn"]
    assert [one.id for one in engine.advertisers] == ["acme", "other"]
    assert [one.path for one in engine.campaigns.list("acme")] == ["acme/spring"]


def test_etags_keep_two_editors_apart(spring):
    """The second of two changes from one state is refused; read again, then repeat."""
    mine, yours = spring.segments.create("actifs"), spring.segments.get("actifs")
    etag = mine.etag
    mine.update(display_name="Clients actifs", etag=etag)
    with pytest.raises(segengine.ConflictError):
        yours.update(display_name="Actifs", etag=etag)
    assert yours.refresh().display_name == "Clients actifs"


def test_adgroups_have_small_integers_that_are_never_reused(engine, spring):
    """Match carries these; the name is for people."""
    one = spring.adgroups.create("one")
    assert one.number == 1
    assert engine.adgroups.get(1) == spring.adgroups.get("one") == engine.adgroups.get("acme/spring/one") == one
    one.delete()
    assert spring.adgroups.create("one").number == 2
    with pytest.raises(segengine.NotFoundError):
        engine.adgroups.get(1)


def test_an_adgroup_is_changed_field_by_field(spring):
    """What is not given stays; None removes a date; include and exclude replace the targeting together."""
    for name in ("a", "b"):
        spring.segments.create(name)
    start = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
    adgroup = spring.adgroups.create("x", include=["a"], exclude=["b"], start=start, end=start + dt.timedelta(days=1))
    adgroup.update(status="PAUSED")
    assert (adgroup.status, adgroup.start, len(adgroup.targeting.exclude)) == ("PAUSED", start, 1)
    adgroup.update(end=None, on_missing_exclude="serve")
    assert (adgroup.end, adgroup.record.on_missing_exclude) == (None, "serve")
    adgroup.update(targeting="a | b")
    assert "|" in adgroup.targeting.expression
    adgroup.update(targeting=None)
    assert adgroup.targeting is None
    with pytest.raises(TypeError, match="colour"):
        adgroup.update(colour="red")


def test_include_nesting_reaches_the_engine(spring):
    """[a, b] is any of them, [[a, b], [c]] one of each group; names come back as resource names."""
    segments = [spring.segments.create(name) for name in "abc"]
    names = [segment.name for segment in segments]
    assert spring.adgroups.create("one", include=["a", segments[1]]).targeting.include == (tuple(names[:2]),)
    two = spring.adgroups.create("two", include=[["a", "b"], [segments[2]]])
    assert two.targeting.include == (tuple(names[:2]), (names[2],))
    with pytest.raises(TypeError):
        spring.adgroups.create("three", include=["a", ["b"]])
    with pytest.raises(segengine.InvalidInputError):
        spring.adgroups.create("three", include=[[]])
    with pytest.raises(segengine.NotFoundError, match="absent"):
        spring.adgroups.create("three", include=["absent"])
    assert [one.id for one in spring.adgroups] == ["one", "two"]


def test_warnings_say_what_is_odd(spring, lines):
    """A segment that is not ready, and a contradiction."""
    spring.segments.create("empty")
    adgroup = spring.adgroups.create("x", include=["empty"])
    assert adgroup.warnings
    assert all(str(warning) for warning in adgroup.warnings)
    spring.segments.upload("full", lines(0, 60))
    assert spring.adgroups.create("y", targeting="full & !full").warnings
    with pytest.raises(segengine.InvalidInputError, match="included and excluded"):
        spring.adgroups.create("z", include=["full"], exclude=["full"])


def test_upsert_is_all_or_nothing_and_keeps_numbers(engine, spring):
    """Integer ids in order; one wrong spec changes nothing."""
    spring.segments.create("a")
    specs = [{"id": f"g{number}", "include": ["a"]} for number in range(5)]
    ids = spring.adgroups.upsert(specs)
    assert (ids.dtype, ids.shape, len(set(ids.tolist()))) == (np.uint32, (5,), 5)
    assert (ids.created, ids.updated) == (5, 0)
    again = spring.adgroups.upsert([AdgroupSpec(id="g3", targeting="!a", status="PAUSED"), {"display_name": "G 6"}])
    assert (again[0], again.created, again.updated) == (ids[3], 1, 1)
    assert again.revision > ids.revision
    changed = engine.adgroups.get(int(ids[3]), min_revision=again.revision)
    assert (changed.status, changed.id) == ("PAUSED", "g3")
    with pytest.raises(segengine.NotFoundError):
        spring.adgroups.upsert([{"id": "new"}, {"id": "wrong", "include": ["absent"]}])
    with pytest.raises(TypeError, match=r"specs\[1\]"):
        spring.adgroups.upsert([{"id": "new"}, {"colour": "red"}])
    assert "new" not in [one.id for one in spring.adgroups]


def test_validate_only_changes_nothing(spring):
    """A preview of an upsert."""
    spring.adgroups.upsert([{"id": "x"}], validate_only=True)
    assert list(spring.adgroups) == []


def test_things_in_use_are_not_deleted(engine, spring):
    """The refusal names what uses them; afterwards they go."""
    segment = spring.segments.create("a")
    adgroup = spring.adgroups.create("conquest", include=[segment])
    with pytest.raises(segengine.FailedPreconditionError, match="conquest"):
        segment.delete()
    with pytest.raises(segengine.FailedPreconditionError):
        spring.delete()
    revisions = [adgroup.delete(), segment.delete(), spring.delete(), engine.advertisers.get("acme").delete()]
    assert revisions == sorted(set(revisions))
    assert list(engine.advertisers) == []


def test_advertisers_are_changed_too(engine):
    """Raw addresses are allowed by the advertiser."""
    acme = engine.advertisers.create("Acme & Cie", id="acme")
    assert not acme.allow_raw_emails
    assert acme.update(allow_raw_emails=True, display_name="Acme").allow_raw_emails
    assert engine.advertisers.get("Acme") == acme
    assert engine.advertisers.create("Acme", id="acme", exist_ok=True) == acme


def test_campaigns_pause(engine, spring):
    """Their adgroups stop serving at once."""
    adgroup = spring.adgroups.create("everybody")
    assert adgroup.number in engine.match("network:a")
    spring.update(status=segengine.Status.PAUSED, display_name="Printemps")
    assert adgroup.number not in engine.match("network:a")
    assert engine.campaigns.get("acme/Printemps") == spring


@pytest.mark.parametrize("name", ["spring", "acme/", "a/b/c", ""])
def test_a_campaign_s_name_has_two_parts(engine, name):
    """Everything else is told how to write it."""
    with pytest.raises(segengine.InvalidInputError) as caught:
        engine.campaigns.create(name)
    assert caught.value.hint
