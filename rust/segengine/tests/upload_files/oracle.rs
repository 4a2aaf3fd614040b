//! The naive parser: the whole file in memory, one pass per question, nothing shared with the engine's but the
//! definition of an address. Written from the table in docs/concepts/crm-files.md.

use std::collections::{BTreeMap, BTreeSet};

use segengine::identity::email;
use segengine::segment::upload::InvalidReason as Reason;

use super::{md5_hex, sha256_hex};

/// What the oracle makes of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) rows_total: u64,
    pub(crate) blank: u64,
    pub(crate) header: u64,
    pub(crate) valid: u64,
    pub(crate) upper_case: u64,
    pub(crate) raw_emails: u64,
    pub(crate) invalid: BTreeMap<Reason, u64>,
    pub(crate) sampled: Vec<(u64, Reason)>,
    /// Lower-case hex of every distinct member.
    pub(crate) members: BTreeSet<String>,
    /// Why the whole file is refused.
    pub(crate) refused: Option<&'static str>,
}

enum Cell {
    Hash(String, bool),
    Address(String),
    Unusable(Reason),
}

/// The lines of a text, by the ends LF, CRLF and CR.
fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut position = 0;
    while position < text.len() {
        match (text[position], text.get(position + 1)) {
            (b'\r', Some(b'\n')) => {
                lines.push(Vec::new());
                position += 1;
            }
            (b'\r' | b'\n', _) => lines.push(Vec::new()),
            (byte, _) => lines.last_mut().unwrap().push(byte),
        }
        position += 1;
    }
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// The first line that is not blank and has a separator outside quotes names it.
fn separator(lines: &[Vec<u8>]) -> (usize, Option<u8>) {
    for (number, line) in lines.iter().enumerate() {
        if line.contains(&0) || trim(line).is_empty() {
            continue;
        }
        let outside: Vec<u8> = line.split(|byte| *byte == b'"').step_by(2).flatten().copied().collect();
        let count = |separator: u8| outside.split(|byte| *byte == separator).skip(1).count();
        let counts = [count(b';'), count(b'\t'), count(b',')];
        let most = *counts.iter().max().unwrap();
        if most > 0 {
            let which = counts.iter().position(|count| *count == most).unwrap();
            return (number, Some([b';', b'\t', b','][which]));
        }
    }
    (usize::MAX, None)
}

fn trim(cell: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(cell) {
        Ok(text) => email::trim(text).as_bytes().to_vec(),
        Err(_) => cell.trim_ascii().to_vec(),
    }
}

/// Cells that are not empty; quotes count only where a cell begins with them.
fn filled_cells(line: &[u8], separator: Option<u8>) -> Vec<Vec<u8>> {
    let mut cells: Vec<Vec<u8>> = vec![Vec::new()];
    let mut quoted = false;
    for byte in line {
        let cell = cells.last_mut().unwrap();
        let opens = *byte == b'"' && cell.iter().all(|byte| *byte == b' ');
        let in_quoted_cell = cell.iter().find(|byte| **byte != b' ') == Some(&b'"');
        if Some(*byte) == separator && !quoted {
            cells.push(Vec::new());
            continue;
        }
        if opens || (*byte == b'"' && in_quoted_cell && (quoted || cell.last() == Some(&b'"'))) {
            quoted = !quoted;
        }
        cell.push(*byte);
    }
    let unquote = |cell: Vec<u8>| {
        let cell = cell.trim_ascii().to_vec();
        if cell.len() >= 2 && cell.starts_with(b"\"") && cell.ends_with(b"\"") {
            cell[1..cell.len() - 1].trim_ascii().to_vec()
        } else {
            cell
        }
    };
    cells.into_iter().map(unquote).filter(|cell| !trim(cell).is_empty()).collect()
}

fn judge(cell: &[u8]) -> Cell {
    let Ok(text) = String::from_utf8(trim(cell)) else { return Cell::Unusable(Reason::NotUtf8) };
    let lower = text.to_ascii_lowercase();
    let hex_digits = |text: &str| !text.is_empty() && text.chars().all(|c| "0123456789abcdef".contains(c));
    if hex_digits(&lower) && (lower.len() == 32 || lower.len() == 64) {
        if lower == md5_hex("") || lower == sha256_hex("") {
            return Cell::Unusable(Reason::EmptyHash);
        }
        if ["email", "Email", "md5"].iter().any(|word| lower == md5_hex(word) || lower == sha256_hex(word)) {
            return Cell::Unusable(Reason::HeaderHash);
        }
        let upper = lower != text;
        return Cell::Hash(lower, upper);
    }
    if text.contains('"') || (text.len() > 1 && text.starts_with('\'') && text.ends_with('\'')) {
        return Cell::Unusable(Reason::QuotesInside);
    }
    if email::is_address(&text) {
        return Cell::Address(text);
    }
    if lower.starts_with("0x") && hex_digits(&lower[2..]) {
        return Cell::Unusable(Reason::HexPrefix);
    }
    let base64_of_16_or_32 = (text.len() == 24 && text.ends_with("==")) || (text.len() == 44 && text.ends_with('='));
    Cell::Unusable(if hex_digits(&lower) {
        Reason::WrongLength
    } else if text.contains('@') {
        Reason::NotAnEmail
    } else if base64_of_16_or_32 && !text.contains(' ') {
        Reason::Base64
    } else {
        Reason::NotHex
    })
}

/// Reads a whole file of UTF-8 text (or what is nearly that).
pub(crate) fn parse(text: &[u8], allow_raw_emails: bool) -> Expected {
    let lines = lines(text);
    let (separated_from, separator) = separator(&lines);
    let mut expected = Expected::default();
    let mut begun = false;
    for (index, line) in lines.iter().enumerate() {
        let number = index as u64 + 1;
        let separator = if index >= separated_from { separator } else { None };
        let cells = if line.contains(&0) { vec![line.clone()] } else { filled_cells(line, separator) };
        if cells.len() > 1 {
            expected.refused = Some("two_columns");
            return expected;
        }
        let Some(cell) = cells.first() else {
            expected.blank += 1;
            expected.rows_total += 1;
            continue;
        };
        let judged = if line.contains(&0) { Cell::Unusable(Reason::NulByte) } else { judge(cell) };
        let member = match judged {
            Cell::Unusable(reason) => {
                let header = match reason {
                    Reason::NotHex | Reason::NotUtf8 | Reason::QuotesInside | Reason::NotAnEmail => !begun,
                    Reason::WrongLength => !begun && cell.len() < 16,
                    _ => false,
                };
                if header {
                    expected.header += 1;
                } else {
                    *expected.invalid.entry(reason).or_default() += 1;
                    if expected.sampled.len() < 50 {
                        expected.sampled.push((number, reason));
                    }
                }
                None
            }
            Cell::Address(_) if !allow_raw_emails => {
                expected.refused = Some("raw_emails");
                return expected;
            }
            Cell::Address(address) => {
                expected.raw_emails += 1;
                Some(md5_hex(&address.to_lowercase()))
            }
            Cell::Hash(hash, upper) => {
                expected.upper_case += u64::from(upper);
                Some(hash)
            }
        };
        if let Some(member) = member {
            expected.valid += 1;
            expected.members.insert(member);
        }
        expected.rows_total += 1;
        begun = true;
    }
    if expected.valid == 0 && expected.invalid.is_empty() {
        expected.refused = Some("empty");
    } else if expected.members.is_empty() {
        expected.refused = Some("too_small");
    }
    expected
}
