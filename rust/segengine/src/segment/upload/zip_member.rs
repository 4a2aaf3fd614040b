//! The one file in a zip. A zip's directory stands at its end, so its bytes wait in a spool file until they are all
//! there; then the file is unpacked as a stream.
//!
//! The spool file has no name once it is open and only its owner may read it: nothing is left behind, whatever happens.
//! The directory is read entry by entry, so that a zip of a million names costs no memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zip::ZipReadOptions;
use zip::read::{Config, ZipFile};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::container::corrupt;
use super::encoding::Output;
use super::failure::{FailureReason, UploadFailure};
use crate::identity::hex;

/// Bytes that are unpacked at a time.
const UNPACKED_PIECE_BYTES: usize = 1 << 16;
/// Entries of a directory that are looked at; no list of customers comes with more.
const ENTRIES_MAX: usize = 1_000;

/// The bytes of a zip, waiting for their end.
pub(super) struct Spool {
    file: File,
}

impl Spool {
    /// Opens a spool file in `directory`, or in the system's folder.
    pub(super) fn create(directory: Option<&Path>) -> Result<Self, UploadFailure> {
        let directory = directory.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|error| spool_failed(&error.into()))?;
        std::fs::create_dir_all(&directory).map_err(|error| spool_failed(&error))?;
        let path = directory.join(format!("upload-{}.spool", hex::encode(&random)));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| spool_failed(&error))?;
        std::fs::remove_file(&path).map_err(|error| spool_failed(&error))?;
        Ok(Self { file })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), UploadFailure> {
        self.file.write_all(bytes).map_err(|error| spool_failed(&error))
    }

    /// Unpacks the one file.
    pub(super) fn unpack(&mut self, output: &mut Output<'_>) -> Result<(), UploadFailure> {
        self.file.seek(SeekFrom::Start(0)).map_err(|error| spool_failed(&error))?;
        let mut archive = ZipIterable::try_new(&mut self.file, Config::default()).map_err(unreadable)?;
        let entries = archive.len();
        if entries > ENTRIES_MAX {
            return Err(members(format!("the zip holds {entries} files: a CRM upload is one")));
        }
        let files = archive.files().map_err(unreadable)?;
        let mut only = None;
        for entry in files.by_ref() {
            let entry = entry.map_err(unreadable)?;
            let name = entry.name_raw();
            if name == b"[Content_Types].xml" {
                return Err(UploadFailure::new(
                    FailureReason::Binary,
                    "this is an Excel or Word document, not a text file",
                )
                .hint("export the column of hashes as CSV in UTF-8"));
            }
            if entry.is_dir() || is_leftover(name) {
                continue;
            }
            if only.replace(entry).is_some() {
                return Err(members("the zip holds several files: a CRM upload is one".to_owned()));
            }
        }
        let entry = only.ok_or_else(|| members("the zip holds no file".to_owned()))?;
        let mut member = entry.with_reader(files.reader_mut(), ZipReadOptions::new()).map_err(unreadable)?;
        unpack_member(&mut member, output)
    }
}

fn unpack_member(member: &mut ZipFile<'_, &mut File>, output: &mut Output<'_>) -> Result<(), UploadFailure> {
    let mut unpacked = vec![0; UNPACKED_PIECE_BYTES];
    loop {
        match member.read(&mut unpacked) {
            Ok(0) => return Ok(()),
            Ok(length) => output(unpacked.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(corrupt("zip", error)),
        }
    }
}

/// What file managers put beside the files that were packed.
fn is_leftover(name: &[u8]) -> bool {
    name.starts_with(b"__MACOSX/") || name.ends_with(b".DS_Store") || name.ends_with(b"Thumbs.db")
}

fn members(message: String) -> UploadFailure {
    UploadFailure::new(FailureReason::ZipMembers, message).hint("pack one file, or send it unpacked")
}

fn unreadable(error: ZipError) -> UploadFailure {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            members("the zip is locked by a password".to_owned())
        }
        ZipError::CompressionMethodNotSupported(_) => {
            members(format!("the zip is packed in a way that is not read: {error}"))
        }
        error => corrupt("zip", error),
    }
}

fn spool_failed(error: &io::Error) -> UploadFailure {
    let failure = UploadFailure::new(FailureReason::Storage, format!("the zip cannot be kept until its end: {error}"));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            failure.hint("free disk space, or send it unpacked")
        }
        _ => failure.hint("send it unpacked, or packed by gzip or zstd, which need no waiting"),
    }
}
