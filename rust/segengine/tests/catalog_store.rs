//! The catalog: what was committed comes back, what was not never was, and damage is named.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use segengine::ErrorKind;
use segengine::catalog::{
    Adgroup, Advertiser, Campaign, Catalog, Kind, MemberDelta, Model, RequestRecord, Scope, Segment, SegmentKind,
    SegmentState, Status, StoredTargeting, Version, VersionState,
};
use segengine::ids::{
    AdgroupId, AdvertiserNumber, CampaignNumber, GenerationNumber, Revision, SegmentNumber, SlotNumber,
};
use segengine::time::Timestamp;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn advertiser(number: u32, id: &str) -> Advertiser {
    Advertiser {
        number: AdvertiserNumber(number),
        id: id.to_owned(),
        display_name: format!("Advertiser {id}"),
        allow_raw_emails: false,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(1),
    }
}

fn campaign(number: u32, advertiser: u32, id: &str) -> Campaign {
    Campaign {
        number: CampaignNumber(number),
        advertiser: AdvertiserNumber(advertiser),
        id: id.to_owned(),
        display_name: format!("Campaign {id}"),
        status: Status::Active,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(1),
    }
}

fn segment(number: u32, id: &str) -> Segment {
    Segment {
        number: SegmentNumber(number),
        advertiser: AdvertiserNumber(0),
        campaign: Some(CampaignNumber(0)),
        id: id.to_owned(),
        display_name: format!("Segment {id}"),
        kind: SegmentKind::Crm,
        state: SegmentState::Empty,
        live_version: None,
        report: Some("{\"rows\":\"é\"}".to_owned()),
        failure: None,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(2),
    }
}

fn adgroup(number: u32, id: &str) -> Adgroup {
    Adgroup {
        number: AdgroupId(number),
        campaign: CampaignNumber(0),
        id: id.to_owned(),
        display_name: format!("Adgroup {id}"),
        status: Status::Paused,
        start: Some(NOW),
        end: None,
        targeting: StoredTargeting::Groups {
            include: vec![vec![SegmentNumber(0), SegmentNumber(1)]],
            exclude: vec![SegmentNumber(2)],
        },
        serve_on_missing_exclude: false,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(3),
    }
}

fn version(number: u64, segment: u32, slot: SlotNumber) -> Version {
    Version {
        number,
        segment: SegmentNumber(segment),
        slot,
        file: format!("members-{number}.1.00000000"),
        identifiers: 1,
        state: VersionState::Live,
        accepted: Revision(5),
        create_time: NOW,
    }
}

/// Rewrites the database as a person with `sqlite3` would, while nobody has it open.
fn by_hand(directory: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(directory.join("catalog.sqlite")).unwrap();
    connection.execute_batch(statement).unwrap();
}

#[test]
fn what_was_committed_comes_back_and_what_was_dropped_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    write.put(advertiser(0, "acme")).unwrap();
    write.put(campaign(0, 0, "spring")).unwrap();
    write.put(segment(0, "actifs")).unwrap();
    write.put(adgroup(1, "conquest")).unwrap();
    write.set_meta("key_id", "abc").unwrap();
    assert!(catalog.read().advertisers.is_empty(), "a reader saw a write before its commit");
    write.commit().unwrap();
    let committed = catalog.read();

    let mut dropped = catalog.write().unwrap();
    dropped.put(Advertiser { display_name: "Renamed".to_owned(), ..advertiser(0, "acme") }).unwrap();
    dropped.put(advertiser(1, "other")).unwrap();
    dropped.remove::<Segment>(0).unwrap();
    dropped.set_meta("key_id", "def").unwrap();
    dropped.set_meta("new", "1").unwrap();
    assert_eq!(dropped.model().by_id(Scope::Network, Kind::Advertiser, "other"), Some(1));
    drop(dropped);
    assert_eq!(*catalog.read(), *committed);
    // The writer's own model went back too: an empty write publishes it.
    catalog.write().unwrap().commit().unwrap();
    assert_eq!(*catalog.read(), *committed);
    drop(catalog);
    assert_eq!(*Catalog::open(folder.path()).unwrap().read(), *committed);
}

