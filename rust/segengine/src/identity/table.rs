//! The identity table: keyed digest → dense identifier id, and what is known of each id.
//!
//! [`Index`] finds an id by its digest and holds all of the digest that is compared; [`Columns`] hold what is known of each
//! id. Both are read without a lock. Costs: 2 bytes of columns and 13.7-17 of index per identifier; one cache miss to find
//! one, and another for one in four, shared by many when many are looked for together ([`IdentityTable::find_many`]).
//! Nobody asks for the digest of an id but a verification, and that reads it from the files.
//!
//! New identifiers come in two steps. [`IdentityTable::prepare`] does what takes long: it writes their columns and makes
//! shards that must grow anew aside, on several threads where they are many; nothing of it can be seen. What is prepared
//! may be dropped, or be published by [`IdentityTable::publish`], which is quick. There is one writer at a time.
//!
//! The profile pointer is the root of the identifier's component of links: itself unless linked. It changes only under
//! the link lock of the engine; readers re-check it (invariant 10).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use super::columns::{Columns, Known};
use super::digest::{Digest, Halves};
use super::identifier::Kind;
use super::index::{Index, SHARDS, Shard, shard_of};
use super::slab::Slab;
use super::stored::Entry;
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
    /// What goes into shards as they are.
    others: Vec<(Halves, u32)>,
}

/// Identifiers that were laid aside, kind after kind; within a kind the digests ascend by shards.
pub(crate) type LaidAside = Vec<(Kind, Vec<Slab>)>;

/// Identifiers that have ids, and nothing else yet.
#[must_use = "what is not prepared and published is forgotten"]
pub(crate) struct LaidDown {
    first: u32,
    end: u32,
    /// The first id of each slab.
    slabs: Vec<(u32, Kind, Slab)>,
}

impl LaidDown {
    /// The first id, and how many there are.
    pub(crate) fn ids(&self) -> (u32, u32) {
        (self.first, self.end - self.first)
    }

    /// The digests in the order of their ids, slab after slab, each of one kind.
    pub(super) fn slabs(&self) -> impl Iterator<Item = (Kind, &[Halves])> {
        self.slabs.iter().map(|(_, kind, slab)| (*kind, slab.digests()))
    }

    /// The digests of each shard, in pieces with their first ids.
    fn by_shard(&self) -> Vec<Vec<(u32, &[Halves])>> {
        let mut shards = vec![Vec::new(); SHARDS];
        for (first, _, slab) in &self.slabs {
            let (mut id, mut rest) = (*first, slab.digests());
            while let Some(&begin) = rest.first() {
                let number = shard_of(begin);
                let (mine, after) = rest.split_at(rest.partition_point(|&halves| shard_of(halves) <= number));
                if let Some(pieces) = shards.get_mut(number) {
                    pieces.push((id, mine));
                }
                id = id.saturating_add(u32::try_from(mine.len()).unwrap_or(u32::MAX));
                rest = after;
            }
        }
        shards
    }
}

