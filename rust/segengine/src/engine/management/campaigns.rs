//! Campaigns of an advertiser. One that is not active stops all of its adgroups at once.

use std::sync::Arc;

use super::advertisers::{add_advertiser, check_empty};
use super::choice::{Choice, NewName, choose, rename};
use super::paging::{Page, PageRequest, page};
use super::{Call, Effect, Mutation, check_etag, check_network, deleted_since, etag, set};
use crate::catalog::{Advertiser, Campaign, Kind, Model, Scope, Status};
use crate::engine::caller::{Action, Caller};
use crate::engine::compiled::Touched;
use crate::engine::names::{AdvertiserName, CampaignName};
use crate::engine::publisher::Change;
use crate::engine::{Engine, lookup};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{CampaignNumber, Revision};

/// A campaign as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignView {
    /// Its resource name.
    pub name: CampaignName,
    /// What is stored.
    pub record: Arc<Campaign>,
}

impl CampaignView {
    fn of(advertiser: &str, record: &Arc<Campaign>) -> Self {
        let name = CampaignName { advertiser: advertiser.to_owned(), campaign: record.id.clone() };
        Self { name, record: Arc::clone(record) }
    }

    /// Changes with each change.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.record.revision)
    }
}

/// A campaign to be created.
#[derive(Debug, Clone, Default)]
pub struct NewCampaign {
    /// Its name.
    pub name: NewName,
    /// Whether its adgroups may serve.
    pub status: Status,
    /// Create the advertiser as well when it is absent and the caller may.
    pub create_parents: bool,
}

/// What of a campaign is to change; nothing of what is left out.
#[derive(Debug, Clone, Default)]
pub struct CampaignChanges {
    /// Refuse unless it is unchanged since this; empty asks nothing.
    pub etag: String,
    /// A new display name; the id stays.
    pub display_name: Option<String>,
    /// Whether its adgroups may serve.
    pub status: Option<Status>,
}

impl Engine {
    /// Creates a campaign.
    ///
    /// # Errors
    /// `NotFound` for the advertiser, `InvalidInput`, `AlreadyExists` naming both, `PermissionDenied`, `Storage`,
    /// `EngineClosed`.
    pub fn create_campaign(
        &self,
        caller: &Caller,
        parent: &AdvertiserName,
        new: &NewCampaign,
        how: &Mutation,
    ) -> Result<CampaignView> {
        let call = Call { caller, action: Action::Manage, method: "CreateCampaign", how };
        call.run(&self.inner, repeat, |change| {
            let advertiser = parent_of(change, caller, parent, new.create_parents)?;
            let scope = Scope::Advertiser(advertiser.number.0);
            let (id, display_name) = match choose(change.model(), scope, Kind::Campaign, &new.name)? {
                Choice::Existing(number) => return Ok(Effect::Nothing(view(change.model(), number)?)),
                Choice::New { id, display_name } => (id, display_name),
            };
            let record = Campaign {
                number: CampaignNumber(change.write.next_dense("campaigns", u32::MAX)?),
                advertiser: advertiser.number,
                id,
                display_name,
                status: new.status,
                create_time: change.now,
                update_time: change.now,
                revision: call.revision(change, Revision(0)),
            };
            change.write.put(record.clone())?;
            let number = u64::from(record.number.0);
            Ok(Effect::Change(CampaignView::of(&advertiser.id, &Arc::new(record)), number))
        })
    }

