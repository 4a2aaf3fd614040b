//! What becomes of each line: counts, batches of digests, masked samples.
//!
//! Once the first line is judged, a line of 32 hex digits and nothing else takes a short path: no search, no cutting,
//! one decode. Everything else takes [`Rows::take_line`], which allocates nothing for a valid line either.

use memchr::memchr;

use super::columns::{Columns, Selected};
use super::failure::{FailureReason, UploadFailure};
use super::members::{Batch, MemberSink};
use super::options::{UploadLimits, UploadOptions};
use super::report::{InvalidReason, UploadReport};
use super::value::{self, Value};
use super::well_known::WellKnown;
use crate::identity::{email, hex, identifier::mask};

/// The judge of lines.
#[derive(Debug)]
pub(super) struct Rows {
    report: UploadReport,
    columns: Columns,
    batch: Batch,
    known: &'static WellKnown,
    limits: UploadLimits,
    allow_raw_emails: bool,
    /// Whether a line that is not blank was judged: from then on none is a header.
    begun: bool,
}

impl Rows {
    pub(super) fn new(options: &UploadOptions) -> Self {
        Self {
            report: UploadReport { name: options.name.clone(), ..UploadReport::default() },
            columns: Columns::new(options.column.clone()),
            batch: Batch::default(),
            known: WellKnown::get(),
            limits: options.limits,
            allow_raw_emails: options.allow_raw_emails,
            begun: false,
        }
    }

    pub(super) fn lines(&self) -> u64 {
        self.report.rows_total
    }

    /// Takes as many lines of 32 hex digits as stand at the beginning of `rest`; returns what follows them.
    pub(super) fn take_bare_lines<'a>(&mut self, mut rest: &'a [u8], sink: &mut dyn MemberSink) -> &'a [u8] {
        if !self.begun || !self.columns.takes_bare_lines() || self.limits.line_bytes < 32 {
            return rest;
        }
        let room = self.limits.lines.saturating_sub(self.report.rows_total);
        let (mut taken, mut upper_case) = (0_u64, 0_u64);
        while taken < room {
            let Some((digits, tail)) = rest.split_first_chunk::<32>() else { break };
            let after = match tail {
                [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] => after,
                // A CR at the end of the chunk may be half of a CRLF.
                [b'\r', after @ ..] if !after.is_empty() => after,
                _ => break,
            };
            let Some(decoded) = hex::decode::<32, 16>(digits) else { break };
            if self.known.of_md5(&decoded.bytes).is_some() {
                break;
            }
            self.batch.push_md5(decoded.bytes, sink);
            upper_case += u64::from(decoded.upper_case);
            taken += 1;
            rest = after;
        }
        self.report.rows_total += taken;
        self.report.valid += taken;
        self.report.upper_case += upper_case;
        rest
    }

    /// Judges one line.
    pub(super) fn take_line(&mut self, line: &[u8], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        self.check_length(line.len())?;
        self.check_lines()?;
        let number = self.report.rows_total + 1;
        let selected = match memchr(0, line) {
            Some(_) => Selected::Invalid(InvalidReason::NulByte),
            None => self.columns.select(line, number)?,
        };
        match selected {
            Selected::Blank => self.report.blank += 1,
            Selected::Header => self.report.header += 1,
            Selected::Invalid(reason) => self.report.add_invalid(number, reason, line),
            Selected::Value(cell) => self.take_cell(cell, number, sink)?,
        }
        self.report.rows_total += 1;
        self.begun |= selected != Selected::Blank;
        Ok(())
    }

    fn take_cell(&mut self, cell: &[u8], number: u64, sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        let value = value::read(cell, self.known);
        if !self.begun && value.may_be_header(cell) {
            self.report.header += 1;
            return Ok(());
        }
        if matches!(value, Value::Email(_)) && !self.allow_raw_emails {
            return Err(raw_email(cell, number));
        }
        self.count(value, cell, sink);
        Ok(())
    }

    /// Counts a value and hands its digest on; `cell` is what a sample shows of it.
    fn count(&mut self, value: Value<'_>, cell: &[u8], sink: &mut dyn MemberSink) {
        let value = match value {
            Value::Email(text) => {
                let hashed = email::powerspace_md5(text);
                self.report.raw_emails += u64::from(hashed.is_some());
                hashed.map_or(Value::Invalid(InvalidReason::NotAnEmail), Value::of_md5)
            }
            value => value,
        };
        match value {
            Value::Md5 { digest, upper_case } => {
                self.report.upper_case += u64::from(upper_case);
                self.batch.push_md5(digest, sink);
            }
            Value::Sha256 { digest, upper_case } => {
                self.report.upper_case += u64::from(upper_case);
                self.report.sha256 += 1;
                self.batch.push_sha256(digest, sink);
            }
            Value::Invalid(reason) => return self.report.add_invalid(self.report.rows_total + 1, reason, cell),
            Value::Email(_) => {}
        }
        self.report.valid += 1;
    }

    /// Takes one MD5 that came as 16 bytes.
    pub(super) fn take_md5(&mut self, digest: [u8; 16], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        let named = self.known.of_md5(&digest);
        self.take_digest(named.map_or(Value::of_md5(digest), Value::Invalid), &digest, sink)
    }

    /// Takes one SHA-256 that came as 32 bytes.
    pub(super) fn take_sha256(&mut self, digest: [u8; 32], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        let named = self.known.of_sha256(&digest);
        self.take_digest(named.map_or(Value::of_sha256(digest), Value::Invalid), &digest, sink)
    }

    fn take_digest(&mut self, value: Value<'_>, digest: &[u8], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        self.check_lines()?;
        let shown = if matches!(value, Value::Invalid(_)) { hex::encode(digest) } else { String::new() };
        self.count(value, shown.as_bytes(), sink);
        self.report.rows_total += 1;
        Ok(())
    }

    /// Refuses a line, finished or not, that is longer than allowed.
    pub(super) fn check_length(&self, bytes: usize) -> Result<(), UploadFailure> {
        let allowed = self.limits.line_bytes;
        if bytes <= allowed {
            return Ok(());
        }
        let number = self.report.rows_total + 1;
        Err(UploadFailure::new(FailureReason::LineTooLong, format!("line {number} is longer than {allowed} bytes"))
            .hint("a CRM file has one value in each line: check the line ends"))
    }

    fn check_lines(&self) -> Result<(), UploadFailure> {
        let allowed = self.limits.lines;
        if self.report.rows_total < allowed {
            return Ok(());
        }
        Err(UploadFailure::new(FailureReason::TooManyLines, format!("more than {allowed} lines"))
            .hint("split the list into several segments; an adgroup can include all of them"))
    }

    /// The report so far, with every digest handed over, so that it adds up.
    pub(super) fn settle(&mut self, sink: &mut dyn MemberSink) -> UploadReport {
        self.batch.flush(sink);
        self.report.unique = sink.distinct();
        self.report.duplicate = self.report.valid.saturating_sub(self.report.unique);
        self.report.separator = self.columns.separator();
        self.report.clone()
    }
}

fn raw_email(cell: &[u8], number: u64) -> UploadFailure {
    let message = format!("line {number} is a raw e-mail address ({}): only hashes are allowed here", mask(cell));
    UploadFailure::new(FailureReason::RawEmails, message).hint(
        "write the MD5 of each trimmed, lower-case address instead, as `printf %s user@example.com | md5sum` does, \
         or have raw addresses allowed for this advertiser",
    )
}
