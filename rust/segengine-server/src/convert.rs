//! Between messages and the engine's own forms: instants, identifiers and columns of them, sets, states.
//!
//! Reading borrows: an identifier of a request is never copied. What a message lacks or has twice is refused here, with
//! the field's name; what its values mean is the engine's business.

use segengine::engine::formats::{IdentifierProblem, IdentifierRef, Kind};
use segengine::engine::names::{AdgroupName, Parent, SegmentName};
use segengine::engine::{AsOf, RequestId, SetQuery};
use segengine::time::Timestamp;
use segengine::{Error, Result, limits};

use crate::v1;

/// An instant as a message carries it.
pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.0.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    prost_types::Timestamp { seconds: at.0.div_euclid(1_000), nanos }
}

/// An instant from a message, to the millisecond.
///
/// # Errors
/// `InvalidInput` naming the field, for an instant that no calendar has.
pub(crate) fn instant(at: &prost_types::Timestamp, field: &str) -> Result<Timestamp> {
    // The years 1 to 9999, as the type's own document says.
    let valid = (-62_135_596_800..=253_402_300_799).contains(&at.seconds) && (0..1_000_000_000).contains(&at.nanos);
    if !valid {
        return Err(Error::invalid(format!("{field}: no instant of the years 1 to 9999")).field(field));
    }
    Ok(Timestamp(at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000))
}

/// An identifier of Match: nothing for one that cannot be used.
pub(crate) fn lenient(identifier: &v1::Identifier) -> Option<IdentifierRef<'_>> {
    checked(identifier).ok()
}

/// An identifier, or what is wrong with it.
pub(crate) fn checked(identifier: &v1::Identifier) -> Result<IdentifierRef<'_>, IdentifierProblem> {
    IdentifierRef::check(kind(identifier.kind)?, &identifier.value, &identifier.scope)
}

/// An identifier that must be one.
///
/// # Errors
/// `InvalidInput` saying what is wrong, with the value masked.
pub(crate) fn strict(identifier: &v1::Identifier) -> Result<IdentifierRef<'_>> {
    strict_parts(kind(identifier.kind), &identifier.value, &identifier.scope)
}

fn strict_parts<'a>(
    kind: Result<Kind, IdentifierProblem>,
    value: &'a [u8],
    scope: &'a str,
) -> Result<IdentifierRef<'a>> {
    let kind =
        kind.map_err(|_| Error::invalid("the kind is none that this engine knows").hint("see Kind in the API"))?;
    IdentifierRef::new(kind, value, scope)
}

fn kind(number: i32) -> Result<Kind, IdentifierProblem> {
    u32::try_from(number).ok().and_then(Kind::from_number).ok_or(IdentifierProblem::UnknownKind)
}

