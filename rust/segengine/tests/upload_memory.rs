//! Memory does not grow with the file: the parser's peak is the same for a mebibyte and for hundreds, plain or packed,
//! and a bomb does not reach it. A test of its own process, for the peak is the process's; Linux tells it.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::sync::Arc;

use segengine::segment::upload::{CrmParser, FailureReason, MemberSink, UploadFailure, UploadOptions, UploadReport};
use segengine::time::ManualClock;

const LINES_PER_CHUNK: u64 = 2_000;
/// Decoders, batches, one chunk, the allocator's slack; the zstd window of level 3 is 2 MiB.
const ALLOWED_GROWTH_BYTES: u64 = 12 << 20;

/// Counts and forgets: what grows is then the parser's alone.
#[derive(Default)]
struct Forgets(u64);

impl MemberSink for Forgets {
    fn take_md5(&mut self, digests: &[[u8; 16]]) {
        self.0 += digests.len() as u64;
    }

    fn take_sha256(&mut self, digests: &[[u8; 32]]) {
        self.0 += digests.len() as u64;
    }

    fn distinct(&mut self) -> u64 {
        self.0
    }
}

/// The most memory that this process ever held.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Lines that do not pack: hex of a counter, multiplied until it looks random.
fn chunk(number: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for line in number * LINES_PER_CHUNK..(number + 1) * LINES_PER_CHUNK {
        let value = u128::from(line + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        writeln!(text, "{value:032x}").unwrap();
    }
    text
}

/// Hands pieces of packed bytes to the parser as a packer makes them.
struct Into<'a>(&'a mut CrmParser, &'a mut Forgets);

impl std::io::Write for Into<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.feed(bytes, self.1).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn parser() -> CrmParser {
    CrmParser::new(UploadOptions::named("list.csv"), Arc::new(ManualClock::new(0)))
}

fn plain(chunks: u64) -> Result<UploadReport, UploadFailure> {
    let (mut parser, mut sink) = (parser(), Forgets::default());
    for number in 0..chunks {
        parser.feed(&chunk(number), &mut sink)?;
    }
    parser.finish(&mut sink)
}

fn gzip(chunks: u64) -> Result<UploadReport, UploadFailure> {
    let (mut parser, mut sink) = (parser(), Forgets::default());
    let mut packer = flate2::write::GzEncoder::new(Into(&mut parser, &mut sink), flate2::Compression::fast());
    (0..chunks).for_each(|number| packer.write_all(&chunk(number)).unwrap());
    packer.finish().unwrap();
    parser.finish(&mut sink)
}

fn zstd(chunks: u64) -> Result<UploadReport, UploadFailure> {
    let (mut parser, mut sink) = (parser(), Forgets::default());
    let mut packer = zstd::Encoder::new(Into(&mut parser, &mut sink), 1).unwrap();
    (0..chunks).for_each(|number| packer.write_all(&chunk(number)).unwrap());
    packer.finish().unwrap();
    parser.finish(&mut sink)
}

/// Pages of equal bytes, packed, fed until they are refused.
fn bomb(packed: &[u8]) -> UploadFailure {
    let (mut parser, mut sink) = (parser(), Forgets::default());
    packed.chunks(1 << 16).find_map(|piece| parser.feed(piece, &mut sink).err()).unwrap()
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let mut bombs = [Vec::new(), Vec::new()];
    let [gzip_bomb, zstd_bomb] = &mut bombs;
    let mut gzip_packer = flate2::write::GzEncoder::new(gzip_bomb, flate2::Compression::fast());
    let mut zstd_packer = ::zstd::Encoder::new(zstd_bomb, 1).unwrap();
    let page = vec![b'\n'; 1 << 20];
    for _ in 0..256 {
        gzip_packer.write_all(&page).unwrap();
        zstd_packer.write_all(&page).unwrap();
    }
    gzip_packer.finish().unwrap();
    zstd_packer.finish().unwrap();
    for read in [plain, gzip, zstd] {
        assert_eq!(read(20).unwrap().unique, 20 * LINES_PER_CHUNK);
    }
    let before = peak_bytes();
    for read in [plain, gzip, zstd] {
        let report = read(1_000).unwrap();
        assert_eq!((report.unique, report.inflated_bytes), (1_000 * LINES_PER_CHUNK, 66_000_000));
    }
    for packed in &bombs {
        assert_eq!(bomb(packed).reason(), FailureReason::InflateRatio);
    }
    let growth = peak_bytes() - before;
    assert!(growth <= ALLOWED_GROWTH_BYTES, "{growth} bytes more");
}
