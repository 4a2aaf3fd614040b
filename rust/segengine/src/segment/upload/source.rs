//! Opens what a caller names as a customer file, with refusals of the same form as the parser's.

use std::fs::File;
use std::io;
use std::path::Path;

use super::failure::{FailureReason, UploadFailure};
use super::report::UploadReport;

/// Opens a customer file for reading.
///
/// # Errors
/// `Directory` for a folder, `Storage` for what cannot be read; the message begins with the path.
pub fn open_source(path: &Path) -> Result<File, UploadFailure> {
    let name = path.display().to_string();
    let refused =
        |failure: UploadFailure| failure.of_file(UploadReport { name: name.clone(), ..UploadReport::default() });
    let file = File::open(path).map_err(|error| refused(unreadable(&error)))?;
    let metadata = file.metadata().map_err(|error| refused(unreadable(&error)))?;
    if metadata.is_dir() {
        return Err(refused(
            UploadFailure::new(FailureReason::Directory, "this is a directory, not a file")
                .hint("name one file; each segment is uploaded by itself"),
        ));
    }
    Ok(file)
}

fn unreadable(error: &io::Error) -> UploadFailure {
    let failure = UploadFailure::new(FailureReason::Storage, format!("cannot be read: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => failure.hint("check the path"),
        io::ErrorKind::PermissionDenied => failure.hint("check the owner and mode of the file"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    /// A folder and an absent file are refused by name, with a class that callers know.
    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let failure = open_source(folder.path()).unwrap_err();
        assert_eq!(failure.reason(), FailureReason::Directory);
        assert!(failure.message().starts_with(&folder.path().display().to_string()));
        let failure = open_source(&folder.path().join("absent.csv")).unwrap_err();
        assert_eq!(failure.reason(), FailureReason::Storage);
        assert!(failure.message().contains("absent.csv: cannot be read"), "{failure}");
        assert_eq!(Error::from(failure).kind(), ErrorKind::Storage);
    }

    /// A file is opened.
    #[test]
    fn a_file_is_opened() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(open_source(file.path()).is_ok());
    }
}
