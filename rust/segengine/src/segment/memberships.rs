//! Who is in which segment version, in both directions, while everything changes at once.
//!
//! The truth is the [`IdentifierSet`] of each version and the [`LinkSet`]; forward records follow from them: profile p
//! holds slot s iff an identifier of p's component is in the set of s (invariant 8). Four things change records, and
//! may run together: filling a new slot, sweeping a dead one, a single member change, a link change. They meet on one
//! lock order, `links → set of a version → page of records`:
//!
//! * fills, sweeps and member changes hold `links` *shared*, a block of identifiers at a time, so the profile they
//!   resolve is the profile they write (invariant 9);
//! * a link change holds it *exclusively* for one component, and moves the records of at most about a hundred profiles.
//!
//! Readers take none of these. They follow the identifier's pointer, copy the record under its page lock, and check
//! pointer and component epoch again (a sequence lock, striped): each identifier is answered from the component before
//! or after a link change, never from a part (invariant 10).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

pub use self::bulk::Pace;
use self::moved::Moved;
pub use self::restoring::Missing;
use super::checkpoint::CheckpointedRecords;
use super::records::RecordStore;
pub use super::version::VersionMembers;
use crate::bitmap::{IdentifierSet, ProfileSet, SetStamp};
use crate::identity::{IdentityTable, LinkSet, Regrouping};
use crate::ids::{EngineId, IdentifierId, SlotNumber};

/// Identifiers handled under one hold of the link lock: some tens of microseconds.
const BLOCK: usize = 1_024;
/// Stripes of component epochs.
const STRIPES: usize = 4_096;

/// Names the component that a record was copied from, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOf {
    /// The profile.
    pub profile: u32,
    epoch: u64,
}

/// What a change of links did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// Links that were added or withdrawn.
    pub changed: u64,
    /// Links that were there already, or were not there to withdraw.
    pub unchanged: u64,
}

/// Sets of profiles that are true at one link epoch.
pub struct ProfileSets<'m> {
    memberships: &'m Memberships,
    links: &'m LinkSet,
    /// The epoch.
    pub stamp: SetStamp,
    /// One set for each version that was asked for, in that order.
    pub sets: Vec<Arc<ProfileSet>>,
}

impl ProfileSets<'_> {
    /// Every profile.
    #[must_use]
    pub fn universe(&self) -> ProfileSet {
        let ids = IdentifierSet::below(self.memberships.identity.len());
        self.memberships.to_profiles(&ids.without(self.links.redirected()), self.links, self.stamp)
    }

    /// The profiles of any set of identifiers.
    #[must_use]
    pub fn profiles_of(&self, set: &IdentifierSet) -> ProfileSet {
        self.memberships.to_profiles(set, self.links, self.stamp)
    }
}

/// Both directions of membership, and the links between identifiers.
pub struct Memberships {
    engine: EngineId,
    identity: Arc<IdentityTable>,
    links: RwLock<LinkSet>,
    versions: RwLock<HashMap<u32, Arc<VersionMembers>>>,
    records: RecordStore,
    epochs: Box<[AtomicU64]>,
    /// Memberships written into records, or taken out of them for one member or link: what a checkpoint would spare a
    /// start.
    written: AtomicU64,
    /// Whom links moved since somebody last asked.
    moved: Mutex<Moved>,
}

impl Memberships {
    /// Memberships over `identity`, whose profile pointers already follow `links`.
    #[must_use]
    pub fn new(engine: EngineId, identity: Arc<IdentityTable>, links: LinkSet) -> Self {
        Self::over(engine, identity, links, CheckpointedRecords::none())
    }

    /// As [`Self::new`], over the records of a checkpoint, which [`Self::restore`] makes true again.
    #[must_use]
    pub fn over(
        engine: EngineId,
        identity: Arc<IdentityTable>,
        links: LinkSet,
        checkpointed: CheckpointedRecords,
    ) -> Self {
        Self {
            engine,
            identity,
            links: RwLock::new(links),
            versions: RwLock::default(),
            records: checkpointed.records,
            epochs: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            written: AtomicU64::new(0),
            moved: Mutex::default(),
        }
    }

