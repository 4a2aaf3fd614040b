"""Match and MatchBatch as messages, for the transport with a network; the embedded one passes arrays as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segengine import _segengine
from segengine.identifiers import Identifiers, Texts, message_of
from segengine.v1 import targeting_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from google.protobuf.message import Message
    from numpy.typing import NDArray


def serialized(message: Message) -> bytes:
    """Return the bytes of a message."""
    return message.SerializeToString()


def match_request(
    identifiers: tuple[str, ...],
    candidates: NDArray[np.uint32] | None,
    context: NDArray[np.uint32] | None,
    min_revision: int,
) -> targeting_pb2.MatchRequest:
    """Return the request for one user."""
    request = targeting_pb2.MatchRequest(identifiers=map(message_of, identifiers), min_revision=min_revision)
    if candidates is None:
        request.all = True
    else:
        request.only.SetInParent()  # an empty list is a list: it answers nothing, where none asks for all
        request.only.ids.extend(candidates.tolist())
    if context is not None:
        request.context_segments.extend(context.tolist())
    return request


def match_answer(answer: targeting_pb2.MatchResponse, names: Callable[[Iterable[int]], Any]) -> _segengine.Match:
    """Return the answer for one user; `names` is what it looks names up with."""
    adgroups = np.fromiter(answer.adgroups, np.uint32, len(answer.adgroups))
    return _segengine.Match(adgroups, answer.generation, answer.identified, answer.skipped, names)


def batch_request(
    users: Identifiers | Sequence[str | tuple[str, ...]],
    candidates: NDArray[np.uint32] | tuple[NDArray[np.int64], NDArray[np.uint32]] | None,
    context: NDArray[np.uint32] | None,
    min_revision: int,
) -> targeting_pb2.MatchBatchRequest:
    """Return the request for many users: one column where each has one identifier, a list for each otherwise."""
    request = targeting_pb2.MatchBatchRequest(min_revision=min_revision)
    if isinstance(users, Identifiers):
        request.column.CopyFrom(users.column(0, len(users)))
    elif users and all(isinstance(user, str) for user in users):
        request.column.CopyFrom(Texts(str(user) for user in users).column(0, len(users)))
    else:
        for user in users:
            texts = (user,) if isinstance(user, str) else user
            request.users.add(identifiers=map(message_of, texts))
    if candidates is None:
        request.all = True
    elif isinstance(candidates, tuple):
        request.each.offsets.extend(candidates[0].tolist())
        request.each.ids.extend(candidates[1].tolist())
    else:
        request.only.SetInParent()
        request.only.ids.extend(candidates.tolist())
    if context is not None:
        request.context_segments.extend(context.tolist())
    return request


def batch_answer(answer: targeting_pb2.MatchBatchResponse) -> _segengine.BatchMatch:
    """Return the answer for many users."""
    return _segengine.BatchMatch(
        np.fromiter(answer.offsets, np.int64, len(answer.offsets)),
        np.fromiter(answer.adgroups, np.uint32, len(answer.adgroups)),
        np.frombuffer(answer.status, np.uint8),
        answer.generation,
        answer.skipped,
    )
