//! What is known of each identifier id, in columns: digest, kind, last day seen, and the profile where it is linked.
//!
//! Ids are given in order and never reused, so the columns only grow, in chunks that never move; readers go to them
//! without a lock. Most identifiers are their own profile, so pointers exist only for blocks of 256 ids in which one is
//! linked. Costs: 19 bytes an identifier, a sixteenth of one for the blocks that do not exist, 4 in those that do; at
//! most one unfilled chunk of 311 KB.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// Identifiers of one chunk.
const CHUNK: usize = 1 << 14;
/// Chunks of one shelf; shelves are made when their first chunk is.
const SHELF: usize = 1 << 9;
/// Shelves that can exist: all u32 ids.
const SHELVES: usize = 1 << 9;
/// Identifiers whose pointers come into being together.
const LINKED_BLOCK: usize = 1 << 8;

/// The two halves of a digest, little-endian.
pub(super) type Halves = [u64; 2];

type Pointers = OnceLock<Box<[AtomicU32; LINKED_BLOCK]>>;

struct Chunk {
    digests: Box<[[AtomicU64; 2]]>,
    seen_days: Box<[AtomicU16]>,
    kinds: Box<[AtomicU8]>,
    pointers: Box<[Pointers]>,
}

impl Chunk {
    fn new() -> Self {
        Self {
            digests: (0..CHUNK).map(|_| [const { AtomicU64::new(0) }; 2]).collect(),
            seen_days: (0..CHUNK).map(|_| AtomicU16::new(0)).collect(),
            kinds: (0..CHUNK).map(|_| AtomicU8::new(0)).collect(),
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
    /// Writes what is known of new ids, counted from `first`. They must not be in use yet.
    pub(super) fn write(&self, first: u32, entries: impl Iterator<Item = (Halves, u8, u16)>) {
        let mut id = first as usize;
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            let chunk = self.chunk_or_create(id);
            let place = id % CHUNK;
            let digests = chunk.digests.iter().zip(&chunk.kinds).zip(&chunk.seen_days).skip(place);
            // The places come first: an entry must not be taken that finds no place.
            for (((digest, kind), day), entry) in digests.zip(entries.by_ref()) {
                digest[0].store(entry.0[0], Ordering::Relaxed);
                digest[1].store(entry.0[1], Ordering::Relaxed);
                kind.store(entry.1, Ordering::Relaxed);
                day.store(entry.2, Ordering::Relaxed);
            }
            id += CHUNK - place;
        }
    }

    /// The digest of an id.
    #[inline]
    pub(super) fn halves(&self, id: u32) -> Option<Halves> {
        let (chunk, place) = self.place(id)?;
        let digest = chunk.digests.get(place)?;
        Some([digest[0].load(Ordering::Relaxed), digest[1].load(Ordering::Relaxed)])
    }

    /// The number of the kind of an id.
    pub(super) fn kind(&self, id: u32) -> Option<u8> {
        let (chunk, place) = self.place(id)?;
        Some(chunk.kinds.get(place)?.load(Ordering::Relaxed))
    }

    /// The last day on which an id was seen.
    pub(super) fn seen_day(&self, id: u32) -> Option<&AtomicU16> {
        let (chunk, place) = self.place(id)?;
        chunk.seen_days.get(place)
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
        shelf[number % SHELF].get_or_init(Chunk::new)
    }
}
