"""What cannot be written once: each class here has a synchronous and an asynchronous form of the same shape.

`tools/unasync.py` drops the `Async` of a name, so code in `_async` that uses `AsyncGate` becomes code that uses `Gate`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio

from segengine.client.methods import RESOLVE
from segengine.errors import EngineClosedError
from segengine.identifiers import message_of
from segengine.v1 import identity_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from types import TracebackType

T = TypeVar("T")
_END: Any = object()


def _not_forked(pid: int) -> None:
    if os.getpid() != pid:
        raise EngineClosedError(
            f"this engine was opened by process {pid}, and this is its forked child {os.getpid()}",
            hint="open or connect in each process, or start workers with the spawn method",
        )


def _closed() -> EngineClosedError:
    return EngineClosedError("the engine is closed", hint="results outlive it; to ask more, open it again")


class Gate:
    """Lets calls in while the engine is open; closing waits for those inside.

    A call costs two uncontended lock operations. Each call also looks at the process: neither a lock nor a network
    thread survives a fork.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._condition = threading.Condition()
        self._inside = 0
        self._open = True

    def __enter__(self) -> None:
        """Enter, or refuse."""
        _not_forked(self._pid)
        with self._condition:
            if not self._open:
                raise _closed()
            self._inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave."""
        with self._condition:
            self._inside -= 1
            if not self._inside:
                self._condition.notify_all()

    def shut(self) -> bool:
        """Let nobody in any more and wait for those inside; return False when it was shut before."""
        if os.getpid() != self._pid:
            return False
        with self._condition:
            was_open, self._open = self._open, False
            self._condition.wait_for(lambda: not self._inside)
        return was_open


class AsyncGate:
    """The asynchronous form of `Gate`."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._inside = 0
        self._open = True
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> None:
        """Enter, or refuse."""
        _not_forked(self._pid)
        if not self._open:
            raise _closed()
        self._inside += 1
        self._empty.clear()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Leave."""
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def shut(self) -> bool:
        """Let nobody in any more and wait for those inside; return False when it was shut before."""
        if os.getpid() != self._pid:
            return False
        was_open, self._open = self._open, False
        await self._empty.wait()
        return was_open


class Channels:
    """gRPC channels, and the waiting between attempts."""

    @staticmethod
    def insecure(target: str, options: Sequence[tuple[str, Any]]) -> grpc.Channel:
        """Return a channel; nothing is connected yet."""
        return grpc.insecure_channel(target, options)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    @staticmethod
    def close(channel: grpc.Channel) -> None:
        """Close a channel."""
        channel.close()

    @staticmethod
    def send(
        call: Any,
        requests: Iterable[Any],
        **options: Any,
    ) -> Any:
        """Send requests and return the answer; an exception of the iterable cancels the call and is raised here.

        gRPC takes the requests on a thread of its own, where an exception would be logged and lost.
        """
        failed: list[BaseException] = []
        started = threading.Event()
        running: list[Any] = []

        def watched() -> Iterator[Any]:
            try:
                yield from requests
            except GeneratorExit:  # the answer came before the end of the requests
                raise
            except BaseException as error:  # noqa: BLE001 - raised again below, on the caller's thread
                failed.append(error)
                started.wait()
                running[0].cancel()  # before the iterator ends, so that a half-close can never follow

        running.append(call.future(watched(), **options))
        started.set()
        try:
            return running[0].result()
        except grpc.FutureCancelledError:
            raise (failed[0] if failed else _closed()) from None
        except grpc.RpcError:
            if failed:
                raise failed[0] from None
            raise
        except BaseException:
            running[0].cancel()
            raise


class AsyncChannels:
    """The asynchronous form of `Channels`."""

    @staticmethod
    def insecure(target: str, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
        """Return a channel; nothing is connected yet."""
        return grpc.aio.insecure_channel(target, options)

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    @staticmethod
    async def close(channel: grpc.aio.Channel) -> None:
        """Close a channel."""
        await channel.close()

    @staticmethod
    async def send(
        call: Any,
        requests: Iterable[Any],
        **options: Any,
    ) -> Any:
        """Send requests and return the answer; an exception of the iterable cancels the call and is raised here."""
        failed: list[BaseException] = []

        async def watched() -> AsyncIterator[Any]:
            try:
                async for request in in_threads(requests):
                    yield request
            except GeneratorExit:  # the answer came before the end of the requests
                raise
            except BaseException as error:
                failed.append(error)
                raise

        try:
            return await call(watched(), **options)
        except (asyncio.CancelledError, grpc.RpcError):
            if failed and not isinstance(failed[0], asyncio.CancelledError):
                raise failed[0] from None
            raise


class Lookup:
    """How a set of profiles asks for one identifier, which `in` can do only where it need not be awaited."""

    @staticmethod
    def resolver(transport: Any) -> Callable[[str], tuple[int, int]] | None:
        """Return a function from an identifier in text form to its profile and the link epoch."""

        def resolve(text: str) -> tuple[int, int]:
            request = identity_pb2.ResolveRequest(identifiers=[message_of(text)])
            answer = transport.unary(RESOLVE, request)
            return answer.profiles[0], answer.link_epoch

        return resolve


class AsyncLookup:
    """The asynchronous form of `Lookup`: there is none."""

    @staticmethod
    def resolver(_transport: Any) -> Callable[[str], tuple[int, int]] | None:
        """Return None."""
        return None


async def in_threads(iterable: Iterable[T]) -> AsyncIterator[T]:
    """Yield from an iterable that may block (it reads a file, it parses), each step on a thread of the pool."""
    iterator = iter(iterable)
    while (item := await asyncio.to_thread(next, iterator, _END)) is not _END:
        yield item
