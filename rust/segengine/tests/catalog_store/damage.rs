//! Damage: found, named, never served.

use super::*;
use segengine::ErrorKind;
use segengine::catalog::Catalog;

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
