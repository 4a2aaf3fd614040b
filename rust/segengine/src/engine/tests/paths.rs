//! The whole path inside one process: a file becomes a segment, an adgroup asks for it, a user is answered.

use super::*;

#[test]
fn a_file_becomes_a_segment_and_answers_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    upload(&engine, "Actifs", 0..100).unwrap();
    upload(&engine, "Abonnés", 50..150).unwrap();
    put_adgroup(&engine, 1, &[0], &[1]);
    put_adgroup(&engine, 2, &[1], &[]);
    put_adgroup(&engine, 3, &[], &[1]);
    let check = |engine: &Engine| {
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(10))), [1, 3]);
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(70))), [2]);
        assert_eq!(answer(engine, "network:nobody"), [3]);
        verify(engine);
    };
    check(&engine);
    engine.close().unwrap();
    assert!(
        engine.match_one(&ADMIN, [None], &MatchQuestion::about(Candidates::All), &mut MatchScratch::default()).is_err()
    );
    check(&open(&path));
}

#[test]
fn a_replacement_links_and_single_changes_are_all_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    upload(&engine, "Actifs", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    let mut linking = engine.begin_linking(&ADMIN, true).unwrap();
    let email = format!("email_md5:{}", hash(120));
    linking.push(IdentifierRef::parse("network:u").unwrap(), IdentifierRef::parse(&email).unwrap());
    let linked = linking.finish(Some(crate::time::Timestamp(NOW_MS)), None).unwrap();
    assert_eq!((linked.changed, linked.new_identifiers), (1, 2));
    assert_eq!(answer(&engine, "network:u"), [0; 0]);
    upload(&engine, "Actifs", 90..190).unwrap();
    assert_eq!(answer(&engine, "network:u"), [1]);
    assert_eq!(answer(&engine, &format!("email_md5:{}", hash(10))), [0; 0]);
    let segment = SegmentName::parse("acme/spring/actifs").unwrap();
    let gone = format!("email_md5:{}", hash(120));
    let removed = engine.change_members(&ADMIN, &segment, [IdentifierRef::parse(&gone).ok()].into_iter(), false, None);
    assert_eq!(removed.unwrap().changed, 1);
    let added = engine.change_members(
        &ADMIN,
        &segment,
        [IdentifierRef::parse("network:new").ok(), None].into_iter(),
        true,
        None,
    );
    assert_eq!(added.map(|added| (added.changed, added.skipped)).unwrap(), (1, 1));
    engine.drain_sweeps();
    let (count, _) = engine.count(&ADMIN, &SetQuery::Segment(segment.clone())).unwrap();
    assert_eq!((count.profiles, count.reachable), (100, 0));
    let check = |engine: &Engine| {
        assert_eq!(answer(engine, "network:u"), [0; 0]);
        assert_eq!(answer(engine, "network:new"), [1]);
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(189))), [1]);
        verify(engine);
    };
    check(&engine);
    engine.close().unwrap();
    let engine = open(&path);
    check(&engine);
    let (count, _) =
        engine.count(&ADMIN, &SetQuery::Expression { parent: Some(campaign()), text: "!actifs".to_owned() }).unwrap();
    assert_eq!(count.profiles, 191 - 100);
}

/// A change that was acknowledged while the first file of a segment was read was in memory only: its file held what was
/// uploaded, and nothing on disk told of the change. A killed process lost it (found by the kill test).
#[test]
fn a_change_during_the_first_upload_of_a_segment_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    put_adgroup(&engine, 1, &[0], &[]);
    put_adgroup(&engine, 2, &[1], &[]);
    for (name, add) in [("Ajouté", true), ("Retiré", false)] {
        let target = UploadTarget::Named { parent: campaign(), display_name: name.to_owned(), id: None };
        let begun = engine.begin_upload(&ADMIN, &target, UploadSettings::default()).unwrap();
        let UploadBegun::Accepted(mut upload) = begun else { panic!("it was never made before") };
        (0..100).for_each(|number| upload.feed(format!("{}\n", hash(number)).as_bytes()).unwrap());
        let segment = SegmentName { parent: campaign(), segment: crate::ids::slug_of(name).unwrap() };
        let changed = format!("email_md5:{}", hash(7));
        // What is removed must be known; the other segment has brought it by then.
        let user = if add { "network:new" } else { &changed };
        engine.change_members(&ADMIN, &segment, [IdentifierRef::parse(user).ok()].into_iter(), add, None).unwrap();
        upload.finish(&ADMIN).unwrap();
    }
    let check = |engine: &Engine| {
        assert_eq!(answer(engine, "network:new"), [1]);
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(7))), [1], "removed while the file was read");
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(8))), [1, 2]);
        verify(engine);
    };
    check(&engine);
    engine.close().unwrap();
    check(&open(&path));
}

