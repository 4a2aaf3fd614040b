//! The vector code and its portable twin answer alike, on sheets with full, sparse and dead rows, and when one sheet is
//! not enough; so do both ways of judging candidates. Two threads build what one does.

use std::collections::BTreeSet;

use super::builder::Shares;
use super::candidates::Way;
use super::forms::Verify;
use super::index::Scratch;
use super::prepare::{Readiness, Rule, readiness};
use super::sheet::Emission;
use super::slots::Slots;
use super::{AdgroupIndex, PlaneIndex};
use crate::expression::{Expression, groups};
use crate::ids::{AdgroupId, SegmentNumber};

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ mixed >> 27) >> 20) % end
    }

    fn list(&mut self, segments: u64) -> Vec<SegmentNumber> {
        let mut list: Vec<_> = (0..=self.below(3)).map(|_| SegmentNumber(self.below(segments) as u32)).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// Nested: of some the form is exact, of some doubted, of some (an OR of wide ANDs) necessary only.
    fn nested(&mut self, segments: u64, depth: u64) -> Expression<SegmentNumber> {
        if depth == 0 || self.below(5) == 0 {
            return Expression::literal(SegmentNumber(self.below(segments) as u32));
        }
        let count = 2 + self.below(2) * self.below(4);
        match self.below(3) {
            0 => Expression::not(self.nested(segments, depth - 1)).unwrap(),
            1 => Expression::and((0..count).map(|_| self.nested(segments, depth - 1)).collect()).unwrap(),
            _ => Expression::or((0..count).map(|_| self.nested(segments, depth - 1)).collect()).unwrap(),
        }
    }

    fn expression(&mut self, segments: u64) -> Expression<SegmentNumber> {
        if self.below(3) == 0 {
            return self.nested(segments, 4);
        }
        let mut include: Vec<_> = (0..self.below(12).min(9)).map(|_| self.list(segments)).collect();
        let exclude = if self.below(2) == 0 { self.list(segments + 9) } else { Vec::new() };
        if include.is_empty() && exclude.is_empty() {
            include.push(self.list(segments));
        }
        groups::to_expression(&include, &exclude).unwrap()
    }
}

fn by(index: &PlaneIndex, user: &[u32], emission: Emission) -> Vec<u32> {
    let mut out = vec![7];
    index.match_all_by(user, &mut Scratch::default(), emission, &mut out);
    assert_eq!(out.first(), Some(&7), "what was there stays");
    out
}

#[test]
fn vectors_and_their_twin_answer_alike() {
    let mut random = Random(13);
    for (adgroups, segments) in [(3, 2), (40, 3), (600, 4), (5_000, 30)] {
        let expressions: Vec<_> = (0..adgroups).map(|_| random.expression(segments)).collect();
        let entries = || expressions.iter().zip(1..).map(|(expression, id)| (AdgroupId(id), Rule::When(expression)));
        let whole = PlaneIndex::build(entries());
        if adgroups >= 600 {
            let ways: BTreeSet<Verify> =
                whole.base.sheets.iter().flat_map(|sheet| &sheet.buckets).map(|bucket| bucket.verify).collect();
            assert_eq!(ways.len(), 3, "{adgroups} adgroups are verified in {ways:?}");
        }
        let changed: Vec<_> =
            entries().filter(|(id, _)| id.0 % 3 == 0).map(|(id, rule)| (id, (id.0 % 2 == 0).then_some(rule))).collect();
        let mut answers = 0;
        for index in [&whole, &whole.revised(&changed)] {
            for _ in 0..40 {
                let users: Vec<u32> = (0..segments as u32).filter(|_| random.below(3) > 0).collect();
                let fastest = by(index, &users, Emission::Fastest);
                assert_eq!(fastest, by(index, &users, Emission::Portable), "{adgroups} adgroups, user {users:?}");
                answers += fastest.len() - 1;
                let candidates: Vec<u32> = (0..90).map(|_| random.below(adgroups as u64 + 9) as u32).collect();
                let ways = [Way::Programs, Way::Planes].map(|way| {
                    let (mut out, mut scratch) = (Vec::new(), Scratch::default());
                    (index.match_candidates_by((&users, &candidates), way, &mut scratch, &mut out), out)
                });
                assert_eq!(ways[0], ways[1], "{adgroups} adgroups, user {users:?}, candidates {candidates:?}");
            }
        }
        assert!(answers > 0, "{adgroups} adgroups: nothing ever matched, so nothing was compared");
    }
}

