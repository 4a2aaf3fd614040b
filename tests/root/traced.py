"""What a trace of system calls says about durability: each file and its folder synced before anything relies on them.

A killed process keeps what the kernel holds, so kill -9 never misses a sync that is not there; only the order of the
calls shows it. `findings` walks through the lines of ``strace -f -y -s 70000`` and keeps, as a disk does, what is
written and not synced, and which names are given and not synced with their folder.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Every call that may change what is on a disk.
WRITE_CLASS = (
    "openat", "creat", "write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range",
    "ftruncate", "fallocate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir",
    "mkdirat", "copy_file_range", "sendfile",
)  # fmt: skip
LOG = "catalog.sqlite-wal"
#: A file that a row of the catalog names, as it stands in a page that goes into the log.
NAMED = re.compile(r'\\"file\\":\\"([a-z]+-\d+\.\d+\.[0-9a-f]{8})\\"')
CALL = re.compile(r"^(\d+) +(\w+)\((.*)$", re.DOTALL)
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
PATH_OF_FD = re.compile(r"^(?:\d+|AT_FDCWD)<([^>]*)>")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Call:
    """One system call: the thread, the name, the arguments with their result, and whether it went well."""

    thread: int
    name: str
    rest: str

    @property
    def result(self) -> str:
        """What the call returned, as strace prints it."""
        return self.rest.rpartition(" = ")[2].strip()

    @property
    def failed(self) -> bool:
        """Whether the call returned an error, or never returned."""
        return self.result.startswith(("-1", "?")) or " = " not in self.rest

    @property
    def file(self) -> str:
        """The path of the first argument, a descriptor."""
        found = PATH_OF_FD.match(self.rest)
        return found.group(1) if found else ""

    @property
    def texts(self) -> list[str]:
        """The arguments in quotation marks."""
        return TEXT.findall(self.rest)


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """Read a trace; a call that another thread interrupted counts where it ended."""
    begun: dict[tuple[int, str], str] = {}
    for line in lines:
        if resumed := RESUMED.match(line):
            thread, name, rest = int(resumed[1]), resumed[2], resumed[3]
            yield Call(thread, name, begun.pop((thread, name), "") + rest)
        elif call := CALL.match(line):
            thread, name, rest = int(call[1]), call[2], call[3]
            if rest.rstrip().endswith("<unfinished ...>"):
                begun[thread, name] = rest.rpartition("<unfinished ...>")[0]
            else:
                yield Call(thread, name, rest)


@dataclass
class Disk:
    """What is not durable yet: contents by path, names by path."""

    folder: str
    contents: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    acknowledged: int = 0
    named: int = 0
    removed: int = 0

    def absolute(self, path: str) -> str:
        """Return a path as `-y` prints those of descriptors."""
        return posixpath.normpath(posixpath.join(self.folder, path))

    def take(self, call: Call) -> Iterator[str]:
        """Book one call; yield a sentence for whatever relied on something that was not durable."""
        if call.failed:
            return
        if call.name in {"fsync", "fdatasync"}:
            self.contents.discard(call.file)
            self.names = {name for name in self.names if posixpath.dirname(name) != call.file}
        elif call.name.startswith("unlink"):
            yield from self.remove(self.absolute(call.texts[-1]))
        elif call.name.startswith(("write", "pwrite", "ftruncate", "fallocate")):
            yield from self.write(call)
        else:
            self.name(call)

    def name(self, call: Call) -> None:
        """Book a call that gives a name: it is durable once its folder is synced."""
        if call.name in {"openat", "creat"} and "O_CREAT" in call.rest:
            opened = PATH_OF_FD.match(call.result)
            path = opened.group(1) if opened else self.absolute(call.texts[0])
            if path not in self.made:
                self.made.add(path)
                self.names.add(path)
        elif call.name.startswith("mkdir"):
            self.names.add(self.absolute(call.texts[0]))
        elif call.name.startswith(("rename", "link")):
            old, new = (self.absolute(text) for text in call.texts[:2])
            self.names.add(new)
            if old in self.contents:
                self.contents.add(new)
            if call.name.startswith("rename"):
                self.names.discard(old)
                self.contents.discard(old)

    def write(self, call: Call) -> Iterator[str]:
        """Book a write: what a log page names must be durable, and what is acknowledged must be in a synced log."""
        if call.file.endswith(LOG):
            for name in NAMED.findall(call.texts[0] if call.texts else ""):
                path = posixpath.join(posixpath.dirname(call.file), "files", name)
                self.named += 1
                if path in self.contents:
                    yield f"{name} is named by a commit before its content is synced"
                if path in self.names:
                    yield f"{name} is named by a commit before its folder is synced"
        if call.rest.startswith("1<"):
            if call.texts and call.texts[0].startswith("done"):
                self.acknowledged += 1
                yield from self.acknowledge(call.texts[0])
            return
        if not call.file.endswith("/LOCK") and call.file.startswith(self.folder):
            self.contents.add(call.file)

    def acknowledge(self, what: str) -> Iterator[str]:
        """Judge an acknowledgement: the log, the catalog, the key and all folders are durable by then."""
        for path in sorted(self.contents):
            yield f"`{what}` is acknowledged before {posixpath.basename(path)} is synced"
        for path in sorted(self.names):
            if posixpath.basename(path) != "LOCK":
                yield f"`{what}` is acknowledged before the name of {posixpath.basename(path)} is synced"

    def remove(self, path: str) -> Iterator[str]:
        """Book a removal: the commit that unnames a file is durable before the file goes."""
        self.contents.discard(path)
        self.names.discard(path)
        self.made.discard(path)
        if posixpath.basename(posixpath.dirname(path)) == "files":
            self.removed += 1
            if any(other.endswith(LOG) for other in self.contents):
                yield f"{posixpath.basename(path)} is removed before the commit that unnames it is synced"


def findings(lines: Iterable[str], folder: str) -> tuple[list[str], Disk]:
    """Return what the trace of a worker in `folder` did wrong, and what it did at all."""
    disk = Disk(folder)
    found: list[str] = []
    for call in calls(lines):
        found.extend(disk.take(call))
    return found, disk
