//! The report of an upload as a message: what the catalog keeps as JSON, in fields.

use segengine::engine::formats::{Compression, Encoding, InvalidReason, Separator, UploadReport, Volume};
use serde_json::Value;

use crate::v1;

/// Reads a report that the catalog kept; nothing when a later version wrote what this one cannot read.
pub(super) fn from_stored(json: &str) -> Option<v1::UploadReport> {
    let report: UploadReport = serde_json::from_str(json).ok()?;
    Some(message(&report, json.to_owned()))
}

fn message(report: &UploadReport, details_json: String) -> v1::UploadReport {
    let mut advice: Vec<v1::Advice> = report
        .warnings
        .iter()
        .map(|warning| v1::Advice {
            code: name_of(&serde_json::to_value(warning.code)),
            message: warning.text.clone(),
            hint: String::new(),
        })
        .collect();
    if matches!(report.volume, Volume::BelowRecommended | Volume::Recommended) {
        let code = format!("volume_{}", name_of(&serde_json::to_value(report.volume)));
        advice.push(v1::Advice { code, message: report.volume.advice(), hint: String::new() });
    }
    v1::UploadReport {
        rows_total: report.rows_total,
        blank: report.blank,
        header: report.header,
        valid: report.valid,
        invalid: report.invalid,
        unique: report.unique,
        duplicate: report.duplicate,
        invalid_reasons: report.invalid_reasons.iter().map(|(&reason, &count)| invalid(reason, count)).collect(),
        samples: report
            .samples
            .iter()
            .map(|sample| v1::InvalidSample {
                line: sample.line,
                masked: sample.masked.clone(),
                reason: sample.reason.name().to_owned(),
            })
            .collect(),
        already_known: report.already_known.unwrap_or_default(),
        added: report.added.unwrap_or_default(),
        removed: report.removed.unwrap_or_default(),
        kept: report.kept.unwrap_or_default(),
        profile_count: report.profile_count.unwrap_or_default(),
        reachable_count: report.reachable_count.unwrap_or_default(),
        bytes: report.bytes,
        inflated_bytes: report.inflated_bytes,
        encoding: encoding(report.encoding).to_owned(),
        compression: compression(report.compression).to_owned(),
        separator: separator(report.separator),
        upper_case: report.upper_case,
        sha256: report.sha256,
        raw_emails: report.raw_emails,
        advice,
        details_json,
    }
}

fn invalid(reason: InvalidReason, count: u64) -> v1::InvalidCount {
    v1::InvalidCount { reason: reason.name().to_owned(), count }
}

/// The name under which an enum is stored.
fn name_of(value: &Result<Value, serde_json::Error>) -> String {
    value.as_ref().ok().and_then(Value::as_str).unwrap_or_default().to_owned()
}

const fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => "utf-8",
        Encoding::Utf16Le => "utf-16le",
        Encoding::Utf16Be => "utf-16be",
        _ => "",
    }
}

const fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "gzip",
        Compression::Zip => "zip",
        Compression::Zstd => "zstd",
        _ => "",
    }
}

fn separator(separator: Separator) -> String {
    separator.byte().map(|byte| char::from(byte).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_report_comes_back_in_fields() {
        let report = UploadReport {
            rows_total: 3,
            valid: 2,
            unique: 2,
            invalid: 1,
            invalid_reasons: [(InvalidReason::NotHex, 1)].into(),
            separator: Separator::Semicolon,
            volume: Volume::Recommended,
            ..UploadReport::default()
        };
        let found = from_stored(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!((found.rows_total, found.valid, found.invalid), (3, 2, 1));
        assert_eq!(found.invalid_reasons[0].reason, "not_hex");
        assert_eq!((found.separator.as_str(), found.encoding.as_str()), (";", "utf-8"));
        assert_eq!(found.advice[0].code, "volume_recommended");
        assert!(from_stored("{").is_none());
    }
}
