"""COMPARE.md: what a record says is what the page says, and what no record says is not measured."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import curves
import generated
import pytest
import table
import workload
from bars import BARS, times

ROOT = Path(__file__).resolve().parents[2]


def record(rounds, wrong=None, what="match-W1"):
    """The least that a record holds."""
    return {
        "what": what,
        "at": "2026-01-02T03:04:05+00:00",
        "machine": {"cpu": "Abacus", "cores": 2},
        "wrong": wrong or {},
        "rounds_us": rounds,
    }


MATCHING = {
    "ours: match all": [10.0, 12.0, 11.0],
    "pyroaring offset: match_ids": [130.0, 150.0, 140.0],
    "numpy slots: match_ids": [200.0, 200.0, 200.0],
    "ours: 50 candidates": [3.0, 3.0, 3.0],
    "ours in Rust: 50 candidates": [1.5, 1.5, 1.5],
    "python sets: 50 candidates": [60.0, 60.0, 60.0],
    "a-tree: match all": [44_000.0, 44_000.0, 44_000.0],
}


def row(page, what):
    """The cells of the bar that says ``what``."""
    (line,) = [line for line in page.split("## The peers")[0].splitlines() if f"| {what} |" in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_figure_is_the_ratio_of_medians_with_the_spread_of_its_rounds():
    """The best of several peers counts; each round's ratio is taken within the round."""
    figure = times("ours: match all", "pyroaring offset: match_ids", "numpy slots: match_ids")(record(MATCHING))
    assert figure.value == pytest.approx(140 / 11)
    assert (figure.low, figure.high) == (pytest.approx(12.5), pytest.approx(13.0))
    assert figure.beside == "140 µs: pyroaring offset"


def test_without_records_nothing_is_claimed():
    """A page of no records has every bar, none measured and none met."""
    page = table.page({})
    for bar in BARS:
        cells = row(page, bar.what)
        assert (cells[2], cells[-1]) == ("not measured", "–")
    assert "| met |" not in page


def test_a_bar_is_met_by_its_figure_alone():
    """Twelve is needed: 12.7 meets it, 8 does not."""
    what = "match all of 100,000 adgroups, W1, cold users"
    assert row(table.page({"match-W1": record(MATCHING)}), what)[-1] == "met"
    slower = {**MATCHING, "ours: match all": [17.0, 17.0, 17.0]}
    assert row(table.page({"match-W1": record(slower)}), what)[-1] == "**not met**"


def test_a_wrong_answer_is_named_and_meets_nothing():
    """A side that differs from the oracle is marked WRONG with its count, in bars and peers."""
    page = table.page({"match-W1": record(MATCHING, {"ours": 3, "a-tree": 2})})
    for what in ("50 candidates, through Python", "50 candidates, from Rust: identifier to ids"):
        assert row(page, what)[-1] == "WRONG: ours 3"
    assert row(page, "the same beside a-tree")[-1] == "WRONG: ours 3 · WRONG: a-tree 2"
    assert "| WRONG (2 users) a-tree | match all | 44 ms |" in page


def test_a_peer_that_is_not_here_says_why():
    """The reason stands in the peers' table."""
    page = table.page({"match-W1": {**record(MATCHING), "not_here": {"lucene": "mvn not on this machine"}}})
    assert "| lucene | – | could not be run here | | | mvn not on this machine |" in page


def test_where_a_peer_is_ahead_is_listed():
    """A ratio below one is told, with its figures."""
    slow = {**MATCHING, "ours: match all": [500.0, 500.0, 500.0]}
    told = table.ahead({"match-W1": record(slow)})
    assert any("500 µs beside 140 µs: pyroaring offset" in line for line in told)
    assert table.ahead({"match-W1": record(MATCHING)}) == ["- Nowhere among what was measured here."]


def test_the_newest_record_of_a_kind_counts(tmp_path):
    """Two machines, two days: the later one is shown."""
    for machine, at in (("a", "2026-01-02"), ("b", "2026-01-01")):
        (tmp_path / machine).mkdir()
        (tmp_path / machine / "x.json").write_text(f'{{"what": "x", "at": "{at}"}}', encoding="utf-8")
    assert table.newest(tmp_path)["x"]["at"] == "2026-01-02"


def test_every_definition_can_be_generated():
    """Each names a shape of workload.py and asks no more users than there are."""
    names = [path.stem for path in (ROOT / "benches" / "definitions").glob("*.toml")]
    assert set(workload.SHAPES) <= {generated.definition(name).shape for name in names}
    for name in names:
        defined = generated.definition(name)
        assert defined.users >= defined.oracle + 6 * defined.rounds * defined.block  # a block for each line of ours
        assert all(0 < count <= defined.block for count in defined.peers.values())


def test_a_curve_is_a_picture():
    """The drawing is well-formed, has each point of each series, and its slope."""
    drawn = curves.draw("profiles", [10, 100, 1_000], {"memory B": [1.0, 10.0, 100.0]}, {"memory B": 1.0})
    root = ET.fromstring(drawn)
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    heights = [float(circle.get("cy")) for circle in circles]
    assert len(circles) == 3
    assert math.isclose(heights[0] - heights[1], heights[1] - heights[2], abs_tol=0.2)
    assert "memory, bytes (slope 1.00)" in drawn
