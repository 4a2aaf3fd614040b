"""How an engine is come by: open a directory, connect to a server, serve a directory."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Self

from segengine.client._async.engine import AsyncEngine
from segengine.client._async.remote import AsyncRemote
from segengine.client._sync.engine import Engine as _Engine
from segengine.client._sync.remote import Remote
from segengine.client.embedded import Embedded
from segengine.errors import FailedPreconditionError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from segengine import _segengine

TIMEOUT_S = 5.0
PORT = 50_051
_HOST = "127.0.0.1"


class Server:
    """A gRPC server over an engine of this process; leaving its block stops it.

    Attributes
    ----------
    target : str
        Where it listens, as ``connect`` takes it.
    """

    def __init__(self, native: _segengine.Server, owned: Engine | None) -> None:
        self._native = native
        self._owned = owned
        self.target: str = native.target

    def wait(self) -> None:
        """Serve until it is stopped, or Ctrl-C."""
        self._native.wait()

    def stop(self) -> None:
        """Stop serving: running calls end, then the port is free. Stopping twice does nothing."""
        self._native.stop()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    def __repr__(self) -> str:
        """Say where it listens."""
        return f"<Server {self.target}>"


class Engine(_Engine):
    """An audience-targeting engine: in this process by ``segengine.open``, behind gRPC by ``segengine.connect``."""

    __doc__ = _Engine.__doc__

    def serve(self, host: str = _HOST, port: int = PORT) -> Server:
        """Serve this engine to other processes; calls from here go on as before.

        Parameters
        ----------
        host : str
            An address of this machine itself: nothing else is served until credentials exist.
        port : int
            0 takes a free one; `Server.target` says which.
        """
        return Server(self.native().serve(host, port), None)

    def native(self) -> _segengine.Engine:
        """Return the native engine of this process; private to the package."""
        if not isinstance(self._transport, Embedded):
            raise FailedPreconditionError(
                f"{self.target} is served already: only an engine of this process can be served",
                hint="open the data directory on the machine that has it",
            )
        return self._transport.native


def open(  # noqa: A001 - the word for it, always written segengine.open
    path: str | os.PathLike[str], *, create: bool = True, key_file: str | os.PathLike[str] | None = None
) -> Engine:
    """Open a data directory in this process.

    Parameters
    ----------
    path : str or PathLike
        The data directory; one process has it at a time.
    create : bool
        Whether to make it where it is absent.
    key_file : str or PathLike, optional
        The identifier key; by default ``SEGENGINE_KEY_FILE``, then ``<path>.key``, which is made once with a line on
        standard error: a backup of the directory does not hold it.

    Raises
    ------
    DirectoryLockedError
        When another process has it open, which the message names.
    FailedPreconditionError
        When the key is missing or another one.
    CorruptedError
        When its files are not what was written.

    Examples
    --------
    >>> with segengine.open("data") as engine:
    ...     engine.campaigns.create("acme/spring").path
    'acme/spring'
    """
    from segengine import _segengine  # noqa: PLC0415 - connect and the types work without building it

    given = None if key_file is None else os.fspath(key_file)
    native = _segengine.Engine.open(os.fspath(path), create=create, key_file=given)
    for notice in native.notices:
        sys.stderr.write(f"segengine: {notice}\n")
    return Engine(Embedded(native, os.fspath(path)))


def connect(target: str, *, api_key: str | None = None, timeout: float = TIMEOUT_S) -> Engine:
    """Connect to a server and check its health; the engine has the same methods as an open one.

    Parameters
    ----------
    target : str
        ``host:port``, or ``unix:PATH`` for the socket of a server on this machine.
    api_key : str, optional
        Sent with every call as ``authorization: Bearer …``.
    timeout : float
        Seconds for this check, and for each call that does not say otherwise; uploads, loads and other long calls have
        no deadline of their own.

    Raises
    ------
    UnavailableError
        When nothing answers there, or the server does not serve.
    """
    remote = Remote(target, api_key, timeout)
    try:
        remote.check()
    except BaseException:
        remote.close()
        raise
    return Engine(remote)


class Connecting:
    """A connection that is about to be made: await it, or enter it."""

    def __init__(self, target: str, api_key: str | None, timeout: float) -> None:
        self._arguments = (target, api_key, timeout)
        self._engine: AsyncEngine | None = None

    async def _connect(self) -> AsyncEngine:
        remote = AsyncRemote(*self._arguments)
        try:
            await remote.check()
        except BaseException:
            await remote.close()
            raise
        self._engine = AsyncEngine(remote)
        return self._engine

    def __await__(self) -> Generator[Any, None, AsyncEngine]:
        """Connect."""
        return self._connect().__await__()

    async def __aenter__(self) -> AsyncEngine:
        """Connect."""
        return await self._connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close."""
        if self._engine is not None:
            await self._engine.close()


def aconnect(target: str, *, api_key: str | None = None, timeout: float = TIMEOUT_S) -> Connecting:
    """Connect as `connect` does, for asyncio: ``async with segengine.aconnect(target) as engine``.

    The engine has the same methods, awaited; lists and ``iter_match`` are asynchronous iterators.
    """
    return Connecting(target, api_key, timeout)


def serve(
    path: str | os.PathLike[str],
    *,
    host: str = _HOST,
    port: int = PORT,
    create: bool = True,
    key_file: str | os.PathLike[str] | None = None,
) -> Server:
    """Open a data directory and serve it until the block is left.

    Parameters
    ----------
    path, create, key_file
        As in `open`.
    host, port
        As in `Engine.serve`.

    Examples
    --------
    >>> with segengine.serve("data", port=0) as server:
    ...     with segengine.connect(server.target) as engine:
    ...         engine.info().adgroups
    0
    """
    engine = open(path, create=create, key_file=key_file)
    try:
        return Server(engine.native().serve(host, port), engine)
    except BaseException:
        engine.close()
        raise


def sample() -> str:
    """Return a customer file that uploads as it is: one MD5 of a lower-case address for each line.

    >>> len(sample().splitlines()[-1])
    32
    """
    from segengine import _segengine  # noqa: PLC0415 - connect and the types work without building it

    return _segengine.sample_file()
