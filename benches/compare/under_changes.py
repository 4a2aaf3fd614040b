"""Match while everything changes: idle beside 100,000 changes a second, edits, publishes, and checkpoints.

    python benches/compare/under_changes.py [--users 1000000] [--rounds 5] [--seconds 4] [--record DIR]

The work is done by rust/segengine-load/examples/under_changes in one process without Python: a reader asks for all
adgroups of one user after the other, in phases that take turns; beside it runs a writer of 2,000 changes a call, of
edits of an adgroup (each swaps the index), of new versions of a segment that holds a fifth of all users, or of
checkpoints of all records without a rest. The reach of an expression of 15 literals, one of whose segments changes, is
asked for idle and under the same changes. Before and after, the answers to ``--oracle`` users are compared with the
workload's oracle; within every phase with those before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import workload
from loaded import build_engine, digest_of
from recording import BENCHES, keep, print_rounds
from unary import build_binaries


def check(engine: Any, w: workload.Workload, ids: np.ndarray, count: int, seed: int) -> int:
    """Number of users whose answer differs from the oracle."""
    wrong = 0
    for user in np.random.default_rng(seed).choice(w.U, min(count, w.U), replace=False):
        text = "email_md5:" + bytes(digest_of(np.array([user]))[0]).hex()
        found = np.sort(engine.match(text).adgroups)
        # What the measuring tool made for itself comes after the adgroups of the workload.
        found = found[found <= ids.max()]
        wrong += not np.array_equal(found, np.sort(ids[workload.oracle(w, user)]))
    return wrong


def reached(w: workload.Workload) -> str:
    """An expression of the 14 largest segments and one whose members change."""
    largest = np.argsort(np.bincount(w.user_seg, minlength=w.S))[::-1][:14]
    names = [f"s{segment}" for segment in largest]
    return f"({' | '.join(names[:6])}) & ({' | '.join(names[6:12])} | churn-1) & !{names[12]} & !{names[13]}"


def main() -> None:
    """Build, run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--adgroups", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--oracle", type=int, default=300)
    parser.add_argument("--tool", type=Path, help="the built example, by default built now for release")
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    tool = options.tool or build_binaries() / "examples" / "under_changes"
    w = workload.generate(seed=options.seed, U=options.users, A=options.adgroups)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with segengine.open(folder / "data") as engine:
            ids, _ = build_engine(engine, w)
            wrong = {"oracle before": check(engine, w, ids, options.oracle, options.seed)}
        (folder / "digests").write_bytes(digest_of(np.arange(w.U)).tobytes())
        command = [tool, folder / "data", folder / "digests", options.rounds, options.seconds, reached(w)]
        done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        with segengine.open(folder / "data") as engine:
            wrong |= {"oracle after": check(engine, w, ids, options.oracle, options.seed), **found["wrong"]}
    report(options, found["rounds"], wrong)


def report(options: Any, rounds: dict[str, list[float]], wrong: dict[str, int]) -> None:
    """Print medians and ratios, keep every round."""
    print_rounds(rounds, "", wrong)
    median = {name: statistics.median(values) for name, values in rounds.items()}
    ratios = {
        f"{phase}: {what}, times idle": median[f"{phase}: {what}"] / median[f"idle: {what}"]
        for phase in ("changes", "edits", "publishes", "checkpoints")
        for what in ("p50", "p99")
    } | {
        f"reach changes: {what}, times idle": median[f"reach changes: {what}"] / median[f"reach idle: {what}"]
        for what in ("p50", "p99")
    }
    for name, ratio in ratios.items():
        print(f"{name:44} {ratio:8.2f}")
    print(json.dumps({"wrong": wrong}))
    facts = {"options": vars(options), "rounds": rounds, "ratios": ratios, "wrong": wrong}
    print(keep(options.record, "under_changes", facts))


if __name__ == "__main__":
    main()
