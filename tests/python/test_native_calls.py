"""Calls by message, threads, signals, forks and the end of an engine, through the extension by itself."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from native_requests import MEMBERS, create, fill, text_of

import segengine
from segengine import _segengine as native
from segengine import errors
from segengine.v1 import campaigns_pb2, segments_pb2, targeting_pb2


@pytest.fixture
def engine(tmp_path):
    """An empty engine."""
    opened = native.Engine.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """An engine that `fill` filled, for tests that change nothing."""
    opened = native.Engine.open(tmp_path_factory.mktemp("filled") / "data")
    fill(opened)
    yield opened
    opened.close()


class TestCalls:
    """Calls by message."""

    def test_a_message_that_is_none_and_a_method_that_is_none(self, filled):
        """Both are refused by the class that says so."""
        with pytest.raises(errors.InvalidInputError):
            filled.unary("/segengine.v1.Targeting/Match", b"\xff\xff\xff")
        with pytest.raises(errors.NotFoundError):
            filled.unary("/segengine.v1.Targeting/Nothing", b"")
        with pytest.raises(errors.InvalidInputError, match="timeout"):
            filled.unary("/segengine.v1.Admin/GetInfo", b"", -1.0)
        with pytest.raises(TypeError):
            filled.unary("/segengine.v1.Admin/GetInfo", "text")

    def test_match_by_message_says_the_same(self, filled):
        """The hot path and the service answer alike."""
        request = targeting_pb2.MatchRequest(all=True)
        request.identifiers.add(kind=3, value=text_of(1).removeprefix("network:").encode())
        answer = filled.unary("/segengine.v1.Targeting/Match", request.SerializeToString())
        assert sorted(targeting_pb2.MatchResponse.FromString(answer).adgroups) == sorted(
            filled.match_one((text_of(1),), None, None, 0)
        )

    def test_a_stream_comes_in_parts(self, filled):
        """Evaluate gives a header and then the bytes that it announced."""
        query = targeting_pb2.SetQuery(parent="advertisers/acme/campaigns/spring", expression="fans")
        request = targeting_pb2.EvaluateRequest(query=query)
        stream = filled.server_stream("/segengine.v1.Targeting/Evaluate", request.SerializeToString())
        parts = [targeting_pb2.EvaluateResponse.FromString(part) for part in stream]
        assert parts[0].header.profile_count == MEMBERS
        data = b"".join(part.chunk for part in parts[1:])
        assert (len(data), native.check_portable(data)) == (parts[0].header.total_bytes, MEMBERS)
        assert list(stream) == []

    def test_a_canceled_stream_gives_nothing_more(self, filled):
        """Cancelling twice is fine; pulling afterwards says that it was cancelled."""
        query = targeting_pb2.SetQuery(parent="advertisers/acme/campaigns/spring", expression="fans")
        request = targeting_pb2.EvaluateRequest(query=query)
        stream = filled.server_stream("/segengine.v1.Targeting/Evaluate", request.SerializeToString())
        stream.cancel()
        stream.cancel()
        with pytest.raises(errors.CanceledError):
            next(stream)

    def test_what_a_callers_iterator_raises_comes_out_as_it_is(self, engine):
        """The upload is given up, and the caller sees its own exception."""

        def parts():
            header = segments_pb2.UploadHeader(parent="advertisers/acme/campaigns/spring", display_name="Fans")
            yield segments_pb2.UploadSegmentRequest(header=header).SerializeToString()
            raise ZeroDivisionError("mine")

        create(engine, "Campaign", parent="advertisers/acme", campaign_id="spring", create_parents=True,
               campaign=campaigns_pb2.Campaign(display_name="Spring"))  # fmt: skip
        with pytest.raises(ZeroDivisionError, match="mine"):
            engine.client_stream("/segengine.v1.Segments/UploadSegment", parts())
        with pytest.raises(TypeError, match="bytes are needed, not str"):
            engine.client_stream("/segengine.v1.Segments/UploadSegment", ["text"])

    def test_an_upload_is_pulled_from_an_iterator(self, engine):
        """A customer file goes in by parts and is live when the call returns."""
        campaign = create(engine, "Campaign", parent="advertisers/acme", campaign_id="spring", create_parents=True,
                          campaign=campaigns_pb2.Campaign(display_name="Spring"))  # fmt: skip
        pulled_on = set()

        def parts():
            header = segments_pb2.UploadHeader(parent=campaign.name, display_name="Fans", wait=True)
            yield segments_pb2.UploadSegmentRequest(header=header).SerializeToString()
            for line in native.sample_file().splitlines(keepends=True):
                pulled_on.add(threading.get_ident())
                yield segments_pb2.UploadSegmentRequest(chunk=line.encode()).SerializeToString()

        answer = engine.client_stream("/segengine.v1.Segments/UploadSegment", parts())
        assert segments_pb2.Operation.FromString(answer).done
        assert pulled_on == {threading.get_ident()}
        known = engine.match_one(("email_md5:" + native.email_md5("USER01@example.com "),), None, None, 0)
        assert known.identified == 1


class TestThreads:
    """The GIL, signals, and the end."""

    def test_threads_run_while_a_batch_is_answered(self, filled):
        """A thread of Python goes on counting during one long batch."""
        users = [text_of(number % MEMBERS) for number in range(65_536)]
        counted, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                counted[0] += 1
                time.sleep(0)

        thread = threading.Thread(target=count)
        thread.start()
        ids = np.arange(1, 10_001, dtype=np.uint32)
        started, before = time.perf_counter(), counted[0]
        filled.match_batch(users, ids, None, 0)
        lasted, during = time.perf_counter() - started, counted[0] - before
        stop.set()
        thread.join()
        assert during > 100, f"{during} steps in {lasted:.3f} s"

    def test_calls_from_many_threads_agree(self, filled):
        """Eight threads ask at once and all get the answer that one gets."""
        expected = filled.match_one((text_of(1),), None, None, 0).adgroups.tolist()
        wrong = []

        def ask():
            answers = [filled.match_one((text_of(1),), None, None, 0).adgroups.tolist() for _ in range(300)]
            wrong.extend(answer for answer in answers if answer != expected)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_results_outlive_the_engine(self, tmp_path):
        """Arrays, answers and the record of the engine stay readable after close; every call is refused."""
        engine = native.Engine.open(tmp_path / "data")
        fill(engine)
        answer, batch = engine.match_one((text_of(1),), None, None, 0), engine.match_batch([text_of(1)], None, None, 0)
        array = batch.adgroups
        engine.close()
        engine.close()
        del batch
        gc.collect()
        assert engine.closed
        assert "closed" in repr(engine)
        assert len(engine.engine_id) == 32
        assert sorted(answer) == sorted(array.tolist())
        for call in (
            lambda: engine.match_one((text_of(1),), None, None, 0),
            lambda: engine.match_batch([text_of(1)], None, None, 0),
            lambda: engine.unary("/segengine.v1.Segments/ListOperations", b""),
            lambda: engine.client_stream("/segengine.v1.Segments/UploadSegment", []),
            lambda: engine.server_stream("/segengine.v1.Targeting/Evaluate", b""),
            lambda: engine.serve("127.0.0.1", 0),
        ):
            with pytest.raises(errors.EngineClosedError, match="the engine is closed"):
                call()
        native.Engine.open(tmp_path / "data", create=False).close()

    def test_close_waits_for_a_running_call(self, engine):
        """A call that was begun is answered; the closing thread returns after it."""
        order, pulled = [], threading.Event()

        def parts():
            header = segments_pb2.UploadHeader(parent="advertisers/acme/campaigns/spring", display_name="Fans")
            yield segments_pb2.UploadSegmentRequest(header=header).SerializeToString()
            pulled.set()
            time.sleep(0.3)
            yield segments_pb2.UploadSegmentRequest(chunk=native.sample_file().encode()).SerializeToString()

        def upload():
            create(engine, "Campaign", parent="advertisers/acme", campaign_id="spring", create_parents=True,
                   campaign=campaigns_pb2.Campaign(display_name="Spring"))  # fmt: skip
            engine.client_stream("/segengine.v1.Segments/UploadSegment", parts())
            order.append("answered")

        thread = threading.Thread(target=upload)
        thread.start()
        assert pulled.wait(30)
        engine.close()
        order.append("closed")
        thread.join()
        assert order == ["answered", "closed"]

    def test_close_from_within_a_call_is_refused(self, engine):
        """An iterator that closes the engine would wait for itself for ever."""

        def parts():
            engine.close()
            yield b""

        with pytest.raises(errors.FailedPreconditionError, match="from within a call"):
            engine.client_stream("/segengine.v1.Segments/UploadSegment", parts())
        assert not engine.closed

    def test_another_engine_may_be_closed_within_a_call(self, engine, tmp_path):
        """What streams from one engine into another opens and closes the first as it likes."""

        def parts():
            native.Engine.open(tmp_path / "other").close()
            yield b""

        with pytest.raises(errors.InvalidInputError):
            engine.client_stream("/segengine.v1.Segments/UploadSegment", parts())
        assert native.Engine.open(tmp_path / "other").closed is False

    def test_a_directory_is_opened_once(self, engine):
        """A second open of the same directory in this process says that it is open already."""
        with pytest.raises(errors.DirectoryLockedError, match="already open in this process"):
            native.Engine.open(engine.path)

    def test_an_engine_that_nobody_holds_lets_its_directory_go(self, tmp_path):
        """Forgetting to close is no reason to be refused."""
        engine = native.Engine.open(tmp_path / "data")
        fill(engine)
        del engine
        gc.collect()
        native.Engine.open(tmp_path / "data").close()


AFTER_FORK = """
import gc, os, sys
from segengine import _segengine as native, errors
engine = native.Engine.open(sys.argv[1])
server = engine.serve("127.0.0.1", 0)
server_target = server.target
child = os.fork()
if child == 0:
    said = []
    listed = "/segengine.v1.Segments/ListOperations"
    for call in (lambda: engine.match_one(("network:x",), None, None, 0), lambda: engine.match_batch([], None, None, 0),
                 lambda: engine.unary(listed, b""), lambda: server.wait(0), server.stop):
        try:
            call()
        except errors.EngineClosedError as error:
            said.append(str(error))
    print(engine.closed, len(said), said[0], flush=True)
    engine.close()
    del engine, server
    gc.collect()
    native.Engine.open(sys.argv[1] + "-of-the-child").close()
    try:
        native.Engine.open(sys.argv[1])
    except errors.DirectoryLockedError as error:
        print(str(error).replace(str(os.getppid()), "PARENT"), server_target in error.hint, flush=True)
    print("the child goes on", flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
engine.unary("/segengine.v1.Segments/ListOperations", b"")
assert not engine.closed
assert server.wait(0) is False
server.stop()
engine.close()
print("the parent goes on")
"""

SERVE = """
import sys
from segengine import _segengine as native
engine = native.Engine.open(sys.argv[1])
server = engine.serve("127.0.0.1", 0)
try:
    print(server.target, flush=True)
    server.wait()
except KeyboardInterrupt:
    server.stop()
    engine.close()
    print("stopped", flush=True)
"""


LONG_CALL = """
import os, signal, sys, threading, time
from segengine import _segengine as native
from segengine.v1 import campaigns_pb2, segments_pb2
engine = native.Engine.open(sys.argv[1])
parent = "advertisers/acme/campaigns/spring"
campaign = campaigns_pb2.Campaign(display_name="Spring")
request = campaigns_pb2.CreateCampaignRequest(
    parent="advertisers/acme", campaign_id="spring", create_parents=True, campaign=campaign)
engine.unary("/segengine.v1.Campaigns/CreateCampaign", request.SerializeToString())
go_on, begun = threading.Event(), threading.Event()

def parts():
    header = segments_pb2.UploadHeader(parent=parent, display_name="Fans")
    yield segments_pb2.UploadSegmentRequest(header=header).SerializeToString()
    yield segments_pb2.UploadSegmentRequest(chunk=native.sample_file().encode()).SerializeToString()
    begun.set()
    go_on.wait(60)

upload = threading.Thread(target=lambda: engine.client_stream("/segengine.v1.Segments/UploadSegment", parts()))
upload.start()
begun.wait(30)
operations = []
while not operations:
    answer = engine.unary("/segengine.v1.Segments/ListOperations", b"")
    operations = segments_pb2.ListOperationsResponse.FromString(answer).operations
wait = segments_pb2.WaitOperationRequest(name=operations[0].name)
wait.timeout.FromSeconds(60)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
started = time.monotonic()
try:
    engine.unary("/segengine.v1.Segments/WaitOperation", wait.SerializeToString())
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - started < 10, flush=True)
watch = segments_pb2.WatchOperationRequest(name=operations[0].name)
stream = engine.server_stream("/segengine.v1.Segments/WatchOperation", watch.SerializeToString())
first = segments_pb2.Operation.FromString(next(stream))
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for _ in stream:
        pass
