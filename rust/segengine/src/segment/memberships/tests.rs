//! Memberships against a model that shares no code: plain sets and a relabelling of components.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::identity::digest::Digest;
use crate::identity::identifier::Kind;
use crate::ids::SegmentNumber;

fn memberships(identifiers: u32) -> Memberships {
    let identity = Arc::new(IdentityTable::default());
    let digests: Vec<Digest> = (0..identifiers)
        .map(|id| Digest(u128::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C59_1B1D_7A31).to_le_bytes()))
        .collect();
    identity.append(digests.iter().map(|digest| (digest, Kind::Network, 0))).unwrap();
    Memberships::new(EngineId::default(), identity, LinkSet::default())
}

fn version(slot: u32, ids: &[u32]) -> Arc<VersionMembers> {
    VersionMembers::new(SegmentNumber(slot), SlotNumber(slot), IdentifierSet::of(ids))
}

fn slots_of(memberships: &Memberships, id: u32) -> Vec<u32> {
    let mut slots = Vec::new();
    memberships.read(IdentifierId(id), &mut slots);
    slots
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u32, BTreeSet<u32>),
    Sweep(u32),
    Change(u32, bool, u32),
    Link(bool, u32, u32),
    /// The profiles of every version are asked for, so that they are kept, and what came since is worked in.
    Ask,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0u32..120;
    let step = prop_oneof![
        2 => (0u32..5, prop::collection::btree_set(id.clone(), 0..40)).prop_map(|(slot, ids)| Step::Publish(slot, ids)),
        1 => (0u32..5).prop_map(Step::Sweep),
        4 => (0u32..5, any::<bool>(), id.clone()).prop_map(|(slot, add, id)| Step::Change(slot, add, id)),
        8 => (prop::bool::weighted(0.7), id.clone(), id).prop_map(|(add, a, b)| Step::Link(add, a, b)),
        2 => Just(Step::Ask),
    ];
    prop::collection::vec(step, 1..250)
}

proptest! {
    #[test]
    fn a_record_holds_a_slot_iff_its_component_is_in_the_version(steps in steps()) {
        let memberships = memberships(120);
        let mut live: BTreeMap<u32, Arc<VersionMembers>> = BTreeMap::new();
        let mut model: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut links: BTreeSet<(u32, u32)> = BTreeSet::new();
        let mut held: Vec<(Arc<ProfileSet>, Vec<u32>)> = Vec::new();
        for step in steps {
            match step {
                Step::Publish(slot, ids) => {
                    if live.contains_key(&slot) { continue; }
                    let members = version(slot, &ids.iter().copied().collect::<Vec<_>>());
                    memberships.register(&members);
                    prop_assert!(memberships.fill(&members, |_| true));
                    live.insert(slot, members);
                    model.insert(slot, ids);
                }
                Step::Sweep(slot) => {
                    if let Some(members) = live.remove(&slot) {
                        memberships.sweep(&members, |_| ());
                        memberships.unregister(SlotNumber(slot));
                        model.remove(&slot);
                    }
                }
                Step::Change(slot, add, id) => {
                    if let (Some(members), Some(ids)) = (live.get(&slot), model.get_mut(&slot)) {
                        let changed = if add { ids.insert(id) } else { ids.remove(&id) };
                        prop_assert_eq!(memberships.change(&[Arc::clone(members)], &[id], add), u64::from(changed));
                    }
                }
                Step::Ask => {
                    let versions: Vec<_> = live.values().cloned().collect();
                    held = memberships.with_profile_sets(&versions, |profiles| {
                        let anew = versions.iter().map(|version| profiles.profiles_of(&version.identifiers()));
                        assert!(anew.eq(profiles.sets.iter().map(|set| ProfileSet::clone(set))));
                        profiles.sets.iter().map(|set| (Arc::clone(set), set.to_vec())).collect()
                    });
                }
                Step::Link(add, a, b) => {
                    memberships.link(&[(IdentifierId(a), IdentifierId(b))], add);
                    if a != b && add { links.insert((a.min(b), a.max(b))); } else { links.remove(&(a.min(b), a.max(b))); }
                }
            }
            // Who asked keeps what was answered.
            prop_assert!(held.iter().all(|(set, then)| set.to_vec() == *then));
        }
        let label = crate::identity::naive_profiles(120, &links);
        for id in 0..120u32 {
            let component: Vec<u32> = (0..120).filter(|&other| label[other as usize] == label[id as usize]).collect();
            let expected: Vec<u32> = model.iter().filter(|(_, ids)| component.iter().any(|member| ids.contains(member))).map(|(slot, _)| *slot).collect();
            prop_assert_eq!(slots_of(&memberships, id), expected);
        }
        let versions: Vec<_> = live.values().cloned().collect();
        prop_assert_eq!(memberships.verify(&versions, 5).1, Vec::<String>::new());
        let sets = memberships.with_profile_sets(&versions, |profiles| profiles.sets.clone());
        for (members, profiles) in versions.iter().zip(sets) {
            let expected: BTreeSet<u32> = model[&members.slot.0].iter().map(|&id| label[id as usize]).collect();
            prop_assert_eq!(profiles.to_vec(), expected.into_iter().collect::<Vec<_>>());
        }
    }
}

