//! The 16 bytes under which an identifier is kept: a keyed PRF, so that a stolen data directory names nobody.
//!
//! `digest = first 16 bytes of BLAKE3-keyed(key, message)`, where the message says unambiguously what is digested:
//!
//! | bytes | content |
//! |---|---|
//! | 0 | kind number |
//! | 1 | 0 |
//! | 2-3 | length of the scope, little-endian |
//! | 4-5 | length of the value, little-endian |
//! | 6-7 | 0 |
//! | 8… | scope, then value |
//! | … | zeros up to 64 bytes, where shorter |
//!
//! Both lengths stand before the content, so no two identifiers share a message. The padding makes every hashed
//! e-mail exactly one BLAKE3 block, which lets [`DigestKey::digest_values`] run 4 to 16 of them at once in vector
//! registers: about 12 ns each against 70 ns one by one (`benches/` measure it). Source: BLAKE3 paper, 2.3 and 5.3.
//! This layout is part of the format of the data directory: a change needs a new format version.

use std::fmt;

use blake3::IncrementCounter;
use blake3::platform::Platform;
use serde::{Deserialize, Serialize};

use super::hex;
use super::identifier::Kind;
use crate::limits;

const HEADER_BYTES: usize = 8;
const BLOCK_BYTES: usize = blake3::BLOCK_LEN;
/// The longest message: header, scope and value at their bounds.
const MESSAGE_BYTES: usize = HEADER_BYTES + limits::IDENTIFIER_SCOPE_BYTES + limits::IDENTIFIER_VALUE_BYTES;
/// Blocks that one call of the vector code takes; a multiple of every vector width.
const BATCH: usize = 64;
const KEY_ID_CONTEXT: &str = "segengine 2026-11-24 public id of an identifier key";

// Domain flags of BLAKE3 (paper, table 3) for a one-block keyed root.
const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 2;
const ROOT: u8 = 8;
const KEYED_HASH: u8 = 16;

/// The two halves of a digest, little-endian.
pub(crate) type Halves = [u64; 2];

/// What is stored in place of an identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The two halves, little-endian: the first chooses shard and bucket of the identity table.
    #[inline]
    pub(crate) fn halves(&self) -> Halves {
        let (first, second) = self.0.split_at(8);
        let half = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        [half(first), half(second)]
    }

    /// The digest with these halves.
    #[inline]
    pub(crate) fn of_halves(halves: Halves) -> Self {
        Self((u128::from(halves[0]) | u128::from(halves[1]) << 64).to_le_bytes())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}…)", hex::encode(&self.0[..4]))
    }
}

/// The secret of one data directory. Its bytes are overwritten when it is dropped and never printed.
#[derive(Clone)]
pub struct DigestKey {
    bytes: [u8; 32],
    words: [u32; 8],
    platform: Platform,
}

impl DigestKey {
    /// A key of 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        let mut words = [0_u32; 8];
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*chunk);
        }
        Self { bytes, words, platform: Platform::detect() }
    }

    /// The public name of this key (16 hex digits): says which key a directory needs and nothing about the key.
    #[must_use]
    pub fn key_id(&self) -> String {
        let derived = blake3::derive_key(KEY_ID_CONTEXT, &self.bytes);
        hex::encode(&derived[..8])
    }

    /// The digest of one identifier whose value is already canonical ([`super::IdentifierRef::digest`] sees to it).
    ///
    /// Values or scopes past their bounds are for the caller to refuse; they are digested here all the same.
    #[must_use]
    pub fn digest(&self, kind: Kind, scope: &[u8], value: &[u8]) -> Digest {
        let header = header(kind, scope.len(), value.len());
        if HEADER_BYTES + scope.len() + value.len() <= BLOCK_BYTES {
            self.digest_in([0; BLOCK_BYTES], header, scope, value)
        } else {
            self.digest_in([0; MESSAGE_BYTES], header, scope, value)
        }
    }

    /// Lays the message out in `room` (whole, and at least one block of it, is hashed) or, past it, on the heap.
    fn digest_in<const ROOM: usize>(
        &self,
        mut room: [u8; ROOM],
        header: [u8; HEADER_BYTES],
        scope: &[u8],
        value: &[u8],
    ) -> Digest {
        let length = header.len() + scope.len() + value.len();
        let Some((message, _)) = room.split_at_mut_checked(length) else {
            return truncate(blake3::keyed_hash(&self.bytes, &[header.as_slice(), scope, value].concat()).as_bytes());
        };
        let mut parts = header.iter().chain(scope).chain(value);
        message.iter_mut().zip(&mut parts).for_each(|(place, byte)| *place = *byte);
        let hashed = room.get(..length.max(BLOCK_BYTES)).unwrap_or(&room);
        truncate(blake3::keyed_hash(&self.bytes, hashed).as_bytes())
    }

    /// Digests of many unscoped values of one kind and width, handed to `take` in their order.
    ///
    /// `WIDTH` is at most 56, so that each message is one block. Allocates nothing.
    pub fn digest_values<const WIDTH: usize>(&self, kind: Kind, values: &[[u8; WIDTH]], mut take: impl FnMut(Digest)) {
        const { assert!(WIDTH + HEADER_BYTES <= BLOCK_BYTES, "one block for each message") };
        let mut blank = [0_u8; BLOCK_BYTES];
        blank[..HEADER_BYTES].copy_from_slice(&header(kind, 0, WIDTH));
        let mut blocks = [blank; BATCH];
        let mut out = [0_u8; BATCH * blake3::OUT_LEN];
        for batch in values.chunks(BATCH) {
            for (block, value) in blocks.iter_mut().zip(batch) {
                block.iter_mut().skip(HEADER_BYTES).zip(value).for_each(|(place, byte)| *place = *byte);
            }
            let inputs: [&[u8; BLOCK_BYTES]; BATCH] = blocks.each_ref();
            self.platform.hash_many(
                inputs.get(..batch.len()).unwrap_or(&inputs),
                &self.words,
                0,
                IncrementCounter::No,
                KEYED_HASH,
                CHUNK_START,
                CHUNK_END | ROOT,
                &mut out,
            );
            out.as_chunks::<{ blake3::OUT_LEN }>().0.iter().take(batch.len()).for_each(|hash| take(truncate(hash)));
        }
    }

    /// The key's bytes, for the key file alone.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl Drop for DigestKey {
    fn drop(&mut self) {
        // black_box keeps the compiler from dropping stores to memory that nobody reads again.
        self.bytes = std::hint::black_box([0; 32]);
        self.words = std::hint::black_box([0; 8]);
        std::hint::black_box((&self.bytes, &self.words));
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DigestKey({})", self.key_id())
    }
}

fn header(kind: Kind, scope: usize, value: usize) -> [u8; HEADER_BYTES] {
    let scope = u16::try_from(scope).unwrap_or(u16::MAX).to_le_bytes();
    let value = u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
    [kind.number(), 0, scope[0], scope[1], value[0], value[1], 0, 0]
}

fn truncate(hash: &[u8; blake3::OUT_LEN]) -> Digest {
    Digest(*hash.first_chunk().unwrap_or(&[0; 16]))
}
