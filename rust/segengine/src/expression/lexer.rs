//! Text to tokens: names, quotes, operators, each with the column it stands at.
//!
//! `-` belongs to names and is never an operator; words and signs that later comparisons of attributes will need are
//! reserved now, so that no stored text changes its meaning then.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, ErrorKind, Result};
use crate::expression::pointer::error_at;
use crate::ids;

const RESERVED: &[(&str, &str)] = &[
    ("and", "write & for and"),
    ("or", "write | for or"),
    ("not", "write ! for not"),
    ("in", "attributes cannot be compared in expressions yet"),
    ("between", "attributes cannot be compared in expressions yet"),
    ("true", "leave the expression out to target everybody"),
    ("false", "pause the adgroup to target nobody"),
];

/// Parts of the longest resource name, `advertisers/a/campaigns/c/segments/s`.
const NAME_PARTS: usize = 6;

/// How a segment was named in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    /// Ids joined by `/`: `segment`, `campaign/segment`, `advertiser/campaign/segment` or a full resource name.
    Path,
    /// A display name in quotes, in NFC.
    Display,
}

/// A segment as a text names it; where it stood is not part of its equality.
#[derive(Debug, Clone)]
pub struct Name {
    kind: NameKind,
    text: Box<str>,
    column: usize,
}

impl Name {
    /// A name made outside a text.
    ///
    /// # Errors
    /// `InvalidInput` when a part of the path is no id, or the display name is empty, too long or has controls.
    pub fn new(kind: NameKind, text: &str) -> Result<Self> {
        let text = match kind {
            NameKind::Path if text.split('/').count() > NAME_PARTS => {
                return Err(Error::invalid(format!("{text:?} is no segment: a path has at most {NAME_PARTS} parts")));
            }
            NameKind::Path => text.split('/').try_for_each(ids::check_slug).map(|()| text.to_owned())?,
            NameKind::Display => ids::display_name(text)?,
        };
        Ok(Self { kind, text: text.into(), column: 0 })
    }

    /// Path of ids or display name.
    #[must_use]
    pub fn kind(&self) -> NameKind {
        self.kind
    }

    /// The path or the display name, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it stood in the text, from 1 in characters; 0 when it was not read from one.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.text) == (other.kind, &other.text)
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.kind, &self.text).hash(state);
    }
}

/// As it is written in a text: a path bare, a display name in quotes.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            NameKind::Path => f.write_str(&self.text),
            NameKind::Display => write!(f, "\"{}\"", self.text.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Or,
    And,
    Not,
    Open,
    Close,
    Name(Name),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or => f.write_str("'|'"),
            Self::And => f.write_str("'&'"),
            Self::Not => f.write_str("'!'"),
            Self::Open => f.write_str("'('"),
            Self::Close => f.write_str("')'"),
            Self::Name(name) => write!(f, "the segment {name}"),
            Self::End => f.write_str("the end"),
        }
    }
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    rest: Peekable<Chars<'a>>,
    /// Column of the next character.
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text.chars().peekable(), column: 1 }
    }

    /// The next token and the column of its first character.
    pub(super) fn next_token(&mut self) -> Result<(Token, usize)> {
        while self.rest.peek().is_some_and(|character| character.is_whitespace()) {
            self.bump();
        }
        let column = self.column;
        let Some(&character) = self.rest.peek() else { return Ok((Token::End, column)) };
        let token = match character {
            '(' => self.sign(Token::Open),
            ')' => self.sign(Token::Close),
            '&' | '|' => self.doubled(character)?,
            '!' => {
                let token = self.sign(Token::Not);
                if self.rest.peek() == Some(&'=') {
                    return Err(self.comparison(column));
                }
                token
            }
            '=' | '<' | '>' => return Err(self.comparison(column)),
            '"' => self.quoted()?,
            '-' => {
                return Err(self
                    .error(column, "'-' belongs to names and is never an operator")
                    .hint("write `a & !b` for a without b"));
            }
            _ if is_bare(character) => self.bare()?,
            _ => return Err(self.stray(character, column)),
        };
        Ok((token, column))
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        self.column += 1;
        Some(character)
    }

    fn sign(&mut self, token: Token) -> Token {
        self.bump();
        token
    }

    fn error(&self, column: usize, what: &str) -> Error {
        error_at(ErrorKind::InvalidInput, self.text, column, what)
    }

    fn comparison(&self, column: usize) -> Error {
        self.error(column, "comparisons (= != < <= > >=) are reserved for attributes")
            .hint("an expression combines segments only, by | & ! and parentheses")
    }

    fn stray(&self, character: char, column: usize) -> Error {
        let hint = match character {
            ',' | ';' => "write | between segments of which any will do, & between those that are all needed",
            '~' => "write ! for not",
            '\'' | '«' | '“' | '”' | '`' => "quote a display name with \"double quotes\"",
            _ => "segments are combined by | & ! and parentheses; quote a display name with \"double quotes\"",
        };
        self.error(column, &format!("{character:?} has no meaning here")).hint(hint)
    }

    fn doubled(&mut self, character: char) -> Result<Token> {
        let token = self.sign(if character == '&' { Token::And } else { Token::Or });
        if self.rest.peek() == Some(&character) {
            return Err(self.error(self.column, &format!("a second {character:?}")).hint("write the operator once"));
        }
        Ok(token)
    }

    /// A display name: `\"` and `\\` are its only escapes.
    fn quoted(&mut self) -> Result<Token> {
        let column = self.column;
        self.bump();
        let mut name = String::new();
        loop {
            let place = self.column;
            match self.bump() {
                Some('"') => break,
                Some('\\') => match self.bump() {
                    Some(escaped @ ('"' | '\\')) => name.push(escaped),
                    _ => {
                        return Err(self
                            .error(place, "'\\' in quotes stands before '\"' or '\\' only")
                            .hint("write \\\\ for a backslash and \\\" for a quote"));
                    }
                },
                Some(character) => name.push(character),
                None => return Err(self.error(column, "this quote is never closed").hint("close it with '\"'")),
            }
        }
        let name = Name::new(NameKind::Display, &name).map_err(|error| {
            self.error(column, error.message()).hint("put the display name of a segment in the quotes")
        })?;
        Ok(Token::Name(Name { column, ..name }))
    }

    /// An id, or ids joined by `/`.
    fn bare(&mut self) -> Result<Token> {
        let column = self.column;
        let mut word = String::new();
        while let Some(character) = self.rest.next_if(|&character| is_bare(character)) {
            self.column += 1;
            word.push(character);
        }
        let lower = word.to_lowercase();
        if let Some((_, hint)) = RESERVED.iter().find(|(reserved, _)| *reserved == lower) {
            return Err(self.error(column, &format!("the word {word:?} is reserved")).hint(*hint));
        }
        match Name::new(NameKind::Path, &word) {
            Ok(name) => Ok(Token::Name(Name { column, ..name })),
            Err(error) => {
                let foreign = |character: char| {
                    !(character.is_ascii_lowercase() || character.is_ascii_digit() || "-/".contains(character))
                };
                let place = column + word.chars().position(foreign).unwrap_or(0);
                Err(self
                    .error(place, error.message())
                    .hint(format!("write \"{word}\" in quotes if it is a display name")))
            }
        }
    }
}

/// What a word without quotes is made of; only some words are names, but the whole word is what the error should show.
fn is_bare(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | '/' | '.' | ':' | '@' | '+' | '%' | '#' | '*' | '?')
}
