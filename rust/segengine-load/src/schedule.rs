//! When requests are due.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many are due each second, at even intervals.
    Open {
        /// Above 0, and finite.
        per_second: f64,
    },
    /// Each connection keeps so many on their way; finds out what a server can do at most.
    Closed {
        /// At least 1.
        in_flight: usize,
    },
}

/// The even intervals of one run; number n is due at `start + n / rate`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    start: Instant,
    per_second: f64,
}

impl Schedule {
    pub(crate) fn new(start: Instant, per_second: f64) -> Self {
        Self { start, per_second }
    }

    /// When number `n` is due: from the number, never from the request before, so that nothing adds up.
    pub(crate) fn due(self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.per_second)
    }
}

/// Waits for instants, exact to microseconds.
///
/// Tokio's timer is exact to a millisecond only, so a thread of the timer's own sleeps and rings. The last 150 µs are
/// spent turning over to the other tasks, because waking up takes as long; a generator that did so all the time would
/// take a core from a server on the same machine, and would come last in the kernel's order when all cores are busy.
pub(crate) struct Timer {
    asks: Sender<Instant>,
    rings: Arc<Notify>,
}

const AWAKE: Duration = Duration::from_micros(150);

impl Timer {
    /// Starts its thread, which ends with it.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn new() -> std::io::Result<Self> {
        let (asks, asked) = channel::<Instant>();
        let rings = Arc::<Notify>::default();
        let bell = Arc::clone(&rings);
        let ring = move || {
            for at in asked {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                bell.notify_one();
            }
        };
        std::thread::Builder::new().name("segengine-timer".to_owned()).spawn(ring)?;
        Ok(Self { asks, rings })
    }

    /// Ends when `due` has come, never before.
    pub(crate) async fn wait_for(&self, due: Instant) {
        let early = due.checked_sub(AWAKE).filter(|early| *early > Instant::now());
        // Were the thread gone, what is left would be spent awake.
        if let Some(early) = early
            && self.asks.send(early).is_ok()
        {
            self.rings.notified().await;
        }
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_does_not_drift() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 3.0);
        assert_eq!(schedule.due(0), start);
        // A third of a second has no exact form; after a million requests it is still not a microsecond off.
        let off = schedule.due(3_000_000).duration_since(start).abs_diff(Duration::from_secs(1_000_000));
        assert!(off < Duration::from_micros(1), "{off:?}");
    }

    #[tokio::test]
    async fn nobody_is_early() {
        let timer = Timer::new().unwrap();
        for wait in [0, 50, 5_000, 300, 2_000] {
            let due = Instant::now() + Duration::from_micros(wait);
            timer.wait_for(due).await;
            assert!(Instant::now() >= due, "{wait}");
        }
    }
}
