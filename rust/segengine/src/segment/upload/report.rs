//! What became of each line of a customer file, in counts that always add up.
//!
//! `rows_total = blank + header + valid + invalid`, `valid = unique + duplicate`, `invalid = Σ reasons`. Samples are
//! masked: a report names nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::limits;

/// Why a line is no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidReason {
    /// Text, or hex with another character in it.
    NotHex,
    /// Hex digits, but neither 32 nor 64 of them.
    WrongLength,
    /// The hash of the empty string.
    EmptyHash,
    /// The hash of a header word such as `email`: the header was hashed with the column.
    HeaderHash,
    /// A hash written as Base64.
    Base64,
    /// A hash with `0x` before it.
    HexPrefix,
    /// Quotation marks inside the value, or not closed.
    QuotesInside,
    /// A NUL byte in the line.
    NulByte,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// An `@` in something that is no address.
    NotAnEmail,
    /// The chosen column is empty in this line.
    EmptyValue,
    /// The line has fewer columns than the chosen one.
    MissingColumn,
}

impl InvalidReason {
    /// The machine-readable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotHex => "not_hex",
            Self::WrongLength => "wrong_length",
            Self::EmptyHash => "empty_hash",
            Self::HeaderHash => "header_hash",
            Self::Base64 => "base64",
            Self::HexPrefix => "hex_prefix",
            Self::QuotesInside => "quotes_inside",
            Self::NulByte => "nul_byte",
            Self::NotUtf8 => "not_utf8",
            Self::NotAnEmail => "not_an_email",
            Self::EmptyValue => "empty_value",
            Self::MissingColumn => "missing_column",
        }
    }
}

/// One invalid line, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidSample {
    /// The line in the file, from 1.
    pub line: u64,
    /// Why it is invalid.
    pub reason: InvalidReason,
    /// Its first characters and its length.
    pub masked: String,
}

/// How the text was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8, or plain ASCII.
    #[default]
    Utf8,
    /// UTF-8 with a byte order mark, which was dropped.
    Utf8Bom,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Hashes given as an array of bytes.
    Binary,
}

/// How the bytes were packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// One or more gzip members.
    Gzip,
    /// A zip archive of one file.
    Zip,
    /// One or more zstd frames.
    Zstd,
}

/// What stands between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Separator {
    /// No line had one.
    #[default]
    None,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `,`
    Comma,
}

impl Separator {
    /// The byte itself.
    #[must_use]
    pub const fn byte(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Semicolon => Some(b';'),
            Self::Tab => Some(b'\t'),
            Self::Comma => Some(b','),
        }
    }
}

/// How far the number of distinct lines is from what delivers well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Volume {
    /// Fewer than the minimum: the file is refused.
    #[default]
    TooSmall,
    /// Delivery may be too low.
    Low,
    /// Delivers, below the recommended volume.
    BelowRecommended,
    /// As recommended.
    Recommended,
}

impl Volume {
    /// The advice for a number of distinct lines.
    #[must_use]
    pub const fn of(unique: u64) -> Self {
        match unique {
            0..limits::UPLOAD_MINIMUM_DISTINCT => Self::TooSmall,
            limits::UPLOAD_MINIMUM_DISTINCT..limits::UPLOAD_LOW_VOLUME => Self::Low,
            limits::UPLOAD_LOW_VOLUME..limits::UPLOAD_RECOMMENDED_VOLUME => Self::BelowRecommended,
            _ => Self::Recommended,
        }
    }

    /// One line for a person.
    #[must_use]
    pub fn advice(self) -> String {
        match self {
            Self::TooSmall => format!("too small: at least {} distinct lines", limits::UPLOAD_MINIMUM_DISTINCT),
            Self::Low => "delivery may be too low".to_owned(),
            Self::BelowRecommended => format!("below the recommended {} lines", limits::UPLOAD_RECOMMENDED_VOLUME),
            Self::Recommended => "recommended volume ✓".to_owned(),
        }
    }
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningCode {
    /// Fewer lines than deliver well.
    LowVolume,
    /// Some lines are SHA-256: a kind of their own.
    Sha256Lines,
    /// Some hashes were in upper case.
    UpperCase,
    /// Raw addresses were hashed here.
    RawEmails,
    /// The file was UTF-16.
    Transcoded,
    /// Many lines are invalid.
    ManyInvalid,
    /// Lines with NUL bytes.
    NulBytes,
    /// None of the identifiers was known before.
    NoneKnown,
    /// Some members are in as many segments as a profile may be.
    ProfileFull,
}

/// Something that the uploader should know, though the file was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadWarning {
    /// The machine-readable class.
    pub code: WarningCode,
    /// One line for a person.
    pub text: String,
}

