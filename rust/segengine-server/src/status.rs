//! The one place that says which gRPC code an error of the engine has, and reads it back.
//!
//! A code is what retry policies and dashboards of any language look at; the class, the field and the hint travel beside
//! it as `google.rpc.ErrorInfo` and `google.rpc.BadRequest`, so that the Python client raises the class that it would
//! have raised embedded. docs/reference/errors.md is this table for readers, and a test compares them.
//!
//! Choices worth a reason: a passed limit is `RESOURCE_EXHAUSTED`, as gRPC itself answers a message that is too large;
//! only an answer with `RetryInfo` is worth repeating (an overloaded server sends it, a limit does not). A disk that
//! refuses is `FAILED_PRECONDITION`, because repeating does not free or remount it; a full one is `RESOURCE_EXHAUSTED`.

use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::time::Duration;

use segengine::{Error, ErrorKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "segengine";

/// Every class, for readers of a reason and for the page that documents them.
pub const KINDS: [ErrorKind; 17] = [
    ErrorKind::InvalidInput,
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::FailedPrecondition,
    ErrorKind::Conflict,
    ErrorKind::LimitExceeded,
    ErrorKind::UploadFailed,
    ErrorKind::PermissionDenied,
    ErrorKind::Unauthenticated,
    ErrorKind::Unavailable,
    ErrorKind::DeadlineExceeded,
    ErrorKind::Cancelled,
    ErrorKind::Storage,
    ErrorKind::DirectoryLocked,
    ErrorKind::Corrupted,
    ErrorKind::EngineClosed,
    ErrorKind::Internal,
];

/// Longest message in bytes: it is sent twice (as text and in the details), and common clients stop at 8 KiB of headers.
const MESSAGE_BYTES: usize = 1_024;
/// Longest hint and field in bytes.
const HINT_BYTES: usize = 512;
/// When an overloaded server is worth another try.
const OVERLOAD_PAUSE: Duration = Duration::from_millis(100);

/// The gRPC code of a class.
#[must_use]
pub const fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidInput => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Conflict => Code::Aborted,
        ErrorKind::LimitExceeded => Code::ResourceExhausted,
        ErrorKind::FailedPrecondition | ErrorKind::UploadFailed | ErrorKind::Storage | ErrorKind::DirectoryLocked => {
            Code::FailedPrecondition
        }
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Unavailable | ErrorKind::EngineClosed => Code::Unavailable,
        ErrorKind::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::Corrupted => Code::DataLoss,
        _ => Code::Internal,
    }
}

/// The number of a class's code, for answers that carry an error inside.
#[must_use]
pub fn number_of(kind: ErrorKind) -> i32 {
    code_of(kind).into()
}

/// The class that a name on the wire stands for.
#[must_use]
pub fn kind_named(name: &str) -> Option<ErrorKind> {
    KINDS.into_iter().find(|kind| kind.name() == name)
}

/// An error of the engine as it goes over the wire.
#[must_use]
pub fn of(error: &Error) -> Status {
    let code = if disk_is_full(error) { Code::ResourceExhausted } else { code_of(error.kind()) };
    with_details(code, error)
}

/// [`of`] by value, for `map_err`.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err hands over")]
pub fn from(error: Error) -> Status {
    of(&error)
}

