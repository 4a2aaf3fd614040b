"""Advertisers, campaigns, segments and adgroups as values: what they know without asking.

A handle is an engine and a frozen record. Attributes read the record and never do I/O; what asks the engine is a method
of the subclasses in `client`, synchronous or asynchronous. Two handles are equal when engine and name are.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from segengine import names
from segengine.expression import Expression
from segengine.records import AdgroupRecord, AdvertiserRecord, CampaignRecord, Record, SegmentRecord

if TYPE_CHECKING:
    import datetime as dt

    from segengine.records import Advice, Status, Targeting, UploadReport

R = TypeVar("R", bound=Record)


class Handle(Generic[R]):
    """A thing of an engine, with the record that was read last."""

    __slots__ = ("_engine", "_record")

    def __init__(self, engine: Any, record: R) -> None:
        self._engine = engine
        self._record = record

    @property
    def record(self) -> R:
        """What is known: a frozen dataclass that pickles."""
        return self._record

    @property
    def name(self) -> str:
        """The resource name, such as ``advertisers/acme/campaigns/spring``."""
        return self._record.name

    @property
    def path(self) -> str:
        """The short form of the name, such as ``acme/spring``."""
        return names.short(self._record.name)

    @property
    def id(self) -> str:
        """The id, unique in its parent; renaming keeps it."""
        return names.last_id(self._record.name)

    @property
    def display_name(self) -> str:
        """The name for people, unique in its parent."""
        return self._record.display_name

    @property
    def number(self) -> int:
        """The integer that stands for it: of an adgroup what Match answers, of a segment what a context names."""
        return self._record.number

    @property
    def revision(self) -> int:
        """The write that last changed it; give it as ``min_revision`` to a read that must see it."""
        return self._record.revision

    @property
    def etag(self) -> str:
        """Changes with each change."""
        return self._record.etag

    @property
    def create_time(self) -> dt.datetime | None:
        """When it was created."""
        return self._record.create_time

    @property
    def update_time(self) -> dt.datetime | None:
        """When it was last changed."""
        return self._record.update_time

    def _facts(self) -> dict[str, str]:
        """Return what a person asks first, for repr and notebooks."""
        return {}

    def __eq__(self, other: object) -> bool:
        """Whether it is the same thing of the same engine, whatever was read of it."""
        if not isinstance(other, Handle):
            return NotImplemented
        return self._engine is other._engine and self.name == other.name

    def __hash__(self) -> int:
        """Hash engine and name."""
        return hash((id(self._engine), self.name))

    def __reduce__(self) -> NoReturn:
        """Refuse to pickle: an engine cannot travel."""
        raise TypeError(f"a {type(self).__name__} holds an open engine and does not pickle; pickle its .record")

    def __repr__(self) -> str:
        """Say which it is and how it stands."""
        facts = "".join(f", {value}" for value in self._facts().values() if value)
        return f"<{_kind(self)} {self.path!r}{facts}>"

    def _repr_html_(self) -> str:
        rows = {"name": self.path, "display name": self.display_name, **self._facts()}
        cells = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>" for key, value in rows.items()
        )
        return f"<table><caption>{_kind(self)}</caption>{cells}</table>"


def _kind(handle: Handle[Any]) -> str:
    return type(handle).__name__.removeprefix("Async")


def percent(share: float | None) -> str:
    """Return a share as people read it; a dash when there is none.

    >>> percent(0.5428), percent(None)
    ('54.28 %', '–')
    """
    return "–" if share is None else f"{100 * share:.2f} %"


class AdvertiserHandle(Handle[AdvertiserRecord]):
    """A customer of the network."""

    __slots__ = ()

    @property
    def allow_raw_emails(self) -> bool:
        """Whether customer files may hold raw addresses, which are hashed in memory."""
        return self._record.allow_raw_emails


class CampaignHandle(Handle[CampaignRecord]):
    """A campaign of an advertiser."""

    __slots__ = ()

    @property
    def status(self) -> Status:
        """Whether its adgroups may serve: ``ACTIVE``, ``PAUSED`` or ``ARCHIVED``."""
        return self._record.status

    def _facts(self) -> dict[str, str]:
        return {"status": str(self.status)}


class SegmentHandle(Handle[SegmentRecord]):
    """A named set of people; ``a | b``, ``a & b`` and ``~a`` are expressions."""

    __slots__ = ()

    @property
    def status(self) -> str:
        """How far the last replacement has come: ``EMPTY``, ``PROCESSING``, ``PROCESSED`` or ``FAILED``."""
        return self._record.status

    @property
    def ready(self) -> bool:
        """Whether a version serves."""
        return self._record.ready

    @property
    def profile_count(self) -> int:
        """Distinct profiles among its members; 0 when hidden, see `below_minimum`."""
        return self._record.profile_count

    @property
    def reachable_count(self) -> int:
        """Those that are addressable."""
        return self._record.reachable_count

    @property
    def reach(self) -> float | None:
        """``reachable_count / profile_count``; None for an empty or hidden segment."""
        return self._record.reach

    @property
    def below_minimum(self) -> bool:
        """Whether it is smaller than this caller may see."""
        return self._record.below_minimum

    @property
    def identifier_count(self) -> int:
        """Identifiers among its members."""
        return self._record.identifier_count

    @property
    def report(self) -> UploadReport | None:
        """The report of the last upload."""
        return self._record.report

    @property
    def failure(self) -> str:
        """Why the last upload failed; empty when it did not."""
        return self._record.failure

    @property
    def live_version(self) -> int:
        """The version that serves; 0 when none does."""
        return self._record.live_version

    def _facts(self) -> dict[str, str]:
        count = "<50 profiles" if self.below_minimum else f"{self.profile_count:,} profiles"
        return {"status": self.status, "size": count, "reach": f"reach {percent(self.reach)}" if self.reach else ""}

    def __or__(self, other: SegmentHandle | Expression | str) -> Expression:
        """Any of both."""
        return Expression.of(self) | other

    def __and__(self, other: SegmentHandle | Expression | str) -> Expression:
        """Both."""
        return Expression.of(self) & other

    def __invert__(self) -> Expression:
        """Not this."""
        return ~Expression.of(self)


class AdgroupHandle(Handle[AdgroupRecord]):
    """What may be shown, and to whom."""

    __slots__ = ()

    @property
    def status(self) -> Status:
        """Whether it may serve: ``ACTIVE``, ``PAUSED`` or ``ARCHIVED``."""
        return self._record.status

    @property
    def targeting(self) -> Targeting | None:
        """Who may see it; None for everybody."""
        return self._record.targeting

    @property
    def start(self) -> dt.datetime | None:
        """When it starts, inclusive; None: at once."""
        return self._record.start

    @property
    def end(self) -> dt.datetime | None:
        """When it ends, exclusive; None: never."""
        return self._record.end

    @property
    def warnings(self) -> tuple[Advice, ...]:
        """What a person should know about the targeting."""
        return self._record.warnings

    def _facts(self) -> dict[str, str]:
        targeting = "everybody" if self.targeting is None else str(self.targeting)
        return {"number": f"id {self.number}", "status": str(self.status), "targeting": targeting}
