//! How identities and links lie in files: columns without padding, little-endian, the count known from the catalog row.
//!
//! ```text
//! identity run   count × 16 bytes of digest · count × u8 kind · count × u16 last day seen
//! link run       count × (u8 1 = linked, 0 = withdrawn · u32 · u32)
//! ```
//! Both are read back to the last byte or refused ([`super::Restoring`] reads runs); the framed file around them has its
//! own checksums.

use std::ops::Range;

use super::columns::Columns;
use super::digest::Digest;
use super::identifier::Kind;
use super::table::IdentityTable;
use crate::error::{Error, Result};
use crate::ids::IdentifierId;
use crate::storage::framed::Blocks;

/// The kind of file that holds an identity run.
pub const IDENTITY_FILE: u16 = 3;
/// The kind of file that holds a link run.
pub const LINKS_FILE: u16 = 4;
/// The kind of file that holds the identifiers last seen on one day, as a portable set.
pub const SEEN_FILE: u16 = 5;

/// Bytes of a run for one identifier.
pub(super) const RUN_ENTRY_BYTES: usize = 16 + 1 + 2;

/// What a run says of one identifier.
pub type Entry = (Digest, Kind, u16);

/// One change of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkStep {
    /// Whether the two were linked, or the link withdrawn.
    pub add: bool,
    /// One identifier.
    pub one: IdentifierId,
    /// The other.
    pub other: IdentifierId,
}

/// The bytes of an identity run.
#[must_use]
pub fn encode_run(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * RUN_ENTRY_BYTES);
    entries.iter().for_each(|(digest, _, _)| bytes.extend_from_slice(&digest.0));
    bytes.extend(entries.iter().map(|(_, kind, _)| kind.number()));
    entries.iter().for_each(|(_, _, day)| bytes.extend_from_slice(&day.to_le_bytes()));
    bytes
}

/// An identity run as blocks that are made of the columns of a table, where it is laid down already. Nobody may see one of
/// its identifiers before they are written, for then its last day would differ from one time to the next.
pub struct RunBlocks<'a> {
    columns: &'a Columns,
    first: u32,
    count: usize,
}

/// Identifiers of one block.
const BLOCK_IDENTIFIERS: usize = 1 << 16;

impl<'a> RunBlocks<'a> {
    /// The run of `count` identifiers from `first` on, which `table` knows or is about to.
    #[must_use]
    pub fn of(table: &'a IdentityTable, first: u32, count: u32) -> Self {
        Self { columns: table.columns(), first, count: count as usize }
    }

    fn ids(&self, block: usize) -> Range<u32> {
        let begin = block * BLOCK_IDENTIFIERS;
        let end = self.count.min(begin + BLOCK_IDENTIFIERS);
        let id = |place| self.first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
        id(begin)..id(end)
    }
}

impl Blocks for RunBlocks<'_> {
    fn count(&self) -> usize {
        3 * self.count.div_ceil(BLOCK_IDENTIFIERS)
    }

    fn make(&self, number: usize, bytes: &mut Vec<u8>) {
        let blocks = self.count.div_ceil(BLOCK_IDENTIFIERS);
        let ids = self.ids(number % blocks.max(1));
        match number / blocks.max(1) {
            0 => {
                bytes.reserve_exact(16 * ids.len());
                self.columns.append_digests(ids, bytes);
            }
            1 => self.columns.append_kinds(ids, bytes),
            _ => self.columns.append_days(ids, bytes),
        }
    }
}

/// The bytes of a link run.
#[must_use]
pub fn encode_links(steps: &[LinkStep]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(steps.len() * 9);
    for step in steps {
        bytes.push(u8::from(step.add));
        bytes.extend_from_slice(&step.one.0.to_le_bytes());
        bytes.extend_from_slice(&step.other.0.to_le_bytes());
    }
    bytes
}

/// Reads a link run of `count` changes between identifiers below `end` from the file `name`.
///
/// # Errors
/// `Corrupted` with the byte where it stops making sense.
pub fn decode_links(name: &str, bytes: &[u8], count: u64, end: u32) -> Result<Vec<LinkStep>> {
    let (rows, rest) = bytes.as_chunks::<9>();
    if rows.len() as u64 != count || !rest.is_empty() {
        return Err(Error::corrupted(
            name,
            bytes.len() as u64,
            "it holds another number of links than the catalog says",
        ));
    }
    let steps = rows.iter().enumerate().map(|(place, &[add, a, b, c, d, e, f, g, h])| {
        let [one, other] = [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])];
        if add > 1 || one >= end || other >= end {
            return Err(Error::corrupted(name, place as u64 * 9, "a link between identifiers that were never given"));
        }
        Ok(LinkStep { add: add == 1, one: IdentifierId(one), other: IdentifierId(other) })
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_read_back_and_are_refused_when_cut_or_changed() {
        let entries = vec![(Digest([1; 16]), Kind::EmailMd5, 0), (Digest([2; 16]), Kind::Network, 20_000)];
        assert_eq!(encode_run(&entries).len(), 2 * RUN_ENTRY_BYTES);

        let table = IdentityTable::default();
        let kinds = [Kind::EmailMd5, Kind::Network, Kind::EmailSha256];
        let entry =
            |number: u32| (Digest(u128::from(number).to_le_bytes()), kinds[number as usize % 3], (number % 700) as u16);
        let entries: Vec<Entry> = (0..140_000).map(entry).collect();
        table.append(entries.iter().map(|(digest, kind, day)| (digest, *kind, *day))).unwrap();
        for (first, count) in [(0, 140_000), (3, 65_536), (70, 1), (9, 0), (1_000, 131_073)] {
            let run = RunBlocks::of(&table, first, count);
            let mut bytes = Vec::new();
            (0..run.count()).for_each(|number| run.make(number, &mut bytes));
            assert!(bytes == encode_run(&entries[first as usize..][..count as usize]), "{count} from {first}");
        }

        let steps = [true, false].map(|add| LinkStep { add, one: IdentifierId(7), other: IdentifierId(9) });
        let bytes = encode_links(&steps);
        assert_eq!(decode_links("f", &bytes, 2, 10).unwrap(), steps);
        assert!(decode_links("f", &bytes, 2, 9).is_err() && decode_links("f", &bytes, 3, 10).is_err());
        assert!(decode_links("f", &bytes[..17], 1, 10).is_err());
    }
}
