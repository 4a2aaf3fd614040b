//! Digest → id: a hash table of four-byte ids in buckets of one cache line, in shards that grow one by one.
//!
//! ```text
//! bucket   64 bytes: 12 tags of one byte (0 is free) · 3 unused · 1 set when an id went on to the next bucket · 12 ids
//! ```
//! The first half of a digest gives the shard (its top bits) and, in proportion, the bucket; the second gives the tag and
//! is compared with the columns. So finding an id is one line of the table and one line of the digests, and a tag lets
//! four in a hundred searches look at one digest more. The order of buckets is the order of digests, whatever their
//! number: who inserts many digests in that order walks through a shard once. A shard is filled to seven eighths and
//! then made anew aside, about a fifth larger and as large as the allocator's piece: 6.1 to 7.5 bytes an id with what is
//! rounded up, never twice the memory.
//!
//! Readers take no lock: they load the set of shards once, for one search or for many, and go on in it. There is one
//! writer, who stores the id before the tag. The layout is that of F14 and Swiss tables, the growth in proportion that
//! of sorted linear hashing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::columns::Halves;

/// Shards: by the top eight bits.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 8;
/// Ids of one bucket.
const PLACES: usize = 12;
/// The tags of the second word that stand for ids.
const HIGH_TAGS: u64 = 0xffff_ffff;
/// Set in the second word of tags when an id that belongs here lies further on.
const WENT_ON: u64 = 1 << 56;

/// A bucket: see the top.
#[repr(align(64))]
#[derive(Default)]
struct Bucket {
    tags: [AtomicU64; 2],
    ids: [AtomicU32; PLACES],
}

/// What a search looks at first.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    /// An id, or [`u32::MAX`].
    pub(super) id: u32,
    /// Whether there is nothing else to look at.
    pub(super) is_only: bool,
}

impl Candidate {
    /// No id, and something else may be to look at.
    pub(super) const UNKNOWN: Self = Self { id: u32::MAX, is_only: false };
}

/// Marks each byte of `tags` that equals `tag` by its top bit; a byte right above a marked one may be marked wrongly.
#[inline]
const fn marks(tags: u64, tag: u8) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let equal = tags ^ (LOW * tag as u64);
    equal.wrapping_sub(LOW) & !equal & (LOW << 7)
}

impl Bucket {
    /// The first id with this tag for which `is_it` holds, and whether ids went on to the next bucket.
    #[inline]
    fn find(&self, tag: u8, is_it: &mut impl FnMut(u32) -> bool) -> (Option<u32>, bool) {
        let (low, high) = (self.tags[0].load(Ordering::Acquire), self.tags[1].load(Ordering::Acquire));
        for (marked, first) in [(marks(low, tag), 0), (marks(high & HIGH_TAGS, tag), 8)] {
            let mut marked = marked;
            while marked != 0 {
                let place = first + (marked.trailing_zeros() / 8) as usize;
                let id = self.ids.get(place).map(|id| id.load(Ordering::Relaxed));
                if let Some(id) = id.filter(|&id| is_it(id)) {
                    return (Some(id), false);
                }
                marked &= marked - 1;
            }
        }
        (None, high & WENT_ON != 0)
    }

    /// The first id with this tag, unlooked at.
    #[inline]
    fn candidate(&self, tag: u8) -> Candidate {
        let (low, high) = (self.tags[0].load(Ordering::Acquire), self.tags[1].load(Ordering::Acquire));
        let (in_low, in_high) = (marks(low, tag), marks(high & HIGH_TAGS, tag));
        let place = if in_low == 0 { 8 + in_high.trailing_zeros() / 8 } else { in_low.trailing_zeros() / 8 };
        let high_others = if in_low == 0 { in_high & in_high.wrapping_sub(1) } else { in_high };
        let others = (in_low & in_low.wrapping_sub(1)) | high_others;
        Candidate {
            id: self.ids.get(place as usize).map_or(u32::MAX, |id| id.load(Ordering::Relaxed)),
            is_only: others == 0 && high & WENT_ON == 0,
        }
    }

    /// Puts an id into a free place; false, and remembered, when there is none. There is one writer.
    fn put(&self, tag: u8, id: u32) -> bool {
        let [low, high] = &self.tags;
        let (low_tags, high_tags) = (low.load(Ordering::Relaxed), high.load(Ordering::Relaxed));
        let (word, tags, free, first) = match (marks(low_tags, 0), marks(high_tags & HIGH_TAGS, 0) & HIGH_TAGS) {
            (0, 0) => {
                high.store(high_tags | WENT_ON, Ordering::Release);
                return false;
            }
            (0, free) => (high, high_tags, free, 8),
            (free, _) => (low, low_tags, free, 0),
        };
        let byte = free.trailing_zeros() / 8;
        if let Some(place) = self.ids.get(first + byte as usize) {
            place.store(id, Ordering::Relaxed);
        }
        word.store(tags | (u64::from(tag) << (8 * byte)), Ordering::Release);
        true
    }

