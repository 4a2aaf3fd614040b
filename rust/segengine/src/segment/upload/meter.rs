//! The bounds that hold while a file streams in: bytes as sent, bytes unpacked, their ratio, time, and the caller's
//! wish to stop.

use std::sync::Arc;

use super::failure::{FailureReason, UploadFailure};
use super::options::UploadOptions;
use crate::time::{Clock, Timestamp};

/// Unpacked bytes below which the ratio says nothing: a small file of equal lines packs very well.
const RATIO_FROM_BYTES: u64 = 1 << 20;

/// Counts what came and what it became.
pub(super) struct Meter {
    options: UploadOptions,
    clock: Arc<dyn Clock>,
    started: Option<Timestamp>,
    sent: u64,
    inflated: u64,
}

impl Meter {
    pub(super) fn new(options: UploadOptions, clock: Arc<dyn Clock>) -> Self {
        Self { options, clock, started: None, sent: 0, inflated: 0 }
    }

    pub(super) fn options(&self) -> &UploadOptions {
        &self.options
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn inflated(&self) -> u64 {
        self.inflated
    }

    pub(super) fn show_progress(&self, lines: u64) {
        self.options.progress.set(self.sent, lines);
    }

    /// Counts bytes as sent; returns how many of them are within the bound.
    pub(super) fn admit_sent(&mut self, bytes: usize) -> usize {
        let room = self.options.limits.bytes - self.sent;
        let admitted = usize::try_from(room).map_or(bytes, |room| bytes.min(room));
        self.sent += admitted as u64;
        admitted
    }

    /// Counts unpacked bytes; returns how many of them are within the bound.
    pub(super) fn admit_inflated(&mut self, bytes: usize) -> usize {
        let room = self.options.limits.inflated_bytes - self.inflated;
        let admitted = usize::try_from(room).map_or(bytes, |room| bytes.min(room));
        self.inflated += admitted as u64;
        admitted
    }

    /// Whether the work may go on.
    pub(super) fn check(&mut self) -> Result<(), UploadFailure> {
        if self.options.cancelled() {
            return Err(UploadFailure::new(FailureReason::Cancelled, "the upload was cancelled"));
        }
        let limits = &self.options.limits;
        let now = self.clock.now();
        let Timestamp(started) = *self.started.get_or_insert(now);
        let passed_ms = u128::try_from(now.0.saturating_sub(started)).unwrap_or(0);
        if passed_ms > limits.time.as_millis() {
            let message = format!("the upload took longer than {} seconds", limits.time.as_secs());
            return Err(UploadFailure::new(FailureReason::TooSlow, message).hint("pack the file by gzip, zip or zstd"));
        }
        let ratio = limits.inflate_ratio;
        if self.inflated > RATIO_FROM_BYTES && self.inflated > self.sent.saturating_mul(ratio) {
            let message = format!("the file unpacks to more than {ratio} times its size");
            return Err(UploadFailure::new(FailureReason::InflateRatio, message).hint("send it unpacked"));
        }
        Ok(())
    }

    pub(super) fn too_many_sent(&self) -> UploadFailure {
        let allowed = self.options.limits.bytes;
        UploadFailure::new(FailureReason::TooManyBytes, format!("more than {allowed} bytes"))
            .hint("pack the file by gzip, zip or zstd, or split the list into several segments")
    }

    pub(super) fn too_many_inflated(&self) -> UploadFailure {
        let allowed = self.options.limits.inflated_bytes;
        UploadFailure::new(FailureReason::TooManyInflatedBytes, format!("more than {allowed} bytes after unpacking"))
            .hint("split the list into several segments")
    }
}
