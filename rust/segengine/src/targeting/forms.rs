//! Expressions in the form the index is built from, all in two flat vectors.
//!
//! The include/exclude form is an AND of OR-clauses minus one OR of excludes already: it is recognised in one pass
//! over the postfix nodes and copied, without an allocation for each adgroup, which is what makes a rebuild of 100,000
//! adgroups take tens of milliseconds. Everything else goes through [`necessary`].

use crate::expression::normal::{is_contradictory, necessary};
use crate::expression::{Expression, Node};
use crate::ids::SegmentNumber;

/// The form of one adgroup: `clauses` lists, then one of excludes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    first_list: usize,
    clauses: usize,
    /// The whole expression, where the form is necessary only.
    pub(super) verify: Option<&'a Expression<SegmentNumber>>,
    /// Nobody can match it.
    pub(super) never: bool,
}

/// The lists of all adgroups; each is sorted and distinct, and no clause names an excluded segment.
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
    /// Adds the form of the next adgroup.
    pub(super) fn push(&mut self, expression: &'a Expression<SegmentNumber>) {
        let nodes = expression.nodes();
        for segment in expression.literals() {
            self.segments_end = self.segments_end.max(segment.0 as usize + 1);
        }
        let first_list = self.ends.len();
        if read_pieces(nodes, &mut self.pieces) {
            let pieces = std::mem::take(&mut self.pieces);
            let literals =
                |piece: &Piece| nodes.get(piece.start..piece.end).unwrap_or_default().iter().filter_map(number_of);
            for piece in pieces.iter().filter(|piece| piece.positive) {
                self.push_list(literals(piece));
            }
            self.push_list(pieces.iter().filter(|piece| !piece.positive).flat_map(literals));
            self.pieces = pieces;
            self.finish(first_list, None);
        } else if is_contradictory(expression) {
            self.push_never();
        } else {
            let form = necessary(expression);
            form.clauses.iter().for_each(|clause| self.push_list(clause.iter().copied()));
            self.push_list(form.excludes.iter().copied());
            self.finish(first_list, (!form.exact).then_some(expression));
        }
    }

    /// Adds an adgroup that matches nobody.
    pub(super) fn push_never(&mut self) {
        self.found.push(Form { first_list: self.ends.len(), clauses: 0, verify: None, never: true });
    }

    /// Adds an adgroup that asks nothing: no clause and no exclude.
    pub(super) fn push_everybody(&mut self) {
        let first_list = self.ends.len();
        self.push_list(std::iter::empty());
        self.finish(first_list, None);
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
    fn finish(&mut self, first_list: usize, verify: Option<&'a Expression<SegmentNumber>>) {
        let clauses = self.ends.len() - first_list - 1;
        let form = Form { first_list, clauses, verify, never: false };
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

    /// The clause of that number.
    pub(super) fn clause(&self, form: &Form<'_>, clause: usize) -> &[u32] {
        if clause < form.clauses { self.list(form.first_list + clause) } else { &[] }
    }

    /// None of these may be held.
    pub(super) fn excludes(&self, form: &Form<'_>) -> &[u32] {
        self.list(form.first_list + form.clauses)
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
fn read_pieces(nodes: &[Node<SegmentNumber>], pieces: &mut Vec<Piece>) -> bool {
    pieces.clear();
    let is_literal = |piece: &Piece| piece.positive && matches!(nodes.get(piece.start), Some(Node::Literal(_)));
    for (place, node) in nodes.iter().enumerate() {
        let read = match node {
            Node::Literal(_) => {
                pieces.push(Piece { start: place, end: place + 1, positive: true });
                true
            }
            Node::Or(count) => {
                // The last operands must be bare literals; they then stand side by side just before this node.
                let first = pieces.len().saturating_sub(*count as usize);
                let operands = pieces.split_off(first);
                let start = place.saturating_sub(operands.len());
                let bare = operands.iter().zip(start..).all(|(piece, at)| is_literal(piece) && piece.start == at);
                pieces.push(Piece { start, end: place, positive: true });
                bare
            }
            Node::Not => pieces.last_mut().is_some_and(|last| std::mem::replace(&mut last.positive, false)),
            Node::And(count) => place + 1 == nodes.len() && *count as usize == pieces.len(),
        };
        if !read {
            return false;
        }
    }
    matches!(nodes.last(), Some(Node::And(_))) || pieces.len() == 1
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
