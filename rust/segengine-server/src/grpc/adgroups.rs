//! Adgroups: from requests to the engine, one or many at a time, and from its records to messages.

use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::engine::management::{
    AdgroupChanges, AdgroupSettings, AdgroupSpec, AdgroupView, DateChange, NewAdgroup, NewName, Targeting,
};
use segengine::engine::names::{AdgroupName, CampaignName};
use segengine::ids::{AdgroupId, Revision};
use segengine::{Error, Result};

use super::records::{Mask, advice, messages, mutation, optional_instant, page, status, status_number};
use super::streams::Incoming;
use crate::convert::{self, Fingerprint};
use crate::v1::{self, get_adgroup_request::Key, upsert_adgroups_request::Part, user_targeting::Form};

/// The fields of an adgroup that an update may change.
const CHANGEABLE: [&str; 6] = ["display_name", "targeting", "status", "start_time", "end_time", "on_missing_exclude"];

pub(super) fn create(engine: &Engine, caller: &Caller, request: v1::CreateAdgroupRequest) -> Result<v1::Adgroup> {
    let how = mutation(&request.request_id, &request, request.validate_only);
    let parent = parent_of(&request.parent)?;
    let given = request.adgroup.unwrap_or_default();
    let name = NewName { id: request.adgroup_id, display_name: given.display_name, exist_ok: request.exist_ok };
    let settings = AdgroupSettings {
        targeting: targeting(given.targeting)?,
        status: status(given.status)?.unwrap_or_default(),
        start: optional_instant(given.start_time.as_ref(), "start_time")?,
        end: optional_instant(given.end_time.as_ref(), "end_time")?,
        serve_on_missing_exclude: serves(given.on_missing_exclude)?,
    };
    engine.create_adgroup(caller, &parent, &NewAdgroup { name, settings }, &how).map(message)
}

pub(super) fn get(engine: &Engine, caller: &Caller, request: v1::GetAdgroupRequest) -> Result<v1::Adgroup> {
    engine.check_revision(Revision(request.min_revision))?;
    let absent = || Error::invalid("no adgroup is named").field("name").hint("give its `name` or its integer `id`");
    let found = match request.key.ok_or_else(absent)? {
        Key::Name(name) => engine.adgroup(caller, &AdgroupName::parse(&name)?),
        Key::Id(id) => engine.adgroup_by_id(caller, AdgroupId(id)),
    };
    found.map(message)
}

pub(super) fn list(
    engine: &Engine,
    caller: &Caller,
    request: v1::ListAdgroupsRequest,
) -> Result<v1::ListAdgroupsResponse> {
    let parent = parent_of(&request.parent)?;
    let filter = (request.page_token, request.display_name);
    let page = page(engine, request.page_size, filter, request.min_revision)?;
    let found = engine.adgroups(caller, &parent, &page)?;
    let (adgroups, next_page_token) = messages(&found, |view| message(view.clone()));
    Ok(v1::ListAdgroupsResponse { adgroups, next_page_token })
}

pub(super) fn update(engine: &Engine, caller: &Caller, request: v1::UpdateAdgroupRequest) -> Result<v1::Adgroup> {
    let how = mutation(&request.request_id, &request, request.validate_only);
    let mask = Mask::read(request.update_mask.as_ref(), &CHANGEABLE)?;
    let given = request.adgroup.unwrap_or_default();
    let date = |at: Option<&prost_types::Timestamp>, field: &str| {
        let at = optional_instant(at, field)?;
        Ok::<_, Error>(match at {
            _ if !mask.covers(field, at.is_some()) => DateChange::Keep,
            Some(at) => DateChange::Set(at),
            None => DateChange::Clear,
        })
    };
    let missing = serves(given.on_missing_exclude)?;
    let changes = AdgroupChanges {
        display_name: mask.text("display_name", &given.display_name),
        status: mask.status(given.status)?,
        start: date(given.start_time.as_ref(), "start_time")?,
        end: date(given.end_time.as_ref(), "end_time")?,
        serve_on_missing_exclude: mask.covers("on_missing_exclude", given.on_missing_exclude != 0).then_some(missing),
        targeting: if mask.covers("targeting", given.targeting.is_some()) {
            Some(targeting(given.targeting)?)
        } else {
            None
        },
        etag: given.etag,
    };
    let name = AdgroupName::parse(&given.name)?;
    engine.update_adgroup(caller, &name, &changes, &how).map(message)
}

pub(super) fn delete(
    engine: &Engine,
    caller: &Caller,
    request: &v1::DeleteAdgroupRequest,
) -> Result<v1::DeleteAdgroupResponse> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let name = AdgroupName::parse(&request.name)?;
    let revision = engine.delete_adgroup(caller, &name, &request.etag, &how)?;
    Ok(v1::DeleteAdgroupResponse { revision: revision.0 })
}

