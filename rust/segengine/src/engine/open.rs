//! Opening a data directory: lock, catalog, key, files, records, and only then answers.
//!
//! Whatever a crash left is put right here: files that no committed row names go, slots that were written and never
//! published are free again, work that was under way is told to have failed (invariant 1). Records are built from what
//! the catalog says is live, so no dead slot is in them (invariant 4): from a checkpoint and what changed since it where
//! there is one (`restoring`). Cost: linear in memberships; nothing is answered before it is done.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::building::Builds;
use super::checkpointing::Checkpoints;
use super::compiled::{CompiledAdgroups, Touched};
use super::generation::{Generation, SlotMap};
use super::phase::Observer;
use super::publisher::{Publisher, apply};
use super::seen::Seen;
use super::sweeper::Sweeper;
use super::{Engine, Inner, restoring};
use crate::bitmap::IdentifierSet;
use crate::catalog::{Catalog, Model, OperationRecord, OperationState, Segment, SegmentState, VersionState, Write};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::stored::{IDENTITY_FILE, LINKS_FILE, SEEN_FILE, decode_links};
use crate::identity::{DigestKey, IdentityTable, LinkSet, Restoring};
use crate::ids::{EngineId, GenerationNumber, IdentifierId, LinkEpoch};
use crate::segment::memberships::{Memberships, VersionMembers};
use crate::segment::stored::{CHANGE_FILE, MEMBERS_FILE, MembersFile, decode_change};
use crate::storage::files::{Folder, number_of};
use crate::storage::lock::DirectoryLock;
use crate::storage::{data_directory, key_file};
use crate::time::Clock;

/// How to open a data directory.
#[derive(Clone)]
pub struct OpenOptions {
    /// Make the directory (and its key) when it is absent or empty.
    pub create: bool,
    /// The key file; beside the directory, `<directory>.key`, when absent.
    pub key_file: Option<PathBuf>,
    /// Where instants come from.
    pub clock: Arc<dyn Clock>,
    /// Told where each write has come to.
    pub observer: Option<Observer>,
    /// Gives freed memory back to the system, as the program's allocator does it: called after a start, and when bulks
    /// of writes have ended.
    pub release: Option<fn()>,
}

impl OpenOptions {
    /// Creates what is missing, with the key beside the directory.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { create: true, key_file: None, clock, observer: None, release: None }
    }
}

/// What the files of a directory say.
pub(super) struct Loaded {
    pub(super) identity: Arc<IdentityTable>,
    pub(super) links: LinkSet,
    pub(super) versions: Vec<Arc<VersionMembers>>,
    /// Every single change that has an effect, by segment and last revision of its file.
    pub(super) changes: Changes,
}

/// Member changes by segment and revision.
type Changes = BTreeMap<(u32, u64), Vec<(u32, bool)>>;

impl Engine {
    /// Opens the data directory at `path`.
    ///
    /// # Errors
    /// `NotFound`, `DirectoryLocked` naming who has it, `FailedPrecondition` for a foreign or newer directory and for a
    /// wrong or missing key, `Corrupted` naming the file and the byte, `Storage`.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self> {
        let lock = data_directory::open(path, options.create)?;
        let catalog = Catalog::open(path)?;
        let mut notices = Vec::new();
        let key_path = options.key_file.unwrap_or_else(|| default_key_file(path));
        let key = adopt_key(&catalog, &key_path, &mut notices)?;
        let folder = Folder::open(&path.join(data_directory::FILES))?;
        // Nothing needs what a crash left there; where it cannot be removed it does no harm.
        let _ = std::fs::remove_dir_all(path.join(data_directory::SPOOL));
        let model = catalog.read();
        let named = model.named_files();
        folder.remove_orphans(|name| named.contains(name))?;
        let next_file = named.iter().filter_map(|name| number_of(name)).max().unwrap_or_default() + 1;
        let loaded = load(&folder, &model)?;
        drop(model);
        repair(&catalog, &folder, options.clock.as_ref())?;
        let engine_id = engine_id(&catalog.read())?;
        let inner = assemble(
            Parts { path, lock, catalog, folder, key, notices, next_file, engine_id },
            loaded,
            options.clock,
            options.observer,
            options.release,
        )?;
        Sweeper::start(&inner)?;
        Checkpoints::start(&inner)?;
        inner.release_memory();
        Ok(Self { inner })
    }
}

/// `<directory>.key`, beside the directory.
#[must_use]
pub fn default_key_file(path: &Path) -> PathBuf {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = whole.into_os_string();
    name.push(".key");
    PathBuf::from(name)
}

struct Parts<'a> {
    path: &'a Path,
    lock: DirectoryLock,
    catalog: Catalog,
    folder: Folder,
    key: DigestKey,
    notices: Vec<String>,
    next_file: u64,
    engine_id: EngineId,
}

