//! Single members: added or removed at once, durable in a small file that the catalog names.
//!
//! The change is applied to the version that serves and, while that is being replaced, to the one that comes
//! (invariant 7): its file keeps what was uploaded, and changes with a later revision than its acceptance are applied on
//! top of it, now and at every start. A segment that never had a version gets one through the ordinary way.

use std::sync::Arc;

use super::caller::{Action, Caller};
use super::intake::Intake;
use super::lookup;
use super::names::SegmentName;
use super::publisher::{Change, Publisher};
use super::{Engine, Inner, RequestId, Written};
use crate::bitmap::IdentifierSet;
use crate::catalog::{MemberDelta, Segment, SegmentState, Version, VersionState};
use crate::error::{Error, Result};
use crate::identity::IdentifierRef;
use crate::identity::stored::Entry;
use crate::ids::{IdentifierId, Revision, SegmentNumber};
use crate::limits;
use crate::segment::memberships::VersionMembers;
use crate::segment::stored::{CHANGE_FILE, MEMBERS_FILE, decode_change, encode_change, encode_members};

/// Changes of one segment after which they are written together.
const CHANGES: usize = 32;
const METHOD: &str = "ChangeMembers";

/// What a change of single members did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembersChanged {
    /// Identifiers that became members, or ceased to be.
    pub changed: u64,
    /// Those that were members, or were none, already.
    pub unchanged: u64,
    /// Those that the engine never saw (removal only).
    pub unknown: u64,
    /// Identifiers that could not be used.
    pub skipped: u64,
    /// The write.
    pub written: Written,
}

impl Engine {
    /// Adds identifiers to a segment, or removes them; it serves when this returns.
    ///
    /// # Errors
    /// `NotFound`; `LimitExceeded` for a profile in too many segments; `PermissionDenied`; `Storage`: nothing changed.
    pub fn change_members<'i>(
        &self,
        caller: &Caller,
        segment: &SegmentName,
        identifiers: impl Iterator<Item = Option<IdentifierRef<'i>>>,
        add: bool,
        request: Option<&RequestId>,
    ) -> Result<MembersChanged> {
        caller.check(Action::Ingest)?;
        let inner = &*self.inner;
        inner.check_open()?;
        let found = lookup::segment(&inner.catalog.read(), caller, segment)?;
        let _writer = inner.identity_writer.lock();
        let mut intake = Intake::new(&inner.identity);
        let mut taken = Taken::default();
        for identifier in identifiers {
            taken.take(inner, &mut intake, identifier, add)?;
        }
        let (settled, mut fresh) = inner.sort_out(intake);
        let mut ids: Vec<u32> = taken.ids.iter().map(|&id| settled.id(id)).collect();
        let given = ids.len() as u64;
        ids.sort_unstable();
        ids.dedup();
        let run = if fresh.is_empty() { None } else { Some(inner.write_run(&fresh)?) };
        let mut change = inner.change()?;
        if let Some(revision) = change.done_before(caller, METHOD, request)? {
            let written = Written { revision: Revision(revision), generation: self.generation() };
            return Ok(MembersChanged {
                changed: 0,
                unchanged: given,
                unknown: taken.unknown,
                skipped: taken.skipped,
                written,
            });
        }
        let mut replaced = run.map_or(Ok(Vec::new()), |run| inner.name_run(&mut change, run))?;
        let revision = change.revision;
        change.remember(caller, METHOD, request, revision.0)?;
        // It may have been deleted since it was looked up.
        let present = change.model().segments.get(&u64::from(found.number.0)).cloned();
        let present = present.ok_or_else(|| Error::not_found("the segment was deleted meanwhile").field("name"))?;
        if change.publisher.replacing.contains_key(&present.number.0) {
            let named =
                inner.name_strangers(&mut change, std::mem::take(&mut taken.strangers), &mut ids, &mut fresh)?;
            replaced.extend(named);
        }
        let live = inner.generation.load().slots.live(present.number).cloned();
        let (changed, written) = match live {
            Some(live) => {
                inner.check_width(&live, &ids, add)?;
                replaced.extend(inner.name_change(&mut change, present.number, &ids, add)?);
                inner.apply_change(change, &live, &ids, add, &fresh)?
            }
            // Nothing serves, but what is on its way must have the change when it does (invariant 7).
            None if ids.is_empty() || !add && !change.publisher.replacing.contains_key(&present.number.0) => {
                (0, change.commit_then(|_| inner.join(&fresh))?)
            }
            None if !add => {
                replaced.extend(inner.name_change(&mut change, present.number, &ids, add)?);
                let written = change.commit_then(|publisher| {
                    inner.join(&fresh);
                    inner.apply_to_coming(publisher, present.number, &ids, add);
                })?;
                (0, written)
            }
            None => inner.first_version(change, &present, &ids, &fresh)?,
        };
        inner.remove_files(&replaced);
        Ok(MembersChanged {
            changed,
            unchanged: given - changed,
            unknown: taken.unknown,
            skipped: taken.skipped,
            written,
        })
    }
}

