//! From the bytes of a customer file to distinct digests and a report that adds up.
//!
//! ```text
//! bytes → container (gzip, zip, zstd, plain) → encoding (BOM, UTF-16) → lines → values → digests → distinct set
//! ```
//!
//! [`CrmParser`] is fed chunks cut anywhere and never holds more than one line, one batch and the set itself. It
//! knows nothing of the engine: the engine hands its digests to identities and fills the rest of the report.
//! docs/concepts/crm-files.md says what each kind of line means.

mod failure;
mod options;
mod report;

pub use failure::{FailureReason, UploadFailure};
pub use options::{Column, UploadLimits, UploadOptions, UploadProgress};
pub use report::{
    Compression, Encoding, InvalidReason, InvalidSample, Separator, UploadReport, UploadWarning, Volume, WarningCode,
};
