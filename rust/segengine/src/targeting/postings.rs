//! Segment → postings: each literal is placed where counting found room for it, by two threads from both ends.
//!
//! The bits of a segment ascend, so a posting joins the one before where both are of one halfword: each segment has a
//! *cursor* with the posting that is being filled, which is written out with each bit, joined or not, because a branch that
//! goes one way as often as the other costs more than a store. One thread takes the first half of the bits and fills
//! a segment's room from its front, another takes the rest in descending order and fills it from its back; they never
//! meet in one halfword, since the bits are parted between two blocks. No second counting is needed for that, and the gap
//! that joining leaves in the middle is closed when all is copied to its end. The room is a vector of atomics, whose relaxed
//! stores are plain ones to the processor.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::builder::both;
use super::forms::Verify;
use super::rows::SortedRows;
use super::sheet::{BLOCK_BITS, Bucket, CHUNK, Chunk, HALFWORD_BITS, Sheet};
use super::unsafe_vector::prefetch_lines;

/// Rows ahead of which lists are asked for.
const AHEAD: usize = 12;

/// A plane of a bucket, or some blocks of it.
struct Run<'r, 'a> {
    rows: &'r SortedRows<'r, 'a>,
    plane: usize,
    /// The bit of row 0.
    first_bit: usize,
    range: Range<usize>,
}

/// A posting that is being filled, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    at: u32,
    posting: u32,
}

impl Cursor {
    /// Sets a bit in the posting of its halfword; `step` leads from one posting to the next.
    #[inline]
    fn set(&mut self, bit: u32, step: u32) {
        let halfword = bit / u16::BITS;
        let mask = 1 << (u16::BITS + bit % u16::BITS);
        let joins = self.posting != 0 && self.posting & u32::from(u16::MAX) == halfword;
        self.at = if joins { self.at } else { self.at.wrapping_add(step) };
        self.posting = mask | if joins { self.posting } else { halfword };
    }
}

/// Fills the sheet's postings; `starts` has the place of each segment's literals.
pub(super) fn post(sheet: &mut Sheet, buckets: &[SortedRows<'_, '_>], starts: &[u32], at_once: bool) {
    let total = starts.last().copied().unwrap_or_default();
    let room: Vec<AtomicU32> = (0..total).map(|_| AtomicU32::new(0)).collect();
    let (front, back) = split(runs(&sheet.buckets, buckets), at_once);
    let from_front = || {
        let mut cursors: Vec<Cursor> =
            starts.iter().map(|start| Cursor { at: start.wrapping_sub(1), posting: 0 }).collect();
        for run in &front {
            run.range.clone().for_each(|row| run.post(row, row + AHEAD, 1, &mut cursors, &room));
        }
        cursors
    };
    let from_back = || {
        let mut cursors: Vec<Cursor> = starts.iter().skip(1).map(|end| Cursor { at: *end, posting: 0 }).collect();
        for run in back.iter().rev() {
            let rows = run.range.clone().rev();
            rows.for_each(|row| run.post(row, row.wrapping_sub(AHEAD), u32::MAX, &mut cursors, &room));
        }
        cursors
    };
    let (backs, fronts) = both(at_once, from_back, from_front);
    close_gaps(sheet, starts, (&fronts, &backs), &room);
}

/// The planes of all buckets in the order of their bits.
fn runs<'r, 'a>(buckets: &[Bucket], rows: &'r [SortedRows<'r, 'a>]) -> Vec<Run<'r, 'a>> {
    let mut runs = Vec::new();
    for (bucket, rows) in buckets.iter().zip(rows) {
        let run = |plane: usize, plane_before: usize, count: usize| Run {
            rows,
            plane,
            first_bit: bucket.base * HALFWORD_BITS + plane_before * bucket.blocks * BLOCK_BITS,
            range: 0..count,
        };
        runs.extend((0..bucket.planes).map(|plane| run(plane, plane, rows.len())));
        runs.push(run(bucket.planes, bucket.planes.max(1), rows.with_excludes));
        if bucket.verify == Verify::Doubted {
            let first_bit = (bucket.base + bucket.doubts()) * HALFWORD_BITS;
            runs.push(Run { rows, plane: bucket.planes + 1, first_bit, range: 0..rows.len() });
        }
    }
    runs
}

/// The runs before and after the block in the middle; all are before unless `in_two`.
fn split<'r, 'a>(runs: Vec<Run<'r, 'a>>, in_two: bool) -> (Vec<Run<'r, 'a>>, Vec<Run<'r, 'a>>) {
    if !in_two {
        return (runs, Vec::new());
    }
    let half = runs.iter().map(|run| run.range.len()).sum::<usize>() / 2;
    let (mut front, mut back, mut rows) = (Vec::new(), Vec::new(), 0);
    for run in runs {
        let (start, end) = (run.range.start, run.range.end);
        let middle = (half.saturating_sub(rows) / BLOCK_BITS * BLOCK_BITS).min(run.range.len()) + start;
        rows += run.range.len();
        back.push(Run { range: middle..end, ..run });
        front.push(Run { range: start..middle, ..run });
    }
    (front, back)
}

impl Run<'_, '_> {
    #[inline]
    fn post(&self, row: usize, later: usize, step: u32, cursors: &mut [Cursor], room: &[AtomicU32]) {
        prefetch_lines::<1, _>(self.rows.list(later, self.plane), 0);
        // A sheet has 2²⁰ bits.
        let bit = u32::try_from(self.first_bit + row).unwrap_or(u32::MAX);
        for &segment in self.rows.list(row, self.plane) {
            let Some(cursor) = cursors.get_mut(segment as usize) else { continue };
            cursor.set(bit, step);
            if let Some(posting) = room.get(cursor.at as usize) {
                posting.store(cursor.posting, Relaxed);
            }
        }
    }
}

/// Copies what was filled from both ends of each segment's room to chunks of its own. What is over in a last chunk names the
/// halfwords of the first postings once more, and no bit of them.
fn close_gaps(sheet: &mut Sheet, starts: &[u32], (fronts, backs): (&[Cursor], &[Cursor]), room: &[AtomicU32]) {
    let filled = |((start, end), (front, back)): ((&u32, &u32), (&Cursor, &Cursor))| {
        let parts = [*start as usize..front.at.wrapping_add(1) as usize, back.at as usize..*end as usize];
        parts.map(|part| room.get(part).unwrap_or_default())
    };
    let segments = || starts.iter().zip(starts.iter().skip(1)).zip(fronts.iter().zip(backs)).map(filled);
    let chunks_of = |[front, back]: [&[AtomicU32]; 2]| (front.len() + back.len()).div_ceil(CHUNK);
    sheet.chunks.reserve_exact(segments().map(chunks_of).sum());
    sheet.starts.reserve_exact(starts.len());
    for parts @ [front, back] in segments() {
        sheet.starts.push(u32::try_from(sheet.chunks.len()).unwrap_or(u32::MAX));
        let postings = || front.iter().chain(back).map(|posting| posting.load(Relaxed));
        let of_none = postings().cycle().map(|posting| posting & u32::from(u16::MAX));
        let mut all = postings().chain(of_none);
        let mut next = || Chunk(std::array::from_fn(|_| all.next().unwrap_or_default()));
        sheet.chunks.extend((0..chunks_of(parts)).map(|_| next()));
    }
    sheet.starts.push(u32::try_from(sheet.chunks.len()).unwrap_or(u32::MAX));
}
