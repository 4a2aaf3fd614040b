//! The sentences of docs/concepts/invariants.md that a whole engine must keep, each by its number.

use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Condvar, Mutex as StdMutex};

use super::*;
use crate::time::Timestamp;

/// Stops the thread that reaches a phase for the n-th time, until it is let go.
struct Gate {
    phase: Phase,
    at: usize,
    seen: AtomicUsize,
    state: StdMutex<(bool, bool)>,
    bell: Condvar,
}

impl Gate {
    fn at(phase: Phase, at: usize) -> Arc<Self> {
        Arc::new(Self { phase, at, seen: AtomicUsize::new(0), state: StdMutex::default(), bell: Condvar::new() })
    }

    fn observer(self: &Arc<Self>) -> Observer {
        let gate = Arc::clone(self);
        Arc::new(move |phase| gate.pass(phase))
    }

    fn pass(&self, phase: Phase) {
        if phase != self.phase || self.seen.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return;
        }
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        self.bell.notify_all();
        while !state.1 {
            state = self.bell.wait(state).unwrap();
        }
    }

    fn wait_until_reached(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.0 {
            state = self.bell.wait(state).unwrap();
        }
    }

    fn let_go(&self) {
        self.state.lock().unwrap().1 = true;
        self.bell.notify_all();
    }
}

pub(super) fn open_with(path: &Path, observer: Observer) -> Engine {
    Engine::open(path, OpenOptions { observer: Some(observer), ..options() }).unwrap()
}

pub(super) fn email(number: u32) -> String {
    format!("email_md5:{}", hash(number))
}

pub(super) fn segment(name: &str) -> SegmentName {
    SegmentName::parse(&format!("acme/spring/{name}")).unwrap()
}

pub(super) fn change(engine: &Engine, name: &str, identifier: &str, add: bool) -> MembersChanged {
    let identifiers = [IdentifierRef::parse(identifier).ok()].into_iter();
    engine.change_members(&ADMIN, &segment(name), identifiers, add, None).unwrap()
}

pub(super) fn link(engine: &Engine, one: &str, other: &str, add: bool) -> Linked {
    let mut linking = engine.begin_linking(&ADMIN, add).unwrap();
    linking.push(IdentifierRef::parse(one).unwrap(), IdentifierRef::parse(other).unwrap());
    linking.finish(None, None).unwrap()
}

fn batch(engine: &Engine, users: &[String]) -> BatchMatched {
    let users = users.iter().map(|user| [IdentifierRef::parse(user).ok()]);
    let question = MatchQuestion::about(Candidates::All);
    engine.match_batch(&ADMIN, users, BatchCandidates::All, &question, &mut MatchScratch::default()).unwrap()
}

pub(super) fn slot_of(engine: &Engine, number: u32) -> u32 {
    engine.inner.generation.load().slots.live(SegmentNumber(number)).unwrap().slot.0
}

/// Invariant 1: files are synced, then slots written, then the catalog committed, then the generation stored, then the
/// write acknowledged, then the old slot swept.
#[test]
fn a_publish_goes_through_its_steps_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let phases = Arc::new(StdMutex::new(Vec::new()));
    let recorded = Arc::clone(&phases);
    let engine = open_with(&folder.path().join("data"), Arc::new(move |phase| recorded.lock().unwrap().push(phase)));
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    phases.lock().unwrap().clear();
    upload(&engine, "One", 0..100).unwrap();
    engine.drain_sweeps();
    let seen = phases.lock().unwrap().clone();
    let last = |phase| seen.iter().rposition(|&seen| seen == phase).unwrap();
    let first = |phase| seen.iter().position(|&seen| seen == phase).unwrap();
    assert!(last(Phase::FileSync) < first(Phase::SlotWriting), "{seen:?}");
    assert!(last(Phase::SlotWriting) < first(Phase::Swap), "{seen:?}");
    let commit_of_publish = seen[..first(Phase::Swap)].iter().rposition(|&seen| seen == Phase::Commit).unwrap();
    assert!(last(Phase::SlotWriting) < commit_of_publish, "{seen:?}");
    assert!(first(Phase::Swap) < first(Phase::Sweep) && last(Phase::Sweep) < last(Phase::Forget), "{seen:?}");
}

