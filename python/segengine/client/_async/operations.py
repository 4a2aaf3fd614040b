"""Work that outlives its request: an upload that was not waited for."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from segengine.client import methods
from segengine.client._async.paging import entries
from segengine.errors import CanceledError, DeadlineExceededError, UploadFailedError, error_of
from segengine.records import operation_record
from segengine.v1 import segments_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from segengine.client._async.engine import AsyncEngine
    from segengine.client._async.segments import AsyncSegment
    from segengine.progress import Bar
    from segengine.records import OperationRecord

# One wait is short enough for Ctrl-C and for proxies that end idle calls.
_WAIT_S = 10.0


def failure_of(record: OperationRecord) -> Exception:
    """Return the error that a failed operation stands for."""
    if record.state == "CANCELLED":
        return CanceledError(f"{record.type} of {record.segment} was cancelled; nothing was changed")
    if record.error_code in {"UPLOAD_FAILED", ""}:
        return UploadFailedError(
            record.error_message or "the upload failed",
            hint=record.error_hint,
            reason=record.error_reason,
            report=record.report,
        )
    return error_of(record.error_code, record.error_message, hint=record.error_hint)


class AsyncOperation:
    """An upload at work.

    Unlike the attributes of segments and adgroups, `done` and `progress` ask the engine: they are for waiting.
    """

    def __init__(self, engine: AsyncEngine, record: OperationRecord) -> None:
        self._engine = engine
        self._record = record

    @property
    def record(self) -> OperationRecord:
        """What is known, without asking."""
        return self._record

    @property
    def name(self) -> str:
        """Its resource name, by which any process finds it again."""
        return self._record.name

    def __repr__(self) -> str:
        """Say how it stood."""
        return f"<Operation {self.name!r} {self._record.state}, {self._record.phase}>"

    @property
    async def done(self) -> bool:
        """Whether it has ended. Asks the engine until it has."""
        return (await self.progress).done

    @property
    async def progress(self) -> OperationRecord:
        """How far it is: ``.phase``, ``.fraction``, ``.bytes``, ``.lines``. Asks the engine until it has ended."""
        if not self._record.done:
            request = segments_pb2.GetOperationRequest(name=self.name)
            self._record = operation_record(await self._engine._transport.unary(methods.GET_OPERATION, request))
        return self._record

    async def watch(self, timeout: float | None = None) -> AsyncIterator[OperationRecord]:
        """Yield its record each time it has come further; the last one has ended.

        With `timeout`, DeadlineExceededError is raised when that many seconds have passed before.
        """
        request = segments_pb2.WatchOperationRequest(name=self.name)
        async with aclosing(self._engine._transport.server_stream(methods.WATCH_OPERATION, request, timeout)) as stream:  # type: ignore[type-var]
            async for message in stream:
                self._record = operation_record(message)
                yield self._record

    async def result(self, timeout: float | None = None) -> AsyncSegment:
        """Wait until it has ended and return the segment.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits as long as it takes.

        Raises
        ------
        UploadFailedError
            When the file was refused; ``.report`` says what was read.
        CanceledError
            When it was cancelled.
        DeadlineExceededError
            When it is still at work; it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._record.done:
            left = _WAIT_S if end is None else min(_WAIT_S, end - time.monotonic())
            if left <= 0:
                raise DeadlineExceededError(f"{self.name} is still at work", hint="wait again, or cancel() it")
            request = segments_pb2.WaitOperationRequest(name=self.name)
            request.timeout.FromNanoseconds(int(left * 1e9))
            message = await self._engine._transport.unary(methods.WAIT_OPERATION, request, left + 5)
            self._record = operation_record(message)
        return await self._ended()

    async def _shown(self, shown: Bar, timeout: float | None) -> AsyncSegment:
        """Wait as `result` does, telling a progress bar."""
        async with aclosing(self.watch(timeout)) as records:  # type: ignore[type-var]
            async for record in records:
                shown.phase(record.phase, record.fraction)
        return await self.result()

    async def _ended(self) -> AsyncSegment:
        if self._record.state != "SUCCEEDED":
            raise failure_of(self._record)
        return await self._engine.segments.get(self._record.segment, min_revision=self._record.revision)

    async def cancel(self) -> OperationRecord:
        """Ask it to stop; nothing it did stays. One that has ended is left as it is."""
        request = segments_pb2.CancelOperationRequest(name=self.name)
        self._record = operation_record(await self._engine._transport.unary(methods.CANCEL_OPERATION, request))
        return self._record


class AsyncOperations:
    """The operations of an engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, name: str) -> AsyncOperation:
        """Return one by its resource name."""
        request = segments_pb2.GetOperationRequest(name=name)
        return AsyncOperation(
            self._engine, operation_record(await self._engine._transport.unary(methods.GET_OPERATION, request))
        )

    def list(self, *, parent: str = "", page_size: int = 0) -> AsyncIterator[AsyncOperation]:
        """Return a lazy iterator, the latest first."""
        request = segments_pb2.ListOperationsRequest(parent=parent, page_size=page_size)
        return entries(
            self._engine._transport,
            methods.LIST_OPERATIONS,
            request,
            field="operations",
            made=lambda message: AsyncOperation(self._engine, operation_record(message)),
        )

    def __aiter__(self) -> AsyncIterator[AsyncOperation]:
        """Iterate over all."""
        return self.list()
