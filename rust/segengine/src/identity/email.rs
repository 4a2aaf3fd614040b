//! How an address is written before it is hashed, by destination: the forms are never mixed, for a hash of another
//! form matches nobody.
//!
//! | destination | trim | case | Gmail |
//! |---|---|---|---|
//! | [`Destination::Powerspace`] | Unicode space, BOM, zero-width; then NFC | lower | – |
//! | [`Destination::Meta`] | the same, without NFC | lower | – |
//! | [`Destination::Google`] | as Meta | lower | dots dropped before `@gmail.com` and `@googlemail.com` |
//! | [`Destination::Uid2`] | as Meta | lower | dots and `+suffix` dropped before `@gmail.com` |
//!
//! Sources: the vectors under tests/data/conformance; each destination's own integration guide.

use md5::Md5;
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization;

/// Who will compare the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Destination {
    /// Customer files of this engine: MD5 of the normalised address.
    Powerspace,
    /// Meta, Snap, X: SHA-256 as hex.
    Meta,
    /// Google Customer Match: SHA-256 as hex or Base64.
    Google,
    /// UID2: SHA-256 as Base64.
    Uid2,
}

/// Whether `text` (already trimmed) has the shape of one address: a local part, one `@`, a dotted domain, no space
/// and no control character. Deliverability is not judged.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let dotted = domain.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty());
    !local.is_empty()
        && dotted
        && !domain.ends_with('.')
        && !domain.contains('@')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';'))
}

/// `text` without surrounding Unicode space, byte order marks and zero-width characters.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_invisible)
}

/// White space, and the characters that copy and paste leaves behind.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{180e}' | '\u{00ad}')
}

/// The address as `destination` hashes it; `None` where `text` is no address.
#[must_use]
pub fn normalise(destination: Destination, text: &str) -> Option<String> {
    let text = trim(text);
    let lower = match destination {
        // ASCII is its own normal form, and nearly every address is ASCII.
        Destination::Powerspace if !text.is_ascii() => text.nfc().collect::<String>().to_lowercase(),
        _ => text.to_lowercase(),
    };
    if !is_address(&lower) {
        return None;
    }
    let (local, domain) = lower.split_once('@')?;
    let local = match (destination, domain) {
        (Destination::Google, "gmail.com" | "googlemail.com") => local.replace('.', ""),
        (Destination::Uid2, "gmail.com") => {
            local.split_once('+').map_or(local, |(before, _suffix)| before).replace('.', "")
        }
        _ => return Some(lower),
    };
    if local.is_empty() { None } else { Some(format!("{local}@{domain}")) }
}

/// MD5 of the [`Destination::Powerspace`] form: the value of an `email_md5` identifier.
#[must_use]
pub fn powerspace_md5(text: &str) -> Option<[u8; 16]> {
    normalise(Destination::Powerspace, text).map(|address| Md5::digest(address.as_bytes()).into())
}

/// SHA-256 of the form of `destination`.
#[must_use]
pub fn sha256(destination: Destination, text: &str) -> Option<[u8; 32]> {
    normalise(destination, text).map(|address| Sha256::digest(address.as_bytes()).into())
}

/// Standard Base64 with padding: how Google and UID2 write a SHA-256.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 4];
        for (place, byte) in group.iter_mut().skip(1).zip(chunk) {
            *place = *byte;
        }
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            let letter = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
