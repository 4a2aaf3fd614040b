//! What can be said of a targeting without any user: polarity, contradictions, and what a missing segment does.

use std::collections::{BTreeMap, BTreeSet};

use crate::expression::{Expression, Node, Targeting};
use crate::ids::SegmentNumber;

/// Nodes that the satisfiability check may visit; past it the answer is unknown. About 5 ms.
const SATISFIABILITY_BUDGET: usize = 1 << 20;

/// How often a segment occurs under an even and under an odd number of NOTs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Polarity {
    /// Occurrences that including it helps.
    pub positive: usize,
    /// Occurrences that including it harms.
    pub negative: usize,
}

/// Whether anybody could match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Satisfiability {
    /// Some set of segments matches.
    Satisfiable,
    /// No set of segments matches: the adgroup would never be shown.
    Contradictory,
    /// Not found out within the budget.
    Unknown,
}

impl Targeting {
    /// The polarity of each segment that is named.
    #[must_use]
    pub fn polarities(&self) -> BTreeMap<SegmentNumber, Polarity> {
        let mut polarities: BTreeMap<SegmentNumber, Polarity> = BTreeMap::new();
        self.for_each_segment(&mut |segment, positive| {
            let polarity = polarities.entry(segment).or_default();
            *(if positive { &mut polarity.positive } else { &mut polarity.negative }) += 1;
        });
        polarities
    }

    /// The segments that stand on both sides: worth a warning in an expression.
    #[must_use]
    pub fn both_sides(&self) -> Vec<SegmentNumber> {
        let both = |(_, polarity): &(SegmentNumber, Polarity)| polarity.positive > 0 && polarity.negative > 0;
        self.polarities().into_iter().filter(both).map(|(segment, _)| segment).collect()
    }

    /// Whether anybody could match: exact for groups, exact within a budget for expressions.
    #[must_use]
    pub fn satisfiability(&self) -> Satisfiability {
        if self.normal_form().is_contradictory() {
            return Satisfiability::Contradictory;
        }
        match self {
            // Not contradictory means that each group has a segment outside the excludes: holding those matches.
            Self::Groups(_) => Satisfiability::Satisfiable,
            Self::Expression(expression) => search(expression, &self.both_sides()),
        }
    }
}

/// Splits on the segments of both polarities only: a segment of one polarity may be set to what helps.
fn search(expression: &Expression<SegmentNumber>, mixed: &[SegmentNumber]) -> Satisfiability {
    let mut helpful = BTreeSet::new();
    expression.for_each_literal(&mut |&segment, positive| {
        if positive {
            helpful.insert(segment);
        }
    });
    let mut chosen: Vec<bool> = Vec::new();
    let cost = expression.literal_count() + 1;
    for _ in 0..SATISFIABILITY_BUDGET / cost + 1 {
        let known = partial(expression, &|segment| match mixed.binary_search(&segment) {
            Ok(position) => chosen.get(position).copied(),
            Err(_) => Some(helpful.contains(&segment)),
        });
        match known {
            Some(true) => return Satisfiability::Satisfiable,
            None => chosen.push(true),
            Some(false) => {
                while chosen.last() == Some(&false) {
                    chosen.pop();
                }
                match chosen.last_mut() {
                    Some(last) => *last = false,
                    None => return Satisfiability::Contradictory,
                }
            }
        }
    }
    Satisfiability::Unknown
}

/// Kleene's truth where some segments are not decided yet.
fn partial(expression: &Expression<SegmentNumber>, decided: &impl Fn(SegmentNumber) -> Option<bool>) -> Option<bool> {
    let joined = |children: &[Expression<SegmentNumber>], decisive: bool| {
        let mut result = Some(!decisive);
        for child in children {
            match partial(child, decided) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => result = None,
            }
        }
        result
    };
    match expression.node() {
        Node::Constant(value) => Some(*value),
        Node::Literal(segment) => decided(*segment),
        Node::Not(child) => partial(child, decided).map(|value| !value),
        Node::And(children) => joined(children, false),
        Node::Or(children) => joined(children, true),
    }
}

/// What an index may do with an adgroup, given which segments were ever ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared<'a> {
    /// Serve by this targeting; segments without members are false for everybody.
    Serve(&'a Targeting),
    /// Match nobody until this segment is ready: suppression fails closed.
    WaitingForSegment(SegmentNumber),
}

/// Fails closed: a segment that was never ready and whose absence would *let people in* (it stands under an odd number
/// of NOTs, an exclude) makes the adgroup match nobody, unless it was told to serve all the same.
///
/// A missing *include* stays as it is: nobody has it.
pub fn prepare(targeting: &Targeting, ready: impl Fn(SegmentNumber) -> bool, serve_on_missing: bool) -> Prepared<'_> {
    let mut missing = None;
    if !serve_on_missing {
        targeting.for_each_segment(&mut |segment, positive| {
            if missing.is_none() && !positive && !ready(segment) {
                missing = Some(segment);
            }
        });
    }
    missing.map_or(Prepared::Serve(targeting), Prepared::WaitingForSegment)
}
