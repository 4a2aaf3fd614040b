//! Match-all and candidate lists on workload W1, and match-all on W6 (nested adgroups), each user asked in turn: what the
//! index costs without identity, records and transport.
//!
//! The workload is that of `benches/workload.py` with a generator of this file: 20,000 segments of which a user has
//! rank r with probability min(0.30, c·(r+10)^−0.8), mean 70; 100,000 adgroups of 1/2/3/4 include groups
//! (50/30/15/5 %) of geometric size (mean 4, cap 50), 60 % with excludes (mean 3, cap 30), ranks ⌊S·v²⌋.
//!
//! `cargo bench --package segengine --bench matching`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use segengine::expression::{Expression, groups};
use segengine::ids::{AdgroupId, SegmentNumber};
use segengine::targeting::{AdgroupIndex, PlaneIndex, Rule, Scratch, SideBySide};

const SEGMENTS: usize = 20_000;
const ADGROUPS: usize = 100_000;
const USERS: usize = 20_000;
const CANDIDATES: usize = 50;

/// `SplitMix64`: one seed, one workload.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn geometric(&mut self, mean: f64, cap: usize) -> usize {
        let draws = ((1.0 - self.unit()).ln() / (1.0 - 1.0 / mean).ln()).floor() as usize;
        (draws + 1).min(cap)
    }
}

/// A seeded permutation: segment number of each rank.
fn permutation(random: &mut Random) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..SEGMENTS as u32).collect();
    for last in (1..SEGMENTS).rev() {
        numbers.swap(last, random.below(last + 1));
    }
    numbers
}

fn list(random: &mut Random, numbers: &[u32], mean: f64, cap: usize) -> Vec<SegmentNumber> {
    let size = random.geometric(mean, cap);
    let draw = |random: &mut Random| numbers[(SEGMENTS as f64 * random.unit().powi(2)) as usize];
    let mut list: Vec<_> = (0..size).map(|_| SegmentNumber(draw(random))).collect();
    list.sort_unstable();
    list.dedup();
    list
}

fn adgroup(random: &mut Random, numbers: &[u32]) -> Expression<SegmentNumber> {
    let groups_count = match random.unit() {
        share if share < 0.50 => 1,
        share if share < 0.80 => 2,
        share if share < 0.95 => 3,
        _ => 4,
    };
    let include: Vec<_> = (0..groups_count).map(|_| list(random, numbers, 4.0, 50)).collect();
    let exclude = if random.unit() < 0.60 { list(random, numbers, 3.0, 30) } else { Vec::new() };
    groups::to_expression(&include, &exclude).unwrap()
}

/// An adgroup of W6: one in ten nested (depth 4 at most, a NOT at a quarter of the nodes), one in twenty of excludes alone.
fn adgroup_of_w6(random: &mut Random, numbers: &[u32]) -> Expression<SegmentNumber> {
    match random.unit() {
        share if share < 0.10 => nested(random, numbers, 4),
        share if share < 0.15 => groups::to_expression(&[], &list(random, numbers, 3.0, 30)).unwrap(),
        _ => adgroup(random, numbers),
    }
}

fn nested(random: &mut Random, numbers: &[u32], depth: usize) -> Expression<SegmentNumber> {
    if depth == 0 || random.unit() < 0.35 {
        let rank = (SEGMENTS as f64 * random.unit().powi(2)) as usize;
        return Expression::literal(SegmentNumber(numbers[rank]));
    }
    let kind = random.below(4);
    let mut operands = |count| (0..count).map(|_| nested(random, numbers, depth - 1)).collect::<Vec<_>>();
    match kind {
        0 => Expression::not(operands(1).remove(0)).unwrap(),
        1 => Expression::and(operands(3)).unwrap(),
        _ => Expression::or(operands(3)).unwrap(),
    }
}

fn users(random: &mut Random, numbers: &[u32]) -> Vec<Vec<u32>> {
    let weights: Vec<f64> = (0..SEGMENTS).map(|rank| (rank as f64 + 10.0).powf(-0.8)).collect();
    let scale = 70.0 / weights.iter().sum::<f64>();
    let thresholds: Vec<u64> =
        weights.iter().map(|weight| ((scale * weight).min(0.30) * 2_f64.powi(32)) as u64).collect();
    let user = |random: &mut Random| {
        let held = thresholds.iter().zip(numbers).filter(|(threshold, _)| random.next() >> 32 < **threshold);
        let mut segments: Vec<u32> = held.map(|(_, &number)| number).collect();
        segments.sort_unstable();
        segments
    };
    (0..USERS).map(|_| user(random)).collect()
}

