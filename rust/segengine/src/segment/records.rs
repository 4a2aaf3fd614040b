//! Forward records: profile → its sorted slots, in pages.
//!
//! A record is what an impression reads. Sixty-four-byte lines are what memory gives, so 32 neighbouring profiles share
//! one page: one vector of slots with the end of each record. Adding a segment version to a million profiles rewrites
//! each touched page once (a copy of a few kilobytes), a single change shifts one page, a read copies one slice under
//! the page's shared lock. No lock is held for longer than one page copy (about a microsecond).
//!
//! Costs: 4 bytes a membership plus about 5 bytes a profile; pages are made when first written.
//! Invariant 8 is kept by the callers in `memberships`; this file only knows numbers.

use std::sync::OnceLock;

use parking_lot::RwLock;

/// Profiles of one page.
const PAGE: usize = 32;
/// Pages of one chunk (65,536 profiles).
const CHUNK_PAGES: usize = 2_048;
/// Chunks that can exist.
const CHUNKS: usize = 1 << 16;

#[derive(Default)]
struct Page {
    /// End of each record in `slots`.
    ends: [u32; PAGE],
    slots: Vec<u32>,
}

impl Page {
    fn bounds(&self, place: usize) -> (usize, usize) {
        let end = self.ends.get(place).copied().unwrap_or_default() as usize;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default() as usize;
        (start, end)
    }

    fn record(&self, place: usize) -> &[u32] {
        let (start, end) = self.bounds(place);
        self.slots.get(start..end).unwrap_or_default()
    }

    /// Rewrites the page: `change` gets each place with its old record and appends the new one.
    fn rewrite(&mut self, growth: usize, mut change: impl FnMut(usize, &[u32], &mut Vec<u32>)) {
        let mut slots = Vec::with_capacity(self.slots.len() + growth);
        let mut ends = [0; PAGE];
        for (place, end) in ends.iter_mut().enumerate() {
            change(place, self.record(place), &mut slots);
            *end = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        }
        *self = Self { ends, slots };
    }
}

type Chunk = Box<[RwLock<Page>]>;

/// A few neighbouring pages.
pub(super) struct PageBlock<'a>(&'a [RwLock<Page>]);

impl PageBlock<'_> {
    /// Keeps the slots for which `keep` is true, in every record.
    pub(super) fn retain(&self, keep: impl Fn(u32) -> bool) {
        for page in self.0 {
            if page.read().slots.iter().any(|&slot| !keep(slot)) {
                page.write().rewrite(0, |_, old, out| out.extend(old.iter().copied().filter(|&slot| keep(slot))));
            }
        }
    }
}

/// All forward records.
pub(super) struct RecordStore {
    chunks: Box<[OnceLock<Chunk>]>,
}

impl Default for RecordStore {
    fn default() -> Self {
        Self { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect() }
    }
}

fn page_of(profile: u32) -> (usize, usize) {
    (profile as usize / PAGE, profile as usize % PAGE)
}

