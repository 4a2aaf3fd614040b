"""Cold start: from the start of a process to its first answer through Python, over a directory of many profiles.

    python benches/compare/start.py [--profiles 10000000] [--segments 1000] [--each 10] [--rounds 3] [--record DIR]

One process loads the memberships (each profile in ``--each`` segments, whose sizes are skewed: v squared inside a tenth
of them), makes an adgroup for each segment, and closes. Then processes are started one after the other: each imports
segengine, opens the directory, matches one user, and only then checks ``--oracle`` others, drawn anew each round,
against what the generator says: adgroups are segments here, so an answer is the whole record. The clock runs from
before the process exists. Each round is done with the files in the page cache, and with them dropped from it first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from recording import BENCHES, keep, print_rounds

#: Profiles generated at a time.
BLOCK = 1_000_000


def mixed(numbers: np.ndarray, salt: int) -> np.ndarray:
    """64 pseudo-random bits for each number (SplitMix64)."""
    with np.errstate(over="ignore"):
        x = (numbers.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def hashes(profiles: np.ndarray) -> np.ndarray:
    """The MD5 that stands for each profile, shape (n, 16)."""
    return np.stack([mixed(profiles, 1), mixed(profiles, 1 << 40)], axis=1).view(np.uint8)


def segments_of(profiles: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """The segments of each profile, shape (n, each), distinct and ascending: one of each part of the segments."""
    part = options.segments // options.each
    draws = [mixed(profiles, (options.seed << 20) + place + 7) >> np.uint64(11) for place in range(options.each)]
    shares = np.stack(draws, axis=1).astype(np.float64) / float(1 << 53)
    return (np.arange(options.each) * part + np.floor(part * shares**2)).astype(np.uint32)


def build(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Make the directory; returns how long the load took."""
    import segengine  # noqa: PLC0415  (a process that only generates must not have it)

    names = [f"s{number}" for number in range(options.segments)]
    profiles = np.arange(options.profiles)
    codes = np.empty((options.profiles, options.each), np.uint32)
    for first in range(0, options.profiles, BLOCK):
        codes[first : first + BLOCK] = segments_of(profiles[first : first + BLOCK], options)
    values = np.repeat(hashes(profiles), options.each, axis=0)
    with segengine.open(folder) as engine:
        campaign = engine.campaigns.create("bench/start")
        started = time.perf_counter()
        report = engine.load(
            segengine.Identifiers("email_md5", values), segments=codes.ravel(), names=names, campaign=campaign
        )
        seconds = time.perf_counter() - started
        specs = ({"id": f"a{s}", "display_name": f"a{s}", "include": [[s]]} for s in names)
        np.save(folder.with_suffix(".npy"), np.asarray(campaign.adgroups.upsert(specs), np.uint32))
    return {"load_s": seconds, "memberships": int(report.unique), "directory_bytes": size_of(folder)}


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def look(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Open, answer, tell when; then check others. ``--since`` is the moment before this process was started."""
    import segengine  # noqa: PLC0415  (what it costs is measured)

    imported = time.monotonic()
    with segengine.open(folder) as engine:
        opened = time.monotonic()
        engine.match("email_md5:" + bytes(hashes(np.array([options.profiles // 2]))[0]).hex())
        answered = time.monotonic()
        numbers = np.load(folder.with_suffix(".npy"))
        rng = np.random.default_rng(options.round)
        users = rng.integers(0, options.profiles, options.oracle)
        truth = segments_of(users, options)
        texts = ["email_md5:" + bytes(row).hex() for row in hashes(users)]
        wrong = sum(
            sorted(engine.match(text).adgroups.tolist()) != sorted(numbers[wanted].tolist())
            for text, wanted in zip(texts, truth, strict=True)
        )
    return {
        "import_s": imported - options.since,
        "open_s": opened - imported,
        "first_answer_s": answered - options.since,
        "wrong": wrong,
    }


def drop_cached(folder: Path) -> None:
    """Ask the kernel to forget the pages of the directory's files."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def measure(folder: Path, own: list[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Start the processes of all rounds, with the files in the page cache and without."""
    rounds = []
    for number in range(options.rounds):
        for cached in (True, False):
            if not cached:
                drop_cached(folder)
            since = ["--since", str(time.monotonic()), "--round", str(number)]
            done = subprocess.run([*own, "--look", str(folder), *since], check=True, capture_output=True, text=True)
            rounds.append({"cached": cached, **json.loads(done.stdout)})
    return rounds


def main() -> None:
    """Build, start again and again, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profiles", type=int, default=10_000_000)
    parser.add_argument("--segments", type=int, default=1_000)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--oracle", type=int, default=300)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--look", type=Path)
    parser.add_argument("--since", type=float, default=0.0)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    if options.look or options.build:
        print(json.dumps(look(options.look, options) if options.look else build(options.build, options)))
        return
    shape = [f"--{name}={getattr(options, name)}" for name in ("profiles", "segments", "each", "seed", "oracle")]
    own = [sys.executable, __file__, *shape]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        made = subprocess.run([*own, "--build", str(folder)], check=True, capture_output=True, text=True)
        facts = json.loads(made.stdout)
        rounds = measure(folder, own, options)
    report(options, facts, rounds)


def report(options: argparse.Namespace, facts: dict[str, float], rounds: list[dict[str, Any]]) -> None:
    """Print medians with their spread, and keep every round."""
    wrong = {"first answer": sum(found["wrong"] for found in rounds)}
    named = {True: "files cached", False: "files not cached"}
    lines = {
        f"{what}, {named[cached]}": [found[key] for found in rounds if found["cached"] is cached]
        for what, key in (("first answer", "first_answer_s"), ("open", "open_s"), ("import", "import_s"))
        for cached in (True, False)
    }
    print_rounds(lines, "s", wrong)
    print(json.dumps({"wrong": wrong, **facts}))
    kept = {"options": vars(options), "facts": facts, "wrong": wrong, "rounds_s": lines, "oracle_users": options.oracle}
    print(keep(options.record, "start", kept))


if __name__ == "__main__":
    main()
