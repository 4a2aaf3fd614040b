//! One process at a time: an advisory lock on `LOCK`, which says who holds it and where to ask instead.
//!
//! The kernel drops the lock when the process ends, however it ends; the text in the file is only for people. A forked
//! child shares the lock with its parent, so the parent unlocks by name when it closes, and the child never does.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};

/// A folder whatever it is called: device and inode, so that links and mounts do not hide that it is the same.
type Place = (u64, u64);

/// Directories open in this process: the kernel's lock is per open file, so it would also refuse us, but less clearly.
/// Beside them the process, for a forked child has the table of its parent and none of the directories open.
static OPEN_HERE: Mutex<Option<(u32, HashSet<Place>)>> = Mutex::new(None);

/// A held lock; released when dropped.
pub struct DirectoryLock {
    file: Mutex<File>,
    place: Place,
    opened_by: u32,
}

impl DirectoryLock {
    /// Locks the directory at `path`.
    ///
    /// # Errors
    /// `DirectoryLocked` naming the holder and, where it serves, the target to use instead; `Storage`.
    pub fn acquire(path: &Path) -> Result<Self> {
        let doing = |error| Error::storage(format_args!("lock {}", path.display()), error);
        let metadata = path.metadata().map_err(doing)?;
        let place = (metadata.dev(), metadata.ino());
        let mut open = OPEN_HERE.lock();
        let here = std::process::id();
        if open.as_ref().is_some_and(|(process, _)| *process != here) {
            *open = None;
        }
        let (_, open_here) = open.get_or_insert_with(|| (here, HashSet::new()));
        if open_here.contains(&place) {
            let message = format!("{} is already open in this process", path.display());
            return Err(
                Error::new(ErrorKind::DirectoryLocked, message).hint("use the engine that is open, or close it first")
            );
        }
        let lock_path = path.join("LOCK");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path).map_err(doing)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(held_elsewhere(path, &mut file)),
            Err(error) => return Err(doing(error.into())),
        }
        open_here.insert(place);
        let lock = Self { file: Mutex::new(file), place, opened_by: here };
        // The text is a courtesy to whoever is refused: a full disk keeps nobody from reading.
        let _ = lock.say(None);
        Ok(lock)
    }

    /// Tells whoever is refused which target to use instead.
    ///
    /// # Errors
    /// `Storage`.
    pub fn say(&self, target: Option<&str>) -> Result<()> {
        let text = format!("{}\n{}\n", self.opened_by, target.unwrap_or_default());
        self.write_text(&text).map_err(|error| Error::storage("write LOCK", error))
    }

    fn write_text(&self, text: &str) -> io::Result<()> {
        let mut file = self.file.lock();
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
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
        // A forked child holds a copy of the file: closing it changes nothing, unlocking it would unlock the parent.
        if std::process::id() != self.opened_by {
            return;
        }
        let mut open = OPEN_HERE.lock();
        // If unlocking fails, closing the file right after does it.
        let _ = flock(&*self.file.lock(), FlockOperation::Unlock);
        if let Some((_, open)) = open.as_mut() {
            open.remove(&self.place);
        }
    }
}
