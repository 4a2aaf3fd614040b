//! What must hold for an expression to hold: clauses and excludes, and who must be asked more.
//!
//! The index wants every adgroup as an AND of OR-clauses of positive literals minus one OR of excludes. Most are exactly
//! that. For the others a *necessary* form is derived: each node gives the clauses that must hold for it to be true and
//! those that must hold for it to be false; an AND keeps all of its parts'. An OR of parts multiplies their clauses out
//! (`(a & b) | c` is `(a | c) & (b | c)`), and takes what its parts exclude as not held: `a | !b` demands nothing. So the
//! form comes with *doubts*, the segments whose holders it may let pass wrongly; for everybody else it is the whole truth.
//! Hardly anybody holds the few segments that one adgroup doubts, so hardly anybody is asked the whole expression.
//! Where multiplying out would make more than sixteen clauses, an OR keeps one that joins the smallest of each part,
//! and everybody is doubted.

use super::tree::Expression;
use crate::ids::SegmentNumber;

/// Clauses up to which an OR of ANDs is multiplied out: twice what the index takes, which then has its choice of the shortest.
const CLAUSES: usize = 16;
/// Clauses that multiplying out may make before those that say nothing new are taken away.
const PRODUCTS: usize = 64;
/// Literals that two sides which are multiplied out may have together.
const LITERALS: usize = 256;

/// Clauses that must each hold one literal, excludes of which none may hold, and for whom that is not the whole truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Necessary {
    /// Each must have at least one of its segments held; sorted, distinct.
    pub clauses: Vec<Vec<u32>>,
    /// None of these may be held; sorted, distinct.
    pub excludes: Vec<u32>,
    /// Whoever passes and holds one of these must be asked the whole expression, and nobody else; sorted, distinct.
    /// Without this list, whoever passes must.
    pub doubts: Option<Vec<u32>>,
}

impl Default for Necessary {
    /// Nothing is known: everybody passes and is asked.
    fn default() -> Self {
        Self { clauses: Vec::new(), excludes: Vec::new(), doubts: None }
    }
}

impl Necessary {
    fn clause(segments: Vec<u32>) -> Self {
        Self { clauses: vec![segments], excludes: Vec::new(), doubts: Some(Vec::new()) }
    }

    fn exclude(segment: u32) -> Self {
        Self { clauses: Vec::new(), excludes: vec![segment], doubts: Some(Vec::new()) }
    }

    /// Whether clauses and excludes together are equivalent to the expression.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.doubts.as_ref().is_some_and(Vec::is_empty)
    }

    fn and(parts: Vec<Self>) -> Self {
        let mut all = Self { doubts: Self::all_doubts(&parts, false), ..Self::default() };
        for part in parts {
            all.clauses.extend(part.clauses);
            all.excludes.extend(part.excludes);
        }
        all
    }

    fn or(parts: Vec<Self>) -> Self {
        let doubts = Self::all_doubts(&parts, true);
        if parts.iter().any(|part| part.clauses.is_empty()) {
            return Self { doubts, ..Self::default() };
        }
        let (singles, several): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| part.clauses).partition(|clauses| clauses.len() == 1);
        let single: Vec<u32> = singles.into_iter().flatten().flatten().collect();
        let first = if single.is_empty() { None } else { Some(vec![single.clone()]) };
        let out = several.iter().try_fold(first, |out, clauses| match out {
            None => Some(Some(clauses.clone())),
            Some(out) => multiplied_out(&out, clauses).map(Some),
        });
        match out {
            Some(clauses) => Self { clauses: clauses.unwrap_or_default(), excludes: Vec::new(), doubts },
            None => {
                let smallest = several.iter().filter_map(|clauses| clauses.iter().min_by_key(|clause| clause.len()));
                let smallest = smallest.flatten().copied();
                Self { clauses: vec![single.into_iter().chain(smallest).collect()], ..Self::default() }
            }
        }
    }

    /// What some parts doubt, and what they exclude where that is taken as not held.
    fn all_doubts(parts: &[Self], and_excludes: bool) -> Option<Vec<u32>> {
        let mut all = Vec::new();
        for part in parts {
            all.extend(part.doubts.as_ref()?);
            all.extend(part.excludes.iter().filter(|_| and_excludes));
        }
        Some(all)
    }

    fn tidy(mut self) -> Self {
        for list in self.clauses.iter_mut().chain([&mut self.excludes]).chain(&mut self.doubts) {
            list.sort_unstable();
            list.dedup();
        }
        self.clauses.sort_unstable();
        self.clauses.dedup();
        if self.clauses.len() <= PRODUCTS {
            absorb(&mut self.clauses);
        }
        // Whoever holds an exclude does not pass.
        if let Some(doubts) = &mut self.doubts {
            doubts.retain(|segment| self.excludes.binary_search(segment).is_err());
        }
        self
    }

    /// Whether no user can pass: some clause lies wholly inside the excludes.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        self.clauses.iter().any(|clause| clause.iter().all(|segment| self.excludes.binary_search(segment).is_ok()))
    }
}

/// The clauses of an OR of two ANDs of clauses, unless they are too many or too long.
fn multiplied_out(one: &[Vec<u32>], other: &[Vec<u32>]) -> Option<Vec<Vec<u32>>> {
    let literals: usize = one.iter().chain(other).map(Vec::len).sum();
    if one.len() * other.len() > PRODUCTS || literals > LITERALS {
        return None;
    }
    let join = |clause: &Vec<u32>, more: &Vec<u32>| {
        let mut joined = [clause.as_slice(), more].concat();
        joined.sort_unstable();
        joined.dedup();
        joined
    };
    let mut clauses = one.iter().flat_map(|clause| other.iter().map(move |more| join(clause, more))).collect();
    absorb(&mut clauses);
    (clauses.len() <= CLAUSES).then_some(clauses)
}

/// Takes away the clauses that follow from another; all are sorted and distinct in themselves.
fn absorb(clauses: &mut Vec<Vec<u32>>) {
    clauses.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    let mut kept: Vec<Vec<u32>> = Vec::with_capacity(clauses.len());
    for clause in clauses.drain(..) {
        let follows = |shorter: &Vec<u32>| shorter.iter().all(|segment| clause.binary_search(segment).is_ok());
        if !kept.iter().any(follows) {
            kept.push(clause);
        }
    }
    *clauses = kept;
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
    if form.is_exact() || distinct.len() > EXHAUSTIVE_LITERALS {
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
        fn the_form_is_necessary_and_the_whole_truth_where_it_says_so(tree in any_tree(8)) {
            let tree = tree.try_map(|number| Ok(SegmentNumber(*number))).unwrap();
            let form = necessary(&tree);
            let mut ever = false;
            for held in 0..256u32 {
                let truth = tree.evaluate(|literal| held >> literal.0 & 1 == 1);
                ever |= truth;
                prop_assert!(passes(&form, held) || !truth, "{form:?} refuses {held:b}");
                let doubted = form.doubts.as_ref().is_none_or(|doubts| doubts.iter().any(|doubt| held >> doubt & 1 == 1));
                prop_assert!(doubted || passes(&form, held) == truth, "{form:?} is not the whole truth at {held:b}");
                prop_assert!(!form.is_exact() || passes(&form, held) == truth, "{form:?} is not exact at {held:b}");
            }
            prop_assert_eq!(is_contradictory(&tree), !ever);
        }
    }
}
