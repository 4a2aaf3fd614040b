//! A customer file becomes the members of a segment.
//!
//! [`Upload`] takes the file as it comes: each batch of digests is keyed and laid aside ([`Gathering`]). When the last
//! byte is in, they become ids all together; then what is left is to write the new identifiers, the set and the slots.
//! Memory: the set, and 16 to 32 bytes for each address that the engine never saw. Until the end the version before
//! serves; a refused file changes nothing but the report that says why.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::caller::{Action, Caller};
use super::gathering::Gathering;
use super::keying::Keying;
use super::lookup::{self, Place};
use super::names::{Parent, SegmentName};
use super::operations::{KEPT_OPERATIONS, OperationView, Work};
use super::phase::Phase;
use super::publisher::Change;
use super::replacing::{Replacement, cancelled};
use super::{Engine, Inner, RequestId};
use crate::bitmap::IdentifierSet;
use crate::catalog::{OperationRecord, OperationState, Segment, SegmentKind, SegmentState};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{self, Revision, SegmentNumber};
use crate::limits;
use crate::segment::upload::{Column, CrmParser, UploadFailure, UploadOptions, UploadReport};
use crate::storage::data_directory;

const METHOD: &str = "UploadSegment";
/// Bytes of the usual line: an MD5 and its end.
const LINE_BYTES: u64 = 33;
/// Members that are compared with others on a thread beside the one that writes their records.
const MANY: u64 = 1 << 16;

/// Which segment a file fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadTarget {
    /// An existing one.
    Segment(SegmentName),
    /// The one of this id or display name, created when absent.
    Named {
        /// The campaign or advertiser.
        parent: Parent,
        /// Its display name, or its id.
        display_name: String,
        /// The id of a new one; made from the display name when absent.
        id: Option<String>,
    },
}

/// How a file is taken in.
#[derive(Debug, Clone, Default)]
pub struct UploadSettings {
    /// What messages call the file.
    pub file_name: String,
    /// The column with the addresses or hashes.
    pub column: Option<Column>,
    /// Bytes that will come, for progress; 0 when not known.
    pub total_bytes: u64,
    /// Makes a repeated call do nothing twice.
    pub request: Option<RequestId>,
}

/// What [`Engine::begin_upload`] made of a call.
pub enum UploadBegun {
    /// The file may come.
    Accepted(Box<Upload>),
    /// The same request was made before: this is its operation.
    Repeated(u64),
}

/// A file that is being taken in. Dropped without [`Upload::finish`] it is cancelled.
pub struct Upload {
    engine: Engine,
    work: Arc<Work>,
    segment: SegmentNumber,
    before: SegmentState,
    accepted: Revision,
    parser: Option<CrmParser>,
    members: Keying,
    ended: bool,
}

impl Engine {
    /// Accepts a file for a segment, which is created when it is named and absent. The segment is PROCESSING from now on;
    /// the version before serves.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput`, `AlreadyExists` for the target; `Conflict` while another file fills it; `Storage`.
    pub fn begin_upload(
        &self,
        caller: &Caller,
        target: &UploadTarget,
        settings: UploadSettings,
    ) -> Result<UploadBegun> {
        caller.check(Action::Ingest)?;
        let mut change = self.inner.change()?;
        if let Some(operation) = change.done_before(caller, METHOD, settings.request.as_ref())? {
            return Ok(UploadBegun::Repeated(operation));
        }
        let (place, segment) = Self::upload_segment(&mut change, caller, target)?;
        let operation = change.write.next("operations")?;
        let name = lookup::segment_name(change.model(), &segment).short();
        let before = segment.state;
        change.write.put(Segment { state: SegmentState::Processing, revision: change.revision, ..segment.clone() })?;
        change.write.put(running_operation(operation, &place, segment.number, change.now))?;
        forget_old_operations(&mut change)?;
        change.remember(caller, METHOD, settings.request.as_ref(), operation)?;
        change.accept(segment.number, &name, operation)?;
        let accepted = change.revision;
        if let Err(error) = change.commit() {
            self.inner.abandon_accepted([segment.number]);
            return Err(error);
        }
        let work = Work::new(operation, settings.total_bytes);
        self.inner.operations.begin(&work);
        let options = UploadOptions {
            name: settings.file_name,
            column: settings.column,
            allow_raw_emails: place.advertiser.allow_raw_emails,
            spool_dir: Some(self.inner.path.join(data_directory::SPOOL)),
            cancel: Arc::clone(&work.cancel),
            progress: Arc::clone(&work.progress),
            ..UploadOptions::default()
        };
        let gathering = Gathering::new(&self.inner.identity, settings.total_bytes / LINE_BYTES);
        Ok(UploadBegun::Accepted(Box::new(Upload {
            engine: self.clone(),
            segment: segment.number,
            before,
            accepted,
            parser: Some(CrmParser::new(options, Arc::clone(&self.inner.clock))),
            members: Keying::new(self.clone(), gathering),
            work,
            ended: false,
        })))
    }

