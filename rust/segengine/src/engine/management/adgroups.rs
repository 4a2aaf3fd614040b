//! Adgroups: what may be shown, and to whom. Their integer ids start at 1 and are never used again.

use std::sync::Arc;

use super::campaigns::of_parent;
use super::choice::{Choice, NewName, choose, rename};
use super::paging::{Page, PageRequest, page};
use super::targeting::{Targeting, resolved, resolver, shown};
use super::warnings::{Warning, at_a_glance};
use super::{Call, Effect, Mutation, check_etag, deleted_since, etag, set};
use crate::catalog::{Adgroup, Kind, Model, Scope, Status, StoredTargeting};
use crate::engine::caller::{Action, Caller};
use crate::engine::lookup::Place;
use crate::engine::names::{AdgroupName, CampaignName};
use crate::engine::publisher::Change;
use crate::engine::{Engine, generation, lookup};
use crate::error::{Error, Result};
use crate::ids::{AdgroupId, Revision};
use crate::limits;
use crate::time::Timestamp;

/// An adgroup as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdgroupView {
    /// Its resource name.
    pub name: AdgroupName,
    /// What is stored.
    pub record: Arc<Adgroup>,
    /// Its user targeting with the present names.
    pub targeting: Targeting,
    /// What a person should know about it.
    pub warnings: Vec<Warning>,
}

impl AdgroupView {
    fn of(model: &Model, place: &Place, record: &Arc<Adgroup>) -> Self {
        Self {
            name: lookup::adgroup_name(model, record),
            targeting: shown(model, place, &record.targeting),
            record: Arc::clone(record),
            warnings: Vec::new(),
        }
    }

    /// Changes with each change.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.record.revision)
    }
}

/// The names of an adgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdgroupReference {
    /// Its integer id.
    pub id: AdgroupId,
    /// Its resource name.
    pub name: AdgroupName,
    /// Its display name.
    pub display_name: String,
}

/// What an adgroup asks and when it serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdgroupSettings {
    /// Who may see it.
    pub targeting: Targeting,
    /// Whether it may serve.
    pub status: Status,
    /// When it starts, inclusive; at once when absent.
    pub start: Option<Timestamp>,
    /// When it ends, exclusive; never when absent.
    pub end: Option<Timestamp>,
    /// Serve even when an excluded segment is missing: suppression then fails open.
    pub serve_on_missing_exclude: bool,
}

/// An adgroup to be created.
#[derive(Debug, Clone, Default)]
pub struct NewAdgroup {
    /// Its name.
    pub name: NewName,
    /// What it asks and when it serves.
    pub settings: AdgroupSettings,
}

/// What becomes of a date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DateChange {
    /// It stays.
    #[default]
    Keep,
    /// It goes: no bound on this side.
    Clear,
    /// It becomes this.
    Set(Timestamp),
}

/// What of an adgroup is to change; nothing of what is left out.
#[derive(Debug, Clone, Default)]
pub struct AdgroupChanges {
    /// Refuse unless it is unchanged since this; empty asks nothing.
    pub etag: String,
    /// A new display name; the ids stay.
    pub display_name: Option<String>,
    /// Who may see it.
    pub targeting: Option<Targeting>,
    /// Whether it may serve.
    pub status: Option<Status>,
    /// When it starts.
    pub start: DateChange,
    /// When it ends.
    pub end: DateChange,
    /// Whether it serves even when an excluded segment is missing.
    pub serve_on_missing_exclude: Option<bool>,
}

impl Engine {
    /// Creates an adgroup; the next Match knows it.
    ///
    /// # Errors
    /// `NotFound` for the campaign or a segment, `InvalidInput` naming the include, exclude or column, `AlreadyExists`
    /// naming both, `LimitExceeded`, `PermissionDenied`, `Storage`, `EngineClosed`.
    pub fn create_adgroup(
        &self,
        caller: &Caller,
        parent: &CampaignName,
        new: &NewAdgroup,
        how: &Mutation,
    ) -> Result<AdgroupView> {
        let call = Call { caller, action: Action::Manage, method: "CreateAdgroup", how };
        let view = call.run(&self.inner, repeat, |change| {
            let place = place_of(change.model(), caller, parent).map_err(of_parent)?;
            let (id, display_name) = match choose(change.model(), place.scope(), Kind::Adgroup, &new.name)? {
                Choice::Existing(number) => return repeat(change, number).map(Effect::Nothing),
                Choice::New { id, display_name } => (id, display_name),
            };
            let resolved = resolved(&mut resolver(caller, &place), change.model(), &new.settings.targeting)?;
            check_dates(new.settings.start, new.settings.end)?;
            let first = reserve_ids(change, 1)?;
            let name = NewRecord { number: AdgroupId(first), id, display_name };
            let mut record = name.with(change, &place, &new.settings, resolved)?;
            record.revision = call.revision(change, Revision(0));
            change.write.put(record.clone())?;
            change.touch([generation::key(record.number)]);
            Ok(Effect::Change(AdgroupView::of(change.model(), &place, &Arc::new(record)), u64::from(first)))
        })?;
        self.warned(view)
    }

