//! Managing a real engine: names, refusals that leave nothing behind, repeats, etags, pages, tenants, deletions.

#[path = "management/house.rs"]
mod house;

use house::*;
use segengine::ErrorKind::{AlreadyExists, Conflict, FailedPrecondition, InvalidInput, NotFound, PermissionDenied};
use segengine::engine::caller::{Caller, Role, Tenant};
use segengine::engine::management::{
    AdgroupChanges, AdvertiserChanges, CampaignChanges, DateChange, Mutation, NewAdgroup, NewAdvertiser, NewCampaign,
    NewName, NewSegment, PageRequest, SegmentChanges, Status, Targeting,
};
use segengine::engine::{UploadSettings, UploadTarget, formats};
use segengine::ids::{AdgroupId, Revision};
use segengine::time::Timestamp;

fn exist_ok(id: &str, display_name: &str) -> NewName {
    NewName { id: id.to_owned(), display_name: display_name.to_owned(), exist_ok: true }
}

#[test]
fn everything_made_is_there_after_a_restart_under_the_same_ids() {
    let house = House::furnished();
    house.segment("acme", "Très fidèles").unwrap();
    house.adgroup("Conquête", groups(&["clients-actifs", "Très fidèles"], &["abonnes"])).unwrap();
    let before = house.seen();
    assert_eq!(before.len(), 7);
    assert_eq!(house.reopened().seen(), before);
}

#[test]
fn an_id_is_made_from_the_display_name_once_and_survives_renaming() {
    let house = House::furnished();
    let made = house.adgroup("Œuvre nº 1", Targeting::default()).unwrap();
    assert_eq!(made.name.to_string(), "advertisers/acme/campaigns/spring/adgroups/oeuvre-no-1");
    let changes = AdgroupChanges { display_name: Some("Dernière".to_owned()), ..AdgroupChanges::default() };
    let renamed = house.engine.update_adgroup(&admin(), &made.name, &changes, &Mutation::default()).unwrap();
    assert_eq!((renamed.name, renamed.record.display_name.as_str()), (made.name.clone(), "Dernière"));
    assert_eq!(renamed.record.number, made.record.number);
    let house = house.reopened();
    assert_eq!(house.engine.adgroup(&admin(), &made.name).unwrap().record.display_name, "Dernière");
    // The id is still taken, the old display name is free under an id of its own.
    assert_eq!(refused(house.adgroup("Œuvre nº 1", Targeting::default())).0, AlreadyExists);
    let name = NewName { id: "autre".to_owned(), ..NewName::of("Œuvre nº 1") };
    let new = NewAdgroup { name, ..NewAdgroup::default() };
    house.engine.create_adgroup(&admin(), &campaign("acme/spring"), &new, &Mutation::default()).unwrap();
}

#[test]
fn two_names_with_one_slug_are_refused_naming_both_also_with_exist_ok() {
    let house = House::furnished();
    let before = house.seen();
    let new = NewSegment { name: exist_ok("", "abonnes!") };
    let again = house.engine.create_segment(&admin(), &parent("acme/spring"), &new, &Mutation::default());
    for outcome in [house.segment("acme/spring", "Abonnes"), again] {
        let (kind, field, message) = refused(outcome);
        assert_eq!((kind, field.as_str()), (AlreadyExists, "display_name"));
        assert!(message.contains("\"Abonnés\"") && message.to_lowercase().contains("\"abonnes"), "{message}");
    }
    assert_eq!(house.seen(), before);
}

#[test]
fn exist_ok_answers_with_the_thing_of_that_id_and_display_name() {
    let house = House::furnished();
    let before = house.seen();
    for name in [exist_ok("", "Abonnés"), exist_ok("abonnes", ""), exist_ok("abonnes", "Abonnés")] {
        let new = NewSegment { name };
        let found = house.engine.create_segment(&admin(), &parent("acme/spring"), &new, &Mutation::default()).unwrap();
        assert_eq!(found.name.short(), "acme/spring/abonnes");
    }
    for name in [exist_ok("abonnes", "Other"), exist_ok("other", "Abonnés")] {
        let new = NewSegment { name };
        let outcome = house.engine.create_segment(&admin(), &parent("acme/spring"), &new, &Mutation::default());
        assert_eq!(refused(outcome).0, AlreadyExists);
    }
    let new = NewCampaign { name: exist_ok("spring", ""), create_parents: true, ..NewCampaign::default() };
    let spring = house.engine.create_campaign(&admin(), &advertiser("acme"), &new, &Mutation::default()).unwrap();
    assert_eq!(spring.name, campaign("acme/spring"));
    assert_eq!(house.seen(), before);
}

