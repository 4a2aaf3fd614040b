//! What is known of each identifier id, in columns: digest, kind, last day seen, and the profile where it is linked.
//!
//! Ids are given in order and never reused, so the columns only grow, in chunks that never move; readers go to them
//! without a lock. Most identifiers are their own profile, so pointers exist only for blocks of 256 ids in which one is
//! linked. A chunk just fits into 512 KiB, a size of which the allocator rounds nothing up; of pieces that are larger it
//! makes 64 KiB and more (65,536 ids in one took 22 bytes each where 19 are used), and of what is rounded all is resident
//! where pages are huge. Costs: 19 bytes an identifier, a sixteenth of one for the pointers that do not exist, 4 for
//! those that do; at most one unfilled chunk of half a megabyte.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::digest::Digest;
use super::slab::{Slab, Spare};

/// Identifiers whose columns lie together: 19 lines of memory.
pub(super) const GROUP: usize = 1 << 6;
/// Identifiers of one chunk.
pub(super) const CHUNK: usize = 428 * GROUP;
/// The piece of memory that a chunk fits into.
const PIECE: usize = 512 << 10;
const _: () = assert!(CHUNK / GROUP * size_of::<Group>() + 63 <= PIECE, "a chunk fits, wherever a line begins");
const _: () = assert!(CHUNK.is_multiple_of(LINKED_BLOCK), "pointers of a block lie in one chunk");
const _: () = assert!(SHELVES * SHELF * CHUNK > u32::MAX as usize, "there is a chunk for every id");
/// Chunks of one shelf; shelves are made when their first chunk is.
const SHELF: usize = 1 << 9;
/// Shelves that can exist: all u32 ids.
const SHELVES: usize = 1 << 9;
/// Identifiers whose pointers come into being together.
const LINKED_BLOCK: usize = 1 << 8;

/// The two halves of a digest, little-endian.
pub(crate) type Halves = [u64; 2];

type Pointers = OnceLock<Box<[AtomicU32; LINKED_BLOCK]>>;

/// The columns of some neighboring ids, each digest whole in one line of memory.
#[repr(align(64))]
pub(super) struct Group {
    digests: [[AtomicU64; 2]; GROUP],
    seen_days: [AtomicU16; GROUP],
    kinds: [AtomicU8; GROUP],
}

impl Group {
    pub(super) const fn new() -> Self {
        Self {
            digests: [const { [const { AtomicU64::new(0) }; 2] }; GROUP],
            seen_days: [const { AtomicU16::new(0) }; GROUP],
            kinds: [const { AtomicU8::new(0) }; GROUP],
        }
    }

    /// Lays a digest down where nobody else looks yet.
    #[inline]
    pub(super) fn put(&mut self, place: usize, digest: Halves) {
        if let Some([first, second]) = self.digests.get_mut(place) {
            (*first.get_mut(), *second.get_mut()) = (digest[0], digest[1]);
        }
    }

    /// The digests from a place on.
    pub(super) fn digests(&self, place: usize) -> impl Iterator<Item = Halves> {
        let digests = self.digests.get(place..).unwrap_or_default().iter();
        digests.map(|[first, second]| [first.load(Ordering::Relaxed), second.load(Ordering::Relaxed)])
    }
}

struct Chunk {
    groups: Box<[Group]>,
    pointers: Box<[Pointers]>,
}

impl Chunk {
    /// A chunk in memory that was used, or in new memory.
    fn of(groups: Option<Box<[Group]>>) -> Self {
        Self {
            groups: groups.unwrap_or_else(|| (0..CHUNK / GROUP).map(|_| Group::new()).collect()),
            pointers: (0..CHUNK / LINKED_BLOCK).map(|_| OnceLock::new()).collect(),
        }
    }

    fn group(&self, place: usize) -> Option<(&Group, usize)> {
        Some((self.groups.get(place / GROUP)?, place % GROUP))
    }
}

type Shelf = Box<[OnceLock<Chunk>]>;

/// The columns of all ids.
pub(super) struct Columns {
    shelves: Box<[OnceLock<Shelf>]>,
}

impl Default for Columns {
    fn default() -> Self {
        Self { shelves: (0..SHELVES).map(|_| OnceLock::new()).collect() }
    }
}

