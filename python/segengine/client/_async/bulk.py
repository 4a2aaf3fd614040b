"""Bulk writes: loads, links, and the header each stream begins with."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import TYPE_CHECKING, Any

from segengine.answers import LinkReport, load_report
from segengine.client import methods
from segengine.ingest.links import columns_of
from segengine.ingest.memberships import memberships_of
from segengine.progress import bar, watched
from segengine.records import copied
from segengine.v1 import identity_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segengine.answers import LoadReport
    from segengine.client._async.transport import AsyncTransport
    from segengine.ingest.memberships import Memberships

__all__ = ["link", "load", "memberships_of", "request_id", "unlink"]


def request_id() -> str:
    """Return a fresh id that makes a repeated write do nothing twice."""
    return uuid.uuid4().hex


async def load(transport: AsyncTransport, parent: str, pairs: Memberships, timeout: float | None) -> LoadReport:
    """Load pairs."""
    header = identity_pb2.LoadHeader(parent=parent, segments=pairs.names, request_id=request_id())
    with bar(f"load {len(header.segments):,} segments", None) as shown:
        chunks = watched(shown, pairs.chunks(), lambda chunk: len(chunk.segments))
        requests = itertools.chain(
            [identity_pb2.LoadMembershipsRequest(header=header)],
            (identity_pb2.LoadMembershipsRequest(chunk=chunk) for chunk in chunks),
        )
        return load_report(await transport.client_stream(methods.LOAD, requests, timeout))


def link_requests(pairs: Any, seen: dt.date | None) -> Iterator[identity_pb2.LinkIdentifiersRequest]:
    """Yield the messages of a link."""
    for left, right in columns_of(pairs):
        request = identity_pb2.LinkIdentifiersRequest(left=left, right=right)
        if seen is not None:
            request.seen_time.FromDatetime(_instant(seen))
        yield request


def _instant(seen: dt.date) -> dt.datetime:
    """Return when something was seen: a date is its midnight in UTC; without a time zone UTC is meant."""
    if isinstance(seen, dt.datetime):
        return seen.astimezone(dt.UTC) if seen.tzinfo else seen.replace(tzinfo=dt.UTC)
    if not isinstance(seen, dt.date):
        raise TypeError(f"seen takes a date or datetime, not {type(seen).__name__}")
    return dt.datetime.combine(seen, dt.time(), dt.UTC)


def unlink_requests(pairs: Any) -> Iterator[identity_pb2.UnlinkIdentifiersRequest]:
    """Yield the messages of an unlink."""
    for left, right in columns_of(pairs):
        yield identity_pb2.UnlinkIdentifiersRequest(left=left, right=right)


async def link(transport: AsyncTransport, pairs: Any, seen: dt.date | None, timeout: float | None) -> LinkReport:
    """Link pairs, by one message when one is enough: that call may be repeated."""
    requests = link_requests(pairs, seen)
    first = list(itertools.islice(requests, 2)) or [identity_pb2.LinkIdentifiersRequest()]
    first[0].request_id = request_id()
    if len(first) == 1:
        return copied(LinkReport, await transport.unary(methods.LINK, first[0], timeout))
    return copied(
        LinkReport, await transport.client_stream(methods.BULK_LINK, itertools.chain(first, requests), timeout)
    )


async def unlink(transport: AsyncTransport, pairs: Any, timeout: float | None) -> LinkReport:
    """Unlink pairs, by one message when one is enough: that call may be repeated."""
    requests = unlink_requests(pairs)
    first = list(itertools.islice(requests, 2)) or [identity_pb2.UnlinkIdentifiersRequest()]
    first[0].request_id = request_id()
    if len(first) == 1:
        return copied(LinkReport, await transport.unary(methods.UNLINK, first[0], timeout))
    rest = itertools.chain(first, requests)
    return copied(LinkReport, await transport.client_stream(methods.BULK_UNLINK, rest, timeout))
