//! The order of rows in a sheet: neighbours share the segments that most adgroups list.
//!
//! A segment's postings are (halfword, mask) pairs, so sixteen neighbours that list it cost one write instead of sixteen.
//! Sorting rows lexicographically by their columns, the fullest first, is the known cheap way to such runs (Lemire,
//! Kaser and Aouiche, "Sorting improves word-aligned bitmap indexes", 2010). Here a column is (segment, plane): the clause
//! with the most listed segment takes the first plane (an AND does not mind), and rows are compared by their four most
//! listed (segment, plane) pairs, packed into one `u128`. At W1 a request then reads 6,800 postings instead of 14,900; in an
//! account whose campaigns choose from a few lists, the lists fall together by themselves.
//! Comparing by clauses one after the other (8,300) or by the first clause alone (8,260) was worse; all pairs instead of
//! four brings nothing more.

use super::builder::MAXIMUM_PLANES;
use super::forms::{Form, Forms};

/// Bits of a packed pair that tell the plane.
const PLANE_BITS: u32 = 4;
/// The plane of excludes in a packed pair.
const EXCLUDES: u32 = (1 << PLANE_BITS) - 1;

/// What a row is sorted by: those with excludes first, then the four most listed (segment, plane) pairs.
pub(super) type Key = (bool, u128);

/// One adgroup between reading and layout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// The adgroup.
    pub(super) adgroup: u32,
    /// What it asks.
    pub(super) form: Form<'a>,
    /// The clause of each plane.
    pub(super) clauses: [u16; MAXIMUM_PLANES],
}

/// Segments by how many lists name them: 0 is the most listed.
pub(super) struct Ranks {
    by_segment: Vec<u32>,
    /// Where the literals of each segment would begin if all stood in the order of segments.
    pub(super) starts: Vec<u32>,
}

impl Ranks {
    /// Counts the literals of `forms`.
    pub(super) fn of(forms: &Forms<'_>, some: &[(u32, Form<'_>)]) -> Self {
        let mut counts = vec![0_u32; forms.segments_end];
        for (_, form) in some {
            for list in forms.clauses(form).chain([forms.excludes(form)]) {
                for &segment in list {
                    if let Some(count) = counts.get_mut(segment as usize) {
                        *count += 1;
                    }
                }
            }
        }
        let mut starts = Vec::with_capacity(counts.len() + 1);
        let mut total = 0;
        for count in &counts {
            starts.push(total);
            total += count;
        }
        starts.push(total);
        let mut listed: Vec<(u32, u32)> =
            counts.iter().zip(0..).filter(|(count, _)| **count > 0).map(|(count, segment)| (*count, segment)).collect();
        listed.sort_unstable_by(|left, right| right.cmp(left));
        for ((_, segment), rank) in listed.into_iter().zip(0..) {
            if let Some(entry) = counts.get_mut(segment as usize) {
                *entry = rank;
            }
        }
        Self { by_segment: counts, starts }
    }

    fn of_segment(&self, segment: u32) -> u32 {
        self.by_segment.get(segment as usize).copied().unwrap_or(u32::MAX)
    }

    fn best(&self, list: &[u32]) -> u32 {
        list.iter().map(|&segment| self.of_segment(segment)).min().unwrap_or(u32::MAX)
    }
}

impl<'a> Row<'a> {
    /// Chooses planes and key of an adgroup, with `chosen` as working memory. Of more clauses than planes the shortest are
    /// indexed.
    pub(super) fn new<'f>(
        (adgroup, form): (u32, Form<'a>),
        forms: &'f Forms<'_>,
        ranks: &Ranks,
        chosen: &mut Vec<(u32, u16, &'f [u32])>,
    ) -> (Key, Self) {
        chosen.clear();
        chosen.extend(forms.clauses(&form).zip(0..).map(|(list, clause)| (ranks.best(list), clause, list)));
        if chosen.len() > MAXIMUM_PLANES {
            chosen.sort_by_key(|(_, _, list)| list.len());
            chosen.truncate(MAXIMUM_PLANES);
        }
        chosen.sort_unstable_by_key(|(best, clause, _)| (*best, *clause));
        let mut row = Self { adgroup, form, clauses: [0; MAXIMUM_PLANES] };
        let mut first = [u32::MAX; 4];
        for ((plane, entry), (_, clause, list)) in (0..).zip(&mut row.clauses).zip(chosen.iter()) {
            *entry = *clause;
            list.iter().for_each(|&segment| insert(&mut first, ranks.of_segment(segment) << PLANE_BITS | plane));
        }
        for &segment in forms.excludes(&form) {
            insert(&mut first, ranks.of_segment(segment) << PLANE_BITS | EXCLUDES);
        }
        let excludes = forms.excludes(&form).is_empty();
        ((excludes, first.iter().fold(0, |key, &pair| key << 32 | u128::from(pair))), row)
    }
}

/// Keeps the smallest four, ascending.
fn insert(first: &mut [u32; 4], mut pair: u32) {
    for entry in first {
        if pair < *entry {
            std::mem::swap(entry, &mut pair);
        }
    }
}