impl Columns {
    /// Writes what is known of new ids, counted from `first`. They must not be in use yet; so for all that write.
    pub(super) fn write(&self, first: u32, entries: impl Iterator<Item = (Halves, u8, u16)>) {
        self.fill(first, entries, |group, place| {
            let places = group.digests.iter().zip(&group.kinds).zip(&group.seen_days).skip(place);
            places.map(|((digest, kind), day)| {
                move |entry: (Halves, u8, u16)| {
                    digest[0].store(entry.0[0], Ordering::Relaxed);
                    digest[1].store(entry.0[1], Ordering::Relaxed);
                    kind.store(entry.1, Ordering::Relaxed);
                    day.store(entry.2, Ordering::Relaxed);
                }
            })
        });
    }

    /// Writes what a slab holds, of one kind and never seen, into chunks that are made of `spare` ones.
    pub(super) fn write_slab(&self, first: u32, kind: u8, slab: &Slab, spare: &Spare) {
        let mut id = first as usize;
        for (source, count) in slab.groups() {
            let mut at = 0;
            while at < count {
                let chunk = self.chunk_or_create(id, || spare.take());
                let Some((group, place)) = chunk.group(id % CHUNK) else { return };
                let taken = (GROUP - place).min(count - at);
                let digests = group.digests.iter().zip(&group.kinds).skip(place);
                for ((digest, of_kind), halves) in digests.zip(source.digests(at).take(taken)) {
                    digest[0].store(halves[0], Ordering::Relaxed);
                    digest[1].store(halves[1], Ordering::Relaxed);
                    of_kind.store(kind, Ordering::Relaxed);
                }
                (at, id) = (at + taken, id + taken);
            }
        }
    }

    /// Appends the bytes of the digests of some ids, which were written.
    pub(super) fn append_digests(&self, ids: Range<u32>, bytes: &mut Vec<u8>) {
        self.for_each_group(ids, |group, places| {
            let digests = group.digests(places.start).take(places.len());
            digests.for_each(|halves| bytes.extend_from_slice(&Digest::of_halves(halves).0));
        });
    }

    /// Appends the numbers of the kinds of some ids.
    pub(super) fn append_kinds(&self, ids: Range<u32>, bytes: &mut Vec<u8>) {
        self.for_each_group(ids, |group, places| {
            // Loads of atomics are not joined by the compiler, but what is made of them is: a whole group at a time.
            let kinds = group.kinds.each_ref().map(|kind| kind.load(Ordering::Relaxed));
            bytes.extend_from_slice(kinds.get(places).unwrap_or_default());
        });
    }

    /// Appends the bytes of the last days on which some ids were seen.
    pub(super) fn append_days(&self, ids: Range<u32>, bytes: &mut Vec<u8>) {
        self.for_each_group(ids, |group, places| {
            let days = group.seen_days.each_ref().map(|day| day.load(Ordering::Relaxed).to_le_bytes());
            bytes.extend_from_slice(days.get(places).unwrap_or_default().as_flattened());
        });
    }

    /// Calls `visit` with each group of some ids, and their places in it.
    fn for_each_group(&self, ids: Range<u32>, mut visit: impl FnMut(&Group, Range<usize>)) {
        let mut at = ids.start;
        while let Some((group, place)) = self.group(at).filter(|_| at < ids.end) {
            let end = GROUP.min(place + (ids.end - at) as usize);
            visit(group, place..end);
            at = at.saturating_add(u32::try_from(end - place).unwrap_or(u32::MAX));
        }
    }

    /// Writes digests alone.
    pub(super) fn write_digests(&self, first: u32, digests: impl Iterator<Item = Halves>) {
        self.fill(first, digests, |group, place| {
            group.digests.iter().skip(place).map(|digest| {
                move |halves: Halves| {
                    digest[0].store(halves[0], Ordering::Relaxed);
                    digest[1].store(halves[1], Ordering::Relaxed);
                }
            })
        });
    }

    /// Writes the numbers of kinds alone.
    pub(super) fn write_kinds(&self, first: u32, kinds: impl Iterator<Item = u8>) {
        self.fill(first, kinds, |group, place| {
            group.kinds.iter().skip(place).map(|place| move |kind| place.store(kind, Ordering::Relaxed))
        });
    }

    /// Writes the last days seen alone.
    pub(super) fn write_days(&self, first: u32, days: impl Iterator<Item = u16>) {
        self.fill(first, days, |group, place| {
            group.seen_days.iter().skip(place).map(|place| move |day| place.store(day, Ordering::Relaxed))
        });
    }

