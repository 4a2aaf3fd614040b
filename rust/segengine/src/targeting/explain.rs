//! Why an adgroup matches or not: the expression as a tree with the truth of every node.
//!
//! Nothing is short-circuited, so a person sees each segment's own truth. Depth and size are those of the expression.

use crate::error::Result;
use crate::expression::{Expression, Node, Targeting};
use crate::ids::SegmentNumber;

/// What a node of an explanation does with its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// True or false for everybody.
    Constant,
    /// True for the members of [`ExplainNode::segment`].
    Segment,
    /// True where the only child is false.
    Not,
    /// True where all children are.
    And,
    /// True where any child is.
    Or,
}

/// One node of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainNode {
    /// What the node does.
    pub operator: Operator,
    /// The segment of a leaf.
    pub segment: Option<SegmentNumber>,
    /// The truth of the node for the user explained.
    pub value: bool,
    /// In the order they are written.
    pub children: Vec<ExplainNode>,
}

/// The tree of `targeting` for a user of whom `holds` tells the segments; groups are shown as `(a | b) & !(c | d)`.
///
/// # Errors
/// Those of [`Targeting::to_expression`].
pub fn explain(targeting: &Targeting, holds: impl Fn(SegmentNumber) -> bool) -> Result<ExplainNode> {
    Ok(explain_node(&targeting.to_expression()?, &holds))
}

fn explain_node(expression: &Expression<SegmentNumber>, holds: &impl Fn(SegmentNumber) -> bool) -> ExplainNode {
    let children: Vec<_> = expression.children().iter().map(|child| explain_node(child, holds)).collect();
    let (operator, segment, value) = match expression.node() {
        Node::Constant(value) => (Operator::Constant, None, *value),
        Node::Literal(segment) => (Operator::Segment, Some(*segment), holds(*segment)),
        Node::Not(_) => (Operator::Not, None, !children.iter().any(|child| child.value)),
        Node::And(_) => (Operator::And, None, children.iter().all(|child| child.value)),
        Node::Or(_) => (Operator::Or, None, children.iter().any(|child| child.value)),
    };
    ExplainNode { operator, segment, value, children }
}
