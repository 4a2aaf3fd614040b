//! The only door: what a caller may ask of one data directory, and nothing of how it is kept.
//!
//! ```text
//! reads   Engine ─► Generation (one atomic load) ─► records ─► index            wait for nobody
//! writes  Engine ─► Change: publisher lock ─► catalog transaction ─► files synced before ─► commit ─► swap ─► revision
//! after   Sweeper ─► when no reader holds an older generation ─► old slots leave the records, files go
//! ```
//!
//! One generation is one immutable (slot map, adgroup index). A reader loads it once and answers everything from it. All
//! writes go through one change at a time, so generation N+1 is made from N in the order of the commits (invariant 12).
//! What takes long (reading a file, digesting, writing a new slot into a million records, sweeping an old one) happens
//! outside of it. Lock order: `identity writer → publisher → catalog → links → set of a version → page of records`; a
//! reader takes only the last one.
//!
//! The invariants that this module keeps are numbered as in docs/concepts/invariants.md.

mod batch;
mod building;
pub mod caller;
mod checkpointing;
mod compiled;
mod explaining;
mod flights;
pub mod formats;
mod gathering;
mod generation;
mod idempotency;
mod info;
mod intake;
mod keying;
mod linking;
mod loading;
mod lookup;
pub mod management;
mod matching;
mod members;
pub mod names;
mod open;
pub mod operations;
mod phase;
mod publisher;
mod reach;
mod replacing;
mod resolving;
mod restoring;
mod seen;
mod set_algebra;
mod sets;
mod sweeper;
#[cfg(test)]
mod tests;
mod uploading;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::catalog::Catalog;
use crate::error::{Error, ErrorKind, Result};
use crate::identity::{DigestKey, IdentityTable};
use crate::ids::{EngineId, GenerationNumber, Revision};
use crate::segment::memberships::Memberships;
use crate::storage::files::Folder;
use crate::storage::framed::Payload;
use crate::storage::lock::DirectoryLock;
use crate::time::{Clock, Timestamp};

pub use batch::{BatchCandidates, BatchMatched, UserStatus};
pub use checkpointing::Checkpointed;
pub use explaining::{Explanation, NamedNode, Subject};
use generation::Generation;
pub use idempotency::RequestId;
pub use info::Info;
pub use linking::{Linked, Linking};
pub use loading::{Load, Loaded, LoadedSegment};
pub use matching::{Candidates, MatchQuestion, MatchScratch, Matched};
pub use members::MembersChanged;
pub use open::{OpenOptions, default_key_file};
pub use phase::{Observer, Phase};
pub use publisher::Written;
pub use sets::{AsOf, Count, Overlap, SetQuery};
pub use uploading::{Upload, UploadBegun, UploadSettings, UploadTarget};
pub use verify::{Finding, Verified, VerifyListener, VerifyStep, verify_directory};

/// An open data directory; clones are the same one. It is closed by [`Engine::close`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What all clones share.
struct Inner {
    path: PathBuf,
    engine_id: EngineId,
    opened_by: u32,
    notices: Vec<String>,
    clock: Arc<dyn Clock>,
    observer: Option<Observer>,
    release: Option<fn()>,
    key: DigestKey,
    /// None once the engine is closed.
    lock: Mutex<Option<DirectoryLock>>,
    folder: Folder,
    catalog: Catalog,
    identity: Arc<IdentityTable>,
    memberships: Memberships,
    generation: ArcSwap<Generation>,
    /// The last write whose effect every read sees.
    revision: AtomicU64,
    publisher: Mutex<publisher::Publisher>,
    /// Held while identifiers get ids, so that runs follow each other without a gap.
    identity_writer: Mutex<()>,
    operations: operations::Running,
    sweeper: sweeper::Sweeper,
    checkpoints: checkpointing::Checkpoints,
    builds: building::Builds,
    seen: seen::Seen,
    reachable: Mutex<Option<reach::Reachable>>,
    next_file: AtomicU64,
    closed: AtomicBool,
}

