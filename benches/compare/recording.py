"""What every comparison keeps: all rounds, the hashes of what it was made from, the machine; and how it is printed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
BASELINES = ("workload.py", "baseline.py", "baseline_bulk.py")


def cpu_model() -> str:
    """The processor's name, as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def print_rounds(rounds: dict[str, list[float]], unit: str, wrong: dict[str, int]) -> None:
    """One line for each side: median and spread, WRONG where an answer was."""
    for name, values in rounds.items():
        flag = "WRONG " if any(count and name.startswith(side) for side, count in wrong.items()) else ""
        print(f"{flag}{name:44} {statistics.median(values):12.3f} {unit}  [{min(values):.3f} .. {max(values):.3f}]")


def keep(folder: Path, what: str, facts: dict[str, Any]) -> Path:
    """Write one record; returns its path. ``folder`` is benches/record or another one for trials.

    Of ``facts["options"]`` those are kept that are no paths: where something lay says nothing about how fast it was.
    """
    options = {name: value for name, value in facts.get("options", {}).items() if not isinstance(value, Path)}
    hashes = {name: hashlib.sha256((BENCHES / name).read_bytes()).hexdigest() for name in BASELINES}
    place = folder / f"{platform.machine()}-{os.cpu_count()}-cores"
    place.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    record = {
        "what": what,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release()},
        "python": platform.python_version(),
        "inputs_sha256": hashes,
        **facts,
        "options": options,
    }
    path = place / f"{what}-{stamp}.json"
    path.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    return path
