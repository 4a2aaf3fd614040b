//! The members of one segment version: its set of identifiers, and the profiles derived from it.
//!
//! The set is the truth that files hold; the profiles belong to one link epoch and are made when somebody first counts
//! them. From then on whatever changes the records of this version's slot is noted here as well, a profile at a time, and
//! the notes are worked in as micro-batches, sorted, when somebody asks or when there are many: a question under 100,000
//! changes a second costs what it costs when nothing changes, and lags behind nothing, for it works in what is noted
//! first. Who got the profiles before keeps them as they were: what is shared is copied before it is changed.
//! Who may change what, and under which locks, is said in `memberships`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Mutex, RwLock};

use crate::bitmap::{IdentifierSet, ProfileSet, SetStamp};
use crate::ids::{IdentifierId, SegmentNumber, SlotNumber};

/// Notes that whoever makes them works in, if nobody holds the profiles: a hundred microseconds at a time.
const BATCH: usize = if cfg!(test) { 4 } else { 1 << 12 };
/// Notes that are worked in whoever holds the profiles, which are then copied.
const MOST: usize = if cfg!(test) { 8 } else { 1 << 16 };

/// The profiles of a version, if somebody asked for them.
#[derive(Default)]
pub(super) struct Derived {
    profiles: Option<Arc<ProfileSet>>,
    /// Whether a profile is one of them, from here on.
    notes: Vec<(u32, bool)>,
}

impl Derived {
    /// Notes that `profiles` hold the version, or hold it no longer.
    pub(super) fn note(&mut self, profiles: impl Iterator<Item = u32>, holds: bool) {
        let Some(kept) = &mut self.profiles else { return };
        self.notes.extend(profiles.map(|profile| (profile, holds)));
        if self.notes.len() < BATCH {
            return;
        }
        let stamp = kept.stamp();
        match Arc::get_mut(kept) {
            Some(own) => own.update(stamp, &mut self.notes),
            None if self.notes.len() >= MOST => Arc::make_mut(kept).update(stamp, &mut self.notes),
            None => {}
        }
    }

    /// The profiles at `stamp`, which is now.
    pub(super) fn at(&mut self, stamp: SetStamp) -> Option<Arc<ProfileSet>> {
        let kept = self.profiles.as_mut()?;
        if !self.notes.is_empty() || kept.stamp() != stamp {
            Arc::make_mut(kept).update(stamp, &mut self.notes);
        }
        Some(Arc::clone(kept))
    }

    /// Keeps the profiles as they are now.
    pub(super) fn keep(&mut self, profiles: &Arc<ProfileSet>) {
        self.profiles = Some(Arc::clone(profiles));
        self.notes.clear();
    }
}

/// The members of one segment version, live or about to be.
pub struct VersionMembers {
    /// The segment.
    pub segment: SegmentNumber,
    /// The slot that records carry for this version.
    pub slot: SlotNumber,
    pub(super) set: RwLock<IdentifierSet>,
    pub(super) changes: AtomicU64,
    /// Whether the slot is in every record that it must be in: from then on records say what changes.
    pub(super) filled: AtomicBool,
    pub(super) derived: Mutex<Derived>,
}

impl VersionMembers {
    /// The version of `segment` under `slot` with the members `set`.
    #[must_use]
    pub fn new(segment: SegmentNumber, slot: SlotNumber, set: IdentifierSet) -> Arc<Self> {
        let (set, changes, filled) = (RwLock::new(set), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { segment, slot, set, changes, filled, derived: Mutex::default() })
    }

    /// A copy of the identifier set as it is now.
    #[must_use]
    pub fn identifiers(&self) -> IdentifierSet {
        self.set.read().clone()
    }

    /// Adds the identifiers as they are now to `all`.
    pub fn merge_into(&self, all: &mut IdentifierSet) {
        all.merge(&self.set.read());
    }

    /// The identifiers now that `others` holds too.
    #[must_use]
    pub fn common(&self, others: &IdentifierSet) -> IdentifierSet {
        self.set.read().and(others)
    }

    /// Number of identifiers now.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.set.read().len()
    }

    /// Whether no identifier is a member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.read().is_empty()
    }

    /// Whether `id` itself is a member.
    #[must_use]
    pub fn contains(&self, id: IdentifierId) -> bool {
        self.set.read().contains(id)
    }
}
