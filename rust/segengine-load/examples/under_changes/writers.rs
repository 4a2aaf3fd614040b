//! What works beside the reader: changes of members and links, edits of an adgroup, publishes of a large segment,
//! checkpoints of all records.
//!
//! After each write, a Match asks for what it changed until the answer has it: the time from the acknowledgement is when
//! the change became visible.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use segengine::engine::caller::Caller;
use segengine::engine::formats::IdentifierRef;
use segengine::engine::management::{
    AdgroupChanges, AdgroupSettings, Mutation, NewAdgroup, NewName, Status, Targeting,
};
use segengine::engine::names::{AdgroupName, CampaignName, Parent, SegmentName};
use segengine::engine::{Candidates, Engine, MatchQuestion, MatchScratch, SetQuery};

use crate::Users;

const CAMPAIGN: &str = "bench/w1";
/// Changes of one call; fifty calls a second make 100,000 changes.
const CHANGES: usize = 2_000;
const CALLS_PER_SECOND: f64 = 50.0;
/// Every tenth call links, the others change members.
const LINKS_EVERY: usize = 10;
/// Of the links of two calls, so many are taken back: visitors gain ids and seldom lose one. To take one back asks for
/// each segment of the user which of the two it came from, some 100 µs where the sets are in no cache.
const WITHDRAWN: usize = 100;
/// Segments whose members change; no adgroup of the workload reads them.
const CHURNED: usize = 9;
/// Between two edits or publishes.
const PAUSE: Duration = Duration::from_millis(50);

/// What the phases share.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) users: Arc<Users>,
    pub(crate) expected: Arc<Vec<Vec<u32>>>,
    /// The set whose reach is asked for.
    pub(crate) reached: SetQuery,
    /// The adgroup that is edited, and its integer id.
    edited: (AdgroupName, u32),
    /// The integer id of an adgroup that reads the first churned segment alone.
    probe: u32,
}

/// What a writer did.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) done: u64,
    pub(crate) seconds: f64,
    /// From the call to its acknowledgement.
    pub(crate) call_us: Vec<f64>,
    /// From the acknowledgement to the answer that has the change.
    pub(crate) visible_us: Vec<f64>,
    pub(crate) wrong: usize,
}

fn admin() -> Caller {
    Caller::local_admin()
}

fn segment(number: usize) -> SegmentName {
    SegmentName::parse(&format!("{CAMPAIGN}/churn-{number}")).unwrap()
}

fn include(name: &str) -> Targeting {
    Targeting::Groups { include: vec![vec![name.to_owned()]], exclude: Vec::new() }
}

impl House {
    pub(crate) fn new(engine: Engine, users: Users, set: &str) -> Self {
        let last = users.len() - 1;
        load(
            &engine,
            &users,
            last..last + 1,
            &(0..CHURNED).map(|number| format!("churn-{number}")).collect::<Vec<_>>(),
        );
        let campaign = CampaignName::parse(CAMPAIGN).unwrap();
        let made = |name: &str, segment: &str| {
            let settings =
                AdgroupSettings { targeting: include(segment), status: Status::Active, ..Default::default() };
            let new = NewAdgroup { name: NewName::of(name), settings };
            engine.create_adgroup(&admin(), &campaign, &new, &Mutation::default()).unwrap()
        };
        let (probe, edited) = (made("probe", "churn-0"), made("edited", "churn-3"));
        let expected = Arc::new(crate::answers(&engine, &users));
        let edited = (edited.name.clone(), edited.record.number.0);
        let parent = Some(Parent::parse(CAMPAIGN).unwrap());
        let reached = SetQuery::Expression { parent, text: set.to_owned() };
        Self { users: Arc::new(users), expected, reached, edited, probe: probe.record.number.0, engine }
    }

    /// Whether a user may see an adgroup.
    fn shows(&self, user: IdentifierRef<'_>, adgroup: u32, scratch: &mut MatchScratch) -> bool {
        let question = MatchQuestion::about(Candidates::Only(std::slice::from_ref(&adgroup)));
        self.engine.match_one(&admin(), std::iter::once(Some(user)), &question, scratch).unwrap();
        !scratch.adgroups().is_empty()
    }

    /// Adds users to a churned segment, or removes them.
    fn members(&self, number: usize, from: usize, add: bool) {
        let users = (from..from + CHANGES).map(|user| Some(self.users.get(user)));
        self.engine.change_members(&admin(), &segment(number), users, add, None).unwrap();
    }

    /// Links users to new ids of their own, or takes such links back.
    fn links(&self, block: usize, which: std::ops::Range<usize>, add: bool) {
        let mut linking = self.engine.begin_linking(&admin(), add).unwrap();
        for user in which {
            let other = format!("network:churn-{block}-{user}");
            linking.push(self.users.get(user), IdentifierRef::check_text(&other).unwrap());
        }
        linking.finish(None, None).unwrap();
    }
}

