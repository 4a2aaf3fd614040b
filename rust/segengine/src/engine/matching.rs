//! The impression: which adgroups may this user see?
//!
//! ```text
//! identifier → digest → id → copy of the record → slots → segments of the generation → index or programs → in flight
//! ```
//! Everything is answered from one generation, one instant and one untorn copy for each identifier (invariants 10, 14,
//! 15). Nothing here waits for a writer for longer than the copy of one record, and nothing is allocated once the
//! [`MatchScratch`] of a thread has grown to its size. Unknown identifiers, candidates and context segments are skipped
//! and counted, never an error: an ad server has no use for one.

use hashbrown::HashMap;

use super::caller::{Action, Caller, Tenant};
use super::generation::Generation;
use super::{Engine, Inner};
use crate::error::{Error, Result};
use crate::identity::IdentifierRef;
use crate::ids::{GenerationNumber, Revision};
use crate::limits;
use crate::segment::memberships::CopyOf;
use crate::targeting::{AdgroupIndex, Scratch};
use crate::time::Timestamp;

/// The adgroups in question.
#[derive(Debug, Clone, Copy)]
pub enum Candidates<'a> {
    /// All of them.
    All,
    /// Only these; none answers nothing.
    Only(&'a [u32]),
}

/// What is asked beside the user.
#[derive(Debug, Clone, Copy)]
pub struct MatchQuestion<'a> {
    /// The adgroups in question.
    pub candidates: Candidates<'a>,
    /// Segments that the user counts as a member of for this request only.
    pub context_segments: &'a [u32],
    /// Answer only from a state that includes this write.
    pub min_revision: Revision,
}

impl<'a> MatchQuestion<'a> {
    /// The question for these candidates and nothing else.
    #[must_use]
    pub fn about(candidates: Candidates<'a>) -> Self {
        Self { candidates, context_segments: &[], min_revision: Revision(0) }
    }
}

/// Working memory of one thread, which also holds the last answer.
#[derive(Debug, Default)]
pub struct MatchScratch {
    slots: Vec<u32>,
    segments: Vec<u32>,
    context: Vec<u32>,
    candidates: Vec<u32>,
    index: Scratch,
    adgroups: Vec<u32>,
}

impl MatchScratch {
    /// The adgroups of the last answer.
    #[must_use]
    pub fn adgroups(&self) -> &[u32] {
        &self.adgroups
    }

    /// The segments of the last user that was answered, ascending and distinct.
    pub(super) fn sorted_segments(&mut self) -> &[u32] {
        self.segments.sort_unstable();
        self.segments.dedup();
        &self.segments
    }
}

/// The facts of an answer; its adgroups are in the scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// The generation that answered.
    pub generation: GenerationNumber,
    /// Bit i is set when identifier i is known.
    pub identified: u32,
    /// Identifiers, candidates and context segments that were not used.
    pub skipped: u32,
    /// Identifiers that were usable, known or not.
    pub usable: u32,
}

/// The adgroups in question for the users of a batch.
#[derive(Debug, Clone, Copy)]
pub enum BatchCandidates<'a> {
    /// All of them.
    All,
    /// Only these, for every user.
    Only(&'a [u32]),
    /// User i: `ids[offsets[i]..offsets[i + 1]]`.
    Each {
        /// One more than users, from 0 to the number of ids, never falling.
        offsets: &'a [u32],
        /// The lists, one after the other.
        ids: &'a [u32],
    },
}

/// What became of one user of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum UserStatus {
    /// At least one identifier is known.
    Known = 0,
    /// None is.
    Unknown = 1,
    /// None was usable.
    NoUsableIdentifier = 2,
}

/// The answers of a batch: user i may see `adgroups[offsets[i]..offsets[i + 1]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchMatched {
    /// One more than users.
    pub offsets: Vec<u32>,
    /// Adgroups, user after user.
    pub adgroups: Vec<u32>,
    /// A [`UserStatus`] for each user.
    pub status: Vec<u8>,
    /// The generation that answered for all users.
    pub generation: GenerationNumber,
    /// Identifiers, candidates and context segments that were not used.
    pub skipped: u64,
}

