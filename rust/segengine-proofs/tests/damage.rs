//! Promise 6: damage is found, never served. The frozen directory is damaged in every way that a disk or a hand can
//! damage it; each time it is refused with a sentence that names what is wrong, or it answers exactly what it must.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segengine::engine::{Finding, OpenOptions, VerifyStep, verify_directory};
use segengine::time::ManualClock;
use segengine::{Error, ErrorKind};
use segengine_proofs::draw::Draw;
use segengine_proofs::frozen::{copy, expected, told, unpack};
use segengine_proofs::house::{self, NOW};

/// Bytes flipped in each kind of file.
const FLIPS: u32 = 40;

struct Damaged {
    _folder: tempfile::TempDir,
    sound: PathBuf,
    directory: PathBuf,
}

impl Damaged {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        unpack(folder.path()).unwrap();
        let (sound, directory) = (folder.path().join(name), folder.path().join("damaged"));
        fs::copy(folder.path().join(format!("{name}.key")), folder.path().join("damaged.key")).unwrap();
        Self { _folder: folder, sound, directory }
    }

    /// A sound copy again.
    fn afresh(&self) -> &Path {
        let _ = fs::remove_dir_all(&self.directory);
        copy(&self.sound, &self.directory).unwrap();
        &self.directory
    }
}

fn verified(directory: &Path) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let options = OpenOptions::new(Arc::new(ManualClock::new(NOW.0)));
    verify_directory(directory, None, options, &mut |step| {
        if let VerifyStep::Found(finding) = step {
            found.push(finding);
        }
    })?;
    Ok(found)
}

/// What the directory answers, or why it is refused.
fn answered(directory: &Path) -> Result<String, Error> {
    let engine = house::open(directory, None)?;
    let told = told(&engine)?;
    engine.close()?;
    Ok(told)
}

/// One file of each kind, by the word that its name begins with.
fn one_of_each(directory: &Path) -> BTreeMap<String, String> {
    let names = fs::read_dir(directory.join("files")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.split('-').next().unwrap().to_owned(), name)).collect()
}

/// A flipped byte, a lost end and a missing file are found in every kind of immutable file, by `verify` and at the
/// opening, with the file and the byte.
#[test]
fn a_damaged_file_is_named_with_its_byte_and_never_served() {
    let damaged = Damaged::new("closed");
    // Files that nothing names any more go when the directory is opened; damage to those is nobody's business.
    answered(damaged.afresh()).unwrap();
    let kinds = one_of_each(&damaged.directory);
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["change", "identity", "links", "members", "seen"]);
    let mut draw = Draw::new(6);
    for name in kinds.values() {
        let path = damaged.directory.join("files").join(name);
        let sound = fs::read(damaged.sound.join("files").join(name)).unwrap();
        let length = u32::try_from(sound.len()).unwrap();
        for round in 0..FLIPS {
            damaged.afresh();
            let mut bytes = sound.clone();
            match round % 8 {
                0 => bytes.truncate(draw.below(length) as usize),
                1 => bytes.push(0),
                _ => bytes[draw.below(length) as usize] ^= 1 << draw.below(8),
            }
            fs::write(&path, bytes).unwrap();
            let found = verified(&damaged.directory).unwrap();
            let finding = found.first().unwrap_or_else(|| panic!("{name}, round {round}: nothing found"));
            // A header of another format is refused in words, without a byte.
            assert!(finding.message.contains(name), "round {round}: {finding:?}");
            assert!(finding.offset.is_some() || finding.message.contains("newer"), "round {round}: {finding:?}");
            let error = answered(&damaged.directory).unwrap_err();
            assert!(error.message().contains(name), "round {round}: {error}");
            assert!(matches!(error.kind(), ErrorKind::Corrupted | ErrorKind::FailedPrecondition), "{error}");
        }
        damaged.afresh();
        fs::remove_file(&path).unwrap();
        assert!(verified(&damaged.directory).unwrap().iter().any(|finding| finding.message.contains(name)));
        assert!(answered(&damaged.directory).unwrap_err().message().contains(name));
    }
}

