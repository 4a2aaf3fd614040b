//! Which profiles ads can reach: those with an addressable identifier that was seen within the retention.
//!
//! The set is derived in one pass over the columns of the identity table and kept until an identifier, a link, a sighting
//! or the day changes. Cost: about 4 ns an identifier when it is derived, nothing while it is kept.

use std::sync::Arc;

use super::Inner;
use crate::bitmap::{ProfileSet, SetStamp};
use crate::ids::IdentifierId;
use crate::limits::RETENTION_DAYS;
use crate::time::Timestamp;

/// The reachable profiles, and what they were derived from.
pub(super) struct Reachable {
    stamp: SetStamp,
    identifiers: u32,
    sightings: u64,
    day: u16,
    profiles: Arc<ProfileSet>,
}

impl Inner {
    /// The reachable profiles at `now`, for the link epoch of `stamp`; the caller keeps links from changing.
    pub(super) fn reachable(&self, stamp: SetStamp, now: Timestamp) -> Arc<ProfileSet> {
        let (identifiers, sightings, day) = (self.identity.len(), self.seen.changes(), now.day());
        let mut kept = self.reachable.lock();
        if let Some(kept) = &*kept
            && (kept.stamp, kept.identifiers, kept.sightings, kept.day) == (stamp, identifiers, sightings, day)
        {
            return Arc::clone(&kept.profiles);
        }
        let oldest = day.saturating_sub(RETENTION_DAYS);
        let addressable = (0..identifiers).map(IdentifierId).filter(|&id| {
            let seen = self.identity.seen_day(id);
            seen > 0 && seen >= oldest && self.identity.kind(id).is_some_and(crate::identity::Kind::addressable)
        });
        let mut profiles: Vec<u32> = addressable.map(|id| self.identity.profile(id).0).collect();
        profiles.sort_unstable();
        let profiles = Arc::new(ProfileSet::of(stamp, &profiles));
        *kept = Some(Reachable { stamp, identifiers, sightings, day, profiles: Arc::clone(&profiles) });
        profiles
    }
}
