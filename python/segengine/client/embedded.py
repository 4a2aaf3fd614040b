"""The transport without a network: the same services, asked through the native module of this process.

Messages are the same bytes as on the wire, so that both transports share every line above them; only Match and
MatchBatch go to native entries that take NumPy arrays as they are. The native module releases the GIL, counts running
calls for `close`, and refuses a forked child.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from segengine.identifiers import Identifiers
from segengine.ingest.sources import FileRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from segengine import _segengine
    from segengine.client.methods import Method

    A = TypeVar("A", bound=Message)
else:
    A = TypeVar("A")


class Embedded:
    """A transport over an open data directory."""

    def __init__(self, native: _segengine.Engine, path: str) -> None:
        self.native = native
        self.target = path
        self.quick_match: Callable[..., _segengine.Match] | None = native.match_one
        self._opened_by = os.getpid()
        self._closing = threading.Lock()

    def unary(self, method: Method[A], request: Message, timeout: float | None = None) -> A:
        """Ask once."""
        return method.answer.FromString(self.native.unary(method.path, request.SerializeToString(), timeout))

    def client_stream(self, method: Method[A], requests: Iterable[Message], timeout: float | None = None) -> A:
        """Send many messages, get one answer; an exception of the iterable ends the call without effect."""
        if isinstance(requests, FileRequests) and requests.path is not None:
            first = requests.header.SerializeToString()
            return method.answer.FromString(self.native.file_stream(method.path, first, requests.path, timeout))
        parts = (request.SerializeToString() for request in requests)
        return method.answer.FromString(self.native.client_stream(method.path, parts, timeout))

    def server_stream(self, method: Method[A], request: Message, timeout: float | None = None) -> Iterator[A]:
        """Ask once, get many messages."""
        stream = self.native.server_stream(method.path, request.SerializeToString(), timeout)
        try:
            for part in stream:
                yield method.answer.FromString(part)
        finally:
            stream.cancel()

    def match(
        self,
        identifiers: tuple[str, ...],
        candidates: NDArray[np.uint32] | None,
        context: NDArray[np.uint32] | None,
        *,
        names: Callable[[Iterable[int]], Any],
        min_revision: int,
        timeout: float | None,  # noqa: ARG002 - nothing here can wait
    ) -> _segengine.Match:
        """Match one user."""
        return self.native.match_one(identifiers, candidates, context, min_revision, names)

    def match_batch(
        self,
        users: Identifiers | Sequence[str | tuple[str, ...]],
        candidates: NDArray[np.uint32] | tuple[NDArray[np.int64], NDArray[np.uint32]] | None,
        context: NDArray[np.uint32] | None,
        *,
        min_revision: int,
        timeout: float | None,  # noqa: ARG002 - nothing here can wait
    ) -> _segengine.BatchMatch:
        """Match many users."""
        given: Any = users
        if isinstance(users, Identifiers):
            matrix = users.matrix
            given = users.texts() if matrix is None else (users.kind_number, users.scope, matrix)
        return self.native.match_batch(given, candidates, context, min_revision)

    def close(self) -> None:
        """Close the data directory once running calls have ended; whoever comes second returns when it is closed."""
        if os.getpid() == self._opened_by:
            with self._closing:
                self.native.close()
