"""The command line as a process: signals, broken pipes, terminals, and the server that it runs."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import segengine
from segengine.cli.program import app

SEGENGINE = str(Path(sys.executable).with_name("segengine"))
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def environment():
    """Return an environment that names no engine and no width."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SEGENGINE_")}
    return {key: value for key, value in kept.items() if key not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}}


@pytest.fixture
def data(tmp_path):
    """Return a data directory with a campaign, and a customer file beside it."""
    path = tmp_path / "data"
    with segengine.open(path) as engine:
        engine.campaigns.create("acme/spring")
    lines = [hashlib.md5(f"user{n}@example.com".encode()).hexdigest() + "\n" for n in range(60_000)]
    (tmp_path / "actifs.csv").write_text("".join(lines))
    return path


def read_until(stream, wanted):
    """Return the first line that holds a text."""
    for line in stream:
        if wanted in line:
            return line
    raise AssertionError(f"{wanted!r} was never said")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_greets_answers_and_stops(tmp_path, environment, number):
    """`serve` makes the directory, says where it listens, and ends with 0 when told to; the directory is free then."""
    command = [SEGENGINE, "serve", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        greeting = read_until(server.stdout, "gRPC")
        target = re.search(r"gRPC (127\.0\.0\.1:\d+) · no credentials: loopback only", greeting).group(1)
        with segengine.connect(target) as engine:
            engine.campaigns.create("acme/spring")
        server.send_signal(number)
        _, said = server.communicate(timeout=30)
    assert server.returncode == 0, said
    with segengine.open(tmp_path / "data", create=False) as engine:
        assert [one.path for one in engine.campaigns] == ["acme/spring"]


def test_a_port_in_use_and_an_open_address_are_refused(tmp_path, environment):
    """A second server on the port, and an address that others reach, are refused in two lines with exit code 1."""
    with segengine.serve(tmp_path / "first", port=0) as server:
        port = server.target.rpartition(":")[2]
        for arguments, says in ((["--port", port], port), (["--host", "0.0.0.0", "--port", "0"], "loopback")):
            command = [SEGENGINE, "serve", str(tmp_path / "second"), *arguments]
            found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
            assert found.returncode == 1
            error, hint = found.stderr.splitlines()[-2:]
            assert error.startswith("error: ")
            assert says in found.stderr
            assert hint.startswith("hint:  ")


@pytest.fixture(params=["data", "target"])
def where(request, data):
    """Say which engine: the directory, or a server on it."""
    if request.param == "data":
        yield ["--data", str(data)]
        return
    with segengine.serve(data, port=0) as server:
        yield ["--target", server.target]


def test_ctrl_c_ends_an_upload_and_changes_nothing(where, environment):
    """Ctrl-C in the middle of an upload ends it with 130, in one line, while its input is still open."""
    command = [SEGENGINE, "segment", "upload", "acme/spring", "Actifs", "-", *where]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as upload:
        upload.stdin.write(b"0123456789abcdef0123456789abcdef\n" * 100_000)
        upload.stdin.flush()  # 3.3 MB: more than the pipe holds, so it was being read
        upload.send_signal(signal.SIGINT)
        upload.wait(timeout=60)
        said = upload.stderr.read().decode()
    assert upload.returncode == 130, said
    assert said == "\ninterrupted (nothing was changed)\n"
    listed = subprocess.run(
        [SEGENGINE, "--json", "segment", "list", "acme/spring", *where],
        capture_output=True,
        env=environment,
        timeout=60,
        check=True,
    )
    assert [one for one in json.loads(listed.stdout) if one["ready"]] == []


def test_a_reader_that_leaves_is_no_error(data, environment):
    """`segengine … | head -1` says nothing on standard error."""
    for command in ("limits", "sample"):
        place = f"--data {data}" if command == "limits" else ""
        shell = f"set -o pipefail; {SEGENGINE} {command} {place} | true"
        found = subprocess.run(
            ["bash", "-c", shell], capture_output=True, text=True, env=environment, timeout=60, check=False
        )
        assert found.stderr == ""
        assert found.returncode in {0, 141}


def test_nothing_is_drawn_where_no_terminal_is(data, environment):
    """Into a pipe go whole lines without colors, and no progress on standard error."""
    command = [
        SEGENGINE,
        "--data",
        str(data),
        "segment",
        "upload",
        "acme/spring",
        "N" * 150,
        str(data.parent / "actifs.csv"),
        "--id",
        "long",
    ]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert found.stderr == ""
    assert not ANSI.search(found.stdout)
    listed = subprocess.run(
        [SEGENGINE, "--data", str(data), "segment", "list", "acme/spring"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=True,
    )
    heading, row = listed.stdout.splitlines()
    assert "N" * 150 in row
    assert not ANSI.search(heading)


def test_a_narrow_encoding_is_no_obstacle(data, environment):
    """Where the terminal's encoding has no mark for a word of ours, another one is shown, and nothing fails."""
    with segengine.open(data) as engine:
        engine.campaigns.get("acme/spring").adgroups.create("brand")
    found = subprocess.run(
        [SEGENGINE, "--data", str(data), "explain", "network:1", "acme/spring/brand"],
        capture_output=True,
        env={**environment, "PYTHONIOENCODING": "latin-1"},
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    assert found.stdout.startswith(b"? acme/spring/brand: the user matches")


def test_a_terminal_sees_progress_on_standard_error(data, environment):
    """On a terminal the upload draws a bar on standard error; standard output stays a plain answer."""
    command = [
        SEGENGINE,
        "--data",
        str(data),
        "segment",
        "upload",
        "acme/spring",
        "Actifs",
        str(data.parent / "actifs.csv"),
    ]
    controller, terminal = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True, env=environment) as upload:
        os.close(terminal)
        drawn = []
        while True:
            try:
                part = os.read(controller, 65_536)
            except OSError:  # the terminal is gone with the process
                break
            if not part:
                break
            drawn.append(part)
        answer = upload.stdout.read()
    os.close(controller)
    assert upload.returncode == 0
    assert "upload Actifs" in ANSI.sub("", b"".join(drawn).decode())
    assert answer.startswith("Actifs (acme/spring/actifs)  60,000 lines  PROCESSED in ")


def test_help_is_there_and_the_guide_names_every_command(environment):
    """`--help` says the exit codes; every command of every group has a sentence and a place in the guide."""
    found = subprocess.run(
        [SEGENGINE, "--help"], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert "Exit codes" in found.stdout
    guide = (Path(__file__).resolve().parents[2] / "docs/guides/command-line.md").read_text(encoding="utf-8")
    groups = [("", app), *((group.typer_instance.info.name, group.typer_instance) for group in app.registered_groups)]
    commands = {
        f"{name} {one.name}".strip(): one.callback for name, group in groups for one in group.registered_commands
    }
    assert len(commands) > 30
    assert [name for name, function in commands.items() if not function.__doc__] == []
    assert [name for name in commands if f"segengine {name}" not in guide] == []
