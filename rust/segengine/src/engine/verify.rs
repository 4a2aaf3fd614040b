//! Is everything as it was written? Files, catalog and records, each against the others.
//!
//! [`verify_directory`] reads a closed directory: every row of the catalog, every file that it names to the last byte,
//! and only if those are sound opens it and recomputes every record from files and links (invariant 8).
//! [`Engine::verify`] does the same while the engine serves; writers wait while records are compared. Nothing is repaired.

use std::path::{Path, PathBuf};

use super::caller::{Action, Caller};
use super::open::{OpenOptions, load};
use super::{Engine, Inner};
use crate::catalog::{Catalog, Model};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::stored::{IDENTITY_FILE, LINKS_FILE, SEEN_FILE};
use crate::identity::{Digest, IdentityTable, Kind, RunReader, RunSink};
use crate::ids::IdentifierId;
use crate::segment::checkpoint::RECORDS_FILE;
use crate::segment::stored::{CHANGE_FILE, MEMBERS_FILE};
use crate::storage::data_directory;
use crate::storage::files::Folder;

/// Differences that are told one by one.
const TOLD: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, below the data directory; empty when it is about what serves from memory.
    pub file: String,
    /// The byte in it.
    pub offset: Option<u64>,
    /// What is wrong.
    pub message: String,
}

/// What a verification looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// Findings; 0 means sound.
    pub findings: u64,
    /// Files read.
    pub files: u64,
    /// Memberships recomputed.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A part of a verification, as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyStep {
    /// How far it is.
    Progress {
        /// What is being verified.
        phase: &'static str,
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// Something that is not as it should be.
    Found(Finding),
}

/// Told each step of a verification.
pub type VerifyListener<'l> = &'l mut dyn FnMut(VerifyStep);

impl Engine {
    /// Verifies the directory while it serves.
    ///
    /// # Errors
    /// `PermissionDenied`; `EngineClosed`; `Storage` when it cannot even be read. What is damaged is no error: it is told.
    pub fn verify(&self, caller: &Caller, listener: VerifyListener<'_>) -> Result<Verified> {
        caller.check(Action::Administer)?;
        self.inner.check_open()?;
        self.inner.sweeper.drain();
        let mut verifying = Verifying { verified: Verified::default(), listener };
        verifying.catalog(&self.inner.catalog)?;
        // No file may go while it is read, and memory must not move on from what the files say.
        let _writer = self.inner.identity_writer.lock();
        let _publisher = self.inner.publisher.lock();
        let model = self.inner.catalog.read();
        if verifying.files(&self.inner.folder, &model) {
            verifying.memory(&self.inner, &model);
        }
        Ok(verifying.verified)
    }
}

/// Verifies a directory that no engine has open; `key_file` as in [`OpenOptions`].
///
/// # Errors
/// Whatever keeps the directory from being looked at: it is absent, foreign, newer, or open elsewhere.
pub fn verify_directory(
    path: &Path,
    key_file: Option<PathBuf>,
    options: OpenOptions,
    listener: VerifyListener<'_>,
) -> Result<Verified> {
    let mut verifying = Verifying { verified: Verified::default(), listener };
    {
        let _lock = data_directory::open(path, false)?;
        match Catalog::open(path) {
            Ok(catalog) => {
                verifying.catalog(&catalog)?;
                let folder = Folder::open(&path.join(data_directory::FILES))?;
                verifying.files(&folder, &catalog.read());
                catalog.close()?;
            }
            Err(error) if error.kind() == ErrorKind::Corrupted => verifying.found(&error),
            Err(error) => return Err(error),
        }
    }
    if verifying.verified.findings > 0 {
        return Ok(verifying.verified);
    }
    let engine = Engine::open(path, OpenOptions { create: false, key_file, ..options })?;
    verifying.memory(&engine.inner, &engine.inner.catalog.read());
    engine.close()?;
    Ok(verifying.verified)
}

struct Verifying<'l> {
    verified: Verified,
    listener: VerifyListener<'l>,
}

