//! Which profiles ads can reach: those with an addressable identifier that was seen within the retention.
//!
//! The identifiers are found in one pass over the columns of the identity table, under 1 ns for one that was never seen,
//! and kept until the day changes. Their profiles are kept beside them. What came since (new identifiers, sightings,
//! components that links made or unmade) is worked in when somebody asks, so that a question costs what changed and not
//! what there is; who got the profiles before keeps them as they were.

use std::sync::Arc;

use super::Inner;
use crate::bitmap::{IdentifierSet, ProfileSet};
use crate::ids::IdentifierId;
use crate::limits::RETENTION_DAYS;
use crate::segment::memberships::ProfileSets;
use crate::time::Timestamp;

/// The reachable identifiers of a day, and their profiles.
pub(super) struct Reachable {
    day: u16,
    /// Those below were looked at.
    end: u32,
    identifiers: IdentifierSet,
    profiles: Arc<ProfileSet>,
}

impl Inner {
    /// The reachable profiles at `now`, at the link epoch of `sets`, whose hold keeps links from changing.
    pub(super) fn reachable(&self, sets: &ProfileSets<'_>, now: Timestamp) -> Arc<ProfileSet> {
        let (end, day) = (self.identity.len(), now.day());
        let mut kept = self.reachable.lock();
        // Asked before anything is looked at, so that what comes meanwhile is told next time.
        let (moved, seen) = (sets.moved(), self.seen.take_recent());
        if let (Some(kept), Some(moved), Some(mut seen)) = (&mut *kept, moved, seen)
            && kept.day == day
        {
            seen.extend(std::mem::replace(&mut kept.end, end)..end);
            self.work_in(kept, sets, &moved, &seen);
            return Arc::clone(&kept.profiles);
        }
        let mut identifiers = Vec::new();
        self.identity.for_each_seen(day.saturating_sub(RETENTION_DAYS), end, |id, kind| {
            if kind.addressable() {
                identifiers.push(id.0);
            }
        });
        let identifiers = IdentifierSet::of(&identifiers);
        let profiles = Arc::new(sets.profiles_of(&identifiers));
        *kept = Some(Reachable { day, end, identifiers, profiles: Arc::clone(&profiles) });
        profiles
    }

    /// Makes the profiles true again: `moved` are whole components, `seen` may have become reachable.
    fn work_in(&self, kept: &mut Reachable, sets: &ProfileSets<'_>, moved: &[u32], seen: &[u32]) {
        let oldest = kept.day.saturating_sub(RETENTION_DAYS).max(1);
        let reaches =
            |&&id: &&u32| self.identity.seen_day(IdentifierId(id)) >= oldest && self.is_addressable(IdentifierId(id));
        let seen: Vec<u32> = seen.iter().filter(reaches).copied().collect();
        kept.identifiers.extend(&seen);
        // Of a moved component any member may have been the profile; now it is the one that they point at.
        let mut notes: Vec<(u32, bool)> = moved.iter().map(|&id| (id, false)).collect();
        let held = moved.iter().filter(|&&id| kept.identifiers.contains(IdentifierId(id)));
        notes.extend(held.chain(&seen).map(|&id| (self.memberships.profile(IdentifierId(id)), true)));
        if !notes.is_empty() || kept.profiles.stamp() != sets.stamp {
            Arc::make_mut(&mut kept.profiles).update(sets.stamp, &mut notes);
        }
    }
}
