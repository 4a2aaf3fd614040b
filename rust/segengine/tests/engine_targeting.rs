//! User targeting as it is written and as it is shown, what is warned of, and many adgroups written at once.

#[path = "management/house.rs"]
#[expect(dead_code, reason = "shared with the tests of management")]
mod house;

use std::time::Instant;

use house::*;
use segengine::ErrorKind::{AlreadyExists, InvalidInput, LimitExceeded, NotFound};
use segengine::engine::SetQuery;
use segengine::engine::management::{
    AdgroupChanges, AdgroupSettings, AdgroupSpec, AdgroupView, Mutation, NewAdgroup, NewName, NewSegment, PageRequest,
    SegmentChanges, Status, Targeting, Upsert, Upserted,
};
use segengine::limits;

fn expression(text: &str) -> Targeting {
    Targeting::Expression(text.to_owned())
}

fn spec(id: &str, display_name: &str, targeting: Targeting) -> AdgroupSpec {
    AdgroupSpec { id: id.to_owned(), display_name: display_name.to_owned(), settings: asking(targeting) }
}

fn codes(view: &AdgroupView) -> Vec<&'static str> {
    view.warnings.iter().map(|warning| warning.code).collect()
}

impl House {
    fn upsert(&self) -> Upsert {
        self.engine.begin_upsert(&admin(), &campaign("acme/spring")).unwrap()
    }

    fn upserted(&self, specs: Vec<AdgroupSpec>) -> segengine::Result<Upserted> {
        let mut upsert = self.upsert();
        specs.into_iter().try_for_each(|spec| upsert.push(spec))?;
        upsert.finish(&Mutation::default())
    }

    fn segment_with_id(&self, place: &str, id: &str, display_name: &str) {
        let name = NewName { id: id.to_owned(), ..NewName::of(display_name) };
        let new = NewSegment { name };
        self.engine.create_segment(&admin(), &parent(place), &new, &Mutation::default()).unwrap();
    }
}

#[test]
fn names_are_ids_display_names_or_resource_names_and_come_back_as_resource_names() {
    let house = House::furnished();
    house.segment("acme", "Très fidèles").unwrap();
    house.campaign("acme/autumn").unwrap();
    house.segment("acme/autumn", "Old").unwrap();
    let written = Targeting::Groups {
        include: vec![
            vec!["Clients actifs".to_owned(), "advertisers/acme/segments/tres-fideles".to_owned()],
            vec!["autumn/old".to_owned(), "acme/autumn/old".to_owned()],
        ],
        exclude: vec!["abonnes".to_owned(), "Abonne\u{301}s".to_owned()],
    };
    let spring = "advertisers/acme/campaigns/spring/segments";
    let shown = Targeting::Groups {
        include: vec![
            vec![format!("{spring}/clients-actifs"), "advertisers/acme/segments/tres-fideles".to_owned()],
            vec!["advertisers/acme/campaigns/autumn/segments/old".to_owned()],
        ],
        exclude: vec![format!("{spring}/abonnes")],
    };
    let made = house.adgroup("conquest", written).unwrap();
    assert_eq!(made.targeting, shown);
    let again = AdgroupChanges { targeting: Some(shown), ..AdgroupChanges::default() };
    let same = house.engine.update_adgroup(&admin(), &made.name, &again, &Mutation::default()).unwrap();
    assert_eq!(same.record, made.record, "what is shown can be written back and is the same");
    assert_eq!(house.adgroup("all", Targeting::default()).unwrap().targeting, Targeting::default());
}

#[test]
fn an_expression_is_shown_with_names_that_read_back_to_the_same_segments() {
    let house = House::furnished();
    house.campaign("acme/autumn").unwrap();
    for (place, id, name) in [
        ("acme/spring", "and", "And"),
        ("acme/spring", "both", "Both here"),
        ("acme", "both", "Both shared"),
        ("acme/spring", "hidden", "Hidden"),
        ("acme", "hidden", "Hidden"),
        ("acme/autumn", "hidden", "Hidden"),
        ("acme", "quoted", "Say \"hi\" \\ there"),
    ] {
        house.segment_with_id(place, id, name);
    }
    let text = "(\"And\" | both | acme/both) & !hidden & (acme/hidden | autumn/hidden | quoted) & !\"Clients actifs\"";
    let made = house.adgroup("conquest", expression(text)).unwrap();
    let Targeting::Expression(shown) = &made.targeting else { panic!("{:?}", made.targeting) };
    assert_eq!(
        shown,
        "(\"And\" | both | \"Both shared\") & !hidden & (acme/hidden | autumn/hidden | quoted) & !clients-actifs"
    );
    let again = AdgroupChanges { targeting: Some(expression(shown)), ..AdgroupChanges::default() };
    let same = house.engine.update_adgroup(&admin(), &made.name, &again, &Mutation::default()).unwrap();
    assert_eq!(same.record, made.record);
}

