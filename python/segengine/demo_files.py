"""The files that the story of `make run` is told with: made here, so that nothing real about anybody is needed.

Two customer lists and the pairs that an ad server would have learnt when people logged in. The numbers are chosen so
that every figure of the story has to be worked out by the engine: the list of subscribers has 250,412 lines, of which
391 repeat others and 21 hold no hash of an address; 135,700 of its 250,000 people are known to the ad server, which is
54.28 %. Everything follows from one seed. Making them takes a second.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEED = 2018
SUBSCRIBERS = 250_000
DUPLICATES = 391
NOT_HEX = 18
EMPTY_HASHES = 3
LINKED_SUBSCRIBERS = 135_700
# Active customers: some are subscribers as well, the others are whom a campaign of conquest is after.
ACTIVE_SUBSCRIBERS = 40_000
OTHER_ACTIVES = 50_000
LINKED_OTHERS = 30_000
_NETWORK_ID_BYTES = 8
_EMPTY_MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class DemoFiles:
    """The files of the story, and whom it is about.

    Attributes
    ----------
    subscribers, actives : Path
        Customer files: one MD5 of an address for each line.
    links : Path
        Pairs ``network id,e-mail hash``.
    visitor : str
        The identifier of the impression: an active customer who is no subscriber.
    visitor_md5 : str
        The hash of that customer's address, as customer files hold it.
    """

    subscribers: Path
    actives: Path
    links: Path
    visitor: str
    visitor_md5: str


def make(folder: Path) -> DemoFiles:
    """Write the files into a folder, always the same ones."""
    chance = random.Random(SEED)  # noqa: S311 - a story, not a secret
    subscribers = _digests("abonne", SUBSCRIBERS)
    others = _digests("client", OTHER_ACTIVES)
    broken = [_without_hex(chance) for _ in range(NOT_HEX)] + [_EMPTY_MD5] * EMPTY_HASHES
    lines = [*subscribers, *chance.sample(subscribers, DUPLICATES), *broken]
    chance.shuffle(lines)
    # A first line that is no hash would be taken for a header.
    first = lines.index(subscribers[0])
    lines[0], lines[first] = lines[first], lines[0]
    actives = [*subscribers[:ACTIVE_SUBSCRIBERS], *others]
    chance.shuffle(actives)
    linked = [*subscribers[:LINKED_SUBSCRIBERS], *others[:LINKED_OTHERS]]
    ids = [chance.randbytes(_NETWORK_ID_BYTES).hex() for _ in linked]
    ids[-1] = "7f3c" + ids[-1][4:]
    pairs = [f"network:{network},email_md5:{digest}" for network, digest in zip(ids, linked, strict=True)]
    return DemoFiles(
        subscribers=_written(folder / "abonnes.csv", lines),
        actives=_written(folder / "clients-actifs.csv", actives),
        links=_written(folder / "links.csv", ["left,right", *pairs]),
        visitor=f"network:{ids[-1]}",
        visitor_md5=linked[-1],
    )


def _digests(who: str, number: int) -> list[str]:
    texts = (f"{who}-{position}@example.com" for position in range(number))
    return [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts]


def _without_hex(chance: random.Random) -> str:
    """Return 32 letters of which some are no hex digits, as a file has that was sorted or cut by hand."""
    return "".join(chance.choices("ghijklmnopqrstuvwxyz", k=32))


def _written(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return path