    pub(super) fn records(&self) -> &RecordStore {
        &self.records
    }

    /// Memberships written since the last checkpoint that [`Self::was_checkpointed`] was told of.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Says that a checkpoint holds the first `written` of what was written.
    pub fn was_checkpointed(&self, written: u64) {
        self.written.fetch_sub(written, Ordering::Relaxed);
    }

    /// Appends the slots of the profile of `id` to `slots`: an untorn copy of one component. Returns whose copy it is.
    pub fn read(&self, id: IdentifierId, slots: &mut Vec<u32>) -> CopyOf {
        let start = slots.len();
        loop {
            let profile = self.identity.profile(id).0;
            let epoch = self.epoch(profile).load(Ordering::Acquire);
            if epoch.is_multiple_of(2) {
                #[cfg(test)]
                pause::at(pause::Place::Copy);
                self.records.read(profile, slots);
                let copy = CopyOf { profile, epoch };
                if self.is_current(id, copy) {
                    return copy;
                }
                slots.truncate(start);
            }
            std::thread::yield_now();
        }
    }

    /// Asks for what [`Self::read`] of `id` goes to first.
    #[inline]
    pub fn touch(&self, id: IdentifierId) {
        self.records.touch(self.identity.profile(id).0);
    }

    /// Whether a copy still is of the component of `id`: a batch uses it again then (invariant 15).
    #[must_use]
    pub fn is_current(&self, id: IdentifierId, copy: CopyOf) -> bool {
        self.epoch(copy.profile).load(Ordering::Acquire) == copy.epoch && self.identity.profile(id).0 == copy.profile
    }

    /// The profile that `id` points at now.
    #[must_use]
    pub fn profile(&self, id: IdentifierId) -> u32 {
        self.identity.profile(id).0
    }

    /// Number of slots, live and dead, of the profile of `id`.
    #[must_use]
    pub fn width(&self, id: IdentifierId) -> usize {
        self.profile_width(self.identity.profile(id).0)
    }

    /// Number of slots, live and dead, of `profile`.
    #[must_use]
    pub fn profile_width(&self, profile: u32) -> usize {
        self.records.width(profile)
    }

    /// Makes a version known: from now on link changes carry its slot. Call before [`Self::fill`].
    pub fn register(&self, version: &Arc<VersionMembers>) {
        self.versions.write().insert(version.slot.0, Arc::clone(version));
    }

    /// Forgets a version whose slot no record holds any more.
    pub fn unregister(&self, slot: SlotNumber) {
        self.versions.write().remove(&slot.0);
    }

    /// Writes the slot of `version` into the record of every member's profile; `go_on` is asked after each block.
    ///
    /// Returns false when `go_on` stopped it: the slot is then in some records, dead, and must be swept.
    pub fn fill(&self, version: &VersionMembers, mut go_on: impl FnMut(u64) -> bool) -> bool {
        let (ids, changes) = {
            let set = version.set.read();
            (set.clone(), version.changes.load(Ordering::Acquire))
        };
        let mut written = 0;
        let mut goes_on = true;
        ids.for_each_block(|block| {
            for ids in block.chunks(BLOCK) {
                if !goes_on {
                    return;
                }
                let links = self.links.read();
                let set = version.set.read();
                let untouched = version.changes.load(Ordering::Acquire) == changes;
                let members = ids.iter().filter(|&&id| untouched || set.contains(IdentifierId(id)));
                let profiles = self.profiles(members.copied());
                #[cfg(test)]
                pause::at(pause::Place::Fill);
                self.records.insert(version.slot.0, &profiles);
                drop((set, links));
                self.written.fetch_add(ids.len() as u64, Ordering::Relaxed);
                written += ids.len() as u64;
                goes_on = go_on(written);
            }
        });
        version.filled.store(goes_on, Ordering::Release);
        goes_on
    }

