//! Finding an identifier by its digest: one search that waits for memory, many that share their waiting, and strangers,
//! over a table that is larger than any cache; and what a table costs to make.
//!
//! `cargo bench --package segengine --bench identity`

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use segengine::identity::{Digest, IdentityTable, Kind};

const PEOPLE: u64 = 8_000_000;
/// Asked in one go, as in a batch of users.
const TOGETHER: usize = 1_000;

/// A digest as a keyed hash would be: `SplitMix64`, twice.
fn digest(number: u64) -> Digest {
    let half = |salt: u64| {
        let mut word = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt);
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(word ^ word >> 31)
    };
    Digest((half(0) | half(0xdead_beef) << 64).to_le_bytes())
}

fn table(people: u64) -> IdentityTable {
    let table = IdentityTable::default();
    let digests: Vec<Digest> = (0..people).map(digest).collect();
    table.append(digests.iter().map(|digest| (digest, Kind::EmailMd5, 0))).unwrap();
    table
}

/// Numbers in an order that no cache foresees.
fn wandering(bound: u64) -> impl Iterator<Item = u64> {
    (0_u64..).map(move |step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15) % bound)
}

fn identity(criterion: &mut Criterion) {
    let known = table(PEOPLE);
    let mut group = criterion.benchmark_group("identity");
    for (name, first) in [("known", 0), ("stranger", PEOPLE)] {
        let mut people = wandering(PEOPLE).map(|number| digest(first + number));
        group.throughput(Throughput::Elements(1));
        // Each asks for what the answer before said, so that no two searches share their waiting.
        let mut before = 0;
        group.bench_function(format!("find, {name}, one by one"), |bencher| {
            bencher.iter(|| {
                let mut digest = people.next().unwrap_or_default();
                digest.0[15] ^= u8::from(before == u32::MAX);
                before = black_box(known.find(&digest)).map_or(0, |id| id.0);
            });
        });
        group.throughput(Throughput::Elements(TOGETHER as u64));
        group.bench_function(format!("find, {name}, {TOGETHER} together"), |bencher| {
            bencher.iter_batched_ref(
                || people.by_ref().take(TOGETHER).collect::<Vec<_>>(),
                |asked| {
                    let mut found = 0;
                    known.find_many(asked.iter().copied(), |id| found += usize::from(id.is_some()));
                    black_box(found)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    group.bench_function("append a million", |bencher| bencher.iter_with_large_drop(|| table(1_000_000)));
    group.finish();
}

criterion_group!(benches, identity);
criterion_main!(benches);
