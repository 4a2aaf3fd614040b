"""What a person reads, and what a shell sees, when a command does not do what was asked.

Two lines on standard error: ``error:`` what was wrong and where, ``hint:`` what to do. A command that writes says as
well that nothing was changed, where that is certain: all writes of the engine are all or nothing, and a refusal comes
before any of it. Only a call whose answer was lost may have happened.
"""

import json
import sys
from typing import Any

from segengine.cli.answer import plain
from segengine.errors import (
    CanceledError,
    DeadlineExceededError,
    InternalError,
    LimitExceededError,
    NotFoundError,
    SegengineError,
    UnavailableError,
    UploadFailedError,
)

FAILED = 1
USAGE = 2
NOT_FOUND = 3
LIMIT = 4
UNAVAILABLE = 5
INTERRUPTED = 130
BROKEN_PIPE = 141

# The first class that an error is an instance of decides; whatever has no line is 1.
_EXIT_CODES: tuple[tuple[type[SegengineError], int], ...] = (
    (NotFoundError, NOT_FOUND),
    (LimitExceededError, LIMIT),
    (UnavailableError, UNAVAILABLE),
    (DeadlineExceededError, UNAVAILABLE),
)
_PERHAPS_DONE = (UnavailableError, DeadlineExceededError, InternalError)
_SAMPLES_SHOWN = 5
_UNCHANGED = "(nothing was changed)"


class Misuse(Exception):  # noqa: N818 - what it is, not what class of error
    """The command line itself is wrong: exit code 2.

    Parameters
    ----------
    message : str
        What is wrong.
    hint : str
        What to type instead.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def exit_code_of(error: SegengineError | Misuse) -> int:
    """Return the exit code of a refusal."""
    if isinstance(error, Misuse):
        return USAGE
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), FAILED)


def lines_of(error: SegengineError | Misuse, *, writes: bool) -> list[str]:
    """Return a refusal for people.

    Parameters
    ----------
    error : SegengineError or Misuse
        What was refused.
    writes : bool
        Whether the command would have changed something.
    """
    lines = [f"error: {error}"]
    if isinstance(error, UploadFailedError) and error.report is not None:
        lines.extend(
            f"       line {sample.line:,}: {sample.reason}  {sample.masked}"
            for sample in error.report.samples[:_SAMPLES_SHOWN]
        )
    tail = ""
    if writes:
        tail = "(whether it was done is not known)" if isinstance(error, _PERHAPS_DONE) else _UNCHANGED
    hint = f"hint:  {error.hint}" if error.hint else ""
    if not tail or "nothing was changed" in hint:  # the engine may have said it already
        return [*lines, hint] if hint else lines
    if not hint or "\n" in hint:
        return [*lines, *([hint] if hint else []), f"       {tail}"]
    return [*lines, f"{hint}      {tail}"]


def refuse(error: SegengineError | Misuse, *, writes: bool, as_json: bool) -> int:
    """Tell a refusal on standard error; return the exit code."""
    code = exit_code_of(error)
    if as_json:
        text = json.dumps({"error": _data_of(error, code)}, ensure_ascii=False, indent=2)
    else:
        text = "\n".join(lines_of(error, writes=writes))
    sys.stderr.write(f"{text}\n")
    return code


def _data_of(error: SegengineError | Misuse, exit_code: int) -> dict[str, Any]:
    if isinstance(error, Misuse):
        found = {"code": "USAGE", "message": str(error), "field": None, "hint": error.hint}
    else:
        found = {"code": error.code, "message": str(error), "field": error.field, "hint": error.hint}
    if isinstance(error, UploadFailedError):
        found |= {"reason": error.reason, "report": plain(error.report)}
    return found | {"exit_code": exit_code}


def interrupted(*, writes: bool) -> int:
    """Tell that Ctrl-C ended the command; return the exit code."""
    why = CanceledError("interrupted")
    sys.stderr.write(f"\n{why}{' ' + _UNCHANGED if writes else ''}\n")
    return INTERRUPTED