#[test]
fn a_reader_never_waits_for_a_writer_and_keeps_what_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let empty = catalog.read();
    for number in 0..4 {
        let mut write = catalog.write().unwrap();
        write.put(advertiser(number, &format!("a{number}"))).unwrap();
        assert_eq!(catalog.read().advertisers.len(), number as usize);
        write.commit().unwrap();
        assert_eq!(catalog.read().advertisers.len(), number as usize + 1);
    }
    assert!(empty.advertisers.is_empty());
}

#[test]
fn counters_are_never_reused_not_even_after_deletions_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut given = Vec::new();
    for _ in 0..3 {
        let catalog = Catalog::open(folder.path()).unwrap();
        let mut write = catalog.write().unwrap();
        let number = write.next_dense("advertisers", 1 << 24).unwrap();
        given.push(number);
        write.put(advertiser(number, "acme")).unwrap();
        write.commit().unwrap();
        let mut write = catalog.write().unwrap();
        write.remove::<Advertiser>(u64::from(number)).unwrap();
        write.commit().unwrap();
        assert!(catalog.read().advertisers.is_empty());
    }
    assert_eq!(given, [0, 1, 2]);
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    let error = write.next_dense("advertisers", 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_generation_never_falls() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    write.set_generation(GenerationNumber(7)).unwrap();
    write.commit().unwrap();
    let mut write = catalog.write().unwrap();
    assert_eq!(write.set_generation(GenerationNumber(7)).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(write.set_generation(GenerationNumber(6)).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn a_slot_is_given_again_only_after_its_version_was_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    write.put(segment(0, "s")).unwrap();
    let slots = write.reserve_slots(2).unwrap();
    assert_eq!(slots, [SlotNumber(0), SlotNumber(1)]);
    write
        .put(MemberDelta { number: 1, segment: SegmentNumber(0), revision: Revision(5), file: "changes-8".to_owned() })
        .unwrap();
    write
        .put(MemberDelta { number: 2, segment: SegmentNumber(0), revision: Revision(6), file: "changes-9".to_owned() })
        .unwrap();
    write.publish_version(&version(1, 0, slots[0])).unwrap();
    assert_eq!(write.model().deltas.keys().copied().collect::<Vec<_>>(), [2], "the file does not reflect revision 6");
    write.publish_version(&version(2, 0, slots[1])).unwrap();
    assert_eq!(write.reserve_slots(1).unwrap(), [SlotNumber(2)], "a retired slot may still be in records");
    let freed = write.forget_versions(&slots.iter().map(|slot| slot.0).collect()).unwrap();
    assert_eq!(freed, ["members-1.1.00000000"], "the live version stays");
    assert_eq!(write.reserve_slots(2).unwrap(), [SlotNumber(0), SlotNumber(3)]);
    write.commit().unwrap();
    let named = catalog.read();
    assert_eq!(named.named_files().into_iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
}

#[test]
fn one_slug_belongs_to_one_thing_and_the_refusal_names_both() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    write.put(segment(0, "actifs")).unwrap();
    write.commit().unwrap();
    let model = catalog.read();
    let scope = Scope::Campaign(0);
    let error = model.check_free(scope, Kind::Adgroup, None, "actifs", "Actifs!").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.message().contains("Actifs!") && error.message().contains("Segment actifs"), "{error}");
    assert!(model.check_free(scope, Kind::Segment, Some(0), "actifs", "Segment actifs").is_ok());
    assert!(model.check_free(scope, Kind::Segment, None, "autre", "Segment actifs").is_err());
    assert!(model.check_free(Scope::Campaign(1), Kind::Segment, None, "actifs", "Segment actifs").is_ok());
}

#[test]
fn names_may_change_places_within_one_write() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    write.put(advertiser(0, "x")).unwrap();
    write.put(advertiser(1, "y")).unwrap();
    write.commit().unwrap();
    for _ in 0..3 {
        let mut write = catalog.write().unwrap();
        let (zero, one) = (write.model().advertisers[&0].clone(), write.model().advertisers[&1].clone());
        write.put(advertiser(0, "aside")).unwrap();
        write.put(advertiser(1, &zero.id)).unwrap();
        write.put(advertiser(0, &one.id)).unwrap();
        write.commit().unwrap();
        assert_eq!(catalog.read().contradictions(), Vec::<String>::new());
        assert_eq!(catalog.read().by_id(Scope::Network, Kind::Advertiser, "aside"), None);
    }
}

