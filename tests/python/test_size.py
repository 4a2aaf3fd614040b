"""`segengine size`: the formula, the figures it stands on, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segengine.cli import main
from segengine.sizing import Holdings, machine_for
from segengine.sizing_figures import FIGURES

ROOT = Path(__file__).resolve().parents[2]


def test_the_figures_are_what_was_recorded():
    """The generated module says what the newest records in benches/record say, and each record is there."""
    command = [sys.executable, str(ROOT / "benches/compare/sizing.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert all((ROOT / "benches/record" / record).is_file() for _, record in FIGURES.values())


def test_the_formula_is_the_one_that_is_printed(capsys):
    """What JSON says follows from the figures by hand; the text shows the same numbers."""
    given = ["size", "--profiles", "10M", "--memberships-per-profile", "70", "--adgroups", "100k", "--rate", "1M"]
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    identifier, membership, cpu = (
        FIGURES[name][0] for name in ("identifier_bytes", "membership_bytes", "unary_cpu_us")
    )
    held = 12e6 * identifier + 700e6 * membership + 100_000 * 1_600 + 1_000 * 1_000 + 50e6
    assert found["memory_bytes"] == pytest.approx((held + 5e6 * membership) * 4 / 3, rel=1e-6)
    assert found["disk_bytes"] == pytest.approx(2 * held, rel=1e-6)
    assert found["cores"] - 1 == pytest.approx(2 * cpu, abs=1)
    assert main(given) == 0
    text = capsys.readouterr().out
    assert "700,000,000 ×" in text
    assert f"cores        {found['cores']} " in text


@given(st.integers(1, 10**9), st.integers(1, 10**5), st.floats(0.1, 500), st.floats(0, 1e7))
def test_more_of_anything_needs_no_less(profiles, adgroups, each, rate):
    """Memory, disk and cores never fall when something grows, and requests never take more than half of the cores."""
    one = machine_for(Holdings(profiles, 1_000, each, adgroups, rate=rate))
    two = machine_for(Holdings(2 * profiles, 1_000, each, adgroups + 1, rate=2 * rate))
    assert one.memory_bytes < two.memory_bytes
    assert one.disk_bytes < two.disk_bytes
    assert one.cores <= two.cores
    assert one.load <= 0.5
    assert sum(one.parts_bytes.values()) < one.memory_bytes


@pytest.mark.parametrize(
    "wrong", [["--profiles", "many"], ["--profiles", "0"], ["--profiles", "1M", "--rate", "-1"], []]
)
def test_what_is_no_number_is_refused(capsys, wrong):
    """A wrong or absent number is exit code 2, in two lines."""
    assert main(["size", *wrong]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error: " in captured.err
    assert "hint:  " in captured.err
