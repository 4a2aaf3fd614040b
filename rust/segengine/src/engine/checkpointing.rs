//! When the records are checkpointed, and how: beside everything else, so that the next start need not make them anew.
//!
//! ```text
//! note     revision, link epoch, versions that serve: what every page will hold        before the first page is copied
//! write    pages, copied one by one while all goes on; file and folder synced
//! name     the catalog names the file with its length, checksum, revision and epoch    (transaction)
//! after    the checkpoint before is kept for when this one is damaged; the one before that goes
//! ```
//! A crash before the transaction leaves a file that nothing names, which goes at the next start; a full disk drops the
//! checkpoint and nothing else; a failed sync poisons the engine as any other does. What makes a checkpoint right although
//! it is of no single moment is said in `segment::checkpoint`.
//!
//! One is written when a share of all memberships was written into records since the last
//! ([`limits::CHECKPOINT_SHARE`]): by a thread that looks once a minute and sleeps after each block, so that it takes a
//! part of one core and of the disk, or else when the engine is closed. What is less is made anew by the next start in a
//! fraction of its time. A directory of fewer memberships than [`limits::CHECKPOINT_MEMBERSHIPS`] has none: a start makes
//! these in less time than it takes to read the file.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::caller::{Action, Caller};
use super::phase::Phase;
use super::{Engine, Inner};
use crate::catalog::{CheckpointRecord, VersionState};
use crate::error::{Error, Result};
use crate::ids::{Revision, SlotNumber};
use crate::limits;
use crate::segment::checkpoint::RECORDS_FILE;
use crate::time::Timestamp;

/// How often it is looked whether a checkpoint is due.
const INTERVAL: Duration = Duration::from_mins(1);
/// How long the background thread sleeps before each block of pages, which takes it about a millisecond.
const REST: Duration = Duration::from_millis(5);

/// What a checkpoint of the records was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpointed {
    /// Every change up to this one is in it.
    pub revision: Revision,
    /// When it was begun.
    pub time: Timestamp,
    /// Bytes of the file's content.
    pub bytes: u64,
    /// How long it took, in microseconds; 0 when it was written before the engine was opened.
    pub duration_us: u64,
}

/// The checkpoints of one engine.
pub(super) struct Checkpoints {
    /// Where the records of the start came from.
    pub(super) source: String,
    /// Held while one is written.
    running: Mutex<()>,
    /// How long the newest took, in microseconds; 0 when it is older than this engine.
    last_us: AtomicU64,
    /// Why the last attempt failed, if it did.
    pub(super) failure: Mutex<Option<String>>,
    /// Somebody waits: no more rests.
    hurry: AtomicBool,
    alive: Mutex<Option<Sender<()>>>,
}

impl Checkpoints {
    pub(super) fn new(source: String) -> Self {
        let (running, failure, alive) = (Mutex::new(()), Mutex::new(None), Mutex::new(None));
        Self { source, running, last_us: AtomicU64::new(0), failure, hurry: AtomicBool::new(false), alive }
    }

    /// Starts the thread of an engine; it ends with the engine.
    pub(super) fn start(inner: &Arc<Inner>) -> Result<()> {
        let (alive, ended) = bounded(0);
        *inner.checkpoints.alive.lock() = Some(alive);
        let engine = Arc::downgrade(inner);
        let thread = std::thread::Builder::new().name("segengine-checkpoint".to_owned());
        let started = thread.spawn(move || run(&engine, &ended));
        started.map(drop).map_err(|error| Error::storage("start the checkpointing thread", error))
    }
}

fn run(engine: &Weak<Inner>, ended: &Receiver<()>) {
    while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let Some(inner) = engine.upgrade() else { return };
        if inner.is_closed() {
            return;
        }
        // What fails is told by `info`; the next look tries again.
        let _ =
            if inner.wants_checkpoint() { inner.checkpoint(true).map(drop) } else { inner.forget_small_checkpoints() };
    }
}

impl Engine {
    /// Writes a checkpoint of the records now, at full speed; one that is being written is waited for first.
    ///
    /// # Errors
    /// `PermissionDenied`; `EngineClosed`; `Storage`: the checkpoint before stays, and nothing else is touched.
    pub fn checkpoint(&self, caller: &Caller) -> Result<Checkpointed> {
        caller.check(Action::Administer)?;
        self.inner.checkpoint(false)
    }
}

impl Inner {
    fn live_memberships(&self) -> u64 {
        self.generation.load().slots.all_live().map(|version| version.len()).sum()
    }

    /// Names no checkpoint any more where so few memberships are left that none will follow, for swept slots would wait
    /// for that one.
    pub(super) fn forget_small_checkpoints(&self) -> Result<()> {
        let is_small = self.live_memberships() < limits::CHECKPOINT_MEMBERSHIPS / 4;
        if is_small && self.catalog.read().checkpoint_files().next().is_some() {
            let _running = self.checkpoints.running.lock();
            return self.name_checkpoint(None);
        }
        Ok(())
    }

