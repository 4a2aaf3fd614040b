//! Compiles adgroups into sheets and programs: shares of forms and programs → rows → buckets → postings.
//!
//! Linear in the literals but for one sort of the rows. A rebuild happens aside, while readers use the index before, and
//! where it has many adgroups each of its steps is done by two threads that take half each: reading forms and compiling
//! programs, counting, choosing rows, sorting, posting.

use std::collections::BTreeSet;

use super::forms::{Forms, Verify};
use super::postings::post;
use super::prepare::{Ready, Rule};
use super::program::Arena;
use super::rows::{BucketKey, BucketRows, Ranks, Rows, SortedRows, bucket_key, count, rows};
use super::sheet::{BLOCK, BLOCK_BITS, Bucket, HALFWORD_BITS, HALFWORDS, Sheet, Sixteen};
use super::slots::{Programs, Slot, Slots};
use crate::ids::AdgroupId;
use crate::limits;

/// Planes that one bucket may have: the accumulators of a request must stay in the first-level cache. Of an adgroup
/// with more clauses the shortest are indexed and the whole is verified.
pub(super) const MAXIMUM_PLANES: usize = 8;

/// Planes of one bucket at most, that of excludes and that of doubts included.
const ALL_PLANES: usize = MAXIMUM_PLANES + 2;
/// Bits that may be lost to the last blocks of planes: for each number of clauses and each way to verify, a block a plane.
const PADDING: usize = (MAXIMUM_PLANES + 1) * 3 * ALL_PLANES * BLOCK_BITS;
/// Bits of a sheet.
const SHEET_BITS: usize = HALFWORDS * HALFWORD_BITS;

/// Adgroups from which two threads build.
const MANY: usize = 8_192;
/// Adgroups of a share, at most: shares stay whole, so that a sheet has little room left that no share fits into.
const SHARE: usize = 32_768;
const _: () = assert!(SHARE * ALL_PLANES + PADDING <= SHEET_BITS, "a share fits into a sheet");

/// Does two things, at once where that pays.
pub(super) fn both<A: Send, B>(at_once: bool, aside: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    if !at_once {
        return (aside(), here());
    }
    std::thread::scope(|threads| {
        let aside = threads.spawn(aside);
        let here = here();
        (aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
    })
}

/// Makes something of each, the first and the second half at once where that pays.
fn map_halves<'t, T: Sync, M: Send>(at_once: bool, all: &'t [T], map: impl Fn(&'t T) -> M + Sync) -> Vec<M> {
    let (first, second) = all.split_at(all.len() / 2);
    let (mut mapped, second) = both(
        at_once && !first.is_empty(),
        || first.iter().map(&map).collect::<Vec<M>>(),
        || second.iter().map(&map).collect::<Vec<M>>(),
    );
    mapped.extend(second);
    mapped
}

/// Neighbouring adgroups, read.
pub(super) struct Share<'a> {
    forms: Forms<'a>,
    arena: Arena,
    /// The slot of each adgroup; programs that do not fit into one are in the arena.
    slots: Vec<Slot>,
}

/// Everything that is known of some adgroups before they stand in sheets.
pub(super) struct Shares<'a> {
    parts: Vec<Share<'a>>,
    at_once: bool,
    /// One more than the largest segment that any expression names.
    pub(super) segments_end: usize,
}

impl<'a> Share<'a> {
    fn read(entries: impl ExactSizeIterator<Item = (AdgroupId, Rule<'a>)>, ready: Ready<'_>) -> Self {
        let mut forms = Forms::with_room(entries.len());
        for (adgroup, rule) in entries.filter(|(adgroup, _)| adgroup.0 <= limits::ADGROUPS) {
            forms.push(adgroup.0, rule, ready);
        }
        let mut share = Self { arena: Arena::for_segments_below(forms.segments_end), slots: Vec::new(), forms };
        share.compile();
        share
    }

    fn compile(&mut self) {
        let mut clauses: Vec<&[u32]> = Vec::new();
        self.slots.reserve_exact(self.forms.forms().len());
        for form in self.forms.forms() {
            let outside = Slot::outside(self.arena.end());
            self.slots.push(match form.whole {
                _ if form.never => Slot::NEVER,
                Some(expression) => {
                    self.arena.push_expression(expression);
                    outside
                }
                None => Slot::of(self.forms.clauses(form), self.forms.excludes(form)).unwrap_or_else(|| {
                    clauses.clear();
                    clauses.extend(self.forms.clauses(form));
                    clauses.sort_by_key(|clause| clause.len());
                    let lists = clauses.iter().copied().chain([self.forms.excludes(form)]);
                    self.arena.push_groups(form.clause_count(), lists);
                    outside
                }),
            });
        }
    }

    /// Bits that the adgroups need in a sheet.
    fn bits(&self) -> usize {
        let some = self.forms.forms().iter().filter(|form| !form.never);
        let bits_of = |(planes, verify): BucketKey| planes.max(1) + 1 + usize::from(verify == Verify::Doubted);
        some.map(|form| bits_of(bucket_key(form))).sum()
    }
}

impl<'a> Shares<'a> {
    /// Reads what `rule_of` says of each of `entries`, on two threads where they are many.
    pub(super) fn read<'e, E: Sync>(
        entries: &'e [E],
        rule_of: impl Fn(&'e E) -> (AdgroupId, Rule<'a>) + Sync,
        ready: Ready<'_>,
    ) -> Self {
        let at_once = entries.len() >= MANY;
        let count = if at_once { entries.len().div_ceil(SHARE).next_multiple_of(2) } else { 1 };
        Self::read_in(entries, rule_of, ready, (count, at_once))
    }

