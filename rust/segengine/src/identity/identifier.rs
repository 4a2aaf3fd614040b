//! What a file, tag or request gives to say who somebody is: a kind, a value and, for some kinds, a scope.
//!
//! [`Identifier`] owns its canonical bytes; [`IdentifierRef`] borrows a request's and allocates nothing, so the hot
//! path goes from bytes to a digest on the stack. Text form: `kind:value` or `kind@scope:value`, split at the first
//! `:`. Messages never hold a value in full, for a value names a person.

use std::fmt;

use super::digest::{Digest, DigestKey};
use super::hex;
use crate::error::{Error, Result};
use crate::limits;

/// What sort of identifier it is. The numbers are on the wire and in digests: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// MD5 of a normalised e-mail address.
    EmailMd5 = 1,
    /// SHA-256 of a normalised e-mail address.
    EmailSha256 = 2,
    /// The id that the ad server knows a user by.
    Network = 3,
    /// A first-party id of one site; scope = site.
    Visitor = 4,
    /// A mobile advertising id, in lower case.
    Device = 5,
    /// Another network's id; scope = its name (`OpenRTB` `eids.source`).
    Partner = 6,
    /// An advertiser's own customer id; scope = advertiser.
    External = 7,
    /// A keyed digest or named field of an access log.
    Log = 8,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::EmailMd5,
        Self::EmailSha256,
        Self::Network,
        Self::Visitor,
        Self::Device,
        Self::Partner,
        Self::External,
        Self::Log,
    ];

    /// The kind of a wire number; 0 and unknown numbers are none.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// The wire number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EmailMd5 => "email_md5",
            Self::EmailSha256 => "email_sha256",
            Self::Network => "network",
            Self::Visitor => "visitor",
            Self::Device => "device",
            Self::Partner => "partner",
            Self::External => "external",
            Self::Log => "log",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether an ad can be delivered to an identifier of this kind.
    #[must_use]
    pub const fn addressable(self) -> bool {
        matches!(self, Self::Network | Self::Device | Self::Partner)
    }

    /// Whether the kind means nothing without a scope.
    #[must_use]
    pub const fn needs_scope(self) -> bool {
        matches!(self, Self::Visitor | Self::Partner | Self::External)
    }

    /// Bytes of a hash kind's raw value.
    #[must_use]
    pub const fn hash_bytes(self) -> Option<usize> {
        match self {
            Self::EmailMd5 => Some(16),
            Self::EmailSha256 => Some(32),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why an identifier was not taken. Small and free to make: the lenient path counts these and builds no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentifierProblem {
    /// No `:` in the text form.
    NoKind,
    /// The word before the `:` is no kind, or the number on the wire is none.
    UnknownKind,
    /// Nothing after the `:`.
    EmptyValue,
    /// Longer than [`limits::IDENTIFIER_VALUE_BYTES`].
    ValueTooLong,
    /// A hash kind with the wrong number of digits or bytes.
    WrongLength,
    /// A hash kind with a character that is no hex digit.
    NotHex,
    /// The hash of the empty string: it stands for everybody without an address.
    HashOfNothing,
    /// The all-zero advertising id of devices that refuse tracking: it stands for nobody.
    ZeroDevice,
    /// `visitor`, `partner` and `external` mean nothing without a scope.
    ScopeMissing,
    /// The kind takes no scope.
    ScopeNotAllowed,
    /// Longer than [`limits::IDENTIFIER_SCOPE_BYTES`], or with `:` or a control character.
    BadScope,
}

impl IdentifierProblem {
    /// The machine-readable name.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoKind => "no_kind",
            Self::UnknownKind => "unknown_kind",
            Self::EmptyValue => "empty_value",
            Self::ValueTooLong => "value_too_long",
            Self::WrongLength => "wrong_length",
            Self::NotHex => "not_hex",
            Self::HashOfNothing => "empty_hash",
            Self::ZeroDevice => "zero_device",
            Self::ScopeMissing => "scope_missing",
            Self::ScopeNotAllowed => "scope_not_allowed",
            Self::BadScope => "bad_scope",
        }
    }

    /// The full error: what is wrong with `shown` (already masked) and what to do.
    fn error(self, kind: Option<Kind>, shown: &str) -> Error {
        let name = kind.map_or("identifier", Kind::name);
        let digits = kind.and_then(Kind::hash_bytes).map_or(0, |bytes| 2 * bytes);
        let message = match self {
            Self::NoKind => format!("{shown} has no kind"),
            Self::UnknownKind => format!("{shown} starts with no known kind"),
            Self::EmptyValue => format!("{name} has an empty value"),
            Self::ValueTooLong => format!("{name} value is longer than {} bytes", limits::IDENTIFIER_VALUE_BYTES),
            Self::WrongLength => format!("{name} value {shown} is not {digits} hex digits long"),
            Self::NotHex => format!("{name} value {shown} has a character that is no hex digit"),
            Self::HashOfNothing => format!("{name} value {shown} is the hash of the empty string"),
            Self::ZeroDevice => format!("{name} value {shown} is the all-zero id of devices that refuse tracking"),
            Self::ScopeMissing => format!("{name} has no scope"),
            Self::ScopeNotAllowed => format!("{name} takes no scope"),
            Self::BadScope => format!(
                "{name} scope is longer than {} bytes, or has ':' or a control character",
                limits::IDENTIFIER_SCOPE_BYTES
            ),
        };
        let hint = match self {
            Self::NoKind | Self::UnknownKind => {
                "write kind:value, with kind one of email_md5, email_sha256, network, visitor@SITE, device, \
                 partner@NAME, external@ADVERTISER, log"
            }
            Self::EmptyValue => "give the id after the ':'",
            Self::ValueTooLong => "hash the value first, or give the id that the user is known by",
            Self::WrongLength | Self::NotHex => "hash the lower-case address and give the digest as plain hex",
            Self::HashOfNothing => "leave users without an address out",
            Self::ZeroDevice => "leave these devices out: one id would stand for all of them",
            Self::ScopeMissing => "write visitor@SITE:value, partner@NAME:value or external@ADVERTISER:value",
            Self::ScopeNotAllowed => "drop the '@…' before the ':'",
            Self::BadScope => "use the site's host, the partner's name or the advertiser's id",
        };
        Error::invalid(message).field("identifier").hint(hint)
    }
}

