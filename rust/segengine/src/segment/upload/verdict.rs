//! What is said about a whole file once its last line is read: refusals of too little, advice on volume, warnings.

use super::failure::{FailureReason, UploadFailure};
use super::options::UploadLimits;
use super::report::{Encoding, InvalidReason, UploadReport, Volume, WarningCode};
use crate::limits;

/// Share of invalid lines from which the uploader is warned, in percent.
const MANY_INVALID_PERCENT: u64 = 5;

/// Refuses a file with too little in it.
pub(super) fn refusal(report: &UploadReport, limits: &UploadLimits) -> Option<UploadFailure> {
    if report.valid + report.invalid == 0 {
        let message = match (report.rows_total, report.header) {
            (0, _) => "the file is empty",
            (_, 0) => "every line is blank",
            (..) => "nothing follows the header",
        };
        return Some(UploadFailure::new(FailureReason::Empty, message).hint("each line holds the MD5 of an e-mail"));
    }
    let (unique, minimum) = (report.unique, limits.minimum_distinct);
    if unique >= minimum {
        return None;
    }
    let lines = if unique == 1 { "line" } else { "lines" };
    let message = format!("{unique} distinct valid {lines}: a segment needs at least {minimum}");
    let failure = UploadFailure::new(FailureReason::TooSmall, message);
    Some(match report.invalid_reasons.iter().max_by_key(|(_, count)| **count) {
        Some((reason, count)) if report.invalid > unique => {
            failure.hint(format!("{} lines are invalid, {count} of them {}", report.invalid, explain(*reason)))
        }
        _ => failure.hint("so small a list names people: add lines, or join it with another list"),
    })
}

/// What a reason means, for the end of a sentence.
fn explain(reason: InvalidReason) -> String {
    let meaning = match reason {
        InvalidReason::NotHex => "text where 32 hex digits belong",
        InvalidReason::WrongLength => "hex of another length than an MD5 or SHA-256",
        InvalidReason::EmptyHash => "the hash of the empty string",
        InvalidReason::HeaderHash => "the hash of a header word",
        InvalidReason::Base64 => "Base64: write hex",
        InvalidReason::HexPrefix => "with `0x` in front: write plain hex",
        InvalidReason::QuotesInside => "with quotes inside",
        InvalidReason::NulByte => "with NUL bytes",
        InvalidReason::NotUtf8 => "no UTF-8",
        InvalidReason::NotAnEmail => "with an @ and no address",
        InvalidReason::EmptyValue => "empty in the chosen column",
        InvalidReason::MissingColumn => "without the chosen column",
    };
    format!("{} ({meaning})", reason.name())
}

/// Adds the advice and the warnings.
pub(super) fn advise(report: &mut UploadReport) {
    report.volume = Volume::of(report.unique);
    if report.unique < limits::UPLOAD_LOW_VOLUME {
        let text = format!(
            "{} distinct lines: delivery may be too low; {} or more are recommended, with content-marketing ads",
            report.unique,
            limits::UPLOAD_RECOMMENDED_VOLUME
        );
        report.warn(WarningCode::LowVolume, text);
    }
    if report.sha256 > 0 {
        let share = percent(report.sha256, report.valid);
        let text = format!("{share} are SHA-256: kept as a kind of their own, they match only users known by SHA-256");
        report.warn(WarningCode::Sha256Lines, text);
    }
    if report.upper_case > 0 {
        let text = format!("{} hashes in upper case were taken as lower case", report.upper_case);
        report.warn(WarningCode::UpperCase, text);
    }
    if report.raw_emails > 0 {
        let text = format!("{} raw addresses were hashed here and dropped; send hashes instead", report.raw_emails);
        report.warn(WarningCode::RawEmails, text);
    }
    if matches!(report.encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
        report.warn(WarningCode::Transcoded, "the file was UTF-16 and was read as such; send UTF-8");
    }
    let judged = report.valid + report.invalid;
    if report.invalid * 100 >= judged * MANY_INVALID_PERCENT {
        let text = format!("{} of the lines are invalid", percent(report.invalid, judged));
        report.warn(WarningCode::ManyInvalid, text);
    }
    if let Some(count) = report.invalid_reasons.get(&InvalidReason::NulByte) {
        let text = format!("{count} lines hold NUL bytes: the file may be damaged");
        report.warn(WarningCode::NulBytes, text);
    }
}

/// A share as a person reads it; never `0 %` for something, never `100 %` for less than all.
fn percent(part: u64, whole: u64) -> String {
    let rounded = (part.saturating_mul(100) + whole / 2).checked_div(whole).unwrap_or(0);
    match rounded {
        0 if part > 0 => "less than 1 %".to_owned(),
        100.. if part < whole => "more than 99 %".to_owned(),
        rounded => format!("{rounded} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares are rounded, and never to nothing or all.
    #[test]
    fn shares() {
        assert_eq!(percent(63, 100), "63 %");
        assert_eq!(percent(1, 1_000), "less than 1 %");
        assert_eq!(percent(999, 1_000), "more than 99 %");
        assert_eq!(percent(2, 2), "100 %");
        assert_eq!(percent(0, 0), "0 %");
    }
}