    /// Whether so much was written since the last checkpoint that a start should be spared it.
    pub(super) fn wants_checkpoint(&self) -> bool {
        is_due(self.live_memberships(), self.memberships.written())
    }

    /// Writes the checkpoint that is due when the engine is closed; it is no loss when it cannot be written.
    pub(super) fn last_checkpoint(&self) {
        self.checkpoints.hurry.store(true, Ordering::Relaxed);
        drop(self.checkpoints.running.lock());
        if self.wants_checkpoint() {
            let _ = self.checkpoint(false);
        }
        drop(self.checkpoints.alive.lock().take());
    }

    fn checkpoint(&self, rests: bool) -> Result<Checkpointed> {
        let _running = self.checkpoints.running.lock();
        let began = self.clock.elapsed_ns();
        let done = self.write_checkpoint(rests);
        *self.checkpoints.failure.lock() = done.as_ref().err().map(|error| error.message().to_owned());
        let (checkpoint, written) = done?;
        self.memberships.was_checkpointed(written);
        let duration_us = self.clock.elapsed_ns().saturating_sub(began) / 1_000;
        self.checkpoints.last_us.store(duration_us, Ordering::Relaxed);
        Ok(told(&checkpoint, duration_us))
    }

    /// The newest checkpoint that the catalog names.
    pub(super) fn newest_checkpoint(&self) -> Option<Checkpointed> {
        let newest = self.catalog.read().checkpoints().into_iter().next()?;
        Some(told(&newest, self.checkpoints.last_us.load(Ordering::Relaxed)))
    }

    /// Returns also how much of what was written is in it.
    fn write_checkpoint(&self, rests: bool) -> Result<(CheckpointRecord, u64)> {
        self.check_open()?;
        self.folder.check()?;
        let written = self.memberships.written();
        let mut checkpoint = self.checkpoint_begun();
        let complete = self.complete_slots();
        let go_on = || {
            self.observe(Phase::Checkpoint);
            if rests && !self.checkpoints.hurry.load(Ordering::Relaxed) {
                std::thread::sleep(REST);
            }
            self.check_open()
        };
        let make =
            |put: &mut dyn FnMut(&[u8]) -> Result<()>| self.memberships.checkpoint(&complete, put, &mut { go_on });
        let file = self.folder.write_stream(&checkpoint.file, RECORDS_FILE, make);
        if file.is_err() && self.folder.is_poisoned() {
            self.catalog.poison();
        }
        (checkpoint.length, checkpoint.checksum) = file?;
        self.observe(Phase::CheckpointSynced);
        let named = self.name_checkpoint(Some(&checkpoint));
        if named.is_err() {
            self.remove_files(std::slice::from_ref(&checkpoint.file));
        }
        named.map(|()| (checkpoint, written))
    }

    /// What every page that is copied from now on will hold.
    fn checkpoint_begun(&self) -> CheckpointRecord {
        let file = format!("records-{}", self.next_file.fetch_add(1, Ordering::Relaxed));
        let link_epoch = self.memberships.with_links(crate::identity::LinkSet::epoch);
        let (revision, create_time) = (Revision(self.revision.load(Ordering::Acquire)), self.clock.now());
        CheckpointRecord { file, length: 0, checksum: 0, revision, link_epoch, create_time }
    }

    /// The versions that serve, with their numbers: each is in all records of its members before it serves.
    fn complete_slots(&self) -> Vec<(SlotNumber, u64)> {
        // Held until the model is read: while somebody holds a generation, none of its versions is forgotten.
        let generation = self.generation.load_full();
        let model = self.catalog.read();
        let known = model.versions.values().filter(|version| version.state != VersionState::Writing);
        let numbers: hashbrown::HashMap<u32, u64> = known.map(|version| (version.slot.0, version.number)).collect();
        let slots = generation.slots.all_live().map(|version| version.slot);
        slots.filter_map(|slot| Some((slot, *numbers.get(&slot.0)?))).collect()
    }

    fn name_checkpoint(&self, newest: Option<&CheckpointRecord>) -> Result<()> {
        let mut change = self.change()?;
        let gone = change.write.name_checkpoint(newest)?;
        change.commit()?;
        self.observe(Phase::CheckpointNamed);
        self.remove_files(&gone);
        Ok(())
    }
}

/// Whether `written` of `all` memberships are worth a checkpoint.
pub(super) fn is_due(all: u64, written: u64) -> bool {
    all >= limits::CHECKPOINT_MEMBERSHIPS && written.saturating_mul(limits::CHECKPOINT_SHARE) >= all
}

fn told(checkpoint: &CheckpointRecord, duration_us: u64) -> Checkpointed {
    let &CheckpointRecord { revision, create_time: time, length: bytes, .. } = checkpoint;
    Checkpointed { revision, time, bytes, duration_us }
}
