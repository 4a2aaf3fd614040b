"""Peers in other languages, each a process that is asked block by block, so that it takes its turn with the others.

A peer is built where its tools are, else a reason is given in its place: crates with their own lock file in peers/,
Lucene Monitor from Maven in peers/lucene. Builds are kept below target/bench, by hash where cargo does not see to it.
Vespa's predicate search and be_indexer cannot be had from a registry: their figures are cited in table.py.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Self

import numpy as np
from generated import BENCHES, CACHE, cache_folder

if TYPE_CHECKING:
    from pathlib import Path

HERE = BENCHES / "compare" / "peers"
CRATES = ("mokaccino", "mokaccino-fields", "a-tree")
HEAP = "-Xmx4g"


class NotHereError(Exception):
    """Says why a peer cannot be run on this machine."""


def command_of(name: str, file: Path) -> list[str]:
    """The command of a peer over a workload file; builds it if need be.

    Raises
    ------
    NotHereError
        Where its tools are missing, or its packages cannot be had.
    """
    return [*(_crates(name) if name in CRATES else _lucene()), str(file)]


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise NotHereError(f"{what} failed: {lines[-1][:200]}")


def _need(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise NotHereError(f"{' and '.join(missing)} not on this machine")


def _crates(name: str) -> list[str]:
    _need("cargo")
    target = CACHE / "peers"
    manifest = str(HERE / "Cargo.toml")
    _run(
        [
            "cargo",
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--manifest-path",
            manifest,
            "--target-dir",
            str(target),
        ],
        "cargo build of the peers",
    )
    return [str(target / "release" / "segengine-peers"), name]


def _lucene() -> list[str]:
    _need("java", "javac", "mvn")
    source, pom = HERE / "lucene" / "LucenePeer.java", HERE / "lucene" / "pom.xml"
    folder = cache_folder("lucene", source.read_text(encoding="utf-8"), pom.read_text(encoding="utf-8"))
    classpath = folder / "classpath"
    if not (folder / "LucenePeer.class").is_file() or not classpath.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        resolve = ["mvn", "-q", "-B", "-f", str(pom), "dependency:build-classpath", f"-Dmdep.outputFile={classpath}"]
        _run(resolve, "Maven")
        jars = classpath.read_text(encoding="utf-8").strip()
        _run(["javac", "-cp", jars, "-d", str(folder), str(source)], "javac")
    jars = classpath.read_text(encoding="utf-8").strip()
    return ["java", HEAP, "-cp", f"{jars}:{folder}", "LucenePeer"]


class Program:
    """A program that says `ready`, and then answers each line by a line."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.build_s = 0.0
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _line(self) -> str:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise NotHereError(f"{self.name} ended with {self._process.wait()}")
        return line.strip()

    def ask(self, question: str) -> str:
        """Its answer to a line."""
        self._process.stdin.write(question + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        return self._line()

    def ready(self) -> None:
        """Wait until it is built; `build_s` says how long that took it."""
        self.build_s = float(self._line().split()[1])

    def lists(self, question: str, count: int) -> list[np.ndarray]:
        """Lists of numbers, each after its length, which it writes to the file that the question ends with."""
        with tempfile.NamedTemporaryFile() as file:
            self.ask(f"{question} {file.name}")
            numbers = np.fromfile(file.name, "<i4")
        lists, at = [], 0
        for _ in range(count):
            end = at + 1 + int(numbers[at])
            lists.append(numbers[at + 1 : end])
            at = end
        return lists


class Peer(Program):
    """A running peer: `ready` waits for its index, then it answers or is timed on users of its file."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, command_of(name, file))

    def microseconds(self, first: int, count: int) -> float:
        """What each of ``count`` users took it."""
        return float(self.ask(f"time {first} {count}"))

    def answers(self, first: int, count: int) -> list[np.ndarray]:
        """Adgroup numbers of each user, ascending."""
        return self.lists(f"answers {first} {count}", count)
