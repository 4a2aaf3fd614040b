"""Runs the long tier of the promises and writes down what came of it.

`make reliability ROWS=1,3 BUDGET=600` runs each row's proof again and again, with a new seed each time, until the
seconds are used up, and appends one JSON line for each row to docs/reliability/runs.jsonl. docs/RELIABILITY.md is
rendered from these lines and nothing else; `check` renders it again and compares. Counts of different commits are
different programs' counts: they are listed apart and never added up.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "docs/reliability/runs.jsonl"
PAGE = ROOT / "docs/RELIABILITY.md"
KILLS_AT_ONCE = 50  # a new directory each time: much goes wrong only while segments get their first members
PROMISES = {
    1: ("an acknowledged upload or edit survives kill -9", 10_000),
    3: ("any single crash point is safe", 330),
}
CRATES = ("segengine", "segengine-proofs", "segengine-server", "segengine-python")


class Run(TypedDict):
    """One line: what was run, when, and what came of it."""

    row: int
    commit: str
    seed: int
    start: str
    end: str
    rounds: int
    failures: int


def command_of(row: int) -> list[str]:
    """Return the command that runs a row once."""
    if row == 1:
        packages = [text for crate in CRATES for text in ("-p", crate)]
        wanted = "binary(kill) and test(killed_at_any_phase)"
        return ["tools/cargo.sh", "nextest", "run", "--locked", *packages, "--no-capture", "-E", wanted]
    return [sys.executable, "-m", "pytest", "-m", "root", "tests/root", "-k", "killed", "--log-cli-level=INFO"]


def once(row: int, seed: int) -> tuple[int, bool]:
    """Run a row once; return how many rounds it had, and whether it went well."""
    environment = os.environ | {"ROUNDS": str(KILLS_AT_ONCE), "SEED": str(seed)}
    ended = subprocess.run(command_of(row), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    rounds = sum(int(count) for count in re.findall(r"(?:seed \d+: |killed at )(\d+) (?:kills|calls)", said))
    if ended.returncode != 0:
        sys.stderr.write(said[-20_000:])
    return rounds, ended.returncode == 0 and rounds > 0


def commit() -> str:
    """Return the present commit; refuse while there are changes that it does not have."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    if changed := git("status", "--porcelain", "rust", "tests"):
        message = f"commit first: a run belongs to a commit\n{changed}"
        raise SystemExit(message)
    return git("rev-parse", "--short=12", "HEAD")


def instant() -> str:
    """Return the present second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def run(row: int, budget_s: float) -> Run:
    """Run a row until the budget is used up, or something fails."""
    seed = time.time_ns() // 1_000_000
    line = Run(row=row, commit=commit(), seed=seed, start=instant(), end="", rounds=0, failures=0)
    deadline = time.monotonic() + budget_s
    while not line["failures"]:
        rounds, well = once(row, seed)
        line["rounds"] += rounds
        line["failures"] += not well
        seed += 1
        print(f"row {row}: {line['rounds']} rounds, {line['failures']} failures", flush=True)
        if time.monotonic() > deadline:
            break
    line["end"] = instant()
    return line


def render(lines: list[Run]) -> str:
    """Return the page that the lines stand for."""
    page = [
        "# Reliability: the long runs",
        "",
        "Rendered from docs/reliability/runs.jsonl by `tools/reliability.py render`; a check compares the two.",
        "A row's newest commit counts; what older commits showed is listed as stale and never added to it. The quick",
        "tier of each promise runs in `make test` and `make test-root`.",
        "",
        "| promise | rounds wanted | commit | rounds | failures | first run | last run | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row, (promise, wanted) in PROMISES.items():
        mine = [line for line in lines if line["row"] == row]
        newest = mine[-1]["commit"] if mine else ""
        for name in dict.fromkeys(line["commit"] for line in reversed(mine)):
            runs = [line for line in mine if line["commit"] == name]
            rounds, failures = sum(line["rounds"] for line in runs), sum(line["failures"] for line in runs)
            state = "" if name == newest else "stale"
            page.append(f"| {row}: {promise} | {wanted:,} | {name} | {rounds:,} | {failures} | {runs[0]['start']} "
                        f"| {runs[-1]['end']} | {state} |")  # fmt: skip
        if not mine:
            page.append(f"| {row}: {promise} | {wanted:,} | – | 0 | – | – | – | not run |")
    return "\n".join([*page, ""])


def recorded() -> list[Run]:
    """Return the lines so far."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.is_file() else []


def main() -> int:
    """Run rows, render the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["run", "render", "check"])
    parser.add_argument("--rows", default="1,3", help="numbers of promises, separated by commas")
    parser.add_argument("--budget", type=float, default=600, help="seconds for each row")
    options = parser.parse_args()
    if options.what == "check":
        if PAGE.read_text(encoding="utf-8") == render(recorded()):
            return 0
        print("docs/RELIABILITY.md: not what docs/reliability/runs.jsonl says: run tools/reliability.py render")
        return 1
    failures = 0
    if options.what == "run":
        for row in map(int, options.rows.split(",")):
            line = run(row, options.budget)
            failures += line["failures"]
            RUNS.parent.mkdir(exist_ok=True)
            with RUNS.open("a", encoding="utf-8") as runs:
                runs.write(json.dumps(line) + "\n")
    PAGE.write_text(render(recorded()), encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
