"""The arguments of questions, turned into messages: sets, candidates, contexts, campaigns."""

from __future__ import annotations

import contextlib
from array import array as packed
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from segengine import names
from segengine.errors import InvalidInputError
from segengine.expression import Expression
from segengine.handles import AdgroupHandle, AdvertiserHandle, CampaignHandle, SegmentHandle
from segengine.v1 import targeting_pb2

if TYPE_CHECKING:
    from numpy.typing import NDArray

Place = CampaignHandle | AdvertiserHandle | str
SetLike = Expression | SegmentHandle | AdgroupHandle | str
Candidates = "NDArray[np.uint32] | tuple[NDArray[np.int64], NDArray[np.uint32]] | None"
_U32 = np.dtype(np.uint32)
_U32_MAX = 4_294_967_295


def place_name(place: Place | None) -> str:
    """Return the resource name of a campaign or advertiser; empty for None."""
    if place is None:
        return ""
    if isinstance(place, CampaignHandle | AdvertiserHandle):
        return place.name
    if isinstance(place, str):
        return names.parent_name(place)
    raise TypeError(f"campaign takes a Campaign or its name, not {type(place).__name__}")


def set_query(value: SetLike, campaign: Place | None) -> targeting_pb2.SetQuery:
    """Return the message of a set: text, expression, segment or adgroup alike.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(value, SegmentHandle):
        return targeting_pb2.SetQuery(segment=value.name)
    if isinstance(value, AdgroupHandle):
        return targeting_pb2.SetQuery(adgroup=value.name)
    if isinstance(value, Expression | str):
        return targeting_pb2.SetQuery(parent=place_name(campaign), expression=Expression.of(value).text)
    raise TypeError(
        f"a set is an expression, a segment, an adgroup or text, not {type(value).__name__.removeprefix('Async')}"
    )


def set_label(value: SetLike) -> str:
    """Return how a set is shown."""
    return value.path if isinstance(value, SegmentHandle | AdgroupHandle) else str(value)


def _numbers(values: Any, field: str) -> NDArray[np.uint32]:
    # What an ad server passes, quickly; everything else, and every refusal, below.
    if type(values) is np.ndarray and values.dtype == _U32 and values.ndim == 1 and values.flags.c_contiguous:
        return values
    if type(values) in {list, tuple} and values:
        with contextlib.suppress(TypeError, OverflowError):
            return np.frombuffer(packed("I", values), _U32)
    if not isinstance(values, np.ndarray):
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(f"{field} takes a list of integer ids, not {type(values).__name__}")
        values = [getattr(value, "number", value) for value in values]
    array = np.asarray(values) if len(values) > 0 else np.empty(0, np.uint32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidInputError(
            f"{field} is {array.dtype} with {array.ndim} axes, not a row of integers", field=field, hint="use uint32"
        )
    if array.dtype != np.uint32 and len(array) and not 0 <= int(array.min()) <= int(array.max()) <= _U32_MAX:
        raise InvalidInputError(
            f"{field} goes from {array.min()} to {array.max()}: an id is 0 to 4294967295", field=field
        )
    return np.ascontiguousarray(array, np.uint32)


def candidate_ids(candidates: Any) -> NDArray[np.uint32] | None:
    """Return the candidates of one request: None for all; an empty list stays empty and answers nothing."""
    return None if candidates is None else _numbers(candidates, "candidates")


def candidate_lists(
    candidates: Any,
    users: int,
) -> NDArray[np.uint32] | tuple[NDArray[np.int64], NDArray[np.uint32]] | None:
    """Return the candidates of a batch: None for all, one array for everybody, or (offsets, ids) for one list each.

    Raises
    ------
    InvalidInputError
        For offsets that do not begin at 0, fall, end elsewhere than at the last id, or are not one more than users.
    """
    if not (isinstance(candidates, tuple) and len(candidates) == 2 and all(map(_is_row, candidates))):
        return candidate_ids(candidates)
    offsets = np.asarray(candidates[0])
    ids = _numbers(candidates[1], "candidates")
    sound = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) == users + 1
    if not sound or offsets[0] != 0 or offsets[-1] != len(ids) or bool((np.diff(offsets.astype(np.int64)) < 0).any()):
        raise InvalidInputError(
            f"candidates: offsets must be {users + 1} integers that never fall, from 0 to {len(ids)}",
            field="candidates",
            hint="user i has ids[offsets[i]:offsets[i + 1]]",
        )
    return np.ascontiguousarray(offsets, np.int64), ids


def _is_row(value: object) -> bool:
    return isinstance(value, np.ndarray | list | tuple)


def context_numbers(context: Any) -> NDArray[np.uint32] | None:
    """Return the numbers of context segments, given as segments or numbers."""
    return None if context is None else _numbers(context, "context")


def one_user(identifiers: tuple[object, ...]) -> tuple[str, ...]:
    """Return the identifiers of one user.

    Raises
    ------
    TypeError
        For a list of users, naming what takes one.
    """
    for identifier in identifiers:
        if not isinstance(identifier, str):
            raise TypeError(
                f"match takes the identifiers of ONE user, each a str 'kind:value', not {type(identifier).__name__};"
                " for many users call match_batch"
            )
    return identifiers  # type: ignore[return-value]  # each was looked at
