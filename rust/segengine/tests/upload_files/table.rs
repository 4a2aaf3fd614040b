//! Each row of the file table: what stands in the file, and what is done about it.

use segengine::segment::upload::{
    Column, CrmParser, DistinctSet, Encoding, FailureReason, InvalidReason, MemberSink, Separator, UploadOptions,
    Volume, WarningCode, sample_file,
};
use segengine::time::ManualClock;
use segengine::{Error, ErrorKind};
use std::sync::Arc;

use super::{address, hashes, hex, md5_hex, read, read_with, sha256_hex, with};

fn warnings(report: &segengine::segment::upload::UploadReport) -> Vec<WarningCode> {
    report.warnings.iter().map(|warning| warning.code).collect()
}

#[test]
fn the_plain_file_is_taken_as_it_is() {
    let (report, members) = read(hashes(60).join("\n")).unwrap();
    assert_eq!((report.rows_total, report.valid, report.unique, report.invalid), (60, 60, 60, 0));
    assert_eq!(warnings(&report), [WarningCode::LowVolume]);
    let mut found: Vec<String> = members.md5().map(hex).collect();
    let mut expected = hashes(60);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_sample_file_passes() {
    let (report, _) = read(sample_file()).unwrap();
    assert_eq!((report.header, report.unique, report.invalid), (1, 60, 0));
}

#[test]
fn a_byte_order_mark_is_dropped_and_utf_16_is_transcoded() {
    let text = format!("courriel à jour\r\n{}\r\n", hashes(60).join("\r\n"));
    let units = || text.encode_utf16();
    let marked: Vec<u8> = b"\xef\xbb\xbf".iter().copied().chain(text.bytes()).collect();
    let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
    let files = [
        (Encoding::Utf8, text.clone().into_bytes()),
        (Encoding::Utf8Bom, marked),
        (Encoding::Utf16Le, little.clone()),
        (Encoding::Utf16Be, big.clone()),
        (Encoding::Utf16Le, little[2..].to_vec()),
        (Encoding::Utf16Be, big[2..].to_vec()),
    ];
    for (encoding, file) in files {
        let (report, members) = read(&file).unwrap();
        assert_eq!((report.encoding, report.header, report.unique, members.len()), (encoding, 1, 60, 60));
        let transcoded = matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be);
        assert_eq!(warnings(&report).contains(&WarningCode::Transcoded), transcoded);
    }
}

#[test]
fn a_mark_before_a_hash_does_not_make_it_a_header() {
    let (report, _) = read(format!("\u{feff}{}", hashes(60).join("\n"))).unwrap();
    assert_eq!((report.header, report.unique), (0, 60));
}

#[test]
fn lf_crlf_and_cr_end_a_line() {
    for end in ["\n", "\r\n", "\r"] {
        for last in ["", end] {
            let (report, _) = read(format!("{}{last}", hashes(60).join(end))).unwrap();
            assert_eq!((report.rows_total, report.unique, report.blank), (60, 60, 0), "{end:?} {last:?}");
        }
    }
    let (report, _) = read(with("\n\r\n\r \t \n")).unwrap();
    assert_eq!((report.rows_total, report.blank), (64, 4));
}

#[test]
fn a_line_with_nul_is_invalid_and_warned() {
    let (report, _) = read(with(format!("{}\0\n", md5_hex("x")))).unwrap();
    assert_eq!(report.invalid_reasons[&InvalidReason::NulByte], 1);
    assert!(warnings(&report).contains(&WarningCode::NulBytes));
}

#[test]
fn one_column_among_separators_and_quotes_is_fine() {
    for (separator, sign) in [(Separator::Semicolon, ";"), (Separator::Tab, "\t"), (Separator::Comma, ",")] {
        for (before, after) in [("", sign), (sign, ""), ("\"", "\""), ("\"", "\";;"), (" ", "  "), ("\" ", " \"")] {
            let after = after.replace(';', sign);
            let lines: Vec<String> = hashes(60).iter().map(|hash| format!("{before}{hash}{after}")).collect();
            let (report, _) = read(lines.join("\n")).unwrap();
            assert_eq!((report.unique, report.invalid), (60, 0), "{before:?} {after:?}");
            if before == sign || after.contains(sign) {
                assert_eq!(report.separator, separator);
            }
        }
    }
}