    /// One adgroup, with all its warnings.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `EngineClosed`.
    pub fn adgroup(&self, caller: &Caller, name: &AdgroupName) -> Result<AdgroupView> {
        self.one_adgroup(caller, |model| lookup::adgroup(model, caller, name))
    }

    /// One adgroup by its integer id, with all its warnings.
    ///
    /// # Errors
    /// As [`Self::adgroup`].
    pub fn adgroup_by_id(&self, caller: &Caller, id: AdgroupId) -> Result<AdgroupView> {
        self.one_adgroup(caller, |model| lookup::adgroup_by_id(model, caller, id))
    }

    fn one_adgroup(&self, caller: &Caller, find: impl FnOnce(&Model) -> Result<Arc<Adgroup>>) -> Result<AdgroupView> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let record = find(&model)?;
        self.warned(view(&model, &record)?)
    }

    /// A page of the adgroups of a campaign by integer id, with the warnings that need no members.
    ///
    /// # Errors
    /// `NotFound` for the campaign, `InvalidInput` for a page token of another list, `PermissionDenied`, `EngineClosed`.
    pub fn adgroups(&self, caller: &Caller, parent: &CampaignName, request: &PageRequest) -> Result<Page<AdgroupView>> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let place = place_of(&model, caller, parent).map_err(of_parent)?;
        let numbers = page(&model, place.scope(), Kind::Adgroup, request)?;
        let (generation, now) = (self.inner.generation.load(), self.inner.clock.now());
        let records = numbers.items.iter().filter_map(|number| model.adgroups.get(number));
        let items = records.map(|record| AdgroupView {
            warnings: at_a_glance(&model, &generation, record, now),
            ..AdgroupView::of(&model, &place, record)
        });
        Ok(Page { items: items.collect(), next_page_token: numbers.next_page_token })
    }

    /// The names behind integer ids, in their order; what is unknown to the caller is left out.
    ///
    /// # Errors
    /// `LimitExceeded` past 10,000 ids; `PermissionDenied`, `EngineClosed`.
    pub fn lookup_adgroups(&self, caller: &Caller, ids: &[u32]) -> Result<Vec<AdgroupReference>> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        if ids.len() > limits::CANDIDATES_PER_REQUEST {
            return Err(Error::limit("ids", ids.len() as u64, limits::CANDIDATES_PER_REQUEST as u64, "ids"));
        }
        let model = self.inner.catalog.read();
        let known = ids.iter().filter_map(|&id| lookup::adgroup_by_id(&model, caller, AdgroupId(id)).ok());
        let named = known.map(|record| AdgroupReference {
            id: record.number,
            name: lookup::adgroup_name(&model, &record),
            display_name: record.display_name.clone(),
        });
        Ok(named.collect())
    }

    /// Changes an adgroup; the next Match follows it.
    ///
    /// # Errors
    /// As [`Self::create_adgroup`], and `Conflict` for an old etag.
    pub fn update_adgroup(
        &self,
        caller: &Caller,
        name: &AdgroupName,
        changes: &AdgroupChanges,
        how: &Mutation,
    ) -> Result<AdgroupView> {
        let call = Call { caller, action: Action::Manage, method: "UpdateAdgroup", how };
        let view = call.run(&self.inner, repeat, |change| {
            let before = lookup::adgroup(change.model(), caller, name)?;
            check_etag(&changes.etag, before.revision)?;
            let place = place_of(change.model(), caller, &name.campaign)?;
            let (mut after, serves_otherwise) = changed(change.model(), caller, &place, (&before, changes))?;
            if after == *before {
                return Ok(Effect::Nothing(AdgroupView::of(change.model(), &place, &before)));
            }
            if serves_otherwise {
                change.touch([generation::key(before.number)]);
            }
            (after.update_time, after.revision) = (change.now, call.revision(change, before.revision));
            change.write.put(after.clone())?;
            let number = u64::from(after.number.0);
            Ok(Effect::Change(AdgroupView::of(change.model(), &place, &Arc::new(after)), number))
        })?;
        self.warned(view)
    }

    /// Deletes an adgroup, whose integer id is never used again; returns the write.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` for an old etag, `PermissionDenied`, `Storage`, `EngineClosed`.
    pub fn delete_adgroup(&self, caller: &Caller, name: &AdgroupName, etag: &str, how: &Mutation) -> Result<Revision> {
        let call = Call { caller, action: Action::Manage, method: "DeleteAdgroup", how };
        let repeat = |_: &Change<'_>, outcome| Ok(Revision(outcome));
        call.run(&self.inner, repeat, |change| {
            let record = lookup::adgroup(change.model(), caller, name)?;
            check_etag(etag, record.revision)?;
            change.write.remove::<Adgroup>(generation::key(record.number))?;
            change.touch([generation::key(record.number)]);
            let revision = call.revision(change, Revision(0));
            Ok(Effect::Change(revision, revision.0))
        })
    }

    /// The view with all warnings, those that intersect members included.
    fn warned(&self, mut view: AdgroupView) -> Result<AdgroupView> {
        let model = self.inner.catalog.read();
        view.warnings = at_a_glance(&model, &self.inner.generation.load(), &view.record, self.inner.clock.now());
        view.warnings.extend(self.within_exclude(&model, &view.record)?);
        view.warnings.extend(self.too_small(&view.record)?);
        Ok(view)
    }
}

