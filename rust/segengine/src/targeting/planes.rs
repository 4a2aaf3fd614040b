//! The index that serves: sheets of clause planes for all adgroups, programs for candidate lists, and what changed lately.
//!
//! A base of [`Sheet`]s and programs is built from all adgroups (tens of milliseconds for 100,000) and shared from
//! generation to generation. An edit does not touch it: the adgroups that changed since the base was built are
//! *overridden*. Their rows in the base are dead (one bit each, taken away like an exclude), their programs are looked up in
//! a small table first, and they stand in small sheets of their own, which each edit builds anew. An edit so costs what the
//! adgroups that changed lately cost, not what all do; after [`PlaneIndex::RECENT`] of them a new base is due.
//!
//! Per request at W1 (70 segments a user): 30 KB of planes are cleared, 6,700 postings set, 30 KB combined, 3,400 ids
//! written. A candidate costs one load that is prefetched for all candidates before the first is judged, and fifteen bit
//! tests (`slots`).

use std::sync::Arc;

use super::builder::Shares;
use super::candidates::{places, with_held};
use super::index::{AdgroupIndex, Scratch};
use super::prepare::{Ready, Rule};
use super::sheet::{Emission, Sheet, Sixteen};
use super::slots::{Programs, Slots};
use crate::ids::AdgroupId;
use crate::limits;

/// The bit-sliced index.
#[derive(Debug, Default)]
pub struct PlaneIndex {
    pub(super) base: Arc<Part>,
    pub(super) recent: Option<Recent>,
    /// Adgroups, those that match nobody included.
    len: usize,
    /// One more than the largest segment that any expression names.
    segments_end: usize,
    /// The answer for no segment.
    unknown: Vec<u32>,
}

/// Some adgroups, ready to be asked.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) sheets: Vec<Sheet>,
    pub(super) programs: Programs,
    /// Adgroup → where its truth stands once the planes are combined (see [`super::candidates`]); for the base only.
    pub(super) places: Vec<u32>,
    len: usize,
    segments_end: usize,
}

/// The adgroups that changed since the base was built.
#[derive(Debug)]
pub(super) struct Recent {
    /// One bit an adgroup: the base does not speak for it.
    overridden: Vec<u64>,
    /// One bit a row of each sheet of the base.
    pub(super) dead: Vec<Vec<u16>>,
    part: Part,
}

impl Part {
    fn build<'a, 'e, E: Sync>(
        entries: &'e [E],
        (rule_of, ready): (impl Fn(&'e E) -> (AdgroupId, Rule<'a>) + Sync, Ready<'_>),
        slots: Slots,
    ) -> Self {
        let shares = Shares::read(entries, rule_of, ready);
        let dense = matches!(slots, Slots::Dense(_));
        let (sheets, programs) = shares.build(slots);
        let adgroups = shares.adgroups();
        let places = if dense { places(&sheets, &adgroups) } else { Vec::new() };
        Self { sheets, programs, places, len: adgroups.len(), segments_end: shares.segments_end }
    }

    fn heap_bytes(&self) -> usize {
        let sheets: usize = self.sheets.iter().map(Sheet::heap_bytes).sum();
        self.programs.heap_bytes() + self.places.capacity() * 4 + sheets
    }

    pub(super) fn any_verify(&self) -> bool {
        self.sheets.iter().any(|sheet| sheet.any_verify)
    }
}

impl Recent {
    #[inline]
    pub(super) fn overrides(&self, adgroup: u32) -> bool {
        self.overridden.get(adgroup as usize / 64).is_some_and(|word| word >> (adgroup % 64) & 1 == 1)
    }

    /// Rows of the base that `overridden` speaks of.
    fn dead_rows(&self, base: &Part) -> Vec<Vec<u16>> {
        let rows_of = |sheet: &Sheet| {
            let mut dead = vec![0_u16; sheet.adgroups.len()];
            for (halfword, Sixteen(adgroups)) in dead.iter_mut().zip(&sheet.adgroups) {
                for (bit, &adgroup) in adgroups.iter().enumerate() {
                    *halfword |= u16::from(self.overrides(adgroup)) << bit;
                }
            }
            dead
        };
        base.sheets.iter().map(rows_of).collect()
    }
}

impl PlaneIndex {
    /// Adgroups that may have changed before a new base is due: an edit then still costs about a millisecond.
    pub const RECENT: usize = 1_024;

