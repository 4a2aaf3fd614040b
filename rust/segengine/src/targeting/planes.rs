//! Match-all by bit-sliced clause planes, candidate lists by compiled programs.
//!
//! **Why.** An ad server asks one user against 100,000 adgroups. Walking the adgroups costs a test per literal (876,000
//! in workload W1); walking one bitmap per segment costs a search each. But a user is in about 70 segments, and those
//! name about 15,500 (adgroup, clause) pairs: that is the least any exact index has to touch, and a touch can be one OR
//! of one bit.
//!
//! **How.** Every expression becomes an AND of OR-clauses minus one OR of excludes ([`crate::expression::normal`]).
//! Adgroups are sorted by descending number of clauses, so those with more than j clauses are a prefix. Plane j holds
//! one bit for each adgroup of that prefix, the exclude plane one bit for each adgroup that excludes anything (they are
//! spread over all positions, so it is as long as plane 0). A posting is the absolute position of a bit in the
//! concatenated planes; postings of a segment lie together. Per request: clear the planes, set the bits that the user's
//! segments name, AND the planes over their prefixes, AND NOT the excludes, read off the ids. Adgroups that only
//! exclude have no clause and begin as true. Where the form is only necessary, survivors run their whole expression.
//!
//! **Costs.** Setting bits is linear in postings (under a nanosecond each while the planes stay in the first cache:
//! 22 KB of clause planes and 12 KB of excludes at W1); the rest is linear in adgroups ÷ 64 and in matches. Memory is
//! 4 bytes a literal for postings and as much again for programs.
//!
//! **Candidates.** Fifty adgroups do not pay for the planes: each has a program (excludes, then clauses) in one arena,
//! asked on a bitset of the user's segments.
//!
//! **Sources.** The k-index of Whang et al., "Indexing Boolean Expressions" (VLDB 2009), counts clauses per conjunction
//! size; `RTBkit`'s `ConfigSet` ANDs bitsets of configurations; Vespa's predicate search intersects interval postings;
//! the A-Tree shares sub-expressions. Here the counting becomes one AND per clause position, 64 adgroups at a time.

use hashbrown::HashMap;

use super::index::{AdgroupIndex, Scratch};
use crate::expression::normal::{Necessary, is_contradictory, necessary};
use crate::expression::{Expression, Node};
use crate::ids::{AdgroupId, SegmentNumber};

/// One adgroup between reading and layout.
struct Entry {
    id: u32,
    form: Necessary,
    expression: Option<Expression<SegmentNumber>>,
}

/// Where the program of one position begins in the arena, and which whole expression confirms it.
#[derive(Debug, Clone, Copy)]
struct Program {
    start: u32,
    verify: u32,
}

/// No expression needs to be asked.
const EXACT: u32 = u32::MAX;

/// The bit-sliced index.
#[derive(Debug, Default)]
pub struct PlaneIndex {
    /// Adgroup ids by position.
    ids: Vec<u32>,
    positions: HashMap<u32, u32>,
    /// First word of each plane, the exclude plane last; then the end.
    plane_starts: Vec<usize>,
    /// Positions of each clause plane: those with more than j clauses.
    plane_positions: Vec<usize>,
    /// Postings of segment s: `bits[posting_starts[s]..posting_starts[s + 1]]`.
    posting_starts: Vec<u32>,
    bits: Vec<u32>,
    programs: Vec<Program>,
    arena: Vec<u32>,
    verify: Vec<Expression<SegmentNumber>>,
    any_verify: bool,
    /// One more than the largest segment that any expression names, relaxed away or not.
    segments_end: usize,
}

