//! A customer file as the messages of an upload, for a face in the same process that was given its path.
//!
//! Two threads read it in turn, half a mebibyte each time, into memory that is used again; a message is a piece of that memory
//! and is not copied here. What is not in the page cache is read past it: a file that is read once must not push out
//! what others need, and fresh pages for it cost more than the reading (0.1 to 0.5 s of processor time for 330 MB,
//! against 0.02). A file whose beginning is in the cache is read from there. A face that pulls parts from an object of
//! its own language instead spends about 50 µs on each, and a copy or two.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use bytes::{BufMut as _, Bytes};
use prost::encoding::{WireType, encode_key, encode_varint};
use segengine::ErrorKind;

use crate::status::Failure;

/// Bytes of a file in one message.
const PART_BYTES: usize = 1 << 18;
/// Messages of one read.
const PARTS: usize = 2;
/// Threads that read.
const READERS: usize = 2;
/// Where memory must begin for a read past the cache; the beginning of a message fits before it.
const ALIGNMENT: usize = 1 << 12;
/// The number of `chunk` in `UploadSegmentRequest`.
const CHUNK_FIELD: u32 = 2;

/// The messages, in the order of the file.
pub struct FileParts {
    readers: Vec<Receiver<io::Result<Vec<Bytes>>>>,
    turn: usize,
    ready: std::vec::IntoIter<Bytes>,
    ended: bool,
    name: String,
}

impl FileParts {
    /// Begins to read the file at `path`.
    ///
    /// # Errors
    /// `Storage`.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let source = Source::open(path).map_err(|error| failure(&name, &error))?;
        let source = Arc::new(source);
        let mut readers = Vec::with_capacity(READERS);
        for number in 0..READERS {
            // What was read waits in the hands of who read it: another read would take fresh memory.
            let (sender, receiver) = sync_channel(0);
            let source = Arc::clone(&source);
            let reader = move || read_in_turn(&source, number, &sender);
            let thread = std::thread::Builder::new().name("segengine-read".to_owned()).spawn(reader);
            thread.map_err(|error| failure(&name, &error))?;
            readers.push(receiver);
        }
        Ok(Self { readers, turn: 0, ready: Vec::new().into_iter(), ended: false, name })
    }
}

impl Iterator for FileParts {
    type Item = Result<Bytes, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(part) = self.ready.next() {
                return Some(Ok(part));
            }
            if self.ended {
                return None;
            }
            let read = self.readers.get(self.turn % READERS)?.recv();
            self.turn += 1;
            match read.unwrap_or_else(|_| Err(io::Error::other("the thread that read it ended"))) {
                Ok(parts) => {
                    self.ended = parts.len() < PARTS;
                    self.ready = parts.into_iter();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(failure(&self.name, &error)));
                }
            }
        }
    }
}

fn failure(name: &str, error: &io::Error) -> Failure {
    let message = format!("{name}: {error}");
    Failure { kind: ErrorKind::Storage, message, field: Some("source".to_owned()), hint: None }
}

/// Reads every `READERS`-th half mebibyte until the end of the file, a failure, or nobody's interest.
fn read_in_turn(source: &Source, number: usize, sender: &SyncSender<io::Result<Vec<Bytes>>>) {
    let pool = Pool::new();
    for turn in (number..).step_by(READERS) {
        let read = source.read(turn as u64 * (PARTS * PART_BYTES) as u64, &pool);
        let last = read.as_ref().map_or(true, |parts| parts.len() < PARTS);
        if sender.send(read).is_err() || last {
            return;
        }
    }
}

/// The file, opened as often as needed.
struct Source {
    cached: File,
    direct: Option<File>,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let cached = File::open(path)?;
        let direct = if is_in_cache(&cached) { None } else { open_direct(path) };
        Ok(Self { cached, direct })
    }

    /// The messages of one read from `offset` on; fewer than [`PARTS`] where the file ends before.
    fn read(&self, offset: u64, pool: &Pool) -> io::Result<Vec<Bytes>> {
        let mut buffers: Vec<Buffer> = (0..PARTS).map(|_| pool.take()).collect();
        let mut filled = self.read_direct(offset, &mut buffers);
        loop {
            let (place, within) = (filled / PART_BYTES, filled % PART_BYTES);
            let Some(room) = buffers.get_mut(place).and_then(|buffer| buffer.room().get_mut(within..)) else { break };
            match self.cached.read_at(room, offset + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let lengths = (0..).map(|place| filled.saturating_sub(place * PART_BYTES).min(PART_BYTES));
        Ok(buffers
            .into_iter()
            .zip(lengths)
            .filter(|(_, length)| *length > 0)
            .map(|(buffer, length)| buffer.message(length))
            .collect())
    }

    /// Reads past the cache what can be read so; the rest is for the cache.
    fn read_direct(&self, offset: u64, buffers: &mut [Buffer]) -> usize {
        let Some(file) = &self.direct else { return 0 };
        let mut rooms: Vec<_> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer.room())).collect();
        rustix::io::preadv(file, &mut rooms, offset).unwrap_or_default()
    }
}

