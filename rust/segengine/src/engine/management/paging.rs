//! Lists in pages, in the order of creation. A page token names the last entry shown, so entries made or deleted between
//! two pages are neither shown twice nor pushed out; it also names its list, so that no other list takes it.

use crate::catalog::{Kind, Model, Scope};
use crate::error::{Error, Result};
use crate::ids::display_name;
use crate::limits;

/// Entries of a page when the caller does not say.
const USUAL: usize = 100;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many; 0 is 100, more than 1,000 is 1,000.
    pub size: usize,
    /// The [`Page::next_page_token`] of the page before; empty for the first.
    pub token: String,
    /// Only the entry of exactly this display name (after NFC); empty for all.
    pub display_name: String,
}

/// Some entries of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Empty on the last page.
    pub next_page_token: String,
}

/// The numbers of one page of the things of `kind` in `scope`.
///
/// # Errors
/// `InvalidInput` for a token of another list and for a display name that cannot be.
pub(super) fn page(model: &Model, scope: Scope, kind: Kind, request: &PageRequest) -> Result<Page<u64>> {
    let list = format!("{}.", list_name(scope, kind));
    let after = match request.token.as_str() {
        "" => None,
        token => Some(number_of(token, &list)?),
    };
    if !request.display_name.is_empty() {
        let number = model.by_name(scope, kind, &display_name(&request.display_name)?);
        let items = number.filter(|&number| after.is_none_or(|after| number > after)).into_iter().collect();
        return Ok(Page { items, next_page_token: String::new() });
    }
    let size = if request.size == 0 { USUAL } else { request.size.min(limits::PAGE_SIZE) };
    let mut numbers = model.children(scope, kind, after);
    let items: Vec<u64> = numbers.by_ref().take(size).collect();
    let last = items.last().filter(|_| numbers.next().is_some());
    let next_page_token = last.map(|last| format!("{list}{last:x}")).unwrap_or_default();
    Ok(Page { items, next_page_token })
}

fn list_name(scope: Scope, kind: Kind) -> String {
    let of = match scope {
        Scope::Network => "n".to_owned(),
        Scope::Advertiser(number) => format!("a{number:x}"),
        Scope::Campaign(number) => format!("c{number:x}"),
    };
    let what = match kind {
        Kind::Advertiser => 'a',
        Kind::Campaign => 'c',
        Kind::Segment => 's',
        Kind::Adgroup => 'g',
    };
    format!("{what}{of}")
}

fn number_of(token: &str, list: &str) -> Result<u64> {
    let digits = token.strip_prefix(list).filter(|digits| !digits.starts_with('+'));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(|| {
        Error::invalid("this page token does not belong to this list")
            .field("page_token")
            .hint("give the next_page_token of the page before, with the same parent; or none, to begin anew")
    })
}
