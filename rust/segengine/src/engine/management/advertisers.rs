//! Advertisers: the customers of the network, made and changed by the network alone.

use std::sync::Arc;

use super::choice::{Choice, NewName, choose, rename};
use super::paging::{Page, PageRequest, page};
use super::{Call, Effect, Mutation, check_etag, deleted_since, etag, set};
use crate::catalog::{Advertiser, Kind, Model, Scope};
use crate::engine::caller::{Action, Caller, Tenant};
use crate::engine::names::AdvertiserName;
use crate::engine::publisher::Change;
use crate::engine::{Engine, lookup};
use crate::error::{Error, Result};
use crate::ids::{AdvertiserNumber, Revision};

/// An advertiser as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertiserView {
    /// Its resource name.
    pub name: AdvertiserName,
    /// What is stored.
    pub record: Arc<Advertiser>,
}

impl AdvertiserView {
    fn of(record: &Arc<Advertiser>) -> Self {
        Self { name: AdvertiserName { advertiser: record.id.clone() }, record: Arc::clone(record) }
    }

    /// Changes with each change.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.record.revision)
    }
}

/// An advertiser to be created.
#[derive(Debug, Clone, Default)]
pub struct NewAdvertiser {
    /// Its name.
    pub name: NewName,
    /// Whether customer files may hold raw e-mail addresses.
    pub allow_raw_emails: bool,
}

/// What of an advertiser is to change; nothing of what is left out.
#[derive(Debug, Clone, Default)]
pub struct AdvertiserChanges {
    /// Refuse unless it is unchanged since this; empty asks nothing.
    pub etag: String,
    /// A new display name; the id stays.
    pub display_name: Option<String>,
    /// Whether customer files may hold raw e-mail addresses.
    pub allow_raw_emails: Option<bool>,
}

impl Engine {
    /// Creates an advertiser.
    ///
    /// # Errors
    /// `InvalidInput`, `AlreadyExists` naming both, `PermissionDenied`, `Storage`, `EngineClosed`.
    pub fn create_advertiser(&self, caller: &Caller, new: &NewAdvertiser, how: &Mutation) -> Result<AdvertiserView> {
        let call = Call { caller, action: Action::Administer, method: "CreateAdvertiser", how };
        call.run(&self.inner, repeat, |change| {
            let (id, display_name) = match choose(change.model(), Scope::Network, Kind::Advertiser, &new.name)? {
                Choice::Existing(number) => return Ok(Effect::Nothing(view(change.model(), number)?)),
                Choice::New { id, display_name } => (id, display_name),
            };
            let revision = call.revision(change, Revision(0));
            let record = add_advertiser(change, id, display_name, |record| {
                record.allow_raw_emails = new.allow_raw_emails;
                record.revision = revision;
            })?;
            Ok(Effect::Change(AdvertiserView::of(&record), u64::from(record.number.0)))
        })
    }

