"""How big a machine must be: memory, disk, cores, and the latency to expect.

The formula, with bytes and microseconds measured and recorded (`segengine.sizing_figures` names the records)::

    held    = identifiers × identifier_bytes + memberships × membership_bytes
              + adgroups × 1,600 + segments × 1,000 + 50 MB
    memory  = (held + largest segment) × 4/3        the largest segment once more: a replacement keeps the old version
    disk    = 2 × held                              sets, identifiers, catalog, and what was replaced for a while
    cores   = 1 + rate × CPU of a request / 50 %    one for uploads; half load, for p99 rises long before p50 does

The largest segment holds half of all profiles unless said otherwise. Latency is that of a server at 30 % of what it can
take, asked by a cheap client on the same machine: the network and the caller's own library come on top.
docs/concepts/performance.md says where the memory goes, and what the load does to the latency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from segengine.sizing_figures import FIGURES, MACHINE

ADGROUP_BYTES = 1_600
SEGMENT_BYTES = 1_000
PROCESS_BYTES = 50_000_000
_HEAD_ROOM = 4 / 3
_LOAD = 0.5


@dataclass(frozen=True)
class Holdings:
    """What an engine is to hold and to answer.

    Attributes
    ----------
    profiles, segments, adgroups : int
        How many there are.
    memberships_per_profile : float
        Segments that a profile is in, on average.
    identifiers_per_profile : float
        Identifiers of a profile, on average.
    largest_share : float
        Share of all profiles that the largest segment has.
    rate : float
        Requests each second, of 50 candidates.
    """

    profiles: int
    segments: int
    memberships_per_profile: float
    adgroups: int
    identifiers_per_profile: float = 1.2
    largest_share: float = 0.5
    rate: float = 0.0


@dataclass(frozen=True)
class Machine:
    """What that takes.

    Attributes
    ----------
    parts_bytes : dict
        What is held in memory, by what it is for.
    memory_bytes, disk_bytes : int
        In all, head-room included.
    cores : int
        For the rate, at half load, and one for uploads.
    load : float
        Share of those cores that the requests take.
    unary_cpu_us : float
        Processor time of a request.
    p50_us, p99_us : float
        Latency of a request at 30 % load.
    batch_cpu_us : float or None
        Processor time of a user of a batch of 64; None before it was measured.
    measured_on : str
        The machine that the figures come from.
    records : dict
        The record of each figure.
    """

    parts_bytes: dict[str, int]
    memory_bytes: int
    disk_bytes: int
    cores: int
    load: float
    unary_cpu_us: float
    p50_us: float
    p99_us: float
    batch_cpu_us: float | None
    measured_on: str
    records: dict[str, str]


def machine_for(held: Holdings) -> Machine:
    """Return the machine for what an engine is to hold.

    Examples
    --------
    >>> small = machine_for(Holdings(1_000_000, 1_000, 30, 1_000))
    >>> large = machine_for(Holdings(2_000_000, 1_000, 30, 1_000))
    >>> small.memory_bytes < large.memory_bytes < 2 * small.memory_bytes
    True
    >>> machine_for(Holdings(1_000_000, 1_000, 30, 1_000, rate=0)).cores
    2
    """
    figure = {name: value for name, (value, _) in FIGURES.items()}
    memberships = held.profiles * held.memberships_per_profile
    largest = held.profiles * min(held.largest_share, 1.0) * figure["membership_bytes"]
    parts = {
        "identifiers": held.profiles * held.identifiers_per_profile * figure["identifier_bytes"],
        "memberships": memberships * figure["membership_bytes"],
        "adgroups": held.adgroups * ADGROUP_BYTES,
        "segments": held.segments * SEGMENT_BYTES,
        "process": PROCESS_BYTES,
    }
    busy = held.rate * figure["unary_cpu_us"] / 1e6
    cores = 1 + max(1, math.ceil(busy / _LOAD))
    return Machine(
        parts_bytes={name: round(part) for name, part in parts.items()},
        memory_bytes=round((sum(parts.values()) + largest) * _HEAD_ROOM),
        disk_bytes=round(2 * sum(parts.values())),
        cores=cores,
        load=busy / cores,
        unary_cpu_us=figure["unary_cpu_us"],
        p50_us=figure["unary_p50_us"],
        p99_us=figure["unary_p99_us"],
        batch_cpu_us=figure.get("batch_cpu_us"),
        measured_on=MACHINE,
        records={name: record for name, (_, record) in FIGURES.items()},
    )
