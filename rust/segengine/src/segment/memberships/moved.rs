//! Whom link changes moved, for a set of profiles that follows from identifiers and is kept elsewhere.
//!
//! The segments' own sets are told what comes and goes by their records. A set of other identifiers (those that were seen
//! lately) has no record, so it is told whose component changed: all members of each component that a link change made.
//! Whoever keeps such a set asks for them before it is used, under the same hold of the links.

use super::{Memberships, ProfileSets};
use crate::identity::Regrouping;

/// Identifiers noted at most; who asks too seldom begins anew.
const MOST: usize = 1 << 18;

/// See the module.
#[derive(Default)]
pub(super) struct Moved {
    /// Nothing while nobody asked, or when there were too many.
    identifiers: Option<Vec<u32>>,
}

impl Moved {
    pub(super) fn note(&mut self, change: &Regrouping) {
        let Some(identifiers) = &mut self.identifiers else { return };
        if identifiers.len() + change.assignments.len() > MOST {
            self.identifiers = None;
        } else {
            identifiers.extend(change.assignments.iter().map(|(id, _)| id.0));
        }
    }
}

impl ProfileSets<'_> {
    /// Every member of every component that links made or unmade since this was last called; nothing when that is not
    /// known, and everybody may have moved.
    #[must_use]
    pub fn moved(&self) -> Option<Vec<u32>> {
        self.memberships.take_moved()
    }
}

impl Memberships {
    fn take_moved(&self) -> Option<Vec<u32>> {
        self.moved.lock().identifiers.replace(Vec::new())
    }
}