/// Many identifiers, given singly or as a column.
pub(crate) enum Many<'a> {
    Singly(&'a [v1::Identifier]),
    Packed { kind: Result<Kind, IdentifierProblem>, scope: &'a str, width: usize, values: &'a [u8] },
    Values { kind: Result<Kind, IdentifierProblem>, scope: &'a str, values: &'a [bytes::Bytes] },
    Texts(&'a [String]),
}

impl<'a> Many<'a> {
    /// Reads the two ways of a request, of which one is used.
    ///
    /// # Errors
    /// `InvalidInput` for both at once, and as [`Self::column`].
    pub(crate) fn read(singly: &'a [v1::Identifier], column: Option<&'a v1::IdentifierColumn>) -> Result<Self> {
        match column {
            None => Ok(Self::Singly(singly)),
            Some(column) if singly.is_empty() => Self::column(column, "column"),
            Some(_) => Err(Error::invalid("identifiers are given singly and as a column").field("column")),
        }
    }

    /// Reads a column; `field` is its name in the request.
    ///
    /// # Errors
    /// `InvalidInput` for values in more than one form, and for packed bytes that are no whole number of values.
    pub(crate) fn column(column: &'a v1::IdentifierColumn, field: &str) -> Result<Self> {
        let wrong = |what: String| Error::invalid(format!("{field}: {what}")).field(field);
        let (kind, scope) = (kind(column.kind), column.scope.as_str());
        match (column.packed.is_empty(), column.values.is_empty(), column.texts.is_empty()) {
            (true, true, true) => Ok(Self::Singly(&[])),
            (false, true, true) => {
                let width = column.width as usize;
                if width == 0 || !column.packed.len().is_multiple_of(width) {
                    let length = column.packed.len();
                    return Err(wrong(format!("{length} packed bytes are no whole number of values of {width} bytes"))
                        .hint("`width` is the number of bytes of one value"));
                }
                Ok(Self::Packed { kind, scope, width, values: &column.packed })
            }
            (true, false, true) => Ok(Self::Values { kind, scope, values: &column.values }),
            (true, true, false) => {
                if column.kind != 0 || !scope.is_empty() {
                    return Err(wrong("texts carry their own kind and scope".to_owned())
                        .hint("leave `kind` and `scope` away, or give `values`"));
                }
                Ok(Self::Texts(&column.texts))
            }
            _ => Err(wrong("values are given in more than one of `packed`, `values` and `texts`".to_owned())),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Singly(identifiers) => identifiers.len(),
            Self::Packed { width, values, .. } => values.len() / width,
            Self::Values { values, .. } => values.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// The identifier at `place`, or what is wrong with it. Beyond the end there is an empty one.
    pub(crate) fn get(&self, place: usize) -> Result<IdentifierRef<'a>, IdentifierProblem> {
        let absent = IdentifierProblem::EmptyValue;
        match *self {
            Self::Singly(identifiers) => checked(identifiers.get(place).ok_or(absent)?),
            Self::Packed { kind, scope, width, values } => {
                let start = place.saturating_mul(width);
                IdentifierRef::check(kind?, values.get(start..start.saturating_add(width)).ok_or(absent)?, scope)
            }
            Self::Values { kind, scope, values } => {
                IdentifierRef::check(kind?, values.get(place).ok_or(absent)?, scope)
            }
            Self::Texts(texts) => IdentifierRef::check_text(texts.get(place).ok_or(absent)?),
        }
    }

    /// The identifier at `place`, which must be one; `field` is the column's name in the request.
    ///
    /// # Errors
    /// `InvalidInput` naming field, place and what is wrong.
    pub(crate) fn strict(&self, place: usize, field: &str) -> Result<IdentifierRef<'a>> {
        let problem = match self.get(place) {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        let full = match *self {
            Self::Singly(identifiers) => identifiers.get(place).map(strict),
            Self::Packed { kind, scope, width, values } => {
                values.get(place * width..(place + 1) * width).map(|value| strict_parts(kind, value, scope))
            }
            Self::Values { kind, scope, values } => values.get(place).map(|value| strict_parts(kind, value, scope)),
            Self::Texts(texts) => texts.get(place).map(|text| IdentifierRef::parse(text)),
        };
        let wrong = full.and_then(Result::err).unwrap_or_else(|| Error::invalid(problem.reason()));
        Err(wrong.at(format_args!("{field}[{place}]")).field(field))
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Result<IdentifierRef<'a>, IdentifierProblem>> + '_ {
        (0..self.len()).map(|place| self.get(place))
    }
}

/// The caller's name for a mutation, with a digest of the request; nothing when it gave none.
pub(crate) fn request_id(id: &str, request: &impl prost::Message) -> Option<RequestId> {
    let mut fingerprint = Fingerprint::default();
    fingerprint.take(id, request);
    fingerprint.finish()
}

/// The digest of a request of one or more messages: FNV-1a of 128 bits over what they are encoded as. It tells a slip
/// (the same id for another request), not an attack; without an id nothing is computed.
pub(crate) struct Fingerprint {
    id: String,
    messages: u64,
    state: u128,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self { id: String::new(), messages: 0, state: 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d }
    }
}

impl Fingerprint {
    /// Takes the next message; the id of the first one counts.
    pub(crate) fn take(&mut self, id: &str, message: &impl prost::Message) {
        if self.messages == 0 {
            id.clone_into(&mut self.id);
        }
        self.messages += 1;
        if self.id.is_empty() {
            return;
        }
        for byte in message.encode_length_delimited_to_vec() {
            self.state = (self.state ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// The id with the digest.
    pub(crate) fn finish(self) -> Option<RequestId> {
        (!self.id.is_empty()).then(|| RequestId { id: self.id, fingerprint: format!("{:032x}", self.state) })
    }
}

/// Entries of a page: the caller's wish, `usual` when it has none, and never more than the bound.
///
/// # Errors
/// `InvalidInput` for a negative number.
pub(crate) fn page_size(wish: i32, usual: usize) -> Result<usize> {
    match usize::try_from(wish) {
        Ok(0) => Ok(usual),
        Ok(size) => Ok(size.min(limits::PAGE_SIZE)),
        Err(_) => Err(Error::invalid(format!("a page of {wish} entries")).field("page_size").hint("give 0 to 1,000")),
    }
}

/// A stream that does not begin with its header.
pub(crate) fn no_header() -> Error {
    Error::invalid("the stream does not begin with a header").field("header").hint("send `header` first, once")
}

/// A stream with another message than content after its header.
pub(crate) fn second_header() -> Error {
    Error::invalid("a message after the header has no content").field("chunk").hint("send `header` first, once")
}

/// Refuses a mode of a later version.
pub(crate) fn known_mode(known: bool, field: &str) -> Result<()> {
    if known {
        return Ok(());
    }
    Err(Error::invalid(format!("{field}: this version replaces members and has no other mode")).field(field))
}

/// The place that names are looked up in; nothing when none is given.
pub(crate) fn optional_parent(text: &str) -> Result<Option<Parent>> {
    if text.is_empty() { Ok(None) } else { Parent::parse(text).map(Some).map_err(|error| error.field("parent")) }
}

/// A set of profiles, as a request names it.
///
/// # Errors
/// `InvalidInput` for a query without a set, and for names that are none.
pub(crate) fn set_query(query: Option<v1::SetQuery>) -> Result<SetQuery> {
    use v1::set_query::Set;
    use v1::user_targeting::Form;
    let absent = || {
        Error::invalid("the query names no set")
            .field("query")
            .hint("give one of `expression`, `targeting`, `adgroup` and `segment`")
    };
    let v1::SetQuery { parent, set } = query.ok_or_else(absent)?;
    let parent = optional_parent(&parent)?;
    match set.ok_or_else(absent)? {
        Set::Expression(text) => Ok(SetQuery::Expression { parent, text }),
        Set::Segment(name) => SegmentName::parse(&name).map(SetQuery::Segment),
        Set::Adgroup(name) => AdgroupName::parse(&name).map(SetQuery::Adgroup),
        Set::Targeting(targeting) => match targeting.form.ok_or_else(absent)? {
            Form::Expression(text) => Ok(SetQuery::Expression { parent, text }),
            Form::Groups(groups) => {
                let include = groups.include.into_iter().map(|group| group.segments).collect();
                Ok(SetQuery::Groups { parent, include, exclude: groups.exclude })
            }
        },
    }
}

/// The state that an answer describes.
pub(crate) fn as_of(state: &AsOf) -> v1::AsOf {
    v1::AsOf {
        engine_id: state.engine_id.to_string(),
        generation: state.generation.0,
        link_epoch: state.link_epoch.0,
        revision: state.revision.0,
        time: Some(timestamp(state.time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_wire_to_the_millisecond() {
        for at in [0, 1, 999, -1, -1_001, 1_700_000_000_123] {
            assert_eq!(instant(&timestamp(Timestamp(at)), "start_time").unwrap(), Timestamp(at));
        }
        let wrong = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        assert_eq!(instant(&wrong, "start_time").unwrap_err().field_name(), Some("start_time"));
    }

    #[test]
    fn a_column_gives_what_single_identifiers_give() {
        let singly: Vec<_> = (0..3_u8)
            .map(|number| v1::Identifier { kind: 1, value: vec![number + 1; 16].into(), scope: String::new() })
            .collect();
        let packed: Vec<u8> = singly.iter().flat_map(|identifier| identifier.value.to_vec()).collect();
        let column = v1::IdentifierColumn { kind: 1, width: 16, packed: packed.into(), ..Default::default() };
        let one = Many::read(&singly, None).unwrap();
        let other = Many::read(&[], Some(&column)).unwrap();
        let values = |many: &Many<'_>| -> Vec<_> { many.iter().map(|found| found.unwrap().to_identifier()).collect() };
        assert_eq!((one.len(), values(&one)), (3, values(&other)));
        assert!(Many::read(&singly, Some(&column)).is_err(), "both at once");
        let torn = v1::IdentifierColumn { width: 5, ..column };
        assert_eq!(Many::column(&torn, "left").err().unwrap().field_name(), Some("left"));
    }
}
