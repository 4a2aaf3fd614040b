//! From digests to identifier ids while a load is being read, without making the writers wait.
//!
//! What is known already has its id. What is new gets a *provisional* id, counted on from the length that the identity
//! table had when the intake began, and joins the table only at the end, when [`Inner::settle`] writes one identity run,
//! commits it and appends it. If nobody else gave ids meanwhile (nearly always) the provisional ids are the final ones;
//! otherwise the sets are renumbered once. Memory: the sets, and about 25 bytes for each new identifier.

use std::sync::Arc;

use hashbrown::HashTable;

use super::Inner;
use super::phase::Phase;
use super::publisher::Change;
use crate::bitmap::IdentifierSet;
use crate::catalog::IdentityRun;
use crate::error::{Error, Result};
use crate::identity::stored::{Entry, IDENTITY_FILE, RunBlocks, encode_run, joined_runs};
use crate::identity::{Digest, IdentityTable, Kind, LaidDown, are_one};
use crate::limits;
use crate::storage::framed::Payload;

/// Runs after which the small ones at the end are written together.
const RUNS: usize = 24;

/// Identifiers of one intake.
pub(super) struct Intake {
    base: u32,
    fresh: Vec<Entry>,
    places: HashTable<u32>,
}

fn hash_of(digest: &Digest) -> u64 {
    digest.halves()[0]
}

impl Intake {
    /// An intake over what `identity` knows now.
    pub(super) fn new(identity: &IdentityTable) -> Self {
        Self { base: identity.len(), fresh: Vec::new(), places: HashTable::new() }
    }

    /// Ids below this are final.
    pub(super) fn base(&self) -> u32 {
        self.base
    }

    /// The id of a digest: final when it was known when the intake began, provisional otherwise. `day` is when it was
    /// seen, 0 where that is not known.
    ///
    /// # Errors
    /// `LimitExceeded` when no ids are left.
    pub(super) fn take(&mut self, identity: &IdentityTable, digest: &Digest, kind: Kind, day: u16) -> Result<u32> {
        match identity.find(digest) {
            Some(id) if id.0 < self.base => Ok(id.0),
            _ => self.take_fresh(digest, kind, day),
        }
    }

    fn take_fresh(&mut self, digest: &Digest, kind: Kind, day: u16) -> Result<u32> {
        let (hash, fresh) = (hash_of(digest), &mut self.fresh);
        if let Some(&place) = self.places.find(hash, |&place| {
            fresh.get(place as usize).is_some_and(|entry| are_one(entry.0.halves(), digest.halves()))
        }) {
            if let Some(entry) = fresh.get_mut(place as usize) {
                entry.2 = entry.2.max(day);
            }
            return Ok(self.base + place);
        }
        let end = u64::from(self.base) + fresh.len() as u64 + 1;
        let place = u32::try_from(fresh.len()).ok().filter(|_| end <= u64::from(limits::IDENTIFIERS));
        let place =
            place.ok_or_else(|| Error::limit("identifiers", end, u64::from(limits::IDENTIFIERS), "identifiers"))?;
        fresh.push((*digest, kind, day));
        let rehash = |&place: &u32| fresh.get(place as usize).map_or(0, |entry| hash_of(&entry.0));
        self.places.insert_unique(hash, place, rehash);
        Ok(self.base + place)
    }
}

/// How provisional ids became final.
pub(super) struct Settled {
    base: u32,
    /// Final id of each provisional one; nothing when they are the same.
    renumbered: Option<Vec<u32>>,
    /// Identifiers that joined the table.
    pub(super) joined: u32,
}

impl Settled {
    /// The final id.
    pub(super) fn id(&self, provisional: u32) -> u32 {
        let place = provisional.checked_sub(self.base);
        let renumbered = self.renumbered.as_ref().zip(place).and_then(|(ids, place)| ids.get(place as usize));
        renumbered.copied().unwrap_or(provisional)
    }

    /// The set with final ids.
    pub(super) fn renumber(&self, set: IdentifierSet) -> IdentifierSet {
        let last = set.largest().map_or(0, |id| id.0);
        if self.renumbered.is_none() || last < self.base {
            return set;
        }
        let mut ids = Vec::new();
        set.for_each_block(|block| ids.extend(block.iter().map(|&id| self.id(id))));
        IdentifierSet::of(&ids)
    }
}

impl Inner {
    /// Makes the new identifiers of an intake durable and findable. Takes the identity writer's lock, then the
    /// publisher's for a short transaction.
    ///
    /// # Errors
    /// `Storage`, `LimitExceeded`: nothing was added then.
    pub(super) fn settle(&self, intake: Intake) -> Result<Settled> {
        let _writer = self.identity_writer.lock();
        let (settled, unknown) = self.sort_out(intake);
        if unknown.is_empty() {
            return Ok(settled);
        }
        let run = self.write_run(&unknown)?;
        let mut change = self.change()?;
        let replaced = self.name_run(&mut change, run)?;
        change.commit_then(|_| self.join(&unknown))?;
        self.remove_files(&replaced);
        Ok(settled)
    }