    /// The ids in it.
    fn ids(&self) -> impl Iterator<Item = u32> {
        let tags = self.tags.each_ref().map(|word| word.load(Ordering::Acquire).to_le_bytes());
        let used = self.ids.iter().zip(tags.into_iter().flatten()).filter(|(_, tag)| *tag != 0);
        used.map(|(id, _)| id.load(Ordering::Relaxed))
    }
}

/// The shard of a digest.
#[inline]
pub(super) const fn shard_of(halves: Halves) -> usize {
    (halves[0] >> (64 - SHARD_BITS)) as usize
}

#[inline]
fn tag_of(halves: Halves) -> u8 {
    // The lowest byte, and 255 for 0, which means a free place.
    let tag = (halves[1] & 0xff) as u8;
    if tag == 0 { u8::MAX } else { tag }
}

/// As many buckets as fill up the piece of memory that the allocator would give for so many, where what is beyond them
/// would be lost. Allocators give pieces of four, five, six or seven times a power of two; one bucket less leaves room
/// to begin on a line of memory.
fn fill_up(buckets: usize) -> usize {
    let step = ((buckets + 1).next_power_of_two() / 8).max(1);
    (buckets + 1).next_multiple_of(step) - 1
}

/// One shard.
#[derive(Default)]
pub(super) struct Shard {
    buckets: Box<[Bucket]>,
    /// Ids in it; only the writer counts.
    length: AtomicU32,
}

impl Shard {
    /// A shard with room for `ids`, and for as many more as the piece of memory has that holds it.
    fn with_room(ids: usize) -> Self {
        let buckets = fill_up((ids * 8).div_ceil(PLACES * 7).max(1));
        Self { buckets: (0..buckets).map(|_| Bucket::default()).collect(), length: AtomicU32::new(0) }
    }

    /// Whether `more` ids fit.
    pub(super) fn fits(&self, more: usize) -> bool {
        (self.len() + more) * 8 <= self.buckets.len() * PLACES * 7
    }

    /// Ids in it.
    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed) as usize
    }

    /// The bucket of a digest, in proportion to the bits below those that chose the shard.
    #[inline]
    fn home(&self, halves: Halves) -> usize {
        let fraction = (halves[0] << SHARD_BITS) >> 32;
        ((fraction * self.buckets.len() as u64) >> 32) as usize
    }

    /// The id for which `is_it` holds among those with the tag of `halves`.
    #[inline]
    pub(super) fn find(&self, halves: Halves, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (home, tag) = (self.home(halves), tag_of(halves));
        let (after, before) = (self.buckets.get(home..)?, self.buckets.get(..home)?);
        for bucket in after.iter().chain(before) {
            match bucket.find(tag, &mut is_it) {
                (None, true) => {}
                (found, _) => return found,
            }
        }
        None
    }

    /// What [`Self::find`] looks at first: asked ahead for many digests, the lines come together.
    #[inline]
    pub(super) fn candidate(&self, halves: Halves) -> Candidate {
        self.buckets.get(self.home(halves)).map_or(Candidate::UNKNOWN, |bucket| bucket.candidate(tag_of(halves)))
    }

    /// Puts in an id that is not there yet; the caller saw to room.
    pub(super) fn insert(&self, halves: Halves, id: u32) {
        let (home, tag) = (self.home(halves), tag_of(halves));
        let at_home = self.buckets.get(home).is_some_and(|bucket| bucket.put(tag, id));
        if !at_home {
            let (before, after) = self.buckets.split_at_checked(home + 1).unwrap_or_default();
            let put = after.iter().chain(before).any(|bucket| bucket.put(tag, id));
            debug_assert!(put, "a shard was filled past its room");
        }
        self.length.store(self.length.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The same ids with room for `more`.
    pub(super) fn grown(&self, more: usize, halves_of: impl Fn(u32) -> Halves) -> Self {
        let grown = Self::with_room(self.len() + more);
        let mut block: Vec<(Halves, u32)> = Vec::new();
        for buckets in self.buckets.chunks(64) {
            block.clear();
            // All digests of a block are asked for before one is used, so that their lines come together.
            block.extend(buckets.iter().flat_map(Bucket::ids).map(|id| (halves_of(id), id)));
            block.iter().for_each(|&(halves, id)| grown.insert(halves, id));
        }
        grown
    }
}

/// Every shard, as they are at one moment.
pub(super) struct Index {
    shards: Box<[Arc<Shard>]>,
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect() }
    }
}

