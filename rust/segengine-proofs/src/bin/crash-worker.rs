//! The program that is killed, see [`segengine_proofs::worker`] and [`segengine_proofs::script`].
//!
//! ```text
//! crash-worker work DIRECTORY SEED STEPS [PHASE PASSED]   the steps of a plan
//! crash-worker play DIRECTORY [HOLD]                      the short story
//! crash-worker judge DIRECTORY                            which state of the story was left
//! crash-worker fill DIRECTORY FILLER                      through a full disk and out again
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use segengine_proofs::worker::{Stop, say, work};
use segengine_proofs::{full_disk, script};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let stop = |phase: &str, passed: &str| Some(Stop { phase: phase.to_owned(), passed: passed.parse().ok()? });
    let done = match arguments.as_slice() {
        ["work", path, seed, steps, rest @ ..] => {
            let (Ok(seed), Ok(steps)) = (seed.parse(), steps.parse()) else { return complain("SEED, STEPS: numbers") };
            let stop = if let [phase, passed] = rest { stop(phase, passed) } else { None };
            work(&PathBuf::from(path), seed, steps, stop)
        }
        ["play", path] => script::play(&PathBuf::from(path), None),
        ["play", path, hold] => script::play(&PathBuf::from(path), Some(&PathBuf::from(hold))),
        ["fill", path, filler] => full_disk::live_through(&PathBuf::from(path), &PathBuf::from(filler)),
        ["judge", path] => script::judge(&PathBuf::from(path)).map(|state| say(&state)),
        _ => return complain("usage: crash-worker work|play|judge|fill DIRECTORY …"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{}: {}", error.kind().name(), error.message())),
    }
}

#[expect(clippy::print_stderr, reason = "a program of tests tells whoever started it what was wrong")]
fn complain(message: &str) -> ExitCode {
    eprintln!("crash-worker: {message}");
    ExitCode::FAILURE
}