/// Invariant 2: a batch that is paused half-way through a publish and its sweep still answers the old version for all of
/// its users. Invariant 3: meanwhile the old slot is not given to anybody else.
#[test]
fn a_paused_batch_keeps_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::at(Phase::Answered, 8);
    let engine = open_with(&folder.path().join("data"), gate.observer());
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    let users: Vec<String> = (0..64).map(email).collect();
    let old_slot = slot_of(&engine, 0);
    std::thread::scope(|threads| {
        let paused = threads.spawn(|| batch(&engine, &users));
        gate.wait_until_reached();
        upload(&engine, "One", 1_000..1_100).unwrap();
        upload(&engine, "Two", 0..100).unwrap();
        // The sweeper has had time: it must be waiting for the batch.
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert_ne!(slot_of(&engine, 1), old_slot, "a slot was reused while a reader may hold it");
        assert_eq!(answer(&engine, &email(1)), [0; 0], "a new reader sees the new version");
        gate.let_go();
        let answered = paused.join().unwrap();
        assert_eq!(answered.adgroups, [1; 64], "the paused batch must see the version that it began with");
    });
    engine.drain_sweeps();
    upload(&engine, "Three", 2_000..2_100).unwrap();
    assert_eq!(slot_of(&engine, 2), old_slot, "a swept slot is given again");
    put_adgroup(&engine, 3, &[2], &[]);
    assert_eq!(answer(&engine, &email(1)), [0; 0], "no record still carries it from before");
    verify(&engine);
}

/// Invariants 3 and 4: a start that finds a version which was never published serves the one before, carries no dead slot,
/// and gives the slot free.
#[test]
fn a_start_forgets_what_was_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let (path, image) = (folder.path().join("data"), folder.path().join("image"));
    let gate = Gate::at(Phase::SlotWriting, 2);
    let engine = open_with(&path, gate.observer());
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    std::thread::scope(|threads| {
        let publishing = threads.spawn(|| upload(&engine, "One", 1_000..1_100).unwrap());
        gate.wait_until_reached();
        // What a crash at this moment leaves: the slot is in some records, and the file is there without a name.
        copy_folder(&path, &image);
        gate.let_go();
        publishing.join().unwrap();
    });
    let options = OpenOptions { key_file: Some(default_key_file(&path)), ..options() };
    let restarted = Engine::open(&image, options).unwrap();
    assert_eq!([answer(&restarted, &email(1)), answer(&restarted, &email(1_001))], [vec![1], vec![]]);
    let model = restarted.inner.catalog.read();
    assert_eq!((model.versions.len(), model.meta.get("free_slots").map(String::as_str)), (1, Some("1")));
    assert_eq!(model.segments.get(&0).unwrap().state, catalog::SegmentState::Failed);
    assert!(model.operations.values().all(|operation| operation.state != catalog::OperationState::Running));
    drop(model);
    verify(&restarted);
    upload(&restarted, "One", 2_000..2_100).unwrap();
    assert_eq!(slot_of(&restarted, 0), 1);
}

pub(super) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Invariant 5: publishing the same members again takes a new slot.
#[test]
fn a_retired_slot_is_not_revived() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    let first = slot_of(&engine, 0);
    upload(&engine, "One", 0..100).unwrap();
    assert_ne!(slot_of(&engine, 0), first);
}

/// Invariant 6: a slot beyond the map, or one that nothing maps, means nothing.
#[test]
fn an_unknown_slot_means_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    let members = crate::segment::memberships::VersionMembers::new(
        SegmentNumber(7),
        crate::ids::SlotNumber(4_000_000_000),
        crate::bitmap::IdentifierSet::below(engine.inner.identity.len()),
    );
    engine.inner.memberships.register(&members);
    engine.inner.memberships.fill(&members, |_| true);
    assert_eq!(answer(&engine, &email(1)), [1]);
    assert_eq!(engine.inner.generation.load().slots.segment(4_000_000_000), None);
}

/// Invariant 7: what was acknowledged while a new version was on its way is in it, also after a restart; what was
/// acknowledged before it was accepted is replaced by it.
#[test]
fn changes_during_a_replacement_go_to_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let gate = Gate::at(Phase::SlotWriting, 2);
    let engine = open_with(&path, gate.observer());
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    change(&engine, "one", "network:before", true);
    let target = UploadTarget::Named { parent: campaign(), display_name: "One".to_owned(), id: None };
    let UploadBegun::Accepted(mut coming) = engine.begin_upload(&ADMIN, &target, UploadSettings::default()).unwrap()
    else {
        panic!("it was not repeated")
    };
    (50..150).for_each(|number| coming.feed(format!("{}\n", hash(number)).as_bytes()).unwrap());
    // While the file is read: both directions of a change, and one that is taken back.
    change(&engine, "one", "network:reading", true);
    change(&engine, "one", &email(60), false);
    change(&engine, "one", &email(61), false);
    change(&engine, "one", &email(61), true);
    std::thread::scope(|threads| {
        let publishing = threads.spawn(|| coming.finish(&ADMIN).unwrap());
        gate.wait_until_reached();
        // While the slot is written.
        change(&engine, "one", "network:filling", true);
        change(&engine, "one", &email(149), false);
        assert_eq!(answer(&engine, "network:filling"), [1], "it serves at once");
        gate.let_go();
        publishing.join().unwrap();
    });
    engine.drain_sweeps();
    let check = |engine: &Engine| {
        let of = |identifier: &str| !answer(engine, identifier).is_empty();
        assert!(!of("network:before"), "a change before the acceptance is replaced");
        assert!(of("network:reading") && of("network:filling") && of(&email(61)) && of(&email(148)));
        assert!(!of(&email(60)) && !of(&email(149)) && !of(&email(10)));
        verify(engine);
    };
    check(&engine);
    engine.close().unwrap();
    check(&open(&path));
}

