//! What must hold for an expression to hold: clauses and excludes, exact where the form allows it.
//!
//! The index wants every adgroup as an AND of OR-clauses of positive literals minus one OR of excludes. Most are exactly
//! that. For the others a *necessary* form is derived: each node gives the clauses that must hold for it to be true and
//! those that must hold for it to be false; an AND keeps all of its parts', an OR of parts keeps one clause that joins
//! the smallest of each, or nothing when some part demands none. Whoever passes the relaxed form is then asked the
//! whole expression. Each literal is used at most once per polarity, so the form is never longer than the expression.

use super::tree::Expression;
use crate::ids::SegmentNumber;

/// Clauses that must each hold one literal, excludes of which none may hold, and whether that is the whole truth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Necessary {
    /// Each must have at least one of its segments held; sorted, distinct.
    pub clauses: Vec<Vec<u32>>,
    /// None of these may be held; sorted, distinct.
    pub excludes: Vec<u32>,
    /// Whether clauses and excludes together are equivalent to the expression.
    pub exact: bool,
}

impl Necessary {
    fn clause(segments: Vec<u32>) -> Self {
        Self { clauses: vec![segments], excludes: Vec::new(), exact: true }
    }

    fn exclude(segment: u32) -> Self {
        Self { clauses: Vec::new(), excludes: vec![segment], exact: true }
    }

    fn and(parts: Vec<Self>) -> Self {
        let mut all = Self { exact: true, ..Self::default() };
        for part in parts {
            all.clauses.extend(part.clauses);
            all.excludes.extend(part.excludes);
            all.exact &= part.exact;
        }
        all
    }

    fn or(parts: Vec<Self>) -> Self {
        let exact = parts.iter().all(|part| part.exact && part.excludes.is_empty() && part.clauses.len() == 1);
        let mut joined = Vec::new();
        for part in parts {
            match part.clauses.into_iter().min_by_key(Vec::len) {
                Some(smallest) => joined.extend(smallest),
                None => return Self::default(),
            }
        }
        Self { clauses: vec![joined], excludes: Vec::new(), exact }
    }

    fn tidy(mut self) -> Self {
        for list in self.clauses.iter_mut().chain([&mut self.excludes]) {
            list.sort_unstable();
            list.dedup();
        }
        self.clauses.sort_unstable();
        self.clauses.dedup();
        self
    }

    /// Whether no user can pass: some clause lies wholly inside the excludes.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        self.clauses.iter().any(|clause| clause.iter().all(|segment| self.excludes.binary_search(segment).is_ok()))
    }
}

/// The necessary form of an expression.
#[must_use]
pub fn necessary(expression: &Expression<SegmentNumber>) -> Necessary {
    let folded = expression.fold(
        |literal| (Necessary::clause(vec![literal.0]), Necessary::exclude(literal.0)),
        |(when_true, when_false)| (when_false, when_true),
        |and, operands| {
            let (when_true, when_false): (Vec<_>, Vec<_>) = operands.into_iter().unzip();
            if and {
                (Necessary::and(when_true), Necessary::or(when_false))
            } else {
                (Necessary::or(when_true), Necessary::and(when_false))
            }
        },
    );
    folded.map(|(when_true, _)| when_true.tidy()).unwrap_or_default()
}

/// Distinct literals up to which contradictions are found by trying everything.
const EXHAUSTIVE_LITERALS: usize = 12;

/// Whether no user can ever match. Never says so wrongly; finds every case of include/exclude form and of expressions
/// with at most 12 distinct segments.
#[must_use]
pub fn is_contradictory(expression: &Expression<SegmentNumber>) -> bool {
    let form = necessary(expression);
    if form.is_contradictory() {
        return true;
    }
    let mut distinct: Vec<SegmentNumber> = expression.literals().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if form.exact || distinct.len() > EXHAUSTIVE_LITERALS {
        return false;
    }
    (0u32..1 << distinct.len()).all(|held| {
        !expression.evaluate(|literal| distinct.binary_search(literal).is_ok_and(|place| held >> place & 1 == 1))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tree::tests::any_tree;
    use super::*;

    fn passes(form: &Necessary, held: u32) -> bool {
        let holds = |segment: &u32| held >> segment & 1 == 1;
        form.clauses.iter().all(|clause| clause.iter().any(holds)) && !form.excludes.iter().any(holds)
    }

    proptest! {
        #[test]
        fn the_form_is_necessary_and_exact_where_it_says_so(tree in any_tree(8)) {
            let tree = tree.try_map(|number| Ok(SegmentNumber(*number))).unwrap();
            let form = necessary(&tree);
            let mut ever = false;
            for held in 0..256u32 {
                let truth = tree.evaluate(|literal| held >> literal.0 & 1 == 1);
                ever |= truth;
                prop_assert!(passes(&form, held) || !truth, "{form:?} refuses {held:b}");
                prop_assert!(!form.exact || passes(&form, held) == truth, "{form:?} is not exact at {held:b}");
            }
            prop_assert_eq!(is_contradictory(&tree), !ever);
        }
    }
}