    /// Builds the index, linear in literals but for one sort. Contradictory adgroups are known and never match. Numbers past
    /// [`limits::ADGROUPS`], which the catalog cannot give, are left out: the table of programs is as long as the largest.
    #[must_use]
    pub fn build<'a, R: Into<Rule<'a>>>(adgroups: impl IntoIterator<Item = (AdgroupId, R)>) -> Self {
        let entries: Vec<(AdgroupId, Rule<'a>)> =
            adgroups.into_iter().map(|(adgroup, rule)| (adgroup, rule.into())).collect();
        Self::build_of(&entries, |entry| *entry, &|_| true)
    }

    /// As [`Self::build`], where `rule_of` tells what each entry is and `ready` which segments are ready, for those that wait
    /// for some. Both are asked on two threads when there are many adgroups, so that what they read is read by both.
    #[must_use]
    pub fn build_of<'a, 'e, E: Sync>(
        entries: &'e [E],
        rule_of: impl Fn(&'e E) -> (AdgroupId, Rule<'a>) + Sync,
        ready: Ready<'_>,
    ) -> Self {
        let base = Part::build(entries, (rule_of, ready), Slots::dense());
        Self { len: base.len, segments_end: base.segments_end, base: Arc::new(base), ..Self::default() }.finished()
    }

    /// The index over the same base, where `recent` are *all* adgroups that changed since that was built, each once; nothing
    /// stands for one that is no more. Segments that a rule waits for are taken as ready.
    #[must_use]
    pub fn revised(&self, recent: &[(AdgroupId, Option<Rule<'_>>)]) -> Self {
        let base = Arc::clone(&self.base);
        let present: Vec<(AdgroupId, Rule<'_>)> =
            recent.iter().filter_map(|(adgroup, rule)| rule.map(|rule| (*adgroup, rule))).collect();
        let part = Part::build(&present, (|entry: &(AdgroupId, Rule<'_>)| *entry, &|_| true), Slots::sparse());
        let mut overridden = Vec::new();
        let mut replaced = 0;
        for (AdgroupId(adgroup), _) in recent.iter().filter(|(adgroup, _)| adgroup.0 <= limits::ADGROUPS) {
            let word = *adgroup as usize / 64;
            if overridden.len() <= word {
                overridden.resize(word + 1, 0_u64);
            }
            if let Some(word) = overridden.get_mut(word) {
                *word |= 1 << (adgroup % 64);
            }
            replaced += usize::from(base.programs.knows(*adgroup));
        }
        let len = base.len - replaced + part.len;
        let segments_end = base.segments_end.max(part.segments_end);
        let mut recent = Recent { overridden, dead: Vec::new(), part };
        recent.dead = recent.dead_rows(&base);
        Self { base, recent: Some(recent), len, segments_end, unknown: Vec::new() }.finished()
    }

    fn finished(mut self) -> Self {
        // Without sheets nobody matches, and the planes of a request need not be made to find that out.
        if !self.base.sheets.is_empty() || self.recent.is_some() {
            let mut unknown = Vec::new();
            self.match_all(&[], &mut Scratch::default(), &mut unknown);
            self.unknown = unknown;
        }
        self
    }

    /// The answer of [`AdgroupIndex::match_all`] for a user without any segment, made once when the index was.
    #[must_use]
    pub fn unknown_answer(&self) -> &[u32] {
        &self.unknown
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let recent = self.recent.as_ref().map_or(0, |recent| {
            let dead: usize = recent.dead.iter().map(|rows| rows.capacity() * 2).sum();
            recent.overridden.capacity() * 8 + dead + recent.part.heap_bytes()
        });
        self.base.heap_bytes() + recent + self.unknown.capacity() * 4
    }

    /// One more than the largest segment that any expression names.
    pub(super) fn segments_end(&self) -> usize {
        self.segments_end
    }

    /// Whether the adgroup is in the index.
    #[must_use]
    pub fn knows(&self, adgroup: u32) -> bool {
        self.programs_with(adgroup).knows(adgroup)
    }

    /// For which users an adgroup's expression holds, where `holders` has for each segment those that hold it.
    pub(super) fn judge_many(&self, adgroup: u32, holders: &[u64]) -> u64 {
        self.programs_with(adgroup).run_many(adgroup, holders)
    }

    /// Every adgroup that matches, by the given code.
    pub(super) fn match_all_by(&self, segments: &[u32], scratch: &mut Scratch, emission: Emission, out: &mut Vec<u32>) {
        let Scratch { working, held, .. } = scratch;
        let working = working.get_or_insert_default();
        let recent = self.recent.as_ref();
        let verifies = self.base.any_verify() || recent.is_some_and(|recent| recent.part.any_verify());
        let (tested, bits) = if verifies { (segments, self.segments_end) } else { (&[][..], 0) };
        with_held(held, tested, bits, |held| {
            for (place, sheet) in self.base.sheets.iter().enumerate() {
                let dead = recent.and_then(|recent| recent.dead.get(place)).map_or(&[][..], Vec::as_slice);
                sheet.match_all(segments, working, dead, emission, ((&self.base.programs, held), out));
            }
            if let Some(recent) = recent {
                for sheet in &recent.part.sheets {
                    sheet.match_all(segments, working, &[], emission, ((&recent.part.programs, held), out));
                }
            }
        });
    }

    /// The programs that speak for an adgroup.
    #[inline]
    pub(super) fn programs_with(&self, adgroup: u32) -> &Programs {
        match &self.recent {
            Some(recent) if recent.overrides(adgroup) => &recent.part.programs,
            _ => &self.base.programs,
        }
    }
}

impl AdgroupIndex for PlaneIndex {
    fn len(&self) -> usize {
        self.len
    }

    fn match_all(&self, segments: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.match_all_by(segments, scratch, Emission::Fastest, out);
    }

    fn match_candidates(&self, segments: &[u32], candidates: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) -> u32 {
        self.prefetch(candidates);
        self.match_prefetched(segments, candidates, scratch, out)
    }
}
