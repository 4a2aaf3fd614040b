//! A file on disk that may become long: from its first mebibyte on it goes past the page cache.
//!
//! What an upload writes is read again at the next start, if at all. In the page cache each byte of it took a fresh page
//! of memory and a copy, and the disk began when the sync asked for it. Written directly, in pieces of a mebibyte from
//! one piece of memory, 192 MB took 0.01 s of processor time and 0.07 to 0.1 s in all, against 0.04 to 0.25 s and 0.08
//! to 1.2 s through the cache, by how many free pages the machine had at hand (measured on a virtual machine, ext4).
//! Short files, the ends of long ones, and file systems that cannot do it, go through the cache as before. What is
//! durable, and when, is the same: the sync that follows.

use std::fs::File;
use std::io::{self, Write};

use super::directory::NewFile;

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;
/// What the place of a piece, in memory and in the file, must be a multiple of: the largest block that disks have.
const ALIGNMENT: usize = 1 << 12;

/// See the module.
pub(super) struct LongFile {
    file: File,
    /// What is not written yet, after `start` bytes that nobody uses. Once a first piece was full it begins where it
    /// must, and never grows again.
    room: Vec<u8>,
    start: usize,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// No piece is full yet.
    Undecided,
    Direct,
    Cached,
}

impl LongFile {
    /// Over a file that nothing was written to.
    pub(super) fn new(file: File) -> Self {
        Self { file, room: Vec::new(), start: 0, way: Way::Undecided }
    }

    /// Puts what is held where the disk can take it from.
    fn align(&mut self) {
        let mut room: Vec<u8> = Vec::with_capacity(PIECE + ALIGNMENT);
        let start = room.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        room.resize(start, 0);
        room.extend_from_slice(self.held());
        (self.room, self.start) = (room, start);
    }

    fn held(&self) -> &[u8] {
        self.room.get(self.start..).unwrap_or_default()
    }

    /// Writes a full piece.
    fn put_piece(&mut self) -> io::Result<()> {
        if self.way == Way::Undecided {
            self.align();
            self.way = if set_direct(&self.file, true).is_ok() { Way::Direct } else { Way::Cached };
        }
        let mut written = 0;
        while let Some(rest) = self.held().get(written..).filter(|rest| !rest.is_empty()) {
            match (&self.file).write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What this file system, or a write that was cut short, does not allow.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput && self.way == Way::Direct => {
                    self.go_through_cache()?;
                }
                Err(error) => return Err(error),
            }
        }
        self.room.truncate(self.start);
        Ok(())
    }

    fn go_through_cache(&mut self) -> io::Result<()> {
        if self.way == Way::Direct {
            set_direct(&self.file, false)?;
        }
        self.way = Way::Cached;
        Ok(())
    }
}

impl Write for LongFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, _) = bytes.split_at_checked(PIECE - self.held().len()).unwrap_or((bytes, &[]));
        self.room.extend_from_slice(taken);
        if self.held().len() == PIECE {
            self.put_piece()?;
        }
        Ok(taken.len())
    }

    /// Writes what is held; what follows goes through the cache then.
    fn flush(&mut self) -> io::Result<()> {
        if !self.held().is_empty() {
            self.go_through_cache()?;
            self.file.write_all(self.room.get(self.start..).unwrap_or_default())?;
            self.room.truncate(self.start);
        }
        Ok(())
    }
}

impl NewFile for LongFile {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_all()
    }
}

/// Lets writes go past the page cache, or through it.
#[cfg(target_os = "linux")]
fn set_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(file)?;
    flags.set(rustix::fs::OFlags::DIRECT, direct);
    Ok(rustix::fs::fcntl_setfl(file, flags)?)
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_file: &File, direct: bool) -> io::Result<()> {
    if direct { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the lengths of file and writes, and wherever it is flushed: the bytes are those that were written.
    #[test]
    fn a_long_file_holds_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3 * PIECE + 5).map(|byte| (byte % 251) as u8).collect();
        let lengths = [0, 1, 4_096, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5];
        for (number, &length) in lengths.iter().enumerate() {
            for (write, flush_at) in
                [(8_192, usize::MAX), (PIECE + 7, usize::MAX), (1_000_003, 0), (65_536, PIECE + 65_536)]
            {
                let path = folder.path().join(format!("{number}-{write}"));
                let mut file = LongFile::new(File::create_new(&path).unwrap());
                let mut at = 0;
                for part in bytes[..length].chunks(write) {
                    file.write_all(part).unwrap();
                    at += part.len();
                    if at >= flush_at {
                        file.flush().unwrap();
                    }
                }
                file.sync().unwrap();
                assert!(std::fs::read(&path).unwrap() == bytes[..length], "{length} bytes, {write} at once");
            }
        }
    }
}
