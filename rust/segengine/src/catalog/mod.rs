//! What exists: advertisers, campaigns, adgroups, segments and their versions, and which files hold the rest.
//!
//! The database is the only commit point of the data directory: a file that no committed row names does not exist. All
//! of it is also in memory ([`Model`]), so reads cost a lock and a look-up; every change is a [`Write`].

mod model;
mod records;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use rusqlite::Connection;

pub use model::{Kind, Model, Scope, segment_scope};
pub use records::{
    Adgroup, Advertiser, Campaign, IdentityRun, LinkRun, MemberDelta, OperationRecord, OperationState, RequestRecord,
    SeenDay, Segment, SegmentKind, SegmentState, Status, StoredTargeting, Version, VersionState,
};
pub use write::{Record, Write};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::sql;

/// The schema version that this program writes, and the newest that it reads.
pub const SCHEMA: i32 = 1;

/// The catalog of one data directory.
pub struct Catalog {
    sql: Mutex<Connection>,
    model: RwLock<Model>,
    poisoned: AtomicBool,
}

impl Catalog {
    /// Opens or creates the catalog in `directory`.
    ///
    /// # Errors
    /// `FailedPrecondition` for a directory of a newer program; `Corrupted`; `Storage`.
    pub fn open(directory: &Path) -> Result<Self> {
        let (connection, version) = sql::open(&directory.join("catalog.sqlite"))?;
        match version {
            0 => create(&connection)?,
            SCHEMA => {}
            newer => {
                let message = format!("the data directory has format {newer}, this program reads up to {SCHEMA}");
                return Err(Error::new(ErrorKind::FailedPrecondition, message).hint("use a newer segengine"));
            }
        }
        let mut model = Model::default();
        load_meta(&connection, &mut model)?;
        load::<Advertiser>(&connection, &mut model)?;
        load::<Campaign>(&connection, &mut model)?;
        load::<Segment>(&connection, &mut model)?;
        load::<Version>(&connection, &mut model)?;
        load::<MemberDelta>(&connection, &mut model)?;
        load::<IdentityRun>(&connection, &mut model)?;
        load::<LinkRun>(&connection, &mut model)?;
        load::<SeenDay>(&connection, &mut model)?;
        load::<Adgroup>(&connection, &mut model)?;
        load::<OperationRecord>(&connection, &mut model)?;
        load::<RequestRecord>(&connection, &mut model)?;
        Ok(Self { sql: Mutex::new(connection), model: RwLock::new(model), poisoned: AtomicBool::new(false) })
    }

    /// Looks at the model.
    pub fn read(&self) -> RwLockReadGuard<'_, Model> {
        self.model.read()
    }

    /// Begins an exclusive change.
    ///
    /// # Errors
    /// `Storage` when the catalog is poisoned or the disk refuses.
    pub fn write(&self) -> Result<Write<'_>> {
        let sql = self.sql.lock();
        Write::begin(sql, self.model.write(), &self.poisoned)
    }

    /// Whether a commit failed in a way that leaves the disk unknown.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Asks the database to check itself; a sentence for each finding.
    ///
    /// # Errors
    /// `Storage` or `Corrupted` when it cannot even be asked.
    pub fn verify(&self) -> Result<Vec<String>> {
        sql::check(&self.sql.lock())
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
    let mut schema = "BEGIN; CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;".to_owned();
    for table in TABLES {
        schema += &format!("CREATE TABLE {table} (number INTEGER PRIMARY KEY, record TEXT NOT NULL);");
    }
    schema += &format!("PRAGMA user_version={SCHEMA}; COMMIT;");
    connection.execute_batch(&schema).map_err(sql::error)
}

fn load_meta(connection: &Connection, model: &mut Model) -> Result<()> {
    let mut statement = connection.prepare("SELECT key, value FROM meta").map_err(sql::error)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql::error)?;
    model.meta = rows.collect::<rusqlite::Result<_>>().map_err(sql::error)?;
    Ok(())
}

fn load<R: Record>(connection: &Connection, model: &mut Model) -> Result<()> {
    let mut statement = connection.prepare(&format!("SELECT number, record FROM {}", R::TABLE)).map_err(sql::error)?;
    let mut rows = statement.query([]).map_err(sql::error)?;
    while let Some(row) = rows.next().map_err(sql::error)? {
        let number: i64 = row.get(0).map_err(sql::error)?;
        let text: String = row.get(1).map_err(sql::error)?;
        let record: R = serde_json::from_str(&text).map_err(|error| {
            Error::corrupted("catalog.sqlite", 0, format_args!("{} row {number}: {error}", R::TABLE))
        })?;
        write::exchange(model, record.key(), Some(Arc::new(record)));
    }
    Ok(())
}
