# The native part of segengine; private to the package. What each name does is in its __doc__.

from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from typing import Any, Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

_Ids: TypeAlias = NDArray[np.uint32] | list[int] | tuple[int, ...]
_Column: TypeAlias = tuple[int, str, NDArray[np.uint8]]
_Users: TypeAlias = list[str] | list[tuple[str, ...]] | list[str | tuple[str, ...]]
_Path: TypeAlias = str | PathLike[str]

version: Final[str]

def sample_file() -> str: ...
def email_md5(address: str) -> str: ...
def check_portable(data: bytes, name: str = "data") -> int: ...
def generate_load(
    questions: LoadQuestions, course: dict[str, Any], progress: Callable[[float], object] | None = None
) -> str: ...
def verify_directory(
    path: _Path,
    *,
    key_file: _Path | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> tuple[list[tuple[str, int | None, str]], int, int, int]: ...

@final
class Engine:
    path: Final[str]
    engine_id: Final[str]
    notices: Final[list[str]]

    @staticmethod
    def open(path: _Path, *, create: bool = True, key_file: _Path | None = None) -> Engine: ...
    @property
    def closed(self) -> bool: ...
    def unary(self, method: str, request: bytes, timeout: float | None = None) -> bytes: ...
    def client_stream(self, method: str, requests: Iterable[bytes], timeout: float | None = None) -> bytes: ...
    def file_stream(self, method: str, first: bytes, path: _Path, timeout: float | None = None) -> bytes: ...
    def server_stream(self, method: str, request: bytes, timeout: float | None = None) -> ServerStream: ...
    def match_one(
        self,
        identifiers: tuple[str, ...],
        candidates: _Ids | None,
        context: _Ids | None,
        min_revision: int,
        resolver: Callable[[NDArray[np.uint32]], list[str]] | None = None,
    ) -> Match: ...
    def match_batch(
        self,
        users: _Users | _Column,
        candidates: _Ids | tuple[NDArray[np.int64], NDArray[np.uint32]] | None,
        context: _Ids | None,
        min_revision: int,
    ) -> BatchMatch: ...
    def serve(self, host: str, port: int) -> Server: ...
    def close(self) -> None: ...

@final
class LoadQuestions:
    @staticmethod
    def encode(users: list[str], adgroups: NDArray[np.uint32], wanted: dict[str, Any]) -> LoadQuestions: ...

@final
class ServerStream:
    def __iter__(self) -> ServerStream: ...
    def __next__(self) -> bytes: ...
    def cancel(self) -> None: ...

@final
class Server:
    @property
    def target(self) -> str: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def stop(self) -> None: ...

@final
class Match:
    generation: Final[int]
    identified: Final[int]
    skipped: Final[int]

    def __new__(
        cls,
        adgroups: _Ids,
        generation: int,
        identified: int,
        skipped: int,
        resolver: Callable[[NDArray[np.uint32]], list[str]] | None = None,
    ) -> Match: ...
    @property
    def adgroups(self) -> NDArray[np.uint32]: ...
    def names(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, adgroup: object, /) -> bool: ...
    def __iter__(self) -> Iterator[int]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class BatchMatch:
    generation: Final[int]
    skipped: Final[int]

    def __new__(
        cls,
        offsets: NDArray[np.int64],
        adgroups: _Ids,
        status: NDArray[np.uint8],
        generation: int,
        skipped: int,
    ) -> BatchMatch: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def adgroups(self) -> NDArray[np.uint32]: ...
    @property
    def status(self) -> NDArray[np.uint8]: ...
    def to_mask(self, ids: _Ids) -> NDArray[np.bool_]: ...
    def __len__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
