"""A machine that lacks something is told in one sentence; what set-up fetches is pinned by hash."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL_TOOLS = ("sh", "awk", "cut", "head", "printf", "env", "dirname")


@pytest.fixture
def machine(tmp_path):
    """Return a function that runs the toolchain check on a machine with exactly the given tools and versions."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in SHELL_TOOLS:
        for folder in ("/bin", "/usr/bin"):
            if Path(folder, name).exists() and not (bin_folder / name).exists():
                (bin_folder / name).symlink_to(Path(folder, name))

    def fake(name, text):
        (bin_folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_folder / name).chmod(0o755)

    def run(*, rust="1.95.0", python="3.11", cc=True, venv=True):
        if rust:
            fake("cargo", "exit 0")
            fake("rustc", f"echo 'rustc {rust} (59807616e 2026-04-14)'")
        if python:
            fake("python3", f'case "$2" in *ensurepip*) exit {int(not venv)};; *) echo {python};; esac')
        if cc:
            fake("cc", "exit 0")
        environment = {"PATH": str(bin_folder)}
        return subprocess.run(
            ["sh", ROOT / "tools/toolchain.sh"], env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_a_sufficient_machine_is_accepted(machine):
    """The check prints the interpreter's path and nothing else."""
    result = machine()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("/python3\n")


def test_versions_are_compared_as_numbers(machine):
    """1.100 is newer than 1.95, 3.9 older than 3.11, and a nightly's suffix does not matter."""
    assert machine(rust="1.100.0").returncode == 0
    assert machine(rust="1.96.0-nightly").returncode == 0
    assert machine(python="3.9").returncode == 1
    assert machine(rust="2.0.1", python="4.0").returncode == 0


@pytest.mark.parametrize(
    ("lack", "sentence"),
    [
        ({"rust": None}, "Rust 1.95 or newer is needed and `cargo` was not found"),
        ({"rust": "1.94.1"}, "Rust 1.95 or newer is needed and 1.94.1 was found"),
        ({"python": None}, "Python 3.11 or newer is needed and `python3` was not found"),
        ({"python": "3.10"}, "Python 3.11 or newer is needed and 3.10 was found"),
        ({"venv": False}, "Python 3.11 was found without its venv module"),
        ({"cc": False}, "a C compiler is needed and `cc` was not found"),
    ],
)
def test_a_missing_tool_is_one_clear_sentence(machine, lack, sentence):
    """The check fails with one line that says what is missing and what to do."""
    result = machine(**lack)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
    assert "install" in result.stderr or "update" in result.stderr


def test_the_bootstrap_is_the_locked_uv():
    """tools/bootstrap.txt pins the uv of uv.lock, by hash."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    (uv,) = [package for package in lock["package"] if package["name"] == "uv"]
    text = (ROOT / "tools/bootstrap.txt").read_text(encoding="utf-8")
    assert text.startswith(f"uv=={uv['version']} ")
    locked = {file["hash"] for file in [uv["sdist"], *uv["wheels"]]}
    assert set(re.findall(r"--hash=(\S+)", text)) == locked


def test_the_locks_name_only_the_public_registries():
    """No index of somebody's machine, no folder of wheels, no git repository got into a lock file."""
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text(encoding="utf-8")))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    cargo = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    assert {package.get("source") for package in cargo["package"]} <= {
        None,
        "registry+https://github.com/rust-lang/crates.io-index",
    }


def test_versions_agree():
    """Cargo.toml, pyproject.toml and the installed package carry one version, and one Rust version is asked for."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cargo["version"] == project["version"]
    toolchain = (ROOT / "tools/toolchain.sh").read_text(encoding="utf-8")
    assert f"rust_minimum={cargo['rust-version']}\n" in toolchain
    assert f"python_minimum={project['requires-python'].removeprefix('>=')}\n" in toolchain


def test_every_target_has_a_help_line():
    """`make help` lists every target that a person may call, and README names only targets that exist."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))
    helped = set(re.findall(r"^([a-z][a-z-]*):.*## ", text, re.MULTILINE))
    assert targets == helped
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
    ).stdout  # fmt: skip
    assert all(f"make {target} " in shown for target in targets)
    for document in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8"))
        assert set(named) <= targets, document
