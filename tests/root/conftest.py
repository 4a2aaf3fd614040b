"""What the tests with strace and mounts share: the tracer, the process that is stopped, a place without a disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from process import run

ROOT = Path(__file__).resolve().parents[2]
CRATES = ("segengine", "segengine-proofs", "segengine-server", "segengine-python")


@pytest.fixture(scope="session")
def strace():
    """Return the path of strace, whose absence is a failure: `.ci/run` installs it."""
    found = shutil.which("strace")
    assert found, "strace is missing: install it (apt-get install strace), then run `make test-root` again"
    return found


@pytest.fixture(scope="session")
def worker():
    """Build the process that is killed and return its path."""
    packages = [text for crate in CRATES for text in ("-p", crate)]
    built = run(ROOT / "tools/cargo.sh", "build", "--quiet", "--locked", *packages, "--bin", "crash-worker", cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/crash-worker"


@pytest.fixture
def place():
    """Return a new folder in memory, where a sync costs nothing: what is killed here is a process, not the machine."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder).resolve()
