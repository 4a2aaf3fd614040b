//! The numbers and names by which everything is known.
//!
//! Numbers are dense `u32`s wrapped in newtypes, so that a slot can never be taken for a segment or a profile for an
//! identifier: the hot path carries nothing else. Names exist only in management and in explanations; a *slug* is the
//! stable id made from a display name once, when the thing is created (renaming keeps it).

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::limits;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A dense number of one identifier (one digest); never reused.
    IdentifierId(u32)
);
number!(
    /// A profile: the smallest [`IdentifierId`] of its component of links.
    ProfileId(u32)
);
number!(
    /// A dense number of one segment; never reused. Expressions and the index speak in these.
    SegmentNumber(u32)
);
number!(
    /// A dense number of one *segment version*: what forward records hold.
    SlotNumber(u32)
);
number!(
    /// The stable integer id of an adgroup, from 1; never reused.
    AdgroupId(u32)
);
number!(
    /// A dense number of one advertiser; never reused.
    AdvertiserNumber(u32)
);
number!(
    /// A dense number of one campaign; never reused.
    CampaignNumber(u32)
);
number!(
    /// Names one immutable (slot map, adgroup index); grows by one with each change of either and never falls.
    GenerationNumber(u64)
);
number!(
    /// Stamped on every acknowledged write; monotone across restarts.
    Revision(u64)
);
number!(
    /// Counts link changes; sets of profiles of different epochs must not be combined.
    LinkEpoch(u64)
);

/// The random 128-bit name of one data directory, written as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EngineId(pub [u8; 16]);

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Makes the slug of a display name: NFKD, `œ`→`oe`, `ß`→`ss`, marks dropped, lower case, everything else one hyphen.
///
/// # Errors
/// `InvalidInput` when nothing is left (give an id instead) or the result is longer than 63 characters.
pub fn slug_of(display_name: &str) -> Result<String> {
    let mut slug = String::new();
    for character in display_name.nfkd().flat_map(char::to_lowercase).collect::<String>().nfkd() {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            'œ' => slug.push_str("oe"),
            'æ' => slug.push_str("ae"),
            'ø' => slug.push('o'),
            'ß' => slug.push_str("ss"),
            mark if unicode_normalization::char::is_combining_mark(mark) => {}
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() {
        return Err(Error::invalid(format!("no id can be made from the name {display_name:?}"))
            .field("display_name")
            .hint("give an id of lower-case letters, digits and hyphens"));
    }
    check_slug(&slug).map_err(|error| error.field("display_name").hint("give a shorter id"))?;
    Ok(slug)
}

/// Checks that `slug` is `[a-z0-9]+(-[a-z0-9]+)*` of at most 63 characters.
///
/// # Errors
/// `InvalidInput` naming the slug.
pub fn check_slug(slug: &str) -> Result<()> {
    let groups_are_whole = slug
        .split('-')
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    if slug.len() <= limits::SLUG_BYTES && groups_are_whole {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{slug:?} is not an id: lower-case letters, digits and single hyphens, at most 63 characters"
    ))
    .field("id"))
}

/// Brings a display name to the form it is compared in (NFC, trimmed) and checks its length.
///
/// # Errors
/// `InvalidInput` for an empty name, one with control characters or one over the limit.
pub fn display_name(text: &str) -> Result<String> {
    let name: String = text.trim().nfc().collect();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::invalid("a display name needs at least one visible character and no control characters")
            .field("display_name"));
    }
    if name.len() > limits::DISPLAY_NAME_BYTES {
        return Err(Error::limit("display_name", name.len() as u64, limits::DISPLAY_NAME_BYTES as u64, "bytes"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_the_documented_rules() {
        assert_eq!(slug_of("Abonnés - 2018-01").unwrap(), "abonnes-2018-01");
        assert_eq!(slug_of("Clients 30 jours").unwrap(), "clients-30-jours");
        assert_eq!(slug_of("Œuvre Straße").unwrap(), "oeuvre-strasse");
        assert_eq!(slug_of("  --Très fidèles!! ").unwrap(), "tres-fideles");
        assert!(slug_of("東京").is_err());
        assert!(slug_of(&"a".repeat(64)).is_err());
        assert!(check_slug("a--b").is_err() && check_slug("-a").is_err() && check_slug("A").is_err());
    }
}
