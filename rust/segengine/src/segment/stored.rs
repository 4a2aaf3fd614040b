//! How members lie in files.
//!
//! ```text
//! members   u32 count · count × (u32 slot · u64 bytes) · the sets in that order, in the portable Roaring format
//! change    count × (u8 1 = added, 0 = removed · u32 identifier)
//! ```
//! A bulk load writes all its versions into one file, an upload one version. Sets hold identifier ids, whatever the links
//! say, so a file never changes.

use crate::bitmap::IdentifierSet;
use crate::error::{Error, Result};
use crate::ids::SlotNumber;

/// The kind of file that holds the members of versions.
pub const MEMBERS_FILE: u16 = 1;
/// The kind of file that holds changes of single members.
pub const CHANGE_FILE: u16 = 2;

/// The bytes of a members file.
#[must_use]
pub fn encode_members<'a>(versions: impl Iterator<Item = (SlotNumber, &'a IdentifierSet)>) -> Vec<u8> {
    let mut sets = Vec::new();
    let mut directory = Vec::new();
    let mut count = 0_u32;
    for (slot, set) in versions {
        let bytes = set.to_portable();
        directory.extend_from_slice(&slot.0.to_le_bytes());
        directory.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        sets.push(bytes);
        count += 1;
    }
    let mut file = Vec::with_capacity(4 + directory.len() + sets.iter().map(Vec::len).sum::<usize>());
    file.extend_from_slice(&count.to_le_bytes());
    file.extend(directory);
    sets.iter().for_each(|set| file.extend_from_slice(set));
    file
}

/// A members file whose directory was read; its sets are decoded one by one.
pub struct MembersFile<'a> {
    name: &'a str,
    sets: hashbrown::HashMap<u32, (u64, &'a [u8])>,
}

impl<'a> MembersFile<'a> {
    /// Reads the directory of the file `name`.
    ///
    /// # Errors
    /// `Corrupted` with the byte where it stops making sense.
    pub fn read(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let wrong = || Error::corrupted(name, 0, "the directory of versions does not fit the file");
        let (count, rest) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
        let entries = u32::from_le_bytes(*count) as usize;
        let (directory, mut rest) =
            rest.split_at_checked(entries.checked_mul(12).ok_or_else(wrong)?).ok_or_else(wrong)?;
        let mut at = 4 + directory.len() as u64;
        let mut sets = hashbrown::HashMap::with_capacity(entries);
        for &[a, b, c, d, e, f, g, h, i, j, k, l] in directory.as_chunks::<12>().0 {
            let length = u64::from_le_bytes([e, f, g, h, i, j, k, l]);
            let length = usize::try_from(length).map_err(|_| wrong())?;
            let (set, after) = rest.split_at_checked(length).ok_or_else(wrong)?;
            sets.insert(u32::from_le_bytes([a, b, c, d]), (at, set));
            (at, rest) = (at + length as u64, after);
        }
        if rest.is_empty() { Ok(Self { name, sets }) } else { Err(wrong()) }
    }

    /// The members of the version under `slot`; ids must lie below `end`.
    ///
    /// # Errors
    /// `Corrupted`.
    pub fn members(&self, slot: SlotNumber, end: u32) -> Result<IdentifierSet> {
        let Some((at, bytes)) = self.sets.get(&slot.0) else {
            return Err(Error::corrupted(self.name, 0, format_args!("it does not hold the version of slot {slot}")));
        };
        IdentifierSet::from_portable(self.name, bytes, u64::from(end))
            .map_err(|error| Error::corrupted(self.name, *at, error.message()))
    }
}

/// The bytes of a change of single members.
#[must_use]
pub fn encode_change(changes: &[(u32, bool)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(changes.len() * 5);
    for (id, add) in changes {
        bytes.push(u8::from(*add));
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

/// Reads a change of single members below `end` from the file `name`.
///
/// # Errors
/// `Corrupted` with the byte where it stops making sense.
pub fn decode_change(name: &str, bytes: &[u8], end: u32) -> Result<Vec<(u32, bool)>> {
    let (rows, rest) = bytes.as_chunks::<5>();
    if !rest.is_empty() {
        return Err(Error::corrupted(name, bytes.len() as u64, "the last change is cut short"));
    }
    let changes = rows.iter().enumerate().map(|(place, &[add, a, b, c, d])| {
        let id = u32::from_le_bytes([a, b, c, d]);
        if add > 1 || id >= end {
            return Err(Error::corrupted(name, place as u64 * 5, "a member that was never given an id"));
        }
        Ok((id, add == 1))
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_read_back_by_slot_and_a_cut_file_is_refused() {
        let [one, two] = [IdentifierSet::of(&[1, 2, 70_000]), IdentifierSet::new()];
        let bytes = encode_members([(SlotNumber(5), &one), (SlotNumber(9), &two)].into_iter());
        let file = MembersFile::read("f", &bytes).unwrap();
        assert_eq!(file.members(SlotNumber(5), 70_001).unwrap(), one);
        assert_eq!(file.members(SlotNumber(9), 1).unwrap(), two);
        assert!(file.members(SlotNumber(5), 70_000).is_err() && file.members(SlotNumber(6), 9).is_err());
        for length in 0..bytes.len() {
            assert!(MembersFile::read("f", &bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn changes_read_back_in_their_order() {
        let changes = [(3, true), (3, false), (8, true)];
        let bytes = encode_change(&changes);
        assert_eq!(decode_change("f", &bytes, 9).unwrap(), changes);
        assert!(decode_change("f", &bytes, 8).is_err() && decode_change("f", &bytes[..4], 9).is_err());
    }
}