    /// One campaign.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `EngineClosed`.
    pub fn campaign(&self, caller: &Caller, name: &CampaignName) -> Result<CampaignView> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let (advertiser, record) = lookup::campaign(&self.inner.catalog.read(), caller, name)?;
        Ok(CampaignView::of(&advertiser.id, &record))
    }

    /// A page of the campaigns of an advertiser.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for a page token of another list, `PermissionDenied`, `EngineClosed`.
    pub fn campaigns(
        &self,
        caller: &Caller,
        parent: &AdvertiserName,
        request: &PageRequest,
    ) -> Result<Page<CampaignView>> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let advertiser = lookup::advertiser(&model, caller, &parent.advertiser).map_err(of_parent)?;
        let numbers = page(&model, Scope::Advertiser(advertiser.number.0), Kind::Campaign, request)?;
        let records = numbers.items.iter().filter_map(|number| model.campaigns.get(number));
        let items = records.map(|record| CampaignView::of(&advertiser.id, record)).collect();
        Ok(Page { items, next_page_token: numbers.next_page_token })
    }

    /// Changes a campaign; a new status holds for the next Match.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput`, `AlreadyExists`, `Conflict` for an old etag, `PermissionDenied`, `Storage`,
    /// `EngineClosed`.
    pub fn update_campaign(
        &self,
        caller: &Caller,
        name: &CampaignName,
        changes: &CampaignChanges,
        how: &Mutation,
    ) -> Result<CampaignView> {
        let call = Call { caller, action: Action::Manage, method: "UpdateCampaign", how };
        call.run(&self.inner, repeat, |change| {
            let (advertiser, before) = lookup::campaign(change.model(), caller, name)?;
            check_etag(&changes.etag, before.revision)?;
            let mut after = Campaign::clone(&before);
            let place = (before.scope(), Kind::Campaign, u64::from(before.number.0));
            let renamed = changes.display_name.as_ref().map(|new| rename(change.model(), place, &before.id, new));
            let status_changed = set(&mut after.status, changes.status.as_ref());
            if !(set(&mut after.display_name, renamed.transpose()?.as_ref()) | status_changed) {
                return Ok(Effect::Nothing(CampaignView::of(&advertiser.id, &before)));
            }
            if status_changed {
                let scope = Scope::Campaign(before.number.0);
                let adgroups = change.model().children(scope, Kind::Adgroup, None);
                let adgroups: Vec<u64> = adgroups.take(Touched::ENOUGH).collect();
                change.touch(adgroups);
            }
            (after.update_time, after.revision) = (change.now, call.revision(change, before.revision));
            change.write.put(after.clone())?;
            Ok(Effect::Change(CampaignView::of(&advertiser.id, &Arc::new(after)), place.2))
        })
    }

    /// Deletes a campaign that has no adgroups and no segments; returns the write.
    ///
    /// # Errors
    /// `NotFound`, `FailedPrecondition` while it has adgroups or segments, `Conflict`, `PermissionDenied`, `Storage`,
    /// `EngineClosed`.
    pub fn delete_campaign(
        &self,
        caller: &Caller,
        name: &CampaignName,
        etag: &str,
        how: &Mutation,
    ) -> Result<Revision> {
        let call = Call { caller, action: Action::Manage, method: "DeleteCampaign", how };
        let repeat = |_: &Change<'_>, outcome| Ok(Revision(outcome));
        call.run(&self.inner, repeat, |change| {
            let (_, record) = lookup::campaign(change.model(), caller, name)?;
            check_etag(etag, record.revision)?;
            let scope = Scope::Campaign(record.number.0);
            check_empty(change.model(), scope, &[Kind::Adgroup, Kind::Segment], &format!("campaign {}", name.short()))?;
            change.write.remove::<Campaign>(u64::from(record.number.0))?;
            let revision = call.revision(change, Revision(0));
            Ok(Effect::Change(revision, revision.0))
        })
    }
}

/// Says that it was the parent that could not be found.
pub(super) fn of_parent(error: Error) -> Error {
    if error.kind() == ErrorKind::NotFound { error.field("parent") } else { error }
}

/// The advertiser of a new campaign, made in the same write when that is wanted, needed and allowed.
fn parent_of(
    change: &mut Change<'_>,
    caller: &Caller,
    parent: &AdvertiserName,
    create: bool,
) -> Result<Arc<Advertiser>> {
    let found = lookup::advertiser(change.model(), caller, &parent.advertiser).map_err(of_parent);
    let may = caller.check(Action::Administer).is_ok() && check_network(caller).is_ok();
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound && create && may => {
            let new = NewName { id: parent.advertiser.clone(), ..NewName::default() };
            match choose(change.model(), Scope::Network, Kind::Advertiser, &new)? {
                Choice::New { id, display_name } => add_advertiser(change, id, display_name, |_| ()),
                Choice::Existing(_) => Err(error),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound && create => {
            Err(error.hint("ask the network's administrator to create the advertiser"))
        }
        found => found,
    }
}

fn repeat(change: &Change<'_>, number: u64) -> Result<CampaignView> {
    view(change.model(), number).map_err(|_| deleted_since("campaign"))
}

fn view(model: &Model, number: u64) -> Result<CampaignView> {
    let record = model.campaigns.get(&number).ok_or_else(|| Error::not_found("it is gone"))?;
    Ok(CampaignView::of(&lookup::advertiser_name(model, record.advertiser).advertiser, record))
}
