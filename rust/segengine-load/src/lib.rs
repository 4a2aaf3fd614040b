//! A load generator for `segengine.v1.Targeting`: what `segengine bench` runs, and what the comparisons measure with.
//!
//! **Open loop.** Request number n is due at `start + n / rate`, whatever became of the requests before it, as users of
//! a site do not wait for each other. Its latency counts from when it was *due*: if the server stalls for a second, the
//! requests that fell due within that second are sent late and show it, instead of never having been asked (G. Tene,
//! "How NOT to Measure Latency", calls the mistake coordinated omission). A closed loop, where each lane asks again as
//! soon as it was answered, finds out how much a server can do and says nothing about latency.
//!
//! **Cheap.** Frames are encoded beforehand ([`Questions`]) and go over a few bare HTTP/2 connections, so on a machine
//! that runs both, most of the time is the server's. A request costs the generator about 6 µs; the 16 µs of a tonic
//! client would measure the client. One thread drives its connections with a runtime of its own; threads share nothing
//! but two counters, and their histograms are added up at the end.
//!
//! **Honest.** [`Measured`] counts what was not answered, by status code, and says how late the generator itself was: a
//! generator that cannot keep up shows there, not as latency of the server. Next to the client's histogram stands the
//! server's own (`Admin.GetServerTimes`), with the processor time that its process used meanwhile.
//!
//! ```text
//! Questions (question) ─► Plan ─► run (generate): threads ─► unary | stream over Connection ─► Tally ─► Measured
//! ```

#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod connection;
mod generate;
mod measured;
mod outcome;
mod question;
mod schedule;
mod server_times;
mod stream;
mod tally;
mod target;
mod unary;

pub use generate::run;
pub use measured::Measured;
pub use question::{Asked, Questions, Shape};
pub use schedule::Pace;
pub use server_times::ServerSpan;
pub use target::Target;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server is.
    pub target: Target,
    /// How requests follow each other.
    pub pace: Pace,
    /// How long requests fall due.
    pub length: Duration,
    /// How long answers are waited for after that; what has none then counts as `NO_ANSWER`.
    pub patience: Duration,
    /// Connections, over all threads.
    pub connections: usize,
    /// Threads; each has at least one connection.
    pub threads: usize,
}

/// What others see of a run while it lasts, and how they end it.
#[derive(Debug, Default)]
pub struct Watch {
    sent: AtomicU64,
    stopped: AtomicBool,
}

impl Watch {
    /// Requests sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Lets nothing more fall due; what is on its way is still waited for, a second at most.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }
}
