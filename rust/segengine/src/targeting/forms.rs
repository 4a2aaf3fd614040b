//! Expressions in the form the index is built from, all in two flat vectors.
//!
//! The include/exclude form is an AND of OR-clauses minus one OR of excludes already: it is recognised in one pass
//! over the postfix nodes, run of literals by run of literals, and copied, without an allocation for each adgroup.
//! Everything else goes through [`necessary`].

use super::prepare::{Readiness, Ready, Rule, readiness};
use crate::expression::normal::{is_contradictory, necessary};
use crate::expression::{Expression, Node};
use crate::ids::SegmentNumber;

/// Whom a form may let pass wrongly, so that their whole expression is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verify {
    /// Nobody: the form is exact.
    Nobody,
    /// Who holds one of the segments that the form doubts.
    Doubted,
    /// Whoever passes.
    Everybody,
}

/// The form of one adgroup: `clauses` lists, then one of excludes, then one of doubts where there are any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    /// The adgroup.
    pub(super) adgroup: u32,
    /// Nobody can match it.
    pub(super) never: bool,
    /// Who is asked the whole expression.
    pub(super) verify: Verify,
    /// The whole expression, where the form is not exact.
    pub(super) whole: Option<&'a Expression<SegmentNumber>>,
    first_list: usize,
    clauses: usize,
}

/// The lists of some adgroups; each is sorted and distinct, and no clause names an excluded segment.
#[derive(Debug, Default)]
pub(super) struct Forms<'a> {
    segments: Vec<u32>,
    /// End of each list in `segments`.
    ends: Vec<usize>,
    found: Vec<Form<'a>>,
    pieces: Vec<Piece>,
    /// One more than the largest segment that any expression names, relaxed away or not.
    pub(super) segments_end: usize,
}

/// A run of literals in the postfix nodes: an OR of them, or its opposite.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    positive: bool,
}

impl<'a> Forms<'a> {
    /// Room for so many adgroups of the usual size.
    pub(super) fn with_room(adgroups: usize) -> Self {
        Self {
            segments: Vec::with_capacity(adgroups * 9),
            ends: Vec::with_capacity(adgroups * 3),
            found: Vec::with_capacity(adgroups),
            ..Self::default()
        }
    }

    /// Adds the form of the next adgroup; `ready` judges those that wait for segments.
    pub(super) fn push(&mut self, adgroup: u32, rule: Rule<'a>, ready: Ready<'_>) {
        match rule {
            Rule::Never => self.push_never(adgroup),
            Rule::Everybody => {
                let first_list = self.ends.len();
                self.push_list(std::iter::empty());
                self.finish(adgroup, first_list, (Verify::Nobody, None));
            }
            Rule::When(expression) => self.push_expression(adgroup, expression, None),
            Rule::WhenReady(expression) => self.push_expression(adgroup, expression, Some(ready)),
        }
    }

    fn push_expression(&mut self, adgroup: u32, expression: &'a Expression<SegmentNumber>, ready: Option<Ready<'_>>) {
        let nodes = expression.nodes();
        let (first_list, first_segment) = (self.ends.len(), self.segments.len());
        if read_pieces(nodes, &mut self.pieces) {
            let pieces = std::mem::take(&mut self.pieces);
            let literals =
                |piece: &Piece| nodes.get(piece.start..piece.end).unwrap_or_default().iter().filter_map(number_of);
            for piece in pieces.iter().filter(|piece| piece.positive) {
                self.push_list(literals(piece));
            }
            self.push_list(pieces.iter().filter(|piece| !piece.positive).flat_map(literals));
            self.pieces = pieces;
            self.note_segments(first_segment);
            self.finish(adgroup, first_list, (Verify::Nobody, None));
            // What is negated here is what is excluded.
            if let Some(ready) = ready
                && let Some(mut form) = self.found.pop()
            {
                form.never |= !self.excludes(&form).iter().all(|&segment| ready(SegmentNumber(segment)));
                self.found.push(form);
            }
            return;
        }
        for segment in expression.literals() {
            self.segments_end = self.segments_end.max(segment.0 as usize + 1);
        }
        let waits = ready.is_some_and(|ready| readiness(expression, false, ready) != Readiness::Serves);
        if waits || is_contradictory(expression) {
            self.push_never(adgroup);
        } else {
            let form = necessary(expression);
            form.clauses.iter().for_each(|clause| self.push_list(clause.iter().copied()));
            self.push_list(form.excludes.iter().copied());
            self.finish(
                adgroup,
                first_list,
                match &form.doubts {
                    Some(doubts) if doubts.is_empty() => (Verify::Nobody, None),
                    Some(_) => (Verify::Doubted, Some(expression)),
                    None => (Verify::Everybody, Some(expression)),
                },
            );
            if let Some(doubts) = form.doubts.filter(|doubts| !doubts.is_empty()) {
                self.push_list(doubts.into_iter());
            }
        }
    }

    fn note_segments(&mut self, first: usize) {
        if let Some(largest) = self.segments.get(first..).unwrap_or_default().iter().max() {
            self.segments_end = self.segments_end.max(*largest as usize + 1);
        }
    }

