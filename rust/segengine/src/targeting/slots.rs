//! Adgroup → program: the table that a candidate request goes to first, and often last.
//!
//! Each adgroup has a *slot* of 32 bytes, half a line of the cache. Nine adgroups in ten name few enough segments for the
//! whole program to lie in it: up to fifteen *lanes*, a segment each, in groups one after the other, the excludes first. So a
//! candidate is one line of memory, known from its number alone, and judged without a branch:
//!
//! ```text
//! slot   15 segments of 16 bits · bits 0-14: the last lanes of groups · bit 15: the first group are excludes
//!        or, with no last lane: where its program begins in the arena (two words), or one of three answers
//! ```
//! The user's bit of each lane is looked up in all fifteen, needed or not. Which groups have a bit is then one addition: ones
//! in all lanes of a group but the last carry into the last where any of them is held. A loop over lists, as [`super::program`] has
//! it, is fewer look-ups and two or three mispredicted branches: 20 ns a candidate in the caches where this takes 6.
//! A segment number that does not fit, more literals, and nested expressions go to the arena.

use hashbrown::HashMap;

use super::program::{Arena, NARROW_WORDS};
use super::unsafe_vector::prefetch_lines;

/// Lanes of a slot.
const LANES: usize = 15;
/// The lanes' bits in a mask.
const EVERY_LANE: u64 = (1 << LANES) - 1;
/// In the last word: the first group are excludes.
const EXCLUDES: u16 = 1 << LANES;
/// Stands in lanes that are not used, behind the last group: whoever holds such a segment changes nothing.
const UNUSED: u16 = u16::MAX;
/// Instead of where a program begins: the adgroup is not in the index, matches nobody, or everybody. The arena ends before.
const ABSENT: u32 = u32::MAX;
const NEVER: u32 = u32::MAX - 1;
const ALWAYS: u32 = u32::MAX - 2;
/// How many adgroups ahead programs are asked for, and twice as many the slots that say where they are.
const AHEAD: usize = 6;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(32))]
pub(super) struct Slot {
    lanes: [u16; LANES],
    ends: u16,
}

impl Slot {
    /// Of an adgroup that is not in the index.
    pub(super) const ABSENT: Self = Self::outside(ABSENT);
    /// Of an adgroup that matches nobody.
    pub(super) const NEVER: Self = Self::outside(NEVER);
    /// Of an adgroup that asks nothing.
    const ALWAYS: Self = Self::outside(ALWAYS);

    /// Of a program that begins at `offset` of the arena.
    pub(super) const fn outside(offset: u32) -> Self {
        let mut lanes = [0; LANES];
        let bytes = offset.to_le_bytes();
        lanes[0] = u16::from_le_bytes([bytes[0], bytes[1]]);
        lanes[1] = u16::from_le_bytes([bytes[2], bytes[3]]);
        Self { lanes, ends: 0 }
    }

    /// Of an adgroup that needs one of each of `clauses` and none of `excludes`; nothing when they do not fit.
    pub(super) fn of<'l>(clauses: impl IntoIterator<Item = &'l [u32]>, excludes: &[u32]) -> Option<Self> {
        let mut slot = Self { lanes: [UNUSED; LANES], ends: 0 };
        let mut lane = 0;
        if !excludes.is_empty() {
            slot.push_group(excludes, &mut lane)?;
            slot.ends |= EXCLUDES;
        }
        let mut matches_nobody = false;
        for clause in clauses {
            matches_nobody |= clause.is_empty();
            slot.push_group(clause, &mut lane)?;
        }
        Some(match slot.ends {
            _ if matches_nobody => Self::NEVER,
            0 => Self::ALWAYS,
            _ => slot,
        })
    }

    fn push_group(&mut self, list: &[u32], lane: &mut usize) -> Option<()> {
        for &segment in list {
            *self.lanes.get_mut(*lane)? = u16::try_from(segment).ok().filter(|&segment| segment != UNUSED)?;
            *lane += 1;
        }
        // So that there is a last lane to mark: a clause of nothing is met by nobody.
        *lane += usize::from(list.is_empty());
        self.ends |= 1_u16.checked_shl(u32::try_from(*lane).ok()? - 1).filter(|_| *lane <= LANES)?;
        Some(())
    }

    /// The same, where the arena is put behind `first` words of another.
    pub(super) fn moved(self, first: u32) -> Self {
        match self.offset() {
            Some(offset) if offset < ALWAYS => Self::outside(first + offset),
            _ => self,
        }
    }

    /// Where its program begins, if that is not in the slot.
    #[inline]
    fn offset(&self) -> Option<u32> {
        let [low, high, ..] = self.lanes;
        (self.ends == 0).then(|| u32::from(low) | u32::from(high) << 16)
    }

    /// The truth for a user whose segments are the bits of `held`; the slot has lanes.
    #[inline]
    fn run(&self, held: &[u64; NARROW_WORDS]) -> bool {
        let bit = |segment: u16| held.get(usize::from(segment) / 64).copied().unwrap_or_default() >> (segment % 64) & 1;
        let held = self.lanes.iter().zip(0..).fold(0, |all, (&segment, lane)| all | bit(segment) << lane);
        let (ends, has_excludes) = (u64::from(self.ends) & EVERY_LANE, u64::from(self.ends >> LANES));
        let met = (((held & !ends) + (EVERY_LANE & !ends)) | held) & ends;
        let excludes = (ends & ends.wrapping_neg()) * has_excludes;
        met == ends ^ excludes
    }

    /// As [`Self::run`] for 64 users; `holders` has for each segment those that hold it.
    fn run_many(&self, holders: &[u64]) -> u64 {
        let ends = self.ends & !EXCLUDES;
        let mut negated = if self.ends & EXCLUDES == 0 { 0 } else { u64::MAX };
        let (mut any, mut all) = (0, u64::MAX);
        for (&segment, lane) in self.lanes.iter().zip(0..u16::BITS - ends.leading_zeros()) {
            any |= holders.get(usize::from(segment)).copied().unwrap_or_default();
            if ends >> lane & 1 == 1 {
                all &= any ^ negated;
                (any, negated) = (0, 0);
            }
        }
        all
    }
}

