"""Targeting as people write it: include nesting, both forms, dates, and upsert specs."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from segengine import AdgroupSpec, Expression, InvalidInputError
from segengine.targeting import groups_of, spec_message, targeting_message


@pytest.mark.parametrize(
    ("include", "groups"),
    [
        ([], []),
        (["a"], [["a"]]),
        (("a", "b"), [["a", "b"]]),
        ([["a", "b"], ["c"]], [["a", "b"], ["c"]]),
        ([("a",)], [["a"]]),
        ([[]], [[]]),
    ],
)
def test_nesting_decides_between_any_of_them_and_one_of_each_group(include, groups):
    """[a, b] is one group, [[a, b], [c]] is two; an empty group is left for the engine to refuse."""
    assert groups_of(include) == groups


@pytest.mark.parametrize("include", [["a", ["b"]], [["a"], "b"], "actifs", 7, [1], [[["a"]]], [Expression("a")]])
def test_what_would_have_to_be_guessed_is_a_type_error(include):
    """Mixtures, a bare text, numbers, deeper nesting, expressions."""
    with pytest.raises(TypeError):
        groups_of(include)


def test_no_targeting_and_an_empty_one_differ_from_none_given():
    """Nothing given leaves the field away; empty lists are a targeting for everybody."""
    assert targeting_message() is None
    message = targeting_message(include=[], exclude=[])
    assert message is not None
    assert message.WhichOneof("form") == "groups"


def test_both_forms_at_once_are_a_type_error():
    """Nobody could say which one wins."""
    with pytest.raises(TypeError, match="not both"):
        targeting_message(include=["a"], targeting="a")
    assert targeting_message(targeting=Expression("a") & "b").expression == "a & b"
    assert targeting_message(targeting="(a | b)").expression == "(a | b)"


def test_a_spec_is_a_dict_or_a_dataclass():
    """Both give the same message."""
    start = dt.datetime(2018, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))
    given = {"id": "x", "include": ["a"], "exclude": ["b"], "status": "PAUSED", "start": start}
    message = spec_message(given, 0)
    assert message == spec_message(AdgroupSpec(**given), 0)
    assert message.status == 2
    assert message.start_time.ToDatetime(dt.UTC) == dt.datetime(2017, 12, 31, 23, tzinfo=dt.UTC)
    assert not message.HasField("end_time")


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ({"identifier": "x"}, TypeError, "identifier"),
        ({"include": "actifs"}, TypeError, "list"),
        (7, TypeError, "int"),
        ({"status": "RUNNING"}, InvalidInputError, "RUNNING"),
        ({"start": dt.datetime(2018, 1, 1)}, InvalidInputError, "time zone"),  # noqa: DTZ001 - that is the point
        ({"on_missing_exclude": "maybe"}, InvalidInputError, "maybe"),
    ],
)
def test_what_is_wrong_with_a_spec_names_its_position(spec, error, said):
    """One of 100,000 specs has to be found again."""
    with pytest.raises(error, match=rf"specs\[41\].*{said}"):
        spec_message(spec, 41)