impl Engine {
    /// Stops answering, waits for the running write, and lets the directory go. Closing twice is fine.
    ///
    /// # Errors
    /// `Storage`: what was acknowledged is safe all the same.
    pub fn close(&self) -> Result<()> {
        self.inner.close()
    }

    /// Whether the engine was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Where the data directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The name of the data directory.
    #[must_use]
    pub fn engine_id(&self) -> EngineId {
        self.inner.engine_id
    }

    /// What the opening had to say, such as that a key was made.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.inner.notices
    }

    /// The last acknowledged write.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision(self.inner.revision.load(Ordering::Acquire))
    }

    /// The generation that serves.
    #[must_use]
    pub fn generation(&self) -> GenerationNumber {
        self.inner.generation.load().number
    }

    /// Whether writing has stopped after a failed sync: nothing more is acknowledged, reading goes on.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.inner.catalog.is_poisoned() || self.inner.folder.is_poisoned()
    }

    /// Tells whoever is refused the directory which target to use instead.
    ///
    /// # Errors
    /// `Storage`; `EngineClosed`.
    pub fn say_target(&self, target: Option<&str>) -> Result<()> {
        self.inner.check_open()?;
        self.inner.lock.lock().as_ref().map_or(Ok(()), |lock| lock.say(target))
    }

    /// The engine's present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Waits until every slot retired before is out of the records: for tests and measurements.
    pub fn drain_sweeps(&self) {
        self.inner.sweeper.drain();
    }

    /// Fails unless every write up to `revision` is seen by a read that begins now (invariant 18).
    ///
    /// # Errors
    /// `Unavailable` when this engine has not come so far; `EngineClosed`.
    pub fn check_revision(&self, revision: Revision) -> Result<()> {
        self.inner.check_open()?;
        let present = self.revision();
        if revision <= present {
            return Ok(());
        }
        let message = format!("revision {revision} was asked for, and this engine is at {present}");
        Err(Error::new(ErrorKind::Unavailable, message)
            .field("min_revision")
            .hint("repeat a little later, or ask the engine that gave the revision"))
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Fails once the engine is closed, and in a forked child of the process that opened it.
    fn check_open(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::EngineClosed, "the engine is closed").hint("open the directory again"));
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        if self.is_closed() || std::process::id() != self.opened_by {
            return Ok(());
        }
        self.operations.cancel_all();
        // The sightings of the last minute are written if the disk lets us; nobody was promised them.
        let _ = self.flush_seen();
        self.last_checkpoint();
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        // The running write ends first: whoever waits for it is answered.
        let _publisher = self.publisher.lock();
        let closed = self.catalog.close();
        drop(self.lock.lock().take());
        closed
    }

    /// Gives freed memory back to the system, where the program knows how.
    fn release_memory(&self) {
        if let Some(release) = self.release {
            release();
        }
    }

    fn observe(&self, phase: Phase) {
        if let Some(observer) = &self.observer {
            observer(phase);
        }
    }

    /// Removes files that nothing names any more. One that stays is an orphan, which the next start removes.
    ///
    /// After a commit that failed nobody knows what is named: the transaction may be whole in the log although its sync
    /// failed, and the next start would miss the file. So a poisoned engine removes nothing.
    fn remove_files(&self, files: &[String]) {
        if self.catalog.is_poisoned() {
            return;
        }
        files.iter().for_each(|file| drop(self.folder.remove(file)));
    }

    /// Writes a new file, synced with its folder before its name is known (invariant 1).
    fn new_file(&self, stem: &str, kind: u16, payload: &[u8]) -> Result<String> {
        self.new_file_of(stem, kind, || Payload::of([payload]))
    }

    /// As [`Self::new_file`], of any payload.
    fn new_file_of<'a>(&self, stem: &str, kind: u16, payload: impl FnOnce() -> Payload<'a>) -> Result<String> {
        self.observe(Phase::FileSync);
        let number = self.next_file.fetch_add(1, Ordering::Relaxed);
        let written = self.folder.create_of(&format!("{stem}-{number}"), kind, &payload());
        if written.is_err() && self.folder.is_poisoned() {
            self.catalog.poison();
        }
        written
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever needs the outcome calls `close` before.
        let _ = self.close();
    }
}