#[test]
fn a_hundred_thousand_adgroups_fit_one_write() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let started = std::time::Instant::now();
    let mut write = catalog.write().unwrap();
    for number in 1..=100_000 {
        write.put(adgroup(number, &format!("adgroup-{number}"))).unwrap();
    }
    write.commit().unwrap();
    let written = started.elapsed();
    let started = std::time::Instant::now();
    catalog.write().unwrap().commit().unwrap();
    let caught_up = started.elapsed();
    let before = catalog.read();
    drop(catalog);
    let started = std::time::Instant::now();
    assert_eq!(*Catalog::open(folder.path()).unwrap().read(), *before);
    println!("written {written:?}, the next write {caught_up:?}, opened {:?}", started.elapsed());
}

#[test]
fn a_changed_row_is_named_and_a_lost_row_is_missed() {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let mut write = catalog.write().unwrap();
        write.put(advertiser(0, "acme")).unwrap();
        write.put(advertiser(1, "bolt")).unwrap();
        write.set_meta("key_id", "abc").unwrap();
        write.commit().unwrap();
        folder
    };
    let refused = |statement: &str| {
        let folder = make();
        by_hand(folder.path(), statement);
        let error = Catalog::open(folder.path()).err().unwrap_or_else(|| panic!("opened after {statement}"));
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{statement}: {error}");
        error.message().to_owned()
    };
    assert!(refused("UPDATE advertisers SET record = replace(record, 'bolt', 'bolu')").contains("advertisers row 1"));
    assert!(refused("UPDATE meta SET value = 'abd' WHERE key = 'key_id'").contains("meta row key_id"));
    assert!(refused("UPDATE advertisers SET number = 7 WHERE number = 1").contains("advertisers row 7"));
    assert!(refused("DELETE FROM advertisers WHERE number = 1").contains("some are missing"));
    assert!(refused("DELETE FROM meta WHERE key = 'rows'").contains("some are missing"));
    assert!(refused("DROP TABLE link_runs").contains("link_runs"));
}

#[test]
fn no_flipped_bit_in_the_database_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    for number in 0..40 {
        write.put(segment(number, &format!("segment-{number}"))).unwrap();
    }
    write.commit().unwrap();
    let expected = catalog.read();
    catalog.close().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let whole = std::fs::read(&path).unwrap();
    let mut found = 0;
    // A prime stride, so that every kind of place (headers, pointers, keys, text, free space) is hit.
    for bit in (0..whole.len() * 8).step_by(1_009) {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &damaged).unwrap();
        match Catalog::open(folder.path()) {
            Ok(opened) => assert_eq!(*opened.read(), *expected, "a flipped bit {bit} was served"),
            Err(_) => found += 1,
        }
        let _ = std::fs::remove_file(folder.path().join("catalog.sqlite-wal"));
    }
    assert!(found > 20, "only {found} flips were found: the damage did not reach the rows");
}

#[test]
fn a_foreign_or_newer_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    by_hand(folder.path(), "CREATE TABLE mine (a); INSERT INTO mine VALUES (1);");
    let before = std::fs::read(folder.path().join("catalog.sqlite")).unwrap();
    assert_eq!(Catalog::open(folder.path()).err().unwrap().kind(), ErrorKind::Corrupted);
    assert_eq!(std::fs::read(folder.path().join("catalog.sqlite")).unwrap(), before);

    std::fs::write(folder.path().join("catalog.sqlite"), "not a database, but long enough to be one ".repeat(40))
        .unwrap();
    assert_eq!(Catalog::open(folder.path()).err().unwrap().kind(), ErrorKind::Corrupted);

    let folder = tempfile::tempdir().unwrap();
    drop(Catalog::open(folder.path()).unwrap());
    by_hand(folder.path(), "PRAGMA user_version = 2;");
    let error = Catalog::open(folder.path()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.message().contains("newer segengine (format 2, this one reads 1)"), "{error}");
}

