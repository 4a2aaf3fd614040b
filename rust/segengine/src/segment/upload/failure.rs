//! Why a whole customer file was refused: one machine-readable reason, one sentence, one hint, and the report so far.

use std::fmt;

use super::report::UploadReport;
use crate::error::{Error, ErrorKind};

/// Why a whole file was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// No byte, or no line with a value.
    Empty,
    /// A directory was given as a file.
    Directory,
    /// No text: an image, a spreadsheet, an unknown encoding.
    Binary,
    /// Fewer distinct lines than the minimum.
    TooSmall,
    /// Several columns, and none was chosen.
    TwoColumns,
    /// The chosen column does not exist.
    ColumnNotFound,
    /// Raw addresses, which the advertiser does not allow.
    RawEmails,
    /// A zip with no file, several files, or one that cannot be read.
    ZipMembers,
    /// Packed bytes that cannot be unpacked.
    CorruptArchive,
    /// Bytes as sent.
    TooManyBytes,
    /// Bytes after inflating.
    TooManyInflatedBytes,
    /// Inflated bytes for each byte sent.
    InflateRatio,
    /// One line.
    LineTooLong,
    /// Lines.
    TooManyLines,
    /// Time.
    TooSlow,
    /// The caller stopped it.
    Cancelled,
    /// Bytes and arrays of hashes in one upload.
    MixedSources,
    /// An array of bytes that is no whole number of digests.
    PartialDigest,
    /// The file cannot be read, or the spool not written.
    Storage,
}

impl FailureReason {
    /// The machine-readable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Directory => "directory",
            Self::Binary => "binary",
            Self::TooSmall => "too_small",
            Self::TwoColumns => "two_columns",
            Self::ColumnNotFound => "column_not_found",
            Self::RawEmails => "raw_emails",
            Self::ZipMembers => "zip_members",
            Self::CorruptArchive => "corrupt_archive",
            Self::TooManyBytes => "too_many_bytes",
            Self::TooManyInflatedBytes => "too_many_inflated_bytes",
            Self::InflateRatio => "inflate_ratio",
            Self::LineTooLong => "line_too_long",
            Self::TooManyLines => "too_many_lines",
            Self::TooSlow => "too_slow",
            Self::Cancelled => "cancelled",
            Self::MixedSources => "mixed_sources",
            Self::PartialDigest => "partial_digest",
            Self::Storage => "storage",
        }
    }

    /// The class under which callers meet it.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::TooManyBytes
            | Self::TooManyInflatedBytes
            | Self::InflateRatio
            | Self::LineTooLong
            | Self::TooManyLines => ErrorKind::LimitExceeded,
            Self::TooSlow => ErrorKind::DeadlineExceeded,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::MixedSources | Self::PartialDigest => ErrorKind::InvalidInput,
            Self::Storage => ErrorKind::Storage,
            _ => ErrorKind::UploadFailed,
        }
    }
}

/// Why a whole file was refused, and what had been read by then.
#[derive(Debug, Clone)]
pub struct UploadFailure(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    reason: FailureReason,
    message: String,
    hint: Option<String>,
    report: UploadReport,
}

impl UploadFailure {
    pub(super) fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        let (message, report) = (message.into(), UploadReport::default());
        Self(Box::new(Inner { reason, message, hint: None, report }))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Puts the file's name in front and keeps what was read so far.
    pub(super) fn of_file(mut self, report: UploadReport) -> Self {
        if !report.name.is_empty() {
            self.0.message = format!("{}: {}", report.name, self.0.message);
        }
        self.0.report = report;
        self
    }

    /// The machine-readable reason.
    #[must_use]
    pub fn reason(&self) -> FailureReason {
        self.0.reason
    }

    /// One sentence, with the file's name in front.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// What had been read when it failed; its counts add up.
    #[must_use]
    pub fn report(&self) -> &UploadReport {
        &self.0.report
    }
}

impl fmt::Display for UploadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for UploadFailure {}

impl From<UploadFailure> for Error {
    /// Keeps kind, sentence and hint; the reason's name becomes the field and the failure itself the source.
    fn from(failure: UploadFailure) -> Self {
        let mut error = Error::new(failure.reason().kind(), failure.message()).field(failure.reason().name());
        if let Some(hint) = failure.hint_text() {
            error = error.hint(hint);
        }
        error.caused_by(failure)
    }
}