/// The campaign of a name, as the place in which its adgroups name segments.
pub(super) fn place_of(model: &Model, caller: &Caller, name: &CampaignName) -> Result<Place> {
    let (advertiser, campaign) = lookup::campaign(model, caller, name)?;
    Ok(Place { advertiser, campaign: Some(campaign) })
}

/// Takes `count` integer ids that were never used; returns the first.
pub(super) fn reserve_ids(change: &mut Change<'_>, count: u32) -> Result<u32> {
    let last = change.model().counter("adgroups");
    let end = last + u64::from(count);
    if end > u64::from(limits::ADGROUPS) {
        return Err(Error::limit("adgroups", end, u64::from(limits::ADGROUPS), "adgroup ids"));
    }
    if count > 0 {
        change.write.set_meta("adgroups", end)?;
    }
    u32::try_from(last + 1).map_err(|_| Error::internal("the counter of adgroup ids is beyond its limit"))
}

/// Fails for a flight that never begins.
pub(super) fn check_dates(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<()> {
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        return Err(Error::invalid("the flight ends before it starts, or in the same instant")
            .field("end_time")
            .hint("the start is inclusive, the end is exclusive"));
    }
    Ok(())
}

/// The name of a record to be written.
pub(super) struct NewRecord {
    pub(super) number: AdgroupId,
    pub(super) id: String,
    pub(super) display_name: String,
}

impl NewRecord {
    /// The record with these settings, made by `change`.
    pub(super) fn with(
        self,
        change: &Change<'_>,
        place: &Place,
        settings: &AdgroupSettings,
        targeting: StoredTargeting,
    ) -> Result<Adgroup> {
        let campaign = place.campaign_number().ok_or_else(|| Error::internal("an adgroup without a campaign"))?;
        Ok(Adgroup {
            number: self.number,
            campaign,
            id: self.id,
            display_name: self.display_name,
            status: settings.status,
            start: settings.start,
            end: settings.end,
            targeting,
            serve_on_missing_exclude: settings.serve_on_missing_exclude,
            create_time: change.now,
            update_time: change.now,
            revision: change.revision,
        })
    }
}

/// The record after the changes, and whether another one serves.
fn changed(
    model: &Model,
    caller: &Caller,
    place: &Place,
    (before, changes): (&Adgroup, &AdgroupChanges),
) -> Result<(Adgroup, bool)> {
    let mut after = before.clone();
    let at = (Scope::Campaign(before.campaign.0), Kind::Adgroup, generation::key(before.number));
    let renamed = changes.display_name.as_ref().map(|new| rename(model, at, &before.id, new)).transpose()?;
    set(&mut after.display_name, renamed.as_ref());
    let resolve = |written| resolved(&mut resolver(caller, place), model, written);
    let targeting = changes.targeting.as_ref().map(resolve).transpose()?;
    let mut other = set(&mut after.targeting, targeting.as_ref());
    other |= set(&mut after.status, changes.status.as_ref());
    other |= set(&mut after.serve_on_missing_exclude, changes.serve_on_missing_exclude.as_ref());
    other |= set(&mut after.start, date(changes.start).as_ref());
    other |= set(&mut after.end, date(changes.end).as_ref());
    check_dates(after.start, after.end)?;
    Ok((after, other))
}

#[expect(clippy::option_option, reason = "a date may be left alone, or changed to none")]
fn date(change: DateChange) -> Option<Option<Timestamp>> {
    match change {
        DateChange::Keep => None,
        DateChange::Clear => Some(None),
        DateChange::Set(date) => Some(Some(date)),
    }
}

fn repeat(change: &Change<'_>, number: u64) -> Result<AdgroupView> {
    let record = change.model().adgroups.get(&number).ok_or_else(|| deleted_since("adgroup"))?;
    view(change.model(), record)
}

fn view(model: &Model, record: &Arc<Adgroup>) -> Result<AdgroupView> {
    let name = lookup::campaign_name(model, record.campaign);
    Ok(AdgroupView::of(model, &place_of(model, &Caller::local_admin(), &name)?, record))
}