#[derive(Default)]
struct Taken {
    ids: Vec<u32>,
    /// What is to be removed and has no id.
    strangers: Vec<Entry>,
    unknown: u64,
    skipped: u64,
}

impl Taken {
    fn take(
        &mut self,
        inner: &Inner,
        intake: &mut Intake,
        identifier: Option<IdentifierRef<'_>>,
        add: bool,
    ) -> Result<()> {
        let Some(identifier) = identifier else {
            self.skipped += 1;
            return Ok(());
        };
        let digest = identifier.digest(&inner.key);
        if add {
            self.ids.push(intake.take(&inner.identity, &digest, identifier.kind(), 0)?);
        } else if let Some(id) = inner.identity.find(&digest) {
            self.ids.push(id.0);
        } else {
            self.unknown += 1;
            self.strangers.push((digest, identifier.kind(), 0));
        }
        Ok(())
    }
}

impl Inner {
    /// Gives ids to identifiers that are to be removed and that nobody knows yet. The file that is on its way may hold
    /// them, and they must not come back with it (invariant 7); at any other time there is nothing to remove. Few and
    /// rare, so their run is written under the lock. Returns the files that nothing names any more.
    fn name_strangers(
        &self,
        change: &mut Change<'_>,
        mut strangers: Vec<Entry>,
        ids: &mut Vec<u32>,
        fresh: &mut Vec<Entry>,
    ) -> Result<Vec<String>> {
        if strangers.is_empty() {
            return Ok(Vec::new());
        }
        strangers.sort_unstable_by_key(|entry| entry.0.0);
        strangers.dedup_by_key(|entry| entry.0.0);
        let run = self.write_run(&strangers)?;
        ids.extend(run.first..run.first.saturating_add(run.count));
        *fresh = strangers;
        self.name_run(change, run)
    }

    /// Refuses to put a profile into more segments than a record may hold (invariant 16).
    fn check_width(&self, live: &VersionMembers, ids: &[u32], add: bool) -> Result<()> {
        if !add || self.generation.load().slots.all_live().count() <= limits::SEGMENTS_PER_PROFILE {
            return Ok(());
        }
        let full = ids.iter().map(|&id| IdentifierId(id)).find(|&id| !live.contains(id) && self.is_full(id));
        let Some(_) = full else { return Ok(()) };
        let most = limits::SEGMENTS_PER_PROFILE as u64;
        Err(Error::limit("segments_per_profile", most + 1, most, "segments")
            .hint("a profile is in too many segments already: remove it from others, or leave it out"))
    }

    /// Whether the profile of `id` is in as many live segments as it may be.
    pub(super) fn is_full(&self, id: IdentifierId) -> bool {
        if self.memberships.width(id) < limits::SEGMENTS_PER_PROFILE {
            return false;
        }
        let mut slots = Vec::new();
        self.memberships.read(id, &mut slots);
        let generation = self.generation.load();
        slots.iter().filter(|&&slot| generation.slots.segment(slot).is_some()).count() >= limits::SEGMENTS_PER_PROFILE
    }

