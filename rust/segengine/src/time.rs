//! Instants and the clock that gives them.
//!
//! The core never reads the wall clock itself: whoever opens an engine hands it a [`Clock`], so that every test can
//! move time by hand and one request is judged at one instant.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole days since 1970-01-01 (UTC); days before that count as 0.
    #[must_use]
    pub fn day(self) -> u16 {
        u16::try_from(self.0.div_euclid(86_400_000).max(0)).unwrap_or(u16::MAX)
    }
}

/// Where instants come from.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// Nanoseconds since some moment, which never go back: two of them tell how long something took. As fine as
    /// [`Self::now`] unless the clock knows better.
    fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.now().0).unwrap_or_default().saturating_mul(1_000_000)
    }
}

/// A clock that stands still until told otherwise: for tests and for replays.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub const fn new(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the clock to `now_ms`.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
