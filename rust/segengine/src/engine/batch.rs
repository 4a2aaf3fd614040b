//! Many impressions at once: from one generation, one instant and one copy of each profile (invariant 15).
//!
//! Identifiers of some users are looked up together: a look-up waits for memory twice, and the waits of sixteen overlap. When
//! all users have the same candidates, the users of a group are judged side by side: for each segment one word says
//! which of them hold it, and each program runs once for all of them (see [`crate::targeting`]). A batch of other
//! questions is answered user by user.

use std::ops::Range;

use hashbrown::HashMap;

use super::caller::{Action, Caller};
use super::matching::{Answering, Candidates, MatchQuestion, MatchScratch, Matched, Sought, check_candidates};
use super::{Engine, Phase};
use crate::error::{Error, Result};
use crate::identity::{Digest, IdentifierRef};
use crate::ids::{GenerationNumber, IdentifierId};
use crate::limits;
use crate::segment::memberships::{CopyOf, Memberships};
use crate::targeting::USERS_AT_ONCE;

/// Users whose identifiers are looked up together when each is answered by itself.
const TOGETHER: usize = 16;

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
pub(super) struct Copies {
    arena: Vec<u32>,
    by_profile: HashMap<u32, (CopyOf, usize, usize)>,
}

impl Engine {
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
        let answering = Answering::begin(&self.inner, caller, question.context_segments, scratch)?;
        let mut batch =
            BatchMatched { generation: answering.generation.number, offsets: vec![0], ..BatchMatched::default() };
        batch.skipped = u64::from(answering.unknown_context);
        scratch.adgroups.clear();
        let mut copies = Copies::default();
        let shared = match candidates {
            BatchCandidates::Only(ids) => Some(Shared::of(&answering, ids, scratch)),
            _ => None,
        };
        let group = if shared.is_some() { USERS_AT_ONCE } else { TOGETHER };
        let mut users = users.enumerate().peekable();
        while let Some(&(first, _)) = users.peek() {
            // Identifiers are looked up together, so that one's memory comes while others ask for theirs.
            scratch.sought.clear();
            let mut ends = Vec::with_capacity(group);
            for (place, user) in users.by_ref().take(group) {
                let sought = answering.seek(user, &mut scratch.sought);
                sought.map_err(|error| error.at(format_args!("users[{place}]")))?;
                ends.push(scratch.sought.len());
            }
            self.find_all(&mut scratch.sought);
            let found = Group { answering: &answering, first, ends };
            match &shared {
                Some(shared) => found.answer_shared(shared, &mut copies, scratch, &mut batch)?,
                None => found.answer_each(candidates, &mut copies, scratch, &mut batch)?,
            }
            if first == 0 {
                reserve_as_if_all_were_alike(&mut scratch.adgroups, batch.status.len(), count);
            }
        }
        batch.adgroups = std::mem::take(&mut scratch.adgroups);
        Ok(batch)
    }

    fn find_all(&self, sought: &mut [Sought]) {
        let digests: Vec<Digest> = sought.iter().filter_map(|sought| sought.digest).collect();
        let mut waiting = sought.iter_mut().filter(|sought| sought.digest.is_some());
        self.inner.identity.find_many(digests.into_iter(), |id| {
            if let Some(id) = id {
                self.inner.memberships.touch(id);
            }
            if let Some(sought) = waiting.next() {
                sought.id = id;
            }
        });
    }
}

/// Makes room for the answers of all users by those of the first: grown step by step, millions of ids would be copied and
/// touch new memory several times. Room that is not needed is never touched; if there is none, growing will find out.
fn reserve_as_if_all_were_alike(adgroups: &mut Vec<u32>, answered: usize, users: usize) {
    /// 256 MB.
    const MOST: usize = 1 << 26;
    let each = adgroups.len().div_ceil(answered.max(1));
    let rest = each.saturating_mul(users.saturating_sub(answered));
    drop(adgroups.try_reserve(rest.saturating_add(rest / 16).min(MOST)));
}