#[test]
fn renaming_a_segment_changes_what_is_shown_and_not_who_matches() {
    let house = House::furnished();
    house.fill("acme/spring", "abonnes", 0..60);
    let made = house.adgroup("conquest", expression("\"Abonnés\"")).unwrap();
    let rename = SegmentChanges { display_name: Some("Lecteurs".to_owned()), ..SegmentChanges::default() };
    house.engine.update_segment(&admin(), &segment("acme/spring/abonnes"), &rename, &Mutation::default()).unwrap();
    house.segment_with_id("acme/spring", "autres", "Abonnés");
    assert_eq!((house.matching(1), house.matching(61)), (vec![1], Vec::new()));
    let shown = house.engine.adgroup(&admin(), &made.name).unwrap();
    assert_eq!((shown.targeting, shown.record), (expression("abonnes"), made.record));
    let house = house.reopened();
    assert_eq!((house.matching(1), house.matching(61)), (vec![1], Vec::new()));
}

#[test]
fn warnings_say_what_serves_nobody_and_go_by_themselves() {
    let house = House::furnished();
    let include = house.adgroup("include", groups(&["clients-actifs"], &[])).unwrap();
    assert_eq!(codes(&include), ["segment_not_ready", "below_minimum"]);
    let exclude = house.adgroup("exclude", groups(&[], &["abonnes"])).unwrap();
    assert_eq!(codes(&exclude), ["waiting_for_segment", "below_minimum"]);
    let settings = AdgroupSettings { serve_on_missing_exclude: true, ..asking(groups(&[], &["abonnes"])) };
    let open = NewAdgroup { name: NewName::of("open"), settings };
    let open = house.engine.create_adgroup(&admin(), &campaign("acme/spring"), &open, &Mutation::default()).unwrap();
    assert_eq!(codes(&open), ["serving_without_exclude", "below_minimum"]);
    assert_eq!(house.matching(1), [3], "only the one that was told to serves without its exclude");

    house.fill("acme/spring", "abonnes", 0..200);
    house.fill("acme/spring", "clients-actifs", 0..100);
    let within = house.adgroup("within", groups(&["clients-actifs"], &["abonnes"])).unwrap();
    assert_eq!(codes(&within), ["include_within_exclude", "below_minimum"]);
    let never = house.adgroup("never", expression("abonnes & !abonnes")).unwrap();
    assert_eq!(codes(&never), ["contradictory", "below_minimum"]);
    let small = house.adgroup("small", expression("abonnes & !clients-actifs")).unwrap();
    assert_eq!(codes(&small), [""; 0]);
    let again = |view: &AdgroupView| codes(&house.engine.adgroup(&admin(), &view.name).unwrap());
    assert_eq!((again(&include), again(&open)), (vec![], vec!["below_minimum"]));
    assert_eq!((house.matching(150), house.matching(201)), (vec![6], vec![2, 3]));

    let listed = house.engine.adgroups(&admin(), &campaign("acme/spring"), &PageRequest::default()).unwrap();
    let listed: Vec<_> = listed.items.iter().map(codes).collect();
    assert_eq!(listed, [vec![], vec![], vec![], vec![], vec!["contradictory"], vec![]]);
}

#[test]
fn an_upsert_creates_and_replaces_in_order_and_keeps_integer_ids() {
    let house = House::furnished();
    house.adgroup("one", groups(&["abonnes"], &[])).unwrap();
    house.adgroup("two", Targeting::default()).unwrap();
    let create_time = house.engine.adgroup(&admin(), &adgroup("acme/spring/one")).unwrap().record.create_time;
    house.clock.set(NOW + 1_000);
    let specs = vec![
        spec("", "Nouveau", Targeting::default()),
        // Two adgroups pass their display names to each other in one step.
        spec("two", "one", Targeting::default()),
        spec("one", "two", expression("abonnes | clients-actifs")),
    ];
    let done = house.upserted(specs).unwrap();
    assert_eq!((done.ids.as_slice(), done.created, done.updated), ([3, 2, 1].as_slice(), 1, 2));
    let house = house.reopened();
    let one = house.engine.adgroup(&admin(), &adgroup("acme/spring/one")).unwrap();
    assert_eq!(
        (one.record.number.0, one.record.display_name.as_str(), one.record.create_time),
        (1, "two", create_time)
    );
    assert_eq!(one.record.update_time.0, NOW + 1_000);
    assert_eq!(one.targeting, expression("abonnes | clients-actifs"));
    // Without an id, the display name says which one is meant.
    assert_eq!(house.upserted(vec![spec("", "two", Targeting::default())]).unwrap().ids, [1]);
}

