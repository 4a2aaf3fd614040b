//! The stored form of an expression: postfix text, one line.
//!
//! `(12 | 13) & !4` is stored as `12 13 |2 4 ! &2`: a number is a segment, `!` negates the last value, `&n` and `|n`
//! join the last n (n ≥ 2), `T` and `F` are the constants. Postfix needs no recursion to read, cannot be ambiguous,
//! and is a quarter of the size of a JSON tree. The decoder trusts nothing: each step is checked against the bounds,
//! and its stack never holds more values than the text has literals.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::expression::{Expression, Node};
use crate::ids::SegmentNumber;
use crate::limits;

impl Expression<SegmentNumber> {
    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(8 * self.literal_count());
        self.encode_into(&mut out);
        out
    }

    fn encode_into(&self, out: &mut String) {
        self.children().iter().for_each(|child| child.encode_into(out));
        if !out.is_empty() {
            out.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = match self.node() {
            Node::Constant(true) => out.write_char('T'),
            Node::Constant(false) => out.write_char('F'),
            Node::Literal(segment) => write!(out, "{segment}"),
            Node::Not(_) => out.write_char('!'),
            Node::And(children) => write!(out, "&{}", children.len()),
            Node::Or(children) => write!(out, "|{}", children.len()),
        };
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// `Corrupted` naming the byte of the first token that is not what [`Self::encode`] writes.
    pub fn decode(text: &str) -> Result<Self> {
        let mut stack: Vec<Self> = Vec::new();
        let mut offset = 0;
        let mut literals = 0;
        for token in text.split(' ') {
            if token.starts_with(|first: char| first.is_ascii_digit()) {
                literals += 1;
            }
            if literals > limits::EXPRESSION_LITERALS || stack.len() > limits::EXPRESSION_LITERALS {
                return Err(damaged(offset, "more literals than an expression may have"));
            }
            let value = decode_token(token, &mut stack).map_err(|what| damaged(offset, &what))?;
            stack.push(value);
            offset += token.len() + 1;
        }
        match (stack.pop(), stack.is_empty()) {
            (Some(whole), true) => Ok(whole),
            _ => Err(damaged(text.len(), "values are left over")),
        }
    }
}

fn decode_token(token: &str, stack: &mut Vec<Expression<SegmentNumber>>) -> Result<Expression<SegmentNumber>, String> {
    let refuse = |error: Error| error.message().to_owned();
    let mut take = |count: &str| {
        let count = canonical_number(count).filter(|&count| count >= 2).ok_or("not a number of operands")?;
        let first = usize::try_from(count).ok().and_then(|count| stack.len().checked_sub(count));
        first.map(|first| stack.split_off(first)).ok_or("an operator without its operands")
    };
    match token.split_at_checked(1) {
        Some(("T", "")) => Ok(Expression::constant(true)),
        Some(("F", "")) => Ok(Expression::constant(false)),
        Some(("!", "")) => stack
            .pop()
            .ok_or("a NOT without its operand".to_owned())
            .and_then(|child| Expression::negate(child).map_err(refuse)),
        Some(("&", count)) => Expression::all(take(count)?).map_err(refuse),
        Some(("|", count)) => Expression::any(take(count)?).map_err(refuse),
        _ => decode_segment(token).map(Expression::literal),
    }
}

/// A segment number as [`Expression::encode`] writes it.
pub(super) fn decode_segment(token: &str) -> Result<SegmentNumber, String> {
    canonical_number(token).map(SegmentNumber).ok_or_else(|| "not a segment number".to_owned())
}

/// Digits only, without leading zeros, so that each expression has exactly one stored form.
fn canonical_number(token: &str) -> Option<u32> {
    let canonical = token.bytes().all(|byte| byte.is_ascii_digit()) && (token.len() == 1 || !token.starts_with('0'));
    if canonical { token.parse().ok() } else { None }
}

pub(super) fn damaged(offset: usize, what: &str) -> Error {
    Error::corrupted("stored targeting", offset as u64, what)
}
