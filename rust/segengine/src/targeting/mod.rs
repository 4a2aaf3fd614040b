//! From a user's segments to adgroups: the index, the programs, the explanation.
//!
//! # The question
//! An adgroup is a Boolean expression over segments, nearly always an AND of OR-clauses ("one of these lists, and one of
//! those") less an OR of excludes. A user holds some tens of segments of many thousands. Which of 100,000 adgroups hold?
//! Evaluating each costs milliseconds; the answer is due in microseconds, once per impression.
//!
//! # The known ways, and what they cost here
//! * *Counting* (Whang et al., "Indexing Boolean expressions", VLDB 2009, the k-index): walk the postings of the user's
//!   segments, merge them by conjunction and count satisfied clauses, conjunctions of k clauses by themselves. A posting
//!   costs a merge step or a counter, and excludes cost as much as includes. Vespa's predicate search does it with a byte a
//!   conjunction and interval postings; `be_indexer` is the k-index as written.
//! * *Sharing* (A-Tree, Ji and Jacobsen, VLDB 2018 and its relatives): evaluate common sub-expressions once, bottom-up, in
//!   a graph. Each node visited is a cache miss, and rarely is anything shared but within one campaign.
//! * *Bit slices* (O'Neil and Quass, SIGMOD 1997; the `ConfigSet` filters of the `RTBkit` bidder): one bit set over all
//!   adgroups for each value, intersected clause by clause. No merge and no counter: 64 or 512 adgroups a step. As written by hand
//!   over roaring bitmaps it is the baseline that this index is measured against.
//!
//! # The way taken
//! Bit slices, turned so that one request touches little memory: *clause planes*. The j-th clauses of all adgroups are one
//! plane of bits. The postings of the user's segments are set in the planes, the planes of adgroups with k clauses are
//! intersected, the exclude plane taken away, and the bits left are the answer; `sheet` has the data and what each choice
//! brought, `rows` the order of rows that halves the postings, `unsafe_vector` the step from bits to ids.
//! Nothing is counted, every step is a linear walk over memory that stays in the first and second cache, and the time is that
//! of the user's postings: sub-linear in adgroups as long as most name segments that the user does not hold.
//!
//! * *Nested expressions* become clauses that are necessary: an OR of ANDs is multiplied out, what a part of an OR negates is
//!   taken as not held. Who holds one of the few segments of which that is taken (the adgroup *doubts* them; they have a plane
//!   of their own) runs the whole program (`program`), and so does everybody where multiplying out would make too much. Of
//!   10,000 nested adgroups at W6 some 500 of 5,300 that pass are asked, and match-all takes 17-20 µs; when all were asked,
//!   82. An adgroup of excludes alone starts as matching.
//! * *Equal lists*, as a campaign's adgroups share them, need no table of shared clauses: they make equal sort keys, so their
//!   rows lie together and one posting speaks for all of them.
//! * *Context segments* are more of the user's segments. Attribute tests, when they come, are literals of numbers that no
//!   segment has.
//! * *Edits* go to a small part beside the base (`planes`); a new base is built aside.
//! * *Candidate lists* run programs or look planes up, whichever costs less (`candidates`); a batch with one list turns
//!   the question by ninety degrees (`side_by_side`).
//!
//! The naive evaluation of [`NaiveIndex`] is the judge of all of it. Tried and left: full-length bit rows for the most
//! listed segments (no gain once rows are sorted), and in a prototype the whole index transposed for 64 users at once
//! (their planes leave the second cache). Reckoned and not built: clauses first and adgroups second, which at W8 costs as
//! many postings from clauses to adgroups as it saves from segments to clauses; other orders of rows there (5,700 postings a
//! request with the order of `rows`, 5,900 by whole lists, 10,300 in the order of campaigns); and fewer planes or no exclude plane
//! with survivors verified, which costs more programs than it saves postings.

mod builder;
mod candidates;
pub mod explain;
mod forms;
mod index;
mod planes;
mod postings;
mod prepare;
mod program;
mod rows;
mod sheet;
mod side_by_side;
mod slots;
#[cfg(test)]
mod twins;
mod unsafe_vector;

pub use explain::{ExplainNode, Operator};
pub use index::{AdgroupIndex, NaiveIndex, Scratch};
pub use planes::PlaneIndex;
pub use prepare::{Readiness, Ready, Rule, readiness};
pub use side_by_side::{SideBySide, USERS_AT_ONCE, Verdicts};
