"""Campaigns: what an advertiser runs, with segments and adgroups of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from segengine import names
from segengine.client import methods
from segengine.client._async.bulk import request_id
from segengine.client._async.paging import entries
from segengine.errors import InvalidInputError, NotFoundError
from segengine.handles import CampaignHandle
from segengine.records import Status, campaign_record
from segengine.targeting import status_number
from segengine.v1 import campaigns_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from segengine.client._async.adgroups import AsyncAdgroups
    from segengine.client._async.engine import AsyncEngine
    from segengine.client._async.segments import AsyncSegments


class AsyncCampaign(CampaignHandle):
    """A campaign, with its segments and adgroups."""

    __slots__ = ()

    _engine: AsyncEngine

    @property
    def segments(self) -> AsyncSegments:
        """Its segments."""
        return type(self._engine.segments)(self._engine, self.name)

    @property
    def adgroups(self) -> AsyncAdgroups:
        """Its adgroups."""
        return type(self._engine.adgroups)(self._engine, self.name)

    async def refresh(self, *, min_revision: int = 0) -> AsyncCampaign:
        """Read it again; return itself."""
        request = campaigns_pb2.GetCampaignRequest(name=self.name, min_revision=min_revision)
        self._record = campaign_record(await self._engine._transport.unary(methods.GET_CAMPAIGN, request))
        return self

    async def update(
        self, *, display_name: str | None = None, status: Status | str | None = None, etag: str = ""
    ) -> AsyncCampaign:
        """Change what is given; return itself. With `etag`, refuse if somebody else changed it first."""
        request = campaigns_pb2.UpdateCampaignRequest(request_id=request_id())
        request.campaign.name = self.name
        request.campaign.etag = etag
        if display_name is not None:
            request.campaign.display_name = display_name
            request.update_mask.paths.append("display_name")
        if status is not None:
            request.campaign.status = cast("Any", status_number(status))
            request.update_mask.paths.append("status")
        self._record = campaign_record(await self._engine._transport.unary(methods.UPDATE_CAMPAIGN, request))
        return self

    async def delete(self, *, etag: str = "") -> int:
        """Delete it, which is refused while it has adgroups or segments; return the revision of the write."""
        request = campaigns_pb2.DeleteCampaignRequest(name=self.name, etag=etag, request_id=request_id())
        return (await self._engine._transport.unary(methods.DELETE_CAMPAIGN, request)).revision


class AsyncCampaigns:
    """The campaigns of an engine, or of one advertiser.

    Parameters
    ----------
    engine : AsyncEngine
        Where they are.
    parent : str
        The resource name of the advertiser; empty for all, which are then named ``acme/spring``.
    """

    def __init__(self, engine: AsyncEngine, parent: str) -> None:
        self._engine = engine
        self._parent = parent

    def _split(self, name: str) -> tuple[str, str]:
        """Return the advertiser's resource name and what names the campaign in it."""
        full = names.long_name(name, "campaigns")
        if full is not None:
            return names.parent_of(full), names.last_id(full)
        if self._parent:
            return self._parent, name
        advertiser, slash, rest = name.partition("/")
        too_long = all(map(names.is_slug, name.split("/"))) and rest.count("/") > 0
        if not slash or not rest.strip() or not names.is_slug(advertiser) or too_long:
            raise names.unreadable(name, "campaigns")
        return f"advertisers/{advertiser}", rest

    async def create(
        self,
        name: str,
        *,
        id: str = "",
        display_name: str | None = None,
        status: Status | str = Status.ACTIVE,
        exist_ok: bool = False,
    ) -> AsyncCampaign:
        """Create a campaign, and its advertiser when that is absent and the caller may.

        Parameters
        ----------
        name : str
            ``acme/spring``, or ``acme/Printemps 2018``: the advertiser's id, then the campaign's id or display name.
        id : str, optional
            The campaign's id; made from the display name by default.
        display_name : str, optional
            The display name, where `name` gives the id.
        status : Status
            Whether its adgroups may serve.
        exist_ok : bool
            Answer with the existing one of that id and name, if there is one. Two names with one id remain an error.
        """
        parent, own = self._split(name)
        if display_name is not None and not id:
            if not names.is_slug(own):
                raise InvalidInputError(f"{own!r} is no id", field="name", hint="give the id there, or as id=")
            id = own  # noqa: A001 - the word for it
        request = campaigns_pb2.CreateCampaignRequest(
            parent=parent,
            campaign_id=id,
            campaign=campaigns_pb2.Campaign(
                display_name=own if display_name is None else display_name, status=cast("Any", status_number(status))
            ),
            request_id=request_id(),
            exist_ok=exist_ok,
            create_parents=True,
        )
        message = await self._engine._transport.unary(methods.CREATE_CAMPAIGN, request)
        return AsyncCampaign(self._engine, campaign_record(message))

    async def get(self, name: str, *, min_revision: int = 0) -> AsyncCampaign:
        """Return the campaign of an id or, failing that, of an exact display name."""
        transport = self._engine._transport
        parent, own = self._split(name)
        missing: NotFoundError | None = None
        if names.is_slug(own):
            try:
                request = campaigns_pb2.GetCampaignRequest(name=f"{parent}/campaigns/{own}", min_revision=min_revision)
                message = await transport.unary(methods.GET_CAMPAIGN, request)
                return AsyncCampaign(self._engine, campaign_record(message))
            except NotFoundError as error:
                missing = error
        wanted = campaigns_pb2.ListCampaignsRequest(
            parent=parent, display_name=names.normal_display_name(own), min_revision=min_revision
        )
        try:
            answer = await transport.unary(methods.LIST_CAMPAIGNS, wanted)
        except NotFoundError as error:
            raise missing or error from None
        if not answer.campaigns:
            raise missing or NotFoundError(f"there is no campaign {name!r}", field="name")
        return AsyncCampaign(self._engine, campaign_record(answer.campaigns[0]))

    async def list(
        self, advertiser: str | None = None, *, page_size: int = 0, min_revision: int = 0
    ) -> AsyncIterator[AsyncCampaign]:
        """Return a lazy iterator over the campaigns of an advertiser, as they were created; by default of all."""
        if advertiser is not None:
            parents = [names.parent_name(advertiser)]
        elif self._parent:
            parents = [self._parent]
        else:
            parents = [one.name async for one in self._engine.advertisers.list(min_revision=min_revision)]
        for parent in parents:
            request = campaigns_pb2.ListCampaignsRequest(parent=parent, page_size=page_size, min_revision=min_revision)
            async for campaign in entries(
                self._engine._transport,
                methods.LIST_CAMPAIGNS,
                request,
                field="campaigns",
                made=lambda message: AsyncCampaign(self._engine, campaign_record(message)),
            ):
                yield campaign

    def __aiter__(self) -> AsyncIterator[AsyncCampaign]:
        """Iterate over all."""
        return self.list()
