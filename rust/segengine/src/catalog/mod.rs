//! What exists: advertisers, campaigns, adgroups, segments and their versions, and which files hold the rest.
//!
//! The database is the only commit point of the data directory: a file that no committed row names does not exist. All
//! of it is also in memory ([`Model`]). Readers take the model as of the last commit and keep it as long as they like;
//! no write, however long, makes them wait. Writers change a second model and the two change places at the commit, so a
//! commit costs what it changed and not what exists. (The second model is the price: some 80 bytes a record and name;
//! the records themselves are shared.) Source: left-right concurrency (Ramalhete and Correia, 2015), with one writer.

mod check;
mod model;
mod records;
mod rows;
mod slots;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rusqlite::Connection;

pub use model::{Kind, Model, Scope, segment_scope};
pub use records::{
    Adgroup, Advertiser, Campaign, IdentityRun, LinkRun, MemberDelta, OperationRecord, OperationState, RequestRecord,
    SeenDay, Segment, SegmentKind, SegmentState, Status, StoredTargeting, Version, VersionState,
};
pub use slots::CheckpointRecord;
pub use write::{Record, Write};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{data_directory, sql};

/// The schema version that this program writes, and the newest that it reads.
pub const SCHEMA: i32 = 1;

/// The catalog of one data directory.
pub struct Catalog {
    writer: Mutex<write::Writer>,
    front: ArcSwap<Model>,
    poisoned: AtomicBool,
}

impl Catalog {
    /// Opens or creates the catalog in `directory`, which is locked.
    ///
    /// # Errors
    /// `FailedPrecondition` for a directory of a newer program; `Corrupted`, also when the database is gone and its
    /// files are not; `Storage`.
    pub fn open(directory: &Path) -> Result<Self> {
        data_directory::check_complete(directory)?;
        let (connection, version) = sql::open(&directory.join(data_directory::CATALOG))?;
        match version {
            0 => create(&connection)?,
            SCHEMA => {}
            older if older < SCHEMA => return Err(rows::damaged(format_args!("format {older} does not exist"))),
            newer => {
                let message =
                    format!("catalog.sqlite: written by a newer segengine (format {newer}, this one reads {SCHEMA})");
                return Err(Error::new(ErrorKind::FailedPrecondition, message).hint("use a newer segengine"));
            }
        }
        let (model, total) = load_all(&connection)?;
        let front = Arc::new(model.clone());
        Ok(Self {
            writer: Mutex::new(write::Writer::new(connection, model, total)),
            front: ArcSwap::from(front),
            poisoned: AtomicBool::new(false),
        })
    }

    /// The model as of the last commit. It does not change any more: take it again to see later commits.
    pub fn read(&self) -> Arc<Model> {
        self.front.load_full()
    }

    /// Begins an exclusive change; waits for the one before. A thread that has begun one must not begin another.
    ///
    /// # Errors
    /// `Storage` when the catalog is poisoned or the disk refuses; `EngineClosed`.
    pub fn write(&self) -> Result<Write<'_>> {
        Write::begin(self, self.writer.lock())
    }

    /// Whether a commit failed in a way that leaves the disk unknown.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Refuses all later writes: called also when a file could not be made durable.
    pub fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Waits for the running write and lets the database go; reads go on, writes are refused. Closing twice is fine.
    ///
    /// # Errors
    /// `Storage`: what was committed stays committed.
    pub fn close(&self) -> Result<()> {
        self.writer.lock().close()
    }

    /// Asks the database to check itself, reads every row again, and judges whether the records fit each other; a
    /// sentence for each finding.
    ///
    /// # Errors
    /// `Storage` or `Corrupted` when it cannot even be asked; `EngineClosed`.
    pub fn verify(&self) -> Result<Vec<String>> {
        let writer = self.writer.lock();
        let connection = writer.connection()?;
        let mut findings = sql::check(connection)?;
        match load_all(connection) {
            Ok((model, _)) => {
                findings.extend(model.contradictions());
                if model != *self.read() {
                    findings.push("catalog.sqlite: the rows are not what the engine holds in memory".to_owned());
                }
            }
            Err(error) => findings.push(error.message().to_owned()),
        }
        Ok(findings)
    }
}

