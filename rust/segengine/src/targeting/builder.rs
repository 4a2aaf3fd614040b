//! Compiles adgroups into a [`PlaneIndex`]: forms → buckets and rows → postings → programs.
//!
//! Linear in the literals. A rebuild happens aside, while readers use the index before.

use std::collections::BTreeMap;

use super::forms::{Form, Forms};
use super::planes::{Bucket, PlaneIndex};
use super::program::{ABSENT, Arena};
use crate::ids::AdgroupId;

/// Planes that one bucket may have: the accumulators of a request must stay in the first-level cache. Of an adgroup
/// with more clauses the shortest are indexed and the whole is verified.
const MAXIMUM_PLANES: usize = 8;

/// One adgroup between reading and layout.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    form: Form<'a>,
    /// First accumulator bit of its row: that of its first plane.
    bit: usize,
    /// Bits from one of its planes to the next.
    stride: usize,
    planes: usize,
}

/// Planes and whether survivors are verified: adgroups that share both share a bucket.
fn bucket_key(form: &Form<'_>) -> (usize, bool) {
    let clauses = form.clause_count();
    (clauses.min(MAXIMUM_PLANES), form.verify.is_some() || clauses > MAXIMUM_PLANES)
}

/// Builds the index over adgroups with the forms at the same places.
pub(super) fn build(adgroups: &[AdgroupId], forms: &Forms<'_>) -> PlaneIndex {
    let mut index = PlaneIndex { len: adgroups.len(), segments_end: forms.segments_end, ..PlaneIndex::default() };
    let placed = lay_out(&mut index, adgroups, forms);
    post(&mut index, &placed, forms);
    compile(&mut index, adgroups, forms);
    index
}

/// Makes the buckets and gives each adgroup that can match its row, those with excludes first in their bucket.
fn lay_out<'a>(index: &mut PlaneIndex, adgroups: &[AdgroupId], forms: &Forms<'a>) -> Vec<Placed<'a>> {
    type Members<'a> = Vec<(u32, Form<'a>)>;
    let mut buckets: BTreeMap<(usize, bool), (Members<'a>, Members<'a>)> = BTreeMap::new();
    for (adgroup, form) in adgroups.iter().zip(forms.forms()).filter(|(_, form)| !form.never) {
        let (with_excludes, without) = buckets.entry(bucket_key(form)).or_default();
        let members = if forms.excludes(form).is_empty() { without } else { with_excludes };
        members.push((adgroup.0, *form));
    }
    let mut placed = Vec::with_capacity(adgroups.len());
    for ((planes, verify), (with_excludes, without)) in buckets {
        let rows = with_excludes.len() + without.len();
        let bucket = Bucket {
            planes,
            verify,
            rows,
            words: rows.div_ceil(64),
            exclude_words: with_excludes.len().div_ceil(64),
            first_row: index.adgroups.len(),
            base: index.accumulator_words,
        };
        let stride = bucket.words * 64;
        for (bit, (adgroup, form)) in (bucket.base * 64..).zip(with_excludes.into_iter().chain(without)) {
            index.adgroups.push(adgroup);
            placed.push(Placed { form, bit, stride, planes });
        }
        index.adgroups.resize(bucket.first_row + stride, 0);
        index.accumulator_words += bucket.accumulator_words();
        index.any_verify |= verify;
        index.buckets.push(bucket);
    }
    placed
}

/// Segment → accumulator bits, in two passes over the literals: count, then place.
fn post(index: &mut PlaneIndex, placed: &[Placed<'_>], forms: &Forms<'_>) {
    let mut starts = vec![0_u32; index.segments_end + 1];
    for_each_posting(placed, forms, |segment, _| {
        if let Some(count) = starts.get_mut(segment as usize + 1) {
            *count += 1;
        }
    });
    let mut total = 0;
    for start in &mut starts {
        total += *start;
        *start = total;
    }
    let mut next = starts.clone();
    let mut bits = vec![0_u32; total as usize];
    for_each_posting(placed, forms, |segment, bit| {
        let Some(place) = next.get_mut(segment as usize) else { return };
        if let Some(slot) = bits.get_mut(*place as usize) {
            *slot = bit;
        }
        *place += 1;
    });
    index.posting_starts = starts;
    index.bits = bits;
}

/// Calls `visit` with each segment and the bit it sets, in the order of rows.
fn for_each_posting(placed: &[Placed<'_>], forms: &Forms<'_>, mut visit: impl FnMut(u32, u32)) {
    let mut visit_list = |list: &[u32], bit: usize| {
        // 16M adgroups of 9 planes are 151M bits.
        let bit = u32::try_from(bit).unwrap_or(u32::MAX);
        list.iter().for_each(|&segment| visit(segment, bit));
    };
    for row in placed {
        let planes = (row.bit..).step_by(row.stride.max(1));
        if row.form.clause_count() <= row.planes {
            forms.clauses(&row.form).zip(planes).for_each(|(clause, bit)| visit_list(clause, bit));
        } else {
            let mut clauses: Vec<_> = forms.clauses(&row.form).collect();
            clauses.sort_by_key(|clause| clause.len());
            clauses.into_iter().take(row.planes).zip(planes).for_each(|(clause, bit)| visit_list(clause, bit));
        }
        visit_list(forms.excludes(&row.form), row.bit + row.planes.max(1) * row.stride);
    }
}

/// The programs in the order of adgroup numbers, so that those of a campaign lie together, and the table of them.
fn compile(index: &mut PlaneIndex, adgroups: &[AdgroupId], forms: &Forms<'_>) {
    let largest = adgroups.iter().map(|adgroup| adgroup.0 as usize + 1).max();
    index.programs = vec![ABSENT; largest.unwrap_or_default()];
    index.arena = Arena::for_segments_below(index.segments_end);
    let mut order: Vec<(&AdgroupId, &Form<'_>)> = adgroups.iter().zip(forms.forms()).collect();
    if !adgroups.is_sorted() {
        order.sort_by_key(|(adgroup, _)| **adgroup);
    }
    let mut clauses: Vec<&[u32]> = Vec::new();
    for (adgroup, form) in order {
        if let Some(program) = index.programs.get_mut(adgroup.0 as usize) {
            *program = index.arena.end();
        }
        match form.verify {
            _ if form.never => index.arena.push_never(),
            Some(expression) => index.arena.push_expression(expression),
            None => {
                clauses.clear();
                clauses.extend(forms.clauses(form));
                clauses.sort_by_key(|clause| clause.len());
                let lists = clauses.iter().copied().chain([forms.excludes(form)]);
                index.arena.push_groups(form.clause_count(), lists);
            }
        }
    }
}
