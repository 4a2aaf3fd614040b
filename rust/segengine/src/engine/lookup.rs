//! From names to records, as one caller may see them.
//!
//! A thing of another advertiser does not exist for a caller of one advertiser: the sentence is the same as for a name
//! that nobody has. Ids come first, then exact display names in NFC; a bare name is looked up in the campaign, then
//! among the segments that its advertiser shares.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::caller::Caller;
use super::names::{AdgroupName, AdvertiserName, CampaignName, Parent, SegmentName};
use crate::catalog::{Adgroup, Advertiser, Campaign, Kind, Model, Scope, Segment};
use crate::error::{Error, Result};
use crate::expression::Name;
use crate::ids::{AdgroupId, AdvertiserNumber, CampaignNumber, SegmentNumber, check_slug};

/// A campaign with its advertiser, or an advertiser alone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) advertiser: Arc<Advertiser>,
    pub(super) campaign: Option<Arc<Campaign>>,
}

impl Place {
    /// Where names of this place must be unique.
    pub(super) fn scope(&self) -> Scope {
        match &self.campaign {
            Some(campaign) => Scope::Campaign(campaign.number.0),
            None => Scope::Advertiser(self.advertiser.number.0),
        }
    }

    /// The campaign's number, for a segment of it.
    pub(super) fn campaign_number(&self) -> Option<CampaignNumber> {
        self.campaign.as_ref().map(|campaign| campaign.number)
    }

    /// Its resource name.
    pub(super) fn name(&self) -> Parent {
        let advertiser = self.advertiser.id.clone();
        match &self.campaign {
            Some(campaign) => Parent::Campaign(CampaignName { advertiser, campaign: campaign.id.clone() }),
            None => Parent::Advertiser(AdvertiserName { advertiser }),
        }
    }
}

fn missing(kind: Kind, name: &dyn std::fmt::Display) -> Error {
    Error::not_found(format!("there is no {} {name}", kind.noun())).field("name")
}

/// The advertiser of an id.
pub(super) fn advertiser(model: &Model, caller: &Caller, id: &str) -> Result<Arc<Advertiser>> {
    let number = find(model, Scope::Network, Kind::Advertiser, id);
    let found = number.and_then(|number| model.advertisers.get(&number));
    let seen = found.filter(|advertiser| caller.sees(advertiser.number)).cloned();
    seen.ok_or_else(|| missing(Kind::Advertiser, &id))
}

/// A campaign with its advertiser.
pub(super) fn campaign(
    model: &Model,
    caller: &Caller,
    name: &CampaignName,
) -> Result<(Arc<Advertiser>, Arc<Campaign>)> {
    let absent = || missing(Kind::Campaign, &name.short());
    let advertiser = advertiser(model, caller, &name.advertiser).map_err(|_| absent())?;
    let number = find(model, Scope::Advertiser(advertiser.number.0), Kind::Campaign, &name.campaign);
    let campaign = number.and_then(|number| model.campaigns.get(&number)).cloned().ok_or_else(absent)?;
    Ok((advertiser, campaign))
}

/// What a segment may belong to.
pub(super) fn place(model: &Model, caller: &Caller, name: &Parent) -> Result<Place> {
    match name {
        Parent::Advertiser(name) => {
            Ok(Place { advertiser: advertiser(model, caller, &name.advertiser)?, campaign: None })
        }
        Parent::Campaign(name) => {
            let (advertiser, campaign) = campaign(model, caller, name)?;
            Ok(Place { advertiser, campaign: Some(campaign) })
        }
    }
}

/// A segment of a resource name.
pub(super) fn segment(model: &Model, caller: &Caller, name: &SegmentName) -> Result<Arc<Segment>> {
    let absent = || missing(Kind::Segment, &name.short());
    let place = place(model, caller, &name.parent).map_err(|_| absent())?;
    segment_in(model, &place, &name.segment).ok_or_else(absent)
}

/// The segment that is called `name` in exactly this place.
pub(super) fn segment_in(model: &Model, place: &Place, name: &str) -> Option<Arc<Segment>> {
    let number = find(model, place.scope(), Kind::Segment, name)?;
    model.segments.get(&number).cloned()
}

/// An adgroup with its campaign and advertiser.
pub(super) fn adgroup(model: &Model, caller: &Caller, name: &AdgroupName) -> Result<Arc<Adgroup>> {
    let absent = || missing(Kind::Adgroup, &name.short());
    let (_, campaign) = campaign(model, caller, &name.campaign).map_err(|_| absent())?;
    let number = find(model, Scope::Campaign(campaign.number.0), Kind::Adgroup, &name.adgroup);
    number.and_then(|number| model.adgroups.get(&number)).cloned().ok_or_else(absent)
}