    /// Gives final ids to an intake, while the identity writer's lock is held: those that somebody else brought
    /// meanwhile are found, the others are the entries that must join.
    pub(super) fn sort_out(&self, intake: Intake) -> (Settled, Vec<Entry>) {
        self.observe(Phase::Digest);
        let first = self.identity.len();
        if first == intake.base {
            let joined = u32::try_from(intake.fresh.len()).unwrap_or(u32::MAX);
            return (Settled { base: intake.base, renumbered: None, joined }, intake.fresh);
        }
        let mut unknown = Vec::new();
        let mut ids = Vec::with_capacity(intake.fresh.len());
        for entry in intake.fresh {
            if let Some(id) = self.identity.find(&entry.0) {
                ids.push(id.0);
            } else {
                ids.push(first + u32::try_from(unknown.len()).unwrap_or(u32::MAX));
                unknown.push(entry);
            }
        }
        let joined = u32::try_from(unknown.len()).unwrap_or(u32::MAX);
        (Settled { base: intake.base, renumbered: Some(ids), joined }, unknown)
    }

    /// Writes the file of a run that will join next; the identity writer's lock is held.
    pub(super) fn write_run(&self, entries: &[Entry]) -> Result<IdentityRun> {
        let (first, count) = self.next_ids(entries.len())?;
        let file = self.new_file("identity", IDENTITY_FILE, &encode_run(entries))?;
        Ok(IdentityRun { number: 0, first, count, file })
    }

    /// As [`Self::write_run`], of what the table has laid down.
    pub(super) fn write_run_of(&self, laid_down: &LaidDown) -> Result<IdentityRun> {
        let (first, count) = laid_down.ids();
        let blocks = RunBlocks::of(laid_down);
        let file = self.new_file_of("identity", IDENTITY_FILE, || Payload::made(&blocks))?;
        Ok(IdentityRun { number: 0, first, count, file })
    }

    /// The first of the next `count` ids, and their number.
    pub(super) fn next_ids(&self, count: usize) -> Result<(u32, u32)> {
        let first = self.identity.len();
        let end = u64::from(first) + count as u64;
        let fits = u32::try_from(count).ok().filter(|_| end <= u64::from(limits::IDENTIFIERS));
        let full = || Error::limit("identifiers", end, u64::from(limits::IDENTIFIERS), "identifiers");
        Ok((first, fits.ok_or_else(full)?))
    }

    /// Names a run in the transaction at hand. Where many small runs have come together, they become one: returns the
    /// files that are then no longer named.
    pub(super) fn name_run(&self, change: &mut Change<'_>, mut run: IdentityRun) -> Result<Vec<String>> {
        run.number = change.write.next("identity_runs")?;
        change.write.put(run)?;
        let mut runs: Vec<_> = change.model().identity_runs.values().cloned().collect();
        if runs.len() <= RUNS {
            return Ok(Vec::new());
        }
        runs.sort_by_key(|run| run.first);
        // The last run is not in the table yet; of those before it, the small ones at the end are merged.
        runs.pop();
        let mut merged: Vec<_> = Vec::new();
        let mut count = 0_u64;
        while let Some(run) = runs.pop_if(|run| merged.len() < 2 || u64::from(run.count) <= 2 * count) {
            count += u64::from(run.count);
            merged.push(run);
        }
        let first = merged.last().map_or(0, |run| run.first);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        merged.reverse();
        let file = self.join_runs(&merged)?;
        for run in &merged {
            change.write.remove::<IdentityRun>(run.number)?;
        }
        let number = change.write.next("identity_runs")?;
        change.write.put(IdentityRun { number, first, count, file })?;
        Ok(merged.iter().map(|run| run.file.clone()).collect())
    }

    /// Writes what the files of some runs hold, which follow each other, into one. They are checked as they are read; the
    /// table does not keep digests, and days that are later in it are in the files of sightings.
    fn join_runs(&self, runs: &[Arc<IdentityRun>]) -> Result<String> {
        let read = |run: &Arc<IdentityRun>| self.folder.read(&run.file, IDENTITY_FILE);
        let bytes = runs.iter().map(read).collect::<Result<Vec<_>>>()?;
        let held: Vec<_> = runs.iter().zip(&bytes).map(|(run, bytes)| (&*run.file, run.count, &**bytes)).collect();
        let parts = joined_runs(&held)?;
        self.new_file_of("identity", IDENTITY_FILE, || Payload::of(parts))
    }

    /// Appends entries whose run is committed.
    pub(super) fn join(&self, entries: &[Entry]) {
        let appended = self.identity.prepare(entries).map(|newcomers| self.identity.publish(newcomers));
        // The bound was checked before the commit, by the only one who may append.
        debug_assert!(appended.is_ok(), "a committed run must fit the table");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> Digest {
        Digest([number; 16])
    }

    #[test]
    fn known_identifiers_keep_their_id_and_new_ones_count_on() {
        let identity = IdentityTable::default();
        identity.append([(&digest(1), Kind::Network, 0)].into_iter()).unwrap();
        let mut intake = Intake::new(&identity);
        let ids = [1, 2, 3, 2, 1].map(|number| intake.take(&identity, &digest(number), Kind::Network, 5).unwrap());
        assert_eq!(ids, [0, 1, 2, 1, 0]);
        // Somebody else brings one of them meanwhile: it stays provisional here, so that equal digests stay equal.
        identity.append([(&digest(3), Kind::Network, 0)].into_iter()).unwrap();
        assert_eq!(intake.take(&identity, &digest(3), Kind::Network, 0).unwrap(), 2);
        assert_eq!(intake.fresh.len(), 2);
    }
}
