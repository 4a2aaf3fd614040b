//! The naive model: what the directory must hold after what was acknowledged, and what it may hold besides.
//!
//! Sets of users and nothing clever, so that it can be checked by reading. A [`Ledger`] takes the worker's lines one by
//! one; when the worker is dead, [`Ledger::outcomes`] are the states in which the directory may be found: without the
//! step that was on its way, or with the whole of it. Source of the meaning: docs/concepts, invariants 7, 8 and 11.

use std::collections::{BTreeMap, BTreeSet};

use crate::census::{Census, Segment};
use crate::house::{LASTING, SEGMENTS, USERS};
use crate::plan::{Asks, Edit, Plan, Step};

/// Identifiers of a component above which it is a shared device and is dissolved.
const DISSOLVED_ABOVE: usize = 50;

/// What is acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Every existing segment, with its members once it has some version.
    segments: BTreeMap<u32, Option<BTreeSet<u32>>>,
    links: BTreeSet<(u32, u32)>,
    adgroups: BTreeMap<u32, Asks>,
    /// Users whose identifiers must be known.
    known: BTreeSet<u32>,
    /// A replacement that was accepted and is not published: its segment, and the members that it will have.
    coming: Option<(u32, BTreeSet<u32>)>,
}

impl State {
    fn edit(&mut self, edit: &Edit) {
        let Some(live) = self.segments.get_mut(&edit.segment) else { return };
        let change = |set: &mut BTreeSet<u32>| {
            for &user in &edit.users {
                if edit.add {
                    set.insert(user)
                } else {
                    set.remove(&user)
                };
            }
        };
        if edit.add || live.is_some() {
            change(live.get_or_insert_default());
        }
        if let Some((segment, members)) = &mut self.coming
            && *segment == edit.segment
        {
            change(members);
        }
        if edit.add {
            self.known.extend(&edit.users);
        }
    }

    fn publish(&mut self) {
        if let Some((segment, members)) = self.coming.take() {
            self.segments.insert(segment, Some(members));
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Upload { members, .. } => {
                self.known.extend(members);
                self.publish();
            }
            Step::Load(parts) => {
                for (segment, users) in parts {
                    self.known.extend(users);
                    self.segments.insert(*segment, Some(users.iter().copied().collect()));
                }
            }
            Step::Edit(edit) => self.edit(edit),
            Step::Link { pairs, add } => {
                for &(one, other) in pairs {
                    let pair = (one.min(other), one.max(other));
                    if *add {
                        self.known.extend([one, other]);
                    }
                    if one != other {
                        if *add {
                            self.links.insert(pair)
                        } else {
                            self.links.remove(&pair)
                        };
                    }
                }
            }
            Step::Upsert(adgroups) => self.adgroups.extend(adgroups.iter().cloned()),
            Step::Retarget(number, asks) => {
                if let Some(known) = self.adgroups.get_mut(number) {
                    known.clone_from(asks);
                }
            }
            Step::Drop(number) => drop(self.adgroups.remove(number)),
            Step::DropSegment(segment) => drop(self.segments.remove(segment)),
        }
    }

    /// The segments that exist from the beginning.
    pub fn furnish(&mut self) {
        for segment in 0..LASTING {
            self.segments.entry(segment).or_default();
        }
    }

    /// The state after a step that was done from beginning to end, with its changes in between.
    #[must_use]
    pub fn after(&self, step: &Step) -> Self {
        let mut after = self.clone();
        if let Step::Upload { segment, members, reading, filling } = step {
            after.coming = Some((*segment, members.iter().copied().collect()));
            reading.iter().chain(filling).for_each(|edit| after.edit(edit));
        }
        after.apply(step);
        after
    }

    /// The smallest user of each user's component; a component of more than 50 is dissolved.
    fn people(&self) -> Vec<u32> {
        let mut neighbours: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &(one, other) in &self.links {
            neighbours.entry(one).or_default().push(other);
            neighbours.entry(other).or_default().push(one);
        }
        let mut person: Vec<u32> = (0..USERS).collect();
        let mut seen = BTreeSet::new();
        for first in 0..USERS {
            if !seen.insert(first) {
                continue;
            }
            let mut component = vec![first];
            let mut next = 0;
            while let Some(&user) = component.get(next) {
                next += 1;
                let others = neighbours.get(&user).into_iter().flatten();
                component.extend(others.copied().filter(|&other| seen.insert(other)));
            }
            if component.len() <= DISSOLVED_ABOVE {
                component.iter().for_each(|&user| person[user as usize] = first);
            }
        }
        person
    }

