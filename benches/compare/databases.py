"""Databases as a team without an engine would use them: DuckDB for all adgroups, Redis for the segments of a user.

DuckDB: literals as two tables, one query a user. Redis: one SET of segment numbers for each user, asked with SMEMBERS;
the candidates are then checked in the client by SetCandidates, which is the baseline's code. Redis listens on a unix
socket only, keeps nothing on disk, and is a process of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb
import numpy as np
import redis
from peers import NotHereError

if TYPE_CHECKING:
    import workload
    from baseline import SetCandidates

_MATCH_ALL = """
with held as (select unnest(?::integer[]) as segment),
met as (select adgroup, count(distinct clause) as clauses from includes join held using (segment) group by adgroup),
barred as (select distinct adgroup from excludes join held using (segment))
select adgroup from met join adgroups using (adgroup)
where met.clauses = adgroups.clauses and adgroup not in (select adgroup from barred)
"""


class DuckDb:
    """Match all by one SQL query; adgroups of W6 that are nested or exclude only are not expressed."""

    def __init__(self, w: workload.Workload) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        lists = np.repeat(np.arange(len(w.seg_ptr) - 1), np.diff(w.seg_ptr))
        owner = np.repeat(np.arange(w.A), np.diff(w.list_ptr))
        excludes = np.zeros(len(w.seg_ptr) - 1, bool)
        excludes[w.list_ptr[1:] - 1] = True
        adgroup, out, segment = owner[lists], excludes[lists], w.seg
        clauses = np.diff(w.list_ptr) - 1
        for name, columns in (
            ("includes", {"segment": segment[~out], "adgroup": adgroup[~out], "clause": lists[~out]}),
            ("excludes", {"segment": segment[out], "adgroup": adgroup[out]}),
            ("adgroups", {"adgroup": np.arange(w.A), "clauses": clauses}),
        ):
            order = np.argsort(columns.get("segment", columns["adgroup"]), kind="stable")
            arrays = {column: values[order].astype(np.int32) for column, values in columns.items()}
            given = ", ".join(f"unnest(${column}) as {column}" for column in arrays)
            self._connection.execute(f"create table {name} as select {given}", arrays)

    def match_ids(self, user: list[int]) -> np.ndarray:
        """Adgroup numbers, in no order."""
        return self._connection.execute(_MATCH_ALL, [user]).fetchnumpy()["adgroup"]


class Redis:
    """A redis-server with one SET a user.

    Raises
    ------
    NotHereError
        Where there is no redis-server.
    """

    def __init__(self) -> None:
        if shutil.which("redis-server") is None:
            raise NotHereError("redis-server not on this machine")
        self._folder = tempfile.TemporaryDirectory()
        socket = Path(self._folder.name) / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, "--dir", self._folder.name], stdout=subprocess.DEVNULL)
        self._client = redis.Redis(unix_socket_path=str(socket))
        deadline = time.monotonic() + 20
        while True:
            try:
                self._client.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise NotHereError("redis-server does not answer") from None
                time.sleep(0.05)
        self.bytes_a_membership = 0.0
        self.bytes_a_user = 0.0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self._client.close()
        self._process.terminate()
        self._process.wait(20)
        self._folder.cleanup()

    def load(self, w: workload.Workload, users: np.ndarray, keys: list[bytes]) -> None:
        """Add the users; keeps what they take in `bytes_a_membership` and `bytes_a_user`, keys and SETs together."""
        before = self._client.info("memory")["used_memory"]
        members = 0
        for first in range(0, len(users), 2_000):
            pipe = self._client.pipeline(transaction=False)
            for user, key in zip(users[first : first + 2_000], keys[first : first + 2_000], strict=True):
                held = w.user(user)
                members += len(held)
                pipe.sadd(key, *held)
            pipe.execute()
        taken = self._client.info("memory")["used_memory"] - before
        self.bytes_a_membership = taken / max(1, members)
        self.bytes_a_user = taken / max(1, len(users))

    def check(self, side: SetCandidates, key: bytes, candidates: list[int]) -> list[int]:
        """The candidates that the user matches."""
        return side.check([int(member) for member in self._client.smembers(key)], candidates)