    /// Takes the slot of a retired `version` out of every record; the caller knows that no reader maps it (invariant 2).
    pub fn sweep(&self, version: &VersionMembers, mut each_block: impl FnMut(u64)) {
        let ids = version.identifiers();
        let mut swept = 0;
        ids.for_each_block(|block| {
            for ids in block.chunks(BLOCK) {
                let links = self.links.read();
                let profiles = self.profiles(ids.iter().copied());
                self.records.remove(version.slot.0, &profiles);
                drop(links);
                swept += ids.len() as u64;
                each_block(swept);
            }
        });
    }

    /// Adds `ids` to the versions (the live one and the one being published, invariant 7) or removes them.
    /// Returns how many were changed in the first version.
    pub fn change(&self, versions: &[Arc<VersionMembers>], ids: &[u32], add: bool) -> u64 {
        let mut changed_in_first = 0;
        for ids in ids.chunks(BLOCK) {
            self.written.fetch_add(ids.len() as u64, Ordering::Relaxed);
            let links = self.links.read();
            for (place, version) in versions.iter().enumerate() {
                let mut set = version.set.write();
                version.changes.fetch_add(1, Ordering::AcqRel);
                for &id in ids {
                    let changed = if add { set.insert(IdentifierId(id)) } else { set.remove(IdentifierId(id)) };
                    changed_in_first += u64::from(changed && place == 0);
                }
                let profiles = if add {
                    let profiles = self.profiles(ids.iter().copied());
                    self.records.insert(version.slot.0, &profiles);
                    profiles
                } else {
                    let member_left =
                        |id| links.profile_members(id).iter().any(|&other| set.contains(IdentifierId(other)));
                    let gone = self.profiles(ids.iter().copied().filter(|&id| !member_left(IdentifierId(id))));
                    self.records.remove(version.slot.0, &gone);
                    gone
                };
                version.derived.lock().note(profiles.into_iter(), add);
            }
        }
        changed_in_first
    }

    /// Adds or withdraws links, one component at a time; readers see each before or after.
    pub fn link(&self, pairs: &[(IdentifierId, IdentifierId)], add: bool) -> LinkChange {
        let mut outcome = LinkChange::default();
        for &(one, other) in pairs {
            let mut links = self.links.write();
            let change = if add { links.add(one, other) } else { links.remove(one, other) };
            match change {
                Some(change) => {
                    self.regroup(&change);
                    outcome.changed += 1;
                }
                None => outcome.unchanged += 1,
            }
        }
        outcome
    }

    /// Moves records and pointers to the components after a change; the link lock is held exclusively.
    fn regroup(&self, change: &Regrouping) {
        if change.assignments.iter().all(|&(id, profile)| self.identity.profile(id) == profile) {
            return;
        }
        let records = self.regrouped_records(change);
        let stripes: std::collections::BTreeSet<usize> = records.keys().map(|&root| root as usize % STRIPES).collect();
        let turn = |stripes: &std::collections::BTreeSet<usize>| {
            stripes.iter().filter_map(|&stripe| self.epochs.get(stripe)).for_each(|epoch| {
                epoch.fetch_add(1, Ordering::AcqRel);
            });
        };
        self.note_moved(change, &records);
        turn(&stripes);
        for (&root, slots) in &records {
            self.records.replace(root, slots);
            self.written.fetch_add(slots.len() as u64, Ordering::Relaxed);
        }
        for &(id, profile) in &change.assignments {
            self.identity.set_profile(id, profile);
        }
        turn(&stripes);
    }

    /// Tells the derived sets which profiles come and go with the new records.
    fn note_moved(&self, change: &Regrouping, records: &BTreeMap<u32, Vec<u32>>) {
        let versions = self.versions.read();
        let mut before = Vec::new();
        for (&root, after) in records {
            before.clear();
            self.records.read(root, &mut before);
            let note = |slot: &u32, holds| {
                if let Some(version) = versions.get(slot) {
                    version.derived.lock().note(std::iter::once(root), holds);
                }
            };
            before.iter().filter(|slot| after.binary_search(slot).is_err()).for_each(|slot| note(slot, false));
            after.iter().filter(|slot| before.binary_search(slot).is_err()).for_each(|slot| note(slot, true));
        }
        self.moved.lock().note(change);
    }

