//! Which profiles ads can reach: those with an addressable identifier that was seen within the retention.
//!
//! The set is derived in one pass over the columns of the identity table and kept until an identifier, a link, a sighting
//! or the day changes. Cost: under 1 ns an identifier that was never seen when it is derived, nothing while it is kept.

use std::sync::Arc;

use super::Inner;
use crate::bitmap::{ProfileSet, SetStamp};
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
        let mut profiles: Vec<u32> = Vec::new();
        self.identity.for_each_seen(oldest, identifiers, |id, kind| {
            if kind.addressable() {
                profiles.push(self.identity.profile(id).0);
            }
        });
        profiles.sort_unstable();
        let profiles = Arc::new(ProfileSet::of(stamp, &profiles));
        *kept = Some(Reachable { stamp, identifiers, sightings, day, profiles: Arc::clone(&profiles) });
        profiles
    }
}
