//! Lists of candidates: two ways, and which is cheaper for the user and list at hand.
//!
//! * *By programs*: each candidate is judged on the bit set of the user's segments ([`super::slots`]). What it costs is its
//!   slot's cache miss, prefetched for 64 candidates before the first is judged, and fifteen bit tests.
//! * *By planes*: the sheets are gathered and combined as for all adgroups, and each candidate is one bit to look up. The
//!   price of a user's postings is paid once, whatever the number of candidates; nothing is emitted, so this is never dearer
//!   than asking for all adgroups.
//!
//! The cut-over compares the two by costs measured on W1 (2-core EPYC): a candidate [`PROGRAM`] by programs and
//! [`LOOK_UP`] by planes, a posting [`POSTING`], a block of planes [`BLOCK_COST`]. At W1 it lies near 230 candidates.

use super::index::Scratch;
use super::planes::PlaneIndex;
use super::program::NARROW_WORDS;
use super::sheet::{BLOCK, CHUNK, Emission, HALFWORD_BITS, HALFWORDS, Sheet, Working};
use super::slots::Looked;
use crate::ids::AdgroupId;

/// Candidates whose programs are prefetched together.
pub(super) const TOGETHER: usize = 64;
const _: () = assert!(TOGETHER == u64::BITS as usize, "each has a bit of a word");
/// Costs in hundredths of a nanosecond.
const PROGRAM: usize = 1_300;
const LOOK_UP: usize = 350;
const POSTING: usize = 25;
const BLOCK_COST: usize = 80;

/// Bits of a place that say where in its sheet an adgroup's truth stands; those above say which sheet.
const PLACE_BITS: u32 = 20;
const _: () = assert!(HALFWORDS * HALFWORD_BITS == 1 << PLACE_BITS, "a place has room for every bit of a sheet");
/// Where there is no such place, what is known instead: these are the last places of a sheet that nothing reaches.
const UNKNOWN: u32 = u32::MAX;
const FALSE: u32 = u32::MAX - 1;
const TRUE: u32 = u32::MAX - 2;

/// How candidates are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Programs,
    Planes,
}

/// Where the truth of each adgroup stands: the bit of its row in the first plane of its bucket. Those of `known` that have
/// no row match nobody.
pub(super) fn places(sheets: &[Sheet], known: &[AdgroupId]) -> Vec<u32> {
    let largest = known.iter().map(|adgroup| adgroup.0).max();
    let mut places = vec![UNKNOWN; largest.map_or(0, |largest| largest as usize + 1)];
    for adgroup in known {
        if let Some(place) = places.get_mut(adgroup.0 as usize) {
            *place = FALSE;
        }
    }
    for (sheet, number) in sheets.iter().zip(0_u32..) {
        for bucket in &sheet.buckets {
            let sixteens = sheet.adgroups.iter().skip(bucket.first_row / HALFWORD_BITS);
            let rows = sixteens.flat_map(|sixteen| sixteen.0).take(bucket.rows);
            for (adgroup, bit) in rows.zip(bucket.base * HALFWORD_BITS..) {
                if let Some(place) = places.get_mut(adgroup as usize) {
                    *place = number << PLACE_BITS | u32::try_from(bit).unwrap_or_default();
                }
            }
        }
    }
    places
}

impl PlaneIndex {
    /// The way that costs less for so many candidates of this user.
    pub(super) fn cheaper_way(&self, segments: &[u32], candidates: usize) -> Way {
        if candidates <= TOGETHER {
            return Way::Programs;
        }
        let planes: usize = self.base.sheets.iter().map(|sheet| sheet.cost(segments)).sum();
        if candidates * (PROGRAM - LOOK_UP) <= planes { Way::Programs } else { Way::Planes }
    }

