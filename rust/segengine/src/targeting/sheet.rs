//! One sheet of bit-sliced clause planes: up to a million bits, judged for one user in a few microseconds.
//!
//! An adgroup with k clauses has one bit in each of k *planes* and one in the *exclude plane*; adgroups with equally many
//! clauses stand in one *bucket*, so that no plane has a hole, and those with excludes come first, so that the exclude
//! plane is short. A request ORs the postings of the user's segments into the planes, ANDs the planes of each bucket,
//! ANDs away the excluded, and turns the bits that are left into ids. Three choices make it fast, measured at W1
//! (100,000 adgroups, 876,000 literals, 70 segments a user; 2-core EPYC with AVX-512):
//!
//! * **A posting is (halfword, mask)**, sixteen bits each, not a bit: neighbours that one segment sets together are one
//!   read-modify-write, no shift is left to compute, and no write waits for the one before it to the same word. The planes are a
//!   fixed array of 65,536 halfwords, which a 16-bit index cannot leave: the loop has no bounds check.
//! * **Rows are sorted so that neighbours share their most listed segments** ([`super::rows`]): 15,470 literals of a
//!   user's segments become 6,700 postings instead of 14,900, two thirds of the words of the answer are zero.
//! * **Postings come in chunks of sixteen**, and a request first lists the chunks of all its segments. The loop over them has no
//!   branch that depends on where a segment's postings end, and knows far ahead what to prefetch. A loop a segment
//!   mispredicted seventy of its ends, which cost nearly half of all: 3.0 µs instead of 1.7. The last chunk of a segment is filled
//!   up with masks of no bit, 8 % more postings; chunks of eight need half of that and are 0.4 µs slower, of four 0.8.
//!
//! Clearing and gathering then take 1.9 µs, combining and emitting 1.5 µs by AVX-512 ([`super::unsafe_vector`]). What did not
//! pay: skipping zero words (the branch costs more than the work), a cursor over runs by conditional moves instead of the
//! list (5 % slower), masks of a whole block where a segment has several postings in it (an eighth of all postings are in
//! blocks with four or more), and full-length bit rows for the most listed segments (24 segments deserve one before rows are
//! sorted, none after). Huge pages bring nothing: what a request touches is in the caches.
//!
//! Source: bit-sliced evaluation of conjunctions is O'Neil and Quass, "Improved query performance with variant indexes"
//! (SIGMOD 1997), applied to the conjunction sizes of Whang et al., "Indexing Boolean expressions" (VLDB 2009).

use super::forms::Verify;
use super::slots::Programs;
use super::unsafe_vector;

/// Halfwords that one sheet may have: what a 16-bit index reaches.
pub(super) const HALFWORDS: usize = 1 << 16;
/// Bits of a halfword.
pub(super) const HALFWORD_BITS: usize = 16;
/// Bits of a block: planes begin and end at whole ones, a vector register and a cache line each.
pub(super) const BLOCK_BITS: usize = 512;
/// Halfwords of a block.
pub(super) const BLOCK: usize = BLOCK_BITS / HALFWORD_BITS;
/// Postings of one chunk: a line of the cache.
pub(super) const CHUNK: usize = 16;
/// How many chunks ahead postings are prefetched.
const AHEAD: usize = 8;
/// Numbers of chunks that are listed by one store, whether they count or not.
const LANES: usize = 16;

/// Postings that are set together. What is left over in a segment's last chunk sets nothing.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Chunk(pub(super) [u32; CHUNK]);

/// The adgroups of sixteen rows, in one line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Sixteen(pub(super) [u32; HALFWORD_BITS]);

/// The accumulators of one request, on a boundary of cache lines.
#[repr(align(64))]
pub(super) struct Planes(pub(super) [u16; HALFWORDS]);

impl Default for Box<Planes> {
    /// All clear.
    #[expect(clippy::large_stack_arrays, reason = "made in place, once for each thread")]
    fn default() -> Self {
        Self::new(Planes([0; HALFWORDS]))
    }
}

/// Adgroups with the same number of clauses.
///
/// Its blocks are `planes` runs of `blocks`, then `exclude_blocks` for the first rows, those with excludes, then the *doubt
/// plane* of all rows, where only the doubted are verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Clauses of each adgroup; 0 for those that start as matching.
    pub(super) planes: usize,
    /// Which survivors run their program, because the clauses are necessary only.
    pub(super) verify: Verify,
    /// First row; a multiple of [`BLOCK_BITS`].
    pub(super) first_row: usize,
    /// Adgroups.
    pub(super) rows: usize,
    /// Blocks of one plane.
    pub(super) blocks: usize,
    /// Blocks of the exclude plane.
    pub(super) exclude_blocks: usize,
    /// First halfword of the planes.
    pub(super) base: usize,
}

