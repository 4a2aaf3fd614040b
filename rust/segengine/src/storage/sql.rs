//! The handle of the embedded database, set up to lose nothing.
//!
//! WAL with `synchronous=FULL`: a commit returns after the log is synced. The engine is the only writer and holds one
//! connection, so a busy database means a foreign process, which is refused.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, ErrorKind, Result};

/// Marks a database file as ours ("SEGE").
const APPLICATION_ID: i32 = 0x5345_4745;

/// Opens or creates the database at `path` and returns it with its schema version (0 when it is new).
///
/// # Errors
/// `Corrupted` for a file that is no database of ours; `Storage`.
pub fn open(path: &Path) -> Result<(Connection, i32)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    let setup = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
                 PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;";
    connection.execute_batch(setup).map_err(error)?;
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(error);
    let version = number("user_version")?;
    match (version, number("application_id")?) {
        (0, 0) => connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(error)?,
        (_, APPLICATION_ID) => {}
        _ => return Err(Error::corrupted("catalog.sqlite", 68, "a database of another program")),
    }
    Ok((connection, version))
}

/// Asks the database to check itself; a sentence for each finding.
///
/// # Errors
/// `Corrupted` or `Storage` when it cannot even be asked.
pub fn check(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)").map_err(error)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(error)?;
    let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>().map_err(error)?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Turns the database's error into ours.
#[must_use]
pub fn error(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly};
    let (kind, hint) = match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            (ErrorKind::Corrupted, "restore catalog.sqlite from a backup; `segengine verify` says what else is damaged")
        }
        Some(DiskFull) => (ErrorKind::Storage, "free disk space, then repeat"),
        Some(ReadOnly | CannotOpen) => (ErrorKind::Storage, "check the owner, mode and mount of the data directory"),
        Some(DatabaseBusy | DatabaseLocked) => (ErrorKind::DirectoryLocked, "another program holds catalog.sqlite open"),
        _ => (ErrorKind::Storage, "check the disk, then open the directory again"),
    };
    Error::new(kind, format!("catalog.sqlite: {error}")).hint(hint).caused_by(error)
}
