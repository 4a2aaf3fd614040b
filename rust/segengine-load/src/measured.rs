//! What a run found, and its form for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{Counter, Histogram};
use serde_json::{Value, json};

use crate::server_times::ServerSpan;
use crate::tally::Tally;

/// What a run found.
#[derive(Debug)]
pub struct Measured {
    /// Requests that fell due and were taken up.
    pub sent: u64,
    /// Requests that were answered with OK.
    pub answered: u64,
    /// The others, by the name of their status code; `CONNECTION_LOST` and `NO_ANSWER` never had one.
    pub failed: BTreeMap<&'static str, u64>,
    /// From the first due request to the end of the last one.
    pub elapsed: Duration,
    /// From due to answered, in nanoseconds; refusals are left out, and what had no answer counts with the time waited.
    pub latencies: Histogram<u64>,
    /// How late the generator itself came to its requests, in nanoseconds.
    pub lateness: Histogram<u64>,
    /// The latencies by when requests fell due, in windows of this length from the start.
    pub window: Duration,
    /// One for each window.
    pub windows: Vec<Histogram<u32>>,
    /// What the server says, if it does.
    pub server: Option<ServerSpan>,
    /// Whether it was stopped before its time.
    pub is_stopped: bool,
}

impl Measured {
    pub(crate) fn new(tally: Tally, length: Duration, server: Option<ServerSpan>, is_stopped: bool) -> Self {
        let until_last = tally.last_end.saturating_duration_since(tally.start);
        Self {
            sent: tally.sent,
            answered: tally.answered,
            failed: tally.outcomes,
            elapsed: if is_stopped { until_last } else { until_last.max(length) },
            latencies: tally.latencies,
            lateness: tally.lateness,
            window: tally.window,
            windows: tally.windows,
            server,
            is_stopped,
        }
    }

    /// As JSON: times in microseconds, histograms as `[upper bound, count]` of each bucket that is not empty.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let windows = self.windows.iter().enumerate().filter(|(_, window)| !window.is_empty());
        let windows = windows.map(|(number, window)| {
            json!({
                "at_s": self.window.as_secs_f64() * number as f64,
                "count": window.len(),
                "p50_us": microseconds(window.value_at_quantile(0.5)),
                "p99_us": microseconds(window.value_at_quantile(0.99)),
                "max_us": microseconds(window.max()),
            })
        });
        let server = self.server.as_ref().map(|span| {
            let buckets = span.buckets.iter().map(|&(from, calls)| json!([microseconds(from), calls]));
            json!({
                "cpu_us": microseconds(span.cpu_ns),
                "calls": span.calls,
                "total_us": microseconds(span.total_ns),
                "histogram": buckets.collect::<Vec<_>>(),
            })
        });
        json!({
            "sent": self.sent,
            "answered": self.answered,
            "failed": self.failed,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "histogram": buckets_of(&self.latencies),
            "max_us": microseconds(self.latencies.max()),
            "late_p99_us": microseconds(self.lateness.value_at_quantile(0.99)),
            "windows": windows.collect::<Vec<_>>(),
            "server": server,
            "stopped": self.is_stopped,
        })
    }
}

fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1e3
}

fn buckets_of<C: Counter>(histogram: &Histogram<C>) -> Vec<Value> {
    let recorded = histogram.iter_recorded();
    recorded.map(|step| json!([microseconds(step.value_iterated_to()), step.count_since_last_iteration()])).collect()
}