#[test]
fn files_without_their_database_are_not_taken_for_leftovers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("files")).unwrap();
    std::fs::write(folder.path().join("files/members-1.3.00000000"), "x").unwrap();
    let error = Catalog::open(folder.path()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(error.message().contains("1 files"), "{error}");
    assert!(!folder.path().join("catalog.sqlite").exists());
}

#[test]
fn a_poisoned_or_closed_catalog_reads_on_and_writes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut write = catalog.write().unwrap();
    write.put(advertiser(0, "acme")).unwrap();
    write.commit().unwrap();
    catalog.poison();
    assert_eq!(catalog.write().err().unwrap().kind(), ErrorKind::Storage);
    assert_eq!(catalog.read().advertisers.len(), 1);
    catalog.close().unwrap();
    catalog.close().unwrap();
    assert_eq!(catalog.read().advertisers.len(), 1);
    // The database is free again although the catalog that had it is still there.
    let again = Catalog::open(folder.path()).unwrap();
    assert_eq!(again.read().advertisers.len(), 1);
    again.close().unwrap();
    assert_eq!(again.write().err().unwrap().kind(), ErrorKind::EngineClosed);
}

#[test]
fn verify_names_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    assert_eq!(catalog.verify().unwrap(), Vec::<String>::new());
    let mut write = catalog.write().unwrap();
    write.put(Segment { live_version: Some(9), ..segment(0, "s") }).unwrap();
    write.put(adgroup(1, "a")).unwrap();
    write.put(version(1, 0, SlotNumber(0))).unwrap();
    write.commit().unwrap();
    let findings = catalog.verify().unwrap().join("\n");
    for expected in [
        "segment 0 has no parent",
        "adgroup 1 has no campaign",
        "adgroup 1 names segment 2, which is gone",
        "segment 0 serves version 9, which is gone",
        "version 1 has a slot that was never reserved",
        "version 1 and segment 0 disagree",
    ] {
        assert!(findings.contains(expected), "{expected:?} is not in\n{findings}");
    }
}

#[test]
fn many_small_commits_keep_the_log_short() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let mut longest = 0;
    for round in 0..1_500 {
        let mut write = catalog.write().unwrap();
        write.set_meta("note", format!("{round} {}", "x".repeat(4_000))).unwrap();
        write.commit().unwrap();
        longest = longest.max(std::fs::metadata(folder.path().join("catalog.sqlite-wal")).map_or(0, |log| log.len()));
    }
    assert!(longest > 3 << 20, "the log never grew: {longest}");
    assert!(longest < 6 << 20, "the log grew to {longest} bytes");
    let expected = catalog.read();
    drop(catalog);
    assert_eq!(*Catalog::open(folder.path()).unwrap().read(), *expected);
}

#[derive(Debug, Clone)]
enum Change {
    Put(u32, u8),
    Remove(u32),
    Request(u64, u8),
    Count(u8),
    Commit,
    Drop,
    Reopen,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..6_u32, 0..6_u8).prop_map(|(number, id)| Change::Put(number, id)),
        2 => (0..6_u32).prop_map(Change::Remove),
        2 => (0..4_u64, 0..4_u8).prop_map(|(number, key)| Change::Request(number, key)),
        1 => (0..3_u8).prop_map(Change::Count),
        3 => Just(Change::Commit),
        2 => Just(Change::Drop),
        1 => Just(Change::Reopen),
    ];
    proptest::collection::vec(change, 1..60)
}

/// What the catalog must hold, kept as plainly as can be.
#[derive(Debug, Clone, Default, PartialEq)]
struct Naive {
    advertisers: BTreeMap<u64, Advertiser>,
    requests: BTreeMap<u64, RequestRecord>,
    counters: BTreeMap<String, u64>,
}

