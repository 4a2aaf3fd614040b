//! The one way to change the catalog: an exclusive write that becomes durable and visible together, or not at all.
//!
//! A write runs each statement inside one SQLite transaction and changes the model behind the readers' lock; dropping
//! it without a commit rolls both back. After a commit that failed nothing is known about the disk, so the catalog is
//! poisoned and refuses every later write, while reads go on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{MutexGuard, RwLockWriteGuard};
use rusqlite::{Connection, params};
use serde::{Serialize, de::DeserializeOwned};

use super::model::{Kind, Model, Scope};
use super::records::{
    Adgroup, Advertiser, Campaign, IdentityRun, LinkRun, MemberDelta, OperationRecord, RequestRecord, SeenDay, Segment,
    Version, VersionState,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{GenerationNumber, Revision, SlotNumber};
use crate::storage::sql::error as sql_error;

/// A record that lives in a table of its own, under a number.
pub trait Record: Serialize + DeserializeOwned + Clone + PartialEq {
    /// The table.
    const TABLE: &'static str;
    /// Its number.
    fn key(&self) -> u64;
    /// Its place in the model.
    fn place(model: &mut Model) -> &mut BTreeMap<u64, Arc<Self>>;
    /// Enters it into the model's look-ups.
    fn index(&self, _model: &mut Model) {}
    /// Takes it out of the model's look-ups.
    fn unindex(&self, _model: &mut Model) {}
}

macro_rules! record {
    ($type:ty, $table:literal, $field:ident, |$record:ident| $key:expr $(, named $kind:expr, $scope:expr)?) => {
        impl Record for $type {
            const TABLE: &'static str = $table;
            fn key(&self) -> u64 {
                let $record = self;
                $key
            }
            fn place(model: &mut Model) -> &mut BTreeMap<u64, Arc<Self>> {
                &mut model.$field
            }
            $(
                fn index(&self, model: &mut Model) {
                    let $record = self;
                    model.index($scope, $kind, self.key(), &self.id, &self.display_name);
                }
                fn unindex(&self, model: &mut Model) {
                    let $record = self;
                    model.unindex($scope, $kind, self.key(), &self.id, &self.display_name);
                }
            )?
        }
    };
}

record!(Advertiser, "advertisers", advertisers, |r| u64::from(r.number.0), named Kind::Advertiser, { let _ = r; Scope::Network });
record!(Campaign, "campaigns", campaigns, |r| u64::from(r.number.0), named Kind::Campaign, r.scope());
record!(Segment, "segments", segments, |r| u64::from(r.number.0), named Kind::Segment, r.scope());
record!(Adgroup, "adgroups", adgroups, |r| u64::from(r.number.0), named Kind::Adgroup, Scope::Campaign(r.campaign.0));
record!(Version, "versions", versions, |r| r.number);
record!(MemberDelta, "member_deltas", deltas, |r| r.number);
record!(IdentityRun, "identity_runs", identity_runs, |r| r.number);
record!(LinkRun, "link_runs", link_runs, |r| r.number);
record!(SeenDay, "seen_days", seen_days, |r| u64::from(r.day));
record!(OperationRecord, "operations", operations, |r| r.number);

impl Record for RequestRecord {
    const TABLE: &'static str = "requests";
    fn key(&self) -> u64 {
        self.number
    }
    fn place(model: &mut Model) -> &mut BTreeMap<u64, Arc<Self>> {
        &mut model.requests
    }
    fn index(&self, model: &mut Model) {
        model.index_request(&self.key, Some(self.number));
    }
    fn unindex(&self, model: &mut Model) {
        model.index_request(&self.key, None);
    }
}

type Undo = Box<dyn FnOnce(&mut Model) + Send>;

/// An exclusive change of the catalog.
pub struct Write<'a> {
    pub(super) sql: MutexGuard<'a, Connection>,
    pub(super) model: RwLockWriteGuard<'a, Model>,
    pub(super) poisoned: &'a AtomicBool,
    undo: Vec<Undo>,
    committed: bool,
}