#[test]
fn an_upsert_that_is_refused_anywhere_changes_nothing() {
    let house = House::furnished();
    house.adgroup("Été", Targeting::default()).unwrap();
    let before = house.seen();
    let fine = |number: u32| spec("", &format!("g{number}"), groups(&["abonnes"], &[]));
    let with = |last: AdgroupSpec| refused(house.upserted((0..17).map(fine).chain([last]).collect()));
    let mut ended = fine(17);
    (ended.settings.start, ended.settings.end) =
        (Some(segengine::time::Timestamp(2)), Some(segengine::time::Timestamp(1)));
    let cases = [
        (with(spec("", "x", groups(&["nobody"], &[]))), NotFound, "adgroups[17].include[0][0]"),
        (with(spec("", "x", groups(&["abonnes"], &["abonnes"]))), InvalidInput, "adgroups[17].include[0]"),
        (with(spec("", "x", expression("a &"))), InvalidInput, "adgroups[17].expression"),
        (with(spec("", "", Targeting::default())), InvalidInput, "adgroups[17].display_name"),
        (with(ended), InvalidInput, "adgroups[17].end_time"),
        (with(spec("g3", "other", Targeting::default())), AlreadyExists, "adgroups[17].display_name"),
        (with(spec("other", "g3", Targeting::default())), AlreadyExists, "adgroups[17].display_name"),
        (with(spec("", "Ete", Targeting::default())), AlreadyExists, "adgroups[17].display_name"),
        (with(spec("abonnes", "x", Targeting::default())), AlreadyExists, "adgroups[17].display_name"),
    ];
    for (place, ((kind, field, message), wanted_kind, wanted_field)) in cases.into_iter().enumerate() {
        assert_eq!((kind, field.as_str()), (wanted_kind, wanted_field), "case {place}: {message}");
        assert!(message.starts_with("adgroups[17]: "), "{message}");
    }
    assert_eq!(house.seen(), before);
    // Dropped half-way, only validated, or overtaken by the deletion of what it names: nothing either.
    let mut upsert = house.upsert();
    upsert.push(fine(0)).unwrap();
    drop(upsert);
    let mut upsert = house.upsert();
    upsert.push(fine(0)).unwrap();
    let would = upsert.finish(&validate()).unwrap();
    assert_eq!(
        (would.ids.as_slice(), would.created, would.written.revision),
        ([2].as_slice(), 1, house.engine.revision())
    );
    assert_eq!(house.seen(), before);
    let mut upsert = house.upsert();
    upsert.push(fine(0)).unwrap();
    house.engine.delete_segment(&admin(), &segment("acme/spring/abonnes"), "", &Mutation::default()).unwrap();
    let without = house.seen();
    let (kind, _, message) = refused(upsert.finish(&Mutation::default()));
    assert!(kind == NotFound && message.contains("acme/spring/abonnes"), "{message}");
    assert_eq!(house.seen(), without);
    assert_eq!(house.reopened().seen(), without);
}

/// One resolver of names under two rules: an adgroup uses the segments of its own advertiser, whoever writes it; a question
/// may be about whatever the caller sees.
#[test]
fn an_adgroup_keeps_to_its_advertiser_and_a_question_to_what_is_seen() {
    let house = House::furnished();
    house.campaign("globex/fall").unwrap();
    house.segment("globex/fall", "Strangers").unwrap();
    house.fill("globex/fall", "Strangers", 0..9);
    house.fill("acme/spring", "Clients actifs", 3..20);
    let strangers = "globex/fall/strangers";
    let nested = expression(&format!("abonnes | {strangers}"));
    for written in [groups(&[strangers], &[]), groups(&["abonnes"], &[strangers]), nested] {
        let (kind, _, message) = refused(house.adgroup("x", written));
        assert!(kind == InvalidInput && message.contains("another advertiser"), "{message}");
    }
    let of_groups = |include: &[&str], exclude: &[&str]| {
        let Targeting::Groups { include, exclude } = groups(include, exclude) else { unreachable!() };
        SetQuery::Groups { parent: Some(parent("acme/spring")), include, exclude }
    };
    let text = format!("clients-actifs & {strangers}");
    let of_text = SetQuery::Expression { parent: Some(parent("acme/spring")), text };
    let queries = [of_groups(&[strangers], &[]), of_groups(&["Clients actifs"], &[strangers]), of_text];
    let counted = queries.each_ref().map(|query| house.engine.count(&admin(), query).unwrap().0.profiles);
    assert_eq!(counted, [9, 11, 6]);
    for query in &queries {
        assert_eq!(refused(house.engine.count(&console(1), query)).0, NotFound, "who does not see it is told nothing");
    }
    assert_eq!(refused(house.engine.count(&admin(), &of_groups(&["nobody"], &[]))).1, "include[0][0]");
}