/// The slots of some adgroups.
#[derive(Debug)]
pub(super) enum Slots {
    /// As long as the largest number.
    Dense(Vec<Slot>),
    /// For the few that changed lately, whatever their numbers.
    Sparse(HashMap<u32, Slot>),
}

impl Slots {
    pub(super) fn dense() -> Self {
        Self::Dense(Vec::new())
    }

    pub(super) fn sparse() -> Self {
        Self::Sparse(HashMap::new())
    }

    /// Gives `adgroup` its slot.
    pub(super) fn set(&mut self, adgroup: u32, slot: Slot) {
        match self {
            Self::Dense(table) => {
                let place = adgroup as usize;
                if table.len() <= place {
                    table.resize(place + 1, Slot::ABSENT);
                }
                if let Some(entry) = table.get_mut(place) {
                    *entry = slot;
                }
            }
            Self::Sparse(table) => drop(table.insert(adgroup, slot)),
        }
    }

    #[inline]
    fn get(&self, adgroup: u32) -> &Slot {
        match self {
            Self::Dense(table) => table.get(adgroup as usize),
            Self::Sparse(table) => table.get(&adgroup),
        }
        .unwrap_or(&Slot::ABSENT)
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Dense(table) => table.capacity() * size_of::<Slot>(),
            Self::Sparse(table) => table.allocation_size(),
        }
    }
}

/// What a look at a slot tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// The adgroup is not in the index.
    Absent,
    /// Its truth.
    Judged(bool),
    /// Its program begins there in the arena, and was asked for.
    Elsewhere(u32),
}

/// The programs of some adgroups, in slots and beside them.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) slots: Slots,
    pub(super) arena: Arena,
}

impl Default for Programs {
    fn default() -> Self {
        Self { slots: Slots::dense(), arena: Arena::default() }
    }
}

impl Programs {
    /// Whether the adgroup is there.
    pub(super) fn knows(&self, adgroup: u32) -> bool {
        self.slots.get(adgroup).offset() != Some(ABSENT)
    }

    /// Asks for the slot of `adgroup`, which will be judged soon.
    #[inline]
    pub(super) fn prefetch(&self, adgroup: u32) {
        if let Slots::Dense(table) = &self.slots {
            prefetch_lines::<1, _>(table, adgroup as usize);
        }
    }

    /// The truth of one adgroup for a user whose segments are the bits of `held`, if its slot tells.
    #[inline]
    pub(super) fn look(&self, adgroup: u32, held: &[u64]) -> Looked {
        let slot = self.slots.get(adgroup);
        match (slot.offset(), held.first_chunk()) {
            (None, Some(held)) => Looked::Judged(slot.run(held)),
            (Some(ABSENT), _) => Looked::Absent,
            (Some(ALWAYS), _) => Looked::Judged(true),
            // Lanes without room for their bits cannot be: `with_held` makes it.
            (Some(NEVER), _) | (None, None) => Looked::Judged(false),
            (Some(offset), _) => {
                self.arena.prefetch(offset);
                Looked::Elsewhere(offset)
            }
        }
    }

    /// The truth of one adgroup, wherever its program is; nothing when it is not there.
    pub(super) fn run(&self, adgroup: u32, held: &[u64]) -> Option<bool> {
        match self.look(adgroup, held) {
            Looked::Absent => None,
            Looked::Judged(holds) => Some(holds),
            Looked::Elsewhere(offset) => Some(self.arena.run(offset, held)),
        }
    }