/// A removal of somebody whom only the file on its way knows found nobody to remove, and they came in with the file; and a
/// first version, made by an addition after that, took the removal from the file on its way (both found by the kill test
/// in its 804th round).
#[test]
fn who_is_removed_while_the_first_file_that_names_them_is_read_does_not_come_in_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    put_adgroup(&engine, 1, &[0], &[]);
    let target = UploadTarget::Named { parent: campaign(), display_name: "Actifs".to_owned(), id: None };
    let begun = engine.begin_upload(&ADMIN, &target, UploadSettings::default()).unwrap();
    let UploadBegun::Accepted(mut upload) = begun else { panic!("it was never made before") };
    (0..100).for_each(|number| upload.feed(format!("{}\n", hash(number)).as_bytes()).unwrap());
    let segment = SegmentName::parse("acme/spring/actifs").unwrap();
    let texts = [7, 7, 200].map(|number| format!("email_md5:{}", hash(number)));
    let removed = texts.iter().map(|text| IdentifierRef::parse(text).ok());
    let changed = engine.change_members(&ADMIN, &segment, removed, false, None).unwrap();
    assert_eq!((changed.changed, changed.unchanged, changed.unknown), (0, 0, 3));
    let new = [IdentifierRef::parse("network:new").ok()];
    engine.change_members(&ADMIN, &segment, new.into_iter(), true, None).unwrap();
    upload.finish(&ADMIN).unwrap();
    let check = |engine: &Engine| {
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(7))), [0; 0]);
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(8))), [1]);
        let (count, _) = engine.count(&ADMIN, &SetQuery::Segment(segment.clone())).unwrap();
        assert_eq!(count.profiles, 99 + 1);
        verify(engine);
    };
    check(&engine);
    engine.close().unwrap();
    check(&open(&path));
}

#[test]
fn a_refused_file_changes_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "Actifs", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    let refused = upload(&engine, "Actifs", 100..120).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UploadFailed);
    assert_eq!(answer(&engine, &format!("email_md5:{}", hash(10))), [1]);
    let model = engine.inner.catalog.read();
    let segment = model.segments.get(&0).unwrap();
    assert_eq!(segment.state, catalog::SegmentState::Failed);
    assert!(segment.failure.is_some() && segment.live_version.is_some());
    drop(model);
    upload(&engine, "Actifs", 100..200).unwrap();
    engine.drain_sweeps();
    verify(&engine);
}

#[test]
fn a_load_creates_and_replaces_many_segments_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    let load = |first: u32| {
        let names = (0..40).map(|number| format!("S{number}")).collect();
        let mut load = engine.begin_load(&ADMIN, &campaign(), names, None).unwrap();
        for user in first..first + 300 {
            for segment in (0..40).filter(|segment| (user + segment) % 7 == 0) {
                let text = format!("network:u{user}");
                load.push(IdentifierRef::check_text(&text), segment, 20_000).unwrap();
            }
        }
        load.push(IdentifierRef::check_text("nonsense"), 0, 0).unwrap();
        load.finish().unwrap()
    };
    let first = load(0);
    assert_eq!((first.rows, first.valid + 1, first.unique), (first.valid + 1, first.rows, first.valid));
    assert_eq!((first.segments.len(), first.new_identifiers, first.invalid.len()), (40, 300, 1));
    assert!(first.segments.iter().all(|segment| segment.created));
    let second = load(150);
    assert!(second.segments.iter().all(|segment| !segment.created));
    assert_eq!(second.new_identifiers, 150);
    assert_eq!(second.written.generation.0, first.written.generation.0 + 1);
    engine.drain_sweeps();
    verify(&engine);
    engine.close().unwrap();
    verify(&open(&path));
}

#[test]
fn a_second_upload_of_one_segment_conflicts_and_of_another_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    let begin = |name: &str| {
        let target = UploadTarget::Named { parent: campaign(), display_name: name.to_owned(), id: None };
        engine.begin_upload(&ADMIN, &target, UploadSettings::default())
    };
    let first = begin("One").unwrap();
    assert_eq!(begin("One").err().map(|error| error.kind()), Some(ErrorKind::Conflict));
    let other = begin("Two").unwrap();
    drop((first, other));
    assert!(begin("One").is_ok(), "a dropped upload is cancelled");
}

/// Who waits is told by the end itself, once; who no longer waits is not.
#[test]
fn a_bell_rings_when_an_operation_ends() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    let target = UploadTarget::Named { parent: campaign(), display_name: "One".to_owned(), id: None };
    let UploadBegun::Accepted(mut coming) = engine.begin_upload(&ADMIN, &target, UploadSettings::default()).unwrap()
    else {
        panic!("it was not repeated")
    };
    let bell = |counted: &Arc<AtomicU64>| -> Arc<operations::Bell> {
        let counted = Arc::clone(counted);
        Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })
    };
    let [kept, dropped, late] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    let (waiting, gone) = (bell(&kept), bell(&dropped));
    engine.ring_at_end(coming.operation(), &waiting);
    engine.ring_at_end(coming.operation(), &gone);
    drop(gone);
    coming.feed(format!("{}\n", hash(1)).repeat(3).as_bytes()).unwrap();
    assert_eq!(kept.load(Ordering::SeqCst), 0, "it has not ended");
    let number = coming.operation();
    let _ = coming.finish(&ADMIN);
    engine.ring_at_end(number, &bell(&late));
    assert_eq!([&kept, &dropped, &late].map(|counted| counted.load(Ordering::SeqCst)), [1, 0, 1]);
    assert!(engine.operation(&ADMIN, number).unwrap().done());
}
