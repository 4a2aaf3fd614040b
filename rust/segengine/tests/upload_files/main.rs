//! Customer files, whole: each row of the table in docs/concepts/crm-files.md, every bound, and the law that the cut of
//! the chunks means nothing.

mod chunks;
mod limits;
mod oracle;
mod packed;
mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use segengine::segment::upload::{CrmParser, DistinctSet, UploadFailure, UploadOptions, UploadReport};
use segengine::time::ManualClock;
use sha2::Sha256;

/// What a parser made of a file: its report and the members.
type Read = Result<(UploadReport, DistinctSet), UploadFailure>;

/// Parses `bytes`, cut into chunks of `cut` bytes.
fn read_cut(options: UploadOptions, bytes: &[u8], cut: usize) -> Read {
    let mut members = DistinctSet::default();
    let mut parser = CrmParser::new(options, Arc::new(ManualClock::new(0)));
    for chunk in bytes.chunks(cut) {
        parser.feed(chunk, &mut members)?;
    }
    let report = parser.finish(&mut members)?;
    report.check().unwrap();
    assert_eq!(report.unique, members.len() as u64);
    Ok((report, members))
}

fn read_with(options: UploadOptions, bytes: impl AsRef<[u8]>) -> Read {
    let result = read_cut(options, bytes.as_ref(), 1 << 16);
    if let Err(failure) = &result {
        failure.report().check().unwrap();
    }
    result
}

fn read(bytes: impl AsRef<[u8]>) -> Read {
    read_with(UploadOptions::named("list.csv"), bytes)
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for byte in bytes.as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn md5_hex(text: &str) -> String {
    hex(Md5::digest(text))
}

fn sha256_hex(text: &str) -> String {
    hex(Sha256::digest(text))
}

fn address(number: usize) -> String {
    format!("user{number}@example.com")
}

/// `count` lines of distinct MD5.
fn hashes(count: usize) -> Vec<String> {
    (0..count).map(|number| md5_hex(&address(number))).collect()
}

/// A good file of 60 lines with `extra` after them.
fn with(extra: impl AsRef<[u8]>) -> Vec<u8> {
    let mut file = (hashes(60).join("\n") + "\n").into_bytes();
    file.extend_from_slice(extra.as_ref());
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