    /// Keeps those of `adgroups` from `first` on that hold for a user whose segments are the bits of `held`, in their order.
    /// Slots and programs are asked for ahead.
    pub(super) fn keep(&self, adgroups: &mut Vec<u32>, first: usize, held: &[u64]) {
        let mut kept = first;
        for place in first..adgroups.len() {
            if let Some(&later) = adgroups.get(place + 2 * AHEAD) {
                self.prefetch(later);
            }
            if let Some(offset) = adgroups.get(place + AHEAD).and_then(|&soon| self.slots.get(soon).offset()) {
                self.arena.prefetch(offset);
            }
            let Some(&adgroup) = adgroups.get(place) else { break };
            if let Some(entry) = adgroups.get_mut(kept).filter(|_| self.run(adgroup, held) == Some(true)) {
                *entry = adgroup;
                kept += 1;
            }
        }
        adgroups.truncate(kept);
    }

    /// The users for whom one adgroup holds; `holders` has for each segment those that hold it.
    pub(super) fn run_many(&self, adgroup: u32, holders: &[u64]) -> u64 {
        let slot = self.slots.get(adgroup);
        match slot.offset() {
            None => slot.run_many(holders),
            Some(ABSENT | NEVER) => 0,
            Some(ALWAYS) => u64::MAX,
            Some(offset) => self.arena.run_many(offset, holders),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.heap_bytes() + self.arena.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lists of few segments, so that each is held and not held, and some too long for a slot.
    fn lists() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<u32>)> {
        let segment = || prop_oneof![0_u32..12, Just(65_534)];
        let clause = prop::collection::vec(segment(), 0..5);
        (prop::collection::vec(clause, 0..6), prop::collection::vec(segment(), 0..4))
    }

    /// Adgroup 1 alone.
    fn programs_of(slot: Slot) -> Programs {
        let mut slots = Slots::sparse();
        slots.set(1, slot);
        Programs { slots, arena: Arena::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn a_slot_holds_as_its_lists_say((clauses, excludes) in lists(), users in prop::collection::vec(any::<u16>(), 64)) {
            let needed = clauses.iter().map(|clause| clause.len().max(1)).sum::<usize>() + excludes.len();
            let slot = Slot::of(clauses.iter().map(Vec::as_slice), &excludes);
            prop_assert_eq!(slot.is_some(), needed <= LANES);
            let Some(slot) = slot else { return Ok(()) };
            let programs = programs_of(slot);
            let mut holders = vec![0_u64; 1 << 16];
            // No list names it, and everybody holds it: that must not matter.
            holders[usize::from(UNUSED)] = u64::MAX;
            let mut expected = 0;
            for (user, &bits) in users.iter().enumerate() {
                let holds = |segment: u32| segment < 16 && bits >> segment & 1 == 1 || segment == 65_534 && bits >> 15 == 1;
                let mut held = [0; NARROW_WORDS];
                held[NARROW_WORDS - 1] |= 1 << 63;
                for segment in (0..16).chain([65_534]).filter(|&segment| holds(segment)) {
                    held[segment as usize / 64] |= 1 << (segment % 64);
                    holders[segment as usize] |= 1 << user;
                }
                let any = |list: &[u32]| list.iter().any(|&segment| holds(segment));
                let truth = clauses.iter().all(|clause| any(clause)) && !any(&excludes);
                prop_assert_eq!(programs.run(1, &held), Some(truth), "user {:b}", bits);
                expected |= u64::from(truth) << user;
            }
            prop_assert_eq!(programs.run_many(1, &holders), expected);
        }
    }

    #[test]
    fn a_slot_tells_where_a_program_is_and_what_has_none() {
        for offset in [0, 1, 0x1_0000, 0xFFFE_FFFF] {
            assert_eq!(Slot::outside(offset).offset(), Some(offset));
            assert_eq!(Slot::outside(offset).moved(1_000).offset(), Some(offset.wrapping_add(1_000)));
        }
        assert_eq!(Slot::ABSENT.moved(7), Slot::ABSENT);
        let everybody = Slot::of([], &[]).unwrap();
        for held in [[0; NARROW_WORDS], [u64::MAX; NARROW_WORDS]] {
            for (slot, truth) in [(everybody, true), (Slot::NEVER, false)] {
                assert_eq!(slot.moved(7), slot);
                let programs = programs_of(slot);
                assert_eq!(programs.run(1, &held), Some(truth));
                assert_eq!(programs.run_many(1, &vec![u64::MAX; 1 << 16]), if truth { u64::MAX } else { 0 });
                assert!(programs.knows(1) && !programs.knows(2));
                assert_eq!(programs.run(2, &held), None);
            }
        }
        assert_eq!(Slot::of([&[65_535][..]], &[]), None);
        assert_eq!(Slot::of([&[70_000][..]], &[]), None);
    }
}
