//! A disk that fills up: writes are refused, answers go on, and when there is space again so do writes, without a restart.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use segengine::engine::Engine;
use segengine::{Error, ErrorKind, Result};

use crate::census::{Census, findings};
use crate::house::{found, open};
use crate::ledger::State;
use crate::plan::{Plan, Step};
use crate::worker::{act, say};

/// Steps within which a full disk must be felt.
const STEPS: usize = 200;
/// Steps after there is space again.
const AFTERWARDS: usize = 5;

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::internal(what.to_string())
}

/// Steps whose refusal leaves nothing of them behind: no change is made while a file is read.
fn plain(step: Step) -> Step {
    match step {
        Step::Upload { segment, members, .. } => Step::Upload { segment, members, reading: None, filling: None },
        step => step,
    }
}

/// Writes into `filler` until nothing more fits.
fn fill(filler: &Path) -> std::io::Result<()> {
    let mut file = File::create(filler)?;
    for size in [1 << 16, 1 << 12, 1] {
        let bytes = vec![7; size];
        while file.write_all(&bytes).is_ok() {}
    }
    Ok(())
}

fn compare(engine: &Engine, state: &State, when: &str) -> Result<()> {
    match Census::of(engine)?.difference(&state.census()) {
        Some(difference) => Err(wrong(format_args!("{when}: {difference}"))),
        None => Ok(()),
    }
}

/// Lives through a full disk at `path`; `filler` is a file on the same disk that takes and gives the space.
///
/// # Errors
/// Whatever went otherwise than promised, in words.
pub fn live_through(path: &Path, filler: &Path) -> Result<()> {
    let engine = open(path, None)?;
    found(&engine)?;
    let mut state = State::default();
    state.furnish();
    let mut plan = Plan::new(11).map(plain);
    for step in plan.by_ref().take(AFTERWARDS) {
        act(&engine, &step)?;
        state = state.after(&step);
    }
    fill(filler).map_err(|error| wrong(format_args!("the filler: {error}")))?;
    let mut refused = None;
    for step in plan.by_ref().take(STEPS) {
        match act(&engine, &step) {
            Ok(()) => state = state.after(&step),
            Err(error) => {
                refused = Some((step, error));
                break;
            }
        }
    }
    let (step, error) = refused.ok_or_else(|| wrong("the full disk was never felt"))?;
    if error.kind() != ErrorKind::Storage || error.hint_text().is_none() {
        return Err(wrong(format_args!("a full disk is refused as {}: {}", error.kind().name(), error.message())));
    }
    say(&format!("refused: {}", error.message()));
    if engine.is_poisoned() {
        return Err(wrong("a full disk that was found before a sync is not terminal"));
    }
    compare(&engine, &state, "while the disk is full")?;
    fs::remove_file(filler).map_err(|error| wrong(format_args!("the filler: {error}")))?;
    for step in std::iter::once(step).chain(plan.take(AFTERWARDS)) {
        act(&engine, &step)?;
        state = state.after(&step);
    }
    compare(&engine, &state, "when there is space again")?;
    engine.close()?;
    let engine = open(path, None)?;
    compare(&engine, &state, "after reopening")?;
    let findings = findings(&engine)?;
    if findings.is_empty() { engine.close() } else { Err(wrong(findings.join("; "))) }
}
