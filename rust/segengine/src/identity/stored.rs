//! How identities and links lie in files: columns without padding, little-endian, the count known from the catalog row.
//!
//! ```text
//! identity run   count × 16 bytes of digest · count × u8 kind · count × u16 last day seen
//! link run       count × (u8 1 = linked, 0 = withdrawn · u32 · u32)
//! ```
//! Both are read back to the last byte or refused ([`super::RunReader`] reads runs); the framed file around them has its
//! own checksums.

use std::ops::Range;

use super::digest::{Digest, Halves};
use super::identifier::Kind;
use super::table::LaidDown;
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

/// An identity run as blocks that are made of what was laid down, of whom nobody was ever seen.
pub(crate) struct RunBlocks<'a> {
    laid_down: &'a LaidDown,
    count: usize,
}

/// Identifiers of one block.
const BLOCK_IDENTIFIERS: usize = 1 << 16;

impl<'a> RunBlocks<'a> {
    /// The run of all that was laid down.
    pub(crate) fn of(laid_down: &'a LaidDown) -> Self {
        Self { laid_down, count: laid_down.ids().1 as usize }
    }

    /// What of each slab belongs to some places of the run, with its kind.
    fn pieces(&self, places: Range<usize>) -> impl Iterator<Item = (Kind, &[Halves])> {
        let mut end = 0;
        let slabs = self.laid_down.slabs().map(move |(kind, digests)| {
            let begin = end;
            end += digests.len();
            let [from, to] = [places.start, places.end].map(|place| place.saturating_sub(begin).min(digests.len()));
            (kind, digests.get(from..to).unwrap_or_default())
        });
        slabs.filter(|(_, digests)| !digests.is_empty())
    }
}

impl Blocks for RunBlocks<'_> {
    fn count(&self) -> usize {
        3 * self.count.div_ceil(BLOCK_IDENTIFIERS)
    }

    fn make(&self, number: usize, bytes: &mut Vec<u8>) {
        let blocks = self.count.div_ceil(BLOCK_IDENTIFIERS).max(1);
        let begin = number % blocks * BLOCK_IDENTIFIERS;
        let places = begin..self.count.min(begin + BLOCK_IDENTIFIERS);
        match number / blocks {
            0 => {
                bytes.reserve_exact(16 * places.len());
                let digests = self.pieces(places).flat_map(|(_, digests)| digests);
                digests.for_each(|&halves| bytes.extend_from_slice(&Digest::of_halves(halves).0));
            }
            1 => {
                let kinds = self.pieces(places);
                kinds.for_each(|(kind, digests)| bytes.resize(bytes.len() + digests.len(), kind.number()));
            }
            _ => bytes.resize(bytes.len() + 2 * places.len(), 0),
        }
    }
}

/// The bytes of runs that follow each other, as they were read, as those of one run: the parts that follow each other.
///
/// # Errors
/// `Corrupted` when the bytes of a run are not those of as many identifiers as it has.
pub fn joined_runs<'b>(runs: &[(&str, u32, &'b [u8])]) -> Result<Vec<&'b [u8]>> {
    let mut columns: [Vec<&[u8]>; 3] = Default::default();
    for &(name, count, bytes) in runs {
        let count = count as usize;
        let parts = bytes.split_at_checked(16 * count).and_then(|(digests, rest)| {
            let (kinds, days) = rest.split_at_checked(count)?;
            (days.len() == 2 * count).then_some([digests, kinds, days])
        });
        let parts = parts.ok_or_else(|| {
            Error::corrupted(name, bytes.len() as u64, "it holds another number of identifiers than the catalog says")
        })?;
        columns.iter_mut().zip(parts).for_each(|(column, part)| column.push(part));
    }
    Ok(columns.concat())
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
    use super::super::{IdentityTable, Slabs};
    use super::*;

    #[test]
    fn runs_read_back_and_are_refused_when_cut_or_changed() {
        let entries = vec![(Digest([1; 16]), Kind::EmailMd5, 0), (Digest([2; 16]), Kind::Network, 20_000)];
        assert_eq!(encode_run(&entries).len(), 2 * RUN_ENTRY_BYTES);

        // What was laid down, of several kinds and in several slabs, makes the same bytes.
        let kinds = [Kind::EmailMd5, Kind::Network];
        for counts in [[0, 1], [140_000, 0], [65_536, 65_536], [33_000, 120_001]] {
            let mut entries: Vec<Entry> = Vec::new();
            let laid_aside = kinds.into_iter().zip(counts).map(|(kind, count)| {
                let mut slabs = Slabs::new(0);
                for number in 0..count {
                    let digest = Digest((u128::from(kind.number()) << 90 | number).to_le_bytes());
                    slabs.push(digest.halves());
                    entries.push((digest, kind, 0));
                }
                (kind, slabs.into_slabs())
            });
            let laid_down = IdentityTable::default().lay_down(laid_aside.collect()).unwrap();
            let run = RunBlocks::of(&laid_down);
            let mut bytes = Vec::new();
            (0..run.count()).for_each(|number| run.make(number, &mut bytes));
            assert!(bytes == encode_run(&entries), "{counts:?}");
        }

        // Runs are joined column by column.
        let all: Vec<Entry> =
            (0_u8..20).map(|number| (Digest([number; 16]), Kind::Network, u16::from(number))).collect();
        let parts = [&all[..7], &all[7..7], &all[7..]].map(encode_run);
        let runs = [("a", 7, &*parts[0]), ("b", 0, &*parts[1]), ("c", 13, &*parts[2])];
        assert_eq!(joined_runs(&runs).unwrap().concat(), encode_run(&all));
        assert!(joined_runs(&[("a", 8, &*parts[0])]).is_err() && joined_runs(&[("a", 6, &*parts[0])]).is_err());

        let steps = [true, false].map(|add| LinkStep { add, one: IdentifierId(7), other: IdentifierId(9) });
        let bytes = encode_links(&steps);
        assert_eq!(decode_links("f", &bytes, 2, 10).unwrap(), steps);
        assert!(decode_links("f", &bytes, 2, 9).is_err() && decode_links("f", &bytes, 3, 10).is_err());
        assert!(decode_links("f", &bytes[..17], 1, 10).is_err());
    }
}
