//! How long the index took to build: what an operator asks when edits become visible late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::time::Clock;

/// Whole builds of the adgroup index since the engine was opened. One thread builds at a time, so two counters that
/// are read one after the other belong together but for a build that ends in between.
pub(super) struct Builds {
    clock: Arc<dyn Clock>,
    count: AtomicU64,
    last_ns: AtomicU64,
}

impl Builds {
    /// None yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, count: AtomicU64::new(0), last_ns: AtomicU64::new(0) }
    }

    /// Does one build and notes how long it took.
    pub(super) fn time<T>(&self, build: impl FnOnce() -> T) -> T {
        let began = self.clock.elapsed_ns();
        let built = build();
        self.last_ns.store(self.clock.elapsed_ns().saturating_sub(began), Relaxed);
        self.count.fetch_add(1, Relaxed);
        built
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Microseconds that the last one took.
    pub(super) fn last_us(&self) -> u64 {
        self.last_ns.load(Relaxed) / 1_000
    }
}
