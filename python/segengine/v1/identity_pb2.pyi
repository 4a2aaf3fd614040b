import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from segengine.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_EMAIL_MD5: _ClassVar[Kind]
    KIND_EMAIL_SHA256: _ClassVar[Kind]
    KIND_NETWORK: _ClassVar[Kind]
    KIND_VISITOR: _ClassVar[Kind]
    KIND_DEVICE: _ClassVar[Kind]
    KIND_PARTNER: _ClassVar[Kind]
    KIND_EXTERNAL: _ClassVar[Kind]
    KIND_LOG: _ClassVar[Kind]

class LoadMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOAD_MODE_UNSPECIFIED: _ClassVar[LoadMode]
    LOAD_MODE_REPLACE: _ClassVar[LoadMode]
KIND_UNSPECIFIED: Kind
KIND_EMAIL_MD5: Kind
KIND_EMAIL_SHA256: Kind
KIND_NETWORK: Kind
KIND_VISITOR: Kind
KIND_DEVICE: Kind
KIND_PARTNER: Kind
KIND_EXTERNAL: Kind
KIND_LOG: Kind
LOAD_MODE_UNSPECIFIED: LoadMode
LOAD_MODE_REPLACE: LoadMode

class Identifier(_message.Message):
    __slots__ = ("kind", "value", "scope")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    value: bytes
    scope: str
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., value: _Optional[bytes] = ..., scope: _Optional[str] = ...) -> None: ...

class IdentifierColumn(_message.Message):
    __slots__ = ("kind", "scope", "width", "packed", "values", "texts")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    scope: str
    width: int
    packed: bytes
    values: _containers.RepeatedScalarFieldContainer[bytes]
    texts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., scope: _Optional[str] = ..., width: _Optional[int] = ..., packed: _Optional[bytes] = ..., values: _Optional[_Iterable[bytes]] = ..., texts: _Optional[_Iterable[str]] = ...) -> None: ...

class ResolveRequest(_message.Message):
    __slots__ = ("identifiers", "column", "min_revision")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedCompositeFieldContainer[Identifier]
    column: IdentifierColumn
    min_revision: int
    def __init__(self, identifiers: _Optional[_Iterable[_Union[Identifier, _Mapping]]] = ..., column: _Optional[_Union[IdentifierColumn, _Mapping]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ResolveResponse(_message.Message):
    __slots__ = ("profiles", "link_epoch", "engine_id", "revision")
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    LINK_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    profiles: _containers.RepeatedScalarFieldContainer[int]
    link_epoch: int
    engine_id: str
    revision: int
    def __init__(self, profiles: _Optional[_Iterable[int]] = ..., link_epoch: _Optional[int] = ..., engine_id: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class IdentifierPair(_message.Message):
    __slots__ = ("left", "right")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    left: Identifier
    right: Identifier
    def __init__(self, left: _Optional[_Union[Identifier, _Mapping]] = ..., right: _Optional[_Union[Identifier, _Mapping]] = ...) -> None: ...

class LinkIdentifiersRequest(_message.Message):
    __slots__ = ("pairs", "left", "right", "seen_time", "request_id")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[IdentifierPair]
    left: IdentifierColumn
    right: IdentifierColumn
    seen_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, pairs: _Optional[_Iterable[_Union[IdentifierPair, _Mapping]]] = ..., left: _Optional[_Union[IdentifierColumn, _Mapping]] = ..., right: _Optional[_Union[IdentifierColumn, _Mapping]] = ..., seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UnlinkIdentifiersRequest(_message.Message):
    __slots__ = ("pairs", "left", "right", "request_id")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[IdentifierPair]
    left: IdentifierColumn
    right: IdentifierColumn
    request_id: str
    def __init__(self, pairs: _Optional[_Iterable[_Union[IdentifierPair, _Mapping]]] = ..., left: _Optional[_Union[IdentifierColumn, _Mapping]] = ..., right: _Optional[_Union[IdentifierColumn, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class LinkIdentifiersResponse(_message.Message):
    __slots__ = ("pairs", "changed", "unchanged", "dissolved", "new_identifiers", "revision", "link_epoch", "generation")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    DISSOLVED_FIELD_NUMBER: _ClassVar[int]
    NEW_IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LINK_EPOCH_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    pairs: int
    changed: int
    unchanged: int
    dissolved: int
    new_identifiers: int
    revision: int
    link_epoch: int
    generation: int
    def __init__(self, pairs: _Optional[int] = ..., changed: _Optional[int] = ..., unchanged: _Optional[int] = ..., dissolved: _Optional[int] = ..., new_identifiers: _Optional[int] = ..., revision: _Optional[int] = ..., link_epoch: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...

class LoadMembershipsRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: LoadHeader
    chunk: LoadChunk
    def __init__(self, header: _Optional[_Union[LoadHeader, _Mapping]] = ..., chunk: _Optional[_Union[LoadChunk, _Mapping]] = ...) -> None: ...

class LoadHeader(_message.Message):
    __slots__ = ("parent", "mode", "segments", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    mode: LoadMode
    segments: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., mode: _Optional[_Union[LoadMode, str]] = ..., segments: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class LoadChunk(_message.Message):
    __slots__ = ("identifiers", "segments", "seen_days", "left_out")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    SEEN_DAYS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    identifiers: IdentifierColumn
    segments: _containers.RepeatedScalarFieldContainer[int]
    seen_days: _containers.RepeatedScalarFieldContainer[int]
    left_out: _containers.RepeatedCompositeFieldContainer[InvalidCount]
    def __init__(self, identifiers: _Optional[_Union[IdentifierColumn, _Mapping]] = ..., segments: _Optional[_Iterable[int]] = ..., seen_days: _Optional[_Iterable[int]] = ..., left_out: _Optional[_Iterable[_Union[InvalidCount, _Mapping]]] = ...) -> None: ...

class InvalidCount(_message.Message):
    __slots__ = ("reason", "count")
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    count: int
    def __init__(self, reason: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class LoadedSegment(_message.Message):
    __slots__ = ("name", "display_name", "profile_count", "created")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PROFILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    profile_count: int
    created: bool
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., profile_count: _Optional[int] = ..., created: _Optional[bool] = ...) -> None: ...

class LoadMembershipsResponse(_message.Message):
    __slots__ = ("rows_total", "valid", "unique", "duplicates", "invalid", "segments", "identifiers", "new_identifiers", "revision", "generation")
    ROWS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    INVALID_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    NEW_IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    rows_total: int
    valid: int
    unique: int
    duplicates: int
    invalid: _containers.RepeatedCompositeFieldContainer[InvalidCount]
    segments: _containers.RepeatedCompositeFieldContainer[LoadedSegment]
    identifiers: int
    new_identifiers: int
    revision: int
    generation: int
    def __init__(self, rows_total: _Optional[int] = ..., valid: _Optional[int] = ..., unique: _Optional[int] = ..., duplicates: _Optional[int] = ..., invalid: _Optional[_Iterable[_Union[InvalidCount, _Mapping]]] = ..., segments: _Optional[_Iterable[_Union[LoadedSegment, _Mapping]]] = ..., identifiers: _Optional[int] = ..., new_identifiers: _Optional[int] = ..., revision: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...