except KeyboardInterrupt:
    print("interrupted", first.done, flush=True)
go_on.set()
upload.join()
engine.close()
print("closed", flush=True)
"""


class TestProcesses:
    """Forks and signals need a process of their own."""

    def test_a_forked_child_is_refused_and_harmless(self, tmp_path):
        """Each call in the child names the process that opened the engine; the parent and its server do not notice."""
        done = subprocess.run(
            [sys.executable, "-c", AFTER_FORK, tmp_path / "data"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        first, *rest = done.stdout.splitlines()
        assert first.startswith("True 5 this engine was opened by process ")
        assert rest == [
            f"{tmp_path / 'data'} is open in process PARENT True",
            "the child goes on",
            "the parent goes on",
        ]

    def test_ctrl_c_ends_a_server_that_waits(self, tmp_path):
        """A server that waits without a limit sees the signal at once and ends in order."""
        process = subprocess.Popen([sys.executable, "-c", SERVE, tmp_path / "data"], stdout=subprocess.PIPE, text=True)
        try:
            target = process.stdout.readline().strip()
            assert target.startswith("127.0.0.1:")
            os.kill(process.pid, signal.SIGINT)
            assert process.stdout.readline() == "stopped\n"
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_ctrl_c_ends_a_call_that_waits(self, tmp_path):
        """A call and a stream that would last a minute end with KeyboardInterrupt; the engine goes on."""
        done = subprocess.run(
            [sys.executable, "-c", LONG_CALL, tmp_path / "data"],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["interrupted True", "interrupted False", "closed"]

    def test_a_server_refuses_a_port_in_use(self, engine):
        """A second server on the port says so; closing the engine stops the first."""
        server = engine.serve("127.0.0.1", 0)
        port = int(server.target.rpartition(":")[2])
        with pytest.raises(errors.FailedPreconditionError, match=str(port)):
            engine.serve("127.0.0.1", port)
        assert server.wait(0.01) is False
        engine.close()
        assert server.wait(0) is True


class TestOffline:
    """What needs no open directory."""

    def test_the_version(self):
        """The extension and the package are of one version."""
        assert native.version == segengine.__version__

    def test_addresses(self):
        """The MD5 of the normalised address; what is no address is refused without being shown."""
        assert native.email_md5("  John_Smith@Gmail.com\u200b") == "ac862c981fee6b90654257051c4e197a"
        with pytest.raises(errors.InvalidInputError) as caught:
            native.email_md5("secret person")
        assert "secret" not in str(caught.value)

    def test_sets_are_checked(self):
        """A set that is none is refused by name."""
        with pytest.raises(errors.CorruptedError, match="mine: not a 32-bit Roaring set"):
            native.check_portable(b"12345678", "mine")
