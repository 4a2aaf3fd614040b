//! A world that changes before, while and after its checkpoint is written, and the start from what was written.
//!
//! What a start knows is what is durable: sets, links, and which change came when. The checkpoint is the only other thing
//! that survives. Records must then be what a naive model says, to the slot: a dead slot that nobody serves is too much.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::error::Result;
use crate::identity::IdentityTable;
use crate::identity::digest::Digest;
use crate::identity::identifier::Kind;
use crate::ids::{EngineId, LinkEpoch, SegmentNumber, SlotNumber};
use crate::segment::checkpoint::{CheckpointedRecords, RECORDS_FILE};
use crate::storage::files::Folder;
use crate::storage::memory::MemoryDirectory;

const USERS: u32 = 150;
const SEGMENTS: u32 = 5;

#[derive(Debug, Clone)]
enum Step {
    /// Single members of a segment come or go.
    Change(u32, BTreeSet<u32>, bool),
    /// A segment's members are replaced, and the old slot is swept at once or at the next sweep.
    Replace(u32, BTreeSet<u32>, bool),
    /// A new version is written into some records and given up; its slot stays until the next sweep.
    GiveUp(BTreeSet<u32>),
    /// A segment is deleted.
    Delete(u32),
    /// What waits to be swept is swept; the slots are given again.
    Sweep,
    Link(bool, u32, u32),
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let users = |most| prop::collection::btree_set(0..USERS, 0..most);
    let step = prop_oneof![
        4 => (0..SEGMENTS, users(12), any::<bool>()).prop_map(|(segment, users, add)| Step::Change(segment, users, add)),
        3 => (0..SEGMENTS, users(90), any::<bool>()).prop_map(|(segment, users, at_once)| Step::Replace(segment, users, at_once)),
        1 => users(60).prop_map(Step::GiveUp),
        1 => (0..SEGMENTS).prop_map(Step::Delete),
        2 => Just(Step::Sweep),
        6 => (prop::bool::weighted(0.7), 0..USERS, 0..USERS).prop_map(|(add, one, other)| Step::Link(add, one, other)),
    ];
    prop::collection::vec(step, 0..most)
}

fn identity() -> Arc<IdentityTable> {
    let identity = Arc::new(IdentityTable::default());
    let digests: Vec<Digest> = (0..USERS).map(|id| Digest((u128::from(id) + 1).to_le_bytes())).collect();
    identity.append(digests.iter().map(|digest| (digest, Kind::Network, 0))).unwrap();
    identity
}

/// What serves, and what is durable of it.
struct World {
    memberships: Arc<Memberships>,
    live: BTreeMap<u32, (Arc<VersionMembers>, u64)>,
    dead: Vec<Arc<VersionMembers>>,
    free: Vec<u32>,
    slots: u32,
    versions: u64,
    revision: u64,
    /// Every member change with its revision, and every link change in the order of epochs.
    changes: Vec<(u64, u32)>,
    links: Vec<(bool, u32, u32)>,
}

impl World {
    fn new() -> Self {
        let memberships = Arc::new(Memberships::new(EngineId::default(), identity(), LinkSet::default()));
        let (live, dead, free) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (changes, links) = (Vec::new(), Vec::new());
        Self { memberships, live, dead, free, slots: 0, versions: 0, revision: 0, changes, links }
    }

    fn version(&mut self, segment: u32, users: &BTreeSet<u32>) -> Arc<VersionMembers> {
        let slot = self.free.pop().unwrap_or(self.slots);
        self.slots = self.slots.max(slot + 1);
        let users: Vec<u32> = users.iter().copied().collect();
        let version = VersionMembers::new(SegmentNumber(segment), SlotNumber(slot), IdentifierSet::of(&users));
        self.memberships.register(&version);
        version
    }

    fn sweep(&mut self) {
        for version in std::mem::take(&mut self.dead) {
            self.memberships.sweep(&version, |_| ());
            self.memberships.unregister(version.slot);
            self.free.push(version.slot.0);
        }
    }

