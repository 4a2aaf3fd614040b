"""What ``upload`` takes as a customer file, as parts of at most 256 KiB: paths, bytes, iterators, arrays of digests.

What is in the file is the engine's to judge; here nothing is looked at but the type. Memory is one part. Parts of 1 MiB
made the system hand out fresh pages for each copy of each part, which cost as much as reading the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segengine.errors import InvalidInputError, NotFoundError, StorageError
from segengine.identifiers import Identifiers
from segengine.ingest import arrow
from segengine.v1 import segments_pb2

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from numpy.typing import NDArray

PART_BYTES = 1 << 18
_DIGEST_FIELDS = {16: "md5_digests", 32: "sha256_digests"}


@dataclass(frozen=True)
class Source:
    """A customer file: its name for messages, its size where that is known, and its parts."""

    name: str
    total_bytes: int
    parts: Iterator[segments_pb2.UploadSegmentRequest]
    path: Path | None = None


class FileRequests:
    """The messages of an upload: a header, then the parts of a file, which who can may read by itself at `path`."""

    def __init__(self, header: segments_pb2.UploadSegmentRequest, source: Source) -> None:
        self.header = header
        self.path = source.path
        self._parts = source.parts

    def __iter__(self) -> Iterator[segments_pb2.UploadSegmentRequest]:
        """Yield all of them."""
        yield self.header
        yield from self._parts


def source_of(source: Any) -> Source:
    """Return what a caller gave as a customer file.

    Parameters
    ----------
    source : str | PathLike | bytes | file | iterator of bytes or str | ndarray of uint8, (n, 16) or (n, 32)
        A path; content; an open binary file; chunks of content or lines, never mixed; MD5 or SHA-256 digests.

    Raises
    ------
    TypeError
        For anything else.
    NotFoundError, InvalidInputError, StorageError
        When a path cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        return _from_path(Path(source))
    if isinstance(source, bytes | bytearray | memoryview):
        view = memoryview(source).cast("B")
        return Source("", len(view), (_chunk(view[at : at + PART_BYTES]) for at in range(0, len(view), PART_BYTES)))
    if isinstance(source, np.ndarray | Identifiers) or arrow.is_arrow(source):
        return _from_digests(source)
    if hasattr(source, "read"):
        return Source(str(getattr(source, "name", "")), 0, map(_chunk, _read(source)))
    if isinstance(source, Iterable) and not hasattr(source, "keys"):
        return Source("", 0, map(_chunk, _joined(source)))
    raise TypeError(
        f"upload takes a path, bytes, an iterator of chunks or lines, or an (n, 16) or (n, 32) uint8 array,"
        f" not {type(source).__name__}"
    )


def _chunk(content: bytes | memoryview) -> segments_pb2.UploadSegmentRequest:
    return segments_pb2.UploadSegmentRequest(chunk=bytes(content))


def _from_path(path: Path) -> Source:
    try:
        mode = path.stat()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", field="source", hint="check the path") from None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", field="source") from error
    if stat.S_ISDIR(mode.st_mode):
        raise InvalidInputError(f"{path}: a directory, not a file", field="source", hint="give the file itself")
    file = _opened(path)
    if not stat.S_ISREG(mode.st_mode):
        return Source(path.name, 0, map(_chunk, _read(file, closing=True)))
    # That it can be read is known now; whoever reads it opens it again.
    file.close()
    return Source(path.name, mode.st_size, map(_chunk, _read_path(path)), path)


def _opened(path: Path) -> io.FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", field="source") from error


def _read_path(path: Path) -> Iterator[bytes]:
    yield from _read(_opened(path), closing=True)


def _read(file: Any, *, closing: bool = False) -> Iterator[bytes]:
    try:
        while True:
            try:
                content = file.read(PART_BYTES)
            except OSError as error:
                raise StorageError(f"{getattr(file, 'name', 'source')}: {error.strerror}", field="source") from error
            if isinstance(content, str):
                raise TypeError("the file is open for text; open it with 'rb', so that its encoding can be seen")
            if not content:
                return
            yield content
    finally:
        if closing:
            file.close()


def _joined(items: Iterable[Any]) -> Iterator[bytes]:
    """Yield chunks of bytes as they are, lines of text joined into parts."""
    first: type | None = None
    held: list[bytes] = []
    size = 0
    for position, item in enumerate(items):
        kind = str if isinstance(item, str) else bytes
        if not isinstance(item, str | bytes | bytearray | memoryview):
            raise TypeError(f"source[{position}] is {type(item).__name__}: give chunks of bytes, or lines of str")
        if first is not None and kind is not first:
            raise TypeError(f"source[{position}] is {kind.__name__} after {first.__name__}: never mix chunks and lines")
        first = kind
        content = _line(item) if isinstance(item, str) else bytes(item)
        held.append(content)
        size += len(content)
        while size >= PART_BYTES:
            whole = b"".join(held)
            yield whole[:PART_BYTES]
            held = [whole[PART_BYTES:]]
            size = len(held[0])
    if size:
        yield b"".join(held)


def _line(text: str) -> bytes:
    return (text if text.endswith("\n") else f"{text}\n").encode()


def _from_digests(source: Any) -> Source:
    matrix: NDArray[np.uint8] | None
    if isinstance(source, Identifiers):
        if source.kind not in {"email_md5", "email_sha256"}:
            hint = "load or add_members takes other identifiers"
            raise InvalidInputError(f"a customer file holds hashes of addresses, not {source.kind}", hint=hint)
        matrix = source.matrix
        if matrix is None:
            return Source("", 0, map(_chunk, _joined(text.partition(":")[2] for text in source.texts())))
    elif isinstance(source, np.ndarray):
        matrix = source if source.dtype == np.uint8 and source.ndim == 2 else None
    else:
        column = arrow.first_column(source, "source")
        matrix = column.matrix()
        if matrix is None:
            return Source("", 0, map(_chunk, _joined(column.texts("source"))))
    width = matrix.shape[1] if matrix is not None else 0
    if matrix is None or width not in _DIGEST_FIELDS:
        shape = "×".join(map(str, getattr(source, "shape", ())))
        raise InvalidInputError(
            f"an array of {getattr(source, 'dtype', 'another type')}, {shape}, holds no digests",
            field="source",
            hint="MD5 is (n, 16) uint8, SHA-256 is (n, 32) uint8",
        )
    return Source("", matrix.size, _digests(np.ascontiguousarray(matrix), _DIGEST_FIELDS[width]))


def _digests(matrix: NDArray[np.uint8], field: str) -> Iterator[segments_pb2.UploadSegmentRequest]:
    rows = PART_BYTES // matrix.shape[1]
    for start in range(0, len(matrix), rows):
        content = matrix[start : start + rows].tobytes()
        yield (
            segments_pb2.UploadSegmentRequest(md5_digests=content)
            if field == "md5_digests"
            else segments_pb2.UploadSegmentRequest(sha256_digests=content)
        )
