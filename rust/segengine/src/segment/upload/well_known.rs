//! Hashes that name nobody: of the empty string, and of the words that head a column of addresses.
//!
//! A tool that hashes a whole column hashes its header too, and rows without an address become the hash of nothing;
//! as members they would tie strangers together. Each valid line is looked up here, so the tables stand behind a bitmap
//! over the first two bytes: 99.6 % of lines cost one bit test (8 KiB, in the first-level cache).

use std::sync::LazyLock;

use hashbrown::HashMap;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::report::InvalidReason;

/// What people write above a column of addresses or hashes; compared in any case.
const HEADER_WORDS: &[&str] = &[
    "adresse",
    "adresse e-mail",
    "adresse email",
    "adresse mail",
    "adresse_email",
    "courriel",
    "e-mail",
    "e-mail address",
    "e-mail md5",
    "e_mail",
    "email",
    "email address",
    "email hash",
    "email md5",
    "email-md5",
    "email_address",
    "email_hash",
    "email_md5",
    "email_sha256",
    "emailaddress",
    "emailmd5",
    "emails",
    "hash",
    "hash_md5",
    "hashed_email",
    "hashedemail",
    "hem",
    "mail",
    "mail_md5",
    "mails",
    "md5",
    "md5 email",
    "md5(email)",
    "md5_email",
    "md5_hash",
    "md5email",
    "sha-256",
    "sha256",
    "sha256_email",
    "user_email",
];

/// Whether `cell` is a word that heads a column of addresses or hashes.
pub(super) fn is_header_word(cell: &str) -> bool {
    let word = cell.trim().to_lowercase();
    HEADER_WORDS.binary_search(&word.as_str()).is_ok()
}

/// The hashes that name nobody, by kind.
#[derive(Debug)]
pub(super) struct WellKnown {
    first_bytes: Vec<u64>,
    md5: HashMap<[u8; 16], InvalidReason>,
    sha256: HashMap<[u8; 32], InvalidReason>,
}

impl WellKnown {
    /// The one table, made at its first use (about 0.1 ms).
    pub(super) fn get() -> &'static Self {
        static TABLE: LazyLock<WellKnown> = LazyLock::new(WellKnown::build);
        &TABLE
    }

    fn build() -> Self {
        let mut table = Self { first_bytes: vec![0; 1 << 10], md5: HashMap::new(), sha256: HashMap::new() };
        table.add("", InvalidReason::EmptyHash);
        for word in HEADER_WORDS {
            let mut letters = word.chars();
            let capital = letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>());
            for text in [Some((*word).to_owned()), Some(word.to_uppercase()), capital, titled(word)].iter().flatten() {
                table.add(text, InvalidReason::HeaderHash);
            }
        }
        table
    }

    fn add(&mut self, text: &str, reason: InvalidReason) {
        let (md5, sha256): ([u8; 16], [u8; 32]) = (Md5::digest(text).into(), Sha256::digest(text).into());
        for [low, high] in [[md5[0], md5[1]], [sha256[0], sha256[1]]] {
            let (word, bit) = place(low, high);
            if let Some(word) = self.first_bytes.get_mut(word) {
                *word |= bit;
            }
        }
        self.md5.insert(md5, reason);
        self.sha256.insert(sha256, reason);
    }

    #[inline]
    fn may_hold(&self, low: u8, high: u8) -> bool {
        let (word, bit) = place(low, high);
        self.first_bytes.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Why this MD5 names nobody; `None` for nearly all.
    #[inline]
    pub(super) fn of_md5(&self, digest: &[u8; 16]) -> Option<InvalidReason> {
        if self.may_hold(digest[0], digest[1]) { self.md5.get(digest).copied() } else { None }
    }

    /// Why this SHA-256 names nobody; `None` for nearly all.
    #[inline]
    pub(super) fn of_sha256(&self, digest: &[u8; 32]) -> Option<InvalidReason> {
        if self.may_hold(digest[0], digest[1]) { self.sha256.get(digest).copied() } else { None }
    }
}

/// The word of the bitmap and the bit in it for two first bytes.
#[inline]
fn place(low: u8, high: u8) -> (usize, u64) {
    let index = u16::from_le_bytes([low, high]);
    (usize::from(index >> 6), 1 << (index & 63))
}

/// Each part in title case (`E-Mail`), where there are several.
fn titled(word: &str) -> Option<String> {
    let mut start = true;
    let text: String = word
        .chars()
        .map(|letter| {
            let shown = if start { letter.to_ascii_uppercase() } else { letter };
            start = !letter.is_ascii_alphanumeric();
            shown
        })
        .collect();
    word.contains(|letter: char| !letter.is_ascii_alphanumeric()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are sorted, which the search needs.
    #[test]
    fn words_are_sorted() {
        assert!(HEADER_WORDS.is_sorted());
        assert!(is_header_word(" E-Mail ") && is_header_word("MD5") && !is_header_word("name"));
    }

    /// Hashes of nothing and of header words in usual spellings are found, others are not.
    #[test]
    fn hashes_of_nobody_are_found() {
        let table = WellKnown::get();
        assert_eq!(table.of_md5(&Md5::digest("").into()), Some(InvalidReason::EmptyHash));
        assert_eq!(table.of_sha256(&Sha256::digest("").into()), Some(InvalidReason::EmptyHash));
        for word in ["email", "Email", "EMAIL", "E-Mail", "e-mail", "mail", "MD5", "Hash", "Email Address"] {
            assert_eq!(table.of_md5(&Md5::digest(word).into()), Some(InvalidReason::HeaderHash), "{word}");
            assert_eq!(table.of_sha256(&Sha256::digest(word).into()), Some(InvalidReason::HeaderHash), "{word}");
        }
        assert_eq!(table.of_md5(&Md5::digest("user@example.com").into()), None);
        let held = (0..=u16::MAX).filter(|index| table.may_hold(index.to_le_bytes()[0], index.to_le_bytes()[1]));
        assert!(held.count() < 400);
    }
}
