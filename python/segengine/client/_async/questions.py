"""Questions that take more than one message: explanations, sets, overlaps, resolved identifiers, verification."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import numpy as np

from segengine import names, queries
from segengine.answers import Finding, VerifyReport, count_of, overlap_of
from segengine.client import methods
from segengine.client.seam import AsyncLookup
from segengine.errors import ConflictError, InternalError, InvalidInputError
from segengine.explanation import explanation_of
from segengine.handles import AdgroupHandle, SegmentHandle
from segengine.identifiers import message_of, spans
from segengine.profile_set import ProfileSet, bitmap_of
from segengine.v1 import admin_pb2, identity_pb2, targeting_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from segengine.answers import Count, Overlap
    from segengine.client._async.transport import AsyncTransport
    from segengine.explanation import Explanation
    from segengine.identifiers import Column
    from segengine.queries import Place, SetLike

_RESOLVE_ATTEMPTS = 3


def explain_request(values: tuple[Any, ...], context: Any, min_revision: int) -> targeting_pb2.ExplainRequest:
    """Return the request for identifiers followed by what is in question."""
    if len(values) < 2:
        raise TypeError("explain takes the identifiers of one user, then an adgroup or segment")
    *texts, target = values
    request = targeting_pb2.ExplainRequest(
        identifiers=map(message_of, queries.one_user(tuple(texts))), min_revision=min_revision
    )
    if isinstance(target, AdgroupHandle):
        request.adgroup = target.name
    elif isinstance(target, SegmentHandle):
        request.segment = target.name
    elif isinstance(target, str):
        _set_named(request, target)
    elif isinstance(target, int | np.integer) and not isinstance(target, bool):
        request.adgroup_id = int(target)
    else:
        raise TypeError(f"an adgroup or segment is in question, not {type(target).__name__}")
    numbers = queries.context_numbers(context)
    if numbers is not None:
        request.context_segments.extend(numbers.tolist())
    return request


def _set_named(request: targeting_pb2.ExplainRequest, text: str) -> None:
    """Take a long name for what it says; a short one of three ids for an adgroup, of two for a shared segment."""
    segment = names.long_name(text, "segments")
    if segment is not None and (text == segment or text.count("/") == 1):
        request.segment = segment
        return
    adgroup = names.long_name(text, "adgroups")
    if adgroup is None:
        raise InvalidInputError(
            f"{text!r} names no adgroup", field="target", hint="write it like acme/spring/conquest, or give a handle"
        )
    request.adgroup = adgroup


async def explain(transport: AsyncTransport, values: tuple[Any, ...], context: Any, min_revision: int) -> Explanation:
    """Explain an answer."""
    request = explain_request(values, context, min_revision)
    return explanation_of(await transport.unary(methods.EXPLAIN, request))


async def evaluate(
    transport: AsyncTransport, query: targeting_pb2.SetQuery, min_revision: int, timeout: float | None
) -> ProfileSet:
    """Fetch the bitmap of a set and check that it is whole."""
    request = targeting_pb2.EvaluateRequest(query=query, min_revision=min_revision)
    header = targeting_pb2.EvaluateHeader()
    parts: list[bytes] = []
    async with aclosing(transport.server_stream(methods.EVALUATE, request, timeout)) as stream:  # type: ignore[type-var]
        async for part in stream:
            if part.WhichOneof("part") == "header":
                header = part.header
            else:
                parts.append(part.chunk)
    content = b"".join(parts)
    if len(content) != header.total_bytes:
        raise InternalError(f"a set of {header.total_bytes} bytes came as {len(content)}")
    bitmap = bitmap_of(content)
    if len(bitmap) != header.profile_count:
        raise InternalError(f"a set of {header.profile_count} profiles came as {len(bitmap)}")
    return ProfileSet(bitmap, header.as_of.engine_id, header.as_of.link_epoch, AsyncLookup.resolver(transport))


async def count(
    transport: AsyncTransport, query: targeting_pb2.SetQuery, min_revision: int, timeout: float | None
) -> Count:
    """Count a set."""
    request = targeting_pb2.CountProfilesRequest(query=query, min_revision=min_revision)
    return count_of(await transport.unary(methods.COUNT_PROFILES, request, timeout))


async def overlap(
    transport: AsyncTransport, sets: Sequence[SetLike], campaign: Place | None, min_revision: int
) -> Overlap:
    """Count the overlap of each set with each."""
    if isinstance(sets, str | SegmentHandle | AdgroupHandle):
        raise TypeError("overlap takes a list of sets: overlap([a, b])")
    queried = [queries.set_query(one, campaign) for one in sets]
    request = targeting_pb2.OverlapRequest(sets=queried, min_revision=min_revision)
    answer = await transport.unary(methods.OVERLAP, request)
    return overlap_of(answer, tuple(map(queries.set_label, sets)))


async def resolve(transport: AsyncTransport, column: Column, min_revision: int) -> tuple[NDArray[np.uint32], str, int]:
    """Return profile ids, the engine's id and the link epoch; all parts are of one epoch, or it is tried again."""
    for _ in range(_RESOLVE_ATTEMPTS):
        parts: list[NDArray[np.uint32]] = []
        origins: set[tuple[str, int]] = set()
        for start, stop in spans(column) if len(column) else [(0, 0)]:
            request = identity_pb2.ResolveRequest(column=column.column(start, stop), min_revision=min_revision)
            answer = await transport.unary(methods.RESOLVE, request)
            parts.append(np.fromiter(answer.profiles, np.uint32, len(answer.profiles)))
            origins.add((answer.engine_id, answer.link_epoch))
        if len(origins) == 1:
            engine_id, link_epoch = origins.pop()
            return np.concatenate(parts), engine_id, link_epoch
    raise ConflictError("links kept changing while identifiers were resolved", hint="resolve fewer at a time, or later")


async def verify(transport: AsyncTransport, progress: Callable[[str, int, int], None] | None) -> VerifyReport:
    """Verify the data directory."""
    findings: list[Finding] = []
    summary: admin_pb2.VerifySummary | None = None
    async with aclosing(transport.server_stream(methods.VERIFY, admin_pb2.VerifyRequest())) as stream:  # type: ignore[type-var]
        async for answer in stream:
            part = answer.WhichOneof("part")
            if part == "finding":
                one = answer.finding
                findings.append(Finding(one.file, one.offset if one.HasField("offset") else None, one.message))
            elif part == "summary":
                summary = answer.summary
            elif progress is not None:
                progress(answer.progress.phase, answer.progress.done, answer.progress.total)
    if summary is None:
        raise InternalError("the verification ended without a summary")
    return VerifyReport(tuple(findings), summary.files, summary.records, summary.bytes)
