"""What all Python tests share: in CI a skipped test fails the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run with skipped tests into a failed one where SEGENGINE_FORBID_SKIPS is set."""
    if os.environ.get("SEGENGINE_FORBID_SKIPS") != "1":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = 1
        reporter.write_line("a test was skipped, which SEGENGINE_FORBID_SKIPS forbids", red=True)
