"""Match, MatchBatch and iter_match: candidates, contexts, users of every shape, names."""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import pickle

import numpy as np
import pytest

import segengine
from segengine import Identifiers


@pytest.fixture
def adgroups(filled):
    """Adgroups over a, b, c: any of a, all but a, a and b, everybody."""
    return [
        filled.adgroups.create("in-a", include=["a"]),
        filled.adgroups.create("not-a", exclude=["a"]),
        filled.adgroups.create("a-and-b", include=[["a"], ["b"]]),
        filled.adgroups.create("everybody"),
    ]


def test_a_match_is_a_frozen_answer(engine, adgroups, lines):
    """Read-only ids, generation, which identifiers hit, what was skipped; names on demand."""
    match = engine.match(f"email_md5:{lines(60, 61)[0]}", "network:unknown", "nonsense")
    assert set(match.adgroups.tolist()) == {adgroups[0].number, adgroups[2].number, adgroups[3].number}
    assert (match.adgroups.dtype, match.adgroups.flags.writeable) == (np.uint32, False)
    assert (match.identified, match.skipped) == (0b001, 1)
    assert match.generation > 0
    assert set(match.names()) == {"acme/spring/in-a", "acme/spring/a-and-b", "acme/spring/everybody"}
    with pytest.raises(AttributeError):
        match.generation = 1
    assert pickle.loads(pickle.dumps(match)) == match


def test_candidates_are_answered_in_their_order_once(engine, adgroups):
    """Unknown ones are skipped and counted; an empty list answers nothing, None asks for all."""
    one, two, _, everybody = (adgroup.number for adgroup in adgroups)
    match = engine.match("network:0", candidates=[everybody, 999, one, everybody, two])
    assert match.adgroups.tolist() == [everybody, one]
    assert match.skipped == 1
    assert engine.match("network:0", candidates=[]).adgroups.tolist() == []
    assert set(engine.match("network:0")) == {one, everybody}
    assert engine.match("network:0", candidates=adgroups[:1]).adgroups.tolist() == [one]
    assert engine.match("network:0", candidates=np.array([one], np.int64)).adgroups.tolist() == [one]


def test_a_user_has_the_union_of_its_identifiers(engine, adgroups):
    """Reading never links: the next request with one of them is that one."""
    both = engine.match("network:0", "network:120", candidates=adgroups[:3])
    assert both.adgroups.tolist() == [adgroups[0].number, adgroups[2].number]
    assert engine.match("network:0", candidates=adgroups[:3]).adgroups.tolist() == [adgroups[0].number]


def test_a_context_counts_for_this_request_only(engine, filled, adgroups):
    """A segment of the place or the page, by handle or number."""
    a = filled.segments.get("a")
    for context in ([a], [a.number], np.array([a.number], np.uint32)):
        assert engine.match("network:unknown", candidates=adgroups[:2], context=context) == engine.match(
            "network:0", candidates=adgroups[:2]
        ) or engine.match("network:unknown", candidates=adgroups[:1], context=context).adgroups.tolist() == [
            adgroups[0].number
        ]
    assert engine.match("network:unknown", candidates=adgroups[:1]).adgroups.tolist() == []


def test_one_user_is_no_list(engine):
    """A list names match_batch; a number is no identifier; too many are a limit."""
    for wrong in (["network:a", "network:b"], ("network:a",), 7):
        with pytest.raises(TypeError, match="match_batch"):
            engine.match(wrong)
    with pytest.raises(segengine.LimitExceededError, match="17"):
        engine.match(*[f"network:{number}" for number in range(17)])
    with pytest.raises(segengine.LimitExceededError):
        engine.match("network:a", candidates=np.zeros(10_001, np.uint32))
    with pytest.raises(segengine.InvalidInputError):
        engine.match("network:a", candidates=[-1])
    with pytest.raises(segengine.InvalidInputError):
        engine.match("network:a", candidates=np.array([0.5]))
    with pytest.raises(TypeError):
        engine.match("network:a", candidates="12")