const TABLES: [&str; 11] = [
    Advertiser::TABLE,
    Campaign::TABLE,
    Segment::TABLE,
    Version::TABLE,
    MemberDelta::TABLE,
    IdentityRun::TABLE,
    LinkRun::TABLE,
    SeenDay::TABLE,
    Adgroup::TABLE,
    OperationRecord::TABLE,
    RequestRecord::TABLE,
];

fn create(connection: &Connection) -> Result<()> {
    let mut schema = "BEGIN; CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) \
                      WITHOUT ROWID;"
        .to_owned();
    for table in TABLES {
        schema += &format!(
            "CREATE TABLE {table} (number INTEGER PRIMARY KEY, record TEXT NOT NULL, checksum INTEGER NOT NULL);"
        );
    }
    let total = rows::Total::default().text();
    let check = rows::checksum("meta", rows::TOTAL.as_bytes(), &total);
    schema += &format!("INSERT INTO meta VALUES ('{}', '{total}', {check});", rows::TOTAL);
    schema += &format!("PRAGMA user_version={SCHEMA}; COMMIT;");
    connection.execute_batch(&schema).map_err(sql::error)
}

/// Reads every row, checking each and all together.
fn load_all(connection: &Connection) -> Result<(Model, rows::Total)> {
    let (mut model, mut total) = (Model::default(), rows::Total::default());
    load_meta(connection, &mut model, &mut total)?;
    load::<Advertiser>(connection, &mut model, &mut total)?;
    load::<Campaign>(connection, &mut model, &mut total)?;
    load::<Segment>(connection, &mut model, &mut total)?;
    load::<Version>(connection, &mut model, &mut total)?;
    load::<MemberDelta>(connection, &mut model, &mut total)?;
    load::<IdentityRun>(connection, &mut model, &mut total)?;
    load::<LinkRun>(connection, &mut model, &mut total)?;
    load::<SeenDay>(connection, &mut model, &mut total)?;
    load::<Adgroup>(connection, &mut model, &mut total)?;
    load::<OperationRecord>(connection, &mut model, &mut total)?;
    load::<RequestRecord>(connection, &mut model, &mut total)?;
    if model.meta.remove(rows::TOTAL) != Some(total.text()) {
        return Err(rows::damaged("the rows do not add up: some are missing"));
    }
    Ok((model, total))
}

fn load_meta(connection: &Connection, model: &mut Model, total: &mut rows::Total) -> Result<()> {
    let mut statement = connection.prepare("SELECT key, value, checksum FROM meta").map_err(wrong_type)?;
    let mut found = statement.query([]).map_err(sql::error)?;
    while let Some(row) = found.next().map_err(sql::error)? {
        let (key, value): (String, String) = (row.get(0).map_err(wrong_type)?, row.get(1).map_err(wrong_type)?);
        let check = row.get(2).map_err(wrong_type)?;
        rows::check("meta", key.as_bytes(), &key, &value, check)?;
        if key != rows::TOTAL {
            total.add(check);
        }
        model.meta.insert(key, value);
    }
    Ok(())
}

fn load<R: Record>(connection: &Connection, model: &mut Model, total: &mut rows::Total) -> Result<()> {
    let select = format!("SELECT number, record, checksum FROM {}", R::TABLE);
    let mut statement = connection.prepare(&select).map_err(wrong_type)?;
    let mut found = statement.query([]).map_err(sql::error)?;
    while let Some(row) = found.next().map_err(sql::error)? {
        let number: i64 = row.get(0).map_err(wrong_type)?;
        let (text, check): (String, u32) = (row.get(1).map_err(wrong_type)?, row.get(2).map_err(wrong_type)?);
        rows::check(R::TABLE, &number.to_le_bytes(), number, &text, check)?;
        total.add(check);
        let record: R = serde_json::from_str(&text)
            .map_err(|error| rows::damaged(format_args!("{} row {number}: {error}", R::TABLE)))?;
        if record.key() != number.cast_unsigned() {
            return Err(rows::damaged(format_args!("{} row {number} holds number {}", R::TABLE, record.key())));
        }
        write::exchange(model, record.key(), Some(Arc::new(record)));
    }
    Ok(())
}

/// A missing table or a value of another type than the column's: only damage makes these.
fn wrong_type(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::Unknown) | None => rows::damaged(error),
        Some(_) => sql::error(error),
    }
}
