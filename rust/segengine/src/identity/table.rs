//! The identity table: keyed digest → dense identifier id, and what is known of each id.
//!
//! Ids are given in order and never reused, so everything known of an id lies in append-only columns (digest, kind,
//! last day seen, profile pointer) in chunks that never move; readers go to them without a lock. Finding an id is one
//! probe of a sharded hash table that holds only the four id bytes (the digest itself is compared in its column).
//! Costs: 23 bytes of columns and 5-10 bytes of table per identifier; two dependent cache misses to find one.
//! A shard is locked by a writer for one insertion (or its own growth), never for a batch.
//!
//! The profile pointer is the root of the identifier's component of links: itself unless linked. It changes only under
//! the link lock of the engine; readers re-check it (invariant 10).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use hashbrown::HashTable;
use parking_lot::RwLock;

use super::digest::Digest;
use super::identifier::Kind;
use crate::error::{Error, Result};
use crate::ids::{IdentifierId, ProfileId};
use crate::limits;

/// Identifiers of one chunk of columns.
const CHUNK: usize = 1 << 16;
/// Chunks that can exist: all u32 ids.
const CHUNKS: usize = 1 << 16;
/// Shards of the hash table; a shard is chosen by other digest bits than those the table itself uses.
const SHARDS: usize = 1 << 10;

struct Chunk {
    digests: Box<[[AtomicU64; 2]]>,
    kinds: Box<[AtomicU8]>,
    seen_days: Box<[AtomicU16]>,
    profiles: Box<[AtomicU32]>,
}

impl Chunk {
    fn new(first: usize) -> Self {
        let pointer = |place: usize| AtomicU32::new(u32::try_from(first + place).unwrap_or(u32::MAX));
        Self {
            digests: (0..CHUNK).map(|_| [const { AtomicU64::new(0) }; 2]).collect(),
            kinds: (0..CHUNK).map(|_| AtomicU8::new(0)).collect(),
            seen_days: (0..CHUNK).map(|_| AtomicU16::new(0)).collect(),
            profiles: (0..CHUNK).map(pointer).collect(),
        }
    }
}

/// Digest → identifier id, with the columns of each id.
pub struct IdentityTable {
    shards: Box<[RwLock<HashTable<u32>>]>,
    chunks: Box<[OnceLock<Chunk>]>,
    length: AtomicU32,
}

impl Default for IdentityTable {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            length: AtomicU32::new(0),
        }
    }
}

/// The two halves of a digest: the first chooses the shard, the second is the hash inside it.
fn halves(digest: &Digest) -> [u64; 2] {
    let (first, second) = digest.0.split_at(8);
    let half = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    [half(first), half(second)]
}

