//! Framed files: a header that names format and kind, blocks with a checksum each, and a footer.
//!
//! ```text
//! header  8 bytes "SEGENGIN" · u16 format · u16 kind · u32 CRC-32C of the 12 bytes before
//! block   u32 length (1 to 1 MiB) · u32 CRC-32C of the payload · payload
//! footer  u32 0 · u64 bytes of payload · u32 CRC-32C of all payload · u32 CRC-32C of the 16 bytes before
//! ```
//! All numbers are little-endian. Every byte is under a checksum, so a flipped bit, a lost tail, a foreign file and a
//! file of a newer format are told apart, each with the file and the byte where reading stopped. A later format keeps
//! the header as it is, so that this program can say what it was given. Both ways stream: beside the payload they hold
//! nothing, and a damaged length makes nobody allocate more than a block.

use std::cell::Cell;
use std::io::{self, Read, Write};

use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"SEGENGIN";
/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u16 = 1;
const BLOCK: usize = 1 << 20;

/// Content that is not held, but made block by block when it is written.
pub trait Blocks: Sync {
    /// How many blocks there are.
    fn count(&self) -> usize;

    /// Appends a block: 1 to 2^20 bytes.
    fn make(&self, number: usize, bytes: &mut Vec<u8>);
}

/// What a file holds, cut into blocks.
pub struct Payload<'a>(Vec<Block<'a>>);

/// The length of a payload, and the CRC-32C of all of it.
pub type Content = (u64, u32);

#[derive(Clone, Copy)]
enum Block<'a> {
    Held(&'a [u8]),
    Made(&'a dyn Blocks, usize),
}

impl<'a> Block<'a> {
    /// The bytes, which may come to lie in `room`.
    fn bytes<'b>(&self, room: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Held(bytes) => bytes,
            Self::Made(blocks, number) => {
                room.clear();
                blocks.make(*number, room);
                room
            }
        }
    }
}

impl<'a> Payload<'a> {
    /// The payload that `parts` make one after the other. Each begins a block, so let them be few or long.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self(parts.into_iter().flat_map(|part| part.chunks(BLOCK)).map(Block::Held).collect())
    }

    /// The payload that `blocks` make, when it is written.
    #[must_use]
    pub fn made(blocks: &'a dyn Blocks) -> Self {
        Self((0..blocks.count()).map(|number| Block::Made(blocks, number)).collect())
    }

    /// Hands over one block after the other.
    pub(super) fn each_block<E>(&self, put: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut room = Vec::new();
        self.0.iter().try_for_each(|block| put(block.bytes(&mut room)))
    }
}

/// Writes `payload` as a framed file of `kind`, and tells what it was.
///
/// # Errors
/// What `out` says.
pub fn write_to(out: &mut dyn Write, kind: u16, payload: &Payload<'_>) -> io::Result<Content> {
    let mut stream = Stream::begin(out, kind)?;
    payload.each_block(&mut |bytes| stream.block(bytes))?;
    stream.end()
}

/// A framed file that is written while its content is made: length and checksum are known at the end.
pub struct Stream<'a> {
    out: &'a mut dyn Write,
    length: u64,
    checksum: u32,
}

impl<'a> Stream<'a> {
    /// Begins a file of `kind`.
    ///
    /// # Errors
    /// What `out` says.
    pub fn begin(out: &'a mut dyn Write, kind: u16) -> io::Result<Self> {
        out.write_all(&header(kind))?;
        Ok(Self { out, length: 0, checksum: 0 })
    }

    /// Writes a block: 1 to 2^20 bytes.
    ///
    /// # Errors
    /// What the file says; `InvalidInput` for a block of another length.
    pub fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() || bytes.len() > BLOCK {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a block of {} bytes", bytes.len())));
        }
        let check = crc32c::crc32c(bytes);
        self.checksum = crc32c::crc32c_combine(self.checksum, check, bytes.len());
        self.length += bytes.len() as u64;
        write_block(self.out, bytes, check)
    }

    /// Ends the file, and tells what it was.
    ///
    /// # Errors
    /// What the file says.
    pub fn end(self) -> io::Result<Content> {
        self.out.write_all(&footer(self.length, self.checksum))?;
        Ok((self.length, self.checksum))
    }
}

fn header(kind: u16) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&FORMAT.to_le_bytes());
    header.extend_from_slice(&kind.to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
    header
}

