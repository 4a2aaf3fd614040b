"""The synchronous client is what the asynchronous one says, without what only asyncio needs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from unasync import SOURCE, unasync

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("asynchronous", "synchronous"),
    [
        ("async def f(): await g()\n", "def f(): g()\n"),
        ("async with aclosing(x) as y:\n    pass\n", "with closing(x) as y:\n    pass\n"),
        ("[one async for one in AsyncList()]\n", "[one for one in List()]\n"),
        ("class AsyncEngine:\n    async def __aenter__(self): ...\n", "class Engine:\n    def __enter__(self): ...\n"),
        ('"""Call `await engine.match()`."""\n', '"""Call `engine.match()`."""\n'),
        ('x = f"{await y} awaits"  # await here\n', 'x = f"{y} awaits"  # await here\n'),
        ("awaited = asynchronous = 1\n", "awaited = asynchronous = 1\n"),
        ("from a._async.b import AsyncC\n", "from a._sync.b import C\n"),
    ],
)
def test_each_difference_is_one_replacement(asynchronous, synchronous):
    """Keywords, protocol names, the prefix, docstrings; nothing that only looks alike."""
    assert unasync(asynchronous) == synchronous


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*.py")), ids=lambda path: path.name)
def test_the_committed_twin_is_made_of_its_source(path):
    """Line by line, behind the line that says so; without a word of asyncio."""
    twin = (ROOT / "python/segengine/client/_sync" / path.name).read_text(encoding="utf-8")
    note, _, body = twin.partition("\n")
    assert path.name in note
    assert body == unasync(path.read_text(encoding="utf-8"))
    kinds = {type(node).__name__ for node in ast.walk(ast.parse(twin))}
    assert not [kind for kind in kinds if kind.startswith("Async") or kind == "Await"]