impl PlaneIndex {
    /// Builds the index: linear in literals but for one sort of the adgroups. Contradictory adgroups are known, never match.
    #[must_use]
    pub fn build<'a>(adgroups: impl IntoIterator<Item = (AdgroupId, &'a Expression<SegmentNumber>)>) -> Self {
        let mut entries = Vec::new();
        let mut never = Vec::new();
        let mut segments_end = 0;
        for (id, expression) in adgroups {
            let largest = expression.literals().map(|segment| segment.0 as usize + 1).max();
            segments_end = segments_end.max(largest.unwrap_or_default());
            if is_contradictory(expression) {
                never.push(id.0);
                continue;
            }
            let form = necessary(expression);
            let whole = (!form.exact).then(|| expression.clone());
            entries.push(Entry { id: id.0, form, expression: whole });
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.form.clauses.len()));
        let mut index = Self { segments_end, ..Self::default() };
        index.lay_out(&entries);
        index.compile(entries);
        index.positions.extend(never.into_iter().map(|id| (id, NEVER)));
        index
    }

    fn lay_out(&mut self, entries: &[Entry]) {
        let planes = entries.first().map_or(0, |entry| entry.form.clauses.len());
        let mut words = 0;
        for plane in 0..planes {
            let positions = entries.partition_point(|entry| entry.form.clauses.len() > plane);
            self.plane_starts.push(words);
            self.plane_positions.push(positions);
            words += positions.div_ceil(64);
        }
        self.plane_starts.push(words);
        words += entries.len().div_ceil(64);
        self.plane_starts.push(words);
        let excludes = self.plane_starts.get(planes).copied().unwrap_or_default() * 64;
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            for (clause, start) in entry.form.clauses.iter().zip(&self.plane_starts) {
                let bit = u32::try_from(start * 64 + position).unwrap_or(u32::MAX);
                pairs.extend(clause.iter().map(|&segment| (segment, bit)));
            }
            let bit = u32::try_from(excludes + position).unwrap_or(u32::MAX);
            pairs.extend(entry.form.excludes.iter().map(|&segment| (segment, bit)));
        }
        let segments = pairs.iter().map(|pair| pair.0 as usize + 1).max().unwrap_or_default();
        let mut starts = vec![0u32; segments + 1];
        for (segment, _) in &pairs {
            if let Some(count) = starts.get_mut(*segment as usize + 1) {
                *count += 1;
            }
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        self.bits = vec![0; pairs.len()];
        for (segment, bit) in pairs {
            if let Some(place) = next.get_mut(segment as usize) {
                if let Some(slot) = self.bits.get_mut(*place as usize) {
                    *slot = bit;
                }
                *place += 1;
            }
        }
        self.posting_starts = starts;
    }

    fn compile(&mut self, entries: Vec<Entry>) {
        for (position, entry) in entries.into_iter().enumerate() {
            let start = u32::try_from(self.arena.len()).unwrap_or(u32::MAX);
            let length = |list: &[u32]| u32::try_from(list.len()).unwrap_or(u32::MAX);
            self.arena.push(length(&entry.form.excludes));
            self.arena.extend_from_slice(&entry.form.excludes);
            self.arena.push(u32::try_from(entry.form.clauses.len()).unwrap_or(u32::MAX));
            for clause in &entry.form.clauses {
                self.arena.push(length(clause));
                self.arena.extend_from_slice(clause);
            }
            let verify = entry.expression.map_or(EXACT, |expression| {
                self.verify.push(expression);
                u32::try_from(self.verify.len() - 1).unwrap_or(EXACT)
            });
            self.any_verify |= verify != EXACT;
            self.programs.push(Program { start, verify });
            self.ids.push(entry.id);
            self.positions.insert(entry.id, u32::try_from(position).unwrap_or(NEVER));
        }
    }

    fn postings(&self, segment: u32) -> &[u32] {
        let segment = segment as usize;
        let (Some(&start), Some(&end)) = (self.posting_starts.get(segment), self.posting_starts.get(segment + 1)) else {
            return &[];
        };
        self.bits.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The result word at `word`: the AND of the planes over their prefixes, minus the excludes.
    fn combine(&self, planes: &[u64], word: usize) -> u64 {
        let clause_planes = self.plane_positions.len();
        let in_word = |positions: usize| positions.saturating_sub(word * 64);
        let mut result = low_bits(in_word(self.ids.len()));
        for (start, &positions) in self.plane_starts.iter().zip(&self.plane_positions) {
            let covered = in_word(positions);
            if covered == 0 {
                break;
            }
            result &= planes.get(start + word).copied().unwrap_or_default() | !low_bits(covered);
        }
        let excludes = self.plane_starts.get(clause_planes).copied().unwrap_or_default();
        result & !planes.get(excludes + word).copied().unwrap_or_default()
    }

    fn run(&self, position: u32, held: &[u64], stack: &mut Vec<bool>) -> bool {
        let Some(program) = self.programs.get(position as usize) else { return false };
        let mut rest = self.arena.get(program.start as usize..).unwrap_or_default();
        let mut list = || -> &[u32] {
            let (&count, after) = rest.split_first().unwrap_or((&0, &[]));
            let (list, after) = after.split_at_checked(count as usize).unwrap_or_default();
            rest = after;
            list
        };
        let holds = |segment: &u32| bit(held, *segment);
        if list().iter().any(holds) {
            return false;
        }
        let (&clauses, after) = rest.split_first().unwrap_or((&0, &[]));
        rest = after;
        let mut list = || -> &[u32] {
            let (&count, after) = rest.split_first().unwrap_or((&0, &[]));
            let (list, after) = after.split_at_checked(count as usize).unwrap_or_default();
            rest = after;
            list
        };
        (0..clauses).all(|_| list().iter().any(holds)) && self.confirm(program.verify, held, stack)
    }

    /// Asks the whole expression where the form is only necessary.
    fn confirm(&self, verify: u32, held: &[u64], stack: &mut Vec<bool>) -> bool {
        let Some(expression) = self.verify.get(verify as usize) else { return true };
        stack.clear();
        for node in expression.nodes() {
            let value = match node {
                Node::Literal(segment) => bit(held, segment.0),
                Node::Not => !stack.pop().unwrap_or_default(),
                Node::And(count) => {
                    let from = stack.len().saturating_sub(*count as usize);
                    stack.drain(from..).fold(true, |all, value| all & value)
                }
                Node::Or(count) => {
                    let from = stack.len().saturating_sub(*count as usize);
                    stack.drain(from..).fold(false, |any, value| any | value)
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or_default()
    }

    /// Sets the user's segments in the bitset; those that no adgroup names cannot be asked for.
    fn hold(&self, segments: &[u32], held: &mut Vec<u64>) {
        let words = self.segments_end.div_ceil(64);
        if held.len() < words {
            held.resize(words, 0);
        }
        for &segment in segments {
            if let Some(word) = held.get_mut(segment as usize / 64) {
                *word |= 1 << (segment % 64);
            }
        }
    }
}

/// Position of an adgroup that can never match.
const NEVER: u32 = u32::MAX;

/// A word with the lowest `count` bits set.
fn low_bits(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

fn bit(words: &[u64], place: u32) -> bool {
    words.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
}

/// Clears the bits that `places` set.
fn clear(words: &mut [u64], places: &[u32]) {
    for place in places {
        if let Some(word) = words.get_mut(*place as usize / 64) {
            *word = 0;
        }
    }
}

impl AdgroupIndex for PlaneIndex {
    fn match_all(&self, segments: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) {
        let words = self.plane_starts.last().copied().unwrap_or_default();
        scratch.planes.clear();
        scratch.planes.resize(words, 0);
        let planes = scratch.planes.as_mut_slice();
        for &segment in segments {
            for &place in self.postings(segment) {
                if let Some(word) = planes.get_mut(place as usize / 64) {
                    *word |= 1 << (place % 64);
                }
            }
        }
        if self.any_verify {
            self.hold(segments, &mut scratch.held);
        }
        for word in 0..self.ids.len().div_ceil(64) {
            let mut result = self.combine(&scratch.planes, word);
            while result != 0 {
                let position = word * 64 + result.trailing_zeros() as usize;
                result &= result - 1;
                let exact = !self.any_verify || self.programs.get(position).is_none_or(|program| program.verify == EXACT);
                let holds = exact || {
                    let verify = self.programs.get(position).map_or(EXACT, |program| program.verify);
                    self.confirm(verify, &scratch.held, &mut scratch.stack)
                };
                if let Some(&id) = self.ids.get(position).filter(|_| holds) {
                    out.push(id);
                }
            }
        }
        if self.any_verify {
            clear(&mut scratch.held, segments);
        }
    }

    fn match_candidates(&self, segments: &[u32], candidates: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) -> u32 {
        self.hold(segments, &mut scratch.held);
        let words = self.ids.len().div_ceil(64);
        if scratch.asked.len() < words {
            scratch.asked.resize(words, 0);
        }
        let mut unknown = 0;
        for id in candidates {
            let Some(&position) = self.positions.get(id) else {
                unknown += 1;
                continue;
            };
            let Some(word) = scratch.asked.get_mut(position as usize / 64) else { continue };
            let asked = *word >> (position % 64) & 1 == 1;
            *word |= 1 << (position % 64);
            if !asked && self.run(position, &scratch.held, &mut scratch.stack) {
                out.push(*id);
            }
        }
        for id in candidates {
            if let Some(position) = self.positions.get(id) {
                clear(&mut scratch.asked, &[*position]);
            }
        }
        clear(&mut scratch.held, segments);
        unknown
    }

    fn len(&self) -> usize {
        self.positions.len()
    }
}
