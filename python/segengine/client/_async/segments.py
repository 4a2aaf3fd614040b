"""Segments: named sets of people, filled by customer files, loads and single changes."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, overload

from segengine import names
from segengine.answers import MembersReport
from segengine.client import methods
from segengine.client._async.bulk import request_id
from segengine.client._async.operations import AsyncOperation
from segengine.client._async.paging import entries
from segengine.errors import InvalidInputError, NotFoundError, SegengineError
from segengine.handles import SegmentHandle
from segengine.identifiers import column_of, spans
from segengine.ingest.sources import FileRequests, source_of
from segengine.progress import SILENT, bar, watched
from segengine.queries import place_name
from segengine.records import copied, operation_record, segment_record
from segengine.v1 import segments_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from segengine.answers import Count
    from segengine.client._async.engine import AsyncEngine
    from segengine.client.methods import Method
    from segengine.profile_set import ProfileSet
    from segengine.queries import Place


class AsyncSegment(SegmentHandle):
    """A named set of people."""

    __slots__ = ()

    _engine: AsyncEngine

    async def refresh(self, *, min_revision: int = 0) -> AsyncSegment:
        """Read it again; return itself."""
        request = segments_pb2.GetSegmentRequest(name=self.name, min_revision=min_revision)
        self._record = segment_record(await self._engine._transport.unary(methods.GET_SEGMENT, request))
        return self

    async def update(self, *, display_name: str, etag: str = "") -> AsyncSegment:
        """Rename it, which keeps its id; return itself. With `etag`, refuse if somebody else changed it first."""
        request = segments_pb2.UpdateSegmentRequest(request_id=request_id())
        request.segment.name = self.name
        request.segment.etag = etag
        request.segment.display_name = display_name
        request.update_mask.paths.append("display_name")
        self._record = segment_record(await self._engine._transport.unary(methods.UPDATE_SEGMENT, request))
        return self

    async def delete(self, *, etag: str = "") -> int:
        """Delete it, which is refused while an adgroup uses it; return the revision of the write."""
        request = segments_pb2.DeleteSegmentRequest(name=self.name, etag=etag, request_id=request_id())
        return (await self._engine._transport.unary(methods.DELETE_SEGMENT, request)).revision

    async def count(self, *, min_revision: int = 0) -> Count:
        """Return how many profiles it has, and how many of them can be reached."""
        return await self._engine.count(self, min_revision=min_revision)

    async def evaluate(self, *, min_revision: int = 0) -> ProfileSet:
        """Return its profiles."""
        return await self._engine.evaluate(self, min_revision=min_revision)

    async def add_members(self, members: Any) -> MembersReport:
        """Add identifiers at once; they count in the next Match. For many, load or upload."""
        return await self._change(methods.ADD_MEMBERS, members)

    async def remove_members(self, members: Any) -> MembersReport:
        """Remove identifiers at once; they no longer count in the next Match."""
        return await self._change(methods.REMOVE_MEMBERS, members)

    @overload
    async def upload(
        self,
        source: Any,
        *,
        column: int | None = ...,
        wait: Literal[True] = ...,
        timeout: float | None = ...,
        progress: bool | None = ...,
    ) -> AsyncSegment: ...

    @overload
    async def upload(
        self,
        source: Any,
        *,
        column: int | None = ...,
        wait: Literal[False],
        timeout: float | None = ...,
        progress: bool | None = ...,
    ) -> AsyncOperation: ...

    async def upload(
        self,
        source: Any,
        *,
        column: int | None = None,
        wait: bool = True,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> AsyncSegment | AsyncOperation:
        """Replace all its members by a customer file; arguments as in ``segments.upload``.

        Returns
        -------
        Segment | Operation
            A fresh handle once the new version serves; this one keeps what it held until `refresh`.
        """
        options = segments_pb2.UploadOptions(column=column)
        header = segments_pb2.UploadHeader(segment=self.name, options=options, request_id=request_id())
        return await _upload(self._engine, header=header, source=source, wait=wait, timeout=timeout, progress=progress)

    async def _change(
        self,
        method: Method[segments_pb2.ChangeMembersResponse],
        members: Any,
    ) -> MembersReport:
        column = column_of(members)
        parts = list(spans(column)) if len(column) else [(0, 0)]
        if len(parts) > 1:
            raise InvalidInputError(
                f"{len(column):,} members at once", field="members", hint="load or upload takes any number"
            )
        start, stop = parts[0]
        request = segments_pb2.ChangeMembersRequest(
            name=self.name, column=column.column(start, stop), request_id=request_id()
        )
        return copied(MembersReport, await self._engine._transport.unary(method, request))


class AsyncSegments:
    """The segments of a campaign, those shared at an advertiser, or any by full name.

    Parameters
    ----------
    engine : AsyncEngine
        Where they are.
    parent : str
        The resource name of the campaign or advertiser; empty for none, when full names are needed.
    """

    def __init__(self, engine: AsyncEngine, parent: str) -> None:
        self._engine = engine
        self._parent = parent

    def _needs_parent(self) -> str:
        if not self._parent:
            raise InvalidInputError(
                "a segment belongs to a campaign or an advertiser",
                field="parent",
                hint="use campaign.segments or advertiser.segments",
            )
        return self._parent

    async def create(self, name: str, *, id: str = "", exist_ok: bool = False) -> AsyncSegment:
        """Create an empty segment.

        Parameters
        ----------
        name : str
            Its display name, unique in its parent.
        id : str, optional
            The id; made from the name by default.
        exist_ok : bool
            Answer with the existing one of that id and name, if there is one.
        """
        request = segments_pb2.CreateSegmentRequest(
            parent=self._needs_parent(),
            segment_id=id,
            segment=segments_pb2.Segment(display_name=name),
            request_id=request_id(),
            exist_ok=exist_ok,
        )
        message = await self._engine._transport.unary(methods.CREATE_SEGMENT, request)
        return AsyncSegment(self._engine, segment_record(message))

    async def get(self, name: str, *, min_revision: int = 0) -> AsyncSegment:
        """Return the segment of an id or, failing that, of an exact display name."""
        transport = self._engine._transport
        full = names.in_parent(self._parent, name, "segments")
        missing: NotFoundError | None = None
        if full is not None:
            try:
                request = segments_pb2.GetSegmentRequest(name=full, min_revision=min_revision)
                return AsyncSegment(self._engine, segment_record(await transport.unary(methods.GET_SEGMENT, request)))
            except NotFoundError as error:
                missing = error
        if not self._parent:
            raise missing or names.unreadable(name, "segments")
        wanted = segments_pb2.ListSegmentsRequest(
            parent=self._parent, display_name=names.normal_display_name(name), min_revision=min_revision
        )
        answer = await transport.unary(methods.LIST_SEGMENTS, wanted)
        if not answer.segments:
            raise missing or NotFoundError(f"there is no segment {name!r} in {names.short(self._parent)}", field="name")
        return AsyncSegment(self._engine, segment_record(answer.segments[0]))

    def list(
        self, parent: Place | None = None, *, page_size: int = 0, min_revision: int = 0
    ) -> AsyncIterator[AsyncSegment]:
        """Return a lazy iterator over the segments of the parent, as they were created."""
        request = segments_pb2.ListSegmentsRequest(
            parent=place_name(parent) or self._needs_parent(), page_size=page_size, min_revision=min_revision
        )
        return entries(
            self._engine._transport,
            methods.LIST_SEGMENTS,
            request,
            field="segments",
            made=lambda message: AsyncSegment(self._engine, segment_record(message)),
        )

    def __aiter__(self) -> AsyncIterator[AsyncSegment]:
        """Iterate over all."""
        return self.list()

    @overload
    async def upload(
        self,
        name: str,
        source: Any,
        *,
        id: str = ...,
        column: int | None = ...,
        wait: Literal[True] = ...,
        timeout: float | None = ...,
        progress: bool | None = ...,
    ) -> AsyncSegment: ...

    @overload
    async def upload(
        self,
        name: str,
        source: Any,
        *,
        id: str = ...,
        column: int | None = ...,
        wait: Literal[False],
        timeout: float | None = ...,
        progress: bool | None = ...,
    ) -> AsyncOperation: ...

    async def upload(
        self,
        name: str,
        source: Any,
        *,
        id: str = "",
        column: int | None = None,
        wait: bool = True,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> AsyncSegment | AsyncOperation:
        """Replace all members of a segment by a customer file; the segment is created when it is absent.

        Parameters
        ----------
        name : str
            The segment's display name, or its id.
        source : str | PathLike | bytes | file | iterator of bytes or str | ndarray of uint8, (n, 16) or (n, 32)
            A path; content; an open binary file; chunks of content or lines of text, never mixed; MD5 or SHA-256
            digests. gzip, zip and zstd are recognised.
        id : str, optional
            The id of a segment that is created; made from the name by default.
        column : int, optional
            The column that holds the hashes, from 1; by default the only one that is not empty.
        wait : bool
            Whether to return the segment when its new version serves; otherwise an Operation, at once after sending.
        timeout : float, optional
            Seconds for all of it; by default it may take as long as it takes.
        progress : bool, optional
            Whether to show a bar on standard error; by default on a terminal only.

        Raises
        ------
        UploadFailedError
            When the file was refused: ``.report`` says what was read. Nothing was changed.

        Examples
        --------
        >>> await spring.segments.upload("Abonnés - 2018-01", [f"{number:032x}" for number in range(60)])
        <Segment 'acme/spring/abonnes-2018-01', PROCESSED, 60 profiles>
        """
        return await _upload(
            self._engine,
            header=segments_pb2.UploadHeader(
                parent=self._needs_parent(),
                display_name=name,
                segment_id=id,
                options=segments_pb2.UploadOptions(column=column),
                request_id=request_id(),
            ),
            source=source,
            wait=wait,
            timeout=timeout,
            progress=progress,
        )


async def _upload(
    engine: AsyncEngine,
    *,
    header: segments_pb2.UploadHeader,
    source: Any,
    wait: bool,
    timeout: float | None,
    progress: bool | None,
) -> AsyncSegment | AsyncOperation:
    """Send the file; then wait, so that a wait that is broken off cancels the work."""
    end = None if timeout is None else time.monotonic() + timeout
    given = source_of(source)
    header.file_name = given.name
    header.total_bytes = given.total_bytes
    total = given.total_bytes or None
    label = header.display_name or names.short(header.segment)
    with bar(f"upload {label}", total, show=progress if wait else False) as shown:
        first = segments_pb2.UploadSegmentRequest(header=header)
        requests: Iterable[segments_pb2.UploadSegmentRequest]
        if shown is SILENT:
            requests = FileRequests(first, given)
        else:
            requests = itertools.chain([first], watched(shown, given.parts, lambda part: part.ByteSize()))
        message = await engine._transport.client_stream(methods.UPLOAD_SEGMENT, requests, timeout)
        operation = AsyncOperation(engine, operation_record(message))
        if not wait:
            return operation
        try:
            left = None if end is None else end - time.monotonic()
            return await (operation.result(left) if shown is SILENT else operation._shown(shown, left))
        except BaseException:
            with suppress(SegengineError):  # what broke the wait off is said, not that cancelling failed as well
                await operation.cancel()
            raise
