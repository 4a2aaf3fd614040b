"""segengine: from customer files to a yes/no per ad impression, in microseconds.

::

    import segengine

    with segengine.open("data") as engine:                 # or segengine.connect("host:50051"): the same methods
        spring = engine.campaigns.create("acme/spring", exist_ok=True)
        subscribers = spring.segments.upload("Abonnés - 2018-01", "abonnes.csv")
        conquest = spring.adgroups.create("conquest", include=["actifs"], exclude=[subscribers])
        engine.match("network:7f3c…").adgroups             # uint32: which adgroups may this user see?
        print(engine.explain("network:7f3c…", conquest))   # and why

Every failure is a `SegengineError`, the same class embedded and remote, with ``code``, ``field`` and ``hint``::

    SegengineError
    ├── InvalidInputError (ValueError)
    ├── NotFoundError (LookupError)
    ├── AlreadyExistsError
    ├── FailedPreconditionError
    ├── ConflictError
    ├── LimitExceededError
    ├── UploadFailedError
    ├── PermissionDeniedError
    ├── UnauthenticatedError
    ├── UnavailableError (ConnectionError)
    ├── DeadlineExceededError (TimeoutError)
    ├── CanceledError
    ├── StorageError (OSError)
    │   └── DirectoryLockedError
    ├── CorruptedError
    ├── EngineClosedError
    └── InternalError
"""

from __future__ import annotations

from segengine import errors
from segengine._segengine import BatchMatch, Match, version
from segengine.answers import (
    AdgroupIds,
    AsOf,
    Count,
    Finding,
    Info,
    Limit,
    LinkReport,
    LoadedSegment,
    LoadReport,
    MembersReport,
    Overlap,
    VerifyReport,
)
from segengine.client._async.adgroups import AsyncAdgroup
from segengine.client._async.advertisers import AsyncAdvertiser
from segengine.client._async.campaigns import AsyncCampaign
from segengine.client._async.engine import AsyncEngine
from segengine.client._async.operations import AsyncOperation
from segengine.client._async.segments import AsyncSegment
from segengine.client._sync.adgroups import Adgroup
from segengine.client._sync.advertisers import Advertiser
from segengine.client._sync.campaigns import Campaign
from segengine.client._sync.operations import Operation
from segengine.client._sync.segments import Segment
from segengine.errors import (
    AlreadyExistsError,
    CanceledError,
    ConflictError,
    CorruptedError,
    DeadlineExceededError,
    DirectoryLockedError,
    EngineClosedError,
    FailedPreconditionError,
    InternalError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    SegengineError,
    StorageError,
    UnauthenticatedError,
    UnavailableError,
    UploadFailedError,
)
from segengine.explanation import Explanation, ExplanationNode
from segengine.expression import Expression
from segengine.identifiers import Identifiers, email_md5
from segengine.offline import verify_directory
from segengine.opening import Engine, Server, aconnect, connect, open, sample, serve  # noqa: A004 - segengine.open
from segengine.profile_set import IdentifierSet, ProfileSet
from segengine.records import (
    AdgroupRecord,
    AdvertiserRecord,
    Advice,
    CampaignRecord,
    InvalidSample,
    OperationRecord,
    SegmentRecord,
    Status,
    Targeting,
    UploadReport,
)
from segengine.targeting import AdgroupSpec

__version__: str = version

__all__ = [
    "Adgroup",
    "AdgroupIds",
    "AdgroupRecord",
    "AdgroupSpec",
    "Advertiser",
    "AdvertiserRecord",
    "Advice",
    "AlreadyExistsError",
    "AsOf",
    "AsyncAdgroup",
    "AsyncAdvertiser",
    "AsyncCampaign",
    "AsyncEngine",
    "AsyncOperation",
    "AsyncSegment",
    "BatchMatch",
    "Campaign",
    "CampaignRecord",
    "CanceledError",
    "ConflictError",
    "CorruptedError",
    "Count",
    "DeadlineExceededError",
    "DirectoryLockedError",
    "Engine",
    "EngineClosedError",
    "Explanation",
    "ExplanationNode",
    "Expression",
    "FailedPreconditionError",
    "Finding",
    "IdentifierSet",
    "Identifiers",
    "Info",
    "InternalError",
    "InvalidInputError",
    "InvalidSample",
    "Limit",
    "LimitExceededError",
    "LinkReport",
    "LoadReport",
    "LoadedSegment",
    "Match",
    "MembersReport",
    "NotFoundError",
    "Operation",
    "OperationRecord",
    "Overlap",
    "PermissionDeniedError",
    "ProfileSet",
    "SegengineError",
    "Segment",
    "SegmentRecord",
    "Server",
    "Status",
    "StorageError",
    "Targeting",
    "UnauthenticatedError",
    "UnavailableError",
    "UploadFailedError",
    "UploadReport",
    "VerifyReport",
    "__version__",
    "aconnect",
    "connect",
    "email_md5",
    "errors",
    "open",
    "sample",
    "serve",
    "verify_directory",
]
