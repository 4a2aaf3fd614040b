//! Why an expression holds or does not: the tree with true or false at every node.

use crate::expression::Expression;
use crate::ids::SegmentNumber;

/// What a node of an explanation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// A segment.
    Segment(SegmentNumber),
    /// The opposite of its child.
    Not,
    /// All of its children.
    And,
    /// Any of its children.
    Or,
}

/// One node with its value; at most 64 levels deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainNode {
    /// What it is.
    pub operator: Operator,
    /// Whether it holds for this user.
    pub holds: bool,
    /// Its operands.
    pub children: Vec<ExplainNode>,
}

/// The tree of `expression` for a user who is in `segments` (ascending).
#[must_use]
pub fn explain(expression: &Expression<SegmentNumber>, segments: &[u32]) -> Option<ExplainNode> {
    expression.fold(
        |segment| ExplainNode {
            operator: Operator::Segment(*segment),
            holds: segments.binary_search(&segment.0).is_ok(),
            children: Vec::new(),
        },
        |child| ExplainNode { operator: Operator::Not, holds: !child.holds, children: vec![child] },
        |and, children| {
            let holds =
                if and { children.iter().all(|child| child.holds) } else { children.iter().any(|child| child.holds) };
            ExplainNode { operator: if and { Operator::And } else { Operator::Or }, holds, children }
        },
    )
}