    fn upload_segment(change: &mut Change<'_>, caller: &Caller, target: &UploadTarget) -> Result<(Place, Segment)> {
        match target {
            UploadTarget::Segment(name) => {
                let place = lookup::place(change.model(), caller, &name.parent)?;
                let segment = lookup::segment(change.model(), caller, name)?;
                Ok((place, Segment::clone(&segment)))
            }
            UploadTarget::Named { parent, display_name, id } => {
                let place = lookup::place(change.model(), caller, parent)?;
                match lookup::segment_in(change.model(), &place, display_name) {
                    Some(found) => Ok((place, Segment::clone(&found))),
                    None => {
                        let number = SegmentNumber(change.write.next_dense("segments", limits::SEGMENTS)?);
                        let segment = new_segment(change, &place, number, display_name, id.as_deref())?;
                        Ok((place, segment))
                    }
                }
            }
        }
    }
}

/// A segment record that nobody has yet; the caller puts it.
///
/// # Errors
/// `InvalidInput` for the name; `AlreadyExists` naming what has it.
pub(super) fn new_segment(
    change: &Change<'_>,
    place: &Place,
    number: SegmentNumber,
    display_name: &str,
    id: Option<&str>,
) -> Result<Segment> {
    let display_name = ids::display_name(display_name)?;
    let id = match id.filter(|id| !id.is_empty()) {
        Some(id) => ids::check_slug(id).map(|()| id.to_owned())?,
        None => ids::slug_of(&display_name)?,
    };
    change.model().check_free(place.scope(), crate::catalog::Kind::Segment, None, &id, &display_name)?;
    Ok(Segment {
        number,
        advertiser: place.advertiser.number,
        campaign: place.campaign_number(),
        id,
        display_name,
        kind: SegmentKind::Crm,
        state: SegmentState::Empty,
        live_version: None,
        report: None,
        failure: None,
        create_time: change.now,
        update_time: change.now,
        revision: change.revision,
    })
}

fn running_operation(
    number: u64,
    place: &Place,
    segment: SegmentNumber,
    create_time: crate::time::Timestamp,
) -> OperationRecord {
    OperationRecord {
        number,
        advertiser: place.advertiser.number,
        segment,
        state: OperationState::Running,
        report: None,
        error_kind: None,
        reason: None,
        message: None,
        hint: None,
        create_time,
        end_time: None,
        revision: None,
        generation: None,
    }
}

/// Ended operations beyond those that are kept go, a few with each new one.
fn forget_old_operations(change: &mut Change<'_>) -> Result<()> {
    let over = change.model().operations.len().saturating_sub(KEPT_OPERATIONS);
    let ended = change.model().operations.values().filter(|operation| operation.state != OperationState::Running);
    let old: Vec<u64> = ended.take(over.min(4)).map(|operation| operation.number).collect();
    old.into_iter().try_for_each(|number| change.write.remove::<OperationRecord>(number))
}