fn load(engine: &Engine, users: &Users, which: std::ops::Range<usize>, names: &[String]) {
    let parent = Parent::parse(CAMPAIGN).unwrap();
    let mut load = engine.begin_load(&admin(), &parent, names.to_vec(), None).unwrap();
    for place in 0..u32::try_from(names.len()).unwrap() {
        for user in which.clone() {
            load.push(Ok(users.get(user)), place, 0).unwrap();
        }
    }
    load.finish().unwrap();
}

impl Written {
    /// Runs one write, then looks until its effect is there.
    fn write(&mut self, changes: usize, write: impl FnOnce(), mut is_visible: impl FnMut() -> bool) {
        let called = Instant::now();
        write();
        let acknowledged = Instant::now();
        self.call_us.push(acknowledged.duration_since(called).as_secs_f64() * 1e6);
        while !is_visible() {
            if acknowledged.elapsed() > Duration::from_secs(1) {
                self.wrong += 1;
                break;
            }
        }
        self.visible_us.push(acknowledged.elapsed().as_secs_f64() * 1e6);
        self.done += changes as u64;
    }
}

/// 100,000 changes a second, as far as the engine takes them: of each pair of calls one adds members and one takes them
/// back, or both link.
pub(crate) fn change(house: &House, stop: &AtomicBool) -> Written {
    let (mut written, mut scratch, begun) = (Written::default(), MatchScratch::default(), Instant::now());
    // The compared users are in no block.
    let blocks = (house.users.len() - crate::COMPARED) / CHANGES - 1;
    for call in 0.. {
        let (block, add) = (call / 2, call % 2 == 0);
        if add && stop.load(Ordering::Relaxed) {
            break;
        }
        let due = begun + Duration::from_secs_f64(call as f64 / CALLS_PER_SECOND);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let from = crate::COMPARED + block % blocks * CHANGES;
        let is_link = block % LINKS_EVERY == LINKS_EVERY - 1;
        let number = block % CHURNED;
        let write = || match (is_link, add) {
            (false, _) => house.members(number, from, add),
            (true, true) => house.links(block, from..from + CHANGES, true),
            (true, false) => {
                house.links(block, from..from + WITHDRAWN, false);
                house.links(block, from + CHANGES..from + 2 * CHANGES - WITHDRAWN, true);
            }
        };
        let is_seen = !is_link && number == 0;
        written.write(CHANGES, write, || {
            !is_seen || house.shows(house.users.get(from + CHANGES - 1), house.probe, &mut scratch) == add
        });
        if !is_seen {
            written.visible_us.pop();
        }
    }
    written.seconds = begun.elapsed().as_secs_f64();
    written
}

/// Edits an adgroup again and again, so that the index is swapped; each edit is taken back.
pub(crate) fn edit(house: &House, stop: &AtomicBool) -> Written {
    let (mut written, mut scratch, begun) = (Written::default(), MatchScratch::default(), Instant::now());
    let member = house.users.get(crate::COMPARED);
    house.members(1, crate::COMPARED, true);
    let (name, id) = &house.edited;
    while !stop.load(Ordering::Relaxed) {
        for (segment, wanted) in [("churn-1", true), ("churn-3", false)] {
            let changes = AdgroupChanges { targeting: Some(include(segment)), ..Default::default() };
            let write = || drop(house.engine.update_adgroup(&admin(), name, &changes, &Mutation::default()).unwrap());
            written.write(1, write, || house.shows(member, *id, &mut scratch) == wanted);
        }
        std::thread::sleep(PAUSE);
    }
    house.members(1, crate::COMPARED, false);
    written.seconds = begun.elapsed().as_secs_f64();
    written
}

/// Publishes new versions of a segment that holds a fifth of all users.
pub(crate) fn publish(house: &House, stop: &AtomicBool) -> Written {
    let (mut written, begun) = (Written::default(), Instant::now());
    let large = house.users.len() / 5;
    for version in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let from = crate::COMPARED + version % 2;
        written.write(
            large,
            || load(&house.engine, &house.users, from..from + large, &["churn-2".to_owned()]),
            || true,
        );
        std::thread::sleep(PAUSE);
    }
    load(&house.engine, &house.users, 0..1, &["churn-2".to_owned()]);
    written.seconds = begun.elapsed().as_secs_f64();
    written
}

/// Checkpoints all records again and again, without the rests that the engine itself takes.
pub(crate) fn checkpoint(house: &House, stop: &AtomicBool) -> Written {
    let (mut written, begun) = (Written::default(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let write = || assert!(house.engine.checkpoint(&admin()).unwrap().bytes > 0, "an empty checkpoint");
        written.write(1, write, || true);
        std::thread::sleep(PAUSE);
    }
    written.seconds = begun.elapsed().as_secs_f64();
    written
}
