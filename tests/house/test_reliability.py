"""The page of the long runs is what their lines say; a newer commit makes the older counts stale, and adds none up."""

from __future__ import annotations

import reliability


def line(commit, rounds, failures=0, row=1):
    """Return a line of a run."""
    return reliability.Run(row=row, commit=commit, seed=1, start="then", end="now", rounds=rounds, failures=failures)


def test_counts_of_one_commit_add_up_and_those_of_another_are_stale():
    """Two runs of one commit are one count; the older commit stands below, marked."""
    page = reliability.render([line("old", 700), line("new", 100), line("new", 200, failures=1)])
    assert "| new | 300 | 1 | then | now |  |" in page
    assert "| old | 700 | 0 | then | now | stale |" in page
    assert page.index("| new |") < page.index("| old |")
    assert "not run" in page  # row 3


def test_the_committed_page_is_rendered_from_the_committed_lines():
    """Nobody writes a count into the page by hand."""
    assert reliability.PAGE.read_text(encoding="utf-8") == reliability.render(reliability.recorded())
