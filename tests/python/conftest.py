"""One engine, met in two ways: the suite that asks for `engine` runs embedded and remote."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

import segengine


def md5_lines(start: int, stop: int, word: str = "user") -> list[str]:
    """Return hashes of addresses, as customer files hold them."""
    return [hashlib.md5(f"{word}{number}@example.com".encode()).hexdigest() for number in range(start, stop)]


@pytest.fixture(params=["open", "connect"])
def engine(request, tmp_path):
    """An empty engine: in this process, or behind gRPC on a free port of this machine."""
    with segengine.open(tmp_path / "data") as opened:
        if request.param == "open":
            yield opened
            return
        with opened.serve(port=0) as server, segengine.connect(server.target, timeout=30) as connected:
            yield connected


@pytest.fixture
def spring(engine):
    """The campaign acme/spring of an empty engine."""
    return engine.campaigns.create("acme/spring")


@pytest.fixture
def lines():
    """A function from a range of users to the lines of a customer file."""
    return md5_lines


@pytest.fixture
def filled(engine, spring):
    """Three overlapping segments and links: a = 0-99, b = 50-149, c = 100-199; user n is network:n when n is even."""
    for name, start, stop in (("a", 0, 100), ("b", 50, 150), ("c", 100, 200)):
        spring.segments.upload(name, md5_lines(start, stop))
    even = [(f"email_md5:{line}", f"network:{2 * number}") for number, line in enumerate(md5_lines(0, 200)[::2])]
    engine.link(even, seen=_today())
    return spring


def _today():
    return dt.datetime.now(dt.UTC)
