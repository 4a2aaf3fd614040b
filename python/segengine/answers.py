"""What questions and bulk writes answer, as frozen dataclasses; the sister of `records`, which holds things."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segengine.records import copied, moment

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    from segengine.v1 import admin_pb2, campaigns_pb2, identity_pb2, targeting_pb2


@dataclass(frozen=True)
class LoadedSegment:
    """A segment after a load."""

    name: str
    display_name: str
    profile_count: int
    created: bool


@dataclass(frozen=True)
class LoadReport:
    """What a load did: ``rows_total = valid + invalid_total`` and ``valid = unique + duplicates``."""

    rows_total: int
    valid: int
    unique: int
    duplicates: int
    invalid: dict[str, int]
    segments: tuple[LoadedSegment, ...]
    identifiers: int
    new_identifiers: int
    revision: int
    generation: int

    @property
    def invalid_total(self) -> int:
        """Rows without a valid identifier or segment."""
        return sum(self.invalid.values())

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return asdict(self)


def load_report(message: identity_pb2.LoadMembershipsResponse) -> LoadReport:
    """Return the report of a load."""
    return copied(
        LoadReport,
        message,
        invalid={one.reason: one.count for one in message.invalid},
        segments=tuple(copied(LoadedSegment, one) for one in message.segments),
    )


@dataclass(frozen=True)
class LinkReport:
    """What linking or unlinking did: ``pairs = changed + unchanged``."""

    pairs: int
    changed: int
    unchanged: int
    dissolved: int
    new_identifiers: int
    revision: int
    link_epoch: int
    generation: int


@dataclass(frozen=True)
class MembersReport:
    """What adding or removing members did."""

    changed: int
    unchanged: int
    unknown: int
    skipped: int
    revision: int


@dataclass(frozen=True)
class AsOf:
    """The state that an answer describes."""

    engine_id: str
    generation: int
    link_epoch: int
    revision: int
    time: dt.datetime | None


def as_of(message: targeting_pb2.AsOf) -> AsOf:
    """Return the state that an answer describes."""
    return copied(AsOf, message, time=moment(message, "time"))


@dataclass(frozen=True)
class Count:
    """How many profiles a set has, and how many of them can be reached."""

    profile_count: int
    reachable_count: int
    reach: float | None
    below_minimum: bool
    minimum: int
    as_of: AsOf


def count_of(message: targeting_pb2.CountProfilesResponse) -> Count:
    """Return a count."""
    return copied(
        Count,
        message,
        reach=message.reach if message.HasField("reach") else None,
        as_of=as_of(message.as_of),
    )


@dataclass(frozen=True, eq=False)
class Overlap:
    """Profiles that sets have in common, pair by pair; NumPy takes it as its matrix.

    Attributes
    ----------
    names : tuple of str
        The sets, as they were given.
    matrix : ndarray of uint64, shape (n, n)
        Counts; the diagonal holds the sets' own.
    below_minimum : ndarray of bool, shape (n, n)
        Whether an entry is smaller than this caller may see; its count is 0 then.
    as_of : AsOf
        The state counted.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.uint64]
    below_minimum: NDArray[np.bool_]
    minimum: int
    as_of: AsOf

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the matrix."""
        return self.matrix.shape

    @property
    def dtype(self) -> np.dtype[np.uint64]:
        """The type of the matrix: uint64."""
        return self.matrix.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - NumPy's own
        """Return the matrix, as NumPy asks for it."""
        return np.array(self.matrix, dtype=dtype, copy=copy)

    def __getitem__(self, key: Any) -> Any:
        """Index the matrix."""
        return self.matrix[key]

    def __len__(self) -> int:
        """Return the number of sets."""
        return len(self.matrix)


def overlap_of(message: targeting_pb2.OverlapResponse, names: tuple[str, ...]) -> Overlap:
    """Return an overlap."""
    shape = (message.size, message.size)
    matrix = np.array(message.matrix, np.uint64).reshape(shape)
    hidden = np.array(message.below_minimum, np.bool_).reshape(shape) if message.below_minimum else matrix < 0
    for array in (matrix, hidden):
        array.setflags(write=False)
    return Overlap(names, matrix, hidden, message.minimum, as_of(message.as_of))


@dataclass(frozen=True)
class Info:
    """The facts of an engine."""

    version: str
    engine_id: str
    data_directory: str
    generation: int
    revision: int
    link_epoch: int
    identifiers: int
    links: int
    memberships: int
    advertisers: int
    campaigns: int
    segments: int
    adgroups: int
    index_builds: int
    index_build_us: int
    records_source: str
    checkpoint_time: dt.datetime | None
    checkpoint_revision: int
    checkpoint_bytes: int
    checkpoint_us: int
    checkpoint_failure: str
    poisoned: bool
    notices: tuple[str, ...]


def info_of(message: admin_pb2.Info) -> Info:
    """Return the facts of an engine."""
    return copied(Info, message, notices=tuple(message.notices), checkpoint_time=moment(message, "checkpoint_time"))


@dataclass(frozen=True)
class Limit:
    """One bound of the engine."""

    name: str
    value: int
    unit: str
    meaning: str


@dataclass(frozen=True)
class Finding:
    """Something that a verification found not to be as it should."""

    file: str
    offset: int | None
    message: str


@dataclass(frozen=True)
class VerifyReport:
    """What a verification looked at, and what it found."""

    findings: tuple[Finding, ...]
    files: int
    records: int
    bytes: int

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class AdgroupIds(np.ndarray[tuple[int], np.dtype[np.uint32]]):
    """The integer ids that an upsert gave, uint32 (n,), with the write that gave them.

    Attributes
    ----------
    revision : int
        The write; give it as ``min_revision`` to a read that must see it.
    created, updated : int
        Adgroups created, and replaced.
    """

    revision: int
    created: int
    updated: int

    @classmethod
    def of(cls, ids: NDArray[np.uint32], answer: campaigns_pb2.UpsertAdgroupsResponse) -> AdgroupIds:
        """Return ids with the facts of an answer."""
        made = ids.view(cls)
        made.revision, made.created, made.updated = answer.revision, answer.created, answer.updated
        return made

    def __array_finalize__(self, source: Any) -> None:
        """Carry the facts into slices and copies."""
        for name in ("revision", "created", "updated"):
            setattr(self, name, getattr(source, name, 0))
