//! Records out of a checkpoint made true again: what is missing of them, and what is too much.
//!
//! `segment::checkpoint` says why this is enough. Three steps, each of which may be done twice: slots that serve no longer
//! leave every record; the records of everybody whom a later change may have touched are emptied; then one bulk fill
//! writes in the versions that are missing as a whole, and of all others the members among the touched.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Memberships, Pace, VersionMembers};
use crate::bitmap::IdentifierSet;
use crate::identity::LinkSet;
use crate::ids::IdentifierId;
use crate::segment::checkpoint::CompleteSlots;

/// What a checkpoint lacks of the truth.
pub struct Missing {
    /// Versions of which memberships must be written in: all, or those of the touched.
    fill: Vec<Arc<VersionMembers>>,
    /// Slots that serve no longer.
    dead: HashSet<u32>,
    /// Everybody whom a later change may have touched, by whole profiles.
    touched: IdentifierSet,
}

impl Missing {
    /// Compares what a checkpoint holds with what is live, each with the number of its version. `changed` are the
    /// identifiers of later member changes, `linked` everybody connected with a later link change.
    #[must_use]
    pub fn of(
        complete: &CompleteSlots,
        live: &[(Arc<VersionMembers>, u64)],
        changed: impl Iterator<Item = u32>,
        linked: IdentifierSet,
        links: &LinkSet,
    ) -> Self {
        let mut touched = linked;
        // The records that a change of members touches are those of whole profiles.
        changed.for_each(|id| touched.extend(&links.profile_members(IdentifierId(id))));
        let mut dead: HashSet<u32> = complete.keys().copied().collect();
        let mut fill = Vec::new();
        for (version, number) in live {
            if complete.get(&version.slot.0) == Some(number) {
                dead.remove(&version.slot.0);
                let part = version.common(&touched);
                if !part.is_empty() {
                    fill.push(VersionMembers::new(version.segment, version.slot, part));
                }
            } else {
                fill.push(Arc::clone(version));
            }
        }
        Self { fill, dead, touched }
    }

    /// Memberships that must be written in.
    #[must_use]
    pub fn memberships(&self) -> u64 {
        self.fill.iter().map(|version| version.len()).sum()
    }
}

impl Memberships {
    /// Makes the records of a checkpoint true of the `live` versions (invariants 4 and 8); nobody else may read or write them yet.
    pub fn restore(&self, live: &[Arc<VersionMembers>], missing: &Missing, identifiers_end: u32) {
        if !missing.dead.is_empty() {
            self.sweep_many(&missing.dead, || ());
        }
        missing.touched.for_each_block(|profiles| self.records.clear(profiles));
        self.fill_many(&missing.fill, identifiers_end, Pace::Start, |_| true);
        live.iter().for_each(|version| version.filled.store(true, Ordering::Release));
    }
}

#[cfg(test)]
mod tests;