/// A value with all but its first characters hidden: enough to find the line, too little to name anybody.
#[must_use]
pub fn mask(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let length = text.chars().count();
    let kept = if length >= 16 { 4 } else { usize::from(length >= 8) * 2 };
    let start: String = text.chars().take(kept).map(|c| if c.is_control() { '·' } else { c }).collect();
    format!("\"{start}…\" ({length} characters)")
}

/// A validated identifier that borrows its bytes. Making one and digesting it allocates nothing.
#[derive(Clone, Copy)]
pub struct IdentifierRef<'a> {
    kind: Kind,
    value: &'a [u8],
    scope: &'a str,
}

impl<'a> IdentifierRef<'a> {
    /// Checks the parts of an identifier. Hash kinds take hex digits of either case or the raw bytes.
    ///
    /// # Errors
    /// [`IdentifierProblem`], which costs nothing to make; [`Self::new`] gives the full error.
    pub fn check(kind: Kind, value: &'a [u8], scope: &'a str) -> Result<Self, IdentifierProblem> {
        if value.is_empty() {
            return Err(IdentifierProblem::EmptyValue);
        }
        if value.len() > limits::IDENTIFIER_VALUE_BYTES {
            return Err(IdentifierProblem::ValueTooLong);
        }
        check_scope(kind, scope)?;
        match kind {
            Kind::EmailMd5 => check_hash::<32, 16>(value, &EMPTY_MD5)?,
            Kind::EmailSha256 => check_hash::<64, 32>(value, &EMPTY_SHA256)?,
            Kind::Device if value.iter().all(|byte| matches!(byte, b'0' | b'-')) => {
                return Err(IdentifierProblem::ZeroDevice);
            }
            _ => {}
        }
        Ok(Self { kind, value, scope })
    }

    /// Checks the parts of an identifier.
    ///
    /// # Errors
    /// `InvalidInput` saying what is wrong and what to do, with the value masked.
    pub fn new(kind: Kind, value: &'a [u8], scope: &'a str) -> Result<Self> {
        Self::check(kind, value, scope).map_err(|problem| problem.error(Some(kind), &mask(value)))
    }

    /// The lenient entry of Match: an unknown kind or a malformed value is nobody, without a word.
    #[must_use]
    pub fn lenient(kind: u32, value: &'a [u8], scope: &'a str) -> Option<Self> {
        Self::check(Kind::from_number(kind)?, value, scope).ok()
    }

    /// Reads the text form, `kind:value` or `kind@scope:value`, without an allocation on failure either.
    ///
    /// # Errors
    /// [`IdentifierProblem`]; [`Self::parse`] gives the full error.
    pub fn check_text(text: &'a str) -> Result<Self, IdentifierProblem> {
        let (kind, scope, value) = split_text(text)?;
        if let Some(bytes) = kind.hash_bytes()
            && value.len() != 2 * bytes
            && !value.is_empty()
        {
            // The raw form of a hash has no place in text.
            return Err(IdentifierProblem::WrongLength);
        }
        Self::check(kind, value.as_bytes(), scope)
    }

    /// Reads the text form, `kind:value` or `kind@scope:value`.
    ///
    /// # Errors
    /// `InvalidInput` saying what is wrong and what to do, with the value masked.
    pub fn parse(text: &'a str) -> Result<Self> {
        Self::check_text(text).map_err(|problem| match split_text(text) {
            Ok((kind, _, value)) => problem.error(Some(kind), &mask(value.as_bytes())),
            Err(_) => problem.error(None, &mask(text.as_bytes())),
        })
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The scope; empty for kinds that take none.
    #[must_use]
    pub const fn scope(&self) -> &'a str {
        self.scope
    }

