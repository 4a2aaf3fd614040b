//! How many people a segment holds, as the caller may see it.
//!
//! Counts are over profiles at one link epoch, from the sets that the memberships keep for each version; the minimum size
//! hides small ones from an advertiser's credential. Cost: one intersection with the reachable profiles for each segment.

use std::sync::Arc;

use crate::catalog::Segment;
use crate::engine::Inner;
use crate::engine::caller::Caller;
use crate::engine::generation::Generation;
use crate::engine::sets::Count;
use crate::error::Result;
use crate::segment::memberships::VersionMembers;

/// The size of a segment's members that serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentSize {
    /// Whether a version serves.
    pub ready: bool,
    /// Distinct profiles; 0 when hidden.
    pub profile_count: u64,
    /// Those that are addressable; 0 when hidden.
    pub reachable_count: u64,
    /// Identifiers; 0 when hidden.
    pub identifier_count: u64,
    /// Whether it is below the minimum that this caller may see.
    pub below_minimum: bool,
}

impl Inner {
    /// The sizes of `segments` in one generation and at one link epoch, in their order.
    pub(super) fn sizes(
        &self,
        caller: &Caller,
        generation: &Generation,
        segments: &[&Segment],
    ) -> Result<Vec<SegmentSize>> {
        let live: Vec<Option<&Arc<VersionMembers>>> =
            segments.iter().map(|segment| generation.slots.live(segment.number)).collect();
        let versions: Vec<Arc<VersionMembers>> = live.iter().flatten().map(|version| Arc::clone(version)).collect();
        let now = self.clock.now();
        self.memberships.with_profile_sets(&versions, |profiles| {
            let reachable = if versions.is_empty() { None } else { Some(self.reachable(profiles, now)) };
            let mut counted = versions.iter().zip(&profiles.sets);
            let sizes = live.iter().map(|version| match (version.and_then(|_| counted.next()), &reachable) {
                (Some((version, set)), Some(reachable)) => {
                    Ok(size(caller, (set.len(), set.common(reachable)?), version.len()))
                }
                _ => Ok(SegmentSize { below_minimum: caller.must_hide(0), ..SegmentSize::default() }),
            });
            sizes.collect()
        })
    }
}

fn size(caller: &Caller, (profiles, reachable): (u64, u64), identifiers: u64) -> SegmentSize {
    let shown = Count::shown_to(caller, profiles, reachable);
    SegmentSize {
        ready: true,
        profile_count: shown.profiles,
        reachable_count: shown.reachable,
        identifier_count: if shown.hidden { 0 } else { identifiers },
        below_minimum: shown.hidden,
    }
}
