//! What one thread counts while it runs, and how the counts of several become one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::{CreationError, Histogram};
use segengine::{Error, Result};

use crate::outcome::Outcome;

/// The longest latency told from longer ones: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;
/// Over time the spread matters and not the last digit; there are up to [`WINDOWS`] of these.
const WINDOW_DIGITS: u8 = 2;
const DIGITS: u8 = 3;
/// Points of the curve over time.
const WINDOWS: u32 = 60;
/// Below this a window holds too few requests to have percentiles.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);

/// The counts of one thread, or of all.
pub(crate) struct Tally {
    pub(crate) start: Instant,
    pub(crate) window: Duration,
    /// From when requests were due until their answers, in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
    /// From when requests were due until the generator came to them: its own delay, which is part of the latency.
    pub(crate) lateness: Histogram<u64>,
    /// The latencies of the requests that fell due within each window.
    pub(crate) windows: Vec<Histogram<u32>>,
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    pub(crate) answered: u64,
    pub(crate) sent: u64,
    pub(crate) last_end: Instant,
}

impl Tally {
    /// Of a run that starts then and lasts so long.
    ///
    /// # Errors
    /// None that can happen: the bounds of the histograms are constants.
    pub(crate) fn new(start: Instant, length: Duration) -> Result<Self> {
        let failed = |error: CreationError| Error::internal(format!("a histogram cannot be made: {error}"));
        let window = (length / WINDOWS).max(SHORTEST_WINDOW);
        let count = length.as_nanos().div_ceil(window.as_nanos()).max(1);
        let windows = (0..count).map(|_| Histogram::new_with_max(LONGEST_NS, WINDOW_DIGITS));
        Ok(Self {
            start,
            window,
            latencies: Histogram::new_with_max(LONGEST_NS, DIGITS).map_err(failed)?,
            lateness: Histogram::new_with_max(LONGEST_NS, DIGITS).map_err(failed)?,
            windows: windows.collect::<std::result::Result<_, _>>().map_err(failed)?,
            outcomes: BTreeMap::new(),
            answered: 0,
            sent: 0,
            last_end: start,
        })
    }

    /// A request that was due then is being sent now.
    pub(crate) fn send(&mut self, due: Instant) {
        self.sent += 1;
        self.lateness.saturating_record(nanoseconds(due.elapsed()));
    }

    /// A request that was due then has its outcome now.
    pub(crate) fn end(&mut self, due: Instant, outcome: Outcome) {
        let now = Instant::now();
        self.last_end = self.last_end.max(now);
        match outcome {
            Outcome::Answered => self.answered += 1,
            _ => *self.outcomes.entry(outcome.name()).or_default() += 1,
        }
        if outcome.has_latency() {
            let latency = nanoseconds(now.saturating_duration_since(due));
            self.latencies.saturating_record(latency);
            let window = due.saturating_duration_since(self.start).as_nanos() / self.window.as_nanos();
            if let Some(window) = self.windows.get_mut(usize::try_from(window).unwrap_or(usize::MAX)) {
                window.saturating_record(latency);
            }
        }
    }

    /// Adds the counts of another thread of the same run.
    ///
    /// # Errors
    /// None that can happen: all histograms of a run have the same bounds.
    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        let failed = |error| Error::internal(format!("histograms cannot be added: {error}"));
        self.latencies.add(&other.latencies).map_err(failed)?;
        self.lateness.add(&other.lateness).map_err(failed)?;
        for (own, others) in self.windows.iter_mut().zip(&other.windows) {
            own.add(others).map_err(failed)?;
        }
        for (name, count) in &other.outcomes {
            *self.outcomes.entry(name).or_default() += count;
        }
        self.answered += other.answered;
        self.sent += other.sent;
        self.last_end = self.last_end.max(other.last_end);
        Ok(())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A request on its way. Whatever ends it counts it, also the end of the run: then it had no answer, and the time until
/// then is the least that it would have taken.
pub(crate) struct OnItsWay {
    tally: Rc<RefCell<Tally>>,
    due: Instant,
    outcome: Outcome,
}

impl OnItsWay {
    pub(crate) fn new(tally: &Rc<RefCell<Tally>>, due: Instant) -> Self {
        tally.borrow_mut().send(due);
        Self { tally: Rc::clone(tally), due, outcome: Outcome::Silent }
    }

    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.tally.borrow_mut().end(self.due, self.outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new(Instant::now(), Duration::from_secs(6)).unwrap()
    }

    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let mut tally = tally();
        let due = tally.start;
        std::thread::sleep(Duration::from_millis(3));
        tally.send(due);
        tally.end(due, Outcome::Answered);
        assert!(tally.latencies.max() >= 3_000_000, "waiting to be sent is part of it");
        assert!(tally.lateness.max() >= 3_000_000 && tally.lateness.max() <= tally.latencies.max());
        assert_eq!((tally.answered, tally.windows[0].len(), tally.windows.len()), (1, 1, 60));
    }

    #[test]
    fn a_refusal_is_counted_and_makes_nobody_look_fast() {
        let mut tally = tally();
        let due = tally.start;
        tally.end(due, Outcome::Refused(8));
        tally.end(due, Outcome::Lost);
        assert_eq!(tally.outcomes, BTreeMap::from([("RESOURCE_EXHAUSTED", 1), ("CONNECTION_LOST", 1)]));
        assert_eq!((tally.answered, tally.latencies.len()), (0, 1));
    }

    #[test]
    fn what_is_on_its_way_at_the_end_has_no_answer() {
        let tally = Rc::new(RefCell::new(tally()));
        let due = tally.borrow().start;
        drop(OnItsWay::new(&tally, due));
        OnItsWay::new(&tally, due).end(Outcome::Answered);
        let tally = tally.borrow();
        assert_eq!((tally.sent, tally.answered, tally.outcomes["NO_ANSWER"]), (2, 1, 1));
        assert_eq!(tally.latencies.len(), 2);
    }

    #[test]
    fn threads_add_up() {
        let (mut one, mut two) = (tally(), tally());
        two.start = one.start;
        let late = one.start + Duration::from_millis(5_950);
        one.end(one.start, Outcome::Answered);
        two.end(late, Outcome::Answered);
        two.end(late, Outcome::Silent);
        one.add(&two).unwrap();
        assert_eq!((one.answered, one.outcomes["NO_ANSWER"], one.latencies.len()), (2, 1, 3));
        assert_eq!((one.windows[0].len(), one.windows[59].len()), (1, 2));
    }
}
