"""The transport over gRPC: deadlines, retries, credentials.

A call that got UNAVAILABLE is repeated with exponential backoff and full jitter (Brooker, "Exponential Backoff And
Jitter", AWS 2015) while its deadline lasts: every write carries a request id, so repeating one does nothing twice.
Streams are not repeated, their requests may be gone.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc
from grpc_health.v1 import health_pb2

from segengine import wire
from segengine.client.methods import MATCH, MATCH_BATCH, Method
from segengine.client.seam import AsyncChannels, AsyncGate
from segengine.client.status import error_of_rpc
from segengine.errors import DeadlineExceededError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    import numpy as np
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from segengine import _segengine
    from segengine.identifiers import Identifiers

    A = TypeVar("A", bound=Message)
else:
    A = TypeVar("A")

ATTEMPTS_MAX = 5
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 1.0
_HEALTH: Method[health_pb2.HealthCheckResponse] = Method("/grpc.health.v1.Health/Check", health_pb2.HealthCheckResponse)
_OPTIONS = (
    # Answers may be as large as they are; what a request may hold is bounded by the server.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A peer that vanished without a word is noticed, also below a stream without a deadline.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Retries are ours: gRPC's own would hide them from the deadline.
    ("grpc.enable_retries", 0),
)
_LOOPBACK = ("localhost", "127.", "[::1]", "ipv4:127.", "ipv6:[::1]", "unix:")


class AsyncRemote:
    """A transport to a server.

    Parameters
    ----------
    target : str
        ``host:port``, or ``unix:PATH``.
    api_key : str, optional
        Sent with every call as ``authorization: Bearer …``.
    timeout : float
        Seconds that a call may take unless it says otherwise, retries included; calls that may take long have no
        deadline of their own.
    """

    def __init__(self, target: str, api_key: str | None, timeout: float) -> None:
        self.target = target
        self.quick_match: Callable[..., _segengine.Match] | None = None
        self._timeout = timeout
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        # A proxy of the environment is of no use on the way to this machine itself.
        proxy = () if not target.startswith(_LOOPBACK) else (("grpc.enable_http_proxy", 0),)
        # gRPC would name the path of a unix socket as the authority, which HTTP/2 servers refuse.
        socket = (("grpc.default_authority", "localhost"),) if target.startswith("unix:") else ()
        self._channel = AsyncChannels.insecure(target, [*_OPTIONS, *proxy, *socket])
        self._gate = AsyncGate()

    async def check(self) -> None:
        """Ask for the server's health.

        Raises
        ------
        UnavailableError
            When nothing answers, or the server says that it does not serve.
        """
        answer = await self.unary(_HEALTH, health_pb2.HealthCheckRequest())
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise UnavailableError(f"{self.target} does not serve", hint="it is starting or stopping: try again")

    def _deadline(self, method: Method[Any], timeout: float | None) -> float | None:
        if timeout is None and method.long:
            return None
        return time.monotonic() + (self._timeout if timeout is None else timeout)

    async def unary(self, method: Method[A], request: Message, timeout: float | None = None) -> A:
        """Ask once, and again while the server is unavailable and time is left."""
        deadline = self._deadline(method, timeout)
        call: Any = self._channel.unary_unary(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        attempt = 0
        while True:
            attempt += 1
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise DeadlineExceededError(f"{self.target} did not answer in time", hint="give a longer timeout=")
            try:
                async with self._gate:
                    return cast("A", await call(request, timeout=left, metadata=self._metadata))
            except grpc.RpcError as failure:
                error = error_of_rpc(failure, self.target)
                pause = random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2**attempt))  # noqa: S311 - no secret
                late = deadline is not None and time.monotonic() + pause >= deadline
                if not isinstance(error, UnavailableError) or attempt == ATTEMPTS_MAX or late:
                    raise error from failure
            await AsyncChannels.sleep(pause)

    async def client_stream(self, method: Method[A], requests: Iterable[Message], timeout: float | None = None) -> A:
        """Send many messages, get one answer; an exception of the iterable ends the call without effect."""
        call: Any = self._channel.stream_unary(
            method.path, request_serializer=wire.serialized, response_deserializer=method.answer.FromString
        )
        seconds = self._timeout if timeout is None and not method.long else timeout
        try:
            async with self._gate:
                sent = AsyncChannels.send(call, requests, timeout=seconds, metadata=self._metadata)
                return cast("A", await sent)
        except grpc.RpcError as failure:
            raise error_of_rpc(failure, self.target) from failure

    async def server_stream(
        self, method: Method[A], request: Message, timeout: float | None = None
    ) -> AsyncIterator[A]:
        """Ask once, get many messages; leaving the iterator cancels the call."""
        call: Any = self._channel.unary_stream(
            method.path, request_serializer=wire.serialized, response_deserializer=method.answer.FromString
        )
        seconds = self._timeout if timeout is None and not method.long else timeout
        async with self._gate:
            stream = call(request, timeout=seconds, metadata=self._metadata)
        try:
            async for answer in stream:
                yield answer
        except grpc.RpcError as failure:
            raise error_of_rpc(failure, self.target) from failure
        finally:
            stream.cancel()

    async def match(
        self,
        identifiers: tuple[str, ...],
        candidates: NDArray[np.uint32] | None,
        context: NDArray[np.uint32] | None,
        *,
        names: Callable[[Iterable[int]], Any],
        min_revision: int,
        timeout: float | None,
    ) -> _segengine.Match:
        """Match one user."""
        request = wire.match_request(identifiers, candidates, context, min_revision)
        return wire.match_answer(await self.unary(MATCH, request, timeout), names)

    async def match_batch(
        self,
        users: Identifiers | Sequence[str | tuple[str, ...]],
        candidates: NDArray[np.uint32] | tuple[NDArray[np.int64], NDArray[np.uint32]] | None,
        context: NDArray[np.uint32] | None,
        *,
        min_revision: int,
        timeout: float | None,
    ) -> _segengine.BatchMatch:
        """Match many users."""
        request = wire.batch_request(users, candidates, context, min_revision)
        return wire.batch_answer(await self.unary(MATCH_BATCH, request, timeout))

    async def close(self) -> None:
        """Close the channel once running calls have ended."""
        if await self._gate.shut():
            await AsyncChannels.close(self._channel)