/// Invariant 10: while links come and go, each identifier is answered from a whole component.
#[test]
fn a_reader_never_sees_part_of_a_component() {
    let memberships = memberships(64);
    let ours = version(1, &[7]);
    let theirs = version(2, &[9]);
    for members in [&ours, &theirs] {
        memberships.register(members);
        memberships.fill(members, |_| true);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let seven = slots_of(&memberships, 7);
                    assert!(seven == [1] || seven == [1, 2], "7 read as {seven:?}");
                    let nine = slots_of(&memberships, 9);
                    assert!(nine == [2] || nine == [1, 2], "9 read as {nine:?}");
                }
            });
        }
        for round in 0..20_000 {
            memberships.link(&[(IdentifierId(7), IdentifierId(9))], round % 2 == 0);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(memberships.verify(&[ours, theirs], 5).1, Vec::<String>::new());
}

/// Invariant 10: a link that comes between the pointer and the copy is seen, in both directions.
#[test]
fn a_reader_looks_again_when_a_link_came_between() {
    let memberships = Arc::new(memberships(64));
    let members = [version(1, &[7]), version(2, &[9])];
    for members in &members {
        memberships.register(members);
        memberships.fill(members, |_| true);
    }
    for (add, before, after) in [(true, vec![2], vec![1, 2]), (false, vec![1, 2], vec![2])] {
        assert_eq!(slots_of(&memberships, 9), before);
        let between = Arc::clone(&memberships);
        pause::once(pause::Place::Copy, move || {
            between.link(&[(IdentifierId(7), IdentifierId(9))], add);
        });
        assert_eq!(slots_of(&memberships, 9), after, "9 was read as part of a component");
    }
}

/// Invariant 9: a link cannot come between resolving a profile and writing its record.
#[test]
fn a_fill_writes_the_profiles_that_it_resolved() {
    let memberships = Arc::new(memberships(64));
    let members = version(1, &[9]);
    memberships.register(&members);
    let linking = Arc::clone(&memberships);
    let (done, waiting) = crossbeam_channel::bounded(1);
    pause::once(pause::Place::Fill, move || {
        std::thread::spawn(move || {
            linking.link(&[(IdentifierId(7), IdentifierId(9))], true);
            done.send(()).unwrap();
        });
        // The link must wait for the fill; were it let in, it would be done by now.
        std::thread::sleep(std::time::Duration::from_millis(100));
    });
    assert!(memberships.fill(&members, |_| true));
    waiting.recv().unwrap();
    assert_eq!(slots_of(&memberships, 7), [1]);
    assert_eq!(memberships.verify(&[members], 5).1, Vec::<String>::new());
}

/// Invariants 8 and 9: fills, sweeps, member changes and links run together and leave exactly what sets and links say.
#[test]
fn writers_of_every_kind_run_together() {
    const IDS: u32 = 20_000;
    let memberships = memberships(IDS);
    let base = version(0, &(0..IDS).step_by(2).collect::<Vec<_>>());
    memberships.register(&base);
    memberships.fill(&base, |_| true);
    let kept = version(1, &(0..IDS).step_by(3).collect::<Vec<_>>());
    memberships.register(&kept);
    std::thread::scope(|threads| {
        threads.spawn(|| memberships.fill(&kept, |_| true));
        threads.spawn(|| {
            for round in 0..20u32 {
                let passing = version(10 + round, &(round..IDS).step_by(5).collect::<Vec<_>>());
                memberships.register(&passing);
                memberships.fill(&passing, |_| true);
                memberships.sweep(&passing, |_| ());
                memberships.unregister(passing.slot);
            }
        });
        threads.spawn(|| {
            for id in 0..IDS {
                memberships.change(
                    &[Arc::clone(&base), Arc::clone(&kept)],
                    &[id.wrapping_mul(7919) % IDS],
                    id % 3 != 0,
                );
            }
        });
        threads.spawn(|| {
            for round in 0..IDS {
                let (one, other) = (round.wrapping_mul(31) % IDS, round.wrapping_mul(17).wrapping_add(5) % IDS);
                memberships.link(&[(IdentifierId(one), IdentifierId(other))], round % 4 != 0);
            }
        });
    });
    assert_eq!(memberships.verify(&[base, kept], 5).1, Vec::<String>::new());
}

#[test]
fn a_bulk_fill_writes_what_single_fills_write() {
    let one_by_one = memberships(5_000);
    let at_once = memberships(5_000);
    for memberships in [&one_by_one, &at_once] {
        let pairs: Vec<_> = (0..900).map(|id| (IdentifierId(id * 5), IdentifierId(id * 5 + 3))).collect();
        memberships.link(&pairs, true);
    }
    let sets: Vec<Vec<u32>> = (1..9).map(|step| (0..5_000).step_by(step).collect()).collect();
    let make = || sets.iter().enumerate().map(|(slot, ids)| version(slot as u32, ids)).collect::<Vec<_>>();
    for members in make() {
        one_by_one.register(&members);
        one_by_one.fill(&members, |_| true);
    }
    let versions = make();
    versions.iter().for_each(|members| at_once.register(members));
    assert!(at_once.fill_many(&versions, 5_000, Pace::Start, |_| true));
    (0..5_000).for_each(|id| assert_eq!(slots_of(&one_by_one, id), slots_of(&at_once, id)));
    assert_eq!(
        at_once.verify(&versions, 5),
        (
            versions
                .iter()
                .map(|v| at_once.with_profile_sets(&[], |profiles| profiles.profiles_of(&v.identifiers()).len()))
                .sum(),
            Vec::new()
        )
    );
}
