//! The identity table: keyed digest → dense identifier id, and what is known of each id.
//!
//! [`Columns`] hold what is known, in the order of ids; [`Index`] finds an id by its digest. Both are read without a
//! lock. Costs: 19 bytes of columns and 6.1-7.5 of index per identifier; two dependent cache misses to find one, shared
//! by many when many are looked for together ([`IdentityTable::find_many`]).
//!
//! New identifiers come in two steps. [`IdentityTable::prepare`] does what takes long: it writes their columns and makes
//! shards that must grow anew aside, on several threads where they are many; nothing of it can be seen. What is prepared
//! may be dropped, or be published by [`IdentityTable::publish`], which is quick. There is one writer at a time.
//!
//! The profile pointer is the root of the identifier's component of links: itself unless linked. It changes only under
//! the link lock of the engine; readers re-check it (invariant 10).

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;

use super::columns::{Columns, Halves};
use super::digest::Digest;
use super::identifier::Kind;
use super::index::{Candidate, Index, SHARDS, Shard, shard_of};
use super::slab::{Slab, Spare};
use crate::error::{Error, Result};
use crate::ids::{IdentifierId, ProfileId};
use crate::limits;

/// Digests that are looked for together: as many lines as a core fetches at once, about.
const TOGETHER: usize = 16;
/// New identifiers from which shards are made on several threads.
const MANY: usize = 1 << 17;
/// Threads for that; more would only wait for memory.
const THREADS: usize = 4;

/// Digest → identifier id, with the columns of each id.
#[derive(Default)]
pub struct IdentityTable {
    columns: Columns,
    index: ArcSwap<Index>,
    length: AtomicU32,
}

/// Identifiers that have ids and cannot be found yet.
#[must_use = "what is not published is forgotten"]
pub struct Newcomers {
    first: u32,
    end: u32,
    /// Shards that were too small, with the newcomers in them.
    grown: Vec<(usize, Shard)>,
    /// Ids that go into shards as they are.
    others: Vec<u32>,
}

/// Identifiers that were laid aside, kind after kind; within a kind the digests ascend by shards.
pub(crate) type LaidAside = Vec<(Kind, Vec<Slab>)>;

/// Identifiers that have their columns and nothing else.
#[must_use = "what is not prepared and published is forgotten"]
pub(crate) struct LaidDown {
    first: u32,
    end: u32,
    /// The ids of each kind.
    runs: Vec<Range<u32>>,
}

