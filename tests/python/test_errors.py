"""Errors: one tree, the same embedded and remote, each with code, field and hint."""

from __future__ import annotations

import pickle
import traceback

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

import segengine
from segengine import errors
from segengine.client.status import error_of_rpc

CLASSES = [cls for name, cls in vars(errors).items() if name.endswith("Error") and issubclass(cls, Exception)]


class Failure(grpc.RpcError):
    """A failed call with what a server sent."""

    def __init__(self, code: grpc.StatusCode, details: str, metadata=()) -> None:
        super().__init__(details)
        self._parts = (code, details, metadata)

    def code(self):
        return self._parts[0]

    def details(self):
        return self._parts[1]

    def trailing_metadata(self):
        return self._parts[2]


def with_details(code, message, *details):
    """Return a failure as segengine's server sends it."""
    packed = []
    for detail in details:
        one = Any()
        one.Pack(detail)
        packed.append(one)
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    return Failure(code, message, (("grpc-status-details-bin", status.SerializeToString()),))


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("InvalidInputError", ValueError),
        ("NotFoundError", LookupError),
        ("UnavailableError", ConnectionError),
        ("DeadlineExceededError", TimeoutError),
        ("StorageError", OSError),
        ("DirectoryLockedError", errors.StorageError),
    ],
)
def test_a_class_is_also_what_python_calls_it(name, base):
    """`except LookupError` catches a NotFoundError, and so on."""
    assert issubclass(getattr(segengine, name), base)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_keeps_field_and_hint_through_a_pickle(cls):
    """A worker process can hand an error back whole."""
    error = cls("what and where", field="candidates", hint="do this")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.field, again.hint) == (cls, "what and where", "candidates", "do this")


def test_the_package_exports_every_class_and_draws_it():
    """A class that is not in the drawn tree, or not importable from the package, is not documented."""
    for cls in CLASSES:
        assert cls.__name__ in segengine.__all__
        assert cls.__name__ in (segengine.__doc__ or "")
        assert cls.__name__ in (errors.__doc__ or "")


def test_codes_are_distinct_and_found_again():
    """A code on the wire names exactly one class."""
    codes = {cls.code: cls for cls in CLASSES if cls is not errors.SegengineError}
    assert len(codes) == len(CLASSES) - 1
    for code, cls in codes.items():
        assert type(errors.error_of(code, "x")) is cls


def test_a_traceback_shows_the_hint():
    """The hint is a note, so that whoever reads the log sees what to do."""
    shown = "".join(traceback.format_exception_only(errors.NotFoundError("no such segment", hint="create it")))
    assert "hint: create it" in shown


def test_error_info_decides_the_class_and_brings_the_hint():
    """FAILED_PRECONDITION is four classes; the reason says which."""
    info = error_details_pb2.ErrorInfo(reason="UPLOAD_FAILED", domain="segengine", metadata={"hint": "lower-case it"})
    bad = error_details_pb2.BadRequest(field_violations=[{"field": "source", "description": "x"}])
    error = error_of_rpc(with_details(grpc.StatusCode.FAILED_PRECONDITION, "refused", info, bad), "there:1")
    assert isinstance(error, errors.UploadFailedError)
    assert (str(error), error.hint, error.field) == ("refused", "lower-case it", "source")


def test_details_of_another_domain_are_not_ours():
    """A proxy's own ErrorInfo leaves the mapping to the code."""
    info = error_details_pb2.ErrorInfo(reason="STORAGE", domain="proxy.example")
    error = error_of_rpc(with_details(grpc.StatusCode.PERMISSION_DENIED, "no", info), "there:1")
    assert type(error) is errors.PermissionDeniedError


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidInputError),
        (grpc.StatusCode.ABORTED, errors.ConflictError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.LimitExceededError),
        (grpc.StatusCode.UNAVAILABLE, errors.UnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceededError),
        (grpc.StatusCode.UNKNOWN, errors.InternalError),
    ],
)
def test_a_bare_code_is_mapped_as_well_as_it_can(code, cls):
    """Without details, as a proxy sends it, the code decides."""
    assert type(error_of_rpc(Failure(code, "said so"), "there:1")) is cls


def test_a_server_that_does_not_answer_is_named():
    """Who mistypes a port reads which one, and how a server is started."""
    error = error_of_rpc(Failure(grpc.StatusCode.UNAVAILABLE, "connection refused"), "127.0.0.1:1")
    assert "127.0.0.1:1" in str(error)
    assert "segengine serve" in error.hint
