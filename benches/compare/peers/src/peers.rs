//! The peers, each used as its documentation says and in the variant that was fastest here.
//!
//! mokaccino 0.9: one query an adgroup in conjunctive form; `optimized()` chooses the number of clause matchers, as its
//! documentation recommends. Two layouts of a user: one field with a value for each segment, which is how one would
//! write it; and a field for each segment, which is faster, because a check against the document is then one look-up.
//!
//! a-tree 0.6: `segments one of (…) and … and segments none of (…)` over one list attribute, inserted as text.

use std::error::Error;

use a_tree::{ATree, AttributeDefinition, Event};
use mokaccino::prelude::{Document, PercolatorUid, Query};

use crate::workload::Workload;

/// Something that says which adgroups a user matches.
pub trait Peer {
    /// A user in the form in which the peer wants to be asked.
    type Question;

    fn question(&self, user: &[i32]) -> Result<Self::Question, Box<dyn Error>>;

    /// The numbers of the adgroups, in any order.
    fn matching(&self, question: &Self::Question) -> Result<Vec<i32>, Box<dyn Error>>;
}

/// How a segment that a user holds is written: field and value.
type Layout = fn(i32) -> (String, String);

/// One field with a value for each segment.
pub fn one_field(segment: i32) -> (String, String) {
    ("segment".to_owned(), segment.to_string())
}

/// A field for each segment.
pub fn many_fields(segment: i32) -> (String, String) {
    (segment.to_string(), "1".to_owned())
}

pub struct MokaccinoPeer {
    percolator: PercolatorUid<i32>,
    layout: Layout,
}

impl MokaccinoPeer {
    pub fn build(workload: &Workload, layout: Layout) -> Result<Self, Box<dyn Error>> {
        let term = |segment: &i32| {
            let (field, value) = layout(*segment);
            Query::term(field, value)
        };
        let mut percolator = PercolatorUid::default();
        for (number, adgroup) in (0..).zip(&workload.adgroups) {
            let groups = adgroup.include.iter().map(|group| Query::from_or(group.iter().map(term).collect()));
            let excludes = adgroup.exclude.iter().map(|segment| Query::negation(term(segment)));
            let query = Query::from_and(groups.chain(excludes).collect());
            percolator.index_query_uid(query, number).map_err(|error| format!("{error:?}"))?;
        }
        Ok(Self { percolator: percolator.optimized(), layout })
    }
}

impl Peer for MokaccinoPeer {
    type Question = Document;

    fn question(&self, user: &[i32]) -> Result<Document, Box<dyn Error>> {
        let held = user.iter().map(|segment| (self.layout)(*segment));
        Ok(held.fold(Document::new(), |document, (field, value)| document.with_value(field, value)))
    }

    fn matching(&self, question: &Document) -> Result<Vec<i32>, Box<dyn Error>> {
        Ok(self.percolator.percolate(question).collect())
    }
}

pub struct ATreePeer(ATree<i32>);

impl ATreePeer {
    pub fn build(workload: &Workload) -> Result<Self, Box<dyn Error>> {
        let definitions = [AttributeDefinition::integer_list("segments")];
        let mut tree = ATree::new(&definitions).map_err(|error| format!("{error:?}"))?;
        for (number, adgroup) in (0..).zip(&workload.adgroups) {
            let mut parts: Vec<String> =
                adgroup.include.iter().map(|group| format!("segments one of {}", list(group))).collect();
            if !adgroup.exclude.is_empty() {
                parts.push(format!("segments none of {}", list(&adgroup.exclude)));
            }
            let text = parts.join(" and ");
            tree.insert(&number, &text).map_err(|error| format!("{error:?}"))?;
        }
        Ok(Self(tree))
    }
}

fn list(segments: &[i32]) -> String {
    let texts: Vec<String> = segments.iter().map(i32::to_string).collect();
    format!("[{}]", texts.join(", "))
}

impl Peer for ATreePeer {
    type Question = Event;

    fn question(&self, user: &[i32]) -> Result<Event, Box<dyn Error>> {
        let values: Vec<i64> = user.iter().map(|&segment| i64::from(segment)).collect();
        let mut builder = self.0.make_event();
        builder.with_integer_list("segments", &values).map_err(|error| format!("{error:?}"))?;
        builder.build().map_err(|error| format!("{error:?}").into())
    }

    fn matching(&self, question: &Event) -> Result<Vec<i32>, Box<dyn Error>> {
        let report = self.0.search(question).map_err(|error| format!("{error:?}"))?;
        Ok(report.matches().iter().map(|number| **number).collect())
    }
}
