//! The frozen data directory of format 1 is read as it was written; a newer one is refused and left alone.

use std::fs;
use std::path::{Path, PathBuf};

use segengine::ErrorKind;
use segengine_proofs::census::findings;
use segengine_proofs::frozen::{contents, expected, told, unpack};
use segengine_proofs::house::open;
use segengine_proofs::plan::Plan;
use segengine_proofs::worker::act;
use tempfile::TempDir;

fn unpacked(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path()).unwrap();
    let directory = folder.path().join(name);
    (folder, directory)
}

/// Both frozen directories, the closed one and the one of a killed process, say what they said when they were made, and
/// take new writes that are there after the next opening.
#[test]
fn a_directory_of_format_1_is_read_and_written_on() {
    for name in ["closed", "killed"] {
        let (_folder, directory) = unpacked(name);
        let engine = open(&directory, None).unwrap();
        assert!(told(&engine).unwrap() == expected().unwrap(), "{name}: it does not say what it said");
        assert_eq!(findings(&engine).unwrap(), Vec::<String>::new(), "{name}");
        for step in Plan::new(5).take(8) {
            act(&engine, &step).unwrap();
        }
        let after = told(&engine).unwrap();
        engine.close().unwrap();
        let engine = open(&directory, None).unwrap();
        assert!(
            after != expected().unwrap() && told(&engine).unwrap() == after,
            "{name}: what was written is not there"
        );
        assert_eq!(findings(&engine).unwrap(), Vec::<String>::new(), "{name}");
    }
}

fn refused(directory: &Path) -> segengine::Error {
    let before = contents(directory).unwrap();
    let error = open(directory, None).err().unwrap_or_else(|| panic!("it was opened"));
    let text =
        |all: Vec<(PathBuf, Vec<u8>)>| all.into_iter().filter(|(path, _)| !path.ends_with("LOCK")).collect::<Vec<_>>();
    assert!(text(contents(directory).unwrap()) == text(before), "a directory that was refused was changed");
    error
}

/// A directory of format 2, and a catalog of schema 2, are refused with a sentence that says who can read them, and not
/// a byte of them changes.
#[test]
fn a_newer_directory_or_catalog_is_refused_and_left_alone() {
    let (_folder, directory) = unpacked("closed");
    fs::write(directory.join("FORMAT"), "segengine data directory, format 2\n").unwrap();
    let error = refused(&directory);
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.message().contains("newer segengine (format 2, this one reads 1)"), "{error}");

    let (_folder, directory) = unpacked("closed");
    let catalog = directory.join("catalog.sqlite");
    let mut bytes = fs::read(&catalog).unwrap();
    // The user version of an SQLite database: four bytes, the highest first, at 60 (sqlite.org/fileformat2.html).
    assert_eq!(bytes[60..64], [0, 0, 0, 1]);
    bytes[63] = 2;
    fs::write(&catalog, bytes).unwrap();
    let error = open(&directory, None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.message().contains("newer segengine (format 2, this one reads 1)"), "{error}");
    assert!(error.hint_text().is_some());
}