    /// As [`super::AdgroupIndex::match_candidates`], after [`Self::prefetch`] of the same candidates.
    pub fn match_prefetched(
        &self,
        segments: &[u32],
        candidates: &[u32],
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> u32 {
        let way = self.cheaper_way(segments, candidates.len());
        self.match_candidates_by((segments, candidates), way, scratch, out)
    }

    /// Asks for the programs of a short list of candidates, which will be judged soon.
    pub fn prefetch(&self, candidates: &[u32]) {
        if candidates.len() <= TOGETHER {
            self.prefetch_programs(candidates);
        }
    }

    fn prefetch_programs(&self, candidates: &[u32]) {
        for &candidate in candidates {
            self.programs_with(candidate).prefetch(candidate);
        }
    }

    /// As [`super::AdgroupIndex::match_candidates`], in a given way.
    pub(super) fn match_candidates_by(
        &self,
        (segments, candidates): (&[u32], &[u32]),
        way: Way,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> u32 {
        let Scratch { held, asked, working, verdicts } = scratch;
        let first = out.len();
        let runs_programs = way == Way::Programs || self.recent.is_some() || self.base.any_verify();
        let tested = if runs_programs { segments } else { &[] };
        let mut found = |candidate| {
            if !ask(asked, candidate) {
                out.push(candidate);
            }
        };
        let skipped = with_held(held, tested, self.segments_end(), |held| match way {
            Way::Programs => self.by_programs(candidates, held, &mut found),
            Way::Planes => {
                let working = working.get_or_insert_default();
                if let [sheet] = self.base.sheets.as_slice() {
                    return self.by_one_sheet(sheet, (segments, candidates), (held, working), &mut found);
                }
                let skipped = self.find_places(candidates, held, verdicts);
                for place in 0..self.base.sheets.len() {
                    self.read_sheet(place, (segments, candidates), (held, working), verdicts);
                }
                let holding = candidates.iter().zip(verdicts.iter()).filter(|(_, verdict)| **verdict == TRUE);
                holding.for_each(|(candidate, _)| found(*candidate));
                skipped
            }
        });
        for &adgroup in out.iter().skip(first) {
            if let Some(word) = asked.get_mut(adgroup as usize / 64) {
                *word = 0;
            }
        }
        skipped
    }

    fn by_programs(&self, candidates: &[u32], held: &[u64], found: &mut impl FnMut(u32)) -> u32 {
        let mut skipped = 0;
        // The first of a short list were asked for before the user's record was.
        let mut coming = candidates.chunks(TOGETHER);
        if candidates.len() <= TOGETHER {
            coming.next();
        } else {
            self.prefetch_programs(coming.next().unwrap_or_default());
        }
        for some in candidates.chunks(TOGETHER) {
            self.prefetch_programs(coming.next().unwrap_or_default());
            // One bit a candidate: those whose program is elsewhere are run when all others are judged and it has arrived.
            let (mut holding, mut elsewhere) = (0_u64, 0_u64);
            for (place, &candidate) in some.iter().enumerate() {
                match self.programs_with(candidate).look(candidate, held) {
                    Looked::Absent => skipped += 1,
                    Looked::Judged(holds) => holding |= u64::from(holds) << place,
                    Looked::Elsewhere(_) => elsewhere |= 1 << place,
                }
            }
            for_each_bit(some, elsewhere, |place, candidate| {
                let holds = self.programs_with(candidate).run(candidate, held) == Some(true);
                holding |= u64::from(holds) << place;
            });
            for_each_bit(some, holding, |_, candidate| found(candidate));
        }
        skipped
    }

    /// As [`Self::find_places`] and [`Self::read_sheet`] in one go, where the base is one sheet: a pass less.
    fn by_one_sheet(
        &self,
        sheet: &Sheet,
        (segments, candidates): (&[u32], &[u32]),
        (held, working): (&[u64], &mut Working),
        found: &mut impl FnMut(u32),
    ) -> u32 {
        sheet.gather_and_combine(segments, working, Emission::Fastest);
        let mut skipped = 0;
        for &candidate in candidates {
            let place = self.place_of(candidate, held);
            skipped += u32::from(place == UNKNOWN);
            if place == TRUE || place < TRUE && self.holds_at(place, (sheet, working), (candidate, held)) {
                found(candidate);
            }
        }
        skipped
    }

    /// Where each candidate's truth stands, or what it is; returns how many candidates are not in the index.
    fn find_places(&self, candidates: &[u32], held: &[u64], verdicts: &mut Vec<u32>) -> u32 {
        verdicts.clear();
        verdicts.extend(candidates.iter().map(|&candidate| self.place_of(candidate, held)));
        u32::try_from(verdicts.iter().filter(|verdict| **verdict == UNKNOWN).count()).unwrap_or(u32::MAX)
    }

    /// Looks the candidates of one sheet of the base up in its combined planes.
    fn read_sheet(
        &self,
        place: usize,
        (segments, candidates): (&[u32], &[u32]),
        (held, working): (&[u64], &mut Working),
        verdicts: &mut [u32],
    ) {
        let Some(sheet) = self.base.sheets.get(place) else { return };
        sheet.gather_and_combine(segments, working, Emission::Fastest);
        for (&candidate, verdict) in candidates.iter().zip(verdicts) {
            if *verdict < TRUE && *verdict as usize >> PLACE_BITS == place {
                let holds = self.holds_at(*verdict, (sheet, working), (candidate, held));
                *verdict = if holds { TRUE } else { FALSE };
            }
        }
    }

    /// Where a candidate's truth stands, or what it is where it changed lately, for which its program is run.
    #[inline]
    fn place_of(&self, candidate: u32, held: &[u64]) -> u32 {
        if !self.is_overridden(candidate) {
            return self.base.places.get(candidate as usize).copied().unwrap_or(UNKNOWN);
        }
        match self.programs_with(candidate).run(candidate, held) {
            None => UNKNOWN,
            Some(true) => TRUE,
            Some(false) => FALSE,
        }
    }

    /// Whether the truth that stands at a place of a combined sheet is one; survivors of a sheet that verifies run their program.
    #[inline]
    fn holds_at(&self, place: u32, (sheet, working): (&Sheet, &Working), (candidate, held): (u32, &[u64])) -> bool {
        working.is_set(place) && (!sheet.any_verify || self.base.programs.run(candidate, held) == Some(true))
    }

    fn is_overridden(&self, adgroup: u32) -> bool {
        self.recent.as_ref().is_some_and(|recent| recent.overrides(adgroup))
    }
}

impl Working {
    /// Whether the bit at a place is set in the planes of its sheet.
    #[inline]
    fn is_set(&self, place: u32) -> bool {
        let bit = place as usize % (HALFWORDS * HALFWORD_BITS);
        let halfword = self.planes.0.get(bit / HALFWORD_BITS).copied().unwrap_or_default();
        halfword >> (bit % HALFWORD_BITS) & 1 == 1
    }
}

impl Sheet {
    /// What gathering and combining would cost for a user's segments.
    fn cost(&self, segments: &[u32]) -> usize {
        let postings = |&segment: &u32| match self.starts.get(segment as usize..(segment as usize).saturating_add(2)) {
            Some(&[first, end]) => (end - first) as usize,
            _ => 0,
        };
        segments.iter().map(postings).sum::<usize>() * CHUNK * POSTING + self.halfwords / BLOCK * BLOCK_COST
    }
}

/// Calls `visit` with those of `some` whose bits are set.
fn for_each_bit(some: &[u32], mut bits: u64, mut visit: impl FnMut(u32, u32)) {
    while bits != 0 {
        let place = bits.trailing_zeros();
        if let Some(&candidate) = some.get(place as usize) {
            visit(place, candidate);
        }
        bits &= bits - 1;
    }
}

/// Sets the user's bits in `held`, grown to `segments` bits, runs `judge`, and clears them again.
pub(super) fn with_held<T>(held: &mut Vec<u64>, segments: &[u32], bits: usize, judge: impl FnOnce(&[u64]) -> T) -> T {
    if held.len() < bits.div_ceil(64).max(NARROW_WORDS) {
        held.resize(bits.div_ceil(64).max(NARROW_WORDS), 0);
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

/// Whether `candidate` was asked before, and that it is now.
fn ask(asked: &mut Vec<u64>, candidate: u32) -> bool {
    let word = candidate as usize / 64;
    if asked.len() <= word {
        asked.resize(word + 1, 0);
    }
    let Some(word) = asked.get_mut(word) else { return false };
    let bit = 1 << (candidate % 64);
    let before = *word & bit != 0;
    *word |= bit;
    before
}
