//! Forward records: profile → its sorted slots, in pages.
//!
//! A record is what an impression reads: one lock, one head, one piece of memory, decoded in about a nanosecond a slot.
//! Sixteen neighbouring profiles share a page, so that a segment version for a million profiles rewrites each touched
//! page once, and a bulk load or a start, which hands over whole blocks of profiles, makes each page once. No lock is
//! held for longer than one page is rewritten (about a microsecond).
//!
//! Costs: 1.3 bytes a membership at 70 of 20,000 slots a profile (`coding`), 4 bytes a profile for the pages' heads, and
//! what the allocator rounds up (about 7 %); four bytes a slot and a growing vector before took 4.7. Heads come in chunks
//! of 14,320 profiles, made when first written.
//! Invariant 8 is kept by the callers in `memberships`; this file only knows numbers.

mod coding;
mod image;
mod page;

use std::sync::OnceLock;

use parking_lot::RwLock;

use self::page::{PAGE, Page, Workspace};
use super::transpose::Block;
use crate::storage::unsafe_mapping::Mapping;

/// Pages of one chunk, whose heads just fit into 56 KiB, wherever a line begins: of these the allocator lays nine into
/// half a mebibyte; for pieces larger than 84 KiB it takes 4 MiB at once, and where pages are huge all that is near what
/// is used is resident.
const CHUNK_PAGES: usize = 895;
const _: () = assert!(CHUNK_PAGES * size_of::<Locked>() + 63 <= 56 << 10, "a chunk fits into its piece");
const _: () = assert!(SHELVES * SHELF * CHUNK_PAGES * PAGE > u32::MAX as usize, "there is a chunk for every profile");
/// Chunks of one shelf; shelves are made when their first chunk is, since a table of all chunks would be megabytes of
/// every engine.
const SHELF: usize = 1 << 9;
/// Shelves that can exist: all u32 profiles.
const SHELVES: usize = 5 << 7;
/// Pages that a walk over all of them looks at in one go.
const WALK: usize = 32;

/// A page with its lock, in one line of the cache.
#[derive(Default)]
#[repr(align(64))]
struct Locked(RwLock<Page>);

type Chunk = Box<[Locked]>;

/// A few neighbouring pages.
pub(super) struct PageBlock<'a> {
    pages: &'a [Locked],
    mapped: &'a [u8],
}

impl PageBlock<'_> {
    /// Keeps the slots for which `keep` is true, in every record.
    pub(super) fn retain(&self, keep: impl Fn(u32) -> bool) {
        let mut workspace = Workspace::default();
        for Locked(page) in self.pages {
            if page.read().is_empty() {
                continue;
            }
            page.write().edit(
                self.mapped,
                |_| true,
                &mut workspace,
                |_, slots| {
                    let before = slots.len();
                    slots.retain(|&slot| keep(slot));
                    slots.len() < before
                },
            );
        }
    }
}

type Shelf = Box<[OnceLock<Chunk>]>;

/// All forward records.
pub(super) struct RecordStore {
    shelves: Box<[OnceLock<Shelf>]>,
    /// The checkpoint that a start found: pages lie in it until they change.
    mapped: Mapping,
}

impl Default for RecordStore {
    fn default() -> Self {
        Self { shelves: (0..SHELVES).map(|_| OnceLock::new()).collect(), mapped: Mapping::default() }
    }
}

fn page_of(profile: u32) -> (usize, usize) {
    (profile as usize / PAGE, profile as usize % PAGE)
}

/// Which places of a page some of its profiles are at.
fn places_of(profiles: &[u32]) -> u16 {
    profiles.iter().fold(0, |places, &profile| places | 1 << page_of(profile).1)
}

/// The profiles of each page, of ascending ones.
fn by_page(profiles: &[u32]) -> impl Iterator<Item = &[u32]> {
    profiles.chunk_by(|&one, &other| page_of(one).0 == page_of(other).0)
}

fn page_of_first(profiles: &[u32]) -> usize {
    profiles.first().map_or(0, |&profile| page_of(profile).0)
}

/// Adds ascending slots to ascending slots; false when all were there.
fn merge(slots: &mut Vec<u32>, added: &[u32]) -> bool {
    let before = slots.len();
    match slots.last() {
        None => slots.extend_from_slice(added),
        Some(last) if added.first().is_some_and(|first| first > last) => slots.extend_from_slice(added),
        Some(_) => {
            slots.extend_from_slice(added);
            slots.sort_unstable();
            slots.dedup();
        }
    }
    slots.len() > before
}

impl RecordStore {
    /// Makes the heads of all profiles below `end`: made together they lie together, with nothing between them that a bulk
    /// fill needs for a moment.
    pub(super) fn make_room(&self, end: u32) {
        (0..page_of(end).0).step_by(CHUNK_PAGES).for_each(|page| {
            self.page_or_create(page);
        });
    }

    /// Appends the slots of `profile`, ascending, to `out`: one untorn copy.
    pub(super) fn read(&self, profile: u32, out: &mut Vec<u32>) {
        let (page, place) = page_of(profile);
        if let Some(page) = self.page(page) {
            page.read().read(&self.mapped, place, out);
        }
    }

    /// Touches the head of the page of `profile`, whose record will be read soon: a load that nothing waits for.
    #[inline]
    pub(super) fn touch(&self, profile: u32) {
        if let Some(page) = self.page(page_of(profile).0) {
            std::hint::black_box(page.is_locked());
        }
    }

    /// Number of slots of `profile`.
    #[must_use]
    pub(super) fn width(&self, profile: u32) -> usize {
        let (page, place) = page_of(profile);
        self.page(page).map_or(0, |page| page.read().width(&self.mapped, place))
    }