    /// One advertiser.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `EngineClosed`.
    pub fn advertiser(&self, caller: &Caller, name: &AdvertiserName) -> Result<AdvertiserView> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        lookup::advertiser(&self.inner.catalog.read(), caller, &name.advertiser)
            .map(|record| AdvertiserView::of(&record))
    }

    /// A page of the advertisers that the caller sees.
    ///
    /// # Errors
    /// `InvalidInput` for a page token of another list; `PermissionDenied`, `EngineClosed`.
    pub fn advertisers(&self, caller: &Caller, request: &PageRequest) -> Result<Page<AdvertiserView>> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let numbers = match caller.tenant {
            Tenant::Network => page(&model, Scope::Network, Kind::Advertiser, request)?,
            Tenant::Advertiser(own) => only(&model, own, request)?,
        };
        let records = numbers.items.iter().filter_map(|number| model.advertisers.get(number));
        Ok(Page { items: records.map(AdvertiserView::of).collect(), next_page_token: numbers.next_page_token })
    }

    /// Changes an advertiser.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput`, `AlreadyExists`, `Conflict` for an old etag, `PermissionDenied`, `Storage`,
    /// `EngineClosed`.
    pub fn update_advertiser(
        &self,
        caller: &Caller,
        name: &AdvertiserName,
        changes: &AdvertiserChanges,
        how: &Mutation,
    ) -> Result<AdvertiserView> {
        let call = Call { caller, action: Action::Administer, method: "UpdateAdvertiser", how };
        call.run(&self.inner, repeat, |change| {
            let before = lookup::advertiser(change.model(), caller, &name.advertiser)?;
            check_etag(&changes.etag, before.revision)?;
            let mut after = Advertiser::clone(&before);
            let place = (Scope::Network, Kind::Advertiser, u64::from(before.number.0));
            let renamed = changes.display_name.as_ref().map(|new| rename(change.model(), place, &before.id, new));
            let changed = set(&mut after.display_name, renamed.transpose()?.as_ref())
                | set(&mut after.allow_raw_emails, changes.allow_raw_emails.as_ref());
            if !changed {
                return Ok(Effect::Nothing(AdvertiserView::of(&before)));
            }
            (after.update_time, after.revision) = (change.now, call.revision(change, before.revision));
            change.write.put(after.clone())?;
            Ok(Effect::Change(AdvertiserView::of(&Arc::new(after)), place.2))
        })
    }

    /// Deletes an advertiser that has no campaigns and no segments; returns the write.
    ///
    /// # Errors
    /// `NotFound`, `FailedPrecondition` while it has campaigns or segments, `Conflict`, `PermissionDenied`, `Storage`,
    /// `EngineClosed`.
    pub fn delete_advertiser(
        &self,
        caller: &Caller,
        name: &AdvertiserName,
        etag: &str,
        how: &Mutation,
    ) -> Result<Revision> {
        let call = Call { caller, action: Action::Administer, method: "DeleteAdvertiser", how };
        let repeat = |_: &Change<'_>, outcome| Ok(Revision(outcome));
        call.run(&self.inner, repeat, |change| {
            let record = lookup::advertiser(change.model(), caller, &name.advertiser)?;
            check_etag(etag, record.revision)?;
            let scope = Scope::Advertiser(record.number.0);
            check_empty(change.model(), scope, &[Kind::Campaign, Kind::Segment], &format!("advertiser {}", record.id))?;
            change.write.remove::<Advertiser>(u64::from(record.number.0))?;
            let revision = call.revision(change, Revision(0));
            Ok(Effect::Change(revision, revision.0))
        })
    }
}

/// Writes a new advertiser whose name is free.
pub(super) fn add_advertiser(
    change: &mut Change<'_>,
    id: String,
    display_name: String,
    fill: impl FnOnce(&mut Advertiser),
) -> Result<Arc<Advertiser>> {
    let number = AdvertiserNumber(change.write.next_dense("advertisers", u32::MAX)?);
    let mut record = Advertiser {
        number,
        id,
        display_name,
        allow_raw_emails: false,
        create_time: change.now,
        update_time: change.now,
        revision: change.revision,
    };
    fill(&mut record);
    change.write.put(record.clone())?;
    Ok(Arc::new(record))
}

/// Fails while something of `kinds` is left in `scope`, saying how much and naming one.
pub(super) fn check_empty(model: &Model, scope: Scope, kinds: &[Kind], what: &str) -> Result<()> {
    for &kind in kinds {
        let count = model.children(scope, kind, None).count();
        if count > 0 {
            let noun = kind.noun();
            let message = format!("the {what} still has {count} {noun}{}", if count == 1 { "" } else { "s" });
            return Err(Error::precondition(message).hint(format!("delete its {noun}s first (nothing was changed)")));
        }
    }
    Ok(())
}

/// The list of a caller of one advertiser: that one.
fn only(model: &Model, own: AdvertiserNumber, request: &PageRequest) -> Result<Page<u64>> {
    let first = PageRequest { size: 1, token: String::new(), display_name: request.display_name.clone() };
    let named = page(model, Scope::Network, Kind::Advertiser, &first)?;
    let number = u64::from(own.0);
    let wanted = request.token.is_empty() && (request.display_name.is_empty() || named.items.contains(&number));
    Ok(Page { items: wanted.then_some(number).into_iter().collect(), next_page_token: String::new() })
}

fn repeat(change: &Change<'_>, number: u64) -> Result<AdvertiserView> {
    view(change.model(), number).map_err(|_| deleted_since("advertiser"))
}

fn view(model: &Model, number: u64) -> Result<AdvertiserView> {
    model.advertisers.get(&number).map(AdvertiserView::of).ok_or_else(|| Error::not_found("it is gone"))
}
