//! An identity run as it is read: column after column, its bytes cut anywhere, read to the last one or refused.
//!
//! Whoever reads says what becomes of the columns ([`RunSink`]): a start makes a table of them, a verification compares
//! them with one. Nothing of a run is held but the beginning of an item whose rest is in the next block.

use super::identifier::Kind;
use super::stored::RUN_ENTRY_BYTES;
use crate::error::{Error, Result};

/// What becomes of the columns of a run. Each comes in pieces, in the order of ids, and the digests come first.
pub trait RunSink {
    /// Digests of the identifiers from `first` on.
    fn digests(&mut self, first: u32, digests: &[[u8; 16]]);

    /// Their kinds.
    fn kinds(&mut self, first: u32, kinds: impl Iterator<Item = Kind>);

    /// The last days on which they were seen.
    fn days(&mut self, first: u32, days: impl Iterator<Item = u16>);
}

/// A run that is being read.
pub struct RunReader<'a, S> {
    name: &'a str,
    sink: &'a mut S,
    first: u32,
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

impl<'a, S: RunSink> RunReader<'a, S> {
    /// Reads for `sink` the run of `count` identifiers from the id `first` on, out of the file `name`.
    pub fn new(name: &'a str, first: u32, count: u32, sink: &'a mut S) -> Self {
        Self { name, sink, first, count, at: 0, held: Vec::new() }
    }

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
        Ok(())
    }

    fn of_another_length(&self, bytes: u64) -> Error {
        Error::corrupted(self.name, bytes, "it holds another number of identifiers than the catalog says")
    }

    /// The id that the next item, of `width` bytes from `start` on, belongs to.
    fn next_id(&self, start: u64, width: u64) -> u32 {
        self.first + u32::try_from((self.at - start) / width).unwrap_or_default()
    }

    /// Hands the whole items of `bytes` to the sink; returns how many bytes they are.
    fn write(&mut self, column: Column, bytes: &[u8]) -> Result<usize> {
        match column {
            Column::Digests => {
                let (digests, rest) = bytes.as_chunks::<16>();
                self.sink.digests(self.next_id(0, 16), digests);
                Ok(bytes.len() - rest.len())
            }
            Column::Kinds => {
                let kind = |&number: &u8| Kind::from_number(u32::from(number));
                if let Some(place) = bytes.iter().position(|number| kind(number).is_none()) {
                    return Err(Error::corrupted(self.name, self.at + place as u64, "no such kind"));
                }
                self.sink.kinds(self.next_id(16 * u64::from(self.count), 1), bytes.iter().filter_map(kind));
                Ok(bytes.len())
            }
            Column::Days => {
                let (days, rest) = bytes.as_chunks::<2>();
                let first = self.next_id(17 * u64::from(self.count), 2);
                self.sink.days(first, days.iter().map(|day| u16::from_le_bytes(*day)));
                Ok(bytes.len() - rest.len())
            }
        }
    }
}