impl IdentityTable {
    /// Number of identifiers; ids are `0..len`.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.length.load(Ordering::Acquire)
    }

    /// Whether no identifier is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of `digest`, if it is known.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<IdentifierId> {
        self.find_in(&self.index.load(), digest.halves(), |_| ())
    }

    /// As [`Self::find`]; each id that may be the one is shown to `look` before it is known whether it is, so that what is
    /// needed of it next can come together with its digest.
    #[must_use]
    pub fn find_looking(&self, digest: &Digest, look: impl FnMut(IdentifierId)) -> Option<IdentifierId> {
        self.find_in(&self.index.load(), digest.halves(), look)
    }

    /// Looks for many digests and hands what is found to `take`, in their order. The memory that one search waits for
    /// comes while others ask for theirs: about a third of the time of as many calls of [`Self::find`].
    pub fn find_many(&self, mut digests: impl Iterator<Item = Digest>, mut take: impl FnMut(Option<IdentifierId>)) {
        let index = self.index.load();
        loop {
            let mut wanted = [[0; 2]; TOGETHER];
            let mut count = 0;
            for (place, digest) in wanted.iter_mut().zip(&mut digests) {
                *place = digest.halves();
                count += 1;
            }
            // Three passes, so that no search waits for the one before.
            let mut candidates = [Candidate::UNKNOWN; TOGETHER];
            for (candidate, halves) in candidates.iter_mut().zip(&wanted).take(count) {
                *candidate = index.shard(*halves).map_or(Candidate::UNKNOWN, |shard| shard.candidate(*halves));
            }
            let mut right = [false; TOGETHER];
            for ((right, candidate), halves) in right.iter_mut().zip(&candidates).zip(&wanted).take(count) {
                *right = candidate.id != u32::MAX && self.columns.halves(candidate.id) == Some(*halves);
            }
            for ((right, candidate), halves) in right.iter().zip(&candidates).zip(&wanted).take(count) {
                take(match (right, candidate.is_only) {
                    (true, _) => Some(IdentifierId(candidate.id)),
                    (false, true) => None,
                    (false, false) => self.find_in(&index, *halves, |_| ()),
                });
            }
            if count < TOGETHER {
                return;
            }
        }
    }

    #[inline]
    fn find_in(&self, index: &Index, wanted: Halves, mut look: impl FnMut(IdentifierId)) -> Option<IdentifierId> {
        let is_it = |id| {
            look(IdentifierId(id));
            self.columns.halves(id) == Some(wanted)
        };
        index.shard(wanted)?.find(wanted, is_it).map(IdentifierId)
    }

    /// Gives the next ids to `entries`, which must not be known yet nor repeat; returns the first id.
    ///
    /// The caller makes them durable first and is the only one to append.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full; nothing is added then.
    pub fn append<'a>(&self, entries: impl ExactSizeIterator<Item = (&'a Digest, Kind, u16)>) -> Result<IdentifierId> {
        let newcomers = self.prepare(entries.map(|(digest, kind, day)| (*digest, kind, day)))?;
        Ok(self.publish(newcomers))
    }

    /// Lays down the next identifiers where nobody looks yet; they must not be known nor repeat. The caller is the only
    /// writer, from here until they are published or dropped.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full.
    pub fn prepare(&self, entries: impl ExactSizeIterator<Item = (Digest, Kind, u16)>) -> Result<Newcomers> {
        let first = self.len();
        let end = self.end_after(entries.len())?;
        self.columns.write(first, entries.map(|(digest, kind, day)| (digest.halves(), kind.number(), day)));
        Ok(self.prepare_ids(first, end))
    }

    /// The end of the ids when `more` are given.
    fn end_after(&self, more: usize) -> Result<u32> {
        let end = u64::from(self.len()) + more as u64;
        let fits = u32::try_from(end).ok().filter(|&end| end <= limits::IDENTIFIERS);
        fits.ok_or_else(|| Error::limit("identifiers", end, u64::from(limits::IDENTIFIERS), "identifiers"))
    }

    /// Lays down the columns of identifiers that were laid aside and never seen, as [`Self::prepare`] does; their memory
    /// becomes the columns of those after them.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full.
    pub(crate) fn lay_down(&self, laid_aside: LaidAside) -> Result<LaidDown> {
        let first = self.len();
        let count = laid_aside.iter().flat_map(|(_, slabs)| slabs).map(Slab::len).sum();
        let end = self.end_after(count)?;
        let (mut at, mut tasks, mut runs) = (first, Vec::new(), Vec::new());
        for (kind, slabs) in laid_aside {
            let begin = at;
            for slab in slabs {
                let next = at.saturating_add(u32::try_from(slab.len()).unwrap_or(u32::MAX));
                tasks.push((std::mem::replace(&mut at, next), kind.number(), slab));
            }
            runs.push(begin..at);
        }
        let spare = Spare::default();
        on_threads(threads_for(count), tasks, |(first, kind, slab)| {
            self.columns.write_slab(first, kind, &slab, &spare);
            spare.give(slab);
        });
        Ok(LaidDown { first, end, runs })
    }

    /// Makes the shards anew that must grow for what was laid down, with it in them.
    pub(crate) fn prepare_laid_down(&self, laid_down: LaidDown) -> Newcomers {
        let LaidDown { first, end, runs } = laid_down;
        let index = self.index.load();
        let ids_of = |shard: usize| runs.iter().flat_map(move |run| self.narrowed(run, shard));
        let (mut too_small, mut others) = (Vec::new(), Vec::new());
        for number in 0..SHARDS {
            let more: usize = runs.iter().map(|run| self.narrowed(run, number).len()).sum();
            match index.numbered(number).filter(|_| more > 0) {
                Some(shard) if shard.fits(more) => others.extend(ids_of(number)),
                Some(shard) => too_small.push((number, shard, more)),
                None => {}
            }
        }
        let grown = on_threads(threads_for((end - first) as usize), too_small, |(number, shard, more)| {
            let grown = shard.grown(more.max(shard.len() / 6), |id| self.halves_of(id));
            ids_of(number).for_each(|id| grown.insert(self.halves_of(id), id));
            (number, grown)
        });
        Newcomers { first, end, grown, others }
    }

    /// The ids of one shard in a run that ascends by shards.
    fn narrowed(&self, run: &Range<u32>, shard: usize) -> Range<u32> {
        let first_from = |shard: usize| {
            let (mut low, mut high) = (run.start, run.end);
            while low < high {
                let middle = low + (high - low) / 2;
                if self.shard_of_id(middle) < shard { low = middle + 1 } else { high = middle }
            }
            low
        };
        first_from(shard)..first_from(shard + 1)
    }

    /// As [`Self::prepare`], where the columns are written.
    pub(super) fn prepare_ids(&self, first: u32, end: u32) -> Newcomers {
        let index = self.index.load();
        let mut more = vec![0_usize; SHARDS];
        for id in first..end {
            if let Some(more) = more.get_mut(self.shard_of_id(id)) {
                *more += 1;
            }
        }
        let too_small = more.iter().enumerate().filter_map(|(number, &more)| {
            let shard = index.numbered(number).filter(|shard| more > 0 && !shard.fits(more))?;
            Some((number, shard, more.max(shard.len() / 6)))
        });
        let threads = threads_for((end - first) as usize);
        let grown = on_threads(threads, too_small.collect(), |(number, shard, more)| {
            (number, shard.grown(more, |id| self.halves_of(id)))
        });
        let mut aside: Vec<Option<&Shard>> = vec![None; SHARDS];
        for (number, shard) in &grown {
            if let Some(place) = aside.get_mut(*number) {
                *place = Some(shard);
            }
        }
        // Each thread reads all ids and takes those of its shards: nothing is sorted, and nothing held.
        let shares = aside.chunks(SHARDS.div_ceil(threads)).enumerate().collect();
        let inserted = on_threads(threads, shares, |(number, shards)| {
            let first_shard = number * SHARDS.div_ceil(threads);
            let mut inserted = 0_usize;
            for id in first..end {
                let halves = self.halves_of(id);
                let place = shard_of(halves).checked_sub(first_shard);
                if let Some(Some(shard)) = place.and_then(|place| shards.get(place)) {
                    shard.insert(halves, id);
                    inserted += 1;
                }
            }
            inserted
        });
        let mut others = Vec::new();
        if inserted.iter().sum::<usize>() < (end - first) as usize {
            others.extend((first..end).filter(|&id| matches!(aside.get(self.shard_of_id(id)), Some(None))));
        }
        Newcomers { first, end, grown, others }
    }

    /// The columns, for what reads them from files.
    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Lets identifiers be found, and returns the first of their ids.
    pub fn publish(&self, newcomers: Newcomers) -> IdentifierId {
        let Newcomers { first, end, grown, others } = newcomers;
        self.length.store(end, Ordering::Release);
        let index = self.index.load();
        for id in others {
            let halves = self.halves_of(id);
            if let Some(shard) = index.shard(halves) {
                shard.insert(halves, id);
            }
        }
        if !grown.is_empty() {
            self.index.store(Arc::new(index.with(grown)));
        }
        IdentifierId(first)
    }

    fn shard_of_id(&self, id: u32) -> usize {
        shard_of(self.halves_of(id))
    }

    /// The digest of an id that is laid down.
    fn halves_of(&self, id: u32) -> Halves {
        self.columns.halves(id).unwrap_or_default()
    }

    /// The profile of `id`: the smallest id of its component, itself when it is not linked.
    #[must_use]
    pub fn profile(&self, id: IdentifierId) -> ProfileId {
        ProfileId(self.columns.pointer(id.0))
    }

    /// Points `id` at another profile; only the engine's link writer calls this, inside its epoch change.
    pub fn set_profile(&self, id: IdentifierId, profile: ProfileId) {
        self.columns.point(id.0, profile.0);
    }

    /// The kind of `id`, if the id was given.
    #[must_use]
    pub fn kind(&self, id: IdentifierId) -> Option<Kind> {
        Kind::from_number(u32::from(self.columns.kind(id.0)?))
    }

    /// The digest of `id`, if the id was given.
    #[must_use]
    pub fn digest(&self, id: IdentifierId) -> Option<Digest> {
        if id.0 >= self.len() {
            return None;
        }
        self.columns.halves(id.0).map(Digest::of_halves)
    }

    /// The last day (since 1970) on which `id` was seen; 0 when it never was.
    #[must_use]
    pub fn seen_day(&self, id: IdentifierId) -> u16 {
        self.columns.seen_day(id.0).map_or(0, |day| day.load(Ordering::Relaxed))
    }

    /// Calls `visit` with each id below `end` that was seen on `oldest` or later.
    pub fn for_each_seen(&self, oldest: u16, end: u32, mut visit: impl FnMut(IdentifierId, Kind)) {
        // 0 is the day of those that were never seen.
        self.columns.for_each_seen(oldest.max(1), end, |id, kind| {
            if let Some(kind) = Kind::from_number(u32::from(kind)) {
                visit(IdentifierId(id), kind);
            }
        });
    }

    /// Notes that `id` was seen on `day`; true when that is later than before. Lock-free; most calls only read.
    pub fn saw(&self, id: IdentifierId, day: u16) -> bool {
        let Some(seen) = self.columns.seen_day(id.0) else { return false };
        seen.load(Ordering::Relaxed) < day && seen.fetch_max(day, Ordering::Relaxed) < day
    }
}

