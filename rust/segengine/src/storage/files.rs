//! A folder of immutable files: written, synced with the folder, then — and only then — named by somebody.
//!
//! A file's name carries the length and the checksum of its content (`members-7.40516.9a3bc1d2`), so the one catalog
//! row that names a file commits all three, and a file that is whole but is not the one that was committed is found.
//!
//! After a failed sync nothing can be known about what reached the disk, so the folder is *poisoned*: it writes nothing
//! more until the directory is opened again; reading goes on. Source: "Can Applications Recover from fsync Failures?"
//! (Rebello et al., 2020).

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::directory::{Directory, DiskDirectory};
use super::framed::{self, Content, Payload, Stream};
use super::unsafe_mapping::Mapping;
use crate::error::{Error, ErrorKind, Result};

/// A folder of framed files.
pub struct Folder {
    directory: Box<dyn Directory>,
    poisoned: AtomicBool,
}

impl Folder {
    /// The folder at `path`, made durably when absent.
    ///
    /// # Errors
    /// `Storage` when it cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        let directory = DiskDirectory::open(path);
        Ok(Self::over(directory.map_err(|error| Error::storage(format_args!("make {}", path.display()), error))?))
    }

    /// The folder over another directory than the disk: for tests.
    #[must_use]
    pub fn over(directory: impl Directory + 'static) -> Self {
        Self { directory: Box::new(directory), poisoned: AtomicBool::new(false) }
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
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

    /// Writes a new file and returns its name: `stem`, which must not have been used, with length and checksum.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn create(&self, stem: &str, kind: u16, payload: &[u8]) -> Result<String> {
        self.create_of(stem, kind, &Payload::of([payload]))
    }

    /// As [`Self::create`], of a payload that lies in parts or is yet to be made: length and checksum are known when it is
    /// written, so it has the name `stem` until it is synced.
    ///
    /// # Errors
    /// As [`Folder::write`].
    pub fn create_of(&self, stem: &str, kind: u16, payload: &Payload<'_>) -> Result<String> {
        let (length, checksum) =
            self.write_synced(stem, |file| self.frame(stem, kind, file, |put| payload.each_block(put)))?;
        let name = name_of(stem, length, checksum);
        let doing = |error| Error::storage(format_args!("name {}", self.path().join(&name).display()), error);
        let named = self.directory.rename(stem, &name).map_err(doing);
        let durable = named.and_then(|()| self.synced(self.directory.sync(), &name));
        if durable.is_err() {
            // Under which of the names it is, is not known.
            let _ = self.directory.remove(stem);
            let _ = self.directory.remove(&name);
        }
        durable.map(|()| name)
    }

    /// Writes a new file, syncs it and then the folder. When this returns, the file survives a power cut.
    ///
    /// # Errors
    /// `Storage`; what was written is then removed, and the folder poisoned if it was a sync that failed. A file that
    /// has the name already is left as it is.
    pub fn write(&self, name: &str, kind: u16, payload: &[u8]) -> Result<()> {
        self.write_stream(name, kind, |put| Payload::of([payload]).each_block(put)).map(drop)
    }

    /// As [`Self::write`], of the blocks that `make` hands over; returns length and checksum of the payload.
    ///
    /// # Errors
    /// As [`Self::write`], and what `make` says: nothing of the file is left then.
    pub fn write_stream(
        &self,
        name: &str,
        kind: u16,
        make: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<Content> {
        let written = self.write_synced(name, |file| self.frame(name, kind, file, make))?;
        let durable = self.synced(self.directory.sync(), name);
        if durable.is_err() {
            // Nothing names the file; if the removal fails too, the next start removes it as an orphan.
            let _ = self.directory.remove(name);
        }
        durable.map(|()| written)
    }

    /// Begins a file, lets `write` write it, and syncs it; its name is not durable yet.
    fn write_synced<T>(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
        self.check()?;
        let doing = |error| Error::storage(format_args!("write {}", self.path().join(name).display()), error);
        let mut file = self.directory.create(name).map_err(doing)?;
        let written = write(&mut file);
        let synced = written.and_then(|written| self.synced(file.sync(), name).map(|()| written));
        if synced.is_err() {
            drop(file);
            let _ = self.directory.remove(name);
        }
        synced
    }

    /// Writes the blocks that `make` hands over as a framed file into one that was begun, and tells what it was.
    fn frame(
        &self,
        name: &str,
        kind: u16,
        file: &mut dyn Write,
        make: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<Content> {
        let doing =
            |error: io::Error| Error::storage(format_args!("write {}", self.path().join(name).display()), error);
        let mut file = BufWriter::new(file);
        let written = Stream::begin(&mut file, kind).map_err(doing).and_then(|mut stream| {
            make(&mut |bytes| stream.block(bytes).map_err(doing))?;
            stream.end().map_err(doing)
        });
        let written = written.and_then(|content| file.flush().map_err(doing).map(|()| content));
        if written.is_err() {
            // What the buffer still holds must not be written when it is dropped.
            drop(file.into_parts());
        }
        written
    }

    /// The bytes of a file where they lie.
    pub(super) fn mapping(&self, name: &str) -> Result<Mapping> {
        self.directory.map(name).map_err(|error| self.unreadable(name, error))
    }

    fn unreadable(&self, name: &str, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::NotFound => Error::corrupted(name, 0, "the catalog names this file, but it is gone"),
            _ => Error::storage(format_args!("read {}", self.path().join(name).display()), error),
        }
    }

    fn synced(&self, outcome: io::Result<()>, name: &str) -> Result<()> {
        outcome.map_err(|error| {
            self.poison();
            Error::storage(format_args!("make {} durable", self.path().join(name).display()), error)
        })
    }

    /// Reads a file of `kind`, checking every byte, and that it is the file which its name tells of.
    ///
    /// # Errors
    /// `Corrupted` with file and byte, also for a missing file; `Storage` when the disk refuses.
    pub fn read(&self, name: &str, kind: u16) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        // Growing on the way cleared and copied more memory than the file has. Where there is less memory than the name
        // says, the blocks themselves will tell.
        let expected = committed(name).map_or(0, |(length, _)| length);
        let _ = payload.try_reserve_exact(usize::try_from(expected).unwrap_or_default());
        self.read_blocks(name, kind, &mut |block| {
            payload.extend_from_slice(block);
            Ok(())
        })?;
        Ok(payload)
    }

    /// As [`Self::read`], block by block: the file is whole, and the right one, only when this returns.
    ///
    /// # Errors
    /// As [`Self::read`], and what `each` says.
    pub fn read_blocks(&self, name: &str, kind: u16, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut file = self.directory.open(name).map_err(|error| self.unreadable(name, error))?;
        let read = framed::read_blocks(name, kind, &mut file, each)?;
        match committed(name) {
            Some(committed) if committed != read => {
                Err(Error::corrupted(name, 0, "the file is whole, but not the one that was committed under this name"))
            }
            _ => Ok(()),
        }
    }

    /// Removes a file that nothing names any more; one that is gone already is fine.
    ///
    /// # Errors
    /// `Storage`.
    pub fn remove(&self, name: &str) -> Result<()> {
        match self.directory.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::storage(format_args!("remove {}", self.path().join(name).display()), error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the files of ours for which `named` is false, and returns their names: leftovers of writes that were cut
    /// short. What does not have a name that we give is not ours to remove.
    ///
    /// Call this only with the directory locked and its catalog read: otherwise it removes what is still needed.
    ///
    /// # Errors
    /// `Storage`.
    pub fn remove_orphans(&self, named: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let reading = |error| Error::storage(format_args!("list {}", self.path().display()), error);
        let mut orphans = self.directory.list().map_err(reading)?;
        orphans.retain(|name| is_ours(name) && !named(name));
        orphans.iter().try_for_each(|name| self.remove(name))?;
        Ok(orphans)
    }
}

fn name_of(stem: &str, length: u64, checksum: u32) -> String {
    format!("{stem}.{length}.{checksum:08x}")
}

/// The length and checksum of the content, as a name made by [`Folder::create`] tells them.
fn committed(name: &str) -> Option<Content> {
    let (rest, checksum) = name.rsplit_once('.')?;
    let (_, length) = rest.rsplit_once('.')?;
    Some((length.parse().ok()?, u32::from_str_radix(checksum, 16).ok().filter(|_| checksum.len() == 8)?))
}

/// Whether a name is one that we give: lower-case letters, a hyphen, a number, then perhaps length and checksum.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    number_of(name).is_some() && name.starts_with(|letter: char| letter.is_ascii_lowercase())
}

/// The number in a file's name: `7` of `members-7.40516.9a3bc1d2`.
#[must_use]
pub fn number_of(name: &str) -> Option<u64> {
    let stem = name.split('.').next()?;
    stem.rsplit_once('-')?.1.parse().ok()
}