pub(super) fn lookup(
    engine: &Engine,
    caller: &Caller,
    request: &v1::LookupAdgroupsRequest,
) -> Result<v1::LookupAdgroupsResponse> {
    let found = engine.lookup_adgroups(caller, &request.ids)?;
    let adgroups = found.into_iter().map(|adgroup| v1::AdgroupReference {
        id: adgroup.id.0,
        name: adgroup.name.to_string(),
        display_name: adgroup.display_name,
    });
    Ok(v1::LookupAdgroupsResponse { adgroups: adgroups.collect() })
}

pub(super) fn upsert(
    engine: &Engine,
    caller: &Caller,
    mut parts: Incoming<v1::UpsertAdgroupsRequest>,
) -> Result<v1::UpsertAdgroupsResponse> {
    let mut fingerprint = Fingerprint::default();
    let Some(Part::Header(header)) = parts.next().transpose()?.and_then(|message| message.part) else {
        return Err(convert::no_header());
    };
    fingerprint.take(&header.request_id, &header);
    let mut upsert = engine.begin_upsert(caller, &parent_of(&header.parent)?)?;
    for message in parts {
        let Some(Part::Chunk(chunk)) = message?.part else { return Err(convert::second_header()) };
        fingerprint.take("", &chunk);
        for adgroup in chunk.adgroups {
            let position = upsert.len();
            let spec = spec(adgroup).map_err(|error| {
                let field = error.field_name().unwrap_or_default().to_owned();
                error.at(format_args!("adgroups[{position}]")).field(format!("adgroups[{position}].{field}"))
            })?;
            upsert.push(spec)?;
        }
    }
    let how =
        segengine::engine::management::Mutation { request: fingerprint.finish(), validate_only: header.validate_only };
    let done = upsert.finish(&how)?;
    Ok(v1::UpsertAdgroupsResponse {
        ids: done.ids,
        created: done.created,
        updated: done.updated,
        revision: done.written.revision.0,
        generation: done.written.generation.0,
    })
}

fn spec(given: v1::AdgroupSpec) -> Result<AdgroupSpec> {
    Ok(AdgroupSpec {
        id: given.adgroup_id,
        display_name: given.display_name,
        settings: AdgroupSettings {
            targeting: targeting(given.targeting)?,
            status: status(given.status)?.unwrap_or_default(),
            start: optional_instant(given.start_time.as_ref(), "start_time")?,
            end: optional_instant(given.end_time.as_ref(), "end_time")?,
            serve_on_missing_exclude: serves(given.on_missing_exclude)?,
        },
    })
}

fn parent_of(text: &str) -> Result<CampaignName> {
    CampaignName::parse(text).map_err(|error| error.field("parent"))
}

/// Who may see an adgroup. A form that this version does not know must not pass for everybody.
fn targeting(given: Option<v1::UserTargeting>) -> Result<Targeting> {
    let Some(given) = given else { return Ok(Targeting::default()) };
    match given.form {
        Some(Form::Expression(text)) => Ok(Targeting::Expression(text)),
        Some(Form::Groups(groups)) => Ok(Targeting::Groups {
            include: groups.include.into_iter().map(|group| group.segments).collect(),
            exclude: groups.exclude,
        }),
        None => Err(Error::invalid("targeting: neither groups nor an expression is given")
            .field("targeting")
            .hint("leave `targeting` away for everybody")),
    }
}

fn targeting_message(targeting: Targeting) -> Option<v1::UserTargeting> {
    let form = match targeting {
        Targeting::Groups { include, exclude } if include.is_empty() && exclude.is_empty() => return None,
        Targeting::Groups { include, exclude } => Form::Groups(v1::TargetingGroups {
            include: include.into_iter().map(|segments| v1::SegmentGroup { segments }).collect(),
            exclude,
        }),
        Targeting::Expression(text) => Form::Expression(text),
    };
    Some(v1::UserTargeting { form: Some(form) })
}

/// Whether an adgroup serves while an excluded segment is missing.
fn serves(number: i32) -> Result<bool> {
    match v1::OnMissingExclude::try_from(number) {
        Ok(choice) => Ok(choice == v1::OnMissingExclude::Serve),
        Err(_) => Err(Error::invalid(format!("on_missing_exclude: {number} is none that this engine knows"))
            .field("on_missing_exclude")),
    }
}

fn message(view: AdgroupView) -> v1::Adgroup {
    let etag = view.etag();
    let record = &view.record;
    let missing =
        if record.serve_on_missing_exclude { v1::OnMissingExclude::Serve } else { v1::OnMissingExclude::Hold };
    v1::Adgroup {
        name: view.name.to_string(),
        display_name: record.display_name.clone(),
        id: record.number.0,
        targeting: targeting_message(view.targeting),
        status: status_number(record.status),
        start_time: record.start.map(convert::timestamp),
        end_time: record.end.map(convert::timestamp),
        on_missing_exclude: missing.into(),
        create_time: Some(convert::timestamp(record.create_time)),
        update_time: Some(convert::timestamp(record.update_time)),
        etag,
        revision: record.revision.0,
        warnings: view.warnings.iter().map(advice).collect(),
    }
}
