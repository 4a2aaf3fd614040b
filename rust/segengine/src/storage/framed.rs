//! Framed files: a header that names format and kind, blocks with a checksum each, and a footer.
//!
//! ```text
//! header  8 bytes "SEGENGIN" · u16 format · u16 kind · u32 CRC-32C of the 12 bytes before
//! block   u32 length (1 to 1 MiB) · u32 CRC-32C of the payload · payload
//! footer  u32 0 · u64 bytes of payload · u32 CRC-32C of all payload · u32 CRC-32C of the 16 bytes before
//! ```
//! All numbers are little-endian. Every byte is under a checksum, so a flipped bit, a lost tail, a foreign file and a
//! file of a newer format are told apart, each with the file and the byte where reading stopped.

use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"SEGENGIN";
/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u16 = 1;
const HEADER: usize = 16;
const FOOTER: usize = 20;
const BLOCK: usize = 1 << 20;

/// Frames `payload` as a file of `kind`.
#[must_use]
pub fn encode(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + HEADER + FOOTER + 8 * (payload.len() / BLOCK + 1));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&kind.to_le_bytes());
    let check = crc32c::crc32c(&out);
    out.extend_from_slice(&check.to_le_bytes());
    for block in payload.chunks(BLOCK) {
        out.extend_from_slice(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(block).to_le_bytes());
        out.extend_from_slice(block);
    }
    let footer = out.len();
    out.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let check = crc32c::crc32c(out.get(footer..).unwrap_or_default());
    out.extend_from_slice(&check.to_le_bytes());
    out
}

/// Reads a framed file of `kind`, checking every byte; `name` is what errors call it.
///
/// # Errors
/// `Corrupted` with file and byte; `FailedPrecondition` for a newer format.
pub fn decode(name: &str, kind: u16, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Reader { name, bytes, at: 0 };
    reader.header(kind)?;
    let mut payload = Vec::with_capacity(bytes.len().saturating_sub(HEADER + FOOTER));
    loop {
        let start = reader.at;
        let length = reader.u32("a block's length")? as usize;
        if length == 0 {
            reader.footer(start, &payload)?;
            return Ok(payload);
        }
        if length > BLOCK {
            return Err(Error::corrupted(name, start as u64, format_args!("a block of {length} bytes")));
        }
        let check = reader.u32("a block's checksum")?;
        let block = reader.take(length, "a block")?;
        if crc32c::crc32c(block) != check {
            return Err(Error::corrupted(name, start as u64, "the block's checksum does not match"));
        }
        payload.extend_from_slice(block);
    }
}

struct Reader<'a> {
    name: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(length)).ok_or_else(|| {
            Error::corrupted(self.name, self.bytes.len() as u64, format_args!("the file ends inside {what}"))
        })?;
        self.at += length;
        Ok(taken)
    }

    fn u32(&mut self, what: &str) -> Result<u32> {
        self.take(4, what).map(|bytes| bytes.try_into().map_or(0, u32::from_le_bytes))
    }

    fn header(&mut self, kind: u16) -> Result<()> {
        let header = self.take(12, "the header")?;
        let check = self.u32("the header")?;
        if !header.starts_with(MAGIC) {
            return Err(Error::corrupted(self.name, 0, "not a segengine file"));
        }
        if crc32c::crc32c(header) != check {
            return Err(Error::corrupted(self.name, 8, "the header's checksum does not match"));
        }
        let number = |at: usize| header.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes);
        if number(8) > FORMAT {
            let message = format!("{}: written in format {}, this program reads up to {FORMAT}", self.name, number(8));
            return Err(Error::new(ErrorKind::FailedPrecondition, message).hint("use a newer segengine"));
        }
        if number(10) != kind {
            let what = format_args!("a file of kind {}, kind {kind} was expected", number(10)).to_string();
            return Err(Error::corrupted(self.name, 10, what));
        }
        Ok(())
    }

    fn footer(&mut self, start: usize, payload: &[u8]) -> Result<()> {
        let body = self.take(12, "the footer")?;
        let check = self.u32("the footer")?;
        let whole = self.bytes.get(start..start + 16).unwrap_or_default();
        let mut expected = Vec::with_capacity(12);
        expected.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        expected.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        if crc32c::crc32c(whole) != check || body != expected {
            return Err(Error::corrupted(self.name, start as u64, "the footer does not match the blocks"));
        }
        if self.at != self.bytes.len() {
            return Err(Error::corrupted(self.name, self.at as u64, "bytes after the footer"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_truncation_and_every_flipped_bit_is_found() {
        let payload: Vec<u8> = (0..300u32).map(|byte| (byte * 7) as u8).collect();
        let file = encode(3, &payload);
        assert_eq!(decode("f", 3, &file).unwrap(), payload);
        for end in 0..file.len() {
            assert!(decode("f", 3, &file[..end]).is_err(), "a file cut at {end} was read");
        }
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = decode("f", 3, &damaged).unwrap_err();
            assert!(error.message().contains("f: "), "{error}");
        }
        assert!(decode("f", 4, &file).is_err());
        assert!(decode("f", 3, &[file.clone(), vec![0]].concat()).is_err());
        assert!(decode("f", 3, b"PK\x03\x04 something else entirely").unwrap_err().message().contains("not a segengine file"));
    }

    #[test]
    fn blocks_split_where_they_must() {
        let payload = vec![5; 2 * BLOCK + 17];
        assert_eq!(decode("f", 1, &encode(1, &payload)).unwrap(), payload);
        assert_eq!(decode("f", 1, &encode(1, &[])).unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let mut file = encode(1, b"x");
        file[8] = 9;
        let check = crc32c::crc32c(&file[..12]);
        file[12..16].copy_from_slice(&check.to_le_bytes());
        let error = decode("f", 1, &file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert!(error.message().contains("format 9"));
    }
}
