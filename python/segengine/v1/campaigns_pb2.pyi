import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from segengine.v1 import policy_pb2 as _policy_pb2
from segengine.v1 import segments_pb2 as _segments_pb2
from segengine.v1 import targeting_pb2 as _targeting_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    STATUS_ACTIVE: _ClassVar[Status]
    STATUS_PAUSED: _ClassVar[Status]
    STATUS_ARCHIVED: _ClassVar[Status]

class OnMissingExclude(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_MISSING_EXCLUDE_UNSPECIFIED: _ClassVar[OnMissingExclude]
    ON_MISSING_EXCLUDE_HOLD: _ClassVar[OnMissingExclude]
    ON_MISSING_EXCLUDE_SERVE: _ClassVar[OnMissingExclude]
STATUS_UNSPECIFIED: Status
STATUS_ACTIVE: Status
STATUS_PAUSED: Status
STATUS_ARCHIVED: Status
ON_MISSING_EXCLUDE_UNSPECIFIED: OnMissingExclude
ON_MISSING_EXCLUDE_HOLD: OnMissingExclude
ON_MISSING_EXCLUDE_SERVE: OnMissingExclude

class Advertiser(_message.Message):
    __slots__ = ("name", "display_name", "number", "allow_raw_emails", "create_time", "update_time", "etag", "revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ALLOW_RAW_EMAILS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    number: int
    allow_raw_emails: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    revision: int
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., number: _Optional[int] = ..., allow_raw_emails: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class Campaign(_message.Message):
    __slots__ = ("name", "display_name", "number", "status", "create_time", "update_time", "etag", "revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    number: int
    status: Status
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    revision: int
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., number: _Optional[int] = ..., status: _Optional[_Union[Status, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class Adgroup(_message.Message):
    __slots__ = ("name", "display_name", "id", "targeting", "status", "start_time", "end_time", "on_missing_exclude", "create_time", "update_time", "etag", "revision", "warnings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TARGETING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ON_MISSING_EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    id: int
    targeting: _targeting_pb2.UserTargeting
    status: Status
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    on_missing_exclude: OnMissingExclude
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    revision: int
    warnings: _containers.RepeatedCompositeFieldContainer[_segments_pb2.Advice]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., id: _Optional[int] = ..., targeting: _Optional[_Union[_targeting_pb2.UserTargeting, _Mapping]] = ..., status: _Optional[_Union[Status, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., on_missing_exclude: _Optional[_Union[OnMissingExclude, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., revision: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[_segments_pb2.Advice, _Mapping]]] = ...) -> None: ...

class CreateAdvertiserRequest(_message.Message):
    __slots__ = ("advertiser_id", "advertiser", "request_id", "validate_only", "exist_ok")
    ADVERTISER_ID_FIELD_NUMBER: _ClassVar[int]
    ADVERTISER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXIST_OK_FIELD_NUMBER: _ClassVar[int]
    advertiser_id: str
    advertiser: Advertiser
    request_id: str
    validate_only: bool
    exist_ok: bool
    def __init__(self, advertiser_id: _Optional[str] = ..., advertiser: _Optional[_Union[Advertiser, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ..., exist_ok: _Optional[bool] = ...) -> None: ...

class GetAdvertiserRequest(_message.Message):
    __slots__ = ("name", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListAdvertisersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "display_name", "min_revision")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    display_name: str
    min_revision: int
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., display_name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListAdvertisersResponse(_message.Message):
    __slots__ = ("advertisers", "next_page_token")
    ADVERTISERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    advertisers: _containers.RepeatedCompositeFieldContainer[Advertiser]
    next_page_token: str
    def __init__(self, advertisers: _Optional[_Iterable[_Union[Advertiser, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateAdvertiserRequest(_message.Message):
    __slots__ = ("advertiser", "update_mask", "request_id", "validate_only")
    ADVERTISER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    advertiser: Advertiser
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    validate_only: bool
    def __init__(self, advertiser: _Optional[_Union[Advertiser, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DeleteAdvertiserRequest(_message.Message):
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

class DeleteAdvertiserResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class CreateCampaignRequest(_message.Message):
    __slots__ = ("parent", "campaign_id", "campaign", "request_id", "validate_only", "exist_ok", "create_parents")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_ID_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXIST_OK_FIELD_NUMBER: _ClassVar[int]
    CREATE_PARENTS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    campaign_id: str
    campaign: Campaign
    request_id: str
    validate_only: bool
    exist_ok: bool
    create_parents: bool
    def __init__(self, parent: _Optional[str] = ..., campaign_id: _Optional[str] = ..., campaign: _Optional[_Union[Campaign, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ..., exist_ok: _Optional[bool] = ..., create_parents: _Optional[bool] = ...) -> None: ...

class GetCampaignRequest(_message.Message):
    __slots__ = ("name", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListCampaignsRequest(_message.Message):
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

class ListCampaignsResponse(_message.Message):
    __slots__ = ("campaigns", "next_page_token")
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    campaigns: _containers.RepeatedCompositeFieldContainer[Campaign]
    next_page_token: str
    def __init__(self, campaigns: _Optional[_Iterable[_Union[Campaign, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateCampaignRequest(_message.Message):
    __slots__ = ("campaign", "update_mask", "request_id", "validate_only")
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    validate_only: bool
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DeleteCampaignRequest(_message.Message):
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

class DeleteCampaignResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class CreateAdgroupRequest(_message.Message):
    __slots__ = ("parent", "adgroup_id", "adgroup", "request_id", "validate_only", "exist_ok")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ADGROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ADGROUP_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXIST_OK_FIELD_NUMBER: _ClassVar[int]
    parent: str
    adgroup_id: str
    adgroup: Adgroup
    request_id: str
    validate_only: bool
    exist_ok: bool
    def __init__(self, parent: _Optional[str] = ..., adgroup_id: _Optional[str] = ..., adgroup: _Optional[_Union[Adgroup, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ..., exist_ok: _Optional[bool] = ...) -> None: ...

class GetAdgroupRequest(_message.Message):
    __slots__ = ("name", "id", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    id: int
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., id: _Optional[int] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListAdgroupsRequest(_message.Message):
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

class ListAdgroupsResponse(_message.Message):
    __slots__ = ("adgroups", "next_page_token")
    ADGROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    adgroups: _containers.RepeatedCompositeFieldContainer[Adgroup]
    next_page_token: str
    def __init__(self, adgroups: _Optional[_Iterable[_Union[Adgroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateAdgroupRequest(_message.Message):
    __slots__ = ("adgroup", "update_mask", "request_id", "validate_only")
    ADGROUP_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    adgroup: Adgroup
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    validate_only: bool
    def __init__(self, adgroup: _Optional[_Union[Adgroup, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DeleteAdgroupRequest(_message.Message):
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

class DeleteAdgroupResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class UpsertAdgroupsRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: UpsertHeader
    chunk: UpsertChunk
    def __init__(self, header: _Optional[_Union[UpsertHeader, _Mapping]] = ..., chunk: _Optional[_Union[UpsertChunk, _Mapping]] = ...) -> None: ...

class UpsertHeader(_message.Message):
    __slots__ = ("parent", "request_id", "validate_only")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    parent: str
    request_id: str
    validate_only: bool
    def __init__(self, parent: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class UpsertChunk(_message.Message):
    __slots__ = ("adgroups",)
    ADGROUPS_FIELD_NUMBER: _ClassVar[int]
    adgroups: _containers.RepeatedCompositeFieldContainer[AdgroupSpec]
    def __init__(self, adgroups: _Optional[_Iterable[_Union[AdgroupSpec, _Mapping]]] = ...) -> None: ...

class AdgroupSpec(_message.Message):
    __slots__ = ("adgroup_id", "display_name", "targeting", "status", "start_time", "end_time", "on_missing_exclude")
    ADGROUP_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    TARGETING_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ON_MISSING_EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    adgroup_id: str
    display_name: str
    targeting: _targeting_pb2.UserTargeting
    status: Status
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    on_missing_exclude: OnMissingExclude
    def __init__(self, adgroup_id: _Optional[str] = ..., display_name: _Optional[str] = ..., targeting: _Optional[_Union[_targeting_pb2.UserTargeting, _Mapping]] = ..., status: _Optional[_Union[Status, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., on_missing_exclude: _Optional[_Union[OnMissingExclude, str]] = ...) -> None: ...

class UpsertAdgroupsResponse(_message.Message):
    __slots__ = ("ids", "created", "updated", "revision", "generation")
    IDS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    created: int
    updated: int
    revision: int
    generation: int
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., created: _Optional[int] = ..., updated: _Optional[int] = ..., revision: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...

class LookupAdgroupsRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class LookupAdgroupsResponse(_message.Message):
    __slots__ = ("adgroups",)
    ADGROUPS_FIELD_NUMBER: _ClassVar[int]
    adgroups: _containers.RepeatedCompositeFieldContainer[AdgroupReference]
    def __init__(self, adgroups: _Optional[_Iterable[_Union[AdgroupReference, _Mapping]]] = ...) -> None: ...

class AdgroupReference(_message.Message):
    __slots__ = ("id", "name", "display_name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    display_name: str
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., display_name: _Optional[str] = ...) -> None: ...
