import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from segengine.v1 import identity_pb2 as _identity_pb2
from segengine.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UserStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USER_STATUS_UNSPECIFIED: _ClassVar[UserStatus]
    USER_STATUS_UNKNOWN_USER: _ClassVar[UserStatus]
    USER_STATUS_NO_USABLE_IDENTIFIER: _ClassVar[UserStatus]
USER_STATUS_UNSPECIFIED: UserStatus
USER_STATUS_UNKNOWN_USER: UserStatus
USER_STATUS_NO_USABLE_IDENTIFIER: UserStatus

class AdgroupIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class MatchRequest(_message.Message):
    __slots__ = ("id", "identifiers", "only", "all", "context_segments", "min_revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    ONLY_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    id: int
    identifiers: _containers.RepeatedCompositeFieldContainer[_identity_pb2.Identifier]
    only: AdgroupIds
    all: bool
    context_segments: _containers.RepeatedScalarFieldContainer[int]
    min_revision: int
    def __init__(self, id: _Optional[int] = ..., identifiers: _Optional[_Iterable[_Union[_identity_pb2.Identifier, _Mapping]]] = ..., only: _Optional[_Union[AdgroupIds, _Mapping]] = ..., all: _Optional[bool] = ..., context_segments: _Optional[_Iterable[int]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class MatchResponse(_message.Message):
    __slots__ = ("id", "adgroups", "generation", "identified", "skipped", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADGROUPS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    adgroups: _containers.RepeatedScalarFieldContainer[int]
    generation: int
    identified: int
    skipped: int
    error: MatchError
    def __init__(self, id: _Optional[int] = ..., adgroups: _Optional[_Iterable[int]] = ..., generation: _Optional[int] = ..., identified: _Optional[int] = ..., skipped: _Optional[int] = ..., error: _Optional[_Union[MatchError, _Mapping]] = ...) -> None: ...

class MatchError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class UserIdentifiers(_message.Message):
    __slots__ = ("identifiers",)
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedCompositeFieldContainer[_identity_pb2.Identifier]
    def __init__(self, identifiers: _Optional[_Iterable[_Union[_identity_pb2.Identifier, _Mapping]]] = ...) -> None: ...

class MatchBatchRequest(_message.Message):
    __slots__ = ("id", "users", "column", "only", "all", "each", "context_segments", "min_revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    ONLY_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    EACH_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    id: int
    users: _containers.RepeatedCompositeFieldContainer[UserIdentifiers]
    column: _identity_pb2.IdentifierColumn
    only: AdgroupIds
    all: bool
    each: CandidateLists
    context_segments: _containers.RepeatedScalarFieldContainer[int]
    min_revision: int
    def __init__(self, id: _Optional[int] = ..., users: _Optional[_Iterable[_Union[UserIdentifiers, _Mapping]]] = ..., column: _Optional[_Union[_identity_pb2.IdentifierColumn, _Mapping]] = ..., only: _Optional[_Union[AdgroupIds, _Mapping]] = ..., all: _Optional[bool] = ..., each: _Optional[_Union[CandidateLists, _Mapping]] = ..., context_segments: _Optional[_Iterable[int]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class CandidateLists(_message.Message):
    __slots__ = ("offsets", "ids")
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    offsets: _containers.RepeatedScalarFieldContainer[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, offsets: _Optional[_Iterable[int]] = ..., ids: _Optional[_Iterable[int]] = ...) -> None: ...

class MatchBatchResponse(_message.Message):
    __slots__ = ("id", "offsets", "adgroups", "status", "generation", "skipped")
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    ADGROUPS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    id: int
    offsets: _containers.RepeatedScalarFieldContainer[int]
    adgroups: _containers.RepeatedScalarFieldContainer[int]
    status: bytes
    generation: int
    skipped: int
    def __init__(self, id: _Optional[int] = ..., offsets: _Optional[_Iterable[int]] = ..., adgroups: _Optional[_Iterable[int]] = ..., status: _Optional[bytes] = ..., generation: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("identifiers", "adgroup", "adgroup_id", "segment", "context_segments", "min_revision")
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    ADGROUP_FIELD_NUMBER: _ClassVar[int]
    ADGROUP_ID_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    identifiers: _containers.RepeatedCompositeFieldContainer[_identity_pb2.Identifier]
    adgroup: str
    adgroup_id: int
    segment: str
    context_segments: _containers.RepeatedScalarFieldContainer[int]
    min_revision: int
    def __init__(self, identifiers: _Optional[_Iterable[_Union[_identity_pb2.Identifier, _Mapping]]] = ..., adgroup: _Optional[str] = ..., adgroup_id: _Optional[int] = ..., segment: _Optional[str] = ..., context_segments: _Optional[_Iterable[int]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("matches", "reasons", "tree", "identified", "generation", "target", "skipped", "adgroup_id")
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    ADGROUP_ID_FIELD_NUMBER: _ClassVar[int]
    matches: bool
    reasons: _containers.RepeatedScalarFieldContainer[str]
    tree: ExplainNode
    identified: int
    generation: int
    target: str
    skipped: int
    adgroup_id: int
    def __init__(self, matches: _Optional[bool] = ..., reasons: _Optional[_Iterable[str]] = ..., tree: _Optional[_Union[ExplainNode, _Mapping]] = ..., identified: _Optional[int] = ..., generation: _Optional[int] = ..., target: _Optional[str] = ..., skipped: _Optional[int] = ..., adgroup_id: _Optional[int] = ...) -> None: ...

class ExplainNode(_message.Message):
    __slots__ = ("operator", "truth", "children", "segment", "display_name", "segment_number", "note")
    class Operator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OPERATOR_UNSPECIFIED: _ClassVar[ExplainNode.Operator]
        OPERATOR_SEGMENT: _ClassVar[ExplainNode.Operator]
        OPERATOR_NOT: _ClassVar[ExplainNode.Operator]
        OPERATOR_AND: _ClassVar[ExplainNode.Operator]
        OPERATOR_OR: _ClassVar[ExplainNode.Operator]
    OPERATOR_UNSPECIFIED: ExplainNode.Operator
    OPERATOR_SEGMENT: ExplainNode.Operator
    OPERATOR_NOT: ExplainNode.Operator
    OPERATOR_AND: ExplainNode.Operator
    OPERATOR_OR: ExplainNode.Operator
    class Truth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TRUTH_UNSPECIFIED: _ClassVar[ExplainNode.Truth]
        TRUTH_TRUE: _ClassVar[ExplainNode.Truth]
        TRUTH_FALSE: _ClassVar[ExplainNode.Truth]
    TRUTH_UNSPECIFIED: ExplainNode.Truth
    TRUTH_TRUE: ExplainNode.Truth
    TRUTH_FALSE: ExplainNode.Truth
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    operator: ExplainNode.Operator
    truth: ExplainNode.Truth
    children: _containers.RepeatedCompositeFieldContainer[ExplainNode]
    segment: str
    display_name: str
    segment_number: int
    note: str
    def __init__(self, operator: _Optional[_Union[ExplainNode.Operator, str]] = ..., truth: _Optional[_Union[ExplainNode.Truth, str]] = ..., children: _Optional[_Iterable[_Union[ExplainNode, _Mapping]]] = ..., segment: _Optional[str] = ..., display_name: _Optional[str] = ..., segment_number: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class UserTargeting(_message.Message):
    __slots__ = ("groups", "expression")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    groups: TargetingGroups
    expression: str
    def __init__(self, groups: _Optional[_Union[TargetingGroups, _Mapping]] = ..., expression: _Optional[str] = ...) -> None: ...

class TargetingGroups(_message.Message):
    __slots__ = ("include", "exclude")
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    include: _containers.RepeatedCompositeFieldContainer[SegmentGroup]
    exclude: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, include: _Optional[_Iterable[_Union[SegmentGroup, _Mapping]]] = ..., exclude: _Optional[_Iterable[str]] = ...) -> None: ...

class SegmentGroup(_message.Message):
    __slots__ = ("segments",)
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, segments: _Optional[_Iterable[str]] = ...) -> None: ...

class SetQuery(_message.Message):
    __slots__ = ("parent", "expression", "targeting", "adgroup", "segment")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    TARGETING_FIELD_NUMBER: _ClassVar[int]
    ADGROUP_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    expression: str
    targeting: UserTargeting
    adgroup: str
    segment: str
    def __init__(self, parent: _Optional[str] = ..., expression: _Optional[str] = ..., targeting: _Optional[_Union[UserTargeting, _Mapping]] = ..., adgroup: _Optional[str] = ..., segment: _Optional[str] = ...) -> None: ...

class AsOf(_message.Message):
    __slots__ = ("engine_id", "generation", "link_epoch", "revision", "time")
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    LINK_EPOCH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    engine_id: str
    generation: int
    link_epoch: int
    revision: int
    time: _timestamp_pb2.Timestamp
    def __init__(self, engine_id: _Optional[str] = ..., generation: _Optional[int] = ..., link_epoch: _Optional[int] = ..., revision: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CountProfilesRequest(_message.Message):
    __slots__ = ("query", "min_revision")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    query: SetQuery
    min_revision: int
    def __init__(self, query: _Optional[_Union[SetQuery, _Mapping]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class CountProfilesResponse(_message.Message):
    __slots__ = ("profile_count", "reachable_count", "reach", "below_minimum", "minimum", "as_of")
    PROFILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REACHABLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    BELOW_MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    profile_count: int
    reachable_count: int
    reach: float
    below_minimum: bool
    minimum: int
    as_of: AsOf
    def __init__(self, profile_count: _Optional[int] = ..., reachable_count: _Optional[int] = ..., reach: _Optional[float] = ..., below_minimum: _Optional[bool] = ..., minimum: _Optional[int] = ..., as_of: _Optional[_Union[AsOf, _Mapping]] = ...) -> None: ...

class OverlapRequest(_message.Message):
    __slots__ = ("sets", "min_revision")
    SETS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    sets: _containers.RepeatedCompositeFieldContainer[SetQuery]
    min_revision: int
    def __init__(self, sets: _Optional[_Iterable[_Union[SetQuery, _Mapping]]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class OverlapResponse(_message.Message):
    __slots__ = ("size", "matrix", "below_minimum", "minimum", "as_of")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    BELOW_MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    size: int
    matrix: _containers.RepeatedScalarFieldContainer[int]
    below_minimum: _containers.RepeatedScalarFieldContainer[bool]
    minimum: int
    as_of: AsOf
    def __init__(self, size: _Optional[int] = ..., matrix: _Optional[_Iterable[int]] = ..., below_minimum: _Optional[_Iterable[bool]] = ..., minimum: _Optional[int] = ..., as_of: _Optional[_Union[AsOf, _Mapping]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("query", "min_revision")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    query: SetQuery
    min_revision: int
    def __init__(self, query: _Optional[_Union[SetQuery, _Mapping]] = ..., min_revision: _Optional[int] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: EvaluateHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[EvaluateHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class EvaluateHeader(_message.Message):
    __slots__ = ("as_of", "profile_count", "total_bytes")
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    PROFILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    as_of: AsOf
    profile_count: int
    total_bytes: int
    def __init__(self, as_of: _Optional[_Union[AsOf, _Mapping]] = ..., profile_count: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...
