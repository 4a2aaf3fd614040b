//! How the catalog keeps an expression: postfix text such as `12 7 |2 3 ! &2`.

use super::tree::{Expression, Node};
use crate::error::{Error, Result};
use crate::ids::SegmentNumber;

/// The stored form.
#[must_use]
pub fn encode(expression: &Expression<SegmentNumber>) -> String {
    let words = expression.nodes().iter().map(|node| match node {
        Node::Literal(segment) => segment.to_string(),
        Node::Not => "!".to_owned(),
        Node::And(count) => format!("&{count}"),
        Node::Or(count) => format!("|{count}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Reads the stored form.
///
/// # Errors
/// `InvalidInput` for text that is no stored expression; `LimitExceeded`.
pub fn decode(text: &str) -> Result<Expression<SegmentNumber>> {
    let number = |digits: &str, word: &str| {
        digits.parse::<u32>().map_err(|_| Error::invalid(format!("{word:?} does not belong in a stored expression")))
    };
    let nodes = text.split(' ').map(|word| {
        Ok(match word.split_at_checked(1) {
            Some(("!", "")) => Node::Not,
            Some(("&", count)) => Node::And(number(count, word)?),
            Some(("|", count)) => Node::Or(number(count, word)?),
            _ => Node::Literal(SegmentNumber(number(word, word)?)),
        })
    });
    Expression::from_nodes(nodes.collect::<Result<_>>()?)
}

/// Whether a stored expression names `segment`, without reading it as a tree.
#[must_use]
pub fn mentions(text: &str, segment: SegmentNumber) -> bool {
    text.split(' ').any(|word| word.parse() == Ok(segment.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tree::tests::any_tree;
    use super::*;

    proptest! {
        #[test]
        fn what_is_stored_reads_back(tree in any_tree(99)) {
            let tree = tree.try_map(|number| Ok(SegmentNumber(*number))).unwrap();
            prop_assert_eq!(decode(&encode(&tree)).unwrap(), tree);
        }

        #[test]
        fn an_expression_mentions_its_literals_and_nothing_else(tree in any_tree(9), segment in 0..12u32) {
            let tree = tree.try_map(|number| Ok(SegmentNumber(*number))).unwrap();
            let segment = SegmentNumber(segment);
            prop_assert_eq!(mentions(&encode(&tree), segment), tree.literals().any(|literal| *literal == segment));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[0-9!&| x-]{0,30}") {
            let _ = decode(&text);
        }
    }
}
