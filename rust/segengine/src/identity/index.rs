//! Digest → id: a hash table in buckets of one cache line that hold all that is compared, in shards that grow one by one.
//!
//! ```text
//! bucket   64 bytes: 5 words of u64 · 5 ids of u32 · u32 head
//! head     5 tags of 4 bits · 3 bits number of ids · 8 bits of those that went on · 1 unused
//! ```
//! **What is kept of a digest.** A digest is 128 bits of a keyed hash; the files hold all of them, the table 76: the top
//! eight choose the shard and are not stored, the next 64 are the word, the last four the tag. Digests that agree in those
//! *are* one identifier to this engine: who comes second is taken for who came first. Nobody can bring that about who does
//! not hold the key; by chance it happens to some two of a hundred million people once in 15 million such directories
//! (n²/2⁷⁷), to some two of a billion once in 150,000, and a stranger is taken for one of a hundred million once in 10¹⁵
//! requests. It damages nothing: two such entries in a file get two ids, and the smaller one is found.
//!
//! **Where an id lies.** The upper half of the word gives the bucket, in proportion to how many there are, so that the order
//! of buckets is the order of digests, whatever their number: who inserts many digests in that order walks through a shard
//! once, and growing needs nothing but the shard itself. Where the bucket is full an id goes on by a step that the lower
//! half gives, and leaves one of eight bits in each bucket that it passed: a search goes on only where its own bit is set.
//! Simulated at 15/16 full: 1.48 lines for one who is known, 1.30 for a stranger; going on to the neighbour would be
//! 2.2 and 17, for what went on piles up. Twelve tags of one byte in a line, ids to look digests up by in a column, was
//! 16 bytes more for each identifier and two reads of memory one after the other.
//!
//! **How it grows.** A shard is filled to fifteen sixteenths, and then made anew aside, an eighth larger and as large as
//! the allocator's piece: 13.7 to 17 bytes an id, never twice the memory. Readers take no lock: they load the set of shards
//! once, for one search or for many, and go on in it. There is one writer, who stores an id and its word before the head
//! that counts it; nothing that is counted changes.
//!
//! The bits of those that went on are those of F14 (counted there, for it removes), the growth in proportion is that of
//! sorted linear hashing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::digest::Halves;

/// Shards: by the top eight bits.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 8;
/// Ids of one bucket.
const PLACES: usize = 5;
/// A shard is full at `FULL.0 / FULL.1` of its places.
const FULL: (usize, usize) = (15, 16);
const TAG_BITS: u32 = 4;
const TAG_MASK: u32 = (1 << TAG_BITS) - 1;
const COUNT_SHIFT: u32 = 20;
const COUNT_MASK: u32 = 7;
const WENT_ON_SHIFT: u32 = COUNT_SHIFT + 3;
const _: () = assert!(COUNT_SHIFT as usize == TAG_BITS as usize * PLACES);
const _: () = assert!(WENT_ON_SHIFT + 8 <= u32::BITS && PLACES <= COUNT_MASK as usize && size_of::<Bucket>() == 64);

/// What is kept of a digest within its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    word: u64,
    tag: u32,
}

impl Kept {
    #[inline]
    const fn of(halves: Halves) -> Self {
        let [first, second] = halves;
        let word = first << SHARD_BITS | second >> (64 - SHARD_BITS);
        Self { word, tag: (second >> (64 - SHARD_BITS - TAG_BITS) & TAG_MASK as u64) as u32 }
    }

    /// The bit that it leaves where it went on.
    #[inline]
    const fn went_on(self) -> u32 {
        1 << (WENT_ON_SHIFT + (self.word & 7) as u32)
    }
}

/// Whether two digests are one identifier to the table.
#[inline]
pub(crate) fn are_one(one: Halves, other: Halves) -> bool {
    one[0] == other[0] && Kept::of(one) == Kept::of(other)
}

/// The buckets that one digest may lie in, one after the other.
struct Way {
    at: u32,
    step: u32,
}

impl Way {
    #[inline]
    const fn of(kept: Kept) -> Self {
        // An odd step comes by every bucket in the end; it is an eighth to a quarter of the shard long, so that no two
        // buckets of a way are neighbours and none is long.
        let mixed = ((kept.word & 0xffff_ffff) as u32).wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        Self { at: (kept.word >> 32) as u32, step: mixed & 0x3fff_ffff | 0x2000_0001 }
    }

    /// The bucket at hand, of so many.
    #[inline]
    fn bucket(&self, buckets: usize) -> usize {
        ((u64::from(self.at) * buckets as u64) >> 32) as usize
    }

    #[inline]
    const fn go_on(&mut self) {
        self.at = self.at.wrapping_add(self.step);
    }
}

/// A bucket: see the top.
#[repr(align(64))]
#[derive(Default)]
struct Bucket {
    words: [AtomicU64; PLACES],
    ids: [AtomicU32; PLACES],
    head: AtomicU32,
}

