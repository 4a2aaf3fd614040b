//! The impression: which adgroups may this user see?
//!
//! ```text
//! identifier → digest → id → copy of the record → slots → segments of the generation → index or programs → in flight
//! ```
//! Everything is answered from one generation, one instant and one untorn copy for each identifier (invariants 10, 14,
//! 15). Nothing here waits for a writer for longer than the copy of one record, and nothing is allocated once the
//! [`MatchScratch`] of a thread has grown to its size. Unknown identifiers, candidates and context segments are skipped
//! and counted, never an error: an ad server has no use for one.

use std::ops::Range;

use super::batch::Copies;
use super::caller::{Action, Caller, Tenant};
use super::generation::Generation;
use super::{Engine, Inner, Phase};
use crate::error::{Error, Result};
use crate::identity::{Digest, IdentifierRef};
use crate::ids::{GenerationNumber, IdentifierId, Revision};
use crate::limits;
use crate::targeting::{AdgroupIndex, Scratch, SideBySide};
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
    pub(super) sought: Vec<Sought>,
    slots: Vec<u32>,
    pub(super) segments: Vec<u32>,
    context: Vec<u32>,
    pub(super) candidates: Vec<u32>,
    pub(super) index: Scratch,
    pub(super) side_by_side: SideBySide,
    pub(super) adgroups: Vec<u32>,
}

impl MatchScratch {
    /// The adgroups of the last answer.
    #[must_use]
    pub fn adgroups(&self) -> &[u32] {
        &self.adgroups
    }

    /// The adgroups of the last answer, handed over. The next answer for all adgroups makes a vector of its own size.
    #[must_use]
    pub fn take_adgroups(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.adgroups)
    }

    /// The segments of the last user that was answered, ascending and distinct.
    pub(super) fn sorted_segments(&mut self) -> &[u32] {
        self.segments.sort_unstable();
        self.segments.dedup();
        &self.segments
    }
}

/// One identifier of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought {
    /// Nothing when it cannot be used.
    pub(super) digest: Option<Digest>,
    /// Whether being seen counts for it.
    addressable: bool,
    /// Nothing while it is not known.
    pub(super) id: Option<IdentifierId>,
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

impl Engine {
    /// How many adgroups a question for all of them is about.
    #[must_use]
    pub fn adgroups_served(&self) -> usize {
        self.inner.generation.load().serving.index.len()
    }

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
        let answering = Answering::begin(inner, caller, question.context_segments, scratch)?;
        if let Candidates::Only(candidates) = question.candidates {
            check_candidates(candidates.len())?;
        }
        scratch.adgroups.clear();
        scratch.sought.clear();
        answering.prefetch(question.candidates);
        answering.seek(identifiers, &mut scratch.sought)?;
        for sought in &mut scratch.sought {
            sought.id = sought.digest.and_then(|digest| inner.identity.find(&digest));
            sought.id.into_iter().for_each(|id| inner.memberships.touch(id));
        }
        let mut matched = answering.identify(0..scratch.sought.len(), scratch, None);
        matched.skipped += answering.answer(question.candidates, scratch);
        if matched.usable == 0 && matched.skipped == 0 && question.context_segments.is_empty() {
            return Err(Error::invalid("no identifier and no context segment is given")
                .field("identifiers")
                .hint("give at least one identifier of the user"));
        }
        matched.skipped += answering.unknown_context;
        Ok(matched)
    }
}

pub(super) fn check_candidates(count: usize) -> Result<()> {
    if count <= limits::CANDIDATES_PER_REQUEST {
        return Ok(());
    }
    Err(Error::limit("candidates", count as u64, limits::CANDIDATES_PER_REQUEST as u64, "adgroups")
        .hint("ask for all adgroups instead, or in several requests"))
}

/// One request, or one batch, while it is answered.
pub(super) struct Answering<'e> {
    inner: &'e Inner,
    pub(super) generation: arc_swap::Guard<std::sync::Arc<Generation>>,
    now: Timestamp,
    tenant: Tenant,
    pub(super) unknown_context: u32,
}

