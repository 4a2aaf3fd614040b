//! Whether an engine may still be asked: open, closing, closed, or left behind in a forked child.
//!
//! A call is counted in and out by two atomic operations, so `close` can wait for those that run and refuse those that
//! come later. After a fork the child has the parent's memory but none of its threads, locks or promises: each engine of
//! the parent then refuses every call, naming the process that opened it, and is never dropped there. The child learns of
//! itself from `os.register_at_fork`, so a call compares two integers instead of asking the operating system.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use segengine::{Error, ErrorKind};

use crate::errors::{Answer, refused};

/// This process; set when the module is imported, and again in each forked child.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Set in the count of running calls once the engine is closed.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// How long a wait lasts before Python is asked whether a signal came.
pub(crate) const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

thread_local! {
    /// The engines whose calls run on this thread, one inside another through a caller's iterator.
    static RUNNING_HERE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes which process this is: at import, and after a fork in the child.
#[pyfunction]
#[pyo3(name = "_note_process")]
pub(crate) fn note_process() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
}

/// Notes this process and has each forked child do the same.
pub(crate) fn follow_forks(module: &Bound<'_, PyModule>) -> PyResult<()> {
    note_process();
    let rest = pyo3::types::PyDict::new(module.py());
    rest.set_item("after_in_child", wrap_pyfunction!(note_process, module)?)?;
    module.py().import("os")?.getattr("register_at_fork")?.call((), Some(&rest))?;
    Ok(())
}

/// The state of one engine.
pub(crate) struct Lifetime {
    opened_by: u32,
    running: AtomicUsize,
    waiting: Mutex<()>,
    last_left: Condvar,
}

/// A counted call; it leaves when it is dropped.
pub(crate) struct Call<'a>(&'a Lifetime);

impl Lifetime {
    /// Of an engine that this process opens now.
    pub(crate) fn new() -> Self {
        Self {
            opened_by: PROCESS.load(Ordering::Relaxed),
            running: AtomicUsize::new(0),
            waiting: Mutex::new(()),
            last_left: Condvar::new(),
        }
    }

    /// Whether this is a forked child of the process that opened the engine.
    pub(crate) fn is_left_behind(&self) -> bool {
        PROCESS.load(Ordering::Relaxed) != self.opened_by
    }

    /// Whether no call can succeed any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.running.load(Ordering::Acquire) & CLOSED != 0 || self.is_left_behind()
    }

    /// Counts a call in.
    pub(crate) fn enter(&self) -> Result<Call<'_>, Error> {
        if self.is_left_behind() {
            let message =
                format!("this engine was opened by process {}, of which this is a forked child", self.opened_by);
            return Err(Error::new(ErrorKind::EngineClosed, message)
                .hint("fork before the directory is opened, start workers with `spawn`, or connect to a server"));
        }
        let before = self.running.fetch_add(1, Ordering::AcqRel);
        RUNNING_HERE.with_borrow_mut(|running| running.push(self.address()));
        let call = Call(self);
        if before & CLOSED != 0 {
            return Err(Error::new(ErrorKind::EngineClosed, "the engine is closed").hint("open the directory again"));
        }
        Ok(call)
    }

    /// Fails within a call of this thread (a caller's iterator may get here): closing would wait for it for ever.
    pub(crate) fn check_may_close(&self) -> Answer<()> {
        if !RUNNING_HERE.with_borrow(|running| running.contains(&self.address())) {
            return Ok(());
        }
        Err(refused(
            ErrorKind::FailedPrecondition,
            "close was called from within a call of this thread, for which it would wait",
            "close the engine after the call has returned",
        ))
    }

    /// Refuses new calls and waits for those that run, looking out for signals. Repeating it is fine.
    pub(crate) fn close(&self, py: Python<'_>) -> Answer<()> {
        self.check_may_close()?;
        self.running.fetch_or(CLOSED, Ordering::AcqRel);
        while !py.detach(|| self.wait_a_little()) {
            py.check_signals()?;
        }
        Ok(())
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether no call runs, after waiting at most one interval.
    fn wait_a_little(&self) -> bool {
        let running = || self.running.load(Ordering::Acquire) != CLOSED;
        let guard = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.last_left.wait_timeout_while(guard, SIGNAL_INTERVAL, |()| running()));
        !running()
    }
}

/// What only the process that made it may drop: threads, locks and connections of the parent are not a child's.
pub(crate) struct Kept<T> {
    made_by: u32,
    kept: Arc<T>,
}

impl<T> Kept<T> {
    /// Made by this process.
    pub(crate) fn new(kept: T) -> Self {
        Self { made_by: PROCESS.load(Ordering::Relaxed), kept: Arc::new(kept) }
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.kept
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if PROCESS.load(Ordering::Relaxed) != self.made_by {
            // One owner too many: it is never the last one that goes.
            std::mem::forget(Arc::clone(&self.kept));
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // Calls of one thread end in the order in which they are nested.
        RUNNING_HERE.with_borrow_mut(Vec::pop);
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == CLOSED | 1 {
            drop(self.0.waiting.lock());
            self.0.last_left.notify_all();
        }
    }
}