    /// Makes `slots` (ascending) the record of `profile`.
    pub(super) fn replace(&self, profile: u32, slots: &[u32]) {
        let (page, wanted) = page_of(profile);
        if slots.is_empty() && self.page(page).is_none() {
            return;
        }
        self.page_or_create(page).write().edit(
            &self.mapped,
            |place| place == wanted,
            &mut Workspace::default(),
            |_, record| {
                record.clear();
                record.extend_from_slice(slots);
                true
            },
        );
    }

    /// Puts `slot` into the records of `profiles`, which ascend and are distinct. Empty pages of which it fills every
    /// record are copies of one page, in its memory: a tenth of the time for a file of people whom nobody knew.
    pub(super) fn insert(&self, slot: u32, profiles: &[u32]) {
        let mut of_one = None;
        let mut workspace = Workspace::default();
        for group in by_page(profiles) {
            let mut page = self.page_or_create(page_of_first(group)).write();
            if group.len() == PAGE && page.is_empty() {
                *page = of_one.get_or_insert_with(|| Page::of_one(slot)).clone();
                continue;
            }
            let places = places_of(group);
            page.edit(
                &self.mapped,
                |place| places >> place & 1 == 1,
                &mut workspace,
                |_, slots| {
                    let place = slots.binary_search(&slot);
                    if let Err(place) = place {
                        slots.insert(place, slot);
                    }
                    place.is_err()
                },
            );
        }
    }

    /// Empties the records of `profiles`, which ascend.
    pub(super) fn clear(&self, profiles: &[u32]) {
        self.edit_each(profiles, |slots| !std::mem::take(slots).is_empty());
    }

    /// Takes `slot` out of the records of `profiles`, which ascend.
    pub(super) fn remove(&self, slot: u32, profiles: &[u32]) {
        self.edit_each(profiles, |slots| {
            let place = slots.binary_search(&slot);
            if let Ok(place) = place {
                slots.remove(place);
            }
            place.is_ok()
        });
    }

    /// Changes the records of `profiles`, which ascend; where there is no page, there is nothing to change.
    fn edit_each(&self, profiles: &[u32], change: impl Fn(&mut Vec<u32>) -> bool) {
        let mut workspace = Workspace::default();
        for group in by_page(profiles) {
            let Some(page) = self.page(page_of_first(group)) else { continue };
            let places = places_of(group);
            let touched = |place: usize| places >> place & 1 == 1;
            page.write().edit(&self.mapped, touched, &mut workspace, |_, slots| change(slots));
        }
    }

    /// Puts many slots into the records of many neighbouring profiles. Each page is rewritten once.
    pub(super) fn insert_block(&self, block: &Block<'_>) {
        let mut workspace = Workspace::default();
        let (mut place, end) = (0, block.profiles());
        while place < end {
            let (page, first) = page_of(block.profile(place));
            let after = (place + PAGE - first).min(end);
            if (place..after).any(|place| !block.slots(place).is_empty()) {
                let added =
                    |at: usize| (at + place).checked_sub(first).filter(|&at| at < after).map(|at| block.slots(at));
                self.page_or_create(page).write().edit(
                    &self.mapped,
                    |at| added(at).is_some_and(|added| !added.is_empty()),
                    &mut workspace,
                    |at, slots| merge(slots, added(at).unwrap_or_default()),
                );
            }
            place = after;
        }
    }

    /// Puts slots into records one by one, of wherever they are: `additions` ascend by (profile, slot).
    pub(super) fn insert_pairs(&self, additions: &[(u32, u32)]) {
        let mut workspace = Workspace::default();
        for group in additions.chunk_by(|one, other| page_of(one.0).0 == page_of(other.0).0) {
            let page = group.first().map_or(0, |&(profile, _)| page_of(profile).0);
            let places = group.iter().fold(0_u16, |places, &(profile, _)| places | 1 << page_of(profile).1);
            let mut added = Vec::new();
            self.page_or_create(page).write().edit(
                &self.mapped,
                |place| places >> place & 1 == 1,
                &mut workspace,
                |place, slots| {
                    added.clear();
                    added.extend(group.iter().filter(|pair| page_of(pair.0).1 == place).map(|&(_, slot)| slot));
                    merge(slots, &added)
                },
            );
        }
    }

    /// Calls `visit` with one small group of existing pages at a time.
    pub(super) fn for_each_page_block(&self, mut visit: impl FnMut(PageBlock<'_>)) {
        let shelves = self.shelves.iter().filter_map(OnceLock::get);
        for chunk in shelves.flat_map(|shelf| shelf.iter().filter_map(OnceLock::get)) {
            chunk.chunks(WALK).for_each(|pages| visit(PageBlock { pages, mapped: &self.mapped }));
        }
    }

    fn page(&self, page: usize) -> Option<&RwLock<Page>> {
        let chunk = page / CHUNK_PAGES;
        let chunk = self.shelves.get(chunk / SHELF)?.get()?.get(chunk % SHELF)?.get()?;
        chunk.get(page % CHUNK_PAGES).map(|page| &page.0)
    }

    #[expect(clippy::indexing_slicing, reason = "a page number comes from a u32 profile, for which every chunk exists")]
    fn page_or_create(&self, page: usize) -> &RwLock<Page> {
        let chunk = page / CHUNK_PAGES;
        let shelf = self.shelves[chunk / SHELF].get_or_init(|| (0..SHELF).map(|_| OnceLock::new()).collect());
        let chunk = shelf[chunk % SHELF].get_or_init(|| (0..CHUNK_PAGES).map(|_| Locked::default()).collect());
        &chunk[page % CHUNK_PAGES].0
    }
}

#[cfg(test)]
mod tests;