impl Naive {
    fn of(model: &Model) -> Self {
        Self {
            advertisers: model.advertisers.iter().map(|(&key, record)| (key, Advertiser::clone(record))).collect(),
            requests: model.requests.iter().map(|(&key, record)| (key, RequestRecord::clone(record))).collect(),
            counters: model.meta.keys().map(|key| (key.clone(), model.counter(key))).collect(),
        }
    }

    fn taken(&self, number: u32, id: &str) -> bool {
        self.advertisers.values().any(|other| other.number.0 != number && other.id == id)
    }

    fn check_look_ups(&self, model: &Model) {
        for id in (0..6).map(|id| format!("id-{id}")) {
            let expected =
                self.advertisers.values().find(|record| record.id == id).map(|record| u64::from(record.number.0));
            assert_eq!(model.by_id(Scope::Network, Kind::Advertiser, &id), expected);
            assert_eq!(model.by_name(Scope::Network, Kind::Advertiser, &format!("Advertiser {id}")), expected);
        }
        for key in (0..4).map(|key| format!("key-{key}")) {
            let expected = self.requests.values().find(|record| record.key == key);
            assert_eq!(model.request(&key).map(|record| record.number), expected.map(|record| record.number));
        }
        let children: Vec<u64> = model.children(Scope::Network, Kind::Advertiser, None).collect();
        assert_eq!(children, self.advertisers.keys().copied().collect::<Vec<_>>());
    }
}

/// Runs `changes` up to the next commit, drop or reopening, and says how it ended.
fn one_write(catalog: &Catalog, changes: &mut std::slice::Iter<'_, Change>, naive: &mut Naive) -> Option<Change> {
    let mut write = catalog.write().unwrap();
    let mut next = naive.clone();
    for change in changes {
        match change {
            Change::Put(number, id) => {
                let id = format!("id-{id}");
                if !next.taken(*number, &id) {
                    write.put(advertiser(*number, &id)).unwrap();
                    next.advertisers.insert(u64::from(*number), advertiser(*number, &id));
                }
            }
            Change::Remove(number) => {
                write.remove::<Advertiser>(u64::from(*number)).unwrap();
                next.advertisers.remove(&u64::from(*number));
            }
            Change::Request(number, key) => {
                let (key, fingerprint) = (format!("key-{key}"), String::new());
                if next.requests.values().all(|other| other.number == *number || other.key != key) {
                    let record = RequestRecord { number: *number, key, fingerprint, outcome: 0, create_time: NOW };
                    write.put(record.clone()).unwrap();
                    next.requests.insert(*number, record);
                }
            }
            Change::Count(counter) => {
                let given = write.next(&format!("counter-{counter}")).unwrap();
                let counter = next.counters.entry(format!("counter-{counter}")).or_default();
                *counter += 1;
                assert_eq!(given, *counter);
            }
            Change::Commit => {
                write.commit().unwrap();
                *naive = next;
                return Some(Change::Commit);
            }
            Change::Drop | Change::Reopen => return Some(change.clone()),
        }
        assert_eq!(Naive::of(write.model()), next);
        next.check_look_ups(write.model());
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is put, removed, committed, dropped and reopened: the model is what a plain map would hold.
    #[test]
    fn the_catalog_is_a_plain_map_that_survives(changes in changes()) {
        let folder = tempfile::tempdir().unwrap();
        let mut catalog = Catalog::open(folder.path()).unwrap();
        let (mut naive, mut changes, mut held) = (Naive::default(), changes.iter(), Vec::new());
        loop {
            let ended = one_write(&catalog, &mut changes, &mut naive);
            if matches!(ended, Some(Change::Reopen)) {
                drop(catalog);
                catalog = Catalog::open(folder.path()).unwrap();
            }
            prop_assert_eq!(&Naive::of(&catalog.read()), &naive);
            naive.check_look_ups(&catalog.read());
            // Some readers keep what they took, so the writer must copy; others let it go.
            if matches!(ended, Some(Change::Commit)) && held.len() < 3 {
                held.push((catalog.read(), naive.clone()));
            }
            if ended.is_none() {
                break;
            }
        }
        for (model, then) in &held {
            prop_assert_eq!(&Naive::of(model), then);
        }
        prop_assert!(catalog.verify().unwrap().is_empty());
    }
}