#[test]
fn segments_and_adgroups_of_a_campaign_share_their_ids_and_so_do_campaigns_and_shared_segments() {
    let house = House::furnished();
    let (kind, _, message) = refused(house.adgroup("abonnes", Targeting::default()));
    assert!(kind == AlreadyExists && message.contains("segment \"Abonnés\""), "{message}");
    house.adgroup("conquest", Targeting::default()).unwrap();
    assert_eq!(refused(house.segment("acme/spring", "Conquest")).0, AlreadyExists);
    assert_eq!(refused(house.segment("acme", "spring")).0, AlreadyExists);
    house.segment("acme", "shared").unwrap();
    assert_eq!(refused(house.campaign("acme/shared")).0, AlreadyExists);
    // Another campaign, and the advertiser's shared segments, are other namespaces.
    house.campaign("acme/autumn").unwrap();
    house.segment("acme/autumn", "Abonnés").unwrap();
    house.segment("acme", "Abonnés").unwrap();
}

#[test]
fn a_refused_call_leaves_everything_as_it_was() {
    let house = House::furnished();
    house.adgroup("conquest", groups(&["abonnes"], &[])).unwrap();
    let before = house.seen();
    let engine = &house.engine;
    let make = |name: NewName, settings| {
        let new = NewAdgroup { name, settings };
        refused(engine.create_adgroup(&admin(), &campaign("acme/spring"), &new, &Mutation::default()))
    };
    let named = |targeting| make(NewName::of("new"), asking(targeting));
    let mut dates = asking(Targeting::default());
    (dates.start, dates.end) = (Some(Timestamp(5)), Some(Timestamp(5)));
    let expression = |text: &str| Targeting::Expression(text.to_owned());
    let twice = Targeting::Groups {
        include: vec![vec!["abonnes".to_owned()], vec!["clients-actifs".to_owned(), "abonnes".to_owned()]],
        exclude: vec!["Abonnés".to_owned()],
    };
    let empty = Targeting::Groups { include: vec![Vec::new()], exclude: Vec::new() };
    let cases = [
        (named(groups(&["abonnes", "nobody"], &[])), NotFound, "include[0][1]"),
        (named(groups(&[], &["nobody"])), NotFound, "exclude[0]"),
        (named(empty), InvalidInput, "include[0]"),
        (named(twice), InvalidInput, "include[0]"),
        (named(expression("abonnes & nobody")), NotFound, "expression"),
        (named(expression("abonnes &")), InvalidInput, "expression"),
        (make(NewName::of("new"), dates), InvalidInput, "end_time"),
        (make(NewName::of("東京"), asking(Targeting::default())), InvalidInput, "display_name"),
        (make(NewName::default(), asking(Targeting::default())), InvalidInput, "display_name"),
        (make(exist_ok("Not A Slug", ""), asking(Targeting::default())), InvalidInput, "id"),
        (refused(house.segment("acme/winter", "x")), NotFound, "parent"),
        (
            refused(engine.delete_campaign(&admin(), &campaign("acme/spring"), "", &Mutation::default())),
            FailedPrecondition,
            "",
        ),
        (
            refused(engine.delete_advertiser(&admin(), &advertiser("acme"), "", &Mutation::default())),
            FailedPrecondition,
            "",
        ),
        (
            refused(engine.delete_segment(&admin(), &segment("acme/spring/abonnes"), "", &Mutation::default())),
            FailedPrecondition,
            "name",
        ),
        (refused(engine.adgroup(&admin(), &adgroup("acme/spring/nothing"))), NotFound, "name"),
    ];
    for (place, ((kind, field, message), wanted_kind, wanted_field)) in cases.into_iter().enumerate() {
        assert_eq!((kind, field.as_str()), (wanted_kind, wanted_field), "case {place}: {message}");
    }
    assert_eq!(house.seen(), before);
    assert_eq!(house.reopened().seen(), before);
}

