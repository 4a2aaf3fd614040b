//! The one way to write: a catalog transaction, its effect in memory, and the generation that shows it.
//!
//! A [`Change`] holds the publisher's lock and the catalog's transaction. Everything that may fail happens before the
//! commit: files are synced, the next generation is built. After the commit nothing may fail: the effect is applied in
//! memory, the generation is stored, the revision is published. Should a panic come between, the catalog is poisoned and
//! nothing more is acknowledged (invariant 13). The number of a generation is in its transaction and never falls, and
//! generation N+1 is made from N in the order of the commits, because the lock is held from one to the other
//! (invariant 12).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;
use parking_lot::MutexGuard;

use super::Inner;
use super::compiled::{CompiledAdgroups, Touched};
use super::generation::{Generation, SlotMap};
use super::phase::Phase;
use super::sweeper::Retired;
use crate::bitmap::IdentifierSet;
use crate::catalog::{Model, Write};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{GenerationNumber, IdentifierId, Revision, SegmentNumber};
use crate::segment::memberships::VersionMembers;
use crate::targeting::PlaneIndex;
use crate::time::Timestamp;

/// What only the writer at hand touches.
#[derive(Default)]
pub(super) struct Publisher {
    pub(super) compiled: CompiledAdgroups,
    /// Segments whose members are being replaced: changes acknowledged meanwhile go to both versions (invariant 7).
    pub(super) replacing: HashMap<u32, Replacing>,
}

/// A replacement of a segment's members that was accepted and is not published yet.
pub(super) struct Replacing {
    /// The operation that does it; 0 for a load.
    pub(super) operation: u64,
    /// Where its members are.
    pub(super) staged: Staged,
}

/// Where the members of a replacement are.
pub(super) enum Staged {
    /// The file is still being read: single changes wait here, in their order.
    Reading(Vec<(u32, bool)>),
    /// The new slot is being written: single changes go to this version too.
    Filling(Arc<VersionMembers>),
}

impl Publisher {
    /// Applies a single change to a segment's replacement that is on its way.
    pub(super) fn note_change(
        &mut self,
        segment: SegmentNumber,
        ids: &[u32],
        add: bool,
    ) -> Option<Arc<VersionMembers>> {
        match &mut self.replacing.get_mut(&segment.0)?.staged {
            Staged::Reading(waiting) => {
                waiting.extend(ids.iter().map(|&id| (id, add)));
                None
            }
            Staged::Filling(version) => Some(Arc::clone(version)),
        }
    }
}

/// Applies changes in their order.
pub(super) fn apply(set: &mut IdentifierSet, changes: &[(u32, bool)]) {
    for &(id, add) in changes {
        if add {
            set.insert(IdentifierId(id))
        } else {
            set.remove(IdentifierId(id))
        };
    }
}

/// What an acknowledged write is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The write.
    pub revision: Revision,
    /// The generation that serves it.
    pub generation: GenerationNumber,
}

/// An exclusive write; dropped without [`Change::commit`] it changes nothing.
pub(super) struct Change<'e> {
    inner: &'e Inner,
    /// What the publisher keeps from write to write.
    pub(super) publisher: MutexGuard<'e, Publisher>,
    /// The catalog transaction.
    pub(super) write: Write<'e>,
    /// The instant of this write.
    pub(super) now: Timestamp,
    /// Its revision.
    pub(super) revision: Revision,
    slots: Option<SlotMap>,
    retired: Vec<Arc<VersionMembers>>,
    touched: Touched,
}

impl Inner {
    /// Begins a write; waits for the one before.
    pub(super) fn change(&self) -> Result<Change<'_>> {
        self.check_open()?;
        self.folder.check()?;
        let publisher = self.publisher.lock();
        let mut write = self.catalog.write()?;
        let revision = write.next_revision()?;
        Ok(Change {
            inner: self,
            publisher,
            write,
            now: self.clock.now(),
            revision,
            slots: None,
            retired: Vec::new(),
            touched: Touched::default(),
        })
    }
}

