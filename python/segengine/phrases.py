"""Facts of the engine as people read them: counts, shares, what an upload held, who an adgroup is for.

The command line and the story say the same things in the same words, so the words are here once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segengine.handles import percent

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from segengine.handles import SegmentHandle
    from segengine.records import Targeting, UploadReport

__all__ = ["banner", "count", "instant", "invalid_lines", "percent", "size", "targeting", "upload", "warnings"]

_VOLUMES = {
    "volume_recommended": "recommended volume ✓",
    "volume_below_recommended": "below the recommended volume",
    "low_volume": "delivery may be too low",
}


def banner(version: str, data: str, target: str) -> str:
    """Return the line that a server greets with.

    >>> banner("0.1.0", "data", "127.0.0.1:50051")
    'segengine 0.1.0 · data data/ · gRPC 127.0.0.1:50051 · no credentials: loopback only'
    """
    return f"segengine {version} · data {data.rstrip('/')}/ · gRPC {target} · no credentials: loopback only"


def count(number: int, noun: str = "") -> str:
    """Return a number with its thousands marked, and its noun.

    >>> count(250_412, "line"), count(1, "line"), count(7)
    ('250,412 lines', '1 line', '7')
    """
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(profile_count: int, *, hidden: bool, minimum: int = 50) -> str:
    """Return how many profiles a set has, as far as the caller may see it.

    >>> size(1_234, hidden=False), size(0, hidden=True)
    ('1,234', '<50')
    """
    return f"<{minimum}" if hidden else f"{profile_count:,}"


def instant(moment: dt.datetime | None) -> str:
    """Return a moment to the second, in UTC.

    >>> import datetime
    >>> instant(datetime.datetime(2018, 1, 2, 3, 4, 5, 678_000, datetime.UTC)), instant(None)
    ('2018-01-02 03:04:05Z', '–')
    """
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def invalid_lines(reasons: Mapping[str, int]) -> str:
    """Return how many lines were invalid, and why.

    >>> invalid_lines({"empty_hash": 3, "not_hex": 18}), invalid_lines({})
    ('21 invalid (18 not_hex, 3 empty_hash)', '0 invalid')
    """
    named = ", ".join(f"{number:,} {reason}" for reason, number in sorted(reasons.items(), key=lambda one: -one[1]))
    return f"{sum(reasons.values()):,} invalid" + (f" ({named})" if named else "")


def upload(segment: SegmentHandle, report: UploadReport) -> str:
    """Return what an upload gave, in one line."""
    profiles = size(segment.profile_count, hidden=segment.below_minimum)
    parts = [
        f"{profiles} profiles",
        f"reach {percent(segment.reach)}",
        count(report.duplicate, "duplicate"),
        invalid_lines(report.invalid_reasons),
    ]
    parts.extend(_VOLUMES[advice.code] for advice in report.advice if advice.code in _VOLUMES)
    return " · ".join(parts)


def warnings(report: UploadReport) -> list[str]:
    """Return the advice that `upload` has no word for."""
    return [str(advice) for advice in report.advice if advice.code not in _VOLUMES]


def targeting(form: Targeting | None, names: Mapping[str, str]) -> str:
    """Return who an adgroup is for; `names` has the display names of segments that are known.

    >>> from segengine.records import Targeting
    >>> one = Targeting(include=(("a/s/actifs", "a/s/b"), ("a/s/c",)), exclude=("a/s/d",))
    >>> targeting(one, {"a/s/actifs": "Clients actifs"})
    'INCLUDE Clients actifs or b   INCLUDE c   EXCLUDE d'
    >>> targeting(None, {}), targeting(Targeting(expression="a & !b"), {})
    ('everybody', 'a & !b')
    """
    if form is None:
        return "everybody"
    if form.expression is not None:
        return form.expression
    parts = [f"INCLUDE {_listed(group, names, ' or ')}" for group in form.include]
    if form.exclude:
        parts.append(f"EXCLUDE {_listed(form.exclude, names, ', ')}")
    return "   ".join(parts) or "everybody"


def _listed(segments: Sequence[str], names: Mapping[str, str], joint: str) -> str:
    return joint.join(names.get(segment, segment.rsplit("/", 1)[-1]) for segment in segments)