#[test]
fn validating_answers_what_would_be_and_changes_nothing() {
    let house = House::furnished();
    house.adgroup("conquest", groups(&["abonnes"], &[])).unwrap();
    let before = house.seen();
    let engine = &house.engine;
    let new = NewAdgroup { name: NewName::of("Brand"), settings: asking(groups(&["abonnes"], &[])) };
    let would = engine.create_adgroup(&admin(), &campaign("acme/spring"), &new, &validate()).unwrap();
    assert_eq!((would.record.number, would.record.revision, would.etag()), (AdgroupId(2), Revision(0), String::new()));
    let changes = AdgroupChanges { status: Some(Status::Paused), ..AdgroupChanges::default() };
    let would = engine.update_adgroup(&admin(), &adgroup("acme/spring/conquest"), &changes, &validate()).unwrap();
    assert_eq!(would.record.status, Status::Paused);
    let new = NewCampaign { name: NewName::of("x"), create_parents: true, ..NewCampaign::default() };
    engine.create_campaign(&admin(), &advertiser("globex"), &new, &validate()).unwrap();
    engine.delete_adgroup(&admin(), &adgroup("acme/spring/conquest"), "", &validate()).unwrap();
    house.fill("acme/spring", "clients-actifs", 0..60);
    let before_delete = house.seen();
    engine.delete_segment(&admin(), &segment("acme/spring/clients-actifs"), "", &validate()).unwrap();
    assert_eq!(house.seen(), before_delete);
    assert_eq!(before.len(), before_delete.len());
    assert_eq!(
        refused(engine.create_adgroup(&admin(), &campaign("acme/none"), &NewAdgroup::default(), &validate())).0,
        NotFound
    );
    assert_eq!(house.reopened().seen(), before_delete);
}

#[test]
fn a_repeated_request_is_done_once_also_after_a_restart() {
    let house = House::furnished();
    let new = NewAdgroup { name: NewName::of("conquest"), ..NewAdgroup::default() };
    let create =
        |house: &House, how: &Mutation| house.engine.create_adgroup(&admin(), &campaign("acme/spring"), &new, how);
    let first = create(&house, &request("r1", "f")).unwrap();
    let after_first = house.seen();
    assert_eq!(create(&house, &request("r1", "f")).unwrap(), first);
    assert_eq!(refused(create(&house, &request("r1", "other"))).0, AlreadyExists);
    assert_eq!(refused(create(&house, &Mutation::default())).0, AlreadyExists);
    assert_eq!(house.seen(), after_first);
    let house = house.reopened();
    assert_eq!(create(&house, &request("r1", "f")).unwrap(), first);
    let delete = |how: &Mutation| house.engine.delete_adgroup(&admin(), &first.name, "", how);
    let gone = delete(&request("r2", "f")).unwrap();
    assert_eq!(delete(&request("r2", "f")).unwrap(), gone);
    assert_eq!(refused(delete(&Mutation::default())).0, NotFound);
    let (kind, field, _) = refused(create(&house, &request("r1", "f")));
    assert_eq!((kind, field.as_str()), (NotFound, "request_id"));
}

#[test]
fn an_old_etag_is_a_conflict_and_a_change_that_changes_nothing_keeps_it() {
    let house = House::furnished();
    let made = house.adgroup("conquest", Targeting::default()).unwrap();
    let update = |etag: &str, status| {
        let changes = AdgroupChanges { etag: etag.to_owned(), status: Some(status), ..AdgroupChanges::default() };
        house.engine.update_adgroup(&admin(), &made.name, &changes, &Mutation::default())
    };
    let paused = update(&made.etag(), Status::Paused).unwrap();
    assert_ne!(paused.etag(), made.etag());
    assert_eq!(update(&paused.etag(), Status::Paused).unwrap().etag(), paused.etag());
    let before = house.seen();
    let (kind, field, _) = refused(update(&made.etag(), Status::Active));
    assert_eq!((kind, field.as_str()), (Conflict, "etag"));
    let delete = |etag: &str| house.engine.delete_adgroup(&admin(), &made.name, etag, &Mutation::default());
    assert_eq!(refused(delete(&made.etag())).0, Conflict);
    let old = SegmentChanges { etag: "0".to_owned(), display_name: Some("x".to_owned()) };
    let outcome = house.engine.update_segment(&admin(), &segment("acme/spring/abonnes"), &old, &Mutation::default());
    assert_eq!(refused(outcome).0, Conflict);
    assert_eq!(house.seen(), before);
    delete(&paused.etag()).unwrap();
}