#[test]
fn two_columns_refuse_the_whole_file_with_line_and_columns() {
    let failure = read("email;name\nx;y\n").unwrap_err();
    assert_eq!(failure.reason(), FailureReason::TwoColumns);
    assert_eq!(
        failure.message(),
        "list.csv: 2 columns found in line 1 (email;name): a CRM file has one column, the MD5 of a lower-case e-mail"
    );
    assert_eq!(failure.hint_text(), Some("keep the e-mail column only, or pass --column 1"));
    let failure = read(with("Jean Dupont,0612345678\n")).unwrap_err();
    assert!(failure.message().contains("2 columns found in line 61 "), "{failure}");
    assert!(!failure.message().contains("Dupont") && !failure.message().contains("0612345678"), "{failure}");
    assert_eq!(failure.report().rows_total, 60);
    let error = Error::from(failure);
    assert_eq!((error.kind(), error.field_name()), (ErrorKind::UploadFailed, Some("two_columns")));
}

#[test]
fn a_chosen_column_is_read_by_number_and_by_name() {
    let lines: Vec<String> = hashes(60).iter().map(|hash| format!("Jean;{hash};Paris")).collect();
    let file = format!("name;E-Mail;city\n{}\nJean;;Paris\nJean\n;;\n", lines.join("\n"));
    for column in ["2", "e-mail", " E-MAIL "] {
        let options = UploadOptions { column: Some(Column::parse(column)), ..UploadOptions::named("list.csv") };
        let (report, _) = read_with(options, &file).unwrap();
        assert_eq!((report.header, report.unique, report.invalid, report.blank), (1, 60, 2, 1), "{column}");
        assert_eq!(report.invalid_reasons[&InvalidReason::EmptyValue], 1);
        assert_eq!(report.invalid_reasons[&InvalidReason::MissingColumn], 1);
    }
    for column in ["0", "4", "phone"] {
        let options = UploadOptions { column: Some(Column::parse(column)), ..UploadOptions::named("list.csv") };
        let failure = read_with(options, &file).unwrap_err();
        assert_eq!(failure.reason(), FailureReason::ColumnNotFound, "{column}");
        assert!(failure.hint_text().is_some());
    }
}

#[test]
fn the_first_column_is_chosen_without_a_separator() {
    let options = UploadOptions { column: Some(Column::Number(1)), ..UploadOptions::named("list.csv") };
    let (report, _) = read_with(options, format!("md5\n{}", hashes(60).join("\n"))).unwrap();
    assert_eq!((report.header, report.unique), (1, 60));
}

#[test]
fn the_first_line_is_a_header_if_it_is_neither_hash_nor_address() {
    let body = hashes(60).join("\n");
    for header in
        ["email", "E-mail haché", "\"md5\"", "\"say \"\"md5\"\"\"", "hash md5;", "Adresse \u{fffd}", "cafe", "@"]
    {
        let (report, _) = read(format!("\n{header}\n{body}")).unwrap();
        assert_eq!((report.header, report.blank, report.invalid), (1, 1, 0), "{header}");
    }
    let latin1 = [b"Adresse \xe9lectronique\n", body.as_bytes()].concat();
    assert_eq!(read(latin1).unwrap().0.header, 1);
    let unfit = [md5_hex(""), md5_hex("email"), format!("0x{}", md5_hex("x")), md5_hex("x")[..31].to_owned()];
    for first in unfit {
        let (report, _) = read(format!("{first}\n{body}")).unwrap();
        assert_eq!((report.header, report.invalid, report.samples[0].line), (0, 1, 1), "{first}");
    }
    let (report, _) = read(with("email\n")).unwrap();
    assert_eq!((report.header, report.invalid), (0, 1), "only the first line is a header");
}

#[test]
fn upper_case_hex_is_accepted_lowered_and_counted() {
    let lines: Vec<String> = hashes(60).iter().map(|hash| hash.to_uppercase()).collect();
    let (report, members) = read(lines.join("\n") + "\n" + &hashes(60).join("\n")).unwrap();
    assert_eq!((report.upper_case, report.unique, report.duplicate, members.len()), (60, 60, 60, 60));
    assert!(warnings(&report).contains(&WarningCode::UpperCase));
}

