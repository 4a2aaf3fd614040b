//! Every bound of an upload is hit, named, and leaves a report that adds up; bombs are refused while they are small.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use segengine::segment::upload::{CrmParser, DistinctSet, FailureReason, UploadLimits, UploadOptions};
use segengine::time::ManualClock;
use segengine::{Error, ErrorKind};

use super::{gzip, hashes, read, read_cut, read_with, zip, zstd};

const MEBIBYTE: usize = 1 << 20;

fn limited(change: impl FnOnce(&mut UploadLimits)) -> UploadOptions {
    let mut options = UploadOptions::named("list.csv");
    change(&mut options.limits);
    options
}

/// Sets one bound.
type Change = fn(&mut UploadLimits, u64);

#[test]
fn a_bound_is_met_exactly_and_passed_by_one() {
    let file = hashes(60).join("\n") + "\n";
    let length = file.len() as u64;
    let cases: [(Change, u64, FailureReason); 5] = [
        (|limits, n| limits.bytes = n, length, FailureReason::TooManyBytes),
        (|limits, n| limits.inflated_bytes = n, length, FailureReason::TooManyInflatedBytes),
        (|limits, n| limits.line_bytes = usize::try_from(n).unwrap(), 32, FailureReason::LineTooLong),
        (|limits, n| limits.lines = n, 60, FailureReason::TooManyLines),
        (|limits, n| limits.minimum_distinct = 120 - n, 60, FailureReason::TooSmall),
    ];
    for (change, enough, reason) in cases {
        for cut in [1, 10, 33, 1 << 16] {
            read_cut(limited(|limits| change(limits, enough)), file.as_bytes(), cut).unwrap();
            let failure = read_cut(limited(|limits| change(limits, enough - 1)), file.as_bytes(), cut).unwrap_err();
            assert_eq!(failure.reason(), reason);
            failure.report().check().unwrap();
            let expected =
                if reason == FailureReason::TooSmall { ErrorKind::UploadFailed } else { ErrorKind::LimitExceeded };
            assert_eq!(Error::from(failure).kind(), expected);
        }
    }
}

#[test]
fn a_line_without_end_is_refused_before_it_ends() {
    let mut parser = CrmParser::new(UploadOptions::named("list.csv"), Arc::new(ManualClock::new(0)));
    let mut members = DistinctSet::default();
    let failure = (0..).find_map(|_| parser.feed(&[b'a'; 1_000], &mut members).err()).unwrap();
    assert_eq!(failure.reason(), FailureReason::LineTooLong);
    assert!(failure.report().bytes < 10_000);
    assert!(failure.message().contains("line 1 is longer than 4096 bytes"), "{failure}");
}

#[test]
fn time_runs_from_the_first_byte() {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let mut members = DistinctSet::default();
    let mut parser = CrmParser::new(limited(|limits| limits.time = Duration::from_secs(5)), clock.clone());
    clock.set(2_000_000);
    parser.feed(b"a", &mut members).unwrap();
    clock.set(2_005_000);
    parser.feed(b"b", &mut members).unwrap();
    clock.set(2_005_001);
    let failure = parser.feed(b"c", &mut members).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::TooSlow);
    assert!(failure.message().contains("5 seconds"), "{failure}");
    assert_eq!(Error::from(failure).kind(), ErrorKind::DeadlineExceeded);
}

#[test]
fn a_cancelled_upload_stops_and_its_progress_is_seen() {
    let options = UploadOptions::named("list.csv");
    let (cancel, progress) = (options.cancel.clone(), options.progress.clone());
    let mut members = DistinctSet::default();
    let mut parser = CrmParser::new(options, Arc::new(ManualClock::new(0)));
    let file = hashes(1_000).join("\n");
    parser.feed(file.as_bytes(), &mut members).unwrap();
    assert_eq!((progress.bytes(), progress.lines()), (file.len() as u64, 999));
    cancel.store(true, Ordering::Relaxed);
    let failure = parser.feed(b"\n", &mut members).unwrap_err();
    assert_eq!((failure.reason(), failure.report().rows_total), (FailureReason::Cancelled, 999));
    assert_eq!(Error::from(failure).kind(), ErrorKind::Cancelled);
}

#[test]
fn bombs_are_refused_while_they_are_small() {
    let lines = "\n".repeat(128 * MEBIBYTE);
    let small = 3 * MEBIBYTE as u64;
    let bombs = [
        (gzip(lines.as_bytes()), small),
        (zstd(lines.as_bytes()), small),
        // A zip tells what it holds only at its end: there the ratio is that of the whole.
        (zip(&[("list.csv", lines.as_bytes())]), 32 * MEBIBYTE as u64),
    ];
    for (bomb, allowed) in bombs {
        assert!(bomb.len() < lines.len() / 200);
        for cut in [1_000, bomb.len()] {
            let failure = read_cut(UploadOptions::named("bomb"), &bomb, cut).unwrap_err();
            assert_eq!(failure.reason(), FailureReason::InflateRatio, "{failure}");
            assert!(failure.report().inflated_bytes <= allowed, "{}", failure.report().inflated_bytes);
            failure.report().check().unwrap();
        }
    }
}

#[test]
fn a_small_file_may_pack_as_well_as_it_likes() {
    let lines = hashes(60).join("\n") + &format!("\n{}", hashes(1)[0]).repeat(20_000);
    let packed = zstd(lines.as_bytes());
    assert!(packed.len() * 100 < lines.len());
    assert_eq!(read(packed).unwrap().0.unique, 60);
}

#[test]
fn a_frame_that_asks_for_too_much_memory_is_refused() {
    use std::io::Write as _;
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&hashes(60).join("\n").repeat(100).into_bytes()).unwrap();
    let failure = read_with(UploadOptions::named("list.zst"), encoder.finish().unwrap()).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::CorruptArchive, "{failure}");
    assert!(failure.message().contains("memory"), "{failure}");
}
