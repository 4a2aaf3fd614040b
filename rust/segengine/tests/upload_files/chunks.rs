//! Files of every kind of line, packed, encoded and cut anywhere, against the naive parser; and bytes without sense.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use segengine::segment::upload::{CrmParser, DistinctSet, UploadFailure, UploadOptions, UploadReport};
use segengine::time::ManualClock;
use std::sync::Arc;

use super::oracle::{Expected, parse};
use super::{address, gzip, hex, md5_hex, sha256_hex, zip, zstd};

/// One line: of which sort, about whom, how it ends.
type Line = (u8, usize, u8);

/// The sorts of lines; those up to [`GOOD`] are what real files hold, those from [`REFUSING`] on end the file.
const GOOD: u8 = 3;
const REFUSING: u8 = 27;
const SORTS: u8 = 30;

fn text_of(sort: u8, who: usize) -> Vec<u8> {
    let md5 = md5_hex(&address(who));
    match sort {
        0..=GOOD => md5,
        4 => md5.to_uppercase(),
        5 => sha256_hex(&address(who)),
        6 => format!("\"{md5}\""),
        7 => format!("{md5};"),
        8 => format!(";\"{md5}\";"),
        9 => format!("  {md5}\u{a0} "),
        10 => String::new(),
        11 => " \t".to_owned(),
        12 => "\u{200b}".to_owned(),
        13 => "bonjour à tous".to_owned(),
        14 => md5[..31].to_owned(),
        15 => format!("0x{md5}"),
        16 => "tYmWxQTFY4eY62tRHm9Jrw==".to_owned(),
        17 => format!("{}\"{}", &md5[..5], &md5[6..]),
        18 => format!("\"{md5}"),
        19 => format!("{}\0{}", &md5[..5], &md5[6..]),
        20 => md5_hex(""),
        21 => sha256_hex("Email"),
        22 => format!("'{md5}'"),
        23 => format!("user{who}@"),
        24 => format!("\"say \"\"{who}\"\"\""),
        25 => format!("{md5}{}", md5.to_uppercase()),
        26 => format!("\"{md5}\" ;\t"),
        27 => format!("User{who}@Example.com"),
        28 => format!("{md5};{who}"),
        _ => format!("\"a;b\",{md5}"),
    }
    .into_bytes()
}

fn file_of(lines: &[Line]) -> Vec<u8> {
    let mut file = Vec::new();
    for (index, (sort, who, end)) in lines.iter().enumerate() {
        file.extend(text_of(*sort, *who));
        let last = index + 1 == lines.len();
        let ends = [&b"\n"[..], b"\r\n", b"\r", b"\n"];
        file.extend_from_slice(if last && *end == 3 { b"" } else { ends[usize::from(*end)] });
    }
    file
}

/// How a file is written and packed.
#[derive(Debug, Clone, Copy)]
enum Form {
    Plain,
    Marked,
    Utf16Little,
    Utf16Big,
    Gzip,
    Zstd,
    Zip,
}

fn written(text: &[u8], form: Form) -> Vec<u8> {
    let units = || String::from_utf8(text.to_vec()).unwrap().encode_utf16().collect::<Vec<u16>>();
    match form {
        Form::Plain => text.to_vec(),
        Form::Marked => [b"\xef\xbb\xbf", text].concat(),
        Form::Utf16Little => [0xff, 0xfe].into_iter().chain(units().into_iter().flat_map(u16::to_le_bytes)).collect(),
        Form::Utf16Big => [0xfe, 0xff].into_iter().chain(units().into_iter().flat_map(u16::to_be_bytes)).collect(),
        Form::Gzip => gzip(text),
        Form::Zstd => zstd(text),
        Form::Zip => zip(&[("list.csv", text)]),
    }
}

/// Feeds `bytes` in chunks of the given lengths, over and over.
fn read_in(
    lengths: &[usize],
    bytes: &[u8],
    options: UploadOptions,
) -> (Result<UploadReport, UploadFailure>, DistinctSet) {
    let mut members = DistinctSet::default();
    let mut parser = CrmParser::new(options, Arc::new(ManualClock::new(0)));
    let (mut rest, mut lengths) = (bytes, lengths.iter().cycle());
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at((*lengths.next().unwrap()).min(rest.len()));
        if let Err(failure) = parser.feed(chunk, &mut members) {
            return (Err(failure), members);
        }
        rest = tail;
    }
    (parser.finish(&mut members), members)
}

fn options(allow_raw_emails: bool) -> UploadOptions {
    let mut options = UploadOptions { allow_raw_emails, ..UploadOptions::named("list.csv") };
    options.limits.minimum_distinct = 1;
    options
}

