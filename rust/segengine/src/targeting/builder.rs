//! Compiles adgroups into sheets and programs: forms → rows → buckets → postings, and forms → programs.
//!
//! Linear in the literals but for one sort of the rows. A rebuild happens aside, while readers use the index before.

use std::collections::BTreeMap;

use super::forms::{Form, Forms};
use super::program::{Arena, ProgramTable};
use super::rows::{Key, Ranks, Row};
use super::sheet::{BLOCK, BLOCK_BITS, Bucket, HALFWORD_BITS, HALFWORDS, Sheet};
use crate::ids::AdgroupId;

/// Planes that one bucket may have: the accumulators of a request must stay in the first-level cache. Of an adgroup
/// with more clauses the shortest are indexed and the whole is verified.
pub(super) const MAXIMUM_PLANES: usize = 8;

/// Bits that may be lost to the last blocks of planes: for each number of clauses, verified or not, a block a plane.
const PADDING: usize = (MAXIMUM_PLANES + 1) * 2 * (MAXIMUM_PLANES + 1) * BLOCK_BITS;

/// Planes and whether survivors are verified: adgroups that share both share a bucket.
fn bucket_key(form: &Form<'_>) -> (usize, bool) {
    let clauses = form.clause_count();
    (clauses.min(MAXIMUM_PLANES), form.verify.is_some() || clauses > MAXIMUM_PLANES)
}

/// Builds the sheets over adgroups with the forms at the same places. Each takes as many as it has bits for.
pub(super) fn sheets(adgroups: &[AdgroupId], forms: &Forms<'_>) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    let mut some = Vec::new();
    let mut bits = 0;
    for (adgroup, form) in adgroups.iter().zip(forms.forms()).filter(|(_, form)| !form.never) {
        let needed = bucket_key(form).0.max(1) + 1;
        if bits + needed + PADDING > HALFWORDS * HALFWORD_BITS {
            sheets.push(sheet(&some, forms));
            some.clear();
            bits = 0;
        }
        bits += needed;
        some.push((adgroup.0, *form));
    }
    if !some.is_empty() {
        sheets.push(sheet(&some, forms));
    }
    sheets
}

