//! The one way to change the catalog: an exclusive write that becomes durable and visible together, or not at all.
//!
//! A write runs each statement inside one SQLite transaction and changes the writer's own model; readers have the other
//! one until the commit. Dropping a write without a commit takes both back. After a statement that failed the write
//! refuses to go on, because SQLite may have ended the transaction by itself. After a commit that failed nothing is known
//! about the disk, so the catalog is poisoned and refuses every later write, while reads go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::MutexGuard;
use rusqlite::{Connection, ToSql, params};
use serde::{Serialize, de::DeserializeOwned};

use super::Catalog;
use super::model::{Kind, Model, Scope};
use super::records::{
    Adgroup, Advertiser, Campaign, IdentityRun, LinkRun, MemberDelta, OperationRecord, RequestRecord, SeenDay, Segment,
    Version, VersionState,
};
use super::rows::{self, Total};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{GenerationNumber, Revision};
use crate::storage::sql::{self, error as sql_error};

/// A record that lives in a table of its own, under a number.
pub trait Record: Serialize + DeserializeOwned + Clone + PartialEq {
    /// The table.
    const TABLE: &'static str;
    /// Its number.
    fn key(&self) -> u64;
    /// Its place in the model.
    fn place(model: &mut Model) -> &mut BTreeMap<u64, Arc<Self>>;
    /// All of them in the model.
    fn all(model: &Model) -> &BTreeMap<u64, Arc<Self>>;
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
            fn all(model: &Model) -> &BTreeMap<u64, Arc<Self>> {
                &model.$field
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
    fn all(model: &Model) -> &BTreeMap<u64, Arc<Self>> {
        &model.requests
    }
    fn index(&self, model: &mut Model) {
        model.index_request(&self.key, self.number);
    }
    fn unindex(&self, model: &mut Model) {
        model.unindex_request(&self.key, self.number);
    }
}

/// A place of the model that a write changed. Both models are brought together by copying such places from one to the
/// other, in whichever direction; the order does not matter.
enum Touched {
    Record(fn(&Model, &mut Model, u64), u64),
    Meta(String),
}

impl Touched {
    fn copy(&self, from: &Model, to: &mut Model) {
        match self {
            Self::Record(copy, key) => copy(from, to, *key),
            Self::Meta(key) => match from.meta.get(key) {
                Some(value) => drop(to.meta.insert(key.clone(), value.clone())),
                None => drop(to.meta.remove(key)),
            },
        }
    }
}

fn copy_record<R: Record>(from: &Model, to: &mut Model, key: u64) {
    exchange(to, key, R::all(from).get(&key).cloned());
}

/// What the one writer at a time owns.
pub(super) struct Writer {
    /// None once the catalog is closed.
    connection: Option<Connection>,
    /// The model that readers do not see.
    spare: Arc<Model>,
    /// What the last commit changed, and the spare model does not have yet.
    behind: Vec<Touched>,
    /// What all committed rows add up to.
    total: Total,
}

impl Writer {
    pub(super) fn new(connection: Connection, model: Model, total: Total) -> Self {
        Self { connection: Some(connection), spare: Arc::new(model), behind: Vec::new(), total }
    }

    pub(super) fn connection(&self) -> Result<&Connection> {
        let closed = || Error::new(ErrorKind::EngineClosed, "the catalog is closed").hint("open the directory again");
        self.connection.as_ref().ok_or_else(closed)
    }

    pub(super) fn close(&mut self) -> Result<()> {
        let closed = self.connection.take().map_or(Ok(()), Connection::close);
        closed.map_err(|(_, error)| sql_error(error))
    }

    /// Brings the spare model to where the readers' is. A reader that still holds it keeps it, and a copy is made.
    fn catch_up(&mut self, front: &Arc<Model>) {
        let behind = std::mem::take(&mut self.behind);
        match Arc::get_mut(&mut self.spare) {
            Some(spare) => behind.iter().for_each(|touched| touched.copy(front, spare)),
            None => self.spare = Arc::new(Model::clone(front)),
        }
    }
}

/// An exclusive change of the catalog.
pub struct Write<'a> {
    catalog: &'a Catalog,
    writer: MutexGuard<'a, Writer>,
    touched: Vec<Touched>,
    total: Total,
    failed: bool,
    committed: bool,
}

