//! What happens after an acknowledgement: dead slots leave the records, then their files go.
//!
//! No slot leaves a record while a reader may hold a generation that maps it (invariant 2). A generation that was
//! replaced waits here until only this thread holds it; because they wait in order, every older one is then gone too.
//! Only then are its versions swept, and only after the sweep are their slots given free (invariant 3). A crash anywhere
//! in between is repaired at the next start, which builds records from what serves.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use parking_lot::Mutex;

use super::Inner;
use super::generation::Generation;
use super::phase::Phase;
use crate::error::Result;
use crate::segment::memberships::VersionMembers;

/// How often a generation that readers still hold is looked at again.
const PATIENCE: Duration = Duration::from_millis(1);
/// How often identifiers that Match saw are written down.
const SEEN_INTERVAL: Duration = Duration::from_mins(1);
/// How long nothing must have been retired before freed memory goes back to the system.
const QUIET: Duration = Duration::from_secs(1);
/// Versions from which one pass over all records is cheaper than one for each version.
const MANY: usize = 16;

/// A generation that was replaced, and the versions that it was the last to map.
pub(super) struct Retired {
    pub(super) generation: Arc<Generation>,
    pub(super) versions: Vec<Arc<VersionMembers>>,
}

enum Task {
    Retired(Retired),
    /// Slots that were written and never published: no generation maps them.
    Abandoned(Vec<Arc<VersionMembers>>),
    /// So many adgroups changed that the index wants a new base.
    Rebase,
    /// Answer when everything before is done.
    Barrier(Sender<()>),
}

/// The queue in front of the thread.
pub(super) struct Sweeper {
    tasks: Sender<Task>,
    receiver: Mutex<Option<Receiver<Task>>>,
}

impl Default for Sweeper {
    fn default() -> Self {
        let (tasks, receiver) = unbounded();
        Self { tasks, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Sweeper {
    pub(super) fn retire(&self, retired: Retired) {
        // The thread outlives the engine's last write; when it is gone, so is everything that could be swept.
        let _ = self.tasks.send(Task::Retired(retired));
    }

    pub(super) fn abandon(&self, versions: Vec<Arc<VersionMembers>>) {
        let _ = self.tasks.send(Task::Abandoned(versions));
    }

    /// Asks for a new base of the index, built aside.
    pub(super) fn rebase(&self) {
        let _ = self.tasks.send(Task::Rebase);
    }

    /// Waits until everything retired before is swept, or the engine closes.
    pub(super) fn drain(&self) {
        let (done, waiting) = bounded(1);
        if self.tasks.send(Task::Barrier(done)).is_ok() {
            let _ = waiting.recv();
        }
    }

    /// Starts the thread of an engine; it ends with the engine.
    pub(super) fn start(inner: &Arc<Inner>) -> Result<()> {
        let Some(tasks) = inner.sweeper.receiver.lock().take() else { return Ok(()) };
        let engine = Arc::downgrade(inner);
        let thread = std::thread::Builder::new().name("segengine-sweep".to_owned());
        let started = thread.spawn(move || run(&engine, &tasks));
        started.map(drop).map_err(|error| crate::error::Error::storage("start the sweeping thread", error))
    }
}

fn run(engine: &Weak<Inner>, tasks: &Receiver<Task>) {
    // What writes freed (a start did too, on its own threads) is given back once they have ended.
    let mut freed = true;
    loop {
        let task = tasks.recv_timeout(if freed { QUIET } else { SEEN_INTERVAL });
        let Some(inner) = engine.upgrade() else { return };
        let done = match task {
            Ok(Task::Retired(retired)) => {
                freed = true;
                retired_by(&inner, retired)
            }
            Ok(Task::Abandoned(versions)) => {
                freed = true;
                inner.sweep(&versions)
            }
            Ok(Task::Rebase) => {
                freed = true;
                inner.rebase();
                Ok(())
            }
            Ok(Task::Barrier(done)) => {
                let _ = done.send(());
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) if freed => {
                freed = false;
                inner.release_memory();
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => inner.flush_seen(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if done.is_err() && inner.is_closed() {
            return;
        }
        // A sweep that failed leaves dead slots, which mean nothing; the next start removes them.
    }
}

fn retired_by(inner: &Inner, retired: Retired) -> Result<()> {
    while Arc::strong_count(&retired.generation) > 1 {
        if inner.is_closed() {
            return Ok(());
        }
        std::thread::sleep(PATIENCE);
    }
    drop(retired.generation);
    inner.sweep(&retired.versions)
}

impl Inner {
    /// Takes dead versions out of every record, gives their slots free and removes their files.
    fn sweep(&self, versions: &[Arc<VersionMembers>]) -> Result<()> {
        if versions.is_empty() || self.is_closed() {
            return Ok(());
        }
        let slots: HashSet<u32> = versions.iter().map(|version| version.slot.0).collect();
        if versions.len() >= MANY {
            self.memberships.sweep_many(&slots, || self.observe(Phase::Sweep));
        } else {
            for version in versions {
                self.memberships.sweep(version, |_| self.observe(Phase::Sweep));
            }
        }
        versions.iter().for_each(|version| self.memberships.unregister(version.slot));
        self.observe(Phase::Forget);
        let mut change = self.change()?;
        let files = change.write.forget_versions(&slots)?;
        change.commit()?;
        self.remove_files(&files);
        Ok(())
    }
}
