"""`segengine bench` against real servers, and the rules by which it finds a capacity."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segengine
from segengine.bench.figures import Histogram, Run, summary
from segengine.bench.questions import users_of
from segengine.bench.runs import _sweep
from segengine.cli import main
from segengine.client.methods import Method
from segengine.errors import InvalidInputError
from segengine.v1 import admin_pb2

SEGENGINE = str(Path(sys.executable).with_name("segengine"))
SERVER_TIMES = Method("/segengine.v1.Admin/GetServerTimes", admin_pb2.ServerTimes)


def filled(path, adgroups=5):
    """Make a data directory with people and adgroups; return it."""
    with segengine.open(path) as engine:
        spring = engine.campaigns.create("acme/spring")
        engine.load([(f"network:u{n}", f"S{n % 3}") for n in range(60)], campaign=spring)
        for number in range(adgroups):
            spring.adgroups.create(f"a{number}", include=[f"s{number % 3}"])
    return path


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """Return the address of a server with people and adgroups."""
    with segengine.serve(filled(tmp_path_factory.mktemp("bench") / "data"), port=0) as server:
        yield server.target


@pytest.fixture
def users(tmp_path):
    """Return a file of users, every other of whom is known."""
    path = tmp_path / "users.txt"
    path.write_text("".join(f"network:u{n}\nnetwork:x{n} network:y{n}\n\n" for n in range(60)))
    return str(path)


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command line; return its exit code, output and errors."""
    for name in ("SEGENGINE_DATA", "SEGENGINE_TARGET", "SEGENGINE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        code = main(["bench", *[str(one) for one in arguments]])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_rate_is_measured_from_both_sides(run, target, users, tmp_path):
    """Every due request is answered; the server counts the same calls; the page loads nothing from elsewhere."""
    page = tmp_path / "bench.html"
    given = ("--target", target, "--rate", 400, "--duration", "1s", "--candidates", 3, "--users", users)
    code, out, err = run(*given, "--report", page, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    (one,) = found["runs"]
    assert (one["sent"], one["answered"], one["failed"]) == (400, 400, {})
    assert 0 < one["p50_us"] <= one["p99_us"] <= one["max_us"]
    assert one["server_p50_us"] < one["p50_us"]
    assert one["server_cpu_us"] > 0
    assert "60 of 120 looked up are known" in found["about"]["users"]
    assert found["about"]["candidates"] == "3 of 5 adgroups"
    text = page.read_text()
    assert text.count("<svg") == 2
    assert not re.search(r"https?://|src=|<link|@import|url\(", text)


@pytest.mark.parametrize("shape", [("--batch", 16), ("--stream",), ("--candidates", "all"), ("--adgroups", "1-3")])
def test_each_way_to_ask(run, target, shape):
    """Batches, streams, all adgroups, given adgroups: all are answered, and made-up users are called so."""
    code, out, _ = run("--target", target, "--rate", 200, "--duration", "500ms", *shape)
    assert code == 0
    assert "made up: give --users FILE" in out
    assert "0 of 200 looked up are known" in out
    row = out.splitlines()[-1] if "late" not in out.splitlines()[-1] else out.splitlines()[-2]
    assert row.startswith(target)
    assert row.endswith(" 0")


def passed_on(source, to):
    """Pass bytes on until one side closes."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
    for one in (source, to):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def unix(target, tmp_path):
    """Return a unix socket that leads to the server."""
    path = str(tmp_path / "s.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    host, _, port = target.rpartition(":")
    opened, threads = [], []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                near = listener.accept()[0]
                far = socket.create_connection((host, int(port)))
                opened.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threads.append(threading.Thread(target=passed_on, args=pair))
                    threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    yield f"unix:{path}"
    listener.shutdown(socket.SHUT_RDWR)
    accepting.join()
    listener.close()
    for one in opened:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for one in opened:
        one.close()


def test_a_unix_socket_is_a_target(run, unix):
    """Client and generator both reach a server through a unix socket."""
    code, out, err = run("--target", unix, "--rate", 100, "--duration", "500ms", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["runs"][0]["answered"] == 50


def test_a_capacity_is_found_and_run(run, target):
    """Without a rate the capacity is found; 50, 80 and 100 % of it are run."""
    code, out, err = run("--target", target, "--duration", "500ms", "--p99", "10s", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    (capacity,) = found["capacities"]
    assert 0 < capacity["capacity"] <= 1.1 * capacity["peak"]
    assert len(capacity["runs"]) >= 3
    rates = [one["rate"] for one in found["runs"]]
    assert rates == pytest.approx([capacity["capacity"] * share for share in (0.5, 0.8, 1.0)], rel=1e-3)


def test_two_servers_alternate(run, target, tmp_path):
    """Rounds go A-B-A-B, and each server has its median with the lowest and the highest round."""
    with segengine.serve(filled(tmp_path / "other"), port=0) as other:
        given = ("--target", target, "--against", other.target, "--rate", 200, "--rounds", 3, "--duration", "900ms")
        code, out, _ = run(*given, "--json")
        found = json.loads(out)
        assert code == 0
        assert [one["target"] for one in found["runs"]] == [target, other.target] * 3
        assert [(one["target"], one["rounds"]) for one in found["summary"]] == [(target, 3), (other.target, 3)]
        for one in found["summary"]:
            assert one["low"]["p50_us"] <= one["median"]["p50_us"] <= one["high"]["p50_us"]
        code, out, _ = run(*given)
        assert code == 0
        assert "ROUNDS" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--rate", 0), 2, ("--rate: 0 requests", "leave it away")),
        (("--rate", "-3"), 2, ("--rate: -3", "leave it away")),
        (("--rate", "nan"), 2, ("--rate: nan", "leave it away")),
        (("--duration", "soon"), 2, ("--duration: 'soon'", "60s")),
        (("--duration", "0s"), 2, ("--duration: '0s'", "60s")),
        (("--p99", "x"), 2, ("--p99: 'x'", "60s")),
        (("--users", "/dev/null"), 1, ("no identifier", "a user on each line")),
        (("--users", "/nonexistent"), 1, ("/nonexistent: ", "give a file")),
        (("--candidates", "some"), 2, ("--candidates: 'some'", "all")),
        (("--adgroups", "9-1"), 2, ("--adgroups: '9-1'", "1-5000")),
        (("--batch", "2", "--stream"), 2, ("--stream and --batch", "one of them")),
        (("--candidates", 20_000), 4, ("candidates: 20000", "for all")),
    ],
)
def test_what_cannot_be_run_says_why(run, target, arguments, code, says):
    """A wrong option is refused in two lines before anything is asked."""
    found, out, err = run("--target", target, "--duration", "100ms", *arguments)
    assert (found, out) == (code, "")
    assert all(text in err for text in (*says, "error:", "hint:")), err


def test_no_server_and_no_adgroup(run, tmp_path):
    """An address where nothing answers is exit code 5; a server without adgroups says what to do."""
    code, _, err = run("--target", "127.0.0.1:1", "--timeout", 2)
    assert code == 5
    assert "127.0.0.1:1" in err
    code, _, err = run("--data", tmp_path)
    assert code == 2
    assert "segengine serve" in err
    with segengine.serve(tmp_path / "empty", port=0) as server:
        code, _, err = run("--target", server.target, "--duration", "100ms")
        assert code == 1
        assert "--candidates all" in err


@pytest.fixture
def served(tmp_path):
    """Run a server as a process; give it and its target."""
    command = [SEGENGINE, "serve", str(filled(tmp_path / "served")), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server, re.search(r"gRPC (\S+)", server.stdout.readline()).group(1)
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()


def test_a_server_that_stands_still_shows_in_the_percentiles(run, served):
    """A process stopped for half of each second makes late whoever fell due meanwhile, and does not know it itself."""
    server, target = served
    over = threading.Event()

    def halt():
        while not over.wait(0.5):
            os.kill(server.pid, signal.SIGSTOP)
            time.sleep(0.5)
            os.kill(server.pid, signal.SIGCONT)

    halting = threading.Thread(target=halt)
    halting.start()
    try:
        code, out, _ = run("--target", target, "--rate", 500, "--duration", "3s", "--json")
    finally:
        over.set()
        halting.join()
    assert code == 0
    (one,) = json.loads(out)["runs"]
    assert one["answered"] == 1_500
    # Half of them fell due while it stood still, and waited between nothing and half a second.
    assert one["p90_us"] > 200_000
    assert one["server_p50_us"] < 100_000


def calls_reach(target, wanted):
    """Wait until a server has counted so many calls of Match."""
    with segengine.connect(target) as engine:
        calls = 0
        while calls < wanted:
            time.sleep(0.01)
            times = engine._transport.unary(SERVER_TIMES, admin_pb2.GetServerTimesRequest())
            calls = sum(sum(method.calls) for method in times.methods if method.method == "Match")


def test_ctrl_c_ends_it_with_what_was_measured(served):
    """Ctrl-C ends a run of ten minutes at once; the figures until then are printed, and the exit code is 130."""
    _, target = served
    command = [SEGENGINE, "bench", "--target", target, "--rate", "300", "--duration", "10m", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        calls_reach(target, 1)
        time.sleep(2)  # past the warm-up
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    found = json.loads(out)
    assert found["interrupted"]
    assert found["runs"][0]["stopped"]
    assert 0 < found["runs"][0]["answered"] < 300 * 60


def made(rate, answered, p99_us, failed=0):
    """Return a run with these figures."""
    latency = Histogram.of([(1.0, 90), (p99_us, 10)])
    failures = {"UNAVAILABLE": failed} if failed else {}
    return Run(
        "t", rate, 1, int(rate), int(answered * 1e4), failures, 1e4, latency, p99_us, 0.0, [], None, None, stopped=False
    )


@settings(max_examples=200)
@given(peak=st.floats(100, 1e6), share=st.floats(0.002, 1.09), how=st.sampled_from(["slow", "behind", "failing"]))
def test_a_sweep_finds_the_edge(peak, share, how):
    """Whatever gives way first (latency, throughput, answers), the capacity is the edge, to 15 % from below."""
    edge = peak * share

    def measured(rate):
        over = rate > edge
        if how == "slow":
            return made(rate, rate, 20_000 if over else 100)
        return made(rate, rate * 0.9 if over else rate, 100, failed=3 if over and how == "failing" else 0)

    sweep, found, tried = _sweep(peak, 10_000), None, 0
    rate = next(sweep)
    while found is None:
        tried += 1
        try:
            rate = sweep.send(measured(rate))
        except StopIteration as end:
            found = end.value
    assert tried <= 20
    assert found <= edge * 1.001
    assert found >= edge * 0.85 or found >= peak * 0.99


def test_a_server_that_holds_no_rate_has_no_capacity():
    """A sweep ends, with 0."""
    sweep = _sweep(1_000, 10)
    rate, tried = next(sweep), 0
    with contextlib.suppress(StopIteration):
        while True:
            rate, tried = sweep.send(made(rate, rate, 50)), tried + 1
    assert (tried, sweep.gi_frame) == (4, None)


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=300), st.floats(0, 1))
def test_a_quantile_is_the_one_of_the_sorted_values(values, share):
    """A histogram gives the value at ⌈share × n⌉ of the sorted list, and several merged give that of all."""
    histogram = Histogram.of([(float(value), 1) for value in values])
    place = max(int(np.ceil(share * len(values) - 1e-6)), 1) - 1
    assert histogram.quantile(share) == sorted(values)[place]
    both = Histogram.merged([histogram, Histogram.of([(2_000.0, len(values))])])
    assert both.total == 2 * len(values)
    assert both.quantile(1.0) == 2_000


def test_rounds_are_summed_up():
    """Median, lowest and highest are over rounds; failures add up by code; a figure that no round has stays absent."""
    (one,) = summary([made(10, 10, 5), made(10, 9, 9, failed=1), made(10, 10, 7)])
    assert (one.low["p99_us"], one.median["p99_us"], one.high["p99_us"]) == (5, 7, 9)
    assert (one.rounds, one.failed, one.median["server_p50_us"]) == (3, {"UNAVAILABLE": 1}, None)


def test_users_come_in_every_form(tmp_path):
    """Bare hashes are e-mail hashes as in customer files; other lines stay as they are; blank ones are skipped."""
    path = tmp_path / "users"
    path.write_text(f"{'a' * 32}\n\n  {'B' * 64}\nnetwork:7f3c device:x\n")
    assert users_of(path) == [f"email_md5:{'a' * 32}", f"email_sha256:{'B' * 64}", "network:7f3c device:x"]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="UTF-8"):
        users_of(path)
