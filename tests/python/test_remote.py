"""The remote transport when servers misbehave: retries, deadlines, broken iterators, forks and closing.

The server here is that of gRPC for Python, made to fail in one way each; what a working one answers is tested with
ours.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health_pb2

import segengine
from segengine.client import methods
from segengine.v1 import admin_pb2, segments_pb2

HEALTH = "/grpc.health.v1.Health/Check"


class Peer(grpc.GenericRpcHandler):
    """A server that answers each method by a function."""

    def __init__(self) -> None:
        self.answers = {HEALTH: lambda _, __: health_pb2.HealthCheckResponse(status=1).SerializeToString()}
        self.streams = {}
        self.metadata = []
        self.calls = []
        self.server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[self])
        self.target = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def service(self, details):
        self.calls.append(details.method)
        self.metadata.append(dict(details.invocation_metadata))
        if details.method in self.streams:
            return grpc.stream_unary_rpc_method_handler(self.streams[details.method])
        if details.method in self.answers:
            return grpc.unary_unary_rpc_method_handler(self.answers[details.method])
        return None


@pytest.fixture
def peer():
    """A peer that is healthy and knows nothing else."""
    one = Peer()
    yield one
    one.server.stop(None).wait()


def failing(times, code, answer):
    """Return an answer that fails so often first."""
    left = [times]

    def handle(_, context):
        if left[0]:
            left[0] -= 1
            context.abort(code, "not now")
        return answer.SerializeToString()

    return handle


def test_an_unavailable_server_is_asked_again(peer):
    """Three refusals and then an answer are an answer."""
    with segengine.connect(peer.target) as engine:
        peer.answers[methods.GET_INFO.path] = failing(3, grpc.StatusCode.UNAVAILABLE, admin_pb2.Info(adgroups=7))
        assert engine.info().adgroups == 7
    assert peer.calls.count(methods.GET_INFO.path) == 4


def test_other_failures_are_not_repeated(peer):
    """A refusal stays one."""
    with segengine.connect(peer.target) as engine:
        peer.answers[methods.GET_INFO.path] = failing(1, grpc.StatusCode.PERMISSION_DENIED, admin_pb2.Info())
        with pytest.raises(segengine.PermissionDeniedError):
            engine.info()
    assert peer.calls.count(methods.GET_INFO.path) == 1


def test_a_server_that_stays_unavailable_is_given_up(peer):
    """After five attempts the error says so."""
    with segengine.connect(peer.target) as engine:
        peer.answers[methods.GET_INFO.path] = failing(99, grpc.StatusCode.UNAVAILABLE, admin_pb2.Info())
        with pytest.raises(segengine.UnavailableError, match="not now"):
            engine.info()
    assert peer.calls.count(methods.GET_INFO.path) == 5


def test_a_call_that_hangs_ends_at_its_deadline(peer):
    """The engine's timeout is each call's deadline."""
    hold = threading.Event()
    with segengine.connect(peer.target, timeout=0.3) as engine:
        peer.answers[methods.GET_INFO.path] = lambda _, __: hold.wait(10) or b""
        began = time.monotonic()
        with pytest.raises(segengine.DeadlineExceededError):
            engine.info()
        assert time.monotonic() - began < 5
    hold.set()


def test_the_api_key_is_sent_as_a_bearer_token(peer):
    """With every call, and without one nothing is."""
    with segengine.connect(peer.target, api_key="k-123"):
        assert peer.metadata[-1]["authorization"] == "Bearer k-123"
    with segengine.connect(peer.target):
        assert "authorization" not in peer.metadata[-1]


def test_connect_refuses_what_is_not_there_or_does_not_serve(peer):
    """With the target in the sentence."""
    with pytest.raises(segengine.UnavailableError, match=r"127\.0\.0\.1:1 ") as caught:
        segengine.connect("127.0.0.1:1", timeout=2)
    assert "segengine serve" in caught.value.hint
    peer.answers[HEALTH] = lambda _, __: health_pb2.HealthCheckResponse(status=2).SerializeToString()
    with pytest.raises(segengine.UnavailableError, match="does not serve"):
        segengine.connect(peer.target)


def test_a_method_that_the_server_does_not_know_is_a_version_question(peer):
    """UNIMPLEMENTED without details comes from an older server."""
    with segengine.connect(peer.target) as engine, pytest.raises(segengine.FailedPreconditionError) as caught:
        engine.limits()
    assert "versions" in caught.value.hint


def half_closed(peer, path):
    """Make the peer record whether a stream came to its end, and how many parts it had."""
    ends = []

    def handle(requests, context):
        parts = 0
        try:
            for _request in requests:
                parts += 1
        except grpc.RpcError:
            ends.append(("cancelled", parts))
            raise
        # This server's iterator also ends quietly when a cancellation overtakes it; only a call that goes on was whole.
        time.sleep(0.1)
        ends.append(("whole" if context.is_active() else "cancelled", parts))
        return segments_pb2.Operation(name="operations/1", done=True, state=2).SerializeToString()

    peer.streams[path] = handle
    return ends


def shared(engine):
    """Return the segments of an advertiser that is not asked for, for this server has none."""
    return type(engine.segments)(engine, "advertisers/a")


def broken_lines():
    """Yield lines, then break as a generator of a caller may."""
    yield "0" * 32
    raise ZeroDivisionError("the caller's own")


def test_an_exception_of_the_caller_s_iterator_reaches_the_caller_and_commits_nothing(peer):
    """The server must never see the end of a stream whose source broke: it would take the part for the whole."""
    ends = half_closed(peer, methods.UPLOAD_SEGMENT.path)
    with segengine.connect(peer.target) as engine:
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                shared(engine).upload("x", broken_lines(), wait=False)
    peer.server.stop(None).wait()
    assert [one for one in ends if one[0] != "cancelled"] == []


def test_the_same_holds_for_asyncio(peer):
    """The two clients of gRPC treat a broken iterator differently; ours do not."""
    ends = half_closed(peer, methods.UPLOAD_SEGMENT.path)

    async def broken():
        async with segengine.aconnect(peer.target) as engine:
            segments = shared(engine)
            with pytest.raises(ZeroDivisionError):
                await segments.upload("x", broken_lines(), wait=False)
            operation = await segments.upload("x", ["0" * 32], wait=False)
            return operation.record.state

    assert asyncio.run(broken()) == "SUCCEEDED"
    assert ends.count(("whole", 2)) == 1
    assert all(end == "cancelled" for end, parts in ends if parts != 2)


def test_close_waits_for_running_calls_and_then_refuses(peer):
    """A call that is under way gets its answer."""
    entered, hold = threading.Event(), threading.Event()

    def slow(_, __):
        entered.set()
        hold.wait(10)
        return admin_pb2.Info(adgroups=3).SerializeToString()

    peer.answers[methods.GET_INFO.path] = slow
    engine = segengine.connect(peer.target, timeout=30)
    with futures.ThreadPoolExecutor(2) as pool:
        answer = pool.submit(engine.info)
        assert entered.wait(10)
        closing = pool.submit(engine.close)
        time.sleep(0.1)
        assert not closing.done()
        hold.set()
        assert answer.result(10).adgroups == 3
        closing.result(10)
    with pytest.raises(segengine.EngineClosedError):
        engine.info()
    engine.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_told_who_opened(peer):
    """Neither locks nor network threads survive a fork, so no call may try."""
    engine = segengine.connect(peer.target)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            engine.info()
        except segengine.EngineClosedError as error:
            os.write(writer, f"{error}".encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader) as told:
        assert str(os.getpid()) in told.read()
    engine.close()


def test_iter_match_takes_no_more_than_a_batch(peer):
    """Users may be an endless iterator."""
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield "network:a"

    with segengine.connect(peer.target) as engine:
        batches = engine.iter_match(endless(), size=10)
        with pytest.raises(segengine.SegengineError):
            next(batches)
    assert len(taken) == 10
