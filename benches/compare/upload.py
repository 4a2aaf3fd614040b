"""A customer file from a cold disk to the Match that answers for its last line, beside DuckDB and pandas + pyroaring.

    python benches/compare/upload.py [--lines 10000000] [--rounds 5] [--pandas-lines 1000000] [--record DIR]

The peers are those of baseline_bulk.py, unedited: DuckDB reads, validates and counts distinct lines (Polars does the
same, beyond the bar); pandas with pyroaring also gives ids and makes the set. Ours does all of that, then commits to
disk, publishes to every record, and answers. Each side reads the same file, dropped from the page cache before each
run; the sides take turns. What each side found is compared with what the generator wrote. Our time stops when Match
says yes for the last line; the data directory is on the same disk as the file. A further line is the replacement of
the segment by a file of the same size.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import segengine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import baseline_bulk
from frames import upload_polars
from recording import BENCHES, keep, print_rounds

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 500_000


def write_file(path: Path, lines: int, seed: int) -> str:
    """Write distinct MD5 lines in random order; returns the last one."""
    rng = np.random.default_rng(seed)
    last = ""
    with path.open("w", encoding="ascii") as file:
        for start in range(0, lines, BLOCK):
            count = min(BLOCK, lines - start)
            text = rng.bytes(16 * count).hex()
            block = [text[at : at + 32] for at in range(0, 32 * count, 32)]
            file.write("\n".join(block) + "\n")
            last = block[-1]
        file.flush()
        os.fsync(file.fileno())
    return last


def make_cold(path: Path) -> None:
    """Drop a file from the page cache."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(run: Callable[[], object], path: Path) -> tuple[float, object]:
    """Seconds of one run over a cold file, and what it returned."""
    make_cold(path)
    started = time.perf_counter()
    found = run()
    return time.perf_counter() - started, found


class Ours:
    """An engine of its own for each round, with one adgroup that includes the segment."""

    def __init__(self, folder: Path) -> None:
        self.engine = segengine.open(folder / "data")
        self.campaign = self.engine.campaigns.create("bench/upload")
        self.segment = self.campaign.segments.create("List")
        self.adgroup = self.campaign.adgroups.create("seen", include=[self.segment])

    def upload(self, path: Path, last: str) -> int:
        """Upload, and ask for the last line: the number of distinct lines."""
        self.campaign.segments.upload("List", path)
        answer = self.engine.match(f"email_md5:{last}")
        if self.adgroup.number not in answer.adgroups.tolist():
            return 0
        return int(self.segment.refresh().report.unique)


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--pandas-lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--record", type=Path, default=BENCHES / "record")
    options = parser.parse_args()
    wrong = {"ours": 0, "duckdb": 0, "polars": 0, "pandas": 0}
    rounds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {}
        for lines, seed in {(options.lines, 1), (options.lines, 2), (options.pandas_lines, 3)}:
            path = folder / f"{lines}-{seed}.csv"
            files[lines, seed] = (path, write_file(path, lines, options.seed * 100 + seed))
        for number in range(options.rounds):
            measure_round(folder / str(number), files, options, rounds, wrong)
    print_rounds(rounds, "s", wrong)
    median = {side: statistics.median(values) for side, values in rounds.items()}
    n, p = f"{options.lines:,}", f"{options.pandas_lines:,}"
    ratios = {
        f"duckdb / ours, {n} lines": median[f"duckdb {n}"] / median[f"ours {n}"],
        f"pandas / ours, {p} lines": median[f"pandas {p}"] / median[f"ours {p}"],
    }
    for side, ratio in ratios.items():
        print(f"{side:44} {ratio:8.2f} x")
    print(
        keep(options.record, "upload", {"options": vars(options), "rounds_s": rounds, "ratios": ratios, "wrong": wrong})
    )


def measure_round(
    folder: Path,
    files: dict[tuple[int, int], tuple[Path, str]],
    options: argparse.Namespace,
    rounds: dict[str, list[float]],
    wrong: dict[str, int],
) -> None:
    """Each side once, ours also as a replacement."""

    def run(side: str, lines: int, what: Callable[[], object], path: Path, found: Callable[[object], int]) -> None:
        seconds, result = timed(what, path)
        rounds.setdefault(f"{side} {lines:,}", []).append(seconds)
        wrong[side.split(maxsplit=1)[0]] += found(result) != lines

    for lines, seed in ((options.lines, 1), (options.pandas_lines, 3)):
        path, last = files[lines, seed]
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            ours = Ours(Path(place))
            run("ours", lines, lambda: ours.upload(path, last), path, int)
            if lines == options.lines:
                other, other_last = files[lines, 2]
                run("ours replaced", lines, lambda: ours.upload(other, other_last), other, int)
            ours.engine.close()
        run("duckdb", lines, lambda: baseline_bulk.upload_duckdb(path), path, lambda found: found[1])
        run("polars", lines, lambda: upload_polars(path), path, int)
        if lines == options.pandas_lines:
            side = baseline_bulk.PandasUpload()
            run("pandas", lines, lambda: side.upload("s", path), path, int)


if __name__ == "__main__":
    main()