/// Invariant 11: links move sets and counts too, and the epoch names them.
#[test]
fn counts_follow_links() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    upload(&engine, "Two", 100..200).unwrap();
    let count = |text: &str| {
        let query = SetQuery::Expression { parent: Some(campaign()), text: text.to_owned() };
        let (count, as_of) = engine.count(&ADMIN, &query).unwrap();
        (count.profiles, as_of.link_epoch.0)
    };
    assert_eq!(
        [count("one"), count("one & two"), count("!one"), count("one | two")],
        [(100, 0), (0, 0), (100, 0), (200, 0)]
    );
    link(&engine, &email(1), &email(101), true);
    link(&engine, &email(2), &email(3), true);
    assert_eq!(
        [count("one"), count("one & two"), count("!one"), count("one | two")],
        [(99, 2), (1, 2), (99, 2), (198, 2)]
    );
    link(&engine, &email(2), &email(3), false);
    assert_eq!([count("one"), count("!(one & two)"), count("one | two")], [(100, 3), (198, 3), (199, 3)]);
}

/// Invariant 12: edits of adgroups and publishes at the same moment all survive, and generations never fall.
#[test]
fn edits_and_publishes_at_once_all_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    (0..4).for_each(|number| drop(upload(&engine, &format!("S{number}"), 0..60).unwrap()));
    std::thread::scope(|threads| {
        for number in 0..4_u32 {
            let engine = &engine;
            threads.spawn(move || {
                for round in 0..6 {
                    upload(engine, &format!("S{number}"), round * 100..round * 100 + 60).unwrap();
                }
            });
        }
        threads.spawn(|| (1..=40).for_each(|number| put_adgroup(&engine, number, &[number % 4], &[])));
        threads.spawn(|| {
            let mut last = GenerationNumber(0);
            for _ in 0..2_000 {
                let generation = engine.generation();
                assert!(generation >= last, "the generation fell");
                last = generation;
            }
        });
    });
    engine.drain_sweeps();
    let all: Vec<u32> = (1..=40).collect();
    let check = |engine: &Engine| {
        assert_eq!(answer(engine, &email(520)), all);
        assert_eq!(answer(engine, &email(20)), [0; 0]);
        verify(engine);
    };
    check(&engine);
    let generation = engine.generation();
    engine.close().unwrap();
    let engine = open(&path);
    check(&engine);
    assert_eq!(engine.generation(), generation, "a restart keeps the generation");
}

/// Invariant 13: when the swap cannot follow its commit, nothing more is acknowledged, and answers go on.
#[test]
fn a_swap_that_cannot_follow_its_commit_stops_acknowledging() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let swaps = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&swaps);
    let observer: Observer = Arc::new(move |phase| {
        let second = phase == Phase::Swap && counted.fetch_add(1, Ordering::SeqCst) == 1;
        assert!(!second, "planted by a test: the process cannot store the generation");
    });
    let engine = open_with(&path, observer);
    found_house(&engine);
    put_adgroup(&engine, 1, &[], &[]);
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| put_adgroup(&engine, 2, &[], &[])));
    assert!(failed.is_err());
    assert!(engine.is_poisoned());
    let revision = engine.revision();
    let refused = upload(&engine, "One", 0..100).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Storage);
    assert_eq!((engine.revision(), answer(&engine, "network:x")), (revision, vec![1]));
    engine.close().unwrap();
    // What was committed serves after a restart.
    assert_eq!(answer(&open(&path), "network:x"), [1, 2]);
}

/// Invariant 14: flight dates are judged at the request's instant, to the millisecond, without a timer.
#[test]
fn flights_begin_and_end_on_their_millisecond() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let engine = Engine::open(&folder.path().join("data"), OpenOptions::new(time)).unwrap();
    found_house(&engine);
    put_adgroup(&engine, 1, &[], &[]);
    let mut change = engine.inner.change().unwrap();
    let record = change.model().adgroups.get(&1).cloned().unwrap();
    let (start, end) = (Some(Timestamp(NOW_MS + 1_000)), Some(Timestamp(NOW_MS + 2_000)));
    change.write.put(catalog::Adgroup { start, end, ..catalog::Adgroup::clone(&record) }).unwrap();
    change.touch([1]);
    change.commit().unwrap();
    for (at, shown) in [(999, false), (1_000, true), (1_001, true), (1_999, true), (2_000, false), (2_001, false)] {
        clock.set(NOW_MS + at);
        assert_eq!(answer(&engine, "network:x") == [1], shown, "at {at} ms");
        let users = vec!["network:x".to_owned(); 3];
        assert_eq!(batch(&engine, &users).adgroups.len(), if shown { 3 } else { 0 }, "at {at} ms");
    }
}