    fn answers(&self, asks: &Asks, is_in: impl Fn(u32) -> bool) -> bool {
        let is_ready = |segment: &u32| self.segments.get(segment).is_some_and(Option::is_some);
        asks.exclude.iter().all(is_ready)
            && asks.include.iter().all(|group| group.iter().any(|&segment| is_in(segment)))
            && !asks.exclude.iter().any(|&segment| is_in(segment))
    }

    /// What an engine in this state says.
    #[must_use]
    pub fn census(&self) -> Census {
        let people = self.people();
        let of_person = |set: &BTreeSet<u32>| {
            let persons: BTreeSet<u32> = set.iter().map(|&user| people[user as usize]).collect();
            (0..USERS).filter(|&user| persons.contains(&people[user as usize])).collect::<BTreeSet<u32>>()
        };
        let segments: BTreeMap<u32, Segment> = self
            .segments
            .iter()
            .map(|(&number, set)| {
                let identifiers = set.as_ref().map_or(0, |set| set.len() as u64);
                (number, Segment { identifiers, members: set.as_ref().map(of_person) })
            })
            .collect();
        let is_in = |user: u32, segment: u32| {
            segments.get(&segment).is_some_and(|it| it.members.as_ref().is_some_and(|set| set.contains(&user)))
        };
        let answers = (0..USERS).map(|user| {
            let holds = self.adgroups.iter().filter(|(_, asks)| self.answers(asks, |segment| is_in(user, segment)));
            holds.map(|(&number, _)| number).collect()
        });
        Census {
            known: self.known.clone(),
            answers: answers.collect(),
            adgroups: self.adgroups.clone(),
            people,
            segments,
        }
    }
}

/// What the worker has said so far.
pub struct Ledger {
    state: State,
    plan: Plan,
    step: Option<Step>,
    accepted: bool,
    edit: Option<Edit>,
    /// Steps that were acknowledged.
    pub acknowledged: u64,
}

impl Ledger {
    /// The books of a new house, or those after an earlier round, for the worker of `seed`.
    #[must_use]
    pub fn new(mut state: State, seed: u64) -> Self {
        state.furnish();
        debug_assert!(state.segments.keys().all(|&segment| segment < SEGMENTS), "a segment that no plan knows");
        Self { state, plan: Plan::new(seed), step: None, accepted: false, edit: None, acknowledged: 0 }
    }

    /// Takes one line of the worker.
    pub fn take(&mut self, line: &str) {
        match line {
            "begin" => (self.step, self.accepted) = (self.plan.next(), false),
            "accepted" => {
                if let Some(Step::Upload { segment, members, .. }) = &self.step {
                    self.state.coming = Some((*segment, members.iter().copied().collect()));
                    self.accepted = true;
                }
            }
            "reading" | "filling" => {
                if let Some(Step::Upload { reading, filling, .. }) = &self.step {
                    self.edit.clone_from(if line == "reading" { reading } else { filling });
                }
            }
            "edited" => self.edit.take().iter().for_each(|edit| self.state.edit(edit)),
            "done" => {
                self.step.take().iter().for_each(|step| self.state.apply(step));
                self.acknowledged += 1;
            }
            _ => {}
        }
    }

    /// Whether something was on its way.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        self.step.is_some()
    }

    /// The states in which the directory may be found: without what was on its way, or with the whole of it.
    #[must_use]
    pub fn outcomes(&self) -> Vec<State> {
        let mut outcomes = vec![self.state.clone()];
        let mut whole = self.state.clone();
        match (&self.edit, &self.step) {
            // A change while a file is taken in: the file cannot be published before the change returns.
            (Some(edit), _) => whole.edit(edit),
            (None, Some(Step::Upload { .. })) if !self.accepted => {}
            (None, Some(step)) => whole.apply(step),
            (None, None) => {}
        }
        outcomes.push(whole);
        outcomes.iter_mut().for_each(|state| state.coming = None);
        outcomes.dedup();
        outcomes
    }
}
