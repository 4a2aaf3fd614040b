"""Adgroups: what may be shown, and to whom."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from segengine import names
from segengine.answers import AdgroupIds
from segengine.client import methods
from segengine.client._async.bulk import request_id
from segengine.client._async.paging import entries
from segengine.errors import InvalidInputError, NotFoundError
from segengine.handles import AdgroupHandle
from segengine.queries import place_name
from segengine.records import adgroup_record
from segengine.targeting import missing_number, set_instant, spec_message, status_number, targeting_message
from segengine.v1 import campaigns_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from segengine.answers import Count
    from segengine.client._async.engine import AsyncEngine
    from segengine.explanation import Explanation
    from segengine.expression import Expression
    from segengine.profile_set import ProfileSet
    from segengine.queries import Place
    from segengine.targeting import AdgroupSpec, Include, SegmentRef

_CHUNK_SPECS = 1_000
_CHUNK_BYTES = 1 << 20


class AsyncAdgroup(AdgroupHandle):
    """What may be shown, and to whom."""

    __slots__ = ()

    _engine: AsyncEngine

    async def refresh(self, *, min_revision: int = 0) -> AsyncAdgroup:
        """Read it again; return itself."""
        request = campaigns_pb2.GetAdgroupRequest(name=self.name, min_revision=min_revision)
        self._record = adgroup_record(await self._engine._transport.unary(methods.GET_ADGROUP, request))
        return self

    async def update(self, *, etag: str = "", **changes: Any) -> AsyncAdgroup:
        """Change what is given; return itself.

        Parameters
        ----------
        etag : str, optional
            Refuse if somebody else changed it since this.
        **changes
            Any of ``display_name``, ``include`` and ``exclude`` (together they replace the targeting), ``targeting``,
            ``status``, ``start``, ``end`` (None removes the date), ``on_missing_exclude``; as in ``create``.
            ``targeting=None`` alone shows it to everybody.
        """
        message = campaigns_pb2.Adgroup(name=self.name, etag=etag)
        request = campaigns_pb2.UpdateAdgroupRequest(adgroup=message, request_id=request_id())
        request.update_mask.paths.extend(_changed(request.adgroup, changes))
        self._record = adgroup_record(await self._engine._transport.unary(methods.UPDATE_ADGROUP, request))
        return self

    async def delete(self, *, etag: str = "") -> int:
        """Delete it; its integer id is never used again. Return the revision of the write."""
        request = campaigns_pb2.DeleteAdgroupRequest(name=self.name, etag=etag, request_id=request_id())
        return (await self._engine._transport.unary(methods.DELETE_ADGROUP, request)).revision

    async def count(self, *, min_revision: int = 0) -> Count:
        """Return how many profiles match its targeting, whatever its status and dates, and how many can be reached."""
        return await self._engine.count(self, min_revision=min_revision)

    async def evaluate(self, *, min_revision: int = 0) -> ProfileSet:
        """Return the profiles that match its targeting, whatever its status and dates."""
        return await self._engine.evaluate(self, min_revision=min_revision)

    async def explain(self, *identifiers: str, min_revision: int = 0) -> Explanation:
        """Say why a user matches it, or why not."""
        return await self._engine.explain(*identifiers, self, min_revision=min_revision)


_MASKS = {"start": "start_time", "end": "end_time"}
_CHANGES = {"display_name", "include", "exclude", "targeting", "status", "start", "end", "on_missing_exclude"}


def _changed(message: campaigns_pb2.Adgroup, changes: dict[str, Any]) -> Iterator[str]:
    """Write what is given into the message; yield the paths of the mask."""
    unknown = changes.keys() - _CHANGES
    if unknown:
        raise TypeError(f"an adgroup has no field {min(unknown)!r} to change: it has {', '.join(sorted(_CHANGES))}")
    if changes.keys() & {"include", "exclude", "targeting"}:
        targeting = targeting_message(changes.get("include"), changes.get("exclude"), changes.get("targeting"))
        if targeting is not None:
            message.targeting.CopyFrom(targeting)
        yield "targeting"
    if "display_name" in changes:
        message.display_name = changes["display_name"]
        yield "display_name"
    if "status" in changes:
        message.status = cast("Any", status_number(changes["status"]))
        yield "status"
    if "on_missing_exclude" in changes:
        message.on_missing_exclude = cast("Any", missing_number(changes["on_missing_exclude"]))
        yield "on_missing_exclude"
    for name in ("start", "end"):
        if name in changes:
            if changes[name] is not None:
                set_instant(getattr(message, _MASKS[name]), changes[name], name)
            yield _MASKS[name]


class AsyncAdgroups:
    """The adgroups of a campaign, or any by full name or integer id.

    Parameters
    ----------
    engine : AsyncEngine
        Where they are.
    parent : str
        The resource name of the campaign; empty for none, when full names are needed.
    """

    def __init__(self, engine: AsyncEngine, parent: str) -> None:
        self._engine = engine
        self._parent = parent

    def _needs_parent(self) -> str:
        if not self._parent:
            raise InvalidInputError("an adgroup belongs to a campaign", field="parent", hint="use campaign.adgroups")
        return self._parent

    async def create(
        self,
        name: str,
        *,
        include: Include | None = None,
        exclude: Sequence[SegmentRef] | None = None,
        targeting: Expression | SegmentRef | None = None,
        id: str = "",
        exist_ok: bool = False,
        **rest: Any,
    ) -> AsyncAdgroup:
        """Create an adgroup.

        Parameters
        ----------
        name : str
            Its display name, unique in its campaign.
        include : sequence of Segment or str, or of such sequences
            ``[a, b]``: any of them; ``[[a, b], [c]]``: one of each group. Handles, ids or display names.
        exclude : sequence of Segment or str
            None of these.
        targeting : Expression or str
            Instead of both, an expression such as ``"(a | b) & !c"``.
        id : str, optional
            The id; made from the name by default.
        exist_ok : bool
            Answer with the existing one of that id and name, if there is one.
        **rest
            ``status`` (``ACTIVE``), ``start`` and ``end`` (aware datetimes), ``on_missing_exclude`` (``hold``).

        Returns
        -------
        Adgroup
            ``.number`` is the integer that Match answers; ``.warnings`` says what is odd about the targeting.

        Raises
        ------
        TypeError
            For a mixture of segments and groups, or both forms of targeting.
        NotFoundError
            For a segment that does not exist.

        Examples
        --------
        >>> actifs = await spring.segments.create("Clients actifs")
        >>> conquest = await spring.adgroups.create("Conquête", exclude=[actifs])
        >>> conquest
        <Adgroup 'acme/spring/conquete', id 1, ACTIVE, exclude clients-actifs>
        """
        unknown = rest.keys() - {"status", "start", "end", "on_missing_exclude"}
        if unknown:
            raise TypeError(f"create() got an unexpected keyword argument {min(unknown)!r}")
        message = campaigns_pb2.Adgroup(
            display_name=name, targeting=targeting_message(include, exclude, targeting), status=cast("Any", 1)
        )
        for _ in _changed(message, {key: value for key, value in rest.items() if value is not None}):
            pass
        request = campaigns_pb2.CreateAdgroupRequest(
            parent=self._needs_parent(), adgroup_id=id, adgroup=message, request_id=request_id(), exist_ok=exist_ok
        )
        answer = await self._engine._transport.unary(methods.CREATE_ADGROUP, request)
        return AsyncAdgroup(self._engine, adgroup_record(answer))

    async def get(self, name: str | int, *, min_revision: int = 0) -> AsyncAdgroup:
        """Return the adgroup of an integer id, of an id or, failing that, of an exact display name."""
        transport = self._engine._transport
        full = None
        request = campaigns_pb2.GetAdgroupRequest(min_revision=min_revision)
        if isinstance(name, str):
            full = names.in_parent(self._parent, name, "adgroups")
            request.name = full or ""
        else:
            request.id = int(name)
        missing: NotFoundError | None = None
        if full is not None or not isinstance(name, str):
            try:
                return AsyncAdgroup(self._engine, adgroup_record(await transport.unary(methods.GET_ADGROUP, request)))
            except NotFoundError as error:
                missing = error
        if not self._parent or not isinstance(name, str):
            raise missing or names.unreadable(str(name), "adgroups")
        wanted = campaigns_pb2.ListAdgroupsRequest(
            parent=self._parent, display_name=names.normal_display_name(name), min_revision=min_revision
        )
        answer = await transport.unary(methods.LIST_ADGROUPS, wanted)
        if not answer.adgroups:
            raise missing or NotFoundError(f"there is no adgroup {name!r} in {names.short(self._parent)}", field="name")
        return AsyncAdgroup(self._engine, adgroup_record(answer.adgroups[0]))

    def list(
        self, campaign: Place | None = None, *, page_size: int = 0, min_revision: int = 0
    ) -> AsyncIterator[AsyncAdgroup]:
        """Return a lazy iterator over the adgroups of the campaign, by integer id."""
        request = campaigns_pb2.ListAdgroupsRequest(
            parent=place_name(campaign) or self._needs_parent(), page_size=page_size, min_revision=min_revision
        )
        return entries(
            self._engine._transport,
            methods.LIST_ADGROUPS,
            request,
            field="adgroups",
            made=lambda message: AsyncAdgroup(self._engine, adgroup_record(message)),
        )

    def __aiter__(self) -> AsyncIterator[AsyncAdgroup]:
        """Iterate over all."""
        return self.list()

    async def upsert(
        self,
        specs: Iterable[AdgroupSpec | Mapping[str, Any]],
        *,
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> AdgroupIds:
        """Create or replace many adgroups in one transaction: all or nothing.

        Parameters
        ----------
        specs : iterable of dict or AdgroupSpec
            The adgroups: ``id``, ``display_name``, ``include`` and ``exclude`` or ``targeting``, ``status``, ``start``,
            ``end``, ``on_missing_exclude``. An existing adgroup of that id is replaced and keeps its integer id.
        validate_only : bool
            Check everything and change nothing.
        timeout : float, optional
            Seconds; by default it may take as long as it takes.

        Returns
        -------
        ndarray of uint32, shape (n,)
            The integer ids, in order; with ``.revision``, ``.created``, ``.updated``.

        Examples
        --------
        >>> ids = await spring.adgroups.upsert({"id": f"g{number}"} for number in range(3))
        >>> ids.tolist(), ids.created
        ([1, 2, 3], 3)
        """
        header = campaigns_pb2.UpsertHeader(
            parent=self._needs_parent(), request_id=request_id(), validate_only=validate_only
        )
        requests = itertools.chain(
            [campaigns_pb2.UpsertAdgroupsRequest(header=header)],
            (campaigns_pb2.UpsertAdgroupsRequest(chunk=chunk) for chunk in _chunks(specs)),
        )
        answer = await self._engine._transport.client_stream(methods.UPSERT_ADGROUPS, requests, timeout)
        return AdgroupIds.of(np.fromiter(answer.ids, np.uint32, len(answer.ids)), answer)


def _chunks(specs: Iterable[AdgroupSpec | Mapping[str, Any]]) -> Iterator[campaigns_pb2.UpsertChunk]:
    """Yield the specs in messages that stay well below 4 MiB."""
    held: list[campaigns_pb2.AdgroupSpec] = []
    size = 0
    for position, spec in enumerate(specs):
        message = spec_message(spec, position)
        held.append(message)
        size += message.ByteSize()
        if len(held) == _CHUNK_SPECS or size >= _CHUNK_BYTES:
            yield campaigns_pb2.UpsertChunk(adgroups=held)
            held, size = [], 0
    if held:
        yield campaigns_pb2.UpsertChunk(adgroups=held)
