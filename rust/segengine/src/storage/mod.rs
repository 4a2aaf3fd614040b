//! Bytes on disk, and nothing of what they mean.
//!
//! Three things make the data directory safe: immutable files with a checksum on every block, synced with their folder
//! before anything names them ([`files`]); one SQLite database whose commit is the only commit point ([`sql`]); and a
//! lock that keeps a second process out ([`lock`]). What each structure's bytes mean is the business of the module that
//! owns the structure. The whole format, byte by byte: docs/concepts/data-directory.md.

pub mod data_directory;
pub mod directory;
pub mod files;
pub mod framed;
pub mod key_file;
pub mod lock;
pub mod log;
mod long_file;
pub mod mapped;
pub mod memory;
pub mod sql;
pub mod unsafe_mapping;
