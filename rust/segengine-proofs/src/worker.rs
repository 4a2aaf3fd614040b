//! The process that is killed: it does the steps of a plan on one data directory and says each thing on standard output
//! after it has happened.
//!
//! ```text
//! ready                          the directory is open
//! begin … done                   a step is called, and has returned
//! accepted                       the file of an upload may come
//! reading … edited               a change is made while the file is read
//! filling … edited               a change is made while the new slot is written
//! phase NAME                     the engine's observer was told so
//! ```
//! Beside the steps a thread checkpoints the records, step or no step. At the phase where it was told to stop the thread that came there stays for ever, so that the parent can kill the
//! process exactly there; without that it goes on, and the kill falls wherever it falls.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use segengine::engine::formats::IdentifierRef;
use segengine::engine::management::{AdgroupChanges, AdgroupSettings, AdgroupSpec, Mutation, Targeting};
use segengine::engine::names::AdgroupName;
use segengine::engine::{Engine, Observer, Phase, Upload, UploadBegun, UploadSettings, UploadTarget};
use segengine::{Error, ErrorKind, Result};

use crate::house::{ADMIN, NOW, campaign, found, hash, open, parent, segment, segment_id, user};
use crate::plan::{Asks, Edit, Plan, Step};

/// Between two checkpoints: about a step.
const PAUSE: Duration = Duration::from_millis(3);

/// Where the worker stays for ever.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The name of the phase.
    pub phase: String,
    /// How often it is passed before.
    pub passed: u32,
}

thread_local! {
    /// The change that this thread still has to make while a new slot is written.
    static FILLING: RefCell<Option<Edit>> = const { RefCell::new(None) };
}

/// Says a line: one write, so that lines of two threads do not mix and a killed process has said it or not.
pub fn say(line: &str) {
    // When the parent is gone nobody is left to be told.
    let _ = io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// Does at most `most` steps of the plan of `seed` on the directory at `path`.
///
/// # Errors
/// What the engine says of a step that should have gone well.
pub fn work(path: &Path, seed: u64, most: usize, stop: Option<Stop>) -> Result<()> {
    let engine_place: Arc<OnceLock<Engine>> = Arc::default();
    let engine = open(path, Some(observer(Arc::clone(&engine_place), stop)))?;
    let _ = engine_place.set(engine.clone());
    found(&engine)?;
    say("ready");
    std::thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let beside = &engine;
        let checkpoints = scope.spawn(move || checkpoint_until(beside, &is_done));
        for step in Plan::new(seed).take(most) {
            say("begin");
            act(&engine, &step)?;
            say("done");
        }
        drop(done);
        checkpoints.join().map_err(|_| Error::internal("the checkpointing thread panicked"))?
    })?;
    engine.close()
}

/// Checkpoints the records again and again beside the steps.
fn checkpoint_until(engine: &Engine, is_done: &Receiver<()>) -> Result<()> {
    while is_done.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        engine.checkpoint(&ADMIN)?;
    }
    Ok(())
}

fn observer(engine: Arc<OnceLock<Engine>>, stop: Option<Stop>) -> Observer {
    let passed = AtomicU32::new(0);
    Arc::new(move |phase: Phase| {
        say(&format!("phase {}", phase.name()));
        let is_there = stop.as_ref().is_some_and(|stop| stop.phase == phase.name());
        if is_there && stop.as_ref().is_some_and(|stop| passed.fetch_add(1, Ordering::Relaxed) == stop.passed) {
            say("stopped");
            loop {
                std::thread::park();
            }
        }
        if phase == Phase::SlotWriting
            && let Some(edit) = FILLING.with_borrow_mut(Option::take)
            && let Some(engine) = engine.get()
        {
            say("filling");
            if change(engine, &edit).is_ok() {
                say("edited");
            }
        }
    })
}

