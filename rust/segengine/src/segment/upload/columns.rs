//! Which part of a line is the value: separators found by sight, quotes, a chosen column, and the refusal of files
//! with several.
//!
//! The first line that holds `;`, a tab or `,` outside quotes decides which of them separates: the one it holds most
//! often. From then on only that one does. No line is copied and nothing is allocated, except for a refusal.

use memchr::{memchr, memchr3};

use super::failure::{FailureReason, UploadFailure};
use super::options::Column;
use super::report::{InvalidReason, Separator};
use super::value::{self, Value};
use super::well_known::{WellKnown, is_header_word};
use crate::identity::{email, identifier::mask};

/// Cells that a refusal shows, and their length.
const SHOWN_CELLS: usize = 6;
const SHOWN_CHARACTERS: usize = 40;

/// What a line holds in the place that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected<'a> {
    /// Nothing anywhere.
    Blank,
    /// The line that named the chosen column.
    Header,
    /// A cell, out of its quotes.
    Value(&'a [u8]),
    /// No usable cell.
    Invalid(InvalidReason),
}

/// How lines are cut, as far as it is known.
#[derive(Debug)]
pub(super) struct Columns {
    choice: Option<Column>,
    /// The chosen column from 0, once the first line confirmed that it exists.
    index: Option<usize>,
    separator: Separator,
}

impl Columns {
    pub(super) fn new(choice: Option<Column>) -> Self {
        Self { choice, index: None, separator: Separator::None }
    }

    pub(super) fn separator(&self) -> Separator {
        self.separator
    }

    /// Whether a line that is nothing but a value needs no cutting.
    pub(super) fn takes_bare_lines(&self) -> bool {
        match self.choice {
            None => true,
            Some(_) => self.index == Some(0),
        }
    }

    /// Finds the value of line `number`.
    pub(super) fn select<'a>(&mut self, line: &'a [u8], number: u64) -> Result<Selected<'a>, UploadFailure> {
        if is_blank(line) {
            return Ok(Selected::Blank);
        }
        if self.separator == Separator::None {
            self.separator = sniff(line);
        }
        match (&self.choice, self.index) {
            (None, _) => self.only_column(line, number),
            (Some(_), Some(index)) => Ok(self.column(line, index)),
            (Some(choice), None) => {
                let (index, selected) = self.find_choice(choice, line, number)?;
                self.index = Some(index);
                Ok(selected)
            }
        }
    }

    fn cells<'a>(&self, line: &'a [u8]) -> Cells<'a> {
        Cells { rest: Some(line), separator: self.separator.byte() }
    }

    /// The one cell that is not empty.
    fn only_column<'a>(&self, line: &'a [u8], number: u64) -> Result<Selected<'a>, UploadFailure> {
        let mut filled = self.cells(line).filter(|cell| !is_blank(cell));
        match (filled.next(), filled.next()) {
            (None, _) => Ok(Selected::Blank),
            (Some(cell), None) => Ok(Selected::Value(cell)),
            (Some(_), Some(_)) => Err(self.two_columns(line, number)),
        }
    }

    fn column<'a>(&self, line: &'a [u8], index: usize) -> Selected<'a> {
        match self.cells(line).nth(index) {
            Some(cell) if !is_blank(cell) => Selected::Value(cell),
            _ if self.cells(line).all(is_blank) => Selected::Blank,
            Some(_) => Selected::Invalid(InvalidReason::EmptyValue),
            None => Selected::Invalid(InvalidReason::MissingColumn),
        }
    }

    /// Confirms the chosen column in the first line that is not blank.
    fn find_choice<'a>(
        &self,
        choice: &Column,
        line: &'a [u8],
        number: u64,
    ) -> Result<(usize, Selected<'a>), UploadFailure> {
        match choice {
            Column::Number(wanted) => {
                let index = wanted.checked_sub(1).ok_or_else(|| not_found("columns are counted from 1, not from 0"))?;
                let count = self.cells(line).count();
                if index >= count {
                    return Err(not_found(format!("column {wanted} was chosen, and line {number} has {count}")));
                }
                Ok((index, self.column(line, index)))
            }
            Column::Name(name) => {
                let wanted = name.to_lowercase();
                let position = self.cells(line).position(|cell| lossy(cell).to_lowercase() == wanted);
                let index = position.ok_or_else(|| {
                    let shown = self.shown(line);
                    not_found(format!("no column is called {name:?} in line {number} ({shown})"))
                })?;
                Ok((index, Selected::Header))
            }
        }
    }

    /// The refusal of a file with several columns: says where, and suggests the one that looks right.
    fn two_columns(&self, line: &[u8], number: u64) -> UploadFailure {
        let count = self.cells(line).filter(|cell| !is_blank(cell)).count();
        let looks_right = |cell: &[u8]| {
            is_header_word(&lossy(cell)) || !matches!(value::read(cell, WellKnown::get()), Value::Invalid(_))
        };
        let suggested = self.cells(line).position(looks_right).map_or(1, |index| index + 1);
        let message = format!(
            "{count} columns found in line {number} ({}): a CRM file has one column, the MD5 of a lower-case e-mail",
            self.shown(line)
        );
        UploadFailure::new(FailureReason::TwoColumns, message)
            .hint(format!("keep the e-mail column only, or pass --column {suggested}"))
    }

    /// The cells of a line as a message may show them: as they are where one of them is a word that heads columns of
    /// addresses, so that the line is a header; masked otherwise, for then they are somebody's.
    fn shown(&self, line: &[u8]) -> String {
        let is_header = self.cells(line).any(|cell| is_header_word(&lossy(cell)));
        let harmless = |text: &str| {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            !text.contains('@') && digits <= 4 && text.chars().count() <= SHOWN_CHARACTERS
        };
        let filled = || self.cells(line).filter(|cell| !is_blank(cell));
        let mut shown: Vec<String> = filled()
            .take(SHOWN_CELLS)
            .map(|cell| {
                let text = lossy(cell);
                if is_header && harmless(&text) { text.escape_debug().to_string() } else { mask(cell) }
            })
            .collect();
        if filled().count() > SHOWN_CELLS {
            shown.push("…".to_owned());
        }
        shown.join(match self.separator {
            Separator::Comma => ",",
            Separator::Tab => "\\t",
            Separator::Semicolon | Separator::None => ";",
        })
    }
}

