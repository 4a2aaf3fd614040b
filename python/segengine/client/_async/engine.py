"""The engine as a caller sees it: questions, bulk writes, and the way to campaigns, segments and adgroups."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from segengine import identifiers, names, queries
from segengine.answers import Limit, info_of
from segengine.client import methods
from segengine.client._async import bulk, questions
from segengine.client._async.adgroups import AsyncAdgroups
from segengine.client._async.advertisers import AsyncAdvertisers
from segengine.client._async.campaigns import AsyncCampaigns
from segengine.client._async.operations import AsyncOperations
from segengine.client._async.segments import AsyncSegments
from segengine.records import copied
from segengine.v1 import admin_pb2, campaigns_pb2

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from segengine import _segengine
    from segengine.answers import Count, Info, LinkReport, LoadReport, Overlap, VerifyReport
    from segengine.client._async.transport import AsyncTransport
    from segengine.explanation import Explanation
    from segengine.profile_set import ProfileSet
    from segengine.queries import Place, SetLike

BATCH_USERS = 8_192
_LOOKUP_IDS_MAX = 10_000


class AsyncEngine:
    """An audience-targeting engine: in this process by ``segengine.open``, behind gRPC by ``segengine.connect``.

    Safe to share between threads. ``close`` waits for running calls; what was answered outlives it. After a fork every
    call of the child raises EngineClosedError.

    Attributes
    ----------
    advertisers, campaigns, segments, adgroups, operations
        What exists, by full name; a campaign has its own ``segments`` and ``adgroups``, by id.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.advertisers = AsyncAdvertisers(self)
        self.campaigns = AsyncCampaigns(self, "")
        self.segments = AsyncSegments(self, "")
        self.adgroups = AsyncAdgroups(self, "")
        self.operations = AsyncOperations(self)

    @property
    def target(self) -> str:
        """Where it is: the server's address, or the data directory."""
        return self._transport.target

    def __repr__(self) -> str:
        """Say where it is."""
        return f"<{type(self).__name__} {self.target!r}>"

    async def match(
        self,
        *identifiers: str,
        candidates: Any = None,
        context: Any = None,
        min_revision: int = 0,
        timeout: float | None = None,
    ) -> _segengine.Match:
        """Say which adgroups one user may see.

        Parameters
        ----------
        *identifiers : str
            At most 16 identifiers of ONE user, ``kind:value`` or ``kind@scope:value``; the user has the union of their
            segments. Malformed ones are skipped and counted.
        candidates : sequence of int or Adgroup | ndarray of uint32, optional
            Only these, answered in this order, duplicates once; an empty one answers nothing. None: all adgroups.
        context : sequence of int or Segment, optional
            Segments that the user counts as a member of for this request only; at most 64.
        min_revision : int
            Answer only from a state that includes this write.
        timeout : float, optional
            Seconds; by default the engine's.

        Returns
        -------
        Match
            ``.adgroups`` (read-only uint32), ``.generation``, ``.identified``, ``.skipped``; ``.names()``.

        Raises
        ------
        TypeError
            For a list of users: that is what `match_batch` takes.
        LimitExceededError
            For more than 16 identifiers, 10,000 candidates or 64 context segments.

        Examples
        --------
        >>> match = await engine.match("network:7f3c", candidates=[])
        >>> match.adgroups
        array([], dtype=uint32)
        """
        quick = self._transport.quick_match
        if quick is not None and context is None:
            # Text and uint32 arrays need no reading here; what does is refused there, and read below.
            try:
                return quick(identifiers, candidates, None, min_revision, self.adgroup_names)
            except TypeError:  # a block without cost where nothing is raised, unlike contextlib.suppress
                pass
        return await self._transport.match(
            queries.one_user(identifiers),
            queries.candidate_ids(candidates),
            queries.context_numbers(context),
            names=self.adgroup_names,
            min_revision=min_revision,
            timeout=timeout,
        )

    async def match_batch(
        self,
        users: Any,
        *,
        candidates: Any = None,
        context: Any = None,
        min_revision: int = 0,
        timeout: float | None = None,
    ) -> _segengine.BatchMatch:
        """Say which adgroups each of many users may see, all from one generation.

        Parameters
        ----------
        users : sequence of str or tuple of str | Identifiers
            At most 65,536 users; `iter_match` takes more.
        candidates : sequence of int | (offsets, ids), optional
            One list for all, or int64 offsets (n + 1,) and uint32 ids, a list for each. None: all adgroups.
        context, min_revision, timeout
            As in `match`.

        Returns
        -------
        BatchMatch
            ``.offsets`` (n + 1,) int64, ``.adgroups`` (k,) uint32, ``.status`` (n,) uint8 (0 known, 1 unknown user,
            2 no usable identifier), ``.generation``, ``.skipped``, ``.to_mask(ids)`` (n, m) bool.

        Examples
        --------
        >>> batch = await engine.match_batch(["network:7f3c", ("network:81aa", "device:0b1e")])
        >>> batch.offsets, batch.status
        (array([0, 0, 0]), array([1, 1], dtype=uint8))
        """
        given = identifiers.users_of(users)
        return await self._transport.match_batch(
            given,
            queries.candidate_lists(candidates, len(given)),
            queries.context_numbers(context),
            min_revision=min_revision,
            timeout=timeout,
        )

    async def iter_match(
        self,
        users: Any,
        *,
        candidates: Any = None,
        context: Any = None,
        size: int = BATCH_USERS,
        min_revision: int = 0,
    ) -> AsyncIterator[_segengine.BatchMatch]:
        """Match any number of users, in batches of `size`; each batch is answered from one generation.

        Users may be an endless iterator: no more than one batch is taken at a time.
        """
        chosen = queries.candidate_ids(candidates)
        if isinstance(users, identifiers.Identifiers):
            batches = identifiers.split_users(users, size)
        else:
            iterator = iter(users)
            batches = iter(lambda: list(itertools.islice(iterator, size)), [])
        for batch in batches:
            yield await self.match_batch(batch, candidates=chosen, context=context, min_revision=min_revision)

    async def adgroup_names(self, adgroups: Iterable[int]) -> list[str]:
        """Return the short names of adgroups by their integer ids, in order; ``#12`` for one that is gone."""
        wanted = [int(number) for number in adgroups]
        found: dict[int, str] = {}
        unique = list(dict.fromkeys(wanted))
        for start in range(0, len(unique), _LOOKUP_IDS_MAX):
            request = campaigns_pb2.LookupAdgroupsRequest(ids=unique[start : start + _LOOKUP_IDS_MAX])
            answer = await self._transport.unary(methods.LOOKUP_ADGROUPS, request)
            found.update((one.id, names.short(one.name)) for one in answer.adgroups)
        return [found.get(number, f"#{number}") for number in wanted]

    async def explain(
        self,
        *identifiers_and_target: Any,
        context: Any = None,
        min_revision: int = 0,
    ) -> Explanation:
        """Say why a user matches an adgroup or is in a segment, or why not.

        Parameters
        ----------
        *identifiers_and_target : str, …, Adgroup | Segment | int | str
            The identifiers of one user, then what is in question: an adgroup by handle, integer id or name
            (``acme/spring/conquest``), or a segment by handle or name.
        context, min_revision
            As in `match`.

        Returns
        -------
        Explanation
            ``print`` shows the tree; ``.to_dict()`` is for machines; ``.matches`` is what Match answers.
        """
        return await questions.explain(self._transport, identifiers_and_target, context, min_revision)

    async def evaluate(
        self, expression: SetLike, *, campaign: Place | None = None, min_revision: int = 0, timeout: float | None = None
    ) -> ProfileSet:
        """Return the profiles of a set.

        Parameters
        ----------
        expression : str | Expression | Segment | Adgroup
            Text in the grammar ``|``, ``&``, ``!``, parentheses, ids and ``"display names"``; or what stands for a set.
        campaign : Campaign or str, optional
            Where names of the text are looked up.
        min_revision, timeout
            As in `match`; without a timeout it may take as long as it takes.

        Examples
        --------
        >>> report = await engine.load([("network:a", "actifs"), ("network:b", "nouveaux")], campaign=spring)
        >>> both = await engine.evaluate("actifs | nouveaux", campaign=spring)
        >>> len(both), "network:a" in both
        (2, True)
        """
        query = queries.set_query(expression, campaign)
        return await questions.evaluate(self._transport, query, min_revision, timeout)

    async def count(
        self, expression: SetLike, *, campaign: Place | None = None, min_revision: int = 0, timeout: float | None = None
    ) -> Count:
        """Return how many profiles a set has, and how many of them can be reached; arguments as in `evaluate`.

        Examples
        --------
        >>> report = await engine.load([("network:a", "actifs"), ("device:b", "actifs")], campaign=spring)
        >>> count = await engine.count("actifs", campaign=spring)
        >>> count.profile_count, count.reachable_count
        (2, 0)
        """
        query = queries.set_query(expression, campaign)
        return await questions.count(self._transport, query, min_revision, timeout)

    async def overlap(
        self, sets: Sequence[SetLike], *, campaign: Place | None = None, min_revision: int = 0
    ) -> Overlap:
        """Return how many profiles up to 8 sets have in common, pair by pair: (n, n) uint64.

        Examples
        --------
        >>> pairs = [("network:a", "actifs"), ("network:b", "actifs"), ("network:b", "nouveaux")]
        >>> report = await engine.load(pairs, campaign=spring)
        >>> overlap = await engine.overlap(["actifs", "nouveaux"], campaign=spring)
        >>> overlap.matrix
        array([[2, 1],
               [1, 1]], dtype=uint64)
        """
        return await questions.overlap(self._transport, sets, campaign, min_revision)

    async def resolve(
        self,
        values: Any,
        *,
        min_revision: int = 0,
    ) -> NDArray[np.uint32]:
        """Return the profile id of each identifier: uint32 (n,), 4294967295 where it is unknown or malformed.

        Parameters
        ----------
        values : iterable of str | Arrow strings | Identifiers
            The identifiers. Reading never creates or links anything.
        min_revision : int
            As in `match`.

        Examples
        --------
        >>> report = await engine.link([("network:a", "device:b")])
        >>> await engine.resolve(["network:a", "device:b", "network:unknown"])
        array([         0,          0, 4294967295], dtype=uint32)
        """
        profiles, _, _ = await questions.resolve(self._transport, identifiers.column_of(values), min_revision)
        return profiles

    async def load(
        self,
        pairs: Any,
        *,
        campaign: Place,
        kind: str | None = None,
        scope: str | None = None,
        segments: Any = None,
        names: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> LoadReport:
        """Load (identifier, segment) pairs: missing segments are created, the members of those named are replaced.

        Parameters
        ----------
        pairs : Arrow table | CSV path | Identifiers | dict of columns | iterable of (identifier, segment[, seen])
            Columns are ``identifier`` (text form) or ``value`` with `kind` and `scope`; ``segment`` (id or display
            name); and ``seen`` (a date) where it is known.
        campaign : Campaign, Advertiser or str
            What the segments belong to.
        kind, scope : str, optional
            Of a column ``value``.
        segments : sequence of int, names : sequence of str
            With Identifiers: for each the position of its segment in `names`.
        timeout : float, optional
            Seconds; by default it may take as long as it takes.

        Returns
        -------
        LoadReport
            ``rows_total = valid + invalid_total``, ``valid = unique + duplicates``. The load serves when it returns.

        Examples
        --------
        >>> import numpy as np
        >>> from segengine import Identifiers
        >>> digests = np.arange(48, dtype=np.uint8).reshape(3, 16)
        >>> hashes = Identifiers("email_md5", digests)
        >>> report = await engine.load(hashes, segments=[0, 1, 1], names=["Actifs", "Très fidèles"], campaign=spring)
        >>> [(one.display_name, one.profile_count) for one in report.segments]
        [('Actifs', 1), ('Très fidèles', 2)]
        """
        given = bulk.memberships_of(pairs, kind=kind, scope=scope, segments=segments, names=names)
        return await bulk.load(self._transport, queries.place_name(campaign), given, timeout)

    async def link(
        self,
        pairs: Any,
        *,
        seen: dt.date | dt.datetime | None = None,
        timeout: float | None = None,
    ) -> LinkReport:
        """Link pairs of identifiers that belong to one person; all or nothing, order never matters.

        Parameters
        ----------
        pairs : iterable of (str, str) | Arrow table of two columns | (column, column) | CSV path
            The pairs; columns are Identifiers or arrays of texts of equal length.
        seen : date or datetime, optional
            When these pairs were seen, which makes their addressable identifiers reachable.
        timeout : float, optional
            Seconds; by default it may take as long as it takes.

        Examples
        --------
        >>> report = await engine.link([("network:a", "email_md5:ac862c981fee6b90654257051c4e197a")])
        >>> report.changed, report.unchanged
        (1, 0)
        """
        return await bulk.link(self._transport, pairs, seen, timeout)

    async def unlink(
        self,
        pairs: Any,
        *,
        timeout: float | None = None,
    ) -> LinkReport:
        """Withdraw links; a pair that was never linked changes nothing. Arguments as in `link`."""
        return await bulk.unlink(self._transport, pairs, timeout)

    async def info(self) -> Info:
        """Return what this engine is, and how much it holds."""
        return info_of(await self._transport.unary(methods.GET_INFO, admin_pb2.GetInfoRequest()))

    async def limits(self) -> dict[str, Limit]:
        """Return every bound of the engine, by name."""
        answer = await self._transport.unary(methods.GET_LIMITS, admin_pb2.GetLimitsRequest())
        return {one.name: copied(Limit, one) for one in answer.limits}

    async def verify(self, progress: Callable[[str, int, int], None] | None = None) -> VerifyReport:
        """Recompute every record from files and links and compare, while the engine serves.

        Parameters
        ----------
        progress : callable, optional
            Told the phase, the steps done and the steps in all.
        """
        return await questions.verify(self._transport, progress)

    async def close(self) -> None:
        """Wait for running calls, then let go of directory or connection; closing twice does nothing."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()
