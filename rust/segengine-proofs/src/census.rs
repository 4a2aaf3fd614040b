//! What a reopened engine says of every identifier, every segment and every adgroup.
//!
//! It asks by the public calls only: who is one person with whom, who is in which segment, which adgroups answer for
//! whom. The same is computed from the ledger's sets, and both must be equal.

use std::collections::{BTreeMap, BTreeSet};

use segengine::Result;
use segengine::engine::formats::IdentifierRef;
use segengine::engine::management::{PageRequest, Targeting};
use segengine::engine::names::SegmentName;
use segengine::engine::{BatchCandidates, Candidates, Engine, MatchQuestion, MatchScratch, SetQuery, VerifyStep};

use crate::house::{ADMIN, SEGMENTS, USERS, campaign, segment, user};
use crate::plan::Asks;

/// One segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Identifiers in the version that serves.
    pub identifiers: u64,
    /// The users whose person is a member; nothing while no version serves.
    pub members: Option<BTreeSet<u32>>,
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Users whose identifiers are known.
    pub known: BTreeSet<u32>,
    /// The smallest user that is one person with each user.
    pub people: Vec<u32>,
    /// The segments that exist.
    pub segments: BTreeMap<u32, Segment>,
    /// What each adgroup asks.
    pub adgroups: BTreeMap<u32, Asks>,
    /// The adgroups that answer for each user.
    pub answers: Vec<BTreeSet<u32>>,
}

impl Census {
    /// Asks an engine.
    ///
    /// # Errors
    /// What its calls say.
    pub fn of(engine: &Engine) -> Result<Self> {
        let names: Vec<String> = (0..USERS).map(user).collect();
        let identifiers = || names.iter().map(|name| IdentifierRef::parse(name).ok());
        let (profiles, _) = engine.resolve(&ADMIN, identifiers())?;
        let mut census = Self { people: people(&profiles), ..Self::default() };
        census.known =
            (0..USERS).zip(&profiles).filter(|(_, profile)| profile.is_some()).map(|(user, _)| user).collect();
        for number in 0..SEGMENTS {
            if let Some(found) = one_segment(engine, &segment(number), &profiles)? {
                census.segments.insert(number, found);
            }
        }
        let numbers = census.take_adgroups(engine)?;
        let mut scratch = MatchScratch::default();
        let question = MatchQuestion::about(Candidates::All);
        let users = names.iter().map(|name| [IdentifierRef::parse(name).ok()]);
        let batch = engine.match_batch(&ADMIN, users, BatchCandidates::All, &question, &mut scratch)?;
        let bounds = batch.offsets.iter().zip(batch.offsets.iter().skip(1));
        census.answers = bounds
            .map(|(&start, &end)| {
                let answered = batch.adgroups.get(start as usize..end as usize).unwrap_or_default();
                // A number that no adgroup has is kept as it is, and so is a difference.
                answered.iter().map(|number| numbers.get(number).copied().unwrap_or(u32::MAX)).collect()
            })
            .collect();
        Ok(census)
    }

    /// Reads the adgroups; returns our number of each of the engine's.
    fn take_adgroups(&mut self, engine: &Engine) -> Result<BTreeMap<u32, u32>> {
        let mut numbers = BTreeMap::new();
        let page = engine.adgroups(&ADMIN, &campaign(), &PageRequest { size: 1_000, ..PageRequest::default() })?;
        for view in page.items {
            let number = view.name.adgroup.trim_start_matches('a').parse().unwrap_or_default();
            numbers.insert(view.record.number.0, number);
            if let Targeting::Groups { include, exclude } = &view.targeting {
                let asks = Asks {
                    include: include.iter().map(|group| numbers_of(group)).collect(),
                    exclude: numbers_of(exclude),
                };
                self.adgroups.insert(number, asks);
            }
        }
        Ok(numbers)
    }