/// A file that is sound, but not the one that the catalog names, is not taken for it.
#[test]
fn a_file_in_the_place_of_another_is_found() {
    let damaged = Damaged::new("closed");
    answered(damaged.afresh()).unwrap();
    let names = fs::read_dir(damaged.directory.join("files")).unwrap();
    let mut members: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
    members.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("members"));
    damaged.afresh();
    let name = members[1].file_name().unwrap().to_str().unwrap();
    fs::copy(damaged.sound.join("files").join(members[0].file_name().unwrap()), &members[1]).unwrap();
    assert!(verified(&damaged.directory).unwrap().iter().any(|finding| finding.message.contains(name)));
    assert!(answered(&damaged.directory).unwrap_err().message().contains(name));
}

/// Damages the first `end` bytes of a database file by flips and zeroed pages, again and again: it is refused by name, or
/// not a byte of the answers differs. Returns how often it was refused.
fn refusals(damaged: &Damaged, file: &str, rounds: u32, end: u32) -> u32 {
    let sound = fs::read(damaged.sound.join(file)).unwrap();
    let (mut draw, expected) = (Draw::new(9), expected().unwrap());
    let mut refused = 0;
    for round in 0..rounds {
        damaged.afresh();
        let mut bytes = sound.clone();
        let at = draw.below(end) as usize;
        match round % 10 {
            0 => bytes[at & !4_095..].iter_mut().take(4_096).for_each(|byte| *byte = 0),
            _ => bytes[at] ^= 1 << draw.below(8),
        }
        fs::write(damaged.directory.join(file), bytes).unwrap();
        match answered(&damaged.directory) {
            Ok(told) => assert!(told == expected, "round {round}: byte {at} of {file}: a wrong answer is served"),
            Err(error) => {
                assert!(error.message().contains("catalog.sqlite"), "round {round}: byte {at}: {error}");
                assert!(error.hint_text().is_some(), "round {round}: {error}");
                refused += 1;
            }
        }
    }
    println!("{file}: damaged {rounds} times, refused {refused} times; otherwise nothing is kept there");
    refused
}

/// A damaged catalog is refused, or the damage is where nothing is kept.
#[test]
fn a_damaged_catalog_is_refused_or_answers_what_it_must() {
    let damaged = Damaged::new("closed");
    let length = fs::metadata(damaged.sound.join("catalog.sqlite")).unwrap().len();
    assert!(refusals(&damaged, "catalog.sqlite", 200, u32::try_from(length).unwrap()) > 50, "hardly ever refused");
}

/// SQLite takes a flipped bit in the middle of its log for the end of it, and every commit after that is gone without a
/// word; here each one is refused. Only damage to the last transaction cannot be told from a torn end.
#[test]
fn a_damaged_log_is_refused_and_no_commit_is_dropped_in_silence() {
    let damaged = Damaged::new("killed");
    let length = fs::metadata(damaged.sound.join("catalog.sqlite-wal")).unwrap().len();
    assert_eq!(refusals(&damaged, "catalog.sqlite-wal", 60, u32::try_from(length * 9 / 10).unwrap()), 60);
    damaged.afresh();
    let path = damaged.directory.join("catalog.sqlite-wal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[50_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = verified(&damaged.directory).unwrap();
    assert_eq!(found.first().map(|finding| finding.file.as_str()), Some("catalog.sqlite-wal"));
    assert!(found.first().is_some_and(|finding| finding.offset.is_some_and(|at| at <= 50_000)), "{found:?}");
}

/// A wrong, missing or unreadable key file is refused by name, and nothing is changed; with the right one all is there.
#[test]
fn without_its_key_a_directory_is_not_opened() {
    let damaged = Damaged::new("closed");
    let directory = damaged.afresh();
    let key = house::key_file(directory);
    let right = fs::read(&key).unwrap();
    let refused = |words: &str, kind: ErrorKind| {
        let error = answered(directory).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(words) && error.message().contains("damaged.key"), "{error}");
        assert!(error.hint_text().is_some(), "{error}");
    };
    fs::remove_file(&key).unwrap();
    refused("is missing", ErrorKind::FailedPrecondition);
    assert!(!key.exists(), "a key was made in place of the one that is missing");
    fs::write(&key, "segengine-key-1 ".to_owned() + &"ab".repeat(32) + "\n").unwrap();
    refused("was made with key", ErrorKind::FailedPrecondition);
    fs::write(&key, "hello").unwrap();
    refused("is not a segengine key file", ErrorKind::Corrupted);
    fs::write(&key, right).unwrap();
    assert!(answered(directory).unwrap() == expected().unwrap());
}