fn assemble(
    parts: Parts<'_>,
    loaded: Loaded,
    clock: Arc<dyn Clock>,
    observer: Option<Observer>,
    release: Option<fn()>,
) -> Result<Arc<Inner>> {
    let start = restoring::start(&parts.folder, &parts.catalog.read(), &loaded);
    let Loaded { identity, links, versions, changes: _ } = loaded;
    let memberships = Memberships::over(parts.engine_id, Arc::clone(&identity), links, start.records);
    let mut slots = SlotMap::default();
    for version in &versions {
        memberships.register(version);
        slots.publish(version);
    }
    memberships.restore(&versions, &start.missing, identity.len());
    let model = parts.catalog.read();
    let mut compiled = CompiledAdgroups::default();
    compiled.refresh(&model, &Touched::All)?;
    compiled.committed();
    let builds = Builds::new(Arc::clone(&clock));
    let serving = Arc::new(compiled.whole(&model, &slots, &builds));
    let number = GenerationNumber(model.counter("generation"));
    let generation = Generation { number, slots: Arc::new(slots), serving };
    Ok(Arc::new(Inner {
        path: parts.path.to_owned(),
        engine_id: parts.engine_id,
        opened_by: std::process::id(),
        notices: parts.notices.into_iter().chain(start.notices).collect(),
        checkpoints: Checkpoints::new(start.source),
        clock,
        observer,
        release,
        key: parts.key,
        lock: Mutex::new(Some(parts.lock)),
        folder: parts.folder,
        revision: AtomicU64::new(model.counter("revision")),
        catalog: parts.catalog,
        identity,
        memberships,
        generation: ArcSwap::from_pointee(generation),
        publisher: Mutex::new(Publisher { compiled, ..Publisher::default() }),
        identity_writer: Mutex::new(()),
        operations: super::operations::Running::default(),
        sweeper: Sweeper::default(),
        builds,
        seen: Seen::default(),
        reachable: Mutex::default(),
        next_file: AtomicU64::new(parts.next_file),
        closed: AtomicBool::new(false),
    }))
}

/// Reads every file that the catalog names.
pub(super) fn load(folder: &Folder, model: &Model) -> Result<Loaded> {
    let end = model.identity_runs.values().map(|run| run.count).fold(0, u32::saturating_add);
    // Two files at a time: all that members need of the identifiers is how many there are.
    std::thread::scope(|scope| {
        let versions = scope.spawn(|| load_versions(folder, model, end));
        let (identity, links) = load_identity(folder, model)?;
        let panicked = |_| Error::internal("the thread that reads the members panicked");
        let (versions, changes) = versions.join().map_err(panicked)??;
        Ok(Loaded { identity, links, versions, changes })
    })
}

fn load_identity(folder: &Folder, model: &Model) -> Result<(Arc<IdentityTable>, LinkSet)> {
    let mut identity = Restoring::new(model.identity_runs.values().map(|run| u64::from(run.count)).sum());
    let mut runs: Vec<_> = model.identity_runs.values().collect();
    runs.sort_by_key(|run| run.first);
    for run in runs {
        let mut restoring = identity.run(&run.file, run.first, run.count)?;
        folder.read_blocks(&run.file, IDENTITY_FILE, &mut |bytes| restoring.take(bytes))?;
        restoring.end()?;
    }
    let identity = Arc::new(identity.finish());
    for day in model.seen_days.values() {
        let bytes = folder.read(&day.file, SEEN_FILE)?;
        let seen = IdentifierSet::from_portable(&day.file, &bytes, u64::from(identity.len()))?;
        seen.for_each_block(|ids| {
            for &id in ids {
                identity.saw(IdentifierId(id), day.day);
            }
        });
    }
    let links = load_links(folder, model, &identity)?;
    Ok((identity, links))
}

fn load_links(folder: &Folder, model: &Model, identity: &IdentityTable) -> Result<LinkSet> {
    let mut pairs = HashSet::new();
    let mut epoch = LinkEpoch(0);
    for run in model.link_runs.values() {
        for step in decode_links(&run.file, &folder.read(&run.file, LINKS_FILE)?, run.count, identity.len())? {
            let pair = (step.one.min(step.other), step.one.max(step.other));
            if step.add {
                pairs.insert(pair)
            } else {
                pairs.remove(&pair)
            };
        }
        epoch = run.epoch;
    }
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_unstable();
    let (links, pointers) = LinkSet::restore(&pairs, epoch);
    pointers.into_iter().for_each(|(id, profile)| identity.set_profile(id, profile));
    Ok(links)
}

