//! What the messages of management have in common: how a mutation is made, which fields a mask covers, pages, statuses.

use segengine::engine::management::{self, Mutation, Page, PageRequest, Warning};
use segengine::engine::{Engine, RequestId};
use segengine::ids::Revision;
use segengine::time::Timestamp;
use segengine::{Error, Result};

use crate::{convert, v1};

/// Entries of a page when the caller does not say.
const PAGE: usize = 100;

/// How a mutation is made, from its request.
pub(super) fn mutation(request_id: &str, request: &impl prost::Message, validate_only: bool) -> Mutation {
    let request: Option<RequestId> = convert::request_id(request_id, request);
    Mutation { request, validate_only }
}

/// Which page of a list is asked for.
///
/// # Errors
/// `InvalidInput` for a negative size; `Unavailable` when the engine is not as far as `min_revision`.
pub(super) fn page(
    engine: &Engine,
    size: i32,
    (token, display_name): (String, String),
    min_revision: u64,
) -> Result<PageRequest> {
    engine.check_revision(Revision(min_revision))?;
    Ok(PageRequest { size: convert::page_size(size, PAGE)?, token, display_name })
}

/// The entries of a page as messages, and the token of the next.
pub(super) fn messages<T, M>(page: &Page<T>, message: impl Fn(&T) -> M) -> (Vec<M>, String) {
    (page.items.iter().map(message).collect(), page.next_page_token.clone())
}

/// The fields that an update may change.
pub(super) struct Mask<'a> {
    /// None: every field that is set.
    paths: Option<&'a [String]>,
}

impl<'a> Mask<'a> {
    /// Reads a mask over the fields `known`; one without paths is as good as none, `*` is all of them.
    ///
    /// # Errors
    /// `InvalidInput` for a path that cannot be changed, naming those that can.
    pub(super) fn read(mask: Option<&'a prost_types::FieldMask>, known: &[&str]) -> Result<Self> {
        let paths = mask.map(|mask| mask.paths.as_slice()).filter(|paths| !paths.is_empty());
        let mut given = paths.unwrap_or_default().iter();
        match given.find(|path| *path != "*" && !known.contains(&path.as_str())) {
            None => Ok(Self { paths }),
            Some(other) => Err(Error::invalid(format!("update_mask: {other:?} cannot be changed"))
                .field("update_mask")
                .hint(format!("what can be changed: {}", known.join(", ")))),
        }
    }

    /// Whether the field is to change; `is_set` says whether the message holds a value other than the default.
    pub(super) fn covers(&self, path: &str, is_set: bool) -> bool {
        self.paths.map_or(is_set, |paths| paths.iter().any(|given| given == path || given == "*"))
    }

    /// Whether the field is named, so that the default is meant as a value.
    pub(super) fn names(&self, path: &str) -> bool {
        self.paths.is_some_and(|paths| paths.iter().any(|given| given == path))
    }

    /// The new text of a field, if it is to change.
    pub(super) fn text(&self, path: &str, value: &str) -> Option<String> {
        // `*` replaces what is there; a name is never replaced by nothing.
        let covered = if value.is_empty() { self.names(path) } else { self.covers(path, true) };
        covered.then(|| value.to_owned())
    }

    /// The new status, if it is to change.
    ///
    /// # Errors
    /// `InvalidInput` for a number that is no status, and for a status that is named and not given: a paused adgroup
    /// must not wake up by a slip.
    pub(super) fn status(&self, value: i32) -> Result<Option<management::Status>> {
        match status(value)? {
            None if self.names("status") => Err(Error::invalid("status: the mask names it and no value is given")
                .field("status")
                .hint("give STATUS_ACTIVE, STATUS_PAUSED or STATUS_ARCHIVED")),
            given => Ok(given),
        }
        .map(|given| given.filter(|_| self.covers("status", true)))
    }
}

/// A status; nothing when none is given.
///
/// # Errors
/// `InvalidInput` for a number that is none.
pub(super) fn status(number: i32) -> Result<Option<management::Status>> {
    let known: Result<v1::Status, _> = number.try_into();
    match known {
        Ok(v1::Status::Unspecified) => Ok(None),
        Ok(v1::Status::Active) => Ok(Some(management::Status::Active)),
        Ok(v1::Status::Paused) => Ok(Some(management::Status::Paused)),
        Ok(v1::Status::Archived) => Ok(Some(management::Status::Archived)),
        Err(_) => Err(Error::invalid(format!("status: {number} is none that this engine knows")).field("status")),
    }
}

/// The number of a status.
pub(super) fn status_number(status: management::Status) -> i32 {
    match status {
        management::Status::Active => v1::Status::Active,
        management::Status::Paused => v1::Status::Paused,
        management::Status::Archived => v1::Status::Archived,
    }
    .into()
}

/// An instant that may be absent.
///
/// # Errors
/// `InvalidInput` naming the field.
pub(super) fn optional_instant(at: Option<&prost_types::Timestamp>, field: &str) -> Result<Option<Timestamp>> {
    at.map(|at| convert::instant(at, field)).transpose()
}

/// What a person should know, as a message.
pub(super) fn advice(warning: &Warning) -> v1::Advice {
    v1::Advice { code: warning.code.to_owned(), message: warning.message.clone(), hint: warning.hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_covers_what_it_names_and_without_one_what_is_set() {
        let known = ["display_name", "status"];
        let none = Mask::read(None, &known).unwrap();
        assert_eq!((none.text("display_name", "x"), none.text("display_name", "")), (Some("x".to_owned()), None));
        assert_eq!(none.status(0).unwrap(), None);
        assert_eq!(none.status(2).unwrap(), Some(management::Status::Paused));
        let paths = |paths: &[&str]| prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
        let given = paths(&["status"]);
        let mask = Mask::read(Some(&given), &known).unwrap();
        assert_eq!(
            (mask.text("display_name", "x"), mask.status(3).unwrap()),
            (None, Some(management::Status::Archived))
        );
        assert_eq!(mask.status(0).unwrap_err().field_name(), Some("status"));
        let all = paths(&["*"]);
        let mask = Mask::read(Some(&all), &known).unwrap();
        assert_eq!((mask.text("display_name", "x"), mask.status(0).unwrap()), (Some("x".to_owned()), None));
        let wrong = paths(&["status", "etag"]);
        let refused = Mask::read(Some(&wrong), &known).err().unwrap();
        assert!(refused.hint_text().unwrap().contains("display_name, status"));
        assert!(status(9).is_err());
    }
}