/// The records that a batch has copied: each profile once.
#[derive(Default)]
struct Copies {
    arena: Vec<u32>,
    by_profile: HashMap<u32, (CopyOf, usize, usize)>,
}

impl Engine {
    /// Answers for one user. `identifiers` are those of one user; nothing stands for one that cannot be used.
    ///
    /// # Errors
    /// `InvalidInput` without any identifier or context segment; `LimitExceeded`; `Unavailable` for a later revision;
    /// `PermissionDenied`; `EngineClosed`. What is unknown or malformed is no error.
    pub fn match_one<'i>(
        &self,
        caller: &Caller,
        identifiers: impl IntoIterator<Item = Option<IdentifierRef<'i>>>,
        question: &MatchQuestion<'_>,
        scratch: &mut MatchScratch,
    ) -> Result<Matched> {
        caller.check(Action::Match)?;
        self.check_revision(question.min_revision)?;
        let inner = &*self.inner;
        let mut answering = Answering::begin(inner, caller, question.context_segments, scratch)?;
        if let Candidates::Only(candidates) = question.candidates {
            check_candidates(candidates.len())?;
        }
        scratch.adgroups.clear();
        let mut matched = answering.user(identifiers, question.candidates, scratch, None)?;
        if matched.usable == 0 && matched.skipped == 0 && question.context_segments.is_empty() {
            return Err(Error::invalid("no identifier and no context segment is given")
                .field("identifiers")
                .hint("give at least one identifier of the user"));
        }
        matched.skipped += answering.unknown_context;
        Ok(matched)
    }

    /// Answers for many users from one generation and one copy of each profile.
    ///
    /// # Errors
    /// As [`Self::match_one`]; `InvalidInput` for offsets that do not fit. A user without a usable identifier is no error.
    pub fn match_batch<'i, U>(
        &self,
        caller: &Caller,
        users: impl ExactSizeIterator<Item = U>,
        candidates: BatchCandidates<'_>,
        question: &MatchQuestion<'_>,
        scratch: &mut MatchScratch,
    ) -> Result<BatchMatched>
    where
        U: IntoIterator<Item = Option<IdentifierRef<'i>>>,
    {
        caller.check(Action::Match)?;
        self.check_revision(question.min_revision)?;
        let count = users.len();
        if count > limits::USERS_PER_BATCH {
            return Err(Error::limit("users", count as u64, limits::USERS_PER_BATCH as u64, "users"));
        }
        check_batch_candidates(candidates, count)?;
        let mut answering = Answering::begin(&self.inner, caller, question.context_segments, scratch)?;
        let mut batch =
            BatchMatched { generation: answering.generation.number, offsets: vec![0], ..BatchMatched::default() };
        batch.skipped = u64::from(answering.unknown_context);
        let mut copies = Copies::default();
        scratch.adgroups.clear();
        for (place, user) in users.enumerate() {
            let asked = candidates.of(place);
            let matched = answering
                .user(user, asked, scratch, Some(&mut copies))
                .map_err(|error| error.at(format_args!("users[{place}]")))?;
            batch.offsets.push(u32::try_from(scratch.adgroups.len()).map_err(|_| too_many_answers())?);
            batch.skipped += u64::from(matched.skipped);
            batch.status.push(match (matched.usable, matched.identified) {
                (0, _) => UserStatus::NoUsableIdentifier,
                (_, 0) => UserStatus::Unknown,
                _ => UserStatus::Known,
            } as u8);
            self.inner.observe(super::Phase::Answered);
        }
        batch.adgroups = std::mem::take(&mut scratch.adgroups);
        Ok(batch)
    }
}

impl<'a> BatchCandidates<'a> {
    fn of(self, user: usize) -> Candidates<'a> {
        match self {
            Self::All => Candidates::All,
            Self::Only(ids) => Candidates::Only(ids),
            Self::Each { offsets, ids } => {
                let range = offsets.get(user).zip(offsets.get(user + 1));
                let list = range.and_then(|(&start, &end)| ids.get(start as usize..end as usize));
                Candidates::Only(list.unwrap_or_default())
            }
        }
    }
}

