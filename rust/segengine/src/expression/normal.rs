//! The normal form that the index is built from: an AND of OR-clauses minus one OR of excludes.
//!
//! Every include/exclude targeting *is* of this form. Any other expression has a *necessary* one: a conjunction that
//! each matching user satisfies, found in negation normal form by replacing what the form cannot say by true
//! (relaxation, as in Ullman's "predicate relaxation" and the "verify" step of Whang et al., "Indexing Boolean
//! Expressions", VLDB 2009). [`NormalForm::is_exact`] tells whether it is also sufficient; where it is not, the
//! survivors must be verified against the expression itself.
//!
//! An OR of conjunctions is distributed while that stays small, else one clause is taken from each alternative. Cost:
//! linear in the literals, but for the bounded distribution.

use crate::expression::{Expression, Groups, Node, Targeting};
use crate::ids::SegmentNumber;

/// Clauses that distributing one OR over ANDs may make; past it the OR is relaxed to a single clause.
const DISTRIBUTED_CLAUSES: usize = 4;
/// Literals that distributing one OR may make.
const DISTRIBUTED_LITERALS: usize = 256;

/// Each clause needs one of its segments, and no exclude may be held; sorted, distinct, excludes in no clause.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NormalForm {
    clauses: Vec<Vec<SegmentNumber>>,
    excludes: Vec<SegmentNumber>,
    exact: bool,
    contradictory: bool,
}

impl NormalForm {
    /// The clauses, all of which are needed; none for exclude-only targeting.
    #[must_use]
    pub fn clauses(&self) -> &[Vec<SegmentNumber>] {
        &self.clauses
    }

    /// The segments of which none may be held, ascending.
    #[must_use]
    pub fn excludes(&self) -> &[SegmentNumber] {
        &self.excludes
    }

    /// Whether it is sufficient as well as necessary.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether nobody can satisfy it: a clause lies wholly in the excludes (include ⊂ exclude), or a constant says so.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        self.contradictory
    }

    fn always() -> Self {
        Self { exact: true, ..Self::default() }
    }

    fn never() -> Self {
        Self { exact: true, contradictory: true, ..Self::default() }
    }

    /// True for everybody, as far as this form knows.
    fn is_unbounded(&self) -> bool {
        self.clauses.is_empty() && self.excludes.is_empty() && !self.contradictory
    }

    /// Sorts, drops repeats, takes the excludes out of the clauses, and sees the contradiction when one becomes empty.
    fn normalized(mut self) -> Self {
        if self.contradictory {
            return Self::never();
        }
        self.excludes.sort_unstable();
        self.excludes.dedup();
        for clause in &mut self.clauses {
            clause.sort_unstable();
            clause.dedup();
            if !self.excludes.is_empty() {
                clause.retain(|segment| self.excludes.binary_search(segment).is_err());
            }
            if clause.is_empty() {
                return Self::never();
            }
        }
        if self.clauses.len() > 1 {
            self.clauses.sort_by(|left, right| left.len().cmp(&right.len()).then_with(|| left.cmp(right)));
            self.clauses.dedup();
        }
        self
    }
}

impl Targeting {
    /// The normal form, shortest clauses first.
    #[must_use]
    pub fn normal_form(&self) -> NormalForm {
        match self {
            Self::Groups(groups) => of_groups(groups),
            Self::Expression(expression) => relax(expression, true).normalized(),
        }
    }
}

fn of_groups(groups: &Groups) -> NormalForm {
    let form = NormalForm {
        clauses: groups.include().to_vec(),
        excludes: groups.exclude().to_vec(),
        exact: true,
        contradictory: false,
    };
    form.normalized()
}

/// The necessary form of `expression`, or of its negation; recursion is bounded by the depth of expressions.
fn relax(expression: &Expression<SegmentNumber>, positive: bool) -> NormalForm {
    match (expression.node(), positive) {
        (Node::Constant(value), _) if *value == positive => NormalForm::always(),
        (Node::Constant(_), _) => NormalForm::never(),
        (Node::Literal(segment), true) => NormalForm { clauses: vec![vec![*segment]], ..NormalForm::always() },
        (Node::Literal(segment), false) => NormalForm { excludes: vec![*segment], ..NormalForm::always() },
        (Node::Not(child), _) => relax(child, !positive),
        (Node::And(children), true) | (Node::Or(children), false) => conjunction(children, positive),
        (Node::Or(children), true) | (Node::And(children), false) => disjunction(children, positive),
    }
}

fn conjunction(children: &[Expression<SegmentNumber>], positive: bool) -> NormalForm {
    let mut whole = NormalForm::always();
    for child in children {
        let form = relax(child, positive);
        if form.contradictory {
            return NormalForm::never();
        }
        whole.exact &= form.exact;
        whole.clauses.extend(form.clauses);
        whole.excludes.extend(form.excludes);
    }
    whole
}

fn disjunction(children: &[Expression<SegmentNumber>], positive: bool) -> NormalForm {
    let mut alternatives = Vec::with_capacity(children.len());
    for child in children {
        // A contradictory alternative adds nothing, one that everybody satisfies makes the whole true.
        let form = relax(child, positive).normalized();
        if form.is_unbounded() && form.exact {
            return NormalForm::always();
        }
        if !form.contradictory {
            alternatives.push(form);
        }
    }
    if alternatives.len() < 2 {
        return alternatives.pop().unwrap_or_else(NormalForm::never);
    }
    if alternatives.iter().any(|form| form.clauses.is_empty()) {
        return NormalForm { exact: false, ..NormalForm::always() };
    }
    distribute(&alternatives).unwrap_or_else(|| one_clause_of_each(&alternatives))
}

/// `(a & b) | c` = `(a | c) & (b | c)`, while that stays small and nothing was lost before.
fn distribute(alternatives: &[NormalForm]) -> Option<NormalForm> {
    let made = alternatives.iter().try_fold(1_usize, |made, form| made.checked_mul(form.clauses.len()))?;
    let literals: usize = alternatives.iter().flat_map(|form| &form.clauses).map(Vec::len).sum();
    let exact = alternatives.iter().all(|form| form.exact && form.excludes.is_empty());
    if !exact || made > DISTRIBUTED_CLAUSES || (made > 1 && literals * made > DISTRIBUTED_LITERALS) {
        return None;
    }
    let mut clauses = vec![Vec::new()];
    for form in alternatives {
        let longer = |clause: &Vec<SegmentNumber>| {
            let clause = clause.clone();
            form.clauses.iter().map(move |more| clause.iter().chain(more).copied().collect::<Vec<_>>())
        };
        clauses = clauses.iter().flat_map(longer).collect();
    }
    Some(NormalForm { clauses, ..NormalForm::always() })
}

/// The shortest clause of each alternative: whoever matches, matches an alternative and so one of its clauses.
fn one_clause_of_each(alternatives: &[NormalForm]) -> NormalForm {
    let shortest =
        |form: &NormalForm| form.clauses.iter().min_by_key(|clause| clause.len()).cloned().unwrap_or_default();
    let clause = alternatives.iter().flat_map(shortest).collect();
    NormalForm { clauses: vec![clause], exact: false, ..NormalForm::default() }
}
