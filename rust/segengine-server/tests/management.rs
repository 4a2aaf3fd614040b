//! Management as a client meets it: masks, pages, etags, repeats, refusals with their field, bulk upserts.

use std::time::Duration;

use prost::Message;
use segengine::ErrorKind::{AlreadyExists, Conflict, FailedPrecondition, InvalidInput, NotFound, Unavailable};
use segengine::engine::{Engine, OpenOptions};
use segengine_server::clock::SystemClock;
use segengine_server::v1::{self, get_adgroup_request::Key, upsert_adgroups_request::Part, user_targeting::Form};
use segengine_server::{Failure, LocalServices};

/// Services over an engine in a folder of its own.
struct House {
    services: LocalServices,
    _folder: tempfile::TempDir,
}

impl House {
    /// The campaign acme/spring with the segments "Clients actifs" and "Abonnés".
    fn furnished() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions::new(std::sync::Arc::new(SystemClock));
        let engine = Engine::open(&folder.path().join("data"), options).unwrap();
        let house = Self { services: LocalServices::new(&engine, || Ok(())).unwrap(), _folder: folder };
        house.campaign("Spring").unwrap();
        house.segment("Clients actifs").unwrap();
        house.segment("Abonnés").unwrap();
        house
    }

    fn call<A: Message + Default>(&self, method: &str, request: &impl Message) -> Result<A, Failure> {
        let answer = self.services.unary(&format!("segengine.v1.{method}"), &request.encode_to_vec(), None)?;
        Ok(A::decode(answer).unwrap())
    }

    fn campaign(&self, display_name: &str) -> Result<v1::Campaign, Failure> {
        let campaign = v1::Campaign { display_name: display_name.to_owned(), ..Default::default() };
        let request = v1::CreateCampaignRequest {
            parent: "advertisers/acme".to_owned(),
            campaign: Some(campaign),
            create_parents: true,
            ..Default::default()
        };
        self.call("Campaigns/CreateCampaign", &request)
    }

    fn segment(&self, display_name: &str) -> Result<v1::Segment, Failure> {
        let segment = v1::Segment { display_name: display_name.to_owned(), ..Default::default() };
        let request =
            v1::CreateSegmentRequest { parent: "acme/spring".to_owned(), segment: Some(segment), ..Default::default() };
        self.call("Segments/CreateSegment", &request)
    }

    fn adgroup(&self, adgroup: v1::Adgroup) -> Result<v1::Adgroup, Failure> {
        let request =
            v1::CreateAdgroupRequest { parent: "acme/spring".to_owned(), adgroup: Some(adgroup), ..Default::default() };
        self.call("Campaigns/CreateAdgroup", &request)
    }

    fn update(&self, adgroup: v1::Adgroup, paths: Option<&[&str]>) -> Result<v1::Adgroup, Failure> {
        let update_mask = paths.map(|paths| prost_types::FieldMask { paths: owned(paths) });
        let request = v1::UpdateAdgroupRequest { adgroup: Some(adgroup), update_mask, ..Default::default() };
        self.call("Campaigns/UpdateAdgroup", &request)
    }

    fn upsert(&self, parts: Vec<Part>) -> Result<v1::UpsertAdgroupsResponse, Failure> {
        let messages = parts.into_iter().map(|part| {
            let message = v1::UpsertAdgroupsRequest { part: Some(part) };
            Ok(message.encode_to_vec().into())
        });
        let patience = Some(Duration::from_mins(1));
        let answer = self.services.client_stream("segengine.v1.Campaigns/UpsertAdgroups", messages, patience)?;
        Ok(v1::UpsertAdgroupsResponse::decode(answer).unwrap())
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn groups(include: &[&str], exclude: &[&str]) -> v1::UserTargeting {
    let include = vec![v1::SegmentGroup { segments: owned(include) }];
    v1::UserTargeting { form: Some(Form::Groups(v1::TargetingGroups { include, exclude: owned(exclude) })) }
}

fn expression(text: &str) -> v1::UserTargeting {
    v1::UserTargeting { form: Some(Form::Expression(text.to_owned())) }
}

fn named(display_name: &str) -> v1::Adgroup {
    v1::Adgroup { display_name: display_name.to_owned(), ..Default::default() }
}

fn header() -> Part {
    Part::Header(v1::UpsertHeader { parent: "acme/spring".to_owned(), ..Default::default() })
}

fn chunk(names: impl Iterator<Item = u32>) -> Part {
    let adgroups = names.map(|number| v1::AdgroupSpec {
        display_name: format!("g{number}"),
        targeting: Some(groups(&["abonnes"], &[])),
        ..Default::default()
    });
    Part::Chunk(v1::UpsertChunk { adgroups: adgroups.collect() })
}

/// A refusal as kind and field.
fn refused<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> (segengine::ErrorKind, String) {
    let failure = outcome.expect_err("this was not refused");
    (failure.kind, failure.field.unwrap_or_default())
}

#[test]
fn an_adgroup_comes_back_as_it_was_written_with_names_and_warnings() {
    let house = House::furnished();
    let targeting = Some(groups(&["Clients actifs"], &["abonnes"]));
    let status = v1::Status::Paused.into();
    let end_time = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 5_000_000 });
    let made = house.adgroup(v1::Adgroup { targeting, status, end_time, ..named("Conquête") }).unwrap();
    let spring = "advertisers/acme/campaigns/spring";
    assert_eq!((made.name.as_str(), made.id), (format!("{spring}/adgroups/conquete").as_str(), 1));
    let include = format!("{spring}/segments/clients-actifs");
    assert_eq!(made.targeting, Some(groups(&[&include], &[&format!("{spring}/segments/abonnes")])));
    assert_eq!((made.status, made.end_time, made.start_time), (status, end_time, None));
    assert_eq!(made.on_missing_exclude, v1::OnMissingExclude::Hold as i32);
    let codes: Vec<&str> = made.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["segment_not_ready", "waiting_for_segment", "below_minimum"]);
    assert!(made.warnings.iter().all(|warning| !warning.message.is_empty() && !warning.hint.is_empty()));
    for key in [Key::Name("acme/spring/conquete".to_owned()), Key::Id(1)] {
        let request = v1::GetAdgroupRequest { key: Some(key), min_revision: made.revision };
        assert_eq!(house.call::<v1::Adgroup>("Campaigns/GetAdgroup", &request).unwrap(), made);
    }
    let ahead = v1::GetAdgroupRequest { key: Some(Key::Id(1)), min_revision: made.revision + 1 };
    assert_eq!(
        refused(house.call::<v1::Adgroup>("Campaigns/GetAdgroup", &ahead)),
        (Unavailable, "min_revision".to_owned())
    );
    assert_eq!(
        refused(house.call::<v1::Adgroup>("Campaigns/GetAdgroup", &v1::GetAdgroupRequest::default())).0,
        InvalidInput
    );
    let ids = v1::LookupAdgroupsRequest { ids: vec![7, 1] };
    let found: v1::LookupAdgroupsResponse = house.call("Campaigns/LookupAdgroups", &ids).unwrap();
    assert_eq!((found.adgroups.len(), found.adgroups[0].display_name.as_str()), (1, "Conquête"));
}