def single(engine, users, candidates):
    """Return what match says of each user."""
    return [engine.match(*([user] if isinstance(user, str) else user), candidates=candidates) for user in users]


@pytest.mark.usefixtures("adgroups")
def test_a_batch_says_what_match_says(engine, lines):
    """Users as texts and tuples, known, unknown and malformed."""
    hashes = lines(0, 200)
    users = [f"email_md5:{line}" for line in hashes] + ["network:0", ("network:0", "network:120"), "network:x", "", ()]
    batch = engine.match_batch(users)
    assert (batch.offsets.dtype, batch.adgroups.dtype, batch.status.dtype) == (np.int64, np.uint32, np.uint8)
    assert batch.offsets.shape == (len(users) + 1,)
    for position, match in enumerate(single(engine, users[:-1], None)):
        answered = batch.adgroups[batch.offsets[position] : batch.offsets[position + 1]]
        assert set(answered.tolist()) == set(match.adgroups.tolist())
        assert (batch.status[position] == 0) == bool(match.identified)
    assert batch.status[-3:].tolist() == [1, 2, 2]
    assert engine.match_batch([]).offsets.tolist() == [0]


def test_a_batch_takes_one_candidate_list_or_one_each(engine, adgroups):
    """Offsets and ids, in the order of the request."""
    one, two, three, everybody = (adgroup.number for adgroup in adgroups)
    users = ["network:0", "network:198", ("network:60",)]
    same = engine.match_batch(users, candidates=np.array([everybody, one, two], np.uint32))
    assert np.split(same.adgroups, same.offsets[1:-1])[0].tolist() == [everybody, one]
    offsets, ids = np.array([0, 2, 2, 4]), np.array([two, one, everybody, three], np.uint32)
    each = engine.match_batch(users, candidates=(offsets, ids))
    assert [part.tolist() for part in np.split(each.adgroups, each.offsets[1:-1])] == [[one], [], [everybody, three]]
    for wrong in (np.array([0, 2, 1, 4]), np.array([0, 4]), np.array([1, 2, 3, 4]), np.array([0, 0, 0, 5])):
        with pytest.raises(segengine.InvalidInputError, match="offsets"):
            engine.match_batch(users, candidates=(wrong, ids))


def test_a_column_of_digests_is_a_batch(engine, adgroups, lines):
    """Raw hashes travel as they lie in memory; the mask is what a trainer wants."""
    digests = np.frombuffer(bytes.fromhex("".join(lines(0, 200))), np.uint8).reshape(200, 16)
    batch = engine.match_batch(Identifiers("email_md5", digests))
    numbers = np.array([adgroup.number for adgroup in adgroups], np.uint32)
    mask = batch.to_mask(numbers)
    assert (mask.shape, mask.dtype) == ((200, 4), np.bool_)
    users = np.arange(200)
    assert mask[:, 0].tolist() == (users < 100).tolist()
    assert mask[:, 1].tolist() == (users >= 100).tolist()
    assert mask[:, 2].tolist() == ((users >= 50) & (users < 100)).tolist()
    assert mask[:, 3].all()
    texts = engine.match_batch(Identifiers("email_md5", lines(0, 200)))
    assert (texts.to_mask(numbers) == mask).all()


def test_a_batch_has_a_limit_and_iter_match_none(engine, adgroups):
    """65,536 users at once; beyond them batch by batch, in order."""
    users = [f"network:{number % 200}" for number in range(65_537)]
    with pytest.raises(segengine.LimitExceededError):
        engine.match_batch(users, candidates=[])
    chosen = [adgroups[0].number]
    parts = list(engine.iter_match(iter(users), candidates=chosen, size=20_000))
    assert [len(part.status) for part in parts] == [20_000] * 3 + [5_537]
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    expected = np.array([number % 200 < 100 and number % 2 == 0 for number in range(65_537)])
    assert counts.tolist() == expected.astype(int).tolist()
    digests = Identifiers("email_md5", np.zeros((25, 16), np.uint8))
    assert [len(part.status) for part in engine.iter_match(digests, size=10)] == [10, 10, 5]


