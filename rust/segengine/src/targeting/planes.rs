//! Bit-sliced clause planes: every adgroup judged at once. See [`super`] for the algorithm; here are its data.
//!
//! Per request at W1 (100,000 adgroups, 876,000 literals, 70 segments a user): 30 KB of accumulators are cleared,
//! 15,500 bits set, 30 KB combined, 3,400 ids written.

use super::builder;
use super::forms::Forms;
use super::index::{AdgroupIndex, Scratch};
use super::prepare::Rule;
use super::program::{ABSENT, Arena};
use crate::ids::AdgroupId;
use crate::limits;

/// Adgroups with the same number of clauses, laid out so that none of their planes has a hole.
///
/// Its accumulator words are `planes` runs of `words`, then `exclude_words` for the first rows, those with excludes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Clauses of each adgroup; 0 for those that start as matching.
    pub(super) planes: usize,
    /// Whether the clauses are necessary only, so that survivors run their program.
    pub(super) verify: bool,
    /// First row; a multiple of 64.
    pub(super) first_row: usize,
    /// Adgroups.
    pub(super) rows: usize,
    /// Words of one plane.
    pub(super) words: usize,
    /// Words of the exclude plane.
    pub(super) exclude_words: usize,
    /// First accumulator word.
    pub(super) base: usize,
}

/// The bit-sliced index.
#[derive(Debug, Default)]
pub struct PlaneIndex {
    pub(super) buckets: Vec<Bucket>,
    /// Row → adgroup; rows that fill up a bucket's last word are never set.
    pub(super) adgroups: Vec<u32>,
    /// Bits of segment s: `bits[posting_starts[s]..posting_starts[s + 1]]`.
    pub(super) posting_starts: Vec<u32>,
    /// Places in the accumulators.
    pub(super) bits: Vec<u32>,
    /// Words of all accumulators.
    pub(super) accumulator_words: usize,
    /// Adgroup → offset of its program, or [`ABSENT`].
    pub(super) programs: Vec<u32>,
    pub(super) arena: Arena,
    /// Whether any bucket verifies its survivors.
    pub(super) any_verify: bool,
    /// One more than the largest segment that any expression names.
    pub(super) segments_end: usize,
    /// Adgroups, those that match nobody included.
    pub(super) len: usize,
    /// The answer for no segment.
    pub(super) unknown: Vec<u32>,
}

impl PlaneIndex {
    /// Builds the index, linear in literals. Contradictory adgroups are known and never match. Numbers past
    /// [`limits::ADGROUPS`], which the catalog cannot give, are left out: the table of programs is as long as the largest.
    #[must_use]
    pub fn build<'a, R: Into<Rule<'a>>>(adgroups: impl IntoIterator<Item = (AdgroupId, R)>) -> Self {
        let mut forms = Forms::default();
        let mut ids = Vec::new();
        for (adgroup, rule) in adgroups.into_iter().filter(|(adgroup, _)| adgroup.0 <= limits::ADGROUPS) {
            ids.push(adgroup);
            match rule.into() {
                Rule::Never => forms.push_never(),
                Rule::Everybody => forms.push_everybody(),
                Rule::When(expression) => forms.push(expression),
            }
        }
        let mut index = builder::build(&ids, &forms);
        let mut unknown = Vec::new();
        index.match_all(&[], &mut Scratch::default(), &mut unknown);
        index.unknown = unknown;
        index
    }

    /// The answer of [`AdgroupIndex::match_all`] for a user without any segment, made once when the index was.
    #[must_use]
    pub fn unknown_answer(&self) -> &[u32] {
        &self.unknown
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let numbers = [&self.adgroups, &self.posting_starts, &self.bits, &self.programs, &self.unknown];
        self.arena.heap_bytes() + numbers.iter().map(|vector| vector.capacity() * 4).sum::<usize>()
    }

    /// Sets in `accumulators` the bit of each (adgroup, clause) that one of the user's segments satisfies.
    fn gather(&self, segments: &[u32], accumulators: &mut [u64]) {
        for &segment in segments {
            let segment = segment as usize;
            let Some(&[first, end]) = self.posting_starts.get(segment..segment.saturating_add(2)) else { continue };
            for &position in self.bits.get(first as usize..end as usize).unwrap_or_default() {
                if let Some(word) = accumulators.get_mut(position as usize / 64) {
                    *word |= 1 << (position % 64);
                }
            }
        }
    }