    /// An adgroup that matches nobody.
    fn push_never(&mut self, adgroup: u32) {
        let (verify, whole, first_list) = (Verify::Nobody, None, self.ends.len());
        self.found.push(Form { adgroup, never: true, verify, whole, first_list, clauses: 0 });
    }

    fn push_list(&mut self, segments: impl Iterator<Item = u32>) {
        let start = self.segments.len();
        self.segments.extend(segments);
        let list = self.segments.get_mut(start..).unwrap_or_default();
        if !list.is_sorted_by(|left, right| left < right) {
            list.sort_unstable();
            let mut sorted = self.segments.split_off(start);
            sorted.dedup();
            self.segments.append(&mut sorted);
        }
        self.ends.push(self.segments.len());
    }

    /// A clause wholly inside the excludes makes the adgroup match nobody.
    fn finish(
        &mut self,
        adgroup: u32,
        first_list: usize,
        (verify, whole): (Verify, Option<&'a Expression<SegmentNumber>>),
    ) {
        let clauses = self.ends.len() - first_list - 1;
        let form = Form { adgroup, never: false, verify, whole, first_list, clauses };
        let excludes = self.excludes(&form);
        let excluded = |clause: &[u32]| clause.iter().all(|segment| excludes.binary_search(segment).is_ok());
        let never = !excludes.is_empty() && self.clauses(&form).any(excluded);
        self.found.push(Form { never, ..form });
    }

    /// The forms in the order they were added.
    pub(super) fn forms(&self) -> &[Form<'a>] {
        &self.found
    }

    fn list(&self, list: usize) -> &[u32] {
        let start = list.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(list).copied().unwrap_or_default();
        self.segments.get(start..end).unwrap_or_default()
    }

    /// Each needs one of its segments.
    pub(super) fn clauses(&self, form: &Form<'_>) -> impl Iterator<Item = &[u32]> {
        (form.first_list..form.first_list + form.clauses).map(|list| self.list(list))
    }

    /// None of these may be held.
    pub(super) fn excludes(&self, form: &Form<'_>) -> &[u32] {
        self.list(form.first_list + form.clauses)
    }

    /// Who passes and holds one of these is asked the whole expression.
    pub(super) fn doubts(&self, form: &Form<'_>) -> &[u32] {
        if form.verify == Verify::Doubted { self.list(form.first_list + form.clauses + 1) } else { &[] }
    }
}

impl Form<'_> {
    /// Number of clauses.
    pub(super) fn clause_count(&self) -> usize {
        self.clauses
    }
}

fn number_of(node: &Node<SegmentNumber>) -> Option<u32> {
    if let Node::Literal(segment) = node { Some(segment.0) } else { None }
}

/// Whether the nodes are an AND of clauses and negated clauses, which `pieces` then holds.
///
/// A run of literals before an OR of n is n operands after such that stand for themselves; before anything else, all do.
fn read_pieces(nodes: &[Node<SegmentNumber>], pieces: &mut Vec<Piece>) -> bool {
    pieces.clear();
    let single = |place: usize| Piece { start: place, end: place + 1, positive: true };
    let mut run = 0;
    for (place, node) in nodes.iter().enumerate() {
        match node {
            Node::Literal(_) => continue,
            Node::Or(count) => {
                let Some(start) = place.checked_sub(*count as usize).filter(|start| *start >= run) else {
                    return false;
                };
                pieces.extend((run..start).map(single));
                pieces.push(Piece { start, end: place, positive: true });
            }
            Node::Not => {
                pieces.extend((run..place).map(single));
                let negated = pieces.last_mut().is_some_and(|last| std::mem::replace(&mut last.positive, false));
                if !negated {
                    return false;
                }
            }
            Node::And(count) => {
                pieces.extend((run..place).map(single));
                return place + 1 == nodes.len() && *count as usize == pieces.len();
            }
        }
        run = place + 1;
    }
    pieces.extend((run..nodes.len()).map(single));
    pieces.len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::text::parse;

    fn read(text: &str) -> Option<Vec<(usize, bool)>> {
        let numbered = parse(text).unwrap().try_map(|name| Ok(SegmentNumber(name.to_string().len() as u32))).unwrap();
        let mut pieces = Vec::new();
        read_pieces(numbered.nodes(), &mut pieces)
            .then(|| pieces.iter().map(|piece| (piece.end - piece.start, piece.positive)).collect())
    }

    #[test]
    fn the_include_exclude_form_is_recognised_and_nothing_else() {
        assert_eq!(read("a"), Some(vec![(1, true)]));
        assert_eq!(read("!a"), Some(vec![(1, false)]));
        assert_eq!(read("a | b"), Some(vec![(2, true)]));
        assert_eq!(read("(a | b) & c & !(d | e | f) & !g"), Some(vec![(2, true), (1, true), (3, false), (1, false)]));
        for nested in
            ["!!a", "!(a & b)", "a | b & c", "a & (b & c)", "(a | b) | c", "a | !b", "!(a | !b)", "(a | (b | c)) & d"]
        {
            assert_eq!(read(nested), None, "{nested}");
        }
    }
}
