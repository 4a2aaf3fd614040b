"""Promise 3 and the syncs of promise 1: every single crash point, and the order of the syncs, in a real process.

`crash-worker play` tells a short story on a new directory: upload, upsert, replacement, edits, links, load, deletion.
strace kills it at the Nth call of each write-class system call, for every N there is, or fails the call; afterwards
`crash-worker judge` opens what was left and must find one of the story's states: the last that was acknowledged or the
one that was on its way, whole, with nothing for `verify` to find.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import traced
from process import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]
STEPS = 9
AT_ONCE = 4
LOG = logging.getLogger(__name__)


def trace(strace: str, options: list[str], command: list[str | Path], folder: Path) -> tuple[int, list[str], list[str]]:
    """Run a command in `folder` under strace; return its exit code, what it said and the lines of the trace."""
    folder.mkdir(exist_ok=True)
    log = folder / "trace"
    ended = run(strace, "-f", "-y", "-s", "70000", "-o", log, *options, *command, cwd=folder)
    return ended.returncode, ended.stdout.splitlines(), log.read_text(errors="replace").splitlines()


def whole_trace(strace: str, worker: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Trace the whole story; return what was said and the trace."""
    code, said, lines = trace(strace, ["-e", "trace=" + ",".join(f"?{name}" for name in traced.WRITE_CLASS)],
                              [worker, "play", "data"], folder)  # fmt: skip
    assert code == 0
    assert said[-1] == f"done {STEPS}"
    return said, lines


def acknowledged(said: list[str]) -> int:
    """Return the last step that was acknowledged; -1 before the house was furnished."""
    done = [int(line.removeprefix("done ")) for line in said if line.startswith("done ")]
    return max(done) if done else (0 if "ready" in said else -1)


def judge(worker: Path, folder: Path, said: list[str], point: str) -> None:
    """Open what was left: it is the state before or the state after, and nothing is found."""
    judged = run(worker, "judge", "data", cwd=folder)
    assert judged.returncode == 0, f"{point}: {judged.stderr}"
    text = judged.stdout.splitlines()[-1]
    state, before = (-1 if text == "before" else int(text)), acknowledged(said)
    assert before <= state <= before + 1, f"{point}: step {before} was acknowledged, and state {state} was found"


