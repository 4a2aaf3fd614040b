//! A folder of immutable files: written aside, synced with the folder, then — and only then — named by somebody.
//!
//! After a failed sync nothing can be known about what reached the disk, so the folder is *poisoned*: it writes nothing
//! more until the directory is opened again; reading goes on. Source: "Can Applications Recover from fsync Failures?"
//! (Rebello et al., 2020).

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::framed;
use crate::error::{Error, ErrorKind, Result};

/// A folder of framed files.
pub struct Folder {
    path: PathBuf,
    poisoned: AtomicBool,
}

impl Folder {
    /// The folder at `path`, made when absent.
    ///
    /// # Errors
    /// `Storage` when it cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::storage(format_args!("make {}", path.display()), error))?;
        Ok(Self { path: path.to_owned(), poisoned: AtomicBool::new(false) })
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a sync failed since the folder was opened.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Refuses all later writes: called also when the catalog's own commit failed.
    pub fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Fails when the folder is poisoned.
    ///
    /// # Errors
    /// `Storage`, saying what happened and what to do.
    pub fn check(&self) -> Result<()> {
        if !self.is_poisoned() {
            return Ok(());
        }
        let message = "an earlier write could not be made durable: nothing more is acknowledged";
        Err(Error::new(ErrorKind::Storage, message).hint("check the disk, then open the directory again"))
    }

    /// Writes a new file, syncs it and then the folder. When this returns, the file survives a power cut.
    ///
    /// # Errors
    /// `Storage`; the file is then removed, and the folder poisoned if it was a sync that failed.
    pub fn write(&self, name: &str, kind: u16, payload: &[u8]) -> Result<()> {
        self.check()?;
        let path = self.path.join(name);
        let written = self.write_and_sync(&path, &framed::encode(kind, payload));
        if written.is_err() {
            // Nothing names the file; if the removal fails too, the next start removes it as an orphan.
            let _ = fs::remove_file(&path);
        }
        written
    }

    fn write_and_sync(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let doing = |error| Error::storage(format_args!("write {}", path.display()), error);
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(doing)?;
        file.write_all(bytes).map_err(doing)?;
        self.synced(file.sync_all(), path)?;
        drop(file);
        self.synced(File::open(&self.path).and_then(|folder| folder.sync_all()), &self.path)
    }

    fn synced(&self, outcome: std::io::Result<()>, path: &Path) -> Result<()> {
        outcome.map_err(|error| {
            self.poison();
            Error::storage(format_args!("make {} durable", path.display()), error)
        })
    }

    /// Reads a file of `kind`, checking every byte.
    ///
    /// # Errors
    /// `Corrupted` with file and byte, also for a missing file; `Storage` when the disk refuses.
    pub fn read(&self, name: &str, kind: u16) -> Result<Vec<u8>> {
        let path = self.path.join(name);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::corrupted(name, 0, "the catalog names this file, but it is gone"),
            _ => Error::storage(format_args!("read {}", path.display()), error),
        })?;
        framed::decode(name, kind, &bytes)
    }

    /// Removes a file that nothing names any more; one that is gone already is fine.
    ///
    /// # Errors
    /// `Storage`.
    pub fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::storage(format_args!("remove {name}"), error))
            }
            _ => Ok(()),
        }
    }

    /// Removes every file for which `named` is false, and returns their names: leftovers of writes that were cut short.
    ///
    /// # Errors
    /// `Storage`.
    pub fn remove_orphans(&self, named: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let reading = |error| Error::storage(format_args!("list {}", self.path.display()), error);
        let mut orphans = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(reading)? {
            let name = entry.map_err(reading)?.file_name().to_string_lossy().into_owned();
            if !named(&name) {
                self.remove(&name)?;
                orphans.push(name);
            }
        }
        Ok(orphans)
    }
}
