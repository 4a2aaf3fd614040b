//! How identities and links lie in files: columns without padding, little-endian, the count known from the catalog row.
//!
//! ```text
//! identity run   count × 16 bytes of digest · count × u8 kind · count × u16 last day seen
//! link run       count × (u8 1 = linked, 0 = withdrawn · u32 · u32)
//! ```
//! Both are read back to the last byte or refused ([`super::Restoring`] reads runs); the framed file around them has its
//! own checksums.

use super::digest::Digest;
use super::identifier::Kind;
use crate::error::{Error, Result};
use crate::ids::IdentifierId;

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

/// An identity run of identifiers that were never seen, as parts that lie where they are: nothing is copied.
pub struct RunColumns<'a> {
    digests: Vec<&'a [u8]>,
    /// A block of one kind, and how many bytes of it make up the column.
    kinds: Vec<(Vec<u8>, usize)>,
    count: usize,
}

impl<'a> RunColumns<'a> {
    /// The run of `groups`: digests of one kind each, in the order of their ids.
    #[must_use]
    pub fn of(groups: impl IntoIterator<Item = (Kind, &'a [[u8; 16]])>) -> Self {
        let mut run = Self { digests: Vec::new(), kinds: Vec::new(), count: 0 };
        for (kind, digests) in groups {
            let count = digests.len();
            match run.kinds.last_mut().filter(|(block, _)| block.first() == Some(&kind.number())) {
                Some((_, of_kind)) => *of_kind += count,
                None => run.kinds.push((vec![kind.number(); CONSTANT_BLOCK], count)),
            }
            run.digests.push(digests.as_flattened());
            run.count += count;
        }
        run
    }

    /// Number of identifiers.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes of the run, part after part.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        const UNSEEN: &[u8] = &[0; CONSTANT_BLOCK];
        let kinds = self.kinds.iter().flat_map(|(block, count)| repeated(block, *count));
        self.digests.iter().copied().chain(kinds).chain(repeated(UNSEEN, 2 * self.count))
    }
}

/// Bytes of a column in which they are all equal that are kept.
const CONSTANT_BLOCK: usize = 1 << 16;

/// `block` again and again, `bytes` in all.
fn repeated(block: &[u8], bytes: usize) -> impl Iterator<Item = &[u8]> {
    let whole = std::iter::repeat_n(block, bytes / block.len().max(1));
    whole.chain(block.get(..bytes % block.len().max(1)))
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
        let many = vec![[1; 16]; 70_000];
        let groups: [(Kind, &[[u8; 16]]); 3] =
            [(Kind::EmailMd5, &many), (Kind::EmailMd5, &[[2; 16], [3; 16]]), (Kind::EmailSha256, &[[4; 16]; 5])];
        let entries = groups.iter().flat_map(|(kind, part)| part.iter().map(|digest| (Digest(*digest), *kind, 0)));
        let run = RunColumns::of(groups);
        let bytes: Vec<u8> = run.parts().flatten().copied().collect();
        assert_eq!((run.count(), bytes), (70_007, encode_run(&entries.collect::<Vec<_>>())));

        let steps = [true, false].map(|add| LinkStep { add, one: IdentifierId(7), other: IdentifierId(9) });
        let bytes = encode_links(&steps);
        assert_eq!(decode_links("f", &bytes, 2, 10).unwrap(), steps);
        assert!(decode_links("f", &bytes, 2, 9).is_err() && decode_links("f", &bytes, 3, 10).is_err());
        assert!(decode_links("f", &bytes[..17], 1, 10).is_err());
    }
}
