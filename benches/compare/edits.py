"""From an edit of an adgroup to the Match that shows it, among 100,000 adgroups; and a rebuild of the whole index.

    python benches/compare/edits.py [--adgroups 100000] [--edits 200] [--rounds 5] [--record DIR]

An edit is timed from the call to the answer that has it, so the commit (a synced transaction of SQLite) and the answer
are inside. Each edit turns one adgroup's include from a segment that the user has to one that it has not, or back, and
the answer before and after is checked: a wrong one is counted. A rebuild is timed by pausing and resuming the campaign
of all adgroups, again from the call to the answer; what of that went into building the index, from the expressions in
memory to the index that can be asked, the engine tells itself (`Info.index_build_us`). Median and 99th centile of each
round are kept, every edit in the record.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import workload
from loaded import CAMPAIGN, build_engine, digest_of
from recording import BENCHES, keep, print_rounds


def shows(engine: Any, user: str, adgroup: int) -> bool:
    """Whether the user may see the adgroup now."""
    return len(engine.match(user, candidates=[adgroup])) == 1


def timed_edits(engine: Any, w: Any, ids: np.ndarray, rng: Any, count: int) -> tuple[list[float], int]:
    """Milliseconds from call to answer of ``count`` edits, and how many answers were wrong."""
    times, wrong = [], 0
    for adgroup in rng.choice(w.A, count, replace=False):
        user = int(rng.integers(w.U))
        held = w.user(user)
        text = "email_md5:" + bytes(digest_of(np.array([user]))[0]).hex()
        missing = next(s for s in rng.permutation(w.S)[: len(held) + 1].tolist() if s not in held)
        handle = engine.campaigns.get(CAMPAIGN).adgroups.get(int(ids[adgroup]))
        for segment, expected in ((missing, False), (held[0], True)):
            started = time.perf_counter()
            handle.update(include=[[f"s{segment}"]], exclude=[])
            wrong += shows(engine, text, int(ids[adgroup])) != expected
            times.append((time.perf_counter() - started) * 1e3)
    return times, wrong


def timed_rebuild(engine: Any, text: str) -> tuple[float, float]:
    """Milliseconds from resuming the campaign of all adgroups to the answer, and those of building the index in it."""
    campaign = engine.campaigns.get(CAMPAIGN)
    campaign.update(status="PAUSED")
    if len(engine.match(text)) > 0:
        message = "a paused campaign still shows adgroups"
        raise SystemExit(message)
    builds = engine.info().index_builds
    started = time.perf_counter()
    campaign.update(status="ACTIVE")
    shown = len(engine.match(text))
    took = (time.perf_counter() - started) * 1e3
    if shown == 0:
        message = "a campaign that was resumed shows nothing"
        raise SystemExit(message)
    info = engine.info()
    if info.index_builds != builds + 1:
        message = f"resuming a campaign built the index {info.index_builds - builds} times"
        raise SystemExit(message)
    return took, info.index_build_us / 1e3


def main() -> None:
    """Run, print, keep the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--adgroups", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    w = workload.generate(seed=options.seed, U=options.users, A=options.adgroups)
    rng = np.random.default_rng(options.seed)
    rounds: dict[str, list[float]] = {"edit": [], "edit, 99th centile": [], "rebuild": [], "index alone": []}
    wrong, every = 0, []
    with tempfile.TemporaryDirectory() as folder, segengine.open(Path(folder) / "data") as engine:
        ids, _ = build_engine(engine, w)
        text = "email_md5:" + bytes(digest_of(np.array([0]))[0]).hex()
        for _ in range(options.rounds):
            times, some_wrong = timed_edits(engine, w, ids, rng, options.edits)
            wrong += some_wrong
            every.append(times)
            rounds["edit"].append(float(np.median(times)))
            rounds["edit, 99th centile"].append(float(np.quantile(times, 0.99)))
            whole, index = timed_rebuild(engine, text)
            rounds["rebuild"].append(whole)
            rounds["index alone"].append(index)
    print_rounds(rounds, "ms", {"edit": wrong})
    facts = {"options": vars(options), "wrong": {"edit": wrong}, "rounds_ms": rounds, "every_edit_ms": every}
    print(keep(options.record, "edits", facts))


if __name__ == "__main__":
    main()
