//! What is known of each identifier id: its kind and the last day it was seen, and the profile where it is linked.
//!
//! Two bytes: three bits of kind, for there are exactly eight, and thirteen of the day, from 1 for the first of January
//! 2020 to 8,191 for a day in June 2042; 0 is never. Days before and after count as the first and the last, which no
//! question of who was seen in the last months can tell. The files keep kind and day as they came.
//!
//! Ids are given in order and never reused, so the column only grows, in chunks that never move; readers go to it without
//! a lock. Most identifiers are their own profile, so pointers exist only for blocks of 256 ids in which one is linked.
//! Costs: 2 bytes an identifier, a sixteenth of one for the pointers that do not exist, 4 for those that do; at most one
//! unfilled chunk of 56 KiB: of these the allocator lays nine into half a mebibyte; for pieces larger than 84 KiB it takes
//! 4 MiB at once, and where pages are huge all that is near what is used is resident.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use super::identifier::Kind;

/// Identifiers of one chunk.
const CHUNK: usize = 111 * LINKED_BLOCK;
const _: () = assert!(CHUNK.is_multiple_of(LINKED_BLOCK), "pointers of a block lie in one chunk");
const _: () = assert!(SHELVES * SHELF * CHUNK > u32::MAX as usize, "there is a chunk for every id");
/// Chunks of one shelf; shelves are made when their first chunk is.
const SHELF: usize = 1 << 9;
/// Shelves that can exist: all u32 ids.
const SHELVES: usize = 5 << 6;
/// Identifiers whose pointers come into being together.
const LINKED_BLOCK: usize = 1 << 8;

const KIND_BITS: u32 = 3;
const KIND_MASK: u16 = (1 << KIND_BITS) - 1;
const _: () = assert!(Kind::ALL.len() == 1 << KIND_BITS, "the bits of a kind say each of them and nothing else");
/// The last day before those that can be told apart: 2019-12-31, since 1970.
const BEFORE_DAYS: u16 = 18_261;
/// The last day that can be told from those after it.
const LAST_DAY: u16 = BEFORE_DAYS + (u16::MAX >> KIND_BITS);

type Pointers = OnceLock<Box<[AtomicU32; LINKED_BLOCK]>>;

/// Kind and day in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u16);

impl Known {
    pub(super) fn new(kind: Kind, seen_day: u16) -> Self {
        Self(packed_day(seen_day) << KIND_BITS | u16::from(kind.number() - 1))
    }

    fn kind(self) -> Option<Kind> {
        Kind::from_number(u32::from(self.0 & KIND_MASK) + 1)
    }

    fn seen_day(self) -> u16 {
        match self.0 >> KIND_BITS {
            0 => 0,
            day => BEFORE_DAYS + day,
        }
    }
}

/// What is kept of a day since 1970: 0 is never.
const fn packed_day(day: u16) -> u16 {
    if day == 0 {
        0
    } else if day <= BEFORE_DAYS {
        1
    } else if day >= LAST_DAY {
        LAST_DAY - BEFORE_DAYS
    } else {
        day - BEFORE_DAYS
    }
}

