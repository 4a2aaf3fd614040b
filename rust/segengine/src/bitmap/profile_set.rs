//! Profile ids: people, at one link epoch of one engine.

use croaring::{Bitmap, Portable};

use super::IdentifierSet;
use super::exchange::decode;
use crate::error::{Error, Result};
use crate::ids::{EngineId, LinkEpoch, ProfileId};

/// Ids for each container of 65,536, over all sets of a union, up to which merging sorted arrays was faster: 1,500 to
/// 3,000 are within 2 % of each other, bits alone take 1.3 times as long at 15 literals of W1.
const SPARSE_CONTAINER_IDS: u64 = 2_000;

/// Names the engine and link epoch for which a [`ProfileSet`] is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SetStamp {
    /// The data directory.
    pub engine: EngineId,
    /// The number of link changes when the set was derived.
    pub link_epoch: LinkEpoch,
}

/// A set of [`ProfileId`]s with the stamp that says when it is true.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileSet {
    bits: Bitmap,
    stamp: SetStamp,
}

impl ProfileSet {
    /// An empty set.
    #[must_use]
    pub fn new(stamp: SetStamp) -> Self {
        Self { bits: Bitmap::new(), stamp }
    }

    /// The set of `ids`, in any order.
    #[must_use]
    pub fn of(stamp: SetStamp, ids: &[u32]) -> Self {
        Self { bits: Bitmap::of(ids), stamp }
    }

    /// All ids below `end`.
    #[must_use]
    pub fn below(stamp: SetStamp, end: u32) -> Self {
        Self { bits: Bitmap::from_range(0..end), stamp }
    }

    /// The profiles of `identifiers`: those in `redirected` are replaced by what `profile_of` says, the others are
    /// their own profiles. Linear in containers plus redirected members.
    #[must_use]
    pub fn derive(
        stamp: SetStamp,
        identifiers: &IdentifierSet,
        redirected: &IdentifierSet,
        mut profile_of: impl FnMut(u32) -> u32,
    ) -> Self {
        if redirected.is_empty() {
            return Self { bits: identifiers.0.clone(), stamp };
        }
        let mut roots = Vec::new();
        IdentifierSet(identifiers.0.and(&redirected.0))
            .for_each_block(|ids| roots.extend(ids.iter().map(|&id| profile_of(id))));
        let mut bits = identifiers.0.andnot(&redirected.0);
        roots.sort_unstable();
        bits.or_inplace(&Bitmap::of(&roots));
        Self { bits, stamp }
    }

    /// Makes the set true for `stamp`: each profile of `changes` is in it or is not, as the last of them says. Sorted
    /// first, so that each container is looked for once.
    pub fn update(&mut self, stamp: SetStamp, changes: &mut Vec<(u32, bool)>) {
        changes.sort_by_key(|&(profile, _)| profile);
        let last = changes.chunk_by(|one, other| one.0 == other.0).filter_map(<[_]>::last);
        let (added, removed): (Vec<_>, Vec<_>) = last.partition(|(_, holds)| *holds);
        let ids = |changes: Vec<&(u32, bool)>| changes.into_iter().map(|change| change.0).collect::<Vec<u32>>();
        self.bits.add_many(&ids(added));
        self.bits.remove_many(&ids(removed));
        self.stamp = stamp;
        changes.clear();
    }

    /// The engine and link epoch for which the set is true.
    #[must_use]
    pub fn stamp(&self) -> SetStamp {
        self.stamp
    }