/// The digests of a piece with their ids.
fn with_ids<'p>(&(first, digests): &(u32, &'p [Halves])) -> impl Iterator<Item = (Halves, u32)> + use<'p> {
    digests.iter().copied().zip(first..)
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
        let halves = digest.halves();
        self.index.load().shard(halves)?.find(halves).map(IdentifierId)
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
                index.shard(*place).into_iter().for_each(|shard| shard.touch(*place));
                count += 1;
            }
            for &halves in wanted.iter().take(count) {
                take(index.shard(halves).and_then(|shard| shard.find(halves)).map(IdentifierId));
            }
            if count < TOGETHER {
                return;
            }
        }
    }

    /// Gives the next ids to `entries`, which must not be known yet nor repeat; returns the first id.
    ///
    /// The caller makes them durable first and is the only one to append.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full; nothing is added then.
    pub fn append<'a>(&self, entries: impl ExactSizeIterator<Item = (&'a Digest, Kind, u16)>) -> Result<IdentifierId> {
        let entries: Vec<Entry> = entries.map(|(digest, kind, day)| (*digest, kind, day)).collect();
        Ok(self.publish(self.prepare(&entries)?))
    }

    /// Lays down the next identifiers where nobody looks yet; they must not be known nor repeat. The caller is the only
    /// writer, from here until they are published or dropped.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full.
    pub fn prepare(&self, entries: &[Entry]) -> Result<Newcomers> {
        let first = self.len();
        let end = self.end_after(entries.len())?;
        self.columns.write(first, entries.iter().map(|&(_, kind, day)| Known::new(kind, day)));
        let index = self.index.load();
        let mut more = vec![0_usize; SHARDS];
        for (digest, ..) in entries {
            if let Some(more) = more.get_mut(shard_of(digest.halves())) {
                *more += 1;
            }
        }
        let too_small = more.iter().enumerate().filter_map(|(number, &more)| {
            let shard = index.numbered(number).filter(|shard| more > 0 && !shard.fits(more))?;
            Some((number, shard, more))
        });
        let threads = threads_for(entries.len());
        let grown = on_threads(threads, too_small.collect(), |(number, shard, more)| (number, shard.grown_well(more)));
        let mut aside: Vec<Option<&Shard>> = vec![None; SHARDS];
        for (number, shard) in &grown {
            if let Some(place) = aside.get_mut(*number) {
                *place = Some(shard);
            }
        }
        // Each thread reads all digests and takes those of its shards: nothing is sorted, and nothing held.
        let shares = aside.chunks(SHARDS.div_ceil(threads)).enumerate().collect();
        let others = on_threads(threads, shares, |(number, shards)| {
            let first_shard = number * SHARDS.div_ceil(threads);
            let mut others = Vec::new();
            for ((digest, ..), id) in entries.iter().zip(first..) {
                let halves = digest.halves();
                match shard_of(halves).checked_sub(first_shard).and_then(|place| shards.get(place)) {
                    Some(Some(shard)) => shard.insert(halves, id),
                    Some(None) => others.push((halves, id)),
                    None => {}
                }
            }
            others
        });
        Ok(Newcomers { first, end, grown, others: others.concat() })
    }

    /// The end of the ids when `more` are given.
    fn end_after(&self, more: usize) -> Result<u32> {
        let end = u64::from(self.len()) + more as u64;
        let fits = u32::try_from(end).ok().filter(|&end| end <= limits::IDENTIFIERS);
        fits.ok_or_else(|| Error::limit("identifiers", end, u64::from(limits::IDENTIFIERS), "identifiers"))
    }

    /// Gives ids to identifiers that were laid aside and never seen.
    ///
    /// # Errors
    /// `LimitExceeded` when the table is full.
    pub(crate) fn lay_down(&self, laid_aside: LaidAside) -> Result<LaidDown> {
        let first = self.len();
        let count = laid_aside.iter().flat_map(|(_, slabs)| slabs).map(|slab| slab.digests().len()).sum();
        let end = self.end_after(count)?;
        let (mut at, mut laid_down) = (first, Vec::new());
        for (kind, slab) in
            laid_aside.into_iter().flat_map(|(kind, slabs)| slabs.into_iter().map(move |slab| (kind, slab)))
        {
            let next = at.saturating_add(u32::try_from(slab.digests().len()).unwrap_or(u32::MAX));
            laid_down.push((std::mem::replace(&mut at, next), kind, slab));
        }
        Ok(LaidDown { first, end, slabs: laid_down })
    }

    /// Writes the columns of what was laid down, and makes the shards anew that must grow for it, with it in them.
    pub(crate) fn prepare_laid_down(&self, laid_down: &LaidDown) -> Newcomers {
        for (first, kind, slab) in &laid_down.slabs {
            self.columns.write_kind(*first, slab.digests().len(), *kind);
        }
        let index = self.index.load();
        let (mut too_small, mut others) = (Vec::new(), Vec::new());
        for (number, pieces) in laid_down.by_shard().into_iter().enumerate() {
            let more: usize = pieces.iter().map(|(_, digests)| digests.len()).sum();
            match index.numbered(number).filter(|_| more > 0) {
                Some(shard) if shard.fits(more) => others.extend(pieces.iter().flat_map(with_ids)),
                Some(shard) => too_small.push((number, shard, more, pieces)),
                None => {}
            }
        }
        let (first, end) = (laid_down.first, laid_down.end);
        let grown = on_threads(threads_for((end - first) as usize), too_small, |(number, shard, more, pieces)| {
            let grown = shard.grown_well(more);
            pieces.iter().flat_map(with_ids).for_each(|(halves, id)| grown.insert(halves, id));
            (number, grown)
        });
        Newcomers { first, end, grown, others }
    }

    /// A table of the ids below `end`, whose columns are written already, with the shards that find them.
    pub(super) fn of_restored(columns: Columns, shards: impl Iterator<Item = Shard>, end: u32) -> Self {
        Self { columns, index: ArcSwap::from_pointee(Index::of(shards)), length: AtomicU32::new(end) }
    }

    /// Lets identifiers be found, and returns the first of their ids.
    pub fn publish(&self, newcomers: Newcomers) -> IdentifierId {
        let Newcomers { first, end, grown, others } = newcomers;
        self.length.store(end, Ordering::Release);
        let index = self.index.load();
        for (halves, id) in others {
            if let Some(shard) = index.shard(halves) {
                shard.insert(halves, id);
            }
        }
        if !grown.is_empty() {
            self.index.store(Arc::new(index.with(grown)));
        }
        IdentifierId(first)
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
        self.columns.kind(id.0).filter(|_| id.0 < self.len())
    }

    /// The last day (since 1970) on which `id` was seen, as well as two bytes tell; 0 when it never was.
    #[must_use]
    pub fn seen_day(&self, id: IdentifierId) -> u16 {
        self.columns.seen_day(id.0)
    }

    /// Calls `visit` with each id below `end` that was seen on `oldest` or later.
    pub fn for_each_seen(&self, oldest: u16, end: u32, mut visit: impl FnMut(IdentifierId, Kind)) {
        self.columns.for_each_seen(oldest, end, |id, kind| visit(IdentifierId(id), kind));
    }

    /// Notes that `id` was seen on `day`; true when that is later than before. Lock-free; most calls only read.
    pub fn saw(&self, id: IdentifierId, day: u16) -> bool {
        self.columns.saw(id.0, day)
    }
}

/// Threads for work on so many digests: one while they are few, and never more than help.
pub(crate) fn threads_for(digests: usize) -> usize {
    /// Asked once: the answer is read from several files each time.
    static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    if digests < MANY { 1 } else { CORES.min(THREADS) }
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
                let prepared = table.prepare(&newcomers.collect::<Vec<_>>()).unwrap();
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
                for &id in map.values() {
                    prop_assert_eq!(table.profile(IdentifierId(id)).0, id);
                    prop_assert_eq!(table.kind(IdentifierId(id)), Some(Kind::EmailMd5));
                }
                prop_assert_eq!(table.kind(IdentifierId(table.len())), None);
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
        let day = |id: u32| if id.is_multiple_of(3) { 0 } else { 20_000 + (id % 100) as u16 };
        table.append(digests.iter().zip(0..70_000_u32).map(|(digest, id)| (digest, Kind::Device, day(id)))).unwrap();
        for (oldest, end) in [(0, 70_000), (20_050, 69_999), (20_099, 65), (1, 0), (18_000, 300)] {
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
