"""What docstrings are run with: a folder of their own, and an engine with a campaign where they say `engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import segengine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each example there is run in the synchronous twin, without its `await`.
collect_ignore_glob = ["python/segengine/client/_async/*"]


@pytest.fixture(autouse=True)
def _examples(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctest_namespace: dict[str, Any]
) -> Iterator[None]:
    """Give examples a folder, `segengine`, and an engine that is closed afterwards."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    monkeypatch.chdir(tmp_path)
    doctest_namespace["segengine"] = segengine
    if "client" not in request.node.name:
        yield
        return
    with segengine.open("examples") as engine:
        doctest_namespace["engine"] = engine
        doctest_namespace["spring"] = engine.campaigns.create("acme/spring")
        yield
