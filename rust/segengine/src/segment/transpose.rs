//! From segment → members to profile → slots, for a range of neighbouring profiles at a time.
//!
//! A bulk load and a start have whole versions and need whole records. Sorting (profile, slot) pairs costs a comparison
//! sort of 8 bytes a membership; this is the counting sort that the problem really is. Members are taken version by
//! version in the order of their slots, and laid aside in blocks of 8,192 profiles, which is a cut of each ascending
//! list. Then, block by block: count per profile, prefix sums that say where each record begins, and one pass that drops
//! each slot behind those before it; the targets of a block stay in the cache. About 6 bytes a membership of the range,
//! 5 ns each; a range as wide as memory allows, because finding its beginning in a set costs half a microsecond of cache
//! misses (with ranges of 14,000 that was half of all time).
//!
//! A member whose profile lies outside of the range (it is linked to an older identifier) is set aside as a pair.

use std::ops::Range;

/// The most identifiers of one range: 36 MB at 70 memberships each.
pub(super) const MOST_IDENTIFIERS: u32 = 1 << 18;
/// Profiles of one block.
const BLOCK: u32 = 1 << 13;

/// The slots of neighbouring profiles, ascending for each.
pub(super) struct Block<'t> {
    first: u32,
    ends: &'t [u32],
    slots: &'t [u32],
}

impl Block<'_> {
    /// Number of profiles.
    pub(super) fn profiles(&self) -> usize {
        self.ends.len()
    }

    /// The profile at `place`.
    pub(super) fn profile(&self, place: usize) -> u32 {
        self.first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The slots of the profile at `place`.
    pub(super) fn slots(&self, place: usize) -> &[u32] {
        let end = |place: usize| self.ends.get(place).copied().unwrap_or_default() as usize;
        self.slots.get(place.checked_sub(1).map_or(0, end)..end(place)).unwrap_or_default()
    }
}

/// What was taken for one block.
#[derive(Default)]
struct Taken {
    /// Places of profiles in the block, version after version.
    places: Vec<u16>,
    /// Each version's slot and where its places end.
    versions: Vec<(u32, u32)>,
}

impl Taken {
    fn end_version(&mut self, slot: u32) {
        let end = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        if self.versions.last().map_or(0, |last| last.1) < end {
            self.versions.push((slot, end));
        }
    }
}

/// Takes versions, gives records; used again for range after range.
#[derive(Default)]
pub(super) struct Transposer {
    range: Range<u32>,
    /// Where the identifiers of the range point, when not all of them point at themselves.
    pointers: Option<Vec<u32>>,
    blocks: Vec<Taken>,
    strays: Vec<(u32, u32)>,
    cursors: Vec<u32>,
    slots: Vec<u32>,
}

/// The block of the place `at` of a range, and the place in it.
fn block_of(at: u32) -> (usize, u16) {
    ((at / BLOCK) as usize, u16::try_from(at % BLOCK).unwrap_or(u16::MAX))
}

impl Transposer {
    /// Begins with `range`; `profile_of` tells the profile of an identifier in it.
    pub(super) fn begin(&mut self, range: Range<u32>, profile_of: impl Fn(u32) -> u32) {
        let linked = range.clone().any(|id| profile_of(id) != id);
        self.pointers = linked.then(|| range.clone().map(profile_of).collect());
        self.blocks.resize_with(range.len().div_ceil(BLOCK as usize), Taken::default);
        self.range = range;
        self.strays.clear();
    }

    /// Takes members of the version under `slot`, which is not below those before; ids ascend and lie in the range.
    pub(super) fn take(&mut self, slot: u32, ids: &[u32]) {
        match self.pointers.take() {
            None => self.take_unlinked(slot, ids),
            Some(pointers) => {
                self.take_linked(slot, ids, &pointers);
                self.pointers = Some(pointers);
            }
        }
    }

    fn take_unlinked(&mut self, slot: u32, ids: &[u32]) {
        let first = self.range.start;
        let place_of = |id: u32| block_of(id.saturating_sub(first));
        let mut rest = ids;
        while let Some(&id) = rest.first() {
            let block = place_of(id).0;
            let (mine, after) = rest.split_at(rest.partition_point(|&id| place_of(id).0 == block));
            if let Some(taken) = self.blocks.get_mut(block) {
                taken.places.extend(mine.iter().map(|&id| place_of(id).1));
                taken.end_version(slot);
            }
            rest = after;
        }
    }

    fn take_linked(&mut self, slot: u32, ids: &[u32], pointers: &[u32]) {
        for &id in ids {
            let profile = pointers.get(id.saturating_sub(self.range.start) as usize).copied().unwrap_or(id);
            let at = profile.checked_sub(self.range.start).filter(|_| profile < self.range.end).map(block_of);
            match at.and_then(|(block, place)| Some((self.blocks.get_mut(block)?, place))) {
                Some((taken, place)) => taken.places.push(place),
                None => self.strays.push((profile, slot)),
            }
        }
        self.blocks.iter_mut().for_each(|taken| taken.end_version(slot));
    }