fn not_found(message: impl Into<String>) -> UploadFailure {
    UploadFailure::new(FailureReason::ColumnNotFound, message)
        .hint("give the number of the column, from 1, or the word that stands above it in the first line")
}

fn lossy(cell: &[u8]) -> String {
    email::trim(&String::from_utf8_lossy(cell)).to_owned()
}

/// Whether nothing visible stands here.
fn is_blank(cell: &[u8]) -> bool {
    let bytes = cell.trim_ascii();
    match bytes.first() {
        None => true,
        Some(first) if first.is_ascii() => false,
        Some(_) => str::from_utf8(bytes).is_ok_and(|text| email::trim(text).is_empty()),
    }
}

/// The separator that a line holds most often outside quotes; `;` before tab before `,`.
fn sniff(line: &[u8]) -> Separator {
    if memchr3(b';', b'\t', b',', line).is_none() {
        return Separator::None;
    }
    let (mut quoted, mut semicolons, mut tabs, mut commas) = (false, 0_usize, 0_usize, 0_usize);
    for byte in line {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => semicolons += 1,
            b'\t' if !quoted => tabs += 1,
            b',' if !quoted => commas += 1,
            _ => {}
        }
    }
    let counts = [(Separator::Comma, commas), (Separator::Tab, tabs), (Separator::Semicolon, semicolons)];
    // Of equal counts `max_by_key` takes the last.
    let (separator, count) = counts.into_iter().max_by_key(|(_, count)| *count).unwrap_or_default();
    if count == 0 { Separator::None } else { separator }
}

/// The cells of one line, out of their quotes.
#[derive(Clone)]
struct Cells<'a> {
    rest: Option<&'a [u8]>,
    separator: Option<u8>,
}

impl<'a> Iterator for Cells<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.take()?;
        let Some(separator) = self.separator else { return Some(unquoted(line)) };
        let quoted = quoted_length(line);
        let found = memchr(separator, line.get(quoted..).unwrap_or_default());
        let end = found.map_or(line.len(), |position| quoted + position);
        let (cell, tail) = line.split_at_checked(end).unwrap_or((line, &[]));
        self.rest = tail.split_first().map(|(_separator, rest)| rest);
        Some(unquoted(cell))
    }
}

/// Bytes up to the end of the quotes that a cell begins with: 0 without quotes, all where they are not closed.
fn quoted_length(line: &[u8]) -> usize {
    let spaces = line.iter().take_while(|byte| **byte == b' ').count();
    if line.get(spaces) != Some(&b'"') {
        return 0;
    }
    let mut position = spaces + 1;
    while let Some(quote) = memchr(b'"', line.get(position..).unwrap_or_default()) {
        position += quote + 1;
        if line.get(position) != Some(&b'"') {
            return position;
        }
        position += 1;
    }
    line.len()
}

/// The inside of a cell in quotes, any other cell without its outer space. Doubled quotes stay, for no value has any.
fn unquoted(cell: &[u8]) -> &[u8] {
    let cell = cell.trim_ascii();
    let inside = cell.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    inside.map_or(cell, <[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Vec<String> {
        let separator = sniff(line.as_bytes()).byte();
        Cells { rest: Some(line.as_bytes()), separator }.map(|cell| String::from_utf8_lossy(cell).into()).collect()
    }

    /// Lines are cut at the separator they hold most, not inside quotes.
    #[test]
    fn lines_are_cut() {
        assert_eq!(cut("a;b,c;d"), ["a", "b,c", "d"]);
        assert_eq!(cut("a\tb"), ["a", "b"]);
        assert_eq!(cut("\"a;b\" ; c;"), ["a;b", "c", ""]);
        assert_eq!(cut("\"a\"\"b\";c"), ["a\"\"b", "c"]);
        assert_eq!(cut("\"a;b"), ["\"a;b"]);
        assert_eq!(cut("a\"b;c\"d"), ["a\"b;c\"d"]);
        assert_eq!(cut("plain"), ["plain"]);
    }

    /// A refusal shows the words of a header and masks what may be somebody's.
    #[test]
    fn refusals_name_nobody() {
        let refuse = |line: &[u8]| Columns::new(None).select(line, 1).unwrap_err();
        let header = refuse(b"email;name");
        assert_eq!(
            header.message(),
            "2 columns found in line 1 (email;name): a CRM file has one column, the MD5 of a lower-case e-mail"
        );
        assert_eq!(header.hint_text(), Some("keep the e-mail column only, or pass --column 1"));
        let values = refuse(b"Jean Dupont,jean.dupont@example.com");
        assert!(!values.message().contains("Dupont") && !values.message().contains("dupont"), "{}", values.message());
        assert_eq!(values.hint_text(), Some("keep the e-mail column only, or pass --column 2"));
    }
}