    /// Hands items to what `places` says of a group, from a place in it on.
    fn fill<'a, T, Store: FnOnce(T), Places: Iterator<Item = Store>>(
        &'a self,
        first: u32,
        items: impl Iterator<Item = T>,
        places: impl Fn(&'a Group, usize) -> Places,
    ) {
        let mut id = first as usize;
        let mut items = items.peekable();
        while items.peek().is_some() {
            let groups = self.chunk_or_create(id, || None).groups.iter().skip(id % CHUNK / GROUP);
            for group in groups {
                let place = id % GROUP;
                // The places come first: an item must not be taken that finds no place.
                places(group, place).zip(items.by_ref()).for_each(|(store, item)| store(item));
                id += GROUP - place;
                if items.peek().is_none() {
                    return;
                }
            }
        }
    }

    /// The digest of an id.
    #[inline]
    pub(super) fn halves(&self, id: u32) -> Option<Halves> {
        let (group, place) = self.group(id)?;
        let digest = group.digests.get(place)?;
        Some([digest[0].load(Ordering::Relaxed), digest[1].load(Ordering::Relaxed)])
    }

    /// The number of the kind of an id.
    pub(super) fn kind(&self, id: u32) -> Option<u8> {
        let (group, place) = self.group(id)?;
        Some(group.kinds.get(place)?.load(Ordering::Relaxed))
    }

    /// The last day on which an id was seen.
    pub(super) fn seen_day(&self, id: u32) -> Option<&AtomicU16> {
        let (group, place) = self.group(id)?;
        group.seen_days.get(place)
    }

    /// Calls `visit` with every id below `end` that was seen on `oldest` or later, and the number of its kind.
    pub(super) fn for_each_seen(&self, oldest: u16, end: u32, mut visit: impl FnMut(u32, u8)) {
        for first in (0..end).step_by(GROUP) {
            let Some((group, _)) = self.group(first) else { return };
            for ((id, day), kind) in (first..end).zip(&group.seen_days).zip(&group.kinds) {
                if day.load(Ordering::Relaxed) >= oldest {
                    visit(id, kind.load(Ordering::Relaxed));
                }
            }
        }
    }

    /// Where an id points, which is itself unless it is linked.
    #[inline]
    pub(super) fn pointer(&self, id: u32) -> u32 {
        let pointers = self.place(id).and_then(|(chunk, place)| chunk.pointers.get(place / LINKED_BLOCK)?.get());
        let pointer = pointers.and_then(|pointers| pointers.get(id as usize % LINKED_BLOCK));
        pointer.map_or(id, |pointer| pointer.load(Ordering::Acquire))
    }

    /// Points an id at another.
    pub(super) fn point(&self, id: u32, at: u32) {
        let Some(block) = self.place(id).and_then(|(chunk, place)| chunk.pointers.get(place / LINKED_BLOCK)) else {
            return;
        };
        if block.get().is_none() && id == at {
            return;
        }
        let first = id - id % 256;
        let own = |place: usize| AtomicU32::new(first + u32::try_from(place).unwrap_or_default());
        let pointers = block.get_or_init(|| Box::new(std::array::from_fn(own)));
        if let Some(pointer) = pointers.get(id as usize % LINKED_BLOCK) {
            pointer.store(at, Ordering::Release);
        }
    }

    #[inline]
    fn group(&self, id: u32) -> Option<(&Group, usize)> {
        self.place(id).and_then(|(chunk, place)| chunk.group(place))
    }

    #[inline]
    fn place(&self, id: u32) -> Option<(&Chunk, usize)> {
        let number = id as usize / CHUNK;
        let chunk = self.shelves.get(number / SHELF)?.get()?.get(number % SHELF)?.get()?;
        Some((chunk, id as usize % CHUNK))
    }

    #[expect(clippy::indexing_slicing, reason = "the id is a u32, for which every shelf and chunk exists")]
    fn chunk_or_create(&self, id: usize, spare: impl FnOnce() -> Option<Box<[Group]>>) -> &Chunk {
        let number = id / CHUNK;
        let shelf =
            self.shelves[number / SHELF % SHELVES].get_or_init(|| (0..SHELF).map(|_| OnceLock::new()).collect());
        shelf[number % SHELF].get_or_init(|| Chunk::of(spare()))
    }
}
