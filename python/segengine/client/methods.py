"""Every method of ``segengine.v1`` that the client calls: its path, its answer, and whether it may take long.

A method that may take long has no deadline unless the caller gives one; the others have the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from segengine.v1 import admin_pb2, campaigns_pb2, identity_pb2, segments_pb2, targeting_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

    A = TypeVar("A", bound=Message)
    A_co = TypeVar("A_co", bound=Message, covariant=True)
else:
    A = TypeVar("A")
    A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Method(Generic[A_co]):
    """One method of one service."""

    path: str
    answer: type[A_co]
    long: bool = False


def _admin(name: str, answer: type[A], *, long: bool = False) -> Method[A]:
    return Method(f"/segengine.v1.Admin/{name}", answer, long)


def _campaigns(name: str, answer: type[A], *, long: bool = False) -> Method[A]:
    return Method(f"/segengine.v1.Campaigns/{name}", answer, long)


def _identity(name: str, answer: type[A], *, long: bool = False) -> Method[A]:
    return Method(f"/segengine.v1.Identity/{name}", answer, long)


def _segments(name: str, answer: type[A], *, long: bool = False) -> Method[A]:
    return Method(f"/segengine.v1.Segments/{name}", answer, long)


def _targeting(name: str, answer: type[A], *, long: bool = False) -> Method[A]:
    return Method(f"/segengine.v1.Targeting/{name}", answer, long)


GET_INFO = _admin("GetInfo", admin_pb2.Info)
GET_LIMITS = _admin("GetLimits", admin_pb2.Limits)
VERIFY = _admin("Verify", admin_pb2.VerifyResponse, long=True)

CREATE_ADVERTISER = _campaigns("CreateAdvertiser", campaigns_pb2.Advertiser)
GET_ADVERTISER = _campaigns("GetAdvertiser", campaigns_pb2.Advertiser)
LIST_ADVERTISERS = _campaigns("ListAdvertisers", campaigns_pb2.ListAdvertisersResponse)
UPDATE_ADVERTISER = _campaigns("UpdateAdvertiser", campaigns_pb2.Advertiser)
DELETE_ADVERTISER = _campaigns("DeleteAdvertiser", campaigns_pb2.DeleteAdvertiserResponse)
CREATE_CAMPAIGN = _campaigns("CreateCampaign", campaigns_pb2.Campaign)
GET_CAMPAIGN = _campaigns("GetCampaign", campaigns_pb2.Campaign)
LIST_CAMPAIGNS = _campaigns("ListCampaigns", campaigns_pb2.ListCampaignsResponse)
UPDATE_CAMPAIGN = _campaigns("UpdateCampaign", campaigns_pb2.Campaign)
DELETE_CAMPAIGN = _campaigns("DeleteCampaign", campaigns_pb2.DeleteCampaignResponse)
CREATE_ADGROUP = _campaigns("CreateAdgroup", campaigns_pb2.Adgroup)
GET_ADGROUP = _campaigns("GetAdgroup", campaigns_pb2.Adgroup)
LIST_ADGROUPS = _campaigns("ListAdgroups", campaigns_pb2.ListAdgroupsResponse)
UPDATE_ADGROUP = _campaigns("UpdateAdgroup", campaigns_pb2.Adgroup)
DELETE_ADGROUP = _campaigns("DeleteAdgroup", campaigns_pb2.DeleteAdgroupResponse)
UPSERT_ADGROUPS = _campaigns("UpsertAdgroups", campaigns_pb2.UpsertAdgroupsResponse, long=True)
LOOKUP_ADGROUPS = _campaigns("LookupAdgroups", campaigns_pb2.LookupAdgroupsResponse)

RESOLVE = _identity("Resolve", identity_pb2.ResolveResponse)
LINK = _identity("LinkIdentifiers", identity_pb2.LinkIdentifiersResponse, long=True)
BULK_LINK = _identity("BulkLinkIdentifiers", identity_pb2.LinkIdentifiersResponse, long=True)
UNLINK = _identity("UnlinkIdentifiers", identity_pb2.LinkIdentifiersResponse, long=True)
BULK_UNLINK = _identity("BulkUnlinkIdentifiers", identity_pb2.LinkIdentifiersResponse, long=True)
LOAD = _identity("LoadMemberships", identity_pb2.LoadMembershipsResponse, long=True)

CREATE_SEGMENT = _segments("CreateSegment", segments_pb2.Segment)
GET_SEGMENT = _segments("GetSegment", segments_pb2.Segment)
LIST_SEGMENTS = _segments("ListSegments", segments_pb2.ListSegmentsResponse)
UPDATE_SEGMENT = _segments("UpdateSegment", segments_pb2.Segment)
DELETE_SEGMENT = _segments("DeleteSegment", segments_pb2.DeleteSegmentResponse)
UPLOAD_SEGMENT = _segments("UploadSegment", segments_pb2.Operation, long=True)
ADD_MEMBERS = _segments("AddMembers", segments_pb2.ChangeMembersResponse)
REMOVE_MEMBERS = _segments("RemoveMembers", segments_pb2.ChangeMembersResponse)
GET_OPERATION = _segments("GetOperation", segments_pb2.Operation)
LIST_OPERATIONS = _segments("ListOperations", segments_pb2.ListOperationsResponse)
CANCEL_OPERATION = _segments("CancelOperation", segments_pb2.Operation)
WAIT_OPERATION = _segments("WaitOperation", segments_pb2.Operation, long=True)
WATCH_OPERATION = _segments("WatchOperation", segments_pb2.Operation, long=True)

MATCH = _targeting("Match", targeting_pb2.MatchResponse)
MATCH_BATCH = _targeting("MatchBatch", targeting_pb2.MatchBatchResponse)
EXPLAIN = _targeting("Explain", targeting_pb2.ExplainResponse)
COUNT_PROFILES = _targeting("CountProfiles", targeting_pb2.CountProfilesResponse, long=True)
OVERLAP = _targeting("Overlap", targeting_pb2.OverlapResponse, long=True)
EVALUATE = _targeting("Evaluate", targeting_pb2.EvaluateResponse, long=True)
