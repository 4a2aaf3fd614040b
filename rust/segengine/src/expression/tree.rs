//! The boolean tree over literals, kept flat.
//!
//! The tree is stored in postfix order in one vector, so building, dropping, cloning, comparing, printing, storing and
//! evaluating it are loops over a slice: nothing recurses, whatever somebody sends. Depth and number of literals are
//! bounded where nodes are joined (64 levels, 4,096 literals). Evaluation costs one push or fold per node.

use crate::error::{Error, Result};
use crate::limits::{EXPRESSION_DEPTH, EXPRESSION_LITERALS};

/// A node in postfix order: operands come before their operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node<L> {
    /// A test of one literal.
    Literal(L),
    /// The opposite of the operand before.
    Not,
    /// True when all of that many operands are.
    And(u32),
    /// True when any of that many operands is.
    Or(u32),
}

/// A boolean expression over literals of type `L`: never empty, at most 64 deep, at most 4,096 literals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expression<L> {
    nodes: Vec<Node<L>>,
    depth: usize,
    literals: usize,
}

impl<L> Expression<L> {
    /// The test of one literal.
    #[must_use]
    pub fn literal(literal: L) -> Self {
        Self { nodes: vec![Node::Literal(literal)], depth: 1, literals: 1 }
    }

    /// The opposite of `operand`.
    ///
    /// # Errors
    /// `LimitExceeded` past 64 levels.
    #[expect(clippy::should_implement_trait, reason = "it may fail, and it is the word of the field")]
    pub fn not(mut operand: Self) -> Result<Self> {
        operand.nodes.push(Node::Not);
        operand.depth += 1;
        operand.checked()
    }

    /// True when all `operands` are.
    ///
    /// # Errors
    /// `InvalidInput` without operands; `LimitExceeded` past 64 levels or 4,096 literals.
    pub fn and(operands: Vec<Self>) -> Result<Self> {
        Self::join(operands, Node::And)
    }

    /// True when any of `operands` is.
    ///
    /// # Errors
    /// As [`Self::and`].
    pub fn or(operands: Vec<Self>) -> Result<Self> {
        Self::join(operands, Node::Or)
    }

    fn join(mut operands: Vec<Self>, operator: fn(u32) -> Node<L>) -> Result<Self> {
        if operands.len() == 1
            && let Some(only) = operands.pop()
        {
            return Ok(only);
        }
        let count = u32::try_from(operands.len()).unwrap_or(u32::MAX);
        let mut joined = Self { nodes: Vec::new(), depth: 0, literals: 0 };
        for operand in operands {
            joined.depth = joined.depth.max(operand.depth);
            joined.literals += operand.literals;
            joined.nodes.extend(operand.nodes);
        }
        if joined.nodes.is_empty() {
            return Err(Error::invalid("an AND or OR needs at least one operand").field("expression"));
        }
        joined.nodes.push(operator(count));
        joined.depth += 1;
        joined.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.depth > EXPRESSION_DEPTH {
            return Err(Error::limit("expression", self.depth as u64, EXPRESSION_DEPTH as u64, "levels"));
        }
        if self.literals > EXPRESSION_LITERALS {
            return Err(Error::limit("expression", self.literals as u64, EXPRESSION_LITERALS as u64, "literals"));
        }
        Ok(self)
    }

    /// Checks nodes that came from outside: every operator has its operands, one root is left, the bounds hold.
    ///
    /// # Errors
    /// `InvalidInput` for nodes that are no tree; `LimitExceeded`.
    pub fn from_nodes(nodes: Vec<Node<L>>) -> Result<Self> {
        let malformed = || Error::invalid("the stored expression is not a tree").field("expression");
        let mut depths: Vec<usize> = Vec::new();
        let mut literals = 0;
        for node in &nodes {
            let operands = match node {
                Node::Literal(_) => 0,
                Node::Not => 1,
                Node::And(count) | Node::Or(count) => *count as usize,
            };
            let rest = depths.len().checked_sub(operands).ok_or_else(malformed)?;
            if matches!(node, Node::And(_) | Node::Or(_)) && operands < 2 {
                return Err(malformed());
            }
            literals += usize::from(operands == 0);
            let depth = depths.drain(rest..).max().unwrap_or_default() + 1;
            depths.push(depth);
        }
        match *depths {
            [depth] => Self { nodes, depth, literals }.checked(),
            _ => Err(malformed()),
        }
    }

    /// The nodes in postfix order.
    #[must_use]
    pub fn nodes(&self) -> &[Node<L>] {
        &self.nodes
    }

    /// Levels of the tree; a literal alone is one.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The literals from left to right, repeats included.
    pub fn literals(&self) -> impl Iterator<Item = &L> {
        self.nodes.iter().filter_map(|node| if let Node::Literal(literal) = node { Some(literal) } else { None })
    }

    /// The same tree over other literals.
    ///
    /// # Errors
    /// The first error of `map`.
    pub fn try_map<M>(&self, mut map: impl FnMut(&L) -> Result<M>) -> Result<Expression<M>> {
        let nodes = self.nodes.iter().map(|node| {
            Ok(match node {
                Node::Literal(literal) => Node::Literal(map(literal)?),
                Node::Not => Node::Not,
                Node::And(count) => Node::And(*count),
                Node::Or(count) => Node::Or(*count),
            })
        });
        Ok(Expression { nodes: nodes.collect::<Result<_>>()?, depth: self.depth, literals: self.literals })
    }

