//! Checkpoints of the records: a start from one serves what a start without one serves, whatever happened around it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::invariants::{change, copy_folder, email, link, open_with, slot_of};
use super::*;
use crate::limits;

/// A directory as a crash at this moment would leave it, with its key.
fn image_of(engine: &Engine, name: &str) -> PathBuf {
    let image = engine.path().with_file_name(name);
    let _ = std::fs::remove_dir_all(&image);
    copy_folder(engine.path(), &image);
    std::fs::copy(default_key_file(engine.path()), default_key_file(&image)).unwrap();
    image
}

fn source(engine: &Engine) -> String {
    engine.info(&ADMIN).unwrap().records_source
}

/// Opens an image, sees that no record holds a slot that does not serve, and that all is as files and links say.
fn start(image: &Path, expected: &str) -> Engine {
    let engine = open(image);
    assert!(source(&engine).contains(expected), "{} is not {expected}", source(&engine));
    let slots = Arc::clone(&engine.inner.generation.load().slots);
    let live: BTreeSet<u32> = slots.all_live().map(|version| version.slot.0).collect();
    for id in 0..engine.inner.identity.len() {
        let mut held = Vec::new();
        engine.inner.memberships.read(crate::ids::IdentifierId(id), &mut held);
        assert!(held.iter().all(|slot| live.contains(slot)), "identifier {id} holds {held:?} of {live:?}");
    }
    verify(&engine);
    engine
}

fn furnished(path: &Path) -> Engine {
    let engine = open(path);
    found_house(&engine);
    upload(&engine, "One", 0..300).unwrap();
    upload(&engine, "Two", 200..500).unwrap();
    upload(&engine, "Base", 0..1_500).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    put_adgroup(&engine, 2, &[1], &[0]);
    link(&engine, &email(3), &email(490), true);
    engine
}

fn checkpoint_files(path: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(path.join("files")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().contains("records-")).collect();
    files.sort_by_key(|path| crate::storage::files::number_of(&path.file_name().unwrap().to_string_lossy()));
    files
}

/// A start from a checkpoint answers as before it; what changes then gets memory of its own, and the file stays what it is.
#[test]
fn a_start_maps_the_checkpoint_and_never_writes_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = furnished(&folder.path().join("data"));
    let written = engine.checkpoint(&ADMIN).unwrap();
    let told = engine.info(&ADMIN).unwrap();
    assert_eq!((told.checkpoint, told.checkpoint_failure), (Some(written), None));
    let restarted = start(&image_of(&engine, "image"), "mapped from the checkpoint");
    for number in [0, 3, 199, 200, 299, 300, 490, 499, 500] {
        assert_eq!(answer(&restarted, &email(number)), answer(&engine, &email(number)), "user {number}");
    }
    let file = checkpoint_files(restarted.path()).remove(0);
    let before = std::fs::read(&file).unwrap();
    assert!(change(&restarted, "one", &email(410), true).changed == 1);
    assert!(change(&restarted, "one", &email(7), false).changed == 1);
    link(&restarted, &email(20), &email(480), true);
    link(&restarted, &email(3), &email(490), false);
    upload(&restarted, "Two", 100..350).unwrap();
    restarted.drain_sweeps();
    verify(&restarted);
    assert_eq!([answer(&restarted, &email(410)), answer(&restarted, &email(7))], [vec![1], vec![]]);
    assert!(std::fs::read(&file).unwrap() == before);
    start(&image_of(&restarted, "again"), "mapped from the checkpoint").close().unwrap();
}