#[test]
fn an_update_changes_the_fields_of_its_mask_and_no_other() {
    let house = House::furnished();
    let start_time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let made = house.adgroup(v1::Adgroup { start_time, targeting: Some(expression("abonnes")), ..named("x") }).unwrap();
    let of = |adgroup: v1::Adgroup| v1::Adgroup { name: made.name.clone(), ..adgroup };
    // Without a mask: what is set.
    let changed = house.update(of(named("y")), None).unwrap();
    assert_eq!(
        (changed.display_name.as_str(), changed.start_time, changed.targeting),
        ("y", start_time, made.targeting.clone())
    );
    // With one: what it names, also when it is not set.
    let changed = house.update(of(named("z")), Some(&["start_time", "targeting"])).unwrap();
    assert_eq!((changed.display_name.as_str(), changed.start_time, changed.targeting), ("y", None, None));
    let serve = v1::Adgroup { on_missing_exclude: v1::OnMissingExclude::Serve.into(), ..Default::default() };
    let changed = house.update(of(serve), None).unwrap();
    assert_eq!(changed.on_missing_exclude, v1::OnMissingExclude::Serve as i32);
    let changed = house.update(of(v1::Adgroup::default()), Some(&["on_missing_exclude"])).unwrap();
    assert_eq!(changed.on_missing_exclude, v1::OnMissingExclude::Hold as i32);
    let cases = [
        (house.update(of(named("z")), Some(&["id"])), InvalidInput, "update_mask"),
        (house.update(of(named("")), Some(&["display_name"])), InvalidInput, "display_name"),
        (house.update(of(v1::Adgroup::default()), Some(&["status"])), InvalidInput, "status"),
        (house.update(of(v1::Adgroup { status: 9, ..Default::default() }), None), InvalidInput, "status"),
        (house.update(of(v1::Adgroup { etag: made.etag.clone(), ..named("z") }), None), Conflict, "etag"),
        (
            house.update(
                of(v1::Adgroup { targeting: Some(v1::UserTargeting { form: None }), ..Default::default() }),
                None,
            ),
            InvalidInput,
            "targeting",
        ),
        (house.update(named("z"), None), InvalidInput, "name"),
    ];
    for (place, (outcome, kind, field)) in cases.into_iter().enumerate() {
        assert_eq!(refused(outcome), (kind, field.to_owned()), "case {place}");
    }
    let request = v1::GetAdgroupRequest { key: Some(Key::Id(1)), min_revision: 0 };
    assert_eq!(house.call::<v1::Adgroup>("Campaigns/GetAdgroup", &request).unwrap(), changed);
}

