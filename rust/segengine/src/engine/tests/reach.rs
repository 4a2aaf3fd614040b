//! The reachable profiles, kept and worked on, against a look at every identifier.

use std::collections::BTreeSet;

use super::invariants::{change, email};
use super::*;
use crate::ids::IdentifierId;
use crate::limits::RETENTION_DAYS;
use crate::time::Clock as _;

const DAY_MS: i64 = 86_400_000;

/// Looks at every identifier.
fn naive(engine: &Engine, now: Timestamp) -> Vec<u32> {
    let inner = &engine.inner;
    let oldest = now.day().saturating_sub(RETENTION_DAYS).max(1);
    let ids = (0..inner.identity.len()).map(IdentifierId);
    let reached = ids.filter(|&id| inner.is_addressable(id) && inner.identity.seen_day(id) >= oldest);
    let profiles: BTreeSet<u32> = reached.map(|id| inner.identity.profile(id).0).collect();
    profiles.into_iter().collect()
}

fn asked(engine: &Engine, now: Timestamp) -> Vec<u32> {
    let inner = &engine.inner;
    inner.memberships.with_profile_sets(&[], |sets| inner.reachable(sets, now)).to_vec()
}

/// New identifiers, sightings, links made and withdrawn, components that dissolve and form again, and days that pass: the
/// reachable profiles are always those of whoever was seen.
#[test]
fn the_reachable_are_kept_true_by_what_changes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let engine = Engine::open(&folder.path().join("data"), OpenOptions::new(Arc::clone(&clock) as _)).unwrap();
    found_house(&engine);
    upload(&engine, "One", 0..60).unwrap();
    let mut state = 7_u64;
    let mut draw = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % end).unwrap()
    };
    let user = |number: u32| if number.is_multiple_of(3) { email(number) } else { format!("network:u{number}") };
    let (mut most, mut asks) = (0, 0);
    for _ in 0..700 {
        let now = clock.now();
        match draw(12) {
            0..6 => {
                let mut linking = engine.begin_linking(&ADMIN, draw(4) > 0).unwrap();
                let (one, other) = (user(draw(150)), user(draw(150)));
                linking.push(IdentifierRef::parse(&one).unwrap(), IdentifierRef::parse(&other).unwrap());
                linking.finish((draw(2) == 0).then_some(now), None).unwrap();
            }
            6 => {
                change(&engine, "one", &user(draw(200)), true);
            }
            7 | 8 => {
                let id = IdentifierId(draw(u64::from(engine.inner.identity.len())));
                if engine.inner.is_addressable(id) {
                    engine.inner.saw(id, now.day());
                }
            }
            9 if draw(6) == 0 => clock.set(now.0 + DAY_MS * i64::from(draw(100))),
            _ => {
                let found = asked(&engine, clock.now());
                assert_eq!(found, naive(&engine, clock.now()));
                (most, asks) = (most.max(found.len()), asks + 1);
            }
        }
    }
    assert!(most > 20 && asks > 80, "{most} at most of {asks} questions");
    verify(&engine);
}
