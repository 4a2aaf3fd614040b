//! Work that outlives its request: how far it is, who may stop it, how it ended.
//!
//! What has to survive a restart is an [`OperationRecord`] in the catalog; progress and
//! the wish to cancel live here, for as long as the work runs.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::Engine;
use super::caller::{Action, Caller};
use super::lookup;
use super::names::{Parent, SegmentName};
use super::phase::Phase;
use crate::catalog::{OperationRecord, OperationState};
use crate::error::{Error, Result};
use crate::segment::upload::UploadProgress;

/// Ended operations that the catalog keeps.
pub(super) const KEPT_OPERATIONS: usize = 1_000;

/// One piece of work under way.
pub(super) struct Work {
    pub(super) number: u64,
    pub(super) total_bytes: u64,
    pub(super) progress: Arc<UploadProgress>,
    pub(super) cancel: Arc<std::sync::atomic::AtomicBool>,
    phase: AtomicU8,
    /// Of those who wait; who no longer does has dropped theirs.
    bells: Mutex<Vec<Weak<Bell>>>,
}

/// Rung when work has ended, by the thread that did it: let it be quick.
pub type Bell = dyn Fn() + Send + Sync;

impl Work {
    pub(super) fn new(number: u64, total_bytes: u64) -> Arc<Self> {
        let (progress, cancel) = (Arc::default(), Arc::default());
        Arc::new(Self {
            number,
            total_bytes,
            progress,
            cancel,
            phase: AtomicU8::new(Phase::Receive as u8),
            bells: Mutex::default(),
        })
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn phase_name(&self) -> &'static str {
        let phases = [Phase::Receive, Phase::Digest, Phase::FileSync, Phase::SlotWriting, Phase::Commit];
        let at = self.phase.load(Ordering::Relaxed);
        phases.into_iter().find(|phase| *phase as u8 == at).map_or("publish", Phase::name)
    }
}

/// All work under way, and a bell for those who wait.
#[derive(Default)]
pub(super) struct Running {
    works: Mutex<HashMap<u64, Arc<Work>>>,
    ended: Condvar,
}

impl Running {
    pub(super) fn begin(&self, work: &Arc<Work>) {
        self.works.lock().insert(work.number, Arc::clone(work));
    }

    pub(super) fn end(&self, number: u64) {
        let ended = self.works.lock().remove(&number);
        self.ended.notify_all();
        let bells = ended.map(|work| std::mem::take(&mut *work.bells.lock())).unwrap_or_default();
        bells.iter().filter_map(Weak::upgrade).for_each(|bell| bell());
    }

    pub(super) fn cancel_all(&self) {
        self.works.lock().values().for_each(|work| work.cancel.store(true, Ordering::Relaxed));
    }

    fn get(&self, number: u64) -> Option<Arc<Work>> {
        self.works.lock().get(&number).cloned()
    }
}

/// An operation as a caller sees it.
#[derive(Debug, Clone)]
pub struct OperationView {
    /// The record.
    pub record: Arc<OperationRecord>,
    /// The segment that it fills; nothing when that was deleted.
    pub segment: Option<SegmentName>,
    /// What it is at: `receive`, `digest`, `write`, `publish`; empty when it has ended.
    pub phase: &'static str,
    /// Bytes taken in.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Bytes that will come, where that is known.
    pub total_bytes: u64,
}

impl OperationView {
    /// Whether it has ended.
    #[must_use]
    pub fn done(&self) -> bool {
        self.record.state != OperationState::Running
    }
}

impl Engine {
    /// One operation.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied`; `EngineClosed`.
    pub fn operation(&self, caller: &Caller, number: u64) -> Result<OperationView> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let record = model.operations.get(&number).filter(|record| caller.sees(record.advertiser)).cloned();
        let record = record.ok_or_else(|| Error::not_found(format!("there is no operation {number}")).field("name"))?;
        let segment = lookup::segment_name_of(&model, record.segment);
        // An end is in the catalog a moment before reads see its effect: who is told of it must find both.
        while record.revision.is_some_and(|revision| revision > self.revision()) && !self.is_poisoned() {
            std::thread::yield_now();
        }
        let work = self.inner.operations.get(number);
        let (bytes, lines, total_bytes, phase) = work.map_or((0, 0, 0, ""), |work| {
            (work.progress.bytes(), work.progress.lines(), work.total_bytes, work.phase_name())
        });
        Ok(OperationView { record, segment, phase, bytes, lines, total_bytes })
    }

    /// The operations of a place (or all that the caller sees), the latest first: at most `size` below `before`.
    ///
    /// # Errors
    /// As [`Self::operation`].
    pub fn operations(
        &self,
        caller: &Caller,
        parent: Option<&Parent>,
        before: Option<u64>,
        size: usize,
    ) -> Result<Vec<OperationView>> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let place = parent.map(|parent| lookup::place(&model, caller, parent)).transpose()?;
        let belongs = |record: &OperationRecord| {
            place.as_ref().is_none_or(|place| {
                let segment = model.segments.get(&u64::from(record.segment.0));
                record.advertiser == place.advertiser.number
                    && (place.campaign.is_none()
                        || segment.is_some_and(|segment| segment.campaign == place.campaign_number()))
            })
        };
        let below = model.operations.range(..before.unwrap_or(u64::MAX)).rev();
        let chosen = below.filter(|(_, record)| caller.sees(record.advertiser) && belongs(record)).take(size);
        chosen.map(|(&number, _)| self.operation(caller, number)).collect()
    }

    /// Asks an operation to stop; one that has ended is left as it is.
    ///
    /// # Errors
    /// As [`Self::operation`].
    pub fn cancel_operation(&self, caller: &Caller, number: u64) -> Result<OperationView> {
        caller.check(Action::Ingest)?;
        let found = self.operation(caller, number)?;
        if let Some(work) = self.inner.operations.get(number) {
            work.cancel.store(true, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// Rings `bell` when the operation has ended, unless it is dropped before that; at once when it does not run.
    pub fn ring_at_end(&self, number: u64, bell: &Arc<Bell>) {
        let works = self.inner.operations.works.lock();
        // Whoever ends the work takes it out under this lock before the bells are rung.
        if let Some(work) = works.get(&number) {
            let mut bells = work.bells.lock();
            bells.retain(|bell| bell.strong_count() > 0);
            bells.push(Arc::downgrade(bell));
            return;
        }
        drop(works);
        bell();
    }

    /// Waits until an operation has ended, at most for `patience`; returns its state then.
    ///
    /// # Errors
    /// As [`Self::operation`].
    pub fn wait_operation(&self, caller: &Caller, number: u64, patience: Duration) -> Result<OperationView> {
        let patience_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        let deadline = self.now().0.saturating_add(patience_ms);
        loop {
            let found = self.operation(caller, number)?;
            let left = u64::try_from(deadline.saturating_sub(self.now().0)).unwrap_or_default();
            if found.done() || left == 0 {
                return Ok(found);
            }
            let mut works = self.inner.operations.works.lock();
            // Whoever ends the work writes its record, takes it out under this lock, then rings.
            let over = !works.contains_key(&number)
                || self.inner.operations.ended.wait_for(&mut works, Duration::from_millis(left)).timed_out();
            drop(works);
            if over {
                return self.operation(caller, number);
            }
        }
    }
}
