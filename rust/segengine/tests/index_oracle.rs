//! The index equals the oracle: more than 200,000 random (expression, user) pairs from a dense generator.
//!
//! At most 64 segments and a leaf that holds half of the time, so that a flipped operator shows: a sparse generator
//! answers "false" whatever the index does. The share of true is printed for each kind of node and asserted to lie
//! between 30 and 70 %. The model evaluates the generator's own tree and shares no code with the crate.

use std::collections::BTreeMap;

use segengine::expression::Expression;
use segengine::ids::{AdgroupId, SegmentNumber};
use segengine::targeting::{AdgroupIndex, NaiveIndex, PlaneIndex, Rule, Scratch, SideBySide};

/// How often each kind of node held, of how many.
type Shares = BTreeMap<&'static str, (u64, u64)>;

/// A small generator of its own: xorshift64*, seeded.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}

enum Tree {
    Leaf(u32),
    Not(Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
}

impl Tree {
    fn random(random: &mut Random, segments: u64, depth: u64) -> Self {
        if depth == 0 {
            return Self::Leaf(random.below(segments) as u32);
        }
        match random.below(8) {
            0 => Self::Leaf(random.below(segments) as u32),
            1 | 2 => Self::Not(Box::new(Self::random(random, segments, depth - 1))),
            kind => {
                // Operands of an AND are widened by a leaf and those of an OR narrowed by one, or deep trees would nearly
                // always hold, or never.
                let mut child = || {
                    let operand = Self::random(random, segments, depth - 1);
                    let pair = vec![operand, Self::Leaf(random.below(segments) as u32)];
                    if kind % 2 == 0 { Self::Or(pair) } else { Self::And(pair) }
                };
                let children = (0..2).map(|_| child()).collect();
                if kind % 2 == 0 { Self::And(children) } else { Self::Or(children) }
            }
        }
    }

    /// The include/exclude form: groups that are wide enough to hold, few excludes.
    fn groups(random: &mut Random, segments: u64) -> Self {
        // One in four is too long for a slot of the table of programs.
        let (clauses, shortest) = if random.below(4) == 0 { (5, 3) } else { (random.below(4), 2) };
        let leaf = |random: &mut Random| Self::Leaf(random.below(segments) as u32);
        let mut parts: Vec<Self> =
            (0..clauses).map(|_| Self::Or((0..shortest + random.below(2)).map(|_| leaf(random)).collect())).collect();
        if random.below(2) == 0 || parts.is_empty() {
            parts.push(Self::Not(Box::new(Self::Leaf(random.below(segments) as u32))));
        }
        Self::And(parts)
    }

    fn holds(&self, held: u64, shares: &mut Shares) -> bool {
        let (kind, holds) = match self {
            Self::Leaf(segment) => ("leaf", held >> segment & 1 == 1),
            Self::Not(child) => ("not", !child.holds(held, shares)),
            Self::And(children) => ("and", children.iter().fold(true, |all, child| all & child.holds(held, shares))),
            Self::Or(children) => ("or", children.iter().fold(false, |any, child| any | child.holds(held, shares))),
        };
        let share = shares.entry(kind).or_default();
        share.0 += u64::from(holds);
        share.1 += 1;
        holds
    }

