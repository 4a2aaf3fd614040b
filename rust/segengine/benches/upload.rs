//! A customer file from its bytes to batches of digests: what the parser costs without the engine behind it. The sink
//! counts and forgets, so no figure holds the cost of a set.
//!
//! `cargo bench --package segengine --bench upload`

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use segengine::segment::upload::{CrmParser, MemberSink, UploadOptions};
use segengine::time::ManualClock;

const LINES: u64 = 1_000_000;
/// As a file or a stream is read.
const CHUNK_BYTES: usize = 1 << 18;

#[derive(Default)]
struct Forgets(u64);

impl MemberSink for Forgets {
    fn take_md5(&mut self, digests: &[[u8; 16]]) {
        self.0 += black_box(digests).len() as u64;
    }

    fn take_sha256(&mut self, digests: &[[u8; 32]]) {
        self.0 += black_box(digests).len() as u64;
    }

    fn distinct(&mut self) -> u64 {
        self.0
    }
}

fn file(line: impl Fn(u128) -> String) -> Vec<u8> {
    let random = |number: u64| u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (0..LINES).map(random).flat_map(|value| line(value).into_bytes()).collect()
}

fn parse(file: &[u8]) -> u64 {
    let options = UploadOptions { allow_raw_emails: true, ..UploadOptions::default() };
    let mut parser = CrmParser::new(options, Arc::new(ManualClock::new(0)));
    let mut sink = Forgets::default();
    for chunk in file.chunks(CHUNK_BYTES) {
        parser.feed(chunk, &mut sink).unwrap();
    }
    parser.finish(&mut sink).unwrap().unique
}

fn upload(criterion: &mut Criterion) {
    let bare = file(|value| format!("{value:032x}\n"));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&bare).unwrap();
    let files = [
        ("gzip", packer.finish().unwrap(), bare.len()),
        ("quoted", file(|value| format!("\"{value:032x}\";\r\n")), 0),
        ("sha256", file(|value| format!("{value:032x}{value:032x}\n")), 0),
        ("raw_emails", file(|value| format!("user{value}@example.com\n")), 0),
        ("bare", bare, 0),
    ];
    let mut group = criterion.benchmark_group("upload");
    group.sample_size(10);
    for (name, file, unpacked) in &files {
        group.throughput(Throughput::Bytes(file.len().max(*unpacked) as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| assert_eq!(parse(file), LINES));
        });
    }
    group.finish();
}

criterion_group!(benches, upload);
criterion_main!(benches);
