//! Framed files: no damage is read as content, and each kind of damage is told by its own name and place.

use proptest::prelude::*;
use segengine::ErrorKind;
use segengine::storage::framed::{decode, encode};

const KIND: u16 = 3;

fn payload() -> Vec<u8> {
    (0..300_u32).map(|byte| (byte * 7 % 251) as u8).collect()
}

/// The byte that a message names.
fn offset(message: &str) -> usize {
    let digits = message.split("damaged at byte ").nth(1).unwrap_or_else(|| panic!("{message} names no byte"));
    digits.split(':').next().unwrap().parse().unwrap()
}

#[test]
fn a_file_cut_anywhere_is_damaged_where_it_ends() {
    let file = encode(KIND, &payload());
    for end in 0..file.len() {
        let error = decode("members-1", KIND, &file[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        assert!(error.message().starts_with("members-1: "), "{error}");
        assert!(error.message().contains("the file ends inside"), "{error}");
        assert_eq!(offset(error.message()), end, "{error}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_in_its_block() {
    let file = encode(KIND, &payload());
    let footer = file.len() - 20;
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let error = decode("members-1", KIND, &damaged).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
        let place = offset(error.message());
        let expected = match bit / 8 {
            0..8 => 0..=0,
            8..16 => 8..=8,
            // A damaged length lets the reader run on, at most to the end of the file.
            16..20 => 16..=file.len(),
            byte if byte < footer => 16..=16,
            _ => footer..=file.len(),
        };
        assert!(expected.contains(&place), "bit {bit} of byte {}: {error}", bit / 8);
    }
}

#[test]
fn a_zeroed_or_swapped_page_is_found() {
    let whole: Vec<u8> = (0..3 << 20_u32).map(|byte: u32| (byte.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = encode(KIND, &whole);
    assert_eq!(decode("members-1", KIND, &file).unwrap(), whole);
    for page in (0..file.len() / 4_096).step_by(41) {
        let mut damaged = file.clone();
        damaged[page * 4_096..][..4_096].fill(0);
        assert!(decode("members-1", KIND, &damaged).is_err(), "page {page} zeroed");
        let mut damaged = file.clone();
        damaged.copy_within(page * 4_096..page * 4_096 + 4_096, (page + 1) % 100 * 4_096);
        assert!(damaged == file || decode("members-1", KIND, &damaged).is_err(), "page {page} written elsewhere");
    }
    // Whole blocks that change places carry their own checksums; only the footer's tells.
    let block = 8 + (1 << 20);
    let swapped =
        [&file[..16], &file[16 + block..16 + 2 * block], &file[16..16 + block], &file[16 + 2 * block..]].concat();
    let error = decode("members-1", KIND, &swapped).unwrap_err();
    assert!(error.message().contains("the footer does not match the blocks"), "{error}");
}

#[test]
fn foreign_newer_and_wrong_files_are_told_apart() {
    let file = encode(KIND, b"x");
    let message = |bytes: &[u8]| decode("f", KIND, bytes).unwrap_err().message().to_owned();
    assert!(message(b"PK\x03\x04 a zip archive").contains("not a segengine file"));
    assert!(message(b"PK").contains("not a segengine file"));
    assert!(message(b"").contains("the file ends inside the header"));
    assert!(message(&[file.clone(), vec![0]].concat()).contains("bytes after the footer"));
    let error = decode("f", KIND + 1, &file).unwrap_err();
    assert!(error.message().contains("a file of kind 3, kind 4 was expected"), "{error}");

    let mut newer = file;
    newer[8] = 2;
    let check = crc32c::crc32c(&newer[..12]);
    newer[12..16].copy_from_slice(&check.to_le_bytes());
    let error = decode("f", KIND, &newer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(error.message(), "f: written by a newer segengine (format 2, this one reads 1)");
}

#[test]
fn format_1_is_these_bytes_for_ever() {
    let expected = b"SEGENGIN\x01\x00\x03\x00";
    let file = encode(KIND, b"abc");
    assert_eq!(&file[..12], expected);
    assert_eq!(file[12..16], crc32c::crc32c(expected).to_le_bytes());
    assert_eq!(file[16..20], [3, 0, 0, 0]);
    assert_eq!(file[20..24], 0x364b_3fb7_u32.to_le_bytes(), "the CRC-32C of \"abc\" is a published value");
    assert_eq!(&file[24..31], b"abc\0\0\0\0");
    assert_eq!(file[31..39], 3_u64.to_le_bytes());
    assert_eq!(file[39..43], 0x364b_3fb7_u32.to_le_bytes());
    assert_eq!(file.len(), 47);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes of any kind, framed or not, never do more than be refused.
    #[test]
    fn any_bytes_are_refused_or_read(bytes: Vec<u8>, kind in 0..4_u16) {
        let _ = decode("f", kind, &bytes);
        prop_assert_eq!(decode("f", kind, &encode(kind, &bytes)).unwrap(), bytes.clone());
        let header = encode(kind, &[]);
        let _ = decode("f", kind, &[&header[..16], &bytes].concat());
    }
}
