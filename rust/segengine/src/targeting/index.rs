//! What an adgroup index must answer, and the naive one that every other must equal.

use std::fmt;

use hashbrown::HashMap;

use super::sheet::Working;
use crate::expression::Expression;
use crate::ids::{AdgroupId, SegmentNumber};

/// Working memory of one thread; reuse it, it grows to what the index needs.
#[derive(Default)]
pub struct Scratch {
    pub(super) working: Option<Working>,
    pub(super) held: Vec<u64>,
    pub(super) asked: Vec<u64>,
    pub(super) verdicts: Vec<u32>,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Adgroups that may serve, ready to be asked about one user at a time. Segment numbers come in any order, a
/// repeated one means what it means once, and those that the index does not know mean nothing.
pub trait AdgroupIndex: Send + Sync {
    /// Appends every adgroup whose expression holds, in no promised order.
    fn match_all(&self, segments: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>);

    /// Appends those of `candidates` whose expression holds, in their order, repeats once. Returns how many candidates
    /// are not in the index.
    fn match_candidates(&self, segments: &[u32], candidates: &[u32], scratch: &mut Scratch, out: &mut Vec<u32>) -> u32;

    /// Whether one adgroup's expression holds; nothing when it is not in the index.
    fn matches(&self, adgroup: AdgroupId, segments: &[u32], scratch: &mut Scratch) -> Option<bool> {
        let mut out = Vec::new();
        let unknown = self.match_candidates(segments, &[adgroup.0], scratch, &mut out);
        (unknown == 0).then_some(!out.is_empty())
    }

    /// Number of adgroups in the index.
    fn len(&self) -> usize;

    /// Whether there is no adgroup.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Walks every adgroup and evaluates its expression: the oracle in the shape of an index.
#[derive(Debug, Default)]
pub struct NaiveIndex {
    adgroups: Vec<(u32, Expression<SegmentNumber>)>,
    places: HashMap<u32, usize>,
}

impl NaiveIndex {
    /// An index over `adgroups`.
    #[must_use]
    pub fn build(adgroups: Vec<(AdgroupId, Expression<SegmentNumber>)>) -> Self {
        let adgroups: Vec<_> = adgroups.into_iter().map(|(id, expression)| (id.0, expression)).collect();
        let places = adgroups.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
        Self { adgroups, places }
    }

    fn holds(expression: &Expression<SegmentNumber>, segments: &[u32]) -> bool {
        expression.evaluate(|segment| segments.contains(&segment.0))
    }
}

impl AdgroupIndex for NaiveIndex {
    fn match_all(&self, segments: &[u32], _scratch: &mut Scratch, out: &mut Vec<u32>) {
        out.extend(self.adgroups.iter().filter(|(_, expression)| Self::holds(expression, segments)).map(|(id, _)| id));
    }

    fn match_candidates(
        &self,
        segments: &[u32],
        candidates: &[u32],
        _scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> u32 {
        let from = out.len();
        let mut unknown = 0;
        for id in candidates {
            let Some((id, expression)) = self.places.get(id).and_then(|&place| self.adgroups.get(place)) else {
                unknown += 1;
                continue;
            };
            if Self::holds(expression, segments) && !out.get(from..).unwrap_or_default().contains(id) {
                out.push(*id);
            }
        }
        unknown
    }

    fn len(&self) -> usize {
        self.adgroups.len()
    }
}