/// The members of every live version: its file, then the changes acknowledged after it was accepted, in their order.
fn load_versions(folder: &Folder, model: &Model, end: u32) -> Result<(Vec<Arc<VersionMembers>>, Changes)> {
    let mut changes = Changes::new();
    for delta in model.deltas.values() {
        let read = decode_change(&delta.file, &folder.read(&delta.file, CHANGE_FILE)?, end)?;
        changes.insert((delta.segment.0, delta.revision.0), read);
    }
    let mut by_file: HashMap<&str, Vec<_>> = HashMap::new();
    for version in model.versions.values().filter(|version| version.state == VersionState::Live) {
        by_file.entry(&version.file).or_default().push(version);
    }
    let mut versions = Vec::new();
    for (file, held) in by_file {
        let bytes = folder.read(file, MEMBERS_FILE)?;
        let members = MembersFile::read(file, &bytes)?;
        for version in held {
            let mut set = members.members(version.slot, end)?;
            let first = (version.segment.0, version.accepted.0 + 1);
            changes.range(first..=(version.segment.0, u64::MAX)).for_each(|(_, changes)| apply(&mut set, changes));
            versions.push(VersionMembers::new(version.segment, version.slot, set));
        }
    }
    versions.sort_by_key(|version| version.slot);
    Ok((versions, changes))
}

/// Reads the key that the directory was made with; a new directory adopts the key that is there, or makes one.
fn adopt_key(catalog: &Catalog, path: &Path, notices: &mut Vec<String>) -> Result<DigestKey> {
    let wanted = catalog.read().meta.get("key_id").cloned();
    let (bytes, warning) = match (key_file::read(path)?, &wanted) {
        (Some(found), _) => found,
        (None, Some(_)) => {
            let message = format!("the key file {} is missing: without it no identifier can be found", path.display());
            return Err(Error::precondition(message)
                .hint("restore the key file from its backup, or name it in SEGENGINE_KEY_FILE"));
        }
        (None, None) => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no random bytes: {error}")))?;
            key_file::create(path, &bytes)?;
            notices.push(format!(
                "made the key file {}: back it up apart from the data, which is worth nothing without it",
                path.display()
            ));
            (bytes, None)
        }
    };
    notices.extend(warning);
    let key = DigestKey::new(bytes);
    match wanted {
        Some(wanted) if wanted == key.key_id() => Ok(key),
        Some(wanted) => {
            let message = format!(
                "the key file {} holds key {}, but this directory was made with key {wanted}",
                path.display(),
                key.key_id()
            );
            Err(Error::precondition(message).hint("give the key file that belongs to it, in SEGENGINE_KEY_FILE"))
        }
        None => {
            name_engine(catalog, &key)?;
            Ok(key)
        }
    }
}

/// Gives a new directory its own name and binds it to its key.
fn name_engine(catalog: &Catalog, key: &DigestKey) -> Result<()> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).map_err(|error| Error::internal(format!("no random bytes: {error}")))?;
    let mut write = catalog.write()?;
    write.set_meta("engine_id", EngineId(name))?;
    write.set_meta("key_id", key.key_id())?;
    write.commit()
}

fn engine_id(model: &Model) -> Result<EngineId> {
    let text = model.meta.get("engine_id").map(String::as_str).unwrap_or_default();
    let decoded = crate::identity::hex::decode_slice::<32, 16>(text.as_bytes());
    let decoded = decoded.ok_or_else(|| Error::new(ErrorKind::Corrupted, "catalog.sqlite: the engine has no name"))?;
    Ok(EngineId(decoded.bytes))
}

/// Ends what a crash cut short: unpublished and swept versions go, running operations have failed.
fn repair(catalog: &Catalog, folder: &Folder, clock: &dyn Clock) -> Result<()> {
    let model = catalog.read();
    let dead = model.versions.values().filter(|version| version.state != VersionState::Live);
    let slots: hashbrown::HashSet<u32> = dead.map(|version| version.slot.0).collect();
    let running: Vec<_> =
        model.operations.values().filter(|operation| operation.state == OperationState::Running).cloned().collect();
    let processing: Vec<_> =
        model.segments.values().filter(|segment| segment.state == SegmentState::Processing).cloned().collect();
    drop(model);
    if slots.is_empty() && running.is_empty() && processing.is_empty() {
        return Ok(());
    }
    let mut write = catalog.write()?;
    let files = write.forget_versions(&slots.into_iter().collect())?;
    for operation in running {
        end_interrupted(&mut write, &operation, clock)?;
    }
    for segment in processing {
        let failure = "interrupted: the engine was stopped before the file was taken in".to_owned();
        let state = SegmentState::Failed;
        write.put(Segment { state, failure: Some(failure), ..Segment::clone(&segment) })?;
    }
    write.commit()?;
    files.iter().try_for_each(|file| folder.remove(file))
}

fn end_interrupted(write: &mut Write<'_>, operation: &OperationRecord, clock: &dyn Clock) -> Result<()> {
    write.put(OperationRecord {
        state: OperationState::Failed,
        error_kind: Some(ErrorKind::Unavailable.name().to_owned()),
        reason: Some("interrupted".to_owned()),
        message: Some("the engine was stopped before the file was taken in: nothing was changed".to_owned()),
        hint: Some("upload the file again".to_owned()),
        end_time: Some(clock.now()),
        ..operation.clone()
    })
}
