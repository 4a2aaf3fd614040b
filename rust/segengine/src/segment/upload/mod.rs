//! From the bytes of a customer file to distinct digests and a report that adds up.
//!
//! ```text
//! bytes → container (gzip, zip, zstd, plain) → encoding (BOM, UTF-16) → lines → values → digests → distinct set
//! ```
//!
//! [`CrmParser`] is fed chunks cut anywhere and never holds more than one line and one batch. The set is the
//! [`MemberSink`]'s: the parser knows nothing of the engine, which hands the digests to identities and fills the rest
//! of the report. docs/concepts/crm-files.md says what each kind of line means.

mod columns;
mod container;
mod encoding;
mod failure;
mod lines;
mod members;
mod meter;
mod options;
mod parser;
mod report;
mod rows;
mod sample;
mod source;
mod value;
mod verdict;
mod well_known;
mod zip_member;

pub use failure::{FailureReason, UploadFailure};
pub use members::{DistinctSet, MemberSink};
pub use options::{Column, UploadLimits, UploadOptions, UploadProgress};
pub use parser::CrmParser;
pub use report::{
    Compression, Encoding, InvalidReason, InvalidSample, Separator, UploadReport, UploadWarning, Volume, WarningCode,
};
pub use sample::sample_file;
pub use source::open_source;
