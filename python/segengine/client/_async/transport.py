"""What the client needs of a transport: messages in and out, and Match by arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    import numpy as np
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from segengine import _segengine
    from segengine.client.methods import Method
    from segengine.identifiers import Identifiers

    A = TypeVar("A", bound=Message)
else:
    A = TypeVar("A")


class AsyncTransport(Protocol):
    """A way to an engine."""

    target: str
    #: Match by the extension itself, where the engine is in this process; what it cannot read is a TypeError.
    quick_match: Callable[..., _segengine.Match] | None

    async def unary(self, method: Method[A], request: Message, timeout: float | None = None) -> A:
        """Ask once."""

    async def client_stream(self, method: Method[A], requests: Iterable[Message], timeout: float | None = None) -> A:
        """Send many messages, get one answer; an exception of the iterable ends the call without effect."""

    def server_stream(self, method: Method[A], request: Message, timeout: float | None = None) -> AsyncIterator[A]:
        """Ask once, get many messages."""

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

    async def close(self) -> None:
        """Wait for running calls, then let go."""
