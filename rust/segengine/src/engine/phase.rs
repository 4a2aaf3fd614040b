//! The steps of a write that somebody may want to watch: progress for people, and the places where tests stop, kill and
//! look. An observer is called on the thread that does the work, so it can also hold it there.

use std::sync::Arc;

/// Where a write has come to, in the order of invariant 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Bytes of a file or pairs of a load are being taken in.
    Receive,
    /// Identifiers get their ids; new ones are about to be made durable.
    Digest,
    /// A file is about to be written and synced.
    FileSync,
    /// A block of members has got the new slot.
    SlotWriting,
    /// The transaction that names file, slot and generation is about to be committed.
    Commit,
    /// It is committed, and the generation store is about to happen.
    Swap,
    /// The new generation serves.
    Published,
    /// A block of members has lost a dead slot.
    Sweep,
    /// A swept version is about to be forgotten.
    Forget,
    /// One user of a batch is answered, the next is about to be.
    Answered,
    /// A block of pages of records is about to be copied into a checkpoint.
    Checkpoint,
    /// The file of a checkpoint is durable, and nothing names it yet.
    CheckpointSynced,
    /// A checkpoint is named; the one that it makes superfluous still has its file.
    CheckpointNamed,
}

impl Phase {
    /// The name that operations show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Digest => "digest",
            Self::FileSync => "file_sync",
            Self::SlotWriting => "write",
            Self::Commit => "commit",
            Self::Swap => "swap",
            Self::Published => "published",
            Self::Sweep => "sweep",
            Self::Forget => "forget",
            Self::Answered => "answered",
            Self::Checkpoint => "checkpoint",
            Self::CheckpointSynced => "checkpoint_synced",
            Self::CheckpointNamed => "checkpoint_named",
        }
    }
}

/// Told each [`Phase`] as it begins.
pub type Observer = Arc<dyn Fn(Phase) + Send + Sync>;
