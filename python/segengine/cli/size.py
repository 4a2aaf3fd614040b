"""`segengine size`: how big a machine must be."""

import math
import re
from typing import Annotated

import typer

from segengine import phrases
from segengine.bench.curves import duration
from segengine.cli.answer import Answer, facts, plain, table
from segengine.cli.command import command
from segengine.cli.refusal import Misuse
from segengine.sizing import ADGROUP_BYTES, SEGMENT_BYTES, Holdings, Machine, machine_for
from segengine.sizing_figures import FIGURES

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "b": 1_000_000_000}


def number_of(text: str, option: str) -> float:
    """Return a number that may end with k, M or G.

    >>> number_of("10M", "--profiles"), number_of("1.5k", "--rate"), number_of("70", "--segments")
    (10000000.0, 1500.0, 70.0)
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)([kKmMgGbB]?)", text.strip().replace("_", "").replace(",", ""))
    if found is None:
        raise Misuse(f"{option}: {text!r} is no number", "write it like 10M, 100k or 70")
    return float(found.group(1)) * _UNITS[found.group(2).lower()]


def size(
    profiles: Annotated[str, typer.Option(metavar="N", help="People, such as 10M.")],
    segments: Annotated[str, typer.Option(metavar="N", help="Segments.")] = "1000",
    memberships_per_profile: Annotated[
        str, typer.Option(metavar="N", help="Segments of a profile, on average.")
    ] = "30",
    adgroups: Annotated[str, typer.Option(metavar="N", help="Adgroups, such as 100k.")] = "10k",
    identifiers_per_profile: Annotated[str, typer.Option(metavar="N", help="On average.")] = "1.2",
    largest: Annotated[str, typer.Option(metavar="SHARE", help="Of all profiles, in the largest segment.")] = "0.5",
    rate: Annotated[str, typer.Option(metavar="N", help="Requests each second, of 50 candidates.")] = "0",
) -> Answer:
    """Say how much memory, disk and how many cores an engine needs, and the latency to expect.

    held = identifiers × bytes each + memberships × bytes each + adgroups × 1,600 + segments × 1,000 + 50 MB;
    memory = (held + the largest segment once more) × 4/3; disk = 2 × held;
    cores = 1 + rate × CPU of a request / 50 %. Bytes and CPU are those of the newest records of this version.
    """
    given = Holdings(
        profiles=int(number_of(profiles, "--profiles")),
        segments=int(number_of(segments, "--segments")),
        memberships_per_profile=number_of(memberships_per_profile, "--memberships-per-profile"),
        adgroups=int(number_of(adgroups, "--adgroups")),
        identifiers_per_profile=number_of(identifiers_per_profile, "--identifiers-per-profile"),
        largest_share=number_of(largest, "--largest"),
        rate=number_of(rate, "--rate"),
    )
    if given.profiles < 1:
        raise Misuse("--profiles: an engine without profiles needs no machine", "write --profiles 10M")
    found = machine_for(given)
    return Answer({"for": plain(given), **plain(found)}, lambda: _text(given, found))


def bytes_of(number: float) -> str:
    """Return bytes in a unit that people use.

    >>> bytes_of(50_000_000), bytes_of(7_500_000_000)
    ('47.7 MiB', '6.98 GiB')
    """
    for unit, each in (("GiB", 2**30), ("MiB", 2**20)):
        if number >= each:
            return f"{number / each:.3g} {unit}"
    return f"{math.ceil(number / 2**10)} KiB"


def _text(given: Holdings, found: Machine) -> str:
    identifiers = round(given.profiles * given.identifiers_per_profile)
    memberships = round(given.profiles * given.memberships_per_profile)
    each = {
        "identifiers": f"{phrases.count(identifiers)} × {FIGURES['identifier_bytes'][0]:g} bytes",
        "memberships": f"{phrases.count(memberships)} × {FIGURES['membership_bytes'][0]:g} bytes",
        "adgroups": f"{phrases.count(given.adgroups)} × {ADGROUP_BYTES:,} bytes",
        "segments": f"{phrases.count(given.segments)} × {SEGMENT_BYTES:,} bytes",
        "process": "program, threads, caches",
    }
    rows = [(name, bytes_of(part), each[name]) for name, part in found.parts_bytes.items()]
    share = f"largest segment, {given.largest_share:.0%} of the profiles, once more while it is replaced"
    batch = f"; {found.batch_cpu_us:.2g} µs a user in batches of 64" if found.batch_cpu_us else ""
    need = [
        ("memory", f"{bytes_of(found.memory_bytes)}  = (all of these + {share}) × 4/3"),
        ("disk", f"{bytes_of(found.disk_bytes)}  = 2 × all of these"),
        ("cores", f"{found.cores}  = 1 for uploads + requests at half load ({found.load:.0%} of all cores)"),
        (
            "a request",
            f"{found.unary_cpu_us:.3g} µs of server CPU: a core takes {1e6 / found.unary_cpu_us:,.0f} /s{batch}",
        ),
        ("latency", f"p50 {duration(found.p50_us)}, p99 {duration(found.p99_us)} at 30 % load, without the network"),
        ("measured on", f"{found.measured_on}; measure yours: segengine bench"),
    ]
    return f"{table(('HELD', 'MEMORY', 'OF'), rows, numbers=(1,))}\n{facts(need)}"


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    command(app, "size")(size)