/// Some users of a batch whose identifiers have been looked up: user i has the sought up to `ends[i]`.
struct Group<'a, 'e> {
    answering: &'a Answering<'e>,
    first: usize,
    ends: Vec<usize>,
}

/// Candidates that all users share: those of the caller that are in flight, each once.
struct Shared {
    candidates: Vec<u32>,
    /// Candidates that are not used, the same for each user.
    skipped: u32,
}

impl Shared {
    fn of(answering: &Answering<'_>, ids: &[u32], scratch: &mut MatchScratch) -> Self {
        let own = answering.own(ids, &mut scratch.candidates);
        let mut skipped = ids.len() - own.len();
        let mut candidates = own.to_vec();
        candidates.retain(|&candidate| answering.generation.serving.index.knows(candidate));
        skipped += own.len() - candidates.len();
        answering.keep_shown(0, &mut candidates);
        let mut seen = hashbrown::HashSet::with_capacity(candidates.len());
        candidates.retain(|&candidate| seen.insert(candidate));
        Self { candidates, skipped: u32::try_from(skipped).unwrap_or(u32::MAX) }
    }
}

impl Group<'_, '_> {
    fn users(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        (self.first..).zip(starts.zip(self.ends.iter().copied()).map(|(start, end)| start..end))
    }

    /// Answers the users one after the other.
    fn answer_each(
        &self,
        candidates: BatchCandidates<'_>,
        copies: &mut Copies,
        scratch: &mut MatchScratch,
        batch: &mut BatchMatched,
    ) -> Result<()> {
        for (place, user) in self.users() {
            let mut matched = self.answering.identify(user, scratch, Some(copies));
            matched.skipped += self.answering.answer(candidates.of(place), scratch);
            self.note(matched, scratch.adgroups.len(), batch)?;
        }
        Ok(())
    }

    /// Judges the candidates for all users at once.
    fn answer_shared(
        &self,
        shared: &Shared,
        copies: &mut Copies,
        scratch: &mut MatchScratch,
        batch: &mut BatchMatched,
    ) -> Result<()> {
        let index = &self.answering.generation.serving.index;
        let mut side_by_side = std::mem::take(&mut scratch.side_by_side);
        side_by_side.begin(index);
        let mut matched = Vec::with_capacity(self.ends.len());
        for (_, user) in self.users() {
            let mut facts = self.answering.identify(user, scratch, Some(copies));
            facts.skipped += shared.skipped;
            matched.push(facts);
            side_by_side.add(&scratch.segments);
        }
        let mut answers = side_by_side.judge(index, &shared.candidates);
        for facts in matched {
            answers.take_next(&shared.candidates, &mut scratch.adgroups);
            self.note(facts, scratch.adgroups.len(), batch)?;
        }
        scratch.side_by_side = side_by_side;
        Ok(())
    }

    /// Notes the facts of the next user, whose answer ends at `end`.
    fn note(&self, matched: Matched, end: usize, batch: &mut BatchMatched) -> Result<()> {
        batch.offsets.push(u32::try_from(end).map_err(|_| too_many_answers())?);
        batch.skipped += u64::from(matched.skipped);
        batch.status.push(match (matched.usable, matched.identified) {
            (0, _) => UserStatus::NoUsableIdentifier,
            (_, 0) => UserStatus::Unknown,
            _ => UserStatus::Known,
        } as u8);
        self.answering.observe(Phase::Answered);
        Ok(())
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

impl Copies {
    /// Appends the record of the profile of `id`, copied before where it still is of the same component.
    pub(super) fn read(&mut self, memberships: &Memberships, id: IdentifierId, slots: &mut Vec<u32>) {
        let profile = memberships.profile(id);
        if let Some(&(copy, start, end)) = self.by_profile.get(&profile)
            && memberships.is_current(id, copy)
        {
            slots.extend_from_slice(self.arena.get(start..end).unwrap_or_default());
            return;
        }
        let start = self.arena.len();
        let copy = memberships.read(id, &mut self.arena);
        self.by_profile.insert(copy.profile, (copy, start, self.arena.len()));
        slots.extend_from_slice(self.arena.get(start..).unwrap_or_default());
    }
}
