"""The same answers: at least ten million (user, adgroup) pairs against the naive oracle, on every workload.

    python benches/compare/equality.py [--seed 1001] [--checks 10000000] [--record DIR]

Each shape of workload.py, with another seed each, is loaded into an engine of its own; users are asked for all adgroups
one by one and in a batch, and for drawn candidates, and compared with `workload.oracle`, which shares no code with any
index. Sparse workloads say "no" whatever the index does, so a dense one is made apart: at most 64 segments, each held
half of the time, trees of AND, OR and NOT that hold about half of the time at every node; the share that is true is
printed for each kind of node and has to lie between 30 and 70 %. A difference ends the run with status 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import workload
from loaded import build_engine, digest_of, text_of
from recording import BENCHES, keep

USERS = 1_500
ADGROUPS = 30_000
DENSE_SEGMENTS = 64
DENSE_ADGROUPS = 3_000
DENSE_USERS = 700
CANDIDATES = 50
Tree = Any


def compare(engine: Any, ids: np.ndarray, users: np.ndarray, truths: list[np.ndarray], rng: Any) -> tuple[int, int]:
    """Ask every user each way; returns the number of answers compared and of those that differ."""
    checks = differences = 0
    column = segengine.Identifiers("email_md5", digest_of(users))
    batch = engine.match_batch(column)
    drawn = [rng.choice(len(ids), min(CANDIDATES, len(ids)), replace=False) for _ in users]
    offsets = np.concatenate([[0], np.cumsum([len(some) for some in drawn])]).astype(np.int64)
    chosen = engine.match_batch(column, candidates=(offsets, ids[np.concatenate(drawn)]))
    for place, (user, truth) in enumerate(zip(users, truths, strict=True)):
        expected = np.sort(ids[truth])
        text = "email_md5:" + bytes(digest_of(np.array([user]))[0]).hex()
        single = np.sort(engine.match(text).adgroups)
        together = np.sort(batch.adgroups[batch.offsets[place] : batch.offsets[place + 1]])
        for answer in (single, together):
            checks += len(ids)
            differences += len(np.setxor1d(answer, expected)) + (len(answer) != len(np.unique(answer)))
        some = drawn[place]
        right = ids[some][np.isin(some, truth)]
        one = engine.match(text, candidates=ids[some]).adgroups
        in_batch = chosen.adgroups[chosen.offsets[place] : chosen.offsets[place + 1]]
        for answer in (one, in_batch):
            checks += len(some)
            differences += not np.array_equal(answer, right)
    return checks, differences


def shape_part(shape: str, seed: int, checks: int) -> dict[str, Any]:
    """One workload: as many users as give ``checks`` answers."""
    arguments = {"A": ADGROUPS, **workload.SHAPES[shape]}
    w = workload.generate(seed=seed, U=USERS, **arguments)
    count = min(USERS, -(-checks // (2 * (w.A + CANDIDATES))))
    rng = np.random.default_rng(seed)
    users = rng.choice(w.U, count, replace=False)
    truths = [workload.oracle(w, user) for user in users]
    with tempfile.TemporaryDirectory() as folder, segengine.open(Path(folder) / "data") as engine:
        ids, _ = build_engine(engine, w)
        done, differences = compare(engine, ids, users, truths, rng)
    true = sum(map(len, truths)) / (len(users) * w.A)
    return {"checks": done, "differences": differences, "true": true, "users": len(users), "seed": seed}


def random_tree(rng: Any, depth: int) -> Tree:
    """A tree: operands are widened under AND and narrowed under OR, or deep ones would nearly always hold, or never."""
    leaf = int(rng.integers(DENSE_SEGMENTS))
    kind = int(rng.integers(8))
    if depth == 0 or kind == 0:
        return leaf
    if kind <= 2:
        return ["not", random_tree(rng, depth - 1)]
    outer, inner = ("and", "or") if kind % 2 else ("or", "and")
    pairs = [[inner, random_tree(rng, depth - 1), int(rng.integers(DENSE_SEGMENTS))] for _ in range(2)]
    return [outer, *pairs]


def holds(tree: Tree, held: np.ndarray, shares: Counter[str], nodes: Counter[str]) -> np.ndarray:
    """For which of all users a tree holds; counts it for the kind of each node."""
    if isinstance(tree, int):
        kind, found = "leaf", held[:, tree]
    else:
        kind, *operands = tree
        values = [holds(operand, held, shares, nodes) for operand in operands]
        found = ~values[0] if kind == "not" else (np.all if kind == "and" else np.any)(values, axis=0)
    shares[kind] += int(found.sum())
    nodes[kind] += len(found)
    return found


def dense_part(seed: int) -> tuple[dict[str, Any], dict[str, float]]:
    """The dense workload, and the share true of each kind of node."""
    rng = np.random.default_rng(seed)
    held = rng.random((DENSE_USERS, DENSE_SEGMENTS)) < 0.5
    trees = [random_tree(rng, 1 + place % 5) for place in range(DENSE_ADGROUPS)]
    shares: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    table = np.stack([holds(tree, held, shares, nodes) for tree in trees], axis=1)
    users = np.arange(DENSE_USERS)
    with tempfile.TemporaryDirectory() as folder, segengine.open(Path(folder) / "data") as engine:
        campaign = engine.campaigns.create("bench/dense")
        rows, segments = np.nonzero(held)
        names = [f"s{segment}" for segment in range(DENSE_SEGMENTS)]
        column = segengine.Identifiers("email_md5", digest_of(rows))
        engine.load(column, segments=segments.astype(np.uint32), names=names, campaign=campaign)
        specs = ({"id": f"a{n}", "display_name": f"a{n}", "targeting": text_of(t)} for n, t in enumerate(trees))
        ids = np.asarray(campaign.adgroups.upsert(specs), np.uint32)
        checks, differences = compare(engine, ids, users, [np.flatnonzero(row) for row in table], rng)
    part = {
        "checks": checks,
        "differences": differences,
        "true": float(table.mean()),
        "users": DENSE_USERS,
        "seed": seed,
    }
    return part, {kind: shares[kind] / nodes[kind] for kind in sorted(nodes)}


def main() -> int:
    """Compare, print, keep; 1 when anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1_001)
    parser.add_argument("--checks", type=int, default=10_000_000)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    parts: dict[str, dict[str, Any]] = {}
    each = -(-options.checks // len(workload.SHAPES))
    for place, shape in enumerate(workload.SHAPES):
        parts[shape] = shape_part(shape, options.seed + place, each)
        print(
            f"{shape:8} {parts[shape]['checks']:>12,} checks, {100 * parts[shape]['true']:5.1f} % true, "
            f"{parts[shape]['differences']} differ",
            flush=True,
        )
    parts["dense"], shares = dense_part(options.seed)
    for kind, true in shares.items():
        print(f"dense {kind:5} {100 * true:5.1f} % true")
    checks = sum(part["checks"] for part in parts.values())
    differences = sum(part["differences"] for part in parts.values())
    dense = all(0.3 <= true <= 0.7 for true in shares.values())
    print(f"{checks:,} checks, {differences} differ; the dense generator is {'' if dense else 'NOT '}dense")
    facts = {
        "options": vars(options),
        "checks": checks,
        "differences": differences,
        "parts": parts,
        "dense_shares": shares,
        "wrong": {"ours": differences},
    }
    print(keep(options.record, "equality", facts))
    return 0 if differences == 0 and dense else 1


if __name__ == "__main__":
    sys.exit(main())