def test_min_revision_reads_what_was_written(engine, filled):
    """A write's revision is a promise for reads; one that was never given out is not waited for for ever."""
    adgroup = filled.adgroups.create("new")
    assert adgroup.number in engine.match("network:0", min_revision=adgroup.revision)
    with pytest.raises(segengine.SegengineError):
        engine.match("network:0", min_revision=2**62, timeout=1)


def test_an_explanation_is_a_tree_for_people_and_machines(engine, filled, adgroups):
    """Handle, integer, path; adgroup or segment; agreeing with Match."""
    for target in (adgroups[2], adgroups[2].number, "acme/spring/a-and-b", adgroups[2].name):
        explanation = engine.explain("network:60", target)
        assert explanation.matches
        assert explanation.target == adgroups[2].name
    text = str(engine.explain("network:120", adgroups[0]))
    assert "✘" in text
    assert "acme/spring/a" in text
    machine = engine.explain("network:60", adgroups[2]).to_dict()
    assert machine["matches"] is True
    assert machine["tree"]["operator"] in {"and", "or", "segment"}
    assert engine.explain("network:60", filled.segments.get("b")).matches
    assert not engine.explain("network:0", filled.segments.get("b")).matches
    assert adgroups[0].explain("network:0").matches
    for adgroup in adgroups:
        for user in ("network:0", "network:60", "network:198", "network:unknown"):
            assert engine.explain(user, adgroup).matches == (adgroup.number in engine.match(user))
    assert dataclasses.is_dataclass(explanation)
    with pytest.raises(TypeError):
        engine.explain("network:0")
    with pytest.raises(TypeError):
        engine.explain("network:0", 1.5)


def test_threads_share_an_engine(engine, adgroups):
    """Four of them ask at once and get what one gets."""
    users = [f"network:{number}" for number in range(0, 200, 2)]
    expected = [match.adgroups.tolist() for match in single(engine, users, adgroups)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for answers in pool.map(lambda _: single(engine, users, adgroups), range(4)):
            assert [match.adgroups.tolist() for match in answers] == expected


def test_asyncio_has_the_same_methods(tmp_path, lines):
    """`async with segengine.aconnect(target)`: the same names, awaited."""

    async def job(target):
        async with segengine.aconnect(target, timeout=30) as engine:
            spring = await engine.campaigns.create("acme/spring")
            segment = await spring.segments.upload("a", lines(0, 60))
            adgroup = await spring.adgroups.create("x", include=[segment])
            match = await engine.match(f"email_md5:{lines(0, 1)[0]}")
            assert await match.names() == ["acme/spring/x"]
            assert (await adgroup.count()).profile_count == 60
            assert [one.id async for one in spring.segments] == ["a"]
            sizes = [len(part.status) async for part in engine.iter_match(["network:a"] * 25, size=10)]
            assert sizes == [10, 10, 5]
            assert len(await engine.evaluate("a", campaign=spring)) == 60
            operation = await spring.segments.upload("a", lines(0, 70), wait=False)
            assert (await operation.result()).profile_count == 70
            assert (await operation.progress).state == "SUCCEEDED"
            report = await engine.load([("network:a", "b")], campaign=spring)
            assert report.unique == 1
            assert (await engine.verify()).sound
            with pytest.raises(segengine.NotFoundError):
                await spring.segments.get("absent")
            matches = await asyncio.gather(*[engine.match("network:a") for _ in range(20)])
            assert len({one.generation for one in matches}) == 1
            assert "await" not in (segengine.Engine.match.__doc__ or "")
        with pytest.raises(segengine.EngineClosedError):
            await engine.info()

    with segengine.serve(tmp_path / "data", port=0) as server:
        asyncio.run(job(server.target))
