import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from segengine.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Info(_message.Message):
    __slots__ = ("version", "engine_id", "data_directory", "generation", "revision", "link_epoch", "identifiers", "links", "memberships", "advertisers", "campaigns", "segments", "adgroups", "poisoned", "notices", "index_builds", "index_build_us", "records_source", "checkpoint_time", "checkpoint_revision", "checkpoint_bytes", "checkpoint_us", "checkpoint_failure")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LINK_EPOCH_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIPS_FIELD_NUMBER: _ClassVar[int]
    ADVERTISERS_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    ADGROUPS_FIELD_NUMBER: _ClassVar[int]
    POISONED_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    INDEX_BUILDS_FIELD_NUMBER: _ClassVar[int]
    INDEX_BUILD_US_FIELD_NUMBER: _ClassVar[int]
    RECORDS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_TIME_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_REVISION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_US_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FAILURE_FIELD_NUMBER: _ClassVar[int]
    version: str
    engine_id: str
    data_directory: str
    generation: int
    revision: int
    link_epoch: int
    identifiers: int
    links: int
    memberships: int
    advertisers: int
    campaigns: int
    segments: int
    adgroups: int
    poisoned: bool
    notices: _containers.RepeatedScalarFieldContainer[str]
    index_builds: int
    index_build_us: int
    records_source: str
    checkpoint_time: _timestamp_pb2.Timestamp
    checkpoint_revision: int
    checkpoint_bytes: int
    checkpoint_us: int
    checkpoint_failure: str
    def __init__(self, version: _Optional[str] = ..., engine_id: _Optional[str] = ..., data_directory: _Optional[str] = ..., generation: _Optional[int] = ..., revision: _Optional[int] = ..., link_epoch: _Optional[int] = ..., identifiers: _Optional[int] = ..., links: _Optional[int] = ..., memberships: _Optional[int] = ..., advertisers: _Optional[int] = ..., campaigns: _Optional[int] = ..., segments: _Optional[int] = ..., adgroups: _Optional[int] = ..., poisoned: _Optional[bool] = ..., notices: _Optional[_Iterable[str]] = ..., index_builds: _Optional[int] = ..., index_build_us: _Optional[int] = ..., records_source: _Optional[str] = ..., checkpoint_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., checkpoint_revision: _Optional[int] = ..., checkpoint_bytes: _Optional[int] = ..., checkpoint_us: _Optional[int] = ..., checkpoint_failure: _Optional[str] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("progress", "finding", "summary")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    progress: VerifyProgress
    finding: VerifyFinding
    summary: VerifySummary
    def __init__(self, progress: _Optional[_Union[VerifyProgress, _Mapping]] = ..., finding: _Optional[_Union[VerifyFinding, _Mapping]] = ..., summary: _Optional[_Union[VerifySummary, _Mapping]] = ...) -> None: ...

class VerifyProgress(_message.Message):
    __slots__ = ("phase", "done", "total")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    phase: str
    done: int
    total: int
    def __init__(self, phase: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class VerifyFinding(_message.Message):
    __slots__ = ("file", "offset", "message")
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    file: str
    offset: int
    message: str
    def __init__(self, file: _Optional[str] = ..., offset: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class VerifySummary(_message.Message):
    __slots__ = ("findings", "files", "records", "bytes")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    findings: int
    files: int
    records: int
    bytes: int
    def __init__(self, findings: _Optional[int] = ..., files: _Optional[int] = ..., records: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class GetServerTimesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerTimes(_message.Message):
    __slots__ = ("uptime_ns", "process_cpu_ns", "methods")
    UPTIME_NS_FIELD_NUMBER: _ClassVar[int]
    PROCESS_CPU_NS_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    uptime_ns: int
    process_cpu_ns: int
    methods: _containers.RepeatedCompositeFieldContainer[MethodTimes]
    def __init__(self, uptime_ns: _Optional[int] = ..., process_cpu_ns: _Optional[int] = ..., methods: _Optional[_Iterable[_Union[MethodTimes, _Mapping]]] = ...) -> None: ...

class MethodTimes(_message.Message):
    __slots__ = ("method", "total_ns", "from_ns", "calls")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TOTAL_NS_FIELD_NUMBER: _ClassVar[int]
    FROM_NS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    method: str
    total_ns: int
    from_ns: _containers.RepeatedScalarFieldContainer[int]
    calls: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, method: _Optional[str] = ..., total_ns: _Optional[int] = ..., from_ns: _Optional[_Iterable[int]] = ..., calls: _Optional[_Iterable[int]] = ...) -> None: ...

class GetLimitsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Limits(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: _containers.RepeatedCompositeFieldContainer[Limit]
    def __init__(self, limits: _Optional[_Iterable[_Union[Limit, _Mapping]]] = ...) -> None: ...

class Limit(_message.Message):
    __slots__ = ("name", "value", "unit", "meaning")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    unit: str
    meaning: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ..., unit: _Optional[str] = ..., meaning: _Optional[str] = ...) -> None: ...
