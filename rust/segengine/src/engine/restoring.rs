//! Where the records of a start come from: the newest checkpoint, the one before, or the sets of all versions.
//!
//! A checkpoint is derived data (`segment::checkpoint`), so whatever is wrong with one is said in a notice and costs
//! time only. What was changed after it is read from where it is durable anyway: a member change lies in a file that the
//! catalog names with its last revision, and when such files are put together the whole of them counts as later; a link
//! change lies in a run whose last epoch is known, and with it that of each of its steps. Both are kept as long as they
//! have an effect, so nothing that came after a checkpoint can be lost to it.
//!
//! A checkpoint of which more than half would have to be made again is left alone: making all is cheaper then.

use std::sync::Arc;

use super::open::Loaded;
use crate::bitmap::IdentifierSet;
use crate::catalog::{CheckpointRecord, Model, VersionState};
use crate::error::Result;
use crate::identity::stored::{LINKS_FILE, decode_links};
use crate::ids::{IdentifierId, LinkEpoch};
use crate::segment::checkpoint::CheckpointedRecords;
use crate::segment::memberships::{Missing, VersionMembers};
use crate::storage::files::Folder;

/// Records to begin with, and what they lack.
pub(super) struct Start {
    pub(super) records: CheckpointedRecords,
    pub(super) missing: Missing,
    /// Where they come from, for people.
    pub(super) source: String,
    /// What is wrong with a checkpoint that was to be used.
    pub(super) notices: Vec<String>,
}

/// What is true, for comparing checkpoints with it.
struct Truth<'t> {
    folder: &'t Folder,
    model: &'t Model,
    loaded: &'t Loaded,
    /// Every live version with its number.
    live: Vec<(Arc<VersionMembers>, u64)>,
}

/// Chooses what a start begins with.
pub(super) fn start(folder: &Folder, model: &Model, loaded: &Loaded) -> Start {
    let numbers = model.versions.values().filter(|version| version.state == VersionState::Live);
    let numbers: hashbrown::HashMap<u32, u64> = numbers.map(|version| (version.slot.0, version.number)).collect();
    let number = |version: &VersionMembers| numbers.get(&version.slot.0).copied().unwrap_or_default();
    let live = loaded.versions.iter().map(|version| (Arc::clone(version), number(version))).collect();
    let truth = Truth { folder, model, loaded, live };
    let all: u64 = loaded.versions.iter().map(|version| version.len()).sum();
    let (mut notices, mut why) = (Vec::new(), "made anew: there is no checkpoint".to_owned());
    for (place, checkpoint) in model.checkpoints().iter().enumerate() {
        match truth.open(checkpoint) {
            Ok((records, missing)) if missing.memberships() * 2 <= all => {
                let which = if place == 0 { "the checkpoint" } else { "the checkpoint before the newest" };
                let source = format!("mapped from {which}: {}", checkpoint.file);
                return Start { records, missing, source, notices };
            }
            Ok(_) => "made anew: too much was changed since the checkpoint".clone_into(&mut why),
            Err(error) => {
                "made anew: no checkpoint could be used".clone_into(&mut why);
                notices.push(format!(
                    "a checkpoint of the records cannot be used, which costs time at this start and nothing else: {}",
                    error.message()
                ));
            }
        }
    }
    let (records, nobody) = (CheckpointedRecords::none(), IdentifierSet::new());
    let missing = Missing::of(&records.complete, &truth.live, std::iter::empty(), nobody, &loaded.links);
    Start { records, missing, source: why, notices }
}

impl Truth<'_> {
    fn open(&self, checkpoint: &CheckpointRecord) -> Result<(CheckpointedRecords, Missing)> {
        let committed = (checkpoint.length, checkpoint.checksum);
        let end = self.loaded.identity.len();
        let records = CheckpointedRecords::open(self.folder, &checkpoint.file, committed, end)?;
        let linked = self.linked_after(checkpoint.link_epoch)?;
        let changes = self.loaded.changes.iter().filter(|((_, revision), _)| *revision > checkpoint.revision.0);
        let changed = changes.flat_map(|(_, changes)| changes.iter().map(|&(id, _)| id));
        let links = &self.loaded.links;
        let missing = Missing::of(&records.complete, &self.live, changed, links.connected(&linked), links);
        Ok((records, missing))
    }

    /// The two sides of every link change after `epoch`.
    fn linked_after(&self, epoch: LinkEpoch) -> Result<Vec<(IdentifierId, IdentifierId)>> {
        let mut pairs = Vec::new();
        let mut before = 0;
        for run in self.model.link_runs.values() {
            // Steps are counted by the epochs; a run that does not follow the one before counts as later as a whole.
            let follows = before + run.count == run.epoch.0;
            before = run.epoch.0;
            if run.epoch <= epoch {
                continue;
            }
            let steps = decode_links(
                &run.file,
                &self.folder.read(&run.file, LINKS_FILE)?,
                run.count,
                self.loaded.identity.len(),
            )?;
            let later = usize::try_from(run.epoch.0 - epoch.0).unwrap_or(usize::MAX);
            let known = if follows { steps.len().saturating_sub(later) } else { 0 };
            pairs.extend(steps.iter().skip(known).map(|step| (step.one, step.other)));
        }
        Ok(pairs)
    }
}
