//! Many versions, or every record, at once: bulk loads, starts, sweeps of many slots, and the recomputation of all.
//!
//! A range of neighbouring identifiers is transposed from all versions (`transpose`) and written page by page, under the
//! same locks as a fill of one version: links and sets shared. Ranges are independent, so several threads take them in
//! turn. About 10 ns a membership on one core, where inserting slot by slot rewrote a page for each.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::{Memberships, VersionMembers};
use crate::bitmap::SetStamp;
use crate::ids::IdentifierId;
use crate::segment::transpose::{MOST_IDENTIFIERS, Transposer};

/// Identifiers taken at a time while the engine serves: a link or member change waits for some tens of milliseconds.
const WHILE_SERVING: u32 = 1 << 16;

/// Memberships below which a bulk fill has one thread: another one takes longer to start, and touches two megabytes of
/// memory of its own.
const FEW: u64 = 1 << 21;

/// What the threads of one bulk fill share.
struct Filling<'f> {
    /// By slot, ascending.
    versions: Vec<&'f VersionMembers>,
    span: u32,
    end: u32,
    next: AtomicU32,
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Filling<'_> {
    /// The next range that nobody has taken.
    fn take(&self) -> Option<Range<u32>> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let first = self.next.fetch_add(1, Ordering::Relaxed).checked_mul(self.span)?;
        (first < self.end).then(|| first..first.saturating_add(self.span).min(self.end))
    }
}

/// What a bulk fill may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Everything: nothing is answered before it is done.
    Start,
    /// Half of the cores, and locks for a short time: impressions are answered and changes made meanwhile.
    Serving,
}

impl Pace {
    /// Threads, and identifiers at a time.
    fn bounds(self) -> (usize, u32) {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        match self {
            Self::Start => (cores, MOST_IDENTIFIERS),
            Self::Serving => (cores.div_ceil(2), WHILE_SERVING),
        }
    }
}

impl Memberships {
    /// Writes many new slots at once, each page of records once: for bulk loads and at start. `go_on` is asked now and
    /// then, on this thread; returns false when it stopped the work.
    pub fn fill_many(
        &self,
        versions: &[Arc<VersionMembers>],
        identifiers_end: u32,
        pace: Pace,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> bool {
        let (threads, span) = pace.bounds();
        let mut versions: Vec<&VersionMembers> = versions.iter().map(|version| &**version).collect();
        if pace == Pace::Start && !versions.is_empty() {
            self.records.make_room(identifiers_end);
        }
        let is_alone = identifiers_end <= span || versions.iter().map(|version| version.len()).sum::<u64>() < FEW;
        versions.sort_by_key(|version| version.slot);
        let (next, done, stopped) = (AtomicU32::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let filling = Filling { versions, span, end: identifiers_end, next, done, stopped };
        std::thread::scope(|scope| {
            let others = if is_alone { 0 } else { threads.min(identifiers_end.div_ceil(span) as usize) - 1 };
            let threads: Vec<_> = (0..others).map(|_| scope.spawn(|| self.fill_ranges(&filling, |_| true))).collect();
            self.fill_ranges(&filling, &mut go_on);
            // A scope waits for what its threads do, a join for their ends: only then is their memory free to go back.
            for thread in threads {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        });
        let is_done = !filling.stopped.load(Ordering::Relaxed) && go_on(filling.done.load(Ordering::Relaxed));
        filling.versions.iter().for_each(|version| version.filled.store(is_done, Ordering::Release));
        is_done
    }

    fn fill_ranges(&self, filling: &Filling<'_>, mut go_on: impl FnMut(u64) -> bool) {
        let mut transposer = Transposer::default();
        let mut buffer = Vec::new();
        while let Some(range) = filling.take() {
            let members = u64::from(range.end - range.start);
            self.fill_range(&filling.versions, range, &mut transposer, &mut buffer);
            if !go_on(filling.done.fetch_add(members, Ordering::Relaxed) + members) {
                filling.stopped.store(true, Ordering::Relaxed);
            }
        }
    }

    fn fill_range(
        &self,
        versions: &[&VersionMembers],
        range: Range<u32>,
        transposer: &mut Transposer,
        buffer: &mut Vec<u32>,
    ) {
        let _links = self.links.read();
        // All sets stay as they are until the records are written: a member removed in between would come back.
        let sets: Vec<_> = versions.iter().map(|version| (version.set.read(), version.slot.0)).collect();
        let mut written = 0;
        transposer.begin(range.clone(), |id| self.identity.profile(IdentifierId(id)).0);
        for (set, slot) in &sets {
            set.for_each_in(range.clone(), buffer, |ids| {
                written += ids.len() as u64;
                transposer.take(*slot, ids);
            });
        }
        self.written.fetch_add(written, Ordering::Relaxed);
        transposer.finish(|block| self.records.insert_block(block), |strays| self.records.insert_pairs(strays));
    }

    /// Takes many slots out of every record in one pass: cheaper than [`Self::sweep`] for a bulk replacement.
    pub fn sweep_many(&self, slots: &HashSet<u32>, mut each_block: impl FnMut()) {
        // Asked once for each membership there is: a bit is what that may cost.
        let largest = slots.iter().max().map_or(0, |&slot| slot as usize);
        let mut dead = vec![0_u64; largest / 64 + 1];
        for &slot in slots {
            if let Some(word) = dead.get_mut(slot as usize / 64) {
                *word |= 1 << (slot % 64);
            }
        }
        let is_dead = |slot: u32| dead.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1);
        self.records.for_each_page_block(|pages| {
            let links = self.links.read();
            pages.retain(|slot| !is_dead(slot));
            drop(links);
            each_block();
        });
    }

    /// Compares every record with what sets and links say, writers held off; `live` are the slots that count.
    /// Returns the number of memberships and a sentence for each of the first differences.
    #[must_use]
    pub fn verify(&self, live: &[Arc<VersionMembers>], most: usize) -> (u64, Vec<String>) {
        let links = self.links.write();
        let stamp = SetStamp { engine: self.engine, link_epoch: links.epoch() };
        let mut findings = Vec::new();
        let mut expected: Vec<(u32, u32)> = Vec::new();
        for version in live {
            let profiles = self.to_profiles(&version.set.read(), &links, stamp);
            expected.extend(profiles.to_vec().into_iter().map(|profile| (profile, version.slot.0)));
        }
        expected.sort_unstable();
        let counted: std::collections::HashSet<u32> = live.iter().map(|version| version.slot.0).collect();
        let mut rest = expected.as_slice();
        let mut record = Vec::new();
        for profile in 0..self.identity.len() {
            let (mine, after) = rest.split_at(rest.partition_point(|&(at, _)| at == profile));
            rest = after;
            record.clear();
            self.records.read(profile, &mut record);
            record.retain(|slot| counted.contains(slot));
            if findings.len() < most && !record.iter().eq(mine.iter().map(|(_, slot)| slot)) {
                let wanted: Vec<u32> = mine.iter().map(|&(_, slot)| slot).collect();
                findings
                    .push(format!("profile {profile}: record holds slots {record:?}, files and links say {wanted:?}"));
            }
        }
        (expected.len() as u64, findings)
    }
}
