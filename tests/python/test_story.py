"""`make run`: the story is told by the engine, not by the program; what it says follows from files and plot."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import document
import segengine
from segengine import demo_files, story
from segengine.errors import DirectoryLockedError, FailedPreconditionError

STORY = [sys.executable, "-m", "segengine.story"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the story's files, as it makes them."""
    return demo_files.make(tmp_path_factory.mktemp("story"))


def told(tmp_path, files, plot):
    """Tell the story on a server of its own, by gRPC."""
    with segengine.serve(tmp_path, port=0) as server, segengine.connect(server.target) as engine:
        return story.tell(engine, files, plot)


def with_line(files, folder, old, new):
    """Return the files with one line of the subscribers' file changed."""
    folder.mkdir()
    lines = files.subscribers.read_text().splitlines()
    position = lines.index(old)
    lines[position] = new
    path = folder / "abonnes.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return dataclasses.replace(files, subscribers=path)


def test_the_story_ends(tmp_path):
    """`make run ARGS=--once` tells the promised figures, measured times, and ends with 0; its directory is sound."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SEGENGINE_")}
    found = subprocess.run(
        [*STORY, "--once"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False, env=environment
    )
    assert found.returncode == 0, found.stderr
    greeting, upload, report, adgroup, impression, why = found.stdout.splitlines()
    assert re.match(
        r"segengine \S+ · data demo-data/ · gRPC 127\.0\.0\.1:\d+ · no credentials: loopback only$", greeting
    )
    assert re.match(r"① upload +Abonnés - 2018-01 +━+ 250,412 lines  PROCESSING → PROCESSED in \d+\.\d s$", upload)
    assert report.strip() == (
        "250,000 profiles · reach 54.28 % · 391 duplicates · 21 invalid (18 not_hex, 3 empty_hash)"
        " · recommended volume ✓"
    )
    assert re.match(r"② adgroup +acme/spring/conquest +INCLUDE Clients actifs   EXCLUDE Abonnés - 2018-01$", adgroup)
    assert re.match(r"③ impression network:7f3c… +→ conquest, brand +generation \d+ +[\d,]+ µs", impression)
    assert re.match(r' +why not "loyalty"\? +✘ INCLUDE Abonnés - 2018-01: this user is not a member$', why)
    assert "\x1b" not in found.stdout
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = (block.text for block in document.blocks(readme) if block.text.startswith("segengine "))
    port = r"127.0.0.1:\d+"
    assert document.matches(re.sub(port, "…", shown), re.sub(port, "50051", found.stdout)), "README tells another story"
    assert segengine.verify_directory(tmp_path / "demo-data").sound


def test_one_include_changes_the_answers(tmp_path, files):
    """With another include the visitor is no longer a match; nothing else differs."""
    plot = story.Plot()
    first = told(tmp_path / "first", files, plot)
    assert first.matches == ("conquest", "brand")
    conquest = dataclasses.replace(plot.adgroups[0], include=(plot.subscribers,), exclude=())
    changed = told(tmp_path / "second", files, dataclasses.replace(plot, adgroups=(conquest, *plot.adgroups[1:])))
    assert changed.matches == ("brand",)
    assert (changed.profile_count, changed.reach) == (first.profile_count, first.reach) == (250_000, 0.5428)


def test_one_line_changes_the_answers(tmp_path, files):
    """With the visitor's hash in one line of the subscribers' file, three answers change."""
    lines = files.subscribers.read_text().splitlines()
    broken = next(line for line in lines if "z" in line)
    told_now = told(tmp_path / "data", with_line(files, tmp_path / "files", broken, files.visitor_md5), story.Plot())
    assert told_now.matches == ("brand", "loyalty")
    assert told_now.reason == "✔ INCLUDE Abonnés - 2018-01: this user is a member"
    assert told_now.profile_count == 250_001
    assert told_now.report.invalid_reasons == {"not_hex": 17, "empty_hash": 3}
    assert told_now.reach == pytest.approx(135_701 / 250_001)


def test_the_story_may_be_told_twice_on_a_directory_that_stays(tmp_path, files):
    """A second telling on the same directory answers the same."""
    once = told(tmp_path / "data", files, story.Plot())
    twice = told(tmp_path / "data", files, story.Plot())
    assert dataclasses.replace(once, report=None) == dataclasses.replace(twice, report=None)
    assert (twice.report.added, twice.report.removed, twice.report.kept) == (0, 0, 250_000)


def test_only_a_directory_of_an_earlier_story_is_made_anew(tmp_path):
    """Another folder of that name, and one that is being served, are left alone."""
    (tmp_path / "demo-data").mkdir()
    (tmp_path / "demo-data/thesis.txt").write_text("all of it")
    with pytest.raises(FailedPreconditionError, match="something else"):
        story.renew(tmp_path / "demo-data")
    assert (tmp_path / "demo-data/thesis.txt").exists()
    with segengine.open(tmp_path / "served"), pytest.raises(DirectoryLockedError):
        story.renew(tmp_path / "served")
    assert (tmp_path / "served/FORMAT").exists()
    story.renew(tmp_path / "served")
    assert not (tmp_path / "served").exists()
    assert not (tmp_path / "served.key").exists()
    story.renew(tmp_path / "never-made")


def test_a_port_in_use_is_no_obstacle(tmp_path):
    """With the usual port taken, by whomever, the story is told on a free one."""
    with contextlib.closing(socket.socket()) as other:
        with contextlib.suppress(OSError):
            other.bind(("127.0.0.1", story.PORT))
            other.listen()
        with story.start(tmp_path / "data") as server:
            assert server.target.rpartition(":")[2] != str(story.PORT)
            with segengine.connect(server.target) as engine:
                assert list(engine.campaigns) == []


def test_the_story_serves_until_ctrl_c(tmp_path):
    """Without --once it serves on after the story, and the command that it offers to try works; Ctrl-C ends with 0."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SEGENGINE_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path, "env": environment}
    with subprocess.Popen([*STORY, "--data", "kept"], **pipes) as running:
        for line in running.stdout:
            if line.startswith("serving"):
                break
        command = line.partition("Try:")[2]
        tried = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert "this user is not a member" in tried.stdout
    assert running.returncode == 0, said
    assert (tmp_path / "kept/FORMAT").exists()