impl Verifying<'_> {
    fn progress(&mut self, phase: &'static str, done: u64, total: u64) {
        (self.listener)(VerifyStep::Progress { phase, done, total });
    }

    fn tell(&mut self, file: &str, offset: Option<u64>, message: impl Into<String>) {
        self.verified.findings += 1;
        if self.verified.findings <= TOLD as u64 {
            let finding = Finding { file: file.to_owned(), offset, message: message.into() };
            (self.listener)(VerifyStep::Found(finding));
        }
    }

    /// Tells an error that names its file and byte, as those of damaged files do.
    fn found(&mut self, error: &Error) {
        let message = error.message();
        let (file, rest) = message.split_once(": ").unwrap_or(("", message));
        let digits: String = rest
            .strip_prefix("damaged at byte ")
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
            .unwrap_or_default();
        self.tell(file, digits.parse().ok(), message);
    }

    fn catalog(&mut self, catalog: &Catalog) -> Result<()> {
        self.progress("catalog", 0, 1);
        for finding in catalog.verify()? {
            self.tell(data_directory::CATALOG, None, finding);
        }
        self.progress("catalog", 1, 1);
        Ok(())
    }

    /// Reads every named file, then all of them as a whole; true when they are sound.
    fn files(&mut self, folder: &Folder, model: &Model) -> bool {
        let before = self.verified.findings;
        let named = named_files(model);
        let total = named.len() as u64;
        for (done, (file, kind)) in named.into_iter().enumerate() {
            self.progress("files", done as u64, total);
            match folder.read(file, kind) {
                Ok(bytes) => {
                    self.verified.files += 1;
                    self.verified.bytes += bytes.len() as u64;
                }
                Err(error) => self.found(&error),
            }
        }
        self.progress("files", total, total);
        if self.verified.findings > before {
            return false;
        }
        if let Err(error) = load(folder, model) {
            self.found(&error);
        }
        self.verified.findings == before
    }

    /// Compares what serves from memory with files and links.
    fn memory(&mut self, inner: &Inner, model: &Model) {
        self.progress("records", 0, 1);
        match load(&inner.folder, model) {
            Ok(stored) => {
                self.identities(&inner.identity, &stored.identity);
                self.digests(inner, model);
                let links = inner.memberships.with_links(|links| links.iter().eq(stored.links.iter()));
                if !links {
                    self.tell("", None, "the links in memory are not those of the files");
                }
                for version in &stored.versions {
                    let live = inner.generation.load().slots.live(version.segment).cloned();
                    if live.is_none_or(|live| live.slot != version.slot || live.identifiers() != version.identifiers())
                    {
                        self.tell(
                            "",
                            None,
                            format!("segment {}: the members in memory are not those of its file", version.segment),
                        );
                    }
                }
                let (records, differences) = inner.memberships.verify(&stored.versions, TOLD);
                self.verified.records = records;
                differences.into_iter().for_each(|difference| self.tell("", None, difference));
            }
            Err(error) => self.found(&error),
        }
        self.progress("records", 1, 1);
    }

    fn identities(&mut self, served: &IdentityTable, stored: &IdentityTable) {
        if served.len() != stored.len() {
            self.tell("", None, format!("{} identifiers in memory, {} in the files", served.len(), stored.len()));
            return;
        }
        let ids = (0..stored.len()).map(IdentifierId);
        let differs = |id: IdentifierId| served.kind(id) != stored.kind(id) || served.profile(id) != stored.profile(id);
        let different: Vec<IdentifierId> = ids.filter(|&id| differs(id)).take(TOLD).collect();
        different.into_iter().for_each(|id| self.tell("", None, format!("identifier {id} is not what its file says")));
    }

    /// Looks every digest of the files up in the table that serves, which does not keep them.
    fn digests(&mut self, inner: &Inner, model: &Model) {
        for run in model.identity_runs.values() {
            let mut looking = LookingUp { served: &inner.identity, different: Vec::new() };
            let mut reader = RunReader::new(&run.file, run.first, run.count, &mut looking);
            let read = inner.folder.read_blocks(&run.file, IDENTITY_FILE, &mut |bytes| reader.take(bytes));
            if let Err(error) = read.and_then(|()| reader.end()) {
                self.found(&error);
            }
            for id in looking.different {
                self.tell("", None, format!("identifier {id} is not found by the digest in its file"));
            }
        }
    }
}

/// Looks up digests that are read, and keeps the first that lead elsewhere than to their ids.
struct LookingUp<'i> {
    served: &'i IdentityTable,
    different: Vec<IdentifierId>,
}

impl RunSink for LookingUp<'_> {
    fn digests(&mut self, first: u32, digests: &[[u8; 16]]) {
        let mut ids = (first..).map(IdentifierId);
        self.served.find_many(digests.iter().map(|&digest| Digest(digest)), |found| {
            let different = ids.next().filter(|&id| found != Some(id) && self.different.len() < TOLD);
            self.different.extend(different);
        });
    }

    fn kinds(&mut self, _first: u32, _kinds: impl Iterator<Item = Kind>) {}

    fn days(&mut self, _first: u32, _days: impl Iterator<Item = u16>) {}
}

fn named_files(model: &Model) -> Vec<(&str, u16)> {
    let versions = model.versions.values().map(|version| (version.file.as_str(), MEMBERS_FILE));
    let mut named: Vec<_> = versions
        .chain(model.deltas.values().map(|delta| (delta.file.as_str(), CHANGE_FILE)))
        .chain(model.identity_runs.values().map(|run| (run.file.as_str(), IDENTITY_FILE)))
        .chain(model.link_runs.values().map(|run| (run.file.as_str(), LINKS_FILE)))
        .chain(model.seen_days.values().map(|day| (day.file.as_str(), SEEN_FILE)))
        .chain(model.checkpoint_files().map(|file| (file, RECORDS_FILE)))
        .filter(|(file, _)| !file.is_empty())
        .collect();
    named.sort_unstable();
    named.dedup();
    named
}
