//! `crash-worker DIRECTORY SEED STEPS [PHASE PASSED]`: does the steps of a plan until it is killed, see
//! [`segengine_proofs::worker`].

use std::path::PathBuf;
use std::process::ExitCode;

use segengine_proofs::worker::{Stop, work};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok());
    let (Some(path), Some(seed), Some(most)) = (arguments.first().map(PathBuf::from), number(1), number(2)) else {
        return complain("usage: crash-worker DIRECTORY SEED STEPS [PHASE PASSED]");
    };
    let passed = number(4).and_then(|passed| u32::try_from(passed).ok());
    let stop = arguments.get(3).cloned().zip(passed).map(|(phase, passed)| Stop { phase, passed });
    match work(&path, seed, usize::try_from(most).unwrap_or(usize::MAX), stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{}: {}", error.kind().name(), error.message())),
    }
}

#[expect(clippy::print_stderr, reason = "a program of tests tells whoever started it what was wrong")]
fn complain(message: &str) -> ExitCode {
    eprintln!("crash-worker: {message}");
    ExitCode::FAILURE
}
