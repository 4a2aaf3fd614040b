//! Segments: made empty, filled by uploads and loads, renamed, and deleted when no adgroup uses them.

use std::sync::Arc;

use super::campaigns::of_parent;
use super::choice::{Choice, NewName, choose, rename};
use super::paging::{Page, PageRequest, page};
use super::size::SegmentSize;
use super::{Call, Effect, Mutation, check_etag, deleted_since, etag, set};
use crate::catalog::{Adgroup, Kind, MemberDelta, Model, Segment, StoredTargeting};
use crate::engine::caller::{Action, Caller};
use crate::engine::names::{Parent, SegmentName};
use crate::engine::publisher::Change;
use crate::engine::uploading::new_segment;
use crate::engine::{Engine, lookup};
use crate::error::{Error, Result};
use crate::expression::stored;
use crate::ids::{Revision, SegmentNumber};
use crate::limits;

/// Adgroups that the refusal to delete a segment names.
const NAMED_USERS: usize = 10;

/// A segment as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentView {
    /// Its resource name.
    pub name: SegmentName,
    /// What is stored.
    pub record: Arc<Segment>,
    /// How many people the version that serves holds.
    pub size: SegmentSize,
}

impl SegmentView {
    /// Changes with each change, of its members too.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.record.revision)
    }
}

/// A segment to be created.
#[derive(Debug, Clone, Default)]
pub struct NewSegment {
    /// Its name.
    pub name: NewName,
}

/// What of a segment is to change; nothing of what is left out.
#[derive(Debug, Clone, Default)]
pub struct SegmentChanges {
    /// Refuse unless it is unchanged since this; empty asks nothing.
    pub etag: String,
    /// A new display name; the id stays.
    pub display_name: Option<String>,
}

impl Engine {
    /// Creates an empty segment of a campaign, or one shared at an advertiser.
    ///
    /// # Errors
    /// `NotFound` for the parent, `InvalidInput`, `AlreadyExists` naming both, `LimitExceeded`, `PermissionDenied`,
    /// `Storage`, `EngineClosed`.
    pub fn create_segment(
        &self,
        caller: &Caller,
        parent: &Parent,
        new: &NewSegment,
        how: &Mutation,
    ) -> Result<SegmentView> {
        let call = Call { caller, action: Action::Ingest, method: "CreateSegment", how };
        let repeat = |change: &Change<'_>, number| {
            let segment = change.model().segments.get(&number).cloned().ok_or_else(|| deleted_since("segment"))?;
            Ok((lookup::segment_name(change.model(), &segment), segment))
        };
        let made = call.run(&self.inner, repeat, |change| {
            let place = lookup::place(change.model(), caller, parent).map_err(of_parent)?;
            match choose(change.model(), place.scope(), Kind::Segment, &new.name)? {
                Choice::Existing(number) => repeat(change, number).map(Effect::Nothing),
                Choice::New { id, display_name } => {
                    let number = SegmentNumber(change.write.next_dense("segments", limits::SEGMENTS)?);
                    let mut record = new_segment(change, &place, number, &display_name, Some(&id))?;
                    record.revision = call.revision(change, Revision(0));
                    change.write.put(record.clone())?;
                    let name = SegmentName { parent: place.name(), segment: id };
                    Ok(Effect::Change((name, Arc::new(record)), u64::from(number.0)))
                }
            }
        })?;
        self.segment_view(caller, made)
    }

    /// One segment, with its counts.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `EngineClosed`.
    pub fn segment(&self, caller: &Caller, name: &SegmentName) -> Result<SegmentView> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let record = lookup::segment(&model, caller, name)?;
        self.segment_view(caller, (lookup::segment_name(&model, &record), record))
    }

    /// A page of the segments of a campaign, or of those shared at an advertiser, with their counts.
    ///
    /// # Errors
    /// `NotFound` for the parent, `InvalidInput` for a page token of another list, `PermissionDenied`, `EngineClosed`.
    pub fn segments(&self, caller: &Caller, parent: &Parent, request: &PageRequest) -> Result<Page<SegmentView>> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let model = self.inner.catalog.read();
        let place = lookup::place(&model, caller, parent).map_err(of_parent)?;
        let numbers = page(&model, place.scope(), Kind::Segment, request)?;
        let records: Vec<&Arc<Segment>> =
            numbers.items.iter().filter_map(|number| model.segments.get(number)).collect();
        let plain: Vec<&Segment> = records.iter().map(AsRef::as_ref).collect();
        let sizes = self.inner.sizes(caller, &self.inner.generation.load(), &plain)?;
        let items = records.into_iter().zip(sizes).map(|(record, size)| SegmentView {
            name: SegmentName { parent: place.name(), segment: record.id.clone() },
            record: Arc::clone(record),
            size,
        });
        Ok(Page { items: items.collect(), next_page_token: numbers.next_page_token })
    }

    /// Changes a segment's own values; its members change by upload, load and single changes.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput`, `AlreadyExists`, `Conflict` for an old etag, `PermissionDenied`, `Storage`,
    /// `EngineClosed`.
    pub fn update_segment(
        &self,
        caller: &Caller,
        name: &SegmentName,
        changes: &SegmentChanges,
        how: &Mutation,
    ) -> Result<SegmentView> {
        let call = Call { caller, action: Action::Ingest, method: "UpdateSegment", how };
        let repeat = |change: &Change<'_>, number| {
            let segment = change.model().segments.get(&number).cloned().ok_or_else(|| deleted_since("segment"))?;
            Ok((lookup::segment_name(change.model(), &segment), segment))
        };
        let changed = call.run(&self.inner, repeat, |change| {
            let before = lookup::segment(change.model(), caller, name)?;
            check_etag(&changes.etag, before.revision)?;
            let resource_name = lookup::segment_name(change.model(), &before);
            let mut after = Segment::clone(&before);
            let place = (before.scope(), Kind::Segment, u64::from(before.number.0));
            let renamed = changes.display_name.as_ref().map(|new| rename(change.model(), place, &before.id, new));
            if !set(&mut after.display_name, renamed.transpose()?.as_ref()) {
                return Ok(Effect::Nothing((resource_name, before)));
            }
            (after.update_time, after.revision) = (change.now, call.revision(change, before.revision));
            change.write.put(after.clone())?;
            Ok(Effect::Change((resource_name, Arc::new(after)), place.2))
        })?;
        self.segment_view(caller, changed)
    }

    /// Deletes a segment that no adgroup uses, with its members; returns the write.
    ///
    /// # Errors
    /// `NotFound`, `FailedPrecondition` while adgroups use it (naming up to 10), `Conflict` for an old etag and while an
    /// upload or load replaces it, `PermissionDenied`, `Storage`, `EngineClosed`.
    pub fn delete_segment(&self, caller: &Caller, name: &SegmentName, etag: &str, how: &Mutation) -> Result<Revision> {
        let call = Call { caller, action: Action::Ingest, method: "DeleteSegment", how };
        let repeat = |_: &Change<'_>, outcome| Ok((Revision(outcome), Vec::new()));
        let (revision, files) = call.run(&self.inner, repeat, |change| {
            let record = lookup::segment(change.model(), caller, name)?;
            check_etag(etag, record.revision)?;
            if let Some(other) = change.publisher.replacing.get(&record.number.0) {
                return Err(other.refusal(&format!("segment {}", name.short())));
            }
            check_unused(change.model(), &record)?;
            let files = forget(change, &record)?;
            let revision = call.revision(change, Revision(0));
            // What only validates names no file to remove.
            let files = if how.validate_only { Vec::new() } else { files };
            Ok(Effect::Change((revision, files), revision.0))
        })?;
        self.inner.remove_files(&files);
        Ok(revision)
    }

    fn segment_view(&self, caller: &Caller, (name, record): (SegmentName, Arc<Segment>)) -> Result<SegmentView> {
        let sizes = self.inner.sizes(caller, &self.inner.generation.load(), &[&record])?;
        Ok(SegmentView { name, record, size: sizes.into_iter().next().unwrap_or_default() })
    }
}