fn check_candidates(count: usize) -> Result<()> {
    if count <= limits::CANDIDATES_PER_REQUEST {
        return Ok(());
    }
    Err(Error::limit("candidates", count as u64, limits::CANDIDATES_PER_REQUEST as u64, "adgroups")
        .hint("ask for all adgroups instead, or in several requests"))
}

fn check_batch_candidates(candidates: BatchCandidates<'_>, users: usize) -> Result<()> {
    match candidates {
        BatchCandidates::All => Ok(()),
        BatchCandidates::Only(ids) => check_candidates(ids.len()),
        BatchCandidates::Each { offsets, ids } => {
            let whole = offsets.len() == users + 1
                && offsets.first() == Some(&0)
                && offsets.last().is_some_and(|&last| last as usize == ids.len())
                && offsets.is_sorted();
            if !whole {
                return Err(Error::invalid("the offsets of the candidate lists do not fit")
                    .field("each.offsets")
                    .hint("give one more than users, from 0 to the number of ids, never falling"));
            }
            offsets
                .iter()
                .zip(offsets.iter().skip(1))
                .try_for_each(|(start, end)| check_candidates((end - start) as usize))
        }
    }
}

fn too_many_answers() -> Error {
    Error::limit("users", u64::from(u32::MAX) + 1, u64::from(u32::MAX), "answers").hint("ask in smaller batches")
}

/// One request, or one batch, while it is answered.
struct Answering<'e> {
    inner: &'e Inner,
    generation: arc_swap::Guard<std::sync::Arc<Generation>>,
    now: Timestamp,
    tenant: Tenant,
    unknown_context: u32,
}

impl<'e> Answering<'e> {
    fn begin(inner: &'e Inner, caller: &Caller, context: &[u32], scratch: &mut MatchScratch) -> Result<Self> {
        if context.len() > limits::CONTEXT_SEGMENTS_PER_REQUEST {
            let limit = limits::CONTEXT_SEGMENTS_PER_REQUEST as u64;
            return Err(Error::limit("context_segments", context.len() as u64, limit, "segments"));
        }
        scratch.context.clear();
        let mut unknown_context = 0;
        if !context.is_empty() {
            let model = inner.catalog.read();
            for segment in context {
                match model.segments.get(&u64::from(*segment)).filter(|found| caller.sees(found.advertiser)) {
                    Some(_) => scratch.context.push(*segment),
                    None => unknown_context += 1,
                }
            }
        }
        let (generation, now) = (inner.generation.load(), inner.clock.now());
        Ok(Self { inner, generation, now, tenant: caller.tenant, unknown_context })
    }

