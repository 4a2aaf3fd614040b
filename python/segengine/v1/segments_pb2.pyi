import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
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

class SegmentType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEGMENT_TYPE_UNSPECIFIED: _ClassVar[SegmentType]
    SEGMENT_TYPE_CRM: _ClassVar[SegmentType]

class SegmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEGMENT_STATE_UNSPECIFIED: _ClassVar[SegmentState]
    SEGMENT_STATE_EMPTY: _ClassVar[SegmentState]
    SEGMENT_STATE_PROCESSING: _ClassVar[SegmentState]
    SEGMENT_STATE_PROCESSED: _ClassVar[SegmentState]
    SEGMENT_STATE_FAILED: _ClassVar[SegmentState]

class UploadMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPLOAD_MODE_UNSPECIFIED: _ClassVar[UploadMode]
    UPLOAD_MODE_REPLACE: _ClassVar[UploadMode]

class OperationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_STATE_UNSPECIFIED: _ClassVar[OperationState]
    OPERATION_STATE_RUNNING: _ClassVar[OperationState]
    OPERATION_STATE_SUCCEEDED: _ClassVar[OperationState]
    OPERATION_STATE_FAILED: _ClassVar[OperationState]
    OPERATION_STATE_CANCELLED: _ClassVar[OperationState]
SEGMENT_TYPE_UNSPECIFIED: SegmentType
SEGMENT_TYPE_CRM: SegmentType
SEGMENT_STATE_UNSPECIFIED: SegmentState
SEGMENT_STATE_EMPTY: SegmentState
SEGMENT_STATE_PROCESSING: SegmentState
SEGMENT_STATE_PROCESSED: SegmentState
SEGMENT_STATE_FAILED: SegmentState
UPLOAD_MODE_UNSPECIFIED: UploadMode
UPLOAD_MODE_REPLACE: UploadMode
OPERATION_STATE_UNSPECIFIED: OperationState
OPERATION_STATE_RUNNING: OperationState
OPERATION_STATE_SUCCEEDED: OperationState
OPERATION_STATE_FAILED: OperationState
OPERATION_STATE_CANCELLED: OperationState

