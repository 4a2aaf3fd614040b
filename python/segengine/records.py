"""What the engine answers, as frozen dataclasses of plain Python values: they compare, print and pickle.

Each class has the field names of its message, so reading one is copying; only enums, times and nested messages are
turned.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from segengine.v1 import campaigns_pb2, segments_pb2, targeting_pb2

T = TypeVar("T")


def moment(message: Message, name: str) -> dt.datetime | None:
    """Return a timestamp field as an aware datetime in UTC; None where it is absent."""
    if not message.HasField(name):
        return None
    stamp: Timestamp = getattr(message, name)
    return stamp.ToDatetime(tzinfo=dt.UTC)


def copied(cls: type[T], message: Message, **given: Any) -> T:
    """Make a record of the fields that its message has under the same names, and of those given."""
    rest = {field.name: getattr(message, field.name) for field in fields(cls) if field.name not in given}  # type: ignore[arg-type]
    return cls(**rest, **given)


class Status(enum.StrEnum):
    """Whether a campaign or adgroup may serve."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"

    @property
    def number(self) -> int:
        """The number on the wire."""
        return list(Status).index(self) + 1

    @classmethod
    def of_number(cls, number: int) -> Status:
        """Return the status of a number on the wire; 0 is ``ACTIVE``."""
        return list(cls)[max(number, 1) - 1]


@dataclass(frozen=True)
class Advice:
    """Something that a person should know though nothing failed."""

    code: str
    message: str
    hint: str

    def __str__(self) -> str:
        """Return the sentence, and what to do."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


def advice_of(messages: Any) -> tuple[Advice, ...]:
    """Return a repeated field of advice."""
    return tuple(Advice(one.code, one.message, one.hint) for one in messages)


@dataclass(frozen=True)
class InvalidSample:
    """An invalid line: its number, its beginning, and why."""

    line: int
    masked: str
    reason: str


@dataclass(frozen=True)
class UploadReport:
    """What a customer file held: ``rows_total = blank + header + valid + invalid``, ``valid = unique + duplicate``."""

    rows_total: int
    blank: int
    header: int
    valid: int
    invalid: int
    unique: int
    duplicate: int
    invalid_reasons: dict[str, int]
    samples: tuple[InvalidSample, ...]
    already_known: int
    added: int
    removed: int
    kept: int
    profile_count: int
    reachable_count: int
    bytes: int
    inflated_bytes: int
    encoding: str
    compression: str
    separator: str
    upper_case: int
    sha256: int
    raw_emails: int
    advice: tuple[Advice, ...]
    details_json: str

    @property
    def reach(self) -> float | None:
        """``reachable_count / profile_count``; None for no profile."""
        return self.reachable_count / self.profile_count if self.profile_count else None

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**asdict(self), "reach": self.reach}

    def __str__(self) -> str:
        """Return it for people."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.invalid_reasons.items())
        named = f" ({reasons})" if reasons else ""
        kinds = f"{self.blank:,} blank + {self.header:,} header + {self.valid:,} valid + {self.invalid:,} invalid"
        lines = [
            f"{self.rows_total:,} lines = {kinds}{named}",
            f"{self.valid:,} valid = {self.unique:,} unique + {self.duplicate:,} duplicate",
            f"{self.profile_count:,} profiles, {self.reachable_count:,} reachable",
            *map(str, self.advice),
        ]
        return "\n".join(lines)


def report_of(message: segments_pb2.UploadReport) -> UploadReport:
    """Return the report of an upload."""
    return copied(
        UploadReport,
        message,
        invalid_reasons={one.reason: one.count for one in message.invalid_reasons},
        samples=tuple(InvalidSample(one.line, one.masked, one.reason) for one in message.samples),
        advice=advice_of(message.advice),
    )


@dataclass(frozen=True, kw_only=True)
class Record:
    """What every thing has."""

    name: str
    display_name: str
    number: int
    create_time: dt.datetime | None
    update_time: dt.datetime | None
    etag: str
    revision: int


@dataclass(frozen=True, kw_only=True)
class AdvertiserRecord(Record):
    """An advertiser as it was read."""

    allow_raw_emails: bool


