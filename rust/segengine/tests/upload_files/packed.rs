//! Packed files: told by their first bytes, unpacked as streams, refused where they are damaged or hold something else.

use segengine::segment::upload::{Compression, FailureReason, UploadOptions};

use super::{gzip, hashes, read, read_cut, read_with, with, zip, zstd};

#[test]
fn every_container_holds_the_same_file() {
    let file = with("bonjour\n");
    let (plain, members) = read(&file).unwrap();
    let half = file.len() / 2;
    let (first, second) = file.split_at(half);
    let packed = [
        (Compression::Gzip, gzip(&file)),
        (Compression::Gzip, [gzip(first), gzip(b""), gzip(second)].concat()),
        (Compression::Zstd, zstd(&file)),
        (Compression::Zstd, [zstd(first), zstd(b""), zstd(second)].concat()),
        (Compression::Zstd, [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &zstd(&file)].concat()),
        (Compression::Zip, zip(&[("list.csv", &file)])),
        (Compression::Zip, zip(&[("__MACOSX/._list.csv", b"x"), ("folder/", b""), ("folder/list.csv", &file)])),
    ];
    for (compression, bytes) in packed {
        for cut in [1, 3, 1_024, 1 << 20] {
            let (report, found) = read_cut(UploadOptions::named("list.csv"), &bytes, cut).unwrap();
            assert_eq!((report.compression, &found), (compression, &members));
            assert_eq!((report.rows_total, report.inflated_bytes), (plain.rows_total, plain.inflated_bytes));
            assert_eq!(report.bytes, bytes.len() as u64);
        }
    }
}

#[test]
fn a_cut_or_flipped_archive_is_refused() {
    let file = with("");
    for whole in [gzip(&file), zstd_checked(&file), zip(&[("list.csv", &file)])] {
        for length in [5, 20, whole.len() / 2, whole.len() - 1] {
            let failure = read(&whole[..length]).unwrap_err();
            assert_eq!(failure.reason(), FailureReason::CorruptArchive, "{length} of {}: {failure}", whole.len());
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        assert!(read(&flipped).is_err());
    }
    let trailing = [gzip(&file), b"not gzip at all".to_vec()].concat();
    assert_eq!(read(trailing).unwrap_err().reason(), FailureReason::CorruptArchive);
}

fn zstd_checked(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_zip_holds_exactly_one_file() {
    let file = with("");
    for files in [&[][..], &[("a.csv", &file[..]), ("b.csv", &file)], &[("__MACOSX/._a", &b"x"[..])]] {
        assert_eq!(read(zip(files)).unwrap_err().reason(), FailureReason::ZipMembers);
    }
    let names: Vec<String> = (0..2_000).map(|number| format!("{number}.csv")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let failure = read(zip(&many)).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::ZipMembers);
    assert!(failure.message().contains("2000 files"), "{failure}");
    let workbook = zip(&[("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]);
    let failure = read(workbook).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::Binary);
    assert!(failure.message().contains("Excel"), "{failure}");
}

#[test]
fn an_archive_in_an_archive_is_no_text() {
    let inner = gzip(&hashes(5_000).join("\n").into_bytes());
    assert_eq!(read(gzip(&inner)).unwrap_err().reason(), FailureReason::Binary);
}

#[test]
fn the_spool_of_a_zip_leaves_nothing_behind_and_says_why_it_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let options = UploadOptions { spool_dir: Some(folder.path().to_owned()), ..UploadOptions::named("list.zip") };
    read_with(options, zip(&[("list.csv", &with(""))])).unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    // A folder that is absent is made; below a file none can be.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let options = UploadOptions { spool_dir: Some(file.join("spool")), ..UploadOptions::named("list.zip") };
    let failure = read_with(options, zip(&[("list.csv", &with(""))])).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::Storage);
    assert!(failure.hint_text().unwrap().contains("unpacked"));
}
