//! The text grammar: `(actifs | "Très fidèles") & !clients-30-jours`.
//!
//! ```text
//! expression = term { "|" term }        term = factor { "&" factor }        factor = { "!" } ( name | "(" expression ")" )
//! name = id { "/" id }  (at most three)  |  '"' display name, with \" and \\ '"'
//! ```
//! `-` belongs to ids and is never an operator. `and or not in between true false` and comparisons are reserved for
//! attributes. The parser keeps an explicit stack of at most 64 open parentheses; every error points at its character.

use super::tree::{Expression, Node};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{EXPRESSION_DEPTH, EXPRESSION_LITERALS, EXPRESSION_TEXT_BYTES};

/// A segment as text names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// An id, or a path of ids (`campaign/segment`, `advertiser/campaign/segment`).
    Id(String),
    /// A display name, exactly.
    Display(String),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Display(name) => write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

const RESERVED: [&str; 7] = ["and", "or", "not", "in", "between", "true", "false"];

/// Reads an expression.
///
/// # Errors
/// `InvalidInput` with the column (in characters, from 1) and a line that points at it; `LimitExceeded`.
pub fn parse(text: &str) -> Result<Expression<Name>> {
    if text.len() > EXPRESSION_TEXT_BYTES {
        return Err(Error::limit("expression", text.len() as u64, EXPRESSION_TEXT_BYTES as u64, "bytes"));
    }
    Parser { text, at: 0, nodes: Vec::new(), literals: 0, frames: vec![Frame::default()] }.run()
}

/// What is open inside one pair of parentheses.
#[derive(Default)]
struct Frame {
    opened_at: usize,
    terms: u32,
    factors: u32,
    negations: usize,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<Name>>,
    literals: usize,
    frames: Vec<Frame>,
}

impl Parser<'_> {
    fn run(mut self) -> Result<Expression<Name>> {
        loop {
            self.operand()?;
            loop {
                match self.peek() {
                    Some('&') => {
                        self.at += 1;
                        break;
                    }
                    Some('|') => {
                        self.at += 1;
                        self.end_term();
                        break;
                    }
                    Some(')') => self.close()?,
                    None => return self.finish(),
                    Some(other) => return Err(self.unexpected(other, "\"&\", \"|\" or the end")),
                }
            }
        }
    }

    /// Reads negations and opening parentheses up to a name.
    fn operand(&mut self) -> Result<()> {
        loop {
            match self.peek() {
                Some('!') => {
                    let negations = self.frame().negations + 1;
                    self.frame().negations = negations;
                    if negations >= EXPRESSION_DEPTH {
                        return Err(self.too_deep());
                    }
                    self.at += 1;
                }
                Some('(') => {
                    if self.frames.len() > EXPRESSION_DEPTH {
                        return Err(self.too_deep());
                    }
                    self.frames.push(Frame { opened_at: self.at, ..Frame::default() });
                    self.at += 1;
                }
                Some('"') => {
                    let name = self.quoted()?;
                    return self.literal(name);
                }
                Some(letter) if letter.is_ascii_alphanumeric() => {
                    let name = self.id()?;
                    return self.literal(name);
                }
                Some(other) => return Err(self.unexpected(other, "a segment, \"!\" or \"(\"")),
                None => return Err(self.error(self.text.len(), "the expression ends where a segment is expected")),
            }
        }
    }

    fn literal(&mut self, name: Name) -> Result<()> {
        self.literals += 1;
        if self.literals > EXPRESSION_LITERALS {
            return Err(Error::limit("expression", self.literals as u64, EXPRESSION_LITERALS as u64, "literals"));
        }
        self.nodes.push(Node::Literal(name));
        self.end_factor();
        Ok(())
    }

    fn end_factor(&mut self) {
        let negations = std::mem::take(&mut self.frame().negations);
        self.nodes.extend(std::iter::repeat_n(Node::Not, negations));
        self.frame().factors += 1;
    }

    fn end_term(&mut self) {
        let factors = std::mem::take(&mut self.frame().factors);
        if factors > 1 {
            self.nodes.push(Node::And(factors));
        }
        self.frame().terms += 1;
    }

    fn end_frame(&mut self) {
        self.end_term();
        let terms = self.frame().terms;
        if terms > 1 {
            self.nodes.push(Node::Or(terms));
        }
    }

    fn close(&mut self) -> Result<()> {
        if self.frames.len() == 1 {
            return Err(self.error(self.at, "this parenthesis was never opened"));
        }
        self.end_frame();
        self.frames.pop();
        self.at += 1;
        self.end_factor();
        Ok(())
    }

    fn finish(mut self) -> Result<Expression<Name>> {
        if self.frames.len() > 1 {
            let opened_at = self.frame().opened_at;
            return Err(self.error(opened_at, "this parenthesis is never closed"));
        }
        self.end_frame();
        Expression::from_nodes(self.nodes)
    }

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the vector is not empty")]
        &mut self.frames[last]
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn id(&mut self) -> Result<Name> {
        let start = self.at;
        let belongs = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '/';
        let rest = self.rest();
        let word =
            rest.get(..rest.find(|letter| !belongs(letter)).unwrap_or(rest.len())).unwrap_or_default().to_owned();
        if RESERVED.contains(&word.to_ascii_lowercase().as_str()) {
            let what =
                format!("{word:?} is a reserved word; write \"!\", \"&\" and \"|\", or quote it to name a segment");
            return Err(self.error(start, &what));
        }
        let parts: Vec<&str> = word.split('/').collect();
        if parts.len() > 3 || parts.iter().any(|part| crate::ids::check_slug(part).is_err()) {
            return Err(self.error(start, &format!("{word:?} is not an id; put quotes around a display name")));
        }
        self.at += word.len();
        Ok(Name::Id(word))
    }

    fn quoted(&mut self) -> Result<Name> {
        let start = self.at;
        let mut name = String::new();
        let mut escaped = false;
        for (place, letter) in self.rest().char_indices().skip(1) {
            match letter {
                '"' | '\\' if escaped => name.push(letter),
                _ if escaped => return Err(self.error(start + place, "only \\\" and \\\\ can be escaped")),
                '\\' => {
                    escaped = true;
                    continue;
                }
                '"' => {
                    let name = crate::ids::display_name(&name).map_err(|error| self.error(start, error.message()))?;
                    self.at = start + place + 1;
                    return Ok(Name::Display(name));
                }
                _ => name.push(letter),
            }
            escaped = false;
        }
        Err(self.error(start, "this quote is never closed"))
    }

    fn too_deep(&self) -> Error {
        let error = self.error(self.at, &format!("the expression is more than {EXPRESSION_DEPTH} levels deep here"));
        Error::new(ErrorKind::LimitExceeded, error.message().to_owned()).field("expression").hint("simplify it")
    }

    fn unexpected(&self, found: char, expected: &str) -> Error {
        if matches!(found, '=' | '<' | '>') {
            return self.error(self.at, "comparisons are reserved for attributes, which this version does not have");
        }
        self.error(self.at, &format!("found {found:?} where {expected} is expected"))
    }

    /// An error that shows the text around `at` with a caret under its character.
    fn error(&self, at: usize, what: &str) -> Error {
        /// Characters shown on either side.
        const AROUND: usize = 30;
        let before: Vec<char> = self.text.get(..at).unwrap_or_default().chars().collect();
        let after: String = self.text.get(at..).unwrap_or_default().chars().take(AROUND).collect();
        let shown: String = before.iter().skip(before.len().saturating_sub(AROUND)).collect();
        let caret = " ".repeat(shown.chars().count());
        let picture = format!("{shown}{after}").replace(char::is_control, " ");
        Error::invalid(format!("expression, column {}: {what}", before.len() + 1))
            .field("expression")
            .hint(format!("look at the mark:\n  {picture}\n  {caret}^"))
    }
}

