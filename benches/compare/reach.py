"""Reach of expressions with 15 literals, beside pyroaring: the same sets, interleaved rounds, equal results.

    python benches/compare/reach.py [--profiles 10000000] [--expressions 40] [--rounds 5] [--record DIR]

The expressions are the first adgroups of W1 that have 15 literals; of W1's 20,000 segments only those that they name
are loaded, each profile holding one with W1's probability for its rank, and one that everybody is in. Ours starts from
names: the text is parsed, the segments looked up, the profiles counted and those that ads can reach (a tenth of them
was seen). pyroaring starts from a dictionary of sets and counts the profiles alone. The reach meter is the same
question through gRPC, from the client's call to its answer.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pyroaring import BitMap

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import baseline_bulk
import workload
from recording import BENCHES, keep, print_rounds

LITERALS = 15
CAMPAIGN = "bench/reach"
WIDTH = 10  # digits of an identifier
LOADED_AT_ONCE = 8_000_000


def expressions(w: workload.Workload, count: int) -> list[tuple[list[list[int]], list[int]]]:
    """The first ``count`` adgroups with 15 literals in groups and excludes that have none in common."""
    found = []
    for include, exclude in w.adgroups():
        literals = [*(s for group in include for s in group), *exclude]
        if len(literals) == LITERALS == len(set(literals)):
            found.append((include, exclude))
            if len(found) == count:
                break
    return found


def text_of(include: list[list[int]], exclude: list[int]) -> str:
    """The expression as it is written."""
    parts = ["(" + " | ".join(f"s{s}" for s in group) + ")" for group in include]
    return " & ".join([*parts, *(f"!s{s}" for s in exclude)])


def draw_members(w: workload.Workload, segments: list[int], profiles: int, seed: int) -> dict[int, np.ndarray]:
    """Members of each segment, ascending: each profile independently with the probability of the segment's rank."""
    chance = workload.rank_probability(w.S, w.params["mean"])[np.argsort(w.perm)]
    members = {}
    for segment in segments:
        rng = np.random.default_rng([seed, segment])
        p = chance[segment]
        draws = int(profiles * p + 6 * (profiles * p) ** 0.5 + 16)
        at = np.cumsum(rng.geometric(p, draws)) - 1
        members[segment] = at[at < profiles].astype(np.uint32)
    return members


def identifiers(numbers: np.ndarray) -> segengine.Identifiers:
    """Network identifiers of 10 digits."""
    digits = np.empty((len(numbers), WIDTH), np.uint8)
    rest = numbers.astype(np.uint32).copy()
    for column in range(WIDTH - 1, -1, -1):
        digits[:, column] = 48 + rest % 10
        rest //= 10
    return segengine.Identifiers("network", digits)


def load(engine: Any, members: dict[int, np.ndarray], profiles: int) -> None:
    """Everybody first, so that profile ids follow the numbers; a tenth as seen today; then the segments in blocks."""
    campaign = engine.campaigns.create(CAMPAIGN)
    for first in range(0, profiles, LOADED_AT_ONCE):
        some = np.arange(first, min(first + LOADED_AT_ONCE, profiles), dtype=np.uint32)
        engine.load(
            identifiers(some), segments=np.zeros(len(some), np.uint32), names=[f"all{first}"], campaign=campaign
        )
    today = dt.datetime.now(dt.UTC).date()
    seen = [f"network:{number:0{WIDTH}}" for number in range(0, profiles, 10)]
    table = {"identifier": seen, "segment": ["seen"] * len(seen), "seen": [today] * len(seen)}
    engine.load(table, campaign=campaign)
    block: list[int] = []
    for segment in [*members, None]:
        if segment is not None:
            block.append(segment)
        if block and (segment is None or sum(len(members[one]) for one in block) > LOADED_AT_ONCE):
            numbers = np.concatenate([members[one] for one in block])
            places = np.repeat(np.arange(len(block), dtype=np.uint32), [len(members[one]) for one in block])
            names = [f"s{one}" for one in block]
            engine.load(identifiers(numbers), segments=places, names=names, campaign=campaign)
            block = []


def measure(
    engine: Any, remote: Any, asked: list[tuple[list[list[int]], list[int]]], bitmaps: dict[int, BitMap], rounds: int
) -> tuple[dict[str, list[float]], int, list[float]]:
    """Milliseconds an expression of each side in each round, the number of differing counts, the meter's first asks."""
    texts = [text_of(*one) for one in asked]
    meter = []
    for text in texts:
        started = time.perf_counter()
        remote.count(text, campaign=CAMPAIGN)
        meter.append((time.perf_counter() - started) * 1e3)
    expected = [baseline_bulk.reach(bitmaps, *one) for one in asked]
    wrong = sum(
        engine.count(text, campaign=CAMPAIGN).profile_count != count
        for text, count in zip(texts, expected, strict=True)
    )
    sides = {
        "ours": lambda: [engine.count(text, campaign=CAMPAIGN) for text in texts],
        "pyroaring": lambda: [baseline_bulk.reach(bitmaps, *one) for one in asked],
        "ours: reach meter by gRPC": lambda: [remote.count(text, campaign=CAMPAIGN) for text in texts],
    }
    taken: dict[str, list[float]] = {}
    for number in range(rounds):
        names = list(sides)
        for name in names[number % 3 :] + names[: number % 3]:
            started = time.perf_counter()
            sides[name]()
            taken.setdefault(name, []).append((time.perf_counter() - started) * 1e3 / len(texts))
    return taken, wrong, meter


def main() -> None:
    """Draw, load, measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profiles", type=int, default=10_000_000)
    parser.add_argument("--expressions", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    w = workload.generate(seed=options.seed, U=10)
    asked = expressions(w, options.expressions)
    segments = sorted({s for include, exclude in asked for s in [*(s for group in include for s in group), *exclude]})
    members = draw_members(w, segments, options.profiles, options.seed)
    memberships = sum(map(len, members.values()))
    print(f"{len(asked)} expressions over {len(segments)} segments, {memberships:,} memberships", flush=True)
    with tempfile.TemporaryDirectory() as folder, segengine.open(Path(folder) / "data") as engine:
        started = time.perf_counter()
        load(engine, members, options.profiles)
        print(f"loaded in {time.perf_counter() - started:.1f} s", flush=True)
        bitmaps = {segment: BitMap(of) for segment, of in members.items()}
        members.clear()
        with engine.serve(port=0) as server, segengine.connect(server.target) as remote:
            rounds, wrong, meter = measure(engine, remote, asked, bitmaps, options.rounds)
    print_rounds(rounds, "ms", {"ours": wrong})
    median = {side: statistics.median(values) for side, values in rounds.items()}
    ratios = {"reach, pyroaring / ours": median["pyroaring"] / median["ours"]}
    print(f"pyroaring / ours {ratios['reach, pyroaring / ours']:.2f} x; meter, first asks: {max(meter):.1f} ms at most")
    facts = {
        "options": vars(options),
        "segments": len(segments),
        "memberships": memberships,
        "rounds_ms": rounds,
        "meter_first_ms": meter,
        "ratios": ratios,
        "wrong": {"ours": wrong},
        "oracle": "pyroaring's own count of the same sets",
    }
    print(keep(options.record, "reach", facts))


if __name__ == "__main__":
    main()