    fn expression(&self) -> Expression<SegmentNumber> {
        let all = |children: &[Self]| children.iter().map(Self::expression).collect();
        match self {
            Self::Leaf(segment) => Expression::literal(SegmentNumber(*segment)),
            Self::Not(child) => Expression::not(child.expression()).unwrap(),
            Self::And(children) => Expression::and(all(children)).unwrap(),
            Self::Or(children) => Expression::or(all(children)).unwrap(),
        }
    }
}

fn sorted(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort_unstable();
    ids
}

/// The index over all `expressions` made by edits: on a base where half of them ask something else, are not there yet or
/// stand beside others that are removed, they are put right in two revisions, the second of which says all anew.
fn revised(random: &mut Random, ids: &[u32], expressions: &[Expression<SegmentNumber>]) -> PlaneIndex {
    let other = Expression::literal(SegmentNumber(1));
    let mut base = Vec::new();
    let mut changed: Vec<(AdgroupId, Option<Rule<'_>>)> = Vec::new();
    for (&id, expression) in ids.iter().zip(expressions) {
        let right = (AdgroupId(id), Some(Rule::When(expression)));
        match random.below(4) {
            0 => base.push((AdgroupId(id), Rule::When(expression))),
            1 => {
                base.push((AdgroupId(id), Rule::When(&other)));
                changed.push(right);
            }
            2 => {
                base.push((AdgroupId(id), Rule::Never));
                changed.push(right);
            }
            _ => changed.push(right),
        }
        if random.below(8) == 0 {
            base.push((AdgroupId(id + 1), Rule::Everybody));
            changed.push((AdgroupId(id + 1), None));
        }
    }
    let index = PlaneIndex::build(base);
    let half = index.revised(changed.get(..changed.len() / 2).unwrap());
    let whole = half.revised(&changed);
    assert!(whole.heap_bytes() > 0);
    whole
}

/// Asks about up to 64 users at once, with candidates that repeat and some that nobody knows.
fn compare_side_by_side(random: &mut Random, trees: &[Tree], users: &[u64], indexes: &[(&PlaneIndex, &Vec<u32>)]) {
    let mut working = SideBySide::default();
    for (index, ids) in indexes {
        for users in users.chunks(1 + random.below(64) as usize) {
            let candidates: Vec<u32> = (0..150).map(|_| random.below(trees.len() as u64 * 3 + 9) as u32).collect();
            working.begin(index);
            for held in users {
                let mut segments: Vec<u32> = (0..64).filter(|segment| held >> segment & 1 == 1).collect();
                segments.extend([70_000, u32::MAX]);
                working.add(&segments);
            }
            let mut verdicts = working.judge(index, &candidates);
            for held in users {
                let truth = |id: &u32| {
                    let tree = ids.iter().position(|known| known == id).and_then(|place| trees.get(place));
                    tree.is_some_and(|tree| tree.holds(*held, &mut Shares::new()))
                };
                let expected: Vec<u32> = candidates.iter().copied().filter(truth).collect();
                let mut answer = Vec::new();
                verdicts.take_next(&candidates, &mut answer);
                assert_eq!(answer, expected, "user {held:b} beside others");
            }
        }
    }
}

/// Asks all indexes every user and compares with the model; returns how many pairs held.
fn compare(random: &mut Random, trees: &[Tree], users: &[u64], shares: &mut Shares) -> u64 {
    let ids: Vec<u32> = (0..trees.len()).map(|place| 1 + 3 * place as u32).collect();
    let expressions: Vec<_> = trees.iter().map(Tree::expression).collect();
    let pairs = || ids.iter().map(|&id| AdgroupId(id)).zip(&expressions);
    let naive = NaiveIndex::build(pairs().map(|(id, expression)| (id, expression.clone())).collect());
    let planes = PlaneIndex::build(pairs());
    let revised = revised(random, &ids, &expressions);
    assert_eq!((planes.len(), revised.len()), (ids.len(), ids.len()));
    compare_side_by_side(random, trees, users, &[(&planes, &ids), (&revised, &ids)]);
    let mut scratch = Scratch::default();
    let mut held_pairs = 0;
    for &held in users {
        let holding = ids.iter().zip(trees).filter(|(_, tree)| tree.holds(held, shares));
        let truth: Vec<u32> = holding.map(|(id, _)| *id).collect();
        held_pairs += truth.len() as u64;
        let mut segments: Vec<u32> = (0..64).filter(|segment| held >> segment & 1 == 1).collect();
        segments.push(70_000 + random.below(9) as u32);
        let mut candidates: Vec<u32> = (0..90).map(|_| random.below(trees.len() as u64 * 3 + 9) as u32).collect();
        candidates.extend_from_within(..5);
        let unknown = candidates.iter().filter(|id| !ids.contains(id)).count() as u32;
        let mut expected: Vec<u32> = Vec::new();
        for &id in candidates.iter().filter(|id| truth.contains(id)) {
            if !expected.contains(&id) {
                expected.push(id);
            }
        }
        for index in [&naive as &dyn AdgroupIndex, &planes, &revised] {
            let mut all = Vec::new();
            index.match_all(&segments, &mut scratch, &mut all);
            assert_eq!(sorted(all), truth, "match-all of user {held:b}");
            let mut some = Vec::new();
            assert_eq!(index.match_candidates(&segments, &candidates, &mut scratch, &mut some), unknown);
            assert_eq!(some, expected, "candidates of user {held:b}");
        }
    }
    held_pairs
}

#[test]
fn the_index_equals_the_oracle_on_a_dense_universe() {
    let mut random = Random(0x5EED_0001);
    let mut shares = Shares::new();
    let (mut pairs, mut held) = (0, 0);
    for round in 0..60 {
        let segments = [3, 8, 20, 64][round % 4];
        let trees: Vec<Tree> = (0..130)
            .map(|place| match place % 3 {
                0 => Tree::groups(&mut random, segments),
                _ => Tree::random(&mut random, segments, 1 + place % 5),
            })
            .collect();
        let mut users: Vec<u64> = (0..29).map(|_| random.next() & (u64::MAX >> (64 - segments))).collect();
        users.push(0);
        pairs += (trees.len() * users.len()) as u64;
        held += compare(&mut random, &trees, &users, &mut shares);
    }
    println!("{pairs} pairs, {:.1} % true", 100.0 * held as f64 / pairs as f64);
    for (kind, (holds, all)) in &shares {
        let share = 100.0 * *holds as f64 / *all as f64;
        println!("{kind:5} {share:5.1} % true of {all}");
        assert!((30.0..70.0).contains(&share), "{kind} holds {share} % of the time: the generator is not dense");
    }
    assert!(pairs >= 200_000);
    assert!((0.3..0.7).contains(&(held as f64 / pairs as f64)));
}

#[test]
fn every_operator_answers_every_small_user_as_written() {
    let leaf = || Tree::Leaf(5);
    let trees = vec![
        leaf(),
        Tree::Not(Box::new(leaf())),
        Tree::And(vec![leaf(), Tree::Leaf(6)]),
        Tree::Or(vec![leaf(), Tree::Leaf(6)]),
        Tree::Not(Box::new(Tree::And(vec![leaf(), Tree::Leaf(6)]))),
        Tree::Not(Box::new(Tree::Or(vec![leaf(), Tree::Leaf(6)]))),
        Tree::Or(vec![leaf(), Tree::Not(Box::new(Tree::Leaf(6)))]),
        Tree::And(vec![leaf(), Tree::Not(Box::new(leaf()))]),
        Tree::Or(vec![leaf(), Tree::Not(Box::new(leaf()))]),
    ];
    compare(&mut Random(7), &trees, &[0, 1 << 5, 1 << 6, 3 << 5], &mut Shares::new());
}