fn write_block(out: &mut dyn Write, bytes: &[u8], check: u32) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&check.to_le_bytes())?;
    out.write_all(bytes)
}

fn footer(length: u64, checksum: u32) -> Vec<u8> {
    let mut footer = vec![0; 4];
    footer.extend_from_slice(&length.to_le_bytes());
    footer.extend_from_slice(&checksum.to_le_bytes());
    footer.extend_from_slice(&crc32c::crc32c(&footer).to_le_bytes());
    footer
}

/// Frames `payload` as a file of `kind`, in memory.
#[must_use]
pub fn encode(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / BLOCK * 8 + 64);
    // Writing to memory does not fail.
    let _ = write_to(&mut out, kind, &Payload::of([payload]));
    out
}

/// Reads a framed file of `kind` from memory; `name` is what errors call it.
///
/// # Errors
/// As [`read_from`].
pub fn decode(name: &str, kind: u16, bytes: &[u8]) -> Result<Vec<u8>> {
    read_from(name, kind, &mut &*bytes)
}

/// Reads a framed file of `kind`, checking every byte; `name` is what errors call it.
///
/// # Errors
/// `Corrupted` with file and byte; `FailedPrecondition` for a newer format; `Storage` when the disk refuses.
pub fn read_from(name: &str, kind: u16, source: &mut dyn Read) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    read_blocks(name, kind, source, &mut |block| {
        payload.extend_from_slice(block);
        Ok(())
    })?;
    Ok(payload)
}

/// As [`read_from`], block by block, so that the payload is never held whole. Only when this returns is it known that
/// nothing is missing. Tells what it was.
///
/// # Errors
/// As [`read_from`], and what `each` says.
pub fn read_blocks(
    name: &str,
    kind: u16,
    source: &mut dyn Read,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Content> {
    let mut reader = Reader { name, source, at: 0 };
    reader.header(kind)?;
    let mut block = Vec::new();
    reader.blocks(|reader, framed| {
        block.clear();
        reader.take(framed.length, &mut block, "a block")?;
        framed.check(name, &block)?;
        each(&block)
    })
}

/// Where a block lies, and what it must be.
#[derive(Debug, Clone, Copy)]
pub struct FramedBlock {
    /// Where its frame begins in the file.
    at: u64,
    length: usize,
    check: u32,
}

impl FramedBlock {
    /// The bytes of the payload in the file.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        let start = usize::try_from(self.at).unwrap_or(usize::MAX).saturating_add(8);
        start..start.saturating_add(self.length)
    }

    /// Fails unless `bytes` are what was written.
    ///
    /// # Errors
    /// `Corrupted` with the block's place in the file `name`.
    pub fn check(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if bytes.len() == self.length && crc32c::crc32c(bytes) == self.check {
            return Ok(());
        }
        Err(Error::corrupted(name, self.at, "the block's checksum does not match"))
    }
}

/// The blocks of a framed file that lies in memory, with length and checksum of the payload. All but the payload is
/// checked: each block still has to be, before its bytes are used ([`FramedBlock::check`]).
///
/// # Errors
/// As [`read_from`].
pub fn blocks_of(name: &str, kind: u16, file: &[u8]) -> Result<(Vec<FramedBlock>, u64, u32)> {
    let place = Place { file, at: Cell::new(0) };
    let mut reader = Reader { name, source: &mut &place, at: 0 };
    reader.header(kind)?;
    let mut blocks = Vec::new();
    let (length, checksum) = reader.blocks(|reader, framed| {
        blocks.push(framed);
        reader.at += framed.length as u64;
        place.at.set(framed.range().end);
        Ok(())
    })?;
    Ok((blocks, length, checksum))
}

/// A file in memory of which whole blocks are passed over without a look.
struct Place<'f> {
    file: &'f [u8],
    at: Cell<usize>,
}

impl Read for &Place<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.get(self.at.get()..).unwrap_or_default().read(out)?;
        self.at.set(self.at.get() + read);
        Ok(read)
    }
}

struct Reader<'a> {
    name: &'a str,
    source: &'a mut dyn Read,
    at: u64,
}