/// What is changed while pages are copied may be in the file or not, or by half; a start from it finds the truth all the
/// same. So it does after member changes, links, replacements and deletions that came later.
#[test]
fn what_changed_during_and_after_a_checkpoint_is_found_by_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let place: Arc<OnceLock<Engine>> = Arc::default();
    let (shared, blocks) = (Arc::clone(&place), std::sync::atomic::AtomicU32::new(0));
    furnished(&folder.path().join("data")).close().unwrap();
    let engine = open_with(
        &folder.path().join("data"),
        Arc::new(move |phase| {
            let Some(engine) = shared.get().filter(|_| phase == Phase::Checkpoint) else { return };
            match blocks.fetch_add(1, Ordering::SeqCst) {
                // The pages of the first users are copied, those of the last are not.
                2 => {
                    change(engine, "one", &email(1), false);
                    change(engine, "two", &email(2), true);
                    change(engine, "one", &email(499), true);
                    link(engine, &email(5), &email(470), true);
                    link(engine, &email(3), &email(490), false);
                }
                4 => drop(upload(engine, "Three", 100..400).unwrap()),
                _ => {}
            }
        }),
    );
    place.set(engine.clone()).unwrap_or_else(|_| panic!("it was opened once"));
    engine.checkpoint(&ADMIN).unwrap();
    start(&image_of(&engine, "image"), "mapped from the checkpoint").close().unwrap();
    change(&engine, "two", &email(8), true);
    change(&engine, "three", &email(200), false);
    link(&engine, &email(9), &email(350), true);
    for number in 60..112 {
        link(&engine, &email(59), &email(number), true);
    }
    link(&engine, &email(59), &email(70), false);
    upload(&engine, "One", 280..460).unwrap();
    start(&image_of(&engine, "image"), "mapped from the checkpoint").close().unwrap();
    // So many changes of one segment that their files are put together.
    for number in 0..80 {
        change(&engine, "two", &email(number), number % 3 == 0);
    }
    for number in 120..160 {
        link(&engine, &email(number), &email(number + 200), number % 4 > 0);
    }
    engine.drain_sweeps();
    start(&image_of(&engine, "image"), "mapped from the checkpoint").close().unwrap();
    // The observer holds the engine, which holds the observer.
    engine.close().unwrap();
}

/// Invariant 3: a slot that was swept is given again only when no checkpoint that may be used can hold it, and a start in
/// between is right.
#[test]
fn a_slot_rests_until_no_checkpoint_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = furnished(&folder.path().join("data"));
    engine.checkpoint(&ADMIN).unwrap();
    let old = slot_of(&engine, 0);
    let free = |engine: &Engine| engine.inner.catalog.read().free_slots().contains(&old);
    upload(&engine, "One", 250..450).unwrap();
    engine.drain_sweeps();
    assert!(!free(&engine));
    upload(&engine, "Three", 0..100).unwrap();
    assert_ne!(slot_of(&engine, 3), old);
    start(&image_of(&engine, "image"), "mapped from the checkpoint").close().unwrap();
    engine.checkpoint(&ADMIN).unwrap();
    assert!(!free(&engine), "the checkpoint before the newest still holds it");
    engine.checkpoint(&ADMIN).unwrap();
    assert!(free(&engine));
    upload(&engine, "Four", 400..500).unwrap();
    assert_eq!(slot_of(&engine, 4), old);
    let restarted = start(&image_of(&engine, "image"), "mapped from the checkpoint");
    assert_eq!(checkpoint_files(restarted.path()).len(), 2);
    // A start sweeps what its checkpoint still holds of the dead: their numbers come again after two more.
    upload(&restarted, "One", 0..60).unwrap();
    restarted.drain_sweeps();
    let again = start(&image_of(&restarted, "again"), "mapped from the checkpoint");
    for _ in 0..2 {
        again.checkpoint(&ADMIN).unwrap();
    }
    (0..4).for_each(|number| drop(upload(&again, &format!("New {number}"), 100..160).unwrap()));
    start(&image_of(&again, "third"), "mapped from the checkpoint").close().unwrap();
}

/// A damaged checkpoint is told and not used, the one before is; without both the records are made anew. Nothing that is
/// served differs.
#[test]
fn a_damaged_checkpoint_costs_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let engine = furnished(&folder.path().join("data"));
    engine.checkpoint(&ADMIN).unwrap();
    change(&engine, "two", &email(8), true);
    upload(&engine, "Three", 100..400).unwrap();
    engine.checkpoint(&ADMIN).unwrap();
    change(&engine, "three", &email(200), false);
    let image = image_of(&engine, "image");
    let [older, newest] = checkpoint_files(&image).try_into().unwrap();
    let sound = std::fs::read(&newest).unwrap();
    let places = (0..48).chain((48..sound.len()).step_by(41)).chain(sound.len() - 24..sound.len());
    for at in places {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&newest, damaged).unwrap();
        let engine = start_damaged(&image, "the checkpoint before the newest");
        assert!(engine.notices().iter().any(|notice| notice.contains("cannot be used")), "byte {at}");
        engine.close().unwrap();
    }
    std::fs::write(&newest, &sound[..sound.len() / 2]).unwrap();
    start_damaged(&image, "the checkpoint before the newest").close().unwrap();
    std::fs::remove_file(&newest).unwrap();
    start_damaged(&image, "the checkpoint before the newest").close().unwrap();
    std::fs::write(&older, b"SEGENGIN").unwrap();
    let anew = start_damaged(&image, "made anew: no checkpoint could be used");
    assert_eq!(anew.notices().len(), 2);
    for number in [8, 150, 200, 250, 450] {
        assert_eq!(answer(&anew, &email(number)), answer(&engine, &email(number)), "user {number}");
    }
    // The next two take the place of the damaged ones.
    for _ in 0..2 {
        anew.checkpoint(&ADMIN).unwrap();
    }
    start(&image_of(&anew, "mended"), "mapped from the checkpoint").close().unwrap();
}