struct Chunk {
    known: Box<[AtomicU16]>,
    pointers: Box<[Pointers]>,
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            known: (0..CHUNK).map(|_| AtomicU16::new(0)).collect(),
            pointers: (0..CHUNK / LINKED_BLOCK).map(|_| OnceLock::new()).collect(),
        }
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
    /// The columns of the ids below `end`, of which nothing is known yet: made together they lie together.
    pub(super) fn with_room(end: u32) -> Self {
        let columns = Self::default();
        (0..end as usize).step_by(CHUNK).for_each(|id| {
            columns.chunk_or_create(id);
        });
        columns
    }

    /// Writes what is known of new ids, counted from `first`. They must not be in use yet; so for all that write.
    pub(super) fn write(&self, first: u32, known: impl Iterator<Item = Known>) {
        self.fill(first, known, |place, known| place.store(known.0, Ordering::Relaxed));
    }

    /// Writes kinds, of which nobody was seen.
    pub(super) fn write_kinds(&self, first: u32, kinds: impl Iterator<Item = Kind>) {
        self.write(first, kinds.map(|kind| Known::new(kind, 0)));
    }

    /// Writes that `count` ids are of one kind, and were never seen.
    pub(super) fn write_kind(&self, first: u32, count: usize, kind: Kind) {
        let (known, mut id, mut rest) = (Known::new(kind, 0), first as usize, count);
        while rest > 0 {
            let places = self.chunk_or_create(id).known.iter().skip(id % CHUNK).take(rest);
            let written = places.len();
            places.for_each(|place| place.store(known.0, Ordering::Relaxed));
            (id, rest) = (id + written, rest - written);
        }
    }

    /// Writes the last days seen beside kinds that are written.
    pub(super) fn write_days(&self, first: u32, days: impl Iterator<Item = u16>) {
        self.fill(first, days, |place, day| {
            place.store(packed_day(day) << KIND_BITS | place.load(Ordering::Relaxed) & KIND_MASK, Ordering::Relaxed);
        });
    }

    /// Hands items to the places from `first` on.
    fn fill<T>(&self, first: u32, items: impl Iterator<Item = T>, store: impl Fn(&AtomicU16, T)) {
        let mut id = first as usize;
        let mut items = items.peekable();
        while items.peek().is_some() {
            let places = self.chunk_or_create(id).known.iter().skip(id % CHUNK);
            // The places come first: an item must not be taken that finds no place.
            places.zip(items.by_ref()).for_each(|(place, item)| store(place, item));
            id += CHUNK - id % CHUNK;
        }
    }

    /// The kind of an id.
    #[inline]
    pub(super) fn kind(&self, id: u32) -> Option<Kind> {
        Known(self.known(id)?.load(Ordering::Relaxed)).kind()
    }

    /// The last day on which an id was seen, 0 when it never was.
    pub(super) fn seen_day(&self, id: u32) -> u16 {
        self.known(id).map_or(0, |known| Known(known.load(Ordering::Relaxed)).seen_day())
    }

    /// Moves the last day of an id on; true when it was before. Most calls only read.
    pub(super) fn saw(&self, id: u32, day: u16) -> bool {
        let Some(known) = self.known(id) else { return false };
        let day = packed_day(day);
        let mut now = known.load(Ordering::Relaxed);
        while now >> KIND_BITS < day {
            let later = day << KIND_BITS | now & KIND_MASK;
            match known.compare_exchange_weak(now, later, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
        false
    }

    /// Calls `visit` with every id below `end` that was seen on `oldest` or later, and its kind.
    pub(super) fn for_each_seen(&self, oldest: u16, end: u32, mut visit: impl FnMut(u32, Kind)) {
        let least = packed_day(oldest.max(1)) << KIND_BITS;
        for first in (0..end).step_by(CHUNK) {
            let Some(chunk) = self.place(first).map(|(chunk, _)| chunk) else { return };
            for (id, known) in (first..end).zip(&chunk.known) {
                let known = known.load(Ordering::Relaxed);
                if known >= least
                    && let Some(kind) = Known(known).kind()
                {
                    visit(id, kind);
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
    fn known(&self, id: u32) -> Option<&AtomicU16> {
        let (chunk, place) = self.place(id)?;
        chunk.known.get(place)
    }

    #[inline]
    fn place(&self, id: u32) -> Option<(&Chunk, usize)> {
        let number = id as usize / CHUNK;
        let chunk = self.shelves.get(number / SHELF)?.get()?.get(number % SHELF)?.get()?;
        Some((chunk, id as usize % CHUNK))
    }

    #[expect(clippy::indexing_slicing, reason = "the id is a u32, for which every shelf and chunk exists")]
    fn chunk_or_create(&self, id: usize) -> &Chunk {
        let number = id / CHUNK;
        let shelf =
            self.shelves[number / SHELF % SHELVES].get_or_init(|| (0..SHELF).map(|_| OnceLock::new()).collect());
        shelf[number % SHELF].get_or_init(Chunk::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind with every day reads back; days before 2020 and after 2042 as the first and the last, never as never.
    #[test]
    fn kinds_and_days_read_back() {
        for kind in Kind::ALL {
            for day in 0..=u16::MAX {
                let known = Known::new(kind, day);
                let expected = if day == 0 { 0 } else { day.clamp(18_262, 26_452) };
                assert_eq!((known.kind(), known.seen_day()), (Some(kind), expected), "day {day}");
            }
        }
    }

    /// A day only moves on, beside a kind that stays, whoever else moves it.
    #[test]
    fn days_move_on() {
        let columns = Columns::default();
        columns.write(5, [Known::new(Kind::Log, 0), Known::new(Kind::EmailMd5, 20_000)].into_iter());
        assert!(columns.saw(5, 3) && !columns.saw(5, 18_262) && columns.saw(5, 18_263));
        assert_eq!((columns.seen_day(5), columns.kind(5)), (18_263, Some(Kind::Log)));
        assert!(!columns.saw(6, 20_000) && !columns.saw(6, 0) && columns.saw(6, u16::MAX) && !columns.saw(6, u16::MAX));
        assert_eq!((columns.seen_day(6), columns.kind(6)), (26_452, Some(Kind::EmailMd5)));
        let moved: usize = std::thread::scope(|scope| {
            let move_on = |first: u16| (first..20_001).step_by(2).filter(|&day| columns.saw(5, day)).count();
            let threads = [18_264, 18_265].map(|first| scope.spawn(move || move_on(first)));
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert!((869..=1_737).contains(&moved), "{moved}");
        assert_eq!((columns.seen_day(5), columns.kind(5)), (20_000, Some(Kind::Log)));
        assert_eq!(
            (columns.kind(4), columns.kind(CHUNK as u32), columns.saw(CHUNK as u32, 1)),
            (Some(Kind::EmailMd5), None, false)
        );
    }
}