impl IdentityTable {
    /// Number of identifiers; ids are `0..len`.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.length.load(Ordering::Acquire)
    }

    /// Whether no identifier is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of `digest`, if it is known.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<IdentifierId> {
        let wanted = halves(digest);
        let shard = self.shard(wanted[0])?.read();
        shard.find(wanted[1], |&id| self.halves_of(id) == Some(wanted)).copied().map(IdentifierId)
    }

    /// Gives the next ids to `entries`, which must not be known yet nor repeat; returns the first id.
    ///
    /// Ids become findable one by one; the caller makes them durable first and is the only one to append.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full; nothing is added then.
    pub fn append<'a>(&self, entries: impl ExactSizeIterator<Item = (&'a Digest, Kind, u16)>) -> Result<IdentifierId> {
        let first = self.len();
        let end = u64::from(first) + entries.len() as u64;
        if end > u64::from(limits::IDENTIFIERS) {
            return Err(Error::limit("identifiers", end, u64::from(limits::IDENTIFIERS), "identifiers"));
        }
        for (id, (digest, kind, seen_day)) in (first..).zip(entries) {
            let wanted = halves(digest);
            let (chunk, place) = self.place_or_create(id)?;
            if let (Some(digest), Some(kind_place)) = (chunk.digests.get(place), chunk.kinds.get(place)) {
                digest[0].store(wanted[0], Ordering::Relaxed);
                digest[1].store(wanted[1], Ordering::Relaxed);
                kind_place.store(kind.number(), Ordering::Relaxed);
            }
            self.saw(IdentifierId(id), seen_day);
            self.length.store(id + 1, Ordering::Release);
            if let Some(shard) = self.shard(wanted[0]) {
                let hash_of = |&id: &u32| self.halves_of(id).map_or(0, |halves| halves[1]);
                shard.write().insert_unique(wanted[1], id, hash_of);
            }
        }
        Ok(IdentifierId(first))
    }

    /// The profile of `id`: the smallest id of its component, itself when it is not linked.
    #[must_use]
    pub fn profile(&self, id: IdentifierId) -> ProfileId {
        ProfileId(
            self.place(id.0)
                .and_then(|(chunk, place)| chunk.profiles.get(place))
                .map_or(id.0, |profile| profile.load(Ordering::Acquire)),
        )
    }

    /// Points `id` at another profile; only the engine's link writer calls this, inside its epoch change.
    pub fn set_profile(&self, id: IdentifierId, profile: ProfileId) {
        if let Some(pointer) = self.place(id.0).and_then(|(chunk, place)| chunk.profiles.get(place)) {
            pointer.store(profile.0, Ordering::Release);
        }
    }

    /// The kind of `id`, if the id was given.
    #[must_use]
    pub fn kind(&self, id: IdentifierId) -> Option<Kind> {
        let (chunk, place) = self.place(id.0)?;
        Kind::from_number(u32::from(chunk.kinds.get(place)?.load(Ordering::Relaxed)))
    }

    /// The digest of `id`, if the id was given.
    #[must_use]
    pub fn digest(&self, id: IdentifierId) -> Option<Digest> {
        if id.0 >= self.len() {
            return None;
        }
        let halves = self.halves_of(id.0)?;
        let mut digest = [0; 16];
        let (first, second) = digest.split_at_mut(8);
        first.copy_from_slice(&halves[0].to_le_bytes());
        second.copy_from_slice(&halves[1].to_le_bytes());
        Some(Digest(digest))
    }

    /// The last day (since 1970) on which `id` was seen; 0 when it never was.
    #[must_use]
    pub fn seen_day(&self, id: IdentifierId) -> u16 {
        let day = self.place(id.0).and_then(|(chunk, place)| chunk.seen_days.get(place));
        day.map_or(0, |day| day.load(Ordering::Relaxed))
    }

    /// Notes that `id` was seen on `day`; true when that is later than before. Lock-free; most calls only read.
    pub fn saw(&self, id: IdentifierId, day: u16) -> bool {
        let Some(seen) = self.place(id.0).and_then(|(chunk, place)| chunk.seen_days.get(place)) else { return false };
        seen.load(Ordering::Relaxed) < day && seen.fetch_max(day, Ordering::Relaxed) < day
    }

    fn shard(&self, half: u64) -> Option<&RwLock<HashTable<u32>>> {
        self.shards.get(usize::try_from(half >> 32).unwrap_or_default() % SHARDS)
    }

    fn halves_of(&self, id: u32) -> Option<[u64; 2]> {
        let (chunk, place) = self.place(id)?;
        let digest = chunk.digests.get(place)?;
        Some([digest[0].load(Ordering::Relaxed), digest[1].load(Ordering::Relaxed)])
    }

    fn place(&self, id: u32) -> Option<(&Chunk, usize)> {
        let chunk = self.chunks.get(id as usize / CHUNK)?.get()?;
        Some((chunk, id as usize % CHUNK))
    }

    fn place_or_create(&self, id: u32) -> Result<(&Chunk, usize)> {
        let (number, place) = (id as usize / CHUNK, id as usize % CHUNK);
        let chunk = self.chunks.get(number).ok_or_else(|| Error::internal("identifier id beyond the last chunk"))?;
        Ok((chunk.get_or_init(|| Chunk::new(number * CHUNK)), place))
    }
}
