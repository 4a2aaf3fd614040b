//! One process at a time: an advisory lock on `LOCK`, which says who holds it and where to ask instead.
//!
//! The kernel drops the lock when the process ends, however it ends; the text in the file is only for people.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, ErrorKind, Result};

/// Directories open in this process: the kernel's lock is per open file, so it would also refuse us, but less clearly.
static OPEN_HERE: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

/// A held lock; released when dropped.
pub struct DirectoryLock {
    file: Mutex<File>,
    canonical: PathBuf,
}

impl DirectoryLock {
    /// Locks the directory at `path`.
    ///
    /// # Errors
    /// `DirectoryLocked` naming the holder and, where it serves, the target to use instead; `Storage`.
    pub fn acquire(path: &Path) -> Result<Self> {
        let doing = |error| Error::storage(format_args!("lock {}", path.display()), error);
        let canonical = path.canonicalize().map_err(doing)?;
        let mut open = OPEN_HERE.lock();
        let open_here = open.get_or_insert_with(HashSet::new);
        if open_here.contains(&canonical) {
            let message = format!("{} is already open in this process", path.display());
            return Err(Error::new(ErrorKind::DirectoryLocked, message).hint("use the engine that is open, or close it first"));
        }
        let lock_path = path.join("LOCK");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path).map_err(doing)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(held_elsewhere(path, &mut file));
        }
        open_here.insert(canonical.clone());
        let lock = Self { file: Mutex::new(file), canonical };
        lock.say(None)?;
        Ok(lock)
    }

    /// Tells whoever is refused which target to use instead.
    ///
    /// # Errors
    /// `Storage`.
    pub fn say(&self, target: Option<&str>) -> Result<()> {
        let mut file = self.file.lock();
        let text = format!("{}\n{}\n", std::process::id(), target.unwrap_or_default());
        let written = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(|error| Error::storage("write LOCK", error))
    }
}

fn held_elsewhere(path: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // The text is a courtesy: without it the refusal stands all the same.
    let _ = file.read_to_string(&mut text);
    let mut lines = text.lines();
    let holder = lines.next().filter(|pid| !pid.is_empty()).unwrap_or("unknown");
    let message = format!("{} is open in process {holder}", path.display());
    let hint = match lines.next().filter(|target| !target.is_empty()) {
        Some(target) => format!("use --target {target} instead of --data, or stop that process"),
        None => "stop that process, or serve the directory and use --target".to_owned(),
    };
    Error::new(ErrorKind::DirectoryLocked, message).hint(hint)
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if let Some(open) = OPEN_HERE.lock().as_mut() {
            open.remove(&self.canonical);
        }
    }
}