/// The answer of a server that has as much in flight as it takes: try again a little later.
#[must_use]
pub fn overloaded(in_flight: usize) -> Status {
    let message = format!("{in_flight} calls are in flight, which is as many as this server takes");
    let error = Error::new(ErrorKind::Unavailable, message).hint("repeat a little later, with backoff");
    let (message, mut details) = parts(&error);
    details.set_retry_info(Some(OVERLOAD_PAUSE));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// What tonic refused by itself (a message that is too large or is none), in the engine's terms.
#[must_use]
pub fn refine(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let text = status.message();
    let error = match status.code() {
        Code::OutOfRange => Error::new(ErrorKind::LimitExceeded, text)
            .hint("send less at once: the calls for many take streams, and GetLimits lists every bound"),
        Code::Internal if text.contains("decode") || text.contains("Missing request") => Error::invalid(text)
            .hint("this is no message of the method; generate the client from proto/segengine/v1 again"),
        Code::Unimplemented if text.is_empty() => {
            let error = Error::not_found("there is no such method").hint("ask the server by reflection what it has");
            return with_details(Code::Unimplemented, &error);
        }
        Code::Unimplemented => {
            let error = Error::invalid(text).hint("send messages as they are, without compression");
            return with_details(Code::Unimplemented, &error);
        }
        _ => return status,
    };
    of(&error)
}

/// A service that the health check does not know.
#[must_use]
pub fn unknown_service(name: &str) -> Status {
    of(&Error::not_found(format!("there is no service {name:?} here")).field("service"))
}

fn with_details(code: Code, error: &Error) -> Status {
    let (message, details) = parts(error);
    Status::with_error_details(code, message, details)
}

fn parts(error: &Error) -> (String, ErrorDetails) {
    let message = clipped(error.message(), MESSAGE_BYTES);
    let mut metadata = HashMap::new();
    if let Some(hint) = error.hint_text() {
        metadata.insert("hint".to_owned(), clipped(hint, HINT_BYTES));
    }
    if let Some(field) = error.field_name() {
        metadata.insert("field".to_owned(), clipped(field, HINT_BYTES));
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(error.kind().name(), DOMAIN, metadata);
    if let Some(field) = error.field_name() {
        // The sentence stands in the status; here it would be sent a third time.
        details.add_bad_request_violation(clipped(field, HINT_BYTES), "see the message of the status");
    }
    (message, details)
}

/// The beginning of a text, cut between characters.
fn clipped(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes);
    format!("{}…", text.get(..end).unwrap_or_default())
}

fn disk_is_full(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            return matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        }
        next = cause.source();
    }
    false
}

/// A status taken apart again: what the caller of an in-process service turns into its own error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class.
    pub kind: ErrorKind,
    /// What was wrong, and where.
    pub message: String,
    /// The part of the request that was wrong.
    pub field: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// Takes a status of these services apart; one that came from elsewhere gets the class nearest to its code.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let entry = |key: &str| info.and_then(|info| info.metadata.get(key).cloned());
        let kind = info.and_then(|info| kind_named(&info.reason)).unwrap_or_else(|| nearest(status.code()));
        Self { kind, message: status.message().to_owned(), field: entry("field"), hint: entry("hint") }
    }
}

/// The refusal without details that headers carry, if they do: one that no service of ours made.
#[must_use]
pub(crate) fn bare_in(headers: &http::HeaderMap) -> Option<Status> {
    let code = headers.get(Status::GRPC_STATUS)?;
    let bare = code != "0" && !headers.contains_key("grpc-status-details-bin");
    bare.then(|| Status::from_header_map(headers)).flatten()
}

/// The refusal that headers or trailers carry, if they do.
#[must_use]
pub(crate) fn failure_in(headers: &http::HeaderMap) -> Option<Failure> {
    Status::from_header_map(headers).filter(|status| status.code() != Code::Ok).map(|status| Failure::of(&status))
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let mut error = Self::new(failure.kind, failure.message);
        if let Some(field) = failure.field {
            error = error.field(field);
        }
        if let Some(hint) = failure.hint {
            error = error.hint(hint);
        }
        error
    }
}

fn nearest(code: Code) -> ErrorKind {
    match code {
        Code::OutOfRange => ErrorKind::LimitExceeded,
        Code::Unimplemented => ErrorKind::NotFound,
        _ => KINDS.into_iter().find(|&kind| code_of(kind) == code).unwrap_or(ErrorKind::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_with_everything_it_had() {
        for kind in KINDS {
            let error = Error::new(kind, "acme/spring: no such « segment »").field("include").hint("create it first");
            let failure = Failure::of(&of(&error));
            assert_eq!(failure.kind, kind);
            assert_eq!(failure.message, error.message());
            assert_eq!((failure.field.as_deref(), failure.hint.as_deref()), (error.field_name(), error.hint_text()));
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_disk_that_refuses() {
        let full = Error::storage("writing", io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(of(&full).code(), Code::ResourceExhausted);
        let refused = Error::storage("writing", io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert_eq!(of(&refused).code(), Code::FailedPrecondition);
    }

    #[test]
    fn a_long_message_fits_into_headers() {
        let status = of(&Error::invalid("é".repeat(100_000)).hint("ü".repeat(100_000)));
        assert!(status.message().len() < 1_100 && status.details().len() < 2_500, "{}", status.details().len());
    }

    #[test]
    fn the_page_lists_every_class_with_its_code() {
        let page = include_str!("../../../docs/reference/errors.md");
        for kind in KINDS {
            let row = format!("| `{}` | `{}` |", kind.name(), screaming(code_of(kind)));
            assert!(page.contains(&row), "docs/reference/errors.md lacks {row}");
        }
    }

    fn screaming(code: Code) -> String {
        let mut name = String::new();
        for letter in format!("{code:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }
}