    /// As [`Self::read`], in so many shares, each small enough for a sheet.
    pub(super) fn read_in<'e, E: Sync>(
        entries: &'e [E],
        rule_of: impl Fn(&'e E) -> (AdgroupId, Rule<'a>) + Sync,
        ready: Ready<'_>,
        (count, at_once): (usize, bool),
    ) -> Self {
        let runs: Vec<&'e [E]> = entries.chunks(entries.len().div_ceil(count).max(1)).collect();
        let shares = map_halves(at_once, &runs, |run| Share::read(run.iter().map(&rule_of), ready));
        let segments_end = shares.iter().map(|share| share.forms.segments_end).max().unwrap_or_default();
        Self { parts: shares, at_once, segments_end }
    }

    /// The adgroups.
    pub(super) fn adgroups(&self) -> Vec<AdgroupId> {
        self.parts.iter().flat_map(|share| share.forms.forms()).map(|form| AdgroupId(form.adgroup)).collect()
    }

    /// Sheets and programs.
    pub(super) fn build(&self, slots: Slots) -> (Vec<Sheet>, Programs) {
        let (programs, sheets) = both(self.at_once, || self.programs(slots), || self.sheets());
        (sheets, programs)
    }

    /// The programs in the order of adgroups, so that those of a campaign lie together.
    fn programs(&self, mut slots: Slots) -> Programs {
        let mut arena = Arena::for_segments_below(self.segments_end);
        arena.reserve(self.parts.iter().map(|share| share.arena.end() as usize).sum());
        for share in &self.parts {
            let first = arena.end();
            for (form, slot) in share.forms.forms().iter().zip(&share.slots) {
                slots.set(form.adgroup, slot.moved(first));
            }
            arena.append(&share.arena);
        }
        Programs { slots, arena }
    }

    /// Each sheet takes as many shares as it has bits for.
    fn sheets(&self) -> Vec<Sheet> {
        let mut sheets = Vec::new();
        let (mut first, mut bits) = (0, 0);
        for (place, share) in self.parts.iter().enumerate() {
            let needed = share.bits();
            if bits + needed + PADDING > SHEET_BITS {
                sheets.push(self.sheet(self.parts.get(first..place).unwrap_or_default()));
                (first, bits) = (place, 0);
            }
            bits += needed;
        }
        if bits > 0 {
            sheets.push(self.sheet(self.parts.get(first..).unwrap_or_default()));
        }
        sheets
    }

    fn sheet(&self, shares: &[Share<'_>]) -> Sheet {
        let ranks = self.ranks(shares);
        let rows = map_halves(self.at_once, shares, |share| rows(&share.forms, &ranks));
        let keys: BTreeSet<BucketKey> = rows.iter().flat_map(|rows| rows.keys().copied()).collect();
        let keys: Vec<BucketKey> = keys.into_iter().collect();
        let sorted = self.sort(&keys, &rows);
        let mut sheet = Sheet::default();
        lay_out(&mut sheet, &keys, &sorted);
        post(&mut sheet, &sorted, &ranks.starts, self.at_once);
        sheet
    }

    fn ranks(&self, shares: &[Share<'_>]) -> Ranks {
        let counted = |shares: &[Share<'_>]| {
            let mut counts = vec![0; self.segments_end];
            shares.iter().for_each(|share| count(&mut counts, &share.forms));
            counts
        };
        if !self.at_once {
            return Ranks::of(counted(shares));
        }
        let (first, second) = shares.split_at(shares.len() / 2);
        let (first, mut counts) = both(true, || counted(first), || counted(second));
        counts.iter_mut().zip(first).for_each(|(count, more)| *count += more);
        Ranks::of(counts)
    }

    /// The rows of each bucket, sorted: the fullest bucket by one thread, all others by another.
    fn sort<'r, 'f>(&self, keys: &[BucketKey], rows: &'r [Rows<'f>]) -> Vec<SortedRows<'r, 'f>> {
        let size = |key: &BucketKey| rows.iter().filter_map(|rows| rows.get(key)).map(BucketRows::len).sum::<usize>();
        let Some(fullest) = keys.iter().copied().max_by_key(size).filter(|_| self.at_once) else {
            return keys.iter().map(|key| SortedRows::of(*key, rows)).collect();
        };
        let others = || keys.iter().filter(|key| **key != fullest).map(|key| SortedRows::of(*key, rows)).collect();
        let (mut sorted, first): (Vec<_>, _) = both(true, others, || SortedRows::of(fullest, rows));
        let place = keys.iter().position(|key| *key == fullest).unwrap_or_default();
        sorted.insert(place, first);
        sorted
    }
}

/// Makes the buckets and gives each adgroup its row.
fn lay_out(sheet: &mut Sheet, keys: &[BucketKey], sorted: &[SortedRows<'_, '_>]) {
    let blocks = |rows: &SortedRows<'_, '_>| rows.len().div_ceil(BLOCK_BITS);
    sheet.adgroups.reserve_exact(sorted.iter().map(|rows| blocks(rows) * BLOCK).sum());
    for ((planes, verify), rows) in keys.iter().copied().zip(sorted) {
        let bucket = Bucket {
            planes,
            verify,
            rows: rows.len(),
            blocks: blocks(rows),
            exclude_blocks: rows.with_excludes.div_ceil(BLOCK_BITS),
            first_row: sheet.adgroups.len() * HALFWORD_BITS,
            base: sheet.halfwords,
        };
        let mut adgroups = rows.adgroups().fuse();
        let mut next = || Sixteen(std::array::from_fn(|_| adgroups.next().unwrap_or_default()));
        sheet.adgroups.extend((0..bucket.blocks * BLOCK).map(|_| next()));
        sheet.halfwords += bucket.halfwords();
        sheet.any_verify |= verify != Verify::Nobody;
        sheet.buckets.push(bucket);
    }
}
