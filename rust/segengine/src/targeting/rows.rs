//! The order of rows in a sheet: neighbours share the segments that most adgroups list.
//!
//! A segment's postings are (halfword, mask) pairs, so sixteen neighbours that list it cost one write instead of sixteen.
//! Sorting rows lexicographically by their columns, the fullest first, is the known cheap way to such runs (Lemire,
//! Kaser and Aouiche, "Sorting improves word-aligned bitmap indexes", 2010). Here a column is (segment, plane): the clause
//! with the most listed segment takes the first plane (an AND does not mind), and rows are compared by their four most
//! listed (segment, plane) pairs, packed into one `u128`. At W1 a request then reads 6,700 postings instead of 14,900; in an
//! account whose campaigns choose from a few lists, the lists fall together by themselves.
//! Comparing by clauses one after the other (8,300) or by the first clause alone (8,260) was worse; all pairs instead of
//! four brings nothing more.
//!
//! What is sorted is the upper half of each key with the row's place, 16 bytes; the lower half is looked up where upper
//! halves are equal. A row itself does not move: its lists are found by its place.

use std::collections::BTreeMap;

use super::builder::MAXIMUM_PLANES;
use super::forms::{Form, Forms, Verify};

/// Bits of a packed pair that tell the plane.
const PLANE_BITS: u32 = 4;
/// The plane of excludes in a packed pair.
const EXCLUDES: u32 = (1 << PLANE_BITS) - 1;
/// The plane of doubts in a packed pair.
const DOUBTS: u32 = EXCLUDES - 1;
const _: () = assert!(MAXIMUM_PLANES <= DOUBTS as usize, "every plane has a number of its own");
/// No pair; its upper bit is free, as that of every pair is.
const NO_PAIR: u32 = u32::MAX >> 1;
/// Set in the keys of rows without excludes.
const WITHOUT_EXCLUDES: u128 = 1 << 127;

/// Planes and whose survival is verified: adgroups that share both share a bucket.
pub(super) type BucketKey = (usize, Verify);

/// The bucket that an adgroup belongs to.
pub(super) fn bucket_key(form: &Form<'_>) -> BucketKey {
    let clauses = form.clause_count();
    if clauses > MAXIMUM_PLANES { (MAXIMUM_PLANES, Verify::Everybody) } else { (clauses, form.verify) }
}

/// Segments by how many lists name them: 0 is the most listed.
pub(super) struct Ranks {
    by_segment: Vec<u32>,
    /// Where the literals of each segment would begin if all stood in the order of segments.
    pub(super) starts: Vec<u32>,
}

/// Adds the literals of `forms` to the counts of their segments.
pub(super) fn count(counts: &mut [u32], forms: &Forms<'_>) {
    for form in forms.forms().iter().filter(|form| !form.never) {
        for list in forms.clauses(form).chain([forms.excludes(form), forms.doubts(form)]) {
            for &segment in list {
                if let Some(count) = counts.get_mut(segment as usize) {
                    *count += 1;
                }
            }
        }
    }
}

impl Ranks {
    /// Ranks segments by how many literals name each.
    pub(super) fn of(mut counts: Vec<u32>) -> Self {
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
        self.by_segment.get(segment as usize).copied().unwrap_or(NO_PAIR)
    }

    fn best(&self, list: &[u32]) -> u32 {
        list.iter().map(|&segment| self.of_segment(segment)).min().unwrap_or(NO_PAIR)
    }
}

/// Some rows of one bucket, unsorted.
#[derive(Debug, Default)]
pub(super) struct BucketRows<'a> {
    keys: Vec<u128>,
    adgroups: Vec<u32>,
    /// For each row the list of each plane, then its excludes, then its doubts where the bucket has them.
    lists: Vec<&'a [u32]>,
}

impl BucketRows<'_> {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// The rows of some adgroups, bucket by bucket.
pub(super) type Rows<'a> = BTreeMap<BucketKey, BucketRows<'a>>;

