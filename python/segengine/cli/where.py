"""Which engine a command speaks to: a data directory in this process, or a server.

Said by ``--data DIR`` or ``--target HOST:PORT``, before or after the name of the command, or by the environment:
``SEGENGINE_DATA``, ``SEGENGINE_TARGET``. An option beats the environment; two ways at once are refused rather than
guessed. A credential comes from ``SEGENGINE_API_KEY`` only: other users of the machine can read command lines.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import segengine
from segengine.cli.refusal import Misuse
from segengine.errors import NotFoundError

_ABSENT = "check the path; `segengine campaign create` and `segengine serve` make one"
_BOTH = "give one of them: --data opens a directory in this process, --target asks a server"


@dataclass(frozen=True)
class Where:
    """An engine, as the command line names it; exactly one of `data` and `target` is given."""

    data: str | None
    target: str | None
    timeout_s: float | None = None
    key_file: str | None = None

    def open(self, *, create: bool = False) -> segengine.Engine:
        """Open the directory, or connect to the server."""
        if self.data is not None:
            if not create and not Path(self.data).exists():
                raise NotFoundError(f"there is no data directory {self.data}", field="data", hint=_ABSENT)
            return segengine.open(self.data, create=create, key_file=self.key_file)
        key = os.environ.get("SEGENGINE_API_KEY") or None
        if self.timeout_s is None:
            return segengine.connect(str(self.target), api_key=key)
        return segengine.connect(str(self.target), api_key=key, timeout=self.timeout_s)


def chosen(
    options: tuple[str | None, str | None],
    outer: tuple[str | None, str | None],
    environment: Mapping[str, str],
) -> tuple[str | None, str | None]:
    """Return (data, target): from the command's own options, those before its name, or the environment.

    Parameters
    ----------
    options, outer : (data, target)
        Both may be None.
    environment : mapping
        As ``os.environ``; empty texts count as not given.

    Raises
    ------
    Misuse
        When one source names both, or none names any.

    Examples
    --------
    >>> chosen((None, "localhost:50051"), (None, None), {"SEGENGINE_DATA": "data"})
    (None, 'localhost:50051')
    """
    found = (environment.get("SEGENGINE_DATA") or None, environment.get("SEGENGINE_TARGET") or None)
    for (data, target), names in (
        (options, "--data and --target are"),
        (outer, "--data and --target are"),
        (found, "SEGENGINE_DATA and SEGENGINE_TARGET are"),
    ):
        if data is not None and target is not None:
            raise Misuse(f"{names} both given", _BOTH)
        if data is not None or target is not None:
            return data, target
    raise Misuse(
        "which engine? neither --data nor --target is given",
        "give --data DIR or --target HOST:PORT, or set SEGENGINE_DATA or SEGENGINE_TARGET",
    )
