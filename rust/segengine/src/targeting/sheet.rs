//! One sheet of bit-sliced clause planes: up to a million bits, judged for one user in a few microseconds.
//!
//! An adgroup with k clauses has one bit in each of k *planes* and one in the *exclude plane*; adgroups with equally many
//! clauses stand in one *bucket*, so that no plane has a hole, and those with excludes come first, so that the exclude
//! plane is short. A request ORs the postings of the user's segments into the planes, ANDs the planes of each bucket,
//! ANDs away the excluded, and turns the bits that are left into ids. Two choices make it fast, both measured at W1
//! (100,000 adgroups, 876,000 literals, 70 segments a user; 2-core EPYC with AVX-512, half the box busy):
//!
//! * **A posting is (halfword, mask)**, sixteen bits each, not a bit: neighbours that one segment sets together are one
//!   read-modify-write, no shift is left to compute, and no write waits for the one before it to the same word. The planes are a
//!   fixed array of 65,536 halfwords, which a 16-bit index cannot leave: the loop has no bounds check.
//! * **Rows are sorted so that neighbours share their most listed segments** ([`super::rows`]): 15,470 literals of a
//!   user's segments become 6,800 postings instead of 14,900, two thirds of the words of the answer are zero.
//!
//! Gathering then takes 3.0 µs with the next segments' postings prefetched, 5.5 without; clearing, combining and
//! emitting 2.9 µs by AVX-512 ([`super::unsafe_vector`]), 8.5 by its portable twin. What did not pay: skipping zero words (the
//! branch costs more than the work), gathering ids by `vpgatherdd`, compressing ids instead of row numbers (reads every
//! id), and full-length bit rows for the most listed segments (24 segments deserve one before rows are sorted, none after).
//!
//! Source: bit-sliced evaluation of conjunctions is O'Neil and Quass, "Improved query performance with variant indexes"
//! (SIGMOD 1997), applied to the conjunction sizes of Whang et al., "Indexing Boolean expressions" (VLDB 2009).

use super::unsafe_vector;

/// Halfwords that one sheet may have: what a 16-bit index reaches.
pub(super) const HALFWORDS: usize = 1 << 16;
/// Bits of a halfword.
pub(super) const HALFWORD_BITS: usize = 16;
/// Bits of a block: planes begin and end at whole ones, a vector register and a cache line each.
pub(super) const BLOCK_BITS: usize = 512;
/// Halfwords of a block.
pub(super) const BLOCK: usize = BLOCK_BITS / HALFWORD_BITS;
/// How many segments ahead postings are prefetched: 2 is 3 % slower and 6 brings nothing, nor do more lines of each.
const AHEAD: usize = 4;

/// The accumulators of one request, on a boundary of cache lines.
#[repr(align(64))]
pub(super) struct Planes(pub(super) [u16; HALFWORDS]);

impl Planes {
    /// All clear.
    #[expect(clippy::large_stack_arrays, reason = "made in place, once for each thread")]
    pub(super) fn new() -> Box<Self> {
        Box::new(Self([0; HALFWORDS]))
    }
}

/// Adgroups with the same number of clauses.
///
/// Its blocks are `planes` runs of `blocks`, then `exclude_blocks` for the first rows, those with excludes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Clauses of each adgroup; 0 for those that start as matching.
    pub(super) planes: usize,
    /// Whether the clauses are necessary only, so that survivors run their program.
    pub(super) verify: bool,
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
        (self.blocks * self.planes.max(1) + self.exclude_blocks) * BLOCK
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

