//! What the engine is and how much it holds.

use super::caller::{Action, Caller};
use super::{Checkpointed, Engine};
use crate::error::Result;
use crate::ids::{EngineId, GenerationNumber, LinkEpoch, Revision};

/// The facts of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The name of the data directory.
    pub engine_id: EngineId,
    /// Where it is.
    pub data_directory: String,
    /// The generation that serves.
    pub generation: GenerationNumber,
    /// The last write.
    pub revision: Revision,
    /// The present link epoch.
    pub link_epoch: LinkEpoch,
    /// Identifiers known.
    pub identifiers: u64,
    /// Links between them.
    pub links: u64,
    /// Pairs of identifier and live version.
    pub memberships: u64,
    /// Advertisers.
    pub advertisers: u64,
    /// Campaigns.
    pub campaigns: u64,
    /// Segments.
    pub segments: u64,
    /// Adgroups.
    pub adgroups: u64,
    /// How often the whole adgroup index was built since the engine was opened.
    pub index_builds: u64,
    /// How long the last of these builds took, in microseconds.
    pub index_build_us: u64,
    /// Where the records came from when the engine was opened, and why.
    pub records_source: String,
    /// The newest checkpoint of the records.
    pub checkpoint: Option<Checkpointed>,
    /// Why the last attempt at a checkpoint failed, if it did.
    pub checkpoint_failure: Option<String>,
    /// Whether writing has stopped after a failed sync.
    pub poisoned: bool,
}

impl Engine {
    /// The facts of the engine.
    ///
    /// # Errors
    /// `PermissionDenied`; `EngineClosed`.
    pub fn info(&self, caller: &Caller) -> Result<Info> {
        caller.check(Action::Administer)?;
        self.inner.check_open()?;
        let (model, generation) = (self.inner.catalog.read(), self.inner.generation.load_full());
        let (links, link_epoch) = self.inner.memberships.with_links(|links| (links.len() as u64, links.epoch()));
        Ok(Info {
            engine_id: self.engine_id(),
            data_directory: self.path().display().to_string(),
            generation: generation.number,
            revision: self.revision(),
            link_epoch,
            identifiers: u64::from(self.inner.identity.len()),
            links,
            memberships: generation.slots.all_live().map(|version| version.len()).sum(),
            advertisers: model.advertisers.len() as u64,
            campaigns: model.campaigns.len() as u64,
            segments: model.segments.len() as u64,
            adgroups: model.adgroups.len() as u64,
            index_builds: self.inner.builds.count(),
            index_build_us: self.inner.builds.last_us(),
            records_source: self.inner.checkpoints.source.clone(),
            checkpoint: self.inner.newest_checkpoint(),
            checkpoint_failure: self.inner.checkpoints.failure.lock().clone(),
            poisoned: self.is_poisoned(),
        })
    }
}