#[test]
fn a_repeated_request_is_answered_as_the_first_and_a_validated_one_does_nothing() {
    let house = House::furnished();
    let request = v1::CreateAdgroupRequest {
        parent: "acme/spring".to_owned(),
        adgroup: Some(named("conquest")),
        request_id: "r1".to_owned(),
        ..Default::default()
    };
    let create = |request: &v1::CreateAdgroupRequest| house.call::<v1::Adgroup>("Campaigns/CreateAdgroup", request);
    let would = create(&v1::CreateAdgroupRequest { validate_only: true, ..request.clone() }).unwrap();
    assert_eq!((would.revision, would.etag.as_str()), (0, ""));
    let first = create(&request).unwrap();
    assert_eq!(create(&request).unwrap(), first);
    let other = v1::CreateAdgroupRequest { adgroup_id: "other".to_owned(), ..request };
    assert_eq!(refused(create(&other)), (AlreadyExists, "request_id".to_owned()));
    let delete =
        v1::DeleteAdgroupRequest { name: first.name.clone(), request_id: "r2".to_owned(), ..Default::default() };
    let gone: v1::DeleteAdgroupResponse = house.call("Campaigns/DeleteAdgroup", &delete).unwrap();
    assert_eq!(house.call::<v1::DeleteAdgroupResponse>("Campaigns/DeleteAdgroup", &delete).unwrap(), gone);
}

#[test]
fn lists_go_page_by_page() {
    let house = House::furnished();
    let list = |size: i32, token: &str| {
        let request = v1::ListSegmentsRequest {
            parent: "acme/spring".to_owned(),
            page_size: size,
            page_token: token.to_owned(),
            ..Default::default()
        };
        house.call::<v1::ListSegmentsResponse>("Segments/ListSegments", &request)
    };
    let first = list(1, "").unwrap();
    let second = list(1, &first.next_page_token).unwrap();
    let names = [&first.segments[0].display_name, &second.segments[0].display_name];
    assert_eq!((names, second.next_page_token.as_str()), ([&"Clients actifs".to_owned(), &"Abonnés".to_owned()], ""));
    assert_eq!(list(0, "").unwrap().segments.len(), 2);
    assert_eq!(refused(list(-1, "")), (InvalidInput, "page_size".to_owned()));
    assert_eq!(refused(list(1, "x")), (InvalidInput, "page_token".to_owned()));
    let all: v1::ListAdvertisersResponse =
        house.call("Campaigns/ListAdvertisers", &v1::ListAdvertisersRequest::default()).unwrap();
    assert_eq!(all.advertisers[0].name, "advertisers/acme");
    let request = v1::ListCampaignsRequest { parent: "acme".to_owned(), ..Default::default() };
    let all: v1::ListCampaignsResponse = house.call("Campaigns/ListCampaigns", &request).unwrap();
    assert_eq!(all.campaigns[0].name, "advertisers/acme/campaigns/spring");
}

