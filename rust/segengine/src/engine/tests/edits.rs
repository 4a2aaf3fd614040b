//! Every edit of an adgroup is seen by the next Match and by it alone, whether the index was revised, rebuilt or given a
//! new base aside.

use std::collections::BTreeMap;

use super::*;
use crate::targeting::{AdgroupIndex as _, PlaneIndex};

/// Who is in segment n: users n × 20 to n × 20 + 60.
const USERS: u32 = 180;

/// What an adgroup asks, as the test keeps it.
#[derive(Clone)]
struct Asked {
    include: Vec<u32>,
    exclude: Vec<u32>,
    active: bool,
}

impl Asked {
    fn random(random: &mut u64, segments: &[u32]) -> Self {
        let mut draw = |end: usize| {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*random >> 33) as usize % end
        };
        let include: Vec<u32> = (0..draw(3)).map(|_| segments[draw(segments.len())]).collect();
        let exclude: Vec<u32> = (0..draw(2)).map(|_| segments[draw(segments.len())]).collect();
        let exclude = exclude.into_iter().filter(|segment| !include.contains(segment)).collect();
        Self { include, exclude, active: draw(5) > 0 }
    }

    fn holds(&self, held: &[u32]) -> bool {
        let any = |list: &[u32]| list.iter().any(|segment| held.contains(segment));
        self.active && (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

fn put(engine: &Engine, edits: &[(u32, Option<Asked>)]) {
    let mut change = engine.inner.change().unwrap();
    for (number, asked) in edits {
        change.touch([u64::from(*number)]);
        let Some(asked) = asked else {
            change.write.remove::<catalog::Adgroup>(u64::from(*number)).unwrap();
            continue;
        };
        let mut include: Vec<_> = asked.include.iter().copied().map(SegmentNumber).collect();
        include.sort_unstable();
        include.dedup();
        let exclude: Vec<_> = asked.exclude.iter().copied().map(SegmentNumber).collect();
        let record = catalog::Adgroup {
            number: AdgroupId(*number),
            campaign: CampaignNumber(0),
            id: format!("a{number}"),
            display_name: format!("A{number}"),
            status: if asked.active { Status::Active } else { Status::Paused },
            start: None,
            end: None,
            targeting: StoredTargeting::Groups {
                include: Vec::from_iter(Some(include).filter(|l| !l.is_empty())),
                exclude,
            },
            serve_on_missing_exclude: false,
            create_time: change.now,
            update_time: change.now,
            revision: change.revision,
        };
        change.write.put(record).unwrap();
    }
    change.commit().unwrap();
}

fn compare(engine: &Engine, all: &BTreeMap<u32, Asked>, segments: &[u32], campaign_active: bool) {
    for user in (0..USERS).step_by(13) {
        let held: Vec<u32> = segments
            .iter()
            .zip(0..)
            .filter(|(_, place)| (place * 20..place * 20 + 60).contains(&user))
            .map(|(number, _)| *number)
            .collect();
        let expected: Vec<u32> =
            all.iter().filter(|(_, asked)| campaign_active && asked.holds(&held)).map(|(number, _)| *number).collect();
        assert_eq!(answer(engine, &format!("email_md5:{}", hash(user))), expected, "user {user}");
    }
}

fn set_campaign(engine: &Engine, status: Status) {
    let mut change = engine.inner.change().unwrap();
    let record = change.model().campaigns.get(&0).cloned().unwrap();
    change.write.put(catalog::Campaign { status, ..catalog::Campaign::clone(&record) }).unwrap();
    let adgroups: Vec<u64> = change.model().adgroups.keys().copied().collect();
    change.touch(adgroups);
    change.commit().unwrap();
}

#[test]
fn every_edit_is_seen_at_once_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    for place in 0..6 {
        upload(&engine, &format!("s{place}"), place * 20..place * 20 + 60).unwrap();
    }
    let segments: Vec<u32> = engine.inner.catalog.read().segments.values().map(|segment| segment.number.0).collect();
    assert_eq!(segments.len(), 6);
    let mut random = 5;
    let mut all = BTreeMap::new();
    let many = PlaneIndex::RECENT as u32 * 2;
    for (round, size) in [1, 40, many, 3, many * 5, 2].into_iter().enumerate() {
        // Fresh adgroups, then edits and removals of any that are there.
        let first = all.keys().next_back().map_or(1, |last| last + 1);
        let fresh: Vec<_> =
            (first..first + size).map(|number| (number, Some(Asked::random(&mut random, &segments)))).collect();
        let edited: Vec<_> = all
            .keys()
            .copied()
            .step_by(17)
            .zip(0..)
            .map(|(number, place)| (number, (place % 3 != 0).then(|| Asked::random(&mut random, &segments))))
            .collect();
        for edits in [fresh, edited] {
            put(&engine, &edits);
            for (number, asked) in edits {
                match asked {
                    Some(asked) => drop(all.insert(number, asked)),
                    None => drop(all.remove(&number)),
                }
            }
            compare(&engine, &all, &segments, true);
        }
        engine.inner.sweeper.drain();
        compare(&engine, &all, &segments, true);
        let recent = engine.inner.publisher.lock().compiled.recent_len();
        assert!(recent <= PlaneIndex::RECENT, "round {round}: {recent} adgroups stand beside the base");
    }
    set_campaign(&engine, Status::Paused);
    compare(&engine, &all, &segments, false);
    set_campaign(&engine, Status::Active);
    compare(&engine, &all, &segments, true);
    // A write that fails at its commit leaves nothing behind, neither in the answers nor in what later writes are made
    // from, those that touch no adgroup among them.
    let (&number, _) = all.iter().next().unwrap();
    let (&other, edit) = all.iter().next_back().map(|(other, asked)| (other, asked.clone())).unwrap();
    let mut change = engine.inner.change().unwrap();
    change.write.remove::<catalog::Adgroup>(u64::from(number)).unwrap();
    change.touch([u64::from(number)]);
    assert!(change.next_generation().unwrap().is_some());
    drop(change);
    engine.inner.change().unwrap().commit().unwrap();
    put(&engine, &[(other, Some(edit))]);
    compare(&engine, &all, &segments, true);
    let before = engine.inner.generation.load().serving.index.len();
    assert_eq!(before, all.len());
    drop(engine);
    compare(&open(&folder.path().join("data")), &all, &segments, true);
}

#[test]
fn edits_while_a_base_is_built_aside_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    upload(&engine, "s0", 0..60).unwrap();
    let segments: Vec<u32> = engine.inner.catalog.read().segments.values().map(|segment| segment.number.0).collect();
    let asked = |active| Asked { include: segments.clone(), exclude: Vec::new(), active };
    let mut all: BTreeMap<u32, Asked> =
        (1..=PlaneIndex::RECENT as u32 + 1).map(|number| (number, asked(true))).collect();
    put(&engine, &all.iter().map(|(number, asked)| (*number, Some(asked.clone()))).collect::<Vec<_>>());
    // Many times over, so that edits fall before, during and after the building of a base.
    for round in 0..60 {
        let number = 1 + round * 17;
        let edit = asked(round % 2 == 0);
        put(&engine, &[(number, Some(edit.clone()))]);
        all.insert(number, edit);
        if round % 10 == 0 {
            let touched: Vec<_> = all.iter().map(|(number, asked)| (*number, Some(asked.clone()))).collect();
            put(&engine, &touched);
        }
        compare(&engine, &all, &segments, true);
    }
    engine.inner.sweeper.drain();
    compare(&engine, &all, &segments, true);
}