    /// Folds the tree from the leaves up: `leaf` values a literal, `not` one value, `join` the operands of AND (true) or
    /// OR (false).
    pub fn fold<T>(
        &self,
        mut leaf: impl FnMut(&L) -> T,
        mut not: impl FnMut(T) -> T,
        mut join: impl FnMut(bool, Vec<T>) -> T,
    ) -> Option<T> {
        let mut stack: Vec<T> = Vec::new();
        for node in &self.nodes {
            let value = match node {
                Node::Literal(literal) => leaf(literal),
                Node::Not => not(stack.pop()?),
                Node::And(count) | Node::Or(count) => {
                    let operands = stack.split_off(stack.len().checked_sub(*count as usize)?);
                    join(matches!(node, Node::And(_)), operands)
                }
            };
            stack.push(value);
        }
        stack.pop()
    }

    /// Whether the expression holds when `holds` says which literals do. The oracle: no tricks, every node visited.
    pub fn evaluate(&self, mut holds: impl FnMut(&L) -> bool) -> bool {
        self.fold(
            &mut holds,
            |value| !value,
            |and, values| {
                if and { values.into_iter().all(|value| value) } else { values.into_iter().any(|value| value) }
            },
        )
        .unwrap_or(false)
    }

    /// Every literal with true where it stands under an even number of negations, from right to left.
    pub fn polarities(&self) -> Vec<(&L, bool)> {
        let mut found = Vec::with_capacity(self.literals);
        self.visit_polarities(|literal, positive| found.push((literal, positive)));
        found
    }

    /// As [`Self::polarities`], one by one and without an allocation: no more operators are open than an expression is deep.
    pub fn visit_polarities<'l>(&'l self, mut visit: impl FnMut(&'l L, bool)) {
        // Of each open operator the polarity of its operands and how many are still to come; the whole is the first.
        let mut open = [(true, 1_u32); EXPRESSION_DEPTH + 1];
        let mut innermost = 0;
        for node in self.nodes.iter().rev() {
            let Some((positive, missing)) = open.get_mut(innermost) else { return };
            let positive = *positive;
            *missing = missing.saturating_sub(1);
            let (polarity, operands) = match node {
                Node::Literal(literal) => {
                    visit(literal, positive);
                    while innermost > 0 && open.get(innermost).is_some_and(|(_, missing)| *missing == 0) {
                        innermost -= 1;
                    }
                    continue;
                }
                Node::Not => (!positive, 1),
                Node::And(count) | Node::Or(count) => (positive, *count),
            };
            innermost += 1;
            if let Some(entry) = open.get_mut(innermost) {
                *entry = (polarity, operands);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any tree over `literals` literals.
    pub(crate) fn any_tree(literals: u32) -> impl Strategy<Value = Expression<u32>> {
        let leaf = (0..literals).prop_map(Expression::literal);
        leaf.prop_recursive(6, 60, 5, |inner| {
            prop_oneof![
                inner.clone().prop_map(|operand| Expression::not(operand).unwrap()),
                prop::collection::vec(inner.clone(), 2..5).prop_map(|operands| Expression::and(operands).unwrap()),
                prop::collection::vec(inner, 2..5).prop_map(|operands| Expression::or(operands).unwrap()),
            ]
        })
    }

    #[test]
    fn bounds_hold_where_nodes_are_joined() {
        let mut deep = Expression::literal(1);
        for _ in 1..EXPRESSION_DEPTH {
            deep = Expression::not(deep).unwrap();
        }
        assert!(Expression::not(deep).is_err());
        let many = |count| Expression::or((0..count).map(Expression::literal).collect());
        assert!(many(4_096).is_ok());
        assert!(many(4_097).is_err());
        assert!(Expression::<u32>::or(Vec::new()).is_err());
    }

    #[test]
    fn nodes_that_are_no_tree_are_refused() {
        for nodes in [
            vec![],
            vec![Node::Not],
            vec![Node::Literal(1), Node::Literal(2)],
            vec![Node::Literal(1), Node::And(2)],
            vec![Node::Literal(1), Node::Or(1)],
        ] {
            assert!(Expression::from_nodes(nodes).is_err());
        }
    }

    proptest! {
        #[test]
        fn de_morgan_holds(one in any_tree(6), other in any_tree(6), held in 0u32..64) {
            let holds = |literal: &u32| held >> literal & 1 == 1;
            let both = Expression::and(vec![one.clone(), other.clone()]).unwrap();
            let either = Expression::or(vec![Expression::not(one).unwrap(), Expression::not(other).unwrap()]).unwrap();
            prop_assert_eq!(Expression::not(both).unwrap().evaluate(holds), either.evaluate(holds));
        }

        #[test]
        fn polarities_are_those_of_the_tree(tree in any_tree(9)) {
            // Each literal alone, marked by its place; a NOT turns all marks below it.
            let mut place = 0;
            let marked = tree.fold(
                |&literal| {
                    place += 1;
                    vec![(place, literal, true)]
                },
                |below| below.into_iter().map(|(place, literal, positive)| (place, literal, !positive)).collect(),
                |_, operands| operands.concat(),
            );
            let mut expected = marked.unwrap_or_default();
            expected.sort_unstable_by(|left, right| right.cmp(left));
            let expected: Vec<_> = expected.into_iter().map(|(_, literal, positive)| (literal, positive)).collect();
            let found: Vec<_> = tree.polarities().into_iter().map(|(literal, positive)| (*literal, positive)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn trees_survive_their_nodes(tree in any_tree(9)) {
            prop_assert_eq!(Expression::from_nodes(tree.nodes().to_vec()).unwrap(), tree);
        }
    }
}
