"""From what gRPC says to `segengine.errors`: the only place where a status becomes an exception.

The server sends ``google.rpc.ErrorInfo`` (domain ``segengine``, the class of the error as its reason, hint and field
as metadata) and ``BadRequest`` with the field. A proxy or gRPC itself sends a bare code, which is mapped as well as it
can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from segengine.errors import error_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segengine.errors import SegengineError

DOMAIN = "segengine"
_DETAILS_KEY = "grpc-status-details-bin"
_BY_GRPC_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: "INVALID_INPUT",
    grpc.StatusCode.OUT_OF_RANGE: "INVALID_INPUT",
    grpc.StatusCode.NOT_FOUND: "NOT_FOUND",
    grpc.StatusCode.ALREADY_EXISTS: "ALREADY_EXISTS",
    grpc.StatusCode.FAILED_PRECONDITION: "FAILED_PRECONDITION",
    grpc.StatusCode.ABORTED: "CONFLICT",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "LIMIT_EXCEEDED",
    grpc.StatusCode.PERMISSION_DENIED: "PERMISSION_DENIED",
    grpc.StatusCode.UNAUTHENTICATED: "UNAUTHENTICATED",
    grpc.StatusCode.UNAVAILABLE: "UNAVAILABLE",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.DATA_LOSS: "CORRUPTED",
}


def error_of_rpc(failure: grpc.RpcError, target: str) -> SegengineError:
    """Return the error that a failed call stands for.

    Parameters
    ----------
    failure : grpc.RpcError
        Of either the blocking or the asynchronous client of gRPC, which are also calls.
    target : str
        Where the call went, for errors that never reached a server.
    """
    code: grpc.StatusCode = failure.code()
    message: str = failure.details() or code.name
    info, field = _details(failure.trailing_metadata() or ())
    if info is not None:
        return error_of(info.reason, message, field=field or info.metadata.get("field"), hint=info.metadata.get("hint"))
    if code is grpc.StatusCode.UNAVAILABLE:
        hint = f"is a server running at {target}? `segengine serve DIR` starts one"
        return error_of("UNAVAILABLE", f"{target} does not answer: {message}", hint=hint)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return error_of("DEADLINE_EXCEEDED", f"{target} did not answer in time", hint="give a longer timeout=")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        hint = "client and server are of different versions"
        return error_of("FAILED_PRECONDITION", f"{target} does not know this method", hint=hint)
    return error_of(_BY_GRPC_CODE.get(code, "INTERNAL"), message, field=field)


def _details(metadata: Iterable[Any]) -> tuple[error_details_pb2.ErrorInfo | None, str | None]:
    """Return the error info of our domain and the first violated field, where they were sent."""
    info: error_details_pb2.ErrorInfo | None = None
    field: str | None = None
    for key, value in metadata:
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        for detail in status_pb2.Status.FromString(value).details:
            one = error_details_pb2.ErrorInfo()
            bad = error_details_pb2.BadRequest()
            if detail.Unpack(one) and one.domain == DOMAIN:
                info = one
            elif detail.Unpack(bad) and bad.field_violations:
                field = bad.field_violations[0].field
    return info, field
