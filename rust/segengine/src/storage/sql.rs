//! The handle of the embedded database, set up to lose nothing.
//!
//! WAL with `synchronous=FULL`: a commit returns after the log is synced. `locking_mode=EXCLUSIVE`, because the engine
//! is the only writer and holds one connection: no shared-memory file is needed (on a full disk that file could end the
//! process by SIGBUS), and any other program that has the database open is found at the start and not in the middle of
//! a commit. SQLite's own checkpoints are off, because they swallow errors: [`checkpoint`] is called after commits
//! instead, and a sync that fails there is as terminal as one in a commit.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::directory::sync_folder;
use crate::error::{Error, ErrorKind, Result};

/// Marks a database file as ours ("SEGE").
const APPLICATION_ID: i32 = 0x5345_4745;
/// Length of the log from which it is written back into the database.
const LOG_BYTES: u64 = 4 << 20;

/// Opens or creates the database at `path` and returns it with its schema version (0 when it is new).
///
/// # Errors
/// `Corrupted` for a file that is no database of ours, and for a damaged log; `DirectoryLocked` when another program has it open; `Storage`.
pub fn open(path: &Path) -> Result<(Connection, i32)> {
    super::log::check(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(std::time::Duration::from_millis(100)).map_err(error)?;
    connection.execute_batch("PRAGMA locking_mode=EXCLUSIVE;").map_err(error)?;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(error);
    let version = number("PRAGMA user_version")?;
    let is_new = match (version, number("PRAGMA application_id")?) {
        (0, 0) if number("SELECT count(*) FROM sqlite_master")? == 0 => true,
        (_, APPLICATION_ID) => false,
        _ => return Err(Error::corrupted("catalog.sqlite", 68, "a database of another program")),
    };
    begin_log(&connection)?;
    let setup = "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; \
                 PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536; \
                 PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;";
    connection.execute_batch(setup).map_err(error)?;
    if is_new {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(error)?;
    }
    // The first read makes the log where there is none.
    number("SELECT count(*) FROM sqlite_master")?;
    sync_log(path)
        .map_err(|error| Error::storage(format_args!("make the log of {} durable", path.display()), error))?;
    Ok((connection, version))
}

/// Switches to the log, and makes sure of it: SQLite answers with the mode first and fails to write it down afterwards,
/// or answers with the mode that stays. A commit in that other mode may be taken back by a power cut.
fn begin_log(connection: &Connection) -> Result<()> {
    let mut statement = connection.prepare("PRAGMA journal_mode=WAL").map_err(error)?;
    let mut rows = statement.query([]).map_err(error)?;
    let row = rows.next().map_err(error)?;
    let mode: String = row.map_or_else(|| Ok(String::new()), |row| row.get(0)).map_err(error)?;
    // The statement has ended, and written, only when there is no further row.
    let ended = rows.next().map_err(error)?.is_none();
    if ended && mode == "wal" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Storage, format!("catalog.sqlite: its log could not be begun (mode {mode})"))
        .hint("check the disk and its free space, then open the directory again"))
}

/// Makes durable what a process that was killed had written into the log and not synced yet, and the log's name. What is
/// read from it now counts as committed, and files are removed because of it: a power cut must not take it back after
/// that. SQLite syncs the folder as well, but tells nobody when that fails.
fn sync_log(path: &Path) -> std::io::Result<()> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    File::open(log)?.sync_all()?;
    sync_folder(path.parent().unwrap_or(Path::new("")))
}

/// Writes the log back into the database when it has grown long, and empties it.
///
/// # Errors
/// `Storage`: whatever was committed is still safe in the log, but see [`is_recoverable`].
pub fn checkpoint(connection: &Connection) -> Result<(), rusqlite::Error> {
    let log = connection.path().map(|path| format!("{path}-wal"));
    let length = log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |metadata| metadata.len());
    if length < LOG_BYTES {
        return Ok(());
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
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

/// Whether the disk is in a known state after this failure: it was found full before anything was written over.
#[must_use]
pub fn is_recoverable(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// Turns the database's error into ours.
#[must_use]
pub fn error(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly,
    };
    let (kind, hint) = match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            (ErrorKind::Corrupted, "restore catalog.sqlite from a backup; `segengine verify` says what else is damaged")
        }
        Some(DiskFull) => (ErrorKind::Storage, "free disk space, then repeat"),
        Some(ReadOnly | CannotOpen) => (ErrorKind::Storage, "check the owner, mode and mount of the data directory"),
        Some(DatabaseBusy | DatabaseLocked) => {
            (ErrorKind::DirectoryLocked, "another program holds catalog.sqlite open")
        }
        _ => (ErrorKind::Storage, "check the disk, then open the directory again"),
    };
    Error::new(kind, format!("catalog.sqlite: {error}")).hint(hint).caused_by(error)
}