    /// The value as it was given, not canonical.
    #[must_use]
    pub const fn given_value(&self) -> &'a [u8] {
        self.value
    }

    /// Whether an ad can be delivered to this identifier.
    #[must_use]
    pub const fn addressable(&self) -> bool {
        self.kind.addressable()
    }

    /// Calls `take` with the canonical value: raw bytes of a hash, lower-case device ids, others byte-exact.
    pub fn with_canonical<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        match self.kind {
            Kind::EmailMd5 => match hex::decode_slice::<32, 16>(self.value) {
                Some(decoded) => take(&decoded.bytes),
                None => take(self.value),
            },
            Kind::EmailSha256 => match hex::decode_slice::<64, 32>(self.value) {
                Some(decoded) => take(&decoded.bytes),
                None => take(self.value),
            },
            Kind::Device => {
                let mut lower = [0_u8; limits::IDENTIFIER_VALUE_BYTES];
                let Some(room) = lower.get_mut(..self.value.len()) else { return take(self.value) };
                room.copy_from_slice(self.value);
                room.make_ascii_lowercase();
                take(room)
            }
            _ => take(self.value),
        }
    }

    /// The digest under which this identifier is kept.
    #[must_use]
    pub fn digest(&self, key: &DigestKey) -> Digest {
        self.with_canonical(|value| key.digest(self.kind, self.scope.as_bytes(), value))
    }

    /// The owned, canonical identifier.
    #[must_use]
    pub fn to_identifier(&self) -> Identifier {
        Identifier { kind: self.kind, value: self.with_canonical(|value| Box::from(value)), scope: self.scope.into() }
    }
}

impl fmt::Debug for IdentifierRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, mask(self.value))
    }
}

/// A validated identifier that owns its canonical value. Equal identifiers have equal digests.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    kind: Kind,
    value: Box<[u8]>,
    scope: Box<str>,
}

impl Identifier {
    /// Checks and owns the parts of an identifier.
    ///
    /// # Errors
    /// `InvalidInput` saying what is wrong and what to do, with the value masked.
    pub fn new(kind: Kind, value: &[u8], scope: &str) -> Result<Self> {
        Ok(IdentifierRef::new(kind, value, scope)?.to_identifier())
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// As [`IdentifierRef::parse`].
    pub fn parse(text: &str) -> Result<Self> {
        Ok(IdentifierRef::parse(text)?.to_identifier())
    }

    /// The same identifier, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> IdentifierRef<'_> {
        IdentifierRef { kind: self.kind, value: &self.value, scope: &self.scope }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The canonical value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The scope; empty for kinds that take none.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The text form. It names a person: for the user who asked, never for a log.
    #[must_use]
    pub fn to_text(&self) -> String {
        let value = match self.kind.hash_bytes() {
            Some(_) => hex::encode(&self.value),
            None => String::from_utf8_lossy(&self.value).into_owned(),
        };
        if self.scope.is_empty() {
            format!("{}:{value}", self.kind)
        } else {
            format!("{}@{}:{value}", self.kind, self.scope)
        }
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl std::str::FromStr for Identifier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// MD5 of the empty string.
pub(crate) const EMPTY_MD5: [u8; 16] = 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes();

/// SHA-256 of the empty string.
pub(crate) const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

fn split_text(text: &str) -> Result<(Kind, &str, &str), IdentifierProblem> {
    let (head, value) = text.split_once(':').ok_or(IdentifierProblem::NoKind)?;
    let (name, scope) = head.split_once('@').unwrap_or((head, ""));
    let kind = Kind::from_name(name).ok_or(IdentifierProblem::UnknownKind)?;
    Ok((kind, scope, value))
}

fn check_scope(kind: Kind, scope: &str) -> Result<(), IdentifierProblem> {
    match (kind.needs_scope(), scope.is_empty()) {
        (true, true) => Err(IdentifierProblem::ScopeMissing),
        (false, false) => Err(IdentifierProblem::ScopeNotAllowed),
        (false, true) => Ok(()),
        (true, false) => {
            let sound = scope.len() <= limits::IDENTIFIER_SCOPE_BYTES
                && !scope.bytes().any(|byte| byte == b':' || byte.is_ascii_control());
            if sound { Ok(()) } else { Err(IdentifierProblem::BadScope) }
        }
    }
}

fn check_hash<const DIGITS: usize, const BYTES: usize>(
    value: &[u8],
    nothing: &[u8; BYTES],
) -> Result<(), IdentifierProblem> {
    let raw = if value.len() == BYTES {
        value
    } else if let Ok(digits) = <&[u8; DIGITS]>::try_from(value) {
        let decoded = hex::decode::<DIGITS, BYTES>(digits).ok_or(IdentifierProblem::NotHex)?;
        return if decoded.bytes == *nothing { Err(IdentifierProblem::HashOfNothing) } else { Ok(()) };
    } else {
        return Err(IdentifierProblem::WrongLength);
    };
    if raw == nothing { Err(IdentifierProblem::HashOfNothing) } else { Ok(()) }
}
