//! A flat folder of files behind a trait, so that a test can stand in for the disk.
//!
//! The trait is cut at the steps whose order decides what a power cut leaves: begin a file, write, sync the file, name it,
//! sync the folder, remove. [`DiskDirectory`] is the operating system; its twin is [`MemoryDirectory`](super::memory::MemoryDirectory),
//! which fails or loses power at any step. The idea is tantivy's `Directory`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::long_file::LongFile;
use super::unsafe_mapping::Mapping;

/// A file that is being written and that nothing names yet.
pub trait NewFile: Write + Send {
    /// Makes the content durable; the folder's entry for it is another step.
    ///
    /// # Errors
    /// Whatever the operating system says: then nothing is known about what reached the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// A flat folder of files.
pub trait Directory: Send + Sync {
    /// Where it is, for messages.
    fn path(&self) -> &Path;

    /// Begins a new file.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken: a file is never written twice.
    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>>;

    /// Opens a file for reading from its first byte.
    ///
    /// # Errors
    /// `NotFound`, or what the operating system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read>>;

    /// The bytes of a file that nobody writes to any more, where they lie.
    ///
    /// # Errors
    /// `NotFound`, or what the operating system says.
    fn map(&self, name: &str) -> io::Result<Mapping>;

    /// Gives a file another name, which nobody has; it has one of both after a power cut until the folder is synced.
    ///
    /// # Errors
    /// `NotFound`, or what the operating system says.
    fn rename(&self, name: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, or what the operating system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names in the folder, in no promised order.
    ///
    /// # Errors
    /// What the operating system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes the folder's entries durable.
    ///
    /// # Errors
    /// Whatever the operating system says: then nothing is known about what reached the disk.
    fn sync(&self) -> io::Result<()>;
}

/// A folder on disk.
#[derive(Debug)]
pub struct DiskDirectory {
    path: PathBuf,
}

impl DiskDirectory {
    /// The folder at `path`, made durably when it is absent.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        make_durably(path)?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Directory for DiskDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(self.path.join(name))?;
        Ok(Box::new(LongFile::new(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn map(&self, name: &str) -> io::Result<Mapping> {
        Mapping::open(&self.path.join(name))
    }

    fn rename(&self, name: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(name), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }
}

/// Makes a folder's entries durable.
///
/// # Errors
/// What the operating system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

/// Makes a folder and the missing ones above it, each entry durable in the folder above before this returns: a synced
/// file inside a folder whose own entry was lost is lost with it.
///
/// # Errors
/// What the operating system says.
pub fn make_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().unwrap_or(Path::new(""));
    if !above.as_os_str().is_empty() {
        make_durably(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_folder(above)
}

/// Puts a small text in place of a file, atomically: written aside, synced, renamed, the folder synced.
///
/// # Errors
/// What the operating system says; the file is then what it was.
pub fn replace_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let mut file = File::create(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    sync_folder(path.parent().unwrap_or(Path::new("")))
}
