//! `freeze-directory TARGET WORKSHOP`: makes the fixture of a data directory, see [`segengine_proofs::frozen`].

use std::path::Path;
use std::process::ExitCode;

use segengine_proofs::frozen::freeze;

#[expect(clippy::print_stderr, reason = "a program tells whoever started it what was wrong")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, workshop] = arguments.as_slice() else {
        eprintln!("usage: freeze-directory TARGET WORKSHOP");
        return ExitCode::FAILURE;
    };
    match freeze(Path::new(target), Path::new(workshop)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("freeze-directory: {}", error.message());
            ExitCode::FAILURE
        }
    }
}
