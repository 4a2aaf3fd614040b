"""Growth: time and memory against adgroups, segments, segments a user and profiles, as curves with their log-log slope.

    python benches/compare/growth.py [--largest 10000000] [--only adgroups] [--record DIR] [--curves docs/growth]

Each point is made by one process, which writes a data directory, and measured by a fresh one, which opens it: the
growth of its Pss is the memory, and blocks of distinct users are asked for all adgroups and for 50 candidates, five
rounds each, the median counts. A slope of 1 is proportional, 0 is constant; over the whole curve it is the least-
squares line through the logarithms. Match-all has to grow by less than proportion with adgroups, everything else by at
most 1.05.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from curves import draw
from recording import BENCHES, keep

#: What each axis varies, its values, what stays as it is. Profiles hold fewer segments each, so that ten million fit.
AXES: dict[str, tuple[str, list[int], dict[str, Any]]] = {
    "adgroups": ("A", [1_000, 3_000, 10_000, 30_000, 100_000, 300_000], {"U": 20_000}),
    "segments": ("S", [1_000, 3_000, 10_000, 30_000, 100_000], {"U": 20_000, "A": 20_000}),
    "segments a user": ("mean", [10, 20, 50, 100, 200], {"U": 100_000, "A": 20_000}),
    "profiles": ("U", [100_000, 300_000, 1_000_000, 3_000_000, 10_000_000], {"S": 2_000, "A": 20_000, "mean": 10}),
}
ROUNDS = 5
BLOCK = 1_000
SLOPE_MOST = 1.05
SEED = 7


def users_of(w: Any, users: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of segments of each user, and all segments, made block by block."""
    import workload  # noqa: PLC0415  (a process that only measures must not have it)

    counts, segments = [], []
    for _, pointers, held in workload.user_blocks(w, users):
        counts.append(np.diff(pointers).astype(np.int32))
        segments.append(held)
    return np.concatenate(counts), np.concatenate(segments)


def build(folder: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make a data directory of one point."""
    import workload  # noqa: PLC0415
    from loaded import CAMPAIGN, add_adgroups, digest_of  # noqa: PLC0415

    import segengine  # noqa: PLC0415

    users = arguments["U"]
    w = workload.generate(seed=SEED, **{**arguments, "U": 10})
    counts, segments = users_of(w, users)
    with segengine.open(folder) as engine:
        campaign = engine.campaigns.create(CAMPAIGN)
        column = segengine.Identifiers("email_md5", digest_of(np.repeat(np.arange(users), counts)))
        names = [f"s{number}" for number in range(w.S)]
        started = time.perf_counter()
        engine.load(column, segments=segments.astype(np.uint32), names=names, campaign=campaign)
        load_s = time.perf_counter() - started
        np.save(folder.with_suffix(".npy"), add_adgroups(engine, w))
    return {"memberships": len(segments), "load_s": load_s}


def look(folder: Path, users: int) -> dict[str, Any]:
    """Open a data directory, and ask."""
    from memory import pss_bytes  # noqa: PLC0415

    import segengine  # noqa: PLC0415

    before = pss_bytes()
    started = time.perf_counter()
    with segengine.open(folder) as engine:
        engine.match("network:nobody")
        found = {"start s": [time.perf_counter() - started], "memory B": [float(pss_bytes() - before)]}
        ask(engine, np.load(folder.with_suffix(".npy")), users, found)
    return found


def ask(engine: Any, ids: np.ndarray, users: int, found: dict[str, list[float]]) -> None:
    """Blocks of distinct users, all adgroups and 50 candidates in turn: processor time, which others disturb least."""
    from loaded import digest_of  # noqa: PLC0415

    rng = np.random.default_rng(SEED)
    order = rng.choice(users, ROUNDS * BLOCK, replace=False)
    for number in range(ROUNDS):
        block = order[number * BLOCK : (number + 1) * BLOCK]
        texts = ["email_md5:" + bytes(row).hex() for row in digest_of(block)]
        some = [rng.choice(ids, 50, replace=False) for _ in texts]
        started = time.process_time()
        for text in texts:
            engine.match(text)
        middle = time.process_time()
        for text, candidates in zip(texts, some, strict=True):
            engine.match(text, candidates=candidates)
        found.setdefault("match all us", []).append((middle - started) / len(texts) * 1e6)
        found.setdefault("50 candidates us", []).append((time.process_time() - middle) / len(texts) * 1e6)


def point(arguments: dict[str, Any]) -> dict[str, Any]:
    """Build and look, each in a process of its own."""

    def run(word: str, folder: Path) -> dict[str, Any]:
        command = [sys.executable, __file__, word, str(folder), "--arguments", json.dumps(arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"error: {word} of {arguments}: {done.stderr.strip()[-2_000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        return {**run("--build", folder), "rounds": run("--look", folder)}


def slope(x: list[int], y: list[float]) -> float:
    """Of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def curve(axis: str, largest: int) -> dict[str, Any]:
    """All points of an axis."""
    name, values, fixed = AXES[axis]
    values = [value for value in values if axis != "profiles" or value <= largest]
    points = []
    for value in values:
        points.append(point({**fixed, name: value}))
        medians = {what: statistics.median(each) for what, each in points[-1]["rounds"].items()}
        print(
            f"{axis} {value:,}: " + ", ".join(f"{what} {median:,.4g}" for what, median in medians.items()), flush=True
        )
    series = {what: [statistics.median(one["rounds"][what]) for one in points] for what in points[0]["rounds"]}
    slopes = {what: slope(values, y) for what, y in series.items()}
    for what, steep in slopes.items():
        print(f"{axis}: {what} slope {steep:.2f}{'' if steep <= SLOPE_MOST else '  ABOVE 1.05'}", flush=True)
    return {"x": values, "series": series, "slopes": slopes, "points": points, "fixed": fixed}


def main() -> None:
    """Measure every axis, draw, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=10_000_000, help="profiles of the last point")
    parser.add_argument("--only", choices=AXES)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--look", type=Path)
    parser.add_argument("--arguments", type=json.loads)
    parser.add_argument("--curves", type=Path, default=BENCHES.parent / "docs" / "growth")
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    if options.build:
        print(json.dumps(build(options.build, options.arguments)))
        return
    if options.look:
        print(json.dumps(look(options.look, options.arguments["U"])))
        return
    found = {axis: curve(axis, options.largest) for axis in AXES if options.only in {None, axis}}
    options.curves.mkdir(parents=True, exist_ok=True)
    for axis, one in found.items():
        path = options.curves / f"{axis.replace(' ', '-')}.svg"
        path.write_text(draw(axis, one["x"], one["series"], one["slopes"]), encoding="utf-8")
    print(keep(options.record, "growth", {"options": {"largest": options.largest}, "curves": found}))


if __name__ == "__main__":
    main()
