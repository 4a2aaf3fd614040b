//! The identity table after a start, out of the files of its runs.
//!
//! Digests go into the shards as they are read, block by block, and kinds and days into the columns; the shards have room
//! for all from the beginning, because the catalog says how many there are: a start never holds a run, and a shard grows
//! only where chance brought it far more than its share. About 40 ns an identifier on one core.

use super::columns::Columns;
use super::digest::{Digest, Halves};
use super::identifier::Kind;
use super::index::{SHARDS, Shard, shard_of};
use super::reading::{RunReader, RunSink};
use super::table::IdentityTable;
use crate::error::{Error, Result};
use crate::limits;

/// Digests whose lines are asked for together.
const TOGETHER: usize = 16;

/// A table that is being read.
pub struct Restoring {
    columns: Columns,
    shards: Vec<Shard>,
    end: u32,
}

impl Restoring {
    /// Nothing yet, with room for `expected` identifiers.
    #[must_use]
    pub fn new(expected: u64) -> Self {
        // Beyond four standard deviations above its share a shard has to grow: one in 30,000.
        let share = usize::try_from(expected).unwrap_or_default() / SHARDS;
        let room = share + 4 * share.isqrt();
        let shard = || if expected == 0 { Shard::default() } else { Shard::with_room(room) };
        let end = u32::try_from(expected).unwrap_or_default();
        Self { columns: Columns::with_room(end), shards: (0..SHARDS).map(|_| shard()).collect(), end: 0 }
    }

    /// Begins to read the run of `count` identifiers, from the id `first` on, out of the file `name`.
    ///
    /// # Errors
    /// `Corrupted` when it does not follow the run before.
    pub fn run<'a>(&'a mut self, name: &'a str, first: u32, count: u32) -> Result<RunReader<'a, Self>> {
        let end = first.checked_add(count).filter(|&end| first == self.end && end <= limits::IDENTIFIERS);
        let end = end.ok_or_else(|| Error::corrupted(name, 0, "identity runs do not follow each other"))?;
        self.end = end;
        Ok(RunReader::new(name, first, count, self))
    }

    /// The table of all runs.
    #[must_use]
    pub fn finish(self) -> IdentityTable {
        IdentityTable::of_restored(self.columns, self.shards.into_iter(), self.end)
    }

    fn insert(&mut self, halves: Halves, id: u32) {
        let Some(shard) = self.shards.get_mut(shard_of(halves)) else { return };
        if !shard.fits(1) {
            *shard = shard.grown_well(1);
        }
        shard.insert(halves, id);
    }
}

impl RunSink for Restoring {
    fn digests(&mut self, first: u32, digests: &[[u8; 16]]) {
        let mut id = first;
        for digests in digests.chunks(TOGETHER) {
            let mut wanted = [[0; 2]; TOGETHER];
            for (halves, digest) in wanted.iter_mut().zip(digests) {
                *halves = Digest(*digest).halves();
                self.shards.get(shard_of(*halves)).into_iter().for_each(|shard| shard.touch(*halves));
            }
            for &halves in wanted.iter().take(digests.len()) {
                self.insert(halves, id);
                id = id.saturating_add(1);
            }
        }
    }

    fn kinds(&mut self, first: u32, kinds: impl Iterator<Item = Kind>) {
        self.columns.write_kinds(first, kinds);
    }

    fn days(&mut self, first: u32, days: impl Iterator<Item = u16>) {
        self.columns.write_days(first, days);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::{Entry, encode_run};
    use super::*;
    use crate::ids::IdentifierId;

    fn entries(first: u8) -> Vec<Entry> {
        (first..first + 9).map(|number| (Digest([number; 16]), Kind::Network, 18_300 + u16::from(number) * 7)).collect()
    }

    /// Runs read back, however their bytes are cut.
    #[test]
    fn runs_read_back() {
        for cut in [1, 2, 3, 7, 16, 17, 50, 1_000] {
            // With room, without, and with far too little.
            let mut restoring = Restoring::new([0, 18, 1][cut % 3]);
            for first in [1, 50] {
                let mut run = restoring.run("f", u32::from(first) / 50 * 9, 9).unwrap();
                encode_run(&entries(first)).chunks(cut).for_each(|bytes| run.take(bytes).unwrap());
                run.end().unwrap();
            }
            let table = restoring.finish();
            assert_eq!(table.len(), 18);
            for (id, (digest, kind, day)) in (0..).map(IdentifierId).zip(entries(1).into_iter().chain(entries(50))) {
                assert_eq!(table.find(&digest), Some(id), "cut at {cut}");
                assert_eq!((table.kind(id), table.seen_day(id)), (Some(kind), day), "cut at {cut}");
            }
        }
    }

    /// A run that is cut, too long, out of place or of an unknown kind is refused, with the byte.
    #[test]
    fn damaged_runs_are_refused() {
        let bytes = encode_run(&entries(1));
        let read = |first: u32, count: u32, bytes: &[u8]| {
            let mut restoring = Restoring::new(9);
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
