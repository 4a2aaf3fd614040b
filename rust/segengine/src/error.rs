//! One error for the whole engine: what was wrong, where, and what to do.
//!
//! Every face maps [`ErrorKind`] to its own codes in exactly one file, so a caller meets the same classes embedded
//! and remote. Messages never hold an e-mail, a hash or a key.

use std::fmt;

/// A result whose error is the engine's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The classes of failure that a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value in the request is malformed or contradictory.
    InvalidInput,
    /// A named thing does not exist, or belongs to another advertiser.
    NotFound,
    /// A name or id is taken.
    AlreadyExists,
    /// The thing exists but its state forbids the call.
    FailedPrecondition,
    /// Another writer was there first: read again, then repeat.
    Conflict,
    /// A bound of [`crate::limits`] was passed.
    LimitExceeded,
    /// A customer file was refused; its report says why.
    UploadFailed,
    /// The credential does not allow the call.
    PermissionDenied,
    /// No or an unknown credential.
    Unauthenticated,
    /// Try again later, with backoff.
    Unavailable,
    /// The caller's deadline passed first.
    DeadlineExceeded,
    /// The caller cancelled the work.
    Cancelled,
    /// The operating system refused to read or write.
    Storage,
    /// The data directory is open in another process.
    DirectoryLocked,
    /// Stored bytes are not what was written.
    Corrupted,
    /// The engine was closed, or this is a forked child of the process that opened it.
    EngineClosed,
    /// A promise of the engine itself was broken: a defect.
    Internal,
}

impl ErrorKind {
    /// The upper-case name used on the wire and in `--json` output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "INVALID_INPUT",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Conflict => "CONFLICT",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::UploadFailed => "UPLOAD_FAILED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Unavailable => "UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Cancelled => "CANCELLED",
            Self::Storage => "STORAGE",
            Self::DirectoryLocked => "DIRECTORY_LOCKED",
            Self::Corrupted => "CORRUPTED",
            Self::EngineClosed => "ENGINE_CLOSED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// What was wrong, where (`field`), and what to do (`hint`).
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    field: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), field: None, hint: None, source: None }))
    }

    /// A malformed or contradictory value.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// A thing that does not exist for this caller.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A state that forbids the call.
    #[must_use]
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::FailedPrecondition, message)
    }

    /// A passed bound: what, how much was given, how much is allowed.
    #[must_use]
    pub fn limit(field: &str, given: u64, allowed: u64, unit: &str) -> Self {
        Self::new(ErrorKind::LimitExceeded, format!("{field}: {given} {unit} given, at most {allowed} allowed"))
            .field(field)
    }

    /// Stored bytes that are not what was written: names the file and, where known, the offset.
    #[must_use]
    pub fn corrupted(file: &str, offset: u64, what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Corrupted, format!("{file}: damaged at byte {offset}: {what}"))
            .hint("run `segengine verify` for the whole extent, then restore this file from a backup")
    }

    /// A refusal of the operating system while doing `action`.
    #[must_use]
    pub fn storage(action: impl fmt::Display, source: std::io::Error) -> Self {
        let hint = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Some("free disk space, then repeat"),
            std::io::ErrorKind::ReadOnlyFilesystem => Some("the file system is mounted read-only"),
            std::io::ErrorKind::PermissionDenied => Some("check the owner and mode of the data directory"),
            _ => None,
        };
        let mut error = Self::new(ErrorKind::Storage, format!("{action}: {source}")).caused_by(source);
        error.0.hint = hint.map(str::to_owned);
        error
    }

    /// A broken promise of the engine itself.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Names the field (dotted path of the request) that was wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Puts the place (file, line, item) before the message.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// Keeps the lower error for the chain.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The class of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was wrong, without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field that was wrong.
    #[must_use]
    pub fn field_name(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What to do about it.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
