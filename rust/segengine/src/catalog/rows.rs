//! Rows of the database, with a checksum each and one over all of them.
//!
//! SQLite has no checksum on its pages: a flipped bit inside a row would be read as if it had been written. So each row
//! carries the CRC-32C of its table, key and text, and the meta row `rows` carries the count and sum of all of these,
//! renewed in every transaction: a changed row is named, and a lost one is missed. Costs: 4-5 bytes a row, and one
//! small statement a transaction.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::error::{Error, Result};
use crate::storage::sql;

/// The meta row that holds the [`Total`].
pub(super) const TOTAL: &str = "rows";

/// The name of the database in errors.
const FILE: &str = "catalog.sqlite";

/// What all rows add up to, in the form of the meta row `rows`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    rows: u64,
    sum: u64,
}

impl Total {
    pub(super) fn add(&mut self, checksum: u32) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(u64::from(checksum));
    }

    pub(super) fn take(&mut self, checksum: u32) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(u64::from(checksum));
    }

    pub(super) fn text(self) -> String {
        format!("{} {}", self.rows, self.sum)
    }
}

/// The checksum of one row.
pub(super) fn checksum(table: &str, key: &[u8], text: &str) -> u32 {
    let check = crc32c::crc32c(table.as_bytes());
    let check = crc32c::crc32c_append(check, &[0]);
    let check = crc32c::crc32c_append(check, key);
    let check = crc32c::crc32c_append(check, &[0]);
    crc32c::crc32c_append(check, text.as_bytes())
}

/// Fails for a row that is not what was written.
pub(super) fn check(table: &str, key: &[u8], name: impl std::fmt::Display, text: &str, found: u32) -> Result<()> {
    if checksum(table, key, text) == found {
        return Ok(());
    }
    Err(damaged(format_args!("{table} row {name}: the checksum does not match")))
}

/// A damaged row: the database does not tell at which byte.
pub(super) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(crate::error::ErrorKind::Corrupted, format!("{FILE}: damaged: {what}"))
        .hint("restore the whole directory from a backup; `segengine verify` says what else is damaged")
}

/// The checksum that the row under `key` has now, if there is one.
pub(super) fn current(connection: &Connection, table: &str, column: &str, key: &dyn ToSql) -> Result<Option<u32>> {
    let statement = format!("SELECT checksum FROM {table} WHERE {column} = ?1");
    let mut statement = connection.prepare_cached(&statement).map_err(sql::error)?;
    statement.query_row(params![key], |row| row.get(0)).optional().map_err(sql::error)
}
