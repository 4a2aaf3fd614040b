"""Every error of segengine: one tree, the same classes whether the engine runs in this process or behind gRPC.

::

    SegengineError
    ├── InvalidInputError (ValueError)          a value is malformed or contradictory
    ├── NotFoundError (LookupError)             a named thing does not exist, or is another advertiser's
    ├── AlreadyExistsError                      a name or id is taken
    ├── FailedPreconditionError                 the thing exists but its state forbids the call
    ├── ConflictError                           another writer was there first: read again, then repeat
    ├── LimitExceededError                      a bound was passed, see ``engine.limits()``
    ├── UploadFailedError                       a customer file was refused; its report says why
    ├── PermissionDeniedError                   the credential does not allow the call
    ├── UnauthenticatedError                    no or an unknown credential
    ├── UnavailableError (ConnectionError)      the server does not answer: try again later
    ├── DeadlineExceededError (TimeoutError)    the time given passed first
    ├── CanceledError                           the work was cancelled
    ├── StorageError (OSError)                  the operating system refused to read or write
    │   └── DirectoryLockedError                the data directory is open in another process
    ├── CorruptedError                          stored bytes are not what was written
    ├── EngineClosedError                       the engine was closed, or this is a forked child
    └── InternalError                           a promise of the engine itself was broken: a defect

Each instance has ``code`` (the name on the wire), ``field`` (which part of the request was wrong) and ``hint`` (what to
do); a traceback shows the hint as a note. Messages never hold an e-mail, a hash or a key.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AlreadyExistsError",
    "CanceledError",
    "ConflictError",
    "CorruptedError",
    "DeadlineExceededError",
    "DirectoryLockedError",
    "EngineClosedError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidInputError",
    "LimitExceededError",
    "NotFoundError",
    "PermissionDeniedError",
    "SegengineError",
    "StorageError",
    "UnauthenticatedError",
    "UnavailableError",
    "UploadFailedError",
    "error_of",
]


class SegengineError(Exception):
    """The root of the tree.

    Parameters
    ----------
    message : str
        What was wrong, and where.
    field : str, optional
        The part of the request that was wrong, as a dotted path.
    hint : str, optional
        What to do about it.

    Attributes
    ----------
    code : str
        The class of the error as the wire and ``--json`` name it, such as ``NOT_FOUND``.

    Examples
    --------
    >>> error = NotFoundError("no segment 'actifs' in acme/spring", field="include", hint="create it first")
    >>> error.code, error.field, error.hint
    ('NOT_FOUND', 'include', 'create it first')
    >>> isinstance(error, LookupError), str(error)
    (True, "no segment 'actifs' in acme/spring")
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field or None
        self.hint = hint or None
        if self.hint is not None:
            self.add_note(f"hint: {self.hint}")

    def __str__(self) -> str:
        """Return the message alone; the hint is a note of its own."""
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with what ``args`` does not hold."""
        return _rebuild, (type(self), self.message, {"field": self.field, "hint": self.hint})


def _rebuild(cls: type[SegengineError], message: str, rest: dict[str, Any]) -> SegengineError:
    """Make a pickled error again: its keywords are not in ``args``."""
    return cls(message, **rest)


class InvalidInputError(SegengineError, ValueError):
    """A value is malformed or contradictory."""

    code = "INVALID_INPUT"


class NotFoundError(SegengineError, LookupError):
    """A named thing does not exist, or belongs to another advertiser."""

    code = "NOT_FOUND"


class AlreadyExistsError(SegengineError):
    """A name or id is taken."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(SegengineError):
    """The thing exists but its state forbids the call."""

    code = "FAILED_PRECONDITION"


class ConflictError(SegengineError):
    """Another writer was there first: read again, then repeat."""

    code = "CONFLICT"


class LimitExceededError(SegengineError):
    """A bound was passed; ``engine.limits()`` lists them all."""

    code = "LIMIT_EXCEEDED"


class UploadFailedError(SegengineError):
    """A customer file was refused, and nothing was changed.

    Parameters
    ----------
    message : str
        What was wrong, and where.
    field : str, optional
        The part of the request that was wrong.
    hint : str, optional
        What to do about it.
    reason : str, optional
        The machine-readable reason, such as ``too_small``.
    report : UploadReport, optional
        What was read until then.
    """

    code = "UPLOAD_FAILED"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        reason: str | None = None,
        report: Any = None,
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.reason = reason or None
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with what ``args`` does not hold."""
        rest = {"field": self.field, "hint": self.hint, "reason": self.reason, "report": self.report}
        return _rebuild, (type(self), self.message, rest)


class PermissionDeniedError(SegengineError):
    """The credential does not allow the call."""

    code = "PERMISSION_DENIED"


class UnauthenticatedError(SegengineError):
    """No or an unknown credential."""

    code = "UNAUTHENTICATED"


class UnavailableError(SegengineError, ConnectionError):
    """The server does not answer, or asks to try again later."""

    code = "UNAVAILABLE"


class DeadlineExceededError(SegengineError, TimeoutError):
    """The time given passed first. A write may have happened: reads with ``min_revision`` tell."""

    code = "DEADLINE_EXCEEDED"


class CanceledError(SegengineError):
    """The work was cancelled; nothing it did stays."""

    code = "CANCELLED"


class StorageError(SegengineError, OSError):
    """The operating system refused to read or write."""

    code = "STORAGE"


class DirectoryLockedError(StorageError):
    """The data directory is open in another process, which the message names."""

    code = "DIRECTORY_LOCKED"


class CorruptedError(SegengineError):
    """Stored bytes are not what was written; the message names the file and the offset."""

    code = "CORRUPTED"


class EngineClosedError(SegengineError):
    """The engine was closed, or this is a forked child of the process that opened it."""

    code = "ENGINE_CLOSED"


class InternalError(SegengineError):
    """A promise of the engine itself was broken: a defect, please report it."""

    code = "INTERNAL"


_BY_CODE: dict[str, type[SegengineError]] = {
    cls.code: cls
    for cls in (
        InvalidInputError,
        NotFoundError,
        AlreadyExistsError,
        FailedPreconditionError,
        ConflictError,
        LimitExceededError,
        UploadFailedError,
        PermissionDeniedError,
        UnauthenticatedError,
        UnavailableError,
        DeadlineExceededError,
        CanceledError,
        StorageError,
        DirectoryLockedError,
        CorruptedError,
        EngineClosedError,
        InternalError,
    )
}


def error_of(code: str, message: str, *, field: str | None = None, hint: str | None = None) -> SegengineError:
    """Make the error of a code; both transports end here, so that a caller meets the same classes.

    Parameters
    ----------
    code : str
        The upper-case name, such as ``NOT_FOUND``; an unknown one (from a newer server) is an InternalError.
    message, field, hint : str
        As in `SegengineError`.

    Examples
    --------
    >>> error_of("LIMIT_EXCEEDED", "candidates: 10,001 given, at most 10,000 allowed", field="candidates")
    LimitExceededError('candidates: 10,001 given, at most 10,000 allowed')
    """
    return _BY_CODE.get(code, InternalError)(message, field=field, hint=hint)
