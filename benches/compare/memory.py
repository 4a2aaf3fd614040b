"""Memory of both directions on W1: bytes for each membership and identifier, as the growth of Pss over a fresh process.

    python benches/compare/memory.py [--users 1000000] [--record DIR]

One process loads W1 and closes. A second one opens the directory and tells its Pss before and after (mapped files
included) and the time it took; a third does so with one membership for each identifier, a fourth with nothing at all.
The difference of the first two is what memberships cost, the rest what identifiers do; the last is told beside it,
because the pages of the program are in every one of them. Nothing is being swapped meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from recording import BENCHES, keep


def pss_bytes() -> int:
    """Proportional set size of this process."""
    text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024


def build(folder: Path, users: int, seed: int) -> dict[str, int]:
    """Load W1 into one directory, and only its identifiers into another."""
    import workload  # noqa: PLC0415
    from loaded import digest_of  # noqa: PLC0415

    import segengine  # noqa: PLC0415  (a process that only measures must not have it before it looks)

    w = workload.generate(seed=seed, U=users, A=10)
    names = [f"s{number}" for number in range(w.S)]
    rows = np.repeat(np.arange(w.U), np.diff(w.user_ptr))
    for name, who, what, named in (
        ("members", rows, w.user_seg.astype(np.uint32), names),
        ("identifiers", np.arange(w.U), np.zeros(w.U, np.uint32), ["all"]),
    ):
        with segengine.open(folder / name) as engine:
            campaign = engine.campaigns.create("bench/w1")
            engine.load(
                segengine.Identifiers("email_md5", digest_of(who)), segments=what, names=named, campaign=campaign
            )
    segengine.open(folder / "nothing").close()
    return {"identifiers": int(w.U), "memberships": len(w.user_seg)}


def look(path: Path) -> dict[str, float]:
    """Open a directory and tell what it takes."""
    import segengine  # noqa: PLC0415

    before = pss_bytes()
    started = time.perf_counter()
    with segengine.open(path) as engine:
        engine.match("network:nobody")
        seconds = time.perf_counter() - started
        return {"pss_bytes": pss_bytes() - before, "open_s": seconds}


def main() -> None:
    """Build, look in processes of their own, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--look", type=Path)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    if options.look:
        print(json.dumps(look(options.look)))
        return
    if options.build:
        print(json.dumps(build(options.build, options.users, options.seed)))
        return
    own = [sys.executable, __file__, "--users", str(options.users), "--seed", str(options.seed)]

    def ask(*arguments: str) -> dict[str, float]:
        done = subprocess.run([*own, *arguments], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    with tempfile.TemporaryDirectory() as name:
        size = ask("--build", name)
        members = ask("--look", f"{name}/members")
        identifiers = ask("--look", f"{name}/identifiers")
        nothing = ask("--look", f"{name}/nothing")
    facts = {
        **size,
        "open_s": members["open_s"],
        "bytes_a_membership": (members["pss_bytes"] - identifiers["pss_bytes"])
        / (size["memberships"] - size["identifiers"]),
        "bytes_an_identifier": identifiers["pss_bytes"] / size["identifiers"],
        "bytes_an_identifier_over_nothing": (identifiers["pss_bytes"] - nothing["pss_bytes"]) / size["identifiers"],
        "pss_bytes": members["pss_bytes"],
    }
    for fact, value in facts.items():
        print(f"{fact:24} {value:>16,.2f}")
    print(keep(options.record, "memory", {"options": vars(options), "facts": facts}))


if __name__ == "__main__":
    main()