impl<'a> Write<'a> {
    pub(super) fn begin(
        sql: MutexGuard<'a, Connection>,
        model: RwLockWriteGuard<'a, Model>,
        poisoned: &'a AtomicBool,
    ) -> Result<Self> {
        if poisoned.load(Ordering::Acquire) {
            let message = "an earlier commit of the catalog could not be made durable: nothing more is acknowledged";
            return Err(Error::new(ErrorKind::Storage, message).hint("check the disk, then open the directory again"));
        }
        sql.execute_batch("BEGIN IMMEDIATE").map_err(sql_error)?;
        Ok(Self { sql, model, poisoned, undo: Vec::new(), committed: false })
    }

    /// The model with this write's changes.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Inserts or replaces a record.
    ///
    /// # Errors
    /// `Storage`.
    pub fn put<R: Record + Send + Sync + 'static>(&mut self, record: R) -> Result<()> {
        let text = serde_json::to_string(&record).map_err(|error| Error::internal("a record does not encode").caused_by(error))?;
        let statement = format!("INSERT OR REPLACE INTO {} (number, record) VALUES (?1, ?2)", R::TABLE);
        let key = record.key();
        let mut statement = self.sql.prepare_cached(&statement).map_err(sql_error)?;
        statement.execute(params![key.cast_signed(), text]).map_err(sql_error)?;
        drop(statement);
        self.stage(key, Some(Arc::new(record)));
        Ok(())
    }

    /// Removes a record; one that is not there is fine.
    ///
    /// # Errors
    /// `Storage`.
    pub fn remove<R: Record + Send + Sync + 'static>(&mut self, key: u64) -> Result<()> {
        let statement = format!("DELETE FROM {} WHERE number = ?1", R::TABLE);
        self.sql.prepare_cached(&statement).map_err(sql_error)?.execute(params![key.cast_signed()]).map_err(sql_error)?;
        self.stage::<R>(key, None);
        Ok(())
    }

    fn stage<R: Record + Send + Sync + 'static>(&mut self, key: u64, record: Option<Arc<R>>) {
        let before = exchange(&mut self.model, key, record);
        self.undo.push(Box::new(move |model| drop(exchange(model, key, before))));
    }

    /// Sets a counter or text.
    ///
    /// # Errors
    /// `Storage`.
    pub fn set_meta(&mut self, key: &str, value: impl ToString) -> Result<()> {
        let value = value.to_string();
        let statement = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
        self.sql.prepare_cached(statement).map_err(sql_error)?.execute(params![key, value]).map_err(sql_error)?;
        let before = self.model.meta.insert(key.to_owned(), value);
        let key = key.to_owned();
        self.undo.push(Box::new(move |model| match before {
            Some(value) => drop(model.meta.insert(key, value)),
            None => drop(model.meta.remove(&key)),
        }));
        Ok(())
    }

    /// The next value of a counter, from 1, never given twice.
    ///
    /// # Errors
    /// `Storage`.
    pub fn next(&mut self, counter: &str) -> Result<u64> {
        let next = self.model.counter(counter) + 1;
        self.set_meta(counter, next)?;
        Ok(next)
    }

    /// The next value of a counter of dense numbers, from 0.
    ///
    /// # Errors
    /// `LimitExceeded` past `limit`; `Storage`.
    pub fn next_dense(&mut self, counter: &str, limit: u32) -> Result<u32> {
        let next = self.next(counter)?;
        u32::try_from(next - 1)
            .ok()
            .filter(|&number| number < limit)
            .ok_or_else(|| Error::limit(counter, next, u64::from(limit), counter))
    }

    /// The revision of this write.
    ///
    /// # Errors
    /// `Storage`.
    pub fn next_revision(&mut self) -> Result<Revision> {
        self.next("revision").map(Revision)
    }

    /// Names the generation that this write makes; it never falls (invariant 12).
    ///
    /// # Errors
    /// `Internal` for a number that does not grow; `Storage`.
    pub fn set_generation(&mut self, generation: GenerationNumber) -> Result<()> {
        if generation.0 <= self.model.counter("generation") {
            return Err(Error::internal(format!("generation {generation} does not follow the one before")));
        }
        self.set_meta("generation", generation.0)
    }

    /// Reserves `count` slots that no record carries and no generation maps (invariant 3).
    ///
    /// # Errors
    /// `Storage`.
    pub fn reserve_slots(&mut self, count: usize) -> Result<Vec<SlotNumber>> {
        let mut free = free_slots(&self.model);
        let mut reserved: Vec<SlotNumber> = free.drain(..count.min(free.len())).map(SlotNumber).collect();
        if !reserved.is_empty() {
            self.set_free_slots(&free)?;
        }
        let next = self.model.counter("slots");
        let end = next + (count - reserved.len()) as u64;
        if end >= u64::from(u32::MAX) {
            return Err(Error::limit("slots", end, u64::from(u32::MAX), "slots"));
        }
        if end > next {
            self.set_meta("slots", end)?;
            reserved.extend((next..end).filter_map(|slot| u32::try_from(slot).ok()).map(SlotNumber));
        }
        Ok(reserved)
    }

    fn set_free_slots(&mut self, free: &[u32]) -> Result<()> {
        let text: Vec<String> = free.iter().map(u32::to_string).collect();
        self.set_meta("free_slots", text.join(" "))
    }

    /// Makes `version` the live one of its segment: the one before is retired, member changes that the new file already
    /// reflects are forgotten, the segment is ready.
    ///
    /// # Errors
    /// `Storage`.
    pub fn publish_version(&mut self, version: &Version) -> Result<()> {
        let key = u64::from(version.segment.0);
        let segment = self.model.segments.get(&key).cloned();
        let segment = segment.ok_or_else(|| Error::not_found("the segment was deleted meanwhile"))?;
        if let Some(before) = segment.live_version.and_then(|before| self.model.versions.get(&before).cloned()) {
            self.put(Version { state: VersionState::Retired, ..Version::clone(&before) })?;
        }
        let superseded = self.model.deltas.values().filter(|delta| {
            delta.segment == version.segment && delta.revision <= version.accepted
        });
        for number in superseded.map(|delta| delta.number).collect::<Vec<_>>() {
            self.remove::<MemberDelta>(number)?;
        }
        self.put(version.clone())?;
        self.put(Segment { live_version: Some(version.number), ..Segment::clone(&segment) })
    }

    /// Frees the slots of swept versions and forgets the versions; returns the files that nothing names any more.
    ///
    /// # Errors
    /// `Storage`.
    pub fn forget_versions(&mut self, slots: &HashSet<u32>) -> Result<Vec<String>> {
        let swept: Vec<Arc<Version>> = self
            .model
            .versions
            .values()
            .filter(|version| slots.contains(&version.slot.0) && version.state != VersionState::Live)
            .cloned()
            .collect();
        let mut free = free_slots(&self.model);
        for version in &swept {
            self.remove::<Version>(version.number)?;
            free.push(version.slot.0);
        }
        self.set_free_slots(&free)?;
        let named = self.model.named_files();
        let files: HashSet<&str> = swept.iter().map(|version| version.file.as_str()).collect();
        Ok(files.into_iter().filter(|file| !file.is_empty() && !named.contains(file)).map(str::to_owned).collect())
    }

    /// Makes every change durable, then visible to later reads.
    ///
    /// # Errors
    /// `Storage`: nothing changed, and the catalog refuses later writes when it was the commit itself that failed.
    pub fn commit(mut self) -> Result<()> {
        if let Err(error) = self.sql.execute_batch("COMMIT") {
            // A full or read-only disk is found before anything is written; other failures leave the disk unknown.
            let error = sql_error(error);
            if !error.hint_text().is_some_and(|hint| hint.starts_with("free disk space")) {
                self.poisoned.store(true, Ordering::Release);
            }
            return Err(error);
        }
        self.committed = true;
        Ok(())
    }
}

fn free_slots(model: &Model) -> Vec<u32> {
    let text = model.meta.get("free_slots").map(String::as_str).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

pub(super) fn exchange<R: Record>(model: &mut Model, key: u64, record: Option<Arc<R>>) -> Option<Arc<R>> {
    let before = R::place(model).remove(&key);
    if let Some(before) = &before {
        before.unindex(model);
    }
    if let Some(record) = record {
        record.index(model);
        R::place(model).insert(key, record);
    }
    before
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // A rollback that fails leaves nothing behind either: the connection rolls back when it is next used or closed.
        let _ = self.sql.execute_batch("ROLLBACK");
        while let Some(undo) = self.undo.pop() {
            undo(&mut self.model);
        }
    }
}