    /// Everything in lines that a person can read.
    #[must_use]
    pub fn lines(&self) -> String {
        let list = |numbers: &BTreeSet<u32>| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        let mut text = format!("known {}\n", list(&self.known));
        for (number, segment) in &self.segments {
            let members = segment.members.as_ref().map_or("no version".to_owned(), list);
            text += &format!("segment {number}: {} identifiers, {members}\n", segment.identifiers);
        }
        for (number, asks) in &self.adgroups {
            text += &format!("adgroup {number}: {:?} and none of {:?}\n", asks.include, asks.exclude);
        }
        for (user, (person, answers)) in self.people.iter().zip(&self.answers).enumerate() {
            text += &format!("user {user} is {person}: {}\n", list(answers));
        }
        text
    }

    /// Where two differ, in a few words; nothing when they are equal. Identifiers of a step that was not acknowledged may
    /// be known or not: `self` may know more than `expected`.
    #[must_use]
    pub fn difference(&self, expected: &Self) -> Option<String> {
        let lost: Vec<_> = expected.known.difference(&self.known).take(5).collect();
        if !lost.is_empty() {
            return Some(format!("users {lost:?} are not known any more"));
        }
        if self.people != expected.people {
            return Some("the links differ".to_owned());
        }
        let segments = (0..SEGMENTS).filter(|number| self.segments.get(number) != expected.segments.get(number));
        let segments: Vec<_> = segments
            .map(|number| difference_of(number, self.segments.get(&number), expected.segments.get(&number)))
            .collect();
        if !segments.is_empty() {
            return Some(segments.join("; "));
        }
        if self.adgroups != expected.adgroups {
            return Some("the adgroups differ".to_owned());
        }
        let user = (0..USERS as usize).find(|&user| self.answers.get(user) != expected.answers.get(user))?;
        Some(format!("user {user} is answered {:?}, not {:?}", self.answers.get(user), expected.answers.get(user)))
    }
}

fn difference_of(number: u32, found: Option<&Segment>, expected: Option<&Segment>) -> String {
    let members = |segment: Option<&Segment>| segment.and_then(|segment| segment.members.clone());
    match (members(found), members(expected)) {
        (Some(found), Some(expected)) => {
            let lost: Vec<_> = expected.difference(&found).take(5).collect();
            let more: Vec<_> = found.difference(&expected).take(5).collect();
            format!("segment {number}: users {lost:?} are missing, {more:?} should not be in")
        }
        _ => format!(
            "segment {number}: found {:?}, expected {:?}",
            found.map(|it| it.identifiers),
            expected.map(|it| it.identifiers)
        ),
    }
}

/// The smallest user of each user's profile; one that is not known stands alone.
fn people(profiles: &[Option<u32>]) -> Vec<u32> {
    let mut first: BTreeMap<u32, u32> = BTreeMap::new();
    let users = (0..USERS).zip(profiles);
    users.map(|(user, profile)| profile.map_or(user, |profile| *first.entry(profile).or_insert(user))).collect()
}

fn numbers_of(names: &[String]) -> Vec<u32> {
    let last = |name: &String| name.rsplit('/').next().and_then(|id| id.get(1..)?.parse().ok());
    names.iter().filter_map(last).collect()
}

fn one_segment(engine: &Engine, name: &SegmentName, profiles: &[Option<u32>]) -> Result<Option<Segment>> {
    let view = match engine.segment(&ADMIN, name) {
        Err(error) if error.kind() == segengine::ErrorKind::NotFound => return Ok(None),
        view => view?,
    };
    if !view.size.ready {
        return Ok(Some(Segment::default()));
    }
    let (set, _) = engine.evaluate(&ADMIN, &SetQuery::Segment(name.clone()))?;
    let members: BTreeSet<u32> = set.to_vec().into_iter().collect();
    let users =
        (0..USERS).zip(profiles).filter(|(_, profile)| profile.is_some_and(|profile| members.contains(&profile)));
    let members = Some(users.map(|(user, _)| user).collect());
    Ok(Some(Segment { identifiers: view.size.identifier_count, members }))
}

/// What `verify` finds, a sentence each.
///
/// # Errors
/// What it says when it cannot be asked.
pub fn findings(engine: &Engine) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    engine.verify(&ADMIN, &mut |step| {
        if let VerifyStep::Found(found) = step {
            findings.push(format!("{} {}", found.file, found.message));
        }
    })?;
    Ok(findings)
}
