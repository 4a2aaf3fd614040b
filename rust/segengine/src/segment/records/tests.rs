//! Records against a map of sets, alone and from several threads.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::segment::transpose::Transposer;

fn read(store: &RecordStore, profile: u32) -> Vec<u32> {
    let mut record = Vec::new();
    store.read(profile, &mut record);
    record
}

proptest! {
    #[test]
    fn records_equal_a_map_of_sets(changes in prop::collection::vec((0u8..7, 0u32..6, prop::collection::btree_set(0u32..200, 0..40)), 0..40)) {
        let store = RecordStore::default();
        let mut model: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (what, slot, profiles) in changes {
            let list: Vec<u32> = profiles.iter().copied().collect();
            match what {
                0 => {
                    store.insert(slot, &list);
                    list.iter().for_each(|&profile| { model.entry(profile).or_default().insert(slot); });
                }
                1 => {
                    store.remove(slot, &list);
                    list.iter().for_each(|&profile| { model.entry(profile).or_default().remove(&slot); });
                }
                2 => {
                    let pairs: Vec<(u32, u32)> = list.iter().flat_map(|&profile| [(profile, slot), (profile, slot + 3)]).collect();
                    store.insert_pairs(&pairs);
                    pairs.iter().for_each(|&(profile, slot)| { model.entry(profile).or_default().insert(slot); });
                }
                3 => {
                    let mut transposer = Transposer::default();
                    transposer.begin(slot * 9..200, |id| id);
                    let list: Vec<u32> = list.into_iter().filter(|profile| *profile >= slot * 9).collect();
                    [slot, slot + 700].iter().for_each(|slot| transposer.take(*slot, &list));
                    transposer.finish(|block| store.insert_block(block), |_| ());
                    list.iter().for_each(|&profile| model.entry(profile).or_default().extend([slot, slot + 700]));
                }
                4 => {
                    store.for_each_page_block(|pages| pages.retain(|held| held % 6 != slot));
                    model.values_mut().for_each(|slots| slots.retain(|held| held % 6 != slot));
                }
                5 => {
                    // Whole pages, of which some are empty and some are not.
                    let all: Vec<u32> = (slot * 7..slot * 30 + 60).collect();
                    store.insert(slot, &all);
                    all.iter().for_each(|&profile| { model.entry(profile).or_default().insert(slot); });
                }
                _ => {
                    store.replace(slot * 31, &list);
                    model.insert(slot * 31, profiles);
                }
            }
        }
        for profile in 0..256 {
            let expected: Vec<u32> = model.get(&profile).into_iter().flatten().copied().collect();
            prop_assert_eq!(store.width(profile), expected.len());
            prop_assert_eq!(read(&store, profile), expected);
        }
    }
}

/// Every thread has slots of its own; whatever the others do to the same pages, a reader sees whole pairs only.
#[test]
fn pages_keep_what_many_threads_write() {
    const PROFILES: u32 = 300;
    let store = RecordStore::default();
    let writer = |thread: u32| {
        let (low, high) = (thread * 2, 40_000 + thread * 2);
        for round in 0..200_u32 {
            let profiles: Vec<u32> = (0..PROFILES).filter(|profile| (profile * 7 + round) % 3 != thread % 3).collect();
            let pairs: Vec<(u32, u32)> =
                profiles.iter().flat_map(|&profile| [(profile, low), (profile, high)]).collect();
            store.insert_pairs(&pairs);
            if round % 2 == 0 {
                store.for_each_page_block(|pages| pages.retain(|slot| slot != low && slot != high));
            }
        }
        store.insert(high + 1, &(0..PROFILES).collect::<Vec<_>>());
    };
    std::thread::scope(|threads| {
        (0..4).for_each(|thread| drop(threads.spawn(move || writer(thread))));
        threads.spawn(|| {
            for profile in (0..PROFILES).cycle().take(100_000) {
                let held = read(&store, profile);
                for slot in held.iter().filter(|slot| **slot < 40_000) {
                    assert!(held.contains(&(slot + 40_000)), "{profile} holds {held:?}");
                }
            }
        });
    });
    for profile in 0..PROFILES {
        let held = read(&store, profile);
        assert!((0..4).all(|thread| held.contains(&(40_001 + thread * 2))), "{profile} holds {held:?}");
        assert!(held.is_sorted());
    }
}
