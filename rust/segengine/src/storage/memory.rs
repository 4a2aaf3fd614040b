//! A folder in memory that can fail, or lose power, at any step: the twin of the disk in tests.
//!
//! It keeps what a disk keeps: content up to the last sync of a file, entries as of the last sync of the folder. After a
//! power cut exactly that is left, the harshest disk that POSIX allows. A failed sync leaves the content unsynced for
//! ever, as Linux does: a later sync that "succeeds" brings nothing back.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::directory::{Directory, NewFile};
use super::unsafe_mapping::Mapping;

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
    /// Bytes whose sync failed: the kernel took them for clean, so no later sync writes them.
    lost: bool,
}

type Shared = Arc<Mutex<Content>>;

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Shared>,
    durable: BTreeMap<String, Shared>,
    steps: usize,
    fail: Option<(usize, io::ErrorKind)>,
}

impl State {
    /// Counts a write-class step, and fails the one that a test chose.
    fn step(&mut self) -> io::Result<()> {
        let step = self.steps;
        self.steps += 1;
        match self.fail {
            Some((chosen, kind)) if chosen == step => Err(io::Error::new(kind, "injected by a test")),
            _ => Ok(()),
        }
    }
}

/// A folder in memory; clones are the same folder.
#[derive(Debug, Clone, Default)]
pub struct MemoryDirectory(Arc<Mutex<State>>);

impl MemoryDirectory {
    /// Fails the write-class step with this number, counted from 0 over the folder's life.
    pub fn fail_at(&self, step: usize, kind: io::ErrorKind) {
        self.0.lock().fail = Some((step, kind));
    }

    /// Write-class steps so far.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.0.lock().steps
    }

    /// What a power cut at this moment leaves.
    #[must_use]
    pub fn after_power_cut(&self) -> Self {
        let state = self.0.lock();
        let left = state.durable.iter().map(|(name, content)| {
            let content = content.lock();
            let bytes: Vec<u8> = content.bytes.iter().take(content.synced).copied().collect();
            let synced = bytes.len();
            (name.clone(), Arc::new(Mutex::new(Content { bytes, synced, lost: false })))
        });
        let files: BTreeMap<String, Shared> = left.collect();
        Self(Arc::new(Mutex::new(State { durable: files.clone(), files, ..State::default() })))
    }
}

struct Writer {
    folder: MemoryDirectory,
    content: Shared,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let step = self.folder.0.lock().step();
        let mut content = self.content.lock();
        if step.is_err() {
            // A short write: what went before the failure stays.
            content.bytes.extend(bytes.iter().take(bytes.len() / 2));
        }
        step?;
        content.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for Writer {
    fn sync(&mut self) -> io::Result<()> {
        let step = self.folder.0.lock().step();
        let mut content = self.content.lock();
        content.lost |= step.is_err();
        step?;
        if !content.lost {
            content.synced = content.bytes.len();
        }
        Ok(())
    }
}

impl Directory for MemoryDirectory {
    fn path(&self) -> &Path {
        Path::new("memory")
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        let mut state = self.0.lock();
        state.step()?;
        if state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Shared::default();
        state.files.insert(name.to_owned(), Arc::clone(&content));
        Ok(Box::new(Writer { folder: self.clone(), content }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read>> {
        let state = self.0.lock();
        let content = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(content.lock().bytes.clone())))
    }

    fn map(&self, name: &str) -> io::Result<Mapping> {
        let state = self.0.lock();
        let content = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Mapping::of(content.lock().bytes.clone()))
    }

    fn rename(&self, name: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        let content = state.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.files.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().files.keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.durable = state.files.clone();
        Ok(())
    }
}