impl Bucket {
    /// Halfwords of the bucket; one without planes still has a run, which starts as all matching.
    pub(super) fn halfwords(&self) -> usize {
        let doubt_blocks = if self.verify == Verify::Doubted { self.blocks } else { 0 };
        self.doubts() + doubt_blocks * BLOCK
    }

    /// First halfword of the plane of excludes, as counted from the bucket's first.
    pub(super) fn excludes(&self) -> usize {
        self.blocks * self.planes.max(1) * BLOCK
    }

    /// First halfword of the doubt plane, as counted from the bucket's first.
    pub(super) fn doubts(&self) -> usize {
        self.excludes() + self.exclude_blocks * BLOCK
    }

    /// Sets the rows of a bucket without planes: they match unless excluded.
    fn start(&self, planes: &mut [u16]) {
        if self.planes > 0 {
            return;
        }
        let (whole, rest) = (self.rows / HALFWORD_BITS, self.rows % HALFWORD_BITS);
        planes.iter_mut().take(whole).for_each(|halfword| *halfword = u16::MAX);
        if let Some(halfword) = planes.get_mut(whole).filter(|_| rest > 0) {
            *halfword = (1 << rest) - 1;
        }
    }
}

/// Working memory of one request.
#[derive(Default)]
pub(super) struct Working {
    /// The accumulators.
    pub(super) planes: Box<Planes>,
    /// First chunk of each segment's postings, and their number.
    runs: Vec<(u32, u32)>,
    /// These chunks, one by one.
    chunks: Vec<u32>,
    /// The rows that match, as postings: (sixteen rows, mask).
    answer: Vec<u32>,
    /// The rows that match if their program says so.
    doubted: Vec<u32>,
}

/// A sheet: rows, planes and postings.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) buckets: Vec<Bucket>,
    /// Row → adgroup; rows that fill up a bucket's last block are never set.
    pub(super) adgroups: Vec<Sixteen>,
    /// Postings of segment s: `chunks[starts[s]..starts[s + 1]]`.
    pub(super) starts: Vec<u32>,
    /// Of each posting the halfword in the lower half, the mask in the upper.
    pub(super) chunks: Vec<Chunk>,
    /// Halfwords of all buckets.
    pub(super) halfwords: usize,
    /// Whether any bucket verifies its survivors.
    pub(super) any_verify: bool,
}

/// Some of the rows of a bucket that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Survivors {
    All,
    /// Those without a bit in the doubt plane, which the bucket has.
    Sure,
    /// Those with one.
    Doubted,
}

/// Which code turns planes into ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emission {
    /// What the processor can do best.
    Fastest,
    /// The portable twin, for tests.
    #[cfg(test)]
    Portable,
}