/// As [`start`], where `verify` is right to find the damaged file.
fn start_damaged(image: &Path, expected: &str) -> Engine {
    let engine = open(image);
    assert!(source(&engine).contains(expected), "{} is not {expected}", source(&engine));
    let loaded = open::load(&engine.inner.folder, &engine.inner.catalog.read()).unwrap();
    assert_eq!(engine.inner.memberships.verify(&loaded.versions, 3).1, Vec::<String>::new());
    let mut found = Vec::new();
    engine
        .verify(&ADMIN, &mut |step| {
            if let VerifyStep::Found(finding) = step {
                found.push(finding.file);
            }
        })
        .unwrap();
    assert!(!found.is_empty() && found.iter().all(|file| file.starts_with("records-")), "{found:?}");
    engine
}

/// Where nearly everything changed since the checkpoint, a start makes all records anew.
#[test]
fn a_checkpoint_that_lacks_most_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = furnished(&folder.path().join("data"));
    engine.checkpoint(&ADMIN).unwrap();
    upload(&engine, "Base", 1..1_501).unwrap();
    start(&image_of(&engine, "image"), "made anew: too much was changed").close().unwrap();
}

/// A checkpoint that cannot be named is dropped and told; everything else goes on.
#[test]
fn a_checkpoint_that_fails_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = furnished(&folder.path().join("data"));
    let files = engine.path().join("files");
    let number = engine.inner.next_file.load(Ordering::SeqCst);
    std::fs::write(files.join(format!("records-{number}")), b"in the way").unwrap();
    assert_eq!(engine.checkpoint(&ADMIN).unwrap_err().kind(), ErrorKind::Storage);
    let told = engine.info(&ADMIN).unwrap();
    assert!(told.checkpoint.is_none() && told.checkpoint_failure.unwrap().contains("records-") && !told.poisoned);
    change(&engine, "two", &email(8), true);
    engine.checkpoint(&ADMIN).unwrap();
    assert_eq!(engine.info(&ADMIN).unwrap().checkpoint_failure, None);
    start(&image_of(&engine, "image"), "mapped from the checkpoint").close().unwrap();
    engine.close().unwrap();
    assert!(engine.checkpoint(&ADMIN).is_err());
}

/// A directory that became small needs no checkpoint: its files go, and the slots that waited for them are free.
#[test]
fn a_small_directory_keeps_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let engine = furnished(&folder.path().join("data"));
    engine.checkpoint(&ADMIN).unwrap();
    upload(&engine, "One", 250..450).unwrap();
    engine.drain_sweeps();
    assert_eq!(engine.inner.catalog.read().resting_slots().len(), 1);
    engine.inner.forget_small_checkpoints().unwrap();
    let model = engine.inner.catalog.read();
    assert_eq!((model.resting_slots().len(), model.free_slots().len(), model.checkpoints().len()), (0, 1, 0));
    assert!(checkpoint_files(engine.path()).is_empty());
    start(&image_of(&engine, "image"), "made anew: there is no checkpoint").close().unwrap();
}

#[test]
fn a_checkpoint_is_due_when_enough_of_much_was_written() {
    let (much, share) = (limits::CHECKPOINT_MEMBERSHIPS, limits::CHECKPOINT_SHARE);
    let due = checkpointing::is_due;
    assert!(due(much, much / share) && !due(much, much / share - 1) && !due(much - 1, u64::MAX));
}