impl Upload {
    /// The number of its operation.
    #[must_use]
    pub fn operation(&self) -> u64 {
        self.work.number
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// The refusal of the file, as soon as it is certain; then the operation has ended.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.with_parser(|parser, members| parser.feed(bytes, members))
    }

    /// Takes raw MD5 digests of 16 bytes, one after the other, in place of a file.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn feed_md5(&mut self, digests: &[u8]) -> Result<()> {
        self.with_parser(|parser, members| parser.feed_md5(digests, members))
    }

    /// Takes raw SHA-256 digests of 32 bytes, one after the other, in place of a file.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub fn feed_sha256(&mut self, digests: &[u8]) -> Result<()> {
        self.with_parser(|parser, members| parser.feed_sha256(digests, members))
    }

    fn with_parser(
        &mut self,
        feed: impl FnOnce(&mut CrmParser, &mut Keying) -> Result<(), UploadFailure>,
    ) -> Result<()> {
        self.engine.inner.observe(Phase::Receive);
        let Some(parser) = self.parser.as_mut().filter(|_| !self.ended) else {
            return Err(Error::precondition("the upload has ended"));
        };
        feed(parser, &mut self.members).map_err(Error::from).inspect_err(|error| self.fail(error))
    }

    /// Takes the end of the file and publishes; it serves when this returns.
    ///
    /// # Errors
    /// The refusal of the file, `Cancelled`, or `Storage`; then the version before serves as it did, and the operation
    /// says why.
    pub fn finish(mut self, caller: &Caller) -> Result<OperationView> {
        let published = self.publish();
        if let Err(error) = &published {
            self.fail(error);
        }
        self.ended = true;
        published?;
        self.engine.operation(caller, self.work.number)
    }

    fn publish(&mut self) -> Result<()> {
        let parser = self.parser.take().filter(|_| !self.ended);
        let parser = parser.ok_or_else(|| Error::precondition("the upload has ended"))?;
        let mut report = parser.finish(&mut self.members)?;
        let engine = self.engine.clone();
        let inner = &*engine.inner;
        self.work.enter(Phase::Digest);
        let any_known = !inner.identity.is_empty();
        let mut sets = vec![(self.segment, inner.settle_gathering(self.members.take_gathering())?)];
        report.set_refused_full(inner.drop_full(&mut sets));
        self.check_cancelled()?;
        let replacement = inner.stage(self.accepted, sets)?;
        let finished = self.fill_and_publish(inner, &replacement, report, any_known);
        if finished.is_err() {
            inner.abandon(replacement);
        }
        finished
    }

    fn fill_and_publish(
        &mut self,
        inner: &Inner,
        replacement: &Replacement,
        mut report: UploadReport,
        any_known: bool,
    ) -> Result<()> {
        self.work.enter(Phase::SlotWriting);
        let (segment, work) = (self.segment, &self.work);
        let mut compare = || inner.compare(segment, replacement, &mut report, any_known);
        if replacement.uploaded_len() < MANY {
            compare();
            inner.prepare(replacement, &work.cancel)?;
        } else {
            std::thread::scope(|scope| {
                scope.spawn(compare);
                inner.prepare(replacement, &work.cancel)
            })?;
        }
        self.check_cancelled()?;
        self.work.enter(Phase::Commit);
        report.check()?;
        let json = serde_json::to_string(&report)
            .map_err(|error| Error::internal("a report does not encode").caused_by(error))?;
        let (segment, operation) = (self.segment, self.work.number);
        inner.publish(replacement, |change| {
            let record = change.model().segments.get(&u64::from(segment.0)).cloned();
            let record = record.ok_or_else(|| Error::not_found("the segment was deleted meanwhile"))?;
            let (state, revision, update_time) = (SegmentState::Processed, change.revision, change.now);
            let report = Some(json);
            let generation = crate::ids::GenerationNumber(change.model().counter("generation") + 1);
            end_operation(change, operation, |ended| {
                ended.state = OperationState::Succeeded;
                ended.report.clone_from(&report);
                ended.revision = Some(revision);
                ended.generation = Some(generation);
            })?;
            let failure = None;
            change.write.put(Segment { state, report, failure, update_time, revision, ..Segment::clone(&record) })?;
            Ok(Vec::new())
        })?;
        inner.operations.end(operation);
        Ok(())
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.work.cancel.load(Ordering::Relaxed) { Err(cancelled()) } else { Ok(()) }
    }

    /// Ends the operation without effect and says why.
    fn fail(&mut self, error: &Error) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let inner = &self.engine.inner;
        inner.abandon_accepted([self.segment]);
        // The refusal itself is what the caller must see; where even this cannot be written, the next start ends it.
        let _ = self.write_failure(error);
        inner.operations.end(self.work.number);
    }

    fn write_failure(&self, error: &Error) -> Result<()> {
        let mut change = self.engine.inner.change()?;
        let refused = std::error::Error::source(error).and_then(|source| source.downcast_ref::<UploadFailure>());
        let report = refused.map(|failure| serde_json::to_string(failure.report())).transpose();
        let report = report.map_err(|error| Error::internal("a report does not encode").caused_by(error))?;
        let is_cancelled = error.kind() == ErrorKind::Cancelled;
        end_operation(&mut change, self.work.number, |ended| {
            ended.state = if is_cancelled { OperationState::Cancelled } else { OperationState::Failed };
            ended.report.clone_from(&report);
            ended.error_kind = Some(error.kind().name().to_owned());
            ended.reason = refused.map(|failure| failure.reason().name().to_owned());
            ended.message = Some(error.message().to_owned());
            ended.hint = error.hint_text().map(str::to_owned);
        })?;
        if let Some(record) = change.model().segments.get(&u64::from(self.segment.0)).cloned() {
            let revision = change.revision;
            let after = if is_cancelled {
                Segment { state: self.before, revision, ..Segment::clone(&record) }
            } else {
                let failure = Some(error.message().to_owned());
                Segment { state: SegmentState::Failed, revision, report, failure, ..Segment::clone(&record) }
            };
            change.write.put(after)?;
        }
        change.commit().map(drop)
    }
}

