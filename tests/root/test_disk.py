"""A disk that is full, and one that may only be read: refused in words, nothing lost, and answers go on."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from process import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root


@contextlib.contextmanager
def mounted(folder: Path, size: str):
    """Mount a small disk in memory at `folder`, which needs root: without it this fails, and is not skipped."""
    assert os.geteuid() == 0, "mounting a small disk needs root: run `make test-root` as root"
    folder.mkdir()
    made = run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    assert made.returncode == 0, f"a disk in memory cannot be mounted here: {made.stderr}"
    try:
        yield folder
    finally:
        run("umount", folder)


def test_a_full_disk_refuses_writes_answers_on_and_takes_them_again_without_a_restart(worker, tmp_path):
    """A step that finds no space is refused, leaves nothing, and goes well once there is space, in the same process."""
    with mounted(tmp_path / "disk", "4m") as disk:
        lived = run(worker, "fill", disk / "data", disk / "filler")
        assert lived.returncode == 0, lived.stderr
        assert "refused" in lived.stdout


def test_a_disk_that_may_only_be_read_is_refused_by_name(worker, tmp_path):
    """The refusal says what could not be done, where, and that the disk is read-only; the directory is as it was."""
    with mounted(tmp_path / "disk", "16m") as disk:
        assert run(worker, "play", disk / "data").returncode == 0
        assert run("mount", "-o", "remount,ro", disk).returncode == 0
        refused = run(worker, "judge", disk / "data")
        assert refused.returncode == 1
        assert "Read-only file system" in refused.stderr
        assert str(disk / "data") in refused.stderr
        assert run("mount", "-o", "remount,rw", disk).returncode == 0
        assert run(worker, "judge", disk / "data").stdout.strip() == "9"