/// What became of each line, and what the engine made of the members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UploadReport {
    /// The file, as the caller named it.
    pub name: String,
    /// Every line, blank ones too.
    pub rows_total: u64,
    /// Lines without a value.
    pub blank: u64,
    /// 1 where the first line was a header.
    pub header: u64,
    /// Lines with a usable value.
    pub valid: u64,
    /// Lines without.
    pub invalid: u64,
    /// Distinct values among the valid lines.
    pub unique: u64,
    /// Valid lines whose value stood in an earlier one.
    pub duplicate: u64,
    /// Invalid lines by reason.
    pub invalid_reasons: BTreeMap<InvalidReason, u64>,
    /// The first invalid lines, masked.
    pub samples: Vec<InvalidSample>,
    /// Valid lines written in upper-case hex.
    pub upper_case: u64,
    /// Valid lines that are SHA-256.
    pub sha256: u64,
    /// Valid lines that were raw addresses.
    pub raw_emails: u64,
    /// How the text was written.
    pub encoding: Encoding,
    /// What stood between columns.
    pub separator: Separator,
    /// How the bytes were packed.
    pub compression: Compression,
    /// Bytes as sent.
    pub bytes: u64,
    /// Bytes after inflating.
    pub inflated_bytes: u64,
    /// The advice for this many lines.
    pub volume: Volume,
    /// What the uploader should know.
    pub warnings: Vec<UploadWarning>,
    /// Members that the caller's own lists already held; filled by the engine.
    pub already_known: Option<u64>,
    /// Members that the version before did not have; filled by the engine.
    pub added: Option<u64>,
    /// Members of the version before that are gone; filled by the engine.
    pub removed: Option<u64>,
    /// Members of both versions; filled by the engine.
    pub kept: Option<u64>,
    /// Distinct profiles; filled by the engine.
    pub profile_count: Option<u64>,
    /// Profiles that ads can reach; filled by the engine.
    pub reachable_count: Option<u64>,
}

impl UploadReport {
    /// Whether the counts add up.
    ///
    /// # Errors
    /// `Internal` naming the sum that does not: a defect of the engine, never of the file.
    pub fn check(&self) -> Result<()> {
        let sums = [
            (
                "rows_total = blank + header + valid + invalid",
                self.rows_total,
                [self.blank, self.header, self.valid, self.invalid],
            ),
            ("valid = unique + duplicate", self.valid, [self.unique, self.duplicate, 0, 0]),
            ("invalid = sum of reasons", self.invalid, [self.invalid_reasons.values().sum(), 0, 0, 0]),
        ];
        for (sum, left, right) in sums {
            if left != right.iter().sum::<u64>() {
                return Err(Error::internal(format!("upload report: {sum} does not hold ({left} against {right:?})")));
            }
        }
        Ok(())
    }

    /// Share of addressable profiles in percent, once the engine has counted.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for display; counts are far below 2^53")]
    pub fn reach_percent(&self) -> Option<f64> {
        match (self.profile_count?, self.reachable_count?) {
            (0, _) => None,
            (profiles, reachable) => Some(100.0 * reachable as f64 / profiles as f64),
        }
    }

    /// Called by the engine once it knows how many members were known before: none at all means that the hashes are
    /// of another form.
    pub fn set_already_known(&mut self, known: u64, any_identifier_exists: bool) {
        self.already_known = Some(known);
        if known == 0 && self.unique > 0 && any_identifier_exists {
            self.warn(WarningCode::NoneKnown, "0 % known: were the addresses lower-cased before hashing?");
        }
    }

    /// Called by the engine where members were left out because their profile is in too many segments already.
    pub fn set_refused_full(&mut self, count: u64) {
        if count > 0 {
            let text =
                format!("{count} members were left out: they are in {} segments already", limits::SEGMENTS_PER_PROFILE);
            self.warn(WarningCode::ProfileFull, text);
        }
    }

    pub(super) fn warn(&mut self, code: WarningCode, text: impl Into<String>) {
        self.warnings.push(UploadWarning { code, text: text.into() });
    }

    pub(super) fn add_invalid(&mut self, line: u64, reason: InvalidReason, value: &[u8]) {
        self.invalid += 1;
        *self.invalid_reasons.entry(reason).or_default() += 1;
        if self.samples.len() < limits::REPORT_SAMPLES {
            self.samples.push(InvalidSample { line, reason, masked: crate::identity::identifier::mask(value) });
        }
    }
}