fn matching(criterion: &mut Criterion) {
    let mut random = Random(7);
    let numbers = permutation(&mut random);
    let expressions: Vec<_> = (0..ADGROUPS).map(|_| adgroup(&mut random, &numbers)).collect();
    let users = users(&mut random, &numbers);
    let entries = || expressions.iter().zip(1..).map(|(expression, id)| (AdgroupId(id), expression));
    let index = PlaneIndex::build(entries());
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let mut matches = 0;
    for user in &users {
        out.clear();
        index.match_all(user, &mut scratch, &mut out);
        matches += out.len();
    }
    println!("W1: {:.2} % of adgroups match", 100.0 * matches as f64 / (USERS * ADGROUPS) as f64);

    let mut turn = users.iter().cycle();
    criterion.bench_function("w1/match_all", |bencher| {
        bencher.iter(|| {
            out.clear();
            index.match_all(black_box(turn.next().unwrap()), &mut scratch, &mut out);
            out.len()
        });
    });
    let candidates: Vec<Vec<u32>> =
        (0..4_096).map(|_| (0..CANDIDATES).map(|_| 1 + random.below(ADGROUPS) as u32).collect()).collect();
    let mut asked = users.iter().cycle().zip(candidates.iter().cycle());
    criterion.bench_function("w1/match_50_candidates", |bencher| {
        bencher.iter(|| {
            let (user, candidates) = asked.next().unwrap();
            out.clear();
            index.match_candidates(black_box(user), candidates, &mut scratch, &mut out)
        });
    });
    let long: Vec<Vec<u32>> = (0..512).map(|_| (0..500).map(|_| 1 + random.below(ADGROUPS) as u32).collect()).collect();
    let mut asked = users.iter().cycle().zip(long.iter().cycle());
    criterion.bench_function("w1/match_500_candidates", |bencher| {
        bencher.iter(|| {
            let (user, candidates) = asked.next().unwrap();
            out.clear();
            index.match_candidates(black_box(user), candidates, &mut scratch, &mut out)
        });
    });
    let (mut side_by_side, mut groups) =
        (SideBySide::default(), users.chunks_exact(64).cycle().zip(candidates.iter().cycle()));
    criterion.bench_function("w1/match_64_users_50_candidates", |bencher| {
        bencher.iter(|| {
            let (group, candidates) = groups.next().unwrap();
            out.clear();
            side_by_side.begin(&index);
            group.iter().for_each(|user| side_by_side.add(user));
            let mut verdicts = side_by_side.judge(&index, candidates);
            group.iter().for_each(|_| verdicts.take_next(candidates, &mut out));
            out.len()
        });
    });
    let changed: Vec<_> = entries().take(PlaneIndex::RECENT).map(|(id, when)| (id, Some(Rule::When(when)))).collect();
    nested_adgroups(criterion, (&mut random, &numbers), &users);
    let mut slow = criterion.benchmark_group("w1");
    slow.sample_size(10);
    slow.bench_function("build_100k_adgroups", |bencher| bencher.iter(|| PlaneIndex::build(entries())));
    slow.bench_function("revise_1024_recent", |bencher| bencher.iter(|| index.revised(&changed)));
    slow.finish();
}

/// Match-all on W6.
fn nested_adgroups(criterion: &mut Criterion, (random, numbers): (&mut Random, &[u32]), users: &[Vec<u32>]) {
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let of_w6: Vec<_> = (0..ADGROUPS).map(|_| adgroup_of_w6(random, numbers)).collect();
    let nested = PlaneIndex::build(of_w6.iter().zip(1..).map(|(expression, id)| (AdgroupId(id), expression)));
    let mut turn = users.iter().cycle();
    criterion.bench_function("w6/match_all", |bencher| {
        bencher.iter(|| {
            out.clear();
            nested.match_all(black_box(turn.next().unwrap()), &mut scratch, &mut out);
            out.len()
        });
    });
}

criterion_group!(benches, matching);
criterion_main!(benches);
