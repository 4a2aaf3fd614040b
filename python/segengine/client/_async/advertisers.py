"""Advertisers: the customers of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segengine import names
from segengine.client import methods
from segengine.client._async.bulk import request_id
from segengine.client._async.paging import entries
from segengine.errors import NotFoundError
from segengine.handles import AdvertiserHandle
from segengine.records import advertiser_record
from segengine.v1 import campaigns_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from segengine.client._async.campaigns import AsyncCampaigns
    from segengine.client._async.engine import AsyncEngine
    from segengine.client._async.segments import AsyncSegments


class AsyncAdvertiser(AdvertiserHandle):
    """A customer of the network, with its campaigns and the segments that it shares among them."""

    __slots__ = ()

    _engine: AsyncEngine

    @property
    def campaigns(self) -> AsyncCampaigns:
        """Its campaigns."""
        return type(self._engine.campaigns)(self._engine, self.name)

    @property
    def segments(self) -> AsyncSegments:
        """The segments that its campaigns share."""
        return type(self._engine.segments)(self._engine, self.name)

    async def refresh(self, *, min_revision: int = 0) -> AsyncAdvertiser:
        """Read it again; return itself."""
        request = campaigns_pb2.GetAdvertiserRequest(name=self.name, min_revision=min_revision)
        self._record = advertiser_record(await self._engine._transport.unary(methods.GET_ADVERTISER, request))
        return self

    async def update(
        self, *, display_name: str | None = None, allow_raw_emails: bool | None = None, etag: str = ""
    ) -> AsyncAdvertiser:
        """Change what is given; return itself. With `etag`, refuse if somebody else changed it first."""
        request = campaigns_pb2.UpdateAdvertiserRequest(request_id=request_id())
        request.advertiser.name = self.name
        request.advertiser.etag = etag
        if display_name is not None:
            request.advertiser.display_name = display_name
            request.update_mask.paths.append("display_name")
        if allow_raw_emails is not None:
            request.advertiser.allow_raw_emails = allow_raw_emails
            request.update_mask.paths.append("allow_raw_emails")
        self._record = advertiser_record(await self._engine._transport.unary(methods.UPDATE_ADVERTISER, request))
        return self

    async def delete(self, *, etag: str = "") -> int:
        """Delete it, which is refused while it has campaigns or segments; return the revision of the write."""
        request = campaigns_pb2.DeleteAdvertiserRequest(name=self.name, etag=etag, request_id=request_id())
        return (await self._engine._transport.unary(methods.DELETE_ADVERTISER, request)).revision


class AsyncAdvertisers:
    """The advertisers of an engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(
        self,
        name: str,
        *,
        id: str = "",
        allow_raw_emails: bool = False,
        exist_ok: bool = False,
    ) -> AsyncAdvertiser:
        """Create an advertiser.

        Parameters
        ----------
        name : str
            Its display name, unique in the network.
        id : str, optional
            The id; made from the name by default.
        allow_raw_emails : bool
            Whether customer files may hold raw addresses, which are hashed in memory.
        exist_ok : bool
            Answer with the existing one of that id and name, if there is one.
        """
        request = campaigns_pb2.CreateAdvertiserRequest(
            advertiser_id=id,
            advertiser=campaigns_pb2.Advertiser(display_name=name, allow_raw_emails=allow_raw_emails),
            request_id=request_id(),
            exist_ok=exist_ok,
        )
        message = await self._engine._transport.unary(methods.CREATE_ADVERTISER, request)
        return AsyncAdvertiser(self._engine, advertiser_record(message))

    async def get(self, name: str, *, min_revision: int = 0) -> AsyncAdvertiser:
        """Return the advertiser of an id or, failing that, of an exact display name."""
        transport = self._engine._transport
        full = names.long_name(name, "advertisers")
        missing: NotFoundError | None = None
        if full is not None:
            try:
                request = campaigns_pb2.GetAdvertiserRequest(name=full, min_revision=min_revision)
                message = await transport.unary(methods.GET_ADVERTISER, request)
                return AsyncAdvertiser(self._engine, advertiser_record(message))
            except NotFoundError as error:
                missing = error
        wanted = campaigns_pb2.ListAdvertisersRequest(
            display_name=names.normal_display_name(name), min_revision=min_revision
        )
        answer = await transport.unary(methods.LIST_ADVERTISERS, wanted)
        if not answer.advertisers:
            raise missing or NotFoundError(f"there is no advertiser {name!r}", field="name")
        return AsyncAdvertiser(self._engine, advertiser_record(answer.advertisers[0]))

    def list(self, *, page_size: int = 0, min_revision: int = 0) -> AsyncIterator[AsyncAdvertiser]:
        """Return a lazy iterator over all, as they were created."""
        request = campaigns_pb2.ListAdvertisersRequest(page_size=page_size, min_revision=min_revision)
        return entries(
            self._engine._transport,
            methods.LIST_ADVERTISERS,
            request,
            field="advertisers",
            made=lambda message: AsyncAdvertiser(self._engine, advertiser_record(message)),
        )

    def __aiter__(self) -> AsyncIterator[AsyncAdvertiser]:
        """Iterate over all."""
        return self.list()
