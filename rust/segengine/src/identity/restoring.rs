//! The identity table after a start, out of the files of its runs.
//!
//! The columns of a run go into those of the table as they are read, block by block, and the index is made once, when all
//! runs are in: a start never holds a run, and no shard grows twice. About 40 ns an identifier on one core.

use super::columns::Halves;
use super::identifier::Kind;
use super::stored::RUN_ENTRY_BYTES;
use super::table::IdentityTable;
use crate::error::{Error, Result};
use crate::limits;

/// A table that is being read.
#[derive(Default)]
pub struct Restoring {
    table: IdentityTable,
    end: u32,
}

/// A run that is being read into it.
pub struct RestoringRun<'a> {
    name: &'a str,
    table: &'a mut Restoring,
    count: u32,
    /// Bytes taken so far.
    at: u64,
    /// The beginning of an item whose rest is in the next block.
    held: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Column {
    Digests,
    Kinds,
    Days,
}

impl Restoring {
    /// Begins to read the run of `count` identifiers, from the id `first` on, out of the file `name`.
    ///
    /// # Errors
    /// `Corrupted` when it does not follow the run before.
    pub fn run<'a>(&'a mut self, name: &'a str, first: u32, count: u32) -> Result<RestoringRun<'a>> {
        let end = first.checked_add(count).filter(|&end| first == self.end && end <= limits::IDENTIFIERS);
        if end.is_none() {
            return Err(Error::corrupted(name, 0, "identity runs do not follow each other"));
        }
        Ok(RestoringRun { name, table: self, count, at: 0, held: Vec::new() })
    }

    /// The table of all runs.
    pub fn finish(self) -> IdentityTable {
        let newcomers = self.table.prepare_ids(0, self.end);
        self.table.publish(newcomers);
        self.table
    }
}

impl RestoringRun<'_> {
    /// Takes the next bytes of the run, cut anywhere.
    ///
    /// # Errors
    /// `Corrupted` with the byte where it stops making sense.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        let count = u64::from(self.count);
        let [kinds, days, end] = [16 * count, 17 * count, RUN_ENTRY_BYTES as u64 * count];
        while !bytes.is_empty() {
            let (column, until) = match self.at {
                at if at < kinds => (Column::Digests, kinds),
                at if at < days => (Column::Kinds, days),
                at if at < end => (Column::Days, end),
                _ => return Err(self.of_another_length(end + bytes.len() as u64)),
            };
            let room = usize::try_from(until - self.at).unwrap_or(usize::MAX) - self.held.len();
            let (mine, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            bytes = rest;
            let taken = if self.held.is_empty() {
                let taken = self.write(column, mine)?;
                self.held.extend_from_slice(mine.get(taken..).unwrap_or_default());
                taken
            } else {
                self.held.extend_from_slice(mine);
                let mut held = std::mem::take(&mut self.held);
                let taken = self.write(column, &held)?;
                held.drain(..taken);
                self.held = held;
                taken
            };
            self.at += taken as u64;
        }
        Ok(())
    }

    /// The end of the run.
    ///
    /// # Errors
    /// `Corrupted` when it came too early.
    pub fn end(self) -> Result<()> {
        let read = self.at + self.held.len() as u64;
        if read != RUN_ENTRY_BYTES as u64 * u64::from(self.count) {
            return Err(self.of_another_length(read));
        }
        self.table.end += self.count;
        Ok(())
    }

    fn of_another_length(&self, bytes: u64) -> Error {
        Error::corrupted(self.name, bytes, "it holds another number of identifiers than the catalog says")
    }

    /// The id that the next item, of `width` bytes from `start` on, belongs to.
    fn next_id(&self, start: u64, width: u64) -> u32 {
        self.table.end + u32::try_from((self.at - start) / width).unwrap_or_default()
    }

    /// Writes the whole items of `bytes` into a column; returns how many bytes they are.
    fn write(&self, column: Column, bytes: &[u8]) -> Result<usize> {
        match column {
            Column::Digests => Ok(self.digests(bytes)),
            Column::Kinds => self.kinds(bytes),
            Column::Days => Ok(self.days(bytes)),
        }
    }

    fn digests(&self, bytes: &[u8]) -> usize {
        let (digests, rest) = bytes.as_chunks::<16>();
        let half = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let halves = |digest: &[u8; 16]| -> Halves {
            let (first, second) = digest.split_at(8);
            [half(first), half(second)]
        };
        self.table.table.columns().write_digests(self.next_id(0, 16), digests.iter().map(halves));
        bytes.len() - rest.len()
    }

    fn kinds(&self, bytes: &[u8]) -> Result<usize> {
        if let Some(place) = bytes.iter().position(|&kind| Kind::from_number(u32::from(kind)).is_none()) {
            return Err(Error::corrupted(self.name, self.at + place as u64, "no such kind"));
        }
        let first = self.next_id(16 * u64::from(self.count), 1);
        self.table.table.columns().write_kinds(first, bytes.iter().copied());
        Ok(bytes.len())
    }

    fn days(&self, bytes: &[u8]) -> usize {
        let (days, rest) = bytes.as_chunks::<2>();
        let first = self.next_id(17 * u64::from(self.count), 2);
        self.table.table.columns().write_days(first, days.iter().map(|day| u16::from_le_bytes(*day)));
        bytes.len() - rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::super::stored::{Entry, encode_run};
    use super::*;
    use crate::ids::IdentifierId;

    fn entries(first: u8) -> Vec<Entry> {
        (first..first + 9).map(|number| (Digest([number; 16]), Kind::Network, u16::from(number) * 257)).collect()
    }

    /// Runs read back, however their bytes are cut.
    #[test]
    fn runs_read_back() {
        for cut in [1, 2, 3, 7, 16, 17, 50, 1_000] {
            let mut restoring = Restoring::default();
            for first in [1, 50] {
                let mut run = restoring.run("f", u32::from(first) / 50 * 9, 9).unwrap();
                encode_run(&entries(first)).chunks(cut).for_each(|bytes| run.take(bytes).unwrap());
                run.end().unwrap();
            }
            let table = restoring.finish();
            assert_eq!(table.len(), 18);
            for (id, (digest, kind, day)) in (0..).map(IdentifierId).zip(entries(1).into_iter().chain(entries(50))) {
                assert_eq!((table.find(&digest), table.digest(id)), (Some(id), Some(digest)), "cut at {cut}");
                assert_eq!((table.kind(id), table.seen_day(id)), (Some(kind), day), "cut at {cut}");
            }
        }
    }

    /// A run that is cut, too long, out of place or of an unknown kind is refused, with the byte.
    #[test]
    fn damaged_runs_are_refused() {
        let bytes = encode_run(&entries(1));
        let read = |first: u32, count: u32, bytes: &[u8]| {
            let mut restoring = Restoring::default();
            let mut run = restoring.run("f", first, count)?;
            bytes.chunks(5).try_for_each(|bytes| run.take(bytes))?;
            run.end()
        };
        read(0, 9, &bytes).unwrap();
        for length in 0..bytes.len() {
            assert!(read(0, 9, &bytes[..length]).is_err(), "cut at {length}");
        }
        assert!(read(0, 8, &bytes).is_err() && read(0, 10, &bytes).is_err() && read(1, 9, &bytes).is_err());
        let mut wrong = bytes;
        wrong[9 * 16 + 3] = 99;
        assert!(read(0, 9, &wrong).unwrap_err().message().contains("byte 147"));
    }
}
