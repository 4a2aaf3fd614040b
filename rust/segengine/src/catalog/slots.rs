//! Which slot numbers may be given, and which checkpoints of the records stand in the way.
//!
//! A slot that was swept is in no record, but a checkpoint that was written before may still hold it, and a start from
//! that one would take its old members for those of whatever version has the number by then. So a swept slot *rests*
//! until every checkpoint that the catalog names was begun after its sweep (invariant 3); without checkpoints it is free
//! at once. The names of the checkpoints stand in one meta row, the newest first, and the resting slots in another: a
//! program that does not know these rows keeps them, removes the files as orphans, and so leaves nothing to start from.

use std::collections::HashSet;
use std::sync::Arc;

use super::model::Model;
use super::records::{Version, VersionState};
use super::write::Write;
use crate::error::{Error, Result};
use crate::ids::{LinkEpoch, Revision, SlotNumber};
use crate::time::Timestamp;

/// Checkpoints that are kept: the newest, and the one before for when the newest is damaged.
const KEPT: usize = 2;
/// The meta rows.
const CHECKPOINTS: &str = "checkpoints";
const FREE: &str = "free_slots";
const RESTING: &str = "resting_slots";

/// A checkpoint of the records: derived data, which a start may use instead of making them anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRecord {
    /// The file.
    pub file: String,
    /// Bytes of its payload.
    pub length: u64,
    /// CRC-32C of its payload.
    pub checksum: u32,
    /// Every member change up to this revision is in it.
    pub revision: Revision,
    /// Every link change up to this epoch is in it.
    pub link_epoch: LinkEpoch,
    /// When it was begun.
    pub create_time: Timestamp,
}

impl CheckpointRecord {
    fn text(&self) -> String {
        let Self { file, length, checksum, revision, link_epoch, create_time } = self;
        format!("{file} {length} {checksum} {revision} {link_epoch} {}", create_time.0)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        Some(Self {
            file: words.next()?.to_owned(),
            length: words.next()?.parse().ok()?,
            checksum: words.next()?.parse().ok()?,
            revision: Revision(words.next()?.parse().ok()?),
            link_epoch: LinkEpoch(words.next()?.parse().ok()?),
            create_time: Timestamp(words.next()?.parse().ok()?),
        })
    }
}

impl Model {
    fn text_of(&self, key: &str) -> &str {
        self.meta.get(key).map(String::as_str).unwrap_or_default()
    }

    /// The checkpoints of the records, the newest first.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<CheckpointRecord> {
        self.text_of(CHECKPOINTS).lines().filter_map(CheckpointRecord::parse).collect()
    }

    /// The files of the checkpoints.
    pub fn checkpoint_files(&self) -> impl Iterator<Item = &str> {
        self.text_of(CHECKPOINTS).lines().filter_map(|line| line.split_ascii_whitespace().next())
    }

    /// Slots that may be given.
    #[must_use]
    pub fn free_slots(&self) -> Vec<u32> {
        self.text_of(FREE).split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    /// Slots that were swept and may still be in a checkpoint, each with the write that forgot its version.
    #[must_use]
    pub fn resting_slots(&self) -> Vec<(u32, u64)> {
        let words = self.text_of(RESTING).split_ascii_whitespace();
        let pairs = words.filter_map(|word| word.split_once('@'));
        pairs.filter_map(|(slot, revision)| Some((slot.parse().ok()?, revision.parse().ok()?))).collect()
    }
}

impl Write<'_> {
    /// Reserves `count` slots that no record and no checkpoint carries and no generation maps (invariant 3).
    ///
    /// # Errors
    /// `Storage`.
    pub fn reserve_slots(&mut self, count: usize) -> Result<Vec<SlotNumber>> {
        let mut free = self.model().free_slots();
        let mut reserved: Vec<SlotNumber> = free.drain(..count.min(free.len())).map(SlotNumber).collect();
        if !reserved.is_empty() {
            self.set_free_slots(free)?;
        }
        let next = self.model().counter("slots");
        let end = next + (count - reserved.len()) as u64;
        if end >= u64::from(u32::MAX) {
            return Err(Error::limit("slots", end, u64::from(u32::MAX), "slots"));
        }
        if end > next {
            self.set_meta("slots", end)?;
            reserved.extend((next..end).filter_map(|slot| u32::try_from(slot).ok()).map(SlotNumber));
        }
        Ok(reserved)
    }

    fn set_free_slots(&mut self, free: impl IntoIterator<Item = u32>) -> Result<()> {
        let text: Vec<String> = free.into_iter().map(|slot| slot.to_string()).collect();
        self.set_meta(FREE, text.join(" "))
    }

    /// Gives free those of `resting` that no checkpoint can hold; the others go on resting.
    fn settle_slots(&mut self, resting: Vec<(u32, u64)>) -> Result<()> {
        let oldest = self.model().checkpoints().iter().map(|checkpoint| checkpoint.revision.0).min();
        let (free, resting): (Vec<_>, Vec<_>) =
            resting.into_iter().partition(|&(_, forgotten)| oldest.is_none_or(|oldest| oldest >= forgotten));
        if !free.is_empty() {
            let mut all = self.model().free_slots();
            all.extend(free.into_iter().map(|(slot, _)| slot));
            self.set_free_slots(all)?;
        }
        if resting != self.model().resting_slots() {
            let text: Vec<String> = resting.iter().map(|(slot, forgotten)| format!("{slot}@{forgotten}")).collect();
            self.set_meta(RESTING, text.join(" "))?;
        }
        Ok(())
    }

    /// Forgets swept versions, whose slots rest from then on or are free; returns the files that nothing names any more.
    ///
    /// # Errors
    /// `Storage`.
    pub fn forget_versions(&mut self, slots: &HashSet<u32>) -> Result<Vec<String>> {
        let swept: Vec<Arc<Version>> = self
            .model()
            .versions
            .values()
            .filter(|version| slots.contains(&version.slot.0) && version.state != VersionState::Live)
            .cloned()
            .collect();
        let mut resting = self.model().resting_slots();
        let present = self.model().counter("revision");
        for version in &swept {
            self.remove::<Version>(version.number)?;
            resting.push((version.slot.0, present));
        }
        self.settle_slots(resting)?;
        let named = self.model().named_files();
        let files: HashSet<&str> = swept.iter().map(|version| version.file.as_str()).collect();
        Ok(files.into_iter().filter(|file| !file.is_empty() && !named.contains(file)).map(str::to_owned).collect())
    }

    /// Names a new checkpoint beside the one before, or none at all; slots that none of those holds are free again.
    /// Returns the files that nothing names then.
    ///
    /// # Errors
    /// `Storage`.
    pub fn name_checkpoint(&mut self, newest: Option<&CheckpointRecord>) -> Result<Vec<String>> {
        let before = self.model().checkpoints();
        let kept = newest.map_or(0, |_| KEPT - 1);
        let gone = before.iter().skip(kept).map(|checkpoint| checkpoint.file.clone()).collect();
        let lines = newest.into_iter().chain(before.iter().take(kept)).map(CheckpointRecord::text);
        self.set_meta(CHECKPOINTS, lines.collect::<Vec<_>>().join("\n"))?;
        self.settle_slots(self.model().resting_slots())?;
        Ok(gone)
    }
}