fn hex_of(members: &DistinctSet) -> BTreeSet<String> {
    members.md5().map(hex).chain(members.sha256().map(hex)).collect()
}

fn summary(result: &Result<UploadReport, UploadFailure>, members: &DistinctSet) -> Expected {
    let (report, refused) = match result {
        Ok(report) => (report, None),
        Err(failure) => (failure.report(), Some(failure.reason().name())),
    };
    report.check().unwrap();
    Expected {
        rows_total: report.rows_total,
        blank: report.blank,
        header: report.header,
        valid: report.valid,
        upper_case: report.upper_case,
        raw_emails: report.raw_emails,
        invalid: report.invalid_reasons.clone(),
        sampled: report.samples.iter().map(|sample| (sample.line, sample.reason)).collect(),
        members: hex_of(members),
        refused,
    }
}

fn any_line() -> impl Strategy<Value = Line> {
    let sort = prop_oneof![12 => 0..=GOOD, 24 => (GOOD + 1)..REFUSING, 1 => REFUSING..SORTS];
    (sort, 0..40_usize, 0..4_u8)
}

fn any_form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Plain),
        Just(Form::Marked),
        Just(Form::Utf16Little),
        Just(Form::Utf16Big),
        Just(Form::Gzip),
        Just(Form::Zstd),
        Just(Form::Zip)
    ]
}

/// Whether the first bytes make the file something else before any line is read.
fn is_refused_at_sight(text: &[u8]) -> bool {
    let head = &text[..text.len().min(4_096)];
    head.split(|byte| *byte == 0).skip(1).count() * 100 > head.len() * 5
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever the lines, the form and the cut of the chunks: report and members are the naive parser's.
    #[test]
    fn any_cut_gives_what_the_naive_parser_gives(
        lines in vec(any_line(), 0..120),
        form in any_form(),
        lengths in vec(1..200_usize, 1..8),
        allow_raw_emails: bool,
    ) {
        let text = file_of(&lines);
        prop_assume!(!is_refused_at_sight(&text));
        let bytes = written(&text, form);
        let (result, members) = read_in(&lengths, &bytes, options(allow_raw_emails));
        let expected = parse(&text, allow_raw_emails);
        prop_assert_eq!(summary(&result, &members), expected);
        // Cut otherwise, not one field differs.
        let (whole, _) = read_in(&[usize::MAX], &bytes, options(allow_raw_emails));
        match (result, whole) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (one, other) => {
                let said = |failure: UploadFailure| failure.message().to_owned();
                prop_assert_eq!(one.map(|_| ()).map_err(said), other.map(|_| ()).map_err(said));
            }
        }
    }

    /// Bytes that are no UTF-8 anywhere in a line make that line invalid, and no other.
    #[test]
    fn bytes_that_are_no_text_stay_in_their_line(
        lines in vec((0..=GOOD, 0..40_usize, 0..3_u8), 1..40),
        noise in vec(0x80..=0xff_u8, 1..20),
        lengths in vec(1..50_usize, 1..4),
    ) {
        prop_assume!(std::str::from_utf8(&noise).is_err());
        let mut text = file_of(&lines);
        text.extend_from_slice(&noise);
        let (result, members) = read_in(&lengths, &text, options(false));
        prop_assert_eq!(summary(&result, &members), parse(&text, false));
    }

    /// Random bytes, bare or behind the first bytes of a container, are taken or refused: nothing panics.
    #[test]
    fn random_bytes_never_panic(
        bytes in vec(any::<u8>(), 0..3_000),
        front in 0..8_usize,
        lengths in vec(1..500_usize, 1..4),
    ) {
        let fronts: [&[u8]; 8] = [
            b"", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"a;b\n",
        ];
        let file = [fronts[front], &bytes].concat();
        let (result, _) = read_in(&lengths, &file, options(true));
        match result {
            Ok(report) => report.check().unwrap(),
            Err(failure) => failure.report().check().unwrap(),
        }
    }

    /// One flipped byte in a packed file is never a panic, and never a member that the file does not have.
    #[test]
    fn damaged_archives_add_nobody(lines in vec((0..=GOOD, 0..40_usize, 0..3_u8), 60..100), at: prop::sample::Index, bit in 0..8_u8) {
        let text = file_of(&lines);
        for form in [Form::Gzip, Form::Zip] {
            let mut bytes = written(&text, form);
            let position = at.index(bytes.len());
            bytes[position] ^= 1 << bit;
            if let (Ok(_), members) = read_in(&[700], &bytes, options(false)) {
                prop_assert_eq!(hex_of(&members), parse(&text, false).members, "{:?} {}", form, position);
            }
        }
    }
}
