//! Tokens to a tree, by precedence `!` over `&` over `|`, on an explicit stack.
//!
//! One level of the stack is one open parenthesis. A parenthesis or a NOT too many is refused where it stands, so the
//! work and the memory of a hostile text end at the 65th, whatever its length.

use crate::error::{Error, ErrorKind, Result};
use crate::expression::Expression;
use crate::expression::lexer::{Lexer, Name, Token};
use crate::expression::pointer::{error_at, picture};
use crate::ids::SegmentNumber;
use crate::limits;

const OPERAND: &str = "a segment, '!' or '('";

/// Reads an expression: `|`, `&`, `!`, parentheses, ids, and display names in quotes.
///
/// # Errors
/// `InvalidInput` that points at the character, says what was expected and what to do; `LimitExceeded` for a text
/// that is too long, too deep or names too many segments.
///
/// ```
/// let expression = segengine::expression::parse(r#"(actifs | "Très fidèles") & !clients-30-jours"#).unwrap();
/// assert_eq!(expression.to_string(), r#"(actifs | "Très fidèles") & !clients-30-jours"#);
/// ```
pub fn parse(text: &str) -> Result<Expression<Name>> {
    if text.len() > limits::EXPRESSION_TEXT_BYTES {
        let allowed = limits::EXPRESSION_TEXT_BYTES as u64;
        return Err(Error::limit("expression", text.len() as u64, allowed, "bytes of text"));
    }
    Parser { text, levels: vec![Level::default()], literals: 0, open_negations: 0 }.run()
}

/// Turns the names of `expression` into numbers by `find`; the errors of unknown names point into `text`.
///
/// # Errors
/// The error of the first name that `find` refused, its message pointing at the name and listing the other ones.
pub fn resolve(
    text: &str,
    expression: &Expression<Name>,
    mut find: impl FnMut(&Name) -> Result<SegmentNumber>,
) -> Result<Expression<SegmentNumber>> {
    let mapped = expression.try_map(|name| find(name).map_err(|error| (name.clone(), error)));
    mapped.map_err(|errors| {
        let others: Vec<_> = errors.iter().skip(1).take(8).map(|(name, _)| name.to_string()).collect();
        let Some((name, error)) = errors.into_iter().next() else { return Error::internal("an error without a cause") };
        let more =
            if others.is_empty() { String::new() } else { format!("\nalso not resolved: {}", others.join(", ")) };
        let message = match name.column() {
            0 => format!("{}{more}", error.message()),
            column => format!("column {column}: {}\n{}{more}", error.message(), picture(text, column)),
        };
        let pointed = Error::new(error.kind(), message).field("expression");
        match error.hint_text() {
            Some(hint) => pointed.hint(hint),
            None => pointed,
        }
    })
}

/// What is known inside one pair of parentheses: finished OR-operands, AND-operands of the one being read, and the
/// NOTs that wait for their operand.
#[derive(Default)]
struct Level {
    opened_at: usize,
    alternatives: Vec<Expression<Name>>,
    factors: Vec<Expression<Name>>,
    negations: usize,
}

/// What followed an operand.
enum After {
    /// An operator, as the place where the next operand is expected.
    Operator(&'static str),
    /// The end of the text.
    Whole(Expression<Name>),
}

struct Parser<'a> {
    text: &'a str,
    levels: Vec<Level>,
    literals: usize,
    open_negations: usize,
}