/// Invariant 15: the same user twice in one batch gets the same answer, while members and links change.
#[test]
fn a_batch_copies_each_profile_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    change(&engine, "one", "network:u", true);
    link(&engine, "network:u", "network:v", true);
    let users: Vec<String> =
        (0..400).map(|place| format!("network:{}", if place % 2 == 0 { "u" } else { "v" })).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answered = batch(&engine, &users);
                    let shown = answered.adgroups.len();
                    assert!(shown == 0 || shown == users.len(), "{shown} of {} answers say yes", users.len());
                }
            });
        }
        for round in 0..60 {
            change(&engine, "one", "network:u", round % 2 == 1);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Invariant 16: a profile is in no more live segments than a record may hold; what is refused is said.
#[test]
fn a_full_profile_is_refused_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    let cap = u32::try_from(crate::limits::SEGMENTS_PER_PROFILE).unwrap();
    let names = (0..cap + 5).map(|number| format!("S{number}")).collect();
    let mut load = engine.begin_load(&ADMIN, &campaign(), names, None).unwrap();
    for segment in 0..cap + 5 {
        load.push(IdentifierRef::check_text("network:wide"), segment, 0).unwrap();
        load.push(IdentifierRef::check_text(&format!("network:u{segment}")), segment, 0).unwrap();
    }
    let loaded = load.finish().unwrap();
    assert_eq!(loaded.invalid.get("profile_in_too_many_segments"), Some(&5));
    assert_eq!((loaded.rows, loaded.unique), (u64::from(2 * cap + 10), u64::from(2 * cap + 5)));
    let id =
        engine.inner.identity.find(&IdentifierRef::parse("network:wide").unwrap().digest(&engine.inner.key)).unwrap();
    assert_eq!(engine.inner.memberships.width(id), crate::limits::SEGMENTS_PER_PROFILE);
    let last = segment(&format!("s{}", cap + 4));
    let identifiers = || [IdentifierRef::parse("network:wide").ok()].into_iter();
    let refused = engine.change_members(&ADMIN, &last, identifiers(), true, None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    // With one segment fewer there is room again, also for a replacement that keeps the profile.
    engine.change_members(&ADMIN, &segment("s0"), identifiers(), false, None).unwrap();
    assert_eq!(engine.change_members(&ADMIN, &last, identifiers(), true, None).unwrap().changed, 1);
    verify(&engine);
}

/// Invariant 17: the answer for "no segment" belongs to its generation, and is not used with context segments.
#[test]
fn the_unknown_user_is_answered_from_the_generation_and_context_counts() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    put_adgroup(&engine, 1, &[0], &[]);
    put_adgroup(&engine, 2, &[], &[0]);
    assert_eq!(answer(&engine, "network:x"), [2]);
    put_adgroup(&engine, 3, &[], &[]);
    assert_eq!(answer(&engine, "network:x"), [2, 3]);
    let mut scratch = MatchScratch::default();
    let question = MatchQuestion { context_segments: &[0, 77], ..MatchQuestion::about(Candidates::All) };
    let matched = engine.match_one(&ADMIN, [IdentifierRef::parse("network:x").ok()], &question, &mut scratch).unwrap();
    let mut adgroups = scratch.adgroups().to_vec();
    adgroups.sort_unstable();
    assert_eq!((adgroups, matched.skipped), (vec![1, 3], 1));
}

/// Invariant 18: revisions grow across restarts; a read of a later one fails and does not wait.
#[test]
fn revisions_grow_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let engine = open(&path);
    found_house(&engine);
    upload(&engine, "One", 0..100).unwrap();
    let added = change(&engine, "one", "network:u", true).written.revision;
    let asked = |engine: &Engine, min_revision| {
        let question = MatchQuestion { min_revision, ..MatchQuestion::about(Candidates::All) };
        let user = [IdentifierRef::parse("network:u").ok()];
        engine.match_one(&ADMIN, user, &question, &mut MatchScratch::default()).map_err(|error| error.kind())
    };
    assert!(asked(&engine, added).is_ok());
    assert_eq!(asked(&engine, Revision(added.0 + 1_000)).err(), Some(ErrorKind::Unavailable));
    let before = engine.revision();
    engine.close().unwrap();
    let engine = open(&path);
    assert!(engine.revision() >= before);
    assert!(change(&engine, "one", "network:v", true).written.revision > before);
}
