//! A file on disk that may become long: from its first mebibyte on it goes past the page cache.
//!
//! What an upload writes is read again at the next start, if at all. In the page cache each byte of it took a fresh page
//! of memory and a copy, and the disk began when the sync asked for it. Written directly, in pieces of a mebibyte from
//! memory that is used again, 192 MB took 0.01 s of processor time and 0.07 to 0.1 s in all, against 0.04 to 0.25 s and
//! 0.08 to 1.2 s through the cache, by how many free pages the machine had at hand (measured on a virtual machine,
//! ext4). A thread of its own writes a piece while the next is made. Short files, the ends of long ones, and file systems
//! that cannot do it, go through the cache as before. What is durable, and when, is the same: the sync that follows.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::directory::NewFile;

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;
/// What the place of a piece, in memory and in the file, must be a multiple of: the largest block that disks have.
const ALIGNMENT: usize = 1 << 12;

/// See the module.
pub(super) struct LongFile {
    file: Arc<File>,
    /// What is not written yet, after `start` bytes that nobody uses. Once a first piece was full it begins where the
    /// disk can take it from, and never grows again.
    room: Vec<u8>,
    start: usize,
    disk: Option<Disk>,
}

/// The thread that writes full pieces while the next is made.
struct Disk {
    pieces: SyncSender<Piece>,
    /// Pieces to fill again.
    written: Receiver<Piece>,
    thread: JoinHandle<io::Result<()>>,
}

/// Memory, and where a piece begins in it.
type Piece = (Vec<u8>, usize);

impl LongFile {
    /// Over a file that nothing was written to.
    pub(super) fn new(file: File) -> Self {
        Self { file: Arc::new(file), room: Vec::new(), start: 0, disk: None }
    }

    fn held(&self) -> &[u8] {
        self.room.get(self.start..).unwrap_or_default()
    }

    /// Hands a full piece to the disk, and begins another.
    fn put_piece(&mut self) -> io::Result<()> {
        if self.disk.is_none() {
            let (room, start) = empty_piece();
            let held = std::mem::replace(&mut self.room, room);
            self.room.extend_from_slice(held.get(self.start..).unwrap_or_default());
            self.start = start;
            self.disk = Some(Disk::start(&self.file)?);
        }
        let Some(disk) = &self.disk else { return Ok(()) };
        let (room, start) = disk.written.try_recv().unwrap_or_else(|_| empty_piece());
        let full = (std::mem::replace(&mut self.room, room), std::mem::replace(&mut self.start, start));
        // Who receives no more has failed, and says why when it is joined.
        if disk.pieces.send(full).is_ok() { Ok(()) } else { self.end_disk() }
    }

    /// Waits until all pieces are written.
    fn end_disk(&mut self) -> io::Result<()> {
        let Some(Disk { pieces, written, thread }) = self.disk.take() else { return Ok(()) };
        drop((pieces, written));
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that wrote it panicked")))
    }
}

impl Disk {
    fn start(file: &Arc<File>) -> io::Result<Self> {
        // One is being filled, one is written. Another that waits would take fresh memory for little.
        let (pieces, full) = sync_channel::<Piece>(0);
        let (give_back, written) = sync_channel(2);
        let file = Arc::clone(file);
        let write = move || {
            let is_direct = set_direct(&file, true).is_ok();
            let mut outcome = Ok(());
            for (mut room, start) in full {
                outcome = write_piece(&file, room.get(start..).unwrap_or_default());
                if outcome.is_err() {
                    break;
                }
                room.truncate(start);
                let _ = give_back.try_send((room, start));
            }
            // What follows goes through the cache.
            if is_direct { outcome.and(set_direct(&file, false)) } else { outcome }
        };
        let thread = std::thread::Builder::new().name("segengine-write".to_owned()).spawn(write)?;
        Ok(Self { pieces, written, thread })
    }
}

/// Memory for a piece that begins where the disk can take it from.
fn empty_piece() -> Piece {
    let mut room: Vec<u8> = Vec::with_capacity(PIECE + ALIGNMENT);
    let start = room.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    room.resize(start, 0);
    (room, start)
}

fn write_piece(mut file: &File, piece: &[u8]) -> io::Result<()> {
    let mut rest = piece;
    while !rest.is_empty() {
        match file.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What this file system does not take directly, or what a write that was cut short left.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                set_direct(file, false)?;
                return file.write_all(rest);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
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

    /// Writes what is held, through the cache: what follows begins where it may.
    fn flush(&mut self) -> io::Result<()> {
        self.end_disk()?;
        if !self.held().is_empty() {
            (&*self.file).write_all(self.room.get(self.start..).unwrap_or_default())?;
        }
        self.room.truncate(self.start);
        Ok(())
    }
}

impl NewFile for LongFile {
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_all()
    }
}

impl Drop for LongFile {
    /// A file that was given up is removed next: nobody may write to it then.
    fn drop(&mut self) {
        let _ = self.end_disk();
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