/// Chooses planes and key of each adgroup that can match. Of more clauses than planes the shortest are indexed.
pub(super) fn rows<'a>(forms: &'a Forms<'_>, ranks: &Ranks) -> Rows<'a> {
    let mut rows = Rows::new();
    let mut chosen: Vec<(u32, &[u32])> = Vec::new();
    for form in forms.forms().iter().filter(|form| !form.never) {
        chosen.clear();
        chosen.extend(forms.clauses(form).map(|list| (ranks.best(list), list)));
        if chosen.len() > MAXIMUM_PLANES {
            chosen.sort_by_key(|(_, list)| list.len());
            chosen.truncate(MAXIMUM_PLANES);
        }
        chosen.sort_by_key(|(best, _)| *best);
        let key = bucket_key(form);
        let bucket = rows.entry(key).or_default();
        let mut first = [NO_PAIR; 4];
        for ((_, list), plane) in chosen.iter().zip(0..) {
            list.iter().for_each(|&segment| insert(&mut first, ranks.of_segment(segment) << PLANE_BITS | plane));
            bucket.lists.push(list);
        }
        let excludes = forms.excludes(form);
        for &segment in excludes {
            insert(&mut first, ranks.of_segment(segment) << PLANE_BITS | EXCLUDES);
        }
        bucket.lists.push(excludes);
        if key.1 == Verify::Doubted {
            let doubts = forms.doubts(form);
            doubts.iter().for_each(|&segment| insert(&mut first, ranks.of_segment(segment) << PLANE_BITS | DOUBTS));
            bucket.lists.push(doubts);
        }
        let key = first.iter().fold(0, |key, &pair| key << 32 | u128::from(pair));
        bucket.keys.push(if excludes.is_empty() { key | WITHOUT_EXCLUDES } else { key });
        bucket.adgroups.push(form.adgroup);
    }
    rows
}

/// Keeps the smallest four, ascending.
fn insert(first: &mut [u32; 4], mut pair: u32) {
    for entry in first {
        if pair < *entry {
            std::mem::swap(entry, &mut pair);
        }
    }
}

/// Where a row stands: its share in the upper bits, its number among the share's rows of the bucket below. A sheet has no
/// more rows than that.
type Place = u32;
const ROW_BITS: u32 = 20;

/// All rows of one bucket, sorted; those with excludes first.
pub(super) struct SortedRows<'r, 'a> {
    shares: Vec<&'r BucketRows<'a>>,
    order: Vec<Place>,
    stride: usize,
    /// Rows that have excludes.
    pub(super) with_excludes: usize,
}

impl<'r, 'a> SortedRows<'r, 'a> {
    /// Sorts the rows that some shares have of a bucket.
    pub(super) fn of((planes, verify): BucketKey, shares: &'r [Rows<'a>]) -> Self {
        static NONE: BucketRows<'static> = BucketRows { keys: Vec::new(), adgroups: Vec::new(), lists: Vec::new() };
        let shares: Vec<&BucketRows<'a>> =
            shares.iter().map(|rows| rows.get(&(planes, verify)).unwrap_or(&NONE)).collect();
        let mut sorted: Vec<(u64, Place)> = Vec::with_capacity(shares.iter().map(|share| share.keys.len()).sum());
        for (share, number) in shares.iter().zip(0..) {
            let places = number << ROW_BITS..;
            sorted.extend(share.keys.iter().zip(places).map(|(key, place)| (upper(*key), place)));
        }
        sorted.sort_unstable();
        let stride = planes + 1 + usize::from(verify == Verify::Doubted);
        let mut rows = Self { shares, order: Vec::new(), stride, with_excludes: 0 };
        for equal in sorted.chunk_by_mut(|left, right| left.0 == right.0).filter(|equal| equal.len() > 1) {
            equal.sort_by_key(|(_, place)| rows.key(*place));
        }
        rows.with_excludes = sorted.partition_point(|(key, _)| *key < upper(WITHOUT_EXCLUDES));
        rows.order = sorted.into_iter().map(|(_, place)| place).collect();
        rows
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    fn find(&self, place: Place) -> (Option<&'r BucketRows<'a>>, usize) {
        (self.shares.get((place >> ROW_BITS) as usize).copied(), (place % (1 << ROW_BITS)) as usize)
    }

    fn key(&self, place: Place) -> u128 {
        let (share, row) = self.find(place);
        share.and_then(|share| share.keys.get(row)).copied().unwrap_or_default()
    }

    /// The adgroups of the rows.
    pub(super) fn adgroups(&self) -> impl Iterator<Item = u32> {
        self.order.iter().filter_map(|&place| {
            let (share, row) = self.find(place);
            share?.adgroups.get(row).copied()
        })
    }

    /// What a row asks in a plane; the excludes come after the planes, and the doubts after them.
    #[inline]
    pub(super) fn list(&self, row: usize, plane: usize) -> &'a [u32] {
        let Some((share, row)) = self.order.get(row).map(|&place| self.find(place)) else { return &[] };
        share.and_then(|share| share.lists.get(row * self.stride + plane)).copied().unwrap_or_default()
    }
}

fn upper(key: u128) -> u64 {
    (key >> 64) as u64
}