/// Threads for work on so many digests: one while they are few, and never more than help.
pub(crate) fn threads_for(digests: usize) -> usize {
    if digests < MANY { 1 } else { std::thread::available_parallelism().map_or(1, usize::from).min(THREADS) }
}

/// Does `work` for each task, the tasks split evenly among threads; the answers stand in the order of the tasks.
pub(crate) fn on_threads<T: Send, A: Send>(threads: usize, tasks: Vec<T>, work: impl Fn(T) -> A + Sync) -> Vec<A> {
    if threads <= 1 || tasks.len() <= 1 {
        return tasks.into_iter().map(work).collect();
    }
    let share = tasks.len().div_ceil(threads);
    let mut tasks = tasks.into_iter();
    let own: Vec<T> = tasks.by_ref().take(share).collect();
    let work = &work;
    std::thread::scope(|scope| {
        let mut running = Vec::with_capacity(threads);
        while tasks.len() > 0 {
            let others: Vec<T> = tasks.by_ref().take(share).collect();
            running.push(scope.spawn(move || others.into_iter().map(work).collect::<Vec<A>>()));
        }
        let mut answers: Vec<A> = own.into_iter().map(work).collect();
        for thread in running {
            answers.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        answers
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn digest(number: u64) -> Digest {
        let hash = blake3::hash(&number.to_le_bytes());
        Digest(hash.as_bytes()[..16].try_into().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_table_is_a_map(batches in prop::collection::vec((1_usize..3_000, prop::bool::ANY), 1..6)) {
            let table = IdentityTable::default();
            let mut map: HashMap<Digest, u32> = HashMap::new();
            let mut next = 0_u64;
            for (count, publish) in batches {
                let numbers = next..next + count as u64;
                let newcomers = numbers.clone().map(|number| (digest(number), Kind::EmailMd5, (number % 9) as u16));
                let prepared = table.prepare(newcomers.collect::<Vec<_>>().into_iter()).unwrap();
                // What is dropped leaves nothing behind, and its ids go to others.
                if publish {
                    let first = table.publish(prepared);
                    prop_assert_eq!(first.0 as usize, map.len());
                    numbers.for_each(|number| { map.insert(digest(number), map.len() as u32); });
                    next += count as u64;
                } else {
                    next += 1;
                }
                let asked: Vec<Digest> = (0..next + 50).map(digest).collect();
                let expected: Vec<_> = asked.iter().map(|digest| map.get(digest).copied()).collect();
                let mut found = Vec::new();
                table.find_many(asked.iter().copied(), |id| found.push(id.map(|id| id.0)));
                prop_assert_eq!(&found, &expected);
                let one_by_one: Vec<_> = asked.iter().map(|digest| table.find(digest).map(|id| id.0)).collect();
                prop_assert_eq!(&one_by_one, &expected);
                prop_assert_eq!(table.len() as usize, map.len());
                for (digest, &id) in &map {
                    prop_assert_eq!(table.digest(IdentifierId(id)), Some(*digest));
                    prop_assert_eq!(table.profile(IdentifierId(id)).0, id);
                }
            }
        }
    }

    /// Pointers stand for themselves until one of their block is linked, and then for what they were given.
    #[test]
    fn pointers_are_their_own_until_linked() {
        let table = IdentityTable::default();
        let digests: Vec<Digest> = (0..1_000).map(digest).collect();
        table.append(digests.iter().map(|digest| (digest, Kind::Network, 0))).unwrap();
        table.set_profile(IdentifierId(700), ProfileId(3));
        table.set_profile(IdentifierId(3), ProfileId(3));
        for id in 0..1_000 {
            assert_eq!(table.profile(IdentifierId(id)).0, if id == 700 { 3 } else { id });
        }
        table.set_profile(IdentifierId(700), ProfileId(700));
        assert_eq!(table.profile(IdentifierId(700)).0, 700);
    }

    /// What was seen is found with its kind, up to the end that is asked for.
    #[test]
    fn the_seen_are_visited() {
        let table = IdentityTable::default();
        let digests: Vec<Digest> = (0..70_000).map(digest).collect();
        let day = |id: u32| if id.is_multiple_of(3) { 0 } else { (id % 100) as u16 };
        table.append(digests.iter().zip(0..70_000_u32).map(|(digest, id)| (digest, Kind::Device, day(id)))).unwrap();
        for (oldest, end) in [(0, 70_000), (50, 69_999), (99, 65), (1, 0)] {
            let mut seen = Vec::new();
            table.for_each_seen(oldest, end, |id, kind| seen.push((id.0, kind)));
            let expected = (0..end).filter(|&id| day(id) > 0 && day(id) >= oldest).map(|id| (id, Kind::Device));
            assert!(seen.into_iter().eq(expected), "from {oldest} below {end}");
        }
    }

    /// Many newcomers go the same way on several threads.
    #[test]
    fn many_newcomers_are_found() {
        let table = IdentityTable::default();
        let digests: Vec<Digest> = (0..MANY as u64 + 7).map(digest).collect();
        for part in [&digests[..100], &digests[100..]] {
            table.append(part.iter().map(|digest| (digest, Kind::EmailMd5, 1))).unwrap();
        }
        let mut found = Vec::new();
        table.find_many(digests.iter().copied(), |id| found.push(id.unwrap().0));
        assert!(found.into_iter().eq(0..digests.len() as u32));
        assert_eq!(on_threads(3, vec![1, 2, 3, 4], |number| number * 2), [2, 4, 6, 8]);
    }
}