/// Appends the sorted union of two sorted slices.
fn merge_into(left: &[u32], right: &[u32], out: &mut Vec<u32>) {
    let (mut left, mut right) = (left, right);
    while let (Some((&a, rest_a)), Some((&b, rest_b))) = (left.split_first(), right.split_first()) {
        out.push(a.min(b));
        if a <= b {
            left = rest_a;
        }
        if b <= a {
            right = rest_b;
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
}

impl RecordStore {
    /// Appends the slots of `profile`, ascending, to `out`: one untorn copy.
    pub(super) fn read(&self, profile: u32, out: &mut Vec<u32>) {
        let (page, place) = page_of(profile);
        if let Some(page) = self.page(page) {
            out.extend_from_slice(page.read().record(place));
        }
    }

    /// Number of slots of `profile`.
    #[must_use]
    pub(super) fn width(&self, profile: u32) -> usize {
        let (page, place) = page_of(profile);
        self.page(page).map_or(0, |page| page.read().record(place).len())
    }

    /// Makes `slots` (ascending) the record of `profile`.
    pub(super) fn replace(&self, profile: u32, slots: &[u32]) {
        let (page, wanted) = page_of(profile);
        if slots.is_empty() && self.page(page).is_none() {
            return;
        }
        self.page_or_create(page).write().rewrite(slots.len(), |place, old, out| {
            out.extend_from_slice(if place == wanted { slots } else { old });
        });
    }

    /// Puts `slot` into the records of `profiles`, which ascend.
    pub(super) fn insert(&self, slot: u32, profiles: &[u32]) {
        self.for_each_page(profiles, true, |page, group| {
            let mut wanted = group.iter().map(|&profile| page_of(profile).1).peekable();
            page.rewrite(group.len(), |place, old, out| {
                if wanted.next_if_eq(&place).is_some() {
                    merge_into(old, &[slot], out);
                } else {
                    out.extend_from_slice(old);
                }
            });
        });
    }

    /// Takes `slot` out of the records of `profiles`, which ascend.
    pub(super) fn remove(&self, slot: u32, profiles: &[u32]) {
        self.for_each_page(profiles, false, |page, group| {
            let mut wanted = group.iter().map(|&profile| page_of(profile).1).peekable();
            page.rewrite(0, |place, old, out| {
                if wanted.next_if_eq(&place).is_some() {
                    out.extend(old.iter().filter(|&&held| held != slot));
                } else {
                    out.extend_from_slice(old);
                }
            });
        });
    }

    /// Puts many slots into many records: `additions` ascend by (profile, slot). Each page is rewritten once.
    pub(super) fn insert_many(&self, additions: &[(u32, u32)]) {
        let mut rest = additions;
        while let Some(&(first, _)) = rest.first() {
            let page = page_of(first).0;
            let (mut group, after) = rest.split_at(rest.partition_point(|&(profile, _)| page_of(profile).0 == page));
            rest = after;
            let mut added = Vec::new();
            self.page_or_create(page).write().rewrite(group.len(), |place, old, out| {
                let (mine, others) = group.split_at(group.partition_point(|&(profile, _)| page_of(profile).1 <= place));
                group = others;
                added.clear();
                added.extend(mine.iter().map(|&(_, slot)| slot));
                merge_into(old, &added, out);
            });
        }
    }

    /// Calls `visit` with one small group of existing pages at a time.
    pub(super) fn for_each_page_block(&self, mut visit: impl FnMut(PageBlock<'_>)) {
        for chunk in self.chunks.iter().filter_map(OnceLock::get) {
            chunk.chunks(16).for_each(|pages| visit(PageBlock(pages)));
        }
    }

    fn for_each_page(&self, profiles: &[u32], create: bool, mut change: impl FnMut(&mut Page, &[u32])) {
        let mut rest = profiles;
        while let Some(&first) = rest.first() {
            let page = page_of(first).0;
            let (group, after) = rest.split_at(rest.partition_point(|&profile| page_of(profile).0 == page));
            rest = after;
            match self.page(page) {
                Some(page) => change(&mut page.write(), group),
                None if create => change(&mut self.page_or_create(page).write(), group),
                None => {}
            }
        }
    }

    fn page(&self, page: usize) -> Option<&RwLock<Page>> {
        self.chunks.get(page / CHUNK_PAGES)?.get()?.get(page % CHUNK_PAGES)
    }

    #[expect(clippy::indexing_slicing, reason = "a page number comes from a u32 profile, for which every chunk exists")]
    fn page_or_create(&self, page: usize) -> &RwLock<Page> {
        let chunk =
            self.chunks[page / CHUNK_PAGES].get_or_init(|| (0..CHUNK_PAGES).map(|_| RwLock::default()).collect());
        &chunk[page % CHUNK_PAGES]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_equal_a_map_of_sets(changes in prop::collection::vec((0u8..4, 0u32..6, prop::collection::btree_set(0u32..200, 0..40)), 0..40)) {
            let store = RecordStore::default();
            let mut model: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (what, slot, profiles) in changes {
                let list: Vec<u32> = profiles.iter().copied().collect();
                match what {
                    0 => {
                        store.insert(slot, &list);
                        list.iter().for_each(|&profile| { model.entry(profile).or_default().insert(slot); });
                    }
                    1 => {
                        store.remove(slot, &list);
                        list.iter().for_each(|&profile| { model.entry(profile).or_default().remove(&slot); });
                    }
                    2 => {
                        let pairs: Vec<(u32, u32)> = list.iter().flat_map(|&profile| [(profile, slot), (profile, slot + 3)]).collect();
                        store.insert_many(&pairs);
                        pairs.iter().for_each(|&(profile, slot)| { model.entry(profile).or_default().insert(slot); });
                    }
                    _ => {
                        store.replace(slot * 31, &list);
                        model.insert(slot * 31, profiles);
                    }
                }
            }
            for profile in 0..256 {
                let mut record = Vec::new();
                store.read(profile, &mut record);
                let expected: Vec<u32> = model.get(&profile).into_iter().flatten().copied().collect();
                prop_assert_eq!(record, expected);
            }
        }
    }
}
