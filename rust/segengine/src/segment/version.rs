//! The members of one segment version: its set of identifiers, and the profiles derived from it.
//!
//! The set is the truth that files hold; the profiles belong to one link epoch and are made when somebody counts them.
//! Who may change it, and under which locks, is said in `memberships`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};

use crate::bitmap::{IdentifierSet, ProfileSet};
use crate::ids::{IdentifierId, LinkEpoch, SegmentNumber, SlotNumber};

/// The members of one segment version, live or about to be.
pub struct VersionMembers {
    /// The segment.
    pub segment: SegmentNumber,
    /// The slot that records carry for this version.
    pub slot: SlotNumber,
    pub(super) set: RwLock<IdentifierSet>,
    pub(super) changes: AtomicU64,
    pub(super) derived: Mutex<Option<(LinkEpoch, u64, Arc<ProfileSet>)>>,
}

impl VersionMembers {
    /// The version of `segment` under `slot` with the members `set`.
    #[must_use]
    pub fn new(segment: SegmentNumber, slot: SlotNumber, set: IdentifierSet) -> Arc<Self> {
        let (set, changes, derived) = (RwLock::new(set), AtomicU64::new(0), Mutex::new(None));
        Arc::new(Self { segment, slot, set, changes, derived })
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
