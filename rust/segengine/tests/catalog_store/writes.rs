//! Writes: all or nothing, in order, and never in a reader's way.

use super::*;
use segengine::ErrorKind;
use segengine::catalog::{Catalog, Kind, MemberDelta, Scope};
use segengine::ids::GenerationNumber;

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
