//! The whole pipeline: bytes in, digests to a sink, a report or a refusal at the end.

use std::sync::Arc;

use super::container::Container;
use super::encoding::TextDecoder;
use super::failure::{FailureReason, UploadFailure};
use super::lines::Lines;
use super::members::MemberSink;
use super::meter::Meter;
use super::options::UploadOptions;
use super::report::{Encoding, UploadReport};
use super::rows::Rows;
use super::verdict;
use crate::time::Clock;

/// What an upload is made of; never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Bytes,
    Digests,
}

/// Reads one customer file as a stream.
///
/// Holds one line, one batch of digests and the state of a decoder, whatever the length of the file. The chunks may be
/// cut anywhere: the report of a file that is taken is always the same. A refusal is final: every later call repeats it.
///
/// ```
/// use std::sync::Arc;
/// use segengine::segment::upload::{CrmParser, DistinctSet, UploadOptions, sample_file};
/// use segengine::time::ManualClock;
///
/// let mut members = DistinctSet::default();
/// let mut parser = CrmParser::new(UploadOptions::named("sample.csv"), Arc::new(ManualClock::new(0)));
/// for chunk in sample_file().as_bytes().chunks(7) {
///     parser.feed(chunk, &mut members).unwrap();
/// }
/// let report = parser.finish(&mut members).unwrap();
/// assert_eq!((report.header, report.unique), (1, 60));
/// ```
pub struct CrmParser {
    meter: Meter,
    container: Container,
    text: TextDecoder,
    lines: Lines,
    rows: Rows,
    source: Option<Source>,
    failure: Option<UploadFailure>,
}

impl CrmParser {
    /// A parser for one file; `clock` measures how long it takes to come.
    #[must_use]
    pub fn new(options: UploadOptions, clock: Arc<dyn Clock>) -> Self {
        Self {
            container: Container::new(options.spool_dir.clone()),
            text: TextDecoder::default(),
            lines: Lines::default(),
            rows: Rows::new(&options),
            meter: Meter::new(options, clock),
            source: None,
            failure: None,
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// The refusal of the whole file, as soon as it is certain.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        self.guarded(sink, |parser, sink| parser.feed_bytes(bytes, sink))
    }

    /// Takes MD5 digests of 16 bytes each, in place of a file.
    ///
    /// # Errors
    /// `MixedSources` after bytes, `PartialDigest` for a length that is no multiple of 16, limits.
    pub fn feed_md5(&mut self, digests: &[u8], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        self.guarded(sink, |parser, sink| {
            let (whole, partial) = digests.as_chunks::<16>();
            parser.admit_digests(digests.len(), partial.len(), 16)?;
            whole.iter().try_for_each(|digest| parser.rows.take_md5(*digest, sink))
        })
    }

    /// Takes SHA-256 digests of 32 bytes each, in place of a file.
    ///
    /// # Errors
    /// `MixedSources` after bytes, `PartialDigest` for a length that is no multiple of 32, limits.
    pub fn feed_sha256(&mut self, digests: &[u8], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        self.guarded(sink, |parser, sink| {
            let (whole, partial) = digests.as_chunks::<32>();
            parser.admit_digests(digests.len(), partial.len(), 32)?;
            whole.iter().try_for_each(|digest| parser.rows.take_sha256(*digest, sink))
        })
    }

    /// Takes the end of the file: the last line, the verdicts, the advice. The report adds up.
    ///
    /// # Errors
    /// The refusal of the whole file.
    pub fn finish(mut self, sink: &mut dyn MemberSink) -> Result<UploadReport, UploadFailure> {
        self.guarded(sink, Self::finish_bytes)?;
        let mut report = self.settle(sink);
        if let Some(failure) = verdict::refusal(&report, &self.meter.options().limits) {
            return Err(failure.of_file(report));
        }
        verdict::advise(&mut report);
        Ok(report)
    }

    /// Runs `work` unless the file was refused before; remembers a refusal.
    fn guarded(
        &mut self,
        sink: &mut dyn MemberSink,
        work: impl FnOnce(&mut Self, &mut dyn MemberSink) -> Result<(), UploadFailure>,
    ) -> Result<(), UploadFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.meter.check().and_then(|()| work(self, sink));
        self.meter.show_progress(self.rows.lines());
        result.map_err(|failure| {
            let failure = failure.of_file(self.settle(sink));
            self.failure = Some(failure.clone());
            failure
        })
    }

    fn claim(&mut self, source: Source) -> Result<(), UploadFailure> {
        if *self.source.get_or_insert(source) == source {
            return Ok(());
        }
        Err(UploadFailure::new(FailureReason::MixedSources, "bytes of a file and arrays of hashes in one upload")
            .hint("send either, or make two segments"))
    }

    fn feed_bytes(&mut self, mut rest: &[u8], sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        if !rest.is_empty() {
            self.claim(Source::Bytes)?;
        }
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at_checked(self.container.piece_bytes()).unwrap_or((rest, &[]));
            let admitted = self.meter.admit_sent(piece.len());
            let Self { meter, container, text, lines, rows, .. } = self;
            let piece_within = piece.get(..admitted).unwrap_or_default();
            container.feed(piece_within, &mut |unpacked| {
                inflate(unpacked, meter, |part| text.feed(part, &mut |utf8| lines.feed(utf8, rows, sink)))
            })?;
            if admitted < piece.len() {
                return Err(self.meter.too_many_sent());
            }
            rest = tail;
        }
        Ok(())
    }

    fn finish_bytes(&mut self, sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        if self.source == Some(Source::Digests) {
            return Ok(());
        }
        let Self { meter, container, text, lines, rows, .. } = self;
        container.finish(&mut |unpacked| {
            inflate(unpacked, meter, |part| text.feed(part, &mut |utf8| lines.feed(utf8, rows, sink)))
        })?;
        text.finish(&mut |utf8| lines.feed(utf8, rows, sink))?;
        lines.finish(rows, sink)
    }

    fn admit_digests(&mut self, bytes: usize, partial: usize, width: usize) -> Result<(), UploadFailure> {
        self.claim(Source::Digests)?;
        if partial != 0 {
            let message = format!("{bytes} bytes are no whole number of digests of {width} bytes");
            return Err(UploadFailure::new(FailureReason::PartialDigest, message)
                .hint("give an array of shape (n, 16) for MD5 or (n, 32) for SHA-256"));
        }
        if self.meter.admit_sent(bytes) < bytes {
            return Err(self.meter.too_many_sent());
        }
        self.meter.admit_inflated(bytes);
        Ok(())
    }

    /// The report so far; its counts add up.
    fn settle(&mut self, sink: &mut dyn MemberSink) -> UploadReport {
        let mut report = self.rows.settle(sink);
        report.bytes = self.meter.sent();
        report.inflated_bytes = self.meter.inflated();
        report.compression = self.container.compression();
        report.encoding = match self.source {
            Some(Source::Digests) => Encoding::Binary,
            _ => self.text.encoding(),
        };
        report
    }
}

/// Passes on what the bounds allow of unpacked bytes, then refuses the rest.
fn inflate(
    unpacked: &[u8],
    meter: &mut Meter,
    pass: impl FnOnce(&[u8]) -> Result<(), UploadFailure>,
) -> Result<(), UploadFailure> {
    let admitted = meter.admit_inflated(unpacked.len());
    meter.check()?;
    pass(unpacked.get(..admitted).unwrap_or_default())?;
    if admitted < unpacked.len() { Err(meter.too_many_inflated()) } else { Ok(()) }
}
