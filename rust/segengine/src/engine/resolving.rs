//! From the names of segments that people write to numbers, for adgroups that are written and for questions about sets.
//!
//! Both are resolved alike but for one rule: what may be named ([`Reach`]). An adgroup uses the segments of its own
//! advertiser, whoever writes it, because what it may use must not hang on who looks; a question may be about whatever
//! the caller sees, and an administrator sees every advertiser. Cost: one look-up for each distinct name.

use hashbrown::HashMap;

use super::caller::Caller;
use super::lookup::{self, Place};
use crate::catalog::Model;
use crate::error::{Error, Result};
use crate::expression::{Expression, Name, groups, text};
use crate::ids::SegmentNumber;

/// Which segments may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those of the advertiser in whose place the names are written.
    OwnAdvertiser,
    /// All that the caller may see.
    Visible,
}

/// Include groups and excludes, checked.
pub(super) type Groups = (Vec<Vec<SegmentNumber>>, Vec<SegmentNumber>);

/// Finds segments by the names that one caller writes in one place, remembering what it found.
pub(super) struct Resolver {
    caller: Caller,
    place: Option<Place>,
    reach: Reach,
    known: HashMap<String, SegmentNumber>,
}

impl Resolver {
    /// A resolver of the names that `caller` writes in `place`; without a place, names are full ones.
    pub(super) fn new(caller: &Caller, place: Option<Place>, reach: Reach) -> Self {
        Self { caller: *caller, place, reach, known: HashMap::new() }
    }

    /// Resolves and checks the include/exclude form.
    ///
    /// # Errors
    /// `NotFound` for a name, `InvalidInput` for a segment that may not be named, an empty include group, a segment both
    /// included and excluded, or nothing at all; the field says which name or group.
    pub(super) fn groups(&mut self, model: &Model, include: &[Vec<String>], exclude: &[String]) -> Result<Groups> {
        let mut numbers = Vec::with_capacity(include.len());
        for (place, group) in include.iter().enumerate() {
            numbers.push(self.named(model, group, &format!("include[{place}]"))?);
        }
        let excluded = self.named(model, exclude, "exclude")?;
        groups::check(&numbers, &excluded)
    }

    /// Reads an expression and resolves its names.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for a segment that may not be named or an unreadable text, `LimitExceeded`.
    pub(super) fn expression(&mut self, model: &Model, text: &str) -> Result<Expression<SegmentNumber>> {
        text::parse(text)?
            .try_map(|name| self.segment(model, &name.to_string(), name).map_err(|error| error.field("expression")))
    }

    fn named(&mut self, model: &Model, names: &[String], field: &str) -> Result<Vec<SegmentNumber>> {
        let mut numbers = Vec::with_capacity(names.len());
        for (place, text) in names.iter().enumerate() {
            let number = match self.known.get(text) {
                Some(&number) => number,
                None => self
                    .segment(model, text, &lookup::written_name(text))
                    .map_err(|error| error.field(format!("{field}[{place}]")))?,
            };
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn segment(&mut self, model: &Model, key: &str, name: &Name) -> Result<SegmentNumber> {
        if let Some(&number) = self.known.get(key) {
            return Ok(number);
        }
        let segment = lookup::segment_from(model, &self.caller, self.place.as_ref(), name)?;
        if let (Reach::OwnAdvertiser, Some(place)) = (self.reach, &self.place)
            && segment.advertiser != place.advertiser.number
        {
            let message = format!("segment {name} belongs to another advertiser than {}", place.name().short());
            return Err(Error::invalid(message).hint("an adgroup can use the segments of its own advertiser only"));
        }
        self.known.insert(key.to_owned(), segment.number);
        Ok(segment.number)
    }
}
