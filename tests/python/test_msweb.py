"""Real visits as segments: 98,653 (user, area) pairs, asked by 200 random include/exclude expressions.

What the engine answers is compared with plain Python sets, member by member: by `evaluate` and `count` of the
expression, and by `match_batch` of an adgroup that includes and excludes the same. docs/guides/msweb.md is this, told.
"""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

import numpy as np
import pytest

import segengine

VISITS = Path(__file__).resolve().parents[1] / "data/web-msweb/msweb_visits.csv.gz"
EXPRESSIONS = 200


@pytest.fixture(scope="module")
def visits():
    """Return the areas, each with the set of its visitors."""
    areas = {}
    with gzip.open(VISITS, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            areas.setdefault(row["area"].strip(), set()).add(f"network:{row['user_id']}")
    return areas


@pytest.fixture(scope="module", params=["open", "connect"])
def loaded(request, visits, tmp_path_factory):
    """Return an engine with the pairs loaded, in this process or behind gRPC, and the report of the load."""
    pairs = [(user, area) for area, users in visits.items() for user in sorted(users)]
    with segengine.open(tmp_path_factory.mktemp("msweb") / "data") as engine:
        if request.param == "open":
            engine.campaigns.create("microsoft/february")
            yield engine, engine.load(pairs, campaign="microsoft/february")
        else:
            with engine.serve(port=0) as server, segengine.connect(server.target) as remote:
                remote.campaigns.create("microsoft/february")
                yield remote, remote.load(pairs, campaign="microsoft/february")


def quoted(area):
    """Return a display name as expressions have it."""
    return segengine.Expression.named(area).text


def draw(chance, visits):
    """Return include groups and excludes: most of the areas drawn are much visited, so that answers differ."""
    popular = sorted(visits, key=lambda area: -len(visits[area]))[:30]

    def areas(most):
        return [
            chance.choice(popular if chance.random() < 0.7 else list(visits)) for _ in range(chance.randint(1, most))
        ]

    include = [sorted(set(areas(4))) for _ in range(chance.randint(0, 3))]
    used = {area for group in include for area in group}
    exclude = sorted(set(areas(3)) - used) if chance.random() < 0.8 or not include else []
    return include, exclude


def members(include, exclude, visits, everybody):
    """Return who is in all groups and in no exclude, by sets of Python."""
    found = set(everybody)
    for group in include:
        found &= set().union(*(visits[area] for area in group))
    return found.difference(*(visits[area] for area in exclude))


def text_of(include, exclude):
    """Return include groups and excludes as an expression."""
    groups = [f"({' | '.join(map(quoted, group))})" for group in include]
    return " & ".join(groups + [f"!{quoted(area)}" for area in exclude])


def test_all_pairs_are_loaded(loaded, visits):
    """Every pair counts, every area is a segment, and each has as many people as it had visitors."""
    engine, report = loaded
    assert (report.rows_total, report.unique, report.duplicates, report.invalid) == (98_653, 98_653, 0, {})
    assert (report.identifiers, len(report.segments)) == (32_710, 285)
    campaign = engine.campaigns.get("microsoft/february")
    counts = {segment.display_name: segment.profile_count for segment in campaign.segments}
    assert counts == {area: len(users) for area, users in visits.items()}


def test_expressions_have_the_members_that_sets_have(loaded, visits):
    """200 random expressions: members and counts are exactly those of Python's sets, as expression and adgroup."""
    engine, _ = loaded
    chance = random.Random(1998)
    everybody = sorted(set().union(*visits.values()))
    profile_of = dict(zip(everybody, engine.resolve(everybody).tolist(), strict=True))
    assert len(set(profile_of.values())) == 32_710
    forms = [form for form in (draw(chance, visits) for _ in range(3 * EXPRESSIONS)) if any(form)][:EXPRESSIONS]
    campaign = engine.campaigns.get("microsoft/february")
    specs = [
        {"id": f"x{number}", "include": include, "exclude": exclude} for number, (include, exclude) in enumerate(forms)
    ]
    ids = np.asarray(campaign.adgroups.upsert(specs))
    mask = engine.match_batch(everybody, candidates=ids).to_mask(ids)
    sizes = []
    for number, (include, exclude) in enumerate(forms):
        expected = members(include, exclude, visits, everybody)
        text = text_of(include, exclude)
        found = engine.evaluate(text, campaign=campaign)
        assert found.to_numpy().tolist() == sorted(profile_of[user] for user in expected), text
        assert engine.count(text, campaign=campaign).profile_count == len(expected), text
        assert {everybody[row] for row in np.flatnonzero(mask[:, number])} == expected, text
        sizes.append(len(expected))
    assert len(sizes) == EXPRESSIONS
    assert len(set(sizes)) > EXPRESSIONS // 2, "the expressions ask for too much of the same"
