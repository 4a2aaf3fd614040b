//! Cuts bytes into lines, wherever the chunks were cut: LF, CRLF and CR end one.
//!
//! Holds at most one unfinished line, and that no longer than the limit. Lines that lie whole in a chunk are not
//! copied.

use memchr::memchr2;

use super::failure::UploadFailure;
use super::members::MemberSink;
use super::rows::Rows;

/// The unfinished line at the end of the last chunk.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// The last byte was a CR: an LF right after it ends no further line.
    after_cr: bool,
}

impl Lines {
    /// Hands every finished line to `rows`.
    pub(super) fn feed(
        &mut self,
        mut rest: &[u8],
        rows: &mut Rows,
        sink: &mut dyn MemberSink,
    ) -> Result<(), UploadFailure> {
        loop {
            if self.after_cr && !rest.is_empty() {
                self.after_cr = false;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            if self.pending.is_empty() {
                rest = rows.take_bare_lines(rest, sink);
            }
            let Some((line, tail)) = memchr2(b'\n', b'\r', rest).and_then(|end| rest.split_at_checked(end)) else {
                self.pending.extend_from_slice(rest);
                return rows.check_length(self.pending.len());
            };
            let (end, tail) = tail.split_first().unwrap_or((&b'\n', tail));
            self.after_cr = *end == b'\r';
            rest = tail;
            if self.pending.is_empty() {
                rows.take_line(line, sink)?;
            } else {
                self.pending.extend_from_slice(line);
                rows.take_line(&self.pending, sink)?;
                self.pending.clear();
            }
        }
    }

    /// Hands over the last line, where no end of line follows it.
    pub(super) fn finish(&mut self, rows: &mut Rows, sink: &mut dyn MemberSink) -> Result<(), UploadFailure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        rows.take_line(&std::mem::take(&mut self.pending), sink)
    }
}