/// A thing that is not there has nothing done to it.
fn unless_absent<T>(outcome: Result<T>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Does one step. A thing that is not there has nothing done to it, which is no error.
///
/// # Errors
/// What the engine says.
pub fn act(engine: &Engine, step: &Step) -> Result<()> {
    let how = Mutation::default();
    match step {
        Step::Upload { segment, members, reading, filling } => {
            FILLING.set(filling.clone());
            let done = upload(engine, *segment, members, reading.as_ref());
            FILLING.take();
            done
        }
        Step::Load(parts) => load(engine, parts),
        Step::Edit(edit) => change(engine, edit),
        Step::Link { pairs, add } => link(engine, pairs, *add),
        Step::Upsert(adgroups) => {
            let mut upsert = engine.begin_upsert(&ADMIN, &campaign())?;
            for (number, asks) in adgroups {
                let settings = AdgroupSettings { targeting: targeting(asks), ..AdgroupSettings::default() };
                upsert.push(AdgroupSpec { id: format!("a{number}"), display_name: String::new(), settings })?;
            }
            upsert.finish(&how).map(drop)
        }
        Step::Retarget(number, asks) => {
            let changes = AdgroupChanges { targeting: Some(targeting(asks)), ..AdgroupChanges::default() };
            unless_absent(engine.update_adgroup(&ADMIN, &adgroup(*number), &changes, &how))
        }
        Step::Drop(number) => unless_absent(engine.delete_adgroup(&ADMIN, &adgroup(*number), "", &how)),
        Step::DropSegment(number) => unless_absent(engine.delete_segment(&ADMIN, &segment(*number), "", &how)),
    }
}

fn adgroup(number: u32) -> AdgroupName {
    AdgroupName { campaign: campaign(), adgroup: format!("a{number}") }
}

fn targeting(asks: &Asks) -> Targeting {
    let ids = |numbers: &[u32]| numbers.iter().map(|&number| segment_id(number)).collect::<Vec<_>>();
    Targeting::Groups { include: asks.include.iter().map(|group| ids(group)).collect(), exclude: ids(&asks.exclude) }
}

fn upload(engine: &Engine, number: u32, members: &[u32], reading: Option<&Edit>) -> Result<()> {
    let target = UploadTarget::Segment(segment(number));
    let UploadBegun::Accepted(mut upload) = engine.begin_upload(&ADMIN, &target, UploadSettings::default())? else {
        return Err(Error::internal("an upload without a request id was taken for a repeated one"));
    };
    say("accepted");
    let (first, second) = members.split_at(members.len() / 2);
    feed(&mut upload, first)?;
    if let Some(edit) = reading {
        say("reading");
        change(engine, edit)?;
        say("edited");
    }
    feed(&mut upload, second)?;
    upload.finish(&ADMIN).map(drop)
}

fn feed(upload: &mut Upload, members: &[u32]) -> Result<()> {
    let lines: String = members.iter().map(|&member| hash(member) + "\n").collect();
    upload.feed(lines.as_bytes())
}

/// Network ids come with a day, so that sightings are written as well.
fn load(engine: &Engine, parts: &[(u32, Vec<u32>)]) -> Result<()> {
    let names = parts.iter().map(|(number, _)| segment_id(*number)).collect();
    let mut load = engine.begin_load(&ADMIN, &parent(), names, None)?;
    for (place, (_, users)) in (0..).zip(parts) {
        for &number in users {
            let day = if number % 3 == 0 { NOW.day() - 1 } else { 0 };
            load.push(IdentifierRef::check_text(&user(number)), place, day)?;
        }
    }
    load.finish().map(drop)
}

fn change(engine: &Engine, edit: &Edit) -> Result<()> {
    let users: Vec<String> = edit.users.iter().map(|&number| user(number)).collect();
    let identifiers = users.iter().map(|user| IdentifierRef::parse(user).ok());
    unless_absent(engine.change_members(&ADMIN, &segment(edit.segment), identifiers, edit.add, None))
}

fn link(engine: &Engine, pairs: &[(u32, u32)], add: bool) -> Result<()> {
    let mut linking = engine.begin_linking(&ADMIN, add)?;
    for &(one, other) in pairs {
        let (one, other) = (user(one), user(other));
        linking.push(IdentifierRef::parse(&one)?, IdentifierRef::parse(&other)?);
    }
    linking.finish(pairs.len().is_multiple_of(2).then_some(NOW), None).map(drop)
}