impl Sheet {
    /// Bytes held on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        (self.adgroups.capacity() * HALFWORD_BITS + self.starts.capacity() + self.chunks.capacity() * CHUNK) * 4
    }

    /// Appends every adgroup of the sheet that matches and whose row is not in `dead` (one bit a row, or empty).
    /// Those that must be verified are asked of `programs`.
    pub(super) fn match_all(
        &self,
        segments: &[u32],
        working: &mut Working,
        dead: &[u16],
        emission: Emission,
        ((programs, held), out): ((&Programs, &[u64]), &mut Vec<u32>),
    ) {
        self.gather(segments, working);
        let Working { planes, answer, doubted, .. } = working;
        answer.clear();
        doubted.clear();
        let mut matching = 0;
        for bucket in &self.buckets {
            let Some(planes) = planes.0.get_mut(bucket.base..bucket.base + bucket.halfwords()) else { return };
            bucket.start(planes);
            let dead = dead.get(bucket.first_row / HALFWORD_BITS..).unwrap_or_default();
            let mut pack = |which, rows| matching += pack((bucket, which), planes, dead, emission, rows);
            match bucket.verify {
                Verify::Nobody => pack(Survivors::All, answer),
                Verify::Everybody => pack(Survivors::All, doubted),
                Verify::Doubted => {
                    pack(Survivors::Sure, answer);
                    pack(Survivors::Doubted, doubted);
                }
            }
        }
        // What is handed over later should hold no more than it needs; a store of sixteen may reach beyond.
        out.reserve(matching + HALFWORD_BITS);
        self.unpack(answer, emission, out);
        if !doubted.is_empty() {
            let first = out.len();
            self.unpack(doubted, emission, out);
            programs.keep(out, first, held);
        }
    }

    /// Leaves in the first plane of each bucket the rows that match, as far as clauses and excludes tell.
    pub(super) fn gather_and_combine(&self, segments: &[u32], working: &mut Working, emission: Emission) {
        self.gather(segments, working);
        for bucket in &self.buckets {
            let run = bucket.base..bucket.base + bucket.halfwords();
            let Some(planes) = working.planes.0.get_mut(run) else { return };
            bucket.start(planes);
            if emission != Emission::Fastest || !unsafe_vector::combine(bucket, planes) {
                combine(bucket, planes, &[]);
            }
        }
    }

    /// Sets in the planes the bit of each (adgroup, clause) that one of the user's segments satisfies.
    fn gather(&self, segments: &[u32], working: &mut Working) {
        let Working { planes, runs, chunks, .. } = working;
        planes.0.iter_mut().take(self.halfwords).for_each(|halfword| *halfword = 0);
        let total = self.list_chunks(segments, runs, chunks);
        let (Some(now), Some(ahead)) = (chunks.get(..total), chunks.get(AHEAD..AHEAD + total)) else { return };
        for (&now, &ahead) in now.iter().zip(ahead) {
            unsafe_vector::prefetch_lines::<1, _>(&self.chunks, ahead as usize);
            let Some(Chunk(postings)) = self.chunks.get(now as usize) else { return };
            for &posting in postings {
                #[expect(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "two halves; u16 fits")]
                {
                    planes.0[usize::from(posting as u16)] |= (posting >> 16) as u16;
                }
            }
        }
    }

    /// Lists the chunks of the user's segments in the front of `chunks`, behind which at least [`AHEAD`] others follow;
    /// returns how many they are.
    fn list_chunks(&self, segments: &[u32], runs: &mut Vec<(u32, u32)>, chunks: &mut Vec<u32>) -> usize {
        runs.clear();
        runs.extend(segments.iter().map(|&segment| {
            match self.starts.get(segment as usize..(segment as usize).saturating_add(2)) {
                Some(&[first, end]) => (first, end - first),
                _ => (0, 0),
            }
        }));
        let total = runs.iter().map(|(_, length)| *length as usize).sum::<usize>();
        if chunks.len() < total + LANES.max(AHEAD) {
            chunks.resize(total + LANES.max(AHEAD), 0);
        }
        let mut listed = 0;
        for &(first, length) in runs.iter() {
            for (start, place) in (first..first + length).step_by(LANES).zip((listed..).step_by(LANES)) {
                let Some(lanes) = chunks.get_mut(place..place + LANES) else { return 0 };
                lanes.iter_mut().zip(start..).for_each(|(lane, chunk)| *lane = chunk);
            }
            listed += length as usize;
        }
        total
    }

    /// Appends the adgroups of packed rows.
    fn unpack(&self, answer: &[u32], emission: Emission, out: &mut Vec<u32>) {
        if emission == Emission::Fastest && unsafe_vector::unpack(answer, &self.adgroups, out) {
            return;
        }
        for &posting in answer {
            let Some(Sixteen(adgroups)) = self.adgroups.get((posting & u32::from(u16::MAX)) as usize) else { continue };
            let mut mask = posting >> 16;
            while mask != 0 {
                out.extend(adgroups.get(mask.trailing_zeros() as usize));
                mask &= mask - 1;
            }
        }
    }
}

/// Appends to `answer`, as postings of rows, what of one bucket has all planes set, no exclude bit, is not dead, and is among
/// those that are asked for; returns how many adgroups that are.
fn pack(
    (bucket, which): (&Bucket, Survivors),
    planes: &mut [u16],
    dead: &[u16],
    emission: Emission,
    answer: &mut Vec<u32>,
) -> usize {
    if emission == Emission::Fastest
        && let Some(matching) = unsafe_vector::pack((bucket, which), planes, dead, answer)
    {
        return matching;
    }
    // What was combined before stays as it is.
    combine(bucket, planes, dead);
    let doubts = planes.get(bucket.doubts()..).unwrap_or_default().iter().copied().chain(std::iter::repeat(0));
    // At most 2¹⁶.
    let first = u32::try_from(bucket.first_row / HALFWORD_BITS).unwrap_or(u32::MAX);
    let mut matching = 0;
    for ((&mask, doubted), place) in planes.iter().take(bucket.blocks * BLOCK).zip(doubts).zip(first..) {
        let mask = match which {
            Survivors::All => mask,
            Survivors::Sure => mask & !doubted,
            Survivors::Doubted => mask & doubted,
        };
        if mask != 0 {
            answer.push(place | u32::from(mask) << 16);
            matching += mask.count_ones() as usize;
        }
    }
    matching
}

/// Leaves in the bucket's first plane the rows that match.
fn combine(bucket: &Bucket, planes: &mut [u16], dead: &[u16]) {
    let (first, rest) = planes.split_at_mut(bucket.blocks * BLOCK);
    let (planes, rest) = rest.split_at(first.len() * bucket.planes.saturating_sub(1));
    let excludes = rest.iter().take(bucket.exclude_blocks * BLOCK);
    for plane in planes.chunks_exact(first.len().max(1)) {
        first.iter_mut().zip(plane).for_each(|(halfword, plane)| *halfword &= plane);
    }
    first.iter_mut().zip(excludes).for_each(|(halfword, excluded)| *halfword &= !excluded);
    first.iter_mut().zip(dead).for_each(|(halfword, dead)| *halfword &= !dead);
}