#[test]
fn pages_show_each_entry_once_while_entries_come_and_go() {
    let house = House::furnished();
    for number in 0..7 {
        house.adgroup(&format!("g{number}"), Targeting::default()).unwrap();
    }
    let list = |token: &str, size| {
        let request = PageRequest { size, token: token.to_owned(), ..PageRequest::default() };
        house.engine.adgroups(&admin(), &campaign("acme/spring"), &request)
    };
    let mut names = Vec::new();
    let mut token = String::new();
    for round in 0.. {
        let page = list(&token, 3).unwrap();
        names.extend(page.items.iter().map(|item| item.name.adgroup.clone()));
        if round == 0 {
            house.engine.delete_adgroup(&admin(), &adgroup("acme/spring/g2"), "", &Mutation::default()).unwrap();
            house.engine.delete_adgroup(&admin(), &adgroup("acme/spring/g4"), "", &Mutation::default()).unwrap();
            house.adgroup("late", Targeting::default()).unwrap();
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["g0", "g1", "g2", "g3", "g5", "g6", "late"]);
    assert_eq!(list("", 0).unwrap().items.len(), 6);
    for wrong in ["x", "1", "gc0.", "gc0.zz", "gc0.+1", "sc0.1"] {
        assert_eq!(refused(list(wrong, 3)).1, "page_token", "{wrong:?}");
    }
    let named = PageRequest { display_name: " Abonne\u{301}s".to_owned(), ..PageRequest::default() };
    let found = house.engine.segments(&admin(), &parent("acme/spring"), &named).unwrap();
    assert_eq!(found.items.iter().map(|item| item.name.segment.as_str()).collect::<Vec<_>>(), ["abonnes"]);
}

#[test]
fn what_belongs_to_another_advertiser_does_not_exist() {
    let house = House::furnished();
    house.campaign("globex/spring").unwrap();
    house.segment("globex/spring", "Secret").unwrap();
    let made = house.adgroup("conquest", Targeting::default()).unwrap();
    let before = house.seen();
    let (engine, stranger, how) = (&house.engine, console(1), Mutation::default());
    let nowhere = |name: &str| refused(engine.campaign(&stranger, &campaign(name))).2.replace(name, "…");
    assert_eq!(nowhere("acme/spring"), nowhere("nobody/spring"), "the sentence must not tell whether it exists");
    let kinds = [
        refused(engine.advertiser(&stranger, &advertiser("acme"))).0,
        refused(engine.segment(&stranger, &segment("acme/spring/abonnes"))).0,
        refused(engine.adgroup(&stranger, &made.name)).0,
        refused(engine.adgroup_by_id(&stranger, made.record.number)).0,
        refused(engine.segments(&stranger, &parent("acme/spring"), &PageRequest::default())).0,
        refused(engine.update_campaign(&stranger, &campaign("acme/spring"), &CampaignChanges::default(), &how)).0,
        refused(engine.delete_adgroup(&stranger, &made.name, "", &how)).0,
        refused(engine.create_segment(&stranger, &parent("acme"), &NewSegment { name: NewName::of("x") }, &how)).0,
        refused(engine.begin_upsert(&stranger, &campaign("acme/spring")).map(drop)).0,
    ];
    assert_eq!(kinds, [NotFound; 9]);
    assert_eq!(engine.lookup_adgroups(&stranger, &[1, 99]).unwrap(), []);
    assert_eq!(engine.lookup_adgroups(&admin(), &[99, 1]).unwrap().len(), 1);
    let listed = engine.advertisers(&stranger, &PageRequest::default()).unwrap();
    assert_eq!(listed.items.iter().map(|item| item.name.advertiser.as_str()).collect::<Vec<_>>(), ["globex"]);
    // Not even the network may let one advertiser's adgroup use another's segment.
    let (kind, field, _) = refused(house.adgroup("x", groups(&["globex/spring/secret"], &[])));
    assert_eq!((kind, field.as_str()), (InvalidInput, "include[0][0]"));
    let new = NewCampaign { name: NewName::of("x"), create_parents: true, ..NewCampaign::default() };
    assert_eq!(refused(engine.create_campaign(&stranger, &advertiser("initech"), &new, &how)).0, NotFound);
    assert_eq!(house.seen(), before);
}

#[test]
fn a_role_may_do_what_the_api_says_and_advertisers_belong_to_the_network() {
    let house = House::furnished();
    let (engine, how) = (&house.engine, Mutation::default());
    let own = |role| Caller { role, tenant: Tenant::Advertiser(segengine::ids::AdvertiserNumber(0)) };
    let before = house.seen();
    for role in [Role::Ingest, Role::Support, Role::Console, Role::Admin] {
        let new = NewAdvertiser { name: NewName::of("x"), ..NewAdvertiser::default() };
        assert_eq!(refused(engine.create_advertiser(&own(role), &new, &how)).0, PermissionDenied, "{role:?}");
        let none = AdvertiserChanges::default();
        let outcome = engine.update_advertiser(&own(role), &advertiser("acme"), &none, &how);
        assert_eq!(refused(outcome).0, PermissionDenied, "{role:?}");
    }
    let new = NewAdgroup { name: NewName::of("x"), ..NewAdgroup::default() };
    let outcome = engine.create_adgroup(&own(Role::Ingest), &campaign("acme/spring"), &new, &how);
    assert_eq!(refused(outcome).0, PermissionDenied);
    assert_eq!(refused(engine.campaign(&own(Role::AdServer), &campaign("acme/spring"))).0, PermissionDenied);
    assert_eq!(house.seen(), before);
    let new = NewSegment { name: NewName::of("x") };
    engine.create_segment(&own(Role::Ingest), &parent("acme/spring"), &new, &how).unwrap();
}

#[test]
fn a_segment_goes_only_when_nothing_uses_or_fills_it_and_takes_its_files_along() {
    let house = House::furnished();
    house.fill("acme/spring", "abonnes", 0..60);
    let made = house.adgroup("conquest", Targeting::Expression("!\"Abonnés\"".to_owned())).unwrap();
    for number in 0..11 {
        house.adgroup(&format!("g{number}"), groups(&["abonnes"], &[])).unwrap();
    }
    let abonnes = segment("acme/spring/abonnes");
    let delete = |house: &House| house.engine.delete_segment(&admin(), &abonnes, "", &Mutation::default());
    let (kind, _, message) = refused(delete(&house));
    assert_eq!(kind, FailedPrecondition);
    assert!(
        message.contains("12 adgroups")
            && message.contains("acme/spring/conquest, ")
            && message.ends_with(" and 2 more"),
        "{message}"
    );
    let changes = AdgroupChanges { targeting: Some(Targeting::default()), ..AdgroupChanges::default() };
    house.engine.update_adgroup(&admin(), &made.name, &changes, &Mutation::default()).unwrap();
    for number in 0..11 {
        house
            .engine
            .delete_adgroup(&admin(), &adgroup(&format!("acme/spring/g{number}")), "", &Mutation::default())
            .unwrap();
    }
    let target = UploadTarget::Segment(abonnes.clone());
    let upload = house.engine.begin_upload(&admin(), &target, UploadSettings::default()).unwrap();
    assert_eq!(refused(delete(&house)).0, Conflict);
    drop(upload);
    let identifier = [formats::IdentifierRef::new(formats::Kind::Network, b"single", "").ok()];
    house.engine.change_members(&admin(), &abonnes, identifier.into_iter(), true, None).unwrap();
    house.engine.drain_sweeps();
    let files = |house: &House| std::fs::read_dir(house.folder.path().join("data/files")).unwrap().count();
    let before = files(&house);
    let number = house.engine.segment(&admin(), &abonnes).unwrap().record.number;
    delete(&house).unwrap();
    house.engine.drain_sweeps();
    assert_eq!(files(&house), before - 2, "the members' file and that of the single change are gone");
    assert_eq!(refused(house.engine.segment(&admin(), &abonnes)).0, NotFound);
    assert_eq!(house.matching(1), [1]);
    let house = house.reopened();
    assert_eq!(refused(house.engine.segment(&admin(), &abonnes)).0, NotFound);
    let anew = house.segment("acme/spring", "Abonnés").unwrap();
    assert!(anew.record.number > number && !anew.size.ready, "a number is never used again");
}

#[test]
fn an_integer_id_is_never_used_again() {
    let house = House::furnished();
    let last = house.adgroup("a", Targeting::default()).unwrap();
    assert_eq!(last.record.number, AdgroupId(1));
    house.engine.delete_adgroup(&admin(), &last.name, "", &Mutation::default()).unwrap();
    let house = house.reopened();
    assert_eq!(house.adgroup("a", Targeting::default()).unwrap().record.number, AdgroupId(2));
}

#[test]
fn what_is_empty_can_be_deleted_up_to_the_advertiser() {
    let house = House::furnished();
    let (engine, how) = (&house.engine, Mutation::default());
    for name in ["acme/spring/abonnes", "acme/spring/clients-actifs"] {
        engine.delete_segment(&admin(), &segment(name), "", &how).unwrap();
    }
    engine.delete_campaign(&admin(), &campaign("acme/spring"), "", &how).unwrap();
    engine.delete_advertiser(&admin(), &advertiser("acme"), "", &how).unwrap();
    assert_eq!(house.seen().len(), 1);
    assert_eq!(house.reopened().seen().len(), 1);
}

#[test]
fn status_and_dates_decide_at_once_who_serves() {
    let house = House::furnished();
    let made = house.adgroup("conquest", Targeting::default()).unwrap();
    let update =
        |changes: AdgroupChanges| house.engine.update_adgroup(&admin(), &made.name, &changes, &Mutation::default());
    let status = |status| {
        let changes = CampaignChanges { status: Some(status), ..CampaignChanges::default() };
        house.engine.update_campaign(&admin(), &campaign("acme/spring"), &changes, &Mutation::default()).unwrap();
    };
    assert_eq!(house.matching(1), [1]);
    status(Status::Paused);
    assert!(house.matching(1).is_empty());
    status(Status::Active);
    update(AdgroupChanges { status: Some(Status::Archived), ..AdgroupChanges::default() }).unwrap();
    assert!(house.matching(1).is_empty());
    let start = DateChange::Set(Timestamp(NOW + 5));
    update(AdgroupChanges { status: Some(Status::Active), start, ..AdgroupChanges::default() }).unwrap();
    assert!(house.matching(1).is_empty());
    house.clock.set(NOW + 5);
    assert_eq!(house.matching(1), [1]);
    let end = DateChange::Set(Timestamp(NOW));
    assert_eq!(refused(update(AdgroupChanges { end, ..AdgroupChanges::default() })).1, "end_time");
    let ended = update(AdgroupChanges { start: DateChange::Clear, end, ..AdgroupChanges::default() }).unwrap();
    assert_eq!((ended.record.start, house.matching(1)), (None, Vec::new()));
    assert_eq!(ended.warnings.first().unwrap().code, "ended");
}

#[test]
fn an_advertisers_key_sees_of_a_small_segment_only_that_it_is_small() {
    let house = House::furnished();
    house.fill("acme/spring", "abonnes", 0..49);
    house.fill("acme/spring", "clients-actifs", 0..50);
    let size = |caller: &Caller, name: &str| house.engine.segment(caller, &segment(name)).unwrap().size;
    let (exact, hidden) = (size(&admin(), "acme/spring/abonnes"), size(&console(0), "acme/spring/abonnes"));
    assert_eq!(
        (exact.profile_count, exact.reachable_count, exact.identifier_count, exact.below_minimum),
        (49, 49, 49, false)
    );
    assert_eq!(
        (hidden.profile_count, hidden.reachable_count, hidden.identifier_count, hidden.below_minimum),
        (0, 0, 0, true)
    );
    assert_eq!(size(&console(0), "acme/spring/clients-actifs").profile_count, 50);
    let listed = house.engine.segments(&console(0), &parent("acme/spring"), &PageRequest::default()).unwrap();
    assert_eq!(listed.items.iter().map(|item| item.size.profile_count).collect::<Vec<_>>(), [50, 0]);
}

#[test]
fn of_many_who_create_one_name_at_once_one_does_and_all_may_have_it() {
    let house = House::furnished();
    let create = |exist_ok| {
        let name = NewName { exist_ok, ..NewName::of("Contested") };
        let new = NewSegment { name };
        house.engine.create_segment(&admin(), &parent("acme/spring"), &new, &Mutation::default())
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| create(false))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let made: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!((made.len(), outcomes.len()), (1, 8));
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|error| error.kind() == AlreadyExists));
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| create(true))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });
    assert!(found.iter().all(|found| found == made[0]));
}
