//! Match while everything changes: latency idle beside latency under 100,000 membership and link changes a second, under
//! adgroup edits, under publishes of a large segment, and under checkpoints of all records; and the reach of an expression
//! of 15 literals idle and under the same changes.
//!
//! `under_changes DATA DIGESTS ROUNDS SECONDS SET`: `DATA` is a directory that holds the campaign `bench/w1`, `DIGESTS`
//! has the MD5 of each of its users, 16 bytes each, `SET` is the expression whose reach is asked for. The phases of a round take turns: one reader asks for all adgroups of one
//! user after the other, and a writer works beside it. What it changes (segments that no other adgroup reads, links to
//! ids that are in no segment) leaves the answers for the users that are compared as they are, which is checked in every
//! phase. Prints one JSON object with every round, times in microseconds.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool: it may stop where it stands")]

mod writers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use segengine::engine::caller::Caller;
use segengine::engine::formats::{IdentifierRef, Kind};
use segengine::engine::{Candidates, Engine, MatchQuestion, MatchScratch, OpenOptions};
use segengine_server::clock::SystemClock;

use writers::Written;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Users whose answers are compared in every phase.
const COMPARED: usize = 300;

/// Who is asked about.
pub(crate) struct Users(Vec<[u8; 16]>);

impl Users {
    fn read(path: &str) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut users: Vec<[u8; 16]> = bytes.as_chunks::<16>().0.to_vec();
        // By a stride that is no multiple of anything, so that neighbors in a file are not asked one after the other.
        let count = users.len();
        let order: Vec<[u8; 16]> = (0..count).map(|place| users[(place * 7_919) % count]).collect();
        users.copy_from_slice(&order);
        Self(users)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them, from the beginning again after the last.
    pub(crate) fn get(&self, number: usize) -> IdentifierRef<'_> {
        IdentifierRef::check(Kind::EmailMd5, &self.0[number % self.0.len()], "").unwrap()
    }
}

/// Asks for all adgroups of one user.
fn ask(engine: &Engine, user: IdentifierRef<'_>, scratch: &mut MatchScratch) {
    let question = MatchQuestion::about(Candidates::All);
    engine.match_one(&Caller::local_admin(), std::iter::once(Some(user)), &question, scratch).unwrap();
}

/// Asks for all adgroups of the user at a place.
fn match_all(house: &writers::House, place: usize, scratch: &mut MatchScratch) -> Duration {
    let user = house.users.get(place);
    let asked = Instant::now();
    ask(&house.engine, user, scratch);
    asked.elapsed()
}

/// Answers of some users, each sorted.
fn answers(engine: &Engine, users: &Users) -> Vec<Vec<u32>> {
    let mut scratch = MatchScratch::default();
    let answer = |number| {
        ask(engine, users.get(number), &mut scratch);
        let mut adgroups = scratch.adgroups().to_vec();
        adgroups.sort_unstable();
        adgroups
    };
    (0..COMPARED.min(users.len())).map(answer).collect()
}

/// Counts the profiles of an expression of 15 literals, of which one segment's members change. People ask so now and
/// then: between two questions there are changes.
fn reach(house: &writers::House, _: usize, _: &mut MatchScratch) -> Duration {
    std::thread::sleep(Duration::from_millis(10));
    let asked = Instant::now();
    house.engine.count(&Caller::local_admin(), &house.reached).unwrap();
    asked.elapsed()
}

/// What the reader does, again and again; returns how long it took.
type Reader = fn(&writers::House, usize, &mut MatchScratch) -> Duration;

/// What a phase does beside the reader.
type Writer = fn(&writers::House, &AtomicBool) -> Written;

/// Reads for a while with a writer beside it: microseconds of each answer, sorted, what the writer did, and whether the
/// compared users got their answers meanwhile.
fn phase(
    house: &writers::House,
    first: &mut usize,
    length: Duration,
    (reader, writer): (Reader, Option<Writer>),
) -> (Vec<f64>, Written, usize) {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, own) = (Arc::clone(&stop), house.clone());
    let writing = writer.map(|writer| std::thread::spawn(move || writer(&own, &stopped)));
    let mut scratch = MatchScratch::default();
    let (begun, mut micros) = (Instant::now(), Vec::new());
    while begun.elapsed() < length {
        for _ in 0..64 {
            micros.push(reader(house, *first, &mut scratch).as_secs_f64() * 1e6);
            *first += 1;
        }
    }
    let found = answers(&house.engine, &house.users);
    let wrong = found.iter().zip(&*house.expected).filter(|(found, expected)| found != expected).count();
    stop.store(true, Ordering::Relaxed);
    let written = writing.map(|thread| thread.join().unwrap()).unwrap_or_default();
    micros.sort_by(f64::total_cmp);
    (micros, written, wrong)
}

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted
        .get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, digests, rounds, seconds, set] = arguments.get(..5).unwrap() else { unreachable!() };
    let options = OpenOptions { create: false, ..OpenOptions::new(Arc::new(SystemClock)) };
    let engine = Engine::open(Path::new(data), options).unwrap();
    let users = Users::read(digests);
    let house = writers::House::new(engine, users, set);
    let length = Duration::from_secs_f64(seconds.parse().unwrap());
    let phases: [(&str, Reader, Option<Writer>); 7] = [
        ("idle", match_all, None),
        ("changes", match_all, Some(writers::change)),
        ("edits", match_all, Some(writers::edit)),
        ("publishes", match_all, Some(writers::publish)),
        ("checkpoints", match_all, Some(writers::checkpoint)),
        ("reach idle", reach, None),
        ("reach changes", reach, Some(writers::change)),
    ];
    let (mut kept, mut wrong, mut first) = (BTreeMap::<String, Vec<f64>>::new(), BTreeMap::<String, usize>::new(), 0);
    phase(&house, &mut first, length / 4, (match_all, None));
    for round in 0..rounds.parse().unwrap() {
        for place in 0..phases.len() {
            let (name, reader, writer) = phases[(place + round) % phases.len()];
            let (micros, mut written, mistaken) = phase(&house, &mut first, length, (reader, writer));
            *wrong.entry(name.to_owned()).or_default() += mistaken + written.wrong;
            let mut keep = |what: &str, value: f64| kept.entry(format!("{name}: {what}")).or_default().push(value);
            keep("p50", at(&micros, 0.5));
            keep("p99", at(&micros, 0.99));
            keep("p99.9", at(&micros, 0.999));
            keep("max", at(&micros, 1.0));
            if writer.is_some() {
                written.visible_us.sort_by(f64::total_cmp);
                written.call_us.sort_by(f64::total_cmp);
                keep("done/s", written.done as f64 / written.seconds);
                keep("call p50", at(&written.call_us, 0.5));
                keep("call p99", at(&written.call_us, 0.99));
                keep("visible p50", at(&written.visible_us, 0.5));
                keep("visible p99", at(&written.visible_us, 0.99));
            }
        }
    }
    house.engine.close().unwrap();
    println!("{}", serde_json::json!({ "rounds": kept, "wrong": wrong }));
}