fn end_operation(change: &mut Change<'_>, number: u64, end: impl FnOnce(&mut OperationRecord)) -> Result<()> {
    let Some(record) = change.model().operations.get(&number).cloned() else { return Ok(()) };
    let mut record = OperationRecord::clone(&record);
    record.end_time = Some(change.now);
    end(&mut record);
    change.write.put(record)
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.ended {
            self.fail(&cancelled());
        }
    }
}

impl Inner {
    /// Fills what only the engine knows into a report: known members, the change against the version before, reach.
    fn compare(&self, segment: SegmentNumber, replacement: &Replacement, report: &mut UploadReport, any_known: bool) {
        let Some(uploaded) = replacement.uploaded() else { return };
        let generation = self.generation.load_full();
        let model = self.catalog.read();
        let advertiser = model.segments.get(&u64::from(segment.0)).map(|segment| segment.advertiser);
        let mut own = IdentifierSet::new();
        for version in generation.slots.all_live() {
            let holder = model.segments.get(&u64::from(version.segment.0));
            if holder.map(|holder| holder.advertiser) == advertiser {
                version.merge_into(&mut own);
            }
        }
        report.set_already_known(uploaded.common(&own), any_known);
        let before = generation.slots.live(segment).map(|live| live.identifiers()).unwrap_or_default();
        let kept = uploaded.common(&before);
        (report.kept, report.added, report.removed) =
            (Some(kept), Some(uploaded.len() - kept), Some(before.len() - kept));
        let members: Vec<_> = replacement.members().cloned().collect();
        let now = self.clock.now();
        let counted = self.memberships.with_profile_sets(&members, |profiles| {
            let reachable = self.reachable(profiles, now);
            profiles.sets.first().and_then(|set| Some((set.len(), set.common(&reachable).ok()?)))
        });
        (report.profile_count, report.reachable_count) = counted.unzip();
    }
}
