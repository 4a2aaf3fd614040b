"""Sets of profiles, and sets of identifiers, which are another thing.

A profile id means something only in the engine that gave it and at the link epoch at which it was given: linking two
identifiers makes two profiles one. So a `ProfileSet` carries both, and sets of different ones do not combine. What a
customer file holds are identifiers, an `IdentifierSet`; only the engine, which has the links, turns one into the other.

The bitmap is a Roaring bitmap (Lemire et al., 2018); algebra costs what its containers do, `to_numpy` 4 bytes a member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from pyroaring import BitMap, FrozenBitMap

from segengine import _segengine
from segengine.errors import CorruptedError, FailedPreconditionError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

S = TypeVar("S", bound="IdSet")
_U32_MAX = 4_294_967_295


class IdSet:
    """A sorted set of uint32 ids that belong to one engine: what the two kinds of set share."""

    __slots__ = ("_bitmap", "_engine_id")

    _noun = "ids"

    def __init__(self, bitmap: FrozenBitMap, engine_id: str) -> None:
        self._bitmap = bitmap
        self._engine_id = engine_id

    @property
    def engine_id(self) -> str:
        """The engine that gave the ids, 32 hex digits."""
        return self._engine_id

    def _like(self, bitmap: Any) -> Self:
        raise NotImplementedError

    def _refused(self, other: IdSet) -> str | None:
        """Say why two sets of one type must not be combined; None when they may."""
        if self._engine_id == other._engine_id:
            return None
        ids = f"{self._engine_id[:8]}… and {other._engine_id[:8]}…"
        return f"sets of two engines ({ids}): an id means something in one of them only"

    def _other(self, other: object) -> Any:
        if type(other) is not type(self):
            if isinstance(other, IdSet):
                raise TypeError(
                    f"a {type(self).__name__} and a {type(other).__name__} do not combine without the links"
                )
            return NotImplemented
        refused = self._refused(other)
        if refused is not None:
            raise ValueError(refused)
        return other._bitmap

    def __and__(self, other: object) -> Self:
        """Members of both."""
        bitmap = self._other(other)
        return NotImplemented if bitmap is NotImplemented else self._like(self._bitmap & bitmap)

    def __or__(self, other: object) -> Self:
        """Members of any."""
        bitmap = self._other(other)
        return NotImplemented if bitmap is NotImplemented else self._like(self._bitmap | bitmap)

    def __sub__(self, other: object) -> Self:
        """Members of this alone."""
        bitmap = self._other(other)
        return NotImplemented if bitmap is NotImplemented else self._like(self._bitmap - bitmap)

    def __xor__(self, other: object) -> Self:
        """Members of exactly one."""
        bitmap = self._other(other)
        return NotImplemented if bitmap is NotImplemented else self._like(self._bitmap ^ bitmap)

    def __le__(self, other: object) -> bool:
        """Whether every member is the other's."""
        bitmap = self._other(other)
        return NotImplemented if bitmap is NotImplemented else bool(self._bitmap <= bitmap)

    def __ge__(self, other: object) -> bool:
        """Whether every member of the other is this one's."""
        bitmap = self._other(other)
        return NotImplemented if bitmap is NotImplemented else bool(self._bitmap >= bitmap)

    def isdisjoint(self, other: object) -> bool:
        """Whether they have no member in common."""
        return not len(self & other)

    def __eq__(self, other: object) -> bool:
        """Whether members and origin are the same."""
        if type(other) is not type(self):
            return NotImplemented
        return self._refused(other) is None and bool(self._bitmap == other._bitmap)

    def __hash__(self) -> int:
        """Hash members and origin."""
        return hash((type(self), self._engine_id, self._bitmap))

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._bitmap)

    def __iter__(self) -> Iterator[int]:
        """Yield the ids, rising."""
        return iter(self._bitmap)

    def __contains__(self, member: object) -> bool:
        """Whether an id is a member."""
        if isinstance(member, int | np.integer) and not isinstance(member, bool):
            return 0 <= int(member) <= _U32_MAX and int(member) in self._bitmap
        raise TypeError(f"a {type(self).__name__} holds integer {self._noun}, not {type(member).__name__}")

    def to_numpy(self) -> NDArray[np.uint32]:
        """Return a copy of the ids: uint32 (n,), rising."""
        return np.frombuffer(self._bitmap.to_array(), np.uint32).copy() if len(self) else np.empty(0, np.uint32)

    def to_pyroaring(self) -> BitMap:
        """Return a copy as ``pyroaring.BitMap``, without where it came from."""
        return BitMap(self._bitmap)

    def to_bytes(self) -> bytes:
        """Return the bitmap in the portable Roaring format, without where it came from."""
        return bytes(self._bitmap.serialize())


def bitmap_of(ids: Iterable[int] | BitMap | FrozenBitMap | bytes) -> FrozenBitMap:
    """Return ids, a bitmap, or portable bytes as a bitmap.

    Raises
    ------
    InvalidInputError
        For bytes that are no bitmap in the portable format.
    """
    if isinstance(ids, bytes):
        # Roaring's own reader trusts what it reads; these bytes may come from anywhere.
        try:
            _segengine.check_portable(ids, "ids")
        except CorruptedError as error:
            raise InvalidInputError(error.message, field="ids", hint=error.hint) from None
        return FrozenBitMap.deserialize(ids)
    return FrozenBitMap(ids)


