//! The tree itself: what may exist, and the naive evaluator.
//!
//! A node's depth and number of literals are kept beside it, so a constructor checks both bounds in the number of its
//! children and nothing ever walks a tree to learn its size.

use crate::error::{Error, Result};
use crate::limits;

/// A boolean expression over literals of type `L`, at most 64 levels deep and with at most 4,096 literals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expression<L> {
    node: Node<L>,
    depth: u8,
    literals: u16,
}

/// One node of an [`Expression`], for reading; only the constructors of [`Expression`] put nodes together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node<L> {
    /// True or false for everybody: the meaning of an adgroup without targeting. It has no text form.
    Constant(bool),
    /// True for the members of a segment.
    Literal(L),
    /// True where the child is false.
    Not(Box<Expression<L>>),
    /// True where every child is; at least two children.
    And(Vec<Expression<L>>),
    /// True where any child is; at least two children.
    Or(Vec<Expression<L>>),
}

impl<L> Expression<L> {
    /// True or false for everybody.
    #[must_use]
    pub fn constant(value: bool) -> Self {
        Self { node: Node::Constant(value), depth: 1, literals: 0 }
    }

    /// True for the members of one segment.
    #[must_use]
    pub fn literal(literal: L) -> Self {
        Self { node: Node::Literal(literal), depth: 1, literals: 1 }
    }

    /// True where `child` is false.
    ///
    /// # Errors
    /// `LimitExceeded` when the result would be deeper than the bound.
    pub fn negate(child: Self) -> Result<Self> {
        let (depth, literals) = checked_size(std::slice::from_ref(&child))?;
        Ok(Self { node: Node::Not(Box::new(child)), depth, literals })
    }

    /// True where all of `children` are: the constant true for none, the child itself for one.
    ///
    /// # Errors
    /// `LimitExceeded` when the result would be deeper or hold more literals than the bounds.
    pub fn all(children: Vec<Self>) -> Result<Self> {
        Self::combine(children, true, Node::And)
    }

    /// True where any of `children` is: the constant false for none, the child itself for one.
    ///
    /// # Errors
    /// `LimitExceeded` when the result would be deeper or hold more literals than the bounds.
    pub fn any(children: Vec<Self>) -> Result<Self> {
        Self::combine(children, false, Node::Or)
    }

    fn combine(mut children: Vec<Self>, neutral: bool, node: fn(Vec<Self>) -> Node<L>) -> Result<Self> {
        if children.len() < 2 {
            return Ok(children.pop().unwrap_or_else(|| Self::constant(neutral)));
        }
        let (depth, literals) = checked_size(&children)?;
        Ok(Self { node: node(children), depth, literals })
    }

    /// The root, for reading.
    #[must_use]
    pub fn node(&self) -> &Node<L> {
        &self.node
    }

    /// The children of the root, in order; none for a literal or a constant.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        match &self.node {
            Node::Constant(_) | Node::Literal(_) => &[],
            Node::Not(child) => std::slice::from_ref(child),
            Node::And(children) | Node::Or(children) => children,
        }
    }

    /// Levels of the tree; a literal has one.
    #[must_use]
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// Literals of the tree, each occurrence counted.
    #[must_use]
    pub fn literal_count(&self) -> usize {
        usize::from(self.literals)
    }

    /// The truth of the expression where `holds` tells the truth of each literal; stops as soon as it is known.
    ///
    /// This is the oracle: it follows the definition and nothing else.
    pub fn evaluate(&self, holds: &mut impl FnMut(&L) -> bool) -> bool {
        match &self.node {
            Node::Constant(value) => *value,
            Node::Literal(literal) => holds(literal),
            Node::Not(child) => !child.evaluate(holds),
            Node::And(children) => children.iter().all(|child| child.evaluate(holds)),
            Node::Or(children) => children.iter().any(|child| child.evaluate(holds)),
        }
    }

    /// Calls `visit` with each literal from left to right and its polarity: false under an odd number of NOTs.
    pub fn for_each_literal<'a>(&'a self, visit: &mut impl FnMut(&'a L, bool)) {
        self.visit_literals(true, visit);
    }

    fn visit_literals<'a>(&'a self, positive: bool, visit: &mut impl FnMut(&'a L, bool)) {
        match &self.node {
            Node::Constant(_) => {}
            Node::Literal(literal) => visit(literal, positive),
            Node::Not(child) => child.visit_literals(!positive, visit),
            Node::And(children) | Node::Or(children) => {
                children.iter().for_each(|child| child.visit_literals(positive, visit));
            }
        }
    }

    /// The literals from left to right, each occurrence once.
    #[must_use]
    pub fn literals(&self) -> Vec<&L> {
        let mut literals = Vec::with_capacity(self.literal_count());
        self.for_each_literal(&mut |literal, _| literals.push(literal));
        literals
    }

    /// The same tree over other literals.
    ///
    /// # Errors
    /// Every error that `convert` returned, in the order of the literals.
    pub fn try_map<M, E>(&self, mut convert: impl FnMut(&L) -> Result<M, E>) -> Result<Expression<M>, Vec<E>> {
        let mut errors = Vec::new();
        let mapped = self.map_collecting(&mut convert, &mut errors);
        mapped.filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// `None` below a literal that failed; siblings are still visited, so that all errors are told at once.
    fn map_collecting<M, E>(
        &self,
        convert: &mut impl FnMut(&L) -> Result<M, E>,
        errors: &mut Vec<E>,
    ) -> Option<Expression<M>> {
        let mut map_all = |children: &[Self]| {
            let mapped: Vec<_> = children.iter().map(|child| child.map_collecting(convert, errors)).collect();
            mapped.into_iter().collect::<Option<Vec<_>>>()
        };
        let node = match &self.node {
            Node::Constant(value) => Node::Constant(*value),
            Node::Literal(literal) => match convert(literal) {
                Ok(converted) => Node::Literal(converted),
                Err(error) => {
                    errors.push(error);
                    return None;
                }
            },
            Node::Not(child) => Node::Not(Box::new(child.map_collecting(convert, errors)?)),
            Node::And(children) => Node::And(map_all(children)?),
            Node::Or(children) => Node::Or(map_all(children)?),
        };
        Some(Expression { node, depth: self.depth, literals: self.literals })
    }
}

/// Depth and literals of a node with these children, refused past the bounds.
fn checked_size<L>(children: &[Expression<L>]) -> Result<(u8, u16)> {
    let depth = 1 + children.iter().map(Expression::depth).max().unwrap_or(0);
    let literals: usize = children.iter().map(Expression::literal_count).sum();
    if depth > limits::EXPRESSION_DEPTH {
        return Err(Error::limit("expression", depth as u64, limits::EXPRESSION_DEPTH as u64, "levels"));
    }
    if literals > limits::EXPRESSION_LITERALS {
        return Err(Error::limit("expression", literals as u64, limits::EXPRESSION_LITERALS as u64, "literals"));
    }
    match (u8::try_from(depth), u16::try_from(literals)) {
        (Ok(depth), Ok(literals)) => Ok((depth, literals)),
        _ => Err(Error::internal("the bounds of expressions do not fit their fields")),
    }
}
