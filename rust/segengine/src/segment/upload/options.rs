//! What the caller of an upload may choose, and the bounds it runs under.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::limits;

/// Which column of a file with several holds the e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The n-th, from 1.
    Number(usize),
    /// The one that the header calls so (any case).
    Name(String),
}

impl Column {
    /// Reads what a person types: a number, or a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim().parse::<usize>() {
            Ok(number) => Self::Number(number),
            Err(_) => Self::Name(text.trim().to_owned()),
        }
    }
}

/// The bounds of [`crate::limits`] that an upload runs under; tests lower them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Bytes as sent.
    pub bytes: u64,
    /// Bytes after inflating.
    pub inflated_bytes: u64,
    /// Inflated bytes for each byte sent.
    pub inflate_ratio: u64,
    /// Length of one line.
    pub line_bytes: usize,
    /// Lines.
    pub lines: u64,
    /// From the first byte to the last.
    pub time: Duration,
    /// Distinct valid lines below which the file is refused.
    pub minimum_distinct: u64,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            bytes: limits::UPLOAD_BYTES,
            inflated_bytes: limits::UPLOAD_INFLATED_BYTES,
            inflate_ratio: limits::UPLOAD_INFLATE_RATIO,
            line_bytes: limits::UPLOAD_LINE_BYTES,
            lines: limits::UPLOAD_LINES,
            time: Duration::from_secs(limits::UPLOAD_SECONDS),
            minimum_distinct: limits::UPLOAD_MINIMUM_DISTINCT,
        }
    }
}

/// How far an upload is; read from other threads.
#[derive(Debug, Default)]
pub struct UploadProgress {
    bytes: AtomicU64,
    lines: AtomicU64,
}

impl UploadProgress {
    /// Bytes taken so far, as sent.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Lines read so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, bytes: u64, lines: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.lines.store(lines, Ordering::Relaxed);
    }
}

/// What the caller of an upload may choose.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// What messages call the file.
    pub name: String,
    /// The column with the e-mail, where a file has several.
    pub column: Option<Column>,
    /// Whether the advertiser allows raw addresses, which are then hashed in memory.
    pub allow_raw_emails: bool,
    /// Where the bytes of a zip wait for their end (its directory stands last); the system's folder when absent.
    pub spool_dir: Option<PathBuf>,
    /// The bounds.
    pub limits: UploadLimits,
    /// Set from another thread to stop.
    pub cancel: Arc<AtomicBool>,
    /// Moved on as the file is read.
    pub progress: Arc<UploadProgress>,
}

impl UploadOptions {
    /// The defaults for a file of this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
