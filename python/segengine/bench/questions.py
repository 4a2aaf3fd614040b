"""What a bench asks about: users from a file, candidates among the adgroups of the server.

A server keeps only keyed digests of identifiers, so it cannot tell whom it knows: without a file the users are made up
and unknown, which is the cheapest answer there is. How many of those asked are known is looked up before the run, and
shown with the figures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segengine import _segengine
from segengine.errors import FailedPreconditionError, InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from segengine import Engine

UNKNOWN_USERS = 100_000
_USERS_MAX = 1_000_000
_LOOKED_UP = 200
# Requests are made beforehand and then repeated: enough of them that caches see many users, and below 200 MB.
_REQUESTS_MAX = 200_000
_REQUESTS_MIN = 20_000
_BYTES_MAX = 200_000_000
_HASHES = {32: "email_md5", 64: "email_sha256"}


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes
    ----------
    users : list of str
        For each user the identifiers, separated by spaces.
    source : str
        Where the users come from, in words.
    adgroups : ndarray of uint32, shape (n,)
        Among which candidates are drawn.
    candidates : int or None
        Of each request; None asks for all adgroups.
    batch : int
        Users of a request.
    stream : bool
        Whether requests go over one stream for each connection.
    seed : int
        Draws candidates.
    """

    users: list[str]
    source: str
    adgroups: NDArray[np.uint32]
    candidates: int | None
    batch: int = 1
    stream: bool = False
    seed: int = 1

    @property
    def method(self) -> str:
        """The method that is called."""
        return "MatchStream" if self.stream else "Match" if self.batch == 1 else "MatchBatch"

    def encoded(self) -> _segengine.LoadQuestions:
        """Return the requests as they are sent, made before the clock starts."""
        bytes_each = 32 + 24 * self.batch + 3 * (self.candidates or 0)
        wanted = min(max(len(self.users) // self.batch, _REQUESTS_MIN), _REQUESTS_MAX, _BYTES_MAX // bytes_each)
        return _segengine.LoadQuestions.encode(
            self.users,
            self.adgroups,
            {
                "candidates": self.candidates,
                "batch": self.batch,
                "stream": self.stream,
                "count": max(wanted, 1),
                "seed": self.seed,
            },
        )


def users_of(path: Path) -> list[str]:
    """Return the users of a file: a line for each, with the identifiers of that user separated by spaces.

    A line of 32 or 64 hex digits alone is an ``email_md5`` or ``email_sha256``, as customer files have them; blank
    lines are skipped. At most a million lines are read.

    Raises
    ------
    InvalidInputError
        When the file cannot be read, or holds no user.
    """
    users = []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                text = line.strip()
                if text:
                    hashed = _HASHES.get(len(text)) if re.fullmatch(r"[0-9a-fA-F]+", text) else None
                    users.append(f"{hashed}:{text}" if hashed else text)
                if len(users) == _USERS_MAX:
                    break
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InvalidInputError(f"{path}: {why}", field="users", hint="give a file of identifiers") from error
    if not users:
        raise InvalidInputError(
            f"{path}: there is no identifier in it",
            field="users",
            hint="write a user on each line, such as network:7f3c or the MD5 of an address; or leave --users away",
        )
    return users


def unknown_users() -> list[str]:
    """Return users that nobody knows."""
    return [f"network:bench-{number}" for number in range(UNKNOWN_USERS)]


def drawn(engine: Engine) -> NDArray[np.uint32]:
    """Return the integer ids of all adgroups of a server, shape (n,).

    Raises
    ------
    FailedPreconditionError
        When there is none.
    """
    listed = [adgroup.number for campaign in engine.campaigns for adgroup in campaign.adgroups.list(page_size=1_000)]
    if not listed:
        raise FailedPreconditionError(
            "the server has no adgroup to draw candidates from",
            field="candidates",
            hint="make some first (`segengine target …`), or ask for all with --candidates all",
        )
    return np.array(listed, np.uint32)


def known(engine: Engine, users: list[str]) -> tuple[int, int]:
    """Return how many of some users, spread over all, are known, and how many were looked up."""
    some = users[:: max(1, len(users) // _LOOKED_UP)][:_LOOKED_UP]
    found = sum(engine.match(*user.split(), candidates=[]).identified != 0 for user in some)
    return found, len(some)