    /// Appends the answer for one user to the scratch's adgroups.
    fn user<'i>(
        &mut self,
        identifiers: impl IntoIterator<Item = Option<IdentifierRef<'i>>>,
        candidates: Candidates<'_>,
        scratch: &mut MatchScratch,
        copies: Option<&mut Copies>,
    ) -> Result<Matched> {
        let index = &self.generation.serving.index;
        if let Candidates::Only(candidates) = candidates {
            // Their programs arrive while identifier and record are looked up.
            index.prefetch(candidates);
        }
        let mut matched = self.identify(identifiers, scratch, copies)?;
        self.to_segments(scratch);
        let first = scratch.adgroups.len();
        match candidates {
            Candidates::All if scratch.segments.is_empty() => {
                scratch.adgroups.extend_from_slice(index.unknown_answer());
            }
            Candidates::All => index.match_all(&scratch.segments, &mut scratch.index, &mut scratch.adgroups),
            Candidates::Only(candidates) => {
                let own = self.own(candidates, &mut scratch.candidates);
                matched.skipped += u32::try_from(candidates.len() - own.len()).unwrap_or(u32::MAX);
                matched.skipped +=
                    index.match_candidates(&scratch.segments, own, &mut scratch.index, &mut scratch.adgroups);
            }
        }
        self.keep_shown(first, &mut scratch.adgroups);
        Ok(matched)
    }

    /// Copies the records of all identifiers into the scratch's slots.
    fn identify<'i>(
        &self,
        identifiers: impl IntoIterator<Item = Option<IdentifierRef<'i>>>,
        scratch: &mut MatchScratch,
        mut copies: Option<&mut Copies>,
    ) -> Result<Matched> {
        let mut matched = Matched { generation: self.generation.number, identified: 0, skipped: 0, usable: 0 };
        scratch.slots.clear();
        for (place, identifier) in identifiers.into_iter().enumerate() {
            if place >= limits::IDENTIFIERS_PER_REQUEST {
                let limit = limits::IDENTIFIERS_PER_REQUEST as u64;
                return Err(Error::limit("identifiers", place as u64 + 1, limit, "identifiers")
                    .hint("these are the identifiers of one user; ask for several users with a batch"));
            }
            let Some(identifier) = identifier else {
                matched.skipped += 1;
                continue;
            };
            matched.usable += 1;
            let Some(id) = self.inner.identity.find(&identifier.digest(&self.inner.key)) else { continue };
            matched.identified |= 1 << place;
            if identifier.addressable() {
                self.inner.saw(id, self.now.day());
            }
            match copies.as_deref_mut() {
                Some(copies) => copies.read(self.inner, id, &mut scratch.slots),
                None => drop(self.inner.memberships.read(id, &mut scratch.slots)),
            }
        }
        Ok(matched)
    }

    /// Slots to segments, the context's among them; the index asks for no order and minds no repetition.
    fn to_segments(&self, scratch: &mut MatchScratch) {
        let MatchScratch { slots, segments, context, .. } = scratch;
        segments.clear();
        segments.extend(slots.iter().filter_map(|&slot| self.generation.slots.segment(slot)));
        segments.extend_from_slice(context);
    }

    /// The candidates that exist for the caller.
    fn own<'c>(&self, candidates: &'c [u32], own: &'c mut Vec<u32>) -> &'c [u32] {
        let Tenant::Advertiser(advertiser) = self.tenant else { return candidates };
        own.clear();
        let serving = &self.generation.serving;
        own.extend(candidates.iter().filter(|&&adgroup| serving.advertiser(adgroup) == Some(advertiser.0)));
        own
    }

    /// Takes out what is not in flight now, or belongs to another advertiser than the caller's.
    fn keep_shown(&self, first: usize, adgroups: &mut Vec<u32>) {
        let (serving, now) = (&self.generation.serving, self.now);
        let tenant = match self.tenant {
            Tenant::Network if serving.flights.is_empty() => return,
            Tenant::Network => None,
            Tenant::Advertiser(advertiser) => Some(advertiser.0),
        };
        let mut kept = first;
        for place in first..adgroups.len() {
            let Some(&adgroup) = adgroups.get(place) else { break };
            let own = tenant.is_none() || serving.advertiser(adgroup) == tenant;
            if own && serving.flights.in_flight(adgroup, now) {
                if let Some(entry) = adgroups.get_mut(kept) {
                    *entry = adgroup;
                }
                kept += 1;
            }
        }
        adgroups.truncate(kept);
    }
}

impl Copies {
    /// Appends the record of the profile of `id`, copied before where it still is of the same component.
    fn read(&mut self, inner: &Inner, id: crate::ids::IdentifierId, slots: &mut Vec<u32>) {
        let profile = inner.memberships.profile(id);
        if let Some(&(copy, start, end)) = self.by_profile.get(&profile)
            && inner.memberships.is_current(id, copy)
        {
            slots.extend_from_slice(self.arena.get(start..end).unwrap_or_default());
            return;
        }
        let start = self.arena.len();
        let copy = inner.memberships.read(id, &mut self.arena);
        self.by_profile.insert(copy.profile, (copy, start, self.arena.len()));
        slots.extend_from_slice(self.arena.get(start..).unwrap_or_default());
    }
}
