"""Who may see an adgroup, as people write it, turned into messages.

``include=[a, b]`` is one group: any of them. ``include=[[a, b], [c]]`` is two: one of each. A mixture would have to be
guessed, so it is a TypeError. Names are resolved by the engine, in the campaign first, then at its advertiser.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, cast

from segengine.errors import InvalidInputError
from segengine.expression import Expression
from segengine.handles import Handle, SegmentHandle
from segengine.records import Status
from segengine.v1 import campaigns_pb2, targeting_pb2

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

SegmentRef = SegmentHandle | str
Include = Sequence[SegmentRef] | Sequence[Sequence[SegmentRef]]
OnMissingExclude = Literal["hold", "serve"]


def segment_text(value: object, field: str) -> str:
    """Return how a segment is named on the wire: a handle by its resource name, text as it is.

    Raises
    ------
    TypeError
        For anything else, saying what it was.
    """
    if isinstance(value, SegmentHandle):
        return value.name
    if isinstance(value, str):
        return value
    if isinstance(value, Expression):
        raise TypeError(f"{field} takes segments; an expression goes into targeting=")
    what = type(value).__name__.removeprefix("Async")
    raise TypeError(f"{field} takes segments, their ids or their display names, not {what}")


def _listed(value: object, field: str) -> list[object]:
    if isinstance(value, str | SegmentHandle):
        raise TypeError(f"{field} takes a list: {field}=[…]")
    if not isinstance(value, Iterable):
        raise TypeError(f"{field} takes a list of segments, not {type(value).__name__}")
    return list(value)


def groups_of(include: object) -> list[list[str]]:
    """Return include groups as lists of names.

    Raises
    ------
    TypeError
        For a mixture of segments and groups, a single segment, or something that is no segment.

    Examples
    --------
    >>> groups_of(["a", "b"]), groups_of([["a", "b"], ["c"]]), groups_of([])
    ([['a', 'b']], [['a', 'b'], ['c']], [])
    >>> groups_of(["a", ["b"]])
    Traceback (most recent call last):
    TypeError: include mixes segments and groups: write [a, b] for any of them, [[a, b], [c]] for one of each group
    """
    members = _listed(include, "include")
    nested = [isinstance(member, Iterable) and not isinstance(member, str | Handle) for member in members]
    if any(nested) and not all(nested):
        raise TypeError(
            "include mixes segments and groups: write [a, b] for any of them, [[a, b], [c]] for one of each group"
        )
    if any(nested):
        return [[segment_text(one, "include") for one in _listed(group, "include")] for group in members]
    return [[segment_text(member, "include") for member in members]] if members else []


def targeting_message(
    include: object = None, exclude: object = None, targeting: object = None
) -> targeting_pb2.UserTargeting | None:
    """Return the targeting that a caller wrote in one of two ways; None when it wrote none.

    Raises
    ------
    TypeError
        When both ways are used, or a value is of another type.
    """
    if targeting is None:
        if include is None and exclude is None:
            return None
        message = targeting_pb2.UserTargeting()
        message.groups.SetInParent()
        for group in groups_of(include or ()):
            message.groups.include.add(segments=group)
        message.groups.exclude.extend(segment_text(one, "exclude") for one in _listed(exclude or (), "exclude"))
        return message
    if include is not None or exclude is not None:
        raise TypeError("give include= and exclude=, or targeting=, not both")
    if not isinstance(targeting, Expression | SegmentHandle | str):
        raise TypeError(f"targeting takes an expression or its text, not {type(targeting).__name__}")
    return targeting_pb2.UserTargeting(expression=Expression.of(targeting).text)


def instant(value: dt.datetime, field: str) -> dt.datetime:
    """Return an instant in UTC.

    Raises
    ------
    InvalidInputError
        For one without a time zone: whose midnight would it be?
    """
    if not isinstance(value, dt.datetime):
        raise TypeError(f"{field} takes a datetime with a time zone, not {type(value).__name__}")
    if value.tzinfo is None:
        raise InvalidInputError(
            f"{field} has no time zone", field=field, hint="use datetime(…, tzinfo=ZoneInfo('Europe/Paris'))"
        )
    return value.astimezone(dt.UTC)


def set_instant(stamp: Timestamp, value: dt.datetime, field: str) -> None:
    """Write an instant into a timestamp."""
    stamp.FromDatetime(instant(value, field))


def missing_number(value: str) -> int:
    """Return the wire number of what happens while an excluded segment has no version.

    Raises
    ------
    InvalidInputError
        For another word than ``hold`` and ``serve``.
    """
    try:
        return {"hold": 1, "serve": 2}[value]
    except KeyError:
        raise InvalidInputError(
            f"on_missing_exclude is {value!r}", field="on_missing_exclude", hint="use 'hold' or 'serve'"
        ) from None


def status_number(value: Status | str) -> int:
    """Return the wire number of a status.

    Raises
    ------
    InvalidInputError
        For a word that is none.
    """
    try:
        return Status(value).number
    except ValueError:
        raise InvalidInputError(
            f"{value!r} is no status", field="status", hint=f"use one of {', '.join(Status)}"
        ) from None


@dataclass(frozen=True, kw_only=True)
class AdgroupSpec:
    """An adgroup as it is to be, for ``adgroups.upsert``.

    Attributes
    ----------
    id : str
        The id; made from the display name when empty. An existing adgroup of that id is replaced and keeps its number.
    display_name : str
        The display name; the id when empty.
    include, exclude : sequences of segments, optional
        As in ``adgroups.create``.
    targeting : Expression or str, optional
        Instead of include and exclude.
    status : Status
        Whether it may serve.
    start, end : datetime, optional
        When it starts, inclusive, and ends, exclusive.
    on_missing_exclude : str
        ``hold`` (nobody sees it while an excluded segment has no version) or ``serve``.
    """

    id: str = ""
    display_name: str = ""
    include: Include | None = None
    exclude: Sequence[SegmentRef] | None = None
    targeting: Expression | SegmentHandle | str | None = None
    status: Status | str = Status.ACTIVE
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    on_missing_exclude: OnMissingExclude = "hold"


_SPEC_FIELDS = {field.name for field in fields(AdgroupSpec)}


def spec_message(spec: AdgroupSpec | Mapping[str, Any], position: int) -> campaigns_pb2.AdgroupSpec:
    """Return the message of a spec, with what is wrong said of its position.

    Raises
    ------
    TypeError, InvalidInputError
        Naming the position and the field.
    """
    try:
        return _spec_message(_spec_of(spec))
    except TypeError as error:
        raise TypeError(f"specs[{position}]: {error}") from None
    except InvalidInputError as error:
        field = f"specs[{position}].{error.field}"
        raise InvalidInputError(f"specs[{position}]: {error}", field=field, hint=error.hint) from None


def _spec_of(spec: AdgroupSpec | Mapping[str, Any]) -> AdgroupSpec:
    if isinstance(spec, AdgroupSpec):
        return spec
    if not isinstance(spec, Mapping):
        raise TypeError(f"a dict or an AdgroupSpec is needed, not {type(spec).__name__}")
    unknown = spec.keys() - _SPEC_FIELDS
    if unknown:
        raise TypeError(f"no field {min(unknown)!r}: an adgroup has {', '.join(sorted(_SPEC_FIELDS))}")
    return AdgroupSpec(**spec)


def _spec_message(spec: AdgroupSpec) -> campaigns_pb2.AdgroupSpec:
    message = campaigns_pb2.AdgroupSpec(
        adgroup_id=spec.id,
        display_name=spec.display_name,
        targeting=targeting_message(spec.include, spec.exclude, spec.targeting),
        status=cast("Any", status_number(spec.status)),
        on_missing_exclude=cast("Any", missing_number(spec.on_missing_exclude)),
    )
    if spec.start is not None:
        set_instant(message.start_time, spec.start, "start")
    if spec.end is not None:
        set_instant(message.end_time, spec.end, "end")
    return message
