//! `cargo xtask codegen [ROOT] [--check]`: writes the committed gRPC code and the API reference from `proto/`.
//!
//! The protos are read by protox, so no protoc of the system is needed and the output depends on `Cargo.lock` alone.
//! ROOT is where the tree is written, by default this repository; `--check` compares instead of writing and fails on
//! the first difference. A method without a policy option stops the generation: nobody can add one without deciding
//! who may call it.
#![expect(clippy::print_stderr, reason = "the messages of a command-line tool")]

mod generate;
mod reference;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a step of the tool ends with.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = arguments.iter().position(|argument| argument == "--check").map(|at| arguments.remove(at)).is_some();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = match arguments.as_slice() {
        [command] if command == "codegen" => source.clone(),
        [command, root] if command == "codegen" => PathBuf::from(root),
        _ => {
            eprintln!("usage: cargo xtask codegen [ROOT] [--check]");
            return ExitCode::from(2);
        }
    };
    match codegen(&source, &root, check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn codegen(source: &Path, root: &Path, check: bool) -> Outcome {
    let protos = generate::compile(&source.join("proto"))?;
    let mut files = generate::rust_files(&protos)?;
    files.push((PathBuf::from("docs/reference/api.md"), reference::render(&protos).into_bytes()));
    for (path, bytes) in files {
        let path = root.join(path);
        if check {
            if std::fs::read(&path).ok().as_deref() != Some(bytes.as_slice()) {
                return Err(format!("{}: not what proto/ generates; run `cargo xtask codegen`", path.display()).into());
            }
        } else {
            std::fs::create_dir_all(path.parent().ok_or("a generated file needs a folder")?)?;
            std::fs::write(&path, bytes)?;
        }
    }
    Ok(())
}