/// Whether the beginning of a file is in the page cache.
#[cfg(target_os = "linux")]
fn is_in_cache(file: &File) -> bool {
    use rustix::fs::{Advice, fadvise};
    use rustix::io::{ReadWriteFlags, preadv2};
    // Asking must not make the system read ahead.
    let _ = fadvise(file, 0, None, Advice::Random);
    let mut page = [0; ALIGNMENT];
    let found = preadv2(file, &mut [IoSliceMut::new(&mut page)], 0, ReadWriteFlags::NOWAIT).is_ok();
    let _ = fadvise(file, 0, None, Advice::Sequential);
    found
}

#[cfg(not(target_os = "linux"))]
fn is_in_cache(_file: &File) -> bool {
    true
}

/// The file for reads past the cache, where the file system has them.
#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECT | OFlags::CLOEXEC, Mode::empty()).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Option<File> {
    None
}

/// Memory that messages give back when they were taken in.
struct Pool {
    used: Receiver<Vec<u8>>,
    give_back: SyncSender<Vec<u8>>,
}

impl Pool {
    fn new() -> Self {
        // The messages of a read that is made or waits, and of two that are passed on.
        let (give_back, used) = sync_channel(3 * PARTS);
        Self { used, give_back }
    }

    fn take(&self) -> Buffer {
        let memory = self.used.try_recv().unwrap_or_else(|_| vec![0; PART_BYTES + 2 * ALIGNMENT]);
        let start = ALIGNMENT + memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Buffer { memory, start, give_back: self.give_back.clone() }
    }
}

/// The memory of one message: a part of the file from `start` on, and room for what stands before it.
struct Buffer {
    memory: Vec<u8>,
    start: usize,
    give_back: SyncSender<Vec<u8>>,
}

impl Buffer {
    fn room(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + PART_BYTES).unwrap_or_default()
    }

    /// The message with the first `length` bytes of the room.
    fn message(mut self, length: usize) -> Bytes {
        let mut head = [0; 16];
        let mut unused: &mut [u8] = &mut head;
        encode_key(CHUNK_FIELD, WireType::LengthDelimited, &mut unused);
        encode_varint(length as u64, &mut unused);
        let bytes = 16 - unused.remaining_mut();
        let (begin, end) = (self.start - bytes, self.start + length);
        if let (Some(place), Some(head)) = (self.memory.get_mut(begin..self.start), head.get(..bytes)) {
            place.copy_from_slice(head);
        }
        Bytes::from_owner(self).slice(begin..end)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match self.give_back.try_send(std::mem::take(&mut self.memory)) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::v1::UploadSegmentRequest;
    use crate::v1::upload_segment_request::Part;

    /// The parts are the file, as messages that prost would have written, whether it is in the page cache or not.
    #[test]
    fn the_messages_hold_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (number, length) in
            [0, 1, PART_BYTES, 3 * PART_BYTES + 1, PARTS * PART_BYTES, 11 * PART_BYTES + 77].iter().enumerate()
        {
            let path = folder.path().join(number.to_string());
            let content: Vec<u8> = (0..*length).map(|byte| (byte % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            for keep in [true, false] {
                let file = File::open(&path).unwrap();
                if !keep {
                    file.sync_all().unwrap();
                    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
                }
                let mut found = Vec::new();
                for message in FileParts::open(&path).unwrap() {
                    let message = message.unwrap();
                    let decoded = UploadSegmentRequest::decode(message.clone()).unwrap();
                    assert_eq!(decoded.encode_to_vec(), message);
                    let Some(Part::Chunk(part)) = decoded.part else { panic!("no chunk") };
                    found.extend_from_slice(&part);
                }
                assert!(found == content, "{length} bytes");
            }
        }
        assert_eq!(FileParts::open(&folder.path().join("absent")).err().unwrap().kind, ErrorKind::Storage);
    }
}
