"""Match all adgroups, and 50 candidates, beside the baselines of baseline.py: one process, interleaved rounds.

    python benches/compare/match_w1.py [--shape W1] [--seed 7] [--users 200000] [--rounds 5] [--record DIR]

Each round draws a block of distinct users that nobody has asked for yet (cold records) and asks every side the same
block, the sides in turn. Ours starts from the identifier; the baselines from the user's list of segments, made before
the clock. Before timing, the answers to ``--oracle`` users are compared with the workload's own oracle: a side that
differs is marked WRONG with its count. Every round is kept in the record, with the hashes of the inputs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import baseline
import workload
from recording import BENCHES, keep, print_rounds

if TYPE_CHECKING:
    from collections.abc import Callable


def digest_of(values: np.ndarray) -> np.ndarray:
    """16 pseudo-random bytes for each user number, shape (n, 16): stands for an MD5."""
    mixed = np.empty((len(values), 2), np.uint64)
    with np.errstate(over="ignore"):
        for column, salt in enumerate((0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)):
            x = (values.astype(np.uint64) + np.uint64(1)) * np.uint64(salt)
            x ^= x >> np.uint64(29)
            x *= np.uint64(0xBF58476D1CE4E5B9)
            mixed[:, column] = x ^ (x >> np.uint64(32))
    return mixed.view(np.uint8)


def specification(number: int, include: list[list[int]], exclude: list[int]) -> dict[str, Any]:
    """One adgroup of the workload. The form refuses a segment in both lists, so that is written as an expression."""
    named = {"id": f"a{number}", "display_name": f"a{number}"}
    if all(set(exclude).isdisjoint(group) for group in include):
        groups = [[f"s{s}" for s in group] for group in include]
        return {**named, "include": groups, "exclude": [f"s{s}" for s in exclude]}
    clauses = ["(" + " | ".join(f"s{s}" for s in group) + ")" for group in include]
    clauses.append("!(" + " | ".join(f"s{s}" for s in exclude) + ")")
    return {**named, "targeting": " & ".join(clauses)}


def build_engine(engine: Any, w: workload.Workload) -> tuple[np.ndarray, dict[str, float]]:
    """Load memberships and adgroups; returns the integer ids of the adgroups, shape (A,), and the times."""
    times = {}
    campaign = engine.campaigns.create("bench/w1", exist_ok=True)
    users = np.repeat(np.arange(w.U), np.diff(w.user_ptr))
    names = [f"s{number}" for number in range(w.S)]
    started = time.perf_counter()
    engine.load(
        segengine.Identifiers("email_md5", digest_of(users)),
        segments=w.user_seg.astype(np.uint32),
        names=names,
        campaign=campaign,
    )
    times["load_s"] = time.perf_counter() - started
    specs = (specification(number, include, exclude) for number, (include, exclude) in enumerate(w.adgroups()))
    started = time.perf_counter()
    ids = np.asarray(campaign.adgroups.upsert(specs), np.uint32)
    times["upsert_s"] = time.perf_counter() - started
    return ids, times


def build_baselines(w: workload.Workload) -> dict[str, Any]:
    """The two indexes and the candidate checker, over adgroup numbers 0..A."""
    sides = {
        "pyroaring offset": baseline.PyroaringIndex("offset"),
        "numpy slots": baseline.NumpySlotIndex(),
        "python sets": baseline.SetCandidates(),
    }
    for number, (include, exclude) in enumerate(w.adgroups()):
        for side in sides.values():
            side.add(number, include, exclude)
    return {name: side.build() for name, side in sides.items()}


def timed(run: Callable[[], None], count: int) -> float:
    """Microseconds for each of ``count`` calls inside ``run``."""
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) / count * 1e6


def measure(engine: Any, w: workload.Workload, ids: np.ndarray, sides: dict[str, Any], options: Any) -> dict[str, Any]:
    """Every round of every side, in microseconds a user."""
    rng = np.random.default_rng(options.seed + 1)
    order = rng.permutation(w.U)
    rounds: dict[str, list[float]] = {}
    for number in range(options.rounds):
        block = order[number * options.block : (number + 1) * options.block]
        texts = ["email_md5:" + bytes(row).hex() for row in digest_of(block)]
        lists = [w.user(user) for user in block]
        drawn = [rng.choice(w.A, 50, replace=False) for _ in block]
        wanted = [ids[candidates] for candidates in drawn]
        candidate_lists = [candidates.tolist() for candidates in drawn]
        runs = {
            "ours: match all": lambda: [engine.match(text) for text in texts],
            "pyroaring offset: match_ids": lambda: [sides["pyroaring offset"].match_ids(user) for user in lists],
            "numpy slots: match_ids": lambda: [sides["numpy slots"].match_ids(user) for user in lists],
            "ours: 50 candidates": lambda: [
                engine.match(text, candidates=some) for text, some in zip(texts, wanted, strict=True)
            ],
            "python sets: 50 candidates": lambda: [
                sides["python sets"].check(user, some) for user, some in zip(lists, candidate_lists, strict=True)
            ],
        }
        names = list(runs)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            rounds.setdefault(name, []).append(timed(runs[name], len(block)))
    return rounds


def check(engine: Any, w: workload.Workload, ids: np.ndarray, sides: dict[str, Any], options: Any) -> dict[str, int]:
    """Number of users whose answer differs from the oracle, for each side."""
    rng = np.random.default_rng(options.seed)
    wrong = dict.fromkeys(("ours", "pyroaring offset", "numpy slots", "python sets"), 0)
    for user in rng.choice(w.U, min(options.oracle, w.U), replace=False):
        expected = workload.oracle(w, user)
        text = "email_md5:" + bytes(digest_of(np.array([user]))[0]).hex()
        wrong["ours"] += not np.array_equal(np.sort(engine.match(text).adgroups), np.sort(ids[expected]))
        have = w.user(user)
        for name in ("pyroaring offset", "numpy slots"):
            wrong[name] += not np.array_equal(np.sort(sides[name].match_ids(have)), expected)
        some = rng.choice(w.A, 50, replace=False)
        holds = [int(a) for a in some if a in set(expected.tolist())]
        wrong["python sets"] += sides["python sets"].check(have, some.tolist()) != holds
        wrong["ours"] += engine.match(text, candidates=ids[some]).adgroups.tolist() != [int(ids[a]) for a in holds]
    return wrong


def main() -> None:
    """Run, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="W1")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--adgroups", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block", type=int, default=2_000)
    parser.add_argument("--oracle", type=int, default=300)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    shape = {"A": options.adgroups, **workload.SHAPES[options.shape]}
    w = workload.generate(seed=options.seed, U=options.users, **shape)
    data = hashlib.sha256(w.seg.tobytes() + w.user_seg.tobytes()).hexdigest()
    with tempfile.TemporaryDirectory() as folder, segengine.open(Path(folder) / "data") as engine:
        ids, times = build_engine(engine, w)
        sides = build_baselines(w)
        wrong = check(engine, w, ids, sides, options)
        rounds = measure(engine, w, ids, sides, options)
    report(options, w, wrong, rounds, times=times, data=data)


def report(
    options: Any, w: Any, wrong: dict[str, int], rounds: dict[str, list[float]], *, times: Any, data: str
) -> None:
    """Print medians with their spread and ratios, and keep every round."""
    print_rounds(rounds, "us", wrong)
    best = min(statistics.median(rounds[f"{side}: match_ids"]) for side in ("pyroaring offset", "numpy slots"))
    ratios = {
        "match all, best baseline / ours": best / statistics.median(rounds["ours: match all"]),
        "50 candidates, python sets / ours": statistics.median(rounds["python sets: 50 candidates"])
        / statistics.median(rounds["ours: 50 candidates"]),
    }
    for name, ratio in ratios.items():
        print(f"{name:40} {ratio:6.1f} x")
    print(json.dumps({"wrong": wrong, **times}))
    facts = {
        "options": vars(options),
        "data_sha256": data,
        "stats": w.stats(),
        "numpy": np.__version__,
        "wrong": wrong,
        "oracle_users": options.oracle,
        "rounds_us": rounds,
        "ratios": ratios,
        "times": times,
    }
    print(keep(options.record, f"match-{options.shape}", facts))


if __name__ == "__main__":
    main()