/// Writes an expression in the grammar, with no parenthesis that is not needed.
#[must_use]
pub fn print<L>(expression: &Expression<L>, mut name: impl FnMut(&L) -> String) -> String {
    /// How tightly a printed piece holds together: OR, AND, NOT or name.
    type Piece = (u8, String);
    let wrap = |(tightness, text): Piece, wanted: u8| if tightness < wanted { format!("({text})") } else { text };
    let printed: Option<Piece> = expression.fold(
        |literal| (3, name(literal)),
        |operand| (2, format!("!{}", wrap(operand, 2))),
        |and, operands| {
            // An operand of the same operator keeps its parentheses, so that reading gives the same tree.
            let (tightness, between) = if and { (1, " & ") } else { (0, " | ") };
            let parts: Vec<String> = operands.into_iter().map(|operand| wrap(operand, tightness + 1)).collect();
            (tightness, parts.join(between))
        },
    );
    printed.map(|piece| piece.1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tree::tests::any_tree;
    use super::*;

    fn shown(text: &str) -> String {
        print(&parse(text).unwrap(), ToString::to_string)
    }

    #[test]
    fn precedence_and_names_read_as_documented() {
        assert_eq!(
            shown("(actifs | \"Très fidèles\") & !clients-30-jours"),
            "(actifs | \"Très fidèles\") & !clients-30-jours"
        );
        assert_eq!(shown("a|b&!c"), "a | b & !c");
        assert_eq!(shown("((a))"), "a");
        assert_eq!(shown("!(a|b)"), "!(a | b)");
        assert_eq!(shown("acme/spring/a & !!b"), "acme/spring/a & !!b");
        assert_eq!(shown("\"a \\\"b\\\" \\\\\""), "\"a \\\"b\\\" \\\\\"");
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, column) in [
            ("", 1),
            ("a &", 4),
            ("é", 1),
            ("a b", 3),
            ("(a", 1),
            ("a)", 2),
            ("a and b", 3),
            ("not", 1),
            ("\"a", 1),
            ("a = b", 3),
            ("a--b", 1),
            ("A", 1),
            ("a | | b", 5),
            ("\"é\" x", 5),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains(&format!("column {column}:")), "{text:?}: {error}");
            assert!(error.hint_text().unwrap().contains('^'));
        }
    }

    #[test]
    fn a_million_levels_are_refused_without_being_followed() {
        for text in ["!".repeat(1_000_000), "(".repeat(1_000_000), format!("{}a{}", "(".repeat(65), ")".repeat(65))] {
            assert_eq!(parse(&text).unwrap_err().kind(), ErrorKind::LimitExceeded);
        }
        assert_eq!(parse(&vec!["a"; 5_000].join("|")).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(tree in any_tree(9)) {
            let named = tree.try_map(|number| Ok(Name::Id(format!("s{number}")))).unwrap();
            let text = print(&named, ToString::to_string);
            prop_assert_eq!(parse(&text).unwrap(), named);
        }

        #[test]
        fn no_text_breaks_the_parser(text in "[a-c!&|()\" \\\\é=-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