    /// Ends the range: calls `with_block` with its records, then `with_strays` with the pairs outside of it, ascending.
    pub(super) fn finish(&mut self, mut with_block: impl FnMut(&Block<'_>), with_strays: impl FnOnce(&[(u32, u32)])) {
        for (number, taken) in self.blocks.iter_mut().enumerate() {
            let first =
                self.range.start.saturating_add(u32::try_from(number).unwrap_or(u32::MAX).saturating_mul(BLOCK));
            let profiles = self.range.end.saturating_sub(first).min(BLOCK);
            scatter(taken, profiles, &mut self.cursors, &mut self.slots);
            if self.pointers.is_some() {
                drop_repeated(&mut self.cursors, &mut self.slots);
            }
            with_block(&Block { first, ends: &self.cursors, slots: &self.slots });
            taken.places.clear();
            taken.versions.clear();
        }
        if !self.strays.is_empty() {
            self.strays.sort_unstable();
            self.strays.dedup();
            with_strays(&self.strays);
        }
    }
}

/// The counting sort: afterwards a profile's cursor is where its slots end.
fn scatter(taken: &Taken, profiles: u32, cursors: &mut Vec<u32>, slots: &mut Vec<u32>) {
    cursors.clear();
    cursors.resize(profiles as usize, 0);
    for &place in &taken.places {
        if let Some(count) = cursors.get_mut(usize::from(place)) {
            *count += 1;
        }
    }
    let mut total = 0;
    for cursor in &mut *cursors {
        (*cursor, total) = (total, total + *cursor);
    }
    slots.clear();
    slots.resize(total as usize, 0);
    let mut start = 0;
    for &(slot, end) in &taken.versions {
        for &place in taken.places.get(start..end as usize).unwrap_or_default() {
            if let Some(cursor) = cursors.get_mut(usize::from(place)) {
                if let Some(target) = slots.get_mut(*cursor as usize) {
                    *target = slot;
                }
                *cursor += 1;
            }
        }
        start = end as usize;
    }
}

/// Two members of one version that are linked gave its slot twice, side by side.
fn drop_repeated(ends: &mut [u32], slots: &mut Vec<u32>) {
    let (mut start, mut kept) = (0_usize, 0_usize);
    for end in ends {
        let record = kept;
        for at in start..*end as usize {
            let slot = slots.get(at).copied();
            let before = kept.checked_sub(1).filter(|&before| before >= record).and_then(|at| slots.get(at));
            if before != slot.as_ref()
                && let Some((to, slot)) = slots.get_mut(kept).zip(slot)
            {
                *to = slot;
                kept += 1;
            }
        }
        start = *end as usize;
        *end = u32::try_from(kept).unwrap_or(u32::MAX);
    }
    slots.truncate(kept);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_range_holds_what_its_versions_hold(
            first in 0u32..50,
            // The ids lie on both sides of a block's end.
            sets in prop::collection::vec(prop::collection::btree_set(0u32..40, 0..40), 0..8),
            links in prop::collection::btree_map(0u32..90, 0u32..90, 0..20),
        ) {
            let first = first + BLOCK - 30;
            let links = links.into_iter().map(|(id, profile)| (id + first - 20, profile + first - 20));
            // A profile is the smallest identifier of its component, so pointers never go up.
            let links: BTreeMap<u32, u32> = links.filter(|(id, profile)| profile < id).collect();
            let profile_of = |id: u32| links.get(&id).copied().unwrap_or(id);
            let mut expected: Vec<(u32, u32)> = Vec::new();
            let mut transposer = Transposer::default();
            for round in 0..2 {
                let begin = if round == 0 { first } else { 0 };
                transposer.begin(begin..first + 40, profile_of);
                expected.clear();
                for (slot, set) in sets.iter().enumerate() {
                    let (slot, ids) = (slot as u32 * 3 + round, set.iter().map(|id| id + first).collect::<Vec<_>>());
                    ids.chunks(7).for_each(|ids| transposer.take(slot, ids));
                    expected.extend(ids.iter().map(|&id| (profile_of(id), slot)));
                }
                let mut found = Vec::new();
                let mut others = Vec::new();
                transposer.finish(
                    |block| (0..block.profiles()).for_each(|at| found.extend(block.slots(at).iter().map(|slot| (block.profile(at), *slot)))),
                    |strays| others.extend_from_slice(strays),
                );
                prop_assert!(others.iter().all(|stray| stray.0 < begin));
                found.extend(others);
                found.sort_unstable();
                expected.sort_unstable();
                expected.dedup();
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
