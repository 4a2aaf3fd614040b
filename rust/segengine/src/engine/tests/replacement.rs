//! Replacing a segment of a million members is atomic for every user, while batches are answered.

use std::collections::BTreeMap;
use std::sync::Mutex as StdMutex;

use super::*;

/// Members of every version: always in.
const CORE: u32 = 200_000;
/// Further members of a version: in by turns.
const HALF: u32 = 800_000;
/// Replacements after the first version.
const ROUNDS: u32 = 3;

fn digest(number: u32) -> [u8; 16] {
    u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C59_1B1D_7A31).wrapping_add(1).to_le_bytes()
}

fn half(turn: u32) -> std::ops::Range<u32> {
    let start = CORE + turn % 2 * HALF;
    start..start + HALF
}

fn replace(engine: &Engine, turn: u32) -> GenerationNumber {
    let target = UploadTarget::Named { parent: campaign(), display_name: "Wide".to_owned(), id: None };
    let UploadBegun::Accepted(mut upload) = engine.begin_upload(&ADMIN, &target, UploadSettings::default()).unwrap()
    else {
        panic!("it was not repeated")
    };
    let members: Vec<u32> = (0..CORE).chain(half(turn)).collect();
    for chunk in members.chunks(65_536) {
        upload.feed_md5(chunk.iter().flat_map(|&number| digest(number)).collect::<Vec<u8>>().as_slice()).unwrap();
    }
    upload.finish(&ADMIN).unwrap().record.generation.unwrap()
}

/// One batch: its generation and, for each user, whether P (includes the segment) and Q (excludes it) were shown.
struct Seen {
    generation: GenerationNumber,
    users: Vec<(u32, bool, bool)>,
}

fn ask(engine: &Engine, seed: &mut u64, scratch: &mut MatchScratch) -> Seen {
    let numbers: Vec<u32> = (0..64)
        .map(|_| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((*seed >> 33) % u64::from(CORE + 2 * HALF)) as u32
        })
        .collect();
    let values: Vec<[u8; 16]> = numbers.iter().map(|&number| digest(number)).collect();
    let users = values.iter().map(|value| [IdentifierRef::new(crate::identity::Kind::EmailMd5, value, "").ok()]);
    let question = MatchQuestion::about(Candidates::All);
    let answered = engine.match_batch(&ADMIN, users, BatchCandidates::All, &question, scratch).unwrap();
    let users = numbers.iter().enumerate().map(|(place, &number)| {
        let [start, end] = [answered.offsets[place] as usize, answered.offsets[place + 1] as usize];
        let shown = &answered.adgroups[start..end];
        (number, shown.contains(&1), shown.contains(&2))
    });
    Seen { generation: answered.generation, users: users.collect() }
}

/// Each batch equals exactly the version that its generation names, and members of both versions are never seen out.
#[test]
fn every_batch_equals_the_version_of_its_generation() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("data"));
    found_house(&engine);
    let mut turns = BTreeMap::from([(replace(&engine, 0), 0)]);
    put_adgroup(&engine, 1, &[0], &[]);
    put_adgroup(&engine, 2, &[], &[0]);
    let first = engine.generation();
    let done = AtomicBool::new(false);
    let seen = StdMutex::new(Vec::new());
    std::thread::scope(|threads| {
        for thread in 1..=4_u64 {
            let (engine, done, seen) = (&engine, &done, &seen);
            threads.spawn(move || {
                let (mut seed, mut scratch, mut mine) = (thread * 7_919, MatchScratch::default(), Vec::new());
                while !done.load(Ordering::Relaxed) {
                    mine.push(ask(engine, &mut seed, &mut scratch));
                }
                seen.lock().unwrap().append(&mut mine);
            });
        }
        for turn in 1..=ROUNDS {
            turns.insert(replace(&engine, turn), turn);
        }
        done.store(true, Ordering::Relaxed);
    });
    let seen = seen.into_inner().unwrap();
    let mut generations = std::collections::BTreeSet::new();
    for batch in &seen {
        // Generations between two replacements serve the version of the one before them.
        let (_, &turn) = turns.range(..=batch.generation).next_back().unwrap();
        generations.insert(turn);
        assert!(batch.generation >= first);
        for &(number, p, q) in &batch.users {
            let member = number < CORE || half(turn).contains(&number);
            assert_eq!((p, q), (member, !member), "user {number} in generation {} of turn {turn}", batch.generation);
        }
    }
    println!("{} batches of 64 users over {} versions", seen.len(), generations.len());
    assert!(seen.len() > 100 && generations.len() >= 2, "the replacements were not seen from within");
    engine.drain_sweeps();
    verify(&engine);
}