impl Change<'_> {
    /// The catalog with this write's changes.
    pub(super) fn model(&self) -> &Model {
        self.write.model()
    }

    /// These adgroups, or what they ask, change with this write.
    pub(super) fn touch(&mut self, adgroups: impl IntoIterator<Item = u64>) {
        self.touched.add(adgroups);
    }

    fn slots_mut(&mut self) -> &mut SlotMap {
        let generation = &self.inner.generation;
        self.slots.get_or_insert_with(|| SlotMap::clone(&generation.load().slots))
    }

    /// `version`, whose slot every record already carries, serves from this write on.
    pub(super) fn publish(&mut self, version: &Arc<VersionMembers>) {
        match self.slots_mut().publish(version) {
            Some(before) => self.retired.push(before),
            // A segment that becomes ready wakes the adgroups that exclude it.
            None => self.touched.add(self.publisher.compiled.naming(version.segment)),
        }
    }

    /// The segment serves nothing from this write on.
    pub(super) fn retire(&mut self, segment: SegmentNumber) {
        if let Some(before) = self.slots_mut().retire(segment) {
            self.retired.push(before);
            self.touched.add(self.publisher.compiled.naming(segment));
        }
    }

    /// Commits, then serves.
    ///
    /// # Errors
    /// `Storage`; then nothing has changed.
    pub(super) fn commit(self) -> Result<Written> {
        self.commit_then(|_| ())
    }

    /// Commits, applies an effect in memory that cannot fail, then serves.
    ///
    /// # Errors
    /// `Storage`; then nothing has changed and `effect` was not called.
    pub(super) fn commit_then(mut self, effect: impl FnOnce(&mut Publisher)) -> Result<Written> {
        let next = self.next_generation()?;
        let refreshed = !self.touched.is_empty();
        let Self { inner, mut publisher, write, revision, retired, .. } = self;
        inner.observe(Phase::Commit);
        write.commit()?;
        let swapping = Swapping(inner);
        if refreshed {
            publisher.compiled.committed();
        }
        effect(&mut publisher);
        let generation = match next {
            Some(next) => {
                let number = next.number;
                inner.observe(Phase::Swap);
                let before = inner.generation.swap(Arc::new(next));
                inner.sweeper.retire(Retired { generation: before, versions: retired });
                number
            }
            None => inner.generation.load().number,
        };
        inner.revision.store(revision.0, Ordering::Release);
        std::mem::forget(swapping);
        if publisher.compiled.wants_base() {
            inner.sweeper.rebase();
        }
        inner.observe(Phase::Published);
        Ok(Written { revision, generation })
    }

    /// The generation after this write, when it is another one.
    pub(super) fn next_generation(&mut self) -> Result<Option<Generation>> {
        if self.slots.is_none() && self.touched.is_empty() {
            return Ok(None);
        }
        let before = self.inner.generation.load_full();
        let number = GenerationNumber(self.model().counter("generation").max(before.number.0) + 1);
        self.write.set_generation(number)?;
        let slots = self.slots.take().map_or_else(|| Arc::clone(&before.slots), Arc::new);
        let serving = if self.touched.is_empty() {
            Arc::clone(&before.serving)
        } else {
            let compiled = &mut self.publisher.compiled;
            let touched = compiled.refresh(self.write.model(), &self.touched)?;
            Arc::new(compiled.serving((self.write.model(), &slots), &before.serving, &touched, &self.inner.builds))
        };
        Ok(Some(Generation { number, slots, serving }))
    }
}

impl Inner {
    /// Builds the index's base anew from all adgroups while edits go on, and puts it under what changed meanwhile. The
    /// generation keeps its number: it answers as before.
    pub(super) fn rebase(&self) {
        let (rules, slots) = {
            let mut publisher = self.publisher.lock();
            if !publisher.compiled.wants_base() {
                return;
            }
            (publisher.compiled.take_rules(&self.catalog.read()), Arc::clone(&self.generation.load().slots))
        };
        let ready = slots.ready();
        drop(slots);
        let build = || PlaneIndex::build_of(&rules, |(adgroup, rule)| (*adgroup, rule.into()), &ready);
        let base = self.builds.time(build);
        let mut publisher = self.publisher.lock();
        let before = self.generation.load_full();
        let (model, slots) = (self.catalog.read(), Arc::clone(&before.slots));
        if let Some(serving) = publisher.compiled.rebase(&base, &model, &slots, &before.serving) {
            let generation = Generation { number: before.number, slots, serving: Arc::new(serving) };
            drop(before);
            let before = self.generation.swap(Arc::new(generation));
            self.sweeper.retire(Retired { generation: before, versions: Vec::new() });
        }
    }
}

/// Stops acknowledging when it is dropped: the commit happened and the swap did not follow (invariant 13).
struct Swapping<'e>(&'e Inner);

impl Drop for Swapping<'_> {
    fn drop(&mut self) {
        self.0.catalog.poison();
        self.0.folder.poison();
    }
}

impl Replacing {
    /// The refusal of a second replacement of the segment called `name`.
    pub(super) fn refusal(&self, name: &str) -> Error {
        let (by, hint) = match self.operation {
            0 => ("a load".to_owned(), "wait for it to end, then repeat"),
            number => (format!("operations/{number}"), "wait for that operation to end, or cancel it, then repeat"),
        };
        Error::new(ErrorKind::Conflict, format!("{name} is being replaced by {by}")).hint(hint)
    }
}
