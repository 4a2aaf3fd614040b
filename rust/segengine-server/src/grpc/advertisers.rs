//! Advertisers and campaigns: from requests to the engine, and from its records to messages.

use segengine::Result;
use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::engine::management::{
    AdvertiserChanges, AdvertiserView, CampaignChanges, CampaignView, NewAdvertiser, NewCampaign, NewName,
};
use segengine::engine::names::{AdvertiserName, CampaignName};
use segengine::ids::Revision;

use super::records::{Mask, messages, mutation, page, status, status_number};
use crate::{convert, v1};

pub(super) fn create(engine: &Engine, caller: &Caller, request: v1::CreateAdvertiserRequest) -> Result<v1::Advertiser> {
    let how = mutation(&request.request_id, &request, request.validate_only);
    let given = request.advertiser.unwrap_or_default();
    let name = NewName { id: request.advertiser_id, display_name: given.display_name, exist_ok: request.exist_ok };
    let new = NewAdvertiser { name, allow_raw_emails: given.allow_raw_emails };
    engine.create_advertiser(caller, &new, &how).map(|made| message(&made))
}

pub(super) fn get(engine: &Engine, caller: &Caller, request: &v1::GetAdvertiserRequest) -> Result<v1::Advertiser> {
    engine.check_revision(Revision(request.min_revision))?;
    engine.advertiser(caller, &AdvertiserName::parse(&request.name)?).map(|found| message(&found))
}

pub(super) fn list(
    engine: &Engine,
    caller: &Caller,
    request: v1::ListAdvertisersRequest,
) -> Result<v1::ListAdvertisersResponse> {
    let filter = (request.page_token, request.display_name);
    let page = page(engine, request.page_size, filter, request.min_revision)?;
    let (advertisers, next_page_token) = messages(&engine.advertisers(caller, &page)?, message);
    Ok(v1::ListAdvertisersResponse { advertisers, next_page_token })
}

pub(super) fn update(
    engine: &Engine,
    caller: &Caller,
    request: &v1::UpdateAdvertiserRequest,
) -> Result<v1::Advertiser> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let mask = Mask::read(request.update_mask.as_ref(), &["display_name", "allow_raw_emails"])?;
    let given = request.advertiser.clone().unwrap_or_default();
    let raw = mask.covers("allow_raw_emails", given.allow_raw_emails);
    let changes = AdvertiserChanges {
        display_name: mask.text("display_name", &given.display_name),
        allow_raw_emails: raw.then_some(given.allow_raw_emails),
        etag: given.etag,
    };
    let name = AdvertiserName::parse(&given.name)?;
    engine.update_advertiser(caller, &name, &changes, &how).map(|changed| message(&changed))
}

pub(super) fn delete(
    engine: &Engine,
    caller: &Caller,
    request: &v1::DeleteAdvertiserRequest,
) -> Result<v1::DeleteAdvertiserResponse> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let name = AdvertiserName::parse(&request.name)?;
    let revision = engine.delete_advertiser(caller, &name, &request.etag, &how)?;
    Ok(v1::DeleteAdvertiserResponse { revision: revision.0 })
}

pub(super) fn create_campaign(
    engine: &Engine,
    caller: &Caller,
    request: v1::CreateCampaignRequest,
) -> Result<v1::Campaign> {
    let how = mutation(&request.request_id, &request, request.validate_only);
    let parent = parent_of(&request.parent)?;
    let given = request.campaign.unwrap_or_default();
    let name = NewName { id: request.campaign_id, display_name: given.display_name, exist_ok: request.exist_ok };
    let status = status(given.status)?.unwrap_or_default();
    let new = NewCampaign { name, status, create_parents: request.create_parents };
    engine.create_campaign(caller, &parent, &new, &how).map(|made| campaign_message(&made))
}

pub(super) fn get_campaign(engine: &Engine, caller: &Caller, request: &v1::GetCampaignRequest) -> Result<v1::Campaign> {
    engine.check_revision(Revision(request.min_revision))?;
    engine.campaign(caller, &CampaignName::parse(&request.name)?).map(|found| campaign_message(&found))
}

pub(super) fn list_campaigns(
    engine: &Engine,
    caller: &Caller,
    request: v1::ListCampaignsRequest,
) -> Result<v1::ListCampaignsResponse> {
    let parent = parent_of(&request.parent)?;
    let filter = (request.page_token, request.display_name);
    let page = page(engine, request.page_size, filter, request.min_revision)?;
    let (campaigns, next_page_token) = messages(&engine.campaigns(caller, &parent, &page)?, campaign_message);
    Ok(v1::ListCampaignsResponse { campaigns, next_page_token })
}

pub(super) fn update_campaign(
    engine: &Engine,
    caller: &Caller,
    request: &v1::UpdateCampaignRequest,
) -> Result<v1::Campaign> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let mask = Mask::read(request.update_mask.as_ref(), &["display_name", "status"])?;
    let given = request.campaign.clone().unwrap_or_default();
    let changes = CampaignChanges {
        display_name: mask.text("display_name", &given.display_name),
        status: mask.status(given.status)?,
        etag: given.etag,
    };
    let name = CampaignName::parse(&given.name)?;
    engine.update_campaign(caller, &name, &changes, &how).map(|changed| campaign_message(&changed))
}

pub(super) fn delete_campaign(
    engine: &Engine,
    caller: &Caller,
    request: &v1::DeleteCampaignRequest,
) -> Result<v1::DeleteCampaignResponse> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let name = CampaignName::parse(&request.name)?;
    let revision = engine.delete_campaign(caller, &name, &request.etag, &how)?;
    Ok(v1::DeleteCampaignResponse { revision: revision.0 })
}

fn parent_of(text: &str) -> Result<AdvertiserName> {
    AdvertiserName::parse(text).map_err(|error| error.field("parent"))
}

fn message(view: &AdvertiserView) -> v1::Advertiser {
    let record = &view.record;
    v1::Advertiser {
        name: view.name.to_string(),
        display_name: record.display_name.clone(),
        number: record.number.0,
        allow_raw_emails: record.allow_raw_emails,
        create_time: Some(convert::timestamp(record.create_time)),
        update_time: Some(convert::timestamp(record.update_time)),
        etag: view.etag(),
        revision: record.revision.0,
    }
}

fn campaign_message(view: &CampaignView) -> v1::Campaign {
    let record = &view.record;
    v1::Campaign {
        name: view.name.to_string(),
        display_name: record.display_name.clone(),
        number: record.number.0,
        status: status_number(record.status),
        create_time: Some(convert::timestamp(record.create_time)),
        update_time: Some(convert::timestamp(record.update_time)),
        etag: view.etag(),
        revision: record.revision.0,
    }
}
