//! A checkpoint of the forward records: a file that spares a start from making them anew.
//!
//! ```text
//! slots   u8 1 · (u32 slot · u64 number of its version) ×                 as many blocks as it takes
//! pages   u8 2 · a block of pages, as `records::image` lays them down       as many blocks as it takes
//! ```
//! **It is derived**: truth stays the set of each version and the links. A checkpoint that is damaged, or gone, costs time
//! and nothing else, and none is ever needed.
//!
//! **It is fuzzy**: pages are copied one by one while members, links, fills and sweeps go on. What it says is relied on
//! only as far as it must be right whenever a page was copied:
//!
//! * Before the first page the writer reads a revision, the link epoch and the versions that serve. Every change up to
//!   these is in memory by then, and a version that serves is in all records of its members. Slots of other versions (they
//!   are being filled, or swept) are left out.
//! * A later change may be in it, or in half of its pages. So a start asks the truth again for everybody whom such a change
//!   may have touched ([`Memberships::restore`]): it empties the records of these profiles and fills them from the sets.
//!   A change of members names its identifiers; one of links touches all that were or are connected with its two.
//! * A version counts as complete in it if it still serves under the same slot *and* the same version number; the others
//!   that serve are written in from their sets, and the slots that serve no longer are swept, before anything is answered
//!   (invariant 4).
//!
//! All of this is idempotent, and a start that dies leaves the file as it was, for it is mapped privately and only read.
//!
//! Cost: what the records take, 1.3 to 2 bytes a membership, written once; a start checks these bytes at some gigabytes a
//! second and makes 64 bytes of heads for 16 profiles. What changed since is made anew, at what it costs from nothing.

use hashbrown::HashMap;

use super::memberships::Memberships;
use super::records::RecordStore;
use crate::error::Result;
use crate::ids::SlotNumber;
use crate::storage::files::Folder;

/// The kind of file that holds a checkpoint of the records.
pub const RECORDS_FILE: u16 = 6;

const SLOTS: u8 = 1;
const PAGES: u8 = 2;
/// Bytes of one slot with its version.
const ENTRY: usize = 12;
/// Slots of one block.
const BLOCK_SLOTS: usize = 1 << 16;

/// The slots that are complete in a checkpoint, each with the number of its version.
pub type CompleteSlots = HashMap<u32, u64>;

/// What a start takes over from a checkpoint.
pub struct CheckpointedRecords {
    /// What may be relied on.
    pub complete: CompleteSlots,
    pub(super) records: RecordStore,
}

impl CheckpointedRecords {
    /// Nothing: every version is written in.
    #[must_use]
    pub fn none() -> Self {
        Self { complete: CompleteSlots::new(), records: RecordStore::default() }
    }

    /// Opens the checkpoint called `name`, of the length and checksum that were `committed`; profiles lie below `end`.
    ///
    /// # Errors
    /// `Corrupted` with file and byte: the records must come from elsewhere. `Storage`.
    pub fn open(folder: &Folder, name: &str, committed: (u64, u32), end: u32) -> Result<Self> {
        let file = folder.map(name, RECORDS_FILE, committed)?;
        let senseless = |at| file.senseless(at, "a checkpoint does not begin like this");
        let mut complete = CompleteSlots::new();
        let mut first = 0;
        while first < file.len() {
            let (at, bytes) = file.block(first)?;
            match bytes.split_first() {
                Some((&SLOTS, entries)) => take_slots(entries, &mut complete).ok_or_else(|| senseless(at))?,
                Some((&PAGES, _)) => break,
                _ => return Err(senseless(at)),
            }
            first += 1;
        }
        Ok(Self { complete, records: RecordStore::of_image(file, first, 1, end)? })
    }
}

fn take_slots(entries: &[u8], complete: &mut CompleteSlots) -> Option<()> {
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    for entry in entries {
        let (slot, version) = entry.split_first_chunk::<4>()?;
        complete.insert(u32::from_le_bytes(*slot), u64::from_le_bytes(version.try_into().ok()?));
    }
    rest.is_empty().then_some(())
}

impl Memberships {
    /// Writes a checkpoint of the records through `put`, block by block; `complete` are versions that served before this
    /// was called. `pause` is called before each block of pages is copied, and may end the work.
    ///
    /// # Errors
    /// What `put` and `pause` say.
    pub fn checkpoint(
        &self,
        complete: &[(SlotNumber, u64)],
        put: &mut dyn FnMut(&[u8]) -> Result<()>,
        pause: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut block = Vec::new();
        for slots in complete.chunks(BLOCK_SLOTS) {
            block.clear();
            block.push(SLOTS);
            for (slot, version) in slots {
                block.extend_from_slice(&slot.0.to_le_bytes());
                block.extend_from_slice(&version.to_le_bytes());
            }
            put(&block)?;
        }
        let largest = complete.iter().map(|(slot, _)| slot.0 as usize).max().unwrap_or_default();
        let mut kept = vec![false; largest + 1];
        complete.iter().filter_map(|(slot, _)| kept.get_mut(slot.0 as usize).map(|kept| *kept = true)).for_each(drop);
        let keep = |slot: u32| kept.get(slot as usize).copied().unwrap_or_default();
        let begin = |block: &mut Vec<u8>| {
            block.push(PAGES);
            pause()
        };
        self.records().write_image(keep, begin, put)
    }
}
