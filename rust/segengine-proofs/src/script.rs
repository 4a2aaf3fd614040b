//! The short fixed story for tests that stop a process at every single system call: an upload, its replacement, edits,
//! links, a load, the end of a segment, and checkpoints of the records in between.
//!
//! `play` does it and says after each step that it has returned. `judge` opens what was left and says in which of the
//! story's states it is: a directory between two of them is the defect that these tests look for. Each step waits for
//! the sweep of what it replaced, so that the order of the system calls is the same in every run.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use segengine::engine::formats::IdentifierRef;
use segengine::engine::{Candidates, MatchQuestion, MatchScratch, Observer, Phase};
use segengine::{Error, ErrorKind, Result};

use crate::census::{Census, findings};
use crate::house::{ADMIN, LASTING, found, open, segment, user};
use crate::ledger::State;
use crate::plan::{Asks, Edit, Step};
use crate::worker::{act, say};

/// The steps of the story.
#[must_use]
pub fn steps() -> Vec<Step> {
    let upload = |first: u32, count: u32| {
        let members = (first..first + count).map(|half| half * 2).collect();
        Step::Upload { segment: 0, members, reading: None, filling: None }
    };
    let edit = |users: &[u32], add: bool| Edit { segment: 0, users: users.to_vec(), add };
    let (include, exclude) = (vec![vec![0]], vec![0]);
    vec![
        upload(0, 60),
        Step::Upsert(vec![(1, Asks { include, exclude: Vec::new() }), (2, Asks { include: Vec::new(), exclude })]),
        upload(30, 70),
        Step::Edit(edit(&[1, 3, 5], true)),
        Step::Edit(edit(&[3, 64], false)),
        Step::Link { pairs: vec![(7, 66), (9, 400), (1, 5)], add: true },
        Step::Load(vec![(6, (100..160).collect()), (1, (0..80).collect())]),
        Step::Link { pairs: vec![(7, 66)], add: false },
        Step::DropSegment(6),
    ]
}

/// Every state of the story, from the empty house on.
fn states() -> Vec<State> {
    let mut state = State::default();
    state.furnish();
    let mut states = vec![state.clone()];
    for step in steps() {
        state = state.after(&step);
        states.push(state.clone());
    }
    states
}

/// Plays the story on the directory at `path`. With `hold`, the sweeping thread says who it is when it first comes to
/// sweep and waits there until the file `hold` exists: a tracer attaches to it meanwhile.
///
/// # Errors
/// What the engine says; said as well, with whether it still answers.
pub fn play(path: &Path, hold: Option<&Path>) -> Result<()> {
    let engine = open(path, hold.map(holder))?;
    found(&engine)?;
    say("ready");
    for (number, step) in (1..).zip(steps()) {
        // The records are checkpointed on the way; a step whose checkpoint is refused is not begun.
        let checkpointed = if number % 4 == 1 { engine.checkpoint(&ADMIN).map(drop) } else { Ok(()) };
        let done = checkpointed.and_then(|()| act(&engine, &step));
        if let Err(error) = done {
            say(&format!("refused {number}: {}", error.message()));
            after_a_refusal(&engine);
            return Err(error);
        }
        engine.drain_sweeps();
        say(&format!("done {number}"));
    }
    engine.close()
}

/// A poisoned engine goes on answering, and acknowledges nothing more.
fn after_a_refusal(engine: &segengine::engine::Engine) {
    let text = user(0);
    let question = MatchQuestion::about(Candidates::All);
    let answered =
        engine.match_one(&ADMIN, [IdentifierRef::parse(&text).ok()], &question, &mut MatchScratch::default());
    say(if answered.is_ok() { "answers" } else { "answers nothing" });
    if engine.is_poisoned() {
        let edit = Edit { segment: 0, users: vec![11], add: true };
        say(if act(engine, &Step::Edit(edit)).is_ok() { "acknowledges" } else { "acknowledges nothing" });
    }
}

fn holder(go: &Path) -> Observer {
    let go = go.to_owned();
    let held = std::sync::Once::new();
    Arc::new(move |phase| {
        if phase == Phase::Sweep {
            held.call_once(|| {
                let thread = fs::read_link("/proc/thread-self").unwrap_or_default();
                let number = thread.file_name().unwrap_or_default().to_string_lossy().into_owned();
                say(&format!("sweeper {number}"));
                while !go.exists() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
    })
}

/// Opens what was left at `path`, verifies it, and says the state that it is in: `before` its furnishing was complete, or
/// the number of the last step that it holds, wholly.
///
/// # Errors
/// What the opening says; `Internal` for findings and for a state between two states.
pub fn judge(path: &Path) -> Result<String> {
    let engine = open(path, None)?;
    let exists = |number| match engine.segment(&ADMIN, &segment(number)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true),
    };
    let furnished = (0..LASTING).try_fold(true, |all, number| Ok::<_, Error>(all && exists(number)?))?;
    found(&engine)?;
    let (census, findings) = (Census::of(&engine)?, findings(&engine)?);
    engine.close()?;
    if !findings.is_empty() {
        return Err(Error::internal(findings.join("; ")));
    }
    let differences: Vec<_> = states().iter().map(|state| census.difference(&state.census())).collect();
    match differences.iter().position(Option::is_none) {
        Some(0) if !furnished => Ok("before".to_owned()),
        Some(place) => Ok(place.to_string()),
        None => Err(Error::internal(format!("between two states: {differences:?}"))),
    }
}
