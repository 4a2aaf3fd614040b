//! An expression over sets: union, intersection and difference, with NOT against a universe.
//!
//! `a & !b` is a difference and never builds the complement of `b`: the universe is asked for only where nothing
//! positive stands beside a NOT. At most one unfinished set is held for each level of the tree, that is 64.

use crate::error::Result;
use crate::expression::{Expression, Node};

/// The operations that [`fold`] needs of a kind of sets.
pub trait SetAlgebra<L> {
    /// The sets.
    type Set;

    /// The members of one literal.
    ///
    /// # Errors
    /// Whatever keeps the set from being read.
    fn literal(&mut self, literal: &L) -> Result<Self::Set>;

    /// Everybody: what NOT is taken against.
    ///
    /// # Errors
    /// Whatever keeps the set from being read.
    fn universe(&mut self) -> Result<Self::Set>;

    /// Nobody.
    fn empty(&mut self) -> Self::Set;

    /// The members of both.
    fn and(&mut self, left: Self::Set, right: Self::Set) -> Self::Set;

    /// The members of either.
    fn or(&mut self, left: Self::Set, right: Self::Set) -> Self::Set;

    /// The members of `left` that are not in `right`.
    fn and_not(&mut self, left: Self::Set, right: Self::Set) -> Self::Set;

    /// Whether nothing can be taken away from `set` any more; lets an AND stop early.
    fn is_empty(&self, set: &Self::Set) -> bool;
}

/// The set of those for whom `expression` is true.
///
/// # Errors
/// The first error of [`SetAlgebra::literal`] or [`SetAlgebra::universe`].
pub fn fold<L, A: SetAlgebra<L>>(expression: &Expression<L>, algebra: &mut A) -> Result<A::Set> {
    match expression.node() {
        Node::Constant(true) => algebra.universe(),
        Node::Constant(false) => Ok(algebra.empty()),
        Node::Literal(literal) => algebra.literal(literal),
        Node::Not(child) => {
            let everybody = algebra.universe()?;
            let without = fold(child, algebra)?;
            Ok(algebra.and_not(everybody, without))
        }
        Node::And(children) => fold_and(children, algebra),
        Node::Or(children) => {
            let mut union = algebra.empty();
            for child in children {
                let set = fold(child, algebra)?;
                union = algebra.or(union, set);
            }
            Ok(union)
        }
    }
}

/// Positive children first, then each negative one as a difference.
fn fold_and<L, A: SetAlgebra<L>>(children: &[Expression<L>], algebra: &mut A) -> Result<A::Set> {
    let mut intersection: Option<A::Set> = None;
    for child in children.iter().filter(|child| !matches!(child.node(), Node::Not(_))) {
        let set = fold(child, algebra)?;
        let joined = match intersection {
            Some(so_far) => algebra.and(so_far, set),
            None => set,
        };
        if algebra.is_empty(&joined) {
            return Ok(joined);
        }
        intersection = Some(joined);
    }
    let mut rest = match intersection {
        Some(set) => set,
        None => algebra.universe()?,
    };
    for child in children {
        if let Node::Not(without) = child.node() {
            let set = fold(without, algebra)?;
            rest = algebra.and_not(rest, set);
        }
    }
    Ok(rest)
}