impl Index {
    /// The shard of a digest.
    #[inline]
    pub(super) fn shard(&self, halves: Halves) -> Option<&Shard> {
        self.numbered(shard_of(halves))
    }

    /// A shard by its number.
    #[inline]
    pub(super) fn numbered(&self, number: usize) -> Option<&Shard> {
        self.shards.get(number).map(|shard| &**shard)
    }

    /// The index with other shards in place of some.
    pub(super) fn with(&self, others: impl IntoIterator<Item = (usize, Shard)>) -> Self {
        let mut shards = self.shards.clone();
        for (number, shard) in others {
            if let Some(place) = shards.get_mut(number) {
                *place = Arc::new(shard);
            }
        }
        Self { shards }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Digests that crowd: few shards, few buckets, few tags.
    fn crowded() -> impl Strategy<Value = Halves> {
        (0_u64..2, 0_u64..4, 0_u64..1_000).prop_map(|(shard, home, rest)| [shard << 56 | home << 50, rest * 0x8001])
    }

    proptest! {
        #[test]
        fn a_shard_is_a_map(digests in prop::collection::hash_set(crowded(), 0..400), strangers in prop::collection::vec(crowded(), 40)) {
            let mut map = HashMap::new();
            let mut shard = Shard::default();
            let digests: Vec<Halves> = digests.into_iter().collect();
            for (id, &halves) in (0_u32..).zip(&digests) {
                if !shard.fits(1) {
                    shard = shard.grown(1 + shard.len() / 6, |id| digests[id as usize]);
                }
                shard.insert(halves, id);
                map.insert(halves, id);
            }
            for halves in digests.iter().chain(&strangers) {
                let found = shard.find(*halves, |id| digests[id as usize] == *halves);
                prop_assert_eq!(found, map.get(halves).copied());
            }
            prop_assert_eq!(shard.len(), map.len());
        }
    }

    /// Where a candidate is the only one, it is all that a search would find.
    #[test]
    fn an_only_candidate_is_all_there_is() {
        let digests: Vec<Halves> = (0_u64..40).map(|number| [number << 50, number % 5]).collect();
        let mut only = 0;
        // Crowded, so that ids go on to other buckets, and with room.
        for room in [40, 80] {
            let shard = Shard::with_room(room);
            (0_u32..).zip(&digests).for_each(|(id, halves)| shard.insert(*halves, id));
            for halves in digests.iter().chain(&[[0, 77], [39 << 50, 78]]) {
                let mut looked_at = Vec::new();
                shard.find(*halves, |id| {
                    looked_at.push(id);
                    false
                });
                let candidate = shard.candidate(*halves);
                if candidate.id != u32::MAX {
                    assert_eq!(Some(&candidate.id), looked_at.first());
                }
                if candidate.is_only {
                    assert_eq!(looked_at.len(), usize::from(candidate.id != u32::MAX));
                    only += 1;
                }
            }
        }
        assert!(only > 0);
    }

    /// No shard is smaller than it must be, none is a quarter larger, and its bytes fit into an allocator's piece.
    #[test]
    fn shards_fill_up_their_memory() {
        for ids in (1..20_000).step_by(7) {
            let shard = Shard::with_room(ids);
            let (buckets, needed) = (shard.buckets.len(), (ids * 8).div_ceil(PLACES * 7));
            assert!(shard.fits(ids) && buckets <= needed + needed.next_power_of_two() / 4, "{ids} ids in {buckets}");
            let leading = (buckets + 1) >> (buckets + 1).ilog2().saturating_sub(2);
            assert_eq!((leading << (buckets + 1).ilog2().saturating_sub(2)), buckets + 1);
        }
    }

    /// Marks stand at least where a byte equals, and the lowest mark is always right.
    #[test]
    fn marks_begin_with_an_equal_byte() {
        for tag in [0, 1, 0x7f, 0x80, 0xff] {
            for word in [0, u64::MAX, 0x0100_ff80_7f01_0001, 0x8080_0101_7f7f_ffff, 0x0123_4567_89ab_cdef] {
                let first = word.to_le_bytes().iter().position(|&byte| byte == tag);
                let marked = marks(word, tag);
                assert_eq!(first, (marked != 0).then(|| marked.trailing_zeros() as usize / 8));
            }
        }
    }
}