class IdentifierSet(IdSet):
    """A set of identifier ids, as segment files hold them. It has no link epoch: identifier ids never change.

    Examples
    --------
    >>> from pyroaring import BitMap
    >>> one = IdentifierSet.from_pyroaring(BitMap([1, 2]), engine_id="ab" * 16)
    >>> len(one | IdentifierSet.from_pyroaring(BitMap([2, 3]), engine_id="ab" * 16))
    3
    """

    __slots__ = ()

    _noun = "identifier ids"

    @classmethod
    def from_pyroaring(cls, bitmap: BitMap, *, engine_id: str) -> IdentifierSet:
        """Return a copy of a bitmap, with the engine that its ids belong to."""
        return cls(bitmap_of(bitmap), engine_id)

    def _like(self, bitmap: Any) -> IdentifierSet:
        return IdentifierSet(FrozenBitMap(bitmap), self._engine_id)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the portable bytes and the engine's id."""
        return _identifier_set, (self.to_bytes(), self._engine_id)

    def __repr__(self) -> str:
        """Say how many, and of which engine."""
        return f"<IdentifierSet of {len(self):,} identifiers, engine {self._engine_id[:8]}…>"


def _identifier_set(portable: bytes, engine_id: str) -> IdentifierSet:
    return IdentifierSet(bitmap_of(portable), engine_id)


class ProfileSet(IdSet):
    """A set of profiles, as ``engine.evaluate`` answers it.

    ``&``, ``|``, ``-`` and ``^`` combine sets of one engine and link epoch; others are a ValueError. There is no ``~``:
    ask the engine, ``evaluate("!a")``, which knows everybody. ``in`` takes a profile id, or an identifier in text form
    while the engine is open.

    Examples
    --------
    >>> from pyroaring import BitMap
    >>> some = ProfileSet.from_pyroaring(BitMap([1, 2, 5]), engine_id="ab" * 16, link_epoch=7)
    >>> more = ProfileSet.from_pyroaring(BitMap([5, 9]), engine_id="ab" * 16, link_epoch=7)
    >>> list(some & more), 2 in some, some.to_numpy().dtype
    ([5], True, dtype('uint32'))
    >>> some | ProfileSet.from_pyroaring(BitMap([9]), engine_id="ab" * 16, link_epoch=8)
    Traceback (most recent call last):
    ValueError: sets of the link epochs 7 and 8: links changed in between, so one id may stand for other people
    """

    __slots__ = ("_link_epoch", "_resolve")

    _noun = "profile ids"

    def __init__(
        self,
        bitmap: FrozenBitMap,
        engine_id: str,
        link_epoch: int,
        resolve: Callable[[str], tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(bitmap, engine_id)
        self._link_epoch = link_epoch
        self._resolve = resolve

    @classmethod
    def from_pyroaring(cls, bitmap: BitMap, *, engine_id: str, link_epoch: int) -> ProfileSet:
        """Return a copy of a bitmap, with the engine and the link epoch that its ids belong to."""
        return cls(bitmap_of(bitmap), engine_id, link_epoch)

    @property
    def link_epoch(self) -> int:
        """The link epoch at which the ids mean what they mean."""
        return self._link_epoch

    def _like(self, bitmap: Any) -> ProfileSet:
        return ProfileSet(FrozenBitMap(bitmap), self._engine_id, self._link_epoch, self._resolve)

    def _refused(self, other: IdSet) -> str | None:
        if isinstance(other, ProfileSet) and other._link_epoch != self._link_epoch:
            epochs = f"{self._link_epoch} and {other._link_epoch}"
            return f"sets of the link epochs {epochs}: links changed in between, so one id may stand for other people"
        return super()._refused(other)

    def __contains__(self, member: object) -> bool:
        """Whether a profile id is a member, or the profile of an identifier in text form."""
        if not isinstance(member, str):
            return super().__contains__(member)
        if self._resolve is None:
            raise FailedPreconditionError(
                "this set has no engine to look an identifier up in",
                hint="a set that was unpickled or awaited has none: resolve the identifier, and ask with the id",
            )
        profile, link_epoch = self._resolve(member)
        if link_epoch != self._link_epoch:
            raise ValueError(f"links changed since this set was made (link epoch {self._link_epoch}, now {link_epoch})")
        return super().__contains__(profile)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the portable bytes, the engine's id and the link epoch."""
        return _profile_set, (self.to_bytes(), self._engine_id, self._link_epoch)

    def __repr__(self) -> str:
        """Say how many, of which engine and link epoch."""
        origin = f"engine {self._engine_id[:8]}…, link epoch {self._link_epoch}"
        return f"<ProfileSet of {len(self):,} profiles, {origin}>"


def _profile_set(portable: bytes, engine_id: str, link_epoch: int) -> ProfileSet:
    return ProfileSet(bitmap_of(portable), engine_id, link_epoch)