/// An adgroup of an integer id.
pub(super) fn adgroup_by_id(model: &Model, caller: &Caller, id: AdgroupId) -> Result<Arc<Adgroup>> {
    let found = model.adgroups.get(&u64::from(id.0)).filter(|adgroup| {
        let campaign = model.campaigns.get(&u64::from(adgroup.campaign.0));
        campaign.is_some_and(|campaign| caller.sees(campaign.advertiser))
    });
    found.cloned().ok_or_else(|| missing(Kind::Adgroup, &id))
}

/// An id, or an exact display name, in one scope.
fn find(model: &Model, scope: Scope, kind: Kind, name: &str) -> Option<u64> {
    model.by_id(scope, kind, name).or_else(|| model.by_name(scope, kind, &name.trim().nfc().collect::<String>()))
}

/// The segment that an expression or a list of includes names, seen from `place`.
///
/// # Errors
/// `NotFound` saying where it was looked for; `InvalidInput` for a bare name without a place.
pub(super) fn segment_from(model: &Model, caller: &Caller, place: Option<&Place>, name: &Name) -> Result<Arc<Segment>> {
    let text = match name {
        Name::Id(text) | Name::Display(text) => text.as_str(),
    };
    let Some(place) = place else {
        let full = SegmentName::parse(text).map_err(|error| {
            error.hint("write advertiser/campaign/segment, or say which campaign the names belong to")
        })?;
        return segment(model, caller, &full);
    };
    if matches!(name, Name::Id(_)) && text.contains('/') {
        return segment_at_path(model, caller, place, text);
    }
    let shared = Place { advertiser: Arc::clone(&place.advertiser), campaign: None };
    let found = segment_in(model, place, text).or_else(|| segment_in(model, &shared, text));
    found.ok_or_else(|| {
        Error::not_found(format!("there is no segment {name} in {} or at its advertiser", place.name().short()))
            .field("targeting")
            .hint("create the segment first, or check the spelling; `segengine segment list` shows those that exist")
    })
}

/// `campaign/segment`, `advertiser/segment` or a full name.
fn segment_at_path(model: &Model, caller: &Caller, place: &Place, text: &str) -> Result<Arc<Segment>> {
    if let Some((campaign, id)) = text.split_once('/').filter(|(_, id)| check_slug(id).is_ok()) {
        let number = find(model, Scope::Advertiser(place.advertiser.number.0), Kind::Campaign, campaign);
        if let Some(campaign) = number.and_then(|number| model.campaigns.get(&number)) {
            let near = Place { advertiser: Arc::clone(&place.advertiser), campaign: Some(Arc::clone(campaign)) };
            return segment_in(model, &near, id).ok_or_else(|| missing(Kind::Segment, &text));
        }
    }
    segment(model, caller, &SegmentName::parse(text)?)
}

/// The name that a person or a list gave: a resource name or path of ids, an id, or a display name.
pub(super) fn written_name(text: &str) -> Name {
    let is_path = text.split('/').all(|part| check_slug(part).is_ok());
    if is_path { Name::Id(text.to_owned()) } else { Name::Display(text.to_owned()) }
}

/// The resource name of an advertiser.
pub(super) fn advertiser_name(model: &Model, number: AdvertiserNumber) -> AdvertiserName {
    let advertiser = model.advertisers.get(&u64::from(number.0));
    AdvertiserName { advertiser: advertiser.map(|advertiser| advertiser.id.clone()).unwrap_or_default() }
}

/// The resource name of a campaign.
pub(super) fn campaign_name(model: &Model, number: CampaignNumber) -> CampaignName {
    let campaign = model.campaigns.get(&u64::from(number.0));
    campaign.map_or_else(
        || CampaignName { advertiser: String::new(), campaign: String::new() },
        |campaign| CampaignName {
            advertiser: advertiser_name(model, campaign.advertiser).advertiser,
            campaign: campaign.id.clone(),
        },
    )
}

/// The resource name of a segment.
pub(super) fn segment_name(model: &Model, segment: &Segment) -> SegmentName {
    let parent = match segment.campaign {
        Some(campaign) => Parent::Campaign(campaign_name(model, campaign)),
        None => Parent::Advertiser(advertiser_name(model, segment.advertiser)),
    };
    SegmentName { parent, segment: segment.id.clone() }
}

/// The resource name of a segment's number, if it exists.
pub(super) fn segment_name_of(model: &Model, number: SegmentNumber) -> Option<SegmentName> {
    model.segments.get(&u64::from(number.0)).map(|segment| segment_name(model, segment))
}

/// The resource name of an adgroup.
pub(super) fn adgroup_name(model: &Model, adgroup: &Adgroup) -> AdgroupName {
    AdgroupName { campaign: campaign_name(model, adgroup.campaign), adgroup: adgroup.id.clone() }
}