#[test]
fn a_repeated_upsert_answers_as_the_first() {
    let house = House::furnished();
    let run = |house: &House, how: &Mutation| {
        let mut upsert = house.upsert();
        ["a", "b", "c"].iter().try_for_each(|name| upsert.push(spec("", name, Targeting::default()))).unwrap();
        upsert.finish(how)
    };
    house.adgroup("b", Targeting::default()).unwrap();
    let first = run(&house, &request("r", "f")).unwrap();
    assert_eq!((first.ids.as_slice(), first.created, first.updated), ([2, 1, 3].as_slice(), 2, 1));
    let seen = house.seen();
    assert_eq!(run(&house, &request("r", "f")).unwrap(), first);
    assert_eq!(refused(run(&house, &request("r", "g"))).0, AlreadyExists);
    let house = house.reopened();
    assert_eq!(run(&house, &request("r", "f")).unwrap(), first);
    assert_eq!(house.seen(), seen);
}

#[test]
fn a_hundred_thousand_adgroups_are_written_in_one_step_within_seconds() {
    let house = House::furnished();
    for number in 0..60 {
        house.segment("acme/spring", &format!("s{number}")).unwrap();
    }
    house.fill("acme/spring", "s7", 0..60);
    let name = |number: u32| format!("s{}", number % 60);
    let many = |last: Option<AdgroupSpec>| {
        let specs = (0..100_000).map(|number: u32| {
            let include = [name(number), name(number / 60), name(number / 3_600)];
            let include: Vec<&str> = include.iter().map(String::as_str).collect();
            spec("", &format!("Adgroup {number}"), groups(&include, &[]))
        });
        house.upserted(specs.chain(last).collect())
    };
    let (before, started) = (house.seen(), Instant::now());
    let (kind, field, _) = refused(many(Some(spec("", "Adgroup 5", Targeting::default()))));
    assert_eq!((kind, field.as_str()), (AlreadyExists, "adgroups[100000].display_name"));
    assert_eq!(house.seen(), before);
    let refused_after = started.elapsed();
    let started = Instant::now();
    let done = many(None).unwrap();
    let created_after = started.elapsed();
    assert!(done.ids.iter().copied().eq(1..=100_000));
    let expected = (0..100_000).filter(|number| [number % 60, number / 60 % 60, number / 3_600 % 60].contains(&7));
    assert!(house.matching(1).into_iter().eq(expected.map(|number| number + 1)));
    let started = Instant::now();
    let again = many(None).unwrap();
    assert_eq!((again.created, again.updated, again.ids), (0, 100_000, done.ids));
    let replaced_after = started.elapsed();
    println!(
        "100,000 adgroups: refused in {refused_after:?}, created in {created_after:?}, replaced in {replaced_after:?}"
    );
    let started = Instant::now();
    let house = house.reopened();
    println!("reopened in {:?}", started.elapsed());
    assert_eq!(house.matching(61).len(), 0);
    assert_eq!(house.engine.adgroup(&admin(), &adgroup("acme/spring/adgroup-99999")).unwrap().record.number.0, 100_000);
    assert!(created_after.as_secs() < 30, "{created_after:?}");
}

#[test]
fn bounds_are_refused_as_bounds() {
    let house = House::furnished();
    let text = vec!["abonnes"; limits::EXPRESSION_LITERALS + 1].join(" | ");
    assert_eq!(refused(house.adgroup("x", expression(&text))).0, LimitExceeded);
    let group = vec!["abonnes".to_owned(); 2];
    let wide = Targeting::Groups { include: vec![group; limits::EXPRESSION_LITERALS + 1], exclude: Vec::new() };
    assert_eq!(refused(house.adgroup("x", wide)).0, LimitExceeded);
    let long = "n".repeat(limits::DISPLAY_NAME_BYTES + 1);
    assert_eq!(refused(house.adgroup(&long, Targeting::default())).0, LimitExceeded);
    let ids = vec![1; limits::CANDIDATES_PER_REQUEST + 1];
    assert_eq!(refused(house.engine.lookup_adgroups(&admin(), &ids)).0, LimitExceeded);
    assert_eq!(house.matching(1), [0_u32; 0]);
    let paused = AdgroupSettings { status: Status::Paused, ..AdgroupSettings::default() };
    let new = NewAdgroup { name: NewName::of("paused"), settings: paused };
    house.engine.create_adgroup(&admin(), &campaign("acme/spring"), &new, &Mutation::default()).unwrap();
    assert_eq!(house.matching(1), [0_u32; 0]);
}