impl Reader<'_> {
    /// Goes from block to block; `each` goes past the payload. Returns length and checksum of it all.
    fn blocks(&mut self, mut each: impl FnMut(&mut Self, FramedBlock) -> Result<()>) -> Result<(u64, u32)> {
        let (mut bytes, mut checksum) = (0, 0);
        loop {
            let at = self.at;
            let length = u32::from_le_bytes(self.array("a block's length")?) as usize;
            if length == 0 {
                self.footer(at, bytes, checksum)?;
                return Ok((bytes, checksum));
            }
            if length > BLOCK {
                return Err(Error::corrupted(self.name, at, format_args!("a block of {length} bytes")));
            }
            let check = u32::from_le_bytes(self.array("a block's checksum")?);
            each(self, FramedBlock { at, length, check })?;
            bytes += length as u64;
            checksum = crc32c::crc32c_combine(checksum, check, length);
        }
    }

    /// Appends the next `length` bytes to `to`; a file that ends earlier is damaged where it ends.
    fn take(&mut self, length: usize, to: &mut Vec<u8>, what: &str) -> Result<()> {
        let reading = |error| Error::storage(format_args!("read {}", self.name), error);
        // Growing on the way would end with twice the room, after as much copying.
        to.reserve_exact(length);
        let taken = (&mut *self.source).take(length as u64).read_to_end(to).map_err(reading)?;
        self.at += taken as u64;
        if taken == length {
            return Ok(());
        }
        Err(Error::corrupted(self.name, self.at, format_args!("the file ends inside {what}")))
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut bytes = Vec::with_capacity(N);
        self.take(N, &mut bytes, what)?;
        bytes.try_into().map_err(|_| Error::internal("a read of the wrong length"))
    }

    fn header(&mut self, kind: u16) -> Result<()> {
        let mut magic = Vec::with_capacity(MAGIC.len());
        let whole = self.take(MAGIC.len(), &mut magic, "the header");
        if !MAGIC.starts_with(&magic) {
            return Err(Error::corrupted(self.name, 0, "not a segengine file"));
        }
        whole?;
        let [format, number] = [self.array::<2>("the header")?, self.array("the header")?];
        let check: [u8; 4] = self.array("the header")?;
        let header = [MAGIC.as_slice(), &format, &number].concat();
        if crc32c::crc32c(&header) != u32::from_le_bytes(check) {
            return Err(Error::corrupted(self.name, 8, "the header's checksum does not match"));
        }
        match u16::from_le_bytes(format) {
            FORMAT => {}
            0 => return Err(Error::corrupted(self.name, 8, "format 0 does not exist")),
            newer => {
                let message =
                    format!("{}: written by a newer segengine (format {newer}, this one reads {FORMAT})", self.name);
                return Err(Error::new(ErrorKind::FailedPrecondition, message).hint("use a newer segengine"));
            }
        }
        let found = u16::from_le_bytes(number);
        if found != kind {
            return Err(Error::corrupted(
                self.name,
                10,
                format_args!("a file of kind {found}, kind {kind} was expected"),
            ));
        }
        Ok(())
    }

    fn footer(&mut self, start: u64, bytes: u64, checksum: u32) -> Result<()> {
        let rest: [u8; 16] = self.array("the footer")?;
        if footer(bytes, checksum).get(4..) != Some(rest.as_slice()) {
            return Err(Error::corrupted(self.name, start, "the footer does not match the blocks"));
        }
        let end = self.at;
        if self.take(1, &mut Vec::new(), "nothing").is_ok() {
            return Err(Error::corrupted(self.name, end, "bytes after the footer"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_split_where_they_must() {
        let payload = vec![5; 2 * BLOCK + 17];
        assert_eq!(decode("f", 1, &encode(1, &payload)).unwrap(), payload);
        assert_eq!(decode("f", 1, &encode(1, &[])).unwrap(), Vec::<u8>::new());
    }

    /// Parts make the payload that they are together; none of length 0 makes a block, for that would be the footer.
    #[test]
    fn parts_make_one_payload() {
        let payload: Vec<u8> = (0..3 * BLOCK).map(|byte| (byte % 251) as u8).collect();
        let (one, rest) = payload.split_at(7);
        let (two, three) = rest.split_at(BLOCK + 1);
        let parts = Payload::of([&[], one, two, &[], three]);
        let mut file = Vec::new();
        let content = write_to(&mut file, 1, &parts).unwrap();
        assert_eq!(content, (payload.len() as u64, crc32c::crc32c(&payload)));
        assert_eq!(decode("f", 1, &file).unwrap(), payload);
    }
}