    fn act(&mut self, step: &Step) {
        self.revision += 1;
        match step {
            Step::Change(segment, users, add) => {
                let Some((version, _)) = self.live.get(segment) else { return };
                let users: Vec<u32> = users.iter().copied().collect();
                self.changes.extend(users.iter().map(|&user| (self.revision, user)));
                self.memberships.change(&[Arc::clone(version)], &users, *add);
            }
            Step::Replace(segment, users, at_once) => {
                let version = self.version(*segment, users);
                self.memberships.fill(&version, |_| true);
                self.versions += 1;
                let before = self.live.insert(*segment, (version, self.versions));
                self.dead.extend(before.map(|before| before.0));
                if *at_once {
                    self.sweep();
                }
            }
            Step::GiveUp(users) => {
                let version = self.version(SEGMENTS, users);
                self.memberships.fill(&version, |_| false);
                self.dead.push(version);
            }
            Step::Delete(segment) => self.dead.extend(self.live.remove(segment).map(|version| version.0)),
            Step::Sweep => self.sweep(),
            Step::Link(add, one, other) => {
                let pair = (IdentifierId(*one), IdentifierId(*other));
                if self.memberships.link(&[pair], *add).changed > 0 {
                    self.links.push((*add, *one, *other));
                }
            }
        }
    }

    fn pairs(&self) -> BTreeSet<(u32, u32)> {
        let mut pairs = BTreeSet::new();
        for &(add, one, other) in &self.links {
            let pair = (one.min(other), one.max(other));
            if add {
                pairs.insert(pair)
            } else {
                pairs.remove(&pair)
            };
        }
        pairs
    }

    /// Writes a checkpoint while `meanwhile` is done, a step before each block of pages; then starts from it and from what
    /// is durable after `later`, and compares every record with the naive truth.
    fn start_again(mut self, meanwhile: &[Step], later: &[Step]) -> Result<()> {
        let folder = Folder::over(MemoryDirectory::default());
        let (revision, epoch) = (self.revision, self.links.len());
        let complete: Vec<_> = self.live.values().map(|(version, number)| (version.slot, *number)).collect();
        let mut waiting = meanwhile.iter();
        let memberships = Arc::clone(&self.memberships);
        let committed = folder.write_stream("records-1", RECORDS_FILE, |put| {
            memberships.checkpoint(&complete, put, &mut || {
                waiting.by_ref().take(2).for_each(|step| self.act(step));
                Ok(())
            })
        })?;
        waiting.chain(later).for_each(|step| self.act(step));

        let pairs = self.pairs();
        let pairs: Vec<_> = pairs.iter().map(|&(one, other)| (IdentifierId(one), IdentifierId(other))).collect();
        let (links, pointers) = LinkSet::restore(&pairs, LinkEpoch(self.links.len() as u64));
        let identity = identity();
        pointers.into_iter().for_each(|(id, profile)| identity.set_profile(id, profile));
        let live: Vec<_> = self
            .live
            .values()
            .map(|(version, number)| {
                (VersionMembers::new(version.segment, version.slot, version.identifiers()), *number)
            })
            .collect();
        let records = CheckpointedRecords::open(&folder, "records-1", committed, USERS)?;
        let later: Vec<_> =
            self.links.iter().skip(epoch).map(|&(_, a, b)| (IdentifierId(a), IdentifierId(b))).collect();
        let changed = self.changes.iter().filter(|(at, _)| *at > revision).map(|&(_, user)| user);
        let missing = Missing::of(&records.complete, &live, changed, links.connected(&later), &links);
        let restored = Memberships::over(EngineId::default(), identity, links, records);
        live.iter().for_each(|(version, _)| restored.register(version));
        let versions: Vec<_> = live.iter().map(|(version, _)| Arc::clone(version)).collect();
        restored.restore(&versions, &missing, USERS);
        self.compare(&restored);
        Ok(())
    }

    fn compare(&self, restored: &Memberships) {
        let label = crate::identity::naive_profiles(USERS, &self.pairs());
        for user in 0..USERS {
            let held = |version: &VersionMembers| {
                (0..USERS)
                    .any(|other| label[other as usize] == label[user as usize] && version.contains(IdentifierId(other)))
            };
            let mut expected: Vec<u32> =
                self.live.values().filter(|(version, _)| held(version)).map(|(version, _)| version.slot.0).collect();
            expected.sort_unstable();
            let mut found = Vec::new();
            restored.read(IdentifierId(user), &mut found);
            assert_eq!(found, expected, "user {user}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_start_from_a_checkpoint_finds_the_truth(before in steps(40), meanwhile in steps(14), later in steps(30)) {
        let mut world = World::new();
        before.iter().for_each(|step| world.act(step));
        world.start_again(&meanwhile, &later).unwrap();
    }
}
