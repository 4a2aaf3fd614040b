//! What one cell is: a digest, an address, or nothing usable and why.

use super::report::InvalidReason;
use super::well_known::WellKnown;
use crate::identity::{email, hex};

/// The meaning of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// 32 hex digits.
    Md5 { digest: [u8; 16], upper_case: bool },
    /// 64 hex digits.
    Sha256 { digest: [u8; 32], upper_case: bool },
    /// A raw address, trimmed.
    Email(&'a str),
    /// Nothing usable.
    Invalid(InvalidReason),
}

impl Value<'_> {
    /// An MD5 that was not written in upper case.
    pub(super) fn of_md5(digest: [u8; 16]) -> Self {
        Self::Md5 { digest, upper_case: false }
    }

    /// A SHA-256 that was not written in upper case.
    pub(super) fn of_sha256(digest: [u8; 32]) -> Self {
        Self::Sha256 { digest, upper_case: false }
    }

    /// Whether a first line with this value is a header: it is neither an address nor a hash, nor a hash written in a
    /// form that is refused, which its sender should hear about.
    pub(super) fn may_be_header(self, cell: &[u8]) -> bool {
        match self {
            Value::Invalid(InvalidReason::WrongLength) => cell.len() < 16,
            Value::Invalid(reason) => !matches!(
                reason,
                InvalidReason::EmptyHash
                    | InvalidReason::HeaderHash
                    | InvalidReason::Base64
                    | InvalidReason::HexPrefix
                    | InvalidReason::NulByte
            ),
            _ => false,
        }
    }
}

/// Reads one cell, already out of its quotes.
pub(super) fn read<'a>(cell: &'a [u8], known: &WellKnown) -> Value<'a> {
    let bytes = cell.trim_ascii();
    if let Some(value) = read_hash(bytes, known) {
        return value;
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return Value::Invalid(InvalidReason::NotUtf8);
    };
    let text = email::trim(text);
    if let Some(value) = read_hash(text.as_bytes(), known) {
        return value;
    }
    let in_single_quotes = text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    if in_single_quotes || text.contains('"') {
        return Value::Invalid(InvalidReason::QuotesInside);
    }
    if email::is_address(text) {
        return Value::Email(text);
    }
    Value::Invalid(reason_of(text))
}

fn read_hash<'a>(bytes: &[u8], known: &WellKnown) -> Option<Value<'a>> {
    match bytes.len() {
        32 => hex::decode_slice::<32, 16>(bytes).map(|decoded| match known.of_md5(&decoded.bytes) {
            Some(reason) => Value::Invalid(reason),
            None => Value::Md5 { digest: decoded.bytes, upper_case: decoded.upper_case },
        }),
        64 => hex::decode_slice::<64, 32>(bytes).map(|decoded| match known.of_sha256(&decoded.bytes) {
            Some(reason) => Value::Invalid(reason),
            None => Value::Sha256 { digest: decoded.bytes, upper_case: decoded.upper_case },
        }),
        _ => None,
    }
}

/// Why text that is neither hash nor address is not: the most telling reason.
fn reason_of(text: &str) -> InvalidReason {
    let is_hex = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let after_prefix = ["0x", "0X", "\\x"].iter().find_map(|prefix| text.strip_prefix(prefix));
    if after_prefix.is_some_and(is_hex) {
        InvalidReason::HexPrefix
    } else if is_hex(text) {
        InvalidReason::WrongLength
    } else if text.contains('@') {
        InvalidReason::NotAnEmail
    } else if is_base64(text) {
        InvalidReason::Base64
    } else {
        InvalidReason::NotHex
    }
}

/// Whether `text` is 16 or 32 bytes in Base64, standard or URL-safe. Without padding it must look random, for 22
/// letters are also a long word.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let alphabet = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'));
    let has = |class: fn(&u8) -> bool| digits.as_bytes().iter().any(class);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    match (digits.len(), padding) {
        (22, 2) | (43, 1) => alphabet,
        (22 | 43, 0) => alphabet && mixed,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(cell: &str) -> InvalidReason {
        match read(cell.as_bytes(), WellKnown::get()) {
            Value::Invalid(reason) => reason,
            value => panic!("{cell} is valid: {value:?}"),
        }
    }

    /// Each unusable form has its own reason.
    #[test]
    fn reasons() {
        let cases = [
            ("bonjour", InvalidReason::NotHex),
            ("g58996c504c5638798eb6b511e6f49af", InvalidReason::NotHex),
            ("thisisasinglelongwordx", InvalidReason::NotHex),
            ("b58996c504c5638798eb6b511e6f49a", InvalidReason::WrongLength),
            ("63a710569261a24b3766275b7000ce8d7b32e2f7", InvalidReason::WrongLength),
            ("0xb58996c504c5638798eb6b511e6f49af", InvalidReason::HexPrefix),
            ("\\xb58996c504c5638798eb6b511e6f49af", InvalidReason::HexPrefix),
            ("tYmWxQTFY4eY62tRHm9Jrw==", InvalidReason::Base64),
            ("tYmWxQTFY4eY62tRHm9Jrw", InvalidReason::Base64),
            ("tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ=", InvalidReason::Base64),
            ("user@", InvalidReason::NotAnEmail),
            ("a b@example.com", InvalidReason::NotAnEmail),
            ("b58996c5\"04c5638798eb6b511e6f49af", InvalidReason::QuotesInside),
            ("'b58996c504c5638798eb6b511e6f49af'", InvalidReason::QuotesInside),
            ("d41d8cd98f00b204e9800998ecf8427e", InvalidReason::EmptyHash),
            ("D41D8CD98F00B204E9800998ECF8427E", InvalidReason::EmptyHash),
            ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", InvalidReason::EmptyHash),
            ("0c83f57c786a0b4a39efab23731c7ebc", InvalidReason::HeaderHash),
        ];
        for (cell, expected) in cases {
            assert_eq!(reason(cell), expected, "{cell}");
        }
        assert_eq!(read(b"\xff\xfe\x80", WellKnown::get()), Value::Invalid(InvalidReason::NotUtf8));
    }

    /// Space, byte order marks and zero-width characters around a value are nothing.
    #[test]
    fn surroundings_are_trimmed() {
        for cell in ["  b58996c504c5638798eb6b511e6f49af\t", "\u{feff}b58996c504c5638798eb6b511e6f49af\u{a0}"] {
            assert!(matches!(read(cell.as_bytes(), WellKnown::get()), Value::Md5 { upper_case: false, .. }));
        }
        assert_eq!(
            read("\u{200b}o'neil@example.com ".as_bytes(), WellKnown::get()),
            Value::Email("o'neil@example.com")
        );
    }
}