impl Bucket {
    /// The id of what is kept, or whether to go on.
    #[inline]
    fn find(&self, kept: Kept) -> Result<u32, bool> {
        let head = self.head.load(Ordering::Acquire);
        let mut same = 0;
        for (place, word) in self.words.iter().enumerate() {
            same |= u32::from(word.load(Ordering::Relaxed) == kept.word) << place;
        }
        same &= (1 << (head >> COUNT_SHIFT & COUNT_MASK)) - 1;
        while same != 0 {
            let place = same.trailing_zeros();
            let tag = head >> (TAG_BITS * place) & TAG_MASK;
            if let Some(id) = self.ids.get(place as usize).filter(|_| tag == kept.tag) {
                return Ok(id.load(Ordering::Relaxed));
            }
            same &= same - 1;
        }
        Err(head & kept.went_on() != 0)
    }

    /// Puts an id into a free place; false, and remembered, when there is none. There is one writer.
    fn put(&self, kept: Kept, id: u32) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        let place = head >> COUNT_SHIFT & COUNT_MASK;
        let Some((word, of)) = self.words.get(place as usize).zip(self.ids.get(place as usize)) else {
            self.head.store(head | kept.went_on(), Ordering::Release);
            return false;
        };
        word.store(kept.word, Ordering::Relaxed);
        of.store(id, Ordering::Relaxed);
        self.head.store((head | kept.tag << (TAG_BITS * place)) + (1 << COUNT_SHIFT), Ordering::Release);
        true
    }

    /// What it holds.
    fn entries(&self) -> impl Iterator<Item = (Kept, u32)> {
        let head = self.head.load(Ordering::Acquire);
        let tags = (0..).map(move |place: u32| head >> (TAG_BITS * place) & TAG_MASK);
        let entries = self.words.iter().zip(&self.ids).zip(tags).take((head >> COUNT_SHIFT & COUNT_MASK) as usize);
        entries.map(|((word, id), tag)| (Kept { word: word.load(Ordering::Relaxed), tag }, id.load(Ordering::Relaxed)))
    }
}

/// The shard of a digest.
#[inline]
pub(super) const fn shard_of(halves: Halves) -> usize {
    (halves[0] >> (64 - SHARD_BITS)) as usize
}

