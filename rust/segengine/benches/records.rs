//! Forward records on workload W1: made from all versions at once, read cold, changed one at a time.
//!
//! A user has segment rank r of 20,000 with probability min(0.30, c·(r+10)^−0.8), mean 70; slots are a seeded
//! permutation of ranks. Reads go to users in a shuffled order, so that each finds a cold record.
//!
//! `cargo bench --package segengine --bench records`

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use segengine::bitmap::IdentifierSet;
use segengine::identity::{Digest, IdentityTable, Kind, LinkSet};
use segengine::ids::{EngineId, IdentifierId, SegmentNumber, SlotNumber};
use segengine::segment::memberships::{Memberships, Pace, VersionMembers};

const SEGMENTS: u32 = 20_000;
const USERS: u32 = 300_000;

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

    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn shuffle(&mut self, numbers: &mut [u32]) {
        for last in (1..numbers.len()).rev() {
            numbers.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

/// The members of a segment that everybody is in with probability `share`: gaps are geometric.
fn members(random: &mut Random, share: f64) -> Vec<u32> {
    let mut ids = Vec::new();
    let mut at = -1.0;
    loop {
        at += 1.0 + (random.unit().ln() / (1.0 - share).ln()).floor();
        if at >= f64::from(USERS) {
            return ids;
        }
        ids.push(at as u32);
    }
}

fn versions(random: &mut Random) -> Vec<Arc<VersionMembers>> {
    let weight = |rank: u32| (f64::from(rank) + 10.0).powf(-0.8);
    let scale = 70.0 / (0..SEGMENTS).map(weight).sum::<f64>();
    let mut slots: Vec<u32> = (0..SEGMENTS).collect();
    random.shuffle(&mut slots);
    let version = |(rank, slot): (u32, &u32)| {
        let set = IdentifierSet::of(&members(random, (scale * weight(rank)).min(0.30)));
        VersionMembers::new(SegmentNumber(*slot), SlotNumber(*slot), set)
    };
    (0..SEGMENTS).zip(&slots).map(version).collect()
}

fn empty() -> Memberships {
    let identity = Arc::new(IdentityTable::default());
    let digests: Vec<Digest> =
        (0..USERS).map(|id| Digest(u128::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())).collect();
    identity.append(digests.iter().map(|digest| (digest, Kind::Network, 0))).unwrap();
    Memberships::new(EngineId::default(), identity, LinkSet::default())
}

fn records(criterion: &mut Criterion) {
    let mut random = Random(11);
    let versions = versions(&mut random);
    let total: u64 = versions.iter().map(|version| version.len()).sum();
    let mut group = criterion.benchmark_group(format!("records: {total} memberships of {USERS} profiles"));
    group.sample_size(10).throughput(Throughput::Elements(total));
    for pace in [Pace::Serving, Pace::Start] {
        group.bench_function(format!("made from {SEGMENTS} versions, {pace:?}"), |bencher| {
            bencher.iter_batched(
                empty,
                |memberships| assert!(memberships.fill_many(&versions, USERS, pace, |_| true)),
                BatchSize::PerIteration,
            );
        });
    }
    let memberships = empty();
    versions.iter().for_each(|version| memberships.register(version));
    memberships.fill_many(&versions, USERS, Pace::Start, |_| true);
    let mut users: Vec<u32> = (0..USERS).collect();
    random.shuffle(&mut users);
    let mut turn = users.iter().cycle();
    let mut slots = Vec::new();
    group.throughput(Throughput::Elements(1));
    group.bench_function("read, shuffled", |bencher| {
        bencher.iter(|| {
            slots.clear();
            memberships.read(IdentifierId(*turn.next().unwrap()), &mut slots);
            black_box(&slots);
        });
    });
    group.bench_function("read, the same again", |bencher| {
        bencher.iter(|| {
            slots.clear();
            memberships.read(IdentifierId(4_711), &mut slots);
            black_box(&slots);
        });
    });
    let changed = [VersionMembers::new(SegmentNumber(SEGMENTS), SlotNumber(SEGMENTS), IdentifierSet::new())];
    memberships.register(&changed[0]);
    group.bench_function("one member added or removed", |bencher| {
        let mut add = false;
        bencher.iter(|| {
            let id = *turn.next().unwrap();
            add = !add;
            memberships.change(&changed, &[id], add)
        });
    });
    group.finish();
}

criterion_group!(benches, records);
criterion_main!(benches);