/// A sheet: rows, planes and postings.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) buckets: Vec<Bucket>,
    /// Row → adgroup; rows that fill up a bucket's last block are never set.
    pub(super) adgroups: Vec<u32>,
    /// Postings of segment s: `postings[starts[s]..starts[s + 1]]`.
    pub(super) starts: Vec<u32>,
    /// Halfword in the lower half, mask in the upper.
    pub(super) postings: Vec<u32>,
    /// Halfwords of all buckets.
    pub(super) halfwords: usize,
    /// Whether any bucket verifies its survivors.
    pub(super) any_verify: bool,
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
        (self.adgroups.capacity() + self.starts.capacity() + self.postings.capacity()) * 4
    }

    /// Appends every adgroup of the sheet that matches and whose row is not in `dead` (one bit a row, or empty).
    /// Those of a bucket that verifies are asked of `judge`.
    pub(super) fn match_all(
        &self,
        segments: &[u32],
        planes: &mut Planes,
        dead: &[u16],
        emission: Emission,
        (judge, out): (impl Fn(u32) -> bool, &mut Vec<u32>),
    ) {
        planes.0.iter_mut().take(self.halfwords).for_each(|halfword| *halfword = 0);
        self.gather(segments, planes);
        for bucket in &self.buckets {
            let run = bucket.base..bucket.base + bucket.halfwords();
            let Some(planes) = planes.0.get_mut(run) else { return };
            bucket.start(planes);
            let first = out.len();
            let dead = dead.get(bucket.first_row / HALFWORD_BITS..).unwrap_or_default();
            self.emit(bucket, planes, dead, emission, out);
            if bucket.verify {
                keep(out, first, &judge);
            }
        }
    }

    /// Leaves in the first plane of each bucket the rows that match, as far as clauses and excludes tell.
    pub(super) fn gather_and_combine(&self, segments: &[u32], planes: &mut Planes, emission: Emission) {
        planes.0.iter_mut().take(self.halfwords).for_each(|halfword| *halfword = 0);
        self.gather(segments, planes);
        for bucket in &self.buckets {
            let Some(planes) = planes.0.get_mut(bucket.base..bucket.base + bucket.halfwords()) else { return };
            bucket.start(planes);
            if emission != Emission::Fastest || !unsafe_vector::combine(bucket, planes) {
                combine(bucket, planes, &[]);
            }
        }
    }

    /// Sets in `planes` the bit of each (adgroup, clause) that one of the user's segments satisfies.
    fn gather(&self, segments: &[u32], planes: &mut Planes) {
        for (place, &segment) in segments.iter().enumerate() {
            if let Some(next) = segments.get(place + AHEAD).and_then(|&next| self.starts.get(next as usize)) {
                unsafe_vector::prefetch_lines::<4, _>(&self.postings, *next as usize);
            }
            let segment = segment as usize;
            let Some(&[first, end]) = self.starts.get(segment..segment.saturating_add(2)) else { continue };
            for &posting in self.postings.get(first as usize..end as usize).unwrap_or_default() {
                #[expect(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "two halves; u16 fits")]
                {
                    planes.0[usize::from(posting as u16)] |= (posting >> 16) as u16;
                }
            }
        }
    }

    /// Appends the adgroups of one bucket all of whose planes are set, whose exclude bit is not, and that are not dead.
    fn emit(&self, bucket: &Bucket, planes: &mut [u16], dead: &[u16], emission: Emission, out: &mut Vec<u32>) {
        let Some(adgroups) = self.adgroups.get(bucket.first_row..bucket.first_row + bucket.blocks * BLOCK_BITS) else {
            return;
        };
        if emission == Emission::Fastest && unsafe_vector::emit(bucket, planes, dead, adgroups, out) {
            return;
        }
        combine(bucket, planes, dead);
        for (matching, adgroups) in planes.chunks_exact(4).zip(adgroups.chunks_exact(4 * HALFWORD_BITS)) {
            let mut word = matching.iter().rev().fold(0_u64, |word, &halfword| word << 16 | u64::from(halfword));
            while word != 0 {
                let row = word.trailing_zeros() as usize;
                word &= word - 1;
                out.extend(adgroups.get(row));
            }
        }
    }
}

/// Leaves in the bucket's first plane the rows that match.
fn combine(bucket: &Bucket, planes: &mut [u16], dead: &[u16]) {
    let (first, rest) = planes.split_at_mut(bucket.blocks * BLOCK);
    let (planes, excludes) = rest.split_at(first.len() * bucket.planes.saturating_sub(1));
    for plane in planes.chunks_exact(first.len().max(1)) {
        first.iter_mut().zip(plane).for_each(|(halfword, plane)| *halfword &= plane);
    }
    first.iter_mut().zip(excludes).for_each(|(halfword, excluded)| *halfword &= !excluded);
    first.iter_mut().zip(dead).for_each(|(halfword, dead)| *halfword &= !dead);
}

/// Keeps those from `first` on that `judge` holds for, in their order.
fn keep(out: &mut Vec<u32>, first: usize, judge: impl Fn(u32) -> bool) {
    let mut kept = first;
    for place in first..out.len() {
        let Some(&adgroup) = out.get(place) else { break };
        if let Some(entry) = out.get_mut(kept).filter(|_| judge(adgroup)) {
            *entry = adgroup;
            kept += 1;
        }
    }
    out.truncate(kept);
}