impl<'e> Answering<'e> {
    pub(super) fn begin(
        inner: &'e Inner,
        caller: &Caller,
        context: &[u32],
        scratch: &mut MatchScratch,
    ) -> Result<Self> {
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

    pub(super) fn observe(&self, phase: Phase) {
        self.inner.observe(phase);
    }

    /// Asks for the programs of candidates, which arrive while identifiers and records are looked up.
    pub(super) fn prefetch(&self, candidates: Candidates<'_>) {
        if let Candidates::Only(candidates) = candidates {
            self.generation.serving.index.prefetch(candidates);
        }
    }

    /// Appends the identifiers of one user to those that are to be looked up.
    pub(super) fn seek<'i>(
        &self,
        identifiers: impl IntoIterator<Item = Option<IdentifierRef<'i>>>,
        sought: &mut Vec<Sought>,
    ) -> Result<()> {
        for (place, identifier) in identifiers.into_iter().enumerate() {
            if place >= limits::IDENTIFIERS_PER_REQUEST {
                let limit = limits::IDENTIFIERS_PER_REQUEST as u64;
                return Err(Error::limit("identifiers", place as u64 + 1, limit, "identifiers")
                    .hint("these are the identifiers of one user; ask for several users with a batch"));
            }
            sought.push(Sought {
                digest: identifier.as_ref().map(|identifier| identifier.digest(&self.inner.key)),
                addressable: identifier.is_some_and(|identifier| identifier.addressable()),
                id: None,
            });
        }
        Ok(())
    }

    /// Copies the records of one user's identifiers and turns them into the scratch's segments.
    pub(super) fn identify(
        &self,
        user: Range<usize>,
        scratch: &mut MatchScratch,
        mut copies: Option<&mut Copies>,
    ) -> Matched {
        let mut matched = Matched { generation: self.generation.number, identified: 0, skipped: 0, usable: 0 };
        let MatchScratch { sought, slots, .. } = scratch;
        slots.clear();
        for (place, sought) in sought.get(user).unwrap_or_default().iter().enumerate() {
            if sought.digest.is_none() {
                matched.skipped += 1;
                continue;
            }
            matched.usable += 1;
            let Some(id) = sought.id else { continue };
            matched.identified |= 1 << place;
            if sought.addressable {
                self.inner.saw(id, self.now.day());
            }
            match copies.as_deref_mut() {
                Some(copies) => copies.read(&self.inner.memberships, id, slots),
                None => drop(self.inner.memberships.read(id, slots)),
            }
        }
        self.to_segments(scratch);
        matched
    }

    /// Slots to segments, the context's among them; the index asks for no order and minds no repetition.
    fn to_segments(&self, scratch: &mut MatchScratch) {
        let MatchScratch { slots, segments, context, .. } = scratch;
        segments.clear();
        segments.extend(slots.iter().filter_map(|&slot| self.generation.slots.segment(slot)));
        segments.extend_from_slice(context);
    }

    /// Appends the answer for the scratch's segments to its adgroups; returns how many candidates were not used.
    pub(super) fn answer(&self, candidates: Candidates<'_>, scratch: &mut MatchScratch) -> u32 {
        let first = scratch.adgroups.len();
        let index = &self.generation.serving.index;
        let mut skipped = 0;
        match candidates {
            Candidates::All if scratch.segments.is_empty() => {
                scratch.adgroups.extend_from_slice(index.unknown_answer());
            }
            Candidates::All => index.match_all(&scratch.segments, &mut scratch.index, &mut scratch.adgroups),
            Candidates::Only(candidates) => {
                let own = self.own(candidates, &mut scratch.candidates);
                skipped = u32::try_from(candidates.len() - own.len()).unwrap_or(u32::MAX);
                skipped += index.match_prefetched(&scratch.segments, own, &mut scratch.index, &mut scratch.adgroups);
            }
        }
        self.keep_shown(first, &mut scratch.adgroups);
        skipped
    }

    /// The candidates that exist for the caller.
    pub(super) fn own<'c>(&self, candidates: &'c [u32], own: &'c mut Vec<u32>) -> &'c [u32] {
        let Tenant::Advertiser(advertiser) = self.tenant else { return candidates };
        own.clear();
        let serving = &self.generation.serving;
        own.extend(candidates.iter().filter(|&&adgroup| serving.advertiser(adgroup) == Some(advertiser.0)));
        own
    }

    /// Takes out what is not in flight now, or belongs to another advertiser than the caller's.
    pub(super) fn keep_shown(&self, first: usize, adgroups: &mut Vec<u32>) {
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
