//! User targeting between the names that people write and the segment numbers that are kept.
//!
//! Names are resolved once, when they are written: renaming a segment afterwards changes no adgroup. What is shown is
//! made from the numbers again, so it always has the present names; an expression is printed with names that read back
//! to the same segments in the same campaign. Cost: one look-up for each distinct name of a [`Resolver`].

use crate::catalog::{Model, StoredTargeting};
use crate::engine::caller::Caller;
use crate::engine::generation::expression_of;
use crate::engine::lookup::{self, Place};
use crate::engine::resolving::{Reach, Resolver};
use crate::error::Result;
use crate::expression::{Name, stored, text};
use crate::ids::SegmentNumber;

/// Who may see an adgroup, as it is written; the default asks nothing: everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targeting {
    /// Every include group must hold one of its segments; no excluded segment may hold.
    Groups {
        /// The include groups: ids, display names or resource names; in answers resource names.
        include: Vec<Vec<String>>,
        /// The excluded segments, named likewise.
        exclude: Vec<String>,
    },
    /// `|`, `&`, `!`, parentheses, ids and "display names".
    Expression(String),
}

impl Default for Targeting {
    fn default() -> Self {
        Self::Groups { include: Vec::new(), exclude: Vec::new() }
    }
}

/// Resolves and checks what was written.
///
/// # Errors
/// `NotFound` for a name, `InvalidInput` for an empty include group, a segment both included and excluded, a segment of
/// another advertiser or an unreadable expression, `LimitExceeded`; the field says which name or group.
pub(super) fn resolved(resolver: &mut Resolver, model: &Model, written: &Targeting) -> Result<StoredTargeting> {
    match written {
        Targeting::Groups { include, exclude } if include.is_empty() && exclude.is_empty() => {
            Ok(StoredTargeting::Groups { include: Vec::new(), exclude: Vec::new() })
        }
        Targeting::Groups { include, exclude } => {
            let (include, exclude) = resolver.groups(model, include, exclude)?;
            let checked = StoredTargeting::Groups { include, exclude };
            expression_of(&checked)?;
            Ok(checked)
        }
        Targeting::Expression(text) => {
            let expression = resolver.expression(model, text)?;
            Ok(StoredTargeting::Expression(stored::encode(&expression)))
        }
    }
}

/// A resolver of the names that `caller` writes in an adgroup of `place`.
pub(super) fn resolver(caller: &Caller, place: &Place) -> Resolver {
    Resolver::new(caller, Some(place.clone()), Reach::OwnAdvertiser)
}

/// A stored targeting with the present names, as it can be written in `place`.
pub(super) fn shown(model: &Model, place: &Place, targeting: &StoredTargeting) -> Targeting {
    let resource_name = |number: &SegmentNumber| {
        lookup::segment_name_of(model, *number).map_or_else(|| number.to_string(), |name| name.to_string())
    };
    match targeting {
        StoredTargeting::Groups { include, exclude } => Targeting::Groups {
            include: include.iter().map(|group| group.iter().map(resource_name).collect()).collect(),
            exclude: exclude.iter().map(resource_name).collect(),
        },
        StoredTargeting::Expression(text) => {
            let printed = stored::decode(text).map(|it| text::print(&it, |number| readable(model, place, *number)));
            Targeting::Expression(printed.unwrap_or_default())
        }
    }
}

/// The shortest name by which the expression grammar finds a segment again from `place`.
pub(super) fn readable(model: &Model, place: &Place, number: SegmentNumber) -> String {
    let Some(segment) = model.segments.get(&u64::from(number.0)) else { return number.to_string() };
    let name = lookup::segment_name(model, segment);
    let whole = name.short();
    let in_campaign = whole.split_once('/').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let candidates = [
        Name::Id(segment.id.clone()),
        Name::Display(segment.display_name.clone()),
        Name::Id(in_campaign),
        Name::Id(whole),
    ];
    let all_seeing = Caller::local_admin();
    let reads_back = |name: &Name| {
        let literal = text::parse(&name.to_string()).ok();
        literal.is_some_and(|literal| literal.literals().eq([name]))
            && lookup::segment_from(model, &all_seeing, Some(place), name).is_ok_and(|found| found.number == number)
    };
    candidates.into_iter().find(reads_back).map_or_else(|| name.to_string(), |name| name.to_string())
}
