"""What needs no open engine, and must work where none can be opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from segengine.answers import Finding, VerifyReport

if TYPE_CHECKING:
    from collections.abc import Callable


def verify_directory(
    path: str | os.PathLike[str],
    *,
    key_file: str | os.PathLike[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> VerifyReport:
    """Verify a data directory that no engine has open, however damaged it is: every row, file and record.

    Nothing is repaired. The time is that of reading every file and recomputing every record.

    Parameters
    ----------
    path, key_file
        As in `open`.
    progress : callable, optional
        Told the phase, the steps done and the steps in all.

    Returns
    -------
    VerifyReport
        ``.sound``, or ``.findings`` that name the file and the byte.

    Raises
    ------
    NotFoundError, FailedPreconditionError
        When there is no data directory at that path, or one of a newer format.
    DirectoryLockedError
        When another process has it open: ask that one, ``segengine verify --target``.

    Examples
    --------
    >>> import segengine, tempfile
    >>> data = tempfile.mkdtemp() + "/data"
    >>> segengine.open(data).close()
    >>> segengine.verify_directory(data).sound
    True
    """
    from segengine import _segengine  # noqa: PLC0415 - connect and the types work without building it

    given = None if key_file is None else os.fspath(key_file)
    found, files, records, read = _segengine.verify_directory(os.fspath(path), key_file=given, progress=progress)
    return VerifyReport(tuple(Finding(*one) for one in found), files, records, read)