#[test]
fn sha256_lines_are_kept_as_their_own_kind_and_warned() {
    let lines: Vec<String> = (0..100)
        .map(|number| if number < 63 { sha256_hex(&address(number)) } else { md5_hex(&address(number)) })
        .collect();
    let (report, members) = read(lines.join("\n")).unwrap();
    assert_eq!((report.sha256, members.sha256().count(), members.md5().count()), (63, 63, 37));
    let warning = report.warnings.iter().find(|warning| warning.code == WarningCode::Sha256Lines).unwrap();
    assert!(warning.text.starts_with("63 % are SHA-256"), "{}", warning.text);
}

#[test]
fn raw_addresses_are_hashed_only_where_allowed() {
    let lines: Vec<String> = (0..60).map(|number| format!(" {} ", address(number).to_uppercase())).collect();
    let file = format!("email\n{}\n{}", lines.join("\n"), hashes(60).join("\n"));
    let failure = read(&file).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::RawEmails);
    assert!(failure.message().contains("line 2 is a raw e-mail address") && !failure.message().contains("USER0"));
    assert!(failure.hint_text().unwrap().contains("md5sum"));
    let options = UploadOptions { allow_raw_emails: true, ..UploadOptions::named("list.csv") };
    let (report, members) = read_with(options, &file).unwrap();
    assert_eq!((report.raw_emails, report.unique, report.duplicate, members.len()), (60, 60, 60, 60));
    assert!(warnings(&report).contains(&WarningCode::RawEmails));
}

#[test]
fn unusable_lines_are_counted_by_reason_and_shown_masked() {
    let cases = [
        ("tYmWxQTFY4eY62tRHm9Jrw==", InvalidReason::Base64),
        ("0xb58996c504c5638798eb6b511e6f49af", InvalidReason::HexPrefix),
        ("b58996c504c5\"638798eb6b511e6f49af", InvalidReason::QuotesInside),
        ("\"b58996c504c5638798eb6b511e6f49af", InvalidReason::QuotesInside),
        ("bonjour", InvalidReason::NotHex),
        ("b58996c504c5638798eb6b511e6f49", InvalidReason::WrongLength),
        ("jean.dupont@", InvalidReason::NotAnEmail),
        ("d41d8cd98f00b204e9800998ecf8427e", InvalidReason::EmptyHash),
        ("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", InvalidReason::EmptyHash),
    ];
    for (line, reason) in cases {
        let (report, _) = read(with(format!("{line}\n"))).unwrap();
        assert_eq!(report.invalid_reasons.get(&reason), Some(&1), "{line}");
        assert_eq!((report.samples[0].line, report.samples[0].reason), (61, reason));
        assert!(!report.samples[0].masked.contains(line.trim_matches('"')), "{}", report.samples[0].masked);
    }
    let (report, _) = read(with(b"\xff\xfe\xfd\n")).unwrap();
    assert_eq!(report.invalid_reasons[&InvalidReason::NotUtf8], 1);
    for word in ["email", "Email", "E-MAIL", "mail", "md5", "Hash"] {
        let (report, _) = read(with(md5_hex(word) + "\n" + &sha256_hex(word))).unwrap();
        assert_eq!(report.invalid_reasons[&InvalidReason::HeaderHash], 2, "{word}");
    }
}

#[test]
fn at_most_fifty_samples_are_kept() {
    let (report, _) = read(with("bonjour\n".repeat(80))).unwrap();
    assert_eq!((report.invalid, report.samples.len(), report.samples[49].line), (80, 50, 110));
    assert!(warnings(&report).contains(&WarningCode::ManyInvalid));
}

#[test]
fn an_empty_file_says_what_it_lacks() {
    for (file, says) in [("", "the file is empty"), ("\n \n;;\n", "every line is blank"), ("email\n\n", "header")] {
        let failure = read(file).unwrap_err();
        assert_eq!(failure.reason(), FailureReason::Empty);
        assert!(failure.message().contains(says), "{failure}");
    }
}

