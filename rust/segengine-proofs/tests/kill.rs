//! Promise 1: what was acknowledged survives kill -9, and what was not is wholly there or wholly absent.
//!
//! A child process works on one directory and is killed at a chosen moment; the directory is opened again, asked about
//! every identifier, segment and adgroup, compared with the ledger that this process kept of what the child said, and
//! verified; then the next child goes on with the same directory. `ROUNDS` and `SEED` choose the length and the stream
//! (the long tier is `make reliability`). Kill -9 cannot show a missing sync, because the kernel keeps what was written:
//! tests/root shows those.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use segengine_proofs::census::{Census, findings};
use segengine_proofs::draw::Draw;
use segengine_proofs::house;
use segengine_proofs::ledger::{Ledger, State};

/// Moments at which a child is stopped and killed, in turn.
const PHASES: [&str; 12] = [
    "receive",
    "digest",
    "file_sync",
    "write",
    "commit",
    "swap",
    "sweep",
    "forget",
    "published",
    "checkpoint",
    "checkpoint_synced",
    "checkpoint_named",
];
/// The phases that must each see a share of the kills.
const COUNTED: [&str; 9] =
    ["receive", "digest", "file_sync", "write", "swap", "sweep", "checkpoint", "checkpoint_synced", "checkpoint_named"];
/// Steps after which a child that was not killed ends by itself.
const STEPS: usize = 500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// How one child ends.
enum End {
    /// It stays at the phase that it comes to after `passed` earlier ones, and is killed there.
    Stopped(&'static str, u32),
    /// It is killed so long after it was started, wherever it is: perhaps still opening the directory.
    After(Duration),
    /// It is killed when it has said so many lines, and does not wait for that.
    Lines(u32),
}

fn end_of(round: u64, draw: &mut Draw) -> End {
    let turn = usize::try_from(round % 15).unwrap();
    match PHASES.get(turn) {
        Some(phase) => End::Stopped(phase, draw.below(6)),
        None if turn == 12 => End::After(Duration::from_micros(u64::from(draw.below(40_000)))),
        None => End::Lines(2 + draw.below(120)),
    }
}

/// Starts a child, books what it says until it is killed, and returns the phase that it was in.
fn one_child(directory: &Path, seed: u64, end: &End, ledger: &mut Ledger) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crash-worker"));
    command.arg("work").arg(directory).arg(seed.to_string()).arg(STEPS.to_string());
    if let End::Stopped(phase, passed) = end {
        command.arg(phase).arg(passed.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    if let End::After(pause) = end {
        std::thread::sleep(*pause);
        child.kill().unwrap();
    }
    let (mut phase, mut is_stopped) = ("opening".to_owned(), false);
    // What the child said before it died is still in the pipe when it is dead, and counts.
    for (count, line) in (1..).zip(BufReader::new(child.stdout.take().unwrap()).lines()) {
        let line = line.unwrap();
        match (line.strip_prefix("phase "), end) {
            (Some(name), _) if !is_stopped => name.clone_into(&mut phase),
            (None, End::Stopped(name, _)) if line == "stopped" => {
                (*name).clone_into(&mut phase);
                is_stopped = true;
                child.kill().unwrap();
            }
            (None, _) => ledger.take(&line),
            _ => {}
        }
        if matches!(end, End::Lines(most) if count == *most) {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "the child was to be killed, and ended by itself: {status}");
    phase
}

/// Opens the directory again and says which of the states in which it may be it is in, and where its records came from.
fn judge(directory: &Path, outcomes: Vec<State>, round: u64) -> (State, String) {
    let engine =
        house::open(directory, None).unwrap_or_else(|error| panic!("round {round}: it does not open: {error}"));
    let found = Census::of(&engine).unwrap();
    assert_eq!(findings(&engine).unwrap(), Vec::<String>::new(), "round {round}: verify has findings");
    let source = engine.info(&house::ADMIN).unwrap().records_source;
    engine.close().unwrap();
    let differences: Vec<_> = outcomes.iter().map(|state| found.difference(&state.census())).collect();
    let place = differences.iter().position(Option::is_none);
    let place = place.unwrap_or_else(|| panic!("round {round}: neither before nor after: {differences:?}"));
    (outcomes.into_iter().nth(place).unwrap(), source)
}

/// Two hundred workers killed one after the other on one directory lose nothing that was acknowledged, leave nothing
/// half done, and the directory verifies after each.
#[test]
fn killed_at_any_phase_nothing_acknowledged_is_lost_and_nothing_is_done_by_half() {
    let (rounds, seed) = (number("ROUNDS", 200), number("SEED", 1_795_651_443_464));
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let engine = house::open(&directory, None).unwrap();
    house::found(&engine).unwrap();
    engine.close().unwrap();

    let mut draw = Draw::new(seed);
    let (mut state, mut kills) = (State::default(), BTreeMap::<String, u64>::new());
    let (mut in_flight, mut steps, mut mapped) = (0, 0, 0);
    for round in 0..rounds {
        let (worker_seed, end) = (draw.number(), end_of(round, &mut draw));
        let mut ledger = Ledger::new(state, worker_seed);
        let phase = one_child(&directory, worker_seed, &end, &mut ledger);
        *kills.entry(phase).or_default() += 1;
        in_flight += u64::from(ledger.in_flight());
        steps += ledger.acknowledged;
        let source;
        (state, source) = judge(&directory, ledger.outcomes(), round);
        mapped += u64::from(source.starts_with("mapped from the checkpoint"));
    }
    println!("seed {seed}: {rounds} kills, {in_flight} with a step on its way, {steps} steps acknowledged");
    println!("kills by phase: {kills:?}; {mapped} starts from a checkpoint");
    assert!(mapped * 2 >= rounds, "only {mapped} of {rounds} starts were from a checkpoint");
    assert!(steps > rounds, "the workers did next to nothing");
    assert!(in_flight * 10 >= rounds * 6, "most kills must fall between the beginning of a step and its end");
    for phase in COUNTED {
        let count = kills.get(phase).copied().unwrap_or_default();
        assert!(count * 200 >= 10 * rounds, "only {count} of {rounds} kills in {phase}");
    }
}

/// A ledger that was told of a step that never happened, or was not told of one that did, does not fit the directory:
/// the comparison above can fail.
#[test]
fn a_ledger_that_is_wrong_by_one_step_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let engine = house::open(&directory, None).unwrap();
    house::found(&engine).unwrap();
    engine.close().unwrap();
    let mut right = Ledger::new(State::default(), 7);
    one_child(&directory, 7, &End::Stopped("sweep", 3), &mut right);
    let engine = house::open(&directory, None).unwrap();
    let found = Census::of(&engine).unwrap();
    let told = |steps: u64| {
        let mut ledger = Ledger::new(State::default(), 7);
        for _ in 0..steps {
            for line in ["begin", "accepted", "reading", "edited", "filling", "edited", "done"] {
                ledger.take(line);
            }
        }
        ledger.outcomes().into_iter().find_map(|state| found.difference(&state.census()))
    };
    let before_last = right.acknowledged - 1;
    assert!(told(before_last).is_some() && told(right.acknowledged + 2).is_some());
}
