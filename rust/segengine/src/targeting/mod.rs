//! Which adgroups a user may see: one truth, several speeds.
mod explain;
mod naive;

pub use explain::{ExplainNode, Operator, explain};
pub use naive::NaiveIndex;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::expression::{Prepared, Targeting};
use crate::ids::AdgroupId;

/// One adgroup as an index takes it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its stable number.
    pub adgroup: AdgroupId,
    /// What it asks of a user, or why it matches nobody.
    pub rule: Prepared<'a>,
}

impl<'a> Entry<'a> {
    /// An adgroup all of whose segments are ready.
    #[must_use]
    pub fn new(adgroup: AdgroupId, targeting: &'a Targeting) -> Self {
        Self { adgroup, rule: Prepared::Serve(targeting) }
    }
}

/// An immutable index over the adgroups of one generation.
///
/// `segments` are always the user's segments as distinct ascending [`crate::ids::SegmentNumber`]s; numbers that no
/// adgroup names mean nothing. `scratch` is any thread's own, also one used before with another index. Answers are
/// appended to `out`.
pub trait AdgroupIndex: Send + Sync {
    /// Number of adgroups, those that match nobody included.
    fn len(&self) -> usize;

    /// Whether it holds no adgroup.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends every matching adgroup, each once, in no promised order.
    fn match_all(&self, segments: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>);

    /// Appends the matching ones of `candidates` in their order, duplicates once; returns how many candidates (counted
    /// as given) are unknown to the index and were skipped.
    fn match_candidates(&self, segments: &[u32], candidates: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) -> u32;

    /// Whether one adgroup matches; `None` when it is not in the index.
    fn match_one(&self, adgroup: AdgroupId, segments: &[u32]) -> Option<bool>;

    /// The answer of [`Self::match_all`] for a user without any segment, made once when the index was.
    fn unknown_answer(&self) -> &[u32];
}

/// Working memory of one thread, reused from request to request and from index to index.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The planes of the request.
    accumulators: Vec<u64>,
    /// One bit for each segment; all zero between requests.
    held: Vec<u64>,
    /// One bit for each adgroup already answered; all zero between requests.
    answered: Vec<u64>,
}

/// Refuses an adgroup given twice: its answer would depend on the order.
fn check_distinct(entries: &[Entry<'_>]) -> Result<()> {
    let mut ids: Vec<_> = entries.iter().map(|entry| entry.adgroup).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::internal(format!("adgroup {} was given to the index twice", pair[0]))),
    }
}

/// The index that serves.
///
/// # Errors
/// `Internal` when an adgroup is given twice.
pub fn build(entries: &[Entry<'_>]) -> Result<Arc<dyn AdgroupIndex>> {
    Ok(Arc::new(NaiveIndex::build(entries)?))
}