#[test]
fn a_used_segment_stays_and_the_refusal_names_its_adgroups() {
    let house = House::furnished();
    let made = house.adgroup(v1::Adgroup { targeting: Some(expression("!\"Abonnés\"")), ..named("brand") }).unwrap();
    let delete = |name: &str| {
        let request = v1::DeleteSegmentRequest { name: name.to_owned(), ..Default::default() };
        house.call::<v1::DeleteSegmentResponse>("Segments/DeleteSegment", &request)
    };
    let failure = delete("acme/spring/abonnes").unwrap_err();
    assert!(failure.kind == FailedPrecondition && failure.message.contains("acme/spring/brand"), "{failure:?}");
    let everybody = v1::Adgroup { name: made.name, ..Default::default() };
    house.update(everybody, Some(&["targeting"])).unwrap();
    assert!(delete("acme/spring/abonnes").unwrap().revision > made.revision);
    assert_eq!(refused(delete("acme/spring/abonnes")).0, NotFound);
}

#[test]
fn an_upsert_is_all_or_nothing_over_any_number_of_chunks() {
    let house = House::furnished();
    let mut parts = vec![header()];
    parts.extend((0..10).map(|part| chunk(part * 100..part * 100 + 100)));
    let done = house.upsert(parts.clone()).unwrap();
    assert!(done.ids.iter().copied().eq(1..=1_000));
    assert_eq!((done.created, done.updated), (1_000, 0));
    let again = house.upsert(parts).unwrap();
    assert_eq!((again.ids, again.created, again.updated), (done.ids, 0, 1_000));
    let wrong =
        v1::AdgroupSpec { display_name: "x".to_owned(), targeting: Some(groups(&["none"], &[])), ..Default::default() };
    let no_form = v1::AdgroupSpec { targeting: Some(v1::UserTargeting { form: None }), ..wrong.clone() };
    let last = |spec: &v1::AdgroupSpec| {
        let last = Part::Chunk(v1::UpsertChunk { adgroups: vec![spec.clone()] });
        refused(house.upsert(vec![header(), chunk(2_000..2_017), last]))
    };
    assert_eq!(last(&wrong), (NotFound, "adgroups[17].include[0][0]".to_owned()));
    assert_eq!(last(&no_form), (InvalidInput, "adgroups[17].targeting".to_owned()));
    assert_eq!(refused(house.upsert(vec![chunk(2_000..2_001)])).1, "header");
    assert_eq!(refused(house.upsert(vec![header(), chunk(2_000..2_001), header()])).0, InvalidInput);
    let missing = Part::Header(v1::UpsertHeader { parent: "acme/winter".to_owned(), ..Default::default() });
    assert_eq!(refused(house.upsert(vec![missing, chunk(0..1)])), (NotFound, "parent".to_owned()));
    let all = v1::ListAdgroupsRequest { parent: "acme/spring".to_owned(), page_size: 1_000, ..Default::default() };
    let all: v1::ListAdgroupsResponse = house.call("Campaigns/ListAdgroups", &all).unwrap();
    assert_eq!((all.adgroups.len(), all.next_page_token.as_str()), (1_000, ""));
}

#[test]
fn a_repeated_upsert_is_told_from_another_by_all_of_its_chunks() {
    let house = House::furnished();
    let with_id = |last: u32| {
        let header =
            v1::UpsertHeader { parent: "acme/spring".to_owned(), request_id: "r".to_owned(), validate_only: false };
        house.upsert(vec![Part::Header(header), chunk(0..3), chunk(3..last)])
    };
    let first = with_id(5).unwrap();
    assert_eq!(with_id(5).unwrap(), first);
    assert_eq!(refused(with_id(6)), (AlreadyExists, "request_id".to_owned()));
}