/// As many buckets as fill up the piece of memory that the allocator would give for so many, where what is beyond them
/// would be lost. Allocators give pieces of four, five, six or seven times a power of two up to 512 KiB, and whole
/// multiples of 64 KiB beyond; one bucket less leaves room to begin on a line of memory.
fn fill_up(buckets: usize) -> usize {
    const LARGEST_STEP: usize = (64 << 10) / size_of::<Bucket>();
    let step = ((buckets + 1).next_power_of_two() / 8).clamp(1, LARGEST_STEP);
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
    pub(super) fn with_room(ids: usize) -> Self {
        let buckets = fill_up((ids * FULL.1).div_ceil(PLACES * FULL.0).max(1));
        Self { buckets: (0..buckets).map(|_| Bucket::default()).collect(), length: AtomicU32::new(0) }
    }

    /// Whether `more` ids fit.
    pub(super) fn fits(&self, more: usize) -> bool {
        (self.len() + more) * FULL.1 <= self.buckets.len() * PLACES * FULL.0
    }

    /// Ids in it.
    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed) as usize
    }

    /// The id of a digest.
    #[inline]
    pub(super) fn find(&self, halves: Halves) -> Option<u32> {
        let kept = Kept::of(halves);
        let mut way = Way::of(kept);
        loop {
            // There is always a bucket from which nothing went on, and every way comes by it.
            match self.buckets.get(way.bucket(self.buckets.len()))?.find(kept) {
                Ok(id) => return Some(id),
                Err(true) => way.go_on(),
                Err(false) => return None,
            }
        }
    }

    /// Touches what [`Self::find`] looks at first: asked ahead for many digests, the lines come together.
    #[inline]
    pub(super) fn touch(&self, halves: Halves) {
        if let Some(bucket) = self.buckets.get(Way::of(Kept::of(halves)).bucket(self.buckets.len())) {
            std::hint::black_box(bucket.head.load(Ordering::Relaxed));
        }
    }

    /// Puts in an id that is not there yet; the caller saw to room.
    pub(super) fn insert(&self, halves: Halves, id: u32) {
        self.put(Kept::of(halves), id);
    }

    fn put(&self, kept: Kept, id: u32) {
        debug_assert!(self.fits(1), "a shard was filled past its room");
        let mut way = Way::of(kept);
        while self.buckets.get(way.bucket(self.buckets.len())).is_some_and(|bucket| !bucket.put(kept, id)) {
            way.go_on();
        }
        self.length.store(self.length.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The same ids with room for `more`.
    pub(super) fn grown(&self, more: usize) -> Self {
        let grown = Self::with_room(self.len() + more);
        self.buckets.iter().flat_map(Bucket::entries).for_each(|(kept, id)| grown.put(kept, id));
        grown
    }

    /// The same ids with room for `more` at least, and for as many again as it is worth to grow by.
    pub(super) fn grown_well(&self, more: usize) -> Self {
        self.grown(more.max(self.len() / 8))
    }
}

/// Every shard, as they are at one moment.
pub(super) struct Index {
    shards: Box<[Arc<Shard>]>,
}

impl Default for Index {
    fn default() -> Self {
        Self::of((0..SHARDS).map(|_| Shard::default()))
    }
}

impl Index {
    /// The index of all shards, in their order.
    pub(super) fn of(shards: impl Iterator<Item = Shard>) -> Self {
        Self { shards: shards.map(Arc::new).collect() }
    }

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

    /// Digests that crowd: few shards, few buckets, few ways on, words that differ in tags alone.
    fn crowded() -> impl Strategy<Value = Halves> {
        (0_u64..2, 0_u64..4, 0_u64..250, 0_u64..4).prop_map(|(shard, home, rest, tag)| {
            [shard << 56 | home << 50 | (rest % 5), ((rest / 5) << 56) | tag << 52 | 0x1234_5678]
        })
    }

    proptest! {
        #[test]
        fn a_shard_is_a_map(digests in prop::collection::hash_set(crowded(), 0..400), strangers in prop::collection::vec(crowded(), 40)) {
            let mut map = HashMap::new();
            let mut shards = [Shard::default(), Shard::default()];
            for (id, &halves) in (0_u32..).zip(&digests) {
                let shard = &mut shards[shard_of(halves)];
                if !shard.fits(1) {
                    *shard = shard.grown_well(1);
                }
                shard.insert(halves, id);
                map.insert(halves, id);
            }
            for halves in digests.iter().chain(&strangers) {
                prop_assert_eq!(shards[shard_of(*halves)].find(*halves), map.get(halves).copied());
            }
            prop_assert_eq!(shards[0].len() + shards[1].len(), map.len());
        }

        /// What is one to the table is what agrees in its 76 bits.
        #[test]
        fn a_digest_is_its_first_bits(one: [u64; 2], flipped in 0_u32..128) {
            let bits = u128::from(one[0]) << 64 | u128::from(one[1]);
            let other = bits ^ 1 << (127 - flipped);
            prop_assert_eq!(are_one(one, [(other >> 64) as u64, other as u64]), flipped >= 76);
            prop_assert!(are_one(one, one));
        }
    }

    /// Of two entries that are one to the table, the smaller id is found, also when the shard has grown.
    #[test]
    fn of_two_that_are_one_the_first_is_found() {
        let filler = |number: u64| [number << 34, number];
        let mut shard = Shard::with_room(60);
        shard.insert([7 << 40, 1], 0);
        (1..40).for_each(|id| shard.insert(filler(u64::from(id)), id));
        shard.insert([7 << 40, 2], 40);
        for _ in 0..3 {
            assert_eq!((shard.find([7 << 40, 2]), shard.find([7 << 40, 1])), (Some(0), Some(0)));
            shard = shard.grown_well(shard.len());
        }
    }

    /// A full shard answers for all it holds, and soon: few lines for the known, fewer for strangers.
    #[test]
    fn full_shards_are_searched_in_few_lines() {
        let halves = |number: u64| {
            let hash = blake3::hash(&number.to_le_bytes());
            let half = |at: usize| u64::from_le_bytes(*hash.as_bytes()[at..].first_chunk().unwrap());
            [half(0) >> 8, half(8)]
        };
        let shard = Shard::with_room(20_000);
        let full = (0_u32..).take_while(|&id| {
            let fits = shard.fits(1);
            if fits {
                shard.insert(halves(u64::from(id)), id);
            }
            fits
        });
        let full = full.count() as u64;
        let lines = |number: u64| {
            let (kept, mut lines) = (Kept::of(halves(number)), 1);
            let mut way = Way::of(kept);
            while shard.buckets[way.bucket(shard.buckets.len())].find(kept) == Err(true) {
                way.go_on();
                lines += 1;
            }
            lines
        };
        assert!((0..full).all(|number| shard.find(halves(number)) == Some(number as u32)));
        let (known, strangers): (u64, u64) = ((0..full).map(lines).sum(), (full..2 * full).map(lines).sum());
        assert!(known * 10 < full * 16 && strangers * 10 < full * 14, "{known} and {strangers} lines for {full}");
    }

    /// No shard is smaller than it must be, none is a quarter larger, and its bytes fit into an allocator's piece.
    #[test]
    fn shards_fill_up_their_memory() {
        for ids in (1..9_000).step_by(7).chain([50_000, 100_000, 300_000]) {
            let shard = Shard::with_room(ids);
            let (buckets, needed) = (shard.buckets.len(), (ids * FULL.1).div_ceil(PLACES * FULL.0));
            assert!(shard.fits(ids) && buckets <= needed + needed.next_power_of_two() / 4, "{ids} ids in {buckets}");
            let leading = (buckets + 1) >> (buckets + 1).ilog2().saturating_sub(2);
            let is_piece = (leading << (buckets + 1).ilog2().saturating_sub(2)) == buckets + 1;
            assert!(is_piece || (buckets > 8_192 && (buckets + 1).is_multiple_of(1_024)), "{buckets}");
        }
    }
}