fn sheet(some: &[(u32, Form<'_>)], forms: &Forms<'_>) -> Sheet {
    let mut sheet = Sheet::default();
    let ranks = Ranks::of(forms, some);
    let rows = lay_out(&mut sheet, some, forms, &ranks);
    post(&mut sheet, &rows, forms, ranks.starts);
    sheet
}

/// The rows of each bucket of a sheet.
type BucketRows<'a> = Vec<Vec<Row<'a>>>;

/// Makes the buckets and gives each adgroup its row, those with excludes first in their bucket.
fn lay_out<'a>(sheet: &mut Sheet, some: &[(u32, Form<'a>)], forms: &Forms<'a>, ranks: &Ranks) -> BucketRows<'a> {
    let mut buckets: BTreeMap<(usize, bool), Vec<(Key, Row<'a>)>> = BTreeMap::new();
    let mut chosen = Vec::new();
    for adgroup in some {
        buckets.entry(bucket_key(&adgroup.1)).or_default().push(Row::new(*adgroup, forms, ranks, &mut chosen));
    }
    let mut all = Vec::with_capacity(buckets.len());
    for ((planes, verify), rows) in buckets {
        // Keys are sorted with places, since a row is four times as long. Equal ones stay in the order of adgroups.
        let mut order: Vec<(Key, u32)> = rows.iter().map(|(key, _)| *key).zip(0..).collect();
        order.sort_unstable();
        let sorted = order.iter().filter_map(|(_, place)| rows.get(*place as usize));
        let rows: Vec<Row<'a>> = sorted.map(|(_, row)| *row).collect();
        let with_excludes = rows.partition_point(|row| !forms.excludes(&row.form).is_empty());
        let bucket = Bucket {
            planes,
            verify,
            rows: rows.len(),
            blocks: rows.len().div_ceil(BLOCK_BITS),
            exclude_blocks: with_excludes.div_ceil(BLOCK_BITS),
            first_row: sheet.adgroups.len(),
            base: sheet.halfwords,
        };
        sheet.adgroups.extend(rows.iter().map(|row| row.adgroup));
        sheet.adgroups.resize(bucket.first_row + bucket.blocks * BLOCK_BITS, 0);
        sheet.halfwords += bucket.halfwords();
        sheet.any_verify |= verify;
        sheet.buckets.push(bucket);
        all.push(rows);
    }
    all
}

/// Segment → postings: each literal is placed where `starts` has room for it, joined to the one before where both are
/// of one halfword; then the gaps that this leaves are closed.
fn post(sheet: &mut Sheet, rows: &BucketRows<'_>, forms: &Forms<'_>, mut starts: Vec<u32>) {
    let mut postings = vec![0_u32; starts.last().copied().unwrap_or_default() as usize];
    let mut ends = starts.clone();
    for_each_literal(&sheet.buckets, rows, forms, |segment, bit| {
        let (Some(&start), Some(end)) = (starts.get(segment as usize), ends.get_mut(segment as usize)) else { return };
        let (halfword, mask) = (bit / u16::BITS, 1 << (bit % u16::BITS));
        let last = postings.get_mut((*end as usize).wrapping_sub(1)).filter(|_| *end > start);
        match last.filter(|last| **last & u32::from(u16::MAX) == halfword) {
            Some(last) => *last |= mask << HALFWORD_BITS,
            None => {
                if let Some(posting) = postings.get_mut(*end as usize) {
                    *posting = halfword | mask << HALFWORD_BITS;
                }
                *end += 1;
            }
        }
    });
    let mut kept = 0;
    for (start, &end) in starts.iter_mut().zip(&ends) {
        let (from, to) = (*start as usize, end as usize);
        *start = u32::try_from(kept).unwrap_or(u32::MAX);
        postings.copy_within(from..to, kept);
        kept += to - from;
    }
    postings.truncate(kept);
    postings.shrink_to_fit();
    sheet.starts = starts;
    sheet.postings = postings;
}

/// Calls `visit` with each segment and the bit it sets; the bits of a segment ascend.
fn for_each_literal(buckets: &[Bucket], rows: &BucketRows<'_>, forms: &Forms<'_>, mut visit: impl FnMut(u32, u32)) {
    let mut visit_list = |list: &[u32], bit: usize| {
        // A sheet has 2²⁰ bits.
        let bit = u32::try_from(bit).unwrap_or(u32::MAX);
        list.iter().for_each(|&segment| visit(segment, bit));
    };
    for (bucket, rows) in buckets.iter().zip(rows) {
        let first = |plane: usize| (bucket.base + plane * bucket.blocks * BLOCK) * HALFWORD_BITS;
        for plane in 0..bucket.planes {
            for (row, bit) in rows.iter().zip(first(plane)..) {
                let clause = row.clauses.get(plane).copied().unwrap_or_default();
                visit_list(forms.clause(&row.form, clause.into()), bit);
            }
        }
        for (row, bit) in rows.iter().zip(first(bucket.planes.max(1))..) {
            visit_list(forms.excludes(&row.form), bit);
        }
    }
}

/// The programs in the order of adgroup numbers, so that those of a campaign lie together, and the table of them.
pub(super) fn programs(adgroups: &[AdgroupId], forms: &Forms<'_>, mut table: ProgramTable) -> (ProgramTable, Arena) {
    let mut arena = Arena::for_segments_below(forms.segments_end);
    let mut order: Vec<(&AdgroupId, &Form<'_>)> = adgroups.iter().zip(forms.forms()).collect();
    if !adgroups.is_sorted() {
        order.sort_by_key(|(adgroup, _)| **adgroup);
    }
    let mut clauses: Vec<&[u32]> = Vec::new();
    for (adgroup, form) in order {
        table.set(adgroup.0, arena.end());
        match form.verify {
            _ if form.never => arena.push_never(),
            Some(expression) => arena.push_expression(expression),
            None => {
                clauses.clear();
                clauses.extend(forms.clauses(form));
                clauses.sort_by_key(|clause| clause.len());
                let lists = clauses.iter().copied().chain([forms.excludes(form)]);
                arena.push_groups(form.clause_count(), lists);
            }
        }
    }
    (table, arena)
}
