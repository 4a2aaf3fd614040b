//! How long impressions take, as the server sees it: one histogram for each runtime and method.
//!
//! A client's histogram holds its own delays, the network's and the server's; this one tells them apart. Buckets are
//! log-linear as in `HdrHistogram` (G. Tene): 32 to an octave of nanoseconds, so a duration is known to 3 %. A runtime has
//! a single thread, so its counters are never contended: counting costs a reading of the clock, the position of the
//! highest bit and two relaxed additions, and 9 KiB for each runtime and method. They are only ever added to; whoever
//! wants a span of time asks twice and subtracts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use crate::v1;

/// Bits of a duration that are kept below its highest one.
const FINE_BITS: u32 = 5;
const FINE: usize = 1 << FINE_BITS;
/// Longer than 2^40 ns (18 minutes) is counted as that.
const LONGEST_BITS: u32 = 40;
const BUCKETS: usize = (LONGEST_BITS - FINE_BITS + 1) as usize * FINE;

/// A method whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    Match,
    MatchBatch,
}

impl Timed {
    const ALL: [Self; 2] = [Self::Match, Self::MatchBatch];

    /// How the calls of a path are counted, if they are.
    pub(crate) fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|timed| path.strip_prefix("/segengine.v1.Targeting/") == Some(timed.name()))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Match => "Match",
            Self::MatchBatch => "MatchBatch",
        }
    }
}

/// The durations of one method on one runtime.
struct Durations {
    total_ns: AtomicU64,
    buckets: Box<[AtomicU64]>,
}

impl Default for Durations {
    fn default() -> Self {
        Self { total_ns: AtomicU64::new(0), buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }
}

/// What one runtime counts.
#[derive(Default)]
pub(crate) struct RuntimeTimes {
    matches: Durations,
    batches: Durations,
}

impl RuntimeTimes {
    /// Counts one call.
    pub(crate) fn count(&self, timed: Timed, took: Duration) {
        let (durations, took_ns) = (self.of(timed), u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        if let Some(bucket) = durations.buckets.get(bucket_of(took_ns)) {
            // Relaxed: counters for people; nothing is read on their account.
            bucket.fetch_add(1, Ordering::Relaxed);
            durations.total_ns.fetch_add(took_ns, Ordering::Relaxed);
        }
    }

    const fn of(&self, timed: Timed) -> &Durations {
        match timed {
            Timed::Match => &self.matches,
            Timed::MatchBatch => &self.batches,
        }
    }
}

/// What all runtimes of a server count.
pub(crate) struct Times {
    started: Instant,
    runtimes: Mutex<Vec<Arc<RuntimeTimes>>>,
}

impl Default for Times {
    fn default() -> Self {
        Self { started: Instant::now(), runtimes: Mutex::default() }
    }
}

impl Times {
    /// The counters of one more runtime.
    pub(crate) fn of_runtime(&self) -> Arc<RuntimeTimes> {
        let runtime = Arc::<RuntimeTimes>::default();
        self.runtimes.lock().push(Arc::clone(&runtime));
        runtime
    }

    /// Everything counted so far.
    pub(crate) fn message(&self) -> v1::ServerTimes {
        let runtimes = self.runtimes.lock();
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = u64::try_from(cpu.tv_sec).unwrap_or_default();
        v1::ServerTimes {
            uptime_ns: u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            process_cpu_ns: seconds * 1_000_000_000 + u64::try_from(cpu.tv_nsec).unwrap_or_default(),
            methods: Timed::ALL.into_iter().map(|timed| together(timed, &runtimes)).collect(),
        }
    }
}

fn together(timed: Timed, runtimes: &[Arc<RuntimeTimes>]) -> v1::MethodTimes {
    let mut times = v1::MethodTimes { method: timed.name().to_owned(), ..Default::default() };
    times.total_ns = runtimes.iter().map(|runtime| runtime.of(timed).total_ns.load(Ordering::Relaxed)).sum();
    for number in 0..BUCKETS {
        let counters = runtimes.iter().filter_map(|runtime| runtime.of(timed).buckets.get(number));
        let calls: u64 = counters.map(|counter| counter.load(Ordering::Relaxed)).sum();
        if calls > 0 {
            times.from_ns.push(lowest_of(number));
            times.calls.push(calls);
        }
    }
    times
}

/// The bucket of a duration.
fn bucket_of(ns: u64) -> usize {
    let ns = ns.min((1 << LONGEST_BITS) - 1);
    // The bits from the highest one down, six of them; below 64 ns that is the duration itself.
    let shift = ns.max(FINE as u64).ilog2() - FINE_BITS;
    shift as usize * FINE + usize::try_from(ns >> shift).unwrap_or_default()
}

/// The shortest duration of a bucket.
const fn lowest_of(bucket: usize) -> u64 {
    if bucket < 2 * FINE {
        return bucket as u64;
    }
    let shift = bucket / FINE - 1;
    ((bucket - shift * FINE) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_within_three_percent_of_its_lowest() {
        let mut before = 0;
        for bucket in 0..BUCKETS {
            let lowest = lowest_of(bucket);
            assert_eq!(bucket_of(lowest), bucket);
            assert!(bucket == 0 || lowest > before, "{bucket}");
            assert!(bucket == 0 || bucket_of(lowest - 1) == bucket - 1, "{bucket}: no duration is between two buckets");
            before = lowest;
        }
        for ns in [1, 31, 32, 33, 999, 12_345, 1_000_000_007, (1 << 40) - 1] {
            let lowest = lowest_of(bucket_of(ns));
            assert!(lowest <= ns && (ns - lowest) * 32 <= ns, "{ns}: {lowest}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn runtimes_count_apart_and_are_told_together() {
        let times = Times::default();
        let (one, two) = (times.of_runtime(), times.of_runtime());
        one.count(Timed::Match, Duration::from_nanos(7));
        two.count(Timed::Match, Duration::from_nanos(7));
        two.count(Timed::Match, Duration::from_millis(3));
        two.count(Timed::MatchBatch, Duration::from_nanos(31));
        let message = times.message();
        let [matches, batches] = &message.methods[..] else { panic!("two methods") };
        assert_eq!((matches.method.as_str(), matches.calls.as_slice(), matches.from_ns[0]), ("Match", &[2, 1][..], 7));
        assert_eq!(matches.total_ns, 3_000_014);
        assert_eq!((batches.method.as_str(), batches.calls.as_slice()), ("MatchBatch", &[1][..]));
        assert!(message.process_cpu_ns > 0 && message.uptime_ns > 0);
    }

    #[test]
    fn the_timed_methods_exist() {
        let policies = crate::policy::Policies::read(v1::FILE_DESCRIPTOR_SET).unwrap();
        let timed = policies.methods().filter(|path| Timed::of(path).is_some()).count();
        assert_eq!(timed, Timed::ALL.len());
    }
}