impl Parser<'_> {
    fn run(mut self) -> Result<Expression<Name>> {
        let mut lexer = Lexer::new(self.text);
        let mut place = "at the beginning";
        loop {
            let (token, column) = lexer.next_token()?;
            place = match token {
                Token::Not => self.open_negation(column).map(|()| "after '!'")?,
                Token::Open => self.open_parenthesis(column).map(|()| "after '('")?,
                Token::Name(name) => {
                    self.name(name, column)?;
                    match self.after_operand(&mut lexer)? {
                        After::Operator(place) => place,
                        After::Whole(expression) => return Ok(expression),
                    }
                }
                other => {
                    let what = format!("expected {OPERAND} {place}, found {other}");
                    return Err(self.error(column, &what).hint("write for example `(a | b) & !c`"));
                }
            };
        }
    }

    /// Closes parentheses and reads the operator after a finished operand; the whole expression at the end.
    fn after_operand(&mut self, lexer: &mut Lexer<'_>) -> Result<After> {
        loop {
            let (token, column) = lexer.next_token()?;
            match token {
                Token::And => return Ok(After::Operator("after '&'")),
                Token::Or => {
                    let level = self.levels.last_mut().ok_or_else(lost)?;
                    let product = Expression::all(std::mem::take(&mut level.factors));
                    let product = product.map_err(|error| point(&error, self.text, column))?;
                    level.alternatives.push(product);
                    return Ok(After::Operator("after '|'"));
                }
                Token::Close if self.levels.len() > 1 => {
                    let operand = self.close(column)?;
                    self.operand(operand, column)?;
                }
                Token::Close => {
                    return Err(self.error(column, "this ')' closes nothing").hint("remove it, or open one before"));
                }
                Token::End if self.levels.len() > 1 => {
                    let opened_at = self.levels.last().map_or(column, |level| level.opened_at);
                    return Err(self.error(opened_at, "this '(' is never closed").hint("close it with ')'"));
                }
                Token::End => return self.close(column).map(After::Whole),
                other => {
                    let what = format!("expected '|', '&' or the end after a segment, found {other}");
                    return Err(self
                        .error(column, &what)
                        .hint("put | or & between segments; quote a display name that has spaces"));
                }
            }
        }
    }

    fn open_negation(&mut self, column: usize) -> Result<()> {
        self.open_negations += 1;
        self.check_depth(self.open_negations, column)?;
        self.levels.last_mut().ok_or_else(lost)?.negations += 1;
        Ok(())
    }

    fn open_parenthesis(&mut self, column: usize) -> Result<()> {
        self.check_depth(self.levels.len(), column)?;
        self.levels.push(Level { opened_at: column, ..Level::default() });
        Ok(())
    }

    fn check_depth(&self, depth: usize, column: usize) -> Result<()> {
        if depth <= limits::EXPRESSION_DEPTH {
            return Ok(());
        }
        let error = Error::limit("expression", depth as u64, limits::EXPRESSION_DEPTH as u64, "levels");
        Err(point(&error, self.text, column))
    }

    fn name(&mut self, name: Name, column: usize) -> Result<()> {
        self.literals += 1;
        if self.literals > limits::EXPRESSION_LITERALS {
            let allowed = limits::EXPRESSION_LITERALS as u64;
            return Err(point(&Error::limit("expression", allowed + 1, allowed, "segments"), self.text, column));
        }
        self.operand(Expression::literal(name), column)
    }

    /// Applies the waiting NOTs and keeps the operand as a factor.
    fn operand(&mut self, mut operand: Expression<Name>, column: usize) -> Result<()> {
        let level = self.levels.last_mut().ok_or_else(lost)?;
        for _ in 0..std::mem::take(&mut level.negations) {
            self.open_negations -= 1;
            operand = Expression::negate(operand).map_err(|error| point(&error, self.text, column))?;
        }
        level.factors.push(operand);
        Ok(())
    }

    fn close(&mut self, column: usize) -> Result<Expression<Name>> {
        let mut level = self.levels.pop().ok_or_else(lost)?;
        let whole = Expression::all(level.factors).and_then(|product| {
            level.alternatives.push(product);
            Expression::any(level.alternatives)
        });
        whole.map_err(|error| point(&error, self.text, column))
    }

    fn error(&self, column: usize, what: &str) -> Error {
        error_at(ErrorKind::InvalidInput, self.text, column, what)
    }
}

fn lost() -> Error {
    Error::internal("the parser lost its outermost level")
}

/// The same error with the place it was found at.
fn point(error: &Error, text: &str, column: usize) -> Error {
    error_at(error.kind(), text, column, error.message())
        .hint("split the expression over computed segments or adgroups")
}
