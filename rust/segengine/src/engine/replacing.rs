//! Replacing all members of segments: the steps of invariant 1, for one upload or a load of thousands.
//!
//! ```text
//! stage     slots reserved durably, changes that waited are applied        (transaction)
//! write     one file with every set, synced with its folder
//! fill      the new slot into every member's record; no generation maps it
//! publish   versions, file, generation: commit, swap, acknowledge          (transaction)
//! ```
//! Until the last transaction a crash, a cancel or a full disk leaves a dead slot and a file that nothing names; both go.
//! A single change that is acknowledged in between goes to both versions (invariant 7): the file keeps what was uploaded,
//! and at a start the changes after the acceptance are applied on top of it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;

use super::phase::Phase;
use super::publisher::{Change, Replacing, Staged, apply};
use super::{Inner, Written};
use crate::bitmap::IdentifierSet;
use crate::catalog::{Version, VersionState};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{IdentifierId, Revision, SegmentNumber, SlotNumber};
use crate::limits;
use crate::segment::memberships::{Pace, VersionMembers};
use crate::segment::stored::{MEMBERS_FILE, encode_members};
use crate::time::Timestamp;

/// Versions from which one pass over identifiers is cheaper than one for each version.
const MANY: usize = 16;

/// One version that is being made.
struct Coming {
    number: u64,
    /// What was uploaded: the file's content.
    uploaded: IdentifierSet,
    members: Arc<VersionMembers>,
}

/// A replacement between its acceptance and its publication.
pub(super) struct Replacement {
    accepted: Revision,
    coming: Vec<Coming>,
    /// Once it is written.
    file: OnceLock<String>,
}

impl Change<'_> {
    /// Accepts the replacement of a segment: from this write on, single changes wait for its new version as well.
    ///
    /// # Errors
    /// `Conflict` while another one is under way.
    pub(super) fn accept(&mut self, segment: SegmentNumber, name: &str, operation: u64) -> Result<()> {
        if let Some(other) = self.publisher.replacing.get(&segment.0) {
            return Err(other.refusal(name));
        }
        self.publisher.replacing.insert(segment.0, Replacing { operation, staged: Staged::Reading(Vec::new()) });
        Ok(())
    }
}

impl Inner {
    /// Gives up a replacement that was accepted and not staged.
    pub(super) fn abandon_accepted(&self, segments: impl IntoIterator<Item = SegmentNumber>) {
        let mut publisher = self.publisher.lock();
        segments.into_iter().for_each(|segment| drop(publisher.replacing.remove(&segment.0)));
    }

    /// Drops from sets the members whose profile would be in more live segments than it may be (invariant 16); returns how
    /// many. What the segments serve until then does not count against their replacements.
    pub(super) fn drop_full(&self, sets: &mut [(SegmentNumber, IdentifierSet)]) -> u64 {
        let generation = self.generation.load_full();
        let replaced: HashSet<u32> = sets.iter().map(|(segment, _)| segment.0).collect();
        let staying = generation.slots.all_live().filter(|version| !replaced.contains(&version.segment.0)).count();
        // With so few segments nobody can be in too many.
        if staying + sets.len() <= limits::SEGMENTS_PER_PROFILE {
            return 0;
        }
        let crowded = self.crowded(sets, staying);
        if crowded.is_empty() {
            return 0;
        }
        let stays = |slot: u32| generation.slots.segment(slot).is_some_and(|segment| !replaced.contains(&segment));
        let mut widths = Widths::new(crowded);
        let mut dropped = 0;
        for (place, (_, set)) in sets.iter_mut().enumerate() {
            let mut full = Vec::new();
            set.for_each_block(|ids| {
                let refused = ids.iter().filter(|&&id| !widths.admit(self, IdentifierId(id), place, &stays));
                full.extend(refused.copied());
            });
            for &id in &full {
                set.remove(IdentifierId(id));
            }
            dropped += full.len() as u64;
        }
        dropped
    }

    /// The profiles that `sets` might bring above the bound, by a count that is never too low: nearly always nobody, at
    /// some nanoseconds a member.
    fn crowded(&self, sets: &[(SegmentNumber, IdentifierSet)], staying: usize) -> HashMap<u32, (u32, u32)> {
        let mut counts = vec![0_u16; self.identity.len() as usize];
        let linked = self.memberships.with_links(|links| !links.redirected().is_empty());
        for (_, set) in sets {
            set.for_each_block(|ids| {
                for &id in ids {
                    let profile = if linked { self.memberships.profile(IdentifierId(id)) } else { id };
                    if let Some(count) = counts.get_mut(profile as usize) {
                        *count = count.saturating_add(1);
                    }
                }
            });
        }
        let most = limits::SEGMENTS_PER_PROFILE;
        let crowded = counts.into_iter().zip(0_u32..).filter(|&(count, profile)| {
            let count = usize::from(count);
            count > 0 && count + staying > most && count + staying.min(self.memberships.profile_width(profile)) > most
        });
        crowded.map(|(_, profile)| (profile, (u32::MAX, 0))).collect()
    }