    fn emit(&self, bucket: &Bucket, matching: &[u64], held: &[u64], out: &mut Vec<u32>) {
        for (index, &word) in matching.iter().enumerate() {
            let mut word = word;
            let row = bucket.first_row + index * 64;
            let Some(adgroups) = self.adgroups.get(row..row + 64) else { return };
            while word != 0 {
                let row = word.trailing_zeros() as usize;
                word &= word - 1;
                let Some(&adgroup) = adgroups.get(row) else { return };
                if !bucket.verify || self.judge(adgroup, held) == Some(true) {
                    out.push(adgroup);
                }
            }
        }
    }

    /// Runs the program of one adgroup.
    fn judge(&self, adgroup: u32, held: &[u64]) -> Option<bool> {
        let offset = *self.programs.get(adgroup as usize)?;
        (offset != ABSENT).then(|| self.arena.run(offset, held))
    }
}

/// Leaves in the bucket's first `words` the adgroups all of whose planes are set and whose exclude bit is not.
fn combine(bucket: &Bucket, accumulators: &mut [u64]) {
    let (first, rest) = accumulators.split_at_mut(bucket.words);
    let (planes, excludes) = rest.split_at(bucket.words * bucket.planes.saturating_sub(1));
    for plane in planes.chunks_exact(bucket.words.max(1)) {
        first.iter_mut().zip(plane).for_each(|(word, plane)| *word &= plane);
    }
    first.iter_mut().zip(excludes).for_each(|(word, excluded)| *word &= !excluded);
}

impl Bucket {
    /// Accumulator words of the bucket; one without planes still has a run of words, which starts as all matching.
    pub(super) fn accumulator_words(&self) -> usize {
        self.words * self.planes.max(1) + self.exclude_words
    }

    /// Sets the rows of a bucket without planes: they match unless excluded.
    fn start(&self, accumulators: &mut [u64]) {
        if self.planes > 0 {
            return;
        }
        let (whole, rest) = (self.rows / 64, self.rows % 64);
        accumulators.iter_mut().take(whole).for_each(|word| *word = u64::MAX);
        if let Some(word) = accumulators.get_mut(whole).filter(|_| rest > 0) {
            *word = (1 << rest) - 1;
        }
    }
}

/// Sets the user's bits in `held`, grown to `segments` bits, runs `judge`, and clears them again.
fn with_held<T>(held: &mut Vec<u64>, segments: &[u32], bits: usize, judge: impl FnOnce(&[u64]) -> T) -> T {
    if held.len() * 64 < bits {
        held.resize(bits.div_ceil(64), 0);
    }
    for &segment in segments {
        if let Some(word) = held.get_mut(segment as usize / 64) {
            *word |= 1 << (segment % 64);
        }
    }
    let judged = judge(held);
    for &segment in segments {
        if let Some(word) = held.get_mut(segment as usize / 64) {
            *word = 0;
        }
    }
    judged
}

impl AdgroupIndex for PlaneIndex {
    fn len(&self) -> usize {
        self.len
    }

    fn match_all(&self, segments: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) {
        let Scratch { planes: accumulators, held, .. } = scratch;
        accumulators.clear();
        accumulators.resize(self.accumulator_words, 0);
        self.gather(segments, accumulators);
        let (tested, bits) = if self.any_verify { (segments, self.segments_end) } else { (&[][..], 0) };
        with_held(held, tested, bits, |held| {
            for bucket in &self.buckets {
                let run = bucket.base..bucket.base + bucket.accumulator_words();
                let Some(accumulators) = accumulators.get_mut(run) else { return };
                bucket.start(accumulators);
                combine(bucket, accumulators);
                self.emit(bucket, accumulators.get(..bucket.words).unwrap_or_default(), held, out);
            }
        });
    }

    fn match_candidates(&self, segments: &[u32], candidates: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) -> u32 {
        let Scratch { held, asked, .. } = scratch;
        if asked.len() * 64 < self.programs.len() {
            asked.resize(self.programs.len().div_ceil(64), 0);
        }
        let first = out.len();
        let mut skipped = 0;
        with_held(held, segments, self.segments_end, |held| {
            for &candidate in candidates {
                match self.judge(candidate, held) {
                    None => skipped += 1,
                    Some(false) => {}
                    Some(true) => {
                        let Some(word) = asked.get_mut(candidate as usize / 64) else { continue };
                        let bit = 1 << (candidate % 64);
                        if *word & bit == 0 {
                            *word |= bit;
                            out.push(candidate);
                        }
                    }
                }
            }
        });
        for &adgroup in out.iter().skip(first) {
            if let Some(word) = asked.get_mut(adgroup as usize / 64) {
                *word = 0;
            }
        }
        skipped
    }
}
