//! What became of a request.

use http::HeaderMap;

/// Answered, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With status OK.
    Answered,
    /// With another canonical code of gRPC.
    Refused(u8),
    /// The connection broke.
    Lost,
    /// Nothing came in time.
    Silent,
}

/// The canonical codes by number, then what never reaches one.
const NAMES: [&str; 19] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
    "CONNECTION_LOST",
    "NO_ANSWER",
];

impl Outcome {
    /// From the headers or trailers that carry the status, if they do.
    pub(crate) fn in_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
        Some(Self::of_code(code))
    }

    /// From a number of a code; one that is not canonical is UNKNOWN.
    pub(crate) fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Answered,
            1..=16 => Self::Refused(code),
            _ => Self::Refused(2),
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        let number = match self {
            Self::Answered => 0,
            Self::Refused(code) => usize::from(code),
            Self::Lost => 17,
            Self::Silent => 18,
        };
        NAMES.get(number).copied().unwrap_or("UNKNOWN")
    }

    /// Whether its time says how long a user waits: a refusal that comes at once must not make a server look fast.
    pub(crate) fn has_latency(self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_name() {
        assert_eq!(Outcome::of_code(0).name(), "OK");
        assert_eq!(Outcome::of_code(8).name(), "RESOURCE_EXHAUSTED");
        assert_eq!(Outcome::of_code(16).name(), "UNAUTHENTICATED");
        assert_eq!(Outcome::of_code(99).name(), "UNKNOWN");
        assert_eq!((Outcome::Lost.name(), Outcome::Silent.name()), ("CONNECTION_LOST", "NO_ANSWER"));
        let mut headers = HeaderMap::new();
        assert_eq!(Outcome::in_headers(&headers), None);
        headers.insert("grpc-status", "14".parse().unwrap());
        assert_eq!(Outcome::in_headers(&headers), Some(Outcome::Refused(14)));
    }
}
