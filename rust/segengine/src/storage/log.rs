//! Is the log of the database whole? SQLite itself does not ask.
//!
//! At a start SQLite reads its write-ahead log up to the first frame whose checksum does not fit, and takes the rest for
//! the torn end of a transaction that was never acknowledged. A flipped bit in the middle so takes back every commit after
//! it, in silence. A torn end can only be in the last transaction, because each commit is synced before the next one
//! begins: where the log goes on behind the damaged frame, past the end of a transaction and into another, it was damaged
//! afterwards, and the directory is refused. Damage in the last transaction cannot be told from a torn end.
//!
//! Frames of a commit that failed for lack of space may lie behind the valid ones; they never go on past their own end,
//! so they are not taken for damage. Cost: one read of the log, at most some megabytes, after a crash only. Source:
//! sqlite.org/fileformat2.html#walformat.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Frames that one hit may spoil: a page that was lost on disk lies across two.
const SPOILED: usize = 3;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The first bytes of a log whose checksums are over little-endian words; the other kind is one higher.
const MAGIC: u32 = 0x377f_0682;

type Sum = (u32, u32);

/// Fails when the log beside the database at `path` is damaged before its last transaction.
///
/// # Errors
/// `Corrupted` naming the byte; `Storage` when the log cannot be read.
pub fn check(path: &Path) -> Result<()> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let bytes = match fs::read(&log) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::storage(format_args!("read {}", log.display()), error)),
    };
    match damaged_at(&bytes) {
        None => Ok(()),
        Some(at) => {
            let what = "the log goes on behind a frame that is not what was written";
            Err(Error::corrupted("catalog.sqlite-wal", at as u64, what)
                .hint("restore the whole directory from a backup: the commits after this byte cannot be read"))
        }
    }
}

/// The byte at which a log is damaged before its last transaction.
fn damaged_at(bytes: &[u8]) -> Option<usize> {
    let (header, frames) = bytes.split_at_checked(HEADER)?;
    if frames.is_empty() {
        return None;
    }
    let magic = number(header, 0);
    let is_big = magic == MAGIC + 1;
    let page = number(header, 8) as usize;
    // The header was synced before the first frame was written.
    let sum = add((0, 0), header.get(..24).unwrap_or_default(), is_big);
    if (magic != MAGIC && !is_big) || sum != (number(header, 24), number(header, 28)) || !page.is_power_of_two() {
        return Some(0);
    }
    let log = Log { salt: header.get(16..24).unwrap_or_default(), is_big };
    let frames: Vec<&[u8]> = frames.chunks_exact(FRAME_HEADER + page).collect();
    let mut sum = sum;
    let broken = frames.iter().position(|frame| match log.follows(sum, frame) {
        true => {
            sum = stored(frame);
            false
        }
        false => true,
    })?;
    let after = |start: usize| frames.get(start..).unwrap_or_default();
    let stored_of = |start: usize| frames.get(start).map_or(sum, |frame| stored(frame));
    // Either the frame was hit and its checksum was not, or only its checksum was.
    let computed = after(broken).first().map_or(sum, |frame| log.sum_of(sum, frame));
    let goes_on = log.goes_on(computed, after(broken))
        || (broken..broken + SPOILED).any(|start| log.goes_on(stored_of(start), after(start)));
    goes_on.then_some(HEADER + broken * (FRAME_HEADER + page))
}

struct Log<'a> {
    salt: &'a [u8],
    is_big: bool,
}

impl Log<'_> {
    /// Whether a frame is the one that was written after the checksum `sum`.
    fn follows(&self, sum: Sum, frame: &[u8]) -> bool {
        frame.get(8..16) == Some(self.salt) && self.sum_of(sum, frame) == stored(frame)
    }

    fn sum_of(&self, sum: Sum, frame: &[u8]) -> Sum {
        let sum = add(sum, frame.get(..8).unwrap_or_default(), self.is_big);
        add(sum, frame.get(FRAME_HEADER..).unwrap_or_default(), self.is_big)
    }

    /// Whether the frames after the first, whose checksum is `sum`, go on from it past the end of a transaction.
    fn goes_on(&self, mut sum: Sum, frames: &[&[u8]]) -> bool {
        let mut ended = false;
        for (frame, next) in frames.iter().zip(frames.iter().skip(1)) {
            ended |= number(frame, 4) != 0;
            if !self.follows(sum, next) {
                return false;
            }
            sum = stored(next);
            if ended {
                return true;
            }
        }
        false
    }
}

/// The big-endian number at `at`; 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    four.map_or(0, |four| u32::from_be_bytes(*four))
}

/// The checksum that a frame carries: over all before it and itself.
fn stored(frame: &[u8]) -> Sum {
    (number(frame, 16), number(frame, 20))
}

/// SQLite's checksum, continued: two running sums over pairs of words.
fn add(sum: Sum, bytes: &[u8], is_big: bool) -> Sum {
    let word = |four: [u8; 4]| if is_big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
    bytes.as_chunks::<8>().0.iter().fold(sum, |(one, two), &[a, b, c, d, e, f, g, h]| {
        let one = one.wrapping_add(word([a, b, c, d])).wrapping_add(two);
        (one, two.wrapping_add(word([e, f, g, h])).wrapping_add(one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of transactions with the given numbers of frames.
    fn log(transactions: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [MAGIC, 3_007_000, 512, 0, 0x1111_1111, 0x2222_2222] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        let mut sum = add((0, 0), &bytes, false);
        bytes.extend_from_slice(&[sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
        for (place, &count) in transactions.iter().enumerate() {
            for frame in 1..=count {
                let head = [frame.to_be_bytes(), (if frame == count { 9_u32 } else { 0 }).to_be_bytes()].concat();
                let page = [u8::try_from(place).unwrap() + 1; 512];
                sum = add(add(sum, &head, false), &page, false);
                bytes.extend_from_slice(&head);
                bytes.extend_from_slice(&[[0x11; 4], [0x22; 4], sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
                bytes.extend_from_slice(&page);
            }
        }
        bytes
    }

    #[test]
    fn every_byte_before_the_last_transaction_counts_and_a_torn_end_is_none_of_it() {
        const FRAME: usize = FRAME_HEADER + 512;
        let whole = log(&[2, 1, 3, 2]);
        assert_eq!(damaged_at(&whole), None);
        let last = HEADER + 6 * FRAME;
        for at in 0..last {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            let frame = at.checked_sub(HEADER).map_or(0, |at| HEADER + at / FRAME * FRAME);
            assert_eq!(damaged_at(&bytes), Some(frame), "byte {at}");
        }
        for length in 0..=whole.len() {
            assert_eq!(damaged_at(&whole[..length]), None, "cut at {length}");
        }
        for torn in [last, last + FRAME] {
            let mut bytes = whole.clone();
            bytes[torn..torn + FRAME].fill(0);
            assert_eq!(damaged_at(&bytes), None);
        }
    }

    #[test]
    fn frames_of_a_commit_that_failed_are_no_damage() {
        const FRAME: usize = FRAME_HEADER + 512;
        // A transaction of five frames failed; the next one, of two, took its place.
        let (failed, mut bytes) = (log(&[2, 5]), log(&[2, 2]));
        bytes.extend_from_slice(&failed[HEADER + 4 * FRAME..]);
        assert_eq!(damaged_at(&bytes), None);
    }
}
