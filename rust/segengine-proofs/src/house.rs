//! The small world in which workers act: one campaign, ten segments, six hundred users.
//!
//! Small on purpose: the same users, segments and adgroups meet again and again, so a change that is lost, done twice or
//! done by half is seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segengine::Result;
use segengine::engine::caller::Caller;
use segengine::engine::management::{Mutation, NewCampaign, NewName, NewSegment};
use segengine::engine::names::{AdvertiserName, CampaignName, Parent, SegmentName};
use segengine::engine::{Engine, Observer, OpenOptions, default_key_file};
use segengine::time::{ManualClock, Timestamp};

/// Users; those with an even number are e-mail hashes, the others ids of the network.
pub const USERS: u32 = 600;
/// Segments that exist from the beginning, that uploads fill and that adgroups ask for.
pub const LASTING: u32 = 6;
/// All segments; those that are not lasting are made by loads and deleted again.
pub const SEGMENTS: u32 = 10;
/// Who does everything.
pub const ADMIN: Caller = Caller::local_admin();
/// The instant at which all of it happens.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A user's identifier, in text form.
#[must_use]
pub fn user(number: u32) -> String {
    if number.is_multiple_of(2) { format!("email_md5:{}", hash(number)) } else { format!("network:u{number}") }
}

/// The e-mail hash of a user.
#[must_use]
pub fn hash(number: u32) -> String {
    format!("{:032x}", (u128::from(number) + 1) * 0x0123_4567_89ab_cdef)
}

/// The id of a segment.
#[must_use]
pub fn segment_id(number: u32) -> String {
    let kind = if number < LASTING { 's' } else { 'l' };
    format!("{kind}{number}")
}

/// The campaign.
#[must_use]
pub fn campaign() -> CampaignName {
    CampaignName { advertiser: "acme".to_owned(), campaign: "spring".to_owned() }
}

/// The campaign as the parent of segments.
#[must_use]
pub fn parent() -> Parent {
    Parent::Campaign(campaign())
}

/// The name of a segment.
#[must_use]
pub fn segment(number: u32) -> SegmentName {
    SegmentName { parent: parent(), segment: segment_id(number) }
}

/// Opens the directory at `path`, making it when it is absent.
///
/// # Errors
/// As [`Engine::open`].
pub fn open(path: &Path, observer: Option<Observer>) -> Result<Engine> {
    Engine::open(path, OpenOptions { observer, ..OpenOptions::new(Arc::new(ManualClock::new(NOW.0))) })
}

/// Where the key of a directory is.
#[must_use]
pub fn key_file(path: &Path) -> PathBuf {
    default_key_file(path)
}

/// Makes the campaign and the lasting segments; what is there already is left as it is.
///
/// # Errors
/// `Storage`.
pub fn found(engine: &Engine) -> Result<()> {
    let how = Mutation::default();
    let name = |text: &str| NewName { exist_ok: true, ..NewName::of(text) };
    let advertiser = AdvertiserName { advertiser: campaign().advertiser };
    let new = NewCampaign { name: name(&campaign().campaign), create_parents: true, ..NewCampaign::default() };
    engine.create_campaign(&ADMIN, &advertiser, &new, &how)?;
    for number in 0..LASTING {
        engine.create_segment(&ADMIN, &parent(), &NewSegment { name: name(&segment_id(number)) }, &how)?;
    }
    Ok(())
}