    /// Reserves a slot for each set, durably, and makes its version known to link changes and single changes. The
    /// segments were accepted at `accepted`.
    ///
    /// # Errors
    /// `Storage`: nothing was changed.
    pub(super) fn stage(&self, accepted: Revision, sets: Vec<(SegmentNumber, IdentifierSet)>) -> Result<Replacement> {
        let mut change = self.change()?;
        let slots = change.write.reserve_slots(sets.len())?;
        let mut coming = Vec::with_capacity(sets.len());
        for ((segment, uploaded), slot) in sets.into_iter().zip(slots) {
            let number = change.write.next("versions")?;
            change.write.put(version_record(number, segment, slot, &uploaded, accepted, change.now))?;
            coming.push((number, uploaded, segment, slot));
        }
        let mut made = Vec::with_capacity(coming.len());
        change.commit_then(|publisher| {
            for (number, uploaded, segment, slot) in coming {
                let mut set = uploaded.clone();
                let replacing = publisher.replacing.get_mut(&segment.0);
                if let Some(Replacing { staged: Staged::Reading(waiting), .. }) = &replacing {
                    apply(&mut set, waiting);
                }
                let members = VersionMembers::new(segment, slot, set);
                self.memberships.register(&members);
                if let Some(replacing) = replacing {
                    replacing.staged = Staged::Filling(Arc::clone(&members));
                }
                made.push(Coming { number, uploaded, members });
            }
        })?;
        Ok(Replacement { accepted, coming: made, file: OnceLock::new() })
    }

    /// Writes the file and the slots.
    ///
    /// # Errors
    /// `Storage`; `Cancelled`. The caller then abandons the replacement.
    pub(super) fn prepare(&self, replacement: &Replacement, cancel: &AtomicBool) -> Result<()> {
        let sets = replacement.coming.iter().map(|coming| (coming.members.slot, &coming.uploaded));
        let file = self.new_file("members", MEMBERS_FILE, &encode_members(sets))?;
        let _ = replacement.file.set(file);
        let go_on = |_| {
            self.observe(Phase::SlotWriting);
            !cancel.load(Ordering::Relaxed) && !self.is_closed()
        };
        if replacement.coming.len() < MANY {
            for coming in &replacement.coming {
                if !self.memberships.fill(&coming.members, go_on) {
                    return Err(cancelled());
                }
            }
            return Ok(());
        }
        let versions: Vec<_> = replacement.coming.iter().map(|coming| Arc::clone(&coming.members)).collect();
        if self.memberships.fill_many(&versions, self.identity.len(), Pace::Serving, go_on) {
            Ok(())
        } else {
            Err(cancelled())
        }
    }

    /// Publishes every version in one step; `also` adds the rest of the transaction, and returns the files that nothing
    /// names after it.
    ///
    /// # Errors
    /// `Storage`, `Conflict` when a segment was deleted meanwhile, or what `also` says. The caller then abandons it.
    pub(super) fn publish(
        &self,
        replacement: &Replacement,
        also: impl FnOnce(&mut Change<'_>) -> Result<Vec<String>>,
    ) -> Result<Written> {
        let mut change = self.change()?;
        let mut unnamed = also(&mut change)?;
        for coming in &replacement.coming {
            let members = &coming.members;
            let record = version_record(
                coming.number,
                members.segment,
                members.slot,
                &coming.uploaded,
                replacement.accepted,
                change.now,
            );
            let file = replacement.file.get().cloned().unwrap_or_default();
            unnamed.extend(change.write.publish_version(&Version { state: VersionState::Live, file, ..record })?);
            change.publish(members);
        }
        let written = change.commit_then(|publisher| {
            replacement.coming.iter().for_each(|coming| drop(publisher.replacing.remove(&coming.members.segment.0)));
        })?;
        self.remove_files(&unnamed);
        Ok(written)
    }

    /// Gives up a staged replacement: its slots are dead, and go.
    pub(super) fn abandon(&self, replacement: Replacement) {
        self.abandon_accepted(replacement.coming.iter().map(|coming| coming.members.segment));
        if let Some(file) = replacement.file.get() {
            self.remove_files(std::slice::from_ref(file));
        }
        self.sweeper.abandon(replacement.coming.into_iter().map(|coming| coming.members).collect());
    }
}

/// How many live segments each profile will be in that might be in too many.
struct Widths {
    /// Segments so far, and the place of the last set that counted the profile, from 1.
    profiles: HashMap<u32, (u32, u32)>,
    slots: Vec<u32>,
}

impl Widths {
    fn new(profiles: HashMap<u32, (u32, u32)>) -> Self {
        Self { profiles, slots: Vec::new() }
    }

    /// Counts the set at `place` for the profile of `id`; false when the profile is full.
    fn admit(&mut self, inner: &Inner, id: IdentifierId, place: usize, stays: &dyn Fn(u32) -> bool) -> bool {
        let place = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let Some((width, last)) = self.profiles.get_mut(&inner.memberships.profile(id)) else { return true };
        if *width == u32::MAX {
            self.slots.clear();
            inner.memberships.read(id, &mut self.slots);
            *width = u32::try_from(self.slots.iter().filter(|&&slot| stays(slot)).count()).unwrap_or(u32::MAX);
        }
        if *last == place {
            return true;
        }
        let fits = (*width as usize) < limits::SEGMENTS_PER_PROFILE;
        if fits {
            (*width, *last) = (*width + 1, place);
        }
        fits
    }
}

impl Replacement {
    /// What was uploaded for the first segment.
    pub(super) fn uploaded(&self) -> Option<&IdentifierSet> {
        self.coming.first().map(|coming| &coming.uploaded)
    }

    /// Members uploaded, of all segments together.
    pub(super) fn uploaded_len(&self) -> u64 {
        self.coming.iter().map(|coming| coming.uploaded.len()).sum()
    }

    /// The versions that come.
    pub(super) fn members(&self) -> impl Iterator<Item = &Arc<VersionMembers>> {
        self.coming.iter().map(|coming| &coming.members)
    }
}

fn version_record(
    number: u64,
    segment: SegmentNumber,
    slot: SlotNumber,
    set: &IdentifierSet,
    accepted: Revision,
    create_time: Timestamp,
) -> Version {
    let (file, state, identifiers) = (String::new(), VersionState::Writing, set.len());
    Version { number, segment, slot, file, identifiers, state, accepted, create_time }
}

/// The end of work that somebody stopped.
pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled: nothing was changed")
}