    /// Writes and names a change. Where many of one segment have come together and nothing replaces it, they become one:
    /// returns the files that are then no longer named.
    fn name_change(
        &self,
        change: &mut Change<'_>,
        segment: SegmentNumber,
        ids: &[u32],
        add: bool,
    ) -> Result<Vec<String>> {
        let mut all: Vec<(u32, bool)> = ids.iter().map(|&id| (id, add)).collect();
        let mut replaced = Vec::new();
        let of_segment = change.model().deltas.values().filter(|delta| delta.segment == segment);
        let earlier: Vec<_> = of_segment.cloned().collect();
        if earlier.len() >= CHANGES && !change.publisher.replacing.contains_key(&segment.0) {
            let mut before = Vec::new();
            for delta in &earlier {
                let bytes = self.folder.read(&delta.file, CHANGE_FILE)?;
                before.extend(decode_change(&delta.file, &bytes, u32::MAX)?);
                change.write.remove::<MemberDelta>(delta.number)?;
                replaced.push(delta.file.clone());
            }
            before.append(&mut all);
            all = last_of_each(&before);
        }
        let file = self.new_file("change", CHANGE_FILE, &encode_change(&all))?;
        let (number, revision) = (change.write.next("deltas")?, change.revision);
        change.write.put(MemberDelta { number, segment, revision, file })?;
        Ok(replaced)
    }

    /// Commits a change and applies it to the version that serves and to the one that comes.
    fn apply_change(
        &self,
        change: Change<'_>,
        live: &Arc<VersionMembers>,
        ids: &[u32],
        add: bool,
        fresh: &[Entry],
    ) -> Result<(u64, Written)> {
        let mut changed = 0;
        let written = change.commit_then(|publisher| {
            self.join(fresh);
            let coming = publisher.note_change(live.segment, ids, add);
            let versions: Vec<_> = [Arc::clone(live)].into_iter().chain(coming).collect();
            changed = self.memberships.change(&versions, ids, add);
        })?;
        Ok((changed, written))
    }

    /// Applies a committed change to the version that is on its way, if there is one.
    fn apply_to_coming(&self, publisher: &mut Publisher, segment: SegmentNumber, ids: &[u32], add: bool) {
        if let Some(coming) = publisher.note_change(segment, ids, add) {
            self.memberships.change(&[coming], ids, add);
        }
    }

    /// Publishes the first version of a segment, with these members. It is small, so it is written under the lock.
    fn first_version(
        &self,
        mut change: Change<'_>,
        segment: &Segment,
        ids: &[u32],
        fresh: &[Entry],
    ) -> Result<(u64, Written)> {
        let slot = change.write.reserve_slots(1)?.first().copied();
        let slot = slot.ok_or_else(|| Error::internal("no slot was reserved"))?;
        let set = IdentifierSet::of(ids);
        let file = self.new_file("members", MEMBERS_FILE, &encode_members([(slot, &set)].into_iter()))?;
        let number = change.write.next("versions")?;
        let replacing = change.publisher.replacing.contains_key(&segment.number.0);
        let mut accepted = change.revision;
        if replacing {
            // The file of this version goes with it: what comes after it must find this change at a start, and those
            // before it, which this version then must not take for its own (invariant 7).
            self.name_change(&mut change, segment.number, ids, true)?;
            let deltas = change.model().deltas.values().filter(|delta| delta.segment == segment.number);
            let first = deltas.map(|delta| delta.revision.0).min().unwrap_or(accepted.0);
            accepted = Revision(first.saturating_sub(1));
        }
        let version = Version {
            number,
            segment: segment.number,
            slot,
            file,
            identifiers: set.len(),
            state: VersionState::Live,
            accepted,
            create_time: change.now,
        };
        let unnamed = change.write.publish_version(&version)?;
        let state = if replacing { SegmentState::Processing } else { SegmentState::Processed };
        let (revision, update_time) = (change.revision, change.now);
        let record = change.model().segments.get(&u64::from(segment.number.0)).cloned();
        let record = record.ok_or_else(|| Error::internal("a published segment is gone"))?;
        change.write.put(Segment { state, update_time, revision, ..Segment::clone(&record) })?;
        let members = VersionMembers::new(segment.number, slot, set);
        change.publish(&members);
        // The identifiers join and the slot is written before the generation that maps it is stored.
        let written = change.commit_then(|publisher| {
            self.join(fresh);
            self.apply_to_coming(publisher, segment.number, ids, true);
            self.memberships.register(&members);
            self.memberships.fill(&members, |_| true);
        })?;
        self.remove_files(&unnamed);
        Ok((ids.len() as u64, written))
    }
}

/// The last change of each identifier: what all of them together do.
fn last_of_each(changes: &[(u32, bool)]) -> Vec<(u32, bool)> {
    let last: std::collections::BTreeMap<u32, bool> = changes.iter().copied().collect();
    last.into_iter().collect()
}
