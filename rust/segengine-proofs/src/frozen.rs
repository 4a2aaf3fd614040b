//! The data directory of format 1 that every later version must read: how it was made, and how it is unpacked.
//!
//! `tests/fixtures/data-directory-v1/` holds an archive with the directory twice, as it is after a close and as a killed
//! process leaves it (the log beside the database), with the key, and what both must say. It is never made again for
//! format 1: a program that cannot read it is wrong. `freeze-directory` made it, and makes the one of a next format.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use segengine::engine::Engine;
use segengine::{Error, Result};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::census::Census;
use crate::house::{found, open};
use crate::plan::Plan;
use crate::worker::act;

/// The plan whose steps made it.
const SEED: u64 = 20_180_131;
/// How many of them: enough for merged runs, many member changes, and slots that were used twice.
const STEPS: usize = 60;
/// Its key, which is no secret.
const KEY: &str = "segengine-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
const ARCHIVE: &str = "directories.zip";
/// What both directories must say.
const EXPECTED: &str = "expected.txt";

/// The folder of the fixture of format 1.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/data-directory-v1")
}

fn failed(what: impl std::fmt::Display, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal(format!("{what}: {}", error.into()))
}

/// What an engine says, in lines.
///
/// # Errors
/// What its calls say.
pub fn told(engine: &Engine) -> Result<String> {
    let census = Census::of(engine)?;
    Ok(format!("engine {}\ngeneration {}\n{}", engine.engine_id(), engine.generation(), census.lines()))
}

/// What the frozen directories must say.
///
/// # Errors
/// `Internal` when the fixture is not there.
pub fn expected() -> Result<String> {
    fs::read_to_string(folder().join(EXPECTED)).map_err(|error| failed(EXPECTED, error))
}

/// Makes the fixture in `target`, by way of the folder `workshop`.
///
/// # Errors
/// What the engine or the disk says.
pub fn freeze(target: &Path, workshop: &Path) -> Result<()> {
    let directory = workshop.join("closed");
    fs::write(workshop.join("closed.key"), KEY).map_err(|error| failed("write the key", error))?;
    let engine = open(&directory, None)?;
    found(&engine)?;
    Plan::new(SEED).take(STEPS).try_for_each(|step| act(&engine, &step))?;
    engine.drain_sweeps();
    let expected = told(&engine)?;
    copy(&directory, &workshop.join("killed")).map_err(|error| failed("copy the directory", error))?;
    fs::write(workshop.join("killed.key"), KEY).map_err(|error| failed("write the key", error))?;
    engine.close()?;
    fs::create_dir_all(target).map_err(|error| failed(target.display(), error))?;
    fs::write(target.join(EXPECTED), expected).map_err(|error| failed(EXPECTED, error))?;
    pack(workshop, &target.join(ARCHIVE)).map_err(|error| failed(ARCHIVE, error))
}

/// Unpacks both directories and their keys into `target`.
///
/// # Errors
/// `Internal` when the fixture is not there.
pub fn unpack(target: &Path) -> Result<()> {
    let archive = File::open(folder().join(ARCHIVE)).map_err(|error| failed(ARCHIVE, error))?;
    let extracted = ZipArchive::new(archive).and_then(|mut archive| archive.extract(target));
    extracted.map_err(|error| failed(ARCHIVE, error))
}

/// Copies a folder and what is in it.
///
/// # Errors
/// What the operating system says.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Every file below a folder with its content, in the order of their names.
///
/// # Errors
/// What the operating system says.
pub fn contents(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(contents(&path)?);
        } else {
            let mut bytes = Vec::new();
            File::open(&path)?.read_to_end(&mut bytes)?;
            all.push((path, bytes));
        }
    }
    all.sort();
    Ok(all)
}

fn pack(workshop: &Path, archive: &Path) -> io::Result<()> {
    let mut writer = ZipWriter::new(File::create(archive)?);
    let options = SimpleFileOptions::default().unix_permissions(0o600);
    for (path, bytes) in contents(workshop)? {
        let name = path.strip_prefix(workshop).map_err(io::Error::other)?;
        writer.start_file(name.to_string_lossy(), options)?;
        io::Write::write_all(&mut writer, &bytes)?;
    }
    writer.finish().map(drop).map_err(io::Error::other)
}
