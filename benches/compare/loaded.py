"""A generated workload inside each side: an engine, and the indexes of baseline.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import baseline
import numpy as np

import segengine

if TYPE_CHECKING:
    import workload

CAMPAIGN = "bench/w1"


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


def text_of(tree: Any) -> str:
    """A nested targeting of W6 as an expression."""
    if isinstance(tree, int):
        return f"s{tree}"
    operator, *operands = tree
    if operator == "not":
        return f"!({text_of(operands[0])})"
    return "(" + {"and": " & ", "or": " | "}[operator].join(map(text_of, operands)) + ")"


def specification(number: int, include: list[list[int]], exclude: list[int], nested: Any = None) -> dict[str, Any]:
    """One adgroup of the workload. The form refuses a segment in both lists, so that is written as an expression."""
    named = {"id": f"a{number}", "display_name": f"a{number}"}
    if nested is not None:
        return {**named, "targeting": text_of(nested)}
    if all(set(exclude).isdisjoint(group) for group in include):
        groups = [[f"s{s}" for s in group] for group in include]
        return {**named, "include": groups, "exclude": [f"s{s}" for s in exclude]}
    clauses = ["(" + " | ".join(f"s{s}" for s in group) + ")" for group in include]
    clauses.append("!(" + " | ".join(f"s{s}" for s in exclude) + ")")
    return {**named, "targeting": " & ".join(clauses)}


def build_engine(engine: Any, w: workload.Workload) -> tuple[np.ndarray, dict[str, float]]:
    """Load memberships and adgroups; returns the integer ids of the adgroups, shape (A,), and the times."""
    times = {}
    campaign = engine.campaigns.create(CAMPAIGN, exist_ok=True)
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
    started = time.perf_counter()
    ids = add_adgroups(engine, w)
    times["upsert_s"] = time.perf_counter() - started
    return ids, times


def add_adgroups(engine: Any, w: workload.Workload) -> np.ndarray:
    """Write the adgroups; returns their integer ids, shape (A,)."""
    specs = (
        specification(number, include, exclude, w.nested.get(number))
        for number, (include, exclude) in enumerate(w.adgroups())
    )
    return np.asarray(engine.campaigns.get(CAMPAIGN).adgroups.upsert(specs), np.uint32)


def build_baselines(w: workload.Workload) -> dict[str, Any]:
    """The two indexes and the candidate checker, over adgroup numbers 0..A; nested ones are walked beside the index."""
    sides = {
        "pyroaring offset": baseline.PyroaringIndex("offset"),
        "numpy slots": baseline.NumpySlotIndex(),
        "python sets": baseline.SetCandidates(),
    }
    for number, (include, exclude) in enumerate(w.adgroups()):
        if number not in w.nested:
            for side in sides.values():
                side.add(number, include, exclude)
    built = {name: side.build() for name, side in sides.items()}
    if w.nested:
        for name in ("pyroaring offset", "numpy slots"):
            built[name] = baseline.WithNested(built[name], w.nested)
    return built
