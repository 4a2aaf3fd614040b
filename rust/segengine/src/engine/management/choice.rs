//! Which name a new thing gets, and when an existing thing is the answer instead.

use crate::catalog::{Kind, Model, Scope};
use crate::error::{Error, Result};
use crate::ids::{check_slug, display_name, slug_of};

/// The name of a thing to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewName {
    /// Its id; made from the display name when empty.
    pub id: String,
    /// Its display name; the id when empty.
    pub display_name: String,
    /// Answer with the existing thing of that id and display name, if there is one.
    pub exist_ok: bool,
}

impl NewName {
    /// A display name, from which the id is made.
    #[must_use]
    pub fn of(display_name: &str) -> Self {
        Self { display_name: display_name.to_owned(), ..Self::default() }
    }
}

/// What a [`NewName`] comes to.
pub(super) enum Choice {
    /// This thing has the name, and the caller takes it.
    Existing(u64),
    /// The name is free.
    New {
        /// The id.
        id: String,
        /// The display name, in NFC.
        display_name: String,
    },
}

/// The name as it would be stored: `(id, display name)`.
///
/// # Errors
/// `InvalidInput`, `LimitExceeded` for a name or id that cannot be.
pub(super) fn complete(id: &str, name: &str) -> Result<(String, String)> {
    match (id, name) {
        ("", "") => Err(Error::invalid("a new thing needs a display name or an id").field("display_name")),
        ("", name) => {
            let name = display_name(name)?;
            Ok((slug_of(&name)?, name))
        }
        (id, name) => {
            check_slug(id)?;
            Ok((id.to_owned(), if name.is_empty() { id.to_owned() } else { display_name(name)? }))
        }
    }
}

/// Chooses the name of a new thing of `kind` in `scope`.
///
/// # Errors
/// `InvalidInput`, `LimitExceeded`; `AlreadyExists` naming both things, also with `exist_ok` when id and display name
/// belong to different things.
pub(super) fn choose(model: &Model, scope: Scope, kind: Kind, new: &NewName) -> Result<Choice> {
    let (id, display_name) = complete(&new.id, &new.display_name)?;
    if new.exist_ok {
        let by_id = || model.by_id(scope, kind, &id);
        let by_name = || model.by_name(scope, kind, &display_name);
        let existing = match (new.id.is_empty(), new.display_name.is_empty()) {
            (true, _) => by_name(),
            (false, true) => by_id(),
            (false, false) => by_id().filter(|&number| by_name() == Some(number)),
        };
        if let Some(existing) = existing {
            return Ok(Choice::Existing(existing));
        }
    }
    model.check_free(scope, kind, None, &id, &display_name)?;
    Ok(Choice::New { id, display_name })
}

/// The new display name of the thing `number`, which keeps its id.
///
/// # Errors
/// As [`choose`].
pub(super) fn rename(model: &Model, place: (Scope, Kind, u64), id: &str, name: &str) -> Result<String> {
    let (scope, kind, number) = place;
    let name = display_name(name)?;
    model.check_free(scope, kind, Some(number), id, &name)?;
    Ok(name)
}