def advertiser_record(message: campaigns_pb2.Advertiser) -> AdvertiserRecord:
    """Return an advertiser."""
    return copied(AdvertiserRecord, message, **_times(message))


@dataclass(frozen=True, kw_only=True)
class CampaignRecord(Record):
    """A campaign as it was read."""

    status: Status


def campaign_record(message: campaigns_pb2.Campaign) -> CampaignRecord:
    """Return a campaign."""
    return copied(CampaignRecord, message, status=Status.of_number(message.status), **_times(message))


_SEGMENT_STATES = ("UNSPECIFIED", "EMPTY", "PROCESSING", "PROCESSED", "FAILED")


@dataclass(frozen=True, kw_only=True)
class SegmentRecord(Record):
    """A segment as it was read."""

    status: str
    profile_count: int
    reachable_count: int
    reach: float | None
    below_minimum: bool
    identifier_count: int
    ready: bool
    report: UploadReport | None
    failure: str
    live_version: int


def segment_record(message: segments_pb2.Segment) -> SegmentRecord:
    """Return a segment."""
    return copied(
        SegmentRecord,
        message,
        status=_named(_SEGMENT_STATES, message.state),
        reach=message.reach if message.HasField("reach") else None,
        report=report_of(message.report) if message.HasField("report") else None,
        **_times(message),
    )


@dataclass(frozen=True)
class Targeting:
    """Who may see an adgroup: include groups and excludes, or an expression."""

    include: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[str, ...] = ()
    expression: str | None = None

    def __str__(self) -> str:
        """Return it for people."""
        if self.expression is not None:
            return self.expression
        groups = [f"include {' or '.join(_shown(name) for name in group)}" for group in self.include]
        return " ".join([*groups, *([f"exclude {', '.join(map(_shown, self.exclude))}"] if self.exclude else [])])


def _shown(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def targeting_record(message: targeting_pb2.UserTargeting) -> Targeting:
    """Return a targeting."""
    if message.WhichOneof("form") == "expression":
        return Targeting(expression=message.expression)
    groups = message.groups
    return Targeting(tuple(tuple(group.segments) for group in groups.include), tuple(groups.exclude))


@dataclass(frozen=True, kw_only=True)
class AdgroupRecord(Record):
    """An adgroup as it was read."""

    targeting: Targeting | None
    status: Status
    start: dt.datetime | None
    end: dt.datetime | None
    on_missing_exclude: str
    warnings: tuple[Advice, ...]


def adgroup_record(message: campaigns_pb2.Adgroup) -> AdgroupRecord:
    """Return an adgroup."""
    return copied(
        AdgroupRecord,
        message,
        number=message.id,
        targeting=targeting_record(message.targeting) if message.HasField("targeting") else None,
        status=Status.of_number(message.status),
        start=moment(message, "start_time"),
        end=moment(message, "end_time"),
        on_missing_exclude="serve" if message.on_missing_exclude == 2 else "hold",
        warnings=advice_of(message.warnings),
        **_times(message),
    )


def _times(message: Message) -> dict[str, Any]:
    return {name: moment(message, name) for name in ("create_time", "update_time")}


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)


_OPERATION_STATES = ("UNSPECIFIED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class OperationRecord:
    """Work that outlives its request, as it was read."""

    name: str
    type: str
    segment: str
    state: str
    done: bool
    phase: str
    bytes: int
    lines: int
    fraction: float | None
    report: UploadReport | None
    error_code: str
    error_reason: str
    error_message: str
    error_hint: str
    create_time: dt.datetime | None
    end_time: dt.datetime | None
    revision: int
    generation: int


def operation_record(message: segments_pb2.Operation) -> OperationRecord:
    """Return an operation."""
    return copied(
        OperationRecord,
        message,
        state=_named(_OPERATION_STATES, message.state),
        fraction=message.fraction if message.HasField("fraction") else None,
        report=report_of(message.report) if message.HasField("report") else None,
        error_code=message.error.kind,
        error_reason=message.error.reason,
        error_message=message.error.message,
        error_hint=message.error.hint,
        create_time=moment(message, "create_time"),
        end_time=moment(message, "end_time"),
    )
