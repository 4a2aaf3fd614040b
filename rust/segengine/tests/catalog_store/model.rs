//! Any course of writes, drops and restarts against a naive model.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;
use segengine::catalog::{Catalog, Kind, Model, RequestRecord, Scope};

#[derive(Debug, Clone)]
enum Change {
    Put(u32, u8),
    Remove(u32),
    Request(u64, u8),
    Count(u8),
    Commit,
    Drop,
    Reopen,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..6_u32, 0..6_u8).prop_map(|(number, id)| Change::Put(number, id)),
        2 => (0..6_u32).prop_map(Change::Remove),
        2 => (0..4_u64, 0..4_u8).prop_map(|(number, key)| Change::Request(number, key)),
        1 => (0..3_u8).prop_map(Change::Count),
        3 => Just(Change::Commit),
        2 => Just(Change::Drop),
        1 => Just(Change::Reopen),
    ];
    proptest::collection::vec(change, 1..60)
}

/// What the catalog must hold, kept as plainly as can be.
#[derive(Debug, Clone, Default, PartialEq)]
struct Naive {
    advertisers: BTreeMap<u64, Advertiser>,
    requests: BTreeMap<u64, RequestRecord>,
    counters: BTreeMap<String, u64>,
}

impl Naive {
    fn of(model: &Model) -> Self {
        Self {
            advertisers: model.advertisers.iter().map(|(&key, record)| (key, Advertiser::clone(record))).collect(),
            requests: model.requests.iter().map(|(&key, record)| (key, RequestRecord::clone(record))).collect(),
            counters: model.meta.keys().map(|key| (key.clone(), model.counter(key))).collect(),
        }
    }

    fn taken(&self, number: u32, id: &str) -> bool {
        self.advertisers.values().any(|other| other.number.0 != number && other.id == id)
    }

    fn check_look_ups(&self, model: &Model) {
        for id in (0..6).map(|id| format!("id-{id}")) {
            let expected =
                self.advertisers.values().find(|record| record.id == id).map(|record| u64::from(record.number.0));
            assert_eq!(model.by_id(Scope::Network, Kind::Advertiser, &id), expected);
            assert_eq!(model.by_name(Scope::Network, Kind::Advertiser, &format!("Advertiser {id}")), expected);
        }
        for key in (0..4).map(|key| format!("key-{key}")) {
            let expected = self.requests.values().find(|record| record.key == key);
            assert_eq!(model.request(&key).map(|record| record.number), expected.map(|record| record.number));
        }
        let children: Vec<u64> = model.children(Scope::Network, Kind::Advertiser, None).collect();
        assert_eq!(children, self.advertisers.keys().copied().collect::<Vec<_>>());
    }
}

/// Runs `changes` up to the next commit, drop or reopening, and says how it ended.
fn one_write(catalog: &Catalog, changes: &mut std::slice::Iter<'_, Change>, naive: &mut Naive) -> Option<Change> {
    let mut write = catalog.write().unwrap();
    let mut next = naive.clone();
    for change in changes {
        match change {
            Change::Put(number, id) => {
                let id = format!("id-{id}");
                if !next.taken(*number, &id) {
                    write.put(advertiser(*number, &id)).unwrap();
                    next.advertisers.insert(u64::from(*number), advertiser(*number, &id));
                }
            }
            Change::Remove(number) => {
                write.remove::<Advertiser>(u64::from(*number)).unwrap();
                next.advertisers.remove(&u64::from(*number));
            }
            Change::Request(number, key) => {
                let (key, fingerprint) = (format!("key-{key}"), String::new());
                if next.requests.values().all(|other| other.number == *number || other.key != key) {
                    let record = RequestRecord { number: *number, key, fingerprint, outcome: 0, create_time: NOW };
                    write.put(record.clone()).unwrap();
                    next.requests.insert(*number, record);
                }
            }
            Change::Count(counter) => {
                let given = write.next(&format!("counter-{counter}")).unwrap();
                let counter = next.counters.entry(format!("counter-{counter}")).or_default();
                *counter += 1;
                assert_eq!(given, *counter);
            }
            Change::Commit => {
                write.commit().unwrap();
                *naive = next;
                return Some(Change::Commit);
            }
            Change::Drop | Change::Reopen => return Some(change.clone()),
        }
        assert_eq!(Naive::of(write.model()), next);
        next.check_look_ups(write.model());
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is put, removed, committed, dropped and reopened: the model is what a plain map would hold.
    #[test]
    fn the_catalog_is_a_plain_map_that_survives(changes in changes()) {
        let folder = tempfile::tempdir().unwrap();
        let mut catalog = Catalog::open(folder.path()).unwrap();
        let (mut naive, mut changes, mut held) = (Naive::default(), changes.iter(), Vec::new());
        loop {
            let ended = one_write(&catalog, &mut changes, &mut naive);
            if matches!(ended, Some(Change::Reopen)) {
                drop(catalog);
                catalog = Catalog::open(folder.path()).unwrap();
            }
            prop_assert_eq!(&Naive::of(&catalog.read()), &naive);
            naive.check_look_ups(&catalog.read());
            // Some readers keep what they took, so the writer must copy; others let it go.
            if matches!(ended, Some(Change::Commit)) && held.len() < 3 {
                held.push((catalog.read(), naive.clone()));
            }
            if ended.is_none() {
                break;
            }
        }
        for (model, then) in &held {
            prop_assert_eq!(&Naive::of(model), then);
        }
        prop_assert!(catalog.verify().unwrap().is_empty());
    }
}
