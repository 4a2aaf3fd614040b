//! When an identifier was last seen, which is what makes a profile reachable.
//!
//! A Match notes the day in a column of the identity table, without a lock; only the first sighting of a day goes through
//! a queue. The queue is merged each minute and at close into one set for each day, which the catalog names: a crash may
//! lose the sightings of the last minute, never one that a load or a link acknowledged, because those are written with
//! their own commit.

use std::collections::BTreeMap;

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;

use super::Inner;
use super::publisher::Change;
use crate::bitmap::IdentifierSet;
use crate::catalog::SeenDay;
use crate::error::Result;
use crate::identity::stored::SEEN_FILE;
use crate::ids::IdentifierId;
use crate::limits::RETENTION_DAYS;

/// Sightings that are remembered one by one for who asks what changed.
const MOST: usize = 1 << 18;

/// First sightings that are not written down yet.
pub(super) struct Seen {
    queue: Sender<(u32, u16)>,
    waiting: Receiver<(u32, u16)>,
    /// Whoever was seen since somebody last asked; nothing while nobody did, or when they were too many.
    recent: Mutex<Option<Vec<u32>>>,
}

impl Default for Seen {
    fn default() -> Self {
        let (queue, waiting) = unbounded();
        Self { queue, waiting, recent: Mutex::default() }
    }
}

impl Seen {
    /// The identifiers whose day moved on since this was last called; nothing when that is not known.
    pub(super) fn take_recent(&self) -> Option<Vec<u32>> {
        self.recent.lock().replace(Vec::new())
    }

    fn note(&self, id: IdentifierId) {
        let mut recent = self.recent.lock();
        match &mut *recent {
            Some(ids) if ids.len() < MOST => ids.push(id.0),
            _ => *recent = None,
        }
    }
}

impl Inner {
    /// Notes that an addressable identifier was seen on `day`.
    pub(super) fn saw(&self, id: IdentifierId, day: u16) {
        if self.identity.saw(id, day) {
            self.seen.note(id);
            // The receiver lives as long as the engine.
            let _ = self.seen.queue.send((id.0, day));
        }
    }

    /// Puts sightings into the transaction at hand, beside those of the same days that are written down already.
    /// Returns the files that are then no longer named.
    pub(super) fn write_sightings(
        &self,
        change: &mut Change<'_>,
        seen: BTreeMap<u16, IdentifierSet>,
    ) -> Result<Vec<String>> {
        let mut replaced = Vec::new();
        let oldest = change.now.day().saturating_sub(RETENTION_DAYS);
        for (day, ids) in seen.into_iter().filter(|(day, ids)| *day >= oldest && !ids.is_empty()) {
            let mut all = ids;
            if let Some(before) = change.model().seen_days.get(&u64::from(day)).cloned() {
                let bytes = self.folder.read(&before.file, SEEN_FILE)?;
                all = all.or(&IdentifierSet::from_portable(&before.file, &bytes, u64::from(self.identity.len()))?);
                replaced.push(before.file.clone());
            }
            let file = self.new_file("seen", SEEN_FILE, &all.to_portable())?;
            change.write.put(SeenDay { day, file })?;
        }
        let stale: Vec<_> = change
            .model()
            .seen_days
            .values()
            .filter(|day| day.day < oldest)
            .map(|day| (day.day, day.file.clone()))
            .collect();
        for (day, file) in stale {
            change.write.remove::<SeenDay>(u64::from(day))?;
            replaced.push(file);
        }
        Ok(replaced)
    }

    /// Writes down the sightings of the last minute.
    pub(super) fn flush_seen(&self) -> Result<()> {
        if self.seen.waiting.is_empty() {
            return Ok(());
        }
        let seen = self.waiting_sightings();
        let mut change = self.change()?;
        let replaced = self.write_sightings(&mut change, seen)?;
        change.commit()?;
        self.remove_files(&replaced);
        Ok(())
    }

    fn waiting_sightings(&self) -> BTreeMap<u16, IdentifierSet> {
        let mut seen: BTreeMap<u16, IdentifierSet> = BTreeMap::new();
        for (id, day) in self.seen.waiting.try_iter() {
            seen.entry(day).or_default().insert(IdentifierId(id));
        }
        seen
    }
}

impl Inner {
    /// Whether ads can be delivered to an identifier.
    pub(super) fn is_addressable(&self, id: IdentifierId) -> bool {
        self.identity.kind(id).is_some_and(crate::identity::Kind::addressable)
    }

    /// Moves the day of an addressable identifier on, where the sighting is durable already.
    pub(super) fn mark_seen(&self, id: IdentifierId, day: u16) {
        if self.is_addressable(id) && self.identity.saw(id, day) {
            self.seen.note(id);
        }
    }
}