impl<'a> Write<'a> {
    pub(super) fn begin(catalog: &'a Catalog, mut writer: MutexGuard<'a, Writer>) -> Result<Self> {
        if catalog.is_poisoned() {
            let message = "an earlier commit of the catalog could not be made durable: nothing more is acknowledged";
            return Err(Error::new(ErrorKind::Storage, message).hint("check the disk, then open the directory again"));
        }
        writer.connection()?.execute_batch("BEGIN IMMEDIATE").map_err(sql_error)?;
        writer.catch_up(&catalog.read());
        let total = writer.total;
        Ok(Self { catalog, writer, touched: Vec::new(), total, failed: false, committed: false })
    }

    /// The model with this write's changes.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.writer.spare
    }

    /// Inserts or replaces a record.
    ///
    /// # Errors
    /// `Storage`.
    pub fn put<R: Record + Send + Sync + 'static>(&mut self, record: R) -> Result<()> {
        let text = serde_json::to_string(&record)
            .map_err(|error| Error::internal("a record does not encode").caused_by(error))?;
        let key = record.key();
        let number = key.cast_signed();
        let check = rows::checksum(R::TABLE, &number.to_le_bytes(), &text);
        let before = self.checksum_before::<R>(key)?;
        let statement = format!("INSERT OR REPLACE INTO {} (number, record, checksum) VALUES (?1, ?2, ?3)", R::TABLE);
        self.execute(&statement, params![number, text, check])?;
        self.account(before, Some(check));
        self.stage(key, Some(Arc::new(record)));
        Ok(())
    }

    /// Removes a record; one that is not there is fine.
    ///
    /// # Errors
    /// `Storage`.
    pub fn remove<R: Record + Send + Sync + 'static>(&mut self, key: u64) -> Result<()> {
        let before = self.checksum_before::<R>(key)?;
        self.execute(&format!("DELETE FROM {} WHERE number = ?1", R::TABLE), params![key.cast_signed()])?;
        self.account(before, None);
        self.stage::<R>(key, None);
        Ok(())
    }

    /// The checksum of the row that is about to go; a record that is not in the model has none.
    fn checksum_before<R: Record>(&mut self, key: u64) -> Result<Option<u32>> {
        self.check()?;
        if !R::all(self.model()).contains_key(&key) {
            return Ok(None);
        }
        let found = rows::current(self.writer.connection()?, R::TABLE, "number", &key.cast_signed());
        self.failed |= found.is_err();
        found
    }

    fn execute(&mut self, statement: &str, values: &[&dyn ToSql]) -> Result<()> {
        self.check()?;
        let connection = self.writer.connection()?;
        let done = connection.prepare_cached(statement).and_then(|mut statement| statement.execute(values));
        self.failed |= done.is_err();
        done.map(drop).map_err(sql_error)
    }

    /// Fails after a statement that failed: SQLite may have ended the transaction, and what followed would stand alone.
    fn check(&self) -> Result<()> {
        if !self.failed {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Storage, "an earlier step of this write failed: nothing was changed")
            .hint("repeat the call"))
    }

    fn account(&mut self, before: Option<u32>, after: Option<u32>) {
        before.into_iter().for_each(|checksum| self.total.take(checksum));
        after.into_iter().for_each(|checksum| self.total.add(checksum));
    }

    fn stage<R: Record + Send + Sync + 'static>(&mut self, key: u64, record: Option<Arc<R>>) {
        exchange(Arc::make_mut(&mut self.writer.spare), key, record);
        self.touched.push(Touched::Record(copy_record::<R>, key));
    }

    /// Sets a counter or text.
    ///
    /// # Errors
    /// `Storage`; `Internal` for the name that the catalog keeps for itself.
    pub fn set_meta(&mut self, key: &str, value: impl std::fmt::Display) -> Result<()> {
        if key == rows::TOTAL {
            return Err(Error::internal("this meta row belongs to the catalog itself"));
        }
        self.check()?;
        let value = value.to_string();
        let before = match self.model().meta.contains_key(key) {
            true => rows::current(self.writer.connection()?, "meta", "key", &key)?,
            false => None,
        };
        let check = self.write_meta(key, &value)?;
        self.account(before, Some(check));
        Arc::make_mut(&mut self.writer.spare).meta.insert(key.to_owned(), value);
        self.touched.push(Touched::Meta(key.to_owned()));
        Ok(())
    }

    fn write_meta(&mut self, key: &str, value: &str) -> Result<u32> {
        let check = rows::checksum("meta", key.as_bytes(), value);
        self.execute(
            "INSERT OR REPLACE INTO meta (key, value, checksum) VALUES (?1, ?2, ?3)",
            params![key, value, check],
        )?;
        Ok(check)
    }

    /// The next value of a counter, from 1, never given twice.
    ///
    /// # Errors
    /// `Storage`.
    pub fn next(&mut self, counter: &str) -> Result<u64> {
        let next = self.model().counter(counter) + 1;
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
        if generation.0 <= self.model().counter("generation") {
            return Err(Error::internal(format!("generation {generation} does not follow the one before")));
        }
        self.set_meta("generation", generation.0)
    }

    /// Makes `version` the live one of its segment: the one before is retired, member changes that the new file already
    /// reflects are forgotten, the segment is ready. Returns the files of those changes, which nothing names then.
    ///
    /// # Errors
    /// `Storage`.
    pub fn publish_version(&mut self, version: &Version) -> Result<Vec<String>> {
        let key = u64::from(version.segment.0);
        let segment = self.model().segments.get(&key).cloned();
        let segment = segment.ok_or_else(|| Error::not_found("the segment was deleted meanwhile"))?;
        if let Some(before) = segment.live_version.and_then(|before| self.model().versions.get(&before).cloned()) {
            self.put(Version { state: VersionState::Retired, ..Version::clone(&before) })?;
        }
        let deltas = self.model().deltas.values();
        let superseded: Vec<Arc<MemberDelta>> = deltas
            .filter(|delta| delta.segment == version.segment && delta.revision <= version.accepted)
            .cloned()
            .collect();
        for delta in &superseded {
            self.remove::<MemberDelta>(delta.number)?;
        }
        self.put(version.clone())?;
        self.put(Segment { live_version: Some(version.number), ..Segment::clone(&segment) })?;
        Ok(superseded.iter().map(|delta| delta.file.clone()).collect())
    }

    /// Marks a version as no longer serving, as when its segment is deleted.
    ///
    /// # Errors
    /// `Storage`.
    pub fn retire_version(&mut self, number: u64) -> Result<()> {
        match self.model().versions.get(&number).cloned() {
            Some(version) => self.put(Version { state: VersionState::Retired, ..Version::clone(&version) }),
            None => Ok(()),
        }
    }

    /// Makes every change durable, then visible to later reads.
    ///
    /// # Errors
    /// `Storage`: nothing changed, and the catalog refuses later writes when it was the commit itself that failed.
    pub fn commit(mut self) -> Result<()> {
        self.check()?;
        if !self.touched.is_empty() {
            self.write_meta(rows::TOTAL, &self.total.text())?;
        }
        let connection = self.writer.connection()?;
        if let Err(error) = connection.execute_batch("COMMIT") {
            if !sql::is_recoverable(&error) {
                self.catalog.poison();
            }
            return Err(sql_error(error));
        }
        // The commit is durable in the log whatever happens to the log's way back into the database.
        if sql::checkpoint(connection).is_err_and(|error| !sql::is_recoverable(&error)) {
            self.catalog.poison();
        }
        self.committed = true;
        self.writer.total = self.total;
        let front = self.catalog.front.swap(Arc::clone(&self.writer.spare));
        self.writer.spare = front;
        self.writer.behind = std::mem::take(&mut self.touched);
        Ok(())
    }
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
        if let Ok(connection) = self.writer.connection() {
            // It fails when SQLite has rolled back by itself, which is as good.
            let _ = connection.execute_batch("ROLLBACK");
        }
        let front = self.catalog.read();
        let spare = Arc::make_mut(&mut self.writer.spare);
        self.touched.iter().for_each(|touched| touched.copy(&front, spare));
    }
}