def each(points: list[tuple[str, int]], one) -> None:
    """Try every point, a few at once; the first failure is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda point: one(*point), points))


def points_of(lines: list[str], names: tuple[str, ...], thread: int | None = None) -> list[tuple[str, int]]:
    """Return (call, number) for every call of one thread: strace counts the calls of each thread apart."""
    made = list(traced.calls(lines))
    thread = thread or made[0].thread
    counts = Counter(call.name for call in made if call.thread == thread and call.name in names)
    return [(name, number) for name, count in counts.items() for number in range(1, count + 1)]


def test_killed_at_every_write_class_call_the_directory_is_before_or_after(strace, worker, place):
    """SIGKILL at each of some 300 calls, those of the opening and the closing too, never leaves a mixed state."""
    _, lines = whole_trace(strace, worker, place / "whole")
    points = points_of(lines, traced.WRITE_CLASS)
    assert len(points) > 200, "the story has become too short to show anything"
    assert {"openat", "write", "pwrite64", "fsync", "unlink", "mkdir", "rename"} <= {name for name, _ in points}

    def one(name: str, number: int) -> None:
        folder = place / f"{name}-{number}"
        options = ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}"]
        code, said, _ = trace(strace, options, [worker, "play", "data"], folder)
        assert code in {-9, 137}, f"{name} {number}: not killed, but {code}"
        if (folder / "data").is_dir():
            judge(worker, folder, said, f"killed at {name} {number}")
        shutil.rmtree(folder)

    each(points, one)
    LOG.info("killed at %d calls: %s", len(points), dict(Counter(name for name, _ in points)))


def play_held(strace: str, worker: Path, folder: Path, options: list[str]) -> tuple[int, list[str], list[str]]:
    """Play the story and trace the sweeping thread alone, which waits until the tracer is there."""
    folder.mkdir()
    with subprocess.Popen([worker, "play", "data", "go"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        said: list[str] = []
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("sweeper "):
                thread = line.split()[1]
                log = folder / "trace"
                command = [strace, "-f", "-y", "-s", "200", "-o", log, *options, "-p", thread]
                with (folder / "said").open("w") as errors:
                    tracer = subprocess.Popen(command, stderr=errors)
                deadline = time.monotonic() + 60
                while "attached" not in (folder / "said").read_text():
                    assert time.monotonic() < deadline, "strace does not attach"
                    time.sleep(0.005)
                (folder / "go").touch()
        code = process.wait()
    tracer.wait(timeout=60)
    return code, said, log.read_text(errors="replace").splitlines()


def test_killed_at_every_write_class_call_of_the_sweep_nothing_is_lost(strace, worker, place):
    """The sweeping thread works after the acknowledgement: wherever it dies, what was acknowledged is all there."""
    names = tuple(name for name in traced.WRITE_CLASS if name not in {"creat", "copy_file_range", "sendfile"})
    options = ["-e", "trace=" + ",".join(f"?{name}" for name in names)]
    code, _, lines = play_held(strace, worker, place / "whole", options)
    # A trace of one thread by its number has no column for it.
    lines = [line if line[:1].isdigit() else f"1 {line}" for line in lines]
    points = points_of(lines, names)
    assert code == 0
    assert {"pwrite64", "fsync", "unlink"} <= {name for name, _ in points}, "the sweep is expected to commit and remove"

    def one(name: str, number: int) -> None:
        folder = place / f"{name}-{number}"
        options = ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}"]
        code, said, _ = play_held(strace, worker, folder, options)
        assert code == -9, f"{name} {number} of the sweep: not killed, but {code}"
        judge(worker, folder, said, f"killed at {name} {number} of the sweep")
        shutil.rmtree(folder)

    each(points, one)
    LOG.info("killed at %d calls of the sweep: %s", len(points), points)


@pytest.mark.parametrize(("names", "error"), [(("fsync", "fdatasync"), "EIO"), (("write", "pwrite64"), "ENOSPC")])
def test_a_call_that_fails_is_never_acknowledged(strace, worker, place, names, error):
    """A failed sync or write is refused, never acknowledged; answering goes on; nothing is half done."""
    _, lines = whole_trace(strace, worker, place / "whole")
    swallowed: dict[str, str] = {}

    def one(name: str, number: int) -> None:
        folder = place / f"{name}-{number}"
        options = ["-e", f"trace={name},write", "-e", f"inject={name}:error={error}:when={number}"]
        code, said, lines = trace(strace, options, [worker, "play", "data"], folder)
        point = f"{error} at {name} {number}"
        failed = next(place for place, line in enumerate(lines) if "(INJECTED)" in line)
        if re.match(r"\d+ +write\(1<", lines[failed]) or "/LOCK>" in lines[failed]:
            shutil.rmtree(folder)
            return  # the worker's own words, and a courtesy to whoever is refused the lock
        refused = any(line.startswith("refused") for line in said)
        if code == 0:
            at_the_close = not any('"done ' in line for line in lines[failed:])
            # SQLite tells nobody when it cannot sync the folder; the engine does so itself, once the log is there.
            of_sqlite = "/data>" in lines[failed] and "catalog.sqlite-" in lines[failed - 1]
            assert at_the_close or of_sqlite, f"{point}: nobody was told"
            swallowed[point] = "at the close" if at_the_close else "by SQLite"
        if refused:
            assert "answers" in said, f"{point}: it does not answer any more"
            assert "acknowledges" not in said, f"{point}: it acknowledges after a sync that failed"
            assert error == "ENOSPC" or "acknowledges nothing" in said, f"{point}: a failed sync is not terminal"
        if (folder / "data").is_dir():
            judge(worker, folder, said, point)
        shutil.rmtree(folder)

    points = points_of(lines, names)
    each(points, one)
    LOG.info("%s at %d calls; told to nobody: %s", error, len(points), swallowed)
    assert list(swallowed.values()).count("by SQLite") <= 3


def test_files_and_folders_are_synced_before_the_commit_that_names_them(strace, worker, place):
    """In the order of the calls nothing is named, acknowledged or removed before what it relies on is durable."""
    _, lines = whole_trace(strace, worker, place)
    found, disk = traced.findings(lines, str(place))
    assert found == []
    assert disk.acknowledged == STEPS
    assert disk.named > 20
    assert disk.removed >= 1


@pytest.mark.parametrize(
    ("synced", "finding"),
    [
        (r"/files/members-\d", "before its content is synced"),
        (r"/data/files>", "before its folder is synced"),
        (r"/catalog\.sqlite-wal>", "is acknowledged before catalog.sqlite-wal is synced"),
        (r"/catalog\.sqlite-wal>", "before the commit that unnames it is synced"),
        (r"/data\.key\.", "is acknowledged before data.key is synced"),
        (r"/data>", "before the name of"),
        (r"FORMAT\.new>", "is acknowledged before FORMAT is synced"),
    ],
)
def test_a_trace_without_one_of_its_syncs_is_found_out(strace, worker, place, synced, finding):
    """The control of the check above: take a kind of sync out of the trace, and the check says what was not durable."""
    _, lines = whole_trace(strace, worker, place)
    doctored = [line for line in lines if not re.search(rf"f(data)?sync\(\d+<[^>]*{synced}", line)]
    assert len(doctored) < len(lines), "the trace has no such sync"
    found, _ = traced.findings(doctored, str(place))
    assert any(finding in sentence for sentence in found), found[:3]
