"""What the way through Python costs: the same users one by one, through the extension and the package, and as a batch.

A batch crosses the boundary once: what a call for each user takes longer than the batch, divided by the users, is what
one crossing costs. pytest-benchmark times whole rounds of USERS calls: divide by USERS.
"""

from __future__ import annotations

import numpy as np
import pytest

import segengine

SEGMENTS = 200
ADGROUPS = 5_000
USERS = 400
LOADED = 20_000
MEMBERSHIPS = 20


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An engine with LOADED users in MEMBERSHIPS segments each and ADGROUPS adgroups; texts of USERS of the users."""
    rng = np.random.default_rng(7)
    values = rng.integers(0, 256, (LOADED, 16), dtype=np.uint8)
    with segengine.open(tmp_path_factory.mktemp("bench") / "data") as engine:
        campaign = engine.campaigns.create("acme/spring")
        engine.load(
            segengine.Identifiers("email_md5", np.repeat(values, MEMBERSHIPS, axis=0)),
            segments=rng.integers(0, SEGMENTS, LOADED * MEMBERSHIPS).astype(np.uint32),
            names=[f"s{number}" for number in range(SEGMENTS)],
            campaign=campaign,
        )
        specs = []
        for number in range(ADGROUPS):
            a, b, c, out = (f"s{segment}" for segment in rng.choice(SEGMENTS, 4, replace=False))
            specs.append({"id": f"a{number}", "display_name": f"a{number}", "include": [[a, b, c]], "exclude": [out]})
        ids = np.asarray(campaign.adgroups.upsert(specs), np.uint32)
        texts = ["email_md5:" + bytes(row).hex() for row in values[:USERS]]
        yield engine, texts, rng.choice(ids, 50, replace=False), values


@pytest.fixture(params=["50 candidates", "all adgroups"])
def asked(request, world):
    """Engine, texts and the adgroups in question."""
    engine, texts, fifty, _ = world
    return engine, texts, fifty if request.param == "50 candidates" else None


def test_extension(benchmark, asked):
    """One call of the extension for each user."""
    engine, texts, candidates = asked
    match, users = engine.native().match_one, [(text,) for text in texts]
    benchmark(lambda: [match(user, candidates, None, 0) for user in users])


def test_package(benchmark, asked):
    """One call of the package for each user: what a program pays."""
    engine, texts, candidates = asked
    benchmark(lambda: [engine.match(text, candidates=candidates) for text in texts])


def test_package_with_its_array(benchmark, asked):
    """The same, and the array is looked at."""
    engine, texts, candidates = asked
    benchmark(lambda: [engine.match(text, candidates=candidates).adgroups for text in texts])


def test_batch(benchmark, asked):
    """All users in one call: the time of the engine, nearly without the boundary."""
    engine, texts, candidates = asked
    benchmark(lambda: engine.match_batch(texts, candidates=candidates))


def test_column_of_distinct_users(benchmark, world):
    """LOADED distinct users as one array of raw digests, 50 candidates: a million checks in each round."""
    engine, _, fifty, values = world
    users = segengine.Identifiers("email_md5", values)
    batch = benchmark(lambda: engine.match_batch(users, candidates=fifty))
    assert not batch.status.any()


def test_mask(benchmark, world):
    """The answers of LOADED users as a mask over 50 candidates."""
    engine, _, fifty, values = world
    batch = engine.match_batch(segengine.Identifiers("email_md5", values), candidates=fifty)
    assert benchmark(lambda: batch.to_mask(fifty)).shape == (LOADED, 50)