#[test]
fn fewer_than_fifty_distinct_lines_are_refused_with_their_number() {
    let mut lines = hashes(49);
    lines.extend(hashes(49));
    let failure = read(lines.join("\n")).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::TooSmall);
    assert_eq!(failure.message(), "list.csv: 49 distinct valid lines: a segment needs at least 50");
    assert_eq!((failure.report().unique, failure.report().duplicate), (49, 49));
    assert_eq!(read(hashes(50).join("\n")).unwrap().0.unique, 50);
    let failure = read("tYmWxQTFY4eY62tRHm9Jrw==\n".repeat(60)).unwrap_err();
    assert!(failure.hint_text().unwrap().contains("60 of them base64"), "{:?}", failure.hint_text());
}

#[test]
fn binary_files_are_refused_by_name() {
    let noise: Vec<u8> = (0..10_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    for (file, says) in [
        (&b"%PDF-1.7\n1 0 obj\n"[..], "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "Excel"),
        (&noise, "no text"),
    ] {
        let failure = read(file).unwrap_err();
        assert_eq!(failure.reason(), FailureReason::Binary);
        assert!(failure.message().contains(says), "{failure}");
    }
}

#[test]
fn the_volume_is_advised() {
    for (count, volume, warned) in
        [(49_999, Volume::Low, true), (50_000, Volume::BelowRecommended, false), (250_000, Volume::Recommended, false)]
    {
        let (report, _) = read(hashes(count).join("\n")).unwrap();
        assert_eq!(report.volume, volume);
        assert_eq!(warnings(&report).contains(&WarningCode::LowVolume), warned);
    }
}

#[test]
fn digests_as_bytes_are_taken_and_never_mixed_with_a_file() {
    let digests: Vec<u8> = (0..60_u128).flat_map(|n| (n * 7 + (1 << 100)).to_be_bytes()).collect();
    let mut members = DistinctSet::default();
    let new = || CrmParser::new(UploadOptions::named("array"), Arc::new(ManualClock::new(0)));
    let mut parser = new();
    parser.feed_md5(&digests, &mut members).unwrap();
    parser.feed_md5(&digests[..32], &mut members).unwrap();
    parser.feed_sha256(&digests[..64], &mut members).unwrap();
    parser.feed_md5(&md5_of_nothing(), &mut members).unwrap();
    let report = parser.finish(&mut members).unwrap();
    report.check().unwrap();
    assert_eq!((report.rows_total, report.unique, report.duplicate, report.sha256), (65, 62, 2, 2));
    assert_eq!((report.invalid_reasons[&InvalidReason::EmptyHash], report.encoding), (1, Encoding::Binary));

    let mut parser = new();
    assert_eq!(parser.feed_md5(&digests[..17], &mut members).unwrap_err().reason(), FailureReason::PartialDigest);
    let mut parser = new();
    parser.feed_md5(&digests, &mut members).unwrap();
    let failure = parser.feed(b"x", &mut members).unwrap_err();
    assert_eq!(failure.reason(), FailureReason::MixedSources);
    assert_eq!(
        parser.feed_md5(&digests, &mut members).unwrap_err().reason(),
        FailureReason::MixedSources,
        "it is final"
    );
    assert_eq!(parser.finish(&mut members).unwrap_err().reason(), FailureReason::MixedSources);
    let mut parser = new();
    parser.feed(b"x", &mut members).unwrap();
    assert_eq!(parser.feed_sha256(&digests[..32], &mut members).unwrap_err().reason(), FailureReason::MixedSources);
}

fn md5_of_nothing() -> Vec<u8> {
    let digits = md5_hex("");
    (0..16).map(|n| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap()).collect()
}

/// Keeps what it was given, in order.
#[derive(Default)]
struct InOrder(Vec<[u8; 16]>);

impl MemberSink for InOrder {
    fn take_md5(&mut self, digests: &[[u8; 16]]) {
        self.0.extend(digests);
    }

    fn take_sha256(&mut self, _digests: &[[u8; 32]]) {}

    fn distinct(&mut self) -> u64 {
        self.0.len() as u64
    }
}

#[test]
fn digests_come_in_the_order_of_their_lines() {
    let lines = hashes(10_000);
    let mut sink = InOrder::default();
    let mut parser = CrmParser::new(UploadOptions::named("list.csv"), Arc::new(ManualClock::new(0)));
    parser.feed(lines.join("\n").as_bytes(), &mut sink).unwrap();
    parser.finish(&mut sink).unwrap();
    assert_eq!(sink.0.iter().map(hex).collect::<Vec<_>>(), lines);
}