    /// The record of every old and new root: whole records where a component only grew, recomputed from the sets of
    /// identifiers where it was split.
    fn regrouped_records(&self, change: &Regrouping) -> BTreeMap<u32, Vec<u32>> {
        let mut old: BTreeMap<u32, Vec<(IdentifierId, u32)>> = BTreeMap::new();
        let mut records: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &(id, profile) in &change.assignments {
            let root = self.identity.profile(id).0;
            old.entry(root).or_default().push((id, profile.0));
            records.insert(root, Vec::new());
            records.insert(profile.0, Vec::new());
        }
        let versions = self.versions.read();
        let mut slots = Vec::new();
        for (root, members) in old {
            slots.clear();
            self.records.read(root, &mut slots);
            let target = members.first().map_or(root, |first| first.1);
            if members.iter().all(|member| member.1 == target) {
                records.entry(target).or_default().extend(&slots);
                continue;
            }
            for (slot, version) in slots.iter().filter_map(|slot| Some((*slot, versions.get(slot)?))) {
                let set = version.set.read();
                for (id, target) in &members {
                    if set.contains(*id) {
                        records.entry(*target).or_default().push(slot);
                    }
                }
            }
        }
        for slots in records.values_mut() {
            slots.sort_unstable();
            slots.dedup();
        }
        records
    }

    /// The profiles of `ids`, ascending and distinct; the link lock is held by the caller.
    fn profiles(&self, ids: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut profiles: Vec<u32> = ids.map(|id| self.identity.profile(IdentifierId(id)).0).collect();
        profiles.sort_unstable();
        profiles.dedup();
        profiles
    }

    fn epoch(&self, profile: u32) -> &AtomicU64 {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of stripes")]
        &self.epochs[profile as usize % STRIPES]
    }

    /// Looks at the links, with every writer held off.
    pub fn with_links<T>(&self, look: impl FnOnce(&LinkSet) -> T) -> T {
        look(&self.links.read())
    }

    /// The stamp of sets derived now.
    #[must_use]
    pub fn stamp(&self) -> SetStamp {
        SetStamp { engine: self.engine, link_epoch: self.links.read().epoch() }
    }

    /// Looks at the profiles of several versions at one link epoch, cached per version until members or links change.
    /// Links do not change while `look` runs, so whatever else it derives belongs to the same epoch.
    pub fn with_profile_sets<T>(
        &self,
        versions: &[Arc<VersionMembers>],
        look: impl FnOnce(&ProfileSets<'_>) -> T,
    ) -> T {
        let links = self.links.read();
        let stamp = SetStamp { engine: self.engine, link_epoch: links.epoch() };
        let sets = versions.iter().map(|version| self.derive(version, &links, stamp)).collect();
        look(&ProfileSets { memberships: self, links: &links, stamp, sets })
    }

    /// The number of profiles of a version: that of its identifiers, unless links join some of them. Nothing is kept.
    #[must_use]
    pub fn profile_count(&self, version: &VersionMembers) -> u64 {
        let links = self.links.read();
        let set = version.set.read();
        if set.common(links.redirected()) == 0 {
            return set.len();
        }
        let stamp = SetStamp { engine: self.engine, link_epoch: links.epoch() };
        self.to_profiles(&set, &links, stamp).len()
    }

    fn derive(&self, version: &VersionMembers, links: &LinkSet, stamp: SetStamp) -> Arc<ProfileSet> {
        let set = version.set.read();
        let mut derived = version.derived.lock();
        if let Some(profiles) = derived.at(stamp) {
            return profiles;
        }
        let profiles = Arc::new(self.to_profiles(&set, links, stamp));
        if version.filled.load(Ordering::Acquire) {
            derived.keep(&profiles);
        }
        profiles
    }

    fn to_profiles(&self, set: &IdentifierSet, links: &LinkSet, stamp: SetStamp) -> ProfileSet {
        ProfileSet::derive(stamp, set, links.redirected(), |id| self.identity.profile(IdentifierId(id)).0)
    }
}

mod bulk;
mod moved;
#[cfg(test)]
mod pause;
mod restoring;
#[cfg(test)]
mod tests;