    /// Number of profiles.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bits.cardinality()
    }

    /// Whether there is no profile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// Whether `profile` is in the set.
    #[must_use]
    pub fn contains(&self, profile: ProfileId) -> bool {
        self.bits.contains(profile.0)
    }

    /// All ids, ascending.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u32> {
        self.bits.to_vec()
    }

    /// Fails unless both sets are true for the same engine and link epoch.
    ///
    /// # Errors
    /// `InvalidInput` naming both stamps.
    pub fn check_same(&self, other: &Self) -> Result<()> {
        if self.stamp == other.stamp {
            return Ok(());
        }
        let what = if self.stamp.engine == other.stamp.engine { "link epochs" } else { "engines" };
        Err(Error::invalid(format!(
            "sets of different {what} cannot be combined: engine {} epoch {} and engine {} epoch {}",
            self.stamp.engine, self.stamp.link_epoch, other.stamp.engine, other.stamp.link_epoch
        ))
        .hint("evaluate both expressions again"))
    }

    /// The profiles of both sets.
    ///
    /// # Errors
    /// `InvalidInput` for sets of different engines or link epochs; so for all set algebra.
    pub fn and(&self, other: &Self) -> Result<Self> {
        self.combine(other, Bitmap::and)
    }

    /// The profiles of either set.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn or(&self, other: &Self) -> Result<Self> {
        self.combine(other, Bitmap::or)
    }

    /// The profiles of `self` that are not in `other`.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn without(&self, other: &Self) -> Result<Self> {
        self.combine(other, Bitmap::andnot)
    }

    /// Leaves what `other` holds too, in place.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn retain(&mut self, other: &Self) -> Result<()> {
        self.check_same(other)?;
        self.bits.and_inplace(&other.bits);
        Ok(())
    }

    /// Takes out what `other` holds, in place.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn remove(&mut self, other: &Self) -> Result<()> {
        self.check_same(other)?;
        self.bits.andnot_inplace(&other.bits);
        Ok(())
    }

    /// The profiles of any of `sets`, all of which are true for `stamp`.
    ///
    /// Sparse sets are merged one after the other, the smallest first; dense ones in one call, which goes through a bit
    /// for each possible id of a container and back.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn union(stamp: SetStamp, sets: &[&Self]) -> Result<Self> {
        let mut united = Self::new(stamp);
        sets.iter().try_for_each(|set| united.check_same(set))?;
        let mut bits: Vec<&Bitmap> = sets.iter().map(|set| &set.bits).collect();
        let largest = bits.iter().filter_map(|bits| bits.maximum()).max().unwrap_or(0);
        let ids: u64 = sets.iter().map(|set| set.len()).sum();
        if ids > SPARSE_CONTAINER_IDS * (u64::from(largest >> 16) + 1) {
            united.bits = Bitmap::fast_or(&bits);
            return Ok(united);
        }
        bits.sort_by_key(|bits| bits.cardinality());
        let mut smallest = bits.into_iter();
        united.bits = match (smallest.next(), smallest.next()) {
            (Some(one), Some(other)) => one.or(other),
            (Some(one), None) => one.clone(),
            _ => return Ok(united),
        };
        smallest.for_each(|set| united.bits.or_inplace(set));
        Ok(united)
    }

    /// The profiles of exactly one of the sets.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn xor(&self, other: &Self) -> Result<Self> {
        self.combine(other, Bitmap::xor)
    }

    /// Number of profiles in both sets.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn common(&self, other: &Self) -> Result<u64> {
        self.check_same(other)?;
        Ok(self.bits.and_cardinality(&other.bits))
    }

    fn combine(&self, other: &Self, operation: impl Fn(&Bitmap, &Bitmap) -> Bitmap) -> Result<Self> {
        self.check_same(other)?;
        Ok(Self { bits: operation(&self.bits, &other.bits), stamp: self.stamp })
    }

    /// The portable Roaring form, runs compressed.
    #[must_use]
    pub fn to_portable(&self) -> Vec<u8> {
        let mut compact = self.bits.clone();
        compact.run_optimize();
        compact.serialize::<Portable>()
    }

    /// Reads the portable Roaring form.
    ///
    /// # Errors
    /// `Corrupted` or `LimitExceeded`, naming `name`.
    pub fn from_portable(stamp: SetStamp, name: &str, bytes: &[u8]) -> Result<Self> {
        Ok(Self { bits: decode(name, bytes, 1 << 32)?, stamp })
    }
}
