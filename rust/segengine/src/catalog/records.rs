//! What the catalog remembers, one plain struct each.
//!
//! Records are stored as JSON text under their number: the database is the commit point, not a query engine, and a
//! person with `sqlite3` can read every row. Fields may be added with a default; none may change its meaning.

use serde::{Deserialize, Serialize};

use crate::ids::{
    AdgroupId, AdvertiserNumber, CampaignNumber, GenerationNumber, LinkEpoch, Revision, SegmentNumber, SlotNumber,
};
use crate::time::Timestamp;

/// An advertiser of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advertiser {
    /// Its number.
    pub number: AdvertiserNumber,
    /// Its id (slug), unique in the network.
    pub id: String,
    /// Its display name, unique in the network.
    pub display_name: String,
    /// Whether customer files may hold raw e-mail addresses, which are hashed in memory.
    pub allow_raw_emails: bool,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// The write that last changed it.
    pub revision: Revision,
}

/// Whether a campaign or adgroup may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Status {
    /// May serve.
    #[default]
    Active,
    /// Kept, does not serve.
    Paused,
    /// Kept for the record, does not serve.
    Archived,
}

/// A campaign of an advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Its number.
    pub number: CampaignNumber,
    /// The advertiser.
    pub advertiser: AdvertiserNumber,
    /// Its id, unique among the advertiser's campaigns and shared segments.
    pub id: String,
    /// Its display name.
    pub display_name: String,
    /// Whether its adgroups may serve.
    pub status: Status,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// The write that last changed it.
    pub revision: Revision,
}

/// How a segment gets its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SegmentKind {
    /// From customer files and jobs.
    #[default]
    Crm,
}

/// How far the last replacement of a segment's members has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SegmentState {
    /// Never had members.
    #[default]
    Empty,
    /// A replacement is on its way; the version before serves.
    Processing,
    /// The last replacement serves.
    Processed,
    /// The last replacement was refused; the version before serves.
    Failed,
}

/// A named set of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its number, which expressions and context segments use.
    pub number: SegmentNumber,
    /// The advertiser.
    pub advertiser: AdvertiserNumber,
    /// The campaign, or none when it is shared by the advertiser's campaigns.
    pub campaign: Option<CampaignNumber>,
    /// Its id, unique in its parent.
    pub id: String,
    /// Its display name.
    pub display_name: String,
    /// How it gets members.
    pub kind: SegmentKind,
    /// How far the last replacement has come.
    pub state: SegmentState,
    /// The number of the version that serves.
    pub live_version: Option<u64>,
    /// The report of the last upload, as JSON.
    pub report: Option<String>,
    /// Why the last upload failed.
    pub failure: Option<String>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// The write that last changed it.
    pub revision: Revision,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VersionState {
    /// Its slot is reserved; nothing serves it.
    Writing,
    /// Serves.
    Live,
    /// A newer one serves; its slot is being swept.
    Retired,
}

/// One version of a segment's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, never reused.
    pub number: u64,
    /// The segment.
    pub segment: SegmentNumber,
    /// The slot that records carry for it.
    pub slot: SlotNumber,
    /// The file that holds its identifiers, perhaps beside other versions.
    pub file: String,
    /// Identifiers in the file.
    pub identifiers: u64,
    /// Where it stands.
    pub state: VersionState,
    /// Member changes after this revision are applied on top of the file.
    pub accepted: Revision,
    /// When it was written.
    pub create_time: Timestamp,
}

/// Member changes of one segment, durable in one small file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDelta {
    /// Its number.
    pub number: u64,
    /// The segment.
    pub segment: SegmentNumber,
    /// The last revision in the file.
    pub revision: Revision,
    /// The file.
    pub file: String,
}

/// Identifiers `first..first + count`, durable in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRun {
    /// Its number.
    pub number: u64,
    /// The first identifier id in the file.
    pub first: u32,
    /// How many follow.
    pub count: u32,
    /// The file.
    pub file: String,
}

/// Link changes in their order, durable in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRun {
    /// Its number: runs are applied in this order.
    pub number: u64,
    /// Link changes in the file.
    pub count: u64,
    /// The link epoch after the file.
    pub epoch: LinkEpoch,
    /// The file.
    pub file: String,
}

/// The identifiers last seen on one day, durable in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenDay {
    /// The day since 1970.
    pub day: u16,
    /// The file.
    pub file: String,
}

/// What an adgroup was told to include and exclude, by segment number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredTargeting {
    /// Every include group must hold one of its segments; no excluded segment may hold.
    Groups {
        /// The include groups.
        include: Vec<Vec<SegmentNumber>>,
        /// The excluded segments.
        exclude: Vec<SegmentNumber>,
    },
    /// A boolean expression, in the encoding of `expression`.
    Expression(String),
}

/// What may be shown to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adgroup {
    /// Its integer id, which ad servers use.
    pub number: AdgroupId,
    /// The campaign.
    pub campaign: CampaignNumber,
    /// Its id, unique among the campaign's adgroups and segments.
    pub id: String,
    /// Its display name.
    pub display_name: String,
    /// Whether it may serve.
    pub status: Status,
    /// When it starts, inclusive.
    pub start: Option<Timestamp>,
    /// When it ends, exclusive.
    pub end: Option<Timestamp>,
    /// Its user targeting.
    pub targeting: StoredTargeting,
    /// Serve even when an excluded segment is missing: suppression then fails open.
    pub serve_on_missing_exclude: bool,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// The write that last changed it.
    pub revision: Revision,
}

/// How a piece of long work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OperationState {
    /// At work.
    Running,
    /// Done; its effect serves.
    Succeeded,
    /// Ended without effect.
    Failed,
    /// Cancelled by a caller, without effect.
    Cancelled,
}

/// A piece of long work: today, an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Its number.
    pub number: u64,
    /// The advertiser.
    pub advertiser: AdvertiserNumber,
    /// The segment it replaces.
    pub segment: SegmentNumber,
    /// How it stands.
    pub state: OperationState,
    /// The report, as JSON.
    pub report: Option<String>,
    /// The class of the error that ended it.
    pub error_kind: Option<String>,
    /// The machine-readable reason of the failure.
    pub reason: Option<String>,
    /// What was wrong.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// When it was accepted.
    pub create_time: Timestamp,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// The write that made its effect visible.
    pub revision: Option<Revision>,
    /// The generation that first served its effect.
    pub generation: Option<GenerationNumber>,
}

/// A mutation that may be repeated by its caller without being done twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its number.
    pub number: u64,
    /// Caller's tenant, method and request id, joined.
    pub key: String,
    /// A digest of the request: the same id with another request is refused.
    pub fingerprint: String,
    /// The number of the record that the first call made or changed.
    pub outcome: u64,
    /// When it was made.
    pub create_time: Timestamp,
}
