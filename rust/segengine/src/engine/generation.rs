//! One immutable (slot map, adgroup index): what a reader loads once and answers everything from.
//!
//! A slot that the map does not know (dead, newer, beyond its end) means nothing (invariant 6). The answer for "no
//! segment" is made with the index, so it belongs to the generation (invariant 17). Parts that did not change are shared
//! with the generation before. Cost: 4 bytes a slot, 8 to 16 a segment, and the index.

use std::sync::Arc;

use hashbrown::HashMap;

use super::flights::Flights;
use crate::catalog::StoredTargeting;
use crate::error::Result;
use crate::expression::{Expression, groups, stored};
use crate::ids::{AdgroupId, GenerationNumber, SegmentNumber};
use crate::segment::memberships::VersionMembers;
use crate::targeting::PlaneIndex;

/// No segment: the entry of a slot that nothing maps.
pub(super) const NONE: u32 = u32::MAX;

/// Slot → segment, and the version that each segment serves.
#[derive(Default, Clone)]
pub(super) struct SlotMap {
    segments: Vec<u32>,
    live: HashMap<u32, Arc<VersionMembers>>,
}

impl SlotMap {
    /// Makes `version` the one that its segment serves; returns the one before.
    pub(super) fn publish(&mut self, version: &Arc<VersionMembers>) -> Option<Arc<VersionMembers>> {
        let before = self.retire(version.segment);
        let slot = version.slot.0 as usize;
        if self.segments.len() <= slot {
            self.segments.resize(slot + 1, NONE);
        }
        if let Some(entry) = self.segments.get_mut(slot) {
            *entry = version.segment.0;
        }
        self.live.insert(version.segment.0, Arc::clone(version));
        before
    }

    /// Takes a segment's version out; returns it.
    pub(super) fn retire(&mut self, segment: SegmentNumber) -> Option<Arc<VersionMembers>> {
        let before = self.live.remove(&segment.0)?;
        if let Some(entry) = self.segments.get_mut(before.slot.0 as usize) {
            *entry = NONE;
        }
        Some(before)
    }

    /// The segment of a slot.
    pub(super) fn segment(&self, slot: u32) -> Option<u32> {
        self.segments.get(slot as usize).copied().filter(|&segment| segment != NONE)
    }

    /// The version that a segment serves.
    pub(super) fn live(&self, segment: SegmentNumber) -> Option<&Arc<VersionMembers>> {
        self.live.get(&segment.0)
    }

    /// Tells of each segment whether any version of it serves, from one bit each: for whoever asks about very many.
    pub(super) fn ready(&self) -> impl Fn(SegmentNumber) -> bool + Sync + use<> {
        let mut bits = Vec::new();
        for &segment in self.live.keys() {
            let word = segment as usize / 64;
            if bits.len() <= word {
                bits.resize(word + 1, 0_u64);
            }
            if let Some(word) = bits.get_mut(word) {
                *word |= 1 << (segment % 64);
            }
        }
        move |segment| bits.get(segment.0 as usize / 64).is_some_and(|word| word >> (segment.0 % 64) & 1 == 1)
    }

    /// Every version that serves.
    pub(super) fn all_live(&self) -> impl Iterator<Item = &Arc<VersionMembers>> {
        self.live.values()
    }
}

/// What a reader answers from.
pub(super) struct Generation {
    /// Its number.
    pub(super) number: GenerationNumber,
    /// Which slots mean which segments.
    pub(super) slots: Arc<SlotMap>,
    /// The adgroups.
    pub(super) serving: Arc<Serving>,
}

/// The adgroups of a generation, ready to be asked.
#[derive(Default)]
pub(super) struct Serving {
    /// All adgroups of the catalog; those that may not serve match nobody.
    pub(super) index: PlaneIndex,
    /// Their flight dates.
    pub(super) flights: Flights,
    /// Adgroup → advertiser, for callers who see one only.
    pub(super) advertisers: Vec<u32>,
}

impl Serving {
    /// The advertiser of an adgroup.
    pub(super) fn advertiser(&self, adgroup: u32) -> Option<u32> {
        self.advertisers.get(adgroup as usize).copied().filter(|&advertiser| advertiser != NONE)
    }

    /// An adgroup is no more.
    pub(super) fn forget(&mut self, number: u64) {
        let Ok(adgroup) = u32::try_from(number) else { return };
        if let Some(entry) = self.advertisers.get_mut(adgroup as usize) {
            *entry = NONE;
        }
        self.flights.set(AdgroupId(adgroup), None, None);
    }
}

/// The expression of a stored targeting; nothing when it asks nothing.
///
/// # Errors
/// `InvalidInput`, `LimitExceeded`: a record that a sound catalog does not hold.
pub(super) fn expression_of(targeting: &StoredTargeting) -> Result<Option<Expression<SegmentNumber>>> {
    match targeting {
        StoredTargeting::Groups { include, exclude } if include.is_empty() && exclude.is_empty() => Ok(None),
        StoredTargeting::Groups { include, exclude } => groups::to_expression(include, exclude).map(Some),
        StoredTargeting::Expression(text) => stored::decode(text).map(Some),
    }
}

/// An adgroup id as the number of its record.
pub(super) fn key(adgroup: AdgroupId) -> u64 {
    u64::from(adgroup.0)
}
