//! The data directory as a whole: is it ours, of a format that we read, complete, and locked for us alone?
//!
//! ```text
//! FORMAT           "segengine data directory, format 1"
//! LOCK             who has it open
//! catalog.sqlite   the only commit point (and catalog.sqlite-wal while open)
//! files/           immutable framed files
//! spool/           archives that are being taken in
//! ```
//! Nothing in a directory is touched before it is known to be ours: a folder that holds other things, or a directory of
//! a newer program, is left exactly as it was.

use std::fs;
use std::io;
use std::path::Path;

use super::directory::{make_durably, replace_durably};
use super::files::is_ours;
use super::lock::DirectoryLock;
use crate::error::{Error, ErrorKind, Result};

/// The format that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
/// The name of the database inside a data directory.
pub const CATALOG: &str = "catalog.sqlite";
/// The name of the folder of immutable files inside a data directory.
pub const FILES: &str = "files";
/// The name of the folder where archives wait for their end; what a crash leaves there goes at the next start.
pub const SPOOL: &str = "spool";

const PREFIX: &str = "segengine data directory, format ";
/// What may lie in a directory that we have only begun to make; `lost+found` is in every fresh ext4 volume.
const BEGUN: [&str; 6] = ["LOCK", "FORMAT", "FORMAT.new", FILES, SPOOL, "lost+found"];

fn format_text() -> String {
    format!("{PREFIX}{FORMAT}\n")
}

/// Makes (when `create` says so) or checks the directory at `path`, and locks it.
///
/// # Errors
/// `NotFound`; `FailedPrecondition` for a file, a foreign folder or a newer format; `DirectoryLocked` naming the process
/// that holds it; `Storage`.
pub fn open(path: &Path, create: bool) -> Result<DirectoryLock> {
    let doing = |error| Error::storage(format_args!("open {}", path.display()), error);
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            let message = format!("{} is a file, not a data directory", path.display());
            return Err(Error::precondition(message).hint("give the path of a directory"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => make_durably(path).map_err(doing)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("there is no data directory at {}", path.display());
            return Err(Error::not_found(message).hint("check the path, or create it by uploading into it"));
        }
        Err(error) => return Err(doing(error)),
    }
    let begun = is_begun_only(path)?;
    let lock = DirectoryLock::acquire(path)?;
    // Somebody else may have made it while we waited for nothing: then there is nothing left to do.
    if begun && is_begun_only(path)? {
        replace_durably(&path.join("FORMAT"), &format_text()).map_err(doing)?;
    }
    Ok(lock)
}

/// Whether the making of the directory has not come as far as a whole `FORMAT`; fails for what is not ours to open.
fn is_begun_only(path: &Path) -> Result<bool> {
    let doing = |error| Error::storage(format_args!("open {}", path.display()), error);
    let text = match fs::read(path.join("FORMAT")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(doing(error)),
    };
    if text == format_text() {
        return Ok(false);
    }
    let number = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix('\n')).map(str::parse::<u32>);
    if let Some(Ok(newer)) = number.filter(|number| number.as_ref().is_ok_and(|&number| number > FORMAT)) {
        let message =
            format!("{}: written by a newer segengine (format {newer}, this one reads {FORMAT})", path.display());
        return Err(Error::precondition(message).hint("use a newer segengine"));
    }
    let mut names = fs::read_dir(path).map_err(doing)?.map(|entry| Ok(entry.map_err(doing)?.file_name()));
    let begun = names.try_fold(true, |begun, name: Result<_>| {
        Ok::<_, Error>(begun && name?.to_str().is_some_and(|name| BEGUN.contains(&name)))
    })?;
    // A crash while FORMAT was written leaves the beginning of it.
    if begun && format_text().starts_with(&text) {
        return Ok(true);
    }
    if path.join(CATALOG).is_file() && format_text().starts_with(&text) {
        let message = format!("{}: FORMAT is missing or cut short beside {CATALOG}", path.display());
        return Err(Error::new(ErrorKind::Corrupted, message).hint("restore the whole directory from a backup"));
    }
    if text.starts_with("segengine") {
        return Err(Error::corrupted(&path.join("FORMAT").display().to_string(), 0, "it does not name a format"));
    }
    let message = format!("{} is not a segengine data directory: it holds other files", path.display());
    Err(Error::precondition(message).hint("give an empty or new directory"))
}

/// Fails when files are there but the database that names them is not: opening would take all of them for leftovers.
///
/// # Errors
/// `Corrupted`; `Storage`.
pub fn check_complete(path: &Path) -> Result<()> {
    if fs::metadata(path.join(CATALOG)).is_ok_and(|metadata| metadata.len() > 0) {
        return Ok(());
    }
    let entries = match fs::read_dir(path.join(FILES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => {
            entries.map_err(|error| Error::storage(format_args!("list {}", path.join(FILES).display()), error))?
        }
    };
    let files = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_ours)).count();
    if files == 0 {
        return Ok(());
    }
    let message =
        format!("{}: {CATALOG} is missing or empty, but {files} files that it named are there", path.display());
    Err(Error::new(ErrorKind::Corrupted, message)
        .hint("restore the whole directory from a backup; nothing was removed"))
}
