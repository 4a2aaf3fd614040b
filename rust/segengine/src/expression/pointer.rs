//! Errors that point at the character: a message, the text, and a caret under the place.

use crate::error::{Error, ErrorKind};

/// Characters of the text shown on each side of the place.
const CONTEXT_CHARACTERS: usize = 32;

/// An error about the character of `text` at `column` (from 1, counted in characters).
pub(super) fn error_at(kind: ErrorKind, text: &str, column: usize, what: &str) -> Error {
    Error::new(kind, format!("column {column}: {what}\n{}", picture(text, column))).field("expression")
}

/// Two lines: the neighbourhood of the place, and a caret under it.
pub(super) fn picture(text: &str, column: usize) -> String {
    let place = column.saturating_sub(1);
    let first = place.saturating_sub(CONTEXT_CHARACTERS);
    let mut line = String::from(if first > 0 { "  …" } else { "  " });
    let caret = line.chars().count() + (place - first);
    let mut rest = text.chars().skip(first);
    // Tabs, line ends and other controls would break the line or move the caret.
    let shown = rest.by_ref().take(place - first + CONTEXT_CHARACTERS);
    line.extend(shown.map(|character| if character.is_control() { ' ' } else { character }));
    if rest.next().is_some() {
        line.push('…');
    }
    format!("{line}\n{}^", " ".repeat(caret))
}
