//! Identifier ids, as segment files hold them.

use croaring::{Bitmap, Portable};

use super::exchange::decode;
use crate::error::Result;
use crate::ids::IdentifierId;

/// Ids read from the iterator at a time.
const BLOCK: usize = 4_096;

/// A set of [`IdentifierId`]s: what a segment version names, whatever the links say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IdentifierSet(pub(super) Bitmap);

impl IdentifierSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self(Bitmap::new())
    }

    /// The set of `ids`, in any order, repeated or not.
    #[must_use]
    pub fn of(ids: &[u32]) -> Self {
        Self(Bitmap::of(ids))
    }

    /// All ids below `end`.
    #[must_use]
    pub fn below(end: u32) -> Self {
        Self(Bitmap::from_range(0..end))
    }

    /// Adds many ids, in any order; ascending ones are fastest.
    pub fn extend(&mut self, ids: &[u32]) {
        self.0.add_many(ids);
    }

    /// Adds every id of a range.
    pub fn extend_range(&mut self, ids: std::ops::Range<u32>) {
        self.0.add_range(ids);
    }

    /// Adds one id; true when it was not there.
    pub fn insert(&mut self, id: IdentifierId) -> bool {
        self.0.add_checked(id.0)
    }

    /// Removes one id; true when it was there.
    pub fn remove(&mut self, id: IdentifierId) -> bool {
        self.0.remove_checked(id.0)
    }

    /// Whether `id` is in the set.
    #[must_use]
    pub fn contains(&self, id: IdentifierId) -> bool {
        self.0.contains(id.0)
    }

    /// Number of ids.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.cardinality()
    }

    /// Whether there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The largest id.
    #[must_use]
    pub fn largest(&self) -> Option<IdentifierId> {
        self.0.maximum().map(IdentifierId)
    }

    /// Number of ids that `other` holds too.
    #[must_use]
    pub fn common(&self, other: &Self) -> u64 {
        self.0.and_cardinality(&other.0)
    }

    /// Adds every id of `other`, in place.
    pub fn merge(&mut self, other: &Self) {
        self.0.or_inplace(&other.0);
    }

    /// The ids of any of `sets`: linear in their containers, where a chain of [`Self::or`] copies the growing union.
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s Self>) -> Self {
        sets.into_iter().fold(Self::new(), |mut all, set| {
            all.merge(set);
            all
        })
    }

    /// The ids of `self` or `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self(self.0.or(&other.0))
    }

    /// The ids of both `self` and `other`.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.and(&other.0))
    }

    /// The ids of `self` that `other` does not hold.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.andnot(&other.0))
    }

    /// All ids, ascending.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u32> {
        self.0.to_vec()
    }

    /// Calls `visit` with ascending blocks of ids, without ever holding them all.
    pub fn for_each_block(&self, mut visit: impl FnMut(&[u32])) {
        let mut block = [0; BLOCK];
        let mut cursor = self.0.iter();
        loop {
            let read = cursor.next_many(&mut block);
            match block.get(..read) {
                Some(ids) if !ids.is_empty() => visit(ids),
                _ => return,
            }
        }
    }

    /// Calls `visit` with ascending blocks of the ids in `range`; `block` is memory to use again for the next set.
    pub fn for_each_in(&self, range: std::ops::Range<u32>, block: &mut Vec<u32>, mut visit: impl FnMut(&[u32])) {
        block.resize(BLOCK, 0);
        let mut cursor = self.0.iter();
        cursor.reset_at_or_after(range.start);
        loop {
            let read = cursor.next_many(block);
            let ids = block.get(..read).unwrap_or_default();
            let inside = ids.get(..ids.partition_point(|&id| id < range.end)).unwrap_or_default();
            if !inside.is_empty() {
                visit(inside);
            }
            if ids.is_empty() || inside.len() < ids.len() {
                return;
            }
        }
    }

    /// The portable Roaring form, runs compressed.
    #[must_use]
    pub fn to_portable(&self) -> Vec<u8> {
        let mut compact = self.0.clone();
        compact.run_optimize();
        compact.serialize::<Portable>()
    }

    /// Reads the portable Roaring form; ids must lie below `ids_end`.
    ///
    /// # Errors
    /// `Corrupted` or `LimitExceeded`, naming `name`.
    pub fn from_portable(name: &str, bytes: &[u8], ids_end: u64) -> Result<Self> {
        decode(name, bytes, ids_end).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_is_the_chain_of_ors() {
        let sets: Vec<_> = (1..40_u32).map(|step| IdentifierSet::of(&[step, step * 7, step * 70_000])).collect();
        let chain = sets.iter().fold(IdentifierSet::new(), |all, set| all.or(set));
        assert_eq!(IdentifierSet::union(&sets), chain);
        assert!(IdentifierSet::union([]).is_empty());
    }
}