#[test]
fn more_adgroups_than_a_sheet_has_bits_for_are_all_found() {
    let last = SegmentNumber(3);
    let expression =
        groups::to_expression(&[vec![SegmentNumber(0)], vec![SegmentNumber(1)], vec![last]], &[SegmentNumber(2)])
            .unwrap();
    let count = 300_000;
    let index = PlaneIndex::build((1..=count).map(|id| (AdgroupId(id), Rule::When(&expression))));
    let mut scratch = Scratch::default();
    for (user, matching) in [(&[0, 1, 3][..], count as usize), (&[0, 1], 0), (&[0, 1, 2, 3], 0)] {
        let mut out = Vec::new();
        index.match_all(user, &mut scratch, &mut out);
        out.sort_unstable();
        out.dedup();
        assert_eq!(out.len(), matching, "user {user:?}");
    }
}

/// Who waits for a segment matches nobody, and everybody else as without waiting, in the include/exclude form and nested.
#[test]
fn an_adgroup_waits_for_what_it_negates() {
    let mut random = Random(5);
    let nested = |random: &mut Random| {
        let literal = |random: &mut Random| Expression::literal(SegmentNumber(random.below(9) as u32));
        let (one, other, third) = (literal(random), literal(random), literal(random));
        let both = Expression::and(vec![one, Expression::not(other).unwrap()]).unwrap();
        Expression::or(vec![both, third]).unwrap()
    };
    let mut expressions: Vec<_> = (0..300).map(|_| random.expression(9)).collect();
    expressions.extend((0..300).map(|_| nested(&mut random)));
    let ready = |segment: SegmentNumber| !segment.0.is_multiple_of(4);
    let entries: Vec<_> = expressions.iter().zip(1..).map(|(when, id)| (AdgroupId(id), when)).collect();
    let index = PlaneIndex::build_of(&entries, |(id, when)| (*id, Rule::WhenReady(when)), &ready);
    let waits = |when: &Expression<SegmentNumber>| readiness(when, false, ready) != Readiness::Serves;
    let plain = PlaneIndex::build(entries.iter().filter(|(_, when)| !waits(when)).copied());
    assert!(plain.len() < index.len() && plain.len() > 100, "{} of {} serve", plain.len(), index.len());
    for held in 0..1 << 9 {
        let user: Vec<u32> = (0..9).filter(|segment| held >> segment & 1 == 1).collect();
        let mut answers = [by(&index, &user, Emission::Fastest), by(&plain, &user, Emission::Fastest)];
        answers.iter_mut().for_each(|answer| answer.sort_unstable());
        assert_eq!(answers[0], answers[1], "user {user:?}");
    }
}

#[test]
fn two_threads_build_what_one_does() {
    let mut random = Random(23);
    for (adgroups, segments, shares) in [(1, 3, 2), (700, 6, 3), (4_000, 40, 2), (9_000, 70_000, 4)] {
        let expressions: Vec<_> = (0..adgroups).map(|_| random.expression(segments)).collect();
        let rule = |when, id| if id % 2 == 0 { Rule::When(when) } else { Rule::WhenReady(when) };
        let entries: Vec<_> = expressions.iter().zip(1..).map(|(when, id)| (AdgroupId(id), rule(when, id))).collect();
        let built = |how| {
            let shares = Shares::read_in(&entries, |entry| *entry, &|segment| !segment.0.is_multiple_of(5), how);
            format!("{:?} {:?}", shares.adgroups(), shares.build(Slots::dense()))
        };
        assert!(built((shares, true)) == built((1, false)), "{adgroups} adgroups over {segments} segments");
    }
}