class Segment(_message.Message):
    __slots__ = ("name", "display_name", "number", "type", "state", "create_time", "update_time", "etag", "revision", "profile_count", "reachable_count", "reach", "below_minimum", "identifier_count", "ready", "report", "failure", "live_version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REACHABLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    BELOW_MINIMUM_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_COUNT_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    LIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    number: int
    type: SegmentType
    state: SegmentState
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    revision: int
    profile_count: int
    reachable_count: int
    reach: float
    below_minimum: bool
    identifier_count: int
    ready: bool
    report: UploadReport
    failure: str
    live_version: int
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., number: _Optional[int] = ..., type: _Optional[_Union[SegmentType, str]] = ..., state: _Optional[_Union[SegmentState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., revision: _Optional[int] = ..., profile_count: _Optional[int] = ..., reachable_count: _Optional[int] = ..., reach: _Optional[float] = ..., below_minimum: _Optional[bool] = ..., identifier_count: _Optional[int] = ..., ready: _Optional[bool] = ..., report: _Optional[_Union[UploadReport, _Mapping]] = ..., failure: _Optional[str] = ..., live_version: _Optional[int] = ...) -> None: ...

class CreateSegmentRequest(_message.Message):
    __slots__ = ("parent", "segment_id", "segment", "request_id", "validate_only", "exist_ok")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXIST_OK_FIELD_NUMBER: _ClassVar[int]
    parent: str
    segment_id: str
    segment: Segment
    request_id: str
    validate_only: bool
    exist_ok: bool
    def __init__(self, parent: _Optional[str] = ..., segment_id: _Optional[str] = ..., segment: _Optional[_Union[Segment, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ..., exist_ok: _Optional[bool] = ...) -> None: ...

class GetSegmentRequest(_message.Message):
    __slots__ = ("name", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListSegmentsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "display_name", "min_revision")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    display_name: str
    min_revision: int
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., display_name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListSegmentsResponse(_message.Message):
    __slots__ = ("segments", "next_page_token")
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    next_page_token: str
    def __init__(self, segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateSegmentRequest(_message.Message):
    __slots__ = ("segment", "update_mask", "request_id", "validate_only")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    segment: Segment
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    validate_only: bool
    def __init__(self, segment: _Optional[_Union[Segment, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DeleteSegmentRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DeleteSegmentResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class UploadSegmentRequest(_message.Message):
    __slots__ = ("header", "chunk", "md5_digests", "sha256_digests")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    MD5_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SHA256_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    header: UploadHeader
    chunk: bytes
    md5_digests: bytes
    sha256_digests: bytes
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., md5_digests: _Optional[bytes] = ..., sha256_digests: _Optional[bytes] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ("segment", "parent", "display_name", "segment_id", "mode", "options", "wait", "request_id", "file_name", "total_bytes")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    segment: str
    parent: str
    display_name: str
    segment_id: str
    mode: UploadMode
    options: UploadOptions
    wait: bool
    request_id: str
    file_name: str
    total_bytes: int
    def __init__(self, segment: _Optional[str] = ..., parent: _Optional[str] = ..., display_name: _Optional[str] = ..., segment_id: _Optional[str] = ..., mode: _Optional[_Union[UploadMode, str]] = ..., options: _Optional[_Union[UploadOptions, _Mapping]] = ..., wait: _Optional[bool] = ..., request_id: _Optional[str] = ..., file_name: _Optional[str] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class UploadOptions(_message.Message):
    __slots__ = ("column",)
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    column: int
    def __init__(self, column: _Optional[int] = ...) -> None: ...

class UploadReport(_message.Message):
    __slots__ = ("rows_total", "blank", "header", "valid", "invalid", "unique", "duplicate", "invalid_reasons", "samples", "already_known", "added", "removed", "kept", "profile_count", "reachable_count", "bytes", "inflated_bytes", "encoding", "compression", "separator", "upper_case", "sha256", "raw_emails", "advice", "details_json")
    ROWS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    BLANK_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    INVALID_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    INVALID_REASONS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    ALREADY_KNOWN_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REACHABLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    INFLATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    SEPARATOR_FIELD_NUMBER: _ClassVar[int]
    UPPER_CASE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RAW_EMAILS_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_JSON_FIELD_NUMBER: _ClassVar[int]
    rows_total: int
    blank: int
    header: int
    valid: int
    invalid: int
    unique: int
    duplicate: int
    invalid_reasons: _containers.RepeatedCompositeFieldContainer[_identity_pb2.InvalidCount]
    samples: _containers.RepeatedCompositeFieldContainer[InvalidSample]
    already_known: int
    added: int
    removed: int
    kept: int
    profile_count: int
    reachable_count: int
    bytes: int
    inflated_bytes: int
    encoding: str
    compression: str
    separator: str
    upper_case: int
    sha256: int
    raw_emails: int
    advice: _containers.RepeatedCompositeFieldContainer[Advice]
    details_json: str
    def __init__(self, rows_total: _Optional[int] = ..., blank: _Optional[int] = ..., header: _Optional[int] = ..., valid: _Optional[int] = ..., invalid: _Optional[int] = ..., unique: _Optional[int] = ..., duplicate: _Optional[int] = ..., invalid_reasons: _Optional[_Iterable[_Union[_identity_pb2.InvalidCount, _Mapping]]] = ..., samples: _Optional[_Iterable[_Union[InvalidSample, _Mapping]]] = ..., already_known: _Optional[int] = ..., added: _Optional[int] = ..., removed: _Optional[int] = ..., kept: _Optional[int] = ..., profile_count: _Optional[int] = ..., reachable_count: _Optional[int] = ..., bytes: _Optional[int] = ..., inflated_bytes: _Optional[int] = ..., encoding: _Optional[str] = ..., compression: _Optional[str] = ..., separator: _Optional[str] = ..., upper_case: _Optional[int] = ..., sha256: _Optional[int] = ..., raw_emails: _Optional[int] = ..., advice: _Optional[_Iterable[_Union[Advice, _Mapping]]] = ..., details_json: _Optional[str] = ...) -> None: ...

class InvalidSample(_message.Message):
    __slots__ = ("line", "masked", "reason")
    LINE_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    line: int
    masked: str
    reason: str
    def __init__(self, line: _Optional[int] = ..., masked: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Advice(_message.Message):
    __slots__ = ("code", "message", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    hint: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("name", "type", "segment", "state", "done", "phase", "bytes", "lines", "fraction", "report", "error", "create_time", "end_time", "revision", "generation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    segment: str
    state: OperationState
    done: bool
    phase: str
    bytes: int
    lines: int
    fraction: float
    report: UploadReport
    error: OperationError
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    revision: int
    generation: int
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., segment: _Optional[str] = ..., state: _Optional[_Union[OperationState, str]] = ..., done: _Optional[bool] = ..., phase: _Optional[str] = ..., bytes: _Optional[int] = ..., lines: _Optional[int] = ..., fraction: _Optional[float] = ..., report: _Optional[_Union[UploadReport, _Mapping]] = ..., error: _Optional[_Union[OperationError, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...

class OperationError(_message.Message):
    __slots__ = ("code", "kind", "reason", "message", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: int
    kind: str
    reason: str
    message: str
    hint: str
    def __init__(self, code: _Optional[int] = ..., kind: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class ChangeMembersRequest(_message.Message):
    __slots__ = ("name", "identifiers", "column", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    identifiers: _containers.RepeatedCompositeFieldContainer[_identity_pb2.Identifier]
    column: _identity_pb2.IdentifierColumn
    request_id: str
    def __init__(self, name: _Optional[str] = ..., identifiers: _Optional[_Iterable[_Union[_identity_pb2.Identifier, _Mapping]]] = ..., column: _Optional[_Union[_identity_pb2.IdentifierColumn, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ChangeMembersResponse(_message.Message):
    __slots__ = ("changed", "unchanged", "unknown", "skipped", "revision")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    changed: int
    unchanged: int
    unknown: int
    skipped: int
    revision: int
    def __init__(self, changed: _Optional[int] = ..., unchanged: _Optional[int] = ..., unknown: _Optional[int] = ..., skipped: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class GetOperationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListOperationsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOperationsResponse(_message.Message):
    __slots__ = ("operations", "next_page_token")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    next_page_token: str
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelOperationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class WaitOperationRequest(_message.Message):
    __slots__ = ("name", "timeout")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    timeout: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchOperationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
