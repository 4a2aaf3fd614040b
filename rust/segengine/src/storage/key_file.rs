//! The key file beside the data directory: without it the identifiers inside are numbers that nobody can find again.
//!
//! One line of text, `segengine-key-1 ` and 64 hex digits, mode 0600, made once: written aside, synced and linked into
//! place without overwriting, so of two processes that make the same key file one is refused and neither loses a key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::directory::sync_folder;
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &str = "segengine-key-1 ";
/// Makers of key files in this process so far.
static MAKERS: AtomicU64 = AtomicU64::new(0);

/// Reads the key at `path`, if there is one, with a sentence about a mode that is too open.
///
/// # Errors
/// `Corrupted` for a file that holds no key; `Storage` when it cannot be read.
pub fn read(path: &Path) -> Result<Option<([u8; 32], Option<String>)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(not_a_key(path)),
        Err(error) => return Err(Error::storage(format_args!("read the key file {}", path.display()), error)),
    };
    let is_key = |digits: &&str| digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let digits = text.trim_end().strip_prefix(MAGIC).filter(is_key).ok_or_else(|| not_a_key(path))?;
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().enumerate() {
        let pair = digits.get(2 * place..2 * place + 2).ok_or_else(|| not_a_key(path))?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| not_a_key(path))?;
    }
    let mode = fs::metadata(path).map_or(0o600, |metadata| metadata.permissions().mode());
    let warning = (mode & 0o077 != 0).then(|| {
        format!("the key file {} can be read by others (mode {:03o}): chmod 600 it", path.display(), mode & 0o777)
    });
    Ok(Some((key, warning)))
}

fn not_a_key(path: &Path) -> Error {
    Error::new(ErrorKind::Corrupted, format!("{} is not a segengine key file", path.display()))
        .hint("restore the key file from its backup: without it no identifier can be found again")
}

/// Makes the key file at `path` with `key`.
///
/// # Errors
/// `Storage`, also when a file is there already.
pub fn create(path: &Path, key: &[u8; 32]) -> Result<()> {
    use std::fmt::Write as _;
    let doing = |error| Error::storage(format_args!("make the key file {}", path.display()), error);
    let mut text = MAGIC.to_owned();
    key.iter().try_for_each(|byte| write!(text, "{byte:02x}")).map_err(|_| Error::internal("a string refused text"))?;
    text.push('\n');
    // Others, in this process or another, may be making the same file. Each writes aside under a name of its own: with a
    // shared name one would link what the other wrote, and so lose the key that it goes on to use.
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}-{}.new", std::process::id(), MAKERS.fetch_add(1, Ordering::Relaxed)));
    let aside = Path::new(&aside);
    let made = write_aside(aside, &text).and_then(|()| fs::hard_link(aside, path));
    // What is left aside is a key that nothing uses; it goes also when the link failed.
    let _ = fs::remove_file(aside);
    made.and_then(|()| sync_folder(path.parent().unwrap_or(Path::new("")))).map_err(doing)
}

fn write_aside(aside: &Path, text: &str) -> io::Result<()> {
    // A crash may have left one under the same process number.
    let _ = fs::remove_file(aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.key");
        assert!(read(&path).unwrap().is_none());
        create(&path, &[7; 32]).unwrap();
        assert_eq!(read(&path).unwrap(), Some(([7; 32], None)));
        assert!(create(&path, &[8; 32]).is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap().unwrap().1.unwrap().contains("chmod 600"));
        fs::write(&path, "hello").unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::Corrupted);
    }
}