/// Takes a segment with its version and member changes out of the catalog; returns the files that nothing names then.
/// The version's own file goes after the sweep of its slot.
fn forget(change: &mut Change<'_>, record: &Segment) -> Result<Vec<String>> {
    change.retire(record.number);
    if let Some(live) = record.live_version {
        change.write.retire_version(live)?;
    }
    let deltas = change.model().deltas.values().filter(|delta| delta.segment == record.number);
    let deltas: Vec<Arc<MemberDelta>> = deltas.cloned().collect();
    for delta in &deltas {
        change.write.remove::<MemberDelta>(delta.number)?;
    }
    change.write.remove::<Segment>(u64::from(record.number.0))?;
    let named = change.model().named_files();
    let files = deltas.iter().map(|delta| &delta.file).filter(|file| !named.contains(file.as_str()));
    Ok(files.cloned().collect())
}

/// Fails while adgroups use the segment, naming some.
fn check_unused(model: &Model, segment: &Segment) -> Result<()> {
    let users: Vec<&Adgroup> =
        model.adgroups.values().map(AsRef::as_ref).filter(|adgroup| uses(&adgroup.targeting, segment.number)).collect();
    if users.is_empty() {
        return Ok(());
    }
    let named = users.iter().take(NAMED_USERS).map(|adgroup| lookup::adgroup_name(model, adgroup).short());
    let mut list = named.collect::<Vec<_>>().join(", ");
    if users.len() > NAMED_USERS {
        list += &format!(" and {} more", users.len() - NAMED_USERS);
    }
    let name = lookup::segment_name(model, segment).short();
    let (noun, verb) = if users.len() == 1 { ("adgroup", "uses") } else { ("adgroups", "use") };
    Err(Error::precondition(format!("segment {name} cannot be deleted: {} {noun} {verb} it: {list}", users.len()))
        .field("name")
        .hint("take it out of their targeting first (nothing was changed)"))
}

fn uses(targeting: &StoredTargeting, segment: SegmentNumber) -> bool {
    match targeting {
        StoredTargeting::Groups { include, exclude } => {
            include.iter().flatten().chain(exclude).any(|&it| it == segment)
        }
        StoredTargeting::Expression(text) => stored::mentions(text, segment),
    }
}
